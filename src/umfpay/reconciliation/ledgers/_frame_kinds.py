"""
Frames that others give: their engine, and pandas and pyarrow to Polars and back.

What no test compares is refused at once, in words that say what to give instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
from narwhals import dependencies
from narwhals.exceptions import DuplicateError

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import Book, schema_of
from umfpay.reconciliation.ledgers._place import shown


if TYPE_CHECKING:
    import polars as pl


Frame = Any  # narwhals' frame, or the native one of any engine

_CHINA_ZONE: Final = "Asia/Shanghai"
_FILES_ADVICE: Final = Text(
    "write what is larger than memory with .to_parquet() and give pl.scan_parquet() of"
    " the files",
    "内存放不下时请用 .to_parquet() 写成文件，再提供 pl.scan_parquet()",
)
_REFUSED: Final = (
    (
        "Dask",
        dependencies.is_dask_dataframe,
        Text(
            "Give .compute(), a frame of pandas", "请提供 .compute()（pandas 数据表）"
        ),
    ),
    (
        "Ibis",
        dependencies.is_ibis_table,
        Text(
            "Give .to_polars() or .to_pyarrow()", "请提供 .to_polars() 或 .to_pyarrow()"
        ),
    ),
    (
        "Modin",
        dependencies.is_modin_dataframe,
        Text("Give .modin.to_pandas()", "请提供 .modin.to_pandas()"),
    ),
    (
        "cuDF",
        dependencies.is_cudf_dataframe,
        Text("Give .to_arrow()", "请提供 .to_arrow()"),
    ),
)


class FrameKind(StrEnum):
    """
    The engine of a frame, of those that tests compare.
    """

    POLARS = "Polars"
    DUCKDB = "DuckDB"
    SPARK = "PySpark"
    PANDAS = "pandas"
    PYARROW = "pyarrow"

    @property
    def is_by_polars(self) -> bool:
        """
        Whether Polars computes what is asked of it: the frame is whole in memory, and
        its engine lacks integers of 128 bits.
        """
        return self in (FrameKind.PANDAS, FrameKind.PYARROW)


def frame_kind(name: str, given: Frame) -> FrameKind:
    """
    Return the engine of *given*.

    Args:
        name: Of the book, for errors.

    Raises:
        ConfigError: It is no frame, one that no test compares, or has two columns of
            one name.
    """
    native = nw.to_native(given, pass_through=True)

    for kind, is_of_kind, advice in _REFUSED:
        if is_of_kind(native):
            raise ConfigError.of(
                name,
                f"a frame of {kind} is not compared",
                f"不支持 {kind} 数据表",
                advice=Text(
                    f"{advice.en}; {_FILES_ADVICE.en}.",
                    f"{advice.zh}；{_FILES_ADVICE.zh}。",
                ),
            )

    try:
        implementation = nw.from_native(native).implementation
    except TypeError:
        kind = type(given).__name__

        raise ConfigError.of(
            name,
            f"a frame that narwhals takes is needed, not a {kind}",
            f"需要 narwhals 支持的数据表，而不是 {kind}",
        ) from None
    except DuplicateError:
        raise _twice_error(name, native) from None

    for known, is_it in (
        (FrameKind.POLARS, implementation.is_polars()),
        (FrameKind.DUCKDB, implementation.is_duckdb()),
        (FrameKind.PANDAS, implementation.is_pandas()),
        (FrameKind.PYARROW, implementation.is_pyarrow()),
        (
            FrameKind.SPARK,
            implementation.is_pyspark() or implementation.is_pyspark_connect(),
        ),
    ):
        if is_it:
            return known

    raise ConfigError.of(
        name,
        f"a frame of {implementation.value} is not compared",
        f"不支持 {implementation.value} 数据表",
        advice=Text(
            f"Give a frame of {', '.join(FrameKind)}.",
            f"请提供 {'、'.join(FrameKind)} 数据表。",
        ),
    )


def one_kind(frames: dict[Book, Frame]) -> FrameKind:
    """
    Return the engine that all *frames* have.

    Raises:
        ConfigError: They are of several, or as of `frame_kind()`.
    """
    kinds = {book: frame_kind(book, given) for book, given in frames.items()}

    if len({*kinds.values()}) > 1:
        named = ", ".join(f"{book} of {kind}" for book, kind in kinds.items())
        shown = "、".join(f"{book} 为 {kind}" for book, kind in kinds.items())

        raise ConfigError(
            f"Frames of one engine are compared, not {named}.",
            f"只能核对同一引擎的数据表，而不是 {shown}。",
            advice=Text(
                "pl.from_pandas() and pl.from_arrow() make frames of Polars of them.",
                "可用 pl.from_pandas() 或 pl.from_arrow() 转换为 Polars 数据表。",
            ),
        )

    return kinds[Book.TRANSACTIONS]


def in_polars(
    name: str, given: Frame, wanted: Collection[str] | None = None
) -> pl.DataFrame:
    """
    Return *given* of pandas or pyarrow in Polars; what is missing is null.

    Args:
        name: Of the book, for errors.
        wanted: Names of columns; of all others nothing is read.

    Raises:
        ConfigError: A column holds values of several types.
    """
    import polars as pl

    table = nw.from_native(given, eager_only=True)
    columns = [one for one in table.columns if wanted is None or one in wanted]

    # One by one, so that an error can name its column. Labels of pandas may be numbers.
    return pl.DataFrame({str(one): _series(name, table, one) for one in columns})


def names_of(name: str, given: Frame) -> list[str]:
    """
    Return the names of the columns of *given*, those that are text.

    Raises:
        ConfigError: One stands twice.
    """
    try:
        names = nw.from_native(given).collect_schema().names()
    except DuplicateError:
        raise _twice_error(name, given) from None

    # A label of pandas may be anything.
    return [one for one in names if isinstance(one, str)]


def _twice_error(name: str, given: Frame) -> ConfigError:
    names = getattr(given, "column_names", None) or given.columns
    twice = [shown(str(one)) for one, count in Counter(names).items() if count > 1]

    return ConfigError.of(
        name,
        f"the frame has several columns of one name: {', '.join(twice)}",
        f"数据表中有同名的列：{'、'.join(twice)}",
    )


def _series(name: str, table: Frame, column: str) -> pl.Series:
    values = table.get_column(column)
    kind = values.dtype

    if kind == nw.Datetime and kind.time_zone is not None:
        # Polars knows no zone such as +05:30, which pandas and Arrow have.
        values = values.dt.convert_time_zone("UTC")

    try:
        found: pl.Series = values.to_polars()
    except Exception as error:
        # Whatever the libraries between have for an object that Arrow cannot hold.
        raise ConfigError.of(
            name,
            f"column {shown(str(column))} holds what Arrow cannot hold"
            f" ({type(error).__name__})",
            f"{shown(str(column))} 列无法转换为 Arrow（{type(error).__name__}）",
            advice=Text(
                "Give it values of one type, such as text.",
                "请让该列只含一种类型的值，例如文本。",
            ),
        ) from error

    return found


def in_columns_of(book: Book, given: pl.DataFrame) -> pl.DataFrame:
    """
    Return *given* with the types of *book*: pandas has no days and few integers that
    may be missing.

    Raises:
        ConfigError: A column holds floats, or nothing that is of its type.
    """
    import polars as pl

    columns = []

    for name, kind in schema_of(book).items():
        if name not in given.columns:
            continue

        column = given.get_column(name)

        if column.dtype.is_float() and column.drop_nulls().len():
            raise floats_error(book, name)

        if kind == pl.Date and isinstance(column.dtype, pl.Datetime):
            if column.dtype.time_zone is not None:
                column = column.dt.convert_time_zone(_CHINA_ZONE)

            column = column.dt.date()

        try:
            columns.append(column.cast(kind))
        except pl.exceptions.PolarsError:
            raise ConfigError.of(
                book,
                f"{name} is of the type {column.dtype}, not {kind}",
                f"{name} 的类型为 {column.dtype}，应为 {kind}",
            ) from None

    return given.with_columns(columns)


def floats_error(book: Book, name: str) -> ConfigError:
    """
    Return what to raise where column *name* of *book* holds floats.
    """
    return ConfigError.of(
        book,
        f"{name} holds floats, whose last digits may be lost",
        f"{name} 为浮点数，末位可能已丢失",
        advice=Text(
            "Give integers (in pandas those that may be missing: Int64), and numbers of"
            " orders and refunds as text.",
            "请提供整数（pandas 中有缺失值时请用 Int64），订单号和退款单号请用文本。",
        ),
    )


def back_in(kind: FrameKind, found: pl.DataFrame) -> Frame:
    """
    Return *found* as a frame of *kind*; in pandas with the types of Arrow, in which
    integers and days may be missing.
    """
    if kind is FrameKind.PYARROW:
        return found.to_arrow()

    return found.to_pandas(use_pyarrow_extension_array=True)
