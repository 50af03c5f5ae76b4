"""
A session whose gateway is in its own process, and what may be left out or watched there.

The only part of the benchmarks that reaches behind the public face of umfpay.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from benchmarks.canned import Gateway, Keys
from benchmarks.orders import POOL, created, payment_id, queried, reference
from umfpay import Secret, UMFSession, _codec, protocol
from umfpay._session import _session_binding
from umfpay.protocol import PrivateKey, Signer, _rsa, sign_envelope
from umfpay.tokens import MemoryTokenStore, TokenRecord
from umfpay.transport import Answer, CallState, Edge


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


class InProcess:
    """
    An edge that answers at once what `benchmarks.canned` would answer.

    Args:
        keys: The gateway's signs the answers.
        turns: Whether each exchange lets the loop turn once, as every network does.
    """

    def __init__(self, keys: Keys, *, turns: bool, pool: int = POOL) -> None:
        signer = Signer(PrivateKey.load(keys.gateway))
        self._turns = turns
        self._answers: dict[str, Answer] = {}

        for number in range(pool):
            for key, value in (
                (reference(number), created(number)),
                (payment_id(number), queried(number)),
            ):
                body, signature = sign_envelope(value, signer=signer, place="both")
                headers = [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"signature", (signature or "").encode()),
                ]
                self._answers[key] = Answer(status=200, headers=headers, body=body)

    async def exchange(self, state: CallState) -> Answer:
        """
        Answer a create or a query.
        """
        # A loop that never turns never drops the timers of calls that have ended.
        if self._turns:
            await asyncio.sleep(0)

        state.body_started = state.body_tracked = True

        if not state.body:
            return self._answers[state.url.rpartition("/")[2]]

        key = state.body.partition(b'"mer_reference_id":"')[2].partition(b'"')[0]

        return self._answers[key.decode()]

    async def aclose(self) -> None:
        """
        Do nothing: there is no connection.
        """

    def abandon(self) -> None:
        """
        Do nothing either.
        """


@contextlib.asynccontextmanager
async def in_process_session(
    keys: Keys, *, turns: bool = False
) -> AsyncIterator[UMFSession]:
    """
    Enter a session that `InProcess` answers.
    """
    place = Gateway(url="http://127.0.0.1:9/cberest/v1", keys=keys)
    config = place.config(token_store=await authorized(), rsa_backend="cryptography")
    edge = InProcess(keys, turns=turns)

    async with contextlib.AsyncExitStack() as stack:
        with _replaced(_session_binding._connections, lambda *_: edge):
            session = await stack.enter_async_context(UMFSession(config))

        yield session


@contextlib.contextmanager
def wrapped_connections(wrap: Callable[[Edge], Edge]) -> Iterator[None]:
    """
    Let sessions that are entered meanwhile use what *wrap* makes of their connections.
    """
    make = _session_binding._connections

    with _replaced(make, lambda *settings: wrap(make(*settings))):
        yield


class NoRSA:
    """
    A signature of zeros for everyone, and every signature is good.
    """

    def __init__(self, bits: int) -> None:
        self._signature = bytes((bits + 7) // 8)

    def sign(self, digest: bytes) -> bytes:  # noqa: ARG002
        """
        Return the zeros.
        """
        return self._signature

    def verify(self, digest: bytes, signature: bytes) -> bool:  # noqa: ARG002
        """
        Believe it.
        """
        return True


@contextlib.contextmanager
def without_rsa() -> Iterator[None]:
    """
    Let whatever is made meanwhile sign and verify in no time; hashes stay.
    """

    def private(key: Any, backend: object) -> NoRSA:  # noqa: ARG001
        return NoRSA(key.value.n.bit_length())

    def public(n: int, e: int, backend: object) -> NoRSA:  # noqa: ARG001
        return NoRSA(n.bit_length())

    with (
        _replaced(_rsa.private_operations, private),
        _replaced(_rsa.public_operations, public),
    ):
        yield


class CodecClock:
    """
    Adds up the CPU time in which bytes become members and objects, or objects bytes.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """
        Return *function*, its time counted; once where one calls another.
        """

        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return function(*arguments, **named)

            self._inside = True
            started = time.thread_time()

            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.thread_time() - started
                self._inside = False

        return watched


@contextlib.contextmanager
def codec_clock() -> Iterator[CodecClock]:
    """
    Watch the functions of the codec's face, and the opening of envelopes.
    """
    clock = CodecClock()
    functions = [getattr(_codec, name) for name in _codec.__all__]
    functions = [one for one in functions if not isinstance(one, type)]

    with contextlib.ExitStack() as stack:
        for function in (*functions, protocol.open_envelope):
            stack.enter_context(_replaced(function, clock.watch(function)))

        yield clock


@contextlib.contextmanager
def _replaced(function: object, other: object) -> Iterator[None]:
    # Wherever a module of ours holds it, under whatever name.
    holders = [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.partition(".")[0] == "umfpay"
        for name, value in list(vars(module).items())
        if value is function
    ]

    for module, name in holders:
        setattr(module, name, other)

    try:
        yield
    finally:
        for module, name in holders:
            setattr(module, name, function)
