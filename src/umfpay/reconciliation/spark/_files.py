"""
Statement files on Spark: rows are parsed on the executors, both ends on the driver.

A text file is divided between executors, so that no one of them sees it whole. That it
is whole is proven by its sums, which are observed while its rows are used for something
else, against its last line. What stands behind the last line, or is cut off with it, no
sum shows: the driver reads both ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import Book
from umfpay.reconciliation._values import incomplete_error
from umfpay.reconciliation.gateway_files._frame_parser import (
    FrameParser,
    Header,
    Trailer,
)
from umfpay.reconciliation.gateway_files._quarantine import unread_amount
from umfpay.reconciliation.gateway_files._reading import OnBadRow, must_be_on_bad_row
from umfpay.reconciliation.gateway_files._totals import (
    RuleChoice,
    Sums,
    TotalRule,
    TotalRules,
    chosen_rule,
    fitting_rules,
    wrong_total_error,
)
from umfpay.reconciliation.spark._rows import (
    BLANKS,
    FILE,
    IS_BAD,
    IS_FRAME,
    bad_rows,
    parsed_rows,
    split_lines,
)


if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation, SparkSession


_CHARSETS_SETTING: Final = "spark.sql.legacy.javaCharsets"
_END_BYTES: Final = 128 * 1024
_BOM: Final = b"\xef\xbb\xbf"


@attrs.frozen(kw_only=True)
class SparkStatement:
    """
    Files of one book on Spark.

    Args:
        frame: Their rows in the columns that `compare()` takes. A first action on it, or
            on what is made of it, observes what `prove()` needs.
        numbers: The same rows, unobserved, for what reads them a second time.
        bad: The rows that cannot be read, unobserved, with their reasons.
        sums: What is observed of them, by another scan.
        headers: The first line of each file.
        trailers: The last line of each.
    """

    frame: DataFrame
    numbers: DataFrame
    bad: DataFrame
    sums: DataFrame = attrs.field(repr=False)
    headers: Sequence[Header]
    trailers: Sequence[Trailer]
    book: Book
    rule: Any = attrs.field(repr=False)
    observation: Observation = attrs.field(repr=False)
    names: Sequence[str] = ()
    on_bad_row: OnBadRow = "raise"

    @cached_property
    def _seen(self) -> Mapping[str, Any]:
        """
        What was observed of the rows.
        """
        from py4j.protocol import Py4JJavaError

        seen: Mapping[str, Any]

        try:
            seen = self.observation.get
        except Py4JJavaError:
            # Where no row is left, Spark forgets what it has observed.
            (found,) = self.sums.collect()
            seen = found.asDict()

        return seen

    def prove(self) -> list[frozenset[TotalRule]]:
        """
        Compare the sums of each file with its last line, after an action; before one it
        waits for it.

        Returns:
            By which sums each fits.

        Raises:
            IncompleteStatementError: A file is not whole.
        """
        seen = self._seen

        for number, name in enumerate(self.names):
            self._must_be_read(number, name, seen)

        return [self._fits(number, seen) for number in range(len(self.names))]

    def rows(self) -> int:
        """
        Return how many can be read, after an action.
        """
        seen = self._seen

        return sum(
            int(seen[f"rows_{number}"]) - int(seen[f"bad_{number}"])
            for number in range(len(self.names))
        )

    def unread(self) -> list[dict[str, Any]]:
        """
        Return for each file how many rows were set aside, and their *amount* in CNY as
        text, None where it is unknown: after `prove()` of all files.
        """
        seen = self._seen
        found = []

        for number, (header, trailer) in enumerate(
            zip(self.headers, self.trailers, strict=True)
        ):
            rows = int(seen[f"bad_{number}"])
            amount = (
                unread_amount(
                    header,
                    trailer.total,
                    _sums(number, seen),
                    self.rule,
                    paid_out=self.book is Book.STATEMENT,
                )
                if rows
                else Decimal("0.00")
            )
            found.append(
                {"rows": rows, "amount": None if amount is None else str(amount)}
            )

        return found

    def _must_be_read(self, number: int, name: str, seen: Any) -> None:
        bad = int(seen[f"bad_{number}"] or 0)

        if bad and self.on_bad_row == "raise":
            raise incomplete_error(
                name,
                f"{bad} of its rows cannot be read; read_transactions() or"
                ' read_statement() name the first, and on_bad_row="quarantine" sets'
                " them aside; a file in GB18030 needs encoding=",
                f"有 {bad} 行无法识别；read_transactions() 或 read_statement() 会指出"
                '第一行，on_bad_row="quarantine" 会将其隔离；GB18030 文件需指定 encoding=',
            )

        frames, rows = (int(seen[f"{one}_{number}"] or 0) for one in ("frame", "rows"))
        trailer = self.trailers[number]

        # One at each end, or both the same line in the middle as well.
        if frames != 2:
            raise incomplete_error(
                name,
                "its first or last line stands in it more than once",
                "首行或结束行出现多次",
            )

        if trailer.rows is not None and trailer.rows != rows:
            raise incomplete_error(
                name,
                f"its last line counts {trailer.rows} rows, and there are {rows}",
                f"结束行标明 {trailer.rows} 行，实际有 {rows} 行",
            )

    def _fits(self, number: int, seen: Any) -> frozenset[TotalRule]:
        sums, total = _sums(number, seen), self.trailers[number].total

        # Nothing is learned from a file of which rows are set aside.
        if self.rule == "ignore" or seen[f"bad_{number}"]:
            return frozenset()

        if isinstance(self.rule, TotalRules):
            return self.rule.check(
                self.headers[number],
                sums,
                total,
                paid_out=self.book is Book.STATEMENT,
            )

        fits = fitting_rules(sums, total)

        if not fits or (isinstance(self.rule, TotalRule) and self.rule not in fits):
            raise wrong_total_error(sums, total)

        return fits


def _sums(number: int, seen: Any) -> Sums:
    paid, refunded = (
        Decimal(seen[f"{kind}_{number}"] or 0).scaleb(-2) for kind in ("P", "T")
    )

    return Sums(paid=paid, refunded=refunded)


def open_on_spark(
    spark: SparkSession,
    paths: Sequence[str],
    book: Book,
    *,
    total_rule: RuleChoice,
    encoding: str,
    on_bad_row: OnBadRow = "raise",
) -> SparkStatement:
    """
    Open files of *book*.

    Raises:
        IncompleteStatementError: One has no first or last line.
        ConfigError: An argument means nothing, or a file cannot be read.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as sql

    if encoding not in ("utf-8", "gb18030"):
        raise ConfigError.of(
            "encoding",
            f"utf-8 or gb18030, not {encoding!r}",
            f"只支持 utf-8 或 gb18030，不支持 {encoding!r}",
        )

    if encoding == "gb18030" and not _knows_gb18030(spark):
        raise ConfigError.of(
            "encoding",
            f"Spark reads GB18030 only with {_CHARSETS_SETTING}=true",
            f"Spark 需设置 {_CHARSETS_SETTING}=true 才能读取 GB18030",
            advice=Text(
                f'Call spark.conf.set("{_CHARSETS_SETTING}", "true") before.',
                f'请先调用 spark.conf.set("{_CHARSETS_SETTING}", "true")。',
            ),
        )

    must_be_on_bad_row(on_bad_row)

    if not paths:
        raise ConfigError("A file is needed.", "至少需要一个文件。")

    ends = [_ends(spark, path) for path in paths]
    parts, bad_parts = [], []

    for number, (path, (header, _, frame_lines)) in enumerate(
        zip(paths, ends, strict=True)
    ):
        lines = split_lines(spark, path, book, frame_lines, encoding)
        parts.append(parsed_rows(lines, number, book, header))
        bad_parts.append(bad_rows(lines, path, book, header))

    whole, bad = (
        reduce(lambda one, other: one.union(other), frames)
        for frames in (parts, bad_parts)
    )
    observation = Observation()
    amount = sql.col("total_cny" if book is Book.TRANSACTIONS else "exchanged_cny")
    is_row = ~sql.col(IS_FRAME)
    is_read = is_row & ~sql.col(IS_BAD)
    metrics = []

    for number in range(len(paths)):
        is_here = sql.col(FILE) == number
        metrics += [
            sql.count(sql.when(is_here & sql.col(IS_FRAME), 1)).alias(
                f"frame_{number}"
            ),
            sql.count(sql.when(is_here & is_row, 1)).alias(f"rows_{number}"),
            sql.count(sql.when(is_here & sql.col(IS_BAD), 1)).alias(f"bad_{number}"),
            *(
                sql.sum(
                    sql.when(
                        is_here & is_read & (sql.col("kind") == kind),
                        amount.cast("decimal(38,0)"),
                    )
                ).alias(f"{kind}_{number}")
                for kind in ("P", "T")
            ),
        ]

    def rows(frame: DataFrame) -> DataFrame:
        return frame.filter(is_read).drop(IS_FRAME, IS_BAD, FILE)

    return SparkStatement(
        frame=rows(whole.observe(observation, *metrics)),
        numbers=rows(whole),
        bad=bad,
        sums=whole.agg(*metrics),
        headers=[header for header, _, _ in ends],
        trailers=[trailer for _, trailer, _ in ends],
        book=book,
        rule=TotalRules() if total_rule == "auto" else chosen_rule(total_rule),
        observation=observation,
        names=[*paths],
        on_bad_row=on_bad_row,
    )


def _knows_gb18030(spark: SparkSession) -> bool:
    given: Any = spark.conf.get(_CHARSETS_SETTING, "false")

    return str(given).lower() == "true"


def _ends(spark: SparkSession, path: str) -> tuple[Header, Trailer, list[str]]:
    """
    Read both ends of a file, wherever Spark reads from.
    """
    begin, end = _bytes_of_ends(spark, path)
    parser = FrameParser()
    lines = begin.split(b"\n")
    first = next((line for line in lines if line.strip()), b"")
    # What lies between is not looked at here.
    whole = begin if end is None else b"\n".join([first, end.partition(b"\n")[2]])
    parser.feed(whole, len(whole))
    trailer = parser.close()
    header = parser.header
    assert header is not None
    last = next(
        line
        for line in reversed((end or begin).split(b"\n"))
        if line.strip(b" \t\r\x1a")
    )

    return (
        header,
        trailer,
        [
            line.removeprefix(_BOM).decode("utf-8", "replace").strip(BLANKS)
            for line in (first, last)
        ],
    )


def _bytes_of_ends(spark: SparkSession, path: str) -> tuple[bytes, bytes | None]:
    """
    Return the begin and the end of a file; no end if the begin is all of it.
    """
    # Of the session's own file systems: HDFS, S3, local files.
    jvm: Any = spark._jvm
    place = jvm.org.apache.hadoop.fs.Path(path)
    files = place.getFileSystem(spark._jsc.hadoopConfiguration())

    if not files.exists(place) or files.getFileStatus(place).isDirectory():
        raise ConfigError.of(
            path,
            "there is no such file",
            "没有此文件",
            advice=Text("Name each file by its path.", "请逐个指定文件路径。"),
        )

    size = files.getFileStatus(place).getLen()
    read = jvm.org.apache.commons.io.IOUtils.toByteArray
    stream = files.open(place)

    try:
        begin = bytes(read(stream, min(size, 2 * _END_BYTES)))

        if size <= 2 * _END_BYTES:
            return begin, None

        stream.seek(size - _END_BYTES)

        return begin, bytes(read(stream, _END_BYTES))
    finally:
        stream.close()
