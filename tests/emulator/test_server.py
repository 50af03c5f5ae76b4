"""
The emulator on a real socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.emulator.merchant import Shop
from umfpay.emulator import serve, serve_app
from umfpay.errors import ConfigError


async def test_a_port_in_use_is_named(make_box):
    """
    And nothing stays open.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}") as caught:
            async with serve(make_box(), port=port):
                pass

        assert "another --port" in caught.value.advice.en

        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}") as caught:
            async with serve(make_box(), ftp_port=port):
                pass

        assert "another --ftp-port" in caught.value.advice.en


async def test_plain_http_beyond_this_machine_is_reported(make_box, caplog):
    """
    Our own settings refuse such an address; on loopback there is nothing to tell.
    """
    for host in ("127.0.0.1", "localhost"):
        async with serve(make_box(), host=host):
            assert not caplog.records

    async with serve(make_box(), host="0.0.0.0"):
        [record] = caplog.records

    assert "0.0.0.0" in record.getMessage()
    assert "TLS" in record.getMessage()
    assert "本机" in record.getMessage()


def test_a_drop_cuts_on_every_address(make_box, running):
    """
    IPv6, and all addresses at once: the printed one can be called.
    """
    for host, shown in (("::1", "http://[::1]:"), ("0.0.0.0", "http://127.0.0.1:")):
        box = make_box(hosts=[host])

        with running(box, host=host) as shop:
            assert shop.origin.startswith(shown)
            assert shop.server.base_url == f"{shop.origin}/cberest/v1/"

            shop.new_token()
            shop.faults({"kind": "drop_after"})

            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                shop.create()

            assert 1 == len(shop.control("GET", "/payments")["payments"])


TOKEN = "/cberest/v1/oauth/authorize"
CALLS = [
    ("GET", "/cberest/v1/bank?type=DEBIT_CARD"),
    ("GET", "/cberest/v1/payments/wechat_openid?notify_url=x"),
    ("GET", "/cberest/v1/payments/transactions_download?mer_date=20261123"),
    ("GET", "/cberest/v1/payments/transactions?mer_date=1"),
]


def _names(answer):
    head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]

    return [line.partition(b":")[0].decode() for line in head]


def test_headers_are_spelled_as_the_gateway_spells_them(shop):
    """
    UMF's SDK of late 2017 looks for "Signature" on every answer, case by case: the
    token's, a file's, one without sign in meta, a refusal.
    """
    shop.settings(refusals="signed")
    secret = {
        "client_id": shop.keys.client_id,
        "client_secret": shop.keys.client_secret,
        "grant_type": "client_credentials",
    }
    token = shop.bytes_of("POST", TOKEN, json.dumps(secret).encode())
    shop.new_token()
    bearer = {"Authorization": f"Bearer {shop.token}"}
    answers = [token, *(shop.bytes_of(*call, headers=bearer) for call in CALLS)]

    assert [True] * 5 == ["Signature" in _names(answer) for answer in answers]

    for answer in answers:
        assert [name.title() for name in _names(answer)] == _names(answer)
        assert {"Content-Length", "Content-Type", "Date"} <= set(_names(answer))


def test_pages_and_the_control_api_spell_theirs_the_same(shop):
    """
    No answer is left out.
    """
    for path in ("/", "/console/style.css", "/_emulator/", "/nothing"):
        names = _names(shop.bytes_of("GET", path))

        assert [name.title() for name in names] == names


def test_a_mount_in_an_application_keeps_the_spelling(
    make_box, umf_server_thread, keys
):
    """
    Under a server that passes names on, as uvicorn with h11 does.
    """
    box = make_box()
    app = Starlette(routes=[Mount("/", app=box)])
    serving = serve_app(app)
    server = umf_server_thread.run(serving.__aenter__())

    try:
        answer = Shop(keys, server, box).bytes_of("POST", TOKEN, b"{}")
    finally:
        umf_server_thread.run(serving.__aexit__(None, None, None))
        umf_server_thread.run(box.aclose())

    assert {"Content-Type", "Content-Length"} <= set(_names(answer))


async def test_a_server_that_fails_to_start_says_why(monkeypatch):
    """
    It does not wait for ever.
    """

    async def broken(*_):
        raise RuntimeError("no server")

    monkeypatch.setattr("uvicorn.Server._serve", broken)

    with pytest.raises(RuntimeError, match="no server"):
        async with serve_app(None):
            pass


async def test_an_application_that_fails_is_reported_on_the_log(caplog):
    """
    The client gets 500, whoever looks at the console the traceback.
    """

    async def broken(scope, receive, send):
        raise RuntimeError("no application")

    async with serve_app(broken) as server:
        reply = await asyncio.to_thread(_get, server.origin)

    [record] = [one for one in caplog.records if one.name == "umfpay.emulator"]

    assert 500 == reply
    assert "GET" in record.getMessage()
    assert "no application" in str(record.exc_info[1])


def _get(origin):
    with contextlib.closing(http.client.HTTPConnection(origin[7:], timeout=5)) as one:
        one.request("GET", "/")

        return one.getresponse().status


@pytest.mark.parametrize(
    ("host", "port", "option"),
    [
        ("127.0.0.1", 70_000, "--port"),
        ("127.0.0.1", -1, "--port"),
        ("192.0.2.1", 0, "--host"),
        ("a" * 64, 0, "--host"),
        (os.fsdecode(b"\xff"), 0, "--host"),
        ("a\0b", 0, "--host"),
        ("", 0, "--host"),
    ],
)
async def test_an_address_that_is_none_is_refused(host, port, option):
    """
    No port, the address of another machine, or none at all; the advice names which.
    """
    with pytest.raises(ConfigError, match="cannot listen") as caught:
        async with serve_app(None, host=host, port=port):
            pass

    assert option in caught.value.advice.en
    assert option in caught.value.advice.zh
    assert "\0" not in str(caught.value)
