"""
How answers look: refusals in the words of the table, pages, what a terminal obeys.
"""

from __future__ import annotations

import json
from urllib.parse import quote


def test_a_refusal_has_the_words_of_the_table(shop):
    """
    The reason is for the log alone.
    """
    reply = shop.get("/payments/payment/PAY_A")

    assert (200, "payment does not exist") == (
        reply.status,
        reply.json["meta"]["ret_msg"],
    )
    assert "no payment PAY_A" == shop.last_request()["reason"]


def test_pages_and_json_have_their_type(shop):
    """
    A signature is a header; the page of a proxy has none.
    """
    shop.new_token()
    shop.faults({"kind": "error_before", "status": 502})
    page = shop.get("/exchange_rate?currency=USD")
    answer = shop.get("/exchange_rate?currency=USD")

    assert b"<h1>502</h1>" in page.body
    assert "text/html" == page.headers["content-type"]
    assert "signature" not in page.headers
    assert "application/json; charset=utf-8" == answer.headers["content-type"]
    assert "signature" in answer.headers


def test_what_a_terminal_would_obey_is_escaped_in_answers_of_the_control_api(shop):
    """
    As JSON escapes it: what is read is what it was.
    """
    odd = "\x1b[2J\x9b31m\u202e\U000e0041 中文"
    body = shop.raw("GET", f"/_emulator/{quote(odd)}").body

    assert body.decode().isprintable()
    assert "中文" in body.decode()
    assert f"no such path: GET /{odd}" == json.loads(body)["error"]
