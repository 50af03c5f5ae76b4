"""
The deadline holds, whatever is slow: names, connections, pools, tokens, answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from types import SimpleNamespace

import httpx
import pytest

from tests import orders
from tests.servers.streams import answer, listening, read_request
from umfpay import UMFSession, errors


# All limits below it are longer, so that it is the deadline that ends the call.
DEADLINE = 0.4
SLACK = 1.0
LONG = {"timeout": 30, "connect_timeout": 30, "token_timeout": 30}


async def ends_in_time(call):
    """
    Return what *call* raises, which it must do at its deadline.
    """
    started = time.monotonic()

    with pytest.raises(errors.UMFError) as caught:
        await call

    assert DEADLINE * 0.9 <= time.monotonic() - started < DEADLINE + SLACK

    return caught.value


async def both_end_unsent(session):
    """
    A read and a write that never got a connection: plain ends, the write not sent.
    """
    read = await ends_in_time(session.exchange_rates.get("USD", deadline=DEADLINE))
    write = await ends_in_time(
        session.payments.execute("PAY_A", orders.card("1"), deadline=DEADLINE)
    )

    for error in (read, write):
        assert isinstance(error, errors.DeadlineExceededError)
        assert not error.money_may_have_moved

    assert not write.request_sent


@pytest.fixture(name="open_with_token")
def _open_with_token(box, open_session, tmp_path):
    """
    Open a session that has a token and no connection: another one fetched it.
    """

    async def open_with_token(**changes):
        settings = {"token_store": str(tmp_path / "token"), **LONG, **changes}

        async with UMFSession(box.config(**settings)) as other:
            await other.authorize()

        session = await open_session(**settings)
        await session.authorize()

        return session

    return open_with_token


async def test_it_holds_while_a_name_is_looked_up(box, open_with_token, monkeypatch):
    """
    A resolver that does not answer.
    """
    lookup = socket.getaddrinfo

    def slow(host, *args, **options):
        if host in ("localhost", b"localhost"):
            time.sleep(2)

        return lookup(host, *args, **options)

    url = box.base_url.replace("127.0.0.1", "localhost")
    session = await open_with_token(base_url=url)
    monkeypatch.setattr(socket, "getaddrinfo", slow)

    await both_end_unsent(session)


@contextlib.contextmanager
def full_listener():
    """
    Give a port whose queue of connections is full: the next one waits.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)

        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)

            with contextlib.suppress(BlockingIOError):
                one.connect(listener.getsockname())

        yield listener.getsockname()[1]


async def test_it_holds_while_a_connection_is_made(open_with_token, monkeypatch):
    """
    A host that does not answer the first packet.
    """
    with full_listener() as port:
        session = await open_with_token()
        # The token is that of the emulator; from now on its address leads elsewhere.
        lookup = socket.getaddrinfo

        def elsewhere(host, _port, *args, **options):
            return lookup(host, port, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
        connect = asyncio.get_running_loop().sock_connect

        async def redirected(sock, address):
            await connect(sock, (address[0], port))

        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", redirected)

        await both_end_unsent(session)


async def test_it_holds_while_all_connections_are_busy(box, open_session):
    """
    A pool of one, taken by a call that hangs.
    """
    session = await open_session(max_connections=1, **LONG)
    await session.authorize()
    box.fault("delay", path="/bank", times=0, seconds=20)
    busy = asyncio.create_task(session.banks.list("DEBIT_CARD", deadline=20))
    await asyncio.sleep(0.1)

    await both_end_unsent(session)

    busy.cancel()


async def test_it_holds_while_a_token_is_awaited(box, open_session):
    """
    Somebody fetches a token, and that takes longer than this call has.
    """
    session = await open_session(**LONG)
    box.fault("delay", path="/oauth/authorize", times=0, seconds=20)

    await both_end_unsent(session)


async def never(*args, **options):
    """
    Hang.
    """
    await asyncio.Event().wait()


class HangingStore:
    """
    A store for tokens that is there, and whose network is not.
    """

    load = save = refuse = never

    @contextlib.asynccontextmanager
    async def refreshing(self, lease):
        await never()

        yield


async def test_it_holds_while_a_token_store_hangs(box, open_session):
    """
    It answers nothing; the cache in front of it waits no longer than the call.
    """
    session = await open_session(token_store=HangingStore(), **LONG)

    await both_end_unsent(session)
    await ends_in_time(session.authorize(deadline=DEADLINE))


async def test_it_holds_while_a_thread_seals(box, open_session):
    """
    A large key takes its time; a card that is not sealed is not sent.
    """
    session = await open_session(**LONG)
    await session.authorize()
    release = threading.Event()
    session._binding.sealer = SimpleNamespace(
        off_loop=True, seal=lambda secret: release.wait(30)
    )

    try:
        error = await ends_in_time(
            session.payments.execute("PAY_A", orders.card("1"), deadline=DEADLINE)
        )
    finally:
        release.set()

    assert isinstance(error, errors.DeadlineExceededError)
    assert not error.request_sent


async def test_it_holds_while_a_signer_hangs(box, open_session):
    """
    A key that is kept elsewhere, where nobody answers.
    """
    session = await open_session(signer=never, merchant_key=None, **LONG)
    error = await ends_in_time(
        session.payments.execute("PAY_A", orders.card("1"), deadline=DEADLINE)
    )

    assert isinstance(error, errors.DeadlineExceededError)
    assert not error.request_sent


@pytest.mark.parametrize("takes", [False, True])
async def test_it_holds_while_a_transport_of_the_users_hangs(box, takes):
    """
    It heeds no timeout; only what it took counts as sent.
    """
    inner = httpx.AsyncHTTPTransport()
    bodies = []

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if request.url.path.endswith("/authorize"):
                return await inner.handle_async_request(request)

            if takes:
                bodies.append(await request.aread())

            return await never()

        async def aclose(self):
            await inner.aclose()

    config = box.config(timeout=30, token_timeout=30)

    async with UMFSession(config, transport=Hanging()) as session:
        read = await ends_in_time(session.exchange_rates.get("USD", deadline=DEADLINE))
        write = await ends_in_time(
            session.payments.execute("PAY_A", orders.card("1"), deadline=DEADLINE)
        )

    assert isinstance(read, errors.DeadlineExceededError)

    if takes:
        assert isinstance(write, errors.OutcomeUnknownError)
        assert write.money_may_have_moved
        assert 2 == len(bodies)
    else:
        assert isinstance(write, errors.DeadlineExceededError)
        assert not write.request_sent


async def test_it_holds_while_an_answer_drips(dripping, box):
    """
    One byte at a time, each well within the time of an attempt.
    """
    async with UMFSession(box.config(base_url=dripping, **LONG)) as session:
        read = await ends_in_time(session.exchange_rates.get("USD", deadline=DEADLINE))
        write = await ends_in_time(
            session.payments.execute("PAY_A", orders.card("1"), deadline=DEADLINE)
        )

    assert isinstance(read, errors.DeadlineExceededError)
    assert read.request_sent
    assert isinstance(write, errors.OutcomeUnknownError)
    assert write.money_may_have_moved


@pytest.fixture(name="dripping")
async def _dripping():
    """
    A gateway whose answers never end, but for the token.
    """

    async def talk(reader, writer):
        while True:
            if b"/oauth/" in await read_request(reader):
                writer.write(
                    answer(b'{"access_token":"%s","expires_in":60}' % (b"t" * 64))
                )

                continue

            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

            for _ in range(1000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with listening(talk) as port:
        yield f"http://127.0.0.1:{port}"
