"""
`umfpay statements pull` against an emulator on a socket.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import statement_files as files

from umfpay.cli import ExitCode, run
from umfpay.resources import PulledFolder, StoredFile, read_contents


def fetch(books, name, data):
    """
    Store a file as if it had been fetched just now.
    """
    partial = books / "partial"
    partial.write_bytes(data)
    stored = StoredFile(
        sha256=read_contents(partial).sha256,
        fetched_at=datetime.now(UTC),
        gateway_at=datetime.now(UTC),
        is_empty=False,
        open_items=0,
    )
    PulledFolder(books).store(partial, books / name, stored, merchant=None)


PULL = ["statements", "pull", "--from", "2017-02-05", "--to", "20170207"]


@pytest.mark.parametrize("kind", ["transactions", "reconciliation"])
def test_each_day_is_fetched_once(settings, tmp_path, capsys, kind):
    """
    The second pull finds all days there.
    """
    given = [*PULL, "--out", str(tmp_path / "books"), "--kind", kind, "--json"]
    given += ["--config", str(settings)]

    for was_there in (False, True):
        assert ExitCode.OK == run(given)

        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

        assert ["2017-02-05", "2017-02-06", "2017-02-07"] == [
            one["day"] for one in printed
        ]
        assert {was_there} == {one["was_there"] for one in printed}
        assert all(one["size"] > 50 for one in printed)
        # The server tells its clock.
        assert all(one["is_day_over"] for one in printed)

    assert 3 == len(list((tmp_path / "books").glob(f"{kind}-*.txt")))


def test_all_files_of_a_folder_have_one_rule(settings, tmp_path, capsys):
    """
    One that was there and fits another is fetched anew; what was learned is kept.
    """
    books = tmp_path / "books"
    books.mkdir()
    net = files.file(files.payment(1), files.refund(1), total="60.00", day="20170205")
    paid = files.file(files.payment(1), files.refund(1), total="100.00", day="20170206")
    fetch(books, "transactions-20170205.txt", net)
    fetch(books, "transactions-20170206.txt", paid)
    given = [*PULL, "--out", str(books), "--json", "--config", str(settings)]

    assert ExitCode.OK == run(given)
    assert [True, False, False] == [
        json.loads(line)["was_there"] for line in capsys.readouterr().out.splitlines()
    ]
    assert {"8017": ["sum(P)-sum(T)"]}.items() <= json.loads(
        (books / "total-rules.json").read_text("utf-8")
    ).items()


@pytest.mark.parametrize(
    ("option", "fits"),
    [
        ("--total-rule=sum(P)", False),
        ("--total-rule=sum(P)-sum(T)", True),
        ("--encoding=utf-8", True),
        ("--lenient", True),
    ],
)
def test_files_are_proven_as_a_comparison_reads_them(
    settings, tmp_path, capsys, option, fits
):
    """
    By the same options: one that does not fit is fetched again.
    """
    books = tmp_path / "books"
    books.mkdir()
    net = files.file(files.payment(1), files.refund(1), total="60.00", day="20170205")
    fetch(books, "transactions-20170205.txt", net)
    given = [*PULL, "--out", str(books), "--json", "--config", str(settings), option]

    assert ExitCode.OK == run(given)

    first = json.loads(capsys.readouterr().out.splitlines()[0])

    assert fits is first["was_there"]
    assert ExitCode.ERROR == run([*given, "--encoding=latin-1"])


def test_whose_files_and_days_they_are_is_said(settings, tmp_path, capsys):
    """
    A merchant that is not, a zone that does not exist, a day that has not begun.
    """
    given = [*PULL, "--out", str(tmp_path), "--config", str(settings)]

    assert ExitCode.NO == run([*given, "--merchant=9"])
    assert "not of 9" in capsys.readouterr().err
    assert ExitCode.ERROR == run([*given, "--zone=Mars"])
    assert "no time zone Mars" in capsys.readouterr().err

    tomorrow = f"{datetime.now(UTC).date() + timedelta(days=2)}"
    given[given.index("2017-02-05")] = given[given.index("20170207")] = tomorrow

    assert ExitCode.OK == run([*given, "--zone=Europe/London"])
    assert "the day was not over" in capsys.readouterr().out


def test_people_read_lines(settings, tmp_path, capsys):
    """
    And nothing on standard error, which is no terminal here.
    """
    assert ExitCode.OK == run(
        [*PULL, "--out", str(tmp_path), "--config", str(settings)]
    )

    output = capsys.readouterr()

    assert 3 == output.out.count("fetched")
    assert not output.err


def test_wrong_days_are_wrong_use(settings, tmp_path, capsys):
    """
    Exit 2, in words.
    """
    given = ["statements", "pull", "--out", str(tmp_path), "--config", str(settings)]

    assert ExitCode.ERROR == run([*given, "--from", "2017-02-07", "--to", "2017-02-05"])
    assert "from 1 to" in capsys.readouterr().err
    assert ExitCode.ERROR == run([*given, "--from", "tomorrow", "--to", "2017-02-05"])


class Unlengthy(http.server.BaseHTTPRequestHandler):
    """
    A gateway whose files end with the connection, over plain TCP.
    """

    def do_POST(self):
        self.reply(b'{"access_token":"T","expires_in":3600}')

    def do_GET(self):
        self.reply(b"paid out, and then")

    def reply(self, body):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def test_a_file_that_is_not_proven_whole_is_the_answer_no(settings, tmp_path, capsys):
    """
    Exit 1; what came is kept under a name that says so.
    """
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unlengthy) as server:
        threading.Thread(target=server.serve_forever).start()
        text = settings.read_text()
        base = f"UMF_BASE_URL=http://127.0.0.1:{server.server_address[1]}/v1/"
        settings.write_text(re.sub("UMF_BASE_URL=.*", base, text))
        books = tmp_path / "books"
        given = [*PULL, "--out", str(books), "--config", str(settings)]
        code = run([*given, "--kind", "reconciliation", "--fetch-token"])
        server.shutdown()

    kept = books / "reconciliation-20170205.txt.unproven"
    printed = capsys.readouterr().err

    assert ExitCode.NO == code
    assert b"paid out, and then" == kept.read_bytes()
    assert [] == list(books.glob("*.txt"))
    assert 1 == len(printed.splitlines())
    assert "reconciliation-20170205.txt.unproven" in printed


def test_a_pull_that_is_interrupted_leaves_nothing_half(settings, tmp_path):
    """
    Ctrl-C exits with 130; the next pull goes on.
    """
    books = tmp_path / "books"
    given = ["statements", "pull", "--from", "2016-01-01", "--to", "2017-02-07"]
    command = [
        sys.executable,
        "-c",
        "import sys; from umfpay.cli import main; main()",
        *given,
        "--out",
        str(books),
        "--config",
        str(settings),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30

    while not list(books.glob("transactions-*.txt")):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=30)

    assert ExitCode.INTERRUPTED == process.returncode
    assert 0 < len(list(books.glob("transactions-*.txt"))) < 400
    assert [] == list(books.glob(".*pulling*"))
