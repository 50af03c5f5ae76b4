"""
Statement readers: parse row by row, prove completeness at the end.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeVar

import attrs

from umfpay.errors import ConfigError, IncompleteStatementError, Text
from umfpay.models import PaymentState, RefundState
from umfpay.reconciliation._values import RowError, incomplete_error
from umfpay.reconciliation.gateway_files._frame_parser import (
    Block,
    FrameParser,
    Header,
    Line,
)
from umfpay.reconciliation.gateway_files._rows import (
    Kind,
    PaidOut,
    Transaction,
    read_paid_out,
    read_transaction,
)
from umfpay.reconciliation.gateway_files._sources import GivenSource, Source
from umfpay.reconciliation.gateway_files._totals import (
    RuleChoice,
    Sums,
    TotalRule,
    TotalRules,
    chosen_rule,
    fitting_rules,
    wrong_total_error,
)


if TYPE_CHECKING:
    import polars as pl

_log: Final = logging.getLogger("umfpay")

Encoding = Literal["utf-8", "gb18030"]
OnBadRow = Literal["raise", "quarantine"]

# Of files and of JSON lists (gateway.md 7.1, 7.2, 7.10).
_OPEN_STATES: Final = frozenset(
    {
        *("-99", "3", "4"),
        *(state.value for state in PaymentState if state.open),
        *(state.value for state in RefundState if state.open),
    }
)
_CHUNK_BYTES: Final = 256 * 1024
_BLOCK_BYTES: Final = 8 * 1024 * 1024
# What is read row by row where a block has an odd one.
_PIECE_BYTES: Final = 64 * 1024


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


def must_be_on_bad_row(given: object) -> None:
    """
    Refuse what ``on_bad_row=`` cannot mean.

    Raises:
        ConfigError: It is neither ``"raise"`` nor ``"quarantine"``.
    """
    if given not in ("raise", "quarantine"):
        raise ConfigError.of(
            "on_bad_row",
            f"raise or quarantine, not {given!r}",
            f"只支持 raise 或 quarantine，不支持 {given!r}",
        )


@attrs.frozen(kw_only=True)
class QuarantinedRow:
    """
    A row that could not be read and was set aside.

    Args:
        number: Of the line in the file, from 1.
        reason: Why it cannot be read.
        data: Its bytes; there may be a phone number in them.
    """

    number: int
    reason: Text
    data: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Statement(Generic[RowT]):
    """
    A file that was read to its end and proven complete.

    Args:
        total: Of the last line, in CNY.
        total_rules: By which sums it fits; empty if it was not compared.
        quarantined: The rows that could not be read, with
            ``on_bad_row="quarantine"``. If there are any, *total* was not compared.
    """

    header: Header
    rows: Sequence[RowT]
    total: Decimal
    total_rules: frozenset[TotalRule]
    quarantined: Sequence[QuarantinedRow] = ()


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
        total_rules: By which sums it fits, None until the end; empty if it was not
            compared.
        quarantined: The rows that could not be read, so far.
        sums: What the rows that were read add up to, so far.
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
        on_bad_row: OnBadRow,
    ) -> None:
        must_be_on_bad_row(on_bad_row)
        self._source = Source(source)
        self._kind = kind
        self._read = read
        self._amount = amount
        self._rule = chosen_rule(total_rule)
        self._encoding: str | None = encoding
        self._on_bad_row = on_bad_row
        self._frame_parser = FrameParser()
        self._row_count = 0
        self.sums: Sums = Sums()
        self.quarantined: list[QuarantinedRow] = []
        self.total_rules: frozenset[TotalRule] | None = None

    @property
    def name(self) -> str:
        """
        Of the file; "" where there is none.
        """
        return self._source.name

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
        trailer = self._frame_parser.trailer

        return None if trailer is None else trailer.total

    def __iter__(self) -> Iterator[RowT]:
        with self._naming_file():
            for data, size in self._source.blocks(_CHUNK_BYTES):
                yield from self._rows(self._frame_parser.feed(data, size))

            self._close()

    async def __aiter__(self) -> AsyncIterator[RowT]:
        with self._naming_file():
            async for chunk in self._source:
                for row in self._rows(self._frame_parser.feed(chunk, len(chunk))):
                    yield row

            self._close()

    @contextmanager
    def _naming_file(self) -> Iterator[None]:
        """
        Say of which file an error is: there may be several.
        """
        try:
            yield
        except IncompleteStatementError as error:
            if not self.name:
                raise

            raise IncompleteStatementError(
                f"{self.name}: {error.what.en}",
                f"{self.name}：{error.what.zh}",
                advice=error.advice,
            ) from None

    def frames(
        self, *, block: int = _BLOCK_BYTES, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """
        Give the rows as polars frames, for volume: any Arrow consumer takes them.

        In them *total* and the like are Int64 hundredths, *exchange_rate* is Int64
        hundred-millionths, *currency* is in upper case, and the customer's phone is
        left out. What is proven, and what is refused, is the same.

        Args:
            block: Bytes of the file that become a frame, about.
            columns: Those that are wanted, None for all.

        Raises:
            ConfigError: The package polars is missing, or there is no such column.
        """
        from umfpay.reconciliation.gateway_files._polars_reader import read_for, sums_of

        wanted = None if columns is None else read_for(columns, self._kind)

        with self._naming_file():
            for data, size in self._source.blocks(block):
                rows = self._frame_parser.feed(data, size)

                if rows is None:
                    continue

                frame = self._frame(rows, wanted)
                self._row_count += frame.height
                self.sums += sums_of(frame, self._kind)

                yield frame if columns is None else frame.select(*columns)

            self._close()

    def _frame(self, rows: Block, wanted: Sequence[str] | None) -> pl.DataFrame:
        """
        Return *rows* as a frame; where one is odd, those around it are read singly.
        """
        import polars as pl

        from umfpay.reconciliation.gateway_files._polars_reader import (
            of_rows,
            parse_block,
        )

        def parsed(block: Block) -> pl.DataFrame | None:
            frame, encoding = parse_block(
                block, self._kind, encoding=self._encoding, wanted=wanted
            )

            if frame is not None:
                self._encoding = encoding

            return frame

        frame = parsed(rows)

        if frame is not None:
            return frame

        frames = []

        for piece in rows.pieces(_PIECE_BYTES):
            part = parsed(piece)

            if part is None:
                part = of_rows(self._typed_rows(piece), self._kind)
                part = part if wanted is None else part.select(*wanted)

            frames.append(part)

        return pl.concat(frames)

    def write_parquet(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the frames to a Parquet file; its name appears when the file is proven.

        Raises:
            ConfigError: It cannot be written, or a package is missing.
        """
        from umfpay.reconciliation.gateway_files._polars_reader import write_parquet

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
        try:
            import polars as pl
        except ImportError:
            return sum(row.state in _OPEN_STATES for row in self)

        is_open = pl.col("state").is_in(_OPEN_STATES)

        return sum(
            int(frame.select(is_open.sum()).item())
            for frame in self.frames(columns=("state",))
        )

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
            quarantined=tuple(self.quarantined),
        )

    def _rows(self, block: Block | None) -> Iterator[RowT]:
        for row in () if block is None else self._typed_rows(block):
            amount = self._amount(row)
            self._row_count += 1
            self.sums += (
                Sums(paid=amount) if row.kind is Kind.PAYMENT else Sums(refunded=amount)
            )

            yield row

    def _typed_rows(self, block: Block) -> Iterator[RowT]:
        for line in block.lines():
            try:
                row = self._read(
                    [field.strip() for field in self._text(line).split(",")]
                )
            except RowError as error:
                if self._on_bad_row == "raise":
                    where = f"line {line.number}"

                    raise incomplete_error(where, *error.reason) from None

                self.quarantined.append(
                    QuarantinedRow(
                        number=line.number, reason=error.reason, data=line.data
                    )
                )
            else:
                yield row

    def _text(self, line: Line) -> str:
        """
        Decode *line*; the first that is not ASCII decides for the whole file.
        """
        if line.data.isascii():
            return line.data.decode("ascii")

        for encoding in (self._encoding,) if self._encoding else ("utf-8", "gb18030"):
            try:
                text = line.data.decode(encoding)
            except UnicodeDecodeError:
                continue

            self._encoding = encoding

            return text

        raise RowError(
            "it is neither UTF-8 nor GB18030, or not of the encoding of the lines"
            " before; give encoding=",
            "编码既不是 UTF-8 也不是 GB18030，或与前面各行不一致；请指定 encoding=",
        )

    def _close(self) -> None:
        trailer = self._frame_parser.close()
        header = self._frame_parser.header
        assert header is not None
        count = self._row_count + len(self.quarantined)
        rule = self._rule

        if trailer.rows is not None and trailer.rows != count:
            raise incomplete_error(
                "the end",
                f"its last line counts {trailer.rows} rows, and there are {count}",
                f"结束行标明 {trailer.rows} 行，实际有 {count} 行",
            )

        if self.quarantined:
            # Nothing is learned from it.
            _log.warning(
                "%s of %s: %d rows cannot be read, the total is not compared |"
                " 有 %d 行无法识别，未核对总金额",
                header.kind,
                header.day,
                len(self.quarantined),
                len(self.quarantined),
            )
            self.total_rules = frozenset()
        elif rule == "ignore":
            _log.warning(
                "%s of %s: the total is not compared | 未核对总金额",
                header.kind,
                header.day,
            )
            self.total_rules = frozenset()
        elif isinstance(rule, TotalRules):
            self.total_rules = rule.check(
                header, self.sums, trailer.total, paid_out=self._kind is PaidOut
            )
        else:
            fits = fitting_rules(self.sums, trailer.total)

            if not fits or (isinstance(rule, TotalRule) and rule not in fits):
                raise wrong_total_error(self.sums, trailer.total)

            self.total_rules = fits


def read_transactions(
    source: GivenSource,
    *,
    total_rule: RuleChoice = "auto",
    encoding: Encoding | None = None,
    on_bad_row: OnBadRow = "raise",
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
        on_bad_row: ``"quarantine"`` sets rows aside that cannot be read, and goes on;
            the total is not compared then.

    Raises:
        ConfigError: *total_rule* or *on_bad_row* means nothing.
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
        on_bad_row=on_bad_row,
    )


def read_statement(
    source: GivenSource,
    *,
    total_rule: RuleChoice = "auto",
    encoding: Encoding | None = None,
    on_bad_row: OnBadRow = "raise",
) -> StatementReader[PaidOut]:
    """
    Read a file of ``reconciliation_statement_download`` (gateway.md 9.2).

    The format is documented nowhere; this reads what the emulator writes. The total is
    that of what was paid out, in CNY.

    Args:
        source: A path, the bytes, or the session's download stream.
        total_rule: As for `read_transactions`.
        encoding: None finds out between UTF-8 and GB18030.
        on_bad_row: ``"quarantine"`` sets rows aside that cannot be read, and goes on;
            the total is not compared then.

    Raises:
        ConfigError: *total_rule* or *on_bad_row* means nothing.
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
        on_bad_row=on_bad_row,
    )
