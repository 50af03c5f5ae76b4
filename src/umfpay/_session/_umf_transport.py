"""
`UMFTransport`: the pipeline as a transport of httpx, for whoever has an AsyncClient.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs
import httpx

from umfpay._session._any_call import any_call
from umfpay._session._session import UMFSession
from umfpay.errors import ConfigError, Text
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.transport import (
    RESERVED_HEADERS,
    HTTPXAdapter,
    RawBody,
)


if TYPE_CHECKING:
    from umfpay.config import Config


# What names the client to other servers has no business here.
_DROPPED_HEADERS = RESERVED_HEADERS | {b"cookie"}


class UMFTransport(httpx.AsyncBaseTransport):
    """
    Signs what an httpx client sends, carries the token, gives verified answers only.

        async with httpx.AsyncClient(transport=UMFTransport(config)) as client:
            response = await client.post(f"{config.base_url}payments/payment", json=...)
            members = response.extensions["umfpay"]

    The bytes that httpx made are signed and sent. Accept, Accept-Encoding, Content-Type,
    Authorization, User-Agent and Signature are ours, whatever the client sets, and its
    cookies stay at home. What a request does is told by its path, as in
    `UMFSession.request()`; the deadline is the Config's, the client's timeout that of
    one attempt. Nothing is followed: a redirect is an error.

    It raises what a session raises, a refusal of the gateway too. No error is one of
    httpx's: what repeats those by itself would pay twice.

    Args:
        given: A Config, or a session, whose token, signer and connections are used, and
            which is not closed with the client. Two owners of one client_id's token
            need one token store (gateway.md 2.2).
        transport: Any transport of httpx or httpx2 that sends the requests, in place of
            our own connections; it is closed with the client.

    Raises:
        ConfigError: Something is not what it must be.
    """

    def __init__(self, given: Config | UMFSession, *, transport: Any = None) -> None:
        self._is_shared = isinstance(given, UMFSession)
        self._adapter: HTTPXAdapter | None = None

        try:
            if isinstance(given, UMFSession):
                self._session = given
                self._adapter = None if transport is None else HTTPXAdapter(transport)
            else:
                self._session = UMFSession(given, transport=transport)
        except ConfigError:
            # A dict of proxies holds passwords, and a traceback shows locals.
            del given, transport

            raise

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
        body = await request.aread()
        method, url = request.method, request.url
        path, query = self._local(str(url.copy_with(query=None)), url.query)
        call = any_call(
            method,
            path,
            query=query,
            body=_parsed(body) if body else None,
            sent=RawBody(body) if body or method != "GET" else None,
            refund_ids=self._session.refund_ids,
        )
        timeout = request.extensions.get("timeout", {}).get("read")
        limits = self._session.limits({} if timeout is None else {"timeout": timeout})
        limits = attrs.evolve(
            limits,
            headers=[
                *limits.headers,
                *(
                    (name, value)
                    for name, value in request.headers.raw
                    if name.lower() not in _DROPPED_HEADERS
                ),
            ],
        )

        members, state = await self._session.make(call, limits, edge=self._adapter)
        # httpx2 has the classes of httpx under its own name.
        family = sys.modules[type(request).__module__.partition(".")[0]]

        return family.Response(
            state.status,
            headers=list(state.response_headers),
            content=state.response_body,
            extensions={"umfpay": members, "http_version": b"HTTP/1.1"},
        )

    def _local(self, address: str, query: bytes) -> tuple[str, dict[str, str] | None]:
        """
        Return the path below the base URL, and the query.
        """
        root = self._session.root

        if not address.startswith(root):
            raise _elsewhere()

        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
        named = dict(pairs)

        if len(named) != len(pairs):
            raise ConfigError(
                Text("query: a name is repeated.", "query：参数名称重复。")
            )

        return f"/{address[len(root) :]}", named or None

    async def aclose(self) -> None:
        """
        Close what was made here, and the transport that was given.
        """
        if not self._is_shared:
            await self._session.aclose()

        if self._adapter is not None:
            await self._adapter.aclose()


def _parsed(body: bytes) -> Any:
    try:
        return parse_json(body)
    except JSONRefusedError as error:
        raise ConfigError(
            Text(
                f"The body is no JSON that the gateway takes: {error}.",
                "请求内容不是平台接受的 JSON。",
            )
        ) from None


def _elsewhere() -> ConfigError:
    return ConfigError(
        Text(
            "The request goes to an address that is not below base_url; nothing was"
            " sent, neither token nor body.",
            "请求地址不在 base_url 之下；令牌和内容均未发出。",
        ),
        advice=Text(
            "Use one client for the gateway and another for everything else.",
            "请为网关单独使用一个客户端。",
        ),
    )
