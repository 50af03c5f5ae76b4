"""
Processes of a shop that are killed at any moment, on real databases; then books are compared.
"""
