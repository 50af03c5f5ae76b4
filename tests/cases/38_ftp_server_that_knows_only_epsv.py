"""
The FTP server for papers answers PASV with 502 and knows EPSV (RFC 2428). The upload must
reach it, under the first number.
Kind: an upload fails, and uses up a number, over a dialect of the protocol.
"""

import asyncio
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading

from umfpay import UMFError
from umfpay.documents import FTPAccount, SequenceStore, pack_papers, upload_papers


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)


def serve(link, files):
    def say(text):
        link.sendall(text.encode() + b"\r\n")

    say("220 hello")
    for line in link.makefile("r", newline="\r\n"):
        command, _, name = line.strip().partition(" ")
        if command == "EPSV":
            data = socket.create_server(("127.0.0.1", 0))
            say(f"229 Entering Extended Passive Mode (|||{data.getsockname()[1]}|)")
        elif command == "STOR":
            say("150 go on")
            with data.accept()[0] as one, one.makefile("rb") as whole:
                files[name] = whole.read()
            say("226 done")
        elif command == "SIZE":
            say(f"213 {len(files[name])}" if name in files else "550 no such file")
        else:
            say(
                {
                    "USER": "331 password",
                    "PASS": "230 in",
                    "TYPE": "200 good",
                    "QUIT": "221 bye",
                }.get(command, "502 not implemented")
            )


with (
    tempfile.TemporaryDirectory() as folder,
    socket.create_server(("127.0.0.1", 0)) as listener,
):
    files = {}

    def accept():
        while True:
            threading.Thread(
                target=serve, args=(listener.accept()[0], files), daemon=True
            ).start()

    threading.Thread(target=accept, daemon=True).start()
    papers = pack_papers({"contract.pdf": b"%PDF-1.7 x", "invoice.pdf": b"%PDF-1.7 y"})
    account = FTPAccount(
        host="127.0.0.1",
        port=listener.getsockname()[1],
        user="u",
        password="p",
        security="ftp",
        timeout=3.0,
    )
    try:
        done = asyncio.run(
            upload_papers(
                account,
                papers,
                mer_reference_id="77",
                mer_date="20170206",
                deadline=15.0,
                sequences=SequenceStore(pathlib.Path(folder, "s.json")),
                attempts=2,
            )
        )
        if len(files) != 1 or len(files[done.name]) != papers.size:
            bad.append(f"at the server lie {list(files)}")
    except UMFError as error:
        bad.append(f"{type(error).__name__}: {error}"[:150])

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
