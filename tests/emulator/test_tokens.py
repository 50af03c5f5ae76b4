"""
The token rule: the newest token is the only one.
"""

from __future__ import annotations

import json

import pytest


AUTHORIZE = "/cberest/v1/oauth/authorize"
RATE = "/cberest/v1/exchange_rate?currency=USD"


def test_a_token_is_64_hex_characters_and_comes_first(shop):
    """
    Some clients cut the answer instead of reading it.
    """
    reply = shop.new_token()

    assert list(reply.json) == ["access_token", "expires_in"]
    assert 3600 == reply.json["expires_in"]
    assert len(bytes.fromhex(shop.token)) == 32
    assert "signature" in reply.headers


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_id": "x"}, 401, "00060711"),
        ({"client_secret": "x"}, 401, "00060711"),
        ({"client_secret": None}, 401, "00060711"),
        ({"client_id": 7}, 401, "00060711"),
        ({"grant_type": "password"}, 400, "00060700"),
        ({"scope": "default", "mer_id": "8017"}, 200, None),
    ],
)
def test_only_the_client_itself_gets_one(shop, changes, status, code):
    """
    Id, secret and grant type are checked; more members are tolerated.
    """
    body = {
        "client_id": shop.keys.client_id,
        "client_secret": shop.keys.client_secret,
        "grant_type": "client_credentials",
    }
    reply = shop.raw("POST", AUTHORIZE, json.dumps(body | changes))

    assert status == reply.status
    assert code == reply.json.get("meta", {}).get("ret_code")


@pytest.mark.parametrize(
    "name", ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"]
)
@pytest.mark.parametrize("form", ["Bearer {}", "Bearer{}", "bearer {}", "Bearer   {} "])
def test_every_form_of_the_header_works(shop, name, form):
    """
    Documents write a blank, production clients none.
    """
    shop.new_token()
    reply = shop.raw("GET", RATE, headers={name: form.format(shop.token)})

    assert "0000" == reply.code


@pytest.mark.parametrize("header", [None, "", "Basic eA==", "Bearer ", "Bearer é"])
def test_without_a_living_token_nothing_works(shop, header):
    """
    The answer is 401 and 00280703.
    """
    shop.new_token()
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    reply = shop.raw("GET", RATE, headers=headers)

    assert (401, "00280703") == (reply.status, reply.code)


def test_a_long_token_call_is_not_read(shop):
    """
    Whoever sends it is not known yet.
    """
    reply = shop.raw("POST", AUTHORIZE, b'{"a":"' + b"x" * 70_000 + b'"}')

    assert (400, "00060700") == (reply.status, reply.code)
    assert "the body is too long" == shop.last_request()["reason"]


def test_a_new_token_kills_the_old_one(shop):
    """
    At once.
    """
    shop.new_token()
    old = shop.token
    shop.new_token()

    assert "0000" == shop.get("/exchange_rate?currency=USD").code

    shop.token = old

    assert "00280703" == shop.get("/exchange_rate?currency=USD").code
    assert "the token is not the newest" == shop.last_request()["reason"]


def test_a_token_expires(shop):
    """
    By the emulator's clock.
    """
    shop.settings(token_lifetime=60)

    assert 60 == shop.new_token().json["expires_in"]

    shop.forward(59)

    assert 200 == shop.get("/exchange_rate?currency=USD").status

    shop.forward(2)

    assert 401 == shop.get("/exchange_rate?currency=USD").status
    assert "the token has expired" == shop.last_request()["reason"]


def test_many_token_calls_are_fine(shop):
    """
    PHP clients fetch one for every call.
    """
    for _ in range(20):
        shop.new_token()

    assert "0000" == shop.get("/exchange_rate?currency=USD").code
    assert 20 == shop.control("GET", "/token")["requests"]
