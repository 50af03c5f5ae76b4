"""
The emulator on a real socket.
"""

from __future__ import annotations

import http.client
import socket

import pytest

from umfpay.emulator import serve, serve_app
from umfpay.errors import ConfigError


async def test_a_port_in_use_is_named(make_box):
    """
    And nothing stays open.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
            async with serve(make_box(), port=port):
                pass


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("192.0.2.1", 0)]
)
async def test_an_address_that_is_none_is_refused(make_box, host, port):
    """
    No port, or the address of another machine.
    """
    with pytest.raises(ConfigError, match="cannot listen"):
        async with serve(make_box(), host=host, port=port):
            pass


def test_a_drop_cuts_on_every_address(make_box, running, shop_at):
    """
    IPv6, and all addresses at once: the printed one can be called.
    """
    for host, shown in (("::1", "http://[::1]:"), ("0.0.0.0", "http://127.0.0.1:")):
        box = make_box(hosts=[host])

        with running(box, host=host) as server:
            assert server.origin.startswith(shown)
            assert server.base_url == f"{server.origin}/cberest/v1/"

            shop = shop_at(server.origin, box)
            shop.new_token()
            shop.faults({"kind": "drop_after"})

            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                shop.create()

            assert 1 == len(shop.control("GET", "/payments")["payments"])


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
