"""
Errors of calls: one constructor for each end that a call can have without success.

*call* is how a message names the call: method and path template,
``GET /payments/payment/{payment_id}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from umfpay.errors._base import Text, UMFError
from umfpay.errors._calls import (
    AuthenticationError,
    ConfigError,
    DeadlineExceededError,
    EnvelopeError,
    SignatureError,
    TokenError,
    TransportError,
    UnsignedResponseError,
)
from umfpay.errors._escaping import escape
from umfpay.errors._files import IncompleteStatementError


BEFORE_SENDING: Final = (
    AuthenticationError,
    ConfigError,
    DeadlineExceededError,
    TokenError,
)
"""What ends a call before it is sent, or sent again: it says nothing of a first copy."""

_SENT: Final = Text("The request may have been sent.", "请求可能已发出。")
_NOT_SENT: Final = Text("The request was not sent.", "请求未发出。")

# By the value of `umfpay.transport.Failure`.
_FAILURES: Final[Mapping[str, Text]] = {
    "connect_timeout": Text("no connection in time", "未能及时建立连接"),
    "pool_timeout": Text("the connection pool stayed full", "连接池一直占满"),
    "connect": Text("no connection", "无法建立连接"),
    "proxy": Text("the proxy refused", "代理拒绝"),
    "address": Text("not an http address", "不是 http 地址"),
    "timeout": Text("no answer in time", "未能及时收到应答"),
    "protocol": Text("no complete HTTP answer", "未收到完整的 HTTP 应答"),
    "broken": Text("the connection broke", "连接中断"),
    "too_large": Text("the answer is too large", "应答过大"),
}

_SENT_ADVICE: Final = Text(
    "The gateway may have received the request; a read can be made again, for anything"
    " else ask the gateway first.",
    "网关可能已收到请求；查询可以重试，其他操作请先向网关查询。",
)
_POOL_ADVICE: Final = Text(
    "Make fewer calls at once, allow more connections (max_connections=, or the limits of"
    " your transport), or give calls more time. A pool of httpx that stays full has lost"
    " connections: open a new session with a new transport.",
    "请减少并发调用、增加连接数（max_connections= 或自备 transport 的 limits），"
    "或延长时限。httpx 的连接池若一直占满，说明连接已丢失：请用新的 transport 新建会话。",
)
_FORGED_ADVICE: Final = Text(
    "Check that base_url and gateway_certificate belong together. If the gateway signs"
    " other bytes than we know, response_verifier= can check them;"
    ' response_signatures="report" only logs the verdict, at the cost that anyone on'
    " the way can forge answers.",
    "请核对 base_url 与 gateway_certificate 是否对应。若网关对其他内容签名，可用"
    ' response_verifier= 校验；response_signatures="report" 仅记录结果，'
    "代价是途中任何人都可伪造应答。",
)
_UNSIGNED_ADVICE: Final = Text(
    'Ask UMF for signed answers. unsigned_responses="accept" lets them through, at the'
    " cost that anyone on the way can change them.",
    '请联系联动优势启用应答签名。unsigned_responses="accept" 可放行，'
    "代价是途中任何人都可篡改应答。",
)
_STRIPPED_ADVICE: Final = Text(
    'unsigned_responses="accept" does not cover an endpoint that signed before, because'
    " somebody on the way may have taken the signature off. If UMF stopped signing,"
    " a new session forgets this, at that cost.",
    'unsigned_responses="accept" 不适用于曾经签名的接口，因为签名可能在途中被移除。'
    "若联动优势已停止签名，新建会话即可，风险自负。",
)
_UNREADABLE_ADVICE: Final = Text(
    "No setting lets it through: nothing could be read from it. Check base_url and"
    " whatever stands between (proxy, firewall).",
    "没有设置可以放行：应答无法读取。请检查 base_url 以及中间设备（代理、防火墙）。",
)
_ENCODED_ADVICE: Final = Text(
    "The signature covers the bytes before any compression, so nothing can be verified."
    " The gateway was asked for none (Accept-Encoding: identity): find what stands"
    " between (proxy, firewall, CDN) and switch its compression off.",
    "签名针对未压缩的内容，因此无法验签。请求已声明不压缩（Accept-Encoding: identity）："
    "请检查中间设备（代理、防火墙、CDN）并关闭其压缩。",
)
_PAGE_ADVICE: Final = Text(
    "A proxy, a firewall or a login page answered in the gateway's place: look at"
    " base_url and at what stands between. Nothing was saved.",
    "应答来自代理、防火墙或登录页面，而不是平台：请检查 base_url 和中间设备。未保存任何内容。",
)
_PART_ADVICE: Final = Text(
    "Fetch the file again; if it stays like this, ask UMF. What came is no whole file.",
    "请重新下载；若仍如此，请联系联动优势。收到的不是完整文件。",
)
_REDIRECT_ADVICE: Final = Text(
    "No setting follows it, because the token and the signed body would go to another"
    " address. Check base_url: scheme, host and path.",
    "没有设置可以跟随跳转，否则令牌和已签名的内容会发往其他地址。"
    "请检查 base_url 的协议、主机和路径。",
)
_TOO_LARGE_ADVICE: Final = Text(
    "No setting raises the limit, because the memory of the process would be the price."
    " Ask for less (page_size) or use the file download.",
    "没有设置可以提高上限，代价会是进程内存。请减小 page_size 或使用文件下载。",
)
_SIGNER_ADVICE: Final = Text(
    "Mend the signer, or what it asks; the call can be made again.",
    "请修复 signer 或其依赖的服务；可以重新调用。",
)
_VERIFIER_ADVICE: Final = Text(
    "Mend the response_verifier; do not use the answer.",
    "请修复 response_verifier；请勿使用该应答。",
)
_TRANSPORT_ADVICE: Final = Text(
    "Mend the transport; a read can be made again, for anything else ask the gateway"
    " first.",
    "请修复 transport；查询可以重试，其他操作请先向网关查询。",
)
_CLIENT_ADVICE: Final = Text(
    "A client would change the signed request; give the transport that it would"
    " use: httpx.AsyncHTTPTransport(...). Or give the client"
    " umfpay.transport.UMFTransport(...).",
    "客户端会改动已签名的请求；请传入其底层 transport："
    "httpx.AsyncHTTPTransport(...)；或为该客户端使用"
    " umfpay.transport.UMFTransport(...)。",
)
_NO_TRANSPORT_ADVICE: Final = Text(
    "Give a transport such as httpx.AsyncHTTPTransport(), or leave transport= out.",
    "请传入 httpx.AsyncHTTPTransport() 之类的 transport，或省略 transport=。",
)


def no_answer(call: str, failure: str, detail: str, *, sent: bool) -> TransportError:
    """
    Return the error for an exchange that ended without an answer.

    Args:
        failure: Which kind of end it was: a `umfpay.transport.Failure`.
        detail: More words about it.
        sent: Whether a byte of the body may have left.
    """
    words = _FAILURES[failure]
    truth = _SENT if sent else _NOT_SENT
    detail = escape(detail)
    # Our own connections say the same in the same words.
    has_more = detail not in ("", words.en)
    more_en, more_zh = (f" ({detail})", f"（{detail}）") if has_more else ("", "")
    advice = _POOL_ADVICE if failure == "pool_timeout" else None

    return TransportError(
        f"{call}: {words.en}{more_en}. {truth.en}",
        f"{call}：{words.zh}{more_zh}。{truth.zh}",
        request_sent=sent,
        advice=_SENT_ADVICE if sent else advice,
    )


def transport_failed(call: str, error: BaseException, *, sent: bool) -> TransportError:
    """
    Return the error for a transport of the user's that failed with *error*.
    """
    name = type(error).__name__
    truth = _SENT if sent else _NOT_SENT

    return TransportError(
        f"{call}: the transport failed with {name}. {truth.en}",
        f"{call}：transport 出错（{name}）。{truth.zh}",
        request_sent=sent,
        advice=_TRANSPORT_ADVICE,
    )


def signer_failed(error: BaseException) -> ConfigError:
    """
    Return the error for a signer of the user's that failed with *error*.
    """
    name = type(error).__name__

    return ConfigError.of(
        "signer",
        f"it failed with {name}; the call was not sent",
        f"执行出错（{name}）；调用未发出",
        advice=_SIGNER_ADVICE,
    )


def bad_signature() -> ConfigError:
    """
    Return the error for a signer of the user's that gave no line of a header.
    """
    return ConfigError.of(
        "signer",
        "it must return the signature as base64 in one line",
        "必须返回单行 base64 签名",
    )


def verifier_failed(error: BaseException) -> ConfigError:
    """
    Return the error for a verifier of the user's that failed with *error*.
    """
    name = type(error).__name__

    return ConfigError.of(
        "response_verifier",
        f"it failed with {name}; nobody can say whether the answer is genuine",
        f"执行出错（{name}）；无法确定应答是否真实",
        advice=_VERIFIER_ADVICE,
    )


# Any: whatever somebody took for a transport.
def no_transport(given: Any) -> ConfigError:
    """
    Return the error for what was *given* in the place of a transport.
    """
    name = given.__name__ if isinstance(given, type) else type(given).__name__
    what = f"the class {name}" if isinstance(given, type) else f"a {name}"
    is_client = name in ("AsyncClient", "Client")

    return ConfigError.of(
        "transport",
        f"an httpx.AsyncBaseTransport is needed, not {what}",
        f"需要 httpx.AsyncBaseTransport 实例，而不是 {name}",
        advice=_CLIENT_ADVICE if is_client else _NO_TRANSPORT_ADVICE,
    )


def closed() -> ConfigError:
    """
    Return the error for a call whose session was closed.
    """
    return ConfigError(
        "The session was closed during the call.",
        "会话在调用过程中被关闭。",
        advice=Text(
            "Let calls end before the session does.", "请在关闭会话前等待调用结束。"
        ),
    )


def other_origin(url: str) -> ConfigError:
    """
    Return the error for an address that must not see a token.
    """
    # Neither path nor query: they may hold ids.
    host = "/".join(url.split("/", 3)[:3])

    return ConfigError(
        f"The request goes to {host}, which is not the configured base_url;"
        " no token is sent there.",
        f"请求指向 {host}，与配置的 base_url 不同；不会向其发送令牌。",
    )


def two_tokens_refused(
    call: str, *, ret_code: str, status: int | None
) -> AuthenticationError:
    """
    Return the error for a second token that was refused.
    """
    answer = escape(ret_code, limit=40) or f"HTTP {status}"

    return AuthenticationError(
        f"{call}: the gateway refused two tokens ({answer}).",
        f"{call}：网关两次拒绝令牌（{answer}）。",
        ret_code=ret_code or None,
        http_status=status,
    )


def deadline_passed(
    call: str, *, sent: bool, is_harmless: bool
) -> DeadlineExceededError | TransportError:
    """
    Return the error for a call whose deadline passed.

    Args:
        sent: Whether a byte of the body may have left.
        is_harmless: Nothing can have happened, sent or not.
    """
    if is_harmless:
        return DeadlineExceededError(
            f"{call}: the deadline passed.", f"{call}：超过期限。", request_sent=sent
        )

    return TransportError(
        f"{call}: the deadline passed after the request left.",
        f"{call}：请求发出后超过期限。",
        request_sent=True,
    )


def message_unsure(call: str, error: UMFError) -> TransportError:
    """
    Return the error for a text message that may be on its way, caused by *error*.
    """
    unsure = TransportError(
        f"{call}: nobody can say whether the message is on its way. {error.what.en}",
        f"{call}：无法确定短信是否已发出。{error.what.zh}",
        request_sent=True,
    )
    unsure.__cause__ = error

    return unsure


def forged(call: str, reason: str) -> SignatureError:
    """
    Return the error for a signature that does not verify.
    """
    return SignatureError(
        f"{call}: the signature of the answer does not verify ({reason}).",
        f"{call}：应答签名验证失败（{reason}）。",
        advice=_FORGED_ADVICE,
    )


def unsigned(call: str) -> UnsignedResponseError:
    """
    Return the error for an answer that gives something without a signature.
    """
    return UnsignedResponseError(
        f"{call}: the answer carries no signature.",
        f"{call}：应答没有签名。",
        advice=_UNSIGNED_ADVICE,
    )


def stripped(call: str) -> UnsignedResponseError:
    """
    Return the error for an endpoint that signed before and does not now.
    """
    return UnsignedResponseError(
        f"{call}: the answer carries no signature, earlier ones did.",
        f"{call}：应答没有签名，而此前的应答有签名。",
        advice=_STRIPPED_ADVICE,
    )


def unreadable(
    call: str, *, status: int | None, reason: str, coding: str | None = None
) -> EnvelopeError:
    """
    Return the error for an answer that is not the JSON object it should be.

    Args:
        coding: Its Content-Encoding, which is the reason then.
    """
    why = Text(reason, reason)

    if coding is not None:
        shown = escape(coding, limit=40)
        why = Text(
            f"Content-Encoding {shown}, asked was identity",
            f"Content-Encoding 为 {shown}，请求的是 identity",
        )

    return EnvelopeError(
        f"{call}: the answer (HTTP {status}) cannot be read ({why.en}).",
        f"{call}：无法读取应答（HTTP {status}，{why.zh}）。",
        advice=_UNREADABLE_ADVICE if coding is None else _ENCODED_ADVICE,
    )


def redirected(call: str, *, status: int) -> EnvelopeError:
    """
    Return the error for a redirect.
    """
    return EnvelopeError(
        f"{call}: the gateway redirects (HTTP {status}).",
        f"{call}：网关返回跳转（HTTP {status}）。",
        advice=_REDIRECT_ADVICE,
    )


def too_large(call: str, *, limit: int) -> EnvelopeError:
    """
    Return the error for an answer of more than *limit* bytes.
    """
    return EnvelopeError(
        f"{call}: the answer is larger than {limit} bytes.",
        f"{call}：应答超过 {limit} 字节。",
        advice=_TOO_LARGE_ADVICE,
    )


def nothing_read(call: str) -> EnvelopeError:
    """
    Return the error for a call that ended without an answer and without an error.
    """
    return EnvelopeError(f"{call}: no answer was read.", f"{call}：未读取到应答。")


def object_for_file(call: str) -> EnvelopeError:
    """
    Return the error for a JSON object, which refuses nothing, in the place of a file.
    """
    return EnvelopeError(
        f"{call}: the gateway answered with a JSON object, not with a file.",
        f"{call}：网关返回了 JSON 对象而不是文件。",
    )


def page_for_file(call: str, *, status: int | None) -> EnvelopeError:
    """
    Return the error for a page, HTML or XML, in the place of a file.
    """
    return EnvelopeError(
        f"{call}: a page came instead of a file (HTTP {status}).",
        f"{call}：返回的是网页而不是文件（HTTP {status}）。",
        advice=_PAGE_ADVICE,
    )


def part_of_file(call: str) -> EnvelopeError:
    """
    Return the error for an answer that says it is only a part of what was asked for.
    """
    return _no_file(call, Text("HTTP 206, a part", "HTTP 206，只是一部分"))


def blank_file(call: str) -> EnvelopeError:
    """
    Return the error for blanks with which no file begins.
    """
    return _no_file(call, Text("it begins with blanks", "开头全是空白"))


def _no_file(call: str, reason: Text) -> EnvelopeError:
    return EnvelopeError(
        f"{call}: the answer is no file: {reason.en}.",
        f"{call}：应答不是文件：{reason.zh}。",
        advice=_PART_ADVICE,
    )


def unproven_file(call: str, reason: Text) -> IncompleteStatementError:
    """
    Return the error for a file whose bytes have ended, but perhaps too early.
    """
    return IncompleteStatementError(
        f"{call}: the file is not proven whole: {reason.en}.",
        f"{call}：无法证明文件完整：{reason.zh}。",
        advice=_PART_ADVICE,
    )
