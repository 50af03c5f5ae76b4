"""
``umfpay emulator``: the gateway in a box, until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import click


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
def emulator(
    port: int,
    ftp_port: int | None,
    host: str,
    data: Path | None,
    deliver_to: tuple[str, ...],
    as_host: tuple[str, ...],
) -> None:
    """
    Run the gateway in a box.
    """
    with ExitStack() as stack:
        folder = data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="umf-"))
        )

        try:
            asyncio.run(_run(folder, host, (port, ftp_port), deliver_to, as_host))
        except KeyboardInterrupt:
            # click would print a line of its own.
            raise click.Abort from None


async def _run(
    data: Path,
    host: str,
    ports: tuple[int, int | None],
    deliver_to: tuple[str, ...],
    as_host: tuple[str, ...],
) -> None:
    from umfpay.emulator import Emulator, serve

    box = Emulator(data, deliver_to=deliver_to, hosts=(host, *as_host))

    port, ftp_port = ports

    async with serve(box, host=host, port=port, ftp_port=ftp_port) as server:
        click.echo(f"base URL   {server.base_url}")
        click.echo(f"settings   {data / 'umf.env'}")
        click.echo(f"console    {server.origin}/")
        click.echo(f"control    {server.origin}/_emulator/")

        if server.ftp_port is not None:
            click.echo(f"papers     ftp, port {server.ftp_port}")

        click.echo("Ctrl-C ends it | 按 Ctrl-C 结束")
        ended = asyncio.Event()

        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

        await ended.wait()
