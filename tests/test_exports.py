"""
The public face: complete, sorted, lazy.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys

import pytest

import umfpay


ROOMS = [
    "umfpay",
    *(
        f"umfpay.{module.name}"
        for module in pkgutil.iter_modules(umfpay.__path__)
        if not module.name.startswith("_") and module.ispkg
    ),
]
MODULES = [module.name for module in pkgutil.walk_packages(umfpay.__path__, "umfpay.")]


@pytest.mark.parametrize("room", ROOMS)
def test_every_promised_name_exists_once(room):
    """
    What a room promises can be imported from it; ruff keeps the order.
    """
    module = importlib.import_module(room)

    assert len(set(module.__all__)) == len(module.__all__)
    assert [] == [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_lists_is_what_it_promises(room):
    """
    `dir()` shows no name that was imported for the room's own use.
    """
    module = importlib.import_module(room)
    parts = {part.name for part in pkgutil.iter_modules(module.__path__)}
    listed = {name for name in dir(module) if not name.startswith("_")}

    assert set(module.__all__) == listed - parts


def test_the_version_is_that_of_the_installed_package():
    """
    `umfpay.__version__` is read from the metadata when it is asked for.
    """
    assert importlib.metadata.version("umfpay") == umfpay.__version__
    assert "__version__" in dir(umfpay)


def test_the_package_runs_as_the_command():
    """
    `python -m umfpay` is `umfpay`, under the same name, with the same exit code.
    """
    shown = subprocess.run(
        [sys.executable, "-m", "umfpay", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    refused = subprocess.run(
        [sys.executable, "-m", "umfpay", "no-such-command"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"umfpay, version {umfpay.__version__}\n" == shown.stdout
    assert 2 == refused.returncode
    assert "no-such-command" in refused.stderr


def test_the_table_of_homes_is_the_public_face():
    """
    `__all__` and the lazy table name the same things.
    """
    assert list(umfpay.__all__) == sorted(umfpay._HOME)
    assert set(umfpay.__all__) <= set(dir(umfpay))


def test_an_unknown_name_is_an_attribute_error():
    """
    A misspelt name is told as for any module.
    """
    with pytest.raises(AttributeError, match="UMFSesion"):
        umfpay.UMFSesion  # noqa: B018


def _loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    return {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import umfpay; umfpay.Config; umfpay.UMFError; umfpay.Environment",
        "import umfpay.models, umfpay.errors, umfpay.sensitive",
    ],
)
def test_a_first_look_loads_attrs_and_the_standard_library_only(statement):
    """
    Import time is a feature: nothing heavy before it is used.
    """
    allowed = sys.stdlib_module_names | {"umfpay", "attr", "attrs", "__main__"}
    loaded = {
        name
        for name in _loaded_by(statement)
        if not name.startswith(("_", "sitecustomize", "coverage", "a1_coverage"))
    }

    assert set() == loaded - allowed - {"distutils-precedence"} - _at_start()


def _at_start() -> set[str]:
    return _loaded_by("pass")


def test_constructing_a_session_loads_no_network_and_no_converter():
    """
    What most sessions need is loaded when one is entered, the rest on its first use.
    """
    loaded = _loaded_by("import umfpay; umfpay.UMFSession")

    assert set() == loaded & {
        "aiohttp",
        "cattrs",
        "cryptography",
        "httpcore",
        "httptools",
        "httpx",
    }


# What others wrote is loaded once: a child loads our modules alone.
_IMPORT_EACH = """
import os, sys
import aiohttp, attrs, cattrs, click, cryptography, duckdb, fastapi, filelock, httpx
import jinja2, msgspec, narwhals, polars, pyftpdlib, redis.asyncio, rich, segno
import sqlalchemy, sqlite3, starlette, uvicorn.protocols.http.h11_impl
import Crypto.Cipher.PKCS1_v1_5, Crypto.Hash.SHA256, Crypto.PublicKey.RSA
import Crypto.Signature.pkcs1_15, aiosqlite, difflib, platformdirs
for name in sys.argv[1:]:
    if not (child := os.fork()):
        try:
            __import__(name)
        except BaseException as error:
            print(name, repr(error))
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", range(8))
def test_every_module_imports_alone(part):
    """
    No module needs another one to be imported first, and none warns.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_EACH, *MODULES[part::8]],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "" == done.stdout
