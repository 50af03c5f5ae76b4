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
    with pytest.raises(AttributeError, match="Pipelin"):
        transport.Pipelin  # noqa: B018


def test_no_http_library_is_loaded_with_the_room():
    """Whoever gives a transport has imported its library; our connections need none."""
    code = (
        "import sys, umfpay.transport;"
        "print(*{'aiohttp', 'httpx', 'httpx2', 'respx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "\n" == done.stdout
