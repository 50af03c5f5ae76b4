"""
Notifications and answers made in a test, signed as the gateway signs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import httpx

from umfpay.emulator import Credentials
from umfpay.protocol import PrivateKey, Signer, dump_json, find_code, sign_envelope
from umfpay.sensitive import fitting


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
        # A frame that an error leaves must not show the text of a key.
        key = fitting(key, PrivateKey)
        self._signer = Signer(key)

    def __call__(self, members: Mapping[str, Any]) -> SignedNotification:
        """
        Sign any body (gateway.md 3.3): ``{"payment": {...}}``.

        Raises:
            JSONRefusedError: A number is not finite, or text has half of a surrogate
                pair.
            TypeError: Something has no JSON form.
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


def signed_answer(
    members: Mapping[str, Any],
    key: PrivateKey | Credentials,
    *,
    ret_code: str = "0000",
    ret_msg: str | None = None,
    status_code: int = 200,
    place: Literal["meta", "header", "both"] = "meta",
) -> httpx.Response:
    """
    Return an answer as the gateway signs it, for respx and `httpx.MockTransport`.

        respx.get(url).mock(return_value=signed_answer({"payment": {...}}, key))

    Args:
        members: The answer; its ``meta`` gets code, words and signature.
        key: The gateway's key, or ``umf_credentials``, which hold it.
        ret_code: Another than 0000 makes a signed refusal.
        ret_msg: The gateway's words; None is what the table says of *ret_code*.
        status_code: The HTTP status.
        place: Where the signature goes (gateway.md 3.2): into ``meta.sign``, into the
            header, or into both.
    """
    # A frame that an error leaves must not show the text of a key.
    key = fitting(key, PrivateKey, Credentials)
    gateway_key = key.gateway_key if isinstance(key, Credentials) else key

    if ret_msg is None:
        row = find_code(ret_code)
        ret_msg = "" if row is None else row.meaning.en

    meta = {"ret_code": ret_code, "ret_msg": ret_msg, **members.get("meta", {})}
    body, signature = sign_envelope(
        {**members, "meta": meta}, signer=Signer(gateway_key), place=place
    )
    headers = {"Content-Type": "application/json"}

    if signature is not None:
        headers["Signature"] = signature

    return httpx.Response(status_code, content=body, headers=headers)


def _order(number: str, mer_date: str, total: str, currency: str) -> dict[str, Any]:
    return {
        "mer_reference_id": number,
        "mer_date": mer_date,
        "amount": {"total": total, "currency": currency},
    }
