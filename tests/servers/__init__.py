"""
Servers that tests talk to, each on a port of loopback: databases, Redis, streams of bytes.
"""
