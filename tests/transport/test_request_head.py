"""
The head of a request, and that no text of a caller's can end one of its lines.
"""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.bearer import BearerToken
from umfpay.sensitive import Secret
from umfpay.transport import (
    Call,
    CallState,
    Effect,
    Failure,
    HTTPExchangeError,
    Origin,
    origin_of,
)
from umfpay.transport._request_head import RequestHead


BASE = "https://gateway.example/cberest/v1"


def state_of(*, method="POST", **changes):
    given_first = {
        "call": Call(
            name="payments.create",
            method=method,
            path="/payments",
            effect=Effect.CREATE,
            read=dict,
        ),
        "url": BASE + "/payments",
        "body": b"{}",
        "deadline": 0.0,
        "timeout": 1.0,
    }

    return CallState(**{**given_first, **changes})


def write(base=BASE, **changes):
    return RequestHead(origin_of(base)).write(state_of(**changes))


def first_line(head):
    return head.partition(b"\r\n")[0]


def parsed(head):
    """
    Return the requests that a server sees in *head*: target and headers of each.
    """

    class Events:
        def __init__(self):
            self.requests = []

        def on_message_begin(self):
            self.requests.append([])

        def on_url(self, url):
            self.requests[-1].append(url)

        def on_header(self, name, value):
            self.requests[-1].append((name, value))

    events = Events()
    httptools.HttpRequestParser(events).feed_data(head)

    return events.requests


def test_a_get_has_no_length():
    """A request without a body says nothing of one."""
    assert (
        b"GET /cberest/v1/payments/1?a=b HTTP/1.1\r\n"
        b"Host: gateway.example\r\n"
        b"Accept: application/json\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Content-Type: application/json\r\n"
        b"User-Agent: umfpay\r\n\r\n"
    ) == write(method="GET", body=b"", url=BASE + "/payments/1?a=b")


def test_a_post_without_a_body_has_length_zero():
    """An empty POST is framed all the same."""
    assert write(body=b"").endswith(b"\r\nContent-Length: 0\r\n\r\n")


def test_each_token_has_a_line_of_its_own():
    """Nothing of one call's is left in the next."""
    head = RequestHead(origin_of(BASE))
    first = BearerToken(generation=1, token=Secret("one"))
    second = BearerToken(generation=2, token=Secret("two"))
    seen = [
        line
        for bearer, prefix in [
            (first, "Bearer "),
            (first, "Bearer "),
            (second, "Bearer "),
            (second, "Bearer"),
        ]
        for line in head.write(
            state_of(bearer=bearer, bearer_prefix=prefix)
        ).splitlines()
        if line.startswith(b"Authorization")
    ]

    assert [
        b"Authorization: Bearer one",
        b"Authorization: Bearer one",
        b"Authorization: Bearer two",
        b"Authorization: Bearertwo",
    ] == seen


def test_a_token_is_in_no_attribute():
    """What walks an object's attributes finds no clear text."""
    head = RequestHead(origin_of(BASE))
    head.write(state_of(bearer=BearerToken(generation=1, token=Secret("sesame"))))

    assert "sesame" not in repr(vars(head))


@pytest.mark.parametrize(
    ("base", "url", "target", "host"),
    [
        (BASE, "https://gateway.example/", b"/", b"gateway.example"),
        (BASE, "https://gateway.example/?a=b", b"/?a=b", b"gateway.example"),
        ("https://gateway.example:443/", BASE, b"/cberest/v1", b"gateway.example"),
        ("https://GATEWAY.example/x", BASE, b"/cberest/v1", b"gateway.example"),
        ("https://h:8443/a/", "https://h:8443/a/b", b"/a/b", b"h:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1/x", b"/x", b"127.0.0.1"),
        ("http://[::1]:8080/", "http://[::1]:8080/x", b"/x", b"[::1]:8080"),
        ("HTTP://LOCALHOST/", "http://localhost/x", b"/x", b"localhost"),
    ],
)
def test_the_target_is_what_stands_behind_the_origin(base, url, target, host):
    """However the origin is written, the host is named in one way."""
    head = write(base, method="GET", body=b"", url=url)

    assert b"GET %s HTTP/1.1" % target == first_line(head)
    assert b"\r\nHost: %s\r\n" % host in head


@pytest.mark.parametrize(
    "url",
    [
        # No other spelling either: the pipeline knows this one only.
        "https://gateway.example",
        "https://gateway.example?a=b",
        "https://gateway.example:443/x",
        "https://GATEWAY.example/x",
        "https://gateway.example.evil/x",
        "https://gateway.example@evil/x",
        "https://user@gateway.example/x",
        "https://gateway.example:444/x",
        "http://gateway.example/x",
        "https://evil/https://gateway.example/x",
        "ftp://gateway.example/x",
        "//gateway.example/x",
        "/x",
        "",
        "https://gateway.example/x y",
        "https://gateway.example/x\r\nA: b",
        "https://gateway.example/x#y",
        "https://gateway.example/中",
        "https://gateway.example/\x7f",
        "https://[gateway.example/x",
        "https://gateway.example:x/",
    ],
)
def test_an_address_elsewhere_or_unencoded_is_refused(url):
    """No request is written for another origin, or with a target that splits."""
    refused = write(url=url)

    assert isinstance(refused, HTTPExchangeError)
    assert Failure.ADDRESS is refused.failure


@pytest.mark.parametrize(
    "headers",
    [
        [(b"X", b"a\r\nY: b")],
        [(b"X", b"a\nY: b")],
        [(b"X", b"a\0")],
        [(b"X: a\r\nY", b"b")],
        [(b"X ", b"b")],
        [(b"", b"b")],
        [(b"Content-Length", b"3")],
        [(b"transfer-Encoding", b"chunked")],
        [(b"HOST", b"evil")],
    ],
)
def test_a_header_that_would_smuggle_is_refused(headers):
    """A line break, or a second word about where the request ends."""
    refused = write(headers=headers)

    assert isinstance(refused, HTTPExchangeError)
    assert Failure.ADDRESS is refused.failure


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "G\r\nT", "", "GET "])
def test_a_method_whose_answer_is_framed_otherwise_is_refused(method):
    """The answer to HEAD has a length and no body."""
    assert isinstance(write(method=method), HTTPExchangeError)


def test_a_proxy_that_reads_gets_the_whole_address():
    """What is not encrypted names where it goes, with the proxy's password."""
    head = RequestHead(
        Origin(scheme="http", host="localhost", port=8080),
        proxy=Secret("http://u:p@127.0.0.1:3128"),
    ).write(state_of(url="http://localhost:8080/x?y=z"))

    assert b"POST http://localhost:8080/x?y=z HTTP/1.1" == first_line(head)
    assert b"\r\nProxy-Authorization: Basic dTpw\r\n" in head


_DIRTY = st.text(
    st.one_of(st.sampled_from("\r\n\0 :\t\x0b\x0c\x85\u2028"), st.characters()),
    max_size=12,
)


@given(
    names=st.lists(st.tuples(_DIRTY, _DIRTY), max_size=3),
    signature=st.none() | _DIRTY,
    token=st.none() | _DIRTY,
    prefix=st.sampled_from(["Bearer ", "Bearer"]) | _DIRTY,
    tail=_DIRTY,
    method=st.sampled_from(["GET", "POST"]) | _DIRTY,
)
def test_whatever_the_texts_hold_one_request_leaves(
    names, signature, token, prefix, tail, method
):
    """Either nothing is written, or one head with exactly the lines that were meant."""
    headers = [
        (name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass"))
        for name, value in names
    ]
    head = write(
        method=method,
        url=BASE + tail,
        body=b"",
        headers=headers,
        signature=signature,
        bearer=None
        if token is None
        else BearerToken(generation=1, token=Secret(token)),
        bearer_prefix=prefix,
    )

    if isinstance(head, HTTPExchangeError):
        return

    (request,) = parsed(head)
    meant = 5 + len(headers) + (signature is not None) + (token is not None)

    assert meant + (method != "GET") == len(request) - 1
    assert head.endswith(b"\r\n\r\n")
    assert 1 == head.count(b"\r\n\r\n")
