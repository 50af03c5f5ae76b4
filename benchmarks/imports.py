"""
What does a cold start cost: `import umfpay; umfpay.Config` against `import httpx`, and a
session that is entered, modules and all, against `import aiohttp`?

Every measurement runs in an interpreter of its own, which times itself: its CPU time,
threads included, and the clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Keys


_LIGHT: Final = 0.45
_ENTERED: Final = 1.6
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
        self.clock, self.cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        cpu = time.process_time() - self.cpu
        clock = time.perf_counter() - self.clock
        found.append((self.label, cpu, clock, len(sys.modules) - self.modules))

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

_AIOHTTP: Final = """
with Step("import aiohttp"):
    import aiohttp
"""

_ATTRS: Final = """
with Step("import attrs"):
    import attrs
"""

_SESSION: Final = """
whole = Step("a session, entered, with all modules")
whole.__enter__()

with Step("import asyncio, umfpay"):
    import asyncio
    import umfpay

with Step("Config(...)"):
    config = umfpay.Config(
        client_id="benchmark",
        client_secret="benchmark",
        merchant_key=bytes.fromhex({merchant!r}),
        gateway_certificate=bytes.fromhex({certificate!r}),
        base_url="https://127.0.0.1:9/v1",
        token_store="memory",
    )

with Step("UMFSession(config)"):
    session = umfpay.UMFSession(config)

async def enter():
    with Step("async with session"):
        await session.__aenter__()

    whole.__exit__()
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


@attrs.frozen
class Step:
    """
    What one step took.

    Args:
        cpu: Seconds.
        clock: Seconds.
        modules: How many it loaded.
    """

    cpu: float
    clock: float
    modules: int


def probe(steps: str) -> dict[str, Step]:
    """
    Run *steps* in a fresh interpreter and return what each took, by its label.
    """
    finished = subprocess.run(
        [sys.executable, "-c", _PROBE.replace("{steps}", steps)],
        check=True,
        capture_output=True,
    )

    return {label: Step(*found) for label, *found in json.loads(finished.stdout)}


def run(*, quick: bool) -> Result:
    """
    Measure a cold start; *quick* takes a few seconds and proves nothing.
    """
    keys = Keys.make(_BITS)
    session = _SESSION.format(
        merchant=keys.merchant.hex(), certificate=keys.certificate.hex()
    )
    programs = (_UMFPAY, _HTTPX, _BARE_HTTPX, _AIOHTTP, _ATTRS, session, _CLIENT)
    found: dict[str, list[Step]] = {}

    for turn in range(-1, 2 if quick else 15):
        # The first turn writes the byte code and warms the file cache.
        for steps in programs if turn % 2 else programs[::-1]:
            for label, step in probe(steps).items():
                if turn >= 0:
                    found.setdefault(label, []).append(step)

    return Result(
        name="imports",
        title="Cold start: importing, and opening a session",
        figures=_figures(found),
        notes=[
            (
                "Interpreters take turns in changing order; times are CPU times, threads"
                " included, where nothing else is said. The modules of one line are those"
                " that the lines before it had not loaded. The first `async with` imports"
                " in a thread, so the loop goes on meanwhile."
            ),
            (
                "Where click and rich are installed, as here, `import httpx` loads them for"
                " its command line; another ratio is without. Most of our own import is"
                " attrs."
            ),
            (
                "`import aiohttp` reads the authorities for TLS, httpx.AsyncClient() too;"
                " the session has an https address."
            ),
        ],
    )


_ENTERED_LABEL: Final = "a session, entered, with all modules"
_LABELS: Final = (
    _LABEL,
    "import httpx",
    "import httpx, without its command line",
    "import aiohttp",
    "import attrs",
    _ENTERED_LABEL,
    "import asyncio, umfpay",
    "Config(...)",
    "UMFSession(config)",
    "async with session",
    "httpx.AsyncClient()",
    "async with client",
)


def _figures(found: Mapping[str, Sequence[Step]]) -> list[Figure]:
    def compared(
        label: str, one: str, other: str, target: float | None = None
    ) -> list[Figure]:
        ours, theirs = found[one], found[other]

        return [
            ratio(
                f"{label}, by CPU time",
                [step.cpu for step in ours],
                [step.cpu for step in theirs],
                target=target,
                below=True,
            ),
            ratio(
                f"{label}, by the clock",
                [step.clock for step in ours],
                [step.clock for step in theirs],
                below=True,
            ),
        ]

    return [
        *compared(f"{_LABEL} / import httpx", _LABEL, "import httpx", _LIGHT),
        *compared(
            f"{_LABEL} / httpx without its command line",
            _LABEL,
            "import httpx, without its command line",
        ),
        *compared(
            f"{_ENTERED_LABEL} / import aiohttp",
            _ENTERED_LABEL,
            "import aiohttp",
            _ENTERED,
        ),
        *(
            Figure(
                label=label, unit="ms", rounds=[1e3 * step.cpu for step in found[label]]
            )
            for label in _LABELS
        ),
        *(
            Figure(
                label=f"{label}: modules",
                unit="modules",
                rounds=[step.modules for step in found[label]],
            )
            for label in _LABELS
        ),
    ]


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["imports"])
