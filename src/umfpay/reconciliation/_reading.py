"""
Statement readers: parse row by row, prove completeness at the end.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeVar

import attrs

from umfpay.reconciliation._frame_parser import FrameParser, Header, Line
from umfpay.reconciliation._rows import (
    Kind,
    PaidOut,
    Transaction,
    read_paid_out,
    read_transaction,
)
from umfpay.reconciliation._source import GivenSource, Source
from umfpay.reconciliation._totals import (
    Sums,
    TotalRule,
    TotalRules,
    chosen_rule,
    fitting_rules,
    wrong_total_error,
)
from umfpay.reconciliation._values import incomplete_error


if TYPE_CHECKING:
    import polars as pl

_log: Final = logging.getLogger("umfpay")

Encoding = Literal["utf-8", "gb18030"]
RuleChoice = Literal["auto", "ignore"] | TotalRule | TotalRules

# Of files and of JSON lists (gateway.md 7.1, 7.2, 7.10).
_OPEN_STATES: Final = frozenset(
    {"-99", "3", "4", "WAIT_BUYER_PAY", "TRADE_PENDING", "REFUND_PROCESS"}
)
_BLOCK_BYTES: Final = 8 * 1024 * 1024


class Row(Protocol):
    """
    What a row needs to be summed, and to tell whether it is open.
    """

    @property
    def kind(self) -> Kind:
        """
        Payment or refund.
        """
        ...

    @property
    def state(self) -> str:
        """
        As the file has it.
        """
        ...


RowT = TypeVar("RowT", bound=Row)


@attrs.frozen(kw_only=True)
class Statement(Generic[RowT]):
    """
    A file that was read to its end and proven complete.

    Args:
        total: Of the last line, in CNY.
        total_rules: By which sums it fits; empty if it was not compared.
    """

    header: Header
    rows: Sequence[RowT]
    total: Decimal
    total_rules: frozenset[TotalRule]


class StatementReader(Generic[RowT]):
    """
    One file: iterate over its rows, with ``for`` or ``async for``.

        for row in read_transactions("20170206.txt"):
            ...

    Rows come while the file is read; that it is whole is known at its end, where
    `IncompleteStatementError` is raised if it is not. What must not begin with half a
    file uses `read()` or `aread()`, or reads twice.

    Attributes:
        header: What the first line says, None until it was read.
        statement_total: The total of the last line in CNY, None until the end.
        total_rules: By which sums it fits, None until the end.
    """

    def __init__(
        self,
        source: GivenSource,
        *,
        kind: type[RowT],
        read: Callable[..., RowT],
        amount: Callable[[RowT], Decimal],
        total_rule: RuleChoice,
        encoding: Encoding | None,
    ) -> None:
        self._source = Source(source)
        self._kind = kind
        self._read = read
        self._amount = amount
        self._rule = chosen_rule(total_rule)
        self._encoding: str | None = encoding
        self._frame_parser = FrameParser()
        self._paid = Decimal(0)
        self._refunded = Decimal(0)
        self.total_rules: frozenset[TotalRule] | None = None

    @property
    def header(self) -> Header | None:
        """
        What the first line says.
        """
        return self._frame_parser.header

    @property
    def statement_total(self) -> Decimal | None:
        """
        The total of the last line in CNY.
        """
        return self._frame_parser.total

    def __iter__(self) -> Iterator[RowT]:
        for chunk in self._source.chunks():
            for line in self._frame_parser.feed(chunk):
                yield self._row(line)

        self._close()

    async def __aiter__(self) -> AsyncIterator[RowT]:
        async for chunk in self._source:
            for line in self._frame_parser.feed(chunk):
                yield self._row(line)

        self._close()

    def frames(
        self, *, block: int = _BLOCK_BYTES, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """
        Give the rows as polars frames, for volume: any Arrow consumer takes them.

        In them *total* and the like are Int64 hundredths, *exchange_rate* is Int64
        hundred-millionths, *currency* is in upper case, *paid_at* is text (HHMMSS), and
        the customer's phone is left out. What is proven, and what is refused, is the
        same.

        Args:
            block: Bytes of the file that become a frame, about.
            columns: Those that are wanted, None for all.

        Raises:
            ConfigError: The package polars is missing, or there is no such column.
        """
        from umfpay.reconciliation._polars_reader import (
            of_rows,
            parse_block,
            read_for,
            sums_of,
        )

        wanted = None if columns is None else read_for(columns, self._kind)

        for data, size in self._source.blocks(block):
            rows = self._frame_parser.feed_block(data, size)

            if rows is None:
                continue

            frame, encoding = parse_block(
                rows, self._kind, encoding=self._encoding, wanted=wanted
            )

            if frame is None:
                frame = of_rows(map(self._typed, rows.lines()), self._kind)
                frame = frame if wanted is None else frame.select(*wanted)
            else:
                self._encoding = encoding

            self._frame_parser.count_rows(frame.height)
            paid, refunded = sums_of(frame, self._kind)
            self._paid += paid
            self._refunded += refunded

            yield frame if columns is None else frame.select(*columns)

        self._close()

    def write_parquet(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the frames to a Parquet file; its name appears when the file is proven.

        Raises:
            ConfigError: It cannot be written, or a package is missing.
        """
        from umfpay.reconciliation._polars_reader import write_parquet

        return write_parquet(self.frames(), Path(to), self._kind)

    def read(self) -> Statement[RowT]:
        """
        Read all rows; return them when the file is proven complete.
        """
        return self._statement(list(self))

    def prove(self) -> int:
        """
        Read to the end and keep nothing, for ``session.statements.pull(prove=...)``.

        Returns:
            How many rows are open: created, processing or authorised.

        Raises:
            IncompleteStatementError: The file is not whole.
            StatementError: It cannot be read.
        """
        return sum(row.state in _OPEN_STATES for row in self)

    async def aread(self) -> Statement[RowT]:
        """
        Do what `read()` does, also with a stream of the session.
        """
        return self._statement([row async for row in self])

    def _statement(self, rows: Sequence[RowT]) -> Statement[RowT]:
        assert self.header is not None
        assert self.statement_total is not None
        assert self.total_rules is not None

        return Statement(
            header=self.header,
            rows=tuple(rows),
            total=self.statement_total,
            total_rules=self.total_rules,
        )

    def _typed(self, line: Line) -> RowT:
        fields = [field.strip() for field in self._text(line).split(",")]

        return self._read(fields, number=line.number)

    def _row(self, line: Line) -> RowT:
        row = self._typed(line)

        if row.kind is Kind.PAYMENT:
            self._paid += self._amount(row)
        else:
            self._refunded += self._amount(row)

        return row

    def _text(self, line: Line) -> str:
        """
        Decode *line*; the first that is not ASCII decides for the whole file.
        """
        if line.data.isascii():
            return line.data.decode("ascii")

        where = f"line {line.number}"

        for encoding in (self._encoding,) if self._encoding else ("utf-8", "gb18030"):
            try:
                text = line.data.decode(encoding)
            except UnicodeDecodeError:
                continue

            self._encoding = encoding

            return text

        raise incomplete_error(
            where,
            "it is neither UTF-8 nor GB18030, or not of the encoding of the lines"
            " before; give encoding=",
            "编码既不是 UTF-8 也不是 GB18030，或与前面各行不一致；请指定 encoding=",
        )

    def _close(self) -> None:
        total = self._frame_parser.close()
        header = self._frame_parser.header
        assert header is not None
        sums = Sums(paid=self._paid, refunded=self._refunded)
        rule = self._rule

        if rule == "ignore":
            _log.warning(
                "%s of %s: the total is not compared | 未核对总金额",
                header.kind,
                header.day,
            )
            self.total_rules = frozenset()
        elif isinstance(rule, TotalRules):
            self.total_rules = rule.check(
                header, sums, total, paid_out=self._kind is PaidOut
            )
        else:
            fits = fitting_rules(sums, total)

            if not fits or (isinstance(rule, TotalRule) and rule not in fits):
                raise wrong_total_error(sums, total)

            self.total_rules = fits


def read_transactions(
    source: GivenSource,
    *,
    total_rule: RuleChoice = "auto",
    encoding: Encoding | None = None,
) -> StatementReader[Transaction]:
    """
    Read a file of ``transactions_download`` (gateway.md 9.1).

    Args:
        source: A path, the bytes, or the session's download stream.
        total_rule: What the last line's total sums. ``"auto"``: any of the three;
            a `TotalRules` object also remembers which one it was for each merchant;
            a `TotalRule` or its text alone; ``"ignore"`` compares nothing, with a
            warning.
        encoding: None finds out between UTF-8 and GB18030.

    Raises:
        ConfigError: *total_rule* means nothing.
        IncompleteStatementError: While reading: the file is cut, mixed, damaged, or
            its total fits nothing.
        StatementError: It cannot be read.
    """
    return StatementReader(
        source,
        kind=Transaction,
        read=read_transaction,
        amount=lambda row: row.total_cny,
        total_rule=total_rule,
        encoding=encoding,
    )


def read_statement(
    source: GivenSource,
    *,
    total_rule: RuleChoice = "auto",
    encoding: Encoding | None = None,
) -> StatementReader[PaidOut]:
    """
    Read a file of ``reconciliation_statement_download`` (gateway.md 9.2).

    The format is documented nowhere; this reads what the emulator writes. The total is
    that of what was paid out, in CNY.

    Args:
        source: A path, the bytes, or the session's download stream.
        total_rule: As for `read_transactions`.
        encoding: None finds out between UTF-8 and GB18030.

    Raises:
        ConfigError: *total_rule* means nothing.
        IncompleteStatementError: While reading: the file is cut, mixed, damaged, or
            its total fits nothing.
        StatementError: It cannot be read.
    """
    return StatementReader(
        source,
        kind=PaidOut,
        read=read_paid_out,
        amount=lambda row: row.exchanged_cny,
        total_rule=total_rule,
        encoding=encoding,
    )
