"""
The statement files of the gateway: reading them row by row or by the million, and proving them whole.
"""
