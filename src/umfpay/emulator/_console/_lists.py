"""
Console pages of payments, refunds, requests, notifications, papers and faults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from umfpay.emulator._console._customer import customer_page
from umfpay.emulator._console._pages import Page
from umfpay.emulator._faults import KINDS
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._members import text
from umfpay.emulator._settings import EmulatorSettings
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import verbs_of


_MAX_ROWS: Final = 200
_MAX_NAME_CHARACTERS: Final = 80


class ListPages:
    """
    ``/`` and ``/console/...``
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._gateway_state = gateway.gateway_state
        self._pages: tuple[tuple[re.Pattern[str], Callable[..., Page | None]], ...] = (
            (re.compile(r"/"), self._payments),
            (re.compile(r"/console/payments/(PAY_[A-Z2-7]+)"), self._payment),
            (re.compile(r"/console/requests"), self._requests),
            (re.compile(r"/console/requests/([0-9]{1,12})"), self._request),
            (re.compile(r"/console/notifications"), self._notifications),
            (re.compile(r"/console/(refunds|customs|enterprises)"), self._objects),
            (re.compile(r"/console/papers"), self._papers),
            (re.compile(r"/console/faults"), self._faults),
        )

    def page(self, path: str) -> Page | None:
        """
        Return the page at *path*, None if there is none.
        """
        for pattern, make in self._pages:
            if match := pattern.fullmatch(path):
                return make(*match.groups())

        return None

    def _payments(self) -> Page:
        rows = [(one, _name(one)) for one in self._newest("payment")]

        return Page("payments.html", {"rows": rows})

    def _payment(self, key: str) -> Page:
        payment = self._gateway_state.payment(key)
        refunds = self._about(key, "refund")
        declared = self._about(key, "customs")
        object_ids = [key, *(one["id"] for one in (*refunds, *declared))]

        return Page(
            "payment.html",
            {
                "payment": payment,
                "name": _name(payment),
                "verbs": verbs_of("payments", payment),
                "door": customer_page(payment),
                "order": json.dumps(payment["order"], ensure_ascii=False, indent=2),
                "other": self._gateway_state.merchants.is_other(payment["merchant"]),
                "last_four": payment.get("card", {}).get("last_four", ""),
                "paid_with": payment.get("paid_with", ""),
                "refunds": [(one, verbs_of("refunds", one)) for one in refunds],
                "notifications": [
                    one
                    for what in object_ids
                    for one in self._gateway_state.store.about("notification", what)
                ],
            },
        )

    def _about(self, key: str, kind: str) -> list[Document]:
        return self._gateway_state.store.about(kind, key)

    def _requests(self) -> Page:
        return Page("requests.html", {"requests": self._newest("request")})

    def _request(self, number: str) -> Page | None:
        found = self._gateway_state.store.get("request", str(int(number)))

        return None if found is None else Page("request.html", {"request": found})

    def _notifications(self) -> Page:
        return Page(
            "notifications.html", {"notifications": self._newest("notification")}
        )

    def _objects(self, noun: str) -> Page:
        kind = {"refunds": "refund", "enterprises": "enterprise"}.get(noun, noun)
        rows = []

        for one in self._newest(kind):
            state = one.get("state") or one.get("enterprise_status", "")
            row: dict[str, Any] = {
                "id": one["id"],
                "payment": one.get("payment", ""),
                "name": one.get("enterprise_name") or one.get("reference") or "",
                "external": one.get("external_enterprise_id", ""),
                "amount": f"{one['total']} {one['currency']}" if "total" in one else "",
                "state": state,
                "verbs": verbs_of(noun, one),
            }
            rows.append(row)

        return Page("objects.html", {"noun": noun, "rows": rows})

    def _papers(self) -> Page:
        rows = []

        for one in self._newest("papers"):
            payment = self._gateway_state.store.get("payment", one["payment"]) or {}
            # Not decided yet: approved or cancelled, it is due no more.
            open_ = one["status"] == "received" and "papers_due" in payment
            rows.append((one, open_))

        return Page("papers.html", {"rows": rows})

    def _faults(self) -> Page:
        settings = attrs.asdict(self._gateway_state.settings)

        return Page(
            "faults.html",
            {
                "kinds": KINDS,
                "rules": [attrs.asdict(rule) for rule in self._gateway.plan.rules],
                "settings": [
                    (name, value, EmulatorSettings.choices(name))
                    for name, value in settings.items()
                ],
            },
        )

    def _newest(self, kind: str) -> list[Document]:
        return self._gateway_state.store.newest(kind, _MAX_ROWS)


def _name(payment: Document) -> str:
    reference = text(payment["order"].get("mer_reference_id"))

    return reference[:_MAX_NAME_CHARACTERS] or str(payment["id"])
