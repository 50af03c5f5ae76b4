"""
The fixtures of the pytest plugin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
import pytest_socket

from umfpay._session import UMFSession
from umfpay.emulator import Credentials, Emulator
from umfpay.testing._emulator import EmulatorBox, Faults, ServerThread
from umfpay.testing._signing import NotificationSigner


_TIMEOUT_SECONDS: Final = 10.0


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


@pytest.fixture(scope="session")
def umf_server_thread() -> Iterator[ServerThread]:
    """
    The thread in which the emulators serve, one after another; it ends with the tests.
    """
    thread = ServerThread()

    try:
        yield thread
    finally:
        thread.stop()


@pytest.fixture
def umf_emulator(
    umf_credentials: Credentials, umf_server_thread: ServerThread
) -> Iterator[EmulatorBox]:
    """
    A gateway of its own for each test, on a socket of this machine.

    It serves from a thread of its own, so that tests without a loop reach it, too.
    """
    with umf_server_thread.serve(Emulator(credentials=umf_credentials)) as box:
        yield box


@pytest.fixture
def umf_session(umf_emulator: EmulatorBox) -> Iterator[UMFSession]:
    """
    A session of the emulator's merchant; it opens in the loop that makes the first call.
    """
    session = UMFSession(umf_emulator.config())

    try:
        yield session
    finally:
        _close(session)


def _close(session: UMFSession) -> None:
    """
    Close *session* where it was used: in the test's loop, if that still exists.
    """
    binding = session._binding
    loop = None if binding is None else binding.loop

    if loop is None or loop.is_closed():
        # What is left of a closed loop is dropped without awaiting.
        asyncio.run(session.aclose())
    elif loop.is_running():
        # An application that a test client keeps running in a thread.
        asyncio.run_coroutine_threadsafe(session.aclose(), loop).result(
            _TIMEOUT_SECONDS
        )
    else:
        loop.run_until_complete(session.aclose())


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
