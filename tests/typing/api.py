"""
How users type against umfpay: never run, only checked.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import httpx

from umfpay import Config, Environment, UMFError, UMFSession
from umfpay.errors import APIError, OutcomeUnknownError
from umfpay.models import (
    BankCard,
    Currency,
    Money,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewRefund,
    NewSubOrder,
    Payment,
    PaymentState,
    Refund,
)
from umfpay.transport import UMFTransport


def order() -> NewOrder:
    return NewOrder(
        mer_reference_id="1",
        mer_date=date(2017, 4, 10),
        amount=Money("10.00", "USD"),
        expire_time=timedelta(hours=6),
        sub_orders=[
            NewSubOrder(
                mer_sub_reference_id="1-1",
                amount=Money(Decimal(10), Currency.USD),
                trans_code="01122030",
                items=[NewItem(mer_item_id="a", type="FOOD", amount=Money(10, "USD"))],
            )
        ],
    )


async def pay(config: Config) -> Payment:
    payer = NewPayer(
        payment_method="CREDIT_CARD",
        payer_info=NewPayerInfo(bank_card=BankCard(number="6227", phone="152")),
    )

    async with UMFSession(config) as session:
        payment = await session.payments.create(
            NewPayment(payer=payer, order=order()), timeout=3.0, deadline=10.0
        )
        name: str = payment.id
        state: PaymentState | None = payment.state
        await session.payments.verify(name, payer)

        try:
            payment = await session.payments.execute(name, payer)
        except OutcomeUnknownError as unknown:
            print(unknown.intent.payment_id, state)
        except APIError as refusal:
            print(refusal.ret_code, refusal.advice.zh)
        except UMFError:
            raise

        refund: Refund = await session.refunds.create(
            name,
            NewRefund(
                mer_reference_id="2", mer_date=date.today(), amount=Money("1.00", "USD")
            ),
        )

        async for row in session.statements.transactions(date(2017, 4, 10)):
            total: Decimal | None = row.amount.total if row.amount else None
            print(total, refund.id)

        async with session.statements.open_transactions(date.today()) as chunks:
            async for chunk in chunks:
                print(len(chunk))

    return payment


def config() -> Config:
    return Config(
        client_id="a",
        client_secret="b",
        merchant_key="merchant.key.p8",
        gateway_certificate=["umf.crt", b"..."],
        environment=Environment.SANDBOX_CHINA,
    )


async def httpx_both_ways(config: Config) -> int:
    below = httpx.AsyncHTTPTransport()

    async with (
        UMFSession(config, transport=below) as session,
        httpx.AsyncClient(transport=UMFTransport(session, transport=below)) as client,
    ):
        response = await client.get(f"{config.base_url}bank")

    return response.status_code
