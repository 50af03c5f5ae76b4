"""
Files: verified streams, and a file on disk only when it is proven whole.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio

from umfpay.errors import ConfigError, Text
from umfpay.resources._call import Call, CallOptions, Download, Sender
from umfpay.transport import LIST_LIMIT, Effect


def open_download(
    sender: Sender,
    *,
    name: str,
    path: str,
    query: Mapping[str, str],
    options: CallOptions,
) -> AbstractAsyncContextManager[Download]:
    """
    Open a file of the gateway as a stream of bytes.
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
    )

    return sender.stream(call, options)


async def save(
    download: AbstractAsyncContextManager[Download], to: str | os.PathLike[str]
) -> Path:
    """
    Write *download* to the file *to*; the name appears only when all of it is there.

    Raises:
        ConfigError: The file cannot be written.
    """
    target = Path(to)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")

    try:
        async with download as chunks, await anyio.open_file(partial, "wb") as file:
            async for chunk in chunks:
                await file.write(chunk)

        await anyio.Path(partial).replace(target)
    except OSError as exc:
        raise ConfigError(
            Text(f"{target}: cannot be written.", f"{target}：无法写入。")
        ) from exc
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.Path(partial).unlink(missing_ok=True)

    return target
