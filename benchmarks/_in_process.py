"""
A session whose gateway is in its own process: no network between them.
"""

from __future__ import annotations

import asyncio
import time

import httpx

from benchmarks.canned import Keys
from benchmarks.orders import POOL, created, payment_id, queried, reference
from umfpay import Secret
from umfpay.protocol import PrivateKey, Signer, sign_envelope
from umfpay.tokens import MemoryTokenStore, TokenRecord


async def authorized() -> MemoryTokenStore:
    """
    Return a store with a token: nobody answers a token request.
    """
    store = MemoryTokenStore()
    now = time.time()
    await store.save(
        TokenRecord(
            generation=1,
            token=Secret("c" * 64),
            requested_at=now,
            not_after=now + 86_400,
        )
    )

    return store


class InProcess(httpx.AsyncBaseTransport):
    """
    Answers at once, without a network, what `benchmarks.canned` would answer.

    Args:
        keys: The gateway's signs the answers.
        turns: Whether each exchange lets the loop turn once, as every network does.
    """

    def __init__(self, keys: Keys, *, pool: int = POOL, turns: bool = True) -> None:
        signer = Signer(PrivateKey.load(keys.gateway))
        self._turns = turns
        self._answers: dict[bytes, tuple[bytes, dict[str, str]]] = {}

        for number in range(pool):
            for key, value in (
                (reference(number), created(number)),
                (payment_id(number), queried(number)),
            ):
                body, signature = sign_envelope(value, signer=signer, place="both")
                self._answers[key.encode()] = body, {"Signature": signature or ""}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Answer a create or a query.
        """
        # A loop that never turns never drops the timers of calls that have ended.
        if self._turns:
            await asyncio.sleep(0)

        if request.method == "GET":
            key = request.url.raw_path.rpartition(b"/")[2]
        else:
            assert isinstance(request.stream, httpx.ByteStream)
            [sent] = request.stream
            key = sent.partition(b'"mer_reference_id":"')[2].partition(b'"')[0]

        body, headers = self._answers[key]

        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))
