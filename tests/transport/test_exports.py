"""
The public names of the room.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from umfpay import transport


def test_every_public_name_is_there_and_in_order():
    """The list is sorted as ruff sorts it, and each name exists."""
    constants = [name for name in transport.__all__ if name.isupper()]
    classes = [n for n in transport.__all__ if n[0].isupper() and not n.isupper()]
    functions = [name for name in transport.__all__ if name[0].islower()]

    assert [*sorted(constants), *sorted(classes), *sorted(functions)] == list(
        transport.__all__
    )
    assert all(hasattr(transport, name) for name in transport.__all__)


def test_unknown_names_are_refused():
    """A misspelt name is an AttributeError."""
    with pytest.raises(AttributeError, match="AioTransport"):
        transport.AioTransport  # noqa: B018


def test_aiohttp_is_loaded_by_whoever_asks_for_it():
    """Importing the room loads httpx, and aiohttp only with its transport."""
    code = (
        "import sys, umfpay.transport as t;"
        "assert 'aiohttp' not in sys.modules;"
        "t.AiohttpTransport;"
        "assert 'aiohttp' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
