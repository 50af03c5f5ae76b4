"""
The bridge between what was traded and what was paid out.
"""
