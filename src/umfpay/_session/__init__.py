"""
`UMFSession`: what a shop holds and awaits; `UMFTransport`, the same for httpx.
"""

from typing import TYPE_CHECKING, Any

from umfpay._session._report import CallReport
from umfpay._session._session import UMFSession
from umfpay.resources import Evidence, Executed, Resolution


if TYPE_CHECKING:
    from umfpay._session._umf_transport import UMFTransport

__all__ = [
    "CallReport",
    "Evidence",
    "Executed",
    "Resolution",
    "UMFSession",
    "UMFTransport",
]


def __getattr__(name: str) -> Any:
    """
    Import httpx only for whoever has a client of it.
    """
    if name != "UMFTransport":
        raise AttributeError(f"module 'umfpay._session' has no attribute {name!r}")

    from umfpay._session._umf_transport import UMFTransport

    return UMFTransport


def __dir__() -> list[str]:
    return list(__all__)
