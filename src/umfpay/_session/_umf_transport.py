"""
`UMFTransport`: the pipeline as a transport of httpx, for whoever has an AsyncClient.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

import httpx

from umfpay._session._session import UMFSession
from umfpay._session._transport_setting import refused_transport
from umfpay.errors import (
    ConfigError,
    DeadlineExceededError,
    Text,
    UMFError,
    without_traceback,
)
from umfpay.resources import any_call, header_lines
from umfpay.transport import (
    RESERVED_HEADERS,
    CallState,
    HTTPXAdapter,
    HTTPXTransport,
    RawBody,
    base_address,
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
                refusal = refused_transport(transport, given.config)

                if refusal is not None:
                    raise refusal

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
            raise ConfigError(
                "The request is none of httpx or httpx2; nothing was sent.",
                "请求不是 httpx 或 httpx2 的请求；未发出任何内容。",
            )

        try:
            state = await self._begin(request, family)
        except UMFError as error:
            # The frames on its way hold the body, and its repr a password in its URL.
            del request

            raise without_traceback(error)  # noqa: B904 (it is the same error)

        members = await self._session.make(state, edge=self._adapter)

        return family.Response(
            state.status,
            headers=list(state.response_headers),
            # A stream, as from a network: what is read already has no time and no end.
            stream=family.ByteStream(state.response_body),
            extensions={"umfpay": members},
        )

    async def _begin(self, request: Any, family: Any) -> CallState:
        """
        Return the state of the call that *request* asks for; its deadline began before
        the body was read.
        """
        session = self._session
        deadline = asyncio.get_running_loop().time() + session.config.deadline
        timeout = (request.extensions.get("timeout") or {}).get("read")
        given = [
            (name.decode("latin-1"), text.decode("latin-1"))
            for name, text in request.headers.raw
            if name.lower() not in _DROPPED_HEADERS
        ]
        headers = header_lines(given, session.config, option="headers")
        await _read(request, deadline)
        body, method = request.content, request.method
        call = any_call(
            method,
            _local_path(request.url, family.URL(session.root)),
            query=_query(request.url.query),
            body=RawBody(body) if body or method != "GET" else None,
            refund_ids=session.refund_ids,
        )
        state = session.begin(call, {} if timeout is None else {"timeout": timeout})
        state.deadline, state.headers = deadline, headers

        return state

    async def aclose(self) -> None:
        """
        Close what was made here, and the transport that was given.
        """
        if not self._is_shared:
            await self._session.aclose()

        if self._adapter is not None:
            await self._adapter.aclose()


async def _read(request: Any, deadline: float) -> None:
    """
    Read what is sent, which may be a stream: its signature covers all of it.

    Raises:
        DeadlineExceededError: It did not end in time.
    """
    limit = asyncio.timeout_at(deadline)

    try:
        async with limit:
            await request.aread()
    except TimeoutError:
        # It may be the stream's own.
        if not limit.expired():
            raise

        raise DeadlineExceededError(
            "The deadline passed before the request's body was read; nothing was sent.",
            "读取请求内容时超过期限；未发出任何内容。",
            request_sent=False,
        ) from None


def _local_path(url: Any, root: Any) -> str:
    """
    Return the path of *url* below *root*, beginning with a slash.

    Raises:
        ConfigError: It is not below *root*.
    """
    # Neither netloc nor raw_path has user and password, whom nobody needs in a local.
    address, below = (
        base_address(f"{one.scheme}://{one.netloc.decode()}{one.raw_path.decode()}")
        for one in (url, root)
    )

    # With the slash behind: a longer port is another origin.
    if address.startswith(below) and not url.userinfo:
        return f"/{address[len(below) :]}"

    raise ConfigError(
        "The request goes to an address that is not below base_url; nothing was"
        " sent, neither token nor body.",
        "请求地址不在 base_url 之下；令牌和内容均未发出。",
        advice=Text(
            "Use one client for the gateway and another for everything else.",
            "请为网关单独使用一个客户端。",
        ),
    )


def _query(query: bytes) -> dict[str, str] | None:
    """
    Return the parameters of an address; what is no UTF-8 is refused as no text later.

    Raises:
        ConfigError: A name is repeated.
    """
    pairs = parse_qsl(
        query.decode("ascii"), keep_blank_values=True, errors="surrogateescape"
    )
    named = dict(pairs)

    if len(named) != len(pairs):
        raise ConfigError.of("query", "a name is repeated", "参数名称重复")

    return named or None
