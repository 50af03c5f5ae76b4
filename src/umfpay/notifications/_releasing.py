"""
A person's word that the id of an event is the shop's own.
"""

from __future__ import annotations

from umfpay.errors import NotificationError, Text
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import Binding
from umfpay.notifications._stored_events import Read


_EXPECT_ADVICE = Text(
    "Tell the inbox what was ordered: inbox.expect(number, amount=..., payment_id=...).",
    "请先告知收件箱订单内容：inbox.expect(单号, amount=..., payment_id=...)。",
)


async def release(store: EventStore, read: Read, key: str) -> None:
    """
    Bind the id that the event with *key* names, and make ready what waits for it.

    Raises:
        NotificationError: There is none, it names no id, or its order is not expected.
    """
    stored = await store.find(key)
    event = None if stored is None else read(stored)

    if stored is None or event is None:
        raise NotificationError(
            "There is no such event, or it names no object.",
            "没有该事件，或其中没有对象编号。",
        )

    known = stored.known
    number = known.refund.mer_reference_id if known.refund is not None else None

    if event.kind == "payment":
        if known.order is None:
            raise NotificationError(
                "Its order is not expected.", "该订单未登记。", advice=_EXPECT_ADVICE
            )

        number = known.order.mer_reference_id

    await store.expect(
        None,
        Binding(
            kind=event.kind,
            object_id=event.object_id,
            mer_reference_id=None if event.kind == "customs_declaration" else number,
            payment_id=event.payment_id,
        ),
    )
