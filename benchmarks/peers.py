"""
Who is compared: the same two calls by us, by bare aiohttp, and as a newcomer writes it.

All of them sign the bytes they send, verify the bytes they got and hand out an object;
keys and connections are made once. What stands here is fixed, so that a ratio of today
can be compared with one of next year.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, Protocol

import aiohttp
import httpx
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from benchmarks.canned import MER_DATE, MER_REFERENCE_ID, PAYMENT_ID, Gateway
from umfpay import UMFSession
from umfpay.models import (
    BankCard,
    Money,
    NewItem,
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    NewSubOrder,
)


_TOKEN: Final = "c" * 64
_ITEM: Final = {
    "mer_item_id": f"{MER_REFERENCE_ID}-1-1",
    "type": "OTHER",
    "name": "book",
    "amount": {"total": "10.00", "currency": "USD"},
}
_BODY: Final = {
    "payer": {
        "payment_method": "CREDIT_CARD",
        "interface_type": "SERVER_TO_SERVER",
        "business_type": "B2C",
        "bank_code": "CCB",
        "payer_info": {"bank_card": {"citizen_id_type": "IDENTITY_CARD"}},
    },
    "order": {
        "mer_reference_id": MER_REFERENCE_ID,
        "mer_date": MER_DATE,
        "amount": {"total": "10.00", "currency": "USD"},
        "order_summary": "books",
        "expire_time": "30",
        "user_ip": "192.0.2.7",
        "sub_orders": [
            {
                "mer_sub_reference_id": f"{MER_REFERENCE_ID}-1",
                "amount": {"total": "10.00", "currency": "USD"},
                "trans_code": "01122030",
                "items": [_ITEM],
            }
        ],
    },
    "notify_url": "https://shop.example/notify",
}


class Peer(Protocol):
    """
    Makes the two calls of the benchmark.
    """

    async def create(self) -> object:
        """
        Create the payment: a signed POST.
        """
        ...

    async def query(self) -> object:
        """
        Ask for it: a GET.
        """
        ...

    async def aclose(self) -> None:
        """
        Close all connections.
        """
        ...


def new_payment() -> NewPayment:
    """
    Return the payment that is created.
    """
    return NewPayment(
        notify_url="https://shop.example/notify",
        payer=NewPayer(
            payment_method="CREDIT_CARD",
            bank_code="CCB",
            payer_info=NewPayerInfo(bank_card=BankCard()),
        ),
        order=NewOrder(
            mer_reference_id=MER_REFERENCE_ID,
            mer_date=date(2026, 11, 23),
            amount=Money("10.00", "USD"),
            order_summary="books",
            expire_time=timedelta(minutes=30),
            user_ip="192.0.2.7",
            sub_orders=[
                NewSubOrder(
                    mer_sub_reference_id=f"{MER_REFERENCE_ID}-1",
                    amount=Money("10.00", "USD"),
                    trans_code="01122030",
                    items=[
                        NewItem(
                            mer_item_id=f"{MER_REFERENCE_ID}-1-1",
                            type="OTHER",
                            name="book",
                            amount=Money("10.00", "USD"),
                        )
                    ],
                )
            ],
        ),
    )


class Ours:
    """
    `umfpay.UMFSession`: typed objects in and out.
    """

    def __init__(self, gateway: Gateway, **changes: Any) -> None:
        self.session = UMFSession(gateway.config(**changes))
        self._payment = new_payment()

    async def create(self) -> object:
        return await self.session.payments.create(self._payment)

    async def query(self) -> object:
        return await self.session.payments.get(PAYMENT_ID)

    async def aclose(self) -> None:
        await self.session.aclose()


class BareAiohttp:
    """
    The least that one can do: aiohttp, the same RSA work, `json.loads`, no types.
    """

    def __init__(self, gateway: Gateway, *, connections: int = 400) -> None:
        key = serialization.load_der_private_key(gateway.keys.merchant, None)
        assert isinstance(key, RSAPrivateKey)
        gateway_key = serialization.load_der_private_key(gateway.keys.gateway, None)
        assert isinstance(gateway_key, RSAPrivateKey)
        self._key = key
        self._gateway_key = gateway_key.public_key()
        self._url = gateway.url
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._padding = padding.PKCS1v15()
        self._sha256 = hashes.SHA256()

    async def create(self) -> object:
        body = json.dumps(_BODY, separators=(",", ":")).encode()
        signature = self._key.sign(body, self._padding, self._sha256)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {_TOKEN}",
            "Signature": base64.b64encode(signature).decode(),
        }

        async with self._open().post(
            f"{self._url}/payments/payment", data=body, headers=headers
        ) as answer:
            return await self._verified(answer)

    async def query(self) -> object:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {_TOKEN}",
        }

        async with self._open().get(
            f"{self._url}/payments/payment/{PAYMENT_ID}", headers=headers
        ) as answer:
            return await self._verified(answer)

    async def _verified(self, answer: aiohttp.ClientResponse) -> object:
        body = await answer.read()
        self._gateway_key.verify(
            base64.b64decode(answer.headers["Signature"]),
            body,
            self._padding,
            self._sha256,
        )

        return json.loads(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections)
            )

        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class Newcomer:
    """
    What a first version looks like: one `httpx.AsyncClient`, pycryptodome, dicts.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        verify: ssl.SSLContext | bool = True,
        limits: httpx.Limits | None = None,
    ) -> None:
        self._signer = pkcs1_15.new(RSA.import_key(gateway.keys.merchant))
        self._verifier = pkcs1_15.new(RSA.import_key(gateway.keys.gateway).public_key())
        self._url = gateway.url
        changes: Mapping[str, Any] = {} if limits is None else {"limits": limits}
        self._client = httpx.AsyncClient(verify=verify, timeout=60, **changes)

    async def create(self) -> object:
        body = json.dumps(_BODY).encode()
        signature = self._signer.sign(SHA256.new(body))
        answer = await self._client.post(
            f"{self._url}/payments/payment",
            content=body,
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {_TOKEN}",
                "Signature": base64.b64encode(signature).decode(),
            },
        )

        return self._verified(answer)

    async def query(self) -> object:
        answer = await self._client.get(
            f"{self._url}/payments/payment/{PAYMENT_ID}",
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {_TOKEN}",
            },
        )

        return self._verified(answer)

    def _verified(self, answer: httpx.Response) -> object:
        answer.raise_for_status()
        self._verifier.verify(
            SHA256.new(answer.content),
            base64.b64decode(answer.headers["Signature"]),
        )

        return answer.json()

    async def aclose(self) -> None:
        await self._client.aclose()
