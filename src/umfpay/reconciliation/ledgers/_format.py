"""
`LedgerFormat`: how a ledger is written; presets, and formats of users in TOML.

It says what a reader must know beyond what it finds out.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
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

                raise ConfigError.of(
                    "states",
                    f"{word!r} is none of {known}",
                    f"{word!r} 不在可用状态之列：{known}",
                )

        for kind in self.kinds.values():
            if kind not in ("P", "T", NO_ROW):
                raise ConfigError.of(
                    "kinds",
                    f"{kind!r} is none of P, T and - (no row)",
                    f"{kind!r} 无效；可用 P、T 和 -（忽略该行）",
                )

        if self.zone is not None:
            _check_zone(self.zone)

    @classmethod
    def preset(cls, name: str | os.PathLike[str]) -> LedgerFormat:
        """
        Return the format called *name*, or that of a TOML file: see `Ledger.preset()`.

        Raises:
            ConfigError: There is none, or the file cannot be meant.
        """
        if name in PRESETS:
            return PRESETS[str(name)]

        file = Path(name)

        if file.suffix.lower() != ".toml":
            raise ConfigError.of(
                "preset",
                f"there is no {str(name)!r}; there are {', '.join(PRESETS)}, or a"
                " .toml file of yours",
                f"没有 {str(name)!r}；可用 {'、'.join(PRESETS)}，或您自己的 .toml 文件",
            )

        try:
            return _from_table(tomllib.loads(file.read_text(encoding="utf-8")), file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no TOML"

            raise ConfigError.of(
                "preset",
                f"{file} cannot be read: {reason}",
                f"无法读取 {file}：{reason}",
            ) from None

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

                raise ConfigError.of(
                    name,
                    f"this format is written in several ways, which cannot be"
                    f" found out; give {name}=, in a shell {option}",
                    f"该格式有多种写法，无法自动判断；请指定 {name}=，"
                    f"命令行为 {option}",
                )


def _check_zone(zone: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        raise ConfigError.of(
            "zone",
            f"there is no {zone!r}; give one such as UTC or Asia/Shanghai",
            f"没有 {zone!r}；请使用 UTC、Asia/Shanghai 之类的名称",
        ) from None


PRESETS: Final[Mapping[str, LedgerFormat]] = {
    "wechat": LedgerFormat(
        columns={
            "mer_reference_id": "商户订单号",
            "mer_date": "交易时间",
            "refund_id": "商户退款单号",
            "total_cny": ("订单金额", "总金额"),
            "state": "交易状态",
        },
        refund_columns={
            "total_cny": ("申请退款金额", "退款金额"),
            "state": "退款状态",
        },
        expected={"货币种类": "CNY"},
    ),
    "alipay": LedgerFormat(
        columns={
            "mer_reference_id": "商户订单号",
            "mer_date": "创建时间",
            "kind": "业务类型",
            "refund_id": ("退款批次号/请求号", "退款批次号"),
            "total_cny": ("订单金额（元）", "订单金额(元)"),
        },
        kinds={"交易": "P", "退款": "T"},
    ),
    "alipay-web": LedgerFormat(
        columns={
            "mer_reference_id": ("商家订单号", "商户订单号"),
            "mer_date": "交易创建时间",
            "total_cny": ("金额（元）", "金额(元)"),
            "state": "交易状态",
            "refunded": ("成功退款（元）", "成功退款(元)"),
        },
        summaries=("--------",),
    ),
    "stripe": LedgerFormat(
        columns={
            "mer_reference_id": ("order_id (metadata)", "payment_metadata[order_id]"),
            "mer_date": ("Created (UTC)", "created_utc"),
            "kind": ("Type", "reporting_category"),
            "refund_id": ("Source", "source_id"),
            "currency": ("Currency", "currency"),
            "total": ("Amount", "gross"),
        },
        zone="UTC",
        kinds={
            **dict.fromkeys(("charge", "payment"), "P"),
            **dict.fromkeys(("refund", "payment_refund"), "T"),
            **dict.fromkeys(
                ("payout", "stripe_fee", "fee", "adjustment", "transfer", "topup"),
                NO_ROW,
            ),
        },
    ),
    "paypal": LedgerFormat(
        columns={
            "mer_reference_id": "Invoice Number",
            "mer_date": "Date+Time",
            "kind": "Type",
            "refund_id": "Transaction ID",
            "currency": "Currency",
            "total": "Gross",
            "state": "Status",
        },
        kinds={
            **dict.fromkeys(
                (
                    "Express Checkout Payment",
                    "Website Payment",
                    "Mobile Payment",
                    "General Payment",
                ),
                "P",
            ),
            "Payment Refund": "T",
            **dict.fromkeys(
                ("General Withdrawal", "General Currency Conversion"), NO_ROW
            ),
        },
        needed=("date_format", "zone"),
    ),
    "shopify": LedgerFormat(
        columns={
            "mer_reference_id": "Name",
            "mer_date": ("Created at", "Paid at"),
            "currency": "Currency",
            "total": "Total",
            "state": "Financial Status",
            "refunded": "Refunded Amount",
        },
        item_rows=True,
    ),
    "excel": LedgerFormat(),
}


def _from_table(table: Mapping[str, Any], file: Path) -> LedgerFormat:
    given = dict(table)
    based_on = given.pop("preset", "excel")
    known = [one.name for one in attrs.fields(LedgerFormat)]

    for name in given:
        if name not in known:
            raise ConfigError.of(
                "preset",
                f"{file} has {name!r}; there are preset, {', '.join(known)}",
                f"{file} 中的 {name!r} 无效；可用 preset、{'、'.join(known)}",
            )

    try:
        return LedgerFormat.preset(based_on).changed(**given)
    except (TypeError, AttributeError):
        raise ConfigError.of(
            "preset",
            f"a value in {file} is of a type that it cannot have",
            f"{file} 中某个值的类型不正确",
        ) from None
