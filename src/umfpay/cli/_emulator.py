"""
``umfpay emulator``: the gateway in a box, until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import click


_ENDS: Final = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


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
    asyncio.run(
        _run(
            data,
            host,
            (port, ftp_port),
            deliver_to,
            as_host,
            other_merchant=other_merchant,
        )
    )


async def _run(
    data: Path | None,
    host: str,
    ports: tuple[int, int | None],
    deliver_to: tuple[str, ...],
    as_host: tuple[str, ...],
    *,
    other_merchant: bool,
) -> None:
    # Before anything is made: whatever ends it, the temporary folder goes.
    ended = asyncio.Event()
    _on_end(ended)

    from umfpay.emulator import Emulator, serve

    port, ftp_port = ports

    with ExitStack() as stack:
        folder = data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="umf-"))
        )
        box = Emulator(folder, deliver_to=deliver_to, hosts=(host, *as_host))

        if other_merchant:
            box.other_merchant  # noqa: B018 (made when asked for)

        async with serve(box, host=host, port=port, ftp_port=ftp_port) as server:
            click.echo(f"base URL   {server.base_url}")
            click.echo(f"settings   {folder / 'umf.env'}")

            if other_merchant:
                click.echo(f"other      {folder / 'other-merchant' / 'umf.env'}")

            click.echo(f"console    {server.origin}/")
            click.echo(f"control    {server.origin}/_emulator/")

            if server.ftp_port is not None:
                click.echo(f"papers     ftp, port {server.ftp_port}")

            click.echo("Ctrl-C ends it | 按 Ctrl-C 结束")
            await ended.wait()


def _on_end(ended: asyncio.Event) -> None:
    for name in _ENDS:
        number = getattr(signal, name, None)

        # nohup ignores SIGHUP, and means it.
        if number is None or signal.getsignal(number) == signal.SIG_IGN:
            continue

        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
