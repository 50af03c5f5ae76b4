"""
The steps of fetching a token, at each of which a process can be killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path

import attrs

from umfpay.tokens import TokenRecord, TokenStore
from umfpay.transport import Answer, CallState, Edge, Effect


class Step(StrEnum):
    """
    Where a leader is; *costs_a_token* tells whether the gateway's token is lost there.
    """

    WAITS = "waits for its turn"
    HAS_TURN = "has its turn"
    ASKED = "asked the gateway"
    ANSWERED = "has the answer"
    SAVES = "is about to save"
    SAVED = "has saved"

    @property
    def costs_a_token(self) -> bool:
        """
        Whether it falls between the gateway's commit and our save.
        """
        return self in (Step.ASKED, Step.ANSWERED, Step.SAVES)


@attrs.frozen
class Executioner:
    """
    Kills the first process that reaches a step while its file lies in *folder*.
    """

    folder: Path

    def arm(self, step: Step) -> None:
        """
        Let the next process that reaches *step* die.
        """
        (self.folder / step.name).touch()

    def is_done(self, step: Step) -> bool:
        """
        Tell whether somebody died at *step*.
        """
        return (self.folder / f"{step.name}.done").exists()

    def reached(self, step: Step) -> None:
        """
        Die here if it is this process's turn: by SIGKILL, so that nothing tidies up.
        """
        armed = self.folder / step.name

        try:
            # One of all processes succeeds.
            armed.rename(armed.with_suffix(".done"))
        except FileNotFoundError:
            return

        os.kill(os.getpid(), signal.SIGKILL)


@attrs.frozen
class WatchedStore:
    """
    A token store that is asked by somebody who may die.
    """

    store: TokenStore
    executioner: Executioner

    async def load(self) -> TokenRecord | None:
        return await self.store.load()

    async def save(self, record: TokenRecord) -> bool:
        self.executioner.reached(Step.SAVES)
        saved = await self.store.save(record)
        self.executioner.reached(Step.SAVED)

        return saved

    async def refuse(self, generation: int) -> None:
        await self.store.refuse(generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        return self._refreshing(lease)

    @asynccontextmanager
    async def _refreshing(self, lease: float) -> AsyncIterator[None]:
        self.executioner.reached(Step.WAITS)

        async with self.store.refreshing(lease):
            self.executioner.reached(Step.HAS_TURN)
            yield


class WatchedEdge:
    """
    Connections on which a token request may be the last thing that happens.
    """

    def __init__(self, wrapped: Edge, executioner: Executioner) -> None:
        self._wrapped = wrapped
        self._executioner = executioner

    async def exchange(self, state: CallState) -> Answer:
        if state.call.effect is not Effect.TOKEN:
            return await self._wrapped.exchange(state)

        sending = asyncio.ensure_future(self._wrapped.exchange(state))
        # The answer takes longer than that; the request is out.
        await asyncio.wait((sending,), timeout=0.02)
        self._executioner.reached(Step.ASKED)
        answer = await sending
        self._executioner.reached(Step.ANSWERED)

        return answer

    async def aclose(self) -> None:
        await self._wrapped.aclose()

    def abandon(self) -> None:
        self._wrapped.abandon()
