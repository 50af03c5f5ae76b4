"""
The notification endpoint of an aiohttp shop.
"""

from __future__ import annotations

from aiohttp import web

from umfpay.notifications._serving import (
    MAX_BODY,
    Receiver,
    TooLargeError,
    check_length,
    serve,
)


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

        return web.Response(
            body=reply.body, status=reply.status, content_type=reply.content_type
        )

    return [web.post(path, notified)]


async def _body(request: web.Request) -> bytes:
    check_length(request.headers)
    body = bytearray()

    # Not read(): that one has the limit of the application, not ours.
    async for chunk in request.content.iter_any():
        body += chunk

        if len(body) > MAX_BODY:
            raise TooLargeError

    return bytes(body)
