"""
Raw bytes in, a verified typed event out (gateway.md 3.3). No I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Self

import attrs

from umfpay import _codec
from umfpay.config import Config
from umfpay.errors import (
    EnvelopeError,
    NotificationBodyError,
    NotificationSignatureError,
    Text,
)
from umfpay.models import CustomsDeclaration, Payment, Refund
from umfpay.protocol import (
    KeySource,
    PublicKey,
    Verdict,
    Verifier,
    dump_json,
    verify_notification,
)


Kind = Literal["payment", "refund", "customs_declaration"]
Entity = Payment | Refund | CustomsDeclaration
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

# Bytes; real ones have some thousands.
MAX_BODY: Final = 1024 * 1024

_KINDS: Final[dict[type, Kind]] = {
    Payment: "payment",
    Refund: "refund",
    CustomsDeclaration: "customs_declaration",
}
_RAW: Final = Text(
    "Give the body as received: FastAPI `await request.body()`, aiohttp `await"
    " request.read()`, Flask `request.get_data()`, Django `request.body`.",
    "请传入收到的原始内容：FastAPI `await request.body()`、aiohttp `await"
    " request.read()`、Flask `request.get_data()`、Django `request.body`。",
)


@attrs.frozen(kw_only=True)
class NotificationReply:
    """
    What to answer to the gateway.
    """

    status: int
    content_type: str
    body: bytes


@attrs.frozen(kw_only=True)
class NotificationEvent:
    """
    A verified notification.

    Attributes:
        kind: ``payment``, ``refund`` or ``customs_declaration``.
        object: What the gateway tells, typed.
        object_id: Its id.
        state: The gateway's word; a word that is not known yet is kept.
        key: SHA-256 of the body, in hex: the same for a delivery made again.
        body: As received.
        signature: The header Signature.
    """

    kind: Kind
    object: Entity
    object_id: str
    state: str
    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)

    @property
    def mer_reference_id(self) -> str | None:
        """
        The merchant's number: the order's, or the refund's own.
        """
        if isinstance(self.object, CustomsDeclaration) or self.object.order is None:
            return None

        return self.object.order.mer_reference_id

    def ack(self) -> NotificationReply:
        """
        Return the reply that ends the gateway's deliveries.

        Send it only when the event is stored. It is the form of production clients,
        with the id that the reference asks for (gateway.md 3.3, variants 2 and 3).
        """
        meta = {"ret_code": "0000", "ret_msg": ["SUCCESS"]}
        body = dump_json({"meta": meta, self.kind: {"id": self.object_id}})

        return NotificationReply(status=200, content_type="application/json", body=body)


class NotificationReceiver:
    """
    Checks notifications with the gateway's certificate.

    Args:
        gateway_certificate: As `Config` takes it; several while UMF changes keys.
    """

    def __init__(
        self,
        gateway_certificate: KeySource | PublicKey | Sequence[KeySource | PublicKey],
    ) -> None:
        sources: Any = gateway_certificate  # one, or several

        if not isinstance(sources, list | tuple):
            sources = [sources]

        self._verifier = Verifier([PublicKey.load(source) for source in sources])

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """
        Return a receiver with the certificate of *config*.
        """
        return cls(config.gateway_certificate)

    def read(self, body: bytes, headers: Headers) -> NotificationEvent:
        """
        Verify and read one notification.

        Args:
            body: The bytes as received: a parsed body cannot be verified.
            headers: Of the request, in any letter case.

        Raises:
            NotificationSignatureError: No signature, or one that does not verify.
            NotificationBodyError: Not the bytes as received, or no notification.
        """
        body = _raw(body)
        signature = _signature(headers)
        envelope = verify_notification(
            body, header_signature=signature, verifier=self._verifier
        )

        if envelope.verdict is Verdict.UNREADABLE:
            raise NotificationBodyError(
                Text(
                    f"The notification cannot be read: {envelope.reason}.",
                    f"通知无法读取：{envelope.reason}。",
                )
            )

        if envelope.verdict is not Verdict.VERIFIED:
            raise NotificationSignatureError(
                Text(
                    f"The notification is {envelope.verdict}.",
                    "通知没有签名。"
                    if envelope.verdict is Verdict.UNSIGNED
                    else "通知签名无效。",
                )
            )

        return _event(envelope.members, body, signature or "")


def _event(members: Any, body: bytes, signature: str) -> NotificationEvent:
    try:
        entity = _codec.read_notification(members)
    except EnvelopeError as error:
        raise NotificationBodyError(error.what) from None

    if entity.id is None or entity.state is None:
        raise NotificationBodyError(
            Text(
                "The notification names no object or no state.",
                "通知中缺少对象编号或状态。",
            )
        )

    return NotificationEvent(
        kind=_KINDS[type(entity)],
        object=entity,
        object_id=entity.id,
        state=entity.state.value,
        key=hashlib.sha256(body).hexdigest(),
        body=body,
        signature=signature,
    )


def _raw(body: Any) -> bytes:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise NotificationBodyError(
            Text(
                f"body is {type(body).__name__}, not the bytes as received.",
                f"body 是 {type(body).__name__}，不是收到的原始字节。",
            ),
            advice=_RAW,
        )

    if len(body) > MAX_BODY:
        raise NotificationBodyError(
            Text("The notification is too long.", "通知内容过长。")
        )

    return bytes(body)


def _signature(headers: Headers) -> str | None:
    found = [value for name, value in _pairs(headers) if name.lower() == "signature"]

    if len(found) > 1:
        raise NotificationSignatureError(
            Text("There are two Signature headers.", "存在多个 Signature 请求头。")
        )

    return found[0] if found else None


def _pairs(headers: Any) -> list[tuple[str, str]]:
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers

        return [(_word(name), _word(value)) for name, value in pairs]
    except (TypeError, ValueError):
        raise NotificationSignatureError(
            Text(
                "headers is neither a mapping nor pairs of names and values.",
                "headers 既不是映射，也不是名称与值的键值对。",
            ),
            advice=Text(
                "Give the headers of the request, as the framework has them.",
                "请传入框架提供的请求头。",
            ),
        ) from None


def _word(text: Any) -> str:
    # ASGI servers give bytes.
    if isinstance(text, bytes):
        return text.decode("latin-1")

    if not isinstance(text, str):
        raise TypeError

    return text
