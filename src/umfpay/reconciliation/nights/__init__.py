"""
Comparisons night by night: what is open until it is closed, and the sums of months.
"""
