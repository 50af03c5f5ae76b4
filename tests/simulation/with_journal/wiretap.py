"""
What leaves the shop: each request that makes or moves something has its committed row.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections import Counter
from typing import Any, Final

import attrs
import httpx

from tests.simulation.network import Line
from tests.simulation.sendings import Overheard, Sending, body_of, may_have_left
from tests.simulation.with_journal.process import Process, current


_MONEY_PATH: Final = re.compile(r"/payments/payment/(\w+)/(execute|refund)$")
_CREATE_PATH: Final = re.compile(r"/payments/payment$")


@attrs.define(eq=False)
class Wiretap:
    """
    Reads the committed rows whenever a request is about to leave.

    """

    books: sqlite3.Connection
    counts: Counter[str]
    _sent: dict[tuple[int, int], list[Sending]] = attrs.field(factory=dict)
    _twice: list[str] = attrs.field(factory=list)
    _without_row: list[Sending] = attrs.field(factory=list)

    @property
    def violations(self) -> list[str]:
        """
        What left without a row, or twice by one.
        """
        return self._twice + [
            f"{one.key[0]}: left without a committed row"
            for one in self._without_row
            if one.left
        ]

    def begin(self, request: httpx.Request) -> Sending | None:
        """
        Note *request*; None if it neither makes nor moves anything.
        """
        found = _what(request)

        if found is None:
            return None

        call, payment_id, number = found
        rows = self.books.execute(
            "SELECT position, fence FROM umf_journal"
            " WHERE call = ? AND state = 'sending'"
            " AND coalesce(payment_id, '') = ? AND (? = '' OR mer_reference_id = ?)",
            (call, payment_id, number, number),
        ).fetchall()
        words = f"{call} {payment_id} {number}".rstrip()
        self.counts[f"left: {call}"] += 1

        sending = Sending((words,))

        if not rows:
            self._without_row.append(sending)

            return sending

        row = rows[-1]
        earlier = self._sent.setdefault(row, [])

        if any(one.left and not one.excused for one in earlier):
            self._twice.append(f"{words}: left twice by row {row[0]}")

        earlier.append(sending)

        return sending


def _what(request: httpx.Request) -> tuple[str, str, str] | None:
    """
    Return call, payment and number of what makes or moves something.
    """
    if request.method != "POST":
        return None

    path = request.url.path

    if (found := _MONEY_PATH.search(path)) is not None:
        payment_id, verb = found.groups()

        if verb == "execute":
            return "payments.execute", payment_id, ""

        number = json.loads(body_of(request))["refund_info"]["mer_reference_id"]

        return "refunds.create", payment_id, str(number)

    if _CREATE_PATH.search(path) is not None:
        number = json.loads(body_of(request))["order"]["mer_reference_id"]

        return "payments.create", "", str(number)

    return None


class TappedLine(httpx.AsyncBaseTransport):
    """
    A process's connection to the gateway; what it has handed over is no longer its own.
    """

    def __init__(self, line: Line, wiretap: Wiretap, process: Process) -> None:
        self._line = line
        self._wiretap = wiretap
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* on.
        """
        if self._process.dead:
            raise httpx.ConnectError("the process is dead")

        sending = self._wiretap.begin(request)

        if sending is None:
            return await self._line.handle_async_request(request)

        try:
            response = await self._line.handle_async_request(request)
        finally:
            sending.left = may_have_left(request)

        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = Overheard(response.stream, sending)

        return response


def outside(app: Any) -> Any:  # ASGI
    """
    Return *app*, which works for no process: what was handed over is worked on.
    """

    async def work(scope: Any, receive: Any, send: Any) -> None:
        process = current.get()
        task = asyncio.current_task()

        if process is not None and task is not None:
            process.release(task)

        current.set(None)
        await app(scope, receive, send)

    return work
