"""
Fault injection for tests.
"""

from __future__ import annotations

from typing import Any

from umfpay.testing._box import EmulatorBox


class Faults:
    """
    The fault plan of the running emulator: ``umf_faults``.

        umf_faults.add("drop_after", method="POST", path="/execute$")
    """

    def __init__(self, box: EmulatorBox, *, seed: int = 0) -> None:
        self._box = box
        self._seed = seed
        self._rules: list[dict[str, Any]] = []

    def add(self, kind: str, **members: Any) -> None:
        """
        Add a rule; its kinds and members are those of `umfpay.emulator.Fault`.

        Raises:
            ConfigError: There is no such kind or member.
        """
        self._rules.append({"kind": kind, **members})
        self._set()

    def clear(self) -> None:
        """
        Let the emulator be healthy again.
        """
        self._rules.clear()
        self._set()

    @property
    def hits(self) -> int:
        """
        How many calls were struck.
        """
        rules = self._box.control("GET", "/faults")["rules"]

        return sum(int(rule["hits"]) for rule in rules)

    def _set(self) -> None:
        self._box.control("PUT", "/faults", {"seed": self._seed, "rules": self._rules})
