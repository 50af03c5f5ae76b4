"""
An emulator that runs beside the commands.
"""

from __future__ import annotations

import pytest

from umfpay.emulator import Emulator
from umfpay.testing import umf_server_thread  # noqa: F401 (a fixture)


@pytest.fixture(name="running")
def _running(tmp_path, umf_server_thread):  # noqa: F811
    """
    An emulator in a thread; gives its folder.
    """
    folder = tmp_path / "data"

    with umf_server_thread.serve(Emulator(folder, key_bits=1024)):
        yield folder


@pytest.fixture(name="settings")
def _settings(running, tmp_path):
    settings = running / "umf.env"
    text = settings.read_text()
    settings.write_text(f"{text}UMF_TOKEN_STORE={tmp_path / 'token.json'}\n")

    return settings
