"""
Which gateway the shop talks to: the one in the environment, or one in a box.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from umfpay import Config
from umfpay.emulator import Emulator, serve


@attrs.frozen(kw_only=True)
class Gateway:
    """
    The settings, and the address of the emulator's console if it is one.
    """

    config: Config
    console: str | None = None


@asynccontextmanager
async def open_gateway(notify_url: str) -> AsyncIterator[Gateway]:
    """
    Give the gateway of ``UMF_...`` variables; without them start an emulator.

    Args:
        notify_url: Where the shop hears of payments.
    """
    if "UMF_CLIENT_ID" in os.environ:
        yield Gateway(config=Config.from_env(notify_url=notify_url))

        return

    emulator = Emulator()
    made = emulator.credentials

    async with serve(emulator) as server:
        config = Config(
            client_id=made.client_id,
            client_secret=made.client_secret,
            merchant_key=made.merchant_key,
            gateway_certificate=made.gateway_certificate,
            base_url=server.base_url,
            notify_url=notify_url,
            token_store="memory",
        )

        yield Gateway(config=config, console=f"{server.origin}/")
