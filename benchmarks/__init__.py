"""
Benchmarks that compare: each prints ratios against a named peer of the same run.
"""
