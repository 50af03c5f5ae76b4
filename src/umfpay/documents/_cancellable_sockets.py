"""
Cancel an FTP upload: sockets of a thread that the event loop can cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar


T = TypeVar("T")

# A thread whose sockets are cut ends at once, unless it asks for a name or connects.
_GRACE_SECONDS: Final = 0.5


class CutError(OSError):
    """
    Raised in the thread when the event loop has ended its work.
    """


class CancellableSockets:
    """
    The sockets that threads of one upload use, and the moment when all must end.

    Args:
        until: In the time of `time.monotonic`.
        timeout: Seconds that one step may take.
    """

    def __init__(self, *, until: float, timeout: float) -> None:
        self._until = until
        self._timeout = timeout
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._is_cut = False

    @property
    def is_cut(self) -> bool:
        """
        Whether the work was ended.
        """
        return self._is_cut

    @property
    def seconds_left(self) -> float:
        """
        Seconds until the end, 0 if it has passed.
        """
        return max(0.0, self._until - time.monotonic())

    def step(self) -> float:
        """
        Return how long one step may take now.

        Raises:
            TimeoutError: All time is used.
            CutError: The work was ended.
        """
        if self._is_cut:
            raise CutError

        if not self.seconds_left:
            raise TimeoutError

        return min(self._timeout, self.seconds_left)

    def hold(self, one: socket.socket) -> None:
        """
        Let `cut()` reach *one*.

        Raises:
            CutError: The work was ended meanwhile; *one* is shut.
        """
        with self._lock:
            self._sockets.add(one)

            if not self._is_cut:
                return

        _shut_down(one)

        raise CutError

    def release(self, one: socket.socket) -> None:
        """
        Let go of *one*: from now on its number may be another's.
        """
        with self._lock:
            self._sockets.discard(one)

    def cut(self) -> None:
        """
        End the work: whatever waits at one of the sockets returns at once.
        """
        with self._lock:
            self._is_cut = True

            for one in self._sockets:
                _shut_down(one)

    async def run(self, function: Callable[[], T]) -> T:
        """
        Call *function* in a thread made for it.

        A cancelled caller cuts the work and does not wait for a thread that hangs in
        a call of the system: it is a daemon, and finds itself cut when it returns.

        Raises:
            TimeoutError: The end came and *function* did not notice.
            CancelledError: The caller was cancelled.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def resolve(value: Any, error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result((value, error))

        def work() -> None:
            value, failed = None, None

            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 (raised in the loop)
                failed = error

            # The loop may be gone.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(resolve, value, failed)

        threading.Thread(target=work, name="umfpay-papers", daemon=True).start()

        try:
            await asyncio.wait([ended], timeout=self.seconds_left)
        except asyncio.CancelledError:
            self.cut()
            await asyncio.wait([ended], timeout=_GRACE_SECONDS)

            raise

        if not ended.done():
            self.cut()
            await asyncio.wait([ended], timeout=_GRACE_SECONDS)

        if not ended.done():
            raise TimeoutError

        value, error = ended.result()

        if error is not None:
            raise error

        result: T = value

        return result


def _shut_down(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # The method of a TLS socket would drop its session under the thread's hands.
        socket.socket.shutdown(one, socket.SHUT_RDWR)
