"""
A statement comes without Content-Length over TLS, and the connection is cut after two
rows without TLS's close_notify: anybody on the way can do that. It must not be saved.
Kind: a truncated book under its final name.
"""

import asyncio
import datetime
import ipaddress
import os
import pathlib
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from umfpay import Config, UMFError, UMFSession
from umfpay.protocol import PrivateKey


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)


def certificate(folder):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    host = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 7, now - day, now + day
    )
    made = made.add_extension(host, False).sign(key, hashes.SHA256())
    pem = pathlib.Path(folder, "c.pem")
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem


def serve(listener, pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    token = b'HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{"access_token":"T","expires_in":3600}'
    while True:
        link = context.wrap_socket(listener.accept()[0], server_side=True)
        while got := link.recv(65536):
            if b"client_secret" in got:
                link.sendall(token)
            elif b"download" in got:
                link.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nrow1\nrow2\n"
                )
                time.sleep(0.2)
                socket.socket(fileno=link.detach()).shutdown(socket.SHUT_RDWR)
                break


async def main(folder):
    key, mine, pem = (
        PrivateKey.generate(1024),
        PrivateKey.generate(1024),
        certificate(folder),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, pem), daemon=True).start()
    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=mine,
        gateway_certificate=key.public,
        base_url=f"https://127.0.0.1:{listener.getsockname()[1]}/",
        ca_file=str(pem),
        token_store="memory",
        deadline=6.0,
        timeout=3.0,
    )
    to = pathlib.Path(folder, "day.txt")
    async with UMFSession(config) as session:
        try:
            await session.statements.download_transactions(
                datetime.date(2017, 2, 6), to
            )
            bad.append(f"the cut file was given as whole: {to.read_bytes()}")
        except UMFError:
            if to.exists():
                bad.append("the cut file lies under its final name")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
