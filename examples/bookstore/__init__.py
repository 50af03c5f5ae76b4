"""
A shop with one book, without a web framework: what both example shops serve.
"""
