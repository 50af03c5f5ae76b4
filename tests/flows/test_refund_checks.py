"""
What a refund is refused for before it is sent, as far as gateway and caller can tell.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest

from tests import orders
from umfpay.errors import (
    ConfigError,
    NotFinishedError,
    RefundAmountError,
    RefundNumberUsedError,
)
from umfpay.flows import refund
from umfpay.models import (
    Amount,
    Currency,
    Money,
    Order,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    RefundSubOrder,
    RefundSummary,
)


def _payment(order):
    return Payment(id="PAY_A", state=PaymentState("TRADE_SUCCESS"), order=order)


PAYMENT = _payment(
    Order(
        mer_date=orders.DAY,
        amount=Amount(total=Decimal("10.00"), currency=Currency("USD")),
    )
)


class _SentError(Exception):
    """
    Raised in place of a create: *new* is what would have been sent.
    """

    def __init__(self, new):
        super().__init__()
        self.new = new


def _row(refund_id, total, state="REFUND_SUCCESS", payment="PAY_A", number=None):
    return RefundSummary(
        refund_id=refund_id,
        payment_id=payment,
        mer_reference_id=number,
        amount=None if total is None else Amount(total=Decimal(total)),
        state=RefundState(state) if state else None,
    )


@pytest.fixture(name="new_refund")
def _new_refund(session, monkeypatch):
    """
    Return the refund that would be sent, where the day's list holds *rows*.
    """

    async def new_refund(*rows, payment=PAYMENT, pause=0, number="r-1", **options):
        async def get(_payment_id, **_options):
            return payment

        async def transactions(_day, **_options):
            for row in rows:
                await asyncio.sleep(pause)
                yield row

        async def create(_payment_id, new, **_options):
            raise _SentError(new)

        monkeypatch.setattr(session.payments, "get", get)
        monkeypatch.setattr(session.statements, "transactions", transactions)
        monkeypatch.setattr(session.refunds, "create", create)

        with pytest.raises(_SentError) as caught:
            await refund(
                session,
                "PAY_A",
                mer_reference_id=number,
                mer_date=orders.DAY,
                **options,
            )

        return caught.value.new

    return new_refund


async def test_a_given_amount_goes_before_the_goods(new_refund):
    """
    The model refuses them if they differ.
    """
    given = Money("1.00", "USD")
    goods = [RefundSubOrder(mer_sub_reference_id="s", amount=given)]

    assert given == (await new_refund(amount=given, goods=goods)).amount
    assert given == (await new_refund(goods=goods)).amount


@pytest.mark.parametrize(
    "order",
    [
        None,
        Order(),
        Order(amount=Amount(total=Decimal(1))),
        Order(amount=Amount(currency=Currency("USD"))),
    ],
)
async def test_without_any_amount_the_rest_has_to_be_given(new_refund, order):
    """
    Every member of an answer may be missing.
    """
    with pytest.raises(ConfigError, match="amount"):
        await new_refund(_row("R1", "2.00"), payment=_payment(order))


@pytest.mark.parametrize(
    "order",
    [
        None,
        Order(),
        Order(amount=Amount(total=Decimal(1))),
        Order(amount=Amount(currency=Currency("USD"))),
    ],
)
async def test_what_nobody_knows_is_the_gateways_to_judge(new_refund, order):
    """
    Neither amount nor currency is compared.
    """
    given = Money("99.00", "EUR")

    assert given == (await new_refund(payment=_payment(order), amount=given)).amount


async def test_only_what_was_given_back_of_this_payment_counts(new_refund):
    """
    Not what failed, nor what belongs to another; a minus sign means the same.
    """
    new = await new_refund(
        _row("R1", "-2.00", number="n1"),
        _row("R2", "1.00", state="REFUND_FAIL", number="n2"),
        _row("R3", "5.00", payment="PAY_B"),
        _row("R4", None),
        already={"R2": Money("1.00", "USD"), "R5": Money("0.50", "USD")},
    )

    assert Money("7.50", "USD") == new.amount


async def test_rows_without_an_id_are_all_counted(new_refund):
    """
    Each may be another refund.
    """
    rows = _row(None, "1.00"), _row(None, "1.00")

    assert Money("8.00", "USD") == (await new_refund(*rows)).amount

    with pytest.raises(RefundAmountError):
        await new_refund(*rows, amount=Money("8.01", "USD"))


async def test_a_list_that_takes_too_long_ends_with_the_deadline(new_refund, elapsed):
    """
    However many pages it has; nothing was sent.
    """
    with pytest.raises(NotFinishedError) as caught:
        await new_refund(*[_row("REFUND_A", "1.00")] * 9, pause=2, deadline=5)

    assert 5 == elapsed()
    assert not caught.value.money_may_have_moved


class Place:
    """
    A place for notifications that fails with *trouble*, or hangs.
    """

    def __init__(self, trouble):
        self._trouble = trouble

    async def notified(self, **_):
        if self._trouble is not None:
            raise self._trouble

        await asyncio.sleep(60)


async def test_notifications_that_are_out_of_reach_refuse_nothing(new_refund):
    """
    The list and the gateway know the numbers, too.
    """
    place = Place(ConnectionError("down"))

    assert "r-1" == (await new_refund(arrivals=place)).mer_reference_id


async def test_a_place_for_notifications_that_hangs_is_left(new_refund, elapsed):
    """
    At the deadline; whether an instant is left then is for the clock to say.
    """
    with suppress(NotFinishedError):
        await new_refund(arrivals=Place(None), deadline=0.2)

    assert 0.2 == elapsed()


@pytest.mark.parametrize(
    ("state", "moved"),
    [("REFUND_SUCCESS", True), ("REFUND_FAIL", False), (None, True)],
)
@pytest.mark.parametrize("refund_id", ["R1", None])
async def test_a_used_number_has_moved_money_unless_its_refund_failed(
    new_refund, refund_id, state, moved
):
    """
    The refund that has it tells; its id may be missing.
    """
    row = _row(refund_id, "1.00", state=state, number="r-1")

    with pytest.raises(RefundNumberUsedError, match="r-1") as caught:
        await new_refund(row)

    known = Refund(id=refund_id or "", state=row.state, parent_payment="PAY_A")

    assert known == caught.value.last
    assert moved is caught.value.money_may_have_moved
