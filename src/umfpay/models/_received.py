"""
`Received`: what all objects that we read have in common, unknown members included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


def _names(extra: Mapping[str, Any]) -> str:
    """
    Show names only: nobody knows how private an unknown value is.
    """
    return f"<{', '.join(extra)}>"


def wire(*variants: str, default: Any = None) -> Any:
    """
    A member that the gateway also calls by other names.
    """
    return attrs.field(default=default, metadata={"wire": variants})


@attrs.frozen(kw_only=True, slots=False)
class Received:
    """
    An object that the gateway gave: every member may be missing.

    Attributes:
        extra: Members that this version does not know, or whose form it does not.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=_names)
