"""
`Difference`: the classes of differences, in the order in which they are reported.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final


_ID_CHARACTERS: Final = 16


class Difference(StrEnum):
    """
    The class of a key: the first of these that applies; later ones are in ``also``.

    `MATCHED` is none. Of a `DUPLICATE` all rows are listed. `QUARANTINED` are rows that
    could not be read. `NOT_COMPARED` is a row of the ledger that is blank where a column
    of it should hold something. `PAID_OUT_UNKNOWN` is in the statement and not in the
    transactions, of a day that was asked for; `NOT_PAID_OUT` is in the transactions, and
    overdue in the statement.
    """

    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    MISSING_IN_LEDGER = "missing_in_ledger"
    MISSING_AT_GATEWAY = "missing_at_gateway"
    REFUND_WITHOUT_PAYMENT = "refund_without_payment"
    OVER_REFUNDED = "over_refunded"
    CURRENCY_DIFFERS = "currency_differs"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    WRONG_DAY = "wrong_day"
    NOT_COMPARED = "not_compared"
    PAID_OUT_UNKNOWN = "paid_out_unknown"
    NOT_PAID_OUT = "not_paid_out"
    FEE_DIFFERS = "fee_differs"
    EXCHANGE_DIFFERS = "exchange_differs"
    MATCHED = "matched"


def difference_id(order_id: str, kind: str, refund_id: str, name: str) -> str:
    """
    Return the id of a difference: the same for the same key and class in every night.

    The begin of a SHA-256 of the four in UTF-8 with U+001F between them, which every
    engine can compute.
    """
    text = f"{name}\x1f{kind}\x1f{order_id}\x1f{refund_id}"

    return hashlib.sha256(text.encode()).hexdigest()[:_ID_CHARACTERS]
