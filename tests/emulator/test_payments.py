"""
Create and query: what an order must hold, and what comes back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.emulator.merchant import PAY
from umfpay.emulator import CHINA_ZONE


def test_a_card_payment_waits_for_its_buyer(shop):
    """
    The answer names the elements to collect, the CNY amount, and the next link.
    """
    reply = shop.create(notify_url="http://shop.test/n", risk_info={"real_name": "1"})
    payment = reply.json["payment"]
    amount = payment["order"]["amount"]

    assert "0000" == reply.code
    assert "WAIT_BUYER_PAY" == payment["state"]
    assert {"rate": "6.9193", "currency": "USD"} == amount["exchange_rate"]
    assert "692.07" == amount["total_cny"]
    assert "" == payment["payer"]["payer_info"]["bank_card"]["number"]
    assert {"real_name": "1"} == payment["risk_info"]
    assert "ref-1-a" == payment["order"]["sub_orders"][0]["mer_sub_reference_id"]
    assert [
        ("self", "GET", f"{shop.origin}/cberest/v1{PAY}/{payment['id']}"),
        (
            "sms_verify",
            "POST",
            f"{shop.origin}/cberest/v1{PAY}/{payment['id']}/verify",
        ),
    ] == [(link["ref"], link["method"], link["href"]) for link in reply.json["links"]]


def test_a_payment_in_cny_has_no_rate(shop):
    """
    Its total is the total.
    """
    payment = shop.create(currency="CNY").json["payment"]

    assert {"total": "100.02", "currency": "CNY"} == payment["order"]["amount"]


def test_a_query_shows_the_truth_in_the_form_of_the_samples(shop):
    """
    No links, no id, no sub orders; absent values are empty text.
    """
    key = shop.created()
    reply = shop.get(f"{PAY}/{key}")

    assert {"meta", "payment"} == reply.json.keys()
    assert {
        "settle_date": "",
        "state": "WAIT_BUYER_PAY",
        "execute_success_time": "",
        "payer": {"payment_method": "CREDIT_CARD"},
        "order": {
            "user_ip": "127.0.0.1",
            "amount": {
                "total": "100.02",
                "exchange_rate": {"rate": "6.9193", "currency": "USD"},
                "currency": "USD",
                "total_cny": "692.07",
            },
            "mer_date": "20261123",
            "expire_time": "",
            "mer_reference_id": "ref-1",
        },
    } == reply.json["payment"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "?mer_date=20261123"),
        ("POST", "/query?mer_reference_id=ref-1&mer_date=20261123"),
        ("POST", ""),
    ],
)
def test_old_links_to_a_payment_work(shop, method, path):
    """
    Even without a body, even without a signature.
    """
    key = shop.created()
    reply = shop.raw(
        method,
        f"/cberest/v1/payments//payment/{key}{path}",
        headers={"Authorization": f"Bearer{shop.token}"},
    )

    assert "WAIT_BUYER_PAY" == reply.json["payment"]["state"]


def test_an_unknown_payment_is_unknown(shop):
    """
    The code is 00060760 for every call on it.
    """
    shop.new_token()

    assert "00060760" == shop.get(f"{PAY}/PAY_AAAA").code
    assert "00060760" == shop.post(f"{PAY}/PAY_AAAA/execute", {}).code
    assert "00060760" == shop.refund("PAY_AAAA").code


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"mer_reference_id": ""}, "00060700"),
        ({"mer_date": "2026-11-23"}, "00060700"),
        ({"mer_date": "20261332"}, "00060700"),
        ({"mer_date": "２０２６１１２３"}, "00060700"),
        ({"amount": None}, "00202001"),
        ({"amount": {"total": "", "currency": "USD"}}, "00202001"),
        ({"amount": {"total": "0", "currency": "USD"}}, "00202003"),
        ({"amount": {"total": "-1", "currency": "USD"}}, "00060700"),
        ({"amount": {"total": "1.001", "currency": "USD"}}, "00060700"),
        ({"amount": {"total": "12345678901", "currency": "USD"}}, "00060700"),
        ({"amount": {"total": "1.00", "currency": "XXX"}}, "00281017"),
        ({"amount": {"total": "99.00", "currency": "USD"}}, "00060700"),
        ({"amount": {"total": "100.02", "currency": "EUR"}}, "00060700"),
        ({"sub_orders": []}, "00202008"),
        ({"sub_orders": "none"}, "00202008"),
        ({"expire_time": "soon"}, "00060700"),
        ({"expire_time": "²"}, "00060700"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused(shop, order, code):
    """
    Each rule has its code.
    """
    body = shop.body()
    body["order"] |= order
    reply = shop.post(PAY, body)

    assert (200, code) == (reply.status, reply.code)
    assert shop.last_request()["reason"]


@pytest.mark.parametrize(
    "change",
    [
        {"mer_sub_reference_id": ""},
        {"trans_code": ""},
        {"items": []},
        {"items": [{"type": "FOOD", "amount": {"total": "100.02"}}]},
        {"items": [{"mer_item_id": "1", "amount": {"total": "100.02"}}]},
        {
            "items": [
                {
                    "mer_item_id": "1",
                    "type": "FOOD",
                    "amount": {"total": "1.00", "currency": "USD"},
                }
            ]
        },
        {"amount": {"total": "100.03", "currency": "USD"}},
    ],
)
def test_a_sub_order_that_breaks_a_rule_is_refused(shop, change):
    """
    Items sum up to sub orders, sub orders to the order.
    """
    body = shop.body()
    body["order"]["sub_orders"][0] |= change

    assert "00060700" == shop.post(PAY, body).code


def test_an_order_has_ten_sub_orders_at_most(shop):
    """
    Ten pass, eleven do not; services need no items.
    """

    def subs(count):
        return [
            {
                "mer_sub_reference_id": str(number),
                "trans_code": "02223030",
                "amount": {"total": "1.00", "currency": "USD"},
            }
            for number in range(count)
        ]

    ten = shop.create(total="10.00", sub_orders=subs(10))
    eleven = shop.create(total="11.00", sub_orders=subs(11))

    assert ("0000", "00060700") == (ten.code, eleven.code)


@pytest.mark.parametrize(
    "payer",
    [
        {"payment_method": "CASH"},
        {"interface_type": "PIGEON"},
        {"business_type": "C2C"},
        {
            "payment_method": "NOT_APPLICABLE",
            "interface_type": "DIRECT_TO_BANK",
            "bank_code": "",
        },
        {"payment_method": "WECHAT_WEB"},
    ],
)
def test_a_payer_that_breaks_a_rule_is_refused(shop, payer):
    """
    Unknown words, a missing bank, a missing open_id.
    """
    assert "00060700" == shop.create(payer=payer).code


@pytest.mark.parametrize("body", [{}, {"payer": {"payment_method": "CREDIT_CARD"}}])
def test_payer_and_order_are_needed(shop, body):
    """
    Without them there is nothing to create.
    """
    assert "00060700" == shop.post(PAY, body).code


def test_an_order_number_is_paid_only_once(shop):
    """
    It may be created twice, and not after it was paid, nor paid a second time.
    """
    first, second = shop.created(), shop.created()

    assert first != second

    code = shop.sms(second)
    shop.control("POST", f"/payments/{first}/pay")

    assert "00060740" == shop.create().code

    reply = shop.post(f"{PAY}/{second}/execute", shop.payer(code=code))

    assert "00060763" == reply.code
    assert 409 == shop.control("POST", f"/payments/{second}/pay").status
    assert "WAIT_BUYER_PAY" == shop.state(second)


@pytest.mark.parametrize(
    "given",
    [
        "30",
        30,
        30.0,
        "29.99",
        lambda moment: moment.astimezone(CHINA_ZONE).isoformat(),
        lambda moment: moment.astimezone(CHINA_ZONE).replace(tzinfo=None).isoformat(),
        lambda moment: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    ],
)
def test_an_order_expires_after_minutes_or_at_a_moment(shop, given):
    """
    Minutes as text or number; a moment without zone is China's.
    """
    if callable(given):
        now = datetime.fromisoformat(shop.control("GET", "/clock")["now"])
        given = given(now + timedelta(minutes=30))

    key = shop.created(expire_time=given)
    shop.forward(29 * 60 - 30)

    assert "WAIT_BUYER_PAY" == shop.state(key)

    shop.forward(90)

    assert "TRADE_CLOSED" == shop.state(key)


def test_an_order_without_a_time_lives_for_a_day(shop):
    """
    Then it is closed, and its calls are refused as expired.
    """
    key = shop.created(expire_time="")
    shop.forward(24 * 3600 + 1)

    assert "00060762" == shop.post(f"{PAY}/{key}/verify", shop.payer()).code
    assert "00060762" == shop.post(f"{PAY}/{key}/execute", shop.payer()).code


def test_parcel_numbers_are_taken_for_a_paid_order(shop):
    """
    For a sub order that exists, once it is paid.
    """
    sub = {"mer_sub_reference_id": "ref-1-a", "tracking_number": "EMS 123"}
    key = shop.created()
    path = f"{PAY}/{key}/update_express_info"

    def send(*subs):
        return shop.post(path, {"order": {"sub_orders": list(subs)}}).code

    assert "00060764" == send(sub)

    shop.control("POST", f"/payments/{key}/pay")

    assert "0000" == send(sub)
    assert "00060700" == send()
    assert "00060700" == send(sub | {"tracking_number": ""})
    assert "00202015" == send(sub | {"mer_sub_reference_id": "other"})

    payment = shop.control("GET", f"/payments/{key}")["payment"]

    assert "EMS 123" == payment["order"]["sub_orders"][0]["tracking_number"]
