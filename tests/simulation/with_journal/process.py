"""
Processes of the shop in one loop: each dies, or stands still, at a step that is drawn.

A step is what the loop is given to do in the context of a process: whatever it awaits,
there is one before and one after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, Protocol

import attrs

from tests.virtual_clock import Loop


_MAX_ROUNDS: Final = 1000

current: ContextVar[Process | None] = ContextVar("process", default=None)


class Connection(Protocol):
    """
    What the outside sees of a process.
    """

    def lose(self) -> None:
        """
        Notice that the process is gone.
        """
        ...


@attrs.define(eq=False)
class Process:
    """
    One process of the shop: its tasks and its connections.

    Args:
        dies_at: The number of the step at which it dies, None if it does not.
        stops_at: The number of the step at which it stands still, as by SIGSTOP.
        stops_for: Seconds.
    """

    dies_at: int | None = None
    stops_at: int | None = None
    stops_for: float = 0.0
    steps: int = 0
    dead: bool = False
    # In their order: what is drawn for each must be the same every time.
    connections: dict[Connection, None] = attrs.field(factory=dict)
    died: asyncio.Event = attrs.field(factory=asyncio.Event)
    _tasks: dict[asyncio.Task[Any], None] = attrs.field(factory=dict)
    _held: list[asyncio.Handle] | None = None

    def step(self, handle: asyncio.Handle) -> bool:
        """
        Count a step; return whether it is held until the process goes on.
        """
        self.steps += 1

        if self.steps == self.dies_at:
            self.die()
        elif self.steps == self.stops_at:
            self._held = []
            Context().run(
                asyncio.get_running_loop().call_later, self.stops_for, self._go_on
            )

        if self._held is None or self.dead:
            return False

        self._held.append(handle)

        return True

    def _go_on(self) -> None:
        held, self._held = self._held, None

        for handle in held or ():
            handle._loop._ready.append(handle)  # type: ignore[attr-defined]

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """
        Take *task* along when it dies.
        """
        self._tasks[task] = None
        task.add_done_callback(self.release, context=Context())

        if self.dead:
            task.cancel()

    def release(self, task: asyncio.Task[Any]) -> None:
        """
        Leave *task* to somebody else.
        """
        self._tasks.pop(task, None)

    def die(self) -> None:
        """
        Do nothing more.
        """
        if self.dead:
            return

        self.dead = True
        self._go_on()

        for connection in list(self.connections):
            connection.lose()

        for task in list(self._tasks):
            task.cancel()

        self.died.set()

    async def bury(self) -> None:
        """
        Wait until nothing is left of a dead process.
        """
        for _ in range(_MAX_ROUNDS):
            if not self._tasks:
                return

            for task in list(self._tasks):
                task.cancel()

            await asyncio.sleep(0.01)

        raise RuntimeError(f"they do not end: {self._tasks}")


class ProcessLoop(Loop):
    """
    A virtual loop that knows whose steps it takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_make_task)

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.Handle:
        # An empty one is false.
        context = copy_context() if context is None else context
        process = context.get(current)

        if process is None or process.dead:
            return super().call_soon(callback, *args, context=context)  # type: ignore[no-any-return]

        handle = asyncio.Handle(callback, args, self, context)

        if not process.step(handle):
            self._ready.append(handle)

        return handle


def _make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    **options: Any,
) -> asyncio.Task[Any]:
    given: Context | None = options.pop("context", None)
    context = copy_context() if given is None else given
    task = asyncio.Task(coroutine, loop=loop, context=context, **options)
    process = context.get(current)

    if process is not None:
        process.adopt(task)

    return task
