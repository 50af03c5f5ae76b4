"""
Thousands of bad days of a shop, on a virtual clock, checked against the gateway's books.

    python -m tests.simulation --schedules 20000
    python -m tests.simulation --seed 4711

A schedule is a few purchases and refunds under faults; its seed decides all of it.
"""
