"""
A gateway that only answers, in a process of its own: ``python -m benchmarks.canned``.

Its answers are bytes that were signed before it started; it looks no further into a
request than it must to find the right ones, so that it is never what is measured. It
reads one line of JSON, prints one when it listens, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import attrs
import trustme

from benchmarks.orders import POOL, created, payment_id, queried, reference
from umfpay import Config
from umfpay.protocol import PrivateKey, Signer, make_certificate, sign_envelope
from umfpay.sensitive import Secret


TOKEN: Final = "c" * 64
_ROOT: Final = "/cberest/v1"


@attrs.frozen(kw_only=True)
class Keys:
    """
    What both sides of a benchmark need; plain values that pass between processes.

    Args:
        bits: Of both keys.
        merchant: PKCS#8 DER.
        gateway: PKCS#8 DER.
        certificate: The gateway's, DER.
    """

    bits: int
    merchant: bytes
    gateway: bytes
    certificate: bytes

    @classmethod
    def make(cls, bits: int) -> Keys:
        """
        Make both pairs.
        """
        gateway = PrivateKey.generate(bits)

        return cls(
            bits=bits,
            merchant=PrivateKey.generate(bits).to_der_pkcs8(),
            gateway=gateway.to_der_pkcs8(),
            certificate=make_certificate(gateway, common_name="umfpay benchmark"),
        )


@attrs.frozen(kw_only=True)
class Route:
    """
    What is answered to one kind of request.

    Args:
        line: Method and path; without its last segment if that is the key.
        answers: By key; in turn, whatever the key, if there is no *marker*.
        marker: What stands before the key in the body, up to a quotation mark; "" for a
            key that is the last segment of the path.
    """

    line: str
    answers: Mapping[str, bytes]
    marker: str | None = None


@attrs.frozen(kw_only=True)
class Gateway:
    """
    A canned gateway that runs.

    Args:
        url: Where its calls begin.
        keys: What it signs with, and the merchant's.
        ca_file: The authority of its TLS certificate; None if it serves plain HTTP.
        pid: Its process; None if it has none.
    """

    url: str
    keys: Keys
    ca_file: Path | None = None
    pid: int | None = None

    @property
    def origin(self) -> str:
        """
        Scheme, host and port.
        """
        return self.url.removesuffix(_ROOT)

    def config(self, **changes: Any) -> Config:
        """
        Return settings for it.
        """
        settings = {
            "client_id": "benchmark",
            "client_secret": Secret("benchmark"),
            "merchant_key": self.keys.merchant,
            "gateway_certificate": self.keys.certificate,
            "base_url": self.url,
            "ca_file": self.ca_file,
            "token_store": "memory",
            "max_connections": 400,
        }

        return Config(**{**settings, **changes})

    def tls(self) -> ssl.SSLContext | None:
        """
        Return what a client needs that is not ours; None for plain HTTP.
        """
        if self.ca_file is None:
            return None

        return ssl.create_default_context(cafile=str(self.ca_file))

    def ask(self, about: str) -> bytes:
        """
        Return what the server says *about* itself: ``counted`` or ``seen``.
        """
        with urllib.request.urlopen(  # noqa: S310 (on loopback)
            f"{self.url}/{about}", context=self.tls()
        ) as answer:
            body: bytes = answer.read()

        return body


def reply(body: bytes, **headers: str) -> bytes:
    """
    Return an HTTP answer of JSON; underscores of names become hyphens.
    """
    lines = {"content_type": "application/json", "content_length": len(body), **headers}
    head = "".join(f"{name.replace('_', '-')}: {lines[name]}\r\n" for name in lines)

    return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body


def routes(keys: Keys, *, pool: int = POOL) -> list[Route]:
    """
    Return the gateway's: a token, *pool* payments created, the same ones queried.
    """
    signer = Signer(PrivateKey.load(keys.gateway))
    token = {"access_token": TOKEN, "expires_in": 86_400, "token_type": "Bearer"}

    return [
        Route(
            line=f"POST {_ROOT}/oauth/authorize", answers={"": signed(signer, token)}
        ),
        Route(
            line=f"POST {_ROOT}/payments/payment",
            marker='"mer_reference_id":"',
            answers={
                reference(number): signed(signer, created(number))
                for number in range(pool)
            },
        ),
        Route(
            line=f"GET {_ROOT}/payments/payment",
            marker="",
            answers={
                payment_id(number): signed(signer, queried(number))
                for number in range(pool)
            },
        ),
    ]


def signed(signer: Signer, value: Mapping[str, Any]) -> bytes:
    """
    Return *value* as the gateway of late 2017 answers: a sign in meta, and a header.
    """
    body, signature = sign_envelope(
        value, signer=signer, place="both" if "meta" in value else "header"
    )

    return reply(body, signature=signature or "")


@contextlib.contextmanager
def gateway(
    keys: Keys,
    *,
    tls: bool = False,
    pool: int = POOL,
    others: Sequence[Route] = (),
) -> Iterator[Gateway]:
    """
    Run the canned gateway in a process of its own.

    Args:
        tls: Serve TLS, with an authority made for this.
        pool: How many orders it knows.
        others: What it answers besides.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        order = {
            "tls": _tls_files(folder) if tls else None,
            "routes": [
                {
                    "line": route.line,
                    "marker": route.marker,
                    "answers": {
                        key: answer.decode("latin-1")
                        for key, answer in route.answers.items()
                    },
                }
                for route in (*routes(keys, pool=pool), *others)
            ],
        }
        errors = stack.enter_context(tempfile.TemporaryFile())
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.canned"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()

        if not line:
            errors.seek(0)

            raise RuntimeError(errors.read().decode())

        # A name: some clients of TLS do not take an address.
        host = "https://localhost" if tls else "http://127.0.0.1"

        yield Gateway(
            url=f"{host}:{json.loads(line)['port']}{_ROOT}",
            keys=keys,
            ca_file=folder / "ca.pem" if tls else None,
            pid=process.pid,
        )


def _tls_files(folder: Path) -> list[str]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())

    return [str(chain), str(key)]


class Found:
    """
    The answers in the server: ready to be written.
    """

    def __init__(self, route: Mapping[str, Any]) -> None:
        self._answers = {
            key.encode(): answer.encode("latin-1")
            for key, answer in route["answers"].items()
        }
        self._marker: bytes | None = None

        if route["marker"] is not None:
            self._marker = route["marker"].encode()

        self._turns = itertools.cycle(self._answers.values())

    def find(self, last_segment: bytes, body: bytes) -> bytes:
        """
        Return the answer to a request.
        """
        if self._marker is None:
            return next(self._turns)

        if not self._marker:
            return self._answers[last_segment]

        start = body.index(self._marker) + len(self._marker)

        return self._answers[body[start : body.index(b'"', start)]]


class Canned(asyncio.Protocol):
    """
    One connection of the server.

    ``/counted`` tells how many connections there were and how many handshakes resumed
    none; ``/seen`` gives the bytes of the latest request to a route.
    """

    connections = 0
    handshakes = 0
    seen = b""

    def __init__(self, found: Mapping[bytes, Found]) -> None:
        self._found = found
        self._transport: asyncio.Transport
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Count it.
        """
        # uvloop's is none of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        Canned.connections += 1
        ssl_object = transport.get_extra_info("ssl_object")

        if ssl_object is not None and not ssl_object.session_reused:
            Canned.handshakes += 1

    def data_received(self, data: bytes) -> None:
        """
        Answer once a request is whole.
        """
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")

        if not blank:
            return

        if not head.startswith(b"GET"):
            place = head.lower().index(b"\r\ncontent-length:") + 17

            if len(rest) < int(head[place : (head + b"\r\n").index(b"\r\n", place)]):
                return

        received, self._received = self._received, b""
        self._transport.write(self._answer(received, head, rest))

    def _answer(self, received: bytes, head: bytes, body: bytes) -> bytes:
        line = head[: head.index(b" HTTP/")]

        if line.endswith(b"/counted"):
            counts = {
                "connections": Canned.connections,
                "handshakes": Canned.handshakes,
            }

            return reply(json.dumps(counts).encode())

        if line.endswith(b"/seen"):
            return reply(base64.b64encode(Canned.seen))

        Canned.seen = received
        found = self._found.get(line)

        if found is not None:
            return found.find(b"", body)

        folder, _, last = line.rpartition(b"/")

        return self._found[folder].find(last, body)


async def _serve() -> None:
    order = json.loads(await asyncio.to_thread(sys.stdin.readline))
    found = {route["line"].encode(): Found(route) for route in order["routes"]}
    tls = None

    if order["tls"] is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*order["tls"])

    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(found), sock=listener, ssl=tls)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
