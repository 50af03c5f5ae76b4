"""
`TransportError` from the failure of an exchange, and errors without their frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from umfpay.errors import ConfigError, Text, TransportError, escape
from umfpay.transport._call import CallState
from umfpay.transport._exchange import Failure, HTTPExchangeError
from umfpay.transport._refusals import call_name


_REASONS: Final[Mapping[Failure, Text]] = {
    Failure.CONNECT_TIMEOUT: Text("no connection in time", "未能及时建立连接"),
    Failure.POOL_TIMEOUT: Text("the connection pool stayed full", "连接池一直占满"),
    Failure.CONNECT: Text("no connection", "无法建立连接"),
    Failure.PROXY: Text("the proxy refused", "代理拒绝"),
    Failure.ADDRESS: Text("not an http address", "不是 http 地址"),
    Failure.TIMEOUT: Text("no answer in time", "未能及时收到应答"),
    Failure.PROTOCOL: Text("no complete HTTP answer", "未收到完整的 HTTP 应答"),
    Failure.BROKEN: Text("the connection broke", "连接中断"),
    Failure.TOO_LARGE: Text("the answer is too large", "应答过大"),
}

_SENT_SENTENCE = Text("The request may have been sent.", "请求可能已发出。")
_UNSENT_SENTENCE = Text("The request was not sent.", "请求未发出。")
_SENT_ADVICE = Text(
    "The gateway may have received the request; a read can be made again, for anything"
    " else ask the gateway first.",
    "网关可能已收到请求；查询可以重试，其他操作请先向网关查询。",
)
_POOL_ADVICE = Text(
    "Make fewer calls at once, allow more connections (max_connections=, or the limits of"
    " your transport), or give calls more time. A pool of httpx that stays full has lost"
    " connections: open a new session with a new transport.",
    "请减少并发调用、增加连接数（max_connections= 或自备 transport 的 limits），"
    "或延长时限。httpx 的连接池若一直占满，说明连接已丢失：请用新的 transport 新建会话。",
)


def transport_error(state: CallState, error: HTTPExchangeError) -> TransportError:
    """
    Return the `TransportError` that says what *error* did to the call.
    """
    words = _REASONS[error.failure]
    sent = state.may_have_been_sent(error.failure)
    truth = _SENT_SENTENCE if sent else _UNSENT_SENTENCE
    detail = escape(error.detail)
    # Our own connections say the same in the same words.
    has_more = detail not in ("", words.en)
    more_en, more_zh = (f" ({detail})", f"（{detail}）") if has_more else ("", "")

    return TransportError(
        f"{call_name(state)}: {words.en}{more_en}. {truth.en}",
        f"{call_name(state)}：{words.zh}{more_zh}。{truth.zh}",
        request_sent=sent,
        advice=_advice(error, sent=sent),
    )


def _advice(error: HTTPExchangeError, *, sent: bool) -> Text | None:
    if sent:
        return _SENT_ADVICE

    return _POOL_ADVICE if error.failure is Failure.POOL_TIMEOUT else None


def closed_error() -> ConfigError:
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


def without_traceback(error: BaseException) -> BaseException:
    """
    Return *error* without the frames it came through, its causes likewise.
    """
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]

    while queue:
        one = queue.pop()

        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            queue += [one.__cause__, one.__context__]

    return error
