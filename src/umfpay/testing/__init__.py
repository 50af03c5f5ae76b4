"""
For tests of shops: a pytest plugin with the gateway in a box.

    # conftest.py
    pytest_plugins = ["umfpay.testing"]

Fixtures: ``umf_emulator``, ``umf_session``, ``umf_notification_signer``,
``umf_faults``, ``umf_credentials`` and ``umf_server_thread``. `signed_answer()` makes
answers for respx and httpx's own doubles. Connections to other machines are refused in
all tests. Needs the extra ``testing``.
"""

from umfpay.errors import needs_extra as _needs_extra


with _needs_extra("testing", by="umfpay.testing"):
    from umfpay.testing._emulator import EmulatorBox, Faults, ServerThread
    from umfpay.testing._fixtures import (
        umf_credentials,
        umf_emulator,
        umf_faults,
        umf_no_network,
        umf_notification_signer,
        umf_server_thread,
        umf_session,
    )
    from umfpay.testing._signing import (
        NotificationSigner,
        SignedNotification,
        signed_answer,
    )
    from umfpay.testing._transport import emulator_transport


__all__ = [
    "EmulatorBox",
    "Faults",
    "NotificationSigner",
    "ServerThread",
    "SignedNotification",
    "emulator_transport",
    "signed_answer",
    "umf_credentials",
    "umf_emulator",
    "umf_faults",
    "umf_no_network",
    "umf_notification_signer",
    "umf_server_thread",
    "umf_session",
]
