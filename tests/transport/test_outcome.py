"""
The table of writes.
"""

from __future__ import annotations

import attrs
import pytest

from umfpay import errors
from umfpay.errors import Text
from umfpay.protocol import (
    CodeMeaning,
    Envelope,
    Operation,
    Verdict,
    done_already,
    return_codes,
)
from umfpay.transport import CallEnd, Effect, classify


WRITES = [Effect.CREATE, Effect.MONEY]
OTHERS = [Effect.READ, Effect.SMS, Effect.TOKEN]
WORDS = Text("x", "x")

REFUSED = "00060760"  # not_executed by the table
SYSTEM_ERROR = "00060999"
UNKNOWN = "99999999"
PENDING = "00060761"
ACCEPTED = "00060861"


def envelope(code, verdict=Verdict.VERIFIED):
    return Envelope(
        verdict=verdict,
        members={"meta": {"ret_code": code}},
        ret_code=code,
        ret_msg="words",
        reason="",
    )


@pytest.fixture(name="ended")
def _ended(call):
    def ended(effect, code, *, status=200, verdict=Verdict.VERIFIED, **facts):
        return call(
            effect,
            handed_over=True,
            body_tracked=True,
            body_started=True,
            status=status,
            envelope=envelope(code, verdict),
            **facts,
        )

    return ended


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("code", ["0000", PENDING, ACCEPTED])
def test_success_pending_and_accepted_are_good(ended, effect, code):
    """Three codes are no errors, for any call."""
    call_verdict = classify(ended(effect, code))

    assert (call_verdict.ending, call_verdict.error) == (CallEnd.GOOD, None)


@pytest.mark.parametrize("effect", Effect)
def test_what_the_settings_let_through_is_good(ended, effect):
    """An accepted unsigned success is a success."""
    state = ended(effect, "0000", verdict=Verdict.UNSIGNED, unverified_accepted=True)

    assert CallEnd.GOOD is classify(state).ending


@pytest.mark.parametrize("effect", Effect)
def test_a_verified_refusal_is_definite(ended, effect):
    """The gateway said no and signed it."""
    call_verdict = classify(ended(effect, REFUSED))

    assert CallEnd.FAILED is call_verdict.ending
    assert isinstance(call_verdict.error, errors.APIError)
    assert (
        call_verdict.error.ret_code,
        call_verdict.error.verified,
        call_verdict.error.ret_msg,
    ) == (REFUSED, True, "words")


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize(
    ("code", "verdict", "status"),
    [
        (REFUSED, Verdict.UNSIGNED, 200),
        (REFUSED, Verdict.UNSIGNED, 400),
        (REFUSED, Verdict.FORGED, 200),
        ("", Verdict.UNREADABLE, 404),
        ("", Verdict.UNREADABLE, 429),
        ("", Verdict.UNREADABLE, 502),
        ("0000", Verdict.UNSIGNED, 400),
        ("0000", Verdict.VERIFIED, 500),
        (REFUSED, Verdict.VERIFIED, 503),
        (SYSTEM_ERROR, Verdict.VERIFIED, 200),
        (UNKNOWN, Verdict.VERIFIED, 200),
        ("", Verdict.VERIFIED, 200),
    ],
)
def test_everything_else_of_a_write_is_unclear(ended, effect, code, verdict, status):
    """Only a verified refusal that the table knows is definite."""
    call_verdict = classify(ended(effect, code, verdict=verdict, status=status))

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert isinstance(call_verdict.error, errors.APIError)
    assert call_verdict.reason is not None
    assert (effect is Effect.MONEY) is call_verdict.money_may_have_moved


@pytest.mark.parametrize(
    "code", sorted(code for code in return_codes() if code != "0000")
)
def test_the_tables_outcome_decides_about_a_verified_code(ended, code):
    """Every row of the code table ends a call without rows of its own as it says."""
    endings = {
        CodeMeaning.ACCEPTED: CallEnd.GOOD,
        CodeMeaning.NOT_EXECUTED: CallEnd.FAILED,
        CodeMeaning.UNKNOWN: CallEnd.UNCLEAR,
    }
    state = ended(Effect.MONEY, code, path="/something/else")

    assert endings[return_codes()[code].outcome] is classify(state).ending


PATHS = {
    "execute": ("/payments/payment/{payment_id}/execute", Effect.MONEY),
    "refund": ("/payments/payment/{payment_id}/refund", Effect.MONEY),
    "create": ("/payments/payment", Effect.CREATE),
    "customs": ("/payments/payment/{payment_id}/apply_to_customs", Effect.CREATE),
    "verify": ("/payments/payment/{payment_id}/verify", Effect.SMS),
    "enterprise": ("/enterprise_qualification", Effect.CREATE),
}


def _rows():
    for operation in Operation:
        for code in (*return_codes(), "409", "429"):
            status = int(code) if len(code) == 3 else 200
            decided_by = done_already(operation, [code], http_status=status)

            if decided_by is not None:
                yield operation.value, code, decided_by


@pytest.mark.parametrize(("operation", "code", "decided_by"), list(_rows()))
def test_a_refusal_that_a_second_copy_gets_too_proves_nothing(
    ended, operation, code, decided_by
):
    """A middle box may have repeated the request: the first copy was carried out."""
    path, effect = PATHS[operation]
    status = int(code) if len(code) == 3 else 200
    state = ended(effect, REFUSED if status != 200 else code, path=path, status=status)
    call_verdict = classify(state)

    if effect is Effect.SMS:
        # No money and no object: the advice says that a code may be on its way.
        assert CallEnd.FAILED is call_verdict.ending
        assert "may be on its way" in call_verdict.error.advice.en
        return

    assert (CallEnd.UNCLEAR, decided_by) == (
        call_verdict.ending,
        call_verdict.decided_by,
    )
    assert (effect is Effect.MONEY) is call_verdict.money_may_have_moved
    # Of two copies that we sent only a final state proves something.
    twice = classify(attrs.evolve(state, sent_before_unverified_refusal=True))
    assert (decided_by, True) == (twice.decided_by, twice.sent_twice)


@pytest.mark.parametrize(("operation", "path"), list(PATHS.items()))
def test_a_code_of_the_request_alone_is_proof_for_every_call(ended, operation, path):
    """A bad parameter is bad whichever copy arrives."""
    call_verdict = classify(ended(path[1], "00060700", path=path[0]))

    assert (CallEnd.FAILED, None) == (call_verdict.ending, call_verdict.decided_by)


@pytest.mark.parametrize("effect", OTHERS)
@pytest.mark.parametrize(
    ("code", "verdict", "status"),
    [
        (REFUSED, Verdict.UNSIGNED, 200),
        ("", Verdict.UNREADABLE, 404),
        ("", Verdict.UNREADABLE, 502),
        (SYSTEM_ERROR, Verdict.VERIFIED, 200),
        (UNKNOWN, Verdict.VERIFIED, 500),
    ],
)
def test_for_other_calls_a_refusal_is_the_plain_error(
    ended, effect, code, verdict, status
):
    """Nothing can have been done twice, so nothing is unclear."""
    call_verdict = classify(ended(effect, code, verdict=verdict, status=status))
    error = call_verdict.error

    if isinstance(error, errors.TransportError):
        # A text message that may be on its way: the refusal is the cause.
        assert Effect.SMS is effect
        assert error.request_sent
        error = error.__cause__

    assert CallEnd.FAILED is call_verdict.ending
    assert isinstance(error, errors.APIError)
    assert (status, verdict is Verdict.VERIFIED) == (error.http_status, error.verified)


@pytest.mark.parametrize("effect", Effect)
def test_a_write_with_a_good_code_and_no_good_status_gives_nothing(ended, effect):
    """An unsigned 0000 under an error status is no success of any call."""
    state = ended(effect, "0000", verdict=Verdict.UNSIGNED, status=503)

    assert CallEnd.GOOD is not classify(state).ending


def test_the_token_answer_needs_no_code(ended):
    """It is documented without meta; under an error status it is refused."""
    facts = {"verdict": Verdict.UNSIGNED, "unverified_accepted": True}

    assert CallEnd.GOOD is classify(ended(Effect.TOKEN, "", **facts)).ending
    assert CallEnd.FAILED is classify(ended(Effect.TOKEN, "", status=400)).ending
    assert CallEnd.FAILED is classify(ended(Effect.READ, "", **facts)).ending


def test_a_file_that_streams_is_good(call):
    """A download without an envelope is the file."""
    assert CallEnd.GOOD is classify(call(download=True, status=200)).ending


@pytest.mark.parametrize(
    ("effect", "ending"),
    [(Effect.READ, CallEnd.FAILED), (Effect.MONEY, CallEnd.UNCLEAR)],
)
def test_a_call_without_any_answer_is_never_good(call, effect, ending):
    """Nothing but a file is good without an envelope."""
    assert ending is classify(call(effect, handed_over=True)).ending


@pytest.mark.parametrize("code", ["0000", ""])
def test_an_object_in_place_of_a_file_is_an_error(ended, code):
    """A JSON object that refuses nothing is no file either."""
    state = ended(
        Effect.READ,
        code,
        verdict=Verdict.UNSIGNED,
        download=True,
        unverified_accepted=True,
    )

    assert isinstance(classify(state).error, errors.EnvelopeError)


def test_a_refused_download_is_the_refusal(ended):
    """An error object in place of a file is its error."""
    call_verdict = classify(ended(Effect.READ, REFUSED, download=True))

    assert isinstance(call_verdict.error, errors.APIError)


CUTS = [
    errors.TransportError(*WORDS, request_sent=True),
    errors.SignatureError(*WORDS),
    errors.UnsignedResponseError(*WORDS),
    errors.EnvelopeError(*WORDS),
    errors.MismatchedResponseError(*WORDS),
    TimeoutError(),
    RuntimeError("a bug of a foreign transport"),
]


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize("error", CUTS, ids=lambda e: type(e).__name__)
def test_a_write_that_ends_with_an_error_after_it_left_is_unclear(call, effect, error):
    """The error itself is kept for the `__cause__`."""
    state = call(effect, handed_over=True, body_tracked=True, body_started=True)
    call_verdict = classify(state, error)

    assert (CallEnd.UNCLEAR, error) == (call_verdict.ending, call_verdict.error)
    assert (effect is Effect.MONEY) is call_verdict.money_may_have_moved


def test_every_reason_is_another(call):
    """The reason names what made it unclear."""
    state = call(Effect.MONEY, handed_over=True, body_tracked=True, body_started=True)

    assert len(CUTS) == len({classify(state, error).reason.en for error in CUTS})


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize(
    "error",
    [
        errors.AuthenticationError(*WORDS),
        errors.TokenError(*WORDS),
        errors.ConfigError(*WORDS),
        errors.TransportError(*WORDS, request_sent=False),
        TimeoutError(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_after_a_refusal_that_is_not_signed_every_end_is_unclear(call, effect, error):
    """The body had left; whoever sent it back may not be the gateway."""
    call_verdict = classify(call(effect, sent_before_unverified_refusal=True), error)

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert error is call_verdict.error


@pytest.mark.parametrize(
    "error",
    [
        errors.TokenError(*WORDS),
        errors.ConfigError(*WORDS),
        errors.TransportError(*WORDS, request_sent=False),
        TimeoutError(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_write_whose_token_was_refused_has_left_whatever_comes_then(call, error):
    """
    The refusal may have been an old one; a read is only not made.
    """
    ends = [
        classify(call(effect, replays=1), error).ending
        for effect in (Effect.MONEY, Effect.CREATE, Effect.READ)
    ]

    assert [CallEnd.UNCLEAR, CallEnd.UNCLEAR, CallEnd.FAILED] == ends


@pytest.mark.parametrize("effect", WRITES)
def test_two_signed_refusals_of_tokens_prove_nothing_of_a_write(call, effect):
    """
    They are byte for byte the same: the second may be the first one, given again.
    """
    sent = {"handed_over": True, "body_tracked": True, "body_started": True}
    state = call(effect, replays=1, envelope=envelope("00280703"), **sent)
    call_verdict = classify(
        state, errors.AuthenticationError(*WORDS, ret_code="00280703")
    )

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert (effect is Effect.MONEY) is call_verdict.money_may_have_moved
    assert "two tokens were refused" in call_verdict.reason.en


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize(
    "error",
    [
        errors.AuthenticationError(*WORDS),
        errors.TokenError(*WORDS),
        errors.TokenStoreError(*WORDS),
        errors.ConfigError(*WORDS),
        errors.TransportError(*WORDS, request_sent=False),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_before_any_work_are_definite(call, effect, error):
    """The gateway never saw the call."""
    call_verdict = classify(call(effect), error)

    assert (CallEnd.FAILED, error, False) == (
        call_verdict.ending,
        call_verdict.error,
        call_verdict.money_may_have_moved,
    )


@pytest.mark.parametrize("effect", OTHERS)
def test_other_calls_end_with_their_error(call, effect):
    """A read, a text message and a token request fail plainly."""
    error = errors.TransportError(*WORDS, request_sent=True)
    state = call(effect, handed_over=True)

    assert error is classify(state, error).error


@pytest.mark.parametrize("effect", Effect)
def test_a_deadline_before_anything_left_is_harmless(call, effect):
    """Nothing was sent, so the deadline is all that happened."""
    call_verdict = classify(call(effect), TimeoutError())

    assert CallEnd.FAILED is call_verdict.ending
    assert isinstance(call_verdict.error, errors.DeadlineExceededError)
    assert not call_verdict.error.request_sent


def test_a_deadline_of_a_read_is_harmless(call):
    """A read may have been sent; nothing can have happened all the same."""
    call_verdict = classify(call(handed_over=True), TimeoutError())

    assert isinstance(call_verdict.error, errors.DeadlineExceededError)
    assert call_verdict.error.request_sent


def test_a_deadline_after_a_text_message_left_is_said(call):
    """The message may be on its way, which is no harmless deadline."""
    call_verdict = classify(call(Effect.SMS, handed_over=True), TimeoutError())

    assert errors.TransportError is type(call_verdict.error)
    assert call_verdict.error.request_sent


def test_a_deadline_in_the_wait_for_another_token_is_called_one(call):
    """The first copy has left, whatever the error says of the second."""
    error = errors.DeadlineExceededError(*WORDS, request_sent=False)
    call_verdict = classify(call(Effect.MONEY, replays=1), error)

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert "the deadline passed" in call_verdict.reason.en


@pytest.mark.parametrize(
    ("handed_over", "words"),
    [(True, "two tokens were refused"), (False, "there was no other")],
)
def test_refused_credentials_are_no_second_refused_token(call, handed_over, words):
    """Who asked in vain for another token has sent the call once, not twice."""
    state = call(Effect.MONEY, replays=1, handed_over=handed_over)
    call_verdict = classify(state, errors.AuthenticationError(*WORDS))

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert words in call_verdict.reason.en


@pytest.mark.parametrize(
    "error",
    [
        errors.TokenError("There is no token.", "没有令牌。"),
        errors.AuthenticationError("No such client.", "没有此客户。"),
        errors.ConfigError("It was closed.", "已关闭。"),
        errors.DeadlineExceededError("Not sent.", "未发出。", request_sent=False),
    ],
)
def test_a_message_whose_token_anybody_refused_may_be_on_its_way(call, error):
    """Why there was no second copy says nothing of the first, which had left."""
    state = call(Effect.SMS, replays=1, sent_before_unverified_refusal=True)
    raised = classify(state, error).error

    assert errors.TransportError is type(raised)
    assert (True, error) == (raised.request_sent, raised.__cause__)
    assert error is classify(call(Effect.SMS, replays=1), error).error


@pytest.mark.parametrize(
    ("code", "verdict", "status", "sent"),
    [
        ("", Verdict.UNREADABLE, 401, True),
        ("", Verdict.UNSIGNED, 403, True),
        (REFUSED, Verdict.UNSIGNED, 500, True),
        (SYSTEM_ERROR, Verdict.VERIFIED, 200, True),
        (UNKNOWN, Verdict.UNSIGNED, 200, True),
        (REFUSED, Verdict.UNSIGNED, 200, False),
        (REFUSED, Verdict.VERIFIED, 400, False),
    ],
)
def test_a_text_message_may_be_on_its_way_after_a_vague_refusal(
    ended, code, verdict, status, sent
):
    """A page of a firewall says nothing about the gateway; a known code does."""
    error = classify(ended(Effect.SMS, code, verdict=verdict, status=status)).error

    assert sent is isinstance(error, errors.TransportError)
    assert sent is getattr(error, "request_sent", False)


def refusal(code, *others, **payment):
    return Envelope(
        verdict=Verdict.VERIFIED,
        members={"meta": {}, "payment": payment},
        ret_code=code,
        other_codes=others,
        ret_msg="words",
    )


@pytest.mark.parametrize("effect", WRITES)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(REFUSED, "0000"), "contradict"),
        (refusal(PENDING, REFUSED), "contradict"),
        (refusal(REFUSED, UNKNOWN), "contradict"),
        (refusal(REFUSED, id="PAY_B"), "another payment"),
    ],
)
def test_a_signed_refusal_that_contradicts_itself_is_unclear(
    call, effect, answer, words
):
    """Somebody may have taken it from another answer."""
    state = call(
        effect,
        url="https://gateway.example/v1/payments/payment/PAY_A/execute",
        handed_over=True,
        body_tracked=True,
        body_started=True,
        status=200,
        envelope=answer,
    )
    call_verdict = classify(state)

    assert call_verdict.ending is CallEnd.UNCLEAR
    assert words in call_verdict.reason.en


def test_a_refusal_of_a_payment_that_is_paid_is_unclear(call):
    """The money call may be the one that paid it."""
    state = call(
        Effect.MONEY,
        url="https://gateway.example/v1/payments/payment/PAY_A/execute",
        handed_over=True,
        body_tracked=True,
        body_started=True,
        status=200,
        envelope=refusal(REFUSED, id="PAY_A", state="TRADE_SUCCESS"),
    )

    assert classify(state).ending is CallEnd.UNCLEAR


@pytest.mark.parametrize("effect", WRITES)
def test_a_refusal_that_names_what_was_asked_is_definite(call, effect):
    """Also with several refusals at once."""
    state = call(
        effect,
        url="https://gateway.example/v1/payments/payment/PAY_A/execute",
        handed_over=True,
        body_tracked=True,
        body_started=True,
        status=200,
        envelope=refusal(REFUSED, "00060730", id="PAY_A", state="WAIT_BUYER_PAY"),
    )

    assert classify(state).ending is CallEnd.FAILED


@pytest.mark.parametrize("effect", WRITES)
def test_a_bare_status_is_named_with_its_meaning(call, effect):
    """A 413 of a proxy, before or behind the gateway: nobody signed anything."""
    state = call(
        effect,
        status=413,
        envelope=Envelope(verdict=Verdict.UNREADABLE, reason="no JSON"),
    )
    call_verdict = classify(state)

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert "HTTP 413 (the request is too large)" in call_verdict.reason.en
    assert "HTTP 413（请求过大）" in call_verdict.reason.zh
    assert "''" not in call_verdict.reason.en
    assert "Send less" in call_verdict.error.advice.en


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        ("00999999", "nobody knows the gateway's code '00999999'", "未知的返回码"),
        ("00060999", "code 00060999 leaves the outcome open", "未说明结果"),
    ],
)
@pytest.mark.parametrize("effect", WRITES)
def test_a_code_that_proves_nothing_is_named(call, effect, code, en, zh):
    """Signed by the gateway, and still no word about what was done."""
    state = call(
        effect,
        status=200,
        envelope=Envelope(verdict=Verdict.VERIFIED, ret_code=code),
    )
    call_verdict = classify(state)

    assert CallEnd.UNCLEAR is call_verdict.ending
    assert en in call_verdict.reason.en
    assert zh in call_verdict.reason.zh
