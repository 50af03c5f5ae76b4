"""
``umfpay query``: what became of many payments or refunds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from umfpay import _codec
from umfpay.cli._exit import ExitCode
from umfpay.cli._options import config_option, fetch_token_option
from umfpay.cli._query_report import ID_TEXT, Found, ask, read_report
from umfpay.cli._sessions import open_session, settings
from umfpay.cli._streams import content_of, print_json, print_line
from umfpay.errors import APIError, ConfigError, Text, escape
from umfpay.reconciliation import Difference
from umfpay.resources import BulkResult


@click.command()
@click.option("--ids", metavar="FILE", help='One id a line ("-": standard input).')
@click.option(
    "--from",
    "report",
    metavar="REPORT.json",
    help="The differences of a report (umfpay reconcile --report FILE.json).",
)
@click.option(
    "--class",
    "classes",
    type=click.Choice([*map(str, Difference)]),
    multiple=True,
    help="Of the report only these; by default all.",
)
@click.option(
    "--kind",
    type=click.Choice(["payments", "refunds"]),
    default="payments",
    show_default=True,
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    help="Queries at a time.",
)
@click.option(
    "--checkpoint", metavar="FILE", help="Where a query that broke off goes on."
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for an id.")
@config_option
@fetch_token_option
@click.pass_context
def query(
    context: click.Context,
    *,
    ids: str | None,
    report: str | None,
    classes: Sequence[str],
    kind: str,
    concurrency: int,
    checkpoint: str | None,
    as_json: bool,
    file: Path | None,
    fetch_token: bool,
) -> None:
    """
    Ask for many payments or refunds, as they come.

    Exits with 0 when all were found, 1 when some are refused, 2 on an error.
    """
    if (ids is None) == (report is None):
        raise click.UsageError("Either --ids or --from is needed.")

    if report is not None and checkpoint is not None:
        raise click.UsageError("--checkpoint is of --ids.")

    if report is None and classes:
        raise click.UsageError("--class is of --from.")

    async def about_ids() -> bool:
        assert ids is not None
        all_found = True
        wanted = _ids(ids)

        async with open_session(settings(file), fetch_token=fetch_token) as session:
            nouns: Any = session.payments if kind == "payments" else session.refunds

            async for one in nouns.get_many(
                wanted, concurrency=concurrency, checkpoint=checkpoint
            ):
                all_found &= _print_result(one, as_json=as_json)

        return all_found

    async def about_differences() -> bool:
        assert report is not None
        all_found = True
        wanted = read_report(report, classes)

        async with open_session(settings(file), fetch_token=fetch_token) as session:
            async for one in ask(session, wanted, concurrency=concurrency):
                all_found &= _print_found(one, as_json=as_json)

        return all_found

    answer = asyncio.run(about_ids() if report is None else about_differences())
    context.exit(ExitCode.OK if answer else ExitCode.NO)


def _ids(file: str) -> Iterable[str]:
    """
    Return the ids in *file*, every line of which is looked at before one is sent: a
    file of something else, maybe of secrets, is neither sent nor shown.
    """
    if not Path(file).is_file():
        # A pipe comes once.
        return [*_ids_of_lines(file, content_of(file).split(b"\n"))]

    def read() -> Iterator[str]:
        with Path(file).open("rb") as lines:
            yield from _ids_of_lines(file, lines)

    for _ in read():
        pass

    return read()


def _ids_of_lines(file: str, lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            one = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ConfigError(
                f"{file}: it is not UTF-8.", f"{file}：不是 UTF-8 文本。"
            ) from None

        if one and not ID_TEXT.fullmatch(one):
            raise ConfigError(
                f"{file}: line {number} is no id.",
                f"{file}：第 {number} 行不是编号。",
                advice=Text(
                    "Give a file with one id a line, and nothing else.",
                    "请提供每行仅一个编号的文件。",
                ),
            )

        if one:
            yield one


def _print_found(one: Found, *, as_json: bool) -> bool:
    asked, result = one.asked, one.result

    if result is not None:
        _must_be_an_answer(result)

    if as_json:
        given = {
            "difference": asked.difference,
            "class": asked.name,
            "kind": asked.kind,
            "number": asked.number,
            **(
                {"id": None, "error": _reason(one).en}
                if result is None
                else _members(result)
            ),
        }
        print_json(json.dumps(given, ensure_ascii=False))
    else:
        begin = f"{asked.difference}  {asked.name}  {asked.number}"

        if result is None:
            reason = _reason(one)
            print_line(f"{begin}  {reason.en} | {reason.zh}", err=True)
        else:
            line, is_good = _line(result)
            print_line(f"{begin}  {line}", err=not is_good)

    return result is not None and result.error is None


def _reason(one: Found) -> Text:
    day = one.asked.day

    if day is None:
        return Text("no book has its day: give --ids", "各账册均无其日期：请使用 --ids")

    return Text(
        f"not in the gateway's list of {day}: nothing was paid under this number",
        f"不在网关 {day} 的交易列表中：该编号没有成功的交易",
    )


def _print_result(one: BulkResult[Any], *, as_json: bool) -> bool:
    _must_be_an_answer(one)

    if as_json:
        print_json(json.dumps(_members(one), ensure_ascii=False))
    else:
        line, is_good = _line(one)
        print_line(line, err=not is_good)

    return one.error is None


def _must_be_an_answer(one: BulkResult[Any]) -> None:
    if one.error is not None and not isinstance(one.error, APIError):
        # The network, the token, the settings: no answer about this id.
        raise one.error


def _line(one: BulkResult[Any]) -> tuple[str, bool]:
    """
    Return what was answered, and whether it is the object.
    """
    if isinstance(one.error, APIError):
        words = f"{one.error.what.en} | {one.error.what.zh}"

        return f"{one.id}  {escape(one.error.ret_code)}  {words}", False

    state = getattr(one.object, "state", None)

    return f"{one.id}  {state or '-'}", True


def _members(one: BulkResult[Any]) -> dict[str, Any]:
    if isinstance(one.error, APIError):
        return {
            "id": one.id,
            "ret_code": one.error.ret_code,
            "error": one.error.what.en,
        }

    assert one.object is not None

    return {"id": one.id, "object": json.loads(_codec.dumps(one.object))}
