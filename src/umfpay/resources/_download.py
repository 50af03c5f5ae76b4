"""
File downloads: verified streams; a final name only when proven whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio

from umfpay._private_files import new_file_beside
from umfpay.errors import ConfigError, IncompleteStatementError, Text
from umfpay.resources._call import Download, Sender, wire_date
from umfpay.resources._call_options import CallOptions
from umfpay.resources._file_proof import FileProof
from umfpay.transport import LIST_LIMIT, Call, Effect


UNPROVEN_SUFFIX: Final = ".unproven"
"""Behind the name of a file that came to its end and is not proven whole."""


def open_download(
    sender: Sender,
    *,
    name: str,
    path: str,
    query: Mapping[str, str],
    options: CallOptions,
    day: date | None = None,
    framed: bool = False,
) -> AbstractAsyncContextManager[Download]:
    """
    Open a file of the gateway as a stream of bytes.

    Args:
        day: That the file's first line must name, where it has one.
        framed: Without the first line of a transaction file it is not proven.
    """
    call: Call[Any] = Call(
        name=name,
        method="GET",
        path=path,
        query=query,
        effect=Effect.READ,
        body_limit=LIST_LIMIT,
        read=dict,
        unsigned_allowed=True,
        download=partial(
            FileProof,
            day=None if day is None else wire_date(day),
            framed=framed,
        ),
    )

    return sender.stream(call, options)


async def keep_unproven(partial: Path, target: Path) -> Text:
    """
    Give *partial* the name of *target* with ``.unproven`` behind it.

    Returns:
        A sentence about it: where it cannot have that name, the file is still refused
        for what it is.
    """
    kept = target.with_name(f"{target.name}{UNPROVEN_SUFFIX}")

    try:
        await anyio.Path(partial).replace(kept)
    except OSError as error:
        reason = error.strerror or type(error).__name__

        return Text(
            f"What came cannot be kept as {kept} ({reason}).",
            f"已收到的内容无法保存为 {kept}（{reason}）。",
        )

    return Text(f"What came is kept as {kept}.", f"已收到的内容保存为 {kept}。")


async def save(
    download: AbstractAsyncContextManager[Download],
    to: str | os.PathLike[str],
    *,
    named: Path | None = None,
) -> Path:
    """
    Write *download* to the file *to*; the name appears only when all of it is there,
    and its owner alone may read it.

    What came to its end and is not proven whole is kept beside it, under the name with
    ``.unproven`` behind it.

    Args:
        named: The name that the file will get afterwards, if that is another than *to*.

    Raises:
        IncompleteStatementError: Nothing proves that the file is whole.
        ConfigError: The file cannot be written, or *to* is no path of a file.
    """
    try:
        target = Path(to)
        is_name = bool(target.name) and b"\0" not in os.fsencode(target)
    except (TypeError, ValueError):
        is_name = False

    if not is_name:
        raise ConfigError("to: a file's path is needed.", "to：需要文件路径。")

    partial: Path | None = None

    try:
        async with download as chunks:
            descriptor, partial = new_file_beside(target)

            async with await anyio.open_file(descriptor, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)

        await anyio.Path(partial).replace(target)
    except IncompleteStatementError as error:
        if partial is None:
            raise

        kept = await keep_unproven(partial, named or target)

        raise IncompleteStatementError(
            f"{error.what.en} {kept.en}",
            f"{error.what.zh}{kept.zh}",
            advice=error.advice,
        ) from None
    except OSError as exc:
        raise ConfigError(
            f"{target}: cannot be written.", f"{target}：无法写入。"
        ) from exc
    finally:
        if partial is not None:
            # Where nothing could be written there is nothing to remove.
            with anyio.CancelScope(shield=True), contextlib.suppress(OSError):
                await anyio.Path(partial).unlink(missing_ok=True)

    return target
