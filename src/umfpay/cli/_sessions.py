"""
Sessions of the commands: settings from a file or the environment, no stolen token.
"""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from umfpay._session import UMFSession
from umfpay.config import Config, is_loopback
from umfpay.errors import ConfigError, Text
from umfpay.tokens import open_store, store_key
from umfpay.transport import CallJournal


_TIMEOUT_SECONDS: Final = 5.0
_NO_SETTINGS_ADVICE: Final = Text(
    "Give the settings as --config FILE: an emulator writes them into umf.env of its"
    " data folder. Or set the variables UMF_CLIENT_ID and so on.",
    "请用 --config FILE 指定设置文件（模拟器会在其数据目录中写入 umf.env），"
    "或设置 UMF_CLIENT_ID 等环境变量。",
)


def settings(file: Path | None, *, base_url: str | None = None) -> Config:
    """
    Return the settings of *file*, else of the environment.

    Args:
        base_url: Another gateway than theirs.

    Raises:
        ConfigError: One is missing or wrong.
    """
    changes: dict[str, Any] = {} if base_url is None else {"base_url": base_url}

    if file is None:
        try:
            return Config.from_env(**changes)
        except ConfigError as error:
            if any(name.startswith("UMF_") for name in os.environ):
                raise

            # Who has set nothing has not heard of the variables.
            raise ConfigError(*error.what, advice=_NO_SETTINGS_ADVICE) from None

    return Config.from_file(file, **changes)


@asynccontextmanager
async def open_session(
    config: Config, *, fetch_token: bool, journal: CallJournal | None = None
) -> AsyncIterator[UMFSession]:
    """
    Open a session that logs nobody out, unless *fetch_token* says that it may.

    An emulator has nobody to log out.

    Raises:
        ConfigError: It would have to, because no token is stored.
    """
    if not fetch_token and not await asyncio.to_thread(_is_emulator, config):
        await _need_a_token(config)

    async with UMFSession(config, journal=journal) as session:
        yield session


def _is_emulator(config: Config) -> bool:
    parts = urlsplit(config.base_url)

    if not is_loopback(parts.hostname or ""):
        return False

    # Proxies of the environment are for other machines, whatever no_proxy says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = f"{parts.scheme}://{parts.netloc}/_emulator/"

    try:
        with opener.open(address, timeout=_TIMEOUT_SECONDS) as reply:
            answer = json.load(reply)
    except (OSError, ValueError):
        return False

    return isinstance(answer, dict) and answer.get("emulator") == "umfpay"


async def _need_a_token(config: Config) -> None:
    """
    Refuse to fetch a token behind the back of workers that run.
    """
    store = open_store(
        config.token_store, key=store_key(config.base_url, config.client_id)
    )
    record = await store.load()

    if record is not None and not record.refused:
        return

    raise ConfigError(
        "There is no stored token, and fetching one logs out all workers that use"
        " this client_id now.",
        "没有已保存的令牌；获取新令牌会使所有正在使用此 client_id 的进程失效。",
        advice=Text(
            "Name their token_store, or say --fetch-token.",
            "请指定它们的 token_store，或使用 --fetch-token。",
        ),
    )
