"""
The databases that are measured: SQLite, PostgreSQL and MariaDB, each of them empty.

The servers wait for no disk (``fsync`` is off): what is compared is the work, not a disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.servers.databases import MariaDB, PostgreSQL, fresh_database, running


def databases() -> Iterator[tuple[str, Any]]:
    """
    Return names, and context managers of an address.
    """
    # Any: those of contextlib.
    yield "SQLite", _file()
    yield "PostgreSQL", _server(PostgreSQL)
    yield "MariaDB", _server(MariaDB)


@contextmanager
def _file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite+aiosqlite:///{Path(folder) / 'shop.sqlite3'}"


@contextmanager
def _server(make: Any) -> Iterator[str]:
    with ExitStack() as stack:
        server = stack.enter_context(running(make))

        yield stack.enter_context(fresh_database(server))
