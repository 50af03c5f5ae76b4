"""
A session against the emulator, on a real socket.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import AsyncExitStack

import pytest

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.testing import (  # noqa: F401 (fixtures)
    umf_credentials,
    umf_emulator,
    umf_server_thread,
)


class Box:
    """
    An emulator that runs, and ways to reach it.
    """

    def __init__(self, emulator, server):
        self.emulator = emulator
        self.server = server
        self.base_url = server.base_url

    def config(self, **changes):
        made = self.emulator.credentials
        settings = {
            "client_id": made.client_id,
            "client_secret": made.client_secret,
            "merchant_key": made.merchant_key,
            "gateway_certificate": made.gateway_certificate,
            "base_url": self.base_url,
            "token_store": "memory",
            "notify_url": "http://127.0.0.1:9/notify",
        }

        return Config(**{**settings, **changes})

    async def control(self, method, path, value=None):
        return await asyncio.to_thread(self._control, method, path, value)

    def _control(self, method, path, value):
        request = urllib.request.Request(
            f"{self.server.origin}/_emulator{path}",
            method=method,
            data=None if value is None else json.dumps(value).encode(),
            headers={"Content-Type": "application/json"},
        )

        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    async def requests(self, path):
        answer = await self.control("GET", "/requests")

        return [one for one in answer["requests"] if one["path"].endswith(path)]

    async def fault(self, kind, **members):
        await self.control("PUT", "/faults", {"rules": [{"kind": kind, **members}]})

    async def settings(self, **changes):
        await self.control("PUT", "/settings", changes)

    async def sms_code(self, payment_id):
        answer = await self.control("GET", f"/payments/{payment_id}/sms_code")

        return answer["sms_code"]

    async def token_requests(self):
        return (await self.control("GET", "/token"))["requests"]


@pytest.fixture(name="box")
async def _box(credentials):
    emulator = Emulator(credentials=credentials)

    async with serve(emulator) as server:
        yield Box(emulator, server)


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
