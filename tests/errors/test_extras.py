"""
Whatever needs a package that is not installed names it, and the cure.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest

from umfpay.errors import ConfigError, MissingExtraError, Text, needs_extra


# What others wrote is loaded once; a child blocks one package of it.
_EACH = """
import json, os, sys
import aiohttp, attrs, cattrs, cryptography, fastapi, filelock, httpx, jinja2, msgspec
import narwhals, polars, pyftpdlib, pytest, pytest_socket, redis.asyncio, segno
import sqlalchemy, starlette, uvicorn

class Blocked:
    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for code, package in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if not (child := os.fork()):
        for name in [*sys.modules]:
            if name.partition(".")[0] == package:
                del sys.modules[name]

        sys.meta_path.insert(0, Blocked(package))
        try:
            exec(code, {"__name__": "shop"})
            found = ["", "", "nothing was raised"]
        except BaseException as error:
            found = [type(error).__name__, isinstance(error, ImportError), str(error)]
        print(json.dumps(found))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""
_EMULATOR = "from umfpay.emulator import Emulator"
_LEDGER = (
    "import pathlib; from umfpay.reconciliation import Ledger;"
    'Ledger.csv(pathlib.Path("a.csv"))'
)
_QR = "from umfpay.flows import QRCode; QRCode('https://a', 'PAY_A').png()"
_REDIS = (
    "from umfpay.tokens import open_store; open_store('redis://127.0.0.1/0', key='k')"
)
_FTP = (
    "from umfpay.emulator import Emulator; import socket;"
    "Emulator(key_bits=1024).take_papers(socket.create_server(('127.0.0.1', 0)))"
)
_SQL = (
    "from umfpay.reconciliation import Ledger;"
    "Ledger.sql('sqlite:///a.sqlite3', 'SELECT 1')"
)
NEEDS = [
    ("import umfpay.emulator", "starlette", "emulator"),
    (_EMULATOR, "uvicorn", "emulator"),
    (_EMULATOR, "aiohttp", "emulator"),
    (_EMULATOR, "jinja2", "emulator"),
    (_EMULATOR, "segno", "emulator"),
    (_FTP, "pyftpdlib", "emulator"),
    (_EMULATOR + "; Emulator(key_bits=1024)", "cryptography", "emulator"),
    ("import umfpay.testing", "starlette", "testing"),
    ("import umfpay.testing", "pytest", "testing"),
    ("from umfpay.testing import EmulatorBox", "pytest_socket", "testing"),
    ("import umfpay.notifications.fastapi", "fastapi", "fastapi"),
    ("import umfpay.notifications.aiohttp", "aiohttp", "aiohttp"),
    ("from umfpay.notifications import NotificationInbox", "sqlalchemy", "sql"),
    (_LEDGER, "polars", "reconcile"),
    ("from umfpay.reconciliation import compare", "narwhals", "reconcile"),
    (_SQL, "sqlalchemy", "reconcile"),
    (_QR, "segno", "qr"),
    (_REDIS, "redis", "redis"),
]


@pytest.mark.timeout(240)
def test_what_is_missing_is_named_with_its_cure():
    """
    On import and on first use; it can be caught as an ImportError and as ours.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _EACH,
            json.dumps([[code, package] for code, package, _ in NEEDS]),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [
        (code, package, one)
        for (code, package, extra), one in zip(NEEDS, results, strict=True)
        if f'pip install "umfpay[{extra}]"' not in one[2]
        or package not in one[2] + "cryptography"
        or (not one[1] and package != "cryptography")
    ]

    assert [] == wrong


def test_the_command_line_names_its_extra():
    """
    One line, no traceback, and the code for surroundings that do not fit.
    """
    code = (
        "import sys; sys.modules['click'] = None;"
        "from umfpay.cli import main; sys.argv[1:] = ['keys', '-']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert 2 == done.returncode
    assert 'pip install "umfpay[cli]"' in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_a_module_of_ours_that_is_not_there_is_a_bug():
    """
    Nobody is sent to install what is installed.
    """
    with pytest.raises(ModuleNotFoundError) as caught, needs_extra("cli", by="x"):
        import umfpay.nowhere  # noqa: F401

    assert not isinstance(caught.value, MissingExtraError)


def test_it_pickles_with_the_name_of_the_module():
    """
    A worker tells what it lacks.
    """
    with pytest.raises(ConfigError) as caught, needs_extra("cli", by="umfpay.cli"):
        import nowhere.at_all  # noqa: F401

    again = pickle.loads(pickle.dumps(caught.value))

    assert ("nowhere", "nowhere", "cli") == (again.module, again.name, again.extra)
    assert str(caught.value) == str(again)
    assert "umfpay.cli needs nowhere, which is not installed." == again.what.en
    assert Text(again.what.en, again.what.zh) == again.what
