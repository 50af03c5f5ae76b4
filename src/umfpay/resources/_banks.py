"""
Banks that the merchant's contract allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Unpack

from umfpay import _codec
from umfpay.models import Bank, BankType
from umfpay.resources._arguments import needed_object
from umfpay.resources._call import Sender
from umfpay.resources._call_options import CallOptions
from umfpay.resources._matching import must_be_banks
from umfpay.transport import Call, Effect


class Banks:
    """
    ``session.banks``
    """

    def __init__(
        self, sender: Sender, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._known: dict[BankType, tuple[float, tuple[Bank, ...]]] = {}

    async def list(
        self,
        type: BankType | str,  # noqa: A002 (the gateway's own word)
        *,
        max_age: float = 0.0,
        **options: Unpack[CallOptions],
    ) -> tuple[Bank, ...]:
        """
        List the banks (gateway.md 5.2). The list changes rarely.

        Args:
            type: ``CREDIT_CARD`` or ``DEBIT_CARD``.
            max_age: Seconds that an earlier answer may be old; 0 always asks.
        """
        kind = BankType(needed_object("type", type, str))
        known = self._known.get(kind)

        if known is not None and self._clock() - known[0] < max_age:
            return known[1]

        def read(members: Mapping[str, Any]) -> tuple[Bank, ...]:
            banks = _codec.read_banks(members)
            must_be_banks(banks, kind)

            return banks

        asked_at = self._clock()
        banks = await self._sender.send(
            Call(
                name="banks.list",
                method="GET",
                path="/bank",
                query={"type": str(kind)},
                effect=Effect.READ,
                read=read,
            ),
            options,
        )
        self._known[kind] = (asked_at, banks)

        return banks
