"""
The way between shop and gateway, and what it does to requests.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Send

from tests import virtual_clock
from tests.simulation.journal import Journal
from tests.simulation.middle_box import Box
from tests.simulation.orders import DAY, NOTIFY_URL
from tests.simulation.plan import Schedule
from tests.simulation.sendings import Overheard, Sendings, body_of, may_have_left
from umfpay.emulator import Clock, Credentials, Emulator
from umfpay.notifications import NotificationReceiver
from umfpay.testing import emulator_transport


class Gateway:
    """
    The emulator of one schedule, with a network before it.

    An ASGI application: each request is under way for some milliseconds, a few for
    minutes; whoever sent it may be gone when it arrives.
    """

    def __init__(
        self,
        schedule: Schedule,
        credentials: Credentials,
        other: Credentials,
        journal: Journal,
        rng: random.Random,
        counts: Counter[str],
    ) -> None:

        def wall() -> float:
            return virtual_clock.now() + schedule.skew

        self._rng = rng
        self._late = schedule.late
        self._counts = counts
        self._timer: asyncio.TimerHandle | None = None
        self.healthy = False
        self.emulator = Emulator(
            credentials=credentials,
            other_merchant=other,
            settings=schedule.settings,
            clock=Clock(wall=wall),
            post=journal.post,
            tick=None,
        )
        self._dated = virtual_clock.with_date_header(self.emulator, wall)
        self.emulator.control(
            "PUT",
            "/faults",
            {
                "seed": schedule.seed,
                "rules": [
                    {
                        name: getattr(fault, name)
                        for name in (
                            "kind",
                            "method",
                            "path",
                            "skip",
                            "times",
                            "probability",
                            "seconds",
                            "status",
                        )
                    }
                    for fault in schedule.faults
                ],
            },
        )
        self.sendings = Sendings()
        self._box = Box(
            self._work,
            schedule.middle,
            rng,
            counts,
            healthy=lambda: self.healthy,
        )
        self.lates = 0

    @property
    def struck(self) -> int:
        """
        How many writes came late, twice, or were answered by somebody else.
        """
        return self.lates + self._box.struck

    def strange_payment(self, number: str, total: str) -> None:
        """
        Let another merchant be paid under our number, with our notify_url.
        """
        made = self.emulator.control(
            "POST",
            "/merchants/other/payments",
            {
                "mer_reference_id": number,
                "mer_date": f"{DAY:%Y%m%d}",
                "amount": {"total": total, "currency": "USD"},
                "notify_url": NOTIFY_URL,
            },
        )
        self.emulator.control("POST", f"/payments/{made['payment']['id']}/pay")
        self._counts["fault: foreign notification"] += 1
        self._look()

    def heal(self) -> None:
        """
        Let nothing go wrong from now on.
        """
        for rule in self.emulator.control("GET", "/faults")["rules"]:
            self._counts[f"fault: {rule['kind']}"] += rule["hits"]

        self.healthy = True
        self.emulator.control("PUT", "/faults", {"rules": []})

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        message = await receive()

        if message["type"] != "http.request":
            return

        async def replay() -> Any:
            return message

        way = self._rng.uniform(0.001, 0.03)

        if (
            not self.healthy
            and scope["method"] == "POST"
            and self._rng.random() < self._late
        ):
            way = self._rng.uniform(1.0, 120.0)
            self.lates += 1
            self._counts["fault: late request"] += 1

        await asyncio.sleep(way)

        await self._box(scope, replay, send)

    async def _work(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await self._dated(scope, receive, send)
        finally:
            self._look()

    def _look(self) -> None:
        """
        Let happen what is due, and look again when something is.
        """
        if self._timer is not None:
            self._timer.cancel()

        pause = self.emulator.pass_time()

        if pause is not None:
            # A moment later: the due time itself may be lost in rounding.
            self._timer = asyncio.get_running_loop().call_later(
                pause + 0.001, self._look
            )

    async def aclose(self) -> None:
        """
        Close the books.
        """
        if self._timer is not None:
            self._timer.cancel()

        await self._box.aclose()
        await self.emulator.aclose()


class Line(httpx.AsyncBaseTransport):
    """
    One process's connection to the gateway; dead when the process is.

    Args:
        wrap: Puts something between the network and the gateway.
    """

    def __init__(
        self,
        gateway: Gateway,
        schedule: Schedule,
        rng: random.Random,
        counts: Counter[str],
        *,
        wrap: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self._gateway = gateway
        self._inner = emulator_transport(gateway if wrap is None else wrap(gateway))
        self._unreachable = schedule.unreachable
        self._rng = rng
        self._counts = counts
        self.dead = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request*, if there is a connection.
        """
        if self.dead:
            raise httpx.ConnectError("the process is dead")

        if not self._gateway.healthy and self._rng.random() < self._unreachable:
            self._counts["fault: no connection"] += 1
            await asyncio.sleep(self._rng.uniform(0.0, 0.2))

            raise httpx.ConnectError("no route")

        sending = self._gateway.sendings.begin(request, body_of(request))

        if sending is None:
            return await self._inner.handle_async_request(request)

        try:
            response = await self._inner.handle_async_request(request)
        finally:
            sending.left = may_have_left(request)

        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = Overheard(response.stream, sending)

        return response


class SendsAgain(httpx.AsyncBaseTransport):
    """
    What nobody may build: it sends a POST again that may have been carried out.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request*, twice if need be.
        """
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx.ReadError, httpx.ReadTimeout):
            pass
        else:
            if response.status_code < 500:
                return response

            await response.aclose()

        return await self._inner.handle_async_request(request)


def receiver(credentials: Credentials) -> NotificationReceiver:
    """
    Return what the shop checks notifications with.
    """
    return NotificationReceiver(credentials.gateway_certificate)
