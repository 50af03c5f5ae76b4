"""
Every method of every resource, through the whole stack, on a real socket.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests import orders
from umfpay import errors
from umfpay._codec import _generated, _serialization
from umfpay.models import (
    CustomsState,
    EnterpriseStatus,
    LinkRef,
    Money,
    NewCustomsDeclaration,
    PaymentState,
    PaymentSummary,
    RefundState,
    RefundSummary,
)


VARIANTS = [
    {},
    {"names": "old"},
    {"links": "imitate"},
    {"signature": "meta"},
    {"signature": "header"},
]


# All that differs from today's answers, at once.
OLDEST = {"names": "old", "links": "imitate", "signature": "meta"}


@pytest.fixture(autouse=True)
def _no_odd_objects(monkeypatch):
    """
    No call here needs the careful reader or writer, whose cattrs is slow to import.
    """

    def refuse():
        raise AssertionError("an ordinary object is odd")

    for module in (_generated, _serialization):
        monkeypatch.setattr(module, "make_converter", lambda *_: refuse())


@pytest.fixture(name="shaped", params=VARIANTS, ids=str)
async def _shaped(box, open_session, request):
    """
    A session against a gateway that answers in each documented shape.
    """
    box.settings(**request.param)

    return await open_session()


@pytest.fixture(name="session", params=[{}, OLDEST], ids=["today", "oldest"])
async def _session(box, open_session, request):
    """
    A session against the gateway of today, and of 2017.
    """
    box.settings(**request.param)

    return await open_session()


@pytest.mark.parametrize("method", ["CREDIT_CARD", "DEBIT_CARD"])
async def test_a_card_payment_goes_from_create_to_success(shaped, box, method):
    """
    Create, SMS code, execute, query: in every shape of answers the same objects.
    """
    session = shaped
    payment = await session.payments.create(orders.card_payment(method))

    assert payment.id.startswith("PAY_")
    assert PaymentState.WAIT_BUYER_PAY is payment.state
    assert payment.link(LinkRef.SMS_VERIFY) is not None
    assert payment.payer.payer_info.bank_card is not None
    assert Decimal("69.19") == payment.order.amount.total_cny
    assert payment.verified

    sent = await session.payments.verify(payment.id, orders.card(method=method))

    assert payment.id == sent.payment_id

    code = box.sms_code(payment.id)
    done = await session.payments.execute(payment.id, orders.card(code, method=method))

    assert PaymentState.TRADE_SUCCESS is done.state
    assert "0005" == done.payer.payer_info.payer_agreement.last_four_cardid

    found = await session.payments.get(payment.id)

    assert PaymentState.TRADE_SUCCESS is found.state
    assert payment.id == found.id
    assert orders.DAY == found.order.mer_date


@pytest.mark.parametrize("method", ["WECHAT_SCAN", "ALIPAY_SCAN"])
async def test_a_qr_payment_gives_a_code_and_is_paid_by_scanning(session, box, method):
    """
    The QR code's content comes with the payment; the customer pays on his phone.
    """
    payment = await session.payments.create(orders.wallet_payment(method))

    assert payment.qr_code_url.startswith(("weixin://", "https://qr.alipay.com/"))

    box.control("POST", f"/payments/{payment.id}/pay", {})

    assert PaymentState.TRADE_SUCCESS is (await session.payments.get(payment.id)).state


@pytest.mark.parametrize("method", ["WECHAT_IN_APP", "WECHAT_WEB"])
async def test_a_wechat_payment_gives_pay_info(session, method):
    """
    What WeChat's SDK or page needs is typed, and camelCase for the page.
    """
    payment = await session.payments.create(orders.wallet_payment(method))
    info = payment.payer.payer_info
    holder = info.wechat_in_app or info.wechat_in_app_web

    assert {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"} == set(
        holder.pay_info.for_wechat_js()
    )


@pytest.mark.parametrize("interface", ["SERVER_TO_WEB", "SERVER_TO_H5WEB"])
async def test_the_cashier_gives_a_page(session, interface):
    """
    The customer's browser opens the upay link.
    """
    payment = await session.payments.create(orders.cashier_payment(interface))

    assert "/upay/cbPluginPay.do?" in payment.cashier_url


async def test_a_company_registers_waits_and_pays_at_its_bank(session, box):
    """
    DISABLE until UMF has checked; then a B2B payment is created.
    """
    made = await session.enterprises.register(orders.company())

    assert made.id.startswith("EQ_")
    assert "91110000000000000X" == made.enterprise_code

    found = await session.enterprises.get(made.id)

    assert EnterpriseStatus.DISABLE is found.enterprise_status

    with pytest.raises(errors.OutcomeUnknownError) as caught:
        await session.payments.create(orders.bank_payment())

    # The refusal is not signed by default, so it is no definite failure.
    assert isinstance(caught.value.__cause__, errors.PermissionDeniedError)
    assert not caught.value.money_may_have_moved

    box.control("POST", f"/enterprises/{made.id}/enable", {})
    payment = await session.payments.create(orders.bank_payment())

    assert payment.cashier_url


@pytest.mark.parametrize("shape", ["refund_info", "order", "orders"])
@pytest.mark.parametrize("answers", [{}, OLDEST], ids=["today", "oldest"])
async def test_a_refund_is_one_object_in_every_shape(open_session, box, shape, answers):
    """
    Asked in three shapes, answered in two: always one Refund.
    """
    box.settings(**answers)
    session = await open_session(refund_body=shape)
    payment = await orders.paid(session, box)
    refund = await session.refunds.create(payment.id, orders.refund())

    assert refund.id.startswith("REFUND_")
    assert RefundState.REFUND_PROCESS is refund.state
    assert payment.id == refund.parent_payment
    # CNY cents under the foreign currency, as the real gateway does.
    assert Decimal(2768) == refund.order.amount.total

    box.control("POST", f"/refunds/{refund.id}/succeed", {})
    found = await session.refunds.get(refund.id)

    assert RefundState.REFUND_SUCCESS is found.state
    assert refund.id == found.id


async def test_customs_are_declared_and_asked(session, box):
    """
    A sub order is declared, moves on by itself, and is told again.
    """
    payment = await orders.paid(session, box, customs=True)
    sub_order = box.control("GET", f"/payments/{payment.id}")["payment"]["order"][
        "sub_orders"
    ][0]["mer_sub_reference_id"]
    made = await session.customs.apply(
        payment.id,
        NewCustomsDeclaration(
            customs_id="HZ",
            mer_customs_code="3301",
            mer_sub_reference_id=sub_order,
            mer_item_ids=[f"{sub_order}-1"],
            sub_order_amount=Money("10.00", "USD"),
            freight_amount=Money("0", "USD"),
            tax_amount=Money("1.19", "USD"),
            ec_plat_id="W1",
        ),
    )

    assert made.id.startswith("CUST_")
    assert Decimal("1.19") == made.tax_amount.total
    assert payment.id == made.parent_payment

    box.control("POST", f"/customs/{made.id}/succeed", {})
    found = await session.customs.get(made.id)

    assert CustomsState.SUCCESS is found.state

    alone = await session.customs.apply_only(orders.declaration())

    assert alone.pay_trace
    assert await session.customs.declare_again("elsewhere-1") is None

    content = b""

    async with session.customs.download(orders.DAY) as chunks:
        async for chunk in chunks:
            content += chunk

    assert content.startswith(b"TRANSDETAIL-START")


async def test_parcels_are_reported(session, box):
    """
    A tracking number for each sub order of a paid order.
    """
    payment = await orders.paid(session, box)
    stored = box.control("GET", f"/payments/{payment.id}")["payment"]
    sub_order = stored["order"]["sub_orders"][0]["mer_sub_reference_id"]
    info = orders.parcels(sub_order)

    assert await session.payments.update_express_info(payment.id, info) is None

    stored = box.control("GET", f"/payments/{payment.id}")["payment"]

    assert "SF 123" == stored["order"]["sub_orders"][0]["tracking_number"]


async def test_banks_rates_and_the_wechat_page(session, box):
    """
    The registers: the list of banks may be kept for a while.
    """
    banks = await session.banks.list("DEBIT_CARD")

    assert 15 == len(banks)
    assert banks is await session.banks.list("DEBIT_CARD", max_age=60)
    assert 1 == len(box.requests("/bank"))
    assert 64 == len(await session.banks.list("CREDIT_CARD", max_age=60))

    rate = await session.exchange_rates.get("USD")

    assert Decimal("6.9193") == rate.rate

    link = await session.wechat.openid_link("http://127.0.0.1:9/back")

    assert link.href.startswith(f"{box.origin}/wechat/authorize?")

    with pytest.raises(errors.ConfigError, match="query"):
        await session.wechat.openid_link("http://127.0.0.1:9/back?a=b")


async def test_statements_follow_from_what_was_paid(session, box, tmp_path):
    """
    Lists by page, pages, and files: a payment and its refund are in all of them.
    """
    payment = await orders.paid(session, box)
    await orders.paid(session, box, total="7.50")
    refund = await session.refunds.create(payment.id, orders.refund())
    box.control("POST", f"/refunds/{refund.id}/succeed", {})

    rows = [
        row async for row in session.statements.transactions(orders.DAY, page_size=1)
    ]

    assert [PaymentSummary, PaymentSummary, RefundSummary] == [
        type(row) for row in rows
    ]
    assert payment.id == rows[0].payment_id
    assert refund.id == rows[2].refund_id

    page = await session.statements.transactions_page(orders.DAY, page_size=2)

    assert 3 == page.pagination.total_count
    assert 2 == len(page.payment_summaries)

    file = await session.statements.download_transactions(
        orders.DAY, tmp_path / "t.txt"
    )

    assert 5 == len(file.read_text("utf-8").splitlines())
    assert [file] == list(tmp_path.iterdir())

    settled = (await session.payments.get(payment.id)).settle_date
    paid_out = [row async for row in session.statements.reconciliation(settled)]

    assert 3 == len(paid_out)
    assert paid_out[0].exchange_amount.total_cny == (
        paid_out[0].amount.total_cny - paid_out[0].service_fee
    )

    grand = await session.statements.reconciliation_page(settled)

    assert (
        sum(row.exchange_amount.total_cny for row in paid_out) == grand.amount.total_cny
    )

    file = await session.statements.download_reconciliation(settled, tmp_path / "r.txt")

    assert 5 == len(file.read_text("utf-8").splitlines())


async def test_a_day_without_a_payout_is_refused_for_files_as_for_lists(
    session, tmp_path
):
    """
    An error object in place of a file is an error, and leaves no file.
    """
    with pytest.raises(errors.APIError):
        [row async for row in session.statements.reconciliation(orders.DAY)]

    with pytest.raises(errors.ConfigError, match="date"):
        await session.statements.download_transactions("20170410", tmp_path / "x")

    assert [] == list(tmp_path.iterdir())


async def test_the_escape_hatch_signs_and_verifies(session):
    """
    `session.request()` reaches what has no method, under the same rules.
    """
    members = await session.request("GET", "/exchange_rate", query={"currency": "EUR"})

    assert "EUR" == members["exchangeRates"][0]["currency"]

    made = await session.request(
        "POST",
        "/enterprise_qualification",
        {"external_enterprise_id": "c-9", "busi_type": "SJHG"},
    )

    assert "c-9" == made["enterprise_qualification"]["external_enterprise_id"]

    for method, path, body in [
        ("PUT", "/bank", None),
        ("GET", "/bank", {}),
        ("GET", "https://elsewhere.example/bank", None),
        ("GET", "//elsewhere.example/bank", None),
        ("GET", "bank", None),
    ]:
        with pytest.raises(errors.ConfigError):
            await session.request(method, path, body)


async def test_authorize_tells_how_long_the_token_lives(session):
    """
    A usable token is there, or is fetched.
    """
    assert 3500 < await session.authorize() <= 3600
