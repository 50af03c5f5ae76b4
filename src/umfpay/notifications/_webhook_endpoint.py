"""
The webhook endpoint without a framework: size limits, status codes, acknowledgement.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from typing import Final, Protocol

from umfpay.errors import (
    DatabaseError,
    NotificationBodyError,
    NotificationError,
    NotificationSignatureError,
)
from umfpay.notifications._receiver import MAX_BODY_BYTES, NotificationReply


_STATUS_OF_ERROR: Final[dict[type[Exception], int]] = {
    NotificationBodyError: 400,
    NotificationSignatureError: 401,
}

_MAX_LENGTH_DIGITS: Final = 15

_log = logging.getLogger("umfpay")


class BodyRefusedError(Exception):
    """
    Raised while reading a body that is no notification's, whoever has signed it.

    Attributes:
        status: What is answered.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def read_body(
    headers: Mapping[str, str],
    chunks: AsyncIterable[bytes],
    *,
    broken_off: tuple[type[Exception], ...],
) -> bytes:
    """
    Return the body of a request.

    Args:
        broken_off: What the framework raises when the sender goes away: it would write a
            traceback of it, and anybody can make one.

    Raises:
        BodyRefusedError: It is longer than any notification; or it is compressed: the
            signature covers what was sent, and half a megabyte may unpack to 500.
    """
    coding = headers.get("content-encoding", "").strip().lower()

    if coding not in ("", "identity"):
        raise BodyRefusedError(415, "the body is compressed")

    length = headers.get("content-length", "")
    too_long = BodyRefusedError(413, "the body is too long")

    # Not int() first: it refuses to read thousands of digits.
    if length.isdecimal() and (
        len(length) > _MAX_LENGTH_DIGITS or int(length) > MAX_BODY_BYTES
    ):
        raise too_long

    body = bytearray()

    try:
        async for chunk in chunks:
            body += chunk

            if len(body) > MAX_BODY_BYTES:
                raise too_long
    except broken_off:
        raise BodyRefusedError(400, "the body is not whole") from None

    return bytes(body)


class Receiver(Protocol):
    """
    What stores a notification and says what to answer: a `NotificationInbox`.
    """

    async def receive(
        self, body: bytes, headers: Iterable[tuple[str, str]]
    ) -> NotificationReply:
        """
        Store the notification, return the acknowledgement.
        """
        ...


async def serve(
    inbox: Receiver, body: Awaitable[bytes], headers: Iterable[tuple[str, str]]
) -> NotificationReply:
    """
    Return what to answer; nothing that is not stored is acknowledged.

    A body that is none is answered with 400, 413 or 415, a signature that does not
    verify with 401, and when it cannot be stored 503: the gateway sends it again.
    """
    try:
        return await inbox.receive(await body, headers)
    except BodyRefusedError as error:
        _log.info("a notification was refused: %s", error)

        return _text_reply(error.status, str(error))
    except (NotificationError, DatabaseError) as error:
        status = _STATUS_OF_ERROR.get(type(error), 503)
        # Anybody can post here. What is signed and cannot be stored is news.
        level = logging.WARNING if status == 503 else logging.INFO
        _log.log(level, "a notification was refused: %s", error.what.en)

        return _text_reply(status, "not stored" if status == 503 else error.what.en)


def _text_reply(status: int, why: str) -> NotificationReply:
    return NotificationReply(
        status=status, content_type="text/plain", body=why.encode()
    )
