"""
Failures of an exchange in our words, and errors without their frames.
"""

from __future__ import annotations

import pickle

import pytest

from umfpay.transport import (
    Effect,
    Failure,
    HTTPExchangeError,
    transport_error,
    without_traceback,
)


WORDS = {
    Failure.CONNECT: ("no connection (detail)", "无法建立连接（detail）"),
    Failure.CONNECT_TIMEOUT: ("no connection in time", "未能及时建立连接"),
    Failure.POOL_TIMEOUT: ("stayed full", "一直占满"),
    Failure.TIMEOUT: ("no answer in time", "未能及时收到应答"),
    Failure.BROKEN: ("the connection broke", "连接中断"),
    Failure.PROTOCOL: ("no complete HTTP answer", "未收到完整的 HTTP 应答"),
    Failure.PROXY: ("the proxy refused", "代理拒绝"),
    Failure.ADDRESS: ("not an http address", "不是 http 地址"),
    Failure.TOO_LARGE: ("too large", "过大"),
}


@pytest.mark.parametrize("failure", Failure)
def test_the_message_names_call_and_kind(call, failure):
    """Somebody who reads the log knows what happened to which call."""
    made = transport_error(call(), HTTPExchangeError(failure, "detail"))
    en, zh = WORDS[failure]

    assert en in made.what.en
    assert zh in made.what.zh
    assert made.what.en.startswith("GET /payments/payment: ")
    assert made.what.zh.startswith("GET /payments/payment：")


@pytest.mark.parametrize("detail", ["", "the connection broke"])
def test_what_says_no_more_stands_in_no_brackets(call, detail):
    """Our own connections say of many failures what their kind says already."""
    made = transport_error(call(), HTTPExchangeError(Failure.BROKEN, detail))

    assert "the connection broke. The" in made.what.en
    assert "连接中断。请求" in made.what.zh


def test_a_strangers_words_do_nothing_to_a_terminal(call):
    """A detail may hold what a server sent."""
    made = transport_error(
        call(), HTTPExchangeError(Failure.PROTOCOL, "a\x1b[2Jb\r\nc")
    )

    assert not {"\x1b", "\r", "\n"} & set(made.what.en + made.what.zh)


@pytest.mark.parametrize("started", [True, False])
def test_it_tells_whether_the_request_was_sent(call, started):
    """The truth is in the attribute, the words and the advice, and survives pickle."""
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )
    error = transport_error(state, HTTPExchangeError(Failure.BROKEN))
    made = pickle.loads(pickle.dumps(error))

    assert started is made.request_sent
    assert ("may have been sent" in made.what.en) is started
    assert ("可能已发出" in made.what.zh) is started
    assert ("ask the gateway first" in made.advice.en) is started
    assert ("请先向网关查询" in made.advice.zh) is started


def test_a_pool_that_stays_full_names_its_limit(call):
    """The advice is about the pool; nothing was sent."""
    made = transport_error(
        call(handed_over=True), HTTPExchangeError(Failure.POOL_TIMEOUT)
    )

    assert not made.request_sent
    assert "max_connections" in made.advice.en
    assert "max_connections" in made.advice.zh


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
