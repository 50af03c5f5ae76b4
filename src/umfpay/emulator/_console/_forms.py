"""
Forms of the console: the same transitions as by the control API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from umfpay.emulator._console._customer import CustomerPages
from umfpay.emulator._console._pages import Page, PageRefused
from umfpay.emulator._faults import FaultPlan
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._notifier import Notifier
from umfpay.emulator._settings import read_setting
from umfpay.emulator._transitions import move, run_due


_TRANSITION_PATH: Final = re.compile(
    r"/console/(payments|refunds|customs|enterprises)/([A-Z]+_[A-Z2-7]+)/([a-z_]+)"
)
_RESEND_PATH: Final = re.compile(r"/console/notifications/([0-9]{1,12})/resend")
_CUSTOMER_PATH: Final = re.compile(r"/upay/(PAY_[A-Z2-7]+)/(pay|fail|give_up)")
_MAX_STEP_SECONDS: Final = 366 * 86400.0
_NUMBER_FIELDS: Final[Mapping[str, type[int] | type[float]]] = {
    "times": int,
    "skip": int,
    "status": int,
    "seconds": float,
    "probability": float,
}


class Forms:
    """
    Handles POST.
    """

    def __init__(
        self, gateway: Gateway, notifier: Notifier, customer: CustomerPages
    ) -> None:
        self._gateway = gateway
        self._gateway_state = gateway.gateway_state
        self._notifier = notifier
        self._customer = customer

    def submit(self, path: str, form: Mapping[str, str]) -> str | Page:
        """
        Do what the form at *path* says.

        Returns:
            Where to go on the console, or the page to show.

        Raises:
            PageRefused: There is no such form, or it makes no sense.
            NotHereError: The object is in no state for it.
            Refusal: There is no such payment, refund or declaration.
            ConfigError: No such fault or setting.
        """
        if match := _TRANSITION_PATH.fullmatch(path):
            move(self._gateway_state, *match.groups())

            return _local(form.get("next", "/"))

        if match := _CUSTOMER_PATH.fullmatch(path):
            return self._customer.submit(match[1], match[2], form.get("method", ""))

        if match := _RESEND_PATH.fullmatch(path):
            if not self._notifier.resend(int(match[1])):
                raise PageRefused(404, "", match[1])

            return _local(form.get("next", "/console/notifications"))

        if path == "/console/clock":
            return self._clock(form)

        if path == "/console/faults":
            return self._add_fault(form)

        if path == "/console/faults/clear":
            self._gateway.plan = FaultPlan()

            return "/console/faults"

        if path == "/console/settings":
            return self._settings(form)

        raise PageRefused(404, "")

    def _clock(self, form: Mapping[str, str]) -> str:
        seconds = _number("seconds", form.get("seconds", ""), float)

        if not 0 < seconds <= _MAX_STEP_SECONDS:
            raise PageRefused(400, "wrong_clock")

        self._gateway_state.move_clock(seconds)
        run_due(self._gateway_state)

        return _local(form.get("next", "/"))

    def _add_fault(self, form: Mapping[str, str]) -> str:
        rule: dict[str, Any] = {
            name: _number(name, value, _NUMBER_FIELDS[name])
            if name in _NUMBER_FIELDS
            else value
            for name, value in form.items()
            if value
        }
        plan = self._gateway.plan
        added = FaultPlan.from_json({"seed": plan.seed, "rules": [rule]})
        # Rules that stand keep their counts.
        self._gateway.plan = FaultPlan([*plan.rules, *added.rules], seed=plan.seed)

        return "/console/faults"

    def _settings(self, form: Mapping[str, str]) -> str:
        changes = {name: read_setting(name, value) for name, value in form.items()}
        self._gateway_state.settings = self._gateway_state.settings.with_changes(
            changes
        )

        return "/console/faults"


def _number(name: str, value: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise PageRefused(400, "wrong_number", name) from None


def _local(path: str) -> str:
    # A path of ours, never another site's.
    good = path.startswith("/") and not path.startswith(("//", "/\\"))

    return path if good and path.isprintable() and path.isascii() else "/"
