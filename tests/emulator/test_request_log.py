"""
The request log: reasons, and nothing that nobody may keep.
"""

from __future__ import annotations

import json

import pytest

from umfpay.emulator._messages import Request
from umfpay.emulator._request_log import logged


def _kept(body, path="/cberest/v1/payments/payment", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    return logged(Request(method="POST", path=path, headers=headers, body=raw))


def test_a_refused_request_is_kept_as_received_with_its_reason(shop):
    """
    Sealed members stay; the token does not.
    """
    body = json.dumps(shop.body() | {"payer": {}}, indent=1).encode()
    shop.post("/payments/payment", body)
    record = shop.last_request()

    assert body.decode() == record["body"]
    assert "***" == record["headers"]["authorization"]
    assert "payer or order is missing" == record["reason"]
    assert ("00060700", 200, []) == (
        record["ret_code"],
        record["status"],
        record["faults"],
    )
    assert record["at"].startswith("2026-11-23T12:")


@pytest.mark.parametrize(
    "body",
    [
        {"payer": {"payer_info": {"bank_card": {"number": "4392260012345678"}}}},
        {"payer": {"payer_info": {"bankCard": {"card_holder": "canary"}}}},
        {"payer": {"payer_info": {"name": "canary"}}},
        {"name": "canary", "citizen_id_number": ""},
        {" Number ": 4392260012345678},
        {"a": [{"cvv2": "canary"}]},
        {"client_secret": "canary"},
        {"risk_info": {"registration_identify_code": "canary"}},
        b'{"number": "4392260012345678", "number": 1}',
        b'{"payer_name":"canary"',
        b'{"payer_name" : "canary',
        b'{"cvv2":canary}',
        b"card=4392260012345678",
        b'\xff{"name":"canary"}',
    ],
)
def test_what_should_have_been_sealed_is_starred_out(body):
    """
    In good JSON and in broken.
    """
    kept = _kept(body)["body"]

    assert "canary" not in kept
    assert "4392260012345678" not in kept
    assert "***" in kept


def test_goods_keep_their_names():
    """
    And sealed values stay, in broken JSON, too.
    """
    sealed = "A" * 171 + "="

    assert "shirt" in _kept({"items": [{"name": "shirt"}]})["body"]
    assert sealed in _kept({"number": sealed})["body"]
    assert sealed in _kept(f'{{"number":"{sealed}"'.encode())["body"]


def test_a_token_call_keeps_nothing_of_its_own():
    """
    Neither body nor query, nor a cookie.
    """
    kept = logged(
        Request(
            method="GET",
            path="/cberest/v1/oauth/authorise",
            query="client_secret=canary",
            headers={"cookie": "canary", "proxy-authorization": "canary"},
            body=b"client_secret=canary",
        )
    )

    assert "canary" not in json.dumps(kept)


def test_a_long_body_is_cut():
    """
    After 64 KiB.
    """
    assert 65_536 == len(_kept({"a": "x" * 100_000})["body"])


def test_no_secret_is_in_the_books(
    make_box, running, shop_at, keys_of, tmp_path, listener
):
    """
    Not one byte of token, secret, or card in any file but those made for secrets.
    """
    folder = tmp_path / "data"
    box = make_box(folder, key_bits=1024)
    keys = keys_of(folder)

    with running(box) as server:
        shop = shop_at(server.origin, box, keys)
        key = shop.created(
            notify_url=listener.url,
            risk_info={"registration_identify_code": "canary-9"},
        )
        shop.execute(key)
        shop.refund(key, total="1.00")
        clear = {
            "number": "6222021234567890",
            "payer_name": "李四四",
            "cvv2": "canary-9",
        }
        shop.post(
            f"/payments/payment/{key}/verify",
            {"payer": {"payer_info": {"bank_card": clear}}},
        )
        info = {"payer_agreement": {"usr_pay_agreement_id": "1", "cvv2": "canary-9"}}
        shop.create(reference="r2", payer={"payer_info": info})
        tokens = [shop.token]
        shop.new_token()
        tokens.append(shop.token)
        listener.wait(1)

        files = list(folder.glob("emulator.sqlite3*"))
        written = b"".join(file.read_bytes() for file in files)

    written += (folder / "emulator.sqlite3").read_bytes()

    assert key.encode() in written
    assert b"TRADE_SUCCESS" in written

    for secret in (
        *tokens, keys.client_secret, "4392260012345678", "6222021234567890",
        "11010119900101001X", "张三", "李四四", "canary-9",
    ):  # fmt: skip
        assert secret.encode() not in written
        assert json.dumps(secret).strip('"').encode() not in written
