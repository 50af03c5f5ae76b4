"""
Files given as a path or as bytes: their size, SHA-256, and whether they have changed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any


StoredSource = str | os.PathLike[str] | bytes


def size_of(source: StoredSource) -> int:
    """
    Return how many bytes it has; 0 where it is missing: its reader says so.
    """
    if isinstance(source, bytes):
        return len(source)

    path = Path(source)

    return path.stat().st_size if path.is_file() else 0


def sha256_of(source: StoredSource) -> str:
    """
    Return the SHA-256 of its bytes, in hex.

    Raises:
        OSError: It cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()

    with Path(source).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity_of(source: StoredSource) -> list[Any]:
    """
    Return what tells it from others, and a file from itself when it has changed.
    """
    if isinstance(source, bytes):
        return ["bytes", sha256_of(source)]

    path = Path(source).resolve()

    if not path.exists():
        return [str(path)]

    found = path.stat()

    return [str(path), found.st_size, found.st_mtime_ns]
