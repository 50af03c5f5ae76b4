"""
The facts of one call.
"""

from __future__ import annotations

import httpx
import pytest

from umfpay.errors import ConfigError
from umfpay.sensitive import Secret
from umfpay.transport import BearerToken, Effect
from umfpay.transport._call import call_state


NEVER_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
MAYBE_SENT = [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.ProxyError]


@pytest.mark.parametrize("error", [None, *MAYBE_SENT])
def test_nothing_was_sent_before_the_network_had_it(call, error):
    """A call that never reached the network transport was not sent."""
    state = call(Effect.MONEY)

    assert not state.may_have_been_sent(None if error is None else error("x"))


@pytest.mark.parametrize("error", NEVER_SENT)
def test_a_foreign_transport_without_connection_sent_nothing(call, error):
    """Three errors of a transport that tracks nothing mean that no byte left."""
    state = call(Effect.MONEY, handed_over=True)

    assert not state.may_have_been_sent(error("x"))


@pytest.mark.parametrize("error", MAYBE_SENT)
def test_a_foreign_transport_may_have_sent_anything_else(call, error):
    """Every other error of a transport that tracks nothing counts as sent."""
    state = call(Effect.MONEY, handed_over=True)

    assert state.may_have_been_sent(error("x"))
    assert state.may_have_been_sent()


@pytest.mark.parametrize("started", [True, False])
def test_a_tracked_body_decides_whatever_the_error(call, started):
    """Where the body is watched, only the body counts."""
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )

    assert started is state.may_have_been_sent(httpx.ReadError("x"))
    assert started is state.may_have_been_sent(httpx.ConnectError("x"))


def test_an_empty_body_says_nothing(call):
    """A write without a body counts as sent although no body was started."""
    state = call(Effect.MONEY, body=b"", handed_over=True, body_tracked=True)

    assert state.may_have_been_sent(httpx.ReadError("x"))
    assert not state.may_have_been_sent(httpx.ConnectError("x"))


def test_starting_again_forgets_the_attempt_but_not_the_counts(call):
    """A new attempt knows nothing of the last answer; the counters go on."""
    state = call(
        handed_over=True,
        body_started=True,
        status=401,
        response_headers=[(b"A", b"b")],
        unverified_accepted=True,
        attempts=2,
        replays=1,
        signature="abc",
    )

    state.start_again()

    assert (
        state.handed_over,
        state.body_started,
        state.status,
        state.response_headers,
        state.unverified_accepted,
        state.envelope,
    ) == (False, False, None, (), False, None)
    assert (state.attempts, state.replays, state.signature) == (2, 1, "abc")


def test_headers_are_found_in_any_case_and_joined(call):
    """Two headers of one name are joined, so two signatures are none."""
    state = call(
        response_headers=[(b"SIGNATURE", b"a"), (b"X", b"y"), (b"signature", b"b")]
    )

    assert state.response_header(b"signature") == "a, b"
    assert state.response_header(b"date") is None


def test_a_request_without_state_is_refused():
    """A layer names what is missing when a plain request reaches it."""
    with pytest.raises(ConfigError, match="build_request"):
        call_state(httpx.Request("GET", "https://gateway.example/"))


def test_repr_shows_neither_body_nor_token(call):
    """What a traceback or log prints of a call holds nothing of the customer."""
    state = call(
        Effect.MONEY,
        body=b'{"phone":"13800000000"}',
        bearer=BearerToken(generation=1, token=Secret("tok")),
        signature="sig",
    )

    assert "1380" not in repr(state)
    assert "tok" not in repr(state).replace("body_tracked", "").replace("token", "")
    assert "sig'" not in repr(state)
