"""
What is reported of a call: its course, and nothing that it carried.
"""

from __future__ import annotations

import pytest

from umfpay._session._call_end import report_of
from umfpay.errors import Intent, TransportError
from umfpay.protocol import Envelope, Verdict
from umfpay.transport import (
    GOOD_VERDICT,
    Call,
    CallEnd,
    CallState,
    CallVerdict,
    Effect,
)


FAILED = CallVerdict(
    ending=CallEnd.FAILED,
    error=TransportError("private", "private", request_sent=True),
)


def ended(*, download=False, **facts):
    call = Call(
        name="payments.execute",
        method="POST",
        path="/payments/payment/{payment_id}/execute",
        parameters={"payment_id": "PAY_PRIVATE"},
        effect=Effect.MONEY,
        read=dict,
        intent=Intent.now("payments.execute", payment_id="PAY_PRIVATE"),
        body={"phone": "private"},
        download=download,
    )
    given = {
        "url": "https://gateway.example/payments/payment/PAY_PRIVATE/execute",
        "body": b"private",
        "response_body": b"private",
        "response_headers": [(b"set-cookie", b"private")],
        "deadline": 0.0,
        "timeout": 0.0,
        "attempts": 2,
        "replays": 1,
    }

    return CallState(call=call, **{**given, **facts})


def test_the_course_of_a_call_is_reported_and_nothing_that_it_carried():
    """Names that can be those of a span, numbers, and kinds."""
    envelope = Envelope(
        verdict=Verdict.VERIFIED, ret_code="00060761", members={"a": "private"}
    )
    report = report_of(ended(envelope=envelope, status=200), FAILED, 1.5)

    assert (
        "payments.execute",
        "POST",
        "/payments/payment/{payment_id}/execute",
        200,
        "00060761",
        "verified",
        2,
        1,
        1.5,
        "TransportError",
    ) == (
        report.name,
        report.method,
        report.path,
        report.status,
        report.ret_code,
        report.verdict,
        report.attempts,
        report.replays,
        report.seconds,
        report.error,
    )
    assert "private" not in repr(report).lower()


@pytest.mark.parametrize("verdict", Verdict)
def test_the_word_of_the_signature_is_reported(verdict):
    """As it was, whatever a setting made of it."""
    state = ended(envelope=Envelope(verdict=verdict), unverified_accepted=True)

    assert str(verdict) == report_of(state, GOOD_VERDICT, 0.0).verdict


def test_a_code_that_a_stranger_wrote_is_escaped_and_cut():
    """It gets into logs, and into metrics that keep a line for each."""
    envelope = Envelope(
        verdict=Verdict.UNSIGNED, ret_code="\x1b[2J\n" + "0" * 2_000_000
    )
    report = report_of(ended(envelope=envelope, status=400), FAILED, 0.5)

    assert report.ret_code.isprintable()
    assert len(report.ret_code) < 100


def test_without_an_answer_there_is_no_word():
    """Neither code nor status either."""
    report = report_of(ended(), FAILED, 0.0)

    assert ("", "", None) == (report.verdict, report.ret_code, report.status)


@pytest.mark.parametrize(("proven", "word"), [(True, "verified"), (False, "unsigned")])
def test_a_file_is_verified_when_it_was_read_to_its_end(proven, word):
    """Before, and without a signature, it is not; one that failed has no word."""
    state = ended(download=True, download_verified=proven)

    assert (word, None) == (
        report_of(state, GOOD_VERDICT, 0.0).verdict,
        report_of(state, GOOD_VERDICT, 0.0).error,
    )
    assert "" == report_of(state, FAILED, 0.0).verdict
