"""
The emulator in a test, served in a thread: what a customer or UMF would do, and faults.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from umfpay.config import Config
from umfpay.emulator import Emulator, serve


T = TypeVar("T")

_TIMEOUT_SECONDS: Final = 30.0


class EmulatorBox:
    """
    A running emulator: ``umf_emulator``.

    Attributes:
        emulator: The ASGI application.

    Args:
        call: Calls a function in the thread in which *emulator* serves; None where
            that is the thread of the caller.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        call: Callable[[Callable[[], Any]], Any] | None = None,
    ) -> None:
        self.emulator = emulator
        self._call = call

    @property
    def base_url(self) -> str:
        """
        The base URL for clients.
        """
        return self.emulator.base_url

    @property
    def origin(self) -> str:
        """
        Scheme, host and port: of the web console, and of ``/_emulator`` below it.
        """
        parts = urlsplit(self.base_url)

        return f"{parts.scheme}://{parts.netloc}"

    def config(self, **changes: Any) -> Config:
        """
        Return the settings of the merchant that this emulator knows.

        Args:
            changes: Of `umfpay.Config`, for example ``notify_url``.

        Raises:
            ConfigError: One of *changes* is wrong.
        """
        made = self.emulator.credentials
        settings: dict[str, Any] = {
            "client_id": made.client_id,
            "client_secret": made.client_secret,
            "merchant_key": made.merchant_key,
            "gateway_certificate": made.gateway_certificate,
            "base_url": self.base_url,
            "token_store": "memory",
        }

        return Config(**{**settings, **changes})

    def control(
        self, method: str, path: str, value: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """
        Make any call of the control API; see `Emulator.control`.

        Args:
            path: Below ``/_emulator``.
            value: The body, as JSON.

        Raises:
            ConfigError: The emulator has no such thing, or cannot do it now.
        """
        if self._call is None:
            return self.emulator.control(method, path, value)

        answer: dict[str, Any] = self._call(
            lambda: self.emulator.control(method, path, value)
        )

        return answer

    def sms_code(self, payment_id: str) -> str:
        """
        Return the code that the customer reads on his phone.

        Raises:
            ConfigError: There is no such payment.
        """
        return str(self.control("GET", f"/payments/{payment_id}/sms_code")["sms_code"])

    def pay(self, payment_id: str) -> None:
        """
        Pay as the customer: QR code, WeChat, bank or cashier.

        Raises:
            ConfigError: There is no such payment, or it cannot be paid now.
        """
        self._move("payments", payment_id, "pay")

    def fail(self, payment_id: str) -> None:
        """
        Let a payment fail.

        Raises:
            ConfigError: There is no such payment, or it cannot fail now.
        """
        self._move("payments", payment_id, "fail")

    def close(self, payment_id: str) -> None:
        """
        Let a payment expire unpaid.

        Raises:
            ConfigError: There is no such payment, or it cannot expire now.
        """
        self._move("payments", payment_id, "close")

    def cancel(self, payment_id: str) -> None:
        """
        Undo a payment that succeeded, as UMF does when papers fail.

        Raises:
            ConfigError: There is no such payment, or it has not succeeded.
        """
        self._move("payments", payment_id, "cancel")

    def end_refund(self, refund_id: str, verb: str = "succeed") -> None:
        """
        End a refund.

        Args:
            verb: ``succeed``, ``fail`` or ``close``.

        Raises:
            ConfigError: There is no such refund or verb, or it has ended.
        """
        self._move("refunds", refund_id, verb)

    def enable(self, enterprise_id: str) -> None:
        """
        Let a company pay (gateway.md 5.18).

        Raises:
            ConfigError: There is no such company.
        """
        self._move("enterprises", enterprise_id, "enable")

    def advance(self, seconds: float) -> None:
        """
        Let *seconds* go by on the gateway's clock, at once.
        """
        self.control("POST", "/clock", {"advance": seconds})

    def settings(self, **changes: Any) -> None:
        """
        Change switches of `umfpay.emulator.EmulatorSettings`.

        Raises:
            ConfigError: There is no such switch or value.
        """
        self.control("PUT", "/settings", changes)

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """
        Return the requests as received whose path ends with *path*.
        """
        requests = self.control("GET", "/requests")["requests"]

        return [one for one in requests if str(one["path"]).endswith(path)]

    def _move(self, kind: str, key: str, verb: str) -> None:
        self.control("POST", f"/{kind}/{key}/{verb}", {})


class Faults:
    """
    The fault plan of the running emulator: ``umf_faults``.

        umf_faults.add("drop_after", method="POST", path="/execute$")
    """

    def __init__(self, box: EmulatorBox, *, seed: int = 0) -> None:
        self._box = box
        self._seed = seed
        self._rules: list[dict[str, Any]] = []

    def add(self, kind: str, **members: Any) -> None:
        """
        Add a rule; its kinds and members are those of `umfpay.emulator.Fault`.

        Raises:
            ConfigError: There is no such kind or member.
        """
        self._rules.append({"kind": kind, **members})
        self._set()

    def clear(self) -> None:
        """
        Let the emulator be healthy again.
        """
        self._rules.clear()
        self._set()

    @property
    def hits(self) -> int:
        """
        How many calls were struck.
        """
        rules = self._box.control("GET", "/faults")["rules"]

        return sum(int(rule["hits"]) for rule in rules)

    def _set(self) -> None:
        self._box.control("PUT", "/faults", {"seed": self._seed, "rules": self._rules})


class ServerThread:
    """
    Runs coroutines and functions for other threads, whatever their loops do.

    Synchronous tests, their clients and subprocesses reach what is served here, and a
    test may run any loop itself, on a clock of its own, too.
    """

    def __init__(self) -> None:
        # Not the loop of the policy: that may be the one of a virtual clock.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(
            target=self._run, name="umfpay emulator", daemon=True
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run *coroutine* in the thread and return its result; at most 30 s.

        Raises:
            TimeoutError: It took longer.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(
            _TIMEOUT_SECONDS
        )

    def call(self, function: Callable[[], T]) -> T:
        """
        Call *function* in the thread and return its result; at most 30 s.

        Raises:
            TimeoutError: It took longer.
        """
        if threading.current_thread() is self._thread:
            return function()

        done: Future[T] = Future()

        def work() -> None:
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001 (it is the caller's)
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work)

        return done.result(_TIMEOUT_SECONDS)

    @contextmanager
    def serve(self, emulator: Emulator) -> Iterator[EmulatorBox]:
        """
        Serve *emulator* on a socket of this machine until the block ends.

        Raises:
            ConfigError: No port is free.
        """
        serving = serve(emulator)

        # Entered and left in the thread.
        async def enter() -> None:
            await serving.__aenter__()

        async def leave() -> None:
            await serving.__aexit__(None, None, None)

        self.run(enter())

        try:
            yield EmulatorBox(emulator, call=self.call)
        finally:
            self.run(leave())

    def stop(self) -> None:
        """
        End the thread and wait for it.
        """
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
