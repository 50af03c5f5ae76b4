"""
What `import umfpay` costs, against `import httpx`; and what a session adds to it.

Every measurement runs in an interpreter of its own, which times itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Keys


_LIGHT: Final = 0.5
_BITS: Final = 1024

# Times its steps, and counts the modules that each of them loaded.
_PROBE: Final = """
import sys, time

found = []

class Step:
    def __init__(self, label):
        self.label = label

    def __enter__(self):
        self.modules = len(sys.modules)
        self.started = time.perf_counter()

    def __exit__(self, *_):
        seconds = time.perf_counter() - self.started
        found.append((self.label, seconds, len(sys.modules) - self.modules))

{steps}

import json
print(json.dumps(found))
"""

_LABEL: Final = "import umfpay; umfpay.Config"

_UMFPAY: Final = """
with Step("import umfpay; umfpay.Config"):
    import umfpay
    umfpay.Config
"""

_HTTPX: Final = """
with Step("import httpx"):
    import httpx
"""

# As it is where neither click nor rich are installed.
_BARE_HTTPX: Final = """
sys.modules["click"] = None

with Step("import httpx, without its command line"):
    import httpx
"""

_ATTRS: Final = """
with Step("import attrs"):
    import attrs
"""

_SESSION: Final = """
import asyncio
import umfpay

with Step("Config(...)"):
    config = umfpay.Config(
        client_id="benchmark",
        client_secret="benchmark",
        merchant_key=bytes.fromhex({merchant!r}),
        gateway_certificate=bytes.fromhex({certificate!r}),
        base_url="http://127.0.0.1:9/v1",
        token_store="memory",
    )

with Step("UMFSession(config)"):
    session = umfpay.UMFSession(config)

async def enter():
    with Step("async with session"):
        await session.__aenter__()

    await session.aclose()

asyncio.run(enter())
"""

_CLIENT: Final = """
import asyncio
import httpx

with Step("httpx.AsyncClient()"):
    client = httpx.AsyncClient()

async def enter():
    with Step("async with client"):
        await client.__aenter__()

    await client.aclose()

asyncio.run(enter())
"""

Measured = tuple[str, float, int]


def probe(steps: str) -> Sequence[Measured]:
    """
    Run *steps* in a fresh interpreter.

    Returns:
        For each step its label, seconds, and modules loaded.
    """
    told = subprocess.run(
        [sys.executable, "-c", _PROBE.replace("{steps}", steps)],
        check=True,
        capture_output=True,
    )

    return [tuple(step) for step in json.loads(told.stdout)]


def run(*, quick: bool) -> Result:
    """
    Measure imports; *quick* takes a few seconds and proves nothing.
    """
    keys = Keys.make(_BITS)
    session = _SESSION.format(
        merchant=keys.merchant.hex(), certificate=keys.certificate.hex()
    )
    programs = (_UMFPAY, _HTTPX, _BARE_HTTPX, _ATTRS, session, _CLIENT)
    found: dict[str, list[tuple[float, int]]] = {}

    for turn in range(-1, 2 if quick else 30):
        # The first turn writes the byte code and warms the file cache.
        for steps in _order(programs, turn):
            for label, seconds, modules in probe(steps):
                if turn >= 0:
                    found.setdefault(label, []).append((seconds, modules))

    return Result(
        name="imports",
        title="Importing, and opening a session",
        figures=_figures(found),
        notes=[
            (
                "Interpreters take turns in changing order; the modules of one line are"
                " those that the lines before it had not loaded. The first `async with`"
                " imports in a thread, so the loop goes on meanwhile."
            ),
            (
                "Where click and rich are installed, as here, `import httpx` loads them for"
                " its command line; the second ratio is without. Most of our own import is"
                " attrs."
            ),
            (
                "httpx.AsyncClient() reads the authorities for TLS at once, a session in"
                " its first call over TLS."
            ),
        ],
    )


def _order(steps: Sequence[str], turn: int) -> Sequence[str]:
    return steps if turn % 2 else steps[::-1]


def _figures(found: Mapping[str, Sequence[tuple[float, int]]]) -> list[Figure]:
    times = {
        label: [1e3 * seconds for seconds, _ in rounds]
        for label, rounds in found.items()
    }
    labels = (
        _LABEL,
        "import httpx",
        "import httpx, without its command line",
        "import attrs",
        "Config(...)",
        "UMFSession(config)",
        "async with session",
        "httpx.AsyncClient()",
        "async with client",
    )

    return [
        *(Figure(label=label, unit="ms", rounds=times[label]) for label in labels),
        *(
            Figure(
                label=f"{label}: modules",
                unit="modules",
                rounds=[modules for _, modules in found[label]],
            )
            for label in labels
        ),
        ratio(
            f"{_LABEL} / import httpx",
            times[_LABEL],
            times["import httpx"],
            target=_LIGHT,
            below=True,
        ),
        ratio(
            f"{_LABEL} / httpx without its command line",
            times[_LABEL],
            times["import httpx, without its command line"],
        ),
    ]


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["imports"])
