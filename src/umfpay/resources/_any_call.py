"""
The call to any path: `UMFSession.request()`, and what an httpx client sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from umfpay.errors import ConfigError, EnvelopeError, Intent, Text, escape
from umfpay.models import Received
from umfpay.protocol import (
    JSONRefusedError,
    Operation,
    object_id_from_href,
    operation_of,
    parse_json,
)
from umfpay.resources import (
    _customs,
    _enterprises,
    _payments,
    _reference_data,
    _refunds,
    _statements,
)
from umfpay.resources._endpoint import Endpoint, ExpectedAnswer, Members, RawRequest
from umfpay.resources._matching import must_be_about
from umfpay.resources._refund_identity import RefundIds
from umfpay.transport import Call, Effect, RawBody


_ENDPOINTS: Final[tuple[Endpoint[Any], ...]] = (
    *_payments.ENDPOINTS,
    *_refunds.ENDPOINTS,
    *_reference_data.ENDPOINTS,
    *_customs.ENDPOINTS,
    *_enterprises.ENDPOINTS,
    *_statements.ENDPOINTS,
)
_BLANKS: Final = re.compile(r"\s+")
_SLASHES: Final = re.compile(r"/+")
_TOKEN_PATH: Final = ["oauth", "authorize"]
_MONEY_PATH: Final = (Operation.EXECUTE, Operation.REFUND)
# A proxy may decode a path, and the gateway once more.
_MAX_DECODINGS: Final = 3


def any_call(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None,
    body: object | None,
    refund_ids: RefundIds,
) -> Call[Mapping[str, Any]]:
    """
    Return the call of *method* to *path*: what it does is told by its path.

    Args:
        body: What is sent, and what the answer is compared with; a `RawBody` is read
            for that. None is an empty object in a POST.
        refund_ids: The refunds that the session knows.

    Raises:
        ConfigError: Another method than GET without body and POST, or an address that is
            not below the base URL, or bytes that are no JSON.
    """
    if method not in ("GET", "POST") or (method == "GET" and body is not None):
        given = escape(str(method), limit=40)

        if method == "GET":
            given = "GET with a body / 有内容的 GET"

        raise ConfigError.of(
            "method",
            f"GET without body or POST, not {given}",
            f"只支持无内容的 GET 或 POST，不支持 {given}",
        )

    path = local_path(path)
    effect = Effect.READ if method == "GET" else Effect.CREATE

    if method == "POST" and moves_money(path):
        effect = Effect.MONEY

    name = f"request {method} {path}"
    parameters = text_query(query)
    answer = _answer_to(
        method,
        path,
        query=parameters,
        body=_parsed(body) if isinstance(body, RawBody) else body,
        refund_ids=refund_ids,
    )

    return Call(
        name=name,
        method=method,
        path=path.replace("{", "%7B").replace("}", "%7D"),
        query=parameters,
        effect=effect,
        body={} if body is None and method == "POST" else body,
        read=answer.read,
        lookup=answer.lookup,
        intent=None
        if effect is Effect.READ
        else Intent.now(name, payment_id=payment_in(path)),
    )


def _answer_to(
    method: str,
    path: str,
    *,
    query: Mapping[str, str],
    body: object,
    refund_ids: RefundIds,
) -> _AnyAnswer:
    clean = _SLASHES.sub("/", _BLANKS.sub("", unquote(path))).strip("/")

    for endpoint in _ENDPOINTS:
        ids = endpoint.ids_in(method, clean)

        if ids is not None:
            request = RawRequest(ids=ids, query=query, body=body, refund_ids=refund_ids)

            return _AnyAnswer(endpoint.expected(request), endpoint.about)

    return _AnyAnswer(None, Received)


class _AnyAnswer:
    """
    The members of an answer as they came, compared as the endpoint's method does it.

    Args:
        expected: None where nobody knows what the answer must be about.
        about: The class of what the endpoint is about.
    """

    def __init__(
        self, expected: ExpectedAnswer[Any] | None, about: type[Received]
    ) -> None:
        self._expected = expected
        self._about = about
        self._found: Any = None

    def read(self, members: Members) -> Members:
        """
        Return *members*, compared.

        Raises:
            MismatchedResponseError: It is about something else.
        """
        if self._expected is None:
            return members

        try:
            self._found = self._expected.read(members)
        except EnvelopeError:
            # Its form is the caller's to read, but not another thing in its place.
            must_be_about(self._about, members)

        return members

    def lookup(self, _members: Members) -> Call[Any] | None:
        """
        Return the query that names what the answer leaves out, None if nothing is missing.
        """
        if self._expected is None or self._expected.lookup is None or not self._found:
            return None

        return self._expected.lookup(self._found)


def local_path(path: Any) -> str:
    """
    Return *path*, an address below the base URL.

    Raises:
        ConfigError: It leads elsewhere, holds a query, which would get into logs, or is
            that of the token.
    """
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith("//")
        or "://" in path
        or not {".", ".."}.isdisjoint(_decoded(path).split("/"))
    ):
        raise ConfigError.of(
            "path",
            "it starts with / and stays below base_url",
            "必须以 / 开头且位于 base_url 之下",
        )

    decoded = _decoded(path)

    if (
        any(mark in path for mark in "?#")
        or any(mark in decoded for mark in "\\;")
        or not decoded.isprintable()
    ):
        raise ConfigError.of(
            "path",
            "no query, fragment, semicolon, backslash or control character;"
            " give query= instead",
            "不得包含查询参数、片段、分号、反斜杠或控制字符；请使用 query=",
        )

    names = [one.strip() for one in decoded.lower().split("/")]

    if [name for name in names if name] == _TOKEN_PATH:
        raise ConfigError.of(
            "path",
            "a token that is fetched there ends the session's at once (gateway.md 2.2)",
            "在此获取令牌会使会话的令牌立即失效（gateway.md 2.2）",
            advice=Text(
                "Let the session fetch its token; several processes share one by"
                " token_store.",
                "请由会话获取令牌；多个进程可通过 token_store 共用一个令牌。",
            ),
        )

    return path


def _parsed(body: RawBody) -> Any:
    """
    Return what the bytes of *body* say, None if there are none.
    """
    if not body.data:
        return None

    try:
        return parse_json(body.data)
    except JSONRefusedError as error:
        reason = str(error)

    raise ConfigError(
        f"The body is no JSON that the gateway takes: {reason}; nothing was sent.",
        "请求内容不是平台接受的 JSON；未发出任何内容。",
        advice=Text(
            "Give the client json=, or content= with JSON in UTF-8.",
            "请使用 json=，或以 content= 传入 UTF-8 编码的 JSON。",
        ),
    )


def moves_money(path: str) -> bool:
    """
    Tell whether a POST to *path* moves money, however it is written.
    """
    return operation_of(path) in _MONEY_PATH


def _decoded(path: str) -> str:
    """
    Return what servers make of *path*, one behind the other.
    """
    for _ in range(_MAX_DECODINGS):
        path = unquote(path)

    return path


def text_query(query: Any) -> Mapping[str, str]:
    """
    Return *query*, parameters of an address.

    Raises:
        ConfigError: It is no mapping of names to text.
    """
    if query is None:
        return {}

    if isinstance(query, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) for name, text in query.items()
    ):
        return query

    raise ConfigError.of(
        "query",
        "it must be a mapping of names to text",
        "必须是名称到文本的映射",
    )


def payment_in(path: str) -> str | None:
    """
    Return the payment that *path* names, None if it names none.
    """
    found = object_id_from_href(path)

    return found if found is not None and found.startswith("PAY_") else None
