"""
Errors of answers that are not verified: why, which setting would accept it, its cost.
"""

from __future__ import annotations

from umfpay.errors import (
    EnvelopeError,
    IncompleteStatementError,
    SignatureError,
    Text,
    UnsignedResponseError,
    escape,
)
from umfpay.transport._call import CallState


_FORGED_ADVICE = Text(
    "Check that base_url and gateway_certificate belong together. If the gateway signs"
    " other bytes than we know, response_verifier= can check them;"
    ' response_signatures="report" only logs the verdict, at the cost that anyone on'
    " the way can forge answers.",
    "请核对 base_url 与 gateway_certificate 是否对应。若网关对其他内容签名，可用"
    ' response_verifier= 校验；response_signatures="report" 仅记录结果，'
    "代价是途中任何人都可伪造应答。",
)
_UNSIGNED_ADVICE = Text(
    'Ask UMF for signed answers. unsigned_responses="accept" lets them through, at the'
    " cost that anyone on the way can change them.",
    '请联系联动优势启用应答签名。unsigned_responses="accept" 可放行，'
    "代价是途中任何人都可篡改应答。",
)
_STRIPPED_ADVICE = Text(
    'unsigned_responses="accept" does not cover an endpoint that signed before, because'
    " somebody on the way may have taken the signature off. If UMF stopped signing,"
    " a new session forgets this, at that cost.",
    'unsigned_responses="accept" 不适用于曾经签名的接口，因为签名可能在途中被移除。'
    "若联动优势已停止签名，新建会话即可，风险自负。",
)
_UNREADABLE_ADVICE = Text(
    "No setting lets it through: nothing could be read from it. Check base_url and"
    " whatever stands between (proxy, firewall).",
    "没有设置可以放行：应答无法读取。请检查 base_url 以及中间设备（代理、防火墙）。",
)
_ENCODED_ADVICE = Text(
    "The signature covers the bytes before any compression, so nothing can be verified."
    " The gateway was asked for none (Accept-Encoding: identity): find what stands"
    " between (proxy, firewall, CDN) and switch its compression off.",
    "签名针对未压缩的内容，因此无法验签。请求已声明不压缩（Accept-Encoding: identity）："
    "请检查中间设备（代理、防火墙、CDN）并关闭其压缩。",
)
_PAGE_ADVICE = Text(
    "A proxy, a firewall or a login page answered in the gateway's place: look at"
    " base_url and at what stands between. Nothing was saved.",
    "应答来自代理、防火墙或登录页面，而不是平台：请检查 base_url 和中间设备。未保存任何内容。",
)
_PART_ADVICE = Text(
    "Fetch the file again; if it stays like this, ask UMF. What came is no whole file.",
    "请重新下载；若仍如此，请联系联动优势。收到的不是完整文件。",
)
_REDIRECT_ADVICE = Text(
    "No setting follows it, because the token and the signed body would go to another"
    " address. Check base_url: scheme, host and path.",
    "没有设置可以跟随跳转，否则令牌和已签名的内容会发往其他地址。"
    "请检查 base_url 的协议、主机和路径。",
)
_TOO_LARGE_ADVICE = Text(
    "No setting raises the limit, because the memory of the process would be the price."
    " Ask for less (page_size) or use the file download.",
    "没有设置可以提高上限，代价会是进程内存。请减小 page_size 或使用文件下载。",
)


def call_name(state: CallState) -> str:
    """
    Return the call as messages name it.
    """
    return f"{state.call.method} {state.call.path}"


def forged(state: CallState, reason: str) -> SignatureError:
    """
    Return the error for a signature that does not verify.
    """
    return SignatureError(
        f"{call_name(state)}: the signature of the answer does not verify ({reason}).",
        f"{call_name(state)}：应答签名验证失败（{reason}）。",
        advice=_FORGED_ADVICE,
    )


def unsigned(state: CallState) -> UnsignedResponseError:
    """
    Return the error for an answer that gives something without a signature.
    """
    return UnsignedResponseError(
        f"{call_name(state)}: the answer carries no signature.",
        f"{call_name(state)}：应答没有签名。",
        advice=_UNSIGNED_ADVICE,
    )


def stripped(state: CallState) -> UnsignedResponseError:
    """
    Return the error for an endpoint that signed before and does not now.
    """
    return UnsignedResponseError(
        f"{call_name(state)}: the answer carries no signature, earlier ones did.",
        f"{call_name(state)}：应答没有签名，而此前的应答有签名。",
        advice=_STRIPPED_ADVICE,
    )


def unreadable(state: CallState, reason: str) -> EnvelopeError:
    """
    Return the error for an answer that is not the JSON object it should be.
    """
    coding = content_coding(state)
    why = Text(reason, reason)

    if coding is not None:
        shown = escape(coding, limit=40)
        why = Text(
            f"Content-Encoding {shown}, asked was identity",
            f"Content-Encoding 为 {shown}，请求的是 identity",
        )

    return EnvelopeError(
        f"{call_name(state)}: the answer (HTTP {state.status}) cannot be read"
        f" ({why.en}).",
        f"{call_name(state)}：无法读取应答（HTTP {state.status}，{why.zh}）。",
        advice=_UNREADABLE_ADVICE if coding is None else _ENCODED_ADVICE,
    )


def content_coding(state: CallState) -> str | None:
    """
    Return how the answer is compressed, None if it is not.
    """
    coding = state.response_header(b"content-encoding")

    if coding is None or coding.strip().lower() in ("", "identity"):
        return None

    return coding


def page(state: CallState) -> EnvelopeError:
    """
    Return the error for a page, HTML or XML, in the place of a file.
    """
    return EnvelopeError(
        f"{call_name(state)}: a page came instead of a file (HTTP {state.status}).",
        f"{call_name(state)}：返回的是网页而不是文件（HTTP {state.status}）。",
        advice=_PAGE_ADVICE,
    )


def no_file(state: CallState, reason: Text) -> EnvelopeError:
    """
    Return the error for an answer with which no file can begin.
    """
    return EnvelopeError(
        f"{call_name(state)}: the answer is no file: {reason.en}.",
        f"{call_name(state)}：应答不是文件：{reason.zh}。",
        advice=_PART_ADVICE,
    )


def unproven(state: CallState, reason: Text) -> IncompleteStatementError:
    """
    Return the error for a file whose bytes have ended, but perhaps too early.
    """
    return IncompleteStatementError(
        f"{call_name(state)}: the file is not proven whole: {reason.en}.",
        f"{call_name(state)}：无法证明文件完整：{reason.zh}。",
        advice=_PART_ADVICE,
    )


def redirected(state: CallState) -> EnvelopeError:
    """
    Return the error for a redirect.
    """
    return EnvelopeError(
        f"{call_name(state)}: the gateway redirects (HTTP {state.status}).",
        f"{call_name(state)}：网关返回跳转（HTTP {state.status}）。",
        advice=_REDIRECT_ADVICE,
    )


def too_large(state: CallState, limit: int) -> EnvelopeError:
    """
    Return the error for an answer of more than *limit* bytes.
    """
    return EnvelopeError(
        f"{call_name(state)}: the answer is larger than {limit} bytes.",
        f"{call_name(state)}：应答超过 {limit} 字节。",
        advice=_TOO_LARGE_ADVICE,
    )
