"""
Clients that share no code with us take the emulator for the gateway.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.openssl import openssl, openssl_verifies
from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.models import PaymentState


JAVA = shutil.which("java")
STEPS = ["create", "verify", "execute", "query"]


@pytest.fixture(name="folder")
async def _folder(tmp_path):
    """
    A data folder whose emulator runs: key files and umf.env, as a merchant has them.
    """
    folder = tmp_path / "umf-data"

    async with serve(Emulator(folder, key_bits=1024)):
        yield folder


class RawClient:
    """
    A client of http.client and the openssl command, with the names of April 2017.
    """

    def __init__(self, folder):
        lines = (folder / "umf.env").read_text("ascii").splitlines()
        self._settings = dict(line.split("=", 1) for line in lines)
        self._base = urlsplit(self._settings["UMF_BASE_URL"])
        self._folder = folder
        self._token = ""

    def _sign(self, body):
        key = self._settings["UMF_MERCHANT_KEY"]
        signature = openssl(
            "dgst", "-sha256", "-keyform", "DER", "-sign", key, given=body
        )

        return base64.b64encode(signature).decode()

    def seal(self, text):
        sealed = openssl(
            "pkeyutl",
            "-encrypt",
            "-certin",
            "-inkey",
            self._settings["UMF_GATEWAY_CERTIFICATE"],
            given=text.encode(),
        )

        return base64.b64encode(sealed).decode()

    def verifies(self, body, signature):
        certificate = self._settings["UMF_GATEWAY_CERTIFICATE"]
        public = self._folder / "gateway.pem"
        public.write_bytes(openssl("x509", "-in", certificate, "-pubkey", "-noout"))

        return openssl_verifies(body, signature, public_key=public, folder=self._folder)

    def call(self, method, path, value=None, *, control=False):
        connection = http.client.HTTPConnection(self._base.netloc, timeout=10)
        body = None

        if value is not None:
            # Blanks, \uXXXX and another order of members: the raw body is signed.
            body = json.dumps(value, indent=1, sort_keys=True).encode()

        headers = {"content-type": "application/json", "charsert": "UTF-8"}

        if self._token and not control:
            headers["authorization"] = f"Bearer{self._token}"

            if body is not None:
                headers["signature"] = self._sign(body)

        prefix = "/_emulator" if control else self._base.path.rstrip("/")
        connection.request(method, prefix + path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()

        if not control and self._token:
            assert self.verifies(content, reply.headers["Signature"])

        return json.loads(content)

    def log_in(self):
        answer = self.call(
            "POST",
            "/oauth/authorize",
            {
                "client_id": self._settings["UMF_CLIENT_ID"],
                "client_secret": self._settings["UMF_CLIENT_SECRET"],
                "grant_type": "client_credentials",
                "scope": "default",
            },
        )
        self._token = answer["access_token"]


def _amount(total):
    return {"total": total, "currency ": "USD"}


def _order():
    item = {"mer_item_id": "1", "type": "OTHER", "name": "书", "item_quantity": "1"}

    return {
        "mer_reference_id": "outsider-1",
        "mer_date": "20261123",
        "amount": _amount("10.00"),
        "order_summary": "书",
        "expire_time": "360",
        "sub_orders": [
            {
                "mer_sub_reference_id": "outsider-1-1",
                "amount": _amount("10.00"),
                "trans_code": "01122030",
                "items": [{**item, "amount": _amount("10.00")}],
            }
        ],
    }


def _payer(card):
    return {
        "payment_method": "CREDIT_CARD",
        "interface_type": "SERVER_TO_SERVER",
        "business_type": "B2C",
        "bank_code": "CCB",
        "payer_info": {"bankCard": {"phone": "15210838198", **card}},
    }


def _raw_story(folder):
    client = RawClient(folder)
    client.log_in()
    made = client.call(
        "POST", "/payments/payment", {"order": _order(), "payer": _payer({})}
    )
    links = {link["ref"]: link["href"] for link in made["links"]}
    payment_id = links["self"].rsplit("/", 1)[1]
    path = f"/payments/payment/{payment_id}"
    card = {
        "number": client.seal("6227000000000005"),
        "valid_date": client.seal("3012"),
        "cvv2": client.seal("123"),
        "card_holder": "",
        "payer_name": client.seal("张三"),
        "citizen_id_type": "IDENTITY_CARD",
        "citizen_id_number": client.seal("110101199003070011"),
    }
    client.call("POST", f"{path}/verify", {"payer": _payer(card)})
    sms = client.call("GET", f"/payments/{payment_id}/sms_code", control=True)
    paid = client.call(
        "POST",
        f"{path}/execute",
        {"payer": _payer({**card, "verify_code": sms["sms_code"]})},
    )
    found = client.call("GET", path)
    refund = client.call(
        "POST",
        f"{path}/refund",
        {
            "org_amount": _amount("10.00"),
            "orders": [
                {
                    "mer_reference_id": "outsider-r1",
                    "mer_date": "20261123",
                    "amount": _amount("4.00"),
                }
            ],
        },
    )

    return payment_id, paid, found, refund


async def test_http_client_and_openssl_pay_and_refund(folder):
    """
    Token, create, SMS code, execute, query, refund: every answer verifies by openssl.
    """
    payment_id, paid, found, refund = await asyncio.to_thread(_raw_story, folder)

    assert "TRADE_SUCCESS" == paid["payment"]["state"]
    assert "TRADE_SUCCESS" == found["payment"]["state"]
    assert "REFUND_PROCESS" == refund["refund"]["state"]

    async with UMFSession(
        Config.from_file(folder / "umf.env", token_store="memory")
    ) as session:
        ours = await session.payments.get(payment_id)

    assert PaymentState.TRADE_SUCCESS is ours.state
    assert "outsider-1" == ours.order.mer_reference_id


@pytest.mark.skipif(JAVA is None, reason="no java on PATH")
async def test_a_java_program_pays_and_verifies_every_answer(folder):
    """
    java.net.http, java.security and javax.crypto agree with our keys and signatures.
    """
    program = Path(__file__).with_name("OutsiderClient.java")
    done = await asyncio.to_thread(
        subprocess.run,
        [JAVA, "-Dfile.encoding=UTF-8", program, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert 0 == done.returncode, done.stderr

    lines = done.stdout.splitlines()

    assert [
        f"{step} 0000 meta.sign=true header=true changed=false" for step in STEPS
    ] == lines[:4]
    assert lines[4].endswith(" TRADE_SUCCESS TRADE_SUCCESS")

    async with UMFSession(
        Config.from_file(folder / "umf.env", token_store="memory")
    ) as session:
        ours = await session.payments.get(lines[4].split()[1])

    assert PaymentState.TRADE_SUCCESS is ours.state
    assert "java-1" == ours.order.mer_reference_id
