"""
``umfpay inbox``: events that wait, and what a person does about them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from umfpay.cli._exit_codes import Exit
from umfpay.cli._sessions import config_option, settings
from umfpay.cli._streams import print_json, print_line
from umfpay.cli._tables import database_options
from umfpay.errors import escape


if TYPE_CHECKING:
    from umfpay.notifications import NotificationInbox, UnappliedEvent


_T = TypeVar("_T")


@click.group()
def inbox() -> None:
    """
    Notifications that were acknowledged and not applied.
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    return config_option(database_options(command))


_key = click.argument("key")


@inbox.command("list")
@_options
@click.option(
    "--json", "as_json", is_flag=True, help="Print a line of JSON for an event."
)
@click.pass_context
def list_(
    context: click.Context,
    *,
    url: str,
    schema: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """
    List what is held, unconfirmed, in conflict or failed.

    Exits with 1 if there is any, else with 0.
    """
    found = _run(url, schema, file, _waiting)

    for why, event in found:
        if as_json:
            print_json(_json(why, event))
        else:
            number = escape(event.mer_reference_id or "-")
            print_line(f"{event.key}  {why}  {number}  {event.reason}")

    context.exit(Exit.NO if found else Exit.GOOD)


@inbox.command()
@_key
@_options
@click.pass_context
def show(
    context: click.Context, *, key: str, url: str, schema: str | None, file: Path | None
) -> None:
    """
    Show an event that waits, with its bytes as the gateway signed them.

    Exits with 1 if none with this key waits.
    """
    found = [one for one in _run(url, schema, file, _waiting) if one[1].key == key]

    for why, event in found:
        print_json(_json(why, event, whole=True))

    _exit(context, key, done=bool(found))


@inbox.command()
@_key
@_options
@click.pass_context
def replay(
    context: click.Context, *, key: str, url: str, schema: str | None, file: Path | None
) -> None:
    """
    Have an event decided anew, by the processes that have its handler.

    Exits with 1 if none with this key waits.
    """

    async def act(opened: NotificationInbox) -> bool:
        return await opened.hasten(key) > 0

    _exit(context, key, done=_run(url, schema, file, act))


@inbox.command()
@_key
@_options
def release(*, key: str, url: str, schema: str | None, file: Path | None) -> None:
    """
    Say that the id of an event is your own: look it up in the portal first.

    The order must be expected. An event that is in conflict stays so.
    """

    async def act(opened: NotificationInbox) -> None:
        await opened.release(key)

    _run(url, schema, file, act)
    print_line(f"{escape(key)}: released | 已放行")


def _exit(context: click.Context, key: str, *, done: bool) -> None:
    if not done:
        print_line(
            f"{escape(key)}: no event with this key waits | 没有等待中的该事件",
            err=True,
        )
        context.exit(Exit.NO)


def _run(
    url: str,
    schema: str | None,
    file: Path | None,
    act: Callable[[NotificationInbox], Awaitable[_T]],
) -> _T:
    from umfpay.notifications import NotificationInbox, NotificationReceiver
    from umfpay.sensitive import Secret
    from umfpay.sql import Database

    # An argument is a local of the frame that a traceback shows.
    address = Secret(url)
    del url
    receiver = NotificationReceiver.from_config(settings(file))

    async def main() -> _T:
        async with Database(address, schema=schema) as database:
            # It is not opened: what runs in the shop applies.
            return await act(NotificationInbox(database, receiver))

    return asyncio.run(main())


async def _waiting(opened: NotificationInbox) -> list[tuple[str, UnappliedEvent]]:
    return [
        (why, event)
        for why, listed in (
            ("held", opened.held),
            ("unconfirmed", opened.unconfirmed),
            ("conflict", opened.conflicts),
            ("failed", opened.failed),
        )
        for event in await listed()
    ]


def _json(why: str, unapplied: UnappliedEvent, *, whole: bool = False) -> str:
    event = unapplied.event
    members = {
        "key": unapplied.key,
        "why": why,
        "reason": unapplied.reason,
        "mer_reference_id": unapplied.mer_reference_id,
        "kind": None if event is None else event.kind,
        "id": None if event is None else event.object_id,
        "state": None if event is None else event.state,
        "received": unapplied.received.isoformat(),
        "attempts": unapplied.attempts,
        "questions": unapplied.questions,
    }

    if whole:
        members["body"] = unapplied.body.decode(errors="backslashreplace")

    return json.dumps(members, ensure_ascii=False)
