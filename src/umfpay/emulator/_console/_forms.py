"""
Forms of the console: CSRF protection, and what they do, by the control API.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from umfpay.emulator._console._customer import CustomerPages
from umfpay.emulator._console._pages import Page, PageRefused
from umfpay.emulator._control import Control
from umfpay.emulator._faults import NUMBER_TYPES, FaultPlan
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._messages import Request
from umfpay.emulator._settings import EmulatorSettings


MAX_FIELDS: Final = 100

_MAX_FORM_BYTES: Final = 64 * 1024
# What has the same path in the control API.
_CONTROL_PATH: Final = re.compile(
    r"/console(/(?:payments|refunds|customs|enterprises)/[A-Z]+_[A-Z2-7]+/[a-z_]+"
    r"|/notifications/[0-9]{1,12}/resend)"
)
_CUSTOMER_PATH: Final = re.compile(r"/upay/(PAY_[A-Z2-7]+)/(pay|fail|give_up)")
_MAX_STEP_SECONDS: Final = 366 * 86400.0


class FormGate:
    """
    Lets forms in that a browser sends from a page of ours.

    Attributes:
        token: What our pages put into their forms; another site cannot know it.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)

    def read(self, request: Request) -> dict[str, str]:
        """
        Return the fields of a form.

        Raises:
            PageRefused: It is of another site, of an earlier start, or no form.
        """
        if not _is_ours(request):
            raise PageRefused(403, "foreign_form")

        if len(request.body) > _MAX_FORM_BYTES or request.oversized:
            raise PageRefused(413, "long_form")

        try:
            form = dict(
                parse_qsl(
                    request.body.decode(),
                    keep_blank_values=True,
                    max_num_fields=MAX_FIELDS,
                )
            )
        except ValueError:
            raise PageRefused(400, "no_form") from None

        if not hmac.compare_digest(form.pop("token", "").encode(), self.token.encode()):
            raise PageRefused(403, "old_form")

        return form


class Forms:
    """
    Handles POST.
    """

    def __init__(
        self, gateway: Gateway, control: Control, customer: CustomerPages
    ) -> None:
        self._gateway = gateway
        self._control = control
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
        if match := _CUSTOMER_PATH.fullmatch(path):
            return self._customer.submit(match[1], match[2], form.get("method", ""))

        if match := _CONTROL_PATH.fullmatch(path):
            self._control.do("POST", match[1])
            resent = path.startswith("/console/notifications/")

            return _local(form.get("next", "/console/notifications" if resent else "/"))

        if path == "/console/clock":
            self._control.do("POST", "/clock", {"advance": _step(form)})

            return _local(form.get("next", "/"))

        if path == "/console/faults":
            self._add_fault(form)
        elif path == "/console/faults/clear":
            self._gateway.plan = FaultPlan()
        elif path == "/console/settings":
            changes = {
                name: EmulatorSettings.read(name, value) for name, value in form.items()
            }
            self._control.do("PUT", "/settings", changes)
        else:
            raise PageRefused(404, "")

        return "/console/faults"

    def _add_fault(self, form: Mapping[str, str]) -> None:
        rule: dict[str, Any] = {
            name: _number(name, value, NUMBER_TYPES[name])
            if name in NUMBER_TYPES
            else value
            for name, value in form.items()
            if value
        }
        plan = self._gateway.plan
        added = FaultPlan.from_json({"seed": plan.seed, "rules": [rule]})
        # Rules that stand keep their counts.
        self._gateway.plan = FaultPlan([*plan.rules, *added.rules], seed=plan.seed)


def _step(form: Mapping[str, str]) -> float:
    seconds: float = _number("seconds", form.get("seconds", ""), float)

    if not 0 < seconds <= _MAX_STEP_SECONDS:
        raise PageRefused(400, "wrong_clock")

    return seconds


def _is_ours(request: Request) -> bool:
    """
    Tell whether the browser says that a form comes from here.

    Each of the two headers is missing in some browsers; one that sends neither is not
    believed. No page can change them.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")

    if site is None and origin is None:
        return False

    return site in (None, "same-origin") and origin in (
        None,
        f"http://{request.headers.get('host', '')}",
    )


def _number(name: str, value: str, kind: type[int] | type[float]) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise PageRefused(400, "wrong_number", name) from None


def _local(path: str) -> str:
    # A path of ours, never another site's.
    good = path.startswith("/") and not path.startswith(("//", "/\\"))

    return path if good and path.isprintable() and path.isascii() else "/"
