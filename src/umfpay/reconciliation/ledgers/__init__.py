"""
The merchant's own book: files, databases and frames in the columns that are compared.
"""
