"""
What holds for all tests.
"""

from __future__ import annotations

import contextlib
import signal

import pytest


# The tests in a browser do without it.
with contextlib.suppress(ModuleNotFoundError):
    import hypothesis

    # A loaded machine is slow, and that is no property of the code.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")


def pytest_configure(config):
    """
    Start children alike, however the tests were started.

    Under ``nohup``, or in the background of a script, signals are ignored, and a child
    would inherit that. A handler that does nothing is not inherited.
    """
    workers = config.getoption("numprocesses", None)

    # Whoever only starts the workers goes on as it was told to.
    if workers and not hasattr(config, "workerinput"):
        return

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(name="credentials", scope="session")
def _credentials():
    """
    The keys of a gateway and of its merchant: made once, small ones.
    """
    from umfpay.emulator import Emulator

    return Emulator(key_bits=1024).credentials


@pytest.fixture(name="redis_server", scope="session")
def _redis_server():
    from tests.servers.redis import redis_server

    with redis_server() as server:
        yield server


_IGNORED = [
    number
    for name in ("SIGHUP", "SIGINT", "SIGTERM")
    if (number := getattr(signal, name, None)) is not None
    and signal.getsignal(number) == signal.SIG_IGN
]


def pytest_runtest_setup() -> None:
    """
    Go on ignoring what nohup or a shell's ``&`` ignores, by a handler: unlike an ignored
    signal it is not handed on to the processes that a test starts.
    """
    for number in _IGNORED:
        signal.signal(number, _go_on)


def _go_on(*_: object) -> None:
    pass
