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

from umfpay.cli._exit import ExitCode
from umfpay.cli._options import merchant_options
from umfpay.cli._sessions import settings
from umfpay.cli._streams import print_json, print_line
from umfpay.errors import escape
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    from umfpay.notifications import NotificationInbox, UnappliedEvent


_T = TypeVar("_T")


@click.group()
def inbox() -> None:
    """
    Notifications that were acknowledged and not applied.
    """


_key = click.argument("key")


@inbox.command("list")
@merchant_options
@click.option(
    "--json", "as_json", is_flag=True, help="Print a line of JSON for an event."
)
def list_(*, as_json: bool, **place: Any) -> ExitCode:
    """
    List what is held, unconfirmed, in conflict or failed.

    Exits with 1 if there is any, else with 0.
    """
    found = _run(_waiting, **place)

    for why, event in found:
        if as_json:
            print_json(_json(why, event))
        else:
            number = escape(event.mer_reference_id or "-")
            print_line(f"{event.key}  {why}  {number}  {event.reason}")

    return ExitCode.NO if found else ExitCode.OK


@inbox.command()
@_key
@merchant_options
def show(*, key: str, **place: Any) -> ExitCode:
    """
    Show an event that waits, with its bytes as the gateway signed them.

    Exits with 1 if none with this key waits.
    """
    found = [one for one in _run(_waiting, **place) if one[1].key == key]

    for why, event in found:
        print_json(_json(why, event, whole=True))

    return _end(key, done=bool(found))


@inbox.command()
@_key
@merchant_options
def replay(*, key: str, **place: Any) -> ExitCode:
    """
    Have an event decided anew, by the processes that have its handler.

    Exits with 1 if none with this key waits.
    """

    async def act(opened: NotificationInbox) -> bool:
        return await opened.hasten(key) > 0

    return _end(key, done=_run(act, **place))


@inbox.command()
@_key
@merchant_options
def release(*, key: str, **place: Any) -> None:
    """
    Say that the id of an event is your own: look it up in the portal first.

    The order must be expected. An event that is in conflict stays so.
    """

    async def act(opened: NotificationInbox) -> None:
        await opened.release(key)

    _run(act, **place)
    print_line(f"{escape(key)}: released | 已放行")


def _end(key: str, *, done: bool) -> ExitCode:
    if done:
        return ExitCode.OK

    print_line(
        f"{escape(key)}: no event with this key waits | 没有等待中的该事件", err=True
    )

    return ExitCode.NO


def _run(
    act: Callable[[NotificationInbox], Awaitable[_T]],
    *,
    url: Secret,
    schema: str | None,
    file: Path | None,
) -> _T:
    from umfpay.notifications import NotificationInbox, NotificationReceiver
    from umfpay.sql import Database

    receiver = NotificationReceiver.from_config(settings(file))

    async def main() -> _T:
        async with Database(url, schema=schema) as database:
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
