"""
A comparison on this machine from its files to its report: in partitions, resumable.
"""
