"""
What a schedule is, drawn from its seed before anything runs.
"""

from __future__ import annotations

import random
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import attrs

from umfpay.emulator import EmulatorSettings, Fault


POOR: Final = "6227000000000730"
FAILING: Final = "6227000000000750"
GOOD: Final = "6227000000000005"
AGREEMENT: Final = "agreement"

_EXECUTE_PATH: Final = "/execute$"
_REFUND_PATH: Final = "/refund$"
_FAULT_PLACES: Final[tuple[tuple[str, str, int], ...]] = (
    # Method, path, weight.
    ("POST", _EXECUTE_PATH, 9),
    ("POST", _REFUND_PATH, 7),
    ("POST", "/payments/payment$", 3),
    ("POST", "/verify$", 1),
    ("POST", "/oauth/authorize$", 1),
    ("GET", "", 2),
    ("", "", 2),
)
_FAULT_KINDS: Final[tuple[tuple[str, int], ...]] = (
    ("drop_after", 6),
    ("error_after", 4),
    ("drop_before", 4),
    ("error_before", 2),
    ("delay", 4),
    ("unauthorized_after", 3),
    ("busy", 1),
    ("forge", 1),
    ("unsign", 1),
    ("steal_token", 1),
)
_NOTIFICATION_KINDS: Final = (
    "duplicate_notification",
    "reorder_notification",
    "late_notification",
    "lose_notification",
)


class Way(StrEnum):
    """
    How the shop sells.
    """

    CALLS = "calls"
    FLOW = "flow"
    HALVES = "halves"


@attrs.frozen(kw_only=True)
class MiddleBox:
    """
    What stands between, and does to requests what the gateway does not.

    Args:
        repeats: Probability that a POST is sent on twice; the second copy is answered,
            or comes late.
        stale: Probability that the answer is the one given before to the same call.
        stray: Probability that the answer is one to another call; the request may never
            arrive.
    """

    repeats: float = 0.0
    stale: float = 0.0
    stray: float = 0.0


@attrs.frozen(kw_only=True)
class RefundPlan:
    """
    Money to give back.
    """

    name: str
    amount: Decimal


@attrs.frozen(kw_only=True)
class PurchasePlan:
    """
    One business intent: sell once, perhaps give back.

    Args:
        card: The customer's; after a refusal the next one is good.
        patience: Under how many order numbers the customer tries.
        way: By calls, or by the flows of `umfpay.flows` in one go or in two halves.
        typos: How many wrong SMS codes the customer types first, in a flow.
        resends: Whether another message is asked for after a wrong code.
        starts: Seconds after the shop opened.
        stranger: Seconds after which another merchant is paid under the same number and
            amount, and names our notify_url; None if nobody does.
    """

    name: str
    amount: Decimal
    card: str
    patience: int
    way: Way
    typos: int
    resends: bool
    starts: float
    stranger: float | None
    refunds: tuple[RefundPlan, ...]


@attrs.frozen(kw_only=True)
class Schedule:
    """
    A shop's day and what goes wrong in it.

    Args:
        faults: Of the gateway, until *heals*.
        heals: Seconds after which all is healthy.
        unreachable: Probability that a call finds no connection.
        late: Probability that a request arrives seconds or minutes late.
        middle: What stands between.
        cancels: Probability that a call is cancelled.
        crashes: Seconds after which the shop dies.
        skew: Seconds by which the gateway's clock is ahead.
        deadline: Seconds of each call; an attempt has ten at most.
    """

    seed: int
    purchases: tuple[PurchasePlan, ...]
    faults: tuple[Fault, ...]
    heals: float
    unreachable: float
    late: float
    middle: MiddleBox
    cancels: float
    crashes: tuple[float, ...]
    settings: EmulatorSettings
    skew: float
    deadline: float


def draw(seed: int) -> Schedule:
    """
    Return the schedule of *seed*.
    """
    rng = random.Random(f"plan {seed}")
    calm = rng.random() < 0.1

    return Schedule(
        seed=seed,
        purchases=_purchases(rng),
        faults=() if calm else (*_call_faults(rng), *_notification_faults(rng)),
        heals=rng.choice((60.0, 300.0, 900.0)),
        unreachable=0.15 if rng.random() < 0.2 else 0.0,
        late=0.2 if not calm and rng.random() < 0.15 else 0.0,
        middle=MiddleBox() if calm else _middle_box(rng),
        cancels=0.2 if not calm and rng.random() < 0.3 else 0.0,
        crashes=() if calm or rng.random() < 0.7 else _crashes(rng),
        settings=_settings(rng, calm=calm),
        skew=rng.uniform(-30.0, 30.0),
        deadline=rng.choice((30.0, 30.0, 8.0)),
    )


def _purchases(rng: random.Random) -> tuple[PurchasePlan, ...]:
    amounts = rng.sample(range(1000, 9999), 4)

    return tuple(
        PurchasePlan(
            name=f"p{index}",
            amount=Decimal(amounts[index]) / 100,
            card=rng.choices((AGREEMENT, GOOD, POOR, FAILING), (7, 1, 1, 1))[0],
            patience=rng.choice((1, 2, 4)),
            way=rng.choices(tuple(Way), (6, 2, 3))[0],
            typos=rng.choices((0, 1, 2, 3), (5, 3, 1, 1))[0],
            resends=rng.random() < 0.3,
            starts=rng.uniform(0.0, 2.0),
            stranger=rng.uniform(0.0, 90.0) if rng.random() < 0.15 else None,
            refunds=_refunds(rng, f"p{index}", amounts[index]),
        )
        for index in range(rng.choices((2, 3, 4), (6, 3, 1))[0])
    )


def _refunds(rng: random.Random, purchase: str, cents: int) -> tuple[RefundPlan, ...]:
    count = rng.choices((0, 1, 2, 3), (5, 4, 2, 1))[0]

    if count == 0:
        return ()

    if rng.random() < 0.15:
        # Of equal amounts: no list can tell one from the other.
        parts = [cents // (count + 1)] * count
    else:
        parts = rng.sample(range(1, cents // count), count)

    if count == 1 and rng.random() < 0.5:
        parts = [cents]

    return tuple(
        RefundPlan(name=f"{purchase}r{index}", amount=Decimal(part) / 100)
        for index, part in enumerate(parts)
    )


def _pick(rng: random.Random, rows: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    return rng.choices(rows, [row[-1] for row in rows])[0]


def _call_faults(rng: random.Random) -> list[Fault]:
    faults = []

    for _ in range(rng.randint(1, 4)):
        method, path, _ = _pick(rng, _FAULT_PLACES)
        kind, _ = _pick(rng, _FAULT_KINDS)
        # Some are outages: they last until all is healed.
        outage = rng.random() < 0.1
        faults.append(
            Fault(
                kind="error_after" if kind == "unauthorized_after" else kind,
                method=method,
                path=path,
                skip=rng.choice((0, 0, 0, 1, 2)),
                times=0 if outage else rng.randint(1, 3),
                probability=0.6 if outage else 1.0,
                seconds=rng.choice((0.5, 3.0, 12.0, 45.0)),
                status=401
                if kind == "unauthorized_after"
                else rng.choice((409, 429, 500, 502, 503, 504)),
            )
        )

    return faults


def _notification_faults(rng: random.Random) -> list[Fault]:
    return [
        Fault(
            kind=kind,
            times=rng.choice((1, 2, 0)),
            skip=rng.randint(0, 1),
            seconds=rng.choice((1.0, 20.0, 60.0)),
        )
        for kind in _NOTIFICATION_KINDS
        if rng.random() < 0.3
    ]


def _middle_box(rng: random.Random) -> MiddleBox:
    return MiddleBox(
        repeats=0.3 if rng.random() < 0.15 else 0.0,
        stale=0.3 if rng.random() < 0.15 else 0.0,
        stray=0.2 if rng.random() < 0.1 else 0.0,
    )


def _crashes(rng: random.Random) -> tuple[float, ...]:
    return tuple(sorted(rng.uniform(0.0, 4.0) for _ in range(rng.randint(1, 2))))


def _settings(rng: random.Random, *, calm: bool) -> EmulatorSettings:
    return EmulatorSettings(
        signature=rng.choices(("meta", "header", "both"), (6, 3, 1))[0],
        # An unsigned refusal is no definite one.
        refusals="signed" if calm or rng.random() < 0.85 else "unsigned",
        # So is an unsigned refusal of a token, given twice.
        token_refusal="signed_200" if calm else rng.choice(("signed_200", "json_401")),
        execute=rng.choice(("immediate", "immediate", "pending")),
        refund=rng.choice(("pending", "immediate")),
        settle_after=rng.choice((0.2, 5.0, 30.0)),
        notification_attempts=3,
        token_lifetime=rng.choice((3600, 3600, 90)),
        foreign_payments=rng.choice(("refused", "visible")),
        refund_rows=rng.choice(("with_number", "documented")),
    )
