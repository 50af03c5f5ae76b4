"""
Bulk queries: bounded concurrency, throttling where the gateway is busy, resumable.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar, Unpack

import attrs

from umfpay._private_files import open_to_append, read_file
from umfpay.errors import (
    APIError,
    AuthenticationError,
    ConfigError,
    GatewayBusyError,
    RateLimitedError,
    Text,
    TokenError,
    TransportError,
    UMFError,
    WrongLoopError,
    os_reason,
)
from umfpay.resources._arguments import CallOptions
from umfpay.transport import RETRIED_STATUSES


T = TypeVar("T")

Ids = Iterable[str] | AsyncIterable[str]

# An id is asked for again so often while the gateway is busy or away.
_MAX_TRIES: Final = 6
_MAX_CONCURRENCY: Final = 10_000
_PAUSE_SECONDS: Final = 0.5
_MAX_PAUSE_SECONDS: Final = 30.0
_CHECKPOINT_LINE: Final = "umfpay checkpoint 1"


@attrs.frozen(kw_only=True)
class BulkResult(Generic[T]):
    """
    What became of one id: an object, or the error in its place.
    """

    id: str
    object: T | None = None
    error: UMFError | None = None


@attrs.frozen(kw_only=True)
class BulkProgress:
    """
    How far a bulk query is.

    Args:
        done: Ids whose result was taken, those of an earlier run included.
        failed: Those of them that ended in an error.
        total: All ids, None if nobody can know before the end.
        concurrency: Calls at a time just now.
    """

    done: int
    failed: int
    total: int | None
    concurrency: int


OnProgress = Callable[[BulkProgress], None]


class _Throttle:
    """
    How many calls may run: halved when the gateway is busy, one more each round.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._until = 0.0
        self._busy = 0

    @property
    def limit(self) -> int:
        """
        Calls that may run at a time.
        """
        return max(1, int(self._limit))

    @property
    def pause(self) -> float:
        """
        Seconds before the next call may start.
        """
        return max(0.0, self._until - time.monotonic())

    def record_success(self) -> None:
        """
        Recover: about one call more for each round of calls that went well.
        """
        self._busy = 0
        self._limit = min(float(self._most), self._limit + 1 / max(self._limit, 1.0))

    def record_busy(self) -> None:
        """
        Go slower. The calls that were under way count as one sign.
        """
        if self.pause:
            return

        self._busy += 1
        self._limit = max(1.0, self._limit / 2)
        longest = min(
            _MAX_PAUSE_SECONDS, _PAUSE_SECONDS * 2.0 ** min(self._busy - 1, 10)
        )
        # Not a secret: so that several scripts do not come back at once.
        self._until = time.monotonic() + random.uniform(0.5, 1.0) * longest  # noqa: S311


class BulkQueries(ABC, Generic[T]):
    """
    A resource whose objects can be asked for by the thousand.
    """

    @abstractmethod
    async def get(self, one: str, /, **options: Unpack[CallOptions]) -> T:
        """
        Query one object by its id.
        """

    async def get_many(
        self,
        ids: Ids,
        *,
        concurrency: int = 20,
        checkpoint: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[BulkResult[T]]:
        """
        Query many objects; give results and errors as they come, in any order.

            async for result in session.payments.get_many(ids):
                print(result.id, result.object or result.error)

        While the gateway is busy (HTTP 429, busy codes) fewer calls run, after a
        pause, and more again when it recovers; an id is asked for six times. Closing
        the iterator ends the calls that run.

        Args:
            ids: Any number of them, from an iterable or an async iterable; never all
                of them are held.
            concurrency: Calls at a time at most; the session's pool bounds it, too.
            checkpoint: A file of the ids whose result was taken. A job that starts
                again with the same file leaves them out. An id that ended because the
                gateway was busy or away is not in it.
            on_progress: Called after each result.

        Raises:
            ConfigError: An argument or the checkpoint is unusable.
            UMFError: One that would end every call: wrong credentials, no token.
        """
        _check(concurrency)
        kept = None if checkpoint is None else Checkpoint(Path(checkpoint))
        work: _Work[T] = _Work(partial(self.get, **options), _Throttle(concurrency))
        total = (
            len(ids) if isinstance(ids, list | tuple | set | frozenset | dict) else None
        )
        done = failed = 0

        try:
            async with aclosing(work.results(_remaining_ids(ids, kept))) as results:
                async for result in results:
                    yield result

                    # It was taken: a run that is killed now does not ask for it again.
                    if kept is not None and not _is_transient(result.error):
                        kept.add(result.id)

                    done += 1
                    failed += result.error is not None

                    if on_progress is not None:
                        on_progress(
                            BulkProgress(
                                done=done + (0 if kept is None else kept.before),
                                failed=failed,
                                total=total,
                                concurrency=work.throttle.limit,
                            )
                        )
        finally:
            if kept is not None:
                kept.close()


class _Work(Generic[T]):
    """
    The calls that are under way.
    """

    def __init__(self, get: Callable[[str], Awaitable[T]], throttle: _Throttle) -> None:
        self._get = get
        self._ended: asyncio.Queue[BulkResult[T] | BaseException] = asyncio.Queue()
        self._running: set[asyncio.Task[None]] = set()
        self.throttle = throttle

    async def results(self, ids: AsyncIterable[str]) -> AsyncGenerator[BulkResult[T]]:
        """
        Give the results as they come; stop all calls when nobody wants more.
        """
        more = aiter(ids)
        open_ids = True
        # Not the tasks: one that has put its result into the queue may still end.
        awaited = 0

        try:
            while open_ids or awaited:
                if open_ids and awaited < self.throttle.limit:
                    try:
                        self._start(await anext(more))
                        awaited += 1
                    except StopAsyncIteration:
                        open_ids = False

                    continue

                result = await self._ended.get()
                awaited -= 1

                if isinstance(result, BaseException):
                    raise result

                yield result
        finally:
            for task in self._running:
                task.cancel()

            await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self, one: str) -> None:
        task = asyncio.ensure_future(self._ask(one))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(self, one: str) -> None:
        # Whatever ends the task must reach the queue, or its reader waits for ever.
        try:
            self._ended.put_nowait(await self._answer(one))
        except Exception as error:  # noqa: BLE001 (it is raised by the reader)
            self._ended.put_nowait(error)

    async def _answer(self, one: str) -> BulkResult[T]:
        for attempt in range(1, _MAX_TRIES + 1):
            await asyncio.sleep(self.throttle.pause)

            try:
                found = await self._get(one)
            except (APIError, TransportError) as error:
                if _is_transient(error):
                    self.throttle.record_busy()

                    if attempt < _MAX_TRIES:
                        continue

                return BulkResult(id=one, error=error)
            except UMFError as error:
                if _is_fatal(error):
                    raise

                return BulkResult(id=one, error=error)

            self.throttle.record_success()

            return BulkResult(id=one, object=found)

        raise AssertionError("the last attempt returns")


def _is_transient(error: UMFError | None) -> bool:
    """
    Tell whether *error* says that the gateway is busy or away, not what the object is.
    """
    if isinstance(error, RateLimitedError | GatewayBusyError | TransportError):
        return True

    return isinstance(error, APIError) and error.http_status in RETRIED_STATUSES


def _is_fatal(error: UMFError) -> bool:
    return isinstance(error, AuthenticationError | TokenError | WrongLoopError)


async def _remaining_ids(ids: Ids, kept: Checkpoint | None) -> AsyncIterator[str]:
    async for one in ids if isinstance(ids, AsyncIterable) else _awaited(ids):
        if kept is None or one not in kept:
            yield one


async def _awaited(ids: Iterable[str]) -> AsyncIterator[str]:
    for one in ids:
        yield one


def _check(concurrency: object) -> None:
    if type(concurrency) is not int or not 1 <= concurrency <= _MAX_CONCURRENCY:
        raise ConfigError.of(
            "concurrency",
            f"it must be a whole number from 1 to {_MAX_CONCURRENCY}",
            f"必须是 1 至 {_MAX_CONCURRENCY} 的整数",
        )


class Checkpoint:
    """
    A file of the ids that are done, one a line, so that a job can resume.

    Args:
        path: The file, its owner's alone; it is made if it is missing. Half a line at
            its end, as a killed process leaves it, is cut off.

    Raises:
        ConfigError: It cannot be read or written, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

        try:
            self._done = self._read()
            self._file = open_to_append(path)

            if not self._file.tell():
                self._file.write(f"{_CHECKPOINT_LINE}\n")
        except OSError as error:
            reason = os_reason(error)

            raise self._unusable(Text(reason, reason)) from error

        self.before: int = len(self._done)
        """How many were done before."""

    def __contains__(self, one: str) -> bool:
        return one in self._done

    def add(self, one: str) -> None:
        """
        Note that *one* is done: at the latest after the next ids it is on the disk.
        """
        self._file.write(f"{one}\n")
        # The system has it now, also when this process is killed.
        self._file.flush()

    def close(self) -> None:
        """
        Write all to the disk.
        """
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _read(self) -> set[str]:
        try:
            # Nothing is cut off, nor written, through a link that was planted.
            data = read_file(self._path, through_links=False)
        except FileNotFoundError:
            return set()

        whole, mark, rest = data.rpartition(b"\n")

        if not mark and _CHECKPOINT_LINE.encode().startswith(rest):
            # Nothing, or it was killed in its first line.
            os.truncate(self._path, 0)

            return set()

        try:
            first, *ids = whole.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            first, ids = "", []

        if first != _CHECKPOINT_LINE:
            raise self._unusable(
                Text("it is no checkpoint", "不是断点文件"),
                advice=Text(
                    "Name another file. If this was one, remove it: all ids are asked"
                    " for again.",
                    "请指定其他文件。若它曾是断点文件，请删除：所有编号会重新查询。",
                ),
            )

        if rest:
            os.truncate(self._path, len(whole) + len(mark))

        return set(ids)

    def _unusable(self, reason: Text, *, advice: Text | None = None) -> ConfigError:
        return ConfigError.of(
            "checkpoint",
            f"{self._path}: {reason.en}",
            f"{self._path}：{reason.zh}",
            advice=advice,
        )
