"""
The session: what a shop holds and awaits.
"""

from umfpay._session._session import CallReport, UMFSession


__all__ = ["CallReport", "UMFSession"]
