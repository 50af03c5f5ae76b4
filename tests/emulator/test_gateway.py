"""
Signatures of requests and answers, refusals, and how they look.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3

import pytest

from tests.emulator.merchant import PAY


RATE = "/exchange_rate?currency=USD"


def signed_text(body):
    """
    Return the text that meta.sign covers, cut with a regular expression.
    """
    text, count = re.subn(rb'"meta":\{"sign":"([^"]+)",', b'"meta":{', body, count=1)
    assert count == 1

    return text, json.loads(body)["meta"]["sign"]


@pytest.mark.parametrize("place", ["both", "meta", "header", "none"])
def test_answers_are_signed_where_the_setting_says(shop, tmp_path, place):
    """
    meta.sign is first in meta and covers the text without it; the header covers all.
    """
    shop.settings(signature=place)
    reply = shop.get(RATE)

    assert ("signature" in reply.headers) is (place in ("both", "header"))
    assert ("sign" in reply.json["meta"]) is (place in ("both", "meta"))

    if "signature" in reply.headers:
        assert shop.keys.verifies(reply.body, reply.headers["signature"], tmp_path)

    if "sign" in reply.json["meta"]:
        assert shop.keys.verifies(*signed_text(reply.body), tmp_path)


def test_chinese_and_slashes_are_signed_raw(shop, tmp_path):
    """
    No escapes in the signed text.
    """
    reply = shop.create()

    assert "两件衣服".encode() in reply.body
    assert b"\\/" not in reply.body
    assert shop.keys.verifies(*signed_text(reply.body), tmp_path)


@pytest.mark.parametrize("php", [True, False])
def test_the_raw_body_is_what_a_signature_covers(shop, php):
    """
    PHP signs its escapes and others their blanks; both are good.
    """
    body = json.dumps(shop.body(), indent=None if php else 2).replace("/", "\\/")

    assert "0000" == shop.post(PAY, body.encode()).code


@pytest.mark.parametrize(
    "forge",
    [
        lambda good: "",
        lambda good: "x",
        lambda good: good[:-4],
        lambda good: base64.b64encode(base64.b64decode(good)[::-1]).decode(),
        lambda good: base64.b64encode(bytes(128)).decode(),
    ],
)
def test_a_wrong_signature_is_refused(shop, forge):
    """
    The code is 00060710; the log says why.
    """
    body = json.dumps(shop.body()).encode()
    good = shop.keys.sign(body)
    reply = shop.post(PAY, body, Signature=forge(good))

    assert (200, "00060710") == (reply.status, reply.code)
    assert "Signature" in shop.last_request()["reason"]
    assert [] == shop.control("GET", "/payments")["payments"]


def test_a_body_that_was_changed_after_signing_is_refused(shop):
    """
    One blank is enough.
    """
    body = json.dumps(shop.body()).encode()
    reply = shop.post(PAY, body + b" ", Signature=shop.keys.sign(body))

    assert "00060710" == reply.code


WEIRD = {
    "empty": b"",
    "blank": b"  \n",
    "null": b"null",
    "list": b"[]",
    "text": b'"x"',
    "number": b"1e999999999",
    "not json": b"a=1&b=2",
    "cut": b'{"payer":{"payment_method"',
    "not utf-8": b'{"payer":"\xff\xfe"}',
    "bom": b"\xef\xbb\xbf{}",
    "nested": b'{"a":' + 2000 * b"[" + 2000 * b"]" + b"}",
    "nested objects": 2000 * b'{"a":' + b"1" + 2000 * b"}",
    "unclosed": 2000 * b"[",
    "repeated": b'{"payer":{},"payer":{}}',
    "surrogate": b'{"payer":"\\ud800"}',
    "nan": b'{"order":NaN}',
    "after": b"{} {}",
    "long": b'{"a":"' + b"x" * 5_000_000 + b'"}',
    "wrong types": b'{"payer":[],"order":"x"}',
    "deep wrong types": b'{"payer":{"payer_info":7},"order":{"sub_orders":[1]}}',
    "zero": b'{"a":"\\u0000"}',
}


@pytest.mark.parametrize("body", WEIRD.values(), ids=WEIRD.keys())
def test_a_weird_body_gets_an_answer(shop, body):
    """
    JSON with a ret_code on every POST, soon; the gateway goes on.
    """
    key = shop.created()

    for path in (
        PAY,
        f"{PAY}/{key}/verify",
        f"{PAY}/{key}/execute",
        f"{PAY}/{key}/refund",
        f"{PAY}/{key}/apply_to_customs",
        f"{PAY}/{key}/update_express_info",
        "/enterprise_qualification",
        "/apply_to_customes_only",
        "/declare_again",
        "/oauth/authorize",
    ):
        reply = shop.post(path, body)

        assert reply.status in (200, 401)
        assert reply.code not in ("0000", "00060999")

    assert "0000" == shop.get(RATE).code


def test_a_connection_survives_a_weird_body(shop):
    """
    The next request on the same connection is answered.
    """
    import contextlib
    import http.client

    shop.new_token()
    headers = {"Authorization": f"Bearer {shop.token}"}
    connection = http.client.HTTPConnection(shop.host, timeout=10)

    with contextlib.closing(connection):
        for name in ("long", "nested", "not utf-8"):
            body = WEIRD[name]
            connection.request(
                "POST",
                f"/cberest/v1{PAY}",
                body,
                headers | {"Signature": shop.keys.sign(body)},
            )
            first = connection.getresponse()

            assert b"00060700" in first.read()

            connection.request("GET", f"/cberest/v1{RATE}", headers=headers)

            assert b'"0000"' in connection.getresponse().read()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/payments", 404),
        ("GET", "/oauth/authorize", 404),
        ("DELETE", f"{PAY}/PAY_AAAA", 405),
        ("GET", f"{PAY}/PAY_AAAA/verify", 405),
        ("PUT", "/bank", 405),
    ],
)
def test_an_unknown_path_is_json_with_its_status(shop, method, path, status):
    """
    Neither found nor for that method.
    """
    reply = shop.call(method, path, b"" if method == "POST" else None)

    assert (status, "00060700") == (reply.status, reply.code)


def test_outside_of_the_base_path_is_nothing(shop):
    """
    The answer says so.
    """
    assert 404 == shop.raw("GET", "/elsewhere").status
    assert 404 == shop.raw("GET", "/cberest/v2/bank").status


@pytest.mark.parametrize(
    ("setting", "is_signed", "status", "is_json"),
    [
        ("unsigned", False, 200, True),
        ("signed", True, 200, True),
        ("html", False, 400, False),
    ],
)
def test_refusals_look_as_the_setting_says(
    shop, tmp_path, setting, is_signed, status, is_json
):
    """
    Unsigned, signed, or a page.
    """
    shop.settings(refusals=setting)
    reply = shop.get("/exchange_rate")

    assert status == reply.status
    assert ("signature" in reply.headers) is is_signed

    if is_json:
        assert "00202000" == reply.code
    else:
        assert reply.body.startswith(b"<html>")
        assert 404 == shop.get("/nothing").status

    if is_signed:
        assert shop.keys.verifies(*signed_text(reply.body), tmp_path)


@pytest.mark.parametrize(
    ("setting", "status", "kind", "is_signed"),
    [
        ("json_401", 401, "json", False),
        ("html_401", 401, "html", False),
        ("empty_401", 401, "empty", False),
        ("unsigned_200", 200, "json", False),
        ("signed_200", 200, "json", True),
    ],
)
def test_a_dead_token_is_refused_as_the_setting_says(
    shop, setting, status, kind, is_signed
):
    """
    Nobody has seen the real answer, only its code.
    """
    shop.settings(token_refusal=setting)
    shop.token = "dead"
    reply = shop.get(RATE)

    assert status == reply.status
    assert ("signature" in reply.headers) is is_signed
    assert ("sign" in reply.json["meta"] if kind == "json" else False) is is_signed
    assert {
        "json": b"00280703" in reply.body,
        "html": b"<html>" in reply.body,
        "empty": b"" == reply.body,
    }[kind]


def test_answers_can_have_the_names_of_2017(shop):
    """
    bankCard, item_quantity, customsDeclarations.
    """
    shop.settings(names="old")
    payment = shop.create().json["payment"]
    key = payment["id"]

    assert {"bankCard", "payerAgreement"} == payment["payer"]["payer_info"].keys()
    assert "2" == payment["order"]["sub_orders"][0]["items"][0]["item_quantity"]

    info = shop.execute(key).json["payment"]["payer"]["payer_info"]

    assert "5678" == info["payerAgreement"]["last_four_cardId"]

    reply = shop.post(
        f"{PAY}/{key}/apply_to_customs",
        {
            "customs_id": "HZ",
            "mer_customs_code": "1",
            "sub_order": {"mer_sub_reference_id": "ref-1-a"},
        },
    )

    assert 1 == len(reply.json["customsDeclarations"])


def test_links_can_imitate_the_real_ones(shop):
    """
    Internal host, double slash, wrong methods, a blank in the path.
    """
    shop.settings(links="imitate")
    created = shop.create().json
    links = created["links"]

    assert ["POST", "GET"] == [link["method"] for link in links]
    assert all("spay_rest//payments" in link["href"] for link in links)

    key = created["payment"]["id"]
    shop.control("POST", f"/payments/{key}/pay")
    reply = shop.post(
        f"{PAY}/{key}/apply_to_customs",
        {
            "customs_id": "HZ",
            "mer_customs_code": "1",
            "sub_order": {"mer_sub_reference_id": "ref-1-a"},
        },
    )

    assert "/customs_ declarations/" in reply.json["links"][1]["href"]


def test_a_bug_is_the_gateways_system_error(shop, monkeypatch, caplog):
    """
    Never a status of 500, never a traceback on the wire; nothing is half done.
    """

    def broken(*_, **__):
        raise KeyError("secret")

    shop.new_token()
    monkeypatch.setattr("umfpay.emulator._payments.created_answer", broken)
    reply = shop.create()

    assert (200, "00060999") == (reply.status, reply.code)
    assert b"secret" not in reply.body
    assert "KeyError" in caplog.text
    assert [] == shop.control("GET", "/payments")["payments"]


def test_in_the_time_of_the_header_every_answer_has_it(shop, tmp_path):
    """
    The official SDK of that time fails on any answer without, token and page included.
    """
    shop.settings(signature="header")
    token = shop.new_token()
    page = shop.get("/payments/wechat_openid?notify_url=http%3A%2F%2Fshop.test%2F")

    for reply in (token, page):
        assert shop.keys.verifies(reply.body, reply.headers["signature"], tmp_path)


def test_a_full_disk_is_a_system_error(make_box, running, full_disk, caplog):
    """
    Signed as any refusal, told in one line of both languages; then all goes on.
    """
    box = make_box()

    with running(box) as shop:
        shop.settings(refusals="signed")
        shop.new_token()

        with full_disk(box):
            replies = [shop.get(RATE), shop.create(), shop.get(RATE)]

        [first, *_] = caplog.records

        assert ["00060999"] * 3 == [reply.code for reply in replies]
        assert all("sign" in reply.json["meta"] for reply in replies)
        assert "readonly database" in first.getMessage()
        assert "磁盘" in first.getMessage()
        assert 3 == len(caplog.records)
        assert all(one.exc_info is None for one in caplog.records)
        assert "umfpay.emulator" == first.name
        assert "0000" == shop.get(RATE).code


def test_what_was_done_is_answered_also_when_it_cannot_be_written_down(
    make_box, running, monkeypatch, caplog
):
    """
    The payment was made: the merchant gets to know it.
    """
    box = make_box()

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    with running(box) as shop:
        shop.new_token()

        with monkeypatch.context() as patch:
            patch.setattr(box._store, "log", full)
            reply = shop.create()

        assert "0000" == reply.code
        assert 1 == len(caplog.records)
        assert 1 == len(shop.control("GET", "/payments")["payments"])
