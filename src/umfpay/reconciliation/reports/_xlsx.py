"""
The report as a workbook: numbers are numbers, and every text is text.

Cells are written by their type, never by what they look like, so that nothing of a
stranger's becomes a formula, a link or a rounded number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final

import xlsxwriter

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import (
    BOOKS,
    as_text,
)
from umfpay.reconciliation.gateway_files._locations import PLACE_COLUMNS
from umfpay.reconciliation.reports._bridge_rows import makers_of
from umfpay.reconciliation.reports._reasons import reasons
from umfpay.reconciliation.reports._summary import (
    BOOK_TITLES,
    KIND_NAMES,
    TITLE,
    Summary,
    currency_name,
)
from umfpay.reconciliation.reports._xlsx_columns import (
    LISTED_COLUMNS,
    WIDTHS,
    column_name,
)
from umfpay.reconciliation.reports._xlsx_sheets import (
    BridgeLinks,
    FrameSheet,
    Sheet,
)


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.reports._report import Language, Report


# The same books give the same bytes.
_CREATED: Final = datetime(1980, 1, 1)  # noqa: DTZ001 (of the file's format)
# What makes a line of the bridge of a difference.
_MADE_OF: Final = (
    "currency",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
)


def write_workbook(
    report: Report,
    file: IO[bytes],
    *,
    language: Language,
    limit: int,
    rest: str,
    bridge_rows: str,
) -> None:
    """
    Write *report* into *file*.

    Args:
        limit: Rows of a sheet; the rest is counted.
        rest: The name of a file beside it that has all differences.
        bridge_rows: The same of a file with all rows of the bridge.

    Raises:
        ConfigError: xlsxwriter is one that writes sheets in another way.
    """
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        made = _Workbook(workbook, language, report)
        made.write(limit, rest, bridge_rows)

    # The way in which rows get into a sheet is none that xlsxwriter promises.
    if not all(sheet.is_whole for sheet in workbook.worksheets()):
        raise ConfigError(
            f"The workbook lacks rows: xlsxwriter {xlsxwriter.__version__} writes sheets"
            " in another way.",
            f"工作簿缺少数据行：xlsxwriter {xlsxwriter.__version__} 的写入方式不同。",
            advice=Text(
                "Install xlsxwriter 3, or write the report as CSV.",
                "请安装 xlsxwriter 3，或将报告写成 CSV。",
            ),
        )


class _Workbook:
    """
    The sheets of a report.
    """

    def __init__(
        self, workbook: xlsxwriter.Workbook, language: Language, report: Report
    ) -> None:
        self._workbook = workbook
        self._language = language
        self._report = report
        self._summary = Summary.of(report)
        self._bold = workbook.add_format({"bold": True, "text_wrap": True})
        self._formats = {
            kind: workbook.add_format({"num_format": number})
            for kind, number in (
                ("money", "#,##0.00"),
                ("rate", "0.0000####"),
                ("day", "yyyy-mm-dd"),
                ("count", "#,##0"),
            )
        }
        self._formats["text"] = workbook.add_format({"num_format": "@"})
        self._links = BridgeLinks(workbook)
        workbook.set_properties({"title": self._say(TITLE), "created": _CREATED})

    def _say(self, text: Text) -> str:
        if self._language == "both":
            return text.en if text.en == text.zh else f"{text.zh} {text.en}"

        return text.zh if self._language == "zh" else text.en

    def write(self, limit: int, rest: str, bridge_rows: str) -> None:
        """
        Write all sheets.
        """
        report = self._report
        self._write_summary()
        bridge = self._bridge_sheet()
        self._write_differences(limit, rest)
        self._write_makers(limit, rest)

        for section, name, rows in (
            ("opening", Text("Open before", "期初未结算"), report.opening_items),
            ("open", Text("Open", "未结算"), report.open_items),
            ("other-days", Text("Other days", "其他日期"), report.other_days),
        ):
            self._write_listed(section, name, rows, limit, bridge_rows)

        self._write_quarantined(limit, bridge_rows)

        if bridge is not None:
            # Last: where the rows are is known.
            self._write_bridge(bridge)

    def _sheet(self, name: Text, heads: Sequence[Text], widths: Sequence[int]) -> Sheet:
        sheet = Sheet(
            self._workbook.add_worksheet(self._say(name), FrameSheet), self._formats
        )

        for column, width in enumerate(widths):
            sheet.worksheet.set_column(column, column, width)

        for column, head in enumerate(heads):
            sheet.worksheet.write_string(0, column, self._say(head), self._bold)

        sheet.worksheet.freeze_panes(1, 0)
        sheet.row = 1

        return sheet

    def _write_summary(self) -> None:
        say, summary = self._say, self._summary
        sheet = self._sheet(
            Text("Summary", "摘要"),
            [
                Text("class", "类别"),
                Text("keys", "笔数"),
                Text("currency", "币种"),
                Text("total", "金额"),
                Text("what to do", "处理办法"),
            ],
            [36, 12, 12, 20, 90],
        )

        for line in summary.classes:
            totals: list[tuple[str, Decimal | None]] = [*line.totals.items()]
            totals = totals or [("", None)]

            for number, (currency, total) in enumerate(totals):
                first = number == 0
                sheet.write(
                    [
                        say(line.name),
                        line.count if first and line.off is None else None,
                        currency_name(currency) if currency else None,
                        total,
                        (say(line.off) if line.off else say(line.advice))
                        if first and (line.count or line.off)
                        else None,
                    ]
                )

        sheet.write([])
        sheet.write([say(summary.verdict)])

        for file in summary.files:
            self._links.keep(file.section, sheet.row, 1)
            sheet.write(
                [
                    f"{say(file.book)} {file.day} {file.name}".rstrip(),
                    None,
                    "CNY",
                    file.total,
                    say(file.rule),
                ]
            )

        for name, count in summary.rows.items():
            sheet.write([say(BOOK_TITLES[name]), count])

        for note in self._report.notes:
            sheet.write([say(note)])

    def _bridge_sheet(self) -> Sheet | None:
        if self._report.bridge is None:
            return None

        return self._sheet(
            Text("Bridge", "资金桥"),
            [
                Text("line", "项目"),
                Text("currency", "币种"),
                Text("amount", "金额"),
                Text("rows", "行数"),
                Text("of these", "其中"),
                Text("where its rows are", "明细位置"),
            ],
            [44, 10, 20, 12, 12, 44],
        )

    def _write_bridge(self, sheet: Sheet) -> None:
        makers = makers_of(self._report)

        for table in self._summary.bridge:
            for shown in table.lines:
                line = shown.line
                amount: Any = "?" if line.amount is None else line.amount
                part = "x" if line.is_part else None
                section = f"rows-{line.item}" if line.item in makers else shown.section
                has_rows = bool(line.amount or line.rows)
                where = self._links.where(section) if has_rows else None
                sheet.write(
                    [
                        self._say(shown.name),
                        table.currency,
                        amount,
                        line.rows,
                        part,
                        None if where is None else self._say(where),
                    ]
                )

                if has_rows:
                    row = sheet.row - 1
                    self._links.write(sheet.worksheet, row, 2, section, line.amount)
                    self._links.write(sheet.worksheet, row, 3, section, line.rows)

            sheet.write([])

        for one in self._summary.unproven:
            sheet.write(
                [f"{self._say(Text('not proven', '未证明'))}: {self._say(one)}"]
            )

    def _write_makers(self, limit: int, rest: str) -> None:
        """
        Write the differences that make a line of the bridge, line by line: among all
        differences they are in the order of their numbers.
        """
        import polars as pl

        makers = makers_of(self._report)

        if not makers:
            return

        found = pl.concat(rows.head(limit) for rows in makers.values())
        said = {str(name): self._say(name.label) for name in Difference}
        kinds = {name: self._say(text) for name, text in KIND_NAMES.items()}
        names = [
            name
            for name in found.columns
            if name.partition("_")[0] in ("gateway", "statement")
            and name.partition("_")[2] in _MADE_OF
        ]
        names = ["class", "order_id", "kind", "refund_id", *names, "id"]
        sheet = self._sheet(
            Text("Rows of the bridge", "资金桥明细"),
            [Text("line", "项目"), *map(column_name, names)],
            [44, *(WIDTHS.get(name, 14) for name in names)],
        )
        items = [
            self._say(item.label)
            for item, rows in makers.items()
            for _ in range(min(rows.height, limit))
        ]
        row = sheet.row
        sheet.write_frame(
            found.select(pl.Series("item", items), *names).with_columns(
                found["class"].replace(said), found["kind"].replace(kinds)
            )
        )

        for item, rows in makers.items():
            shown = min(rows.height, limit)
            more = rest if rows.height > limit else ""
            self._links.keep(f"rows-{item}", row, shown, more)
            row += shown

        self._write_more(sheet, sum(map(len, makers.values())) - len(items), rest)

    def _write_differences(self, limit: int, rest: str) -> None:
        say, report = self._say, self._report
        rows = report.frame.head(limit)
        texts = reasons(as_text(rows))
        values = [
            name
            for name in rows.columns
            if name.partition("_")[0] in BOOKS
            # The day of the file is in its name.
            and name != "gateway_listed_on"
            and rows[name].null_count() < rows.height
        ]
        places = [name for name in PLACE_COLUMNS if name in rows.columns]
        begin = ["class", "order_id", "kind", "refund_id"]
        begin += ["age"] if "age" in rows.columns else []
        names = [*begin, *values, *places]
        end = ["reason", *(["suggestion"] if report.suggestions else []), "id"]
        sheet = self._sheet(
            Text("Differences", "差异"),
            [*map(column_name, names), *(column_name(name) for name in end)],
            [WIDTHS.get(name, 14) for name in (*names, *end)],
        )
        kinds = {name: say(text) for name, text in KIND_NAMES.items()}
        classes = {str(name): say(name.label) for name in Difference}
        sheet.write_frame(
            rows.select(
                *names,
                self._said(texts, "reason"),
                *([self._suggested(rows["id"])] if report.suggestions else []),
                "id",
            ).with_columns(rows["class"].replace(classes), rows["kind"].replace(kinds))
        )
        sheet.worksheet.autofilter(
            0, 0, max(1, sheet.row - 1), len(names) + len(end) - 1
        )
        self._write_more(sheet, report.frame.height - rows.height, rest)

    def _said(self, texts: pl.DataFrame, name: str) -> pl.Series:
        """
        Return the sentences of two columns of *texts*, *name* and *name*_zh.
        """
        import polars as pl

        en, zh = pl.col(name), pl.col(f"{name}_zh")

        if self._language == "both":
            said = pl.when(en == zh).then(en).otherwise(pl.format("{} {}", zh, en))
        else:
            said = zh if self._language == "zh" else en

        return texts.select(said.alias(name)).to_series()

    def _suggested(self, ids: pl.Series) -> pl.Series:
        import polars as pl

        texts = [
            "; ".join(
                f"{' + '.join(one.numbers)}: {self._say(one.why)}"
                for one in self._report.suggestions.get(key, ())
            )
            or None
            for key in ids
        ]

        return pl.Series("suggestion", texts, dtype=pl.String)

    def _write_more(self, sheet: Sheet, more: int, rest: str) -> None:
        if more <= 0:
            return

        words = Text(f"and {more:,} more rows", f"另有 {more:,} 行")
        where = (
            Text(f"; all of them: {rest}", f"；全部见：{rest}")
            if rest
            else Text("", "")
        )
        sheet.write([self._say(Text(f"{words.en}{where.en}", f"{words.zh}{where.zh}"))])

    def _write_listed(
        self,
        section: str,
        name: Text,
        rows: pl.DataFrame | None,
        limit: int,
        bridge_rows: str,
    ) -> None:
        if rows is None or not rows.height:
            return

        names = [column for column in LISTED_COLUMNS if column in rows.columns]
        sheet = self._sheet(name, [*map(column_name, names)], [16] * len(names))
        shown = rows.select(names).head(limit)
        self._end_list(section, sheet, shown, rows.height, bridge_rows)

    def _write_quarantined(self, limit: int, bridge_rows: str) -> None:
        rows = self._report.quarantined

        if rows is None or not rows.height:
            return

        sheet = self._sheet(
            Text("Quarantined", "无法读取"),
            [Text("file", "文件"), Text("line", "行"), Text("why", "原因")],
            [32, 10, 60],
        )

        shown = rows.head(limit)
        shown = shown.select("file", "line", self._said(shown, "reason"))
        self._end_list("quarantined-rows", sheet, shown, rows.height, bridge_rows)

    def _end_list(
        self,
        section: str,
        sheet: Sheet,
        shown: pl.DataFrame,
        count: int,
        bridge_rows: str,
    ) -> None:
        """
        Write the rows that are *shown* of *count*, and where the others are.
        """
        more = count - shown.height
        self._links.keep(section, sheet.row, shown.height, bridge_rows if more else "")
        sheet.write_frame(shown)
        self._write_more(sheet, more, bridge_rows)
