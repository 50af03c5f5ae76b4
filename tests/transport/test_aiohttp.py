"""
The network transport against servers that misbehave on real sockets.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import struct
from contextlib import suppress

import httpx
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from umfpay.errors import TransportError, WrongLoopError
from umfpay.sensitive import Secret
from umfpay.transport import (
    AbandonedError,
    AiohttpTransport,
    BearerToken,
    CallEnd,
    Effect,
    build_request,
    build_stack,
    classify,
    perform,
    tls_context,
)
from umfpay.transport._aiohttp import _Body


def answer(body, *headers, status=b"200 OK"):
    """
    Return an answer as bytes.
    """
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]

    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def reset(writer):
    """
    Cut a connection without a goodbye.
    """
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture(name="network")
async def _network():
    transport = AiohttpTransport(connect_timeout=2.0)

    yield transport

    await transport.aclose()


@pytest.fixture(name="answering")
def _answering(serve, read_request):
    async def answering(body=b"{}", *headers, status=b"200 OK", **options):
        """
        Serve the same answer to every request of every connection.
        """

        async def talk(served, reader, writer):
            while True:
                served.received.append(await read_request(reader))
                writer.write(answer(body, *headers, status=status))

        return await serve(talk, **options)

    return answering


@pytest.fixture(name="misbehaving")
def _misbehaving(serve, read_request):
    async def misbehaving(kind):
        """
        Serve connections that end badly, each in the same way.
        """

        async def talk(served, reader, writer):
            if kind == "cut before reading":
                reset(writer)

                return

            if kind == "reset while reading":
                served.received.append(await reader.readexactly(20))
                reset(writer)

                return

            served.received.append(await read_request(reader))

            if kind == "reset after reading":
                reset(writer)
            elif kind == "half":
                writer.write(answer(b"x" * 100)[:-50])
                await writer.drain()
            elif kind == "half head":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                await writer.drain()
            elif kind == "garbage":
                writer.write(b"220 ftp.example ready\r\n\r\n")
                await writer.drain()
            elif kind == "silent":
                await asyncio.sleep(30)

        return await serve(talk)

    return misbehaving


def money(call, url, **changes):
    return call(Effect.MONEY, url=url, timeout=1.0, **changes)


async def read(response):
    try:
        return b"".join([chunk async for chunk in response.stream])
    finally:
        await response.stream.aclose()


async def exchange(network, state):
    response = await network.handle_async_request(build_request(state))

    return response, await read(response)


async def test_a_write_arrives_whole(network, answering, call):
    """Method, path, headers and body reach the server; the answer comes back."""
    served = await answering(b'{"a":1}', b"X-Two: 1", b"x-two: 2")
    state = money(call, served.url, signature="c2ln", headers=[(b"X-Own", b"y")])
    state.bearer = BearerToken(generation=1, token=Secret("tok"))
    response, body = await exchange(network, state)
    head, _, sent = served.received[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    names = [line.split(b":")[0].lower() for line in lines[1:]]

    assert lines[0] == b"POST /v1/thing HTTP/1.1"
    assert sorted(
        [
            b"host",
            b"accept",
            b"accept-encoding",
            b"content-type",
            b"user-agent",
            b"x-own",
            b"signature",
            b"authorization",
            b"content-length",
        ]
    ) == sorted(names)
    assert b"Authorization: Bearer tok" in lines
    assert b"Accept-Encoding: identity" in lines
    assert b"Host: 127.0.0.1:%d" % served.port in lines
    assert state.body == sent
    assert (response.status_code, body) == (200, b'{"a":1}')
    assert response.headers["x-two"] == "1, 2"
    assert (state.body_tracked, state.body_started) == (True, True)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(min_size=1, max_size=3000))
async def test_the_bytes_signed_are_the_bytes_that_arrive(
    body, serve, read_request, call, merchant, gateway, tokens
):
    """Whatever the body holds, the server can verify it as it came."""
    signer, verifier = merchant
    reply, _ = gateway.body()

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        writer.write(answer(reply))

    served = await serve(talk)
    network = AiohttpTransport()
    stack = build_stack(
        network,
        origin=httpx.URL(served.url),
        signer=signer,
        verifier=gateway.verifier,
        token_source=tokens,
    )
    state = money(call, served.url, body=body)
    await perform(stack, state)
    await stack.aclose()
    head, _, sent = served.received[0].partition(b"\r\n\r\n")
    signature = next(
        line.split(b": ")[1].decode()
        for line in head.split(b"\r\n")
        if line.startswith(b"Signature")
    )

    assert body == sent
    assert verifier.verify(sent, signature)


async def test_a_refused_connection_sent_nothing(network, call):
    """No server, no byte: the error says so and the state agrees."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    state = money(call, f"http://127.0.0.1:{port}/", handed_over=True)

    with pytest.raises(httpx.ConnectError, match=str(port)) as caught:
        await exchange(network, state)

    assert not state.body_started
    assert not state.may_have_been_sent(caught.value)


async def test_an_unknown_host_sent_nothing(network, call):
    """A name that does not resolve is a failed connection."""
    state = money(call, "http://no-such-host.invalid/", handed_over=True)

    with pytest.raises(httpx.ConnectError) as caught:
        await exchange(network, state)

    assert not state.may_have_been_sent(caught.value)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset while reading", httpx.ReadError),
        ("drop after reading", httpx.ReadError),
        ("reset after reading", httpx.ReadError),
        ("half", httpx.ReadError),
        ("half head", httpx.ReadError),
        ("garbage", httpx.RemoteProtocolError),
        ("silent", httpx.ReadTimeout),
    ],
)
@pytest.mark.parametrize("effect", [Effect.MONEY, Effect.READ])
async def test_a_request_that_was_read_counts_as_sent(
    network, misbehaving, call, kind, error, effect
):
    """However the server ends after reading, nobody may believe it did not read."""
    served = await misbehaving(kind)
    state = call(effect, url=served.url, timeout=0.3, handed_over=True)

    with pytest.raises(error) as caught:
        await exchange(network, state)

    assert len(served.received) == 1
    assert state.may_have_been_sent(caught.value)
    assert (effect is Effect.MONEY) is state.body_started


async def test_a_connection_cut_before_reading_is_judged_by_the_body(
    network, misbehaving, call
):
    """Whether the body began decides, never the kind of the error."""
    served = await misbehaving("cut before reading")
    state = money(call, served.url, handed_over=True)

    with pytest.raises(httpx.TransportError) as caught:
        await exchange(network, state)

    assert state.body_started is state.may_have_been_sent(caught.value)
    assert isinstance(caught.value, httpx.ConnectError) is not state.body_started


@pytest.fixture(name="stacked")
def _stacked(gateway, merchant, tokens):
    def stacked(network, url):
        async def sleep(seconds):
            pass

        return build_stack(
            network,
            origin=httpx.URL(url),
            signer=merchant[0],
            verifier=gateway.verifier,
            token_source=tokens,
            sleep=sleep,
        )

    return stacked


@pytest.mark.parametrize("kind", ["drop after reading", "reset after reading", "half"])
async def test_a_write_dropped_after_it_was_read_is_sent_exactly_once(
    network, misbehaving, stacked, call, kind
):
    """Money is never asked for twice because a connection broke."""
    served = await misbehaving(kind)
    state = money(call, served.url)

    with pytest.raises(TransportError) as caught:
        await perform(stacked(network, served.url), state)

    assert (len(served.received), state.attempts) == (1, 1)
    assert caught.value.request_sent
    assert CallEnd.UNCLEAR is classify(state, caught.value).ending


async def test_a_read_dropped_each_time_is_sent_as_often_as_we_count(
    network, misbehaving, stacked, call
):
    """aiohttp does not send a GET again behind our back."""
    served = await misbehaving("drop after reading")
    state = call(url=served.url, timeout=1.0)

    with pytest.raises(TransportError):
        await perform(stacked(network, served.url), state)

    assert (len(served.received), state.attempts) == (3, 3)


async def test_a_stale_connection_is_not_used_twice_in_secret(
    network, serve, read_request, call
):
    """A GET on a connection that the server closed meanwhile fails once, openly."""
    connections = []

    async def talk(served, reader, writer):
        connections.append(writer)
        served.received.append(await read_request(reader))
        writer.write(answer(b"{}"))
        served.received.append(await read_request(reader))

    served = await serve(talk)
    await exchange(network, call(url=served.url))

    with pytest.raises(httpx.ReadError):
        await exchange(network, call(url=served.url))

    assert (len(connections), len(served.received)) == (1, 2)


async def test_a_read_survives_a_page_of_a_proxy(
    network, serve, read_request, stacked, call, gateway
):
    """A 502 page in HTML is followed by the answer."""
    reply, _ = gateway.body()

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        page = answer(b"<html>Bad Gateway</html>", status=b"502 Bad Gateway")
        writer.write(page if len(served.received) == 1 else answer(reply))

    served = await serve(talk)
    state = call(url=served.url)
    await perform(stacked(network, served.url), state)

    assert (len(served.received), classify(state).ending) == (2, CallEnd.GOOD)


async def test_a_write_to_a_connection_that_is_gone_sent_nothing(
    network, answering, call
):
    """A connection that closes between choosing and writing leaves the body unsent."""
    served = await answering()
    await exchange(network, call(url=served.url))
    state = money(call, served.url)
    task = asyncio.create_task(exchange(network, state))
    await asyncio.sleep(0)

    # What a lost connection does, at the worst moment: chosen, but not written to.
    for protocol in network._session.connector._acquired:
        protocol.transport.close()

    with suppress(httpx.TransportError):
        await task

    assert len(served.received) - 1 == int(state.body_started)


async def test_connections_are_used_again(network, answering, call):
    """A read answer gives its connection back."""
    ports = set()

    served = await answering()

    for _ in range(3):
        response, _ = await exchange(network, call(url=served.url))
        ports.add(response.status_code)

    assert len(network._session.connector._conns) == 1
    assert sum(map(len, network._session.connector._conns.values())) == 1


async def test_an_unread_answer_frees_its_connection(serve, read_request, call):
    """A response closed half way is not given back, and not kept either."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        writer.write(answer(b"x" * 10_000_000)[:1_000_000])
        await writer.drain()
        await asyncio.sleep(30)

    served = await serve(talk)
    network = AiohttpTransport(max_connections=1)

    for _ in range(3):
        state = call(url=served.url, timeout=1.0, download=True)
        response = await network.handle_async_request(build_request(state))
        await anext(aiter(response.stream))
        await response.aclose()
        await response.stream.aclose()

    assert len(served.received) == 3

    await network.aclose()


async def test_cancelled_calls_free_their_connections(misbehaving, answering, call):
    """After many cancellations a pool of two still serves."""
    silent = await misbehaving("silent")
    good = await answering()
    network = AiohttpTransport(max_connections=2)

    for _ in range(30):
        task = asyncio.create_task(exchange(network, money(call, silent.url)))
        await asyncio.sleep(0.002)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    _, body = await exchange(network, money(call, good.url))

    assert (body, network._busy) == (b"{}", 0)

    await network.aclose()


async def test_closing_ends_what_waits_for_a_connection_with_an_error(
    misbehaving, call
):
    """Nobody cancelled these calls: the one that waits was not sent, the other was."""
    silent = await misbehaving("silent")
    network = AiohttpTransport(max_connections=1)
    sent, waiting = money(call, silent.url), money(call, silent.url)
    calls = [asyncio.create_task(exchange(network, state)) for state in (sent, waiting)]
    await asyncio.sleep(0.1)
    await network.aclose()
    ends = await asyncio.gather(*calls, return_exceptions=True)

    assert [httpx.ReadError, httpx.ConnectError] == [type(end) for end in ends]
    assert [True, False] == [state.body_started for state in (sent, waiting)]


async def test_a_full_pool_is_said_to_be_full(misbehaving, call):
    """Waiting for a connection of the pool is another thing than connecting."""
    served = await misbehaving("silent")
    network = AiohttpTransport(max_connections=1)
    first = asyncio.create_task(exchange(network, call(url=served.url, timeout=2.0)))
    await asyncio.sleep(0.05)
    state = call(Effect.MONEY, url=served.url, timeout=0.1, handed_over=True)

    with pytest.raises(httpx.PoolTimeout):
        await exchange(network, state)

    assert not state.may_have_been_sent()

    first.cancel()

    with pytest.raises(asyncio.CancelledError):
        await first

    await network.aclose()


async def test_a_silent_tls_handshake_is_a_connect_timeout(misbehaving, call):
    """connect_timeout covers TLS, and nothing was sent."""

    served = await misbehaving("silent")
    network = AiohttpTransport(connect_timeout=0.1)
    url = f"https://127.0.0.1:{served.port}/"
    state = money(call, url, handed_over=True)

    with pytest.raises(httpx.ConnectTimeout) as caught:
        await exchange(network, state)

    assert not state.may_have_been_sent(caught.value)

    await network.aclose()


async def test_a_download_may_take_longer_than_an_attempt(serve, read_request, call):
    """A file that keeps coming is not cut; a pause is."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        writer.write(answer(b"x" * 10)[:-10])

        for _ in range(6):
            writer.write(b"x")
            await asyncio.sleep(0.1)

        await asyncio.sleep(5)

    served = await serve(talk)
    network = AiohttpTransport()
    state = call(url=served.url, download=True, timeout=0.35)
    response = await network.handle_async_request(build_request(state))
    got = []

    with pytest.raises(httpx.ReadTimeout):
        got.extend([got.append(chunk) async for chunk in response.stream])

    assert b"".join(got) == b"xxxxxx"

    await network.aclose()


async def test_redirects_and_cookies_are_left_alone(network, answering, call):
    """A redirect is an answer, and no cookie comes back."""
    served = await answering(
        b"", b"Location: /elsewhere", b"Set-Cookie: a=b", status=b"307 Temporary"
    )

    for _ in range(2):
        response, _ = await exchange(network, money(call, served.url))

        assert response.status_code == 307

    assert len(served.received) == 2
    assert b"cookie" not in served.received[1].lower()


async def test_nothing_is_decoded(network, answering, call):
    """A compressed answer comes as it was sent."""
    served = await answering(b"\x1f\x8b", b"Content-Encoding: gzip")
    _, body = await exchange(network, call(url=served.url))

    assert body == b"\x1f\x8b"


async def test_the_environments_proxy_is_ignored(network, answering, call, monkeypatch):
    """Only a configured proxy is used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    served = await answering()
    _, body = await exchange(network, call(url=served.url))

    assert body == b"{}"


async def test_a_configured_proxy_gets_its_password(answering, call):
    """A plain request goes through the proxy, with Proxy-Authorization."""
    proxy = await answering()
    network = AiohttpTransport(
        proxy=Secret(f"http://user:pass%2Fword@127.0.0.1:{proxy.port}")
    )
    state = money(call, "http://gateway.example/v1/thing")
    await exchange(network, state)
    login = base64.b64encode(b"user:pass/word")

    assert proxy.received[0].startswith(
        b"POST http://gateway.example/v1/thing HTTP/1.1\r\n"
    )
    assert b"Proxy-Authorization: Basic " + login in proxy.received[0]
    assert state.body_started

    await network.aclose()


async def test_a_proxy_that_refuses_the_tunnel_sent_nothing(answering, call):
    """The body never leaves when the proxy refuses CONNECT."""
    proxy = await answering(b"", status=b"407 Proxy Authentication Required")
    network = AiohttpTransport(proxy=Secret(f"http://u:secret@127.0.0.1:{proxy.port}"))
    state = money(call, "https://gateway.example/", handed_over=True)

    with pytest.raises(httpx.ProxyError, match="407") as caught:
        await exchange(network, state)

    assert proxy.received[0].startswith(b"CONNECT gateway.example:443 ")
    assert not state.may_have_been_sent(caught.value)
    assert "secret" not in str(caught.value)

    await network.aclose()


async def test_a_proxy_that_is_not_there_sent_nothing(call):
    """A proxy that cannot be reached is a failed connection."""
    network = AiohttpTransport(proxy=Secret("http://u:secret@127.0.0.1:1"))
    state = money(call, "http://gateway.example/", handed_over=True)

    with pytest.raises(httpx.ConnectError) as caught:
        await exchange(network, state)

    assert not state.may_have_been_sent(caught.value)
    assert "secret" not in str(caught.value)

    await network.aclose()


@pytest.fixture(name="authority", scope="module")
def _authority():
    return trustme.CA()


@pytest.fixture(name="secure")
def _secure(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    return context


async def test_tls_with_a_trusted_authority(
    answering, call, authority, secure, tmp_path
):
    """ca_file names whom to trust."""
    served = await answering(ssl=secure)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    network = AiohttpTransport(ssl_context=tls_context(ca_file=file))
    url = f"https://127.0.0.1:{served.port}/v1/thing"
    state = money(call, url)
    _, body = await exchange(network, state)

    assert (body, state.body_started) == (b"{}", True)

    await network.aclose()


async def test_tls_with_an_unknown_authority_sent_nothing(
    network, answering, call, secure
):
    """A certificate that nobody vouches for gets no byte of the body."""
    served = await answering(ssl=secure)
    url = f"https://127.0.0.1:{served.port}/v1/thing"
    state = money(call, url, handed_over=True)

    with pytest.raises(httpx.ConnectError, match="certificate verify failed") as caught:
        await exchange(network, state)

    assert not state.may_have_been_sent(caught.value)
    assert served.received == []


async def test_tls_with_a_client_certificate(
    answering, call, authority, secure, tmp_path
):
    """A gateway that asks for a certificate gets ours."""
    secure.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(secure)
    served = await answering(ssl=secure)
    ca_file, certificate = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("merchant").private_key_and_cert_chain_pem.write_to_path(
        certificate
    )
    network = AiohttpTransport(
        ssl_context=tls_context(ca_file=ca_file, certificate=certificate)
    )
    url = f"https://127.0.0.1:{served.port}/v1/thing"
    _, body = await exchange(network, money(call, url))

    assert body == b"{}"

    await network.aclose()


async def test_an_address_that_is_not_http_is_refused(network, call):
    """Only http and https leave."""
    with pytest.raises(httpx.UnsupportedProtocol):
        await exchange(network, call(url="ftp://127.0.0.1/"))


async def test_a_header_that_would_smuggle_is_refused(network, answering, call):
    """A line break in a header is an error of ours, and nothing is sent."""
    served = await answering()
    state = money(call, served.url, headers=[(b"X", b"a\r\nY: b")], handed_over=True)

    with pytest.raises(httpx.LocalProtocolError) as caught:
        await exchange(network, state)

    assert not state.may_have_been_sent(caught.value)
    assert served.received == []


async def test_a_plain_request_of_httpx_works(network, answering):
    """Without our state it is a transport like any other."""
    served = await answering(b"pong", b"X-A: b")

    async with httpx.AsyncClient(transport=network) as client:
        posted = await client.post(served.url, json={"a": 1})
        fetched = await client.get(served.url, params={"q": "中"})

    assert (posted.text, posted.headers["x-a"], 200) == ("pong", "b", 200)
    assert served.received[0].endswith(b'{"a":1}')
    assert served.received[1].startswith(b"GET /v1/thing?q=%E4%B8%AD HTTP/1.1")
    assert fetched.text == "pong"


async def test_a_plain_request_that_lost_its_connection(network, misbehaving):
    """Without our state the errors tell the truth, too."""
    served = await misbehaving("drop after reading")

    async with httpx.AsyncClient(transport=network) as client:
        with pytest.raises(httpx.ReadError):
            await client.post(served.url, content=b"x")

        with pytest.raises(httpx.ReadTimeout):
            silent = await misbehaving("silent")
            await client.post(silent.url, content=b"x", timeout=0.2)


async def test_a_header_that_was_added_on_the_way_is_sent(network, answering, call):
    """A transport around ours may add to a request."""
    served = await answering()
    state = money(call, served.url, signature="c2ln")
    request = build_request(state)
    request.headers["X-Trace"] = "1"
    await read(await network.handle_async_request(request))
    head, _, body = served.received[0].partition(b"\r\n\r\n")

    assert b"X-Trace: 1" in head
    assert b"Signature: c2ln" in head
    assert head.lower().count(b"content-length") == 1
    assert (state.body, True) == (body, state.body_started)


async def test_a_write_without_body_has_length_zero(network, answering, call):
    """An empty POST is framed all the same."""
    served = await answering()
    state = money(call, served.url, body=b"", handed_over=True)
    await exchange(network, state)

    assert b"\r\nContent-Length: 0\r\n" in served.received[0]
    assert state.may_have_been_sent()


def test_one_transport_serves_one_loop_after_another(call, serve, read_request):
    """Connections of a closed loop are dropped without being touched."""
    network = AiohttpTransport()

    async def talk(reader, writer):
        with suppress(asyncio.IncompleteReadError):
            while True:
                await read_request(reader)
                writer.write(answer(b"{}"))

        writer.close()

    async def once():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        _, body = await exchange(network, call(url=url))

        # A script that ends like this leaves its connection open.
        for protocols in network._session.connector._conns.values():
            for protocol, _ in protocols:
                protocol.transport.abort()

        server.close()
        await asyncio.sleep(0.01)

        return body

    assert [asyncio.run(once()), asyncio.run(once())] == [b"{}", b"{}"]

    network.abandon()
    asyncio.run(network.aclose())


async def test_a_living_loop_keeps_its_connections(network, answering, call):
    """Another thread's loop may not take them."""
    served = await answering()
    await exchange(network, call(url=served.url))

    def elsewhere():
        return asyncio.run(exchange(network, call(url=served.url)))

    with pytest.raises(WrongLoopError):
        await asyncio.to_thread(elsewhere)


async def test_connections_of_a_parent_process_stay_untouched(answering, call):
    """A child forgets them and opens its own; nothing is closed."""
    served = await answering()
    network = AiohttpTransport()
    await exchange(network, call(url=served.url))
    connector = network._session.connector
    network.abandon()
    await exchange(network, call(url=served.url))

    assert not connector.closed
    assert len(served.received) == 2

    await network.aclose()
    await connector.close()


async def test_an_answer_to_a_body_that_was_never_written_ends_all_trust(
    network, answering, misbehaving, call, monkeypatch
):
    """If aiohttp should stop asking bodies to write, everything counts as sent."""

    async def begin(self, writer):
        pass

    monkeypatch.setattr(_Body, "_begin", begin)
    served = await answering()
    first = money(call, served.url, handed_over=True)
    await exchange(network, first)
    dropping = await misbehaving("drop after reading")
    second = money(call, dropping.url, handed_over=True)

    with pytest.raises(httpx.ReadError) as caught:
        await exchange(network, second)

    assert (second.body_started, second.body_tracked) == (False, False)
    assert second.may_have_been_sent(caught.value)


@pytest.mark.parametrize("way", ["write", "write_with_length"])
async def test_a_body_is_marked_before_its_first_byte_is_written(call, way):
    """Both ways of aiohttp to write a body: what breaks in the middle has begun."""
    state = call(Effect.MONEY)
    body = _Body(b"abc", state=state)
    seen = []

    class Writer:
        async def write(self, data):
            seen.append((data, state.body_started, body.started))

            raise OSError("the connection broke")

    with pytest.raises(OSError, match="broke"):
        await getattr(body, way)(Writer(), *([3] if way == "write_with_length" else []))

    assert [(b"abc", True, True)] == seen


async def test_a_body_of_a_caller_who_is_gone_is_not_written(call):
    """What was not begun is not begun any more."""
    state = call(Effect.MONEY, abandoned=True)
    body = _Body(b"abc", state=state)

    class Writer:
        async def write(self, data):
            raise AssertionError(data)

    with pytest.raises(AbandonedError):
        await body.write_with_length(Writer(), 3)

    assert (False, False) == (state.body_started, body.started)


async def test_a_call_cancelled_inside_the_answer_frees_its_connection(
    serve, read_request, call
):
    """Cancellation while the body comes leaves nothing open."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        writer.write(answer(b"x" * 100)[:-50])
        await asyncio.sleep(30)

    served = await serve(talk)
    network = AiohttpTransport(max_connections=1)

    for number in range(1, 4):
        task = asyncio.create_task(exchange(network, call(url=served.url)))

        while len(served.received) < number:
            await asyncio.sleep(0.01)

        await asyncio.sleep(0.05)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

    assert (len(served.received), network._busy) == (3, 0)

    await network.aclose()


async def test_closing_in_another_loop_touches_nothing(answering, call):
    """Whoever closes from elsewhere only makes the transport forget."""
    served = await answering()
    network = AiohttpTransport()
    await exchange(network, call(url=served.url))
    connector = network._session.connector

    await asyncio.to_thread(lambda: asyncio.run(network.aclose()))

    assert (network._session, connector.closed) == (None, False)

    await connector.close()


async def test_closing_twice_is_closing_once(network, answering, call):
    """A closed transport has no connections, and may be closed again."""
    served = await answering()
    await exchange(network, call(url=served.url))
    connector = network._session.connector
    await network.aclose()
    await network.aclose()
    network.abandon()

    assert connector.closed
