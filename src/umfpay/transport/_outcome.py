"""
Classify the end of a call: good, failed, or unclear (outcome unknown).

Pure functions over the facts in the `CallState`; they follow the table of writes in
``docs/explanation``: only a verified refusal is a definite failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import (
    APIError,
    AuthenticationError,
    ConfigError,
    DeadlineExceededError,
    EnvelopeError,
    MismatchedResponseError,
    SignatureError,
    Text,
    TokenError,
    TransportError,
    UMFError,
    UnsignedResponseError,
)
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
from umfpay.transport._refusals import call_name


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


def claims_success(ret_code: str) -> bool:
    """
    Tell whether an answer with *ret_code* claims anything but a refusal.

    0000, pending and accepted are none; an answer without a code must not pass for one.
    """
    return not ret_code or _code_meaning(ret_code) is CodeMeaning.ACCEPTED


def _code_meaning(ret_code: str) -> CodeMeaning | None:
    row = find_code(ret_code)

    return None if row is None else row.outcome


def classify(state: CallState, error: BaseException | None = None) -> CallVerdict:
    """
    Say how the call ended: with *error*, or with the answer that *state* holds.

    Args:
        error: What the pipeline raised, or the `TimeoutError` of the deadline.
    """
    if error is not None:
        return _after_error(state, error)

    envelope = state.envelope

    if envelope is None:
        return (
            GOOD_VERDICT
            if state.call.download
            else _after_error(state, _no_answer_error(state))
        )

    status = state.status or 0
    write = state.call.effect in WRITE_EFFECTS

    if write and status >= 500:
        return _unclear(
            state,
            _refusal(envelope, status),
            Text(f"the gateway answered HTTP {status}", f"网关返回 HTTP {status}"),
        )

    if _is_good(state, envelope):
        return GOOD_VERDICT

    if state.call.download and claims_success(envelope.ret_code) and status < 400:
        return CallVerdict(ending=CallEnd.FAILED, error=_no_file_error(state))

    refusal = _refusal(envelope, status)

    if not write:
        return _refused_without_trace(state, envelope, refusal)

    reason = _reason(state, envelope)
    decided_by = done_already(
        operation_of(state.call.path),
        (envelope.ret_code, *envelope.other_codes),
        http_status=status,
    )

    if reason is None and decided_by is None:
        return CallVerdict(ending=CallEnd.FAILED, error=refusal)

    return attrs.evolve(
        _unclear(state, refusal, reason or _duplicate_reason(envelope.ret_code)),
        decided_by=decided_by,
    )


def _refused_without_trace(
    state: CallState, envelope: Envelope, refusal: APIError
) -> CallVerdict:
    """
    Say how a call ended that leaves nothing behind but, perhaps, a message on its way.
    """
    status = state.status or 0
    vague = (
        status >= 500
        or state.sent_before_unverified_refusal
        or not (envelope.ret_code or refusal.verified)
        or _code_meaning(envelope.ret_code) in (None, CodeMeaning.UNKNOWN)
    )

    if state.call.effect is not Effect.SMS or not vague:
        return CallVerdict(ending=CallEnd.FAILED, error=refusal)

    error = _unsure_sms_error(state, refusal)
    error.__cause__ = refusal

    return CallVerdict(ending=CallEnd.FAILED, error=error)


def unconfirmed(state: CallState, error: BaseException) -> CallVerdict:
    """
    Say how a write ended whose answer left out what was then asked for, in vain.

    Args:
        error: What the question ended with.
    """
    if isinstance(error, MismatchedResponseError):
        return _unclear(state, error, _cut_reason(state, error))

    return _unclear(
        state,
        error,
        Text(
            "the answer does not name what was asked for, and the gateway could not be"
            " asked again",
            "应答未注明所请求的内容，且未能再次查询",
        ),
    )


def _is_good(state: CallState, envelope: Envelope) -> bool:
    if envelope.verdict is not Verdict.VERIFIED and not state.unverified_accepted:
        return False

    if state.call.download:
        return False

    code = envelope.ret_code

    if not code:
        # The token's answer is documented without meta (gateway.md 2.2).
        return state.call.effect is Effect.TOKEN and (state.status or 0) < 400

    codes = (code, *envelope.other_codes)

    return all(_code_meaning(code) is CodeMeaning.ACCEPTED for code in codes)


def _refusal(envelope: Envelope, status: int) -> APIError:
    return api_error(
        envelope.ret_code,
        envelope.ret_msg,
        http_status=status,
        verified=envelope.verdict is Verdict.VERIFIED,
    )


def _reason(state: CallState, envelope: Envelope) -> Text | None:
    """
    Return why the refusal of a write is not definite, None if it is.
    """
    if state.sent_before_unverified_refusal:
        # "already done" may be what the first copy did.
        return Text(
            "the token was refused without a signature, and the call sent again was"
            " refused, too",
            "令牌被未签名的应答拒绝，重发的请求也被拒绝",
        )

    return _doubt(envelope, state.status or 0) or _contradiction(state, envelope)


def _doubt(envelope: Envelope, status: int) -> Text | None:
    """
    Return why a refusal proves nothing, None if it is signed and definite.
    """
    code = envelope.ret_code

    if envelope.verdict is not Verdict.VERIFIED and not code:
        # A page of whatever stands between, as a rule.
        meaning = status_meaning(status)

        return Text(
            f"the answer is HTTP {status} ({meaning.en}), without a code of the gateway"
            " and without a valid signature",
            f"应答为 HTTP {status}（{meaning.zh}），没有平台返回码，也没有有效签名",
        )

    if envelope.verdict is not Verdict.VERIFIED:
        shown = code[:16]

        return Text(
            f"the refusal {shown!r} carries no valid signature",
            f"拒绝应答 {shown!r} 没有有效签名",
        )

    outcome = _code_meaning(code)

    if outcome is None:
        return Text(
            f"nobody knows the gateway's code {code!r}", f"未知的返回码 {code!r}"
        )

    if outcome is CodeMeaning.UNKNOWN:
        return Text(
            f"the gateway's code {code} leaves the outcome open",
            f"返回码 {code} 未说明结果",
        )

    return None


def _duplicate_reason(code: str) -> Text:
    return Text(
        f"the refusal {code} is what a second copy of a request gets, too",
        f"重复到达的同一请求也会得到返回码 {code}",
    )


# What a payment is in once somebody paid, or is about to.
_PAID_STATES: Final = ("TRADE_SUCCESS", "TRADE_PENDING")


def _contradiction(state: CallState, envelope: Envelope) -> Text | None:
    """
    Return why a signed refusal is not one of this call, None if it is.
    """
    codes = (envelope.ret_code, *envelope.other_codes)

    if any(_code_meaning(code) is not CodeMeaning.NOT_EXECUTED for code in codes):
        return Text(
            "the answer holds codes that contradict each other",
            "应答中的返回码相互矛盾",
        )

    payment = envelope.members.get("payment")

    if not isinstance(payment, Mapping):
        return None

    asked = object_id_from_href(state.url)
    answered = payment.get("id")

    if (
        asked is not None
        and isinstance(answered, str)
        and answered.strip() not in ("", asked)
    ):
        return Text("the refusal speaks of another payment", "拒绝应答针对另一笔支付")

    if state.call.effect is Effect.MONEY and payment.get("state") in _PAID_STATES:
        return Text(
            "the refusal holds a payment that is paid", "拒绝应答中的支付已付款"
        )

    return None


# These tell of the time before the gateway worked, or of no gateway at all.
_PRE_WORK_ERRORS: Final = (AuthenticationError, ConfigError, TokenError)


def _after_error(state: CallState, error: BaseException) -> CallVerdict:
    # A first copy left, whoever refused its token: the refusal names nothing, and may be
    # an old one.
    left_before = state.replays > 0 and state.call.effect in WRITE_EFFECTS

    if (
        isinstance(error, _PRE_WORK_ERRORS)
        and not state.may_have_been_sent()
        and not left_before
    ):
        return CallVerdict(ending=CallEnd.FAILED, error=error)

    if isinstance(error, TransportError):
        sent = error.request_sent or state.sent_before_unverified_refusal
    else:
        sent = state.may_have_been_sent()

    sent = sent or left_before

    late = isinstance(error, TimeoutError)

    if state.call.effect in WRITE_EFFECTS and sent:
        return _unclear(state, error, _cut_reason(state, error))

    if not late:
        if (
            state.call.effect is Effect.SMS
            and state.sent_before_unverified_refusal
            and isinstance(error, (*_PRE_WORK_ERRORS, DeadlineExceededError))
        ):
            # It tells of the second copy only.
            unsure = _unsure_sms_error(state, error)
            unsure.__cause__ = error
            error = unsure

        return CallVerdict(ending=CallEnd.FAILED, error=error)

    if sent and state.call.effect is not Effect.READ:
        return CallVerdict(ending=CallEnd.FAILED, error=_sent_deadline_error(state))

    return CallVerdict(ending=CallEnd.FAILED, error=_deadline_error(state, sent=sent))


def _cut_reason(state: CallState, error: BaseException) -> Text:
    if isinstance(error, TimeoutError | DeadlineExceededError):
        return Text("the deadline passed after the request left", "请求发出后超过期限")

    if isinstance(error, TransportError):
        return Text("no answer came after the request left", "请求发出后未收到应答")

    # Refused before the call could be sent again, AuthenticationError is of the request
    # for another token.
    if isinstance(error, AuthenticationError) and state.handed_over:
        return Text(
            "two tokens were refused; the second refusal may be the first one again",
            "两次令牌均被拒绝，第二个拒绝可能是第一个的重复",
        )

    if isinstance(error, AuthenticationError | TokenError):
        return Text(
            "the token was refused, and there was no other to send the call again with",
            "令牌被拒绝，且没有其他令牌可用于重发",
        )

    if isinstance(error, SignatureError):
        return Text("the answer is forged", "应答签名无效")

    if isinstance(error, UnsignedResponseError):
        return Text("the answer is not signed", "应答没有签名")

    if isinstance(error, EnvelopeError):
        return Text("the answer cannot be read", "应答无法读取")

    if isinstance(error, MismatchedResponseError):
        return Text("the answer speaks of something else", "应答内容与请求不符")

    return Text(
        "the call ended with an error after the request left", "请求发出后发生错误"
    )


def _unclear(state: CallState, error: BaseException, reason: Text) -> CallVerdict:
    return CallVerdict(
        ending=CallEnd.UNCLEAR,
        error=error,
        reason=reason,
        money_may_have_moved=state.call.effect is Effect.MONEY,
        sent_twice=state.sent_before_unverified_refusal,
    )


def _deadline_error(state: CallState, *, sent: bool) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"{call_name(state)}: the deadline passed.",
        f"{call_name(state)}：超过期限。",
        request_sent=sent,
    )


def _sent_deadline_error(state: CallState) -> TransportError:
    return TransportError(
        f"{call_name(state)}: the deadline passed after the request left.",
        f"{call_name(state)}：请求发出后超过期限。",
        request_sent=True,
    )


def _unsure_sms_error(state: CallState, error: UMFError) -> TransportError:
    return TransportError(
        f"{call_name(state)}: nobody can say whether the message is on its"
        f" way. {error.what.en}",
        f"{call_name(state)}：无法确定短信是否已发出。{error.what.zh}",
        request_sent=True,
    )


def _no_answer_error(state: CallState) -> EnvelopeError:
    return EnvelopeError(
        f"{call_name(state)}: no answer was read.",
        f"{call_name(state)}：未读取到应答。",
    )


def _no_file_error(state: CallState) -> EnvelopeError:
    return EnvelopeError(
        f"{call_name(state)}: the gateway answered with a JSON object, not"
        " with a file.",
        f"{call_name(state)}：网关返回了 JSON 对象而不是文件。",
    )
