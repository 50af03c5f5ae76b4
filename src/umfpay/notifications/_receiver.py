"""
Verify and parse a notification (webhook): bytes in, typed event out (gateway.md 3.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Self

import attrs

from umfpay import _codec
from umfpay.config import Config, merchant_id, no_config
from umfpay.errors import EnvelopeError, NotificationBodyError
from umfpay.errors.notification_errors import (
    headers_error,
    nameless_error,
    raw_body_error,
    too_long_error,
    two_signatures_error,
    unreadable_error,
    unverified_error,
)
from umfpay.models import CustomsDeclaration, Order, Payment, Refund
from umfpay.protocol import (
    KeySource,
    PublicKey,
    Verdict,
    Verifier,
    dump_json,
    verify_notification,
)


Origin = Literal["notification", "query"]
Kind = Literal["payment", "refund", "customs_declaration"]
Entity = Payment | Refund | CustomsDeclaration
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

# Bytes; real ones have some thousands.
MAX_BODY_BYTES: Final = 1024 * 1024

KIND_OF_TYPE: Final[dict[type, Kind]] = {
    Payment: "payment",
    Refund: "refund",
    CustomsDeclaration: "customs_declaration",
}


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
        origin: ``notification``, or ``query``: what a signed query said, kept so that
            the handler runs for it, too; its *signature* is empty.
        bare: Whether it holds neither ``meta`` nor ``links``, as any answer does that
            is sent to a shop as if it were a notification.
    """

    kind: Kind
    object: Entity
    object_id: str
    state: str
    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    origin: Origin = "notification"
    bare: bool = True

    @property
    def mer_reference_id(self) -> str | None:
        """
        The merchant's number: the order's, or the refund's own.
        """
        return None if self.order is None else self.order.mer_reference_id

    @property
    def payment_id(self) -> str | None:
        """
        Of a refund or declaration: the payment that it names.
        """
        return None if isinstance(self.object, Payment) else self.object.parent_payment

    @property
    def order(self) -> Order | None:
        """
        The order that it tells of, None for a declaration.
        """
        if isinstance(self.object, CustomsDeclaration):
            return None

        return self.object.order

    def ack(self) -> NotificationReply:
        """
        Return the reply that ends the gateway's deliveries.

        Send it only when the event is stored. It is the form of production clients,
        with the id that the reference asks for (gateway.md 3.3, variants 2 and 3).
        """
        return _ack({self.kind: {"id": self.object_id}})


@attrs.frozen(kw_only=True)
class Delivery:
    """
    Bytes that the gateway has signed, whether they can be read or not.

    Attributes:
        event: None if no object with id and state was found.
        mer_reference_id: The merchant's number, as far as one can be found.
        error: Why *event* is None.
    """

    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    event: NotificationEvent | None = None
    mer_reference_id: str | None = None
    error: NotificationBodyError | None = None

    def ack(self) -> NotificationReply:
        """
        Return the reply: what the gateway has signed is not sent better again.
        """
        return _ack({}) if self.event is None else self.event.ack()


def _ack(members: Mapping[str, Any]) -> NotificationReply:
    meta = {"ret_code": "0000", "ret_msg": ["SUCCESS"]}
    body = dump_json({"meta": meta, **members})

    return NotificationReply(status=200, content_type="application/json", body=body)


class NotificationReceiver:
    """
    Checks notifications with the gateway's certificate.

    Args:
        gateway_certificate: As `Config` takes it; several while UMF changes keys.
        merchant: Whose notifications they are, where several share a database;
            `from_config` knows it.
    """

    def __init__(
        self,
        gateway_certificate: KeySource | PublicKey | Sequence[KeySource | PublicKey],
        *,
        merchant: str = "",
    ) -> None:
        sources: Any = gateway_certificate  # one, or several

        if not isinstance(sources, list | tuple):
            sources = [sources]

        self.merchant = merchant
        self._verifier = Verifier([PublicKey.load(source) for source in sources])

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """
        Return a receiver with the certificate of *config*.

        Raises:
            ConfigError: It is something else.
        """
        if not isinstance(config, Config):
            refusal = no_config(config)
            # What was given may be a dict of settings, and a traceback shows locals.
            del config

            raise refusal

        return cls(
            config.gateway_certificate,
            merchant=merchant_id(config.base_url, config.client_id),
        )

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
        delivery = self.verify(body, headers)

        if delivery.event is None:
            raise delivery.error or nameless_error()

        return delivery.event

    def verify(self, body: bytes, headers: Headers) -> Delivery:
        """
        Verify one notification, and read it if that is possible.

        Args:
            body: The bytes as received: a parsed body cannot be verified.
            headers: Of the request, in any letter case.

        Raises:
            NotificationSignatureError: No signature, or one that does not verify.
            NotificationBodyError: Not the bytes as received.
        """
        body = _raw(body)
        signature = _signature(headers)
        envelope = verify_notification(
            body, header_signature=signature, verifier=self._verifier
        )

        if envelope.verdict not in (Verdict.VERIFIED, Verdict.UNREADABLE):
            raise unverified_error(unsigned=envelope.verdict is Verdict.UNSIGNED)

        signed: dict[str, Any] = {
            "key": hashlib.sha256(body).hexdigest(),
            "body": body,
            "signature": signature or "",
        }

        try:
            if envelope.verdict is Verdict.UNREADABLE:
                raise unreadable_error(str(envelope.reason))

            event = read_event(envelope.members, **signed)
        except NotificationBodyError as error:
            number = _number(envelope.members)

            return Delivery(**signed, mer_reference_id=number, error=error)

        number = event.mer_reference_id

        return Delivery(**signed, event=event, mer_reference_id=number)


def read_event(members: Any, body: bytes, **more: Any) -> NotificationEvent:
    """
    Return the event that the *members* of a body tell of; whoever calls it has verified
    them.

    Args:
        more: The other attributes. Any: each has its own type.

    Raises:
        NotificationBodyError: They tell of no object with id and state.
    """
    try:
        entity = _codec.read_notification(members)
    except EnvelopeError as error:
        raise NotificationBodyError(*error.what) from None

    if entity.id is None or entity.state is None:
        raise nameless_error()

    return NotificationEvent(
        kind=KIND_OF_TYPE[type(entity)],
        object=entity,
        object_id=entity.id,
        state=entity.state.value,
        body=body,
        bare=_is_bare(members),
        **more,
    )


def _number(members: Mapping[str, Any]) -> str | None:
    """
    Return the order number that an object without an id names.

    The flat form of an early specification calls it order_id (gateway.md 3.3).
    """
    named = [
        order.get("mer_reference_id")
        for payment in _objects(members.get("payment"))
        for order in _objects(payment.get("order"))
    ]
    named.append(members.get("order_id"))
    numbers = {str(one).strip() for one in named if isinstance(one, str | int)} - {""}

    return numbers.pop() if len(numbers) == 1 else None


def _is_bare(members: Mapping[str, Any]) -> bool:
    inner = [one for value in members.values() for one in _objects(value)]
    names = {name.strip() for level in (members, *inner) for name in level}

    return not names & {"meta", "links"}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """
    Return the object that a member holds: itself, or in a list (gateway.md, trap 5).
    """
    several = value if isinstance(value, list) else [value]

    return [one for one in several if isinstance(one, dict)]


def _raw(body: Any) -> bytes:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise raw_body_error(type(body))

    if len(body) > MAX_BODY_BYTES:
        raise too_long_error()

    return bytes(body)


def _signature(headers: Any) -> str | None:
    try:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        words = [(_word(name).lower(), _word(value)) for name, value in pairs]
    except (TypeError, ValueError):
        raise headers_error() from None

    found = [value for name, value in words if name == "signature"]

    if len(found) > 1:
        raise two_signatures_error()

    return found[0] if found else None


def _word(text: Any) -> str:
    # ASGI servers give bytes.
    if isinstance(text, bytes):
        return text.decode("latin-1")

    if not isinstance(text, str):
        raise TypeError

    return text
