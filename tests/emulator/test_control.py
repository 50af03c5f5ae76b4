"""
The control API: what a test does that a customer or UMF would do.
"""

from __future__ import annotations

import sqlite3

import pytest


JSON = {"Content-Type": "application/json"}


def test_it_tells_what_it_is(shop):
    """
    With and without a slash at the end.
    """
    for path in ("", "/"):
        about = shop.control("GET", path)

        assert ("umfpay", f"{shop.origin}/cberest/v1") == (
            about["emulator"],
            about["base_url"],
        )


def test_the_clock_moves(shop):
    """
    By seconds or to a moment; one without zone is China's.
    """
    assert shop.control("GET", "/clock")["now"].startswith("2026-11-23T12:0")
    assert shop.forward(3600)["now"].startswith("2026-11-23T13:0")
    assert shop.control("POST", "/clock", {"now": "2027-01-01T00:00:00"})[
        "now"
    ].startswith("2027-01-01T00:00:00")
    assert shop.control("POST", "/clock", {"now": "2027-01-01T00:00:00Z"})[
        "now"
    ].startswith("2027-01-01T08:00:00")


@pytest.mark.parametrize("seconds", [1e90, -1e90, int("9" * 60)])
def test_the_clock_stays_within_the_years_of_dates(shop, seconds):
    """
    The gateway still answers there.
    """
    shop.forward(seconds)
    shop.token = None

    assert "0000" == shop.create().code


@pytest.mark.parametrize(
    "value", [{}, {"advance": "1"}, {"advance": True}, {"now": "soon"}, {"now": 7}]
)
def test_a_wrong_time_is_refused(shop, value):
    """
    With the form that is right.
    """
    reply = shop.control("POST", "/clock", value)

    assert 400 == reply.status
    assert reply.json["error"]


def test_settings_are_changed_while_it_runs(shop):
    """
    What is wrong changes nothing.
    """
    assert "old" == shop.settings(names="old")["names"]
    assert 400 == shop.settings(names="ancient", signature="none").status
    assert "both" == shop.control("GET", "/settings")["signature"]


def test_a_reset_forgets_everything(shop):
    """
    Payments, token, faults, settings, requests; time is real again.
    """
    first = shop.control("GET", "/settings")
    shop.paid()
    shop.settings(names="old", token_lifetime=60)
    shop.faults({"kind": "busy"})
    token = shop.token
    shop.forward(86_400)
    shop.control("POST", "/reset", {})
    shop.token = token

    assert [] == shop.control("GET", "/payments")["payments"]
    assert [] == shop.control("GET", "/requests")["requests"]
    assert [] == shop.control("GET", "/faults")["rules"]
    assert first == shop.control("GET", "/settings")
    assert shop.control("GET", "/clock")["now"].startswith("2026-11-23")
    assert {
        "requests": 0,
        "by": None,
        "calls": {},
        "seconds_left": None,
    } == shop.control("GET", "/token")
    assert 401 == shop.get("/bank?type=DEBIT_CARD").status


def test_the_token_can_be_watched_and_stolen(shop):
    """
    Not read.
    """
    shop.new_token()
    token = shop.control("GET", "/token")

    assert ("client", 1) == (token["by"], token["requests"])
    assert 3590 < token["seconds_left"] <= 3600
    assert "outsider" == shop.control("POST", "/token/steal")["by"]
    assert 401 == shop.get("/bank?type=DEBIT_CARD").status


def test_an_sms_code_is_there_once_it_was_sent(shop):
    """
    Before, and for unknown payments, there is none.
    """
    key = shop.created()

    assert 404 == shop.control("GET", f"/payments/{key}/sms_code").status
    assert 404 == shop.control("GET", "/payments/PAY_A/sms_code").status
    assert 6 == len(shop.sms(key))


def test_every_list_is_there(shop):
    """
    Payments, refunds, declarations, companies, notifications, requests.
    """
    for name in ("payments", "refunds", "enterprises", "notifications"):
        assert {name: [], "more": False} == shop.control("GET", f"/{name}")

    assert {"declarations": [], "more": False} == shop.control("GET", "/customs")

    key = shop.created()

    assert key == shop.control("GET", f"/payments/{key}")["payment"]["id"]
    assert ["/oauth/authorize", "/payments/payment"] == [
        one["path"].removeprefix("/cberest/v1")
        for one in shop.control("GET", "/requests")["requests"]
    ]


def test_a_long_list_is_read_from_its_end(shop, monkeypatch):
    """
    The newest first, then those before the oldest of them; within a list by age.
    """
    monkeypatch.setattr("umfpay.emulator._control._MAX_LISTED_DOCUMENTS", 2)
    keys = [shop.created(reference=f"r-{number}") for number in range(5)]
    lists = [
        shop.control("GET", f"/payments{query}")
        for query in ("", f"?before={keys[3]}", f"?before={keys[1]}")
    ]

    assert [keys[3:], keys[1:3], keys[:1]] == [
        [one["id"] for one in found["payments"]] for found in lists
    ]
    assert [True, True, False] == [found["more"] for found in lists]
    assert keys[1:3] == [
        one["id"]
        for one in shop.box.control("GET", f"/payments?before={keys[3]}")["payments"]
    ]
    assert 404 == shop.control("GET", "/payments?before=PAY_A").status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("POST", "/payments"),
        ("PUT", "/clock"),
        ("GET", "/payments/PAY_A"),
        ("GET", "x"),
    ],
)
def test_what_is_not_there_is_404(shop, method, path):
    """
    With JSON that says so.
    """
    reply = shop.raw(method, f"/_emulator{path}", "{}", JSON)

    assert 404 == reply.status
    assert reply.json


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded"]
)
def test_a_page_of_another_site_cannot_write(shop, method, kind):
    """
    What a browser sends without asking is refused, and asking gives no leave.
    """
    headers = {"Origin": "http://evil.test"} | ({"Content-Type": kind} if kind else {})
    reply = shop.raw(method, "/_emulator/reset", "{}", headers)

    assert 415 == reply.status
    assert not any(name.startswith("access-control") for name in reply.headers)


def test_a_bug_is_reported_and_does_not_end_it(shop, monkeypatch, caplog):
    """
    500 as JSON, the traceback in the log.
    """

    def broken(_):
        raise KeyError("x")

    with monkeypatch.context() as patch:
        patch.setattr("umfpay.emulator._control.run_due", broken)
        reply = shop.control("GET", "/clock")

    assert 500 == reply.status
    assert "KeyError" in caplog.text
    assert shop.control("GET", "/clock")["now"]


def test_sms_codes_are_listed_with_their_phones(shop):
    """
    For whoever knows the phone and not the payment.
    """
    key = shop.created()

    assert [] == shop.control("GET", "/sms")["sms"]

    code = shop.sms(key)
    sent = shop.control("GET", "/sms")["sms"][0]

    assert ("13800138000", key, code) == (sent["phone"], sent["payment"], sent["code"])


@pytest.mark.parametrize("number", ["7", "0" * 12, "9" * 13, "9" * 5000, "x"])
def test_a_notification_that_is_not_there_is_not_sent_again(shop, number):
    """
    However long its number is.
    """
    assert 404 == shop.control("POST", f"/notifications/{number}/resend", {}).status


def test_a_full_disk_is_no_bug(make_box, running, full_disk, caplog):
    """
    The answer and one line of the log say what it is.
    """
    box = make_box()

    with running(box) as shop:
        with full_disk(box):
            reply = shop.control("POST", "/token/steal", {})

        assert 500 == reply.status
        assert "readonly database" in reply.json["error"]
        assert "bug" not in reply.json["error"]
        assert [None] == [one.exc_info for one in caplog.records]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"advance":1,"advance":2}',
        b'{"a":' * 2000,
        b'{"a":"' + b"x" * 5_000_000 + b'"}',
    ],
)
def test_a_body_that_is_no_object_is_refused(shop, body):
    """
    Lists, broken JSON, repeated members, bombs.
    """
    reply = shop.raw(
        "POST",
        "/_emulator/clock",
        body,
        {"content-type": "application/json; charset=x"},
    )

    assert 400 == reply.status
    assert "body" in reply.json["error"]


def test_numbers_may_have_fractions_at_any_depth(shop):
    """
    They are seconds and probabilities, no money.
    """
    plan = shop.faults({"kind": "busy", "seconds": 0.25, "probability": 0.5})

    assert (0.25, 0.5) == (plan["rules"][0]["seconds"], plan["rules"][0]["probability"])
    assert 0.5 == shop.settings(settle_after=0.5)["settle_after"]


def _reply_after(shop, monkeypatch, error):
    def broken(_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("umfpay.emulator._control.run_due", broken)

        return shop.raw("GET", "/_emulator/a%0A/b")


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.DatabaseError("database disk image is malformed"),
    ],
)
def test_the_disk_is_to_blame_in_one_line_of_both_languages(
    shop, monkeypatch, caplog, error
):
    """
    No traceback: it is no bug.
    """
    reply = _reply_after(shop, monkeypatch, error)

    [record] = caplog.records

    assert 500 == reply.status
    assert str(error) in reply.json["error"]
    assert str(error) in record.getMessage()
    assert "磁盘" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(
    "error", [KeyError("x"), sqlite3.ProgrammingError("a closed database")]
)
def test_anything_else_is_a_bug_with_its_traceback(shop, monkeypatch, caplog, error):
    """
    The answer says where to look.
    """
    reply = _reply_after(shop, monkeypatch, error)

    assert (500, "a bug of the emulator; see its log") == (
        reply.status,
        reply.json["error"],
    )
    assert caplog.records[0].exc_info[1] is error
