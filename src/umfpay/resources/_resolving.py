"""
`resolve()`: the question about a write whose outcome nobody knows, checked and asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Final, Protocol

from umfpay.config import Config
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Intent,
    OutcomeUnknownError,
    Text,
    UMFError,
)
from umfpay.models import NewPayment, Payment
from umfpay.resources import _payments, _refunds
from umfpay.resources._any_call import moves_money
from umfpay.resources._arguments import CallOptions, checked_options, wire_date
from umfpay.resources._endpoint import Sender
from umfpay.resources._inbox import Evidence
from umfpay.resources._payment_evidence import find_creation, find_execution
from umfpay.resources._refund_evidence import find_refund
from umfpay.resources._refund_identity import RefundIds
from umfpay.resources._resolution import (
    WAIT_ADVICE,
    Executed,
    Question,
    Resolution,
    resolution,
)
from umfpay.resources._statements import Statements
from umfpay.transport import needed_id


_UNDETERMINED_ADVICE: Final = Text(
    "There is no query for this call; no money moves by it. Ask UMF, or repeat it if"
    " doing it twice does no harm.",
    "此调用没有查询接口，且不涉及资金。请咨询联动优势，若重复无害可重新调用。",
)


class Gateway(Sender, Protocol):
    """
    What a question needs of a session besides sending.
    """

    payments: _payments.Payments
    statements: Statements
    refund_ids: RefundIds

    @property
    def config(self) -> Config:
        """
        Its settings.
        """
        ...


async def resolve(
    intent: Intent,
    gateway: Gateway,
    options: CallOptions,
    *,
    arrivals: Evidence | None,
    known_refunds: Collection[str] | None,
    expires_at: datetime | None,
    again: NewPayment | None,
    allow_repeat: bool,
) -> Resolution:
    """
    Say what became of *intent*, as far as the gateway tells; see `UMFSession.resolve()`.

    Raises:
        ConfigError: An argument cannot be meant.
        OutcomeUnknownError: The gateway cannot be asked now; the cause says why.
        UMFError: How creating *again* ended.
    """
    if not isinstance(intent, Intent):
        raise ConfigError.of("resolve", "an Intent is needed", "需要 Intent")

    loop = asyncio.get_running_loop()

    def rest() -> CallOptions:
        # A read that begins in the last instant ends in it.
        return {**options, "deadline": max(1e-3, deadline - loop.time())}

    async def ask(payment_id: str) -> tuple[Payment, datetime | None]:
        query = _payments.payment_query(needed_id("payment_id", payment_id))
        payment, state = await gateway.exchange(query, rest())

        return payment, state.response_date(b"date")

    try:
        _, seconds, _ = checked_options(options, gateway.config)
        deadline = loop.time() + seconds
        _check_arguments(known_refunds, expires_at)
        _check_repetition(intent, again, allow_repeat=allow_repeat)
        question = Question(
            intent=intent,
            arrivals=arrivals,
            known_refunds=known_refunds,
            expires_at=expires_at,
            refund_ids=gateway.refund_ids,
            ask=ask,
            transactions=lambda day: gateway.statements.transactions(day, **rest()),
        )

        async with asyncio.timeout_at(deadline):
            found = await _find(question)
    except TimeoutError:
        late = DeadlineExceededError(
            "resolve: the deadline passed.", "resolve：超过期限。", request_sent=False
        )

        raise _still_unknown(intent, late) from late
    except UMFError as error:
        raise _still_unknown(intent, error) from error

    if found.outcome is not Executed.UNKNOWN or again is None:
        return found

    repeating: CallOptions = {**rest(), "take_over": True}

    return resolution(
        Executed.YES, "repeat", await gateway.payments.create(again, **repeating)
    )


async def _find(question: Question) -> Resolution:
    """
    Say what became of the intent, as far as the gateway tells.
    """
    call = question.intent.call

    if call == _payments.EXECUTE.name:
        return await find_execution(question)

    if call == _refunds.CREATE.name:
        return await find_refund(question)

    if call == _payments.CREATE.name:
        return await find_creation(question)

    if not _may_have_moved_money(question.intent):
        return resolution(Executed.UNKNOWN, "", advice=_UNDETERMINED_ADVICE)

    # A raw call: an execute names its payment, a refund's number nobody has read.
    if question.intent.payment_id and call.rstrip("/").endswith("/execute"):
        return await find_execution(question)

    return resolution(Executed.UNKNOWN, "")


def _may_have_moved_money(intent: Intent) -> bool:
    """
    Tell whether money may have moved by what *intent* is of.
    """
    call = intent.call

    return call in (_payments.EXECUTE.name, _refunds.CREATE.name) or moves_money(call)


def _still_unknown(intent: Intent, error: UMFError) -> UMFError:
    """
    Return the error for a question that ended with *error*, which itself speaks of the
    question only: what it says of money is not true of the write.
    """
    moved = _may_have_moved_money(intent)
    what = (
        f"{intent.call}: the outcome is still unknown. {error.what.en}",
        f"{intent.call}：结果仍然未知。{error.what.zh}",
    )

    if isinstance(error, ConfigError):
        return ConfigError(*what, advice=error.advice, money_may_have_moved=moved)

    return OutcomeUnknownError(
        *what,
        intent=intent,
        reason=error.what.en,
        money_may_have_moved=moved,
        advice=WAIT_ADVICE,
    )


def _check_arguments(
    known_refunds: Collection[str] | None, expires_at: datetime | None
) -> None:
    if isinstance(known_refunds, str) or not isinstance(
        known_refunds, Collection | None
    ):
        raise ConfigError.of(
            "resolve",
            "known_refunds is a list of ids",
            "known_refunds 必须是编号列表",
        )

    if expires_at is not None and (
        not isinstance(expires_at, datetime) or expires_at.utcoffset() is None
    ):
        raise ConfigError.of(
            "resolve",
            "expires_at is a datetime with a time zone",
            "expires_at 必须是带时区的 datetime",
        )


def _check_repetition(
    intent: Intent, again: NewPayment | None, *, allow_repeat: bool
) -> None:
    """
    Refuse a repetition not asked for, or of another order.
    """
    if (again is not None) != allow_repeat:
        raise ConfigError.of(
            "resolve",
            "allow_repeat=True and again= are given together",
            "allow_repeat=True 与 again= 须同时提供",
        )

    if again is None:
        return

    if not isinstance(again, NewPayment):
        raise ConfigError.of("again", "a NewPayment is needed", "需要 NewPayment")

    order = again.order
    same = (
        intent.call == "payments.create"
        and order.mer_reference_id == intent.mer_reference_id
        and wire_date(order.mer_date) == intent.mer_date
        and order.amount.total == intent.amount
        and str(order.amount.currency) == intent.currency
    )

    if not same:
        raise ConfigError.of(
            "again",
            "it is not the payment of the intent (number, date, amount);"
            " only payments.create can be repeated",
            "与 intent 的订单号、日期或金额不一致；只有 payments.create 可以重复",
        )
