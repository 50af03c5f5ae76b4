"""
A sender that answers from a list and remembers what it was asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from umfpay.transport import Call


class Chunks:
    """
    A download of given pieces; an exception among them is raised in its place.
    """

    def __init__(self, pieces: list[bytes | BaseException]) -> None:
        self._pieces = pieces

    date = datetime(2017, 2, 8, tzinfo=UTC)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece

            yield piece


class Sender:
    """
    Stands for a session: gives each call the next answer, in order.
    """

    def __init__(self) -> None:
        self.answers: list[Mapping[str, Any]] = []
        self.pieces: list[bytes | BaseException] = []
        self.at_the_end: BaseException | None = None
        self.calls: list[Call[Any]] = []
        self.options: list[Mapping[str, Any]] = []

    async def send(self, call: Call[Any], options: Mapping[str, Any]) -> Any:
        self.calls.append(call)
        self.options.append(options)

        return call.read(self.answers.pop(0))

    @asynccontextmanager
    async def stream(
        self, call: Call[Any], options: Mapping[str, Any]
    ) -> AsyncIterator[Chunks]:
        self.calls.append(call)
        self.options.append(options)

        yield Chunks(self.pieces)

        if self.at_the_end is not None:
            raise self.at_the_end

    @property
    def targets(self) -> list[str]:
        return [call.target() for call in self.calls]


@pytest.fixture(name="sender")
def _sender() -> Sender:
    return Sender()
