"""
What may be given as ``transport=``, and a mock that would miss the session.
"""

from __future__ import annotations

import asyncio
import warnings

import httpx
import pytest
import respx

from umfpay import Config, UMFSession
from umfpay._session._transport_setting import refused_transport
from umfpay.errors import ConfigError, DeadlineExceededError, UMFError
from umfpay.protocol import PrivateKey


class Late(httpx.AsyncBaseTransport):
    """
    A transport that gives a token at once, and takes any other request when *go* is set.
    """

    def __init__(self):
        self.go = asyncio.Event()
        self.got = []

    async def handle_async_request(self, request):
        if request.url.path.endswith("/authorize"):
            return httpx.Response(200, json={"access_token": "T", "expires_in": 3600})

        await self.go.wait()
        self.got.append(await request.aread())

        return httpx.Response(200, content=b"{}")


@pytest.fixture(name="settings", scope="module")
def _settings():
    key, gateway = PrivateKey.generate(1024), PrivateKey.generate(1024)

    return {
        "client_id": "c",
        "client_secret": "s",
        "merchant_key": key,
        "gateway_certificate": gateway.public,
        # Nobody listens there.
        "base_url": "http://127.0.0.1:1/v1/",
        "token_store": "memory",
        "deadline": 5.0,
    }


def test_a_transport_beside_a_proxy_is_refused(settings):
    """Nothing says that the transport uses it, so the call would go past the proxy."""
    given = Config(**settings, proxy="http://user:secret@127.0.0.1:3128")

    with pytest.raises(ConfigError, match=r"proxy: .* transport=") as caught:
        UMFSession(given, transport=httpx.AsyncHTTPTransport())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
def test_a_transport_beside_files_of_tls_is_refused(settings, tmp_path, name):
    """It would trust other authorities, or show no certificate."""
    file = tmp_path / "file.pem"
    file.write_text("")
    given = Config(**settings, **{name: file})

    with pytest.raises(ConfigError, match=f"{name}: .* transport="):
        UMFSession(given, transport=httpx.AsyncHTTPTransport())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (lambda: httpx.AsyncClient(), "AsyncClient"),
        (lambda: httpx.Client(), "Client"),
        (lambda: httpx.HTTPTransport(), "HTTPTransport"),
        (lambda: httpx.AsyncHTTPTransport, "the class AsyncHTTPTransport"),
        (lambda: True, "bool"),
        (lambda: False, "bool"),
        (lambda: "http://127.0.0.1:3128", "str"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_no_transport_is_refused_at_once(settings, given, named):
    """Clear, and before any call."""
    with pytest.raises(ConfigError, match=f"transport: .* {named}") as caught:
        UMFSession(Config(**settings), transport=given())

    assert "AsyncHTTPTransport" in caught.value.advice.en
    assert "AsyncHTTPTransport" in caught.value.advice.zh


@pytest.mark.parametrize("given", ["umf.env", None, {"client_id": "c"}, Config])
def test_a_session_without_a_config_is_refused_at_once(given):
    """The name of a file is no Config; the advice says how to read it."""
    with pytest.raises(ConfigError, match="config: a Config is needed") as caught:
        UMFSession(given)

    assert 'Config.from_file("umf.env")' in caught.value.advice.en
    assert 'Config.from_file("umf.env")' in caught.value.advice.zh


@pytest.mark.parametrize("name", ["ca_file", "client_certificate", "proxy"])
def test_without_a_transport_they_are_let_through(settings, tmp_path, name):
    """Our own connections heed them, so nothing is raised."""
    file = tmp_path / "file.pem"
    file.write_text("")
    value = "http://127.0.0.1:1" if name == "proxy" else file

    assert refused_transport(None, Config(**settings, **{name: value})) is None


async def test_a_write_that_waits_until_its_deadline_was_not_sent(settings):
    """What has not begun at the deadline is no unknown outcome, and does not begin."""
    late = Late()
    given = Config(**{**settings, "deadline": 0.2, "timeout": 0.1})

    async with UMFSession(given, transport=late) as session:
        with pytest.raises(DeadlineExceededError) as caught:
            await session.request("POST", "/payments/payment/PAY_A/execute", {"x": 1})

        late.go.set()

    assert not caught.value.request_sent
    assert [] == late.got


async def calls(session):
    """
    Make two calls; both fail.
    """
    for call in (session.exchange_rates.get("USD"), session.request("GET", "/bank")):
        with pytest.raises(UMFError):
            await call


async def test_a_router_of_respx_that_mocks_nothing_is_warned_of_once(settings):
    """The line that is named is the caller's own."""
    async with UMFSession(Config(**settings)) as session:
        with respx.mock(assert_all_called=False) as router:
            route = router.route().respond(200, json={})

            with pytest.warns(UserWarning, match="respx") as caught:
                await calls(session)

    assert ([__file__], 0) == ([one.filename for one in caught], route.call_count)

    words = str(caught[0].message)

    assert "transport=httpx.AsyncHTTPTransport()" in words
    assert "respx 只模拟 httpx" in words


async def test_every_session_has_its_own_warning(settings):
    """A second test of a suite is as wrong as the first one."""
    with respx.mock(assert_all_called=False):
        for _ in range(2):
            async with UMFSession(Config(**settings)) as session:
                with pytest.warns(UserWarning, match="respx"):
                    await calls(session)


async def test_a_session_that_uses_httpx_is_mocked_without_a_warning(settings):
    """As the warning itself says."""
    given = UMFSession(Config(**settings), transport=httpx.AsyncHTTPTransport())

    with warnings.catch_warnings(), respx.mock(assert_all_called=False) as router:
        warnings.simplefilter("error")
        route = router.route().respond(401, json={})

        async with given as session:
            await calls(session)

    assert route.called


async def test_a_router_that_is_not_active_is_no_reason_to_warn(settings):
    """Whoever imports respx may mock other clients with it, or nothing."""
    router = respx.mock(assert_all_called=False)
    router.route().respond(200, json={})

    with warnings.catch_warnings():
        warnings.simplefilter("error")

        async with UMFSession(Config(**settings)) as session:
            await calls(session)

            with router:
                pass

            await calls(session)
