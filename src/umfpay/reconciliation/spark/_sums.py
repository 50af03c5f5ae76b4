"""
What the rows of a comparison on Spark add up to: few groups, found in one pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import polars as pl

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._states import DONE
from umfpay.reconciliation.comparison._rules import (
    ASKED_FLAG,
    AT_GATEWAY_FLAG,
    IN_LEDGER_FLAG,
    IN_STATEMENT_FLAG,
    OPENING_FLAG,
    RATE_UNIT,
)
from umfpay.reconciliation.comparison._spark_books import (
    IS_COPY,
    IS_LISTED,
    IS_PAID,
    RELEVANT,
)
from umfpay.reconciliation.gateway_files._quarantine import QUARANTINED_FLAG


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


_VALUES: Final = ("total", "total_cny")
_PAID_VALUES: Final = (*_VALUES, "service_fee", "exchanged", "exchanged_cny")
# A sum is made of two: of the 32 bits below, and of those above. Neither overflows.
_LOW_BITS: Final = 32
_HIGH: Final = "_high"


@attrs.frozen
class GroupSums:
    """
    What rows add up to: few groups, found in one pass.
    """

    groups: Sequence[dict[str, Any]]
    with_statement: bool = attrs.field(kw_only=True)

    @classmethod
    def of(cls, whole: DataFrame, *, with_statement: bool) -> GroupSums:
        """
        Add up the rows of *whole*.
        """
        from pyspark.sql import functions as sql

        keys, values = _of_transactions()

        if with_statement:
            more_keys, more_values = _of_statement(whole)
            keys |= more_keys
            values |= more_values

        keys["is_matched"] = sql.col(RELEVANT) & (
            sql.col("class") == str(Difference.MATCHED)
        )
        keys["in_ledger"] = sql.col(IN_LEDGER_FLAG).isNotNull()
        values = {
            name: sql.coalesce(one.cast("bigint"), sql.lit(0).cast("bigint"))
            for name, one in values.items()
        }
        found = (
            whole.select(
                *(one.alias(name) for name, one in keys.items()),
                *(one.alias(name) for name, one in values.items()),
            )
            .groupBy(*keys)
            .agg(
                sql.count("*").alias("rows"),
                *(
                    sql.sum(sql.col(name).bitwiseAND(2**_LOW_BITS - 1)).alias(name)
                    for name in values
                ),
                *(
                    sql.sum(sql.shiftright(name, _LOW_BITS)).alias(f"{name}{_HIGH}")
                    for name in values
                ),
            )
        )
        groups = [
            {
                **{name: row[name] for name in (*keys, "rows")},
                **{
                    name: row[name] + (row[f"{name}{_HIGH}"] << _LOW_BITS)
                    for name in values
                },
            }
            for row in found.collect()
        ]

        return cls(groups, with_statement=with_statement)

    def rows_of_ledger(self) -> int:
        """
        Count the rows of the ledger that are due.
        """
        return sum(one["rows"] for one in self.groups if one["in_ledger"])

    def traded(self) -> list[dict[str, Any]]:
        """
        Return the sums of the transactions.
        """
        return self._added(
            lambda one: one["at_gateway"],
            {
                "opening": "opening",
                "currency": "gateway_currency",
                "kind": "kind",
                "state": "gateway_state",
            },
            {
                **{name: f"gateway_{name}" for name in _VALUES},
                "off_rate": "off_rate",
                "ties": "ties",
            },
        )

    def paid(self) -> list[dict[str, Any]]:
        """
        Return the sums of the statement.
        """
        return self._added(
            lambda one: one.get("in_statement"),
            {
                "currency": "statement_currency",
                "kind": "kind",
                "exchange_rate": "statement_exchange_rate",
            },
            {name: f"statement_{name}" for name in _PAID_VALUES},
        )

    def open(self) -> list[dict[str, Any]]:
        """
        Return those of the transactions that were not paid out.
        """
        return self._added(
            lambda one: one["at_gateway"] and one["is_open"],
            {"currency": "gateway_currency", "kind": "kind"},
            {name: f"gateway_{name}" for name in _VALUES},
        )

    def unlisted(self) -> list[dict[str, Any]]:
        """
        Return those of the statement that are not in the transactions.
        """
        return self._added(
            lambda one: one["in_statement"] and not one["is_listed"],
            {
                "asked": "asked",
                "quarantined": "quarantined",
                "currency": "statement_currency",
                "kind": "kind",
            },
            {name: f"statement_{name}" for name in _VALUES},
        )

    def matched(self) -> pl.DataFrame:
        """
        Return *rows*, *total* and *total_cny* of what matched, by *currency*.
        """
        # What matches is at the gateway.
        found = self._added(
            lambda one: one["is_matched"],
            {"currency": "gateway_currency"},
            {name: f"gateway_{name}" for name in _VALUES},
        )

        return pl.DataFrame(
            found,
            schema={
                "currency": pl.String,
                "rows": pl.Int64,
                "total": pl.Int128,
                "total_cny": pl.Int128,
            },
        )

    def _added(
        self,
        is_wanted: Callable[[Mapping[str, Any]], Any],
        keys: Mapping[str, str],
        values: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        """
        Add up the groups that are wanted, by *keys*: names in the result, and here.
        """
        found: dict[tuple[Any, ...], Counter[str]] = {}

        for one in filter(is_wanted, self.groups):
            sums = found.setdefault(
                tuple(one[name] for name in keys.values()), Counter()
            )
            sums["rows"] += one["rows"]

            for name, column in values.items():
                sums[name] += one[column]

        return [
            {
                **dict(zip(keys, group, strict=True)),
                **{name: found[group][name] for name in ("rows", *values)},
            }
            for group in sorted(found, key=repr)
        ]


def _of_transactions() -> tuple[dict[str, Column], dict[str, Column]]:
    """
    Return the keys and the values of the sums of the transactions.
    """
    from pyspark.sql import functions as sql

    def wide(name: str) -> Column:
        return sql.col(f"gateway_{name}").cast("decimal(38,0)")

    exact, cny = wide("total") * wide("exchange_rate"), wide("total_cny")
    distance = sql.abs(exact - cny * RATE_UNIT) * 2
    rate = sql.greatest(wide("exchange_rate"), sql.lit(RATE_UNIT))
    keys = {
        "kind": sql.col("kind"),
        "at_gateway": sql.col(AT_GATEWAY_FLAG).isNotNull(),
        "opening": sql.col(OPENING_FLAG),
        "gateway_currency": sql.col("gateway_currency"),
        "gateway_state": sql.col("gateway_state"),
        "is_open": ~sql.col(IS_PAID) & (sql.col("gateway_means") == DONE),
    }
    values = {
        **{f"gateway_{name}": sql.col(f"gateway_{name}") for name in _VALUES},
        "off_rate": (distance > rate).cast("int"),
        "ties": ((distance == RATE_UNIT) & (exact > cny * RATE_UNIT)).cast("int"),
    }

    return keys, values


def _of_statement(whole: DataFrame) -> tuple[dict[str, Column], dict[str, Column]]:
    from pyspark.sql import functions as sql

    keys = {
        "in_statement": sql.col(IN_STATEMENT_FLAG).isNotNull() & ~sql.col(IS_COPY),
        "statement_currency": sql.col("statement_currency"),
        "statement_exchange_rate": sql.col("statement_exchange_rate"),
        "is_listed": sql.col(IS_LISTED),
        "asked": sql.col(ASKED_FLAG),
        "quarantined": sql.col(QUARANTINED_FLAG)
        if QUARANTINED_FLAG in whole.columns
        else sql.lit(False),  # noqa: FBT003 (a literal)
    }
    values = {
        f"statement_{name}": sql.col(f"statement_{name}") for name in _PAID_VALUES
    }

    return keys, values
