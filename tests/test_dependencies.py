"""
What `pip install umfpay` brings, without extras, is enough for a session.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


VECTORS = Path(__file__).parent / "vectors"

# Whatever the core does not depend on cannot be imported.
_CALL = """
import asyncio, re, socket, sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

def name_of(text):
    return re.match(r"[\\w.-]+", text)[0].lower().replace("_", "-")

core, queue = set(), ["umfpay"]

while queue:
    name = queue.pop()
    if name not in core:
        core.add(name)
        try:
            needed = requires(name) or ()
        except PackageNotFoundError:
            continue
        queue += [name_of(one) for one in needed if "extra ==" not in one]

class Blocked:
    names = {
        module for module, owners in packages_distributions().items()
        if not core & set(map(name_of, owners))
    }

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

# What starts with the interpreter, to measure coverage, is no business of ours.
Blocked.names -= {name.partition(".")[0] for name in sys.modules}

assert {"aiohttp", "cryptography", "starlette"} <= Blocked.names, Blocked.names
sys.meta_path.insert(0, Blocked())

import umfpay.documents, umfpay.flows, umfpay.notifications, umfpay.reconciliation
from umfpay import Config, UMFSession
from umfpay.errors import TokenError

async def main(port):
    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=sys.argv[1],
        gateway_certificate=sys.argv[2],
        base_url=f"http://127.0.0.1:{port}/",
        token_store="memory",
    )

    async with UMFSession(config) as session:
        try:
            await session.request("POST", "/payments", {"payment": {}})
        except TokenError as error:
            print(error)

with socket.socket() as silent:
    silent.bind(("127.0.0.1", 0))
    asyncio.run(main(silent.getsockname()[1]))
"""


def test_a_session_needs_no_extra():
    """
    It is opened, and tries to connect, where nothing but the core is installed.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            _CALL,
            str(VECTORS / "merchant_1024.key.p8"),
            str(VECTORS / "gateway_1024.cert.crt"),
        ],
        capture_output=True,
        text=True,
    )

    assert "" == done.stderr
    assert "no connection" in done.stdout
