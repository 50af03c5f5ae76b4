"""
The same bad days with a journal: the caller dies at any await, and goes on from the rows.

    python -m tests.simulation --with-journal --schedules 20000
    python -m tests.simulation --with-journal --seed 4711

`umfpay.journal` and `umfpay.sql` run as they are, on SQLite, in virtual time.
"""
