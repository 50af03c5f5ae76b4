"""
Exchange rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from umfpay import _codec
from umfpay.models import Currency, ExchangeRate
from umfpay.resources._arguments import needed_object
from umfpay.resources._call import Sender
from umfpay.resources._call_options import CallOptions
from umfpay.transport import Call, Effect


class ExchangeRates:
    """
    ``session.exchange_rates``
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(
        self, currency: Currency | str, **options: Unpack[CallOptions]
    ) -> ExchangeRate:
        """
        Ask what one unit of *currency* costs in CNY now (gateway.md 5.13).
        """
        asked = Currency(needed_object("currency", currency, str))

        def read(members: Mapping[str, Any]) -> ExchangeRate:
            return _codec.read_rate(members, currency=asked)

        return await self._sender.send(
            Call(
                name="exchange_rates.get",
                method="GET",
                path="/exchange_rate",
                query={"currency": str(asked)},
                effect=Effect.READ,
                read=read,
            ),
            options,
        )
