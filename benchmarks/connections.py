"""
Connection reuse over TLS: how many connections a burst of calls opens, and its speed.

The canned server counts connections and handshakes; queries only, so that RSA does not
hide the network. The peers share one `httpx.AsyncClient`, or open a session per call.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
import httpx
import trustme

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import PAYMENT_ID, Gateway, Keys, gateway
from benchmarks.peers import Newcomer, Ours
from umfpay import UMFSession
from umfpay.tokens import MemoryTokenStore


CONCURRENCY: Final = (1, 50, 400)
POOL: Final = 100
_BITS: Final = 1024


@attrs.frozen(kw_only=True)
class Burst:
    """
    What a burst of calls did.

    Args:
        p50: Seconds a call took, in the middle.
        p99: Seconds that one call in a hundred took, or more.
    """

    speed: float
    p50: float
    p99: float
    connections: int
    handshakes: int


async def _counted(place: Gateway, tls: ssl.SSLContext) -> dict[str, int]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.get(f"{place.url}/counted") as answer,
    ):
        counts: dict[str, int] = json.loads(await answer.read())

    return counts


async def burst(
    place: Gateway,
    tls: ssl.SSLContext,
    call: Callable[[], Awaitable[object]],
    *,
    calls: int,
    concurrency: int,
) -> Burst:
    """
    Make *calls* calls, *concurrency* at a time, and ask the server what it saw.
    """
    left = iter(range(calls))
    took: list[float] = []

    async def work() -> None:
        for _ in left:
            started = time.perf_counter()
            await call()
            took.append(time.perf_counter() - started)

    before = await _counted(place, tls)
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    after = await _counted(place, tls)
    cuts = statistics.quantiles(took, n=100)

    return Burst(
        speed=calls / seconds,
        p50=cuts[49],
        p99=cuts[98],
        # Each question came over a connection of its own: the second is in the count.
        connections=after["connections"] - before["connections"] - 1,
        handshakes=after["handshakes"] - before["handshakes"] - 1,
    )


async def measure(place: Gateway, ca_file: Path, *, quick: bool) -> list[Figure]:
    """
    Return the figures of all concurrencies.
    """
    tls = ssl.create_default_context(cafile=str(ca_file))
    calls = 200 if quick else 5_000
    figures: list[Figure] = []

    for concurrency in (1, 50) if quick else CONCURRENCY:
        found: dict[str, list[Burst]] = {"shared": [], "httpx": [], "per call": []}

        for _ in range(1 if quick else 3):
            found["shared"].append(
                await _shared(place, tls, ca_file, calls, concurrency)
            )
            found["httpx"].append(await _httpx(place, tls, calls, concurrency))
            found["per call"].append(
                await _per_call(place, tls, ca_file, calls // 5, concurrency)
            )

        figures += _figures(concurrency, found)

    return figures


async def _shared(
    place: Gateway, tls: ssl.SSLContext, ca_file: Path, calls: int, concurrency: int
) -> Burst:
    ours = Ours(place, ca_file=ca_file, max_connections=POOL)

    try:
        return await burst(place, tls, ours.query, calls=calls, concurrency=concurrency)
    finally:
        await ours.aclose()


async def _httpx(
    place: Gateway, tls: ssl.SSLContext, calls: int, concurrency: int
) -> Burst:
    newcomer = Newcomer(place, verify=tls, limits=httpx.Limits(max_connections=POOL))

    try:
        return await burst(
            place, tls, newcomer.query, calls=calls, concurrency=concurrency
        )
    finally:
        await newcomer.aclose()


async def _per_call(
    place: Gateway, tls: ssl.SSLContext, ca_file: Path, calls: int, concurrency: int
) -> Burst:
    # One token for all, so that only the connections differ.
    config = place.config(ca_file=ca_file, token_store=MemoryTokenStore())

    async def call() -> object:
        async with UMFSession(config) as session:
            return await session.payments.get(PAYMENT_ID)

    return await burst(place, tls, call, calls=calls, concurrency=concurrency)


_NAMES: Final = {
    "shared": "umfpay, one session",
    "httpx": "httpx, one client",
    "per call": "umfpay, a session per call",
}


def _figures(concurrency: int, found: dict[str, list[Burst]]) -> list[Figure]:
    at = f"at {concurrency}"
    figures: list[Figure] = []

    for key, name in _NAMES.items():
        bursts = found[key]
        bound: dict[str, Any] = (
            {"target": float(POOL), "below": True, "exact": True}
            if key == "shared"
            else {}
        )
        figures += [
            Figure(
                label=f"{name}, {at}: connections",
                unit="opened",
                rounds=[one.connections for one in bursts],
                **bound,
            ),
            Figure(
                label=f"{name}, {at}: full handshakes",
                unit="made",
                rounds=[one.handshakes for one in bursts],
            ),
            Figure(
                label=f"{name}, {at}",
                unit="calls/s",
                rounds=[one.speed for one in bursts],
            ),
            Figure(
                label=f"{name}, {at}: p50",
                unit="ms",
                rounds=[one.p50 * 1e3 for one in bursts],
            ),
            Figure(
                label=f"{name}, {at}: p99",
                unit="ms",
                rounds=[one.p99 * 1e3 for one in bursts],
            ),
        ]

    speeds = {key: [one.speed for one in bursts] for key, bursts in found.items()}

    return [
        *figures,
        ratio(f"one session / httpx, {at}", speeds["shared"], speeds["httpx"]),
        ratio(
            f"one session / a session per call, {at}",
            speeds["shared"],
            speeds["per call"],
        ),
    ]


def run(*, quick: bool) -> Result:
    """
    Measure connection reuse; *quick* takes a few seconds and proves nothing.
    """
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chain, key, ca = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
        chain.write_bytes(
            b"".join(part.bytes() for part in certificate.cert_chain_pems)
        )
        key.write_bytes(certificate.private_key_pem.bytes())
        ca.write_bytes(authority.cert_pem.bytes())

        with gateway(Keys.make(_BITS), tls=(chain, key)) as place:
            figures = asyncio.run(measure(place, ca, quick=quick))

    return Result(
        name="connections",
        title="Connection reuse over TLS",
        figures=figures,
        notes=[
            (
                f"A pool of {POOL} for both; the first call of a session opens a connection"
                " for the token, too, and keeps it. A session per call makes a fifth of"
                " the calls: it is slow."
            )
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["connections"])
