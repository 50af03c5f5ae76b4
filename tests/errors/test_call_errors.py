"""
What the ends of a call say, and errors without their frames.
"""

from __future__ import annotations

import pickle

import pytest

from umfpay.errors import call_errors, without_traceback


CALL = "GET /payments/payment"
FAILURES = {
    "connect": ("no connection (detail)", "无法建立连接（detail）"),
    "connect_timeout": ("no connection in time", "未能及时建立连接"),
    "pool_timeout": ("stayed full", "一直占满"),
    "timeout": ("no answer in time", "未能及时收到应答"),
    "broken": ("the connection broke", "连接中断"),
    "protocol": ("no complete HTTP answer", "未收到完整的 HTTP 应答"),
    "proxy": ("the proxy refused", "代理拒绝"),
    "address": ("not an http address", "不是 http 地址"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_message_names_call_and_kind(failure):
    """Somebody who reads the log knows what happened to which call."""
    made = call_errors.no_answer(CALL, failure, "detail", sent=False)
    en, zh = FAILURES[failure]

    assert en in made.what.en
    assert zh in made.what.zh
    assert made.what.en.startswith("GET /payments/payment: ")
    assert made.what.zh.startswith("GET /payments/payment：")


@pytest.mark.parametrize("detail", ["", "the connection broke"])
def test_what_says_no_more_stands_in_no_brackets(detail):
    """Our own connections say of many failures what their kind says already."""
    made = call_errors.no_answer(CALL, "broken", detail, sent=True)

    assert "the connection broke. The" in made.what.en
    assert "连接中断。请求" in made.what.zh


def test_a_strangers_words_do_nothing_to_a_terminal():
    """A detail may hold what a server sent."""
    made = call_errors.no_answer(CALL, "protocol", "a\x1b[2Jb\r\nc", sent=True)

    assert not {"\x1b", "\r", "\n"} & set(made.what.en + made.what.zh)


@pytest.mark.parametrize("sent", [True, False])
def test_it_tells_whether_the_request_was_sent(sent):
    """The truth is in the attribute, the words and the advice, and survives pickle."""
    error = call_errors.no_answer(CALL, "broken", "", sent=sent)
    made = pickle.loads(pickle.dumps(error))

    assert sent is made.request_sent
    assert ("may have been sent" in made.what.en) is sent
    assert ("可能已发出" in made.what.zh) is sent
    assert ("ask the gateway first" in made.advice.en) is sent
    assert ("请先向网关查询" in made.advice.zh) is sent


def test_a_pool_that_stays_full_names_its_limit():
    """The advice is about the pool; nothing was sent."""
    made = call_errors.no_answer(CALL, "pool_timeout", "", sent=False)

    assert "max_connections" in made.advice.en
    assert "max_connections" in made.advice.zh


@pytest.mark.parametrize(
    ("error", "setting", "cost"),
    [
        (call_errors.forged(CALL, "x"), "response_signatures", "forge"),
        (call_errors.forged(CALL, "x"), "response_verifier", "forge"),
        (call_errors.unsigned(CALL), "unsigned_responses", "change them"),
        (call_errors.stripped(CALL), "unsigned_responses", "taken the signature off"),
        (
            call_errors.unreadable(CALL, status=200, reason="x"),
            "base_url",
            "nothing could be read",
        ),
        (call_errors.redirected(CALL, status=302), "base_url", "token"),
        (call_errors.too_large(CALL, limit=10), "page_size", "memory"),
    ],
)
def test_every_refusal_names_call_setting_and_cost(error, setting, cost):
    """A refusal says what was called, what to set and what that costs, twice."""
    assert CALL in error.what.en
    assert CALL in error.what.zh
    assert setting in error.advice.en
    assert cost in error.advice.en
    assert setting in error.advice.zh


def test_no_error_on_the_way_keeps_its_frames():
    """Frames hold bodies and tokens; causes and contexts, in a circle too, lose them."""

    def fail():
        secret = "sesame"  # noqa: F841

        try:
            raise OSError("first")
        except OSError as error:
            raise ValueError("second") from error

    with pytest.raises(ValueError, match="second") as caught:
        fail()

    outer = caught.value
    inner = outer.__cause__
    inner.__context__ = outer

    assert outer is without_traceback(outer)
    assert (None, None) == (outer.__traceback__, inner.__traceback__)
