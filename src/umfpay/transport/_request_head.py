"""
`RequestHead`: the bytes of a request from its first line to the blank one.

What every request has is made once. No text gets in that could end a line: a header of
the caller's can neither add a header nor a second request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from umfpay.transport._exchange import Failure, HTTPExchangeError
from umfpay.transport._origin import Origin, origin_of


if TYPE_CHECKING:
    from umfpay.transport._call import CallState
    from umfpay.transport._token_source import Bearer


# A compressed answer could not be verified as it was received, so none is asked for.
ALWAYS: Final = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    # "every call, GET too" (gateway.md 2.1)
    ("Content-Type", "application/json"),
    ("User-Agent", "umfpay"),
)

# RFC 9110 5.6.2 and 5.5.
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

# Without a user: "https://gateway.example@evil" goes elsewhere.
_AUTHORITY: Final = re.compile(r"[A-Za-z]+://[^/?#@]+(?=[/?#]|\Z)")

# They say where the request ends: a second one would let it end elsewhere.
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"host"})

_BAD_HEADER: Final = "a header holds a character that none may"
_BAD_ADDRESS: Final = "not an address of this gateway"
_BAD_METHOD: Final = "not a method that is sent"


class RequestHead:
    """
    Writes the heads of the requests to one origin.

    Args:
        origin: Where they go.
        through_proxy: They go to a proxy that reads them: the whole address is named.
        proxy_authorization: The value of that header, for such a proxy.
    """

    __slots__ = ("_bearer", "_bearer_line", "_constant", "_origin", "_prefix", "_start")

    def __init__(
        self,
        origin: Origin,
        *,
        through_proxy: bool = False,
        proxy_authorization: str | None = None,
    ) -> None:
        self._origin = origin
        self._prefix = f"{origin.scheme}://{origin.authority}"
        # A proxy that reads them is told the whole address.
        self._start = self._prefix if through_proxy else ""
        lines = [("Host", origin.authority), *ALWAYS]

        if proxy_authorization is not None:
            lines.append(("Proxy-Authorization", proxy_authorization))

        self._constant = " HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines
        )
        # The same token comes with every call: its line is made when it changes, and
        # kept where tools that walk an object's attributes find no text.
        self._bearer: tuple[Bearer | None, str] = (None, "")
        self._bearer_line: Callable[[], str] = str

    def write(self, state: CallState) -> bytes | HTTPExchangeError:
        """
        Return the head for *state* as it is now, or why there can be none.

        The error is returned: no frame that holds a token is reached from it.
        """
        url, prefix = state.url, self._prefix
        target = url[len(prefix) :] if url.startswith(prefix) else ""

        if target[:1] != "/" or not target.isascii() or not target.isprintable():
            target = self._target(url)

            if not target:
                return HTTPExchangeError(Failure.ADDRESS, _BAD_ADDRESS)

        if " " in target or "#" in target:
            return HTTPExchangeError(Failure.ADDRESS, _BAD_ADDRESS)

        method, body = state.call.method, state.body

        if method != "GET" or body:
            length = f"Content-Length: {len(body)}\r\n\r\n"
        else:
            length = "\r\n"

        if method not in ("POST", "GET") and not _is_usual_method(method):
            return HTTPExchangeError(Failure.ADDRESS, _BAD_METHOD)

        own = self._own_lines(state)

        if own is None:
            return HTTPExchangeError(Failure.ADDRESS, _BAD_HEADER)

        return (f"{method} {self._start}{target}{self._constant}{own}{length}").encode(
            "latin-1"
        )

    def _target(self, url: str) -> str:
        """
        Return path and query of *url* if it is of this origin, else nothing.
        """
        if origin_of(url) != self._origin or not url.isascii() or not url.isprintable():
            return ""

        found = _AUTHORITY.match(url)

        if found is None:
            return ""

        # Another spelling of the same origin comes again.
        self._prefix = found[0]
        target = url[found.end() :]

        return target if target.startswith("/") else f"/{target}"

    def _own_lines(self, state: CallState) -> str | None:
        """
        Return the headers of one call, None if they cannot be sent.
        """
        lines = ""

        for name, value in state.headers:
            if (
                not _TOKEN.fullmatch(name)
                or not _VALUE.fullmatch(value)
                or name.lower() in _FRAMING
            ):
                return None

            lines += f"{name.decode('ascii')}: {value.decode('latin-1')}\r\n"

        signature, bearer = state.signature, state.bearer

        if signature is not None:
            if not signature.isascii() or not signature.isprintable():
                return None

            lines += f"Signature: {signature}\r\n"

        if bearer is not None:
            known, prefix = self._bearer

            if known is not bearer or prefix != state.bearer_prefix:
                text = f"{state.bearer_prefix}{bearer.token.reveal()}"

                if not text.isascii() or not text.isprintable():
                    return None

                self._bearer = (bearer, state.bearer_prefix)
                line = f"Authorization: {text}\r\n"
                self._bearer_line = lambda: line

            lines += self._bearer_line()

        return lines


def _is_usual_method(method: str) -> bool:
    """
    Tell whether *method* can be sent and its answer read.

    The answers to HEAD and CONNECT are framed in another way (RFC 9112 6.3).
    """
    return method in ("PUT", "PATCH", "DELETE", "OPTIONS")
