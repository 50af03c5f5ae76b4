"""
The gateway's state that every handler works on: store, clock, settings, merchants.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay.emulator._credentials import Merchants
from umfpay.emulator._members import cents, fee_of, text
from umfpay.emulator._messages import Refusal
from umfpay.emulator._settings import EmulatorSettings
from umfpay.emulator._store import Document, Store
from umfpay.models import PaymentState
from umfpay.protocol import Opener, new_object_id


BASE_PATH: Final = "/cberest/v1"
# The gateway's business days are China's (gateway.md 12.17 leaves it open).
CHINA_ZONE: Final = timezone(timedelta(hours=8))

_MIN_UNIX_SECONDS: Final = datetime(2000, 1, 1, tzinfo=CHINA_ZONE).timestamp()
_MAX_UNIX_SECONDS: Final = datetime(9000, 1, 1, tzinfo=CHINA_ZONE).timestamp()


class Clock:
    """
    Wall time plus an offset.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.offset: float = 0.0

    def time(self) -> float:
        """
        Seconds since 1970.
        """
        return self._wall() + self.offset

    def now(self) -> datetime:
        """
        The moment in China.
        """
        return datetime.fromtimestamp(self.time(), CHINA_ZONE)

    def today(self) -> str:
        """
        China's date as ``YYYYMMDD``.
        """
        return f"{self.now():%Y%m%d}"

    def advance(self, seconds: float) -> None:
        """
        Go forward by *seconds*, within the years that dates have.
        """
        self._go_to(self.time() + seconds)

    def set(self, moment: datetime) -> None:
        """
        Go to *moment*, within the years that dates have.
        """
        self._go_to(moment.timestamp())

    def _go_to(self, seconds: float) -> None:
        self.offset = (
            min(max(seconds, _MIN_UNIX_SECONDS), _MAX_UNIX_SECONDS) - self._wall()
        )


@attrs.define(eq=False)
class GatewayState:
    """
    The state of the gateway.

    A merchant is named by its client id: documents hold it as ``merchant``, and what a
    merchant numbers itself is kept under both (`key_of`).

    Attributes:
        origin: Where the emulator is reached: ``http://127.0.0.1:8100``.
        notify: Called with the kind and id of an object whose result is to be told.
        forgotten: Called when the books are cleared, for what lies beside them.
        token_calls: How many calls each token let in since the start, by client id and
            by its number.
        salt: Of the hashes that stand for card numbers.

    Raises:
        ConfigError: The books cannot be used.
    """

    store: Store
    clock: Clock
    settings: EmulatorSettings
    merchants: Merchants
    origin: str = "http://127.0.0.1:8100"
    notify: Callable[[str, str], None] = attrs.field(default=lambda _kind, _key: None)
    forgotten: Callable[[], None] = attrs.field(default=lambda: None)
    token_calls: dict[str, Counter[int]] = attrs.field(
        init=False, factory=lambda: defaultdict(Counter)
    )
    salt: bytes = attrs.field(init=False, repr=False)
    openers: tuple[Opener, ...] = attrs.field(init=False)

    @property
    def base_url(self) -> str:
        """
        Where calls go, without a slash at the end.
        """
        return f"{self.origin}{BASE_PATH}"

    def __attrs_post_init__(self) -> None:
        key = self.merchants.first.gateway_key
        # The official SDK seals in UTF-8, and with a switch in GBK (gateway.md 4).
        self.openers = (Opener(key), Opener(key, charset="gbk"))

        try:
            self._go_on()
        except (
            sqlite3.Error, LookupError, OSError, OverflowError, TypeError, ValueError
        ) as error:  # fmt: skip
            raise self.store.unusable(error) from error

    def _go_on(self) -> None:
        """
        Take salt and time from the books.
        """
        kept = self.store.get("salt", "cards")
        self.salt = (
            secrets.token_bytes(16) if kept is None else bytes.fromhex(kept["hex"])
        )
        self._keep_salt()
        moved = self.store.get("clock", "now")

        if moved is not None:
            self.clock.offset += float(moved["offset"])
            self.clock.now()  # a moment that has no date is damage, too

    def move_clock(self, to: float | datetime) -> None:
        """
        Go forward by seconds, or go to a moment; a restart does not undo it.
        """
        if isinstance(to, datetime):
            self.clock.set(to)
        else:
            self.clock.advance(to)

        self.store.put("clock", "now", {"offset": self.clock.offset})

    def _keep_salt(self) -> None:
        self.store.put("salt", "cards", {"hex": self.salt.hex()})

    def forget(self) -> None:
        """
        Forget everything but the keys, and go back to real time.
        """
        self.store.clear()
        self.token_calls.clear()
        self._keep_salt()
        self.clock.offset = 0.0
        self.forgotten()

    def unseal(self, value: Any, name: str, *, code: str = "00060700") -> str:
        """
        Return the plaintext of a sealed member.

        Raises:
            Refusal: It is missing, or not sealed for this gateway.
        """
        # Java's older encoder breaks base64 into lines.
        sealed = "".join(text(value).split())

        if not sealed:
            raise Refusal(code, f"{name} is missing")

        for opener in self.openers:
            plain = opener.open(sealed)

            if plain is not None:
                return plain.reveal().strip()

        raise Refusal(code, f"{name} cannot be decrypted with the gateway's key")

    def card_hash(self, number: str) -> str:
        """
        Return what stands for a card number in the books.
        """
        return hashlib.sha256(self.salt + number.encode()).hexdigest()[:16]

    def find(
        self, kind: str, key: str, *, merchant: str | None, asked: bool = False
    ) -> Document:
        """
        Return a document of *merchant*; None is the gateway itself, which sees all.

        Args:
            asked: It is only asked for: the setting ``foreign_payments`` counts.

        Raises:
            Refusal: There is none, or another merchant has it.
        """
        found = self.store.get(kind, key)

        if found is None:
            raise Refusal("00060760", f"no {kind} {key}")

        if merchant is None or merchant == found["merchant"]:
            return found

        if asked and self.settings.foreign_payments == "visible":
            return found

        raise Refusal("00060760", f"{kind} {key} is another merchant's")

    def payment(self, key: str, *, merchant: str | None = None) -> Document:
        """
        Return a payment, as `find` does.

        Raises:
            Refusal: There is none, or another merchant has it.
        """
        return self.find("payment", key, merchant=merchant)

    def new_id(self, kind: str, prefix: str, payload: bytes) -> str:
        """
        Return an id for *payload* that no document of *kind* has.

        Raises:
            Refusal: All 256 ids of this payload are taken.
        """
        for shift in range(256):
            key = new_object_id(prefix, payload, shift=shift)

            if self.store.get(kind, key) is None:
                return key

        raise Refusal("00060999", f"too many {kind}s of one number and date")

    def move(self, payment: Document, state: str) -> None:
        """
        Put *payment* into *state*, and write down when.
        """
        payment["state"] = state
        payment.pop("expires_at", None)
        merchant = payment["merchant"]
        reference = text(payment["order"].get("mer_reference_id"))
        number = key_of(merchant, reference)

        if PaymentState(state).executed:
            self.store.put("paid", number, {"payment": payment["id"]})
        elif (
            state == "TRADE_FAIL"
            and self.was_paid(merchant, reference) == payment["id"]
        ):
            # It was pending: the order may be tried again.
            self.store.remove("paid", number)

        if state == "TRADE_SUCCESS":
            gross = Decimal(payment["total_cny"])
            payment["listed_on"] = text(payment["order"].get("mer_date"))
            payment["paid_out_on"] = payment["settle_date"]
            payment["net_cents"] = int(cents(gross - fee_of(gross)))
        else:
            for name in ("listed_on", "paid_out_on", "net_cents"):
                payment.pop(name, None)

        payment["timeline"].append([self.clock.now().isoformat(), state])
        self.store.put("payment", payment["id"], payment)

    def was_paid(self, merchant: str, reference: str) -> str | None:
        """
        Return the payment with which an order number was paid, or is being paid.
        """
        found = self.store.get("paid", key_of(merchant, reference))

        return None if found is None else str(found["payment"])

    def number(self, name: str) -> int:
        """
        Return the next number of the series *name*.
        """
        series = self.store.get("series", name) or {"last": 0}
        series["last"] += 1
        self.store.put("series", name, series)

        return int(series["last"])

    def settles_at(self) -> float:
        """
        Return when something that is pending from now on ends.
        """
        return self.clock.time() + self.settings.settle_after

    def trace(self) -> str:
        """
        Return a 16-digit trace: a digit, last digit of the year, MMDDhhmm, 6 digits.
        """
        now = self.clock.now()

        return f"3{now.year % 10}{now:%m%d%H%M}{self.number('trace') % 1_000_000:06d}"

    def link(self, ref: str, method: str, path: str) -> dict[str, str]:
        """
        Return a link; ``imitate`` gives the internal form of the real samples
        (gateway.md, trap 7).
        """
        if self.settings.links == "imitate":
            method = {"sms_verify": "GET", "self": "POST"}.get(ref, method)
            path = path.replace("customs_declarations", "customs_ declarations")

            return {
                "ref": ref,
                "method": method,
                "href": f"http://10.10.77.79:8081/V1/spay_rest/{path}",
            }

        return {"ref": ref, "method": method, "href": f"{self.base_url}{path}"}


def key_of(merchant: str, name: str) -> str:
    """
    Return the key of what *merchant* calls *name*.
    """
    return f"{merchant}\n{name}"


Members = dict[str, Any]
Query = Mapping[str, str]
