"""
The webhook endpoint (notification route) of an aiohttp shop (extra ``aiohttp``).
"""

from __future__ import annotations

from typing import Final

from umfpay.errors import needs_extra
from umfpay.notifications._webhook_endpoint import (
    MAX_BODY_BYTES,
    Receiver,
    broken_off_error,
    check_head,
    serve,
    too_long_error,
)


with needs_extra("aiohttp", by="umfpay.notifications.aiohttp"):
    from aiohttp import web


_UNREAD_STATUSES: Final = frozenset({413, 415})


def notification_routes(
    inbox: Receiver, *, path: str = "/umf/notify"
) -> list[web.RouteDef]:
    """
    Return one POST route that stores, acknowledges and applies.

        app.add_routes(notification_routes(inbox))

    Args:
        inbox: An open `NotificationInbox`.
        path: What the notify_url of payments and refunds ends with.
    """

    async def notified(request: web.Request) -> web.Response:
        reply = await serve(inbox, _body(request), request.headers.items())

        response = web.Response(
            body=reply.body, status=reply.status, content_type=reply.content_type
        )

        if reply.status in _UNREAD_STATUSES:
            await _hang_up(request, response)

        return response

    return [web.post(path, notified)]


async def _hang_up(request: web.Request, response: web.Response) -> None:
    # aiohttp would go on reading, and unpacking, what was refused: the response alone
    # cannot tell it not to.
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    request.protocol.force_close()


async def _body(request: web.Request) -> bytes:
    check_head(request.headers)
    body = bytearray()

    try:
        # Not read(): that one has the limit of the application, not ours.
        async for chunk in request.content.iter_any():
            body += chunk

            if len(body) > MAX_BODY_BYTES:
                raise too_long_error()
    except (web.RequestPayloadError, OSError):
        # aiohttp writes a traceback of it, and anybody can make one.
        raise broken_off_error() from None

    return bytes(body)
