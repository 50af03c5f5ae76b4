"""
``umfpay emulator``: the gateway in a box, until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from umfpay.cli._exit import on_end


if TYPE_CHECKING:
    from umfpay.emulator import Server


@click.command()
@click.option("--port", default=8100, show_default=True, help="0 takes any free port.")
@click.option(
    "--ftp-port",
    type=int,
    help="Take the papers of B2B payments by FTP there; 0 takes any free port.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder of keys, umf.env and books; without it all is gone at the end.",
)
@click.option(
    "--deliver-to",
    multiple=True,
    metavar="HOST",
    help="A host besides loopback that notifications may go to.",
)
@click.option(
    "--as-host",
    multiple=True,
    metavar="NAME",
    help="A name besides loopback that clients may call it by.",
)
@click.option(
    "--other-merchant",
    is_flag=True,
    help="Have a second merchant: its keys and umf.env lie in other-merchant/ of --data.",
)
def emulator(
    port: int,
    ftp_port: int | None,
    host: str,
    data: Path | None,
    deliver_to: tuple[str, ...],
    as_host: tuple[str, ...],
    other_merchant: bool,  # noqa: FBT001 (a flag)
) -> None:
    """
    Run the gateway in a box.
    """

    async def serve_until_ended() -> None:
        # Before anything is made: whatever ends it, the temporary folder goes.
        ended = asyncio.Event()
        on_end(ended.set)

        from umfpay.emulator import Emulator, serve

        with ExitStack() as stack:
            _show_log(stack)
            folder = data or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="umf-"))
            )
            box = Emulator(folder, deliver_to=deliver_to, hosts=(host, *as_host))

            if other_merchant:
                box.other_merchant  # noqa: B018 (made when asked for)

            async with serve(box, host=host, port=port, ftp_port=ftp_port) as server:
                _show_addresses(server, folder, other_merchant=other_merchant)
                await ended.wait()

    asyncio.run(serve_until_ended())


def _show_addresses(server: Server, folder: Path, *, other_merchant: bool) -> None:
    click.echo(f"base URL   {server.base_url}")
    click.echo(f"settings   {folder / 'umf.env'}")

    if other_merchant:
        click.echo(f"other      {folder / 'other-merchant' / 'umf.env'}")

    click.echo(f"console    {server.origin}/")
    click.echo(f"control    {server.origin}/_emulator/")

    if server.ftp_port is not None:
        click.echo(f"papers     ftp, port {server.ftp_port}")

    click.echo("Ctrl-C ends it | 按 Ctrl-C 结束")


def _show_log(stack: ExitStack) -> None:
    """
    Show the emulator's log on standard error: each refusal, and what goes wrong.
    """
    log = logging.getLogger("umfpay.emulator")
    handler = logging.StreamHandler()
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    stack.callback(log.removeHandler, handler)
