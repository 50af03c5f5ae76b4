"""
The bytes that are signed are the bytes that arrive: whatever the body, on any transport.

What receives here is the standard library's server; what verifies is openssl.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.openssl import openssl, openssl_verifies
from umfpay import Config, UMFSession
from umfpay.models import BankCard, NewPayer, NewPayerInfo
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parents[1] / "vectors"

SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.integers(-(2**63), 2**63)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.booleans()
    | st.dates()
    | st.none()
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BODIES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


class Recorder(BaseHTTPRequestHandler):
    """
    Keeps the signature and the raw body; refuses the first token it is shown.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer
    arrived: list[tuple[str, bytes]] = []  # noqa: RUF012 (read by the test)
    refused: set[str] = set()  # noqa: RUF012

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers["Authorization"]

        if self.path.endswith("/oauth/authorize"):
            number = len(self.refused)
            self._answer(200, {"access_token": f"t{number}", "expires_in": 3600})

            return

        self.arrived.append((self.headers["Signature"], body))

        if not self.refused:
            self.refused.add(token)

        status = 401 if token in self.refused else 200
        code = "00280703" if token in self.refused else "0000"
        self._answer(status, {"meta": {"ret_code": code}})

    def _answer(self, status, value):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """
        Say nothing.
        """


@pytest.fixture(name="base_url", scope="module")
def _base_url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    yield f"http://127.0.0.1:{server.server_port}/cberest/v1/"

    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="verifies", scope="module")
def _verifies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signature")
    key = VECTORS / "merchant_2048.pub.pem"

    def verifies(body, signature):
        return openssl_verifies(body, signature, public_key=key, folder=folder)

    return verifies


def _send(base_url, body, transport):
    config = Config(
        client_id="a",
        client_secret="b",
        merchant_key=VECTORS / "merchant_2048.key.p8",
        gateway_certificate=VECTORS / "gateway_2048.cert.crt",
        base_url=base_url,
        token_store="memory",
        unsigned_responses="accept",
    )
    Recorder.arrived.clear()
    Recorder.refused.clear()

    async def main():
        async with UMFSession(config, transport=transport) as session:
            await session.request("POST", "/declare_again", body)

    asyncio.run(main())

    return list(Recorder.arrived)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=BODIES, foreign=st.booleans())
@example(body={"long": '中文 / \\ " \u2028 <>&' * 20_000}, foreign=False)
@example(body={"long": "x" * 300_000}, foreign=True)
@example(body={}, foreign=False)
@example(body={"a": Decimal("1E+3"), "b": Decimal("-0.00")}, foreign=False)
def test_any_body_arrives_as_it_was_signed(base_url, verifies, body, foreign):
    """
    Also when it is sent a second time, with the next token: same bytes, same signature.
    """
    transport = httpx.AsyncHTTPTransport() if foreign else None
    first, second = _send(base_url, body, transport)

    assert first == second
    assert verifies(first[1], first[0])
    assert not verifies(first[1] + b" ", first[0])

    # What arrives is what was meant, in one compact form.
    sent = json.loads(first[1])

    assert set(sent) == {name for name, value in body.items() if value is not None}
    assert (
        first[1] == json.dumps(sent, ensure_ascii=False, separators=(",", ":")).encode()
    )


def test_a_sealed_body_arrives_as_it_was_signed(base_url, verifies):
    """
    Sealing happens before signing; the plain text is nowhere in what arrives.
    """
    payer = NewPayer(
        payment_method="CREDIT_CARD",
        payer_info=NewPayerInfo(
            bank_card=BankCard(number="6227000000000005", payer_name="张三")
        ),
    )
    body = {"payer": payer, "name": Secret("李四")}
    (signature, raw), _ = _send(base_url, body, None)

    assert verifies(raw, signature)
    assert b"6227000000000005" not in raw
    assert not any(name.encode() in raw for name in ("张三", "李四"))

    card = json.loads(raw)["payer"]["payer_info"]["bank_card"]
    key = VECTORS / "gateway_2048.key.p8"
    opened = openssl(
        *("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", key),
        given=base64.b64decode(card["payer_name"]),
    )

    assert "张三" == opened.decode()
