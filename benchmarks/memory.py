"""
Memory: of a session, of a call that waits, after a million calls, and after a hundred
thousand queries of the emulator, which runs in a process of its own.

Every measurement runs in a process of its own, by its resident set: what an operator
sees, with what libraries in C take for themselves.
"""

from __future__ import annotations

import base64
import contextlib
import json
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks._memory_parts import WARM
from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Keys


_BITS: Final = 1024
_POOL: Final = 100
_KIB: Final = 1024
_MIB: Final = 1024 * 1024
_GROWTH: Final = 20.0


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """
    Listen on loopback, take every connection, and never answer; give the address.
    """
    _many_files()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    taken: list[socket.socket] = []

    def take() -> None:
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])

    thread = threading.Thread(target=take)
    thread.start()

    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/cberest/v1"
    finally:
        # Closing alone leaves the thread in accept().
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()

        for connection in taken:
            connection.close()


def _many_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return hard


@contextlib.contextmanager
def emulator(folder: Path) -> Iterator[Path]:
    """
    Run the command ``umfpay emulator``; give the file of its settings.
    """
    command = "import sys; from umfpay.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command, "emulator", "--port", "0", "--data", folder],
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None

            while b"Ctrl-C" not in (line := process.stdout.readline()):
                assert line, "the emulator has ended"

            yield folder / "umf.env"
        finally:
            process.terminate()


class Parts:
    """
    Runs the parts of `benchmarks._memory_parts`.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = {
            "bits": keys.bits,
            "merchant": base64.b64encode(keys.merchant).decode(),
            "gateway": base64.b64encode(keys.gateway).decode(),
            "certificate": base64.b64encode(keys.certificate).decode(),
        }

    def run(self, name: str, *, url: str = "http://127.0.0.1:9", **order: Any) -> Any:
        """
        Return what part *name* found.
        """
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks._memory_parts", name],
            cwd=Path(__file__).parents[1],
            input=json.dumps({**self._keys, "url": url, **order}).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )

        return json.loads(done.stdout)


def of_sessions(parts: Parts, *, rounds: int, clients: int) -> list[Figure]:
    """
    Compare a thousand sessions with so many httpx *clients*, which are slow to make.
    """
    found: dict[str, list[float]] = {}

    for _ in range(rounds):
        session = parts.run("sessions", count=1_000)
        client = parts.run("clients", count=clients)
        _note(found, "a session, constructed", session["constructed"])
        _note(found, "a session, entered", session["entered"])
        _note(found, "an httpx.AsyncClient, entered", client["entered"])

    return [
        *_sizes(found),
        ratio(
            "a session / an httpx.AsyncClient, entered",
            found["a session, entered"],
            found["an httpx.AsyncClient, entered"],
        ),
    ]


def of_pending(
    parts: Parts, label: str, *, rounds: int, count: int, connections: int
) -> list[Figure]:
    """
    Compare *count* calls that wait with those of bare aiohttp, same pool.
    """
    found: dict[str, list[float]] = {}

    for _ in range(rounds):
        for peer in ("umfpay", "aiohttp"):
            with silence() as url:
                size = parts.run(
                    "pending", url=url, peer=peer, count=count, connections=connections
                )

            _note(found, f"{label}, {peer}", size["call"])

    ours, theirs = found.values()

    return [*_sizes(found), ratio(f"{label}, umfpay / aiohttp", ours, theirs)]


def of_all_pending(parts: Parts) -> list[Figure]:
    """
    Compare ten thousand calls that wait: for connections, and for answers.
    """
    connected = min(10_000, _many_files() - 2 * WARM)

    return [
        *of_pending(
            parts,
            f"one of 10,000 calls, pool of {_POOL}",
            rounds=3,
            count=10_000,
            connections=_POOL,
        ),
        *of_pending(
            parts,
            f"one of {connected:,} calls, each connected",
            rounds=3,
            count=connected,
            connections=connected + WARM,
        ),
    ]


def of_many(parts: Parts, *, first: int, step: int, steps: int) -> list[Figure]:
    """
    Watch the resident set while calls are made.
    """
    start, *later = parts.run("calls", first=first, step=step, steps=steps)["resident"]

    return [
        Figure(
            label=f"resident set after {first:,} calls",
            unit="MiB",
            rounds=[start / _MIB],
        ),
        Figure(
            label=f"more than that, every {step:,} calls to {first + step * steps:,}",
            unit="MiB",
            rounds=[(size - start) / _MIB for size in later],
            target=_GROWTH,
            below=True,
            exact=True,
        ),
    ]


def of_queries(parts: Parts, *, first: int, last: int) -> list[Figure]:
    """
    Watch the resident set while `get_many` asks the emulator, 50 at a time.
    """
    started = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as settings:
        found = parts.run("queries", settings=str(settings), first=first, last=last)

    assert found["good"] == last, "queries failed"

    return [
        Figure(
            label=f"resident set after {first:,} queries",
            unit="MiB",
            rounds=[found["first"] / _MIB],
        ),
        Figure(
            label=f"more than that after {last:,}",
            unit="MiB",
            rounds=[(found["last"] - found["first"]) / _MIB],
            target=_GROWTH,
            below=True,
        ),
        Figure(
            label="queries, emulator included",
            unit="calls/s",
            rounds=[last / (time.perf_counter() - started)],
        ),
    ]


def _note(found: dict[str, list[float]], label: str, size: float) -> None:
    found.setdefault(label, []).append(size / _KIB)


def _sizes(found: Mapping[str, list[float]]) -> list[Figure]:
    return [
        Figure(label=label, unit="KiB", rounds=rounds)
        for label, rounds in found.items()
    ]


def run(*, quick: bool) -> Result:
    """
    Measure memory, in minutes; *quick* takes a few seconds and proves nothing.
    """
    parts = Parts(Keys.make(_BITS))

    if quick:
        figures = [
            *of_sessions(parts, rounds=1, clients=10),
            *of_pending(parts, "a call", rounds=1, count=500, connections=_POOL),
            *of_many(parts, first=300, step=300, steps=2),
            *of_queries(parts, first=200, last=1_000),
        ]
    else:
        figures = [
            *of_sessions(parts, rounds=5, clients=100),
            *of_all_pending(parts),
            *of_many(parts, first=10_000, step=99_000, steps=10),
            *of_queries(parts, first=10_000, last=100_000),
        ]

    return Result(
        name="memory",
        title="Memory",
        figures=figures,
        notes=[
            (
                "Resident sets, after a garbage collection. A pending call is a create that"
                " was signed and sent, or waits for a connection of the pool; nobody"
                " answers. What the system keeps for a socket is not in it."
            ),
            (
                "Every httpx.AsyncClient has a TLS context of its own with all authorities;"
                " sessions share aiohttp's, as long as none of its own is configured."
            ),
            (
                f"Many calls: RSA-{_BITS} with cryptography, half creates, half queries,"
                " every answer verified, on a transport that answers in the process. The"
                " rounds are the samples on the way."
            ),
            (
                "Many queries: session.payments.get_many(), 50 at a time; results are"
                " thrown away."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["memory"])
