"""
Fault plans: what goes wrong, where and how often; the same seed goes wrong the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import attrs

from umfpay.errors import ConfigError, Text


CallFault = Literal[
    "delay",
    "drop_before",
    "drop_after",
    "error_before",
    "error_after",
    "busy",
    "forge",
    "unsign",
    "steal_token",
    "skew_clock",
]
NotificationFault = Literal[
    "duplicate_notification",
    "reorder_notification",
    "late_notification",
    "lose_notification",
]
Kind = CallFault | NotificationFault

CALL_KINDS: Final[tuple[CallFault, ...]] = get_args(CallFault)
NOTIFICATION_KINDS: Final[tuple[NotificationFault, ...]] = get_args(NotificationFault)
KINDS: Final[tuple[Kind, ...]] = CALL_KINDS + NOTIFICATION_KINDS
MAX_SECONDS: Final = 60.0
NUMBER_TYPES: Final[Mapping[str, type[int] | type[float]]] = {
    "times": int,
    "skip": int,
    "status": int,
    "seconds": float,
    "probability": float,
}
"""
The members of a rule that are numbers; the others are text.
"""

_MAX_PATH_CHARACTERS: Final = 200
_MAX_MAGNITUDE: Final = 1e12


@attrs.define(kw_only=True)
class Fault:
    """
    One rule of a plan.

    Args:
        kind: What goes wrong. ``*_before`` and ``*_after`` mean before and after the
            gateway has done its work.
        method: Of the calls it hits; any by default.
        path: Regular expression found in the path below the base URL; for
            notifications in the kind of object.
        skip: Matching calls that are spared first.
        times: Calls that are hit; 0 is all.
        probability: Of each hit, by the plan's seed.
        seconds: Of delays, lateness and clock skew.
        status: Of errors.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int = 1
    probability: float = 1.0
    seconds: float = 0.1
    status: int = 502
    hits: int = attrs.field(default=0, init=False)
    seen: int = attrs.field(default=0, init=False)


class FaultPlan:
    """
    Rules with a seed.
    """

    def __init__(self, rules: Sequence[Fault] = (), *, seed: int = 0) -> None:
        self.rules: list[Fault] = list(rules)
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 (repeatable, not secret)

    @classmethod
    def from_json(cls, value: Any) -> FaultPlan:
        """
        Read a plan: ``{"seed": 1, "rules": [{"kind": "drop_after", ...}]}``.

        Raises:
            ConfigError: It is none.
        """
        if not isinstance(value, Mapping) or not isinstance(value.get("rules"), list):
            raise _plan_error("it is {seed, rules: [...]}")

        seed = value.get("seed", 0)

        if isinstance(seed, bool) or not isinstance(seed, int):
            raise _plan_error("seed is a whole number")

        return cls([_rule(one) for one in value["rules"]], seed=seed)

    def strike(self, kinds: Sequence[Kind], *, method: str, path: str) -> list[Fault]:
        """
        Return the rules of *kinds* that hit this call, and count them.

        Args:
            method: Of the call; empty for a notification.
            path: Below the base URL; for a notification its kind of object.
        """
        struck = []

        for rule in self.rules:
            if rule.kind not in kinds or (rule.method and rule.method != method):
                continue

            if rule.path and re.search(rule.path, path) is None:
                continue

            rule.seen += 1

            if rule.seen <= rule.skip or (rule.times and rule.hits >= rule.times):
                continue

            if rule.probability < 1.0 and self._random.random() >= rule.probability:
                continue

            rule.hits += 1
            struck.append(rule)

        return struck

    def to_json(self) -> dict[str, Any]:
        """
        Return the plan with its counts.
        """
        return {"seed": self.seed, "rules": [attrs.asdict(rule) for rule in self.rules]}


def _rule(value: Any) -> Fault:
    if not isinstance(value, Mapping):
        raise _plan_error("a rule is an object")

    allowed = [field.name for field in attrs.fields(Fault) if field.init]

    if value.get("kind") not in KINDS or not value.keys() <= set(allowed):
        raise _plan_error(
            f"kind is one of {', '.join(KINDS)}; members are {', '.join(allowed)}"
        )

    for name, given in value.items():
        kind = NUMBER_TYPES.get(name, str)

        if isinstance(given, bool) or not isinstance(
            given, int | float if kind is float else kind
        ):
            raise _plan_error(f"{name} has the wrong type")

    if len(value.get("path", "")) > _MAX_PATH_CHARACTERS:
        raise _plan_error(f"path is at most {_MAX_PATH_CHARACTERS} characters")

    try:
        re.compile(value.get("path", ""))
    except (re.error, OverflowError, RecursionError):
        raise _plan_error("path is no regular expression") from None

    rule = Fault(**value)

    if not -_MAX_MAGNITUDE <= rule.seconds <= _MAX_MAGNITUDE:
        raise _plan_error("seconds leads out of all calendars")

    if not 0 <= rule.seconds <= MAX_SECONDS and rule.kind != "skew_clock":
        raise _plan_error(f"seconds is 0 to {MAX_SECONDS:.0f}")

    if rule.skip < 0 or rule.times < 0 or not 400 <= rule.status <= 599:
        raise _plan_error("skip and times are 0 or more, status is 400 to 599")

    return rule


def _plan_error(en: str) -> ConfigError:
    return ConfigError.of(Text("The fault plan", "故障计划"), en, en)
