"""
The differences as CSV, for spreadsheets that must run nothing of it.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Final

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import as_text
from umfpay.reconciliation.reports._reasons import reasons


if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from umfpay.reconciliation.reports._report import Language, Report


# Spreadsheets run what begins with a sign, of any width, also behind blanks, marks, and
# what some of them drop: control and format characters.
# A cell may begin behind each of these, depending on who opens the file.
_INVISIBLE_CHARACTERS: Final = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\""
)
_SIGNS: Final = r"=+@\u2212\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b-"
_FORMULA_BEGIN: Final = re.compile(
    rf"(^|[;|\t\r\n])(?=[{_INVISIBLE_CHARACTERS}]*[{_SIGNS}])"
)
# The same for an engine that looks ahead of nothing; more may fit than above.
_SUSPICIOUS: Final = rf"^[\t\r\n]|(?:^|[;|\t\r\n])[{_INVISIBLE_CHARACTERS}]*[{_SIGNS}]"
_BLANKS: Final = ("\t", "\r", "\n")
# What we write ourselves: numbers, days and words.
_OWN_COLUMNS: Final = frozenset({"class", "also", "side", "id", "age", "item"})
_OWN_VALUES: Final = (
    "_total",
    "_total_cny",
    "_service_fee",
    "_exchanged",
    "_exchanged_cny",
    "_refunded",
    "_refunded_cny",
    "_exchange_rate",
    "_mer_date",
    "_listed_on",
)
_QUARANTINE_COLUMNS: Final = (
    "book",
    "file",
    "day",
    "line",
    "reason",
    "reason_zh",
    "data",
)


def without_formulas(text: str) -> str:
    """
    Return *text* with an apostrophe before all that a spreadsheet would run.
    """
    safe = _FORMULA_BEGIN.sub(r"\1'", text)

    return f"'{safe}" if text.startswith(_BLANKS) and not safe.startswith("'") else safe


def csv_rows(report: Report, *, language: Language) -> pl.DataFrame:
    """
    Return the differences as they stand in the file.
    """
    import polars as pl

    texts = as_text(report.frame)
    words = pl.DataFrame({"class": [*Difference]}).cast(pl.String)
    whole = pl.concat(
        [
            texts,
            reasons(texts),
            texts.select(
                pl.col("class")
                .replace_strict(
                    words.to_series(), [getattr(one.advice, name) for one in Difference]
                )
                .alias(column)
                for column, name in (("advice", "en"), ("advice_zh", "zh"))
            ),
            _suggested(report, texts),
        ],
        how="horizontal",
    )
    unwanted = {"en": "_zh", "zh": "", "both": None}[language]
    words_of_both = ("reason", "advice", "suggestion")

    if unwanted is not None:
        whole = whole.drop(f"{name}{unwanted}" for name in words_of_both)

    return safe_rows(whole)


def safe_rows(texts: pl.DataFrame) -> pl.DataFrame:
    """
    Return *texts* with nothing that a spreadsheet would run.
    """
    return texts.with_columns(
        _safe(texts.get_column(name))
        for name in texts.columns
        if name not in _OWN_COLUMNS and not f"_{name}".endswith(_OWN_VALUES)
    )


def _suggested(report: Report, texts: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    found = report.suggestions
    ids: Sequence[str] = texts.get_column("id").to_list() if found else ()

    def column(language: str) -> list[str]:
        if not found:
            return [""] * texts.height

        return [
            "; ".join(
                f"{' + '.join(one.numbers)}: {getattr(one.why, language)}"
                for one in found.get(key, ())
            )
            for key in ids
        ]

    return pl.DataFrame(
        {"suggestion": column("en"), "suggestion_zh": column("zh")},
        schema={"suggestion": pl.String, "suggestion_zh": pl.String},
    )


def _safe(values: pl.Series) -> pl.Series:
    import polars as pl

    suspicious = values.str.contains(_SUSPICIOUS).fill_null(value=False)

    if not suspicious.any():
        return values

    texts = values.to_list()

    for row in suspicious.arg_true():
        texts[row] = without_formulas(texts[row])

    return pl.Series(values.name, texts, dtype=pl.String)


def quarantine_rows(rows: pl.DataFrame | None) -> pl.DataFrame:
    """
    Return the rows that could not be read as they stand in their file; bytes that are no
    text are written as ``\\xb0``.
    """
    import polars as pl

    if rows is None:
        return pl.DataFrame(schema=dict.fromkeys(_QUARANTINE_COLUMNS, pl.String))

    data = [one.decode(errors="backslashreplace") for one in rows.get_column("data")]
    texts = rows.with_columns(data=pl.Series(data, dtype=pl.String)).select(
        pl.col(name).cast(pl.String) for name in _QUARANTINE_COLUMNS
    )

    return texts.select(map(_safe, texts.iter_columns()))


def write_csv_rows(rows: pl.DataFrame, file: IO[bytes], *, mark: bool) -> None:
    """
    Write *rows* to *file*, with a byte order mark or none.
    """
    rows.write_csv(file, include_bom=mark, line_terminator="\n")
