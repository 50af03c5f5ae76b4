"""
``umfpay query``: what became of many payments or refunds.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from umfpay import _codec
from umfpay.cli._exit_codes import Exit
from umfpay.cli._sessions import (
    config_option,
    fetch_token_option,
    open_session,
    settings,
)
from umfpay.cli._streams import content_of, print_json, print_line
from umfpay.errors import APIError, ConfigError, Text, escape
from umfpay.resources import BulkResult


# Those of the gateway are capitals, digits and _; who knows what comes.
_ID_TEXT: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@click.command()
@click.option(
    "--ids", required=True, metavar="FILE", help='One id a line ("-": standard input).'
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
    ids: str,
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
    wanted = [*_ids(ids)]

    async def ask() -> bool:
        all_found = True

        async with open_session(settings(file), fetch_token=fetch_token) as session:
            nouns: Any = session.payments if kind == "payments" else session.refunds

            async for one in nouns.get_many(
                wanted, concurrency=concurrency, checkpoint=checkpoint
            ):
                all_found &= _print_result(one, as_json=as_json)

        return all_found

    context.exit(Exit.GOOD if asyncio.run(ask()) else Exit.NO)


def _ids(file: str) -> Iterator[str]:
    try:
        text = content_of(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(
            f"{file}: it is not UTF-8.", f"{file}：不是 UTF-8 文本。"
        ) from None

    for number, line in enumerate(text.splitlines(), start=1):
        one = line.strip()

        # A file of something else, maybe of secrets, is neither sent nor shown.
        if one and not _ID_TEXT.fullmatch(one):
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


def _print_result(one: BulkResult[Any], *, as_json: bool) -> bool:
    error = one.error

    if error is not None and not isinstance(error, APIError):
        # The network, the token, the settings: no answer about this id.
        raise error

    if as_json:
        print_json(_json(one))
    elif error is not None:
        words = f"{error.what.en} | {error.what.zh}"
        print_line(f"{one.id}  {escape(error.ret_code)}  {words}", err=True)
    else:
        state = getattr(one.object, "state", None)
        print_line(f"{one.id}  {state or '-'}")

    return error is None


def _json(one: BulkResult[Any]) -> str:
    if one.object is not None:
        return json.dumps(
            {"id": one.id, "object": json.loads(_codec.dumps(one.object))},
            ensure_ascii=False,
        )

    assert isinstance(one.error, APIError)

    return json.dumps(
        {"id": one.id, "ret_code": one.error.ret_code, "error": one.error.what.en},
        ensure_ascii=False,
    )
