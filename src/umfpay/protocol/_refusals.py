"""
A refusal of the gateway, as the error of its cause.
"""

from __future__ import annotations

from umfpay import errors
from umfpay.errors import APIError, Text
from umfpay.protocol._code_table import find_code


# Documented statuses, for answers without a code (protocol notes 8.6).
_BY_STATUS: dict[int, tuple[type[APIError], bool, Text]] = {
    400: (errors.InvalidRequestError, False, Text("missing parameter", "缺少参数")),
    402: (errors.InvalidRequestError, False, Text("request failed", "请求失败")),
    403: (errors.PermissionDeniedError, False, Text("forbidden", "禁止访问")),
    404: (errors.InvalidRequestError, False, Text("not found", "未找到")),
    405: (errors.InvalidRequestError, False, Text("method not allowed", "方法不允许")),
    409: (errors.PaymentStateError, False, Text("conflict", "冲突")),
    429: (errors.RateLimitedError, True, Text("too many requests", "请求过多")),
}
_SERVER = (errors.GatewayBusyError, True, Text("the gateway failed", "平台故障"))
_UNKNOWN = (
    errors.UnknownCodeError,
    False,
    Text("a refusal that no table explains", "无法解释的拒绝"),
)
_UNKNOWN_ADVICE = Text(
    "Ask UMF what the code means; query before you repeat a write.",
    "请向联动优势咨询返回码含义；重复写操作前请先查询。",
)
_MAX_MESSAGE = 200


def api_error(
    ret_code: str, ret_msg: str, *, http_status: int, verified: bool
) -> APIError:
    """
    Return the error of a refusal: by its code, else by its HTTP status.

    The gateway's own words come first, because editions of the table disagree.
    """
    row = find_code(ret_code)
    words = " ".join(ret_msg.split())[:_MAX_MESSAGE]
    advice: Text | None = None

    if row is not None and row.error is not None:
        cls, retryable, meaning = row.error, row.retryable, row.meaning
        advice = row.advice
    elif not ret_code or row is not None:
        fallback = _SERVER if http_status >= 500 else _UNKNOWN
        cls, retryable, meaning = _BY_STATUS.get(http_status, fallback)
    else:
        cls, retryable, meaning = _UNKNOWN
        advice = _UNKNOWN_ADVICE

    named = ret_code or f"HTTP {http_status}"
    trust = "" if verified else " (not verified)"
    trust_zh = "" if verified else "（未验签）"
    quoted = f' "{words}"' if words else ""

    return cls(
        Text(
            f"The gateway refused with {named}{trust}:{quoted} {meaning.en}.",
            f"平台拒绝，{named}{trust_zh}：{quoted} {meaning.zh}。",
        ),
        ret_code=ret_code,
        ret_msg=ret_msg,
        http_status=http_status,
        retryable=retryable,
        verified=verified,
        advice=advice,
    )
