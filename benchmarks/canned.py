"""
A gateway with three canned answers, in a process of its own: ``python -m
benchmarks.canned``.

It prints one line of JSON when it listens, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from umfpay import Config
from umfpay.protocol import PrivateKey, Signer, make_certificate, sign_envelope
from umfpay.sensitive import Secret


MER_REFERENCE_ID: Final = "BENCH1"
MER_DATE: Final = "20261123"
PAYMENT_ID: Final = "PAY_CANNED0000000000000000000001"

_HREF: Final = f"https://127.0.0.1/cberest/v1/payments/payment/{PAYMENT_ID}"
_AMOUNT: Final = {
    "total": "10.00",
    "exchange_rate": {"rate": "6.9193", "currency": "USD"},
    "currency": "USD",
    "total_cny": "69.19",
}

# Both as the emulator answers them, member for member.
CREATED: Final = {
    "meta": {"ret_msg": "Success", "ret_code": "0000"},
    "payment": {
        "pay_elements": "",
        "risk_info": {},
        "id": PAYMENT_ID,
        "state": "WAIT_BUYER_PAY",
        "notify_url": "https://shop.example/notify",
        "payer": {
            "bank_code": "CCB",
            "business_type": "B2C",
            "interface_type": "SERVER_TO_SERVER",
            "payment_method": "CREDIT_CARD",
            "payer_info": {
                "bank_card": {
                    "number": "",
                    "cvv2": "",
                    "valid_date": "",
                    "citizen_id_number": "",
                    "phone": "",
                    "citizen_id_type": "IDENTITY_CARD",
                    "payer_name": "",
                },
                "payer_agreement": {
                    "usr_busi_agreement_id": "",
                    "usr_pay_agreement_id": "",
                },
            },
        },
        "ret_url": "",
        "is_from_US": "Y",
        "order": {
            "amount": _AMOUNT,
            "mer_date": MER_DATE,
            "mer_reference_id": MER_REFERENCE_ID,
            "order_summary": "books",
            "expire_time": "30",
            "user_ip": "192.0.2.7",
            "sub_orders": [
                {
                    "mer_sub_reference_id": f"{MER_REFERENCE_ID}-1",
                    "amount": {"total": "10.00", "currency": "USD"},
                    "trans_code": "01122030",
                    "items": [
                        {
                            "mer_item_id": f"{MER_REFERENCE_ID}-1-1",
                            "type": "OTHER",
                            "amount": {"total": "10.00", "currency": "USD"},
                            "name": "book",
                            "quantity": "1",
                        }
                    ],
                }
            ],
        },
    },
    "links": [
        {"ref": "self", "method": "GET", "href": _HREF},
        {"ref": "sms_verify", "method": "POST", "href": f"{_HREF}/verify"},
    ],
}
QUERIED: Final = {
    "meta": {"error_code": "", "ret_msg": "Success", "ret_code": "0000"},
    "payment": {
        "settle_date": "",
        "state": "WAIT_BUYER_PAY",
        "execute_success_time": "",
        "payer": {"payment_method": "CREDIT_CARD"},
        "order": {
            "user_ip": "192.0.2.7",
            "amount": _AMOUNT,
            "mer_date": MER_DATE,
            "expire_time": "",
            "mer_reference_id": MER_REFERENCE_ID,
        },
    },
}

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


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
class Gateway:
    """
    A canned gateway that runs.

    Args:
        url: Its origin.
        keys: What it signs with, and the merchant's.
    """

    url: str
    keys: Keys

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
            "token_store": "memory",
            "max_connections": 400,
        }

        return Config(**{**settings, **changes})


@contextlib.contextmanager
def gateway(keys: Keys, *, tls: tuple[Path, Path] | None = None) -> Iterator[Gateway]:
    """
    Run the canned gateway in a process of its own.

    Args:
        tls: Files of a certificate and its key, to serve TLS.
    """
    order = {
        "gateway": base64.b64encode(keys.gateway).decode(),
        "tls": None if tls is None else [str(path) for path in tls],
    }

    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.canned"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdin is not None
        assert process.stdout is not None

        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()

            if not line:
                errors.seek(0)

                raise RuntimeError(errors.read().decode())

            scheme = "http" if tls is None else "https"
            host = "127.0.0.1" if tls is None else "localhost"

            port = json.loads(line)["port"]

            yield Gateway(url=f"{scheme}://{host}:{port}/cberest/v1", keys=keys)
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(30)


def application(
    gateway_key: bytes,
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """
    Return the ASGI application: a token, a created payment, the same one queried.
    """
    signer = Signer(PrivateKey.load(gateway_key))
    token = {"access_token": "c" * 64, "expires_in": 86_400, "token_type": "Bearer"}
    answer_token, answer_post, answer_get = (
        _reply(signer, value) for value in (token, CREATED, QUERIED)
    )

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)

            return

        while (await receive()).get("more_body", False):
            pass

        if scope["path"].endswith("/counted"):
            for message in _plain(Counting.counts()):
                await send(message)

            return

        messages = answer_post if scope["method"] == "POST" else answer_get

        for message in answer_token if "/oauth/" in scope["path"] else messages:
            await send(message)

    return answer


def _reply(signer: Signer, value: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    # As the gateway of late 2017: a sign in meta, and a header over the whole.
    body, signature = sign_envelope(
        value, signer=signer, place="both" if "meta" in value else "header"
    )
    assert signature is not None
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"signature", signature.encode()),
    ]

    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def _plain(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    headers = [(b"content-type", b"application/json")]

    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": json.dumps(value).encode()},
    )


class Counting(HttpToolsProtocol):
    """
    Counts the connections, and the TLS handshakes that could not resume an older one.
    """

    connections = 0
    handshakes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        Counting.connections += 1
        ssl_object = transport.get_extra_info("ssl_object")

        if ssl_object is not None and not ssl_object.session_reused:
            Counting.handshakes += 1

        super().connection_made(transport)

    @classmethod
    def counts(cls) -> dict[str, int]:
        """
        Return both counts.
        """
        return {"connections": cls.connections, "handshakes": cls.handshakes}


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})

        if message["type"] == "lifespan.shutdown":
            return


async def _serve() -> None:
    order = json.loads(await asyncio.to_thread(sys.stdin.readline))
    tls = order["tls"] or (None, None)
    server = uvicorn.Server(
        uvicorn.Config(
            application(base64.b64decode(order["gateway"])),
            http=Counting,
            log_level="error",
            access_log=False,
            ssl_certfile=tls[0],
            ssl_keyfile=tls[1],
            timeout_keep_alive=300,
            backlog=4096,
        )
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    server.force_exit = True
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
