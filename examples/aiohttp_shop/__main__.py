"""
``python examples/aiohttp_shop``: a shop on http://127.0.0.1:8201.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from aiohttp import web


sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from app import make_app
from bookstore.shop import open_shop

from umfpay.errors import UMFError


async def main() -> None:
    """
    Serve until Ctrl-C.
    """
    port = int(os.environ.get("SHOP_PORT", "8201"))

    async with open_shop(port) as shop:
        runner = web.AppRunner(make_app(shop))
        await runner.setup()

        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            print(f"http://127.0.0.1:{port} - Ctrl-C ends it", flush=True)
            await asyncio.Event().wait()
        except OSError as error:
            sys.exit(f"Port {port}: {error.strerror}. Set SHOP_PORT to another one.")
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(main())
        except UMFError as error:
            sys.exit(str(error))
