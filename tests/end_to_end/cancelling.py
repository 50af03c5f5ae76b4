"""
A storm of cancellations in a process of its own: ``python cancelling.py COUNT SEED``.

A server on loopback answers signed and after random pauses; calls are cancelled at
random moments. What is left over, and what became of each write, is printed as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from umfpay import Config, UMFSession
from umfpay.models import NewPayer
from umfpay.protocol import PrivateKey, Signer, make_certificate


POOL = 10
WORKERS = 60
PAUSE = 0.004
PATIENCE = 0.06
_WRITE = re.compile(rb"POST /[^ ]*/(PAY_[A-Z0-9]+)/execute")
_READ = re.compile(rb"GET /[^ ]*/(PAY_[A-Z0-9]+)")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Gateway(asyncio.Protocol):
    """
    Answers each request after a random pause, and remembers the writes it read.
    """

    executed: ClassVar[set[str]] = set()
    opened = 0
    now_open = 0

    def __init__(self, signer: Signer, chance: random.Random) -> None:
        self._signer = signer
        self._chance = chance
        self._buffer = b""
        self._line: asyncio.Transport | None = None

    def connection_made(self, transport):
        self._line = transport
        Gateway.opened += 1
        Gateway.now_open += 1

    def connection_lost(self, exc):
        Gateway.now_open -= 1

    def data_received(self, data):
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")

        if not mark:
            return

        found = _LENGTH.search(head)
        length = 0 if found is None else int(found[1])

        if len(rest) < length:
            return

        self._buffer = rest[length:]
        self._answer(head)

    def _answer(self, head):
        write = _WRITE.match(head)

        if write is not None:
            Gateway.executed.add(write[1].decode())

        if b"/oauth/" in head.split(b"\r\n")[0]:
            body = b'{"access_token":"%s","expires_in":86400}' % (b"t" * 64)
        else:
            asked = write or _READ.match(head)
            body = json.dumps(
                {
                    "meta": {"ret_code": "0000", "ret_msg": "Success"},
                    "payment": {"id": asked[1].decode(), "state": "TRADE_SUCCESS"},
                },
                separators=(",", ":"),
            ).encode()

        reply = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nSignature: %s\r\n\r\n%s"
        ) % (len(body), self._signer.sign(body).encode(), body)
        loop = asyncio.get_running_loop()
        loop.call_later(self._chance.random() * PAUSE, self._send, reply)

    def _send(self, reply):
        assert self._line is not None

        # A part now and a part later: cancellations fall between them, too.
        self._line.write(reply[:40])
        self._line.write(reply[40:])


def sockets_to(port):
    """
    Count the connections to *port* that are open at the client's end.
    """
    lines = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    ends = [line.split()[2:4] for line in lines]

    return sum(end == [f"0100007F:{port:04X}", "01"] for end in ends)


async def storm(config, port, count, chance, unknown):
    """
    Make *count* calls and cancel each at a random moment; return who ended how.
    """
    numbers = iter(range(count))
    cancelled, ended = set(), set()

    async with UMFSession(
        config, on_unknown=lambda intent: unknown.add(intent.payment_id)
    ) as session:
        await session.authorize()
        payer = NewPayer(payment_method="CREDIT_CARD", bank_code="CCB")

        async def work():
            for number in numbers:
                payment = f"PAY_{number:X}"
                call = (
                    session.payments.execute(payment, payer)
                    if number % 2
                    else session.payments.get(payment)
                )
                task = asyncio.ensure_future(call)
                # Some before they start, most while they run, some too late.
                await asyncio.sleep(max(0.0, chance.uniform(-0.1, 1.0) * PATIENCE))
                task.cancel()

                try:
                    await task
                except asyncio.CancelledError:
                    cancelled.add(payment)
                else:
                    ended.add(payment)

        await asyncio.gather(*(work() for _ in range(WORKERS)))
        good = [
            (await session.payments.get("PAY_AFTER")).state == "TRADE_SUCCESS"
            for _ in range(20)
        ]
        kept = sockets_to(port)

    return cancelled, ended, sum(good), kept


async def run(count, seed):
    """
    Return what is left after the storm.
    """
    key = PrivateKey.generate(1024)
    signer = Signer(key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Gateway(signer, random.Random(seed)), "127.0.0.1", 0, backlog=1000
    )
    port = server.sockets[0].getsockname()[1]
    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=PrivateKey.generate(1024),
        gateway_certificate=make_certificate(key, common_name="gateway"),
        base_url=f"http://127.0.0.1:{port}",
        token_store="memory",
        max_connections=POOL,
    )
    unknown = set()
    most = 0

    async def look():
        nonlocal most

        while True:
            most = max(most, sockets_to(port))
            await asyncio.sleep(0.05)

    looking = asyncio.ensure_future(look())
    cancelled, ended, good, kept = await storm(
        config, port, count, random.Random(seed), unknown
    )
    looking.cancel()

    with suppress(asyncio.CancelledError):
        await looking

    # The server notices closed connections a moment later.
    while Gateway.now_open:
        await asyncio.sleep(0.01)

    server.close()
    await asyncio.sleep(0.05)
    gc.collect()
    waiting = [one for one in loop._scheduled if not one.cancelled()]
    reads = {f"PAY_{number:X}" for number in range(0, count, 2)}

    return {
        "cancelled": len(cancelled),
        "ended": len(ended),
        "good": good,
        "most sockets": most,
        "sockets afterwards": kept,
        "opened": Gateway.opened,
        "tasks": len(asyncio.all_tasks()) - 1,
        "timers": len(waiting),
        "executed and cancelled": len(Gateway.executed & cancelled),
        "of these not handed over": len(Gateway.executed & cancelled - unknown),
        "handed over though answered": len(unknown & ended),
        "reads handed over": len(unknown & reads),
    }


if __name__ == "__main__":
    warnings.simplefilter("error")
    counts = asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.write(json.dumps(counts))
