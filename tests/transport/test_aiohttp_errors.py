"""
aiohttp's errors in the words of httpx.
"""

from __future__ import annotations

import asyncio
import ssl
from unittest import mock

import aiohttp
import httpx
import pytest

from umfpay.transport._aiohttp import _BrokenError, http_error


KEY = mock.Mock(host="gateway.example", port=443, ssl=True)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))


@pytest.mark.parametrize(
    ("error", "unsent", "maybe"),
    [
        (REFUSED, httpx.ConnectError, httpx.ConnectError),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("x")),
            httpx.ConnectError,
            httpx.ConnectError,
        ),
        (
            aiohttp.ServerFingerprintMismatch(b"a", b"b", "h", 1),
            httpx.ConnectError,
            httpx.ConnectError,
        ),
        (aiohttp.ConnectionTimeoutError(), httpx.ConnectTimeout, httpx.ConnectTimeout),
        (aiohttp.SocketTimeoutError(), httpx.ConnectTimeout, httpx.ReadTimeout),
        (TimeoutError(), httpx.ConnectTimeout, httpx.ReadTimeout),
        (aiohttp.ServerDisconnectedError(), httpx.ConnectError, httpx.ReadError),
        (aiohttp.ClientOSError(104, "reset"), httpx.ConnectError, httpx.ReadError),
        (aiohttp.ClientPayloadError("cut"), httpx.ConnectError, httpx.ReadError),
        (aiohttp.ClientConnectionResetError(), httpx.ConnectError, httpx.ReadError),
        (ConnectionResetError(), httpx.ConnectError, httpx.ReadError),
        (
            aiohttp.ClientResponseError(mock.Mock(), (), status=400, message="bad"),
            httpx.RemoteProtocolError,
            httpx.RemoteProtocolError,
        ),
        (
            aiohttp.ClientHttpProxyError(mock.Mock(), (), status=407),
            httpx.ProxyError,
            httpx.ProxyError,
        ),
        (
            aiohttp.NonHttpUrlClientError("ftp://h/"),
            httpx.UnsupportedProtocol,
            httpx.UnsupportedProtocol,
        ),
        (ValueError("x"), httpx.LocalProtocolError, httpx.LocalProtocolError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_no_error_claims_more_than_is_known(error, unsent, maybe):
    """A body that did not begin was not sent; any other may have been."""
    assert unsent is type(http_error(error, started=False, pool_is_full=False))
    assert maybe is type(http_error(error, started=True, pool_is_full=False))
    assert maybe is type(http_error(error, started=None, pool_is_full=False))


@pytest.mark.parametrize("error", [aiohttp.ConnectionTimeoutError(), TimeoutError()])
def test_a_full_pool_is_named(error):
    """Waiting for a free connection is told from connecting."""
    mapped = http_error(error, started=False, pool_is_full=True)

    assert httpx.PoolTimeout is type(mapped)


def test_an_error_carried_past_the_second_try_is_found():
    """The carrier is not the error."""
    carrier = _BrokenError()
    carrier.__cause__ = aiohttp.ServerDisconnectedError()

    assert httpx.ReadError is type(
        http_error(carrier, started=True, pool_is_full=False)
    )


@pytest.mark.parametrize("error", [asyncio.CancelledError(), RuntimeError("closed")])
def test_other_errors_are_left_alone(error):
    """Cancellation and mistakes of the caller keep their type."""
    assert http_error(error, started=True, pool_is_full=False) is None


def test_the_words_name_the_host():
    """A failed connection says where to and why."""
    mapped = http_error(REFUSED, started=False, pool_is_full=False)

    assert str(mapped) == "gateway.example:443: [Errno 111] refused"
