"""
The webhook endpoint (notification route) of an aiohttp shop (extra ``aiohttp``).
"""

from __future__ import annotations

from typing import Final

from umfpay.errors import needs_extra
from umfpay.notifications._webhook_endpoint import Receiver, read_body, serve


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
        # Not read(): that one has the limit of the application, not ours.
        body = read_body(
            request.headers,
            request.content.iter_any(),
            broken_off=(web.RequestPayloadError, OSError),
        )
        reply = await serve(inbox, body, request.headers.items())

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
