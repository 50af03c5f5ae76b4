"""
Emulators on sockets, and merchants at them that know nothing of umfpay.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.emulator.merchant import Keys, Listener, Shop
from umfpay.emulator import Clock, Emulator, EmulatorSettings, serve
from umfpay.testing import umf_server_thread  # noqa: F401 (a fixture)


# 2026-11-23 12:00 in China.
NOON = 1_795_406_400.0


@pytest.fixture(name="merchants", scope="session")
def _merchants(tmp_path_factory):
    """
    The data folder of the session, and the credentials of its two merchants.
    """
    folder = tmp_path_factory.mktemp("keys")
    box = Emulator(folder, key_bits=1024)
    both = box.credentials, box.other_merchant
    asyncio.run(box.aclose())

    return folder, *both


@pytest.fixture(name="keys", scope="session")
def _keys(merchants):
    folder, _, _ = merchants

    return Keys(folder)


@pytest.fixture(name="other_keys", scope="session")
def _other_keys(merchants):
    """
    Those of the other merchant.
    """
    folder, _, _ = merchants

    return Keys(folder / "other-merchant", folder / "umf.cert.crt")


@pytest.fixture(name="running", scope="session")
def _running(keys, umf_server_thread):  # noqa: F811 (the fixture)
    """
    Give a context manager that serves an emulator, for a merchant at it.
    """

    @contextlib.contextmanager
    def run(box, own=keys, **place):
        serving = serve(box, **place)
        server = umf_server_thread.run(serving.__aenter__())

        try:
            yield Shop(own, server, box)
        finally:
            umf_server_thread.run(serving.__aexit__(None, None, None))

    return run


@pytest.fixture(name="make_box", scope="session")
def _make_box(merchants):
    """
    Make emulators in memory with the keys of the session, at noon of 2026-11-23.
    """
    _, credentials, other = merchants
    started = time.monotonic()

    def make(data=None, **options):
        if data is None:
            options = {
                "credentials": credentials,
                "other_merchant": other,
            } | options

        return Emulator(
            data,
            **{
                "settings": EmulatorSettings(notification_pause=0.02),
                "clock": Clock(lambda: NOON + time.monotonic() - started),
            }
            | options,
        )

    return make


@pytest.fixture(name="served", scope="session")
def _served(make_box, running):
    """
    One emulator for all tests that do not need their own.
    """
    with running(make_box()) as shop:
        yield shop


@pytest.fixture(name="shop")
def _shop(keys, served):
    """
    A merchant at an emulator that knows nothing yet.
    """
    shop = Shop(keys, served.server, served.box)

    yield shop

    assert shop.control("POST", "/reset")["emulator"] == "umfpay"


@pytest.fixture(name="stranger")
def _stranger(shop, other_keys):
    """
    The other merchant at the emulator of *shop*.
    """
    return Shop(other_keys, shop.server, shop.box)


@pytest.fixture(name="listener")
def _listener():
    listener = Listener()

    yield listener

    listener.close()


@pytest.fixture(name="until")
def _until():
    """
    Wait until a function returns something true.
    """

    def wait(ask, seconds=5):
        end = time.monotonic() + seconds

        while not (found := ask()):
            assert time.monotonic() < end
            time.sleep(0.01)

        return found

    return wait


@pytest.fixture(name="full_disk")
def _full_disk():
    """
    Give a context manager in which an emulator's books take nothing, as when the disk
    is full.
    """

    @contextlib.contextmanager
    def full(box):
        box._store._connection.execute("PRAGMA query_only = ON")

        try:
            yield
        finally:
            box._store._connection.execute("PRAGMA query_only = OFF")

    return full
