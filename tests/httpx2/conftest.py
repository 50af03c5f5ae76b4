"""
httpx2 beside httpx: nox session ``httpx2``.
"""

from __future__ import annotations

import pytest

from umfpay import Config
from umfpay.emulator import Emulator, serve
from umfpay.testing import EmulatorBox, signed_answer


BASE = "https://gateway.example/cberest/v1/"


class Gateway:
    """
    The inside of a `httpx2.MockTransport`: keeps what arrives, answers as *answer* says.
    """

    def __init__(self, httpx2, credentials):
        self.httpx2 = httpx2
        self.credentials = credentials
        self.requests = []
        self.answer = lambda request: self.signed({"payment": {"id": "PAY_A"}})

    def signed(self, members, **options):
        made = signed_answer(members, self.credentials, **options)

        return self.httpx2.Response(
            made.status_code, content=made.content, headers=made.headers.multi_items()
        )

    async def __call__(self, request):
        await request.aread()

        if request.url.path.endswith("/oauth/authorize"):
            return self.httpx2.Response(
                200, json={"access_token": "T", "expires_in": 3600}
            )

        self.requests.append(request)

        return self.answer(request)

    def transport(self):
        return self.httpx2.MockTransport(self)

    def config(self, **changes):
        made = self.credentials
        settings = {
            "client_id": made.client_id,
            "client_secret": made.client_secret,
            "merchant_key": made.merchant_key,
            "gateway_certificate": made.gateway_certificate,
            "base_url": BASE,
            "token_store": "memory",
        }

        return Config(**{**settings, **changes})


@pytest.fixture(name="httpx2", scope="session")
def _httpx2():
    return pytest.importorskip("httpx2")


@pytest.fixture(name="gateway")
def _gateway(httpx2, credentials):
    return Gateway(httpx2, credentials)


@pytest.fixture(name="box")
async def _box(credentials):
    emulator = Emulator(credentials=credentials)

    async with serve(emulator):
        yield EmulatorBox(emulator)


@pytest.fixture(name="kinds_of_error")
def _kinds_of_error(httpx2):
    """
    All errors of httpx2, made.
    """
    made = []

    for name in httpx2.__all__:
        cls = getattr(httpx2, name)

        if not (isinstance(cls, type) and issubclass(cls, Exception)):
            continue

        try:
            made.append(cls("words"))
        except TypeError:
            # Some have words of their own, some need an answer.
            if not issubclass(cls, httpx2.HTTPStatusError):
                made.append(cls())

    return made
