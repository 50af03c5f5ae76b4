"""
`UMFSession`: owns the pipeline and the token cache, and sends what resources ask.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import logging
import math
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar, Unpack

from umfpay import _codec
from umfpay._session._call_end import CallReport, error_of, record_end, report_of
from umfpay._session._session_binding import SessionBinding
from umfpay._session._transport_setting import refused_transport, warn_if_respx
from umfpay.config import Config, no_config
from umfpay.errors import (
    ConfigError,
    Intent,
    Text,
    UMFError,
    without_traceback,
)
from umfpay.resources import (
    CallOptions,
    Download,
    Resources,
    checked_options,
    look_up,
    query_after_refusal,
)
from umfpay.sensitive import Sealed, Secret
from umfpay.transport import (
    GOOD_VERDICT,
    MAX_URL_CHARACTERS,
    WRITE_EFFECTS,
    Call,
    CallEnd,
    CallJournal,
    CallState,
    CallVerdict,
    Edge,
    HTTPXTransport,
    base_address,
    classify,
    encoded_address,
)
from umfpay.transport import Download as VerifiedDownload


T = TypeVar("T")


_log = logging.getLogger("umfpay")


class UMFSession(Resources):
    """
    A merchant's connection to the gateway, for one event loop.

        async with UMFSession(Config.from_env()) as session:
            payment = await session.payments.get("PAY_...")

    Making one does nothing; the first call, or ``async with``, opens it. It may be used
    in a second `asyncio.run()` and after `os.fork()`: what belonged to the old loop or
    process is dropped and made anew.

    Args:
        config: The settings.
        transport: Any transport of httpx or httpx2 in place of our own connections; the
            session closes it. It has its own proxy, authorities, client
            certificate and limits; those of the Config must not be set.
        on_call: Called once after each call, whatever its end; what it raises is
            logged and changes nothing.
        on_unknown: Called with the `Intent` of each write whose outcome nobody knows,
            also of one that was cancelled after it had left: write it down at once, and
            ask `resolve()` later. What it raises is logged and changes nothing.
        journal: A `umfpay.journal.Journal`: each write is committed to it before it is
            sent, and not sent if that fails. Several sessions of one merchant may share
            it; whoever made it closes it, after them.

    Attributes:
        payments: Create, verify, execute, get, update_express_info.
        refunds: Create, get.
        banks: List.
        exchange_rates: Get.
        customs: Apply, get, and the calls known from clients only.
        enterprises: Register, get.
        wechat: The open_id page.
        statements: Transactions and reconciliations, as lists and files.
    """

    def __init__(
        self,
        config: Config,
        *,
        transport: HTTPXTransport | None = None,
        on_call: Callable[[CallReport], None] | None = None,
        on_unknown: Callable[[Intent], None] | None = None,
        journal: CallJournal | None = None,
    ) -> None:
        refusal = (
            refused_transport(transport, config)
            if isinstance(config, Config)
            else no_config(config)
        )

        if refusal is not None:
            # What was given may be a dict of settings or of proxies, and a traceback
            # shows locals.
            del config, transport

            raise refusal

        if inspect.iscoroutinefunction(on_unknown):
            raise ConfigError.of(
                "on_unknown",
                "it must be a plain function; nobody would await it",
                "必须是普通函数，不能是协程函数",
            )

        super().__init__(config, journal)
        self.on_call = on_call
        self.on_unknown = on_unknown
        self._transport = transport
        self._binding: SessionBinding | None = None
        self._closed = False
        self.root: str = base_address(config.base_url)

    async def __aenter__(self) -> Self:
        self._closed = False
        # What a first call needs, in a thread: the loop goes on meanwhile.
        await asyncio.get_running_loop().run_in_executor(
            None, importlib.import_module, "umfpay.transport._connection_pool"
        )
        self._bound()

        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Close connections and tasks. Calls made afterwards are refused.
        """
        self._closed = True
        binding, self._binding = self._binding, None

        if binding is not None:
            await binding.aclose()

    async def authorize(self, **options: Unpack[CallOptions]) -> float:
        """
        Have a usable token, fetching one if there is none (gateway.md 2.2).

        A new token logs out every worker that does not share the token store.

        Returns:
            Seconds until the token is due.

        Raises:
            AuthenticationError: The gateway refuses client_id and client_secret.
            TokenError: There is no token to be had now.
        """
        binding = self._bound()
        _, seconds, _ = checked_options(options, self._config)
        record = await binding.tokens.acquire(deadline=binding.loop.time() + seconds)

        return record.not_after - time.time()

    async def seal(self, secret: Secret | str) -> Sealed:
        """
        Return *secret* as only the gateway can read it, to be stored or sent later.

        Members that take a `Secret` take a `Sealed` as well (gateway.md 4). It is
        for the first of the configured gateway certificates.

        Raises:
            ConfigError: It is too long for the gateway's key.
        """
        hidden = secret if isinstance(secret, Secret) else Secret(secret)
        # A string would be a local of a frame that a traceback shows.
        del secret

        return await self._bound().seal(hidden)

    async def send(self, call: Call[T], options: CallOptions) -> T:
        """
        Make *call* within its deadline and return what it reads from the answer.

        Raises:
            OutcomeUnknownError: A write left and its end is unclear.
            UMFError: Anything else; see `umfpay.errors`.
        """
        result: T = await self.make(self.begin(call, options))

        return result

    async def exchange(
        self, call: Call[T], options: CallOptions
    ) -> tuple[T, CallState]:
        """
        Make *call* as `send()` does; return the facts of its answer as well.
        """
        state = self.begin(call, options)

        return await self.make(state), state

    def begin(self, call: Call[Any], options: CallOptions) -> CallState:
        """
        Return the state of a call that begins now, its *options* checked.
        """
        config = self._config
        timeout, seconds = config.timeout, config.deadline
        headers: Sequence[tuple[bytes, bytes]] = ()

        if options or config.accept_language is not None:
            timeout, seconds, headers = checked_options(options, config)

        if self._transport is None and "respx" in sys.modules:
            warn_if_respx(self)

        address = self.root + call.target()

        return CallState(
            call=call,
            # An id was quoted on its way into its template; a path of request() was not.
            url=address
            if call.parameters and len(address) <= MAX_URL_CHARACTERS
            else encoded_address(address),
            headers=headers,
            deadline=self._bound().loop.time() + seconds,
            timeout=timeout,
            record=None
            if self.journal is None or call.effect not in WRITE_EFFECTS
            else self.journal.record(
                call,
                intent_id=options.get("intent_id"),
                take_over=options.get("take_over", False),
            ),
        )

    # Any: a state does not say what its call reads from the answer.
    async def make(self, state: CallState, *, edge: Edge | None = None) -> Any:
        """
        Make the call that has just begun as `send()` does.

        Args:
            edge: Sends it in place of the session's own.

        Raises:
            UMFError: It ended otherwise than well; of which kind `error_of()` says.
            BaseException: What ended it from outside, a cancellation for example, after
                the journal has been given its end.
        """
        call = state.call
        # begin() has just bound it.
        binding = self._binding
        assert binding is not None
        started = binding.loop.time()
        result = None

        try:
            if call.body is not None:
                state.body = await binding.encode(call.body, deadline=state.deadline)

            await binding.pipeline.send(state, edge)
            call_verdict = GOOD_VERDICT if state.signed_success else classify(state)

            if call_verdict.ending is CallEnd.GOOD:
                assert state.envelope is not None
                result = _codec.mark_verified(
                    call.read(state.envelope.members),
                    verified=not state.unverified_accepted,
                )
                query = None if call.lookup is None else call.lookup(result)

                if query is not None:
                    ask = functools.partial(self._follow_up, state, edge)
                    call_verdict = await look_up(query, state, ask)
            else:
                call_verdict, result = await query_after_refusal(
                    call,
                    call_verdict,
                    functools.partial(self._follow_up, state, edge),
                    deadline=state.deadline,
                )
        except BaseException as error:
            if isinstance(error, UMFError | TimeoutError):
                # The frames on its way hold the answer, and those below the token.
                without_traceback(error)

            # After a write left, any end is unclear.
            call_verdict = classify(state, error)

            if not isinstance(error, Exception):
                # Cancelled, or Ctrl+C, or the loop is closed: nobody will wait for it.
                self._end(state, call_verdict, None, binding.loop.time() - started)

                raise

        is_good = call_verdict.ending is CallEnd.GOOD

        if (
            is_good
            and state.record is None
            and self.on_call is None
            and not _log.isEnabledFor(logging.DEBUG)
        ):
            return result

        intent = self._end(state, call_verdict, result, binding.loop.time() - started)

        if is_good:
            return result

        raise error_of(call, call_verdict, intent)

    def _end(
        self, state: CallState, call_verdict: CallVerdict, result: Any, seconds: float
    ) -> Intent | None:
        """
        Say to the journal, the shop and the log how a call ended; return its intent if
        nobody knows.

        Args:
            result: What a good answer gave.
        """
        intent = record_end(state, call_verdict, result)

        if intent is not None:
            _call_hook("on_unknown", self.on_unknown, intent, of=intent.call)

        if self.on_call is not None or _log.isEnabledFor(logging.DEBUG):
            self._report(state, call_verdict, seconds)

        return intent

    async def _follow_up(
        self, first: CallState, edge: Edge | None, query: Call[Any]
    ) -> Any:
        """
        Make *query* within the deadline of the *first* call, and with its options.
        """
        state = self.begin(query, {})
        state.deadline, state.timeout = first.deadline, first.timeout
        state.headers = first.headers

        return await self.make(state, edge=edge)

    @asynccontextmanager
    async def stream(
        self, call: Call[Any], options: CallOptions
    ) -> AsyncIterator[Download]:
        """
        Open a download: a verified stream of bytes.

        Raises:
            UMFError: It was refused, could not be reached, or is not signed as wanted.
        """
        state = self.begin(call, options)
        binding = self._bound()
        started = binding.loop.time()
        file: VerifiedDownload | None = None

        try:
            # The deadline covers the opening, then every chunk has `timeout` seconds.
            file = await binding.pipeline.send(state)
            state.deadline = math.inf
            call_verdict = classify(state)
        except (UMFError, TimeoutError) as error:
            # The frames on its way hold the begin of what came.
            without_traceback(error)
            call_verdict = classify(state, error)

        try:
            if call_verdict.ending is not CallEnd.GOOD:
                raise error_of(call, call_verdict)

            assert file is not None
            yield file
        finally:
            self._report(state, call_verdict, binding.loop.time() - started)

            if file is not None:
                await file.aclose()

    def _report(
        self, state: CallState, call_verdict: CallVerdict, seconds: float
    ) -> None:
        report = report_of(state, call_verdict, seconds)
        _log.debug("%s", report)
        _call_hook("on_call", self.on_call, report, of=state.call.name)

    def _bound(self) -> SessionBinding:
        binding = self._binding

        if (
            binding is not None
            and binding.loop is asyncio.get_running_loop()
            and binding.pid == os.getpid()
        ):
            return binding

        if self._closed:
            raise ConfigError(
                "The session is closed.",
                "会话已关闭。",
                advice=Text("Open a new session.", "请新建会话。"),
            )

        if binding is not None:
            binding.give_way()

        self._binding = SessionBinding(self._config, self.root, self._transport)

        return self._binding


def _call_hook(
    name: str, hook: Callable[[T], None] | None, given: T, *, of: str
) -> None:
    if hook is None:
        return

    try:
        hook(given)
    except Exception:  # noqa: BLE001 (what its call ended with must go on)
        _log.exception("%s failed for %s", name, of)
