"""
Build requests and responses of httpx, cheaply.

To make the headers of httpx costs more than all of our layers together; neither our
layers nor our network transport need them, any other transport gets them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

import httpx

from umfpay.sensitive import shows_itself_half_made
from umfpay.transport._call import EXTENSION, AbandonedError, CallState


# A compressed answer could not be verified as it was received, so none is asked for.
CONSTANT_HEADERS: Final = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    # "every call, GET too" (gateway.md 2.1)
    ("Content-Type", "application/json"),
    ("User-Agent", "umfpay"),
)


class _WatchedBody(httpx.ByteStream):
    """
    The body for a transport that is not ours: whoever takes it may send it.
    """

    def __init__(self, state: CallState) -> None:
        super().__init__(state.body)
        self._state = state

    def __iter__(self) -> Iterator[bytes]:
        self._begin()

        return super().__iter__()

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._begin()

        return super().__aiter__()

    def _begin(self) -> None:
        if self._state.abandoned:
            raise AbandonedError

        self._state.body_started = True


@shows_itself_half_made
class CallRequest(httpx.Request):
    """
    The request of one attempt.

    It keeps the signature and token of its own attempt, whatever the state says later.

    Attributes:
        untouched: Nobody has looked at the headers, so nobody changed them.
    """

    def __init__(self, state: CallState) -> None:
        # Not super().__init__(): all it does is to parse what is parsed already.
        self.method = state.method
        self._url: httpx.URL | None = None
        self.stream = _WatchedBody(state)
        self.extensions = {EXTENSION: state, "timeout": _timeout(state.timeout)}
        self._state = state
        self._signature = state.signature
        self._bearer = state.bearer
        self._headers: httpx.Headers | None = None

    def own_headers(self) -> Iterator[tuple[str, str]]:
        """
        Give the headers that differ from call to call, without any length.
        """
        for name, value in self._state.headers:
            yield name.decode("ascii"), value.decode("latin-1")

        if self._signature is not None:
            yield "Signature", self._signature

        if self._bearer is not None:
            yield (
                "Authorization",
                self._state.bearer_prefix + self._bearer.token.reveal(),
            )

    @property
    def url(self) -> httpx.URL:
        """
        The address in the form of httpx, parsed when somebody asks.
        """
        if self._url is None:
            self._url = httpx.URL(self._state.url)

        return self._url

    @url.setter
    def url(self, url: httpx.URL) -> None:
        self._url = url

    @property
    def address(self) -> str:
        """
        The whole address.
        """
        return self._state.url if self._url is None else str(self._url)

    @property
    def untouched(self) -> bool:
        return self._headers is None

    @property
    def headers(self) -> httpx.Headers:
        """
        All headers, complete for any transport.
        """
        if self._headers is None:
            state = self._state
            self._headers = headers = httpx.Headers(
                [("Host", self.url.netloc.decode("ascii")), *CONSTANT_HEADERS]
            )

            for name, value in self.own_headers():
                headers[name] = value

            if state.body or state.method != "GET":
                headers["Content-Length"] = str(len(state.body))

        return self._headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        self._headers = headers


@shows_itself_half_made
class RawResponse(httpx.Response):
    """
    A response that keeps the headers as they came.

    Attributes:
        raw_headers: Pairs of name and value.
    """

    def __init__(
        self,
        status: int,
        *,
        raw_headers: Sequence[tuple[bytes, bytes]],
        stream: httpx.AsyncByteStream,
    ) -> None:
        self._headers: httpx.Headers | None = None
        super().__init__(status, stream=stream)
        self._headers = None
        self.raw_headers = raw_headers

    @property
    def headers(self) -> httpx.Headers:
        """
        The headers in the form of httpx.
        """
        if self._headers is None:
            self._headers = httpx.Headers(list(self.raw_headers))

        return self._headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        self._headers = headers


def build_request(state: CallState) -> httpx.Request:
    """
    Return a complete request for *state* as it is now: signature, token and all.
    """
    return CallRequest(state)


def address_of(request: httpx.Request) -> str:
    """
    Return the whole address of *request*.
    """
    return request.address if isinstance(request, CallRequest) else str(request.url)


def raw_headers(response: httpx.Response) -> Sequence[tuple[bytes, bytes]]:
    """
    Return the headers of *response* as pairs.
    """
    if isinstance(response, RawResponse):
        return response.raw_headers

    return response.headers.raw


@lru_cache(maxsize=16)
def _timeout(seconds: float) -> Mapping[str, float]:
    """
    Return the form in which transports of httpx look for a timeout.
    """
    return dict.fromkeys(("connect", "read", "write", "pool"), seconds)
