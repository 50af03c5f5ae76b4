"""
`RequestHead`: the bytes of a request from its first line to the blank one.

What every request has is made once. No text gets in that could end a line: a header of
the caller's can neither add a header nor a second request.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from umfpay.sensitive import Secret
from umfpay.transport._addresses import Origin
from umfpay.transport._exchange import Failure, HTTPExchangeError


if TYPE_CHECKING:
    from umfpay.transport._call import Bearer, CallState


# A compressed answer could not be verified as it was received, so none is asked for.
ALWAYS: Final = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    # "every call, GET too" (gateway.md 2.1)
    ("Content-Type", "application/json"),
    ("User-Agent", "umfpay"),
)

# RFC 9110 5.6.2 and 5.5. Not those that say where the request ends: a second one would
# let it end elsewhere.
_NAME: Final = re.compile(
    rb"(?!(?i:content-length|transfer-encoding|host)\Z)[!#$%&'*+.^_`|~0-9A-Za-z-]+"
)
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TEXT: Final = re.compile(r"[ -~]*")

# Visible ASCII; what stands behind "#" is not sent.
_PATH_CHARACTERS: Final = '[!"$-~]*'

# The answers to HEAD and CONNECT are framed in another way (RFC 9112 6.3).
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestHead:
    """
    Writes the heads of the requests to one origin.

    Args:
        origin: Where they go.
        proxy: Where they go first, if it is a proxy that reads them: the whole address
            is named, and its user.
    """

    def __init__(self, origin: Origin, *, proxy: Secret | None = None) -> None:
        root = origin.root
        self._address = re.compile(re.escape(root) + _PATH_CHARACTERS)
        self._target_start = len(root) - 1 if proxy is None else 0
        lines = [("Host", origin.authority), *ALWAYS]
        text = "".join(f"{name}: {value}\r\n" for name, value in lines)
        login = "" if proxy is None else proxy_line(proxy)
        self._constant = f" HTTP/1.1\r\n{text}{login}"
        # The same token comes with every call: its line is made when it changes, and
        # kept where tools that walk an object's attributes find no text.
        self._bearer: tuple[Bearer | None, str] = (None, "")
        self._bearer_line: Callable[[], str] = str

    def write(self, state: CallState) -> bytes | HTTPExchangeError:
        """
        Return the head for *state* as it is now, or why there can be none.

        The error is returned: no frame that holds a token is reached from it.
        """
        url, method, body = state.url, state.call.method, state.body

        if not self._address.fullmatch(url):
            return HTTPExchangeError(Failure.ADDRESS, "not an address of this gateway")

        if method not in _METHODS:
            return HTTPExchangeError(Failure.ADDRESS, "not a method that is sent")

        own = self._own_lines(state)

        if own is None:
            return HTTPExchangeError(
                Failure.ADDRESS, "a header holds a character that none may"
            )

        if body or method != "GET":
            own += f"Content-Length: {len(body)}\r\n"

        first = f"{method} {url[self._target_start :]}"

        return f"{first}{self._constant}{own}\r\n".encode("latin-1")

    def _own_lines(self, state: CallState) -> str | None:
        """
        Return the headers of one call, None if they cannot be sent.
        """
        lines, signature, bearer = "", state.signature, state.bearer

        for name, value in state.headers:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                return None

            lines += f"{name.decode('ascii')}: {value.decode('latin-1')}\r\n"

        if signature is not None:
            if not _TEXT.fullmatch(signature):
                return None

            lines += f"Signature: {signature}\r\n"

        if bearer is not None:
            known, prefix = self._bearer

            if known is not bearer or prefix != state.bearer_prefix:
                line = f"Authorization: {state.bearer_prefix}{bearer.token.reveal()}"

                if not _TEXT.fullmatch(line):
                    return None

                self._bearer = (bearer, state.bearer_prefix)
                self._bearer_line = lambda: f"{line}\r\n"

            lines += self._bearer_line()

        return lines


def proxy_line(proxy: Secret) -> str:
    """
    Return the line that names the user of *proxy* to it, nothing without one.
    """
    parts = urlsplit(proxy.reveal())

    if parts.username is None:
        return ""

    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"

    return f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
