"""
The webhook endpoint (notification route) of a FastAPI shop (extra ``fastapi``).
"""

from __future__ import annotations

from umfpay.errors import needs_extra
from umfpay.notifications._webhook_endpoint import Receiver, read_body, serve


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
        body = read_body(
            request.headers, request.stream(), broken_off=(ClientDisconnect,)
        )
        reply = await serve(inbox, body, request.headers.items())

        return Response(
            content=reply.body,
            status_code=reply.status,
            media_type=reply.content_type,
        )

    return router
