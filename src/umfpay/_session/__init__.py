"""
The session: what a shop holds and awaits.
"""

from umfpay._session._report import CallReport
from umfpay._session._resolving import Evidence, Executed, Resolution
from umfpay._session._session import UMFSession


__all__ = ["CallReport", "Evidence", "Executed", "Resolution", "UMFSession"]
