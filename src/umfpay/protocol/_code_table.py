"""
The table of return codes (protocol notes 8.1, 8.2), in English and Chinese.

Where the two editions of the reference disagree, both meanings stand here as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from umfpay import errors
from umfpay.errors import APIError, Text
from umfpay.protocol._codes import Actor, Cause, Outcome, ReturnCode


_ADVICE: Final[Mapping[Cause, Text]] = {
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

_ERRORS: Final[Mapping[Cause, type[APIError] | None]] = {
    Cause.BUSY: errors.GatewayBusyError,
    Cause.CARD: errors.CardError,
    Cause.CUSTOMS: errors.CustomsRefusedError,
    Cause.EXCHANGE: errors.ExchangeError,
    Cause.IDENTITY: errors.IdentityError,
    Cause.PERMISSION: errors.PermissionDeniedError,
    Cause.RATE_LIMIT: errors.RateLimitedError,
    Cause.REFUND: errors.RefundRefusedError,
    Cause.REQUEST: errors.InvalidRequestError,
    Cause.SIGNATURE: errors.RequestSignatureError,
    Cause.SMS_CODE: errors.VerificationCodeError,
    Cause.STATE: errors.PaymentStateError,
    Cause.SUCCESS: None,
    Cause.TOKEN: errors.PermissionDeniedError,
}

_M, _C, _U, _N = Actor.MERCHANT, Actor.CUSTOMER, Actor.UMF, Actor.NOBODY

# code, cause, who must act, English, Chinese
_ROWS: Final[tuple[tuple[str, Cause, Actor, str, str], ...]] = (
    ("0000", Cause.SUCCESS, _N, "success", "成功"),
    ("00060999", Cause.BUSY, _U, "system error or busy", "系统错误或繁忙"),
    ("00060700", Cause.REQUEST, _M, "data validation failed", "数据校验失败"),
    ("00060710", Cause.SIGNATURE, _M, "merchant signature invalid", "商户签名无效"),
    ("00060711", Cause.PERMISSION, _U, "merchant not registered", "商户未开通"),
    ("00060720", Cause.CARD, _C, "phone number wrong", "手机号错误"),
    (
        "00060721",
        Cause.CARD,
        _C,
        "payer does not have the chosen (online) bank",
        "付款方未开通所选（网上）银行",
    ),
    ("00060722", Cause.CARD, _C, "choose another paying bank", "请选择其他支付银行"),
    (
        "00060723",
        Cause.CARD,
        _C,
        "payment password wrong, enter again",
        "支付密码错误，请重新输入",
    ),
    (
        "00060724",
        Cause.CARD,
        _C,
        "password wrong more than 3 times",
        "密码错误超过三次，支付失败",
    ),
    ("00060730", Cause.CARD, _C, "balance too low", "余额不足"),
    (
        "00060740",
        Cause.REQUEST,
        _M,
        "payment order could not be created",
        "支付订单创建失败",
    ),
    ("00060750", Cause.STATE, _C, "payment failed", "支付失败"),
    ("00060751", Cause.STATE, _C, "payment expired", "支付超时，已冲正"),
    ("00060760", Cause.STATE, _M, "payment does not exist", "支付不存在"),
    ("00060761", Cause.STATE, _N, "payment being processed", "支付处理中"),
    (
        "00060762",
        Cause.STATE,
        _M,
        "order expired, place a new one",
        "订单已过期，请重新下单",
    ),
    ("00060763", Cause.STATE, _M, "order closed", "订单已关闭"),
    ("00060764", Cause.STATE, _C, "order not paid", "订单未支付"),
    ("00060765", Cause.STATE, _C, "payment failed", "支付失败，请选择其他支付方式"),
    ("00060766", Cause.REFUND, _M, "refund not allowed", "不允许退款"),
    ("00060767", Cause.REFUND, _U, "refund request failed", "退款请求失败"),
    (
        "00060768",
        Cause.REFUND,
        _M,
        "refund amount does not match paid amount",
        "退款金额与支付金额不符",
    ),
    (
        "00060769",
        Cause.STATE,
        _M,
        "withdrawal or cancellation not allowed",
        "不允许撤销",
    ),
    (
        "00060770",
        Cause.REFUND,
        _M,
        "cancelled amount does not match paid amount",
        "撤销金额与支付金额不符",
    ),
    ("00060022", Cause.IDENTITY, _C, "ID number not valid", "证件号码无效"),
    (
        "00060076",
        Cause.CARD,
        _C,
        "bank card account not supported",
        "不支持该银行卡账户",
    ),
    ("00060101", Cause.CARD, _C, "bank card already registered", "银行卡已注册"),
    ("00060100", Cause.CARD, _C, "phone already registered", "手机号已注册"),
    ("00060105", Cause.IDENTITY, _C, "real-name check failed", "实名认证失败"),
    (
        "00060114",
        Cause.PERMISSION,
        _U,
        "merchant permission restricted",
        "商户权限受限",
    ),
    (
        "00060310",
        Cause.PERMISSION,
        _C,
        "user has not signed this merchant's agreement",
        "用户未签约该商户协议",
    ),
    ("00060314", Cause.PERMISSION, _C, "user not registered", "用户未注册"),
    ("00060315", Cause.PERMISSION, _C, "user not active", "用户未激活"),
    (
        "00281017",
        Cause.EXCHANGE,
        _M,
        "currency not accepted by or not open for the merchant",
        "币种不支持或商户未开通",
    ),
    ("00200005", Cause.SMS_CODE, _C, "SMS code not found", "短信验证码不存在"),
    ("00202012", Cause.CUSTOMS, _M, "customs not supported", "不支持该海关"),
    (
        "00202013",
        Cause.CUSTOMS,
        _M,
        "customs data already updated, no second update",
        "海关信息已更新，不可再次更新",
    ),
    (
        "00202014",
        Cause.CUSTOMS,
        _M,
        "order is not to be declared but declaration was asked",
        "订单无需报关但提交了报关",
    ),
    ("00202015", Cause.CUSTOMS, _M, "no such sub order", "子订单不存在"),
    ("00202016", Cause.CUSTOMS, _M, "no goods record", "无商品备案"),
    (
        "00202000",
        Cause.EXCHANGE,
        _U,
        "exchange rate answer has bad parameters",
        "汇率应答参数错误",
    ),
    ("00202001", Cause.EXCHANGE, _M, "foreign amount empty", "外币金额为空"),
    (
        "00202002",
        Cause.EXCHANGE,
        _M,
        "foreign amount must be an integer",
        "身份证号不存在",
    ),
    (
        "00202003",
        Cause.EXCHANGE,
        _M,
        "foreign amount must be above 0",
        "外币金额必须大于 0",
    ),
    ("00202005", Cause.REQUEST, _M, "order extension update failed", "银行卡号错误"),
    (
        "00202006",
        Cause.REQUEST,
        _M,
        "order extension update failed: ID type conversion",
        "订单扩展更新失败：证件类型转换",
    ),
    (
        "00202007",
        Cause.REQUEST,
        _M,
        "cross-border extension update failed",
        "跨境扩展更新失败",
    ),
    (
        "00202008",
        Cause.REQUEST,
        _M,
        "cross-border order data missing",
        "跨境订单数据缺失",
    ),
    ("00202009", Cause.REFUND, _M, "refund amount wrong", "身份证号错误"),
    (
        "00202010",
        Cause.REFUND,
        _M,
        "refund amount differs from original order amount",
        "请求中的订单金额不一致，退款失败",
    ),
    (
        "00202011",
        Cause.REFUND,
        _M,
        "refund currency differs from original currency",
        "退款币种与原订单币种不一致",
    ),
    (
        "00200086",
        Cause.SMS_CODE,
        _C,
        "SMS code only once per minute",
        "每分钟只能获取一次短信验证码",
    ),
    (
        "00290502",
        Cause.IDENTITY,
        _C,
        "ID number and name do not match",
        "证件号码与姓名不匹配",
    ),
    ("00200025", Cause.CARD, _C, "card data wrong", "银行卡信息错误"),
    ("00200026", Cause.CARD, _C, "card expired", "银行卡已过期"),
    (
        "00080706",
        Cause.SMS_CODE,
        _C,
        "more than one SMS code per minute",
        "一分钟内只能获取一次验证码",
    ),
    ("00060875", Cause.CARD, _C, "card BIN check failed", "卡 BIN 校验失败"),
    (
        "00080707",
        Cause.SMS_CODE,
        _M,
        "too many SMS codes for this order",
        "该订单获取验证码次数过多",
    ),
    ("00200027", Cause.PERMISSION, _U, "bank not open for this merchant", "未配置渠道"),
    (
        "00060869",
        Cause.PERMISSION,
        _U,
        "goods not registered with UMF",
        "商品未在联动优势备案",
    ),
    ("00280703", Cause.TOKEN, _N, "token invalid or expired", "令牌无效或已过期"),
    (
        "00060861",
        Cause.REFUND,
        _N,
        "refund accepted, money being paid out",
        "退款已受理，正在出款",
    ),
    ("00160079", Cause.IDENTITY, _C, "ID check: refused", "身份核验：未通过"),
    ("00160080", Cause.IDENTITY, _C, "ID check: refused", "身份核验：未通过"),
    ("00160104", Cause.IDENTITY, _C, "ID check: refused", "身份核验：未通过"),
    (
        "00240632",
        Cause.RATE_LIMIT,
        _M,
        "too frequent, wait one minute",
        "操作过于频繁，请等待一分钟",
    ),
    ("00290501", Cause.IDENTITY, _C, "ID check: refused", "身份核验：未通过"),
)

_RETRYABLE: Final = frozenset(
    {
        "00060723",
        "00060767",
        "00060999",
        "00080706",
        "00200005",
        "00200086",
        "00202000",
        "00240632",
        "00280703",
    }
)

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "0000": Outcome.ACCEPTED,
    # "system error / busy" says nothing about what was done.
    "00060999": Outcome.UNKNOWN,
    "00060761": Outcome.ACCEPTED,
    "00060861": Outcome.ACCEPTED,
}

# Where the cause's advice does not fit.
_OWN_ADVICE: Final[Mapping[str, Text]] = {
    "00060761": Text("Wait for the notification, or query.", "请等待通知或查询。"),
    "00060762": Text("Create a new payment.", "请重新下单。"),
    "00060763": Text("Create a new payment.", "请重新下单。"),
    "00060760": Text(
        "Check the payment id and the gateway it is from.",
        "请核对支付编号及其所属环境。",
    ),
    "00060766": Text(
        "A refund number is used once; very early refunds may fail, wait some seconds.",
        "退款单号只能使用一次；支付后过早退款可能失败，请稍候。",
    ),
    "00060767": Text(
        "Query the refund; then try again with a new number.",
        "请查询退款；之后用新的退款单号重试。",
    ),
    "00060861": Text(
        "Wait for the notification, or query the refund.", "请等待通知或查询退款。"
    ),
    "00080707": Text(
        "Create a new payment for another code.", "如需再次获取验证码，请重新下单。"
    ),
}


def _row(code: str, cause: Cause, actor: Actor, en: str, zh: str) -> ReturnCode:
    outcome = _OUTCOMES.get(code, Outcome.NOT_EXECUTED)

    return ReturnCode(
        code=code,
        meaning=Text(en, zh),
        cause=cause,
        actor=actor,
        retryable=code in _RETRYABLE,
        outcome=outcome,
        advice=_OWN_ADVICE.get(code, _ADVICE[cause]),
        error=None if outcome is Outcome.ACCEPTED else _ERRORS[cause],
    )


RETURN_CODES: Final[Mapping[str, ReturnCode]] = MappingProxyType(
    {row[0]: _row(*row) for row in _ROWS}
)


def find_code(code: str) -> ReturnCode | None:
    """
    Return the row of *code*, None if no table explains it.
    """
    return RETURN_CODES.get(code)
