"""
A gateway that signs, a token source that counts, and servers that misbehave.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import attrs
import pytest
import trustme

from tests.servers.streams import answer, listening, read_request
from tests.transport.bearer import BearerToken
from umfpay.protocol import PrivateKey, Signer, Verifier, sign_envelope
from umfpay.resources import FileProof
from umfpay.sensitive import Secret
from umfpay.transport import (
    Answer,
    AnswerVerifier,
    Call,
    CallState,
    ConnectionPool,
    Edge,
    Effect,
    Pipeline,
)


BASE = "https://gateway.example/cberest/v1"
SUCCESS = {"ret_msg": "Success", "ret_code": "0000"}


@attrs.define
class Gateway:
    """
    The other side's keys, and answers signed with them.
    """

    signer: Signer
    verifier: Verifier
    origin: str = "https://gateway.example/"

    def body(
        self, code: str = "0000", *, place: str = "meta", **members: Any
    ) -> tuple[bytes, str | None]:
        """
        Return an answer and the header Signature, if *place* has it.
        """
        meta = {"ret_msg": "words", "ret_code": code}

        return sign_envelope({"meta": meta, **members}, signer=self.signer, place=place)

    def answer(
        self, code: str = "0000", *, status: int = 200, place: str = "meta", **more: Any
    ) -> Answer:
        """
        Return an answer as an edge gives it.
        """
        body, signature = self.body(code, place=place, **more)
        headers = [] if signature is None else [(b"signature", signature.encode())]

        return Answer(status=status, headers=headers, body=body)


@attrs.define
class Tokens:
    """
    A token source: generation 1 until refused, then 2, and so on.
    """

    generation: int = 1
    ready: bool = True
    refused: list[int] = attrs.field(factory=list)
    deadlines: list[float] = attrs.field(factory=list)

    def _bearer(self) -> BearerToken:
        return BearerToken(
            generation=self.generation, token=Secret(f"token-{self.generation}")
        )

    def current(self) -> BearerToken | None:
        return self._bearer() if self.ready else None

    async def acquire(self, *, deadline: float) -> BearerToken:
        self.deadlines.append(deadline)
        self.ready = True

        return self._bearer()

    async def refuse(self, generation: int) -> None:
        self.refused.append(generation)
        self.generation = generation + 1
        self.ready = False


@attrs.frozen
class Sent:
    """
    What an edge is given for one attempt, as it is at that moment.
    """

    signature: str | None
    authorization: str | None
    body: bytes


@attrs.define
class Script:
    """
    An edge that plays answers and errors, and keeps what it was given.

    It says nothing of how far a request came; a step that is callable may.
    """

    steps: list[Any]
    requests: list[Sent] = attrs.field(factory=list)

    async def exchange(self, state: CallState) -> Answer:
        authorization = None

        if state.bearer is not None:
            authorization = state.bearer_prefix + state.bearer.token.reveal()

        self.requests.append(Sent(state.signature, authorization, state.body))
        step = self.steps.pop(0)

        if callable(step):
            step = step(state)

        if inspect.isawaitable(step):
            step = await step

        if isinstance(step, BaseException):
            raise step

        return step

    async def aclose(self) -> None:
        raise AssertionError("the owner of an edge closes it")

    def abandon(self) -> None:
        raise AssertionError("the owner of an edge abandons it")


@attrs.define
class Served:
    """
    A server on loopback: its port, and what each connection sent.
    """

    port: int
    received: list[bytes] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/thing"


@pytest.fixture(name="keys", scope="session")
def _keys() -> tuple[PrivateKey, PrivateKey]:
    return PrivateKey.generate(1024), PrivateKey.generate(1024)


@pytest.fixture(name="gateway")
def _gateway(keys: tuple[PrivateKey, PrivateKey]) -> Gateway:
    return Gateway(signer=Signer(keys[0]), verifier=Verifier([keys[0].public]))


@pytest.fixture(name="merchant")
def _merchant(keys: tuple[PrivateKey, PrivateKey]) -> tuple[Signer, Verifier]:
    return Signer(keys[1]), Verifier([keys[1].public])


@pytest.fixture(name="tokens")
def _tokens() -> Tokens:
    return Tokens()


@pytest.fixture(name="make_pipeline")
def _make_pipeline(
    gateway: Gateway, merchant: tuple[Signer, Verifier], tokens: Tokens
) -> Callable[..., Pipeline]:
    async def no_sleep(seconds: float) -> None:
        pass

    def make_pipeline(edge: Edge, **options: Any) -> Pipeline:
        """
        Return the whole pipeline; what is not given is the usual, but nothing sleeps.
        """
        verifying = {
            name: options.pop(name)
            for name in ("unsigned_responses", "response_signatures")
            if name in options
        }
        usual: dict[str, Any] = {
            "origin": gateway.origin,
            "signer": merchant[0],
            "verifier": AnswerVerifier(gateway.verifier, **verifying),
            "token_source": tokens,
            "sleep": no_sleep,
        }

        return Pipeline(edge, **{**usual, **options})

    return make_pipeline


@pytest.fixture(name="make_script")
def _make_script() -> Callable[..., Script]:
    return lambda *steps: Script(list(steps))


@pytest.fixture(name="play")
def _play(
    make_pipeline: Callable[..., Pipeline],
) -> Callable[..., tuple[Script, Pipeline]]:
    def play(*steps: Any, **options: Any) -> tuple[Script, Pipeline]:
        """
        Return an edge that plays *steps*, and the pipeline before it.
        """
        script = Script(list(steps))

        return script, make_pipeline(script, **options)

    return play


_OF_THE_CALL = frozenset(field.name for field in attrs.fields(Call)) - {"body"}


@pytest.fixture(name="call")
def _call() -> Callable[..., CallState]:
    def call(effect: Effect = Effect.READ, **changes: Any) -> CallState:
        """
        Return the state of a call of *effect*; *changes* are members of both.

        ``download=True`` stands for a file without a day.
        """
        if changes.get("download") is True:
            changes["download"] = FileProof

        try:
            now = asyncio.get_running_loop().time()
        except RuntimeError:
            now = 0.0

        write = effect is not Effect.READ
        described: dict[str, Any] = {
            "name": "payments.any",
            "method": "POST" if write else "GET",
            "path": "/payments/payment",
            "effect": effect,
            "read": dict,
        }
        given: dict[str, Any] = {
            "url": BASE + "/payments/payment",
            "body": b'{"payment":{}}' if write else b"",
            "deadline": now + 30.0,
            "timeout": 5.0,
        }

        for name, value in changes.items():
            (described if name in _OF_THE_CALL else given)[name] = value

        return CallState(call=Call(**described), **given)

    return call


@pytest.fixture(name="serve")
async def _serve() -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    async with AsyncExitStack() as stack:

        async def serve(talk: Callable[..., Awaitable[None]], **options: Any) -> Served:
            served = Served(port=0)
            served.port = await stack.enter_async_context(
                listening(partial(talk, served), **options)
            )

            return served

        yield serve


@pytest.fixture(name="answering")
def _answering(
    serve: Callable[..., Awaitable[Served]],
) -> Callable[..., Awaitable[Served]]:
    async def answering(
        body: bytes = b"{}",
        *headers: bytes,
        status: bytes = b"200 OK",
        **options: Any,
    ) -> Served:
        """
        Serve the same answer to every request of every connection.
        """

        async def talk(served, reader, writer):
            while True:
                served.received.append(await read_request(reader))
                writer.write(answer(body, *headers, status=status))

        return await serve(talk, **options)

    return answering


@pytest.fixture(name="open_pool")
async def _open_pool() -> AsyncIterator[Callable[..., ConnectionPool]]:
    pools = []

    def open_pool(url: str, **options: Any) -> ConnectionPool:
        pools.append(ConnectionPool(url, **options))

        return pools[-1]

    yield open_pool

    for pool in pools:
        await pool.aclose()


@attrs.define
class Security:
    """
    A kind of connection: scheme, options of the server, context of the client.
    """

    scheme: str
    options: dict[str, Any]
    context: ssl.SSLContext | None

    def url(self, served: Served) -> str:
        return f"{self.scheme}://127.0.0.1:{served.port}/v1/thing"


@pytest.fixture(name="certify", scope="session")
def _certify() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(name="security", params=["plain", "TLS 1.2", "TLS 1.3"])
def _security(request: pytest.FixtureRequest, certify: trustme.CA) -> Security:
    if request.param == "plain":
        return Security("http", {}, None)

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certify.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    certify.configure_trust(client)

    if request.param == "TLS 1.2":
        server.maximum_version = ssl.TLSVersion.TLSv1_2

    return Security("https", {"ssl": server}, client)


@pytest.fixture(name="advance")
async def _advance(monkeypatch: Any) -> Callable[[float], None]:
    """
    Lets the loop's clock jump: what is due by then happens next, on any machine.
    """
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def advance(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(loop, "time", lambda: real() + ahead)

    return advance
