"""
Which gateway the shop talks to: the one in the environment, or one in a box.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from umfpay import Config


@attrs.frozen(kw_only=True)
class Gateway:
    """
    The settings, and the address of the emulator's console if it is one.
    """

    config: Config
    console: str | None = None


@asynccontextmanager
async def open_gateway(notify_url: str, *, port: int) -> AsyncIterator[Gateway]:
    """
    Give the gateway of ``UMF_...`` variables; without them start an emulator.

    Args:
        notify_url: Where the shop hears of payments.
        port: Of the emulator. It stays the same, and so does what is in its folder: to
            the shop it is the same gateway after a crash.
    """
    if "UMF_CLIENT_ID" in os.environ:
        yield Gateway(config=Config.from_env(notify_url=notify_url))

        return

    from umfpay.emulator import Emulator, serve

    emulator = Emulator(os.environ.get("SHOP_GATEWAY", "umf-data"))
    made = emulator.credentials

    async with serve(emulator, port=port) as server:
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
