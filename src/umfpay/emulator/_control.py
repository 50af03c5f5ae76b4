"""
The control API under ``/_emulator/``: what a test does that a customer or UMF would do.

It needs no token and is JSON only: POST and PUT ask for ``Content-Type:
application/json``, which a foreign page in a browser cannot send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from umfpay.emulator import _customs as customs
from umfpay.emulator import _payments as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator import _tokens as tokens
from umfpay.emulator._clock import CHINA
from umfpay.emulator._faults import FaultPlan
from umfpay.emulator._gateway import Answer, Gateway, Request
from umfpay.emulator._notifier import Notifier
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._transitions import tick
from umfpay.errors import ConfigError
from umfpay.protocol import JSONRefusedError, dump_json, parse_json


PREFIX: Final = "/_emulator"

_MOVES: Final[Mapping[str, tuple[str, ...]]] = {
    # To this state, from these.
    "TRADE_SUCCESS": ("WAIT_BUYER_PAY", "TRADE_PENDING"),
    "TRADE_FAIL": ("WAIT_BUYER_PAY", "TRADE_PENDING"),
    "TRADE_CLOSED": ("WAIT_BUYER_PAY",),
    "TRADE_CANCEL": ("TRADE_SUCCESS",),
}


class _Bad(Exception):  # noqa: N818 (an answer, not an error)
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Control:
    """
    Answers requests of the control API.
    """

    def __init__(self, gateway: Gateway, notifier: Notifier) -> None:
        self._gateway = gateway
        self._world = gateway.world
        self._notifier = notifier
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Any]], ...] = (
            ("GET", re.compile(r"/?"), self._about),
            ("POST", re.compile(r"/reset"), self._reset),
            ("GET", re.compile(r"/clock"), self._clock),
            ("POST", re.compile(r"/clock"), self._set_clock),
            ("GET", re.compile(r"/settings"), self._settings),
            ("PUT", re.compile(r"/settings"), self._set_settings),
            ("GET", re.compile(r"/faults"), self._faults),
            ("PUT", re.compile(r"/faults"), self._set_faults),
            ("GET", re.compile(r"/requests"), self._all("request")),
            ("GET", re.compile(r"/payments"), self._all("payment")),
            ("GET", re.compile(r"/refunds"), self._all("refund")),
            ("GET", re.compile(r"/notifications"), self._all("notification")),
            ("POST", re.compile(r"/notifications/(\d+)/resend"), self._resend),
            ("GET", re.compile(r"/payments/(PAY_\w+)"), self._payment),
            ("GET", re.compile(r"/payments/(PAY_\w+)/sms_code"), self._sms_code),
            ("POST", re.compile(r"/payments/(PAY_\w+)/(\w+)"), self._move_payment),
            ("POST", re.compile(r"/refunds/(REFUND_\w+)/(\w+)"), self._move_refund),
            ("POST", re.compile(r"/customs/(CUST_\w+)/(\w+)"), self._move_customs),
            ("POST", re.compile(r"/enterprises/(EQ_\w+)/(\w+)"), self._move_enterprise),
            ("GET", re.compile(r"/token"), self._token),
            ("POST", re.compile(r"/token/steal"), self._steal),
        )

    def answer(self, request: Request) -> Answer:
        """
        Answer one request with JSON.
        """
        path = request.path.removeprefix(PREFIX)

        try:
            if request.method != "GET":
                _check_type(request)

            tick(self._world)
            status, value = 200, self._result(request, path)
        except _Bad as bad:
            status, value = bad.status, {"error": str(bad)}
        except ConfigError as error:
            status, value = 400, {"error": error.what.en}
        except Refusal as refusal:
            status, value = 404, {"error": refusal.detail, "ret_code": refusal.code}

        return Answer(
            status=status,
            headers={"content-type": "application/json"},
            body=dump_json(value),
        )

    def _result(self, request: Request, path: str) -> Any:
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)

            if match is None or method != request.method:
                continue

            if method == "GET":
                return handler(*match.groups())

            return handler(*match.groups(), _value(request.body))

        raise _Bad(404, f"no such path: {request.method} {path[:200]}")

    def _about(self) -> dict[str, Any]:
        return {
            "emulator": "umfpay",
            "base_url": self._world.base_url,
            "now": self._world.clock.now().isoformat(),
        }

    def _reset(self, _: Any) -> dict[str, Any]:
        self._world.store.clear()
        self._world.clock.offset = 0.0
        self._gateway.plan = FaultPlan()

        return self._about()

    def _clock(self) -> dict[str, Any]:
        return {"now": self._world.clock.now().isoformat()}

    def _set_clock(self, value: Any) -> dict[str, Any]:
        clock = self._world.clock

        if isinstance(value.get("advance"), int | float) and not isinstance(
            value["advance"], bool
        ):
            clock.advance(float(value["advance"]))
        elif isinstance(value.get("now"), str):
            try:
                moment = datetime.fromisoformat(value["now"])
            except ValueError:
                raise _Bad(400, "now is an ISO 8601 moment") from None

            clock.set(moment if moment.tzinfo else moment.replace(tzinfo=CHINA))
        else:
            raise _Bad(400, 'give {"advance": seconds} or {"now": "..."}')

        tick(self._world)

        return self._clock()

    def _settings(self) -> dict[str, Any]:
        return attrs.asdict(self._world.settings)

    def _set_settings(self, value: Any) -> dict[str, Any]:
        self._world.settings = self._world.settings.changed(value)

        return self._settings()

    def _faults(self) -> dict[str, Any]:
        return self._gateway.plan.to_json()

    def _set_faults(self, value: Any) -> dict[str, Any]:
        self._gateway.plan = FaultPlan.from_json(value)

        return self._faults()

    def _all(self, kind: str) -> Callable[[], dict[str, Any]]:
        return lambda: {f"{kind}s": self._world.store.all(kind)}

    def _resend(self, number: str, _: Any) -> dict[str, Any]:
        if not self._notifier.resend(int(number)):
            raise _Bad(404, f"no notification {number}")

        return {"resent": int(number)}

    def _payment(self, key: str) -> dict[str, Any]:
        return {"payment": self._world.payment(key)}

    def _sms_code(self, key: str) -> dict[str, Any]:
        sms = self._world.payment(key)["sms"]

        if sms is None:
            raise _Bad(404, "no SMS code was sent for this payment")

        return {"sms_code": sms["code"]}

    def _move_payment(self, key: str, verb: str, _: Any) -> dict[str, Any]:
        payment = self._world.payment(key)

        if verb == "approve_papers":
            payment["papers_approved"] = True
            self._world.store.put("payment", key, payment)

            return {"payment": payment}

        verbs = {
            "pay": "TRADE_SUCCESS",
            "fail": "TRADE_FAIL",
            "close": "TRADE_CLOSED",
            "cancel": "TRADE_CANCEL",
        }
        state = verbs.get(verb)

        if state is None:
            raise _Bad(404, f"no such verb: {verb}")

        if payment["state"] not in _MOVES[state]:
            raise _Bad(409, f"the payment is {payment['state']}")

        payment.pop("settles_to", None)
        payments.settle(self._world, payment, state)

        return {"payment": payment}

    def _move_refund(self, key: str, verb: str, _: Any) -> dict[str, Any]:
        refund = refunds.found(self._world, key)
        state = {
            "succeed": "REFUND_SUCCESS",
            "fail": "REFUND_FAIL",
            "close": "REFUND_CLOSE",
        }.get(verb)

        if state is None:
            raise _Bad(404, f"no such verb: {verb}")

        if refund["state"] != "REFUND_PROCESS":
            raise _Bad(409, f"the refund is {refund['state']}")

        refunds.settle(self._world, refund, state)

        return {"refund": refund}

    def _move_customs(self, key: str, verb: str, _: Any) -> dict[str, Any]:
        declaration = customs.found(self._world, key)
        state = {"submit": "SUBMITTED", "succeed": "SUCCESS", "fail": "FAIL"}.get(verb)

        if state is None:
            raise _Bad(404, f"no such verb: {verb}")

        if declaration["state"] in ("SUCCESS", "FAIL"):
            raise _Bad(409, f"the declaration is {declaration['state']}")

        customs.settle(self._world, declaration, state)

        return {"customs_declaration": declaration}

    def _move_enterprise(self, key: str, verb: str, _: Any) -> dict[str, Any]:
        company = self._world.store.get("enterprise", key)
        status = {"enable": "ENABLE", "disable": "DISABLE"}.get(verb)

        if company is None or status is None:
            raise _Bad(404, f"no enterprise {key}, or no such verb: {verb}")

        company["enterprise_status"] = status
        company["rank"] = "A" if status == "ENABLE" else "UNKNOWN"
        self._world.store.put("enterprise", key, company)

        return {"enterprise_qualification": company}

    def _token(self) -> dict[str, Any]:
        record = self._world.store.get("token", "current")
        series = self._world.store.get("series", "token") or {"last": 0}

        return {
            "requests": series["last"],
            "by": None if record is None else record["by"],
            "seconds_left": None
            if record is None
            else record["until"] - self._world.clock.time(),
        }

    def _steal(self, _: Any) -> dict[str, Any]:
        tokens.fresh(self._world, by="outsider")

        return self._token()


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()

    if kind != "application/json":
        raise _Bad(415, "send Content-Type: application/json")


def _value(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}

    try:
        value = parse_json(body)
    except JSONRefusedError as refusal:
        raise _Bad(400, f"the body: {refusal}") from None

    if not isinstance(value, dict):
        raise _Bad(400, "the body is not an object")

    return value
