"""
Advice for return codes: what to do about each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from umfpay.errors import Text
from umfpay.protocol._codes import Cause


ADVICE_OF_CAUSE: Final[Mapping[Cause, Text]] = {
    Cause.BUSY: Text(
        "Query before anything else; the gateway may have worked.",
        "请先查询；平台可能已经处理。",
    ),
    Cause.CARD: Text(
        "Ask the customer to check the card data or to take another card.",
        "请客户核对卡信息或更换银行卡。",
    ),
    Cause.CUSTOMS: Text(
        "Check the declaration against the order; ask UMF about the channel.",
        "请核对报关信息与订单；通道问题请咨询联动优势。",
    ),
    Cause.EXCHANGE: Text(
        "Check currency and amount; ask UMF which currencies your contract has.",
        "请检查币种和金额；合同支持的币种请咨询联动优势。",
    ),
    Cause.IDENTITY: Text(
        "Ask the customer to check name and id number.",
        "请客户核对姓名和证件号码。",
    ),
    Cause.PERMISSION: Text(
        "Ask UMF to open it in your contract.", "请联系联动优势开通权限。"
    ),
    Cause.RATE_LIMIT: Text("Wait a minute, then try again.", "请等待一分钟后重试。"),
    Cause.REFUND: Text(
        "Check the amount against what is left to refund.",
        "请核对退款金额与剩余可退金额。",
    ),
    Cause.REQUEST: Text("Correct the request.", "请更正请求内容。"),
    Cause.SIGNATURE: Text(
        "Check that the merchant key belongs to this client_id and gateway.",
        "请确认商户私钥与 client_id 及平台环境对应。",
    ),
    Cause.SMS_CODE: Text(
        "Let the customer enter the code again, or ask for a new one after a minute.",
        "请客户重新输入验证码，或一分钟后重新获取。",
    ),
    Cause.STATE: Text(
        "Query the payment and act on its state.", "请查询该笔支付并按其状态处理。"
    ),
    Cause.SUCCESS: Text("Nothing is to be done.", "无需处理。"),
    Cause.TOKEN: Text(
        "A new token is fetched; give all workers one token_store.",
        "将获取新令牌；请让所有进程共用一个 token_store。",
    ),
}

_ENTER_AGAIN_ADVICE: Final = Text(
    "Let the customer enter it again.", "请客户重新输入。"
)
_NEW_PAYMENT_ADVICE: Final = Text("Create a new payment.", "请重新下单。")
_EDITIONS_DIFFER_ADVICE: Final = Text(
    "The two editions of the table disagree about this code: go by the gateway's own"
    " words, then check amount, card and id number.",
    "中英文码表对此返回码的说明不一致：请以平台返回的文字为准，并核对金额、卡号和证件号码。",
)
_REGISTERED_ADVICE: Final = Text(
    "It is registered already: go on without registering.", "已注册，无需再次注册。"
)
_CUSTOMER_FIRST_ADVICE: Final = Text(
    "The customer must register, activate or sign with UMF first.",
    "请客户先在联动优势注册、激活或签约。",
)

_CODE_SENT_ADVICE: Final = Text(
    "A code may be on its way: let the customer look first, and ask for a new one after"
    " a minute.",
    "验证码可能已发出，请客户先查收，一分钟后再重新获取。",
)

ADVICE_OF_CODE: Final[Mapping[str, Text]] = {
    "00060720": Text(
        "Ask the customer for the phone number that the bank knows.",
        "请客户核对银行预留手机号。",
    ),
    "00060723": _ENTER_AGAIN_ADVICE,
    "00060724": _NEW_PAYMENT_ADVICE,
    "00060730": Text("Ask the customer to take another card.", "请客户更换银行卡。"),
    "00060751": _NEW_PAYMENT_ADVICE,
    "00060760": Text(
        "Check the payment id and the gateway it is from.",
        "请核对支付编号及其所属环境。",
    ),
    "00060761": Text("Wait for the notification, or query.", "请等待通知或查询。"),
    "00060762": _NEW_PAYMENT_ADVICE,
    "00060763": _NEW_PAYMENT_ADVICE,
    "00060765": Text(
        "Ask the customer to pay another way.", "请客户选择其他支付方式。"
    ),
    "00060766": Text(
        "A refund number is used once; very early refunds may fail, wait some seconds.",
        "退款单号只能使用一次；支付后过早退款可能失败，请稍候。",
    ),
    "00060767": Text(
        "Query the payment; then refund with a new number, some seconds later.",
        "请先查询；几秒后再用新的退款单号退款。",
    ),
    "00060861": Text(
        "Wait for the notification, or query the refund.", "请等待通知或查询退款。"
    ),
    "00060100": _REGISTERED_ADVICE,
    "00060101": _REGISTERED_ADVICE,
    "00060310": _CUSTOMER_FIRST_ADVICE,
    "00060314": _CUSTOMER_FIRST_ADVICE,
    "00060315": _CUSTOMER_FIRST_ADVICE,
    "00060869": Text("Register the goods with UMF first.", "请先向联动优势备案商品。"),
    "00080706": _CODE_SENT_ADVICE,
    "00080707": Text(
        "A code may be on its way: let the customer look first; create a new payment for"
        " another code.",
        "验证码可能已发出，请客户先查收；如需再次获取，请重新下单。",
    ),
    "00200086": _CODE_SENT_ADVICE,
    "00202002": _EDITIONS_DIFFER_ADVICE,
    "00202005": _EDITIONS_DIFFER_ADVICE,
    "00202009": _EDITIONS_DIFFER_ADVICE,
    "00202010": _EDITIONS_DIFFER_ADVICE,
}
