"""
Standard streams of the commands: what is read, lines and JSON, a bar of progress.

They may be closed, full or not UTF-8.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from umfpay.errors import ConfigError, Text, escape, os_reason


if TYPE_CHECKING:
    from umfpay.reconciliation._progress import Progress as Reached


STDIN: Final = "-"
MAX_LINE_CHARACTERS: Final = 10_000
"""Characters of one line of output."""

_MAX_INPUT_BYTES: Final = 64 * 1024 * 1024


def prepare_output() -> None:
    """
    Let standard output escape what its encoding lacks: that must not fail a command.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_line(text: str, *, err: bool = False) -> None:
    """
    Print *text* in one line that a terminal shows and does not obey.
    """
    click.echo(escape(text, limit=MAX_LINE_CHARACTERS), err=err)


def print_json(text: str) -> None:
    """
    Print the JSON *text*; what a terminal might obey is escaped as JSON escapes it.
    """
    for line in text.split("\n"):
        click.echo(
            line
            if line.isprintable()
            else "".join(
                one if one.isprintable() else json.dumps(one)[1:-1] for one in line
            )
        )


def settle_output() -> None:
    """
    Give up what cannot be written, or the interpreter tries again and ends with 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue

        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def content_of(file: str) -> bytes:
    """
    Read *file*, or standard input if it is ``-``.

    Raises:
        ConfigError: It cannot be read, or has more than 64 MiB.
    """
    if file == STDIN:
        return content_of_input()

    shown = escape(file)

    try:
        with Path(file).open("rb") as opened:
            return _read_bounded(opened, Text(shown, shown))
    except (OSError, ValueError) as error:
        raise _unreadable(Text(shown, shown), error) from None


def content_of_input() -> bytes:
    """
    Read standard input to its end.

    Raises:
        ConfigError: It is closed, cannot be read, or has more than 64 MiB.
    """
    name = Text("Standard input", "标准输入")

    if sys.stdin is None:
        raise ConfigError(
            "Standard input is closed.",
            "标准输入已关闭。",
            advice=Text("Pipe the text into it.", "请通过管道输入内容。"),
        )

    try:
        return _read_bounded(sys.stdin.buffer, name)
    except OSError as error:
        raise _unreadable(name, error) from None


def _read_bounded(stream: IO[Any], name: Text) -> bytes:
    content: bytes = stream.read(_MAX_INPUT_BYTES + 1)

    if len(content) > _MAX_INPUT_BYTES:
        raise ConfigError(
            f"{name.en}: it has more than 64 MiB; UMF signs nothing that large.",
            f"{name.zh}：超过 64 MiB；联动优势不会对这么大的内容签名。",
        )

    return content


def _unreadable(name: Text, error: OSError | ValueError) -> ConfigError:
    reason = os_reason(error)

    return ConfigError(
        f"{name.en}: it cannot be read ({reason}).",
        f"{name.zh}：无法读取（{reason}）。",
    )


class ProgressBar:
    """
    A bar that shows how far a command is, for one step after the other.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._name: Text | None = None
        self._task = bar.add_task("", total=None, count="")

    def show(self, reached: Reached) -> None:
        """
        Show how far a comparison is.
        """
        self.show_step(reached.step.label, reached.done, reached.total)

    def show_step(self, name: Text, done: int, total: int | None) -> None:
        """
        Show how much of *total* is done.

        Args:
            total: None where nobody knows it.
        """
        if total is None:
            count = f"{done:,}" if done else ""
        else:
            count = f"{done:,}/{total:,}"

        is_new = name != self._name
        self._name = name
        self._bar.update(
            self._task,
            description=f"{name.en} | {name.zh}",
            # What has no end has no share either.
            total=total,
            completed=0 if total is None else done,
            count=count,
            # However short, each step is seen.
            refresh=is_new,
        )


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """
    Give a bar on standard error; it leaves nothing there.
    """
    # Quiet where nobody looks.
    console = Console(stderr=True, quiet=not sys.stderr.isatty())

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        yield ProgressBar(bar)
