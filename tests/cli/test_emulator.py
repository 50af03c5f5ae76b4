"""
`umfpay emulator`: addresses, umf.env, signals, and one line when it cannot start.
"""

from __future__ import annotations

import ftplib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest


COMMAND = [sys.executable, "-c", "from umfpay.cli import main; main()", "emulator"]


def run(*arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


@pytest.fixture(name="started")
def _started():
    """
    Start the command; give the process and what it printed.
    """
    processes = []

    def start(*arguments, before=()):
        process = subprocess.Popen(
            [*before, *COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        printed = []

        while not printed or "Ctrl-C" not in printed[-1]:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            printed.append(line)

        return process, "".join(printed)

    yield start

    for process in processes:
        if process.poll() is None:
            process.kill()

        process.communicate()


@pytest.mark.parametrize(
    ("sent", "code", "line"),
    [
        (signal.SIGTERM, 0, ""),
        (signal.SIGHUP, 0, ""),
        (signal.SIGINT, 130, "umfpay: interrupted | 已中断\n"),
    ],
)
def test_it_serves_until_it_has_to_end(started, tmp_path, sent, code, line):
    """
    It prints its addresses, writes umf.env, and ends with one line at most.
    """
    folder = tmp_path / "data"
    process, printed = started("--port", 0, "--data", folder)
    url = re.search(r"base URL +(\S+/cberest/v1/)\n", printed).group(1)
    control = re.search(r"control +(\S+/_emulator/)\n", printed).group(1)
    env = folder / "umf.env"

    assert str(env) in printed
    assert f"UMF_BASE_URL={url}\n" in env.read_text()
    assert 0o600 == stat.S_IMODE(env.stat().st_mode)

    with urllib.request.urlopen(control, timeout=10) as reply:
        assert "umfpay" == json.load(reply)["emulator"]

    process.send_signal(sent)
    rest, error = process.communicate(timeout=20)

    assert (code, "", line) == (process.returncode, rest, error)


def test_without_a_folder_nothing_is_left(started):
    """
    Its keys live in a temporary folder, which goes at the end.
    """
    process, printed = started("--port", 0)
    env = re.search(r"settings +(\S+)\n", printed).group(1)

    assert Path(env).exists()

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert 130 == process.returncode
    assert not Path(env).parent.exists()


# The signal comes at the first event of that name that Python tells its auditors.
_ENDED_START = """
import os, signal, sys

event, number = os.environ["ENDED_AT"].split()

def ending(name, arguments):
    if name != event or "coverage" in str(arguments[:1]):
        return

    if "umfpay.emulator" in arguments or name != "import":
        signal.raise_signal(int(number))

from umfpay.cli import main

sys.addaudithook(ending)
main()
"""


@pytest.mark.parametrize("event", ["import", "tempfile.mkdtemp", "sqlite3.connect"])
@pytest.mark.parametrize(
    ("sent", "code"),
    [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)],
)
def test_it_can_be_ended_while_it_starts(tmp_path, event, sent, code):
    """
    Before or after its keys are made: its temporary folder goes, too.
    """
    done = subprocess.run(
        [sys.executable, "-c", _ENDED_START, "emulator", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "ENDED_AT": f"{event} {int(sent)}",
        },
    )

    assert code == done.returncode
    assert "Traceback" not in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_nohup_keeps_it_alive(started):
    """
    Who ignores SIGHUP means it.
    """
    process, printed = started("--port", 0, before=["nohup"])
    control = re.search(r"control +(\S+)\n", printed).group(1)
    process.send_signal(signal.SIGHUP)

    with urllib.request.urlopen(control, timeout=10) as reply:
        assert 200 == reply.status

    process.terminate()
    process.communicate(timeout=20)

    assert 0 == process.returncode


def test_it_takes_papers_by_ftp_when_it_is_given_a_port(started, tmp_path):
    """
    It prints the port, and umf.env opens the server.
    """
    _, printed = started("--port", 0, "--ftp-port", 0, "--data", tmp_path)
    port = int(re.search(r"papers +ftp, port (\d+)\n", printed).group(1))
    lines = (tmp_path / "umf.env").read_text().splitlines()
    env = dict(line.split("=", 1) for line in lines)

    assert str(port) == env["UMF_FTP_PORT"]

    with ftplib.FTP(timeout=10) as client:
        client.connect("127.0.0.1", port)

        assert client.login(env["UMF_FTP_USER"], env["UMF_FTP_PASSWORD"])[0] == "2"


def test_each_refusal_is_printed_with_its_reason(started, tmp_path):
    """
    On standard error, one line each: escaped, cut, and nothing of a request's secrets.
    """
    process, printed = started("--port", 0, "--data", tmp_path)
    url = re.search(r"base URL +http://([^/]+)/", printed).group(1)
    host, _, port = url.partition(":")
    odd = f"/cberest/v1/%1b[31m%0aX%e2%80%ae{'x' * 5000}"
    requests = [
        "GET /cberest/v1/bank?type=x HTTP/1.1\r\n",
        f"GET {odd} HTTP/1.1\r\nAuthorization: Bearer canary\r\n",
    ]

    for request in requests:
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(
                f"{request}Host: {url}\r\nConnection: close\r\n\r\n".encode()
            )
            assert b"".join(iter(lambda: connection.recv(65536), b""))

    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=20)
    first, second = error.splitlines()

    assert "GET /cberest/v1/bank: 00280703 no bearer token" == first
    assert "no such path" in second
    assert second.isprintable()
    assert len(second) < 1000
    assert "canary" not in error


def test_its_headers_are_spelled_as_the_gateway_spells_them(started, tmp_path):
    """
    As where an emulator is served in Python.
    """
    _, printed = started("--port", 0, "--data", tmp_path)
    url = re.search(r"base URL +http://([^/]+)/", printed).group(1)
    client_id, secret = (tmp_path / "client.id").read_text().split()
    body = json.dumps(
        {
            "client_id": client_id,
            "client_secret": secret,
            "grant_type": "client_credentials",
        }
    )
    host, _, port = url.partition(":")

    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(
            f"POST /cberest/v1/oauth/authorize HTTP/1.1\r\nHost: {url}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert b"\r\nSignature: " in answer
    assert b"\r\nContent-Type: application/json" in answer


def test_it_has_another_merchant_when_it_is_asked_to(started, tmp_path):
    """
    It prints where its settings are; they lead to the same gateway.
    """
    _, printed = started("--port", 0, "--data", tmp_path, "--other-merchant")
    env = Path(re.search(r"other +(\S+)\n", printed).group(1))
    mine, theirs = (
        dict(line.split("=", 1) for line in path.read_text().splitlines())
        for path in (tmp_path / "umf.env", env)
    )
    same = ["UMF_BASE_URL", "UMF_GATEWAY_CERTIFICATE"]
    other = ["UMF_CLIENT_ID", "UMF_CLIENT_SECRET", "UMF_MERCHANT_KEY"]

    assert [mine[name] for name in same] == [theirs[name] for name in same]
    assert all(mine[name] != theirs[name] for name in other)
    assert Path(theirs["UMF_MERCHANT_KEY"]).exists()


def test_it_can_be_called_by_another_name(started, tmp_path):
    """
    With --as-host, and by no other.
    """
    _, printed = started("--port", 0, "--data", tmp_path, "--as-host", "gateway.test")
    control = re.search(r"control +(\S+)\n", printed).group(1)
    request = urllib.request.Request(control, headers={"Host": "gateway.test"})

    with urllib.request.urlopen(request, timeout=10) as reply:
        assert 200 == reply.status

    with pytest.raises(urllib.error.HTTPError, match="421") as caught:
        urllib.request.urlopen(
            urllib.request.Request(control, headers={"Host": "x.test"}), timeout=10
        )

    caught.value.close()


def _is_one_line(done, *words):
    assert 2 == done.returncode
    assert "" == done.stdout
    assert 1 == done.stderr.count("\n")
    assert all(word in done.stderr for word in words)


def test_a_port_in_use_is_one_line(tmp_path):
    """
    It names the port and what to do.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", port, "--data", tmp_path)

    _is_one_line(done, f"127.0.0.1:{port}", "--port")


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path):
    """
    A file in its place, or above it.
    """
    file = tmp_path / "file"
    file.write_text("x")

    _is_one_line(run("--port", 0, "--data", file), str(file))
    _is_one_line(run("--port", 0, "--data", file / "below"), str(file))


def test_wrong_arguments_are_wrong_use():
    """
    click says which.
    """
    done = run("--port", "x")

    assert 2 == done.returncode
    assert "--port" in done.stderr
