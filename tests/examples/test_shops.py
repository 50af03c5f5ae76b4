"""
The example shops, each started with its one command and used as a customer would.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest


EXAMPLES = Path(__file__).parents[2] / "examples"
CARD = {
    "bank_code": "CCB",
    "number": "6227000000000005",
    "valid_date": "3012",
    "cvv2": "123",
    "payer_name": "张三",
    "citizen_id_number": "110101199003070011",
    "phone": "15210838198",
}


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Shop:
    """
    A shop that runs, its pages, and the gateway behind it.
    """

    def __init__(self, origin):
        self.origin = origin

    def get(self, path):
        with urllib.request.urlopen(f"{self.origin}{path}", timeout=10) as page:
            return page.read().decode()

    def post(self, path, **form):
        """
        Return the address and the page that the form leads to.
        """
        data = urlencode(form).encode()
        url = f"{self.origin}{path}"

        with urllib.request.urlopen(url, data=data, timeout=30) as page:
            return page.url.removeprefix(self.origin), page.read().decode()

    def gateway(self, method, path):
        console = re.search(r'href="(http://127[^"]+)"', self.get("/")).group(1)
        request = urllib.request.Request(
            f"{console}_emulator{path}",
            method=method,
            data=b"{}" if method == "POST" else None,
            headers={"Content-Type": "application/json"},
        )

        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def until_paid(self, path):
        deadline = time.monotonic() + 20

        while "Paid. Thank you!" not in (page := self.get(path)):
            assert time.monotonic() < deadline, page
            time.sleep(0.05)


@pytest.fixture(name="shop", params=["fastapi_shop", "aiohttp_shop"])
def _shop(request, tmp_path):
    """
    A shop in a process of its own.
    """
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / request.param)],
        env={
            **os.environ,
            "SHOP_PORT": str(port),
            "SHOP_DATA": str(tmp_path / "shop.sqlite3"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert b"Ctrl-C" in process.stdout.readline()
    shop = Shop(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 10

    while True:
        try:
            shop.get("/")
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    yield shop

    process.send_signal(signal.SIGINT)
    _, trouble = process.communicate(timeout=20)

    assert b"Traceback" not in trouble


def test_a_customer_who_mistypes_the_code_pays_by_card(shop):
    """
    The code comes by text message; the notification makes the order paid.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(f"{order}/card", **CARD)

    assert "text message" in page

    payment = shop.gateway("GET", "/payments")["payments"][0]["id"]
    code = shop.gateway("GET", f"/payments/{payment}/sms_code")["sms_code"]
    _, again = shop.post(f"{order}/code", code="mistyped")
    shop.post(f"{order}/code", code=code)
    shop.until_paid(order)

    assert "try again: 2 attempts" in again
    assert 'name="code"' in again

    notifications = shop.gateway("GET", "/notifications")["notifications"]

    assert ["acknowledged"] == [one["status"] for one in notifications]


def test_a_customer_scans_the_qr_code(shop):
    """
    The page shows it and becomes a receipt when the notification has come.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(
        f"{order}/qr",
        method="WECHAT_SCAN",
        payer_name=CARD["payer_name"],
        citizen_id_number=CARD["citizen_id_number"],
    )

    assert "<svg" in page

    payment = shop.gateway("GET", "/payments")["payments"][0]["id"]
    shop.gateway("POST", f"/payments/{payment}/pay")
    shop.until_paid(order)


def test_a_wrong_card_is_reported_in_words(shop):
    """
    Nothing of the card is shown or stored in clear.
    """
    order, _ = shop.post("/orders")
    _, page = shop.post(f"{order}/card", **{**CARD, "citizen_id_number": "1"})

    assert "class=" in page
    assert "ID number" in page or "00060022" in page
    assert CARD["number"] not in page.replace(f'value="{CARD["number"]}"', "")


@pytest.mark.parametrize("name", ["fastapi_shop", "aiohttp_shop"])
def test_a_port_that_is_taken_is_reported_in_one_line(name, tmp_path):
    """
    Another shop runs there, maybe this one.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [sys.executable, str(EXAMPLES / name)],
            env={
                **os.environ,
                "SHOP_PORT": str(taken.getsockname()[1]),
                "SHOP_DATA": str(tmp_path / "shop.sqlite3"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr
