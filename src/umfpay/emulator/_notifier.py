"""
Notifications (gateway.md 3.3): signed, delivered to loopback, retried, written down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp

from umfpay.config import is_loopback
from umfpay.emulator import _customs as customs
from umfpay.emulator import _payment_answers as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._faults import NOTIFICATION_KINDS, FaultPlan
from umfpay.emulator._gateway_state import GatewayState, Members
from umfpay.emulator._members import member
from umfpay.emulator._messages import log_internal_error
from umfpay.emulator._store import Document
from umfpay.protocol import JSONRefusedError, Signer, dump_json, parse_json


ACKNOWLEDGED_OUTCOME: Final = "acknowledged"

_TIMEOUT_SECONDS: Final = 5.0
_MAX_REPLY_BYTES: Final = 64 * 1024
_BODY_OF_KIND: Final[dict[str, Callable[[GatewayState, str], Members]]] = {
    "payment": payments.notification_body,
    "refund": refunds.notification_body,
    "customs": customs.notification_body,
}

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""
Delivers a notification: URL, body and headers; returns the status and the reply.
"""


class Notifier:
    """
    Sends what `GatewayState.notify` asks for, in tasks of its own.

    Args:
        plan: Returns the fault plan of now.
        deliver_to: Hosts besides loopback that may be called.
        post: Delivers in place of HTTP.
    """

    def __init__(
        self,
        gateway_state: GatewayState,
        *,
        plan: Callable[[], FaultPlan],
        deliver_to: Collection[str] = (),
        post: Post | None = None,
    ) -> None:
        self._gateway_state = gateway_state
        self._plan = plan
        self._post_by = post or self._by_http
        self._deliver_to = frozenset(deliver_to)
        self._signer = Signer(gateway_state.merchants.first.gateway_key)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[int] = []
        self._client: aiohttp.ClientSession | None = None

    def notify(self, kind: str, key: str) -> None:
        """
        Tell the merchant about the object *key*: its state of now, signed now.
        """
        body = dump_json(_BODY_OF_KIND[kind](self._gateway_state, key))
        entity: Members = next(iter(parse_json(body).values()))
        record: Document = {
            "number": self._gateway_state.number("notification"),
            "kind": kind,
            "object": key,
            "state": entity.get("state", ""),
            "url": _with_scheme(str(entity.get("notify_url") or "")),
            "body": body.decode(),
            "signature": self._signer.sign(body),
            "attempts": [],
            "status": "pending",
        }
        self._keep(record)

        if not record["url"]:
            self._give_up(record, "no notify_url")

            return

        self._schedule(record, kind)

    def resume(self) -> None:
        """
        Go on with what a stop interrupted.
        """
        for record in self._gateway_state.store.all("notification"):
            if record["status"] == "pending":
                self._start(record["number"], 0.0)

    def forget(self) -> None:
        """
        Stop all deliveries: the books are about to be cleared.
        """
        self._held.clear()

        for task in self._tasks:
            task.cancel()

    def resend(self, number: int) -> bool:
        """
        Deliver notification *number* once more; False if there is none.
        """
        record = self._gateway_state.store.get("notification", str(number))

        if record is None:
            return False

        self._start(number, 0.0)

        return True

    def _schedule(self, record: Document, kind: str) -> None:
        struck = self._plan().strike(NOTIFICATION_KINDS, method="", path=kind)
        kinds = {one.kind for one in struck}
        delay = sum(one.seconds for one in struck if one.kind == "late_notification")

        if "lose_notification" in kinds:
            self._give_up(record, "lost by the fault plan")

            return

        if "reorder_notification" in kinds:
            # It waits for the next one and goes after it.
            self._held.append(record["number"])

            return

        for _ in range(2 if "duplicate_notification" in kinds else 1):
            self._start(record["number"], delay)

        held, self._held = self._held, []

        for one in held:
            self._start(one, delay + 0.05)

    def _start(self, number: int, delay: float) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(number, delay))
        self._tasks.add(task)
        task.add_done_callback(self._on_ended)

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()

        if isinstance(error, Exception):
            log_internal_error(error, "a notification")

    async def _deliver(self, number: int, delay: float) -> None:
        settings = self._gateway_state.settings
        pause = settings.notification_pause
        await asyncio.sleep(delay)

        for left in range(max(1, settings.notification_attempts), 0, -1):
            record = self._record(number)

            if record is None:
                # So many newer ones came that it is not kept any more.
                return

            outcome = await self._post(record)
            # Read again: a resend may have written meanwhile.
            record = self._record(number) or record
            record["attempts"].append(
                {"at": self._gateway_state.clock.now().isoformat(), "outcome": outcome}
            )
            done = outcome == ACKNOWLEDGED_OUTCOME or outcome.startswith(
                "not delivered"
            )

            if record["status"] != ACKNOWLEDGED_OUTCOME:
                record["status"] = outcome if done or left == 1 else "pending"

            self._keep(record)

            if done:
                return

            if left > 1:
                await asyncio.sleep(pause)
                pause *= 2

    def _record(self, number: int) -> Document | None:
        return self._gateway_state.store.get("notification", str(number))

    async def _post(self, record: Document) -> str:
        try:
            host = urlsplit(record["url"]).hostname or ""
        except ValueError:
            return "not delivered: notify_url is no URL"

        if not is_loopback(host) and host not in self._deliver_to:
            return f"not delivered: {host} is not loopback"

        try:
            status, reply = await self._post_by(
                record["url"],
                record["body"].encode(),
                {
                    "Content-Type": "application/json",
                    "Signature": record["signature"],
                },
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            return f"failed: {type(exc).__name__}"

        return outcome_of_reply(status, reply)

    async def _by_http(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

        async with self._client.post(
            url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await _read(response)

    def _give_up(self, record: Document, why: str) -> None:
        record["status"] = f"not delivered: {why}"
        self._keep(record)

    def _keep(self, record: Document) -> None:
        self._gateway_state.store.log("notification", str(record["number"]), record)

    async def aclose(self) -> None:
        """
        Stop all deliveries.
        """
        tasks = list(self._tasks)

        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None

        if client is not None:
            await client.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    reply = b""

    async for chunk in response.content.iter_any():
        reply += chunk

        if len(reply) >= _MAX_REPLY_BYTES:
            break

    return reply[:_MAX_REPLY_BYTES]


def _with_scheme(url: str) -> str:
    """
    Return a notify_url as it can be called.
    """
    # It is sometimes given without (gateway.md, trap 28).
    return f"http://{url}" if url and "://" not in url else url


def outcome_of_reply(status: int, reply: bytes) -> str:
    """
    Tell whether a reply stops the gateway: HTTP 200 with ret_code 0000, in JSON (flat
    or in meta) or as the text ``ret_code=0000`` (gateway.md 3.3, variants 1-4).
    """
    if status != 200:
        return f"failed: HTTP {status}"

    try:
        value: Any = parse_json(reply)
    except JSONRefusedError:
        value = None

    codes = [member(value, "ret_code"), member(value, "meta", "ret_code")]

    if value is None:
        codes = parse_qs(reply.decode("utf-8", "replace").strip()).get("ret_code", [])

    return ACKNOWLEDGED_OUTCOME if "0000" in codes else "failed: no ret_code 0000"
