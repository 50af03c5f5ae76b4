"""
Errors of httpx in our words.
"""

from __future__ import annotations

import pickle

import httpx
import pytest

from umfpay.transport import Effect, transport_error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("h:1: refused"), "no connection (h:1: refused)"),
        (httpx.ConnectTimeout("x"), "no connection in time"),
        (httpx.PoolTimeout("x"), "stayed full"),
        (httpx.ReadTimeout("x"), "no answer in time"),
        (httpx.ReadError("x"), "the connection broke"),
        (httpx.RemoteProtocolError("x"), "no complete HTTP answer"),
        (httpx.ProxyError("x"), "the proxy refused"),
        (httpx.UnsupportedProtocol("x"), "not an http address"),
        (OSError(), "OSError"),
    ],
)
def test_the_message_names_call_and_kind(call, error, words):
    """Somebody who reads the log knows what happened to which call."""
    made = transport_error(call(), error)

    assert words in made.what.en
    assert made.what.en.startswith("GET /payments/payment: ")
    assert made.what.zh.startswith("GET /payments/payment：")


@pytest.mark.parametrize("started", [True, False])
def test_it_tells_whether_the_request_was_sent(call, started):
    """The truth is in the attribute, the words and the advice, and survives pickle."""
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )
    made = pickle.loads(pickle.dumps(transport_error(state, httpx.ReadError("x"))))

    assert started is made.request_sent
    assert ("may have been sent" in made.what.en) is started
    assert ("ask the gateway first" in made.advice.en) is started
