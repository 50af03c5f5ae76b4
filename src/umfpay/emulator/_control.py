"""
The control API under ``/_emulator/``: what a test does that a customer or UMF would do.

It needs no token and is JSON only: POST and PUT ask for ``Content-Type:
application/json``, which a foreign page in a browser cannot send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from umfpay.emulator import _payments as payments
from umfpay.emulator import _tokens as tokens
from umfpay.emulator._faults import FaultPlan
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._gateway_state import CHINA_ZONE, GatewayState, Members, key_of
from umfpay.emulator._members import text
from umfpay.emulator._messages import (
    Answer,
    BodyError,
    NotHereError,
    Refusal,
    Request,
    control_answer,
    failure_of,
)
from umfpay.emulator._notifier import Notifier
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import move, run_due


PREFIX: Final = "/_emulator"

_MAX_LISTED_DOCUMENTS: Final = 1000
_KIND_OF_PATH: Final = {
    "/requests": ("request", "requests"),
    "/payments": ("payment", "payments"),
    "/refunds": ("refund", "refunds"),
    "/customs": ("customs", "declarations"),
    "/enterprises": ("enterprise", "enterprises"),
    "/notifications": ("notification", "notifications"),
    "/papers": ("papers", "papers"),
}


_Route = tuple[str, re.Pattern[str], Callable[..., dict[str, Any]]]


class Control:
    """
    Answers requests of the control API.
    """

    def __init__(self, gateway: Gateway, notifier: Notifier) -> None:
        self._gateway = gateway
        self._gateway_state = gateway.gateway_state
        self._first_settings = self._gateway_state.settings
        self._notifier = notifier
        self._routes: tuple[_Route, ...] = (
            ("GET", re.compile(r"/?"), self._about),
            ("POST", re.compile(r"/reset"), self._reset),
            ("GET", re.compile(r"/clock"), self._clock),
            ("POST", re.compile(r"/clock"), self._set_clock),
            ("GET", re.compile(r"/settings"), self._settings),
            ("PUT", re.compile(r"/settings"), self._set_settings),
            ("GET", re.compile(r"/faults"), self._faults),
            ("PUT", re.compile(r"/faults"), self._set_faults),
            ("POST", re.compile(r"/notifications/(\d{1,12})/resend"), self._resend),
            ("GET", re.compile(r"/payments/(PAY_\w+)"), self._payment),
            ("GET", re.compile(r"/payments/(PAY_\w+)/sms_code"), self._sms_code),
            (
                "POST",
                re.compile(
                    r"/(payments|refunds|customs|enterprises)/([A-Z]+_\w+)/(\w+)"
                ),
                self._move,
            ),
            ("GET", re.compile(r"/merchants"), self._merchants),
            ("POST", re.compile(r"/merchants/other"), self._make_other),
            ("POST", re.compile(r"/merchants/other/payments"), self._pay_other),
            ("GET", re.compile(r"/sms"), self._sms),
            ("GET", re.compile(r"/token"), self._token),
            ("POST", re.compile(r"/token/steal"), self._steal),
        )

    def answer(self, request: Request) -> Answer:
        """
        Answer one request with JSON.
        """
        try:
            if request.method != "GET":
                _check_type(request)

            run_due(self._gateway_state)
            path, query = request.path.removeprefix(PREFIX), request.query
            value = self._do(
                request.method, path, query, given=lambda: _read_value(request)
            )
        except Exception as error:  # noqa: BLE001 (told)
            failure = failure_of(error, f"{request.method} {request.path}")
            refused = {"ret_code": error.code} if isinstance(error, Refusal) else {}

            return control_answer(failure.status, {"error": failure.en, **refused})

        return control_answer(HTTPStatus.OK, value)

    def do(
        self, method: str, path: str, value: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """
        Do what a request would, without its checks.

        Args:
            path: Below ``/_emulator``, without a query.
            value: The body.

        Raises:
            NotHereError: There is no such path, or it cannot be done now.
            Refusal: There is no such payment, refund, declaration or company.
            ConfigError: No such fault or setting.
        """
        return self._do(method, path, "", given=lambda: value or {})

    def _do(
        self, method: str, path: str, query: str, *, given: Callable[[], Any]
    ) -> dict[str, Any]:
        if method == "GET" and path in _KIND_OF_PATH:
            before = dict(parse_qsl(query)).get("before")

            return self._list(*_KIND_OF_PATH[path], before)

        for route_method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)

            if match is None or route_method != method:
                continue

            body = () if method == "GET" else (given(),)

            return handler(*match.groups(), *body)

        raise NotHereError(404, f"no such path: {method} {path[:200]}")

    def _about(self) -> dict[str, Any]:
        return {
            "emulator": "umfpay",
            "base_url": self._gateway_state.base_url,
            "now": self._gateway_state.clock.now().isoformat(),
        }

    def _reset(self, _: Any) -> dict[str, Any]:
        self._notifier.forget()
        self._gateway_state.forget()
        self._gateway_state.settings = self._first_settings
        self._gateway.plan = FaultPlan()

        return self._about()

    def _clock(self) -> dict[str, Any]:
        return {"now": self._gateway_state.clock.now().isoformat()}

    def _set_clock(self, value: Any) -> dict[str, Any]:
        if isinstance(value.get("advance"), int | float) and not isinstance(
            value["advance"], bool
        ):
            self._gateway_state.move_clock(float(value["advance"]))
        elif isinstance(value.get("now"), str):
            try:
                moment = datetime.fromisoformat(value["now"])
            except ValueError:
                raise NotHereError(400, "now is an ISO 8601 moment") from None

            self._gateway_state.move_clock(
                moment if moment.tzinfo else moment.replace(tzinfo=CHINA_ZONE)
            )
        else:
            raise NotHereError(400, 'give {"advance": seconds} or {"now": "..."}')

        run_due(self._gateway_state)

        return self._clock()

    def _settings(self) -> dict[str, Any]:
        return attrs.asdict(self._gateway_state.settings)

    def _set_settings(self, value: Any) -> dict[str, Any]:
        self._gateway_state.settings = self._gateway_state.settings.with_changes(value)

        return self._settings()

    def _faults(self) -> dict[str, Any]:
        return self._gateway.plan.to_json()

    def _set_faults(self, value: Any) -> dict[str, Any]:
        self._gateway.plan = FaultPlan.from_json(value)

        return self._faults()

    def _list(self, kind: str, name: str, before: str | None) -> dict[str, Any]:
        """
        List the newest objects of *kind*, oldest first, or those before one of them.
        """
        if before is not None and self._gateway_state.store.get(kind, before) is None:
            raise NotHereError(404, f"no {kind} {before[:200]} to list those before it")

        found = self._gateway_state.store.newest(
            kind, _MAX_LISTED_DOCUMENTS + 1, before=before
        )

        return {
            name: found[:_MAX_LISTED_DOCUMENTS][::-1],
            "more": len(found) > _MAX_LISTED_DOCUMENTS,
        }

    def _resend(self, number: str, _: Any) -> dict[str, Any]:
        if not self._notifier.resend(int(number)):
            raise NotHereError(404, f"no notification {number}")

        return {"resent": int(number)}

    def _payment(self, key: str) -> dict[str, Any]:
        return {"payment": self._gateway_state.payment(key)}

    def _sms_code(self, key: str) -> dict[str, Any]:
        sms = self._gateway_state.payment(key)["sms"]

        if sms is None:
            raise NotHereError(404, "no SMS code was sent for this payment")

        return {"sms_code": sms["code"]}

    def _sms(self) -> dict[str, Any]:
        return {
            "sms": [
                {"phone": one["phone"], "payment": one["id"], **one["sms"]}
                for one in self._gateway_state.store.newest(
                    "payment", _MAX_LISTED_DOCUMENTS
                )[::-1]
                if one["sms"] is not None
            ]
        }

    def _move(self, noun: str, key: str, verb: str, _: Any) -> dict[str, Any]:
        return move(self._gateway_state, noun, key, verb)

    def _merchants(self) -> dict[str, Any]:
        known = self._gateway_state.merchants

        return {
            "merchants": [
                {
                    "client_id": client_id,
                    "number": known.number(client_id),
                    "other": known.is_other(client_id),
                }
                for client_id in known
            ]
        }

    def _make_other(self, _: Any) -> dict[str, Any]:
        self._gateway_state.merchants.other  # noqa: B018 (made when asked for)

        return self._merchants()

    def _pay_other(self, value: Any) -> dict[str, Any]:
        other = self._gateway_state.merchants.other.client_id

        with self._gateway_state.store.transaction():
            return {"payment": _cashier_payment(self._gateway_state, other, value)}

    def _token(self) -> dict[str, Any]:
        first = self._gateway_state.merchants.first.client_id
        record = self._gateway_state.store.get("token", first)
        series = self._gateway_state.store.get("series", key_of(first, "token")) or {
            "last": 0
        }

        return {
            "requests": series["last"],
            "by": None if record is None else record["by"],
            "calls": dict(self._gateway_state.token_calls[first]),
            "seconds_left": None
            if record is None
            else record["until"] - self._gateway_state.clock.time(),
        }

    def _steal(self, _: Any) -> dict[str, Any]:
        tokens.steal(self._gateway_state)

        return self._token()


def _check_type(request: Request) -> None:
    """
    Refuse what a foreign page in a browser could send.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()

    if kind != "application/json":
        raise NotHereError(415, "send Content-Type: application/json")


def _read_value(request: Request) -> Any:
    """
    Return the object that was sent, {} if there was no body.
    """
    if not request.oversized and not request.body.strip():
        return {}

    try:
        return _with_floats(request.read_object())
    except BodyError as error:
        raise NotHereError(400, str(error)) from None


def _with_floats(value: Any) -> Any:
    """
    Return *value* with floats: seconds and probabilities are no money.
    """
    if isinstance(value, dict):
        return {name: _with_floats(one) for name, one in value.items()}

    if isinstance(value, list):
        return [_with_floats(one) for one in value]

    return float(value) if isinstance(value, Decimal) else value


def _cashier_payment(
    gateway_state: GatewayState, merchant: str, given: Members
) -> Document:
    """
    Create a payment at the cashier as *merchant* would, by number, amount, notify_url.
    """
    amount = given.get("amount")
    reference = text(given.get("mer_reference_id"))
    part = {
        "mer_sub_reference_id": reference,
        "trans_code": "02223022",
        "amount": amount,
    }
    body = {
        "payer": {
            "payment_method": "NOT_APPLICABLE",
            "interface_type": "SERVER_TO_WEB",
            "business_type": "B2C",
        },
        "order": {
            "mer_reference_id": reference,
            "mer_date": text(given.get("mer_date")) or gateway_state.clock.today(),
            "amount": amount,
            "sub_orders": [part],
        },
        "notify_url": given.get("notify_url"),
    }

    try:
        answered = payments.create(gateway_state, merchant, body)
    except Refusal as refusal:
        raise NotHereError(400, refusal.detail) from None

    return gateway_state.payment(answered["payment"]["id"])
