"""
The web console: what a customer, a bank and UMF's staff would see, as pages.

Server-rendered, without scripts. It changes state only by forms of its own pages.
"""

from umfpay.emulator._console._console import Console


__all__ = ["Console"]
