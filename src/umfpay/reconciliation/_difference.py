"""
`Difference`: the classes of differences, in the order in which they are reported.
"""

from __future__ import annotations

from enum import StrEnum


class Difference(StrEnum):
    """
    The class of a key: the first of these that applies.

    `MATCHED` is none. Of a `DUPLICATE` all rows are listed. `NOT_COMPARED` is a row of
    the ledger that is blank where a column of it should tell something.
    """

    DUPLICATE = "duplicate"
    MISSING_IN_LEDGER = "missing_in_ledger"
    MISSING_AT_GATEWAY = "missing_at_gateway"
    REFUND_WITHOUT_PAYMENT = "refund_without_payment"
    CURRENCY_DIFFERS = "currency_differs"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    WRONG_DAY = "wrong_day"
    NOT_COMPARED = "not_compared"
    FEE_DIFFERS = "fee_differs"
    EXCHANGE_DIFFERS = "exchange_differs"
    MATCHED = "matched"
