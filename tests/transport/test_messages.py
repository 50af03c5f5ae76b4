"""
Requests and responses that are made when somebody looks at them.
"""

from __future__ import annotations

import httpx
import pytest

from umfpay.sensitive import Secret
from umfpay.transport import AbandonedError, BearerToken, Effect, build_request
from umfpay.transport._messages import RawResponse, raw_headers


def test_a_write_is_a_complete_request(call):
    """Any transport finds method, address, all headers and the body."""
    state = call(
        Effect.MONEY,
        body=b'{"a":1}',
        headers=[(b"Accept-Language", b"ZH")],
        signature="c2ln",
        bearer=BearerToken(generation=1, token=Secret("tok")),
    )
    request = build_request(state)

    assert dict(request.headers) == {
        "host": "gateway.example",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": "umfpay",
        "accept-language": "ZH",
        "signature": "c2ln",
        "authorization": "Bearer tok",
        "content-length": "7",
    }
    assert ("POST", state.url, b'{"a":1}') == (
        request.method,
        request.url,
        request.read(),
    )
    assert request.extensions["timeout"]["read"] == 5.0


def test_a_read_has_a_content_type_and_no_length(call):
    """GET carries Content-Type, too, and no body."""
    request = build_request(call())

    assert request.headers["content-type"] == "application/json"
    assert not {"content-length", "signature", "authorization"} & set(request.headers)


def test_a_request_keeps_what_it_was_sent_with(call):
    """A recorded request shows its own token, not the one of the replay."""
    state = call(bearer=BearerToken(generation=1, token=Secret("first")))
    request = build_request(state)
    state.bearer = BearerToken(generation=2, token=Secret("second"))

    assert request.headers["authorization"] == "Bearer first"


def test_changed_headers_stay_changed(call):
    """A transport in between can add a header, and then nobody skips it."""
    request = build_request(call())

    assert request.untouched

    request.headers["X-Trace"] = "1"

    assert not request.untouched
    assert request.headers["x-trace"] == "1"

    request.headers = httpx.Headers({"A": "b"})

    assert dict(request.headers) == {"a": "b"}


def test_a_raw_response_has_both_forms_of_headers():
    """Headers are kept as they came, and look like httpx's when asked."""
    pairs = ((b"X-Two", b"1"), (b"x-two", b"2"))
    response = RawResponse(200, raw_headers=pairs, stream=httpx.ByteStream(b"{}"))

    assert pairs == raw_headers(response)
    assert response.headers["x-two"] == "1, 2"

    response.headers = httpx.Headers({"A": "b"})

    assert response.headers["a"] == "b"


def test_headers_of_a_plain_response_are_found():
    """A response of any other transport gives its pairs."""
    response = httpx.Response(200, headers=[("A", "b")], content=b"")

    assert (b"A", b"b") in raw_headers(response)


async def test_a_body_is_marked_before_its_first_part_is_given(call):
    """Whoever takes it may send it at once, and fail in the middle."""
    state = call(Effect.MONEY)
    request = build_request(state)

    assert not state.body_started

    async for _ in request.stream:
        assert state.body_started

        break

    again = call(Effect.MONEY)

    for _ in build_request(again).stream:
        assert again.body_started

        break


async def test_a_body_is_not_given_to_a_caller_who_is_gone(call):
    """It was not begun, and is not begun any more."""
    state = call(Effect.MONEY, abandoned=True)
    request = build_request(state)

    with pytest.raises(AbandonedError):
        [part async for part in request.stream]

    with pytest.raises(AbandonedError):
        list(request.stream)

    assert not state.body_started
