"""
The request log: reasons, and nothing that nobody may keep.
"""

from __future__ import annotations

import base64
import json
import re
import time
from urllib.parse import quote, unquote

import pytest

from tests.emulator.merchant import Keys
from umfpay.protocol import Opener


@pytest.fixture(name="kept")
def _kept(shop):
    """
    Give a function that sends a request and returns what the log has of it.
    """

    def keep(body, path="/x", method="POST", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        shop.raw(method, f"/cberest/v1{path}", raw, headers)

        return shop.last_request()

    return keep


def test_a_refused_request_is_kept_as_received_with_its_reason(shop):
    """
    Blanks and order, too, where there is nothing to hide; the token is not.
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
def test_what_should_have_been_sealed_is_starred_out(kept, body):
    """
    In good JSON and in broken.
    """
    shown = kept(body)["body"]

    assert "canary" not in shown
    assert "4392260012345678" not in shown
    assert "***" in shown


def test_goods_keep_their_names(kept):
    """
    Only a person's is hidden.
    """
    assert "shirt" in kept({"items": [{"name": "shirt"}]})["body"]


SEALED = base64.b64encode(bytes(range(128))).decode()
FOLDED = "\r\n".join(SEALED[start : start + 76] for start in (0, 76, 152))
BLANKS = " ".join(SEALED[start : start + 4] for start in range(0, 172, 4))


@pytest.mark.parametrize(
    "body",
    [
        {"number": SEALED},
        {"payer": [{"card_no": SEALED}]},
        {"number": FOLDED},
        {"odd": BLANKS},
        {"note": f"my card is {SEALED}."},
        {"within": json.dumps({"number": SEALED})},
        [SEALED],
        json.dumps({"number": SEALED}).replace("/", "\\/").encode(),
        f'{{"number":"{SEALED}"'.encode(),
        f'{{"number":"{SEALED}'.encode(),
        f'{{"odd":"{SEALED}'.replace("/", "\\/").encode(),
        f"number={SEALED}".encode(),
        f"number={quote(SEALED, safe='')}".encode(),
        f"a {FOLDED} b".encode(),
        json.dumps({"fill": "x y" * 20_000, "number": SEALED}).encode(),
        json.dumps({"number": SEALED, "fill": "x y" * 20_000}).encode(),
        json.dumps({"a": "x y " * 8_172, "number": SEALED}).encode(),
    ],
)
def test_sealed_values_are_mentioned_and_not_kept(kept, body):
    """
    In whatever form: the key that opens them lies beside the log.
    """
    text = "".join(kept(body)["body"].replace("\\", "").split())

    assert SEALED not in text
    assert SEALED[:60] not in text
    assert quote(SEALED, safe="")[:60] not in text


def test_a_sealed_value_is_mentioned_with_its_length(kept):
    """
    So a client's reader sees that it was sealed.
    """
    shown = kept({"number": SEALED})["body"]

    assert '{"number":"(sealed, 172 characters)"}' == shown
    assert "(sealed, 172 characters)" in kept(f'{{"number":"{SEALED}"'.encode())["body"]


def test_a_sealed_value_in_a_query_is_not_kept(kept):
    """
    Nor in a form that was sent as one.
    """
    query = kept(b"", f"/x?n={quote(SEALED, safe='')}&a=1", "GET")["query"]

    assert SEALED[:40] not in query
    assert query.endswith("&a=1")


@pytest.mark.parametrize(
    "hostile",
    [
        '{"number":"' + "A" * 160 + " " * 20_000 + '!"}',
        '{"number":"' + " " * 32_000,
        '"' * 32_000,
        '"number"' * 4_000,
        '"number":' * 3_500,
        '"number":"\\' * 2_500,
        ('"' + " " * 100) * 300,
        "1" * 32_000,
        "1234567890123" * 2_500,
        "A" * 59 + "!",
        "\\" * 32_000,
        '"name"' + " " * 32_000 + "x",
    ],
    ids=range(12),
)
def test_the_time_is_linear_in_what_a_stranger_sends(kept, hostile):
    """
    Twice as many bytes cost at most so much more; a second is never near.
    """
    raw = hostile.encode()
    begin = time.process_time()

    kept(raw)
    kept({"payer": {"payer_info": {"bank_card": {"number": hostile}}}})

    assert time.process_time() - begin < 1


def test_what_is_too_long_to_keep_is_not_read(kept):
    """
    Four megabytes of JSON cost no more than what is kept of them.
    """
    raw = b'{"a":[' + b'{"b":1},' * 500_000 + b"0]}"
    begin = time.process_time()

    assert 32_768 == len(kept(raw)["body"])
    assert time.process_time() - begin < 0.5


def test_a_token_call_keeps_nothing_of_its_own(kept):
    """
    Neither body nor query, nor a cookie.
    """
    headers = {"Cookie": "canary", "Proxy-Authorization": "canary"}
    secret = "client_secret=canary"
    found = kept(secret.encode(), f"/oauth/authorise?{secret}", "GET", **headers)

    assert "***" == found["body"] == found["query"] == found["headers"]["cookie"]
    assert "canary" not in json.dumps(found)


def test_a_record_is_bounded(kept):
    """
    Body, query and headers are cut; what is left out of them is the largest.
    """
    headers = {"x-a": "a" * 9_000, "x-b": "b" * 8_000, "x-c": "c" * 1_000, "x-d": "d"}
    found = kept(b"x " * 50_000, "/x?" + "q&" * 10_000, **headers)

    assert (32_768, 2_048) == (len(found["body"]), len(found["query"]))
    assert {"x-b", "x-d"} == headers.keys() & found["headers"].keys()


def test_no_secret_is_in_the_books(make_box, running, tmp_path, listener):
    """
    Not one byte of token, secret, or card in any file but those made for secrets.
    """
    folder = tmp_path / "data"
    box = make_box(folder, key_bits=1024)
    keys = Keys(folder)

    with running(box, keys) as shop:
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


def test_nothing_in_the_books_can_be_opened_with_the_key_beside_them(
    make_box, running, tmp_path
):
    """
    Wherever a client puts what it sealed: in a card payment, and where it does not
    belong.
    """
    folder = tmp_path / "data"
    box = make_box(folder, key_bits=1024)
    keys = Keys(folder)

    with running(box, keys) as shop:
        key = shop.created()
        shop.execute(key)
        sealed = shop.card()
        odd = shop.body(reference="odd", risk_info={"registration_identify_code": "1"})
        odd["order"]["payer_info"] = {"bank_card": sealed}
        odd["order"]["card"] = sealed["number"]
        odd["note"] = f"card {sealed['number']}"
        shop.post("/payments/payment", odd)
        shop.get(f"/bank?type={quote(sealed['number'], safe='')}")
        shop.get(f"/bank?type={sealed['number']}")
        shop.raw("POST", "/cberest/v1/x", f"number={sealed['cvv2']}".encode())
        shop.raw("POST", "/cberest/v1/x", json.dumps({"a": [sealed["cvv2"]]}).encode())

    written = b"".join(file.read_bytes() for file in folder.glob("emulator.sqlite3*"))
    text = unquote(written.decode("latin-1").replace("\\", ""))
    opener = Opener(box.credentials.gateway_key)
    opened = [
        run
        for run in set(re.findall(r"[A-Za-z0-9+/]{100,}={0,2}", text))
        if _opens(opener, run)
    ]

    assert b"(sealed, 172 characters)" in written
    assert [] == opened


def _opens(opener, run):
    # A part of a longer run is sealed, too.
    return any(
        opener.open(run[start : start + 172]) is not None
        for start in range(max(1, len(run) - 171))
    )
