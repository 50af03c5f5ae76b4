"""
A storm on one token: many processes, short lives, and leaders that are killed.
"""
