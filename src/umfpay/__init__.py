"""
umfpay: an asyncio-native SDK for the UMF (联动优势) cross-border payment gateway.

Names are imported when they are first used (PEP 562), from the one table below.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from umfpay._session import CallReport, Executed, Resolution, UMFSession
    from umfpay.config import Config, Environment
    from umfpay.errors import UMFError
    from umfpay.sensitive import Private, Sealed, Secret

    __version__: str


_HOME: dict[str, str] = {
    "CallReport": "umfpay._session",
    "Config": "umfpay.config",
    "Environment": "umfpay.config",
    "Executed": "umfpay._session",
    "Private": "umfpay.sensitive",
    "Resolution": "umfpay._session",
    "Sealed": "umfpay.sensitive",
    "Secret": "umfpay.sensitive",
    "UMFError": "umfpay.errors",
    "UMFSession": "umfpay._session",
}

__all__ = [
    "CallReport",
    "Config",
    "Environment",
    "Executed",
    "Private",
    "Resolution",
    "Sealed",
    "Secret",
    "UMFError",
    "UMFSession",
]


def __getattr__(name: str) -> Any:
    """
    Import a public name from its home when it is first used.
    """
    if name == "__version__":
        from importlib.metadata import version

        return version("umfpay")

    home = _HOME.get(name)

    if home is None:
        raise AttributeError(f"module 'umfpay' has no attribute {name!r}")

    value = getattr(import_module(home), name)
    globals()[name] = value

    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
