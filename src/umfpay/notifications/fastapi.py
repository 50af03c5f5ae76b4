"""
The webhook endpoint (notification route) of a FastAPI shop (extra ``fastapi``).
"""

from __future__ import annotations

from umfpay.errors import needs_extra
from umfpay.notifications._webhook_endpoint import (
    MAX_BODY_BYTES,
    Receiver,
    broken_off_error,
    check_head,
    serve,
    too_long_error,
)


with needs_extra("fastapi", by="umfpay.notifications.fastapi"):
    from fastapi import APIRouter, Request, Response
    from starlette.requests import ClientDisconnect


def notification_router(inbox: Receiver, *, path: str = "/umf/notify") -> APIRouter:
    """
    Return a router with one POST route that stores, acknowledges and applies.

        app.include_router(notification_router(inbox))

    Args:
        inbox: An open `NotificationInbox`.
        path: What the notify_url of payments and refunds ends with.
    """
    router = APIRouter()

    @router.post(path, include_in_schema=False)
    async def notified(request: Request) -> Response:
        reply = await serve(inbox, _body(request), request.headers.items())

        return Response(
            content=reply.body,
            status_code=reply.status,
            media_type=reply.content_type,
        )

    return router


async def _body(request: Request) -> bytes:
    check_head(request.headers)
    body = bytearray()

    try:
        async for chunk in request.stream():
            body += chunk

            if len(body) > MAX_BODY_BYTES:
                raise too_long_error()
    except ClientDisconnect:
        # A framework writes a traceback of it, and anybody can make one.
        raise broken_off_error() from None

    return bytes(body)
