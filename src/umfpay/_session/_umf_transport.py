"""
`UMFTransport`: the pipeline as a transport of httpx, for whoever has an AsyncClient.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

import httpx

from umfpay._session._address import encoded_address
from umfpay._session._options import CallLimits, header_line, with_headers
from umfpay._session._session import UMFSession
from umfpay._session._transport_setting import checked_transport
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Text,
    UMFError,
    without_traceback,
)
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.resources import any_call
from umfpay.transport import (
    DEFAULT_PORTS,
    RESERVED_HEADERS,
    Call,
    HTTPXAdapter,
    HTTPXTransport,
    RawBody,
    family_of,
)


if TYPE_CHECKING:
    from umfpay.config import Config


# What names the client to other servers has no business here.
_DROPPED_HEADERS = RESERVED_HEADERS | {b"cookie", b"proxy-authorization"}


class UMFTransport(httpx.AsyncBaseTransport):
    """
    Signs what an httpx client sends, carries the token, gives verified answers only.

        async with httpx.AsyncClient(transport=UMFTransport(config)) as client:
            response = await client.post(f"{config.base_url}payments/payment", json=...)
            members = response.extensions["umfpay"]

    The bytes that httpx made are signed and sent. Accept, Accept-Encoding, Content-Type,
    Authorization, User-Agent and Signature are ours, whatever the client sets, and its
    cookies stay at home. What a request does is told by its path, as in
    `UMFSession.request()`; the deadline is the Config's, the client's timeout (that for
    reading) is that of one attempt. Nothing is followed: a redirect is an error.

    It raises what a session raises, a refusal of the gateway too. No error is one of
    httpx's: what repeats those by itself would pay twice.

    A client of httpx2 is served alike, with the classes of its own.

    Args:
        given: A Config, or a session, whose token, signer and connections are used, and
            which is not closed with the client. Two owners of one client_id's token
            need one token store (gateway.md 2.2).
        transport: Any transport of httpx or httpx2 that sends the requests, in place of
            our own connections; it is closed with the client. Beside a session the token
            is still fetched by that.

    Raises:
        ConfigError: Something is not what it must be.
    """

    def __init__(
        self, given: Config | UMFSession, *, transport: HTTPXTransport | None = None
    ) -> None:
        self._is_shared = isinstance(given, UMFSession)
        self._adapter: HTTPXAdapter | None = None

        try:
            if not isinstance(given, UMFSession):
                self._session = UMFSession(given, transport=transport)
            else:
                self._session = given
                checked_transport(transport, given.config)

                if transport is not None:
                    self._adapter = HTTPXAdapter(transport)
        except ConfigError:
            # A dict of proxies holds passwords, and a traceback shows locals.
            del given, transport

            raise

    async def __aenter__(self) -> Self:
        if not self._is_shared:
            await self._session.__aenter__()

        return self

    async def handle_async_request(self, request: Any) -> Any:
        """
        Make the call; return its verified answer.

        Returns:
            The response as it came; ``extensions["umfpay"]`` holds its members, money as
            `Decimal` and not as float.

        Raises:
            OutcomeUnknownError: A write left and its end is unclear.
            ConfigError: The request goes to another address than below the base URL, or
                is nothing that the gateway understands.
            UMFError: Anything else; see `umfpay.errors`.
        """
        # Any: a module; httpx2 has the names of httpx.
        family: Any = family_of(request, kind="Request")

        if family is None:
            raise _no_request()

        try:
            limits = self._limits(request)
            await _read(request, limits)
            call = self._call(request, family)
        except UMFError as error:
            # The frames on its way hold the body, and its repr a password in its URL.
            del request

            raise without_traceback(error)  # noqa: B904 (it is the same error)

        members, state = await self._session.make(call, limits, edge=self._adapter)

        return family.Response(
            state.status,
            headers=list(state.response_headers),
            # A stream, as from a network: what is read already has no time and no end.
            stream=family.ByteStream(state.response_body),
            extensions={"umfpay": members},
        )

    def _limits(self, request: Any) -> CallLimits:
        """
        Return the limits of a call that begins now, with the headers of *request*.
        """
        timeout = (request.extensions.get("timeout") or {}).get("read")
        limits = self._session.limits({} if timeout is None else {"timeout": timeout})
        headers = [
            header_line(
                name.decode("latin-1"), text.decode("latin-1"), option="headers"
            )
            for name, text in request.headers.raw
            if name.lower() not in _DROPPED_HEADERS
        ]

        return with_headers(limits, headers)

    def _call(self, request: Any, family: Any) -> Call[Any]:
        """
        Return the call that *request*, which was read, asks for.
        """
        body, method = request.content, request.method
        path = _local_path(request.url, family.URL(self._session.root))

        return any_call(
            method,
            path,
            query=_query(request.url.query),
            body=_parsed(body) if body else None,
            sent=RawBody(body) if body or method != "GET" else None,
            refund_ids=self._session.refund_ids,
        )

    async def aclose(self) -> None:
        """
        Close what was made here, and the transport that was given.
        """
        if not self._is_shared:
            await self._session.aclose()

        if self._adapter is not None:
            await self._adapter.aclose()


async def _read(request: Any, limits: CallLimits) -> None:
    """
    Read what is sent, which may be a stream: its signature covers all of it.

    Raises:
        DeadlineExceededError: It did not end in time.
    """
    try:
        async with asyncio.timeout_at(limits.deadline) as limit:
            await request.aread()
    except TimeoutError:
        # It may be the stream's own.
        if not limit.expired():
            raise
    else:
        return

    raise DeadlineExceededError(
        "The deadline passed before the request's body was read; nothing was sent.",
        "读取请求内容时超过期限；未发出任何内容。",
        request_sent=False,
    )


def _local_path(url: Any, root: Any) -> str:
    """
    Return the path of *url* below *root*, beginning with a slash.

    Raises:
        ConfigError: It is not below *root*.
    """
    # raw_path has no user and password, whom nobody needs in a local.
    path, below = (
        encoded_address(one.raw_path.partition(b"?")[0].decode("ascii"))
        for one in (url, root)
    )

    if _origin(url) == _origin(root) and not url.userinfo and path.startswith(below):
        return f"/{path[len(below) :]}"

    raise ConfigError(
        "The request goes to an address that is not below base_url; nothing was"
        " sent, neither token nor body.",
        "请求地址不在 base_url 之下；令牌和内容均未发出。",
        advice=Text(
            "Use one client for the gateway and another for everything else.",
            "请为网关单独使用一个客户端。",
        ),
    )


def _origin(url: Any) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or DEFAULT_PORTS.get(url.scheme)


def _query(query: bytes) -> dict[str, str] | None:
    """
    Return the parameters of an address.

    Raises:
        ConfigError: A name is repeated, or they are no text.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict"
        )
    except UnicodeDecodeError:
        # That error holds the query: it must not be anybody's context.
        pairs = None

    if pairs is None:
        raise ConfigError("query: it is not UTF-8.", "query：不是有效的 UTF-8 文本。")

    named = dict(pairs)

    if len(named) != len(pairs):
        raise ConfigError("query: a name is repeated.", "query：参数名称重复。")

    return named or None


def _parsed(body: bytes) -> Any:
    try:
        return parse_json(body)
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


def _no_request() -> ConfigError:
    return ConfigError(
        "The request is none of httpx or httpx2; nothing was sent.",
        "请求不是 httpx 或 httpx2 的请求；未发出任何内容。",
    )
