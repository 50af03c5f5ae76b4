"""
Formats of ledgers that many have, and those that users write down in TOML.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from umfpay.errors import ConfigError
from umfpay.reconciliation.ledgers._format import NO_ROW, LedgerFormat


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


def preset(name: str | os.PathLike[str]) -> LedgerFormat:
    """
    Return the format called *name*, or that of a TOML file.

    Raises:
        ConfigError: There is none, or the file cannot be meant.
    """
    if name in PRESETS:
        return PRESETS[str(name)]

    file = Path(name)

    if file.suffix.lower() != ".toml":
        raise ConfigError(
            f"preset: there is no {str(name)!r}; there are {', '.join(PRESETS)}, or a"
            " .toml file of yours.",
            f"preset：没有 {str(name)!r}；可用 {'、'.join(PRESETS)}，或您自己的 .toml 文件。",
        )

    try:
        return _from_table(tomllib.loads(file.read_text(encoding="utf-8")), file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no TOML"

        raise ConfigError(
            f"preset: {file} cannot be read: {reason}.",
            f"preset：无法读取 {file}：{reason}。",
        ) from None


def _from_table(table: Mapping[str, Any], file: Path) -> LedgerFormat:
    given = dict(table)
    based_on = given.pop("preset", "excel")
    known = [one.name for one in attrs.fields(LedgerFormat)]

    for name in given:
        if name not in known:
            raise ConfigError(
                f"preset: {file} has {name!r}; there are preset, {', '.join(known)}.",
                f"preset：{file} 中的 {name!r} 无效；可用 preset、{'、'.join(known)}。",
            )

    try:
        return preset(based_on).changed(**given)
    except (TypeError, AttributeError):
        raise ConfigError(
            f"preset: a value in {file} is of a type that it cannot have.",
            f"preset：{file} 中某个值的类型不正确。",
        ) from None
