"""
The gateway's statement files: read row by row or by the million, and proven whole.
"""
