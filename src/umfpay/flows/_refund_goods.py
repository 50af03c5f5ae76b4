"""
Which goods are given back: parts of an order as parts of a refund.
"""

from __future__ import annotations

from collections.abc import Collection

from umfpay.errors import InvalidValueError
from umfpay.models import NewOrder, NewSubOrder, RefundSubOrder


def choose_goods(
    order: NewOrder,
    *,
    sub_orders: Collection[str] = (),
    items: Collection[str] = (),
) -> tuple[RefundSubOrder, ...]:
    """
    Return what is to be refunded of *order*, for `refund(goods=...)`.

    Args:
        order: As it was paid; the gateway does not tell the goods (gateway.md 5.6).
        sub_orders: ``mer_sub_reference_id`` of those that come back as wholes.
        items: ``mer_item_id`` of single lines; each with its whole amount.

    Raises:
        ConfigError: Nothing is chosen, or something that is not in the order, or is
            chosen twice.
    """
    _check_texts("sub_orders", sub_orders)
    _check_texts("items", items)
    chosen = tuple(
        part
        for sub in order.sub_orders
        if (part := _part(sub, sub_orders, items)) is not None
    )
    known = {sub.mer_sub_reference_id for sub in order.sub_orders}
    lines = [item.mer_item_id for sub in order.sub_orders for item in sub.items]

    for name, asked, there in (
        ("sub_orders", sub_orders, known),
        ("items", items, set(lines)),
    ):
        for one in asked:
            if one not in there:
                raise InvalidValueError.of(
                    "choose_goods",
                    f"{name}: {one} is not in the order",
                    f"{one} 不在订单中",
                )

    for one in items:
        if lines.count(one) > 1:
            raise InvalidValueError.of(
                "choose_goods", f"items: {one} is in the order twice", f"{one} 重复"
            )

    if not chosen:
        raise InvalidValueError.of(
            "choose_goods", "nothing is chosen", "未选择任何商品"
        )

    return chosen


def _part(
    sub: NewSubOrder, sub_orders: Collection[str], items: Collection[str]
) -> RefundSubOrder | None:
    lines = [item for item in sub.items if item.mer_item_id in items]
    whole = sub.mer_sub_reference_id in sub_orders

    if whole and lines:
        raise InvalidValueError.of(
            "choose_goods",
            f"{sub.mer_sub_reference_id} is chosen as a whole and by items",
            f"{sub.mer_sub_reference_id} 整单与商品重复选择",
        )

    if not whole and not lines:
        return None

    amount = sub.amount if whole else lines[0].amount

    for item in lines[1:]:
        amount += item.amount

    return RefundSubOrder(
        mer_sub_reference_id=sub.mer_sub_reference_id,
        amount=amount,
        trans_code=sub.trans_code,
    )


def _check_texts(name: str, given: Collection[str]) -> None:
    # A single text is a collection of letters.
    if isinstance(given, str):
        raise InvalidValueError.of(
            "choose_goods", f"{name}: a list is needed", f"{name}：需要列表"
        )

    if len(set(given)) != len(given):
        raise InvalidValueError.of(
            "choose_goods", f"{name}: something is there twice", f"{name}：重复"
        )
