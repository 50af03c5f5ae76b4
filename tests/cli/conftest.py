"""
An emulator that runs beside the commands.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from umfpay.emulator import Emulator, serve


@pytest.fixture(name="running")
def _running(tmp_path):
    """
    An emulator in a thread; gives its folder and a way to change it.
    """
    started, ended = threading.Event(), threading.Event()
    box = Emulator(tmp_path / "data", key_bits=1024)

    async def main():
        async with serve(box):
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert started.wait(20)

    yield tmp_path / "data"

    ended.set()
    thread.join(20)


@pytest.fixture(name="settings")
def _settings(running, tmp_path):
    settings = running / "umf.env"
    text = settings.read_text()
    settings.write_text(f"{text}UMF_TOKEN_STORE={tmp_path / 'token.json'}\n")

    return settings
