"""
``umfpay journal``: what is open, and what a person decides about it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from umfpay.cli._exit import ExitCode
from umfpay.cli._options import fetch_token_option, merchant_options
from umfpay.cli._sessions import open_session, settings
from umfpay.cli._streams import print_json, print_line
from umfpay.errors import ConfigError, Text
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    from umfpay.journal import Journal, JournalEntry


_T = TypeVar("_T")


@click.group()
def journal() -> None:
    """
    Calls that were written down before they were sent.
    """


_row = click.argument("row", type=click.IntRange(1, 2**63 - 1))
_reason = click.option(
    "--reason", required=True, help="Why; it is kept with your name."
)


@journal.command("list")
@merchant_options
@click.option("--all", "also_ended", is_flag=True, help="Ended ones, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for a row.")
def list_(*, also_ended: bool, as_json: bool, **place: Any) -> ExitCode:
    """
    List what is open, oldest first.

    Exits with 1 if one of them moves money and nobody knows its end, else with 0.
    """

    async def act(opened: Journal) -> list[JournalEntry]:
        return await (opened.entries() if also_ended else opened.open_items())

    entries = _run(act, **place)

    for entry in entries:
        if as_json:
            print_json(_json(entry))
        else:
            print_line(_line(entry))

    alarming = any(entry.is_alarming for entry in entries)

    return ExitCode.NO if alarming else ExitCode.OK


@journal.command()
@_row
@merchant_options
def show(*, row: int, **place: Any) -> None:
    """
    Print a row as JSON, with what persons said of it.
    """

    async def act(opened: Journal) -> None:
        print_json(_json(await _needed(opened, row)))

    _run(act, **place)


@journal.command()
@_row
@merchant_options
@fetch_token_option
def resolve(*, row: int, fetch_token: bool, **place: Any) -> ExitCode:
    """
    Ask the gateway about an open row now.

    Exits with 0 when it has ended then, with 1 when it stays open.
    """
    from umfpay.journal import JournalState, Recovery

    async def act(opened: Journal) -> bool:
        entry = await _needed(opened, row)

        if entry.state is not JournalState.ENDED:
            async with open_session(
                settings(place["file"]), fetch_token=fetch_token, journal=opened
            ) as session:
                await Recovery(session, opened).advance(entry)

        entry = await _needed(opened, row)
        print_line(_line(entry))

        return entry.state is JournalState.ENDED

    return ExitCode.OK if _run(act, **place) else ExitCode.NO


@journal.command()
@_row
@click.option(
    "--as",
    "outcome",
    required=True,
    type=click.Choice(["executed", "not-executed"]),
    help="What became of it.",
)
@_reason
@merchant_options
def settle(*, row: int, outcome: str, reason: str, **place: Any) -> None:
    """
    End an open row as you know it ended.
    """
    from umfpay.journal import JournalOutcome

    async def act(opened: Journal) -> None:
        decided = JournalOutcome(outcome.replace("-", "_"))
        await opened.decide(row, decided, reason=reason)
        print_line(_line(await _needed(opened, row)))

    _run(act, **place)


@journal.command()
@_row
@_reason
@click.option("--executed", is_flag=True, help="Also of a row that was carried out.")
@merchant_options
def forget(*, row: int, reason: str, executed: bool, **place: Any) -> None:
    """
    Give the intent of a row back: it may be sent again then. The row stays, as ended.
    """
    from umfpay.journal import JournalOutcome

    async def act(opened: Journal) -> None:
        await _needed(opened, row)
        await opened.decide(
            row, JournalOutcome.FORGOTTEN, reason=reason, also_executed=executed
        )
        print_line(f"row {row}: forgotten | 第 {row} 行：已放弃，意图可再次使用")

    _run(act, **place)


async def _needed(opened: Journal, position: int) -> JournalEntry:
    found = await opened.entries(opened.rows.table.c.position == position)

    if not found:
        raise ConfigError(
            f"row {position}: there is none of this merchant.",
            f"第 {position} 行：该商户没有此记录。",
            advice=Text(
                "Look for it: umfpay journal list --all.",
                "请用 umfpay journal list --all 查找。",
            ),
        )

    return found[0]


def _run(
    act: Callable[[Journal], Awaitable[_T]],
    *,
    url: Secret,
    schema: str | None,
    file: Path | None,
) -> _T:
    from umfpay.journal import Journal

    config = settings(file)

    async def run() -> _T:
        async with Journal(url, schema=schema) as opened:
            opened.attach(base_url=config.base_url, client_id=config.client_id)

            return await act(opened)

    return asyncio.run(run())


def _line(entry: JournalEntry) -> str:
    age = str(entry.age).partition(".")[0]
    end = entry.state if entry.outcome is None else f"{entry.state} {entry.outcome}"
    person = "  needs a person" if entry.needs_person else ""

    return (
        f"{entry.position}  {age}  {end}  {entry.call or '-'}"
        f"  {entry.mer_reference_id or '-'}  {entry.payment_id or '-'}"
        f"  {entry.intent_id}{person}"
    )


def _json(entry: JournalEntry) -> str:
    value = attrs.asdict(
        entry, filter=lambda field, _: field.name not in ("intent", "fence")
    )

    return json.dumps(value, ensure_ascii=False, default=str)
