"""
The comparison of the three books: joined by key, each key with its class.
"""
