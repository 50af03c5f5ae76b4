"""
Refusals: from return code or HTTP status to the error that is raised (gateway.md 8).
"""

from __future__ import annotations

from typing import Final

import attrs

from umfpay import errors
from umfpay.errors import APIError, Text, escape
from umfpay.protocol._return_codes import find_code
from umfpay.protocol._signatures import Envelope, Verdict


@attrs.frozen
class _Reading:
    """
    What a refusal is taken for; without advice it has that of its error.
    """

    error: type[APIError]
    meaning: Text
    retryable: bool = False
    advice: Text | None = None


_UNKNOWN_CODE_READING: Final = _Reading(
    errors.UnknownCodeError,
    Text("a code that no table explains", "码表中没有的返回码"),
)
_UNKNOWN_READING: Final = _Reading(
    errors.UnknownCodeError,
    Text("a refusal without a reason", "未说明原因的拒绝"),
)
_SERVER_READING: Final = _Reading(
    errors.GatewayBusyError,
    Text("the gateway failed", "平台故障"),
    retryable=True,
)

# The documented statuses, for answers without a code (gateway.md 8.6).
_READING_OF_STATUS: Final[dict[int, _Reading]] = {
    400: _Reading(
        errors.InvalidRequestError, Text("a parameter is missing", "缺少参数")
    ),
    401: _Reading(
        errors.PermissionDeniedError,
        Text("no valid key", "没有有效的密钥"),
        advice=Text(
            "Check client_id and client_secret; without a code of the gateway it may be"
            " the page of a proxy or firewall.",
            "请检查 client_id 和 client_secret；没有平台返回码时，可能是代理或防火墙的页面。",
        ),
    ),
    402: _Reading(
        errors.UnknownCodeError,
        Text("it failed though its parameters are fine", "参数正确但请求失败"),
    ),
    403: _Reading(errors.PermissionDeniedError, Text("forbidden", "禁止访问")),
    404: _Reading(errors.InvalidRequestError, Text("there is no such thing", "未找到")),
    405: _Reading(errors.InvalidRequestError, Text("method not allowed", "方法不允许")),
    406: _Reading(
        errors.InvalidRequestError, Text("format not acceptable", "格式不接受")
    ),
    408: _Reading(
        errors.GatewayBusyError,
        Text("it waited too long for the request", "等待请求超时"),
        retryable=True,
    ),
    409: _Reading(errors.PaymentStateError, Text("a conflict", "冲突")),
    410: _Reading(errors.InvalidRequestError, Text("it is gone", "已不存在")),
    # Of whatever stands between, as a rule.
    413: _Reading(
        errors.InvalidRequestError,
        Text("the request is too large", "请求过大"),
        advice=Text(
            "Send less in one call (sub orders, goods, page_size); look for the limit of"
            " the proxy or firewall between.",
            "请减少单次调用的内容（子订单、商品、page_size），并检查中间代理或防火墙的限制。",
        ),
    ),
    414: _Reading(
        errors.InvalidRequestError,
        Text("the address is too long", "地址过长"),
        advice=Text("Shorten ids and query.", "请缩短编号和查询参数。"),
    ),
    415: _Reading(
        errors.InvalidRequestError,
        Text("the form of the body is not supported", "不支持的内容类型"),
        advice=Text(
            "Look for what changes requests on the way (proxy, firewall); we send JSON.",
            "请检查途中改动请求的设备（代理、防火墙）；我们发送的是 JSON。",
        ),
    ),
    429: _Reading(
        errors.RateLimitedError,
        Text("too many requests", "请求过多"),
        retryable=True,
    ),
}
_MAX_CODE_CHARACTERS: Final = 40


def status_meaning(http_status: int) -> Text:
    """
    Return what an HTTP status means that came without a code of the gateway (gateway.md
    8.6).
    """
    return _read("", http_status).meaning


def api_error(envelope: Envelope, *, http_status: int) -> APIError:
    """
    Return the error of the refusal in *envelope*: by its code, else by its HTTP status.

    The gateway's own words stand before the meaning, because the editions of the table
    disagree (gateway.md, trap 29).

    Args:
        envelope: The answer; whether it is verified stands in the error.
        http_status: The status of the answer.
    """
    ret_code, ret_msg = envelope.ret_code, envelope.ret_msg
    verified = envelope.verdict is Verdict.VERIFIED
    reading = _read(ret_code, http_status)
    named = escape(ret_code, limit=_MAX_CODE_CHARACTERS) or f"HTTP {http_status}"
    words = escape(ret_msg.strip())
    said = f': "{words}"' if words else ""
    said_zh = f"：“{words}”" if words else ""
    trust, trust_zh = ("", "") if verified else (" (not verified)", "（未验签）")

    return reading.error(
        f"The gateway refused with {named}{trust}{said}: {reading.meaning.en}.",
        f"平台拒绝 {named}{trust_zh}{said_zh}：{reading.meaning.zh}。",
        ret_code=ret_code,
        ret_msg=ret_msg,
        http_status=http_status,
        retryable=reading.retryable,
        verified=verified,
        advice=reading.advice,
    )


def _read(ret_code: str, http_status: int) -> _Reading:
    row = find_code(ret_code)

    if row is not None and row.error is not None:
        return _Reading(row.error, row.meaning, row.retryable, row.advice)

    if ret_code and row is None:
        return _UNKNOWN_CODE_READING

    # Without a code, or with one that accepts: only the status refuses.
    return _READING_OF_STATUS.get(
        http_status, _SERVER_READING if http_status >= 500 else _UNKNOWN_READING
    )
