"""
What happens when a call fails: its end is good, failed, or unclear (outcome unknown).

`classify()` judges every end, by the facts in the `CallState` alone. Its table is "What is
sent again" in ``docs/explanation/architecture.md``: only a verified refusal is a definite
failure. Before it, `_retrying` says what is sent again, also after a refusal of a token;
after it, the resources ask about a refusal that may mean "done already", and the session
raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import (
    APIError,
    MismatchedResponseError,
    Text,
    TransportError,
    call_errors,
    unclear_reasons,
)
from umfpay.models import PaymentState
from umfpay.protocol import (
    CodeMeaning,
    DecidedBy,
    Envelope,
    Verdict,
    api_error,
    done_already,
    find_code,
    object_id_from_href,
    operation_of,
    status_meaning,
)
from umfpay.transport._call import WRITE_EFFECTS, CallState, Effect


class CallEnd(StrEnum):
    """
    The three ends of a call.
    """

    GOOD = "good"
    FAILED = "failed"
    UNCLEAR = "unclear"


@attrs.frozen(kw_only=True)
class CallVerdict:
    """
    How a call ended.

    Args:
        ending: Good, failed (raise *error*), or unclear (raise `OutcomeUnknownError`
            from *error*).
        error: What went wrong; None only if all is good.
        reason: Why it is unclear; None unless it is.
        money_may_have_moved: Only an unclear end of a call that moves money.
        decided_by: What tells more after a refusal that may mean "done already".
        sent_twice: Whether two copies left: the first had its token refused by an answer
            that nobody signed.
    """

    ending: CallEnd
    error: BaseException | None = None
    reason: Text | None = None
    money_may_have_moved: bool = False
    decided_by: DecidedBy | None = None
    sent_twice: bool = False


GOOD_VERDICT: Final = CallVerdict(ending=CallEnd.GOOD)


def classify(state: CallState, error: BaseException | None = None) -> CallVerdict:
    """
    Say how the call ended: with *error*, or with the answer that *state* holds.

    Args:
        error: What the pipeline raised, or the `TimeoutError` of the deadline.
    """
    call, envelope, status = state.call, state.envelope, state.status or 0

    if error is None and envelope is None:
        if call.download:
            return GOOD_VERDICT

        error = call_errors.nothing_read(call.label)

    if error is not None:
        return _after_error(state, error)

    assert envelope is not None
    write = call.effect in WRITE_EFFECTS

    if not (write and status >= 500) and _is_good(state, envelope):
        return GOOD_VERDICT

    if call.download and claims_success(envelope.ret_code) and status < 400:
        return _failed(call_errors.object_for_file(call.label))

    refusal = api_error(envelope, http_status=status)

    if write:
        return _after_refusal(state, envelope, refusal)

    if call.effect is Effect.SMS and _is_vague(state, refusal):
        return _failed(call_errors.message_unsure(call.label, refusal))

    return _failed(refusal)


def unconfirmed(state: CallState, error: BaseException) -> CallVerdict:
    """
    Say how a write ended whose answer left out what was then asked for, in vain.

    Args:
        error: What the question ended with.
    """
    if isinstance(error, MismatchedResponseError):
        return _unclear(state, error, unclear_reasons.after_error(error))

    return _unclear(state, error, unclear_reasons.NOT_NAMED)


def claims_success(ret_code: str) -> bool:
    """
    Tell whether an answer with *ret_code* claims anything but a refusal.

    0000, pending and accepted are none; an answer without a code must not pass for one.
    """
    return not ret_code or _code_meaning(ret_code) is CodeMeaning.ACCEPTED


def _code_meaning(ret_code: str) -> CodeMeaning | None:
    row = find_code(ret_code)

    return None if row is None else row.outcome


def _is_good(state: CallState, envelope: Envelope) -> bool:
    if state.call.download or not (
        envelope.verdict is Verdict.VERIFIED or state.unverified_accepted
    ):
        return False

    if not envelope.ret_code:
        # The token's answer is documented without meta (gateway.md 2.2).
        return state.call.effect is Effect.TOKEN and (state.status or 0) < 400

    return {CodeMeaning.ACCEPTED} == {_code_meaning(code) for code in envelope.codes}


def _is_vague(state: CallState, refusal: APIError) -> bool:
    """
    Tell whether the *refusal* of a text message says nothing of the message.
    """
    return (
        refusal.http_status >= 500
        or state.sent_before_unverified_refusal
        or _code_meaning(refusal.ret_code) in (None, CodeMeaning.UNKNOWN)
    )


def _after_refusal(
    state: CallState, envelope: Envelope, refusal: APIError
) -> CallVerdict:
    """
    Say how a write ended that was refused: only what is signed and definite is an end.
    """
    status = refusal.http_status

    if status >= 500:
        return _unclear(state, refusal, unclear_reasons.server_error(status))

    reason = _doubt(state, envelope, refusal)
    operation = operation_of(state.call.path)
    decided_by = done_already(operation, envelope.codes, http_status=status)

    if decided_by is not None and reason is None:
        reason = unclear_reasons.duplicate_code(envelope.ret_code)

    if reason is None:
        return _failed(refusal)

    return _unclear(state, refusal, reason, decided_by=decided_by)


def _doubt(state: CallState, envelope: Envelope, refusal: APIError) -> Text | None:
    """
    Return why the *refusal* of a write is not definite, None if it is.
    """
    code, status = refusal.ret_code, refusal.http_status
    meanings = [_code_meaning(one) for one in envelope.codes]

    # "already done" may be what the first copy did.
    if state.sent_before_unverified_refusal:
        return unclear_reasons.REFUSED_TWICE

    if not refusal.verified and code:
        return unclear_reasons.unverified_refusal(code)

    if not refusal.verified:
        return unclear_reasons.bare_status(status, status_meaning(status))

    if meanings[0] is None:
        return unclear_reasons.unknown_code(code)

    if meanings[0] is CodeMeaning.UNKNOWN:
        return unclear_reasons.open_code(code)

    if {CodeMeaning.NOT_EXECUTED} != set(meanings):
        return unclear_reasons.CONTRADICTION

    return _doubt_of_payment(state, envelope.members.get("payment"))


def _doubt_of_payment(state: CallState, payment: object) -> Text | None:
    """
    Return why a signed refusal that holds *payment* is not one of this call.
    """
    if not isinstance(payment, Mapping):
        return None

    asked = object_id_from_href(state.url)
    answered = payment.get("id")

    if (
        asked is not None
        and isinstance(answered, str)
        and answered.strip() not in ("", asked)
    ):
        return unclear_reasons.OTHER_PAYMENT

    word = payment.get("state")

    if (
        state.call.effect is Effect.MONEY
        and isinstance(word, str)
        and PaymentState(word).executed
    ):
        return unclear_reasons.PAID_PAYMENT

    return None


def _after_error(state: CallState, error: BaseException) -> CallVerdict:
    """
    Say how a call ended without an answer: what counts is whether it may have left.
    """
    effect, unsigned_refusal = state.call.effect, state.sent_before_unverified_refusal
    write = effect in WRITE_EFFECTS
    sent = (
        unsigned_refusal or error.request_sent
        if isinstance(error, TransportError)
        else state.may_have_been_sent()
    )

    # A first copy left, whoever refused its token: the refusal names nothing, and may be
    # an old one.
    if write and (sent or state.replays > 0):
        reason = unclear_reasons.after_error(error, sent_again=state.handed_over)

        return _unclear(state, error, reason)

    if isinstance(error, TimeoutError):
        return _failed(
            call_errors.deadline_passed(
                state.call.label,
                sent=sent,
                is_harmless=not sent or effect is Effect.READ,
            )
        )

    if (
        effect is Effect.SMS
        and unsigned_refusal
        and isinstance(error, call_errors.BEFORE_SENDING)
    ):
        return _failed(call_errors.message_unsure(state.call.label, error))

    return _failed(error)


def _failed(error: BaseException) -> CallVerdict:
    return CallVerdict(ending=CallEnd.FAILED, error=error)


def _unclear(
    state: CallState,
    error: BaseException,
    reason: Text,
    *,
    decided_by: DecidedBy | None = None,
) -> CallVerdict:
    return CallVerdict(
        ending=CallEnd.UNCLEAR,
        error=error,
        reason=reason,
        money_may_have_moved=state.call.effect is Effect.MONEY,
        decided_by=decided_by,
        sent_twice=state.sent_before_unverified_refusal,
    )
