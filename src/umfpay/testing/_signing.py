"""
Notifications made in a test, signed as the gateway signs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from umfpay.protocol import PrivateKey, Signer, dump_json


@attrs.frozen(kw_only=True)
class SignedNotification:
    """
    What the gateway would post: the body as bytes, and the headers.
    """

    body: bytes
    headers: Mapping[str, str]


class NotificationSigner:
    """
    Signs notifications with the emulator's gateway key: ``umf_notification_signer``.

        signed = umf_notification_signer({"payment": {"id": "PAY_A", ...}})
        client.post("/umf/notify", content=signed.body, headers=signed.headers)
    """

    def __init__(self, key: PrivateKey) -> None:
        self._signer = Signer(key)

    def __call__(self, members: Mapping[str, Any]) -> SignedNotification:
        """
        Sign any body (gateway.md 3.3): ``{"payment": {...}}``.
        """
        body = dump_json(members)

        return SignedNotification(
            body=body,
            headers={
                "Content-Type": "application/json",
                "Signature": self._signer.sign(body),
            },
        )

    def payment(
        self,
        payment_id: str,
        *,
        state: str = "TRADE_SUCCESS",
        mer_reference_id: str,
        mer_date: str,
        total: str,
        currency: str,
    ) -> SignedNotification:
        """
        Sign what the gateway tells of a payment.

        Args:
            mer_date: ``YYYYMMDD``.
            total: In *currency*, with its decimals.
        """
        return self(
            {
                "payment": {
                    "id": payment_id,
                    "state": state,
                    "order": _order(mer_reference_id, mer_date, total, currency),
                }
            }
        )

    def refund(
        self,
        refund_id: str,
        *,
        state: str = "REFUND_SUCCESS",
        parent_payment: str,
        mer_reference_id: str,
        mer_date: str,
        total: str,
        currency: str,
    ) -> SignedNotification:
        """
        Sign what the gateway tells of a refund; *mer_reference_id* is its own number.
        """
        return self(
            {
                "refund": {
                    "id": refund_id,
                    "state": state,
                    "parent_payment": parent_payment,
                    "order": _order(mer_reference_id, mer_date, total, currency),
                }
            }
        )


def _order(number: str, mer_date: str, total: str, currency: str) -> dict[str, Any]:
    return {
        "mer_reference_id": number,
        "mer_date": mer_date,
        "amount": {"total": total, "currency": currency},
    }
