"""
The emulator in a test: what a customer or UMF would do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from umfpay.config import Config
from umfpay.emulator import Emulator


class EmulatorBox:
    """
    A running emulator: ``umf_emulator``.

    Attributes:
        emulator: The ASGI application.
        base_url: For clients.
        origin: Of the web console and the control API.

    Args:
        call: Calls a function in the thread in which *emulator* serves; None where
            that is the thread of the caller.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        base_url: str,
        origin: str,
        call: Callable[[Callable[[], Any]], Any] | None = None,
    ) -> None:
        self.emulator = emulator
        self.base_url = base_url
        self.origin = origin
        self._call = call

    def config(self, **changes: Any) -> Config:
        """
        Return the settings of the merchant that this emulator knows.

        Args:
            changes: Of `umfpay.Config`, for example ``notify_url``.
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
        """
        return str(self.control("GET", f"/payments/{payment_id}/sms_code")["sms_code"])

    def pay(self, payment_id: str) -> None:
        """
        Pay as the customer: QR code, WeChat, bank or cashier.
        """
        self._move("payments", payment_id, "pay")

    def fail(self, payment_id: str) -> None:
        """
        Let a payment fail.
        """
        self._move("payments", payment_id, "fail")

    def close(self, payment_id: str) -> None:
        """
        Let a payment expire unpaid.
        """
        self._move("payments", payment_id, "close")

    def cancel(self, payment_id: str) -> None:
        """
        Undo a payment that succeeded, as UMF does when papers fail.
        """
        self._move("payments", payment_id, "cancel")

    def end_refund(self, refund_id: str, verb: str = "succeed") -> None:
        """
        End a refund: ``succeed``, ``fail`` or ``close``.
        """
        self._move("refunds", refund_id, verb)

    def enable(self, enterprise_id: str) -> None:
        """
        Let a company pay.
        """
        self._move("enterprises", enterprise_id, "enable")

    def advance(self, seconds: float) -> None:
        """
        Let *seconds* go by on the gateway's clock.
        """
        self.control("POST", "/clock", {"advance": seconds})

    def settings(self, **changes: Any) -> None:
        """
        Change switches of `umfpay.emulator.EmulatorSettings`.
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
