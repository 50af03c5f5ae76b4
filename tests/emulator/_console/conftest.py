"""
An emulator on a socket, its merchant, and a browser that follows nothing by itself.
"""

from __future__ import annotations

import asyncio
import http.client
import re
from urllib.parse import urlencode, urlsplit

import pytest

from umfpay import UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.testing import EmulatorBox


class Browser:
    """
    Asks as a browser does.
    """

    def __init__(self, origin):
        self.host = urlsplit(origin).netloc

    async def ask(self, method, path, body=None, **headers):
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    def _ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection(self.host, timeout=10)

        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()

            headers = {name.lower(): value for name, value in answer.getheaders()}

            return answer.status, headers, answer.read().decode()
        finally:
            connection.close()

    async def get(self, path, **headers):
        return await self.ask("GET", path, **headers)

    async def page(self, path, **headers):
        status, _, page = await self.get(path, **headers)

        assert status == 200, path

        return page

    async def token(self):
        page = await self.page("/console/faults")

        return re.search(r'name="token" value="([^"]+)"', page).group(1)

    async def send(self, path, form, **headers):
        """
        Post a form as it stands.
        """
        return await self.ask(
            "POST",
            path,
            urlencode(form),
            **{
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://{self.host}",
                "Sec-Fetch-Site": "same-origin",
                **headers,
            },
        )

    async def post(self, path, /, **form):
        """
        Post a form as one of our pages does.
        """
        return await self.send(path, {"token": await self.token(), **form})


@pytest.fixture(name="box")
async def _box(credentials):
    emulator = Emulator(credentials=credentials)

    async with serve(emulator):
        yield EmulatorBox(emulator)


@pytest.fixture(name="session")
async def _session(box):
    async with UMFSession(box.config(ret_url="http://127.0.0.1:9/back")) as session:
        yield session


@pytest.fixture(name="browser")
def _browser(box):
    return Browser(box.origin)


@pytest.fixture(name="trace")
def _trace(box):
    """
    Give the number by which pages of the gateway name a payment.
    """

    def trace(payment_id):
        answer = box.control("GET", f"/payments/{payment_id}")

        return answer["payment"]["trace"]

    return trace


@pytest.fixture(name="change")
def _change(box):
    """
    Give a function that writes into the books what no client of ours would send.
    """

    def change(payment_id, **members):
        world = box.emulator._gateway_state
        world.store.put("payment", payment_id, {**world.payment(payment_id), **members})

    return change
