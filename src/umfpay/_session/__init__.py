"""
`UMFSession`: what a shop holds and awaits.
"""

from umfpay._session._report import CallReport
from umfpay._session._session import UMFSession
from umfpay._session._unknown_outcome import Evidence, Executed, Resolution


__all__ = ["CallReport", "Evidence", "Executed", "Resolution", "UMFSession"]
