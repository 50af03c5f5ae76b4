"""
What names a merchant where several share a place: a database, a token store.
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlsplit


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def merchant_id(base_url: str, client_id: str) -> str:
    """
    Return the SHA-256, in hex, of the origin of *base_url* and *client_id*.

    The path does not count, and the secret is not in it.
    """
    parts = urlsplit(base_url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    origin = f"{parts.scheme}://{parts.hostname}:{port}"

    return hashlib.sha256(f"{origin}\n{client_id}".encode()).hexdigest()
