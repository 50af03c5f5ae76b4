"""
`UMFSession`: owns the middleware stack and the token cache, and binds the resources.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import httpx

from umfpay import _codec
from umfpay._session._address import (
    encoded_address,
    local_path,
    moves_money,
    payment_in,
    text_query,
    whole_address,
)
from umfpay._session._binding import Binding, bind, must_be_usable, warm_up
from umfpay._session._call_end import (
    CallStart,
    intent_of,
    raise_call_end,
)
from umfpay._session._clocks import read_date
from umfpay._session._expected_answer import expected_answer
from umfpay._session._follow_up import look_up, query_after_refusal
from umfpay._session._options import (
    checked_deadline,
    checked_timeout,
    header_lines,
    must_be_known_options,
)
from umfpay._session._report import CallReport, report_of
from umfpay._session._transport_adapter import needed_transport
from umfpay._session._unknown_outcome import (
    Evidence,
    Question,
    Resolution,
    check_question,
    resolve,
)
from umfpay.config import Config, no_config
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Intent,
    OutcomeUnknownError,
    Text,
    UMFError,
)
from umfpay.models import NewPayment, Payment
from umfpay.resources import (
    Banks,
    Call,
    CallOptions,
    Customs,
    Download,
    Enterprises,
    ExchangeRates,
    Payments,
    RefundIds,
    Refunds,
    Statements,
    Subject,
    WeChat,
    needed_id,
    payment_query,
)
from umfpay.sensitive import Sealed, Secret
from umfpay.transport import (
    CallEnd,
    CallState,
    CallVerdict,
    Effect,
    classify,
    perform,
    without_traceback,
)


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
        transport: Any `httpx.AsyncBaseTransport` in place of our own network
            transport; the session closes it. It has its own proxy, authorities, client
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
        transport: httpx.AsyncBaseTransport | None = None,
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
                Text(
                    "on_unknown: it must be a plain function; nobody would await it.",
                    "on_unknown：必须是普通函数，不能是协程函数。",
                )
            )

        self._config = config
        self.on_call = on_call
        self.on_unknown = on_unknown

        try:
            self._transport = needed_transport(transport, config)
        finally:
            # A dict of proxies holds passwords, and a traceback shows locals.
            del transport

        self._binding: Binding | None = None
        self._closed = False
        self._base = httpx.URL(config.base_url)
        self._root = str(self._base)
        self.payments: Payments = Payments(
            self, notify_url=config.notify_url, ret_url=config.ret_url
        )
        self._refund_ids = RefundIds()
        self.refunds: Refunds = Refunds(
            self, notify_url=config.notify_url, ids=self._refund_ids
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
        must_be_known_options(options)
        binding = self._bound()
        deadline = binding.loop.time() + checked_deadline(
            options.get("deadline", self._config.deadline)
        )
        record = await binding.tokens.acquire(deadline=deadline)

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
        if method not in ("GET", "POST") or (method == "GET" and body is not None):
            raise ConfigError(
                Text(
                    f"method: GET without body or POST, not {method}.",
                    f"method：只支持无内容的 GET 或 POST，不支持 {method}。",
                )
            )

        path = local_path(path)
        effect = Effect.READ if method == "GET" else Effect.CREATE

        if method == "POST" and moves_money(path):
            effect = Effect.MONEY

        expected = expected_answer(
            method,
            path,
            query=text_query(query),
            body=body,
            refund_ids=self._refund_ids,
        )
        call: Call[Mapping[str, Any]] = Call(
            name=f"request {method} {path}",
            method=method,
            path=path.replace("{", "%7B").replace("}", "%7D"),
            query=text_query(query),
            effect=effect,
            body={} if method == "POST" and body is None else body,
            read=expected.read,
            lookup=expected.lookup,
            subject=Subject(payment_id=payment_in(path)),
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
        must_be_known_options(options)
        check_question(
            intent,
            again,
            known_refunds,
            allow_repeat=allow_repeat,
            expires_at=expires_at,
        )
        loop = asyncio.get_running_loop()
        given = options.get("deadline", self._config.deadline)
        end = loop.time() + checked_deadline(given)

        def rest() -> CallOptions:
            # A read that begins in the last instant ends in it.
            return {**options, "deadline": max(1e-3, end - loop.time())}

        async def ask(payment_id: str) -> tuple[Payment, datetime | None]:
            query = payment_query(needed_id("payment_id", payment_id))
            payment, state = await self._exchange(query, rest())

            return payment, read_date(state.response_header(b"date"))

        question = Question(
            intent=intent,
            evidence=evidence,
            known_refunds=known_refunds,
            expires_at=expires_at,
            again=again,
            refund_ids=self._refund_ids,
            options=rest,
            ask=ask,
        )

        try:
            async with asyncio.timeout_at(end):
                return await resolve(
                    question, payments=self.payments, statements=self.statements
                )
        except TimeoutError:
            raise DeadlineExceededError(
                Text("resolve: the deadline passed.", "resolve：超过期限。"),
                request_sent=False,
            ) from None

    async def send(self, call: Call[T], options: CallOptions) -> T:
        """
        Make *call* within its deadline and return what it reads from the answer.

        Raises:
            OutcomeUnknownError: A write left and its end is unclear.
            UMFError: Anything else; see `umfpay.errors`.
        """
        result, _ = await self._exchange(call, options)

        return result

    async def _exchange(
        self, call: Call[T], options: CallOptions
    ) -> tuple[T, CallState]:
        binding = self._bound()
        started = binding.loop.time()
        beginning = CallStart.now()
        state = self._state(binding, call, options)
        result: T | None = None

        def left() -> float:
            return max(1e-3, state.deadline - binding.loop.time())

        def ask(query: Call[Any]) -> Awaitable[Any]:
            return self.send(query, {**options, "deadline": left()})

        try:
            async with asyncio.timeout_at(state.deadline):
                if call.body is not None:
                    state.body = await binding.encode(call.body)

                await perform(binding.stack, state)
                call_verdict = classify(state)

                if call_verdict.ending is CallEnd.GOOD:
                    assert state.envelope is not None
                    result = _codec.mark_verified(
                        call.read(state.envelope.members),
                        verified=not state.unverified_accepted,
                    )
                    call_verdict = await look_up(call, state, result, ask)
                else:
                    call_verdict, result = await query_after_refusal(
                        call, call_verdict, ask, left=left
                    )
        except asyncio.CancelledError as error:
            call_verdict = classify(state, error)

            if call_verdict.ending is CallEnd.UNCLEAR:
                self._hand_over(intent_of(call, beginning, call_verdict))

            self._report(call, state, call_verdict, binding.loop.time() - started)

            raise
        except Exception as error:  # noqa: BLE001 (after a write left, any end is unclear)
            if isinstance(error, UMFError | TimeoutError):
                # The frames on its way hold the answer, and those below the token.
                without_traceback(error)

            call_verdict = classify(state, error)

        self._report(call, state, call_verdict, binding.loop.time() - started)

        if call_verdict.ending is CallEnd.GOOD:
            return cast("T", result), state

        try:
            raise_call_end(call, call_verdict, beginning)
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
        beginning = CallStart.now()
        state = self._state(binding, call, options, download=True)
        response: httpx.Response | None = None

        try:
            # No timeout is open across the yield: the deadline covers the opening,
            # then every chunk has `timeout` seconds.
            async with asyncio.timeout_at(state.deadline):
                response = await perform(binding.stack, state)

            call_verdict = classify(state)
        except (UMFError, TimeoutError) as error:
            call_verdict = classify(state, error)

        try:
            if call_verdict.ending is not CallEnd.GOOD:
                raise_call_end(call, call_verdict, beginning)

            assert response is not None
            yield response.stream  # type: ignore[misc]
        finally:
            self._report(call, state, call_verdict, binding.loop.time() - started)

            if response is not None:
                await response.aclose()

    def _hand_over(self, intent: Intent) -> None:
        if self.on_unknown is None:
            return

        try:
            self.on_unknown(intent)
        except Exception:  # noqa: BLE001 (the error or cancellation must go on)
            _log.exception("on_unknown failed for %s", intent.call)

    def _report(
        self,
        call: Call[Any],
        state: CallState,
        call_verdict: CallVerdict,
        seconds: float,
    ) -> None:
        if self.on_call is None and not _log.isEnabledFor(logging.DEBUG):
            return

        report = report_of(call, state, call_verdict, seconds)
        _log.debug("%s", report)

        if self.on_call is None:
            return

        try:
            self.on_call(report)
        except Exception:  # noqa: BLE001 (a payment is not lost for a metric)
            _log.exception("on_call failed for %s", call.name)

    def _bound(self) -> Binding:
        binding = self._binding

        if binding is not None and binding.is_ours():
            return binding

        if self._closed:
            raise ConfigError(
                Text("The session is closed.", "会话已关闭。"),
                advice=Text("Open a new session.", "请新建会话。"),
            )

        if binding is not None:
            must_be_usable(binding)
            binding.abandon()

        self._binding = bind(self._config, self._base, self._transport)

        return self._binding

    def _state(
        self,
        binding: Binding,
        call: Call[Any],
        options: CallOptions,
        *,
        download: bool = False,
    ) -> CallState:
        must_be_known_options(options)
        config = self._config

        return CallState(
            method=call.method,
            path=call.path,
            url=self._url(call),
            headers=self._headers(options.get("extra_headers")),
            deadline=binding.loop.time()
            + checked_deadline(options.get("deadline", config.deadline)),
            timeout=checked_timeout(options.get("timeout", config.timeout)),
            effect=call.effect,
            needs_signature=call.method == "POST",
            unsigned_allowed=call.unsigned_allowed,
            body_limit=call.body_limit,
            download=download,
            file_day=None if call.file_day is None else f"{call.file_day:%Y%m%d}",
            file_framed=call.file_framed,
        )

    def _url(self, call: Call[Any]) -> str:
        address = self._root + call.target()

        # An id was quoted on its way into its template; a path of request() was not.
        return whole_address(address) if call.parameters else encoded_address(address)

    def _headers(self, extra: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = []

        if self._config.accept_language is not None:
            headers.append((b"Accept-Language", self._config.accept_language.encode()))

        if extra is not None:
            headers += header_lines(extra)

        return headers
