"""
The merchant's own book: from files, databases and frames into the columns that are compared.
"""
