"""
Fault plans: each kind does what it says, as often as it says.
"""

from __future__ import annotations

import http.client
import socket
import time

import pytest

from umfpay.emulator import Fault, FaultPlan
from umfpay.errors import ConfigError


RATE = "/exchange_rate?currency=USD"


def test_a_delay_comes_after_the_work(shop):
    """
    The answer is late and good.
    """
    shop.new_token()
    shop.faults({"kind": "delay", "seconds": 0.2})
    started = time.monotonic()

    assert "0000" == shop.get(RATE).code
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("kind", "made"), [("drop_before", 0), ("drop_after", 1)])
def test_a_drop_cuts_the_connection(shop, kind, made):
    """
    Before or after the payment was made; not one byte comes back.
    """
    shop.new_token()
    shop.faults({"kind": kind, "path": "/payments"})

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        shop.create()

    assert made == len(shop.control("GET", "/payments")["payments"])
    assert (0, [kind]) == (
        shop.last_request()["status"],
        shop.last_request()["faults"],
    )


def test_a_drop_really_closes_the_socket(shop):
    """
    The client's socket reads the end, not an answer.
    """
    shop.faults({"kind": "drop_before"})
    host, _, port = shop.host.partition(":")

    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(
            f"GET /cberest/v1{RATE} HTTP/1.1\r\nHost: {shop.host}\r\n\r\n".encode()
        )

        try:
            got = peer.recv(100)
        except ConnectionResetError:
            got = b""

    assert b"" == got


@pytest.mark.parametrize(("kind", "made"), [("error_before", 0), ("error_after", 1)])
@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_is_a_page_with_its_status(shop, kind, made, status):
    """
    Before or after the payment was made.
    """
    shop.new_token()
    shop.faults({"kind": kind, "status": status})
    reply = shop.create()

    assert (status, "text/html") == (reply.status, reply.headers["content-type"])
    assert made == len(shop.control("GET", "/payments")["payments"])


def test_busy_says_when_to_come_back(shop):
    """
    429 with Retry-After, and nothing is done.
    """
    shop.new_token()
    shop.faults({"kind": "busy", "seconds": 2})
    reply = shop.create()

    assert (429, "2") == (reply.status, reply.headers["retry-after"])
    assert [] == shop.control("GET", "/payments")["payments"]


def test_a_forged_answer_does_not_verify(shop, tmp_path):
    """
    Neither a forged file.
    """
    shop.new_token()
    shop.faults({"kind": "forge", "times": 2})
    path = "/payments/transactions_download?mer_date=20261123"

    for reply in (shop.get(RATE), shop.get(path)):
        assert not shop.keys.verifies(reply.body, reply.headers["signature"], tmp_path)

    assert shop.keys.verifies(
        shop.get(path).body, shop.get(path).headers["signature"], tmp_path
    )


def test_an_unsigned_answer_has_no_signature(shop):
    """
    Neither an unsigned file.
    """
    shop.new_token()
    shop.faults({"kind": "unsign", "times": 2})
    reply = shop.get(RATE)

    assert "signature" not in reply.headers
    assert "sign" not in reply.json["meta"]

    file = shop.get("/payments/transactions_download?mer_date=20261123")

    assert "signature" not in file.headers


def test_a_stolen_token_is_dead(shop):
    """
    Somebody else fetched one.
    """
    shop.new_token()
    shop.faults({"kind": "steal_token"})

    assert "00280703" == shop.get(RATE).code
    assert "outsider" == shop.control("GET", "/token")["by"]

    shop.new_token()

    assert "0000" == shop.get(RATE).code


def test_a_skewed_clock_stays_skewed(shop):
    """
    The token expires with it.
    """
    shop.new_token()
    shop.faults({"kind": "skew_clock", "seconds": 4000})

    assert "00280703" == shop.get(RATE).code
    assert "T13:" in shop.control("GET", "/clock")["now"]


def test_rules_are_for_a_method_and_a_path_and_are_counted(shop):
    """
    skip spares the first ones, times counts, 0 is all.
    """
    shop.new_token()
    shop.faults(
        {"kind": "busy", "method": "GET", "path": "^/bank", "skip": 1, "times": 2},
        {"kind": "error_before", "path": "_rate", "times": 0},
    )
    shop.create()
    banks = [shop.get("/bank?type=DEBIT_CARD").status for _ in range(5)]
    rates = {shop.get(RATE).status for _ in range(5)}

    assert [200, 429, 429, 200, 200] == banks
    assert {502} == rates

    rules = shop.control("GET", "/faults")["rules"]

    assert [(2, 5), (5, 5)] == [(rule["hits"], rule["seen"]) for rule in rules]


def test_the_same_seed_goes_wrong_the_same():
    """
    And another one otherwise.
    """

    def hits(seed):
        plan = FaultPlan([Fault(kind="busy", times=0, probability=0.5)], seed=seed)

        return [bool(plan.strike(["busy"], method="", path="")) for _ in range(64)]

    assert hits(7) == hits(7)
    assert hits(7) != hits(8)
    assert 10 < sum(hits(7)) < 54


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"rules": {}},
        {"rules": [], "seed": "x"},
        {"rules": [], "seed": True},
        {"rules": ["x"]},
        {"rules": [{}]},
        {"rules": [{"kind": "earthquake"}]},
        {"rules": [{"kind": ["busy"]}]},
        {"rules": [{"kind": "busy", "hits": 1}]},
        {"rules": [{"kind": "busy", "path": 7}]},
        {"rules": [{"kind": "busy", "path": "("}]},
        {"rules": [{"kind": "busy", "path": "a{99999999999999999999}"}]},
        {"rules": [{"kind": "busy", "path": "(" * 5000 + ")" * 5000}]},
        {"rules": [{"kind": "busy", "times": 1.5}]},
        {"rules": [{"kind": "busy", "times": -1}]},
        {"rules": [{"kind": "busy", "skip": True}]},
        {"rules": [{"kind": "busy", "seconds": 61}]},
        {"rules": [{"kind": "skew_clock", "seconds": float("inf")}]},
        {"rules": [{"kind": "skew_clock", "seconds": float("nan")}]},
        {"rules": [{"kind": "skew_clock", "seconds": -(10**400)}]},
        {"rules": [{"kind": "error_before", "status": 99999}]},
    ],
)
def test_what_is_no_plan_is_refused(value):
    """
    Before anything goes wrong by it.
    """
    with pytest.raises(ConfigError):
        FaultPlan.from_json(value)
