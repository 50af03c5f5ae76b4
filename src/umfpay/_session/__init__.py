"""
`UMFSession`: what a shop holds and awaits; `UMFTransport` stands in `umfpay.transport`.
"""

from umfpay._session._call_end import CallReport
from umfpay._session._session import UMFSession
from umfpay.resources import Evidence, Executed, Resolution


__all__ = ["CallReport", "Evidence", "Executed", "Resolution", "UMFSession"]
