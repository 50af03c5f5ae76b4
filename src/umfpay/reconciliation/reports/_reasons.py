"""
Reasons of differences, in words for people in finance.

They are expressions over the differences as text, so that half a million of them take no
longer than their file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from umfpay.reconciliation._books import BOOK_NAMES
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import SIDE_NAMES


if TYPE_CHECKING:
    import polars as pl


REASON_COLUMNS: Final = ("reason", "reason_zh")
_SUM_NAMES: Final = ("refunded", "refunded_cny")


def reasons(texts: pl.DataFrame) -> pl.DataFrame:
    """
    Return what is different about each row, the later classes too, in English and
    Chinese: `REASON_COLUMNS`.

    Args:
        texts: What `as_text()` makes of the differences.
    """
    import polars as pl

    rows = texts.with_row_index("_row")
    parts = [
        part.select("_row", *_said(Difference(name), part))
        for (name,), part in rows.group_by("class", maintain_order=True)
    ]

    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(REASON_COLUMNS, pl.String()))

    return pl.concat(parts).sort("_row").select(*REASON_COLUMNS)


def _said(name: Difference, part: pl.DataFrame) -> Iterable[pl.Expr]:
    """
    Return the two sentences for rows of the class *name*.
    """
    import polars as pl

    values = _Values(part.columns)
    others = part.get_column("also").fill_null("").unique()

    for column, said, language in zip(
        REASON_COLUMNS, _REASON_OF_CLASS[name](values), ("en", "zh"), strict=True
    ):
        later = (
            pl.col("also")
            .fill_null("")
            .replace_strict(
                others,
                [_later(one, language) for one in others],
                return_dtype=pl.String,
            )
        )
        yield (said + later).alias(column)


def _later(also: str, language: str) -> str:
    names = [Difference(name).label for name in also.split(",") if name]

    if not names:
        return ""

    if language == "en":
        return f" Also: {', '.join(name.en.lower() for name in names)}."

    return f"另外：{'、'.join(name.zh for name in names)}。"


class _Values:
    """
    The values of the books, "-" where they say nothing.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = frozenset(columns)

    def raw(self, book: str, name: str) -> pl.Expr:
        """
        Return the value as it is, null where there is none.
        """
        import polars as pl

        column = f"{book}_{name}"

        if column in self.columns:
            return pl.col(column)

        return pl.lit(None, dtype=pl.String)

    def shown(self, book: str, name: str) -> pl.Expr:
        """
        Return the value for people.
        """
        return self.raw(book, name).fill_null("-")

    def of_key(self, name: str) -> pl.Expr:
        """
        Return a part of the key.
        """
        import polars as pl

        return pl.col(name).fill_null("")

    def money(self, book: str) -> pl.Expr:
        """
        Return the amount of the row with its currency.
        """
        import polars as pl

        currency = self.raw(book, "currency").fill_null("")
        total = self.raw(book, "total")
        with_currency = pl.concat_str(total, pl.lit(" "), currency).str.strip_chars_end(
            " "
        )

        return (
            pl.when(total.is_not_null())
            .then(with_currency)
            .otherwise(pl.format("{} CNY", self.shown(book, "total_cny")))
        )


Said = tuple["pl.Expr", "pl.Expr"]


def _words(en: str, zh: str, *values: pl.Expr) -> Said:
    import polars as pl

    return (
        (pl.format(en, *values), pl.format(zh, *values))
        if values
        else (pl.lit(en), pl.lit(zh))
    )


def _duplicate(_: _Values) -> Said:
    import polars as pl

    side = pl.when(pl.col("side") == "").then(pl.lit("ledger")).otherwise("side")
    named = [
        side.replace(
            {name: getattr(text, language) for name, text in BOOK_NAMES.items()}
        )
        for language in ("en", "zh")
    ]

    return (
        pl.format("This number is in one book twice; this row is of the {}.", named[0]),
        pl.format("该编号在同一账册中重复出现；本行来自{}。", named[1]),
    )


def _missing(has: str, en: str, zh: str) -> Callable[[_Values], Said]:
    def say(values: _Values) -> Said:
        import polars as pl

        is_payment = pl.col("kind") == "P"
        money = values.money(has)

        def what(payment: str, refund: str) -> pl.Expr:
            return pl.when(is_payment).then(pl.lit(payment)).otherwise(pl.lit(refund))

        return (
            pl.format(en, what("payment", "refund"), money),
            pl.format(zh, what("支付", "退款"), money),
        )

    return say


def _of_sum(
    single: Callable[[_Values], Said], en: str, zh: str
) -> Callable[[_Values], Said]:
    """
    Return what says it where the ledger has but the sum of an order's refunds, which is
    another than the gateway's: the number of the order, and both sums; of other rows
    *single*.
    """

    def say(values: _Values) -> Said:
        import polars as pl

        plain = single(values)
        name = next(
            (one for one in _SUM_NAMES if f"ledger_{one}" in values.columns), None
        )

        if name is None:
            return plain

        sums = [values.raw(book, name) for book in ("ledger", "gateway")]
        is_sum = sums[0].is_not_null() & sums[0].ne_missing(sums[1])
        unit = (
            pl.lit("CNY")
            if name.endswith("_cny")
            else values.raw("ledger", "currency").fill_null("")
        )
        named = [
            values.of_key("order_id"),
            *(
                pl.format("{} {}", one.fill_null("-"), unit).str.strip_chars_end(" ")
                for one in sums
            ),
        ]
        said = [pl.format(words, *named[: words.count("{}")]) for words in (en, zh)]

        return (
            pl.when(is_sum).then(said[0]).otherwise(plain[0]),
            pl.when(is_sum).then(said[1]).otherwise(plain[1]),
        )

    return say


def _over_refunded(values: _Values) -> Said:
    import polars as pl

    has_row = values.raw("gateway", "total_cny").is_not_null()
    money = (
        pl.when(has_row).then(values.money("gateway")).otherwise(values.money("ledger"))
    )

    return _words(
        "The refunds of order {} are together more than its payment; {} is {}.",
        "订单 {} 的退款合计超过其支付金额；{} 为 {}。",
        values.of_key("order_id"),
        values.of_key("refund_id"),
        money,
    )


def _pairs(*names: str) -> Callable[[_Values], Said]:
    """
    Return what says in which of *names* a book differs from the gateway's.
    """

    def say(values: _Values) -> Said:
        import polars as pl

        en, zh = [], []

        for name in names:
            theirs = values.raw("gateway", name)

            for book in ("ledger", "statement"):
                said = SIDE_NAMES[book]
                ours = values.raw(book, name)
                differs = ours != theirs
                en.append(
                    pl.when(differs).then(
                        pl.format(f"{name}: {said.en} {{}}, gateway {{}}", ours, theirs)
                    )
                )
                zh.append(
                    pl.when(differs).then(
                        pl.format(f"{name}：{said.zh} {{}}，网关 {{}}", ours, theirs)
                    )
                )

        return (
            pl.concat_str(en, separator="; ", ignore_nulls=True) + ".",
            pl.concat_str(zh, separator="；", ignore_nulls=True) + "。",
        )

    return say


def _pairs_or(
    names: Sequence[str], otherwise: Callable[[_Values], Said]
) -> Callable[[_Values], Said]:
    """
    Return what says in which of *names* they differ, and where in none, something else.
    """

    def say(values: _Values) -> Said:
        import polars as pl

        pairs, other = _pairs(*names)(values), otherwise(values)
        none = pairs[0] == "."

        return (
            pl.when(none).then(other[0]).otherwise(pairs[0]),
            pl.when(none).then(other[1]).otherwise(pairs[1]),
        )

    return say


def _off_rate(values: _Values) -> Said:
    total, cny, rate = (
        values.shown("gateway", name)
        for name in ("total", "total_cny", "exchange_rate")
    )

    return _words(
        "The gateway's own amounts do not fit: {} at {} is not {} CNY.",
        "网关自身金额不符：{} 按汇率 {} 不等于 {} CNY。",
        total,
        rate,
        cny,
    )


def _undone(values: _Values) -> Said:
    return _words(
        "The gateway's state is {}: it was not done.",
        "网关状态为 {}：交易未成功。",
        values.shown("gateway", "state"),
    )


def _not_paid_out(values: _Values) -> Said:
    import polars as pl

    if "age" not in values.columns:
        old = _words("", "")
    else:
        given = _words(
            " It is {} working days old.", "已过 {} 个工作日。", pl.col("age")
        )
        old = given[0].fill_null(""), given[1].fill_null("")

    money = values.money("gateway")

    return (
        pl.format("{} were due and are not in the statement.{}", money, old[0]),
        pl.format("{} 已到期但未出现在结算明细中。{}", money, old[1]),
    )


def _not_compared(values: _Values) -> Said:
    import polars as pl

    blank = [
        pl.when(pl.col(column).is_null()).then(pl.lit(column.removeprefix("ledger_")))
        for column in sorted(values.columns)
        if column.startswith("ledger_")
    ]

    return (
        pl.format(
            "The ledger's row is blank in {}, which was not compared.",
            pl.concat_str(blank, separator=", ", ignore_nulls=True),
        ),
        pl.format(
            "账本该行的 {} 为空，因此未核对。",
            pl.concat_str(blank, separator="、", ignore_nulls=True),
        ),
    )


def _exchange(values: _Values) -> Said:
    import polars as pl

    cny, rate, total, fee = (
        values.shown("statement", name)
        for name in ("exchanged_cny", "exchange_rate", "total_cny", "service_fee")
    )
    paid = pl.format(
        "{} {}",
        values.shown("statement", "exchanged"),
        values.shown("statement", "currency"),
    )

    return _words(
        "The statement paid out {} CNY ({} at {}) for {} CNY less {} CNY.",
        "结算支付 {} CNY（{}，汇率 {}），对应 {} CNY 减手续费 {} CNY。",
        cny,
        paid,
        rate,
        total,
        fee,
    )


_REASON_OF_CLASS: Final[dict[Difference, Callable[[_Values], Said]]] = {
    Difference.DUPLICATE: _duplicate,
    Difference.QUARANTINED: lambda _: _words("It cannot be read.", "无法读取。"),
    Difference.MISSING_IN_LEDGER: _missing(
        "gateway",
        "The gateway has this {} of {}; the ledger has not.",
        "网关有此{}（{}），账本没有。",
    ),
    Difference.MISSING_AT_GATEWAY: _of_sum(
        _missing(
            "ledger",
            "The ledger has this {} of {}; the gateway has not.",
            "账本有此{}（{}），网关没有。",
        ),
        "The refunds of order {} are together {} in the ledger, which has their sum"
        " only; the gateway has no refund of it.",
        "账本中订单 {} 的退款合计为 {}（账本只有合计），网关没有该订单的退款。",
    ),
    Difference.REFUND_WITHOUT_PAYMENT: lambda values: _words(
        "Both books have the refund {}; neither has its payment.",
        "两边都有退款 {}，但都没有对应的支付。",
        values.of_key("refund_id"),
    ),
    Difference.OVER_REFUNDED: _over_refunded,
    Difference.CURRENCY_DIFFERS: _pairs("currency"),
    Difference.AMOUNT_DIFFERS: _of_sum(
        _pairs_or(("total", "total_cny"), _off_rate),
        "The refunds of order {} are together {} in the ledger, which has their sum"
        " only, and {} at the gateway.",
        "订单 {} 的退款合计：账本为 {}（账本只有合计），网关为 {}。",
    ),
    Difference.STATE_DIFFERS: _pairs_or(("state",), _undone),
    Difference.WRONG_DAY: _pairs("mer_date"),
    Difference.NOT_COMPARED: _not_compared,
    Difference.PAID_OUT_UNKNOWN: lambda values: _words(
        "The statement has {} CNY for this number; the transactions do not have it.",
        "结算明细中该编号为 {} CNY，交易明细中没有该编号。",
        values.shown("statement", "exchanged_cny"),
    ),
    Difference.NOT_PAID_OUT: _not_paid_out,
    Difference.FEE_DIFFERS: lambda values: _words(
        "service_fee: ledger {}, statement {} CNY.",
        "手续费：账本 {}，结算 {} CNY。",
        values.shown("ledger", "service_fee"),
        values.shown("statement", "service_fee"),
    ),
    Difference.EXCHANGE_DIFFERS: _exchange,
    Difference.MATCHED: lambda _: _words("All is the same.", "完全一致。"),
}
