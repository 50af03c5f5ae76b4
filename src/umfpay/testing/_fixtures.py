"""
The fixtures of the pytest plugin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import pytest_socket

from umfpay._session import UMFSession
from umfpay.emulator import Credentials, Emulator, serve
from umfpay.testing._box import EmulatorBox
from umfpay.testing._faults import Faults
from umfpay.testing._signing import NotificationSigner


@pytest.fixture(autouse=True)
def umf_no_network(request: pytest.FixtureRequest) -> None:
    """
    Refuse every connection but to this machine.

    A test that is marked ``enable_socket`` or ``allow_hosts`` decides by itself; the
    restriction ends with the test (pytest-socket does both).
    """
    markers = ("enable_socket", "allow_hosts")

    if not any(request.node.get_closest_marker(name) for name in markers):
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def umf_credentials() -> Credentials:
    """
    Keys, client id and secret; made once, because keys are slow to make.
    """
    return Emulator(key_bits=1024).credentials


@pytest_asyncio.fixture
async def umf_emulator(umf_credentials: Credentials) -> AsyncIterator[EmulatorBox]:
    """
    A gateway of its own for each test, on a socket of this machine.
    """
    emulator = Emulator(credentials=umf_credentials)

    async with serve(emulator) as server:
        yield EmulatorBox(emulator, base_url=server.base_url, origin=server.origin)


@pytest_asyncio.fixture
async def umf_session(umf_emulator: EmulatorBox) -> AsyncIterator[UMFSession]:
    """
    An open session of the emulator's merchant.
    """
    async with UMFSession(umf_emulator.config()) as session:
        yield session


@pytest.fixture
def umf_notification_signer(umf_credentials: Credentials) -> NotificationSigner:
    """
    Makes notifications that verify with the emulator's certificate.
    """
    return NotificationSigner(umf_credentials.gateway_key)


@pytest.fixture
def umf_faults(umf_emulator: EmulatorBox) -> Faults:
    """
    What goes wrong at the gateway.
    """
    return Faults(umf_emulator)
