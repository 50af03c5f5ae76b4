"""
``python examples/fastapi_shop``: a shop on http://127.0.0.1:8200.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn


sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from app import make_app
from bookstore.shop import open_shop

from umfpay.errors import UMFError


async def main() -> None:
    """
    Serve until Ctrl-C.
    """
    port = int(os.environ.get("SHOP_PORT", "8200"))

    async with open_shop(port) as shop:
        print(f"http://127.0.0.1:{port} - Ctrl-C ends it", flush=True)
        config = uvicorn.Config(make_app(shop), port=port, log_level="warning")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    # uvicorn raises it again after its own shutdown.
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(main())
        except UMFError as error:
            sys.exit(str(error))
