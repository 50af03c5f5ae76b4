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
def query(
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
) -> ExitCode:
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

    async def main() -> bool:
        all_found = True
        wanted: Any  # Any: ids or differences
        results: Any

        # Read before a token is fetched, or anything is sent.
        if report is not None:
            wanted = read_report(report, classes)
        else:
            assert ids is not None
            wanted = _ids(ids)

        async with open_session(settings(file), fetch_token=fetch_token) as session:
            if report is not None:
                results = ask(session, wanted, concurrency=concurrency)
            else:
                nouns = session.payments if kind == "payments" else session.refunds
                results = nouns.get_many(
                    wanted, concurrency=concurrency, checkpoint=checkpoint
                )

            async for one in results:
                found = one if isinstance(one, Found) else Found(result=one)
                all_found &= _print(found, as_json=as_json)

        return all_found

    return ExitCode.OK if asyncio.run(main()) else ExitCode.NO


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
            raise ConfigError.of(file, "it is not UTF-8", "不是 UTF-8 文本") from None

        if one and not ID_TEXT.fullmatch(one):
            raise ConfigError.of(
                file,
                f"line {number} is no id",
                f"第 {number} 行不是编号",
                advice=Text(
                    "Give a file with one id a line, and nothing else.",
                    "请提供每行仅一个编号的文件。",
                ),
            )

        if one:
            yield one


def _print(one: Found, *, as_json: bool) -> bool:
    """
    Print what came of one id or difference; return whether the object was found.
    """
    error = None if one.result is None else one.result.error

    if error is not None and not isinstance(error, APIError):
        # The network, the token, the settings: no answer about this id.
        raise error

    is_good = one.result is not None and error is None

    if as_json:
        print_json(json.dumps(_members(one), ensure_ascii=False))
    else:
        print_line(_line(one), err=not is_good)

    return is_good


def _line(one: Found) -> str:
    asked, result = one.asked, one.result
    parts = [] if asked is None else [asked.difference, asked.name, asked.number]

    if result is None:
        reason = _reason(one)
        parts.append(f"{reason.en} | {reason.zh}")
    elif isinstance(result.error, APIError):
        what = result.error.what
        parts += [result.id, escape(result.error.ret_code), f"{what.en} | {what.zh}"]
    else:
        parts += [result.id, str(getattr(result.object, "state", None) or "-")]

    return "  ".join(parts)


def _members(one: Found) -> dict[str, Any]:
    """
    Return the same for machines.
    """
    asked, result = one.asked, one.result
    members: dict[str, Any] = {}

    if asked is not None:
        members = {
            "difference": asked.difference,
            "class": asked.name,
            "kind": asked.kind,
            "number": asked.number,
        }

    if result is None:
        return {**members, "id": None, "error": _reason(one).en}

    if isinstance(result.error, APIError):
        return {
            **members,
            "id": result.id,
            "ret_code": result.error.ret_code,
            "error": result.error.what.en,
        }

    assert result.object is not None

    return {
        **members,
        "id": result.id,
        "object": json.loads(_codec.dumps(result.object)),
    }


def _reason(one: Found) -> Text:
    """
    Return why there is no id of a difference.
    """
    day = None if one.asked is None else one.asked.day

    if day is None:
        return Text("no book has its day: give --ids", "各账册均无其日期：请使用 --ids")

    return Text(
        f"not in the gateway's list of {day}: nothing was paid under this number",
        f"不在网关 {day} 的交易列表中：该编号没有成功的交易",
    )
