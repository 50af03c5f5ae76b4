"""
What left the shop, as a wiretap hears it: no money is asked for twice, no code sent twice.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import attrs
import httpx

from umfpay.transport import CALL_EXTENSION, CallState


_CALL_PATH: Final = re.compile(r"/payments/payment/(\w+)/(verify|execute|refund)$")
_TOKEN_REFUSED_CODE: Final = b'"00280703"'


@attrs.define(eq=False)
class Sending:
    """
    One request.

    Attributes:
        key: Two of the same key are the same request for money.
        left: Whether a byte of its body may have left; True until it is known.
        excused: Whether its token was refused: it may be sent once more.
    """

    key: tuple[str, ...]
    left: bool = True
    excused: bool = False


@attrs.define
class Sendings:
    """
    All requests of a schedule that may move money.

    Attributes:
        violations: What was sent twice.
    """

    violations: list[str] = attrs.field(factory=list)
    _sent: list[Sending] = attrs.field(factory=list)
    _messages: Counter[str] = attrs.field(factory=Counter)

    def begin(self, request: httpx.Request, body: bytes) -> Sending | None:
        """
        Note a request that is about to leave; None if it moves no money.
        """
        found = _CALL_PATH.search(request.url.path)

        if request.method != "POST" or found is None:
            return None

        payment_id, verb = found.groups()

        if verb == "verify":
            # From now on another code may be on its way.
            self._messages[payment_id] += 1

            return None

        what = _code(body) if verb == "execute" else _number(body)
        sent_after = self._messages[payment_id] if verb == "execute" else 0
        sending = Sending((payment_id, verb, what, str(sent_after)))

        if any(
            one.left and not one.excused for one in self._sent if one.key == sending.key
        ):
            self.violations.append(f"{payment_id}: {verb} {what} was sent twice")

        self._sent.append(sending)

        return sending


class Overheard(httpx.AsyncByteStream):
    """
    An answer that is read by somebody else as well.
    """

    def __init__(self, stream: httpx.AsyncByteStream, sending: Sending) -> None:
        self._stream = stream
        self._sending = sending

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = b""

        async for part in self._stream:
            body += part
            self._sending.excused = _TOKEN_REFUSED_CODE in body

            yield part

    async def aclose(self) -> None:
        """
        Want no more of it.
        """
        await self._stream.aclose()


def body_of(request: httpx.Request) -> bytes:
    """
    Return the body without using the stream up.
    """
    state: CallState = request.extensions[CALL_EXTENSION]

    return state.body


def may_have_left(request: httpx.Request) -> bool:
    """
    Tell whether a byte of the body may have left.
    """
    state: CallState = request.extensions[CALL_EXTENSION]

    return state.body_started


def _code(body: bytes) -> str:
    info = json.loads(body)["payer"]["payer_info"]

    return str(info.get("bank_card", {}).get("verify_code") or info["verify_code"])


def _number(body: bytes) -> str:
    return str(json.loads(body)["refund_info"]["mer_reference_id"])
