"""
Flows that end without the state they were to reach.
"""

from __future__ import annotations

from typing import ClassVar

from umfpay.errors._base import Text, UMFError


class FlowError(UMFError):
    """
    Raised when a flow ends without the state it was to reach.

    Attributes:
        last: The last object that the gateway gave, or None.
    """

    default_advice: ClassVar[Text] = Text(
        "Query the object and go on from its state.",
        "请查询该对象并按其状态继续。",
    )

    last: object | None

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        last: object | None = None,
        advice: Text | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        super().__init__(
            en, zh, advice=advice, money_may_have_moved=money_may_have_moved
        )
        self.last = last


class PaymentFailedError(FlowError):
    """
    Raised when a payment ended in a state that is not success.
    """

    default_advice: ClassVar[Text] = Text(
        "Nobody has paid. Create a new payment under a new order number if the customer"
        " still wants to pay.",
        "该笔未支付成功。如客户仍需支付，请使用新的订单号重新下单。",
    )


class PaymentExpiredError(FlowError):
    """
    Raised when nobody paid before the order expired.
    """

    default_advice: ClassVar[Text] = Text(
        "Place a new order under a new number; give a longer expire_time if customers"
        " need more time.",
        "订单已过期，请使用新的订单号重新下单；如需更长时间请加大 expire_time。",
    )


class NotFinishedError(FlowError):
    """
    Raised when the deadline of a flow came before the final state.

    *last* is the object as it was last seen; it may still change.
    """

    default_advice: ClassVar[Text] = Text(
        "Wait for the notification, or query the object later; do not start again.",
        "请等待通知或稍后查询；请勿重新发起。",
    )


class RefundFailedError(FlowError):
    """
    Raised when a refund ended as failed or closed: the money stays with the merchant.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask UMF for the reason; refund again under a new refund number.",
        "请向联动优势查询原因；使用新的退款单号重新退款。",
    )


class RefundAmountError(FlowError):
    """
    Raised when a refund asks for more than is left of the payment.
    """

    default_advice: ClassVar[Text] = Text(
        "Refund at most what is left of the payment.",
        "退款金额不得超过剩余可退金额。",
    )


class RefundNumberUsedError(FlowError):
    """
    Raised when a refund number was, or may have been, used before.
    """

    default_advice: ClassVar[Text] = Text(
        "If this is a new refund, give it a new number; if not, query the first one.",
        "若为新的退款请使用新的退款单号；否则请查询原退款。",
    )


class EnterpriseNotEnabledError(FlowError):
    """
    Raised when a company may not pay yet: its qualification is not ENABLE.
    """

    default_advice: ClassVar[Text] = Text(
        "UMF and the bank check the company offline; wait for ENABLE, then pay.",
        "联动优势与银行线下审核企业资质；请等待状态变为 ENABLE 后再支付。",
    )


class CustomsFailedError(FlowError):
    """
    Raised when the customs refused a declaration.
    """

    default_advice: ClassVar[Text] = Text(
        "Ask UMF for the reason; correct the data and declare it again.",
        "请向联动优势查询原因，更正数据后重新报关。",
    )


class CodeTooSoonError(FlowError):
    """
    Raised when an SMS code is asked for within a minute of the last; nothing was sent.
    """

    default_advice: ClassVar[Text] = Text(
        "Wait until a minute has passed since the last code.",
        "请在上一条验证码发送满一分钟后重试。",
    )


class PendingExpiredError(FlowError):
    """
    Raised when a payment half made is too old to go on with, or was forgotten.
    """

    default_advice: ClassVar[Text] = Text(
        "Begin the payment again; the customer gives the card data anew.",
        "请重新发起支付，并请客户重新提供卡信息。",
    )
