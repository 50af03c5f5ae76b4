"""
A merchant that knows nothing of umfpay: http.client, the openssl command, key files.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import http.server
import json
import socket
import threading
import time
from urllib.parse import urlsplit

from tests.openssl import openssl, openssl_verifies


BASE = "/cberest/v1"
PAY = "/payments/payment"
DAY = "20261123"
GOOD = [b'{"meta":{"ret_code":"0000","ret_msg":["SUCCESS"]}}']

_ORDER = {"reference", "total", "currency", "expire_time", "sub_orders", "mer_date"}


class Keys:
    """
    The files of a data folder, used by openssl alone.
    """

    def __init__(self, folder, certificate=None):
        self.folder = folder
        client = (folder / "client.id").read_text().split()
        self.client_id, self.client_secret = client
        self._mine, self._theirs = folder / "mine.pem", folder / "theirs.pem"
        openssl(
            "pkey", "-inform", "DER", "-in", folder / "merchant.key.p8", "-out",
            self._mine,
        )  # fmt: skip
        self._theirs.write_bytes(
            openssl(
                "x509",
                "-in",
                certificate or folder / "umf.cert.crt",
                "-pubkey",
                "-noout",
            )
        )
        self.sign = functools.cache(self._sign)
        self.seal = functools.cache(self._seal)

    def _sign(self, data):
        made = openssl("dgst", "-sha256", "-sign", self._mine, given=data)

        return base64.b64encode(made).decode()

    def _seal(self, text, charset="utf-8"):
        made = openssl(
            "pkeyutl", "-encrypt", "-pubin", "-inkey", self._theirs, "-pkeyopt",
            "rsa_padding_mode:pkcs1", given=text.encode(charset),
        )  # fmt: skip

        return base64.b64encode(made).decode()

    def verifies(self, data, signature, folder):
        return openssl_verifies(data, signature, public_key=self._theirs, folder=folder)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): one for name, one in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["meta"]["ret_code"]


class Shop:
    """
    A merchant's server, and whoever sits at the emulator.
    """

    def __init__(self, keys, server, box):
        self.keys, self.server, self.box = keys, server, box
        self.origin = server.origin
        self.host = urlsplit(server.origin).netloc
        self.token = None

    def raw(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=10)

        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})

            return Reply(connection.getresponse())

    def bytes_of(self, method, path, body=b"", headers=None, host=None):
        """
        Return the bytes of an answer as they come.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]

        if body:
            lines.append(f"Content-Length: {len(body)}")

        place, _, port = (host or self.host).rpartition(":")

        with socket.create_connection((place, int(port)), 10) as connection:
            connection.sendall(
                "\r\n".join([*lines, "Connection: close", "", ""]).encode()
            )
            connection.sendall(body)
            parts = iter(lambda: connection.recv(65536), b"")

            return b"".join(parts)

    def new_token(self):
        body = json.dumps(
            {
                "client_id": self.keys.client_id,
                "client_secret": self.keys.client_secret,
                "grant_type": "client_credentials",
            }
        )
        reply = self.raw(
            "POST",
            f"{BASE}/oauth/authorize",
            body,
            {"Content-Type": "application/json"},
        )
        self.token = reply.json["access_token"]

        return reply

    def call(self, method, path, body=None, **headers):
        if self.token is None:
            self.new_token()

        if isinstance(body, dict):
            body = json.dumps(body, ensure_ascii=False).encode()

        given = {"Authorization": f"Bearer {self.token}"}

        if method == "POST":
            given["Signature"] = self.keys.sign(body or b"")

        return self.raw(method, BASE + path, body, given | headers)

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.call("POST", path, body, **headers)

    def control(self, method, path, value=None):
        reply = self.raw(
            method,
            f"/_emulator{path}",
            None if value is None else json.dumps(value),
            {"Content-Type": "application/json"},
        )

        return reply if reply.status != 200 else reply.json

    def settings(self, **changes):
        return self.control("PUT", "/settings", changes)

    def faults(self, *rules, seed=0):
        return self.control("PUT", "/faults", {"seed": seed, "rules": rules})

    def forward(self, seconds):
        if seconds > 3000:
            self.token = None

        return self.control("POST", "/clock", {"advance": seconds})

    def last_request(self):
        return self.control("GET", "/requests")["requests"][-1]

    # What a merchant sends.

    def card(self, **changes):
        seal = self.keys.seal

        return {
            "number": seal("4392260012345678"),
            "valid_date": seal("3012"),
            "cvv2": seal("123"),
            "payer_name": seal("张三"),
            "citizen_id_type": "IDENTITY_CARD",
            "citizen_id_number": seal("11010119900101001X"),
            "phone": "13800138000",
        } | changes

    def order(self, reference="ref-1", total="100.02", currency="USD", **changes):
        amount = {"total": total, "currency": currency}

        return {
            "mer_reference_id": reference,
            "mer_date": DAY,
            "amount": amount,
            "order_summary": "两件衣服",
            "expire_time": "360",
            "user_ip": "127.0.0.1",
            "sub_orders": [
                {
                    "mer_sub_reference_id": f"{reference}-a",
                    "trans_code": "01121990",
                    "is_customs": "TRUE",
                    "amount": amount,
                    "items": [
                        {
                            "mer_item_id": "i-1",
                            "type": "CLOTHING",
                            "name": "shirt, red",
                            "quantity": "2",
                            "amount": amount,
                        }
                    ],
                }
            ],
        } | changes

    def body(self, method="CREDIT_CARD", *, payer=None, **changes):
        order = {name: changes.pop(name) for name in list(changes) if name in _ORDER}

        return {
            "payer": {
                "payment_method": method,
                "bank_code": "ICBC",
                "interface_type": "SERVER_TO_SERVER",
                "business_type": "B2C",
                "payer_info": {"bank_card": {"phone": "13800138000"}},
            }
            | (payer or {}),
            "order": self.order(**order),
        } | changes

    def create(self, method="CREDIT_CARD", **changes):
        return self.post("/payments/payment", self.body(method, **changes))

    def payer(self, *, info=None, code=None, **card):
        values = self.card(**card) | ({"verify_code": code} if code else {})

        return {"payer": {"payer_info": info or {"bank_card": values}}}

    def created(self, method="CREDIT_CARD", **changes):
        return self.create(method, **changes).json["payment"]["id"]

    def sms(self, key, **card):
        assert self.post(f"{PAY}/{key}/verify", self.payer(**card)).code == "0000"

        return self.control("GET", f"/payments/{key}/sms_code")["sms_code"]

    def execute(self, key, **card):
        code = self.sms(key, **card)

        return self.post(f"{PAY}/{key}/execute", self.payer(code=code, **card))

    def paid(self, **changes):
        key = self.created(**changes)
        self.control("POST", f"/payments/{key}/pay")

        return key

    def refund(self, key, reference="back-1", total="100.02", currency="USD"):
        return self.post(
            f"{PAY}/{key}/refund",
            {
                "refund_info": {
                    "mer_reference_id": reference,
                    "mer_date": DAY,
                    "amount": {"total": total, "currency": currency},
                }
            },
        )

    def state(self, key):
        return self.get(f"{PAY}/{key}").json["payment"]["state"]


class Listener:
    """
    A merchant's server that keeps notifications and replies as told.
    """

    def __init__(self):
        self.got, self.replies = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                status, reply, headers = (
                    outer.replies.pop(0) if outer.replies else (200, GOOD, {})
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(b"".join(reply))))

                for name, value in headers.items():
                    self.send_header(name, value)

                self.end_headers()

                for part in reply:
                    self.wfile.write(part)
                    self.wfile.flush()
                    time.sleep(0.03 if len(reply) > 1 else 0)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.place = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.place}/umf"

    def wait(self, count, seconds=5):
        until = time.monotonic() + seconds

        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count}"
            time.sleep(0.005)

        return [json.loads(body) for _, _, body in self.got]

    def close(self):
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
