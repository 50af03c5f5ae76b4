"""
Who is compared: the same two calls by us, by bare aiohttp, and as a newcomer writes it.

All of them sign the bytes they send, verify the bytes they got and hand out an object;
keys and connections are made once. Nobody sends more or other bytes than we do: the
peers copy our requests, and `check_same` compares what the server saw.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol

import aiohttp
import attrs
import httpx
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from benchmarks.canned import TOKEN, Gateway
from benchmarks.orders import POOL, new_payment, payment_body, payment_id
from umfpay import UMFSession


Backend = Literal["cryptography", "pycryptodome"]

# What depends on the request, or what each client writes by itself.
_AUTOMATIC: Final = ("accept", "accept-encoding", "user-agent", "content-type")
_OWN_HEADERS: Final = ("host", "content-length", "signature", "authorization")


class Peer(Protocol):
    """
    Makes the two calls of the benchmark, about one of the orders of `benchmarks.orders`.
    """

    async def create(self, number: int) -> object:
        """
        Create its payment: a signed POST.
        """
        ...

    async def query(self, number: int) -> object:
        """
        Ask for it: a GET.
        """
        ...

    async def aclose(self) -> None:
        """
        Close all connections.
        """
        ...


class Ours:
    """
    `umfpay.UMFSession`: typed objects in and out.
    """

    def __init__(self, gateway: Gateway, *, pool: int = POOL, **changes: Any) -> None:
        self.session = UMFSession(gateway.config(**changes))
        self._payments = [new_payment(number) for number in range(pool)]
        self._ids = [payment_id(number) for number in range(pool)]

    async def create(self, number: int) -> object:
        return await self.session.payments.create(self._payments[number])

    async def query(self, number: int) -> object:
        return await self.session.payments.get(self._ids[number])

    async def aclose(self) -> None:
        await self.session.aclose()


class RSAWork:
    """
    Signing and verifying with nothing around it, by either library.
    """

    def __init__(self, gateway: Gateway, backend: Backend) -> None:
        keys = gateway.keys

        if backend == "cryptography":
            self._of_cryptography(keys.merchant, keys.gateway)
        else:
            self._of_pycryptodome(keys.merchant, keys.gateway)

    def _of_cryptography(self, merchant: bytes, gateway: bytes) -> None:
        key = serialization.load_der_private_key(merchant, None)
        other = serialization.load_der_private_key(gateway, None)
        assert isinstance(key, RSAPrivateKey)
        assert isinstance(other, RSAPrivateKey)
        public, scheme, sha256 = other.public_key(), padding.PKCS1v15(), hashes.SHA256()
        self._sign = lambda data: key.sign(data, scheme, sha256)
        self._verify = lambda data, signature: public.verify(
            signature, data, scheme, sha256
        )

    def _of_pycryptodome(self, merchant: bytes, gateway: bytes) -> None:
        signer = pkcs1_15.new(RSA.import_key(merchant))
        verifier = pkcs1_15.new(RSA.import_key(gateway).public_key())
        self._sign = lambda data: signer.sign(SHA256.new(data))
        self._verify = lambda data, signature: verifier.verify(
            SHA256.new(data), signature
        )

    def sign(self, data: bytes) -> str:
        """
        Return the signature of *data* in base64.
        """
        return base64.b64encode(self._sign(data)).decode()

    def verify(self, data: bytes, signature: str) -> None:
        """
        Raise unless *signature* is the gateway's.
        """
        self._verify(data, base64.b64decode(signature))


@attrs.frozen(kw_only=True)
class Request:
    """
    What the server saw of a request.

    Args:
        headers: Names in lower case.
    """

    line: str
    headers: Mapping[str, str]
    body: bytes
    size: int

    @classmethod
    def parse(cls, received: bytes) -> Request:
        """
        Read the bytes of an HTTP request.
        """
        head, _, body = received.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)

        return cls(
            line=line,
            headers={name.lower(): value for name, value in pairs},
            body=body,
            size=len(received),
        )

    @property
    def same(self) -> tuple[object, ...]:
        """
        What must be the same for all peers.
        """
        return self.line, self.constant, self.body, self.size

    @property
    def constant(self) -> dict[str, str]:
        """
        The headers that a peer copies.
        """
        return {
            name: value
            for name, value in self.headers.items()
            if name not in _OWN_HEADERS
        }


def latest(gateway: Gateway) -> Request:
    """
    Return the latest call that *gateway* answered.
    """
    return Request.parse(base64.b64decode(gateway.ask("seen")))


async def seen(peer: Peer, gateway: Gateway, number: int = 0) -> list[Request]:
    """
    Return the create and the query of *peer* as the server saw them.
    """
    await peer.create(number)
    created = latest(gateway)
    await peer.query(number)

    return [created, latest(gateway)]


def check_same(ours: Sequence[Request], theirs: Sequence[Request]) -> None:
    """
    Raise unless both are the same bytes, but for signatures and the order of headers.
    """
    for one, other in zip(ours, theirs, strict=True):
        if one.same != other.same:
            raise RuntimeError(f"not the same bytes: {one} and {other}")


class Newcomer:
    """
    What a first version looks like: one `httpx.AsyncClient`, RSA, dicts.

    The client is as it comes. One that keeps a hundred idle connections is several
    times slower with a hundred calls at a time: it polls them all for each call.

    Args:
        like: Our create and our query, whose headers are sent.
    """

    def __init__(
        self,
        gateway: Gateway,
        like: Sequence[Request],
        *,
        backend: Backend = "pycryptodome",
        connections: int = 100,
    ) -> None:
        self._rsa = RSAWork(gateway, backend)
        self._url = f"{gateway.url}/payments/payment"
        self._post, self._get = (request.constant for request in like)
        self._bodies = [payment_body(number) for number in range(POOL)]
        self._urls = [f"{self._url}/{payment_id(number)}" for number in range(POOL)]
        self._client = httpx.AsyncClient(
            verify=gateway.tls() or True,
            timeout=60,
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=20
            ),
        )
        # Its own defaults would come on top.
        self._client.headers.clear()

    async def create(self, number: int) -> object:
        body = json.dumps(self._bodies[number], separators=(",", ":")).encode()
        answer = await self._client.post(
            self._url,
            content=body,
            headers={
                **self._post,
                "Authorization": f"Bearer {TOKEN}",
                "Signature": self._rsa.sign(body),
            },
        )

        return self._verified(answer)

    async def query(self, number: int) -> object:
        answer = await self._client.get(
            self._urls[number],
            headers={**self._get, "Authorization": f"Bearer {TOKEN}"},
        )

        return self._verified(answer)

    def _verified(self, answer: httpx.Response) -> object:
        answer.raise_for_status()
        self._rsa.verify(answer.content, answer.headers["Signature"])

        return answer.json()

    async def aclose(self) -> None:
        await self._client.aclose()


class BareAiohttp:
    """
    The least that one can do: aiohttp, the same RSA work, `json.loads`, no types.

    Args:
        like: Our create and our query, whose headers are sent.
        rsa: In place of cryptography's work.
    """

    def __init__(
        self,
        gateway: Gateway,
        like: Sequence[Request],
        *,
        connections: int = 400,
        rsa: RSAWork | None = None,
    ) -> None:
        self._rsa = rsa or RSAWork(gateway, "cryptography")
        self._url = f"{gateway.url}/payments/payment"
        self._post, self._get = (request.constant for request in like)
        self._bodies = [payment_body(number) for number in range(POOL)]
        self._urls = [f"{self._url}/{payment_id(number)}" for number in range(POOL)]
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, ssl=gateway.tls() or True
            ),
            skip_auto_headers=_AUTOMATIC,
        )

    async def create(self, number: int) -> object:
        body = json.dumps(self._bodies[number], separators=(",", ":")).encode()
        headers = {
            **self._post,
            "Authorization": f"Bearer {TOKEN}",
            "Signature": self._rsa.sign(body),
        }

        async with self._session.post(self._url, data=body, headers=headers) as answer:
            return await self._verified(answer)

    async def query(self, number: int) -> object:
        headers = {**self._get, "Authorization": f"Bearer {TOKEN}"}

        async with self._session.get(self._urls[number], headers=headers) as answer:
            return await self._verified(answer)

    async def _verified(self, answer: aiohttp.ClientResponse) -> object:
        body = await answer.read()
        self._rsa.verify(body, answer.headers["Signature"])

        return json.loads(body)

    async def aclose(self) -> None:
        await self._session.close()
