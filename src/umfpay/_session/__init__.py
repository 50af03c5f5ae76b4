"""
`UMFSession`, by which a shop calls the gateway, and what is reported of its calls.

`UMFTransport` is written here and is public as `umfpay.transport.UMFTransport`.
"""

from umfpay._session._call_end import CallReport
from umfpay._session._session import UMFSession
from umfpay.resources import Evidence, Executed, Resolution


__all__ = ["CallReport", "Evidence", "Executed", "Resolution", "UMFSession"]
