"""
B2B papers at the gateway: received, checked, approved or rejected by its staff.

After success the merchant uploads contract and invoice; not approved within a day, the
payment is cancelled (gateway.md 5.20, 10.7). How a refusal reaches the merchant is
written nowhere: here the payment is cancelled at once, and notified.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from umfpay.emulator._gateway_state import GatewayState
from umfpay.emulator._members import text
from umfpay.emulator._store import Document
from umfpay.emulator._transitions import move


_FILE_NAME: Final = re.compile(r"(.+)([0-9]{8})([0-9]{4})\.zip", re.S)
# What the staff does, as the control API names it.
_VERB_OF_DECISION: Final = {"approve": "approve_papers", "reject": "cancel"}
_MAX_ENTRIES: Final = 1000
_MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
# All that reading a damaged ZIP raises, and one that is encrypted.
_DAMAGE_ERRORS: Final = (
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@attrs.frozen(kw_only=True)
class Arrival:
    """
    A file as it lies on the server.

    Args:
        fault: Why it is no ZIP of papers; empty if it is one.
    """

    name: str
    size: int
    sha256: str
    fault: str


def examine(path: Path, *, complete: bool) -> Arrival:
    """
    Look into a file that a merchant has sent; it may be large, so not in the loop.
    """
    digest = hashlib.sha256()
    size = 0

    with path.open("rb") as file:
        while part := file.read(1024 * 1024):
            digest.update(part)
            size += len(part)

    return Arrival(
        name=path.name,
        size=size,
        sha256=digest.hexdigest(),
        fault=_fault(path) if complete else "the upload broke off",
    )


def _fault(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as papers:
            entries = [one for one in papers.infolist() if not one.is_dir()]

            if not entries:
                return "the ZIP is empty"

            unpacked = sum(one.file_size for one in entries)

            if len(entries) > _MAX_ENTRIES or unpacked > _MAX_UNPACKED_BYTES:
                return "the ZIP unpacks to too much"

            damaged = papers.testzip()
    except _DAMAGE_ERRORS:
        return "it is no readable ZIP"

    return "" if damaged is None else f"{damaged} is damaged"


def receive(gateway_state: GatewayState, arrival: Arrival) -> Document:
    """
    Write down what arrived, and let the staff decide as the settings say.
    """
    payment, why = _check_arrival(gateway_state, arrival)
    staff = "" if why else gateway_state.settings.papers

    if staff == "reject":
        why = "the staff refused the papers"

    record: Document = {
        "id": str(gateway_state.number("papers")),
        "name": arrival.name,
        "size": arrival.size,
        "sha256": arrival.sha256,
        "payment": "" if payment is None else payment["id"],
        "status": "rejected" if why else "received",
        "why": why,
        "at": gateway_state.clock.now().isoformat(),
    }
    gateway_state.store.log("papers", record["id"], record)

    if staff in _VERB_OF_DECISION:
        move(gateway_state, "payments", record["payment"], _VERB_OF_DECISION[staff])

    return record


def _check_arrival(
    gateway_state: GatewayState, arrival: Arrival
) -> tuple[Document | None, str]:
    """
    Return the payment that a file is for, and why it will not do.
    """
    named = _FILE_NAME.fullmatch(arrival.name)

    if named is None:
        return None, "the name is not mer_reference_id + mer_date + 4 digits + .zip"

    reference, day, _ = named.groups()
    found = _payment(gateway_state, reference, day)

    if found is None:
        return None, f"no B2B payment {reference} of {day} has succeeded"

    if any(one["name"] == arrival.name for one in gateway_state.store.all("papers")):
        return found, "the sequence number was used before"

    if found.get("papers_approved"):
        return found, "the papers of this payment are approved"

    return found, arrival.fault


def _payment(gateway_state: GatewayState, reference: str, day: str) -> Document | None:
    # Found by its order number, which can be paid only once.
    # The server's one user is the first merchant.
    key = gateway_state.was_paid(gateway_state.merchants.first.client_id, reference)
    found = None if key is None else gateway_state.store.get("payment", key)

    if (
        found is None
        or found["business"] != "B2B"
        or found["state"] != "TRADE_SUCCESS"
        or text(found["order"].get("mer_date")) != day
    ):
        return None

    return found


OnArrival = Callable[[Arrival], object]
