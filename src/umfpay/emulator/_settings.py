"""
`EmulatorSettings`: how the emulator behaves where the real gateway is open to doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self, get_args, get_type_hints

import attrs

from umfpay.errors import ConfigError


Place = Literal["meta", "header", "both", "none"]
Refusals = Literal["unsigned", "signed", "html"]
TokenRefusal = Literal[
    "signed_200", "unsigned_200", "json_401", "html_401", "empty_401"
]
TokenAnswer = Literal["plain", "meta"]
RetMsg = Literal["Success", "SUCCESS", "successful transaction"]
AnswerEnd = Literal["none", "crlf"]
Names = Literal["new", "old"]
Links = Literal["clean", "imitate"]
Pace = Literal["immediate", "pending"]
ForeignPayments = Literal["refused", "visible"]
WeChatPage = Literal["own", "wechat"]
Staff = Literal["manual", "approve", "reject"]
RefundRows = Literal["with_number", "documented"]

_MAX_VALUE: Final = 10_000_000


@attrs.frozen(kw_only=True)
class EmulatorSettings:
    """
    Switches of the emulator; the control API changes them while it runs.

    Args:
        signature: Where answers are signed (gateway.md 3.2).
        refusals: How a refusal looks; nobody has seen a real one (gateway.md 12.2).
            ``html`` is a page with an error status.
        token_refusal: How a dead token is refused.
        token_answer: Whether the answer with a token has a meta, too (gateway.md 11a).
        ret_msg: The words of an answer that succeeded; all three were seen.
        answer_end: What stands behind an answer: nothing, or CR LF as in October 2017.
            The header Signature covers it.
        names: Member names of answers: of today, or those of April 2017, with rates of
            statement lists as objects.
        links: ``imitate`` gives the internal hosts of the real samples (gateway.md,
            trap 7).
        foreign_payments: Whether a query of another merchant's payment, refund or
            declaration is refused as unknown, or answered; nobody knows which. Calls
            that change something are always refused.
        execute: Whether the answer to execute is final, or pending first.
        refund: The same for refunds.
        refund_rows: Whether lists name a refund's own number. ``documented`` leaves out
            what refund_summary is not documented to have (gateway.md 6).
        papers: What the staff does with good papers of a B2B payment: wait for the
            control API, approve, or refuse, which cancels the payment (gateway.md
            5.20).
        settle_after: Seconds until something pending is done.
        token_lifetime: Seconds.
        wechat_page: Where the weChat link leads: to the console, or to WeChat's own
            host as on the real gateway.
        notification_attempts: Deliveries tried of one notification.
        notification_pause: Seconds before the second; it doubles. The real rhythm is
            unknown (gateway.md 12.5).
    """

    signature: Place = "both"
    refusals: Refusals = "unsigned"
    token_refusal: TokenRefusal = "json_401"  # noqa: S105 (a way to refuse)
    token_answer: TokenAnswer = "plain"  # noqa: S105 (a form)
    ret_msg: RetMsg = "Success"
    answer_end: AnswerEnd = "none"
    names: Names = "new"
    links: Links = "clean"
    foreign_payments: ForeignPayments = "refused"
    execute: Pace = "immediate"
    refund: Pace = "pending"
    refund_rows: RefundRows = "with_number"
    papers: Staff = "manual"
    settle_after: float = 0.2
    token_lifetime: int = 3600
    wechat_page: WeChatPage = "own"
    notification_attempts: int = 4
    notification_pause: float = 0.5

    @classmethod
    def choices(cls, name: str) -> tuple[str, ...]:
        """
        Return the words that the setting *name* can be, () if it is a number.
        """
        return get_args(get_type_hints(cls)[name])

    @classmethod
    def read(cls, name: str, value: str) -> Any:
        """
        Return *value*, as a form sends it, in the type of the setting *name*.

        What is none of ours is returned as it is: `with_changes` refuses it.
        """
        kind = get_type_hints(cls).get(name)

        if kind not in (int, float):
            return value

        try:
            return kind(value)
        except ValueError:
            return value

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """
        Return a copy with *changes*.

        Raises:
            ConfigError: A name or value is not one of ours.
        """
        hints = get_type_hints(type(self))

        for name, value in changes.items():
            hint = hints.get(name)
            words = get_args(hint)

            if not (value in words if words else _is_number(value, hint)):
                raise ConfigError(
                    f"No such setting: {name}={value!r}.",
                    f"无此设置：{name}={value!r}。",
                )

        return attrs.evolve(self, **changes)


def _is_number(value: Any, hint: Any) -> bool:
    kinds: dict[Any, Any] = {int: int, float: int | float}

    return (
        hint in kinds
        and isinstance(value, kinds[hint])
        and not isinstance(value, bool)
        and 0 <= value <= _MAX_VALUE
    )
