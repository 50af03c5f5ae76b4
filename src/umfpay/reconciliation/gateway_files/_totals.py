"""
Which columns the trailer's total sums: documented nowhere, so it is learned.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

import attrs

from umfpay._private_files import read_file, replacing
from umfpay.errors import ConfigError, IncompleteStatementError, Text, os_reason
from umfpay.reconciliation.gateway_files._frame_parser import Header
from umfpay.sensitive import shows_itself_half_made


class TotalRule(StrEnum):
    """
    A sum that the closing total may be: CNY of payments P and refunds T.
    """

    PAID = "sum(P)"
    NET = "sum(P)-sum(T)"
    GROSS = "sum(P)+sum(T)"


@attrs.frozen(kw_only=True)
class Sums:
    """
    What a file's rows add up to, in CNY.
    """

    paid: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)

    def __add__(self, other: Sums) -> Sums:
        """
        Add what other rows make.
        """
        return Sums(
            paid=self.paid + other.paid, refunded=self.refunded + other.refunded
        )

    def by(self, rule: TotalRule) -> Decimal:
        """
        Return the total that *rule* makes of it.
        """
        match rule:
            case TotalRule.PAID:
                return self.paid
            case TotalRule.NET:
                return self.paid - self.refunded
            case TotalRule.GROSS:
                return self.paid + self.refunded


@shows_itself_half_made
class TotalRules:
    """
    Which rules have fitted all files of each merchant so far.

    A day without refunds fits all three; the first with refunds leaves one. From then
    on a file that fits only another is as wrong as one that fits none. What was traded
    and what was paid out are files of their own rules.

    Args:
        path: A JSON file that keeps what was learned; None forgets it at the end.

    Raises:
        ConfigError: *path* cannot be read or is something else.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._left: dict[str, frozenset[TotalRule]] = (
            {} if self._path is None else _read(self._path)
        )

    def __repr__(self) -> str:
        place = "" if self._path is None else repr(str(self._path))

        return f"TotalRules({place})"

    def of(self, merchant: str, *, paid_out: bool = False) -> frozenset[TotalRule]:
        """
        Return the rules that are still possible for *merchant*.

        Args:
            paid_out: In the files of what was paid out.
        """
        return self._left.get(_name(merchant, paid_out), frozenset(TotalRule))

    def check(
        self, header: Header, sums: Sums, total: Decimal, *, paid_out: bool = False
    ) -> frozenset[TotalRule]:
        """
        Compare a file's *total* with its rows; learn from it.

        Args:
            paid_out: It is a file of what was paid out.

        Returns:
            The rules that fit this file and all before.

        Raises:
            IncompleteStatementError: None does.
            ConfigError: What was learned cannot be written.
        """
        fits = fitting_rules(sums, total)
        known = self.of(header.merchant, paid_out=paid_out)
        left = known & fits

        if not left:
            raise wrong_total_error(sums, total, known=known if fits else None)

        name = _name(header.merchant, paid_out)

        if left != self._left.get(name):
            self._left[name] = left
            self._save()

        return left

    def _save(self) -> None:
        if self._path is None:
            return

        value = {name: sorted(rules) for name, rules in sorted(self._left.items())}

        try:
            with replacing(self._path, encoding="utf-8") as file:
                json.dump(value, file, indent=1)
        except OSError as error:
            raise _unusable_error(
                self._path, "cannot be written", "无法写入"
            ) from error


RuleChoice = Literal["auto", "ignore"] | TotalRule | TotalRules


def chosen_rule(given: object) -> Literal["auto", "ignore"] | TotalRule | TotalRules:
    """
    Return what *given* means as ``total_rule=``.

    Raises:
        ConfigError: Nothing.
    """
    if isinstance(given, TotalRules):
        return given

    for word in ("auto", "ignore"):
        if given == word:
            return word

    try:
        return TotalRule(str(given))
    except ValueError:
        words = ["auto", "ignore", *TotalRule]

        raise ConfigError.of(
            "total_rule",
            f"one of {', '.join(words)}, or TotalRules",
            f"可为 {'、'.join(words)}，或 TotalRules",
        ) from None


def _name(merchant: str, paid_out: bool) -> str:  # noqa: FBT001 (private)
    return f"{merchant}/paid out" if paid_out else merchant


def fitting_rules(sums: Sums, total: Decimal) -> frozenset[TotalRule]:
    """
    Return the rules by which *sums* make *total*.
    """
    return frozenset(rule for rule in TotalRule if sums.by(rule) == total)


def wrong_total_error(
    sums: Sums, total: Decimal, *, known: frozenset[TotalRule] | None = None
) -> IncompleteStatementError:
    """
    Return what to raise when *total* is not what the rows make.

    Args:
        known: The rules of earlier files, where the total fits another one.
    """
    made = ", ".join(f"{rule} = {sums.by(rule):.2f}" for rule in TotalRule)

    if known is not None:
        words = " or ".join(sorted(known))

        return IncompleteStatementError(
            f"The total {total} fits another rule than this merchant's files"
            f" before ({words}): {made}.",
            f"总金额 {total} 与该商户此前文件的规则（{words}）不符：{made}。",
        )

    return IncompleteStatementError(
        f"The total {total} of the last line fits none of {made}: rows are missing"
        " or changed.",
        f"结束行总金额 {total} 与各种合计均不符（{made}）：记录缺失或被改动。",
    )


def _read(path: Path) -> dict[str, frozenset[TotalRule]]:
    try:
        value = json.loads(read_file(path).decode())

        if isinstance(value, Mapping):
            return {
                str(name): frozenset(TotalRule(rule) for rule in rules)
                for name, rules in value.items()
                # One that nothing fits would refuse every file.
                if rules
            }
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = os_reason(error)

        raise _unusable_error(
            path, f"cannot be read ({reason})", f"无法读取（{reason}）"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged_error(path) from error

    raise _damaged_error(path)


def _damaged_error(path: Path) -> ConfigError:
    return _unusable_error(
        path,
        "is damaged, or holds no rules",
        "已损坏，或不包含规则",
        advice=Text(
            "Restore it from a copy, or remove it: the rule is found anew from the next"
            " files, and what is compared with the one before is lost.",
            "请从备份恢复，或删除该文件：规则会由之后的文件重新得出，"
            "但无法再与先前的规则比对。",
        ),
    )


def _unusable_error(
    path: Path, en: str, zh: str, *, advice: Text | None = None
) -> ConfigError:
    return ConfigError.of("total_rule", f"{path} {en}", f"{path} {zh}", advice=advice)
