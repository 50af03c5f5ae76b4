"""
What clients send that nobody here wrote, byte for byte on a socket (gateway.md 11a).
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal

import pytest

from tests import orders
from umfpay import UMFSession
from umfpay.emulator import serve
from umfpay.testing import EmulatorBox


BASE = "/cberest/v1"
PAY = f"{BASE}/payments/payment"
TOKEN = f"{BASE}/oauth/authorize"
DAY = "20261123"


def _answer(raw):
    head, _, body = raw.partition(b"\r\n\r\n")

    return head.split(b" ")[1], body


def _code(raw):
    return json.loads(_answer(raw)[1]).get("meta", {}).get("ret_code")


@pytest.fixture(name="send")
def _send(shop):
    """
    Sign and send a body as it stands; return the code of the answer.
    """
    shop.new_token()

    def send(path, body, method="POST", **headers):
        given = {"Authorization": f"Bearer {shop.token}"} | headers

        if method == "POST":
            given["Signature"] = shop.keys.sign(body)

        return _code(shop.bytes_of(method, path, body, given))

    return send


def _plain(body):
    return json.dumps(body, ensure_ascii=False).encode()


def _with_numbers(body):
    text = json.dumps(body, ensure_ascii=False)

    return text.replace('"100.02"', "100.02").replace('"2"', "2").encode()


def _with_payer_info(value):
    def write(body):
        cashier = {
            "payment_method": "NOT_APPLICABLE",
            "interface_type": "SERVER_TO_WEB",
            "business_type": "B2C",
            "payer_info": value,
        }

        return _plain(body | {"payer": cashier})

    return write


BODIES = {
    "plain": _plain,
    "escapes of PHP": lambda body: json.dumps(body).replace("/", "\\/").encode(),
    "pretty": lambda body: json.dumps(body, indent=4).replace("\n", "\r\n").encode(),
    "blanks around": lambda body: b" \t" + _plain(body) + b"\r\n",
    "money as numbers": _with_numbers,
    "payer_info as {}": _with_payer_info({}),
    "payer_info as []": _with_payer_info([]),
    "payer_info missing": _with_payer_info(None),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_way_to_write_a_payment_is_taken(shop, send, name):
    """
    And means the same: number, amount, summary, address.
    """
    body = BODIES[name](shop.body(notify_url="http://127.0.0.1:9/umf"))

    assert "0000" == send(PAY, body)

    [payment] = shop.control("GET", "/payments")["payments"]
    order = payment["order"]

    assert ("ref-1", "100.02", "USD", "两件衣服", "http://127.0.0.1:9/umf") == (
        order["mer_reference_id"],
        payment["total"],
        payment["currency"],
        order["order_summary"],
        payment["notify_url"],
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/payments/payment/{}/query?mer_reference_id=ref-1&mer_date=20261123"),
        ("POST", "/payments/payment/{}"),
        ("GET", "/payments/payment/{}?mer_date=20261123"),
        ("GET", "//payments///payment/{}"),
        ("GET", "/payments/payment/{}/"),
    ],
)
def test_every_way_to_ask_for_a_payment_is_taken(shop, send, method, path):
    """
    Older links say POST and /query, and double their slashes.
    """
    path = path.format(shop.created())

    assert "0000" == send(f"{BASE}{path}", b"", method)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "UTF-8"},
        {"Charsert": "UTF-8", "Accept-Language": "ZH"},
        {"Content-Type": "application/json;charset=UTF-8"},
        {"Content-Type": "text/plain"},
        {"Expect": "100-continue"},
    ],
)
def test_headers_that_mean_nothing_are_overlooked(shop, send, headers):
    """
    On a call with a body.
    """
    if "Expect" in headers:
        # The interim answer comes first on the wire.
        shop.settings(signature="none")
        raw = shop.bytes_of(
            "POST",
            PAY,
            body := _plain(shop.body()),
            {
                "Authorization": f"Bearer{shop.token}",
                "Signature": shop.keys.sign(body),
                **headers,
            },
        )

        assert b'"ret_code":"0000"' in raw
    else:
        assert "0000" == send(PAY, _plain(shop.body()), **headers)


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({}, {}),
        ({"scope": "default", "mer_id": "8017"}, {}),
        ({}, {"Authorization": "Basic {basic}"}),
        ({}, {"Content-Encoding": "UTF-8", "Accept": "application/json"}),
        ({}, {"Authorization": "Bearer{token}", "Signature": "x"}),
    ],
)
def test_every_way_to_ask_for_a_token_is_taken(shop, more, headers):
    """
    What else is sent with it changes nothing.
    """
    keys = shop.keys
    basic = base64.b64encode(f"{keys.client_id}:{keys.client_secret}".encode())
    body = {
        "client_id": keys.client_id,
        "client_secret": keys.client_secret,
        "grant_type": "client_credentials",
        **more,
    }
    given = {
        name: value.format(basic=basic.decode(), token="0" * 64)
        for name, value in headers.items()
    }
    status, answer = _answer(shop.bytes_of("POST", TOKEN, _plain(body), given))

    assert b"200" == status
    assert 64 == len(json.loads(answer)["access_token"])


@pytest.mark.parametrize("form", ["plain", "meta"])
def test_the_token_answer_can_have_a_meta(shop, form):
    """
    The token first, then a meta directly behind it: a tester cuts between the two.
    """
    shop.settings(token_answer=form)
    answer = shop.new_token()
    names = ["access_token", "expires_in"]

    if form == "meta":
        names.insert(1, "meta")

        assert "0000" == answer.json["meta"]["ret_code"]
        assert shop.token == answer.body.decode().partition('","meta"')[0][17:]

    assert names == list(answer.json)
    assert "0000" == shop.get("/exchange_rate?currency=USD").code


@pytest.mark.parametrize("words", ["Success", "SUCCESS", "successful transaction"])
def test_the_words_of_success_can_be_chosen(shop, words):
    """
    They stand directly before the code, and are signed.
    """
    shop.settings(ret_msg=words)
    body = shop.create().body

    assert f'"ret_msg":"{words}","ret_code":"0000"'.encode() in body


@pytest.mark.parametrize("place", ["both", "meta", "header", "none"])
@pytest.mark.parametrize("end", ["none", "crlf"])
def test_an_answer_can_end_in_cr_lf(shop, tmp_path, end, place):
    """
    The header covers it; sign in meta does not.
    """
    shop.settings(answer_end=end, signature=place, refusals="signed")
    answers = [shop.create(), shop.new_token(), shop.get("/bank?type=x")]

    assert [end == "crlf"] * 3 == [one.body.endswith(b"}\r\n") for one in answers]

    for one in answers:
        signature = one.headers.get("signature")

        assert (place in ("both", "header")) is (signature is not None)

        if signature is not None:
            assert shop.keys.verifies(one.body, signature, tmp_path)


@pytest.mark.parametrize("names", ["new", "old"])
def test_the_rate_of_a_row_is_a_number_or_an_object(shop, names):
    """
    The documents have a number, the SDK's class is an object.
    """
    shop.settings(refund="immediate", names=names)
    shop.refund(shop.paid(), "back-1", "1.00")
    day = f"mer_date={DAY}&settle_date={DAY}"
    lists = [
        shop.get(f"/payments/transactions?{day}").json["transactions"],
        shop.get(f"/payments/reconciliation_statement?{day}").json["reconciliations"],
    ]
    rates = [
        row["amount"]["exchange_rate"]
        for found in lists
        for kind in ("payment_summaries", "refund_summaries")
        for row in found[kind]
    ]
    expected = 6.9193 if names == "new" else {"rate": "6.9193", "currency": "USD"}

    assert [expected] * 4 == rates


def test_a_refund_without_a_date_is_of_today(shop, send, until):
    """
    UMF's own tester sends it so; a wrong date is refused as ever.
    """
    key = shop.paid()
    info = {"mer_reference_id": "back-1", "amount": {"total": "1", "currency": "USD"}}
    wrong = _plain({"refund_info": {**info, "mer_date": "2026-11-23"}})

    assert "00060700" == send(f"{PAY}/{key}/refund", wrong)
    assert "0000" == send(f"{PAY}/{key}/refund", _plain({"refund_info": info}))

    [refund] = shop.control("GET", "/refunds")["refunds"]

    assert DAY == refund["mer_date"]
    assert until(
        lambda: (
            shop.control("GET", "/refunds")["refunds"][0]["state"] == "REFUND_SUCCESS"
        )
    )


FORMS = {
    "token_answer": ["meta"],
    "ret_msg": ["SUCCESS", "successful transaction"],
    "answer_end": ["crlf"],
    "names": ["old"],
}


@pytest.mark.parametrize("place", ["both", "meta", "header"])
async def test_our_own_client_reads_all_of_these_forms(keys, make_box, place):
    """
    Wherever the answers are signed.
    """
    box = make_box()

    async with serve(box):
        config = EmulatorBox(box).config()
        box.control("PUT", "/settings", {"signature": place})

        for name, values in FORMS.items():
            for value in values:
                box.control("PUT", "/settings", {name: value})

                async with UMFSession(config) as session:
                    payment = await session.payments.create(
                        orders.wallet_payment("WECHAT_SCAN")
                    )
                    box.control("POST", f"/payments/{payment.id}/pay")
                    rows = [
                        row
                        async for row in session.statements.transactions(
                            payment.order.mer_date
                        )
                    ]

                assert [Decimal("6.9193")] * len(rows) == [
                    row.amount.exchange_rate.rate for row in rows
                ]
                assert payment.id in [row.payment_id for row in rows]
