"""
A session against the emulator, on a real socket.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from umfpay import UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.testing import (  # noqa: F401 (fixtures)
    EmulatorBox,
    Faults,
    umf_credentials,
    umf_emulator,
    umf_server_thread,
)


class Box(EmulatorBox):
    """
    An emulator that serves in the loop of the test.
    """

    def config(self, **changes):
        return super().config(**{"notify_url": "http://127.0.0.1:9/notify", **changes})

    def fault(self, kind, **members):
        """
        Let this go wrong, and nothing else.
        """
        Faults(self).add(kind, **members)

    def token_requests(self):
        return self.control("GET", "/token")["requests"]


@pytest.fixture(name="box")
async def _box(credentials):
    emulator = Emulator(credentials=credentials)

    async with serve(emulator):
        yield Box(emulator)


@pytest.fixture(name="open_session")
async def _open_session(box):
    """
    Open sessions with changed settings; all are closed at the end.
    """
    async with AsyncExitStack() as stack:

        async def open_session(**changes):
            return await stack.enter_async_context(UMFSession(box.config(**changes)))

        yield open_session


@pytest.fixture(name="session")
async def _session(open_session):
    return await open_session()
