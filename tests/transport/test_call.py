"""
What is asked of the gateway, and how far it has come.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.transport.bearer import BearerToken
from umfpay.errors import EnvelopeError, Intent, InvalidValueError, TransportError
from umfpay.sensitive import Secret
from umfpay.transport import RESERVED_HEADERS, Call, Effect, Failure, HTTPExchangeError


UNSENT = [Failure.CONNECT, Failure.CONNECT_TIMEOUT, Failure.POOL_TIMEOUT]
MAYBE_SENT = [failure for failure in Failure if failure not in UNSENT]


def described(**changes):
    members = {
        "name": "payments.get",
        "method": "GET",
        "path": "/payments/payment/{payment_id}",
        "parameters": {"payment_id": "PAY_A"},
        "effect": Effect.READ,
        "read": dict,
    }

    return Call(**{**members, **changes})


@pytest.mark.parametrize(
    ("given", "segment"),
    [
        ("PAY_A", "PAY_A"),
        ("a/b", "a%2Fb"),
        ("../x", "..%2Fx"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a b", "a%20b"),
        ("中", "%E4%B8%AD"),
        ("{payment_id}", "%7Bpayment_id%7D"),
        ("%2F", "%252F"),
    ],
)
def test_an_id_stays_one_segment(given, segment):
    """Nothing in an id leads to another endpoint."""
    target = described(parameters={"payment_id": given}).target()

    assert f"payments/payment/{segment}" == target


def test_a_query_is_encoded_and_leaves_out_none():
    """An address in a query keeps none of its own marks (gateway.md 5.14)."""
    target = described(
        path="/payments/wechat_openid",
        parameters={},
        query={"notify_url": "https://a/b?c=d&e", "mer_reference_id": None},
    ).target()

    assert "payments/wechat_openid?notify_url=https%3A%2F%2Fa%2Fb%3Fc%3Dd%26e" == target
    assert "bank" == described(path="/bank", parameters={}, query={"a": None}).target()


def test_half_a_character_in_a_query_is_named_by_the_call_alone():
    """The text around it may be anybody's, and stays out of the error and its causes."""
    with pytest.raises(
        InvalidValueError, match=r"payments\.get: a parameter"
    ) as caught:
        described(query={"a": "private\ud800"}).target()

    assert "private" not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_only_who_describes_a_write_says_what_it_wants():
    """Its intent is made as it begins, by the resource."""
    intent = Intent.now("payments.execute", payment_id="PAY_A")

    assert described().intent is None
    assert intent is described(effect=Effect.MONEY, intent=intent).intent


def test_the_headers_that_frame_or_prove_a_request_are_reserved():
    """Whoever could set one of them could split a request or speak for the merchant."""
    assert {
        b"authorization",
        b"content-length",
        b"host",
        b"signature",
        b"transfer-encoding",
    } < RESERVED_HEADERS
    assert all(name == name.lower() for name in RESERVED_HEADERS)


@pytest.mark.parametrize("failure", [None, *MAYBE_SENT])
def test_nothing_was_sent_before_the_edge_had_it(call, failure):
    """A call that never reached the edge was not sent."""
    assert not call(Effect.MONEY).may_have_been_sent(failure)


@pytest.mark.parametrize("failure", UNSENT)
def test_an_edge_without_connection_sent_nothing(call, failure):
    """Three failures of an edge that tracks nothing mean that no byte left."""
    state = call(Effect.MONEY, handed_over=True)

    assert not state.may_have_been_sent(failure)


@pytest.mark.parametrize("failure", MAYBE_SENT)
def test_an_edge_that_tracks_nothing_may_have_sent_anything_else(call, failure):
    """Every other failure of an edge that tracks nothing counts as sent."""
    state = call(Effect.MONEY, handed_over=True)

    assert state.may_have_been_sent(failure)
    assert state.may_have_been_sent()


@pytest.mark.parametrize("failure", [None, *Failure])
@pytest.mark.parametrize("started", [True, False])
def test_a_tracked_body_decides_whatever_the_failure(call, started, failure):
    """Where the body is watched, only the body counts."""
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )

    assert started is state.may_have_been_sent(failure)


def test_an_empty_body_says_nothing(call):
    """A write without a body counts as sent although no body was started."""
    state = call(Effect.MONEY, body=b"", handed_over=True, body_tracked=True)

    assert state.may_have_been_sent(Failure.BROKEN)
    assert not state.may_have_been_sent(Failure.CONNECT)


@pytest.mark.parametrize("failure", [None, *Failure])
def test_a_copy_whose_token_nobody_signed_to_refuse_has_left_for_ever(call, failure):
    """Whatever became of the second one, and whether or not there was one."""
    state = call(Effect.MONEY, sent_before_unverified_refusal=True)
    state.start_again()

    assert state.may_have_been_sent(failure)


def test_starting_again_forgets_the_attempt_but_not_the_counts(call):
    """A new attempt knows nothing of the last answer; the counters go on."""
    state = call(
        handed_over=True,
        body_started=True,
        status=401,
        response_headers=[(b"a", b"b")],
        response_body=b"{}",
        signed_success=True,
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
        state.response_body,
        state.signed_success,
        state.unverified_accepted,
        state.envelope,
    ) == (False, False, None, (), b"", False, False, None)
    assert (state.attempts, state.replays, state.signature) == (2, 1, "abc")


def test_headers_of_one_name_are_joined(call):
    """Two signatures are none: the comma is not base64."""
    state = call(
        response_headers=[(b"signature", b"a"), (b"x", b"y"), (b"signature", b"b")]
    )

    assert state.response_header(b"signature") == "a, b"
    assert state.response_header(b"date") is None


@pytest.mark.parametrize(
    "header", [None, "", "soon", "Mon, 99 Foo 2020", "Sun, 06 Nov 99999999999 08:49:37"]
)
def test_what_is_no_date_is_none(call, header):
    """Whatever a server sends."""
    headers = [] if header is None else [(b"date", header.encode())]

    assert call(response_headers=headers).response_date(b"date") is None


@pytest.mark.parametrize(
    "header", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 -0000"]
)
def test_a_date_is_a_moment_with_its_zone(call, header):
    """Also where it names none."""
    moment = call(response_headers=[(b"date", header)]).response_date(b"date")

    assert datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC) == moment


@pytest.mark.parametrize(
    "failure", [one for one in Failure if one is not Failure.TOO_LARGE]
)
@pytest.mark.parametrize("started", [True, False])
def test_every_failure_has_its_words_and_says_whether_the_body_left(
    call, failure, started
):
    """The error is a TransportError of this call."""
    state = call(
        Effect.MONEY, handed_over=True, body_tracked=True, body_started=started
    )
    error = state.exchange_error(HTTPExchangeError(failure, "detail"))

    assert TransportError is type(error)
    assert started is error.request_sent
    assert "POST /payments/payment: " in error.what.en


def test_an_answer_that_is_too_large_came(call):
    """It names the limit; nothing is wrong with the connection."""
    error = call(body_limit=7).exchange_error(HTTPExchangeError(Failure.TOO_LARGE))

    assert EnvelopeError is type(error)
    assert "larger than 7 bytes" in error.what.en


def test_repr_shows_neither_body_nor_token(call):
    """What a traceback or log prints of a call holds nothing of the customer."""
    state = call(
        Effect.MONEY,
        body=b'{"phone":"13800000000"}',
        bearer=BearerToken(generation=1, token=Secret("sesame")),
        signature="c2ln",
        headers=[(b"X-Own", b"private")],
        response_headers=[(b"set-cookie", b"private")],
        response_body=b"private",
    )
    shown = repr(state) + repr(described(body={"phone": "13800000000"}))

    assert not [word for word in ("1380", "sesame", "c2ln", "private") if word in shown]
