"""
Reference data, which belongs to no order: banks, exchange rates, the WeChat page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final, Unpack

from umfpay import _codec
from umfpay.errors import ConfigError
from umfpay.models import Bank, BankType, Currency, ExchangeRate, Link
from umfpay.resources._arguments import CallOptions, needed_object
from umfpay.resources._endpoint import (
    Endpoint,
    ExpectedAnswer,
    Members,
    RawRequest,
    Sender,
)
from umfpay.resources._matching import mismatch
from umfpay.transport import Effect


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

        Raises:
            ConfigError: *type* is not text.
            MismatchedResponseError: The answer is the list of another kind.
        """
        kind = BankType(needed_object("type", type, str))
        known = self._known.get(kind)

        if known is not None and self._clock() - known[0] < max_age:
            return known[1]

        asked_at = self._clock()
        banks = await self._sender.send(
            BANKS.call(query={"type": str(kind)}, read=partial(_listed, kind)),
            options,
        )
        self._known[kind] = (asked_at, banks)

        return banks


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

        Args:
            currency: Three letters of ISO 4217, ``"USD"``.

        Raises:
            ConfigError: *currency* is not text.
            MismatchedResponseError: The answer holds no rate of this currency.
        """
        asked = Currency(needed_object("currency", currency, str))

        return await self._sender.send(
            RATE.call(
                query={"currency": str(asked)},
                read=partial(_codec.read_rate, currency=asked),
            ),
            options,
        )


class WeChat:
    """
    ``session.wechat``
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def openid_link(
        self,
        notify_url: str,
        *,
        mer_reference_id: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Link:
        """
        Ask for the page that a customer opens in WeChat (gateway.md 5.14).

        Args:
            notify_url: The merchant's page that the customer's browser returns to
                with ``open_id`` in the query; it can have no query of its own.
            mer_reference_id: Sent in the gateway's own demonstration only.

        Raises:
            ConfigError: *notify_url* is no http(s) address or has a query.
        """
        needed_object("notify_url", notify_url, str)

        if not notify_url.startswith(("http://", "https://")) or "?" in notify_url:
            raise ConfigError.of(
                "notify_url",
                "it must be an http(s) address without a query",
                "必须是不带查询参数的 http(s) 地址",
            )

        return await self._sender.send(
            OPENID_LINK.call(
                query={"notify_url": notify_url, "mer_reference_id": mer_reference_id},
                read=_codec.read_wechat_link,
            ),
            options,
        )


def _listed(kind: str | None, members: Members) -> tuple[Bank, ...]:
    """
    Read a list of banks; one of them at least must have the *kind* of card.

    Raises:
        MismatchedResponseError: It is the list of another kind.
    """
    banks = _codec.read_banks(members)
    named = [bank.types for bank in banks if bank.types]

    if kind and named and not any(kind in types for types in named):
        raise mismatch("type of bank", kind, named[0][0])

    return banks


def _rate_asked_for(request: RawRequest) -> ExpectedAnswer[ExchangeRate] | None:
    currency = request.query.get("currency")

    if not currency:
        return None

    return ExpectedAnswer(partial(_codec.read_rate, currency=Currency(currency)))


BANKS: Final = Endpoint[tuple[Bank, ...]](
    "banks.list",
    "GET",
    "/bank",
    Effect.READ,
    about=Bank,
    expected=lambda request: ExpectedAnswer(
        partial(_listed, request.query.get("type"))
    ),
)
RATE: Final = Endpoint[ExchangeRate](
    "exchange_rates.get",
    "GET",
    "/exchange_rate",
    Effect.READ,
    about=ExchangeRate,
    expected=_rate_asked_for,
)
OPENID_LINK: Final = Endpoint[Link](
    "wechat.openid_link",
    "GET",
    "/payments/wechat_openid",
    Effect.READ,
    about=Link,
    expected=lambda _request: ExpectedAnswer(_codec.read_wechat_link),
    unsigned_allowed=True,
)
ENDPOINTS: Final = (BANKS, RATE, OPENID_LINK)
