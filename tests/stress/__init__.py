"""
Many processes that are killed at any moment: one token for all, and the merchant's books.
"""
