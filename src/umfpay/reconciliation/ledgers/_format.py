"""
How a ledger is written: what a reader of it must know beyond what it finds out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from umfpay.errors import ConfigError
from umfpay.reconciliation._states import MEANINGS_OF_STATE, meaning_in_ledger
from umfpay.sensitive import shows_itself_half_made


# Below it come sums, and no rows: of WeChat Pay's trade bill.
KNOWN_SUMMARIES: Final = ("总交易单数",)
NO_ROW: Final = "-"
"""The kind of a row that is neither a payment nor a refund."""


def _alternatives(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        name: (names,) if isinstance(names, str) else tuple(names)
        for name, names in given.items()
    }


def _upper(given: Mapping[str, str]) -> dict[str, str]:
    return {theirs.strip().upper(): ours for theirs, ours in given.items()}


def _as_given(given: Mapping[str, str]) -> dict[str, str]:
    return dict(given)


def _texts(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(given)


def _states(given: Mapping[str, str]) -> dict[str, str]:
    return {theirs: meaning_in_ledger(ours) for theirs, ours in _upper(given).items()}


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class LedgerFormat:
    """
    How a ledger is written; what is None is found out.

    Attributes:
        encoding: Of its text.
        delimiter: Between its fields.
        skip_rows: Lines above the line of names; None finds it by the names.
        columns: Ours to theirs, or to several names of which one is there. ``A+B`` joins
            two with a blank, as a day and a time.
        refund_columns: Ours to theirs where rows of refunds have columns of their own.
        item_rows: A row for each item: those below the first of an order, without an
            amount, are no rows of the ledger.
        date_format: As of `datetime.strptime`.
        decimal: The decimal sign of amounts.
        unit: ``cents`` where amounts are whole hundredths.
        zone: Of times without an offset, such as ``UTC``; None is China.
        refunds_negative: Whether amounts of refunds have a minus.
        states: Theirs to one of ours: done, pending, waiting, authorised, failed,
            closed, cancelled, reversed.
        kinds: Theirs to P, T, or ``-`` for rows that are neither.
        summaries: Begins of lines below which there are only sums.
        expected: Columns of theirs, and the one value that they may hold.
        key: ``order+day`` where numbers of orders repeat over days; mer_date is needed
            then, the order's also in rows of refunds.
        needed: Which of these its user has to give, since nobody can find them out.
    """

    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int | None = None
    columns: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict, converter=_alternatives
    )
    refund_columns: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict, converter=_alternatives
    )
    item_rows: bool = False
    date_format: str | None = None
    decimal: Literal[".", ","] | None = attrs.field(
        default=None, validator=attrs.validators.in_((None, ".", ","))
    )
    unit: Literal["cents"] | None = attrs.field(
        default=None, validator=attrs.validators.in_((None, "cents"))
    )
    zone: str | None = None
    refunds_negative: bool | None = None
    states: Mapping[str, str] = attrs.field(factory=dict, converter=_states)
    kinds: Mapping[str, str] = attrs.field(factory=dict, converter=_upper)
    summaries: Sequence[str] = attrs.field(default=(), converter=_texts)
    expected: Mapping[str, str] = attrs.field(factory=dict, converter=_as_given)
    key: Literal["order", "order+day"] = attrs.field(
        default="order", validator=attrs.validators.in_(("order", "order+day"))
    )
    needed: Sequence[str] = attrs.field(default=(), converter=_texts)

    def __attrs_post_init__(self) -> None:
        for word in self.states.values():
            if word not in MEANINGS_OF_STATE:
                known = ", ".join(MEANINGS_OF_STATE)

                raise ConfigError(
                    f"states: {word!r} is none of {known}.",
                    f"states：{word!r} 不在可用状态之列：{known}。",
                )

        for kind in self.kinds.values():
            if kind not in ("P", "T", NO_ROW):
                raise ConfigError(
                    f"kinds: {kind!r} is none of P, T and - (no row).",
                    f"kinds：{kind!r} 无效；可用 P、T 和 -（忽略该行）。",
                )

        if self.zone is not None:
            _check_zone(self.zone)

    def changed(self, **options: Any) -> LedgerFormat:
        """
        Return a format like this one, with those of *options* that are not None.
        """
        given = {name: one for name, one in options.items() if one is not None}

        return attrs.evolve(self, **given)

    def check_needed(self) -> None:
        """
        Raise for what nobody can find out and its user has not given.

        Raises:
            ConfigError: There is such a thing.
        """
        for name in self.needed:
            if getattr(self, name) is None:
                option = "--" + name.replace("_", "-")

                raise ConfigError(
                    f"{name}: this format is written in several ways, which cannot be"
                    f" found out; give {name}=, in a shell {option}.",
                    f"{name}：该格式有多种写法，无法自动判断；请指定 {name}=，"
                    f"命令行为 {option}。",
                )


def _check_zone(zone: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        raise ConfigError(
            f"zone: there is no {zone!r}; give one such as UTC or Asia/Shanghai.",
            f"zone：没有 {zone!r}；请使用 UTC、Asia/Shanghai 之类的名称。",
        ) from None
