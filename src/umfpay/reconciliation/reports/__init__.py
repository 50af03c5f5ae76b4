"""
The report of a comparison, and the forms in which it is written.
"""
