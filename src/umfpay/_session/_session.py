"""
`UMFSession`: owns the pipeline and the token cache, and binds the resources.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

from umfpay import _codec
from umfpay._session._address import (
    MAX_URL_CHARACTERS,
    base_address,
    encoded_address,
)
from umfpay._session._binding import Binding, bind, must_be_usable, warm_up
from umfpay._session._call_end import intent_of, raise_call_end
from umfpay._session._follow_up import look_up, query_after_refusal
from umfpay._session._options import CallLimits, limits_of
from umfpay._session._report import CallReport, report_of
from umfpay._session._transport_setting import checked_transport, warn_if_respx
from umfpay.config import Config, no_config
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Intent,
    OutcomeUnknownError,
    Text,
    UMFError,
    without_traceback,
)
from umfpay.models import NewPayment, Payment
from umfpay.resources import (
    Banks,
    CallOptions,
    Customs,
    Download,
    Enterprises,
    Evidence,
    ExchangeRates,
    Payments,
    Question,
    RefundIds,
    Refunds,
    Resolution,
    Statements,
    WeChat,
    any_call,
    check_question,
    payment_query,
    resolve,
)
from umfpay.sensitive import Sealed, Secret
from umfpay.transport import (
    GOOD_VERDICT,
    Call,
    CallEnd,
    CallState,
    CallVerdict,
    Edge,
    HTTPXTransport,
    classify,
    needed_id,
)
from umfpay.transport import Download as VerifiedDownload


T = TypeVar("T")


_log = logging.getLogger("umfpay")


class UMFSession:
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
    ) -> None:
        if not isinstance(config, Config):
            refusal = no_config(config)
            # What was given may be a dict of settings, and a traceback shows locals.
            del config

            raise refusal

        if inspect.iscoroutinefunction(on_unknown):
            raise ConfigError(
                "on_unknown: it must be a plain function; nobody would await it.",
                "on_unknown：必须是普通函数，不能是协程函数。",
            )

        self._config = config
        self.on_call = on_call
        self.on_unknown = on_unknown

        try:
            checked_transport(transport, config)
        except ConfigError:
            # A dict of proxies holds passwords, and a traceback shows locals.
            del transport

            raise

        self._transport = transport

        self._binding: Binding | None = None
        self._closed = False
        self.root: str = base_address(config.base_url)
        self.payments: Payments = Payments(
            self, notify_url=config.notify_url, ret_url=config.ret_url
        )
        self.refund_ids: RefundIds = RefundIds()
        self.refunds: Refunds = Refunds(
            self, notify_url=config.notify_url, ids=self.refund_ids
        )
        self.banks: Banks = Banks(self)
        self.exchange_rates: ExchangeRates = ExchangeRates(self)
        self.customs: Customs = Customs(self, notify_url=config.notify_url)
        self.enterprises: Enterprises = Enterprises(self)
        self.wechat: WeChat = WeChat(self)
        self.statements: Statements = Statements(self)

    @property
    def config(self) -> Config:
        """
        The settings of this session.
        """
        return self._config

    async def __aenter__(self) -> Self:
        self._closed = False
        await warm_up()
        self._bound()

        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Close connections and tasks. Calls made afterwards are refused.
        """
        self._closed = True
        binding, self._binding = self._binding, None

        if binding is None:
            return

        if binding.is_ours():
            await binding.aclose()
        else:
            binding.abandon()

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
        limits = self.limits(options)
        record = await binding.tokens.acquire(deadline=limits.deadline)

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

    async def request(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        **options: Unpack[CallOptions],
    ) -> Mapping[str, Any]:
        """
        Make any call: the way out for what has no method here.

        Signed, verified and retried all the same; a POST counts as something that may
        exist afterwards, one to ``/execute`` or ``/refund`` as one that moves money.

        Args:
            method: GET or POST.
            path: Below the base URL, for example ``/payments/payment/PAY_.../refund``;
                it gets into logs, so *query* is apart.
            body: Anything of `umfpay.models`, or dicts, lists, text, `Decimal`.

        Returns:
            The members of the verified answer, numbers as int or `Decimal`. On a path
            that has a method here, ids, numbers, days and amounts that it names are
            those of the path, the query and the body.

        Raises:
            ConfigError: Another method, an address that is not below the base URL, or
                a body that cannot be sent.
            MismatchedResponseError: The answer to a GET is about something else; that
                to a POST ends as `OutcomeUnknownError`.
        """
        call = any_call(
            method,
            path,
            query=query,
            body=body,
            sent={} if method == "POST" and body is None else body,
            refund_ids=self.refund_ids,
        )

        return await self.send(call, options)

    async def resolve(
        self,
        intent: Intent,
        *,
        evidence: Evidence | None = None,
        known_refunds: Collection[str] | None = None,
        expires_at: datetime | None = None,
        again: NewPayment | None = None,
        allow_repeat: bool = False,
        **options: Unpack[CallOptions],
    ) -> Resolution:
        """
        Find out what became of a write whose end was unclear.

        Evidence is asked for in this order: a stored notification; for an execute the
        payment itself; for a refund the rows of this payment in the transaction lists
        (one with its number, one whose id holds its number, or exactly one besides
        *known_refunds* = executed); for a create the row of this order number. It may
        end in "still unknown": never in a guess.

        Args:
            intent: Of an `OutcomeUnknownError`, or handed to *on_unknown*.
            evidence: Stored notifications: a `umfpay.notifications.NotificationInbox`.
            known_refunds: Ids of *all* other refunds of this payment, none of them with
                an outcome that is unknown itself; an empty list if there are none. None:
                you cannot say that these are all. The documented list names no refund's
                number (gateway.md 6), and another refund of the same amount may be taken
                for this one; those that this session knows are never.
            expires_at: When the order can no longer be paid, with a zone: after it an
                unpaid order counts as not executed, if the local clock, the time since
                the intent and the gateway's header ``Date`` agree that it has passed.
            again: The payment of a ``payments.create``, to be created again.
            allow_repeat: Create *again* if there is no evidence: nobody pays by that.

        Raises:
            ConfigError: *again* is not the payment of *intent*, or an argument cannot
                be meant.
            MismatchedResponseError: The gateway's answer is about another order.
            UMFError: The gateway cannot be asked now.
        """
        loop = asyncio.get_running_loop()
        limits = self.limits(options)
        check_question(
            intent,
            again,
            known_refunds,
            allow_repeat=allow_repeat,
            expires_at=expires_at,
        )

        def rest() -> CallOptions:
            # A read that begins in the last instant ends in it.
            return {**options, "deadline": max(1e-3, limits.deadline - loop.time())}

        async def ask(payment_id: str) -> tuple[Payment, datetime | None]:
            query = payment_query(needed_id("payment_id", payment_id))
            payment, state = await self.make(query, limits)

            return payment, state.response_date(b"date")

        question = Question(
            intent=intent,
            evidence=evidence,
            known_refunds=known_refunds,
            expires_at=expires_at,
            again=again,
            refund_ids=self.refund_ids,
            options=rest,
            ask=ask,
        )

        try:
            async with asyncio.timeout_at(limits.deadline):
                return await resolve(
                    question, payments=self.payments, statements=self.statements
                )
        except TimeoutError:
            raise DeadlineExceededError(
                "resolve: the deadline passed.",
                "resolve：超过期限。",
                request_sent=False,
            ) from None

    async def send(self, call: Call[T], options: CallOptions) -> T:
        """
        Make *call* within its deadline and return what it reads from the answer.

        Raises:
            OutcomeUnknownError: A write left and its end is unclear.
            UMFError: Anything else; see `umfpay.errors`.
        """
        result, _ = await self.make(call, self.limits(options))

        return result

    def limits(self, options: CallOptions) -> CallLimits:
        """
        Return the *options* of a call that begins now, checked.
        """
        now = asyncio.get_running_loop().time()

        if not options and self._config.accept_language is None:
            return CallLimits(self._config.timeout, now + self._config.deadline)

        return limits_of(options, self._config, now=now)

    async def make(
        self, call: Call[T], limits: CallLimits, *, edge: Edge | None = None
    ) -> tuple[T, CallState]:
        """
        Make *call* as `send()` does; return the facts of its answer as well.

        Args:
            edge: Sends it in place of the session's own.
        """
        binding = self._bound()
        pipeline = binding.pipeline if edge is None else binding.pipeline.over(edge)
        started = binding.loop.time()
        state = self._state(call, limits)
        result: T | None = None

        async def ask(query: Call[Any]) -> Any:
            answered, _ = await self.make(query, limits, edge=edge)

            return answered

        try:
            if call.body is not None:
                state.body = await binding.encode(call.body, deadline=limits.deadline)

            await pipeline.send(state)
            call_verdict = GOOD_VERDICT if state.signed_success else classify(state)

            if call_verdict.ending is CallEnd.GOOD:
                assert state.envelope is not None
                result = _codec.mark_verified(
                    call.read(state.envelope.members),
                    verified=not state.unverified_accepted,
                )

                query = None if call.lookup is None else call.lookup(result)

                if query is not None:
                    call_verdict = await look_up(query, state, ask)
            else:
                call_verdict, result = await query_after_refusal(
                    call,
                    call_verdict,
                    ask,
                    left=lambda: limits.deadline - binding.loop.time(),
                )
        except Exception as error:  # noqa: BLE001 (after a write left, any end is unclear)
            if isinstance(error, UMFError | TimeoutError):
                # The frames on its way hold the answer, and those below the token.
                without_traceback(error)

            call_verdict = classify(state, error)
        except BaseException as error:
            # Cancelled, or Ctrl+C, or the loop is closed: nobody will wait for the end.
            call_verdict = classify(state, error)

            if call_verdict.ending is CallEnd.UNCLEAR:
                self._hand_over(intent_of(call, call_verdict))

            self._report(state, call_verdict, binding.loop.time() - started)

            raise

        if self.on_call is not None or _log.isEnabledFor(logging.DEBUG):
            self._report(state, call_verdict, binding.loop.time() - started)

        if call_verdict.ending is CallEnd.GOOD:
            return cast("T", result), state

        try:
            raise_call_end(call, call_verdict)
        except OutcomeUnknownError as unknown:
            self._hand_over(unknown.intent)

            raise

    def stream(
        self, call: Call[Any], options: CallOptions
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open a download: a verified stream of bytes.
        """
        return self._stream(call, options)

    @asynccontextmanager
    async def _stream(
        self, call: Call[Any], options: CallOptions
    ) -> AsyncIterator[Download]:
        binding = self._bound()
        started = binding.loop.time()
        state = self._state(call, self.limits(options))
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
                raise_call_end(call, call_verdict)

            assert file is not None
            yield file
        finally:
            self._report(state, call_verdict, binding.loop.time() - started)

            if file is not None:
                await file.aclose()

    def _hand_over(self, intent: Intent) -> None:
        if self.on_unknown is None:
            return

        try:
            self.on_unknown(intent)
        except Exception:  # noqa: BLE001 (the error or cancellation must go on)
            _log.exception("on_unknown failed for %s", intent.call)

    def _report(
        self, state: CallState, call_verdict: CallVerdict, seconds: float
    ) -> None:
        if self.on_call is None and not _log.isEnabledFor(logging.DEBUG):
            return

        report = report_of(state, call_verdict, seconds)
        _log.debug("%s", report)

        if self.on_call is None:
            return

        try:
            self.on_call(report)
        except Exception:  # noqa: BLE001 (a payment is not lost for a metric)
            _log.exception("on_call failed for %s", state.call.name)

    def _bound(self) -> Binding:
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
            must_be_usable(binding)
            binding.abandon()

        self._binding = bind(self._config, self.root, self._transport)

        return self._binding

    def _state(self, call: Call[Any], limits: CallLimits) -> CallState:
        if self._transport is None and "respx" in sys.modules:
            warn_if_respx(self)

        address = self.root + call.target()

        return CallState(
            call=call,
            # An id was quoted on its way into its template; a path of request() was not.
            url=address
            if call.parameters and len(address) <= MAX_URL_CHARACTERS
            else encoded_address(address),
            headers=limits.headers,
            deadline=limits.deadline,
            timeout=limits.timeout,
        )
