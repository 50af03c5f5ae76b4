"""
Streams as shells give them: closed, full, not UTF-8, endless.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from umfpay.cli import ExitCode
from umfpay.cli._streams import print_json, print_line


VECTORS = Path(__file__).parent.parent / "vectors"
MERCHANT = str(VECTORS / "merchant_2048.key.p8")
CERTIFICATE = str(VECTORS / "gateway_1024.cert.crt")
COMMAND = [sys.executable, "-c", "from umfpay.cli import main; main()"]
READERS = [
    ["sign", "--key", MERCHANT, "-"],
    ["verify", "--certificate", CERTIFICATE, "-"],
    ["seal", "--certificate", CERTIFICATE],
    ["keys", "-"],
]
# The interpreter writes at once, or keeps what it could not write until its end.
BUFFERING = [{}, {"PYTHONUNBUFFERED": "1"}]


def shell(redirections, *arguments, **environment):
    """
    Run the command as a shell does, with *redirections*.
    """
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", *COMMAND, *arguments],
        capture_output=True,
        check=False,
        timeout=50,
        env={**os.environ, **environment},
    )


def is_one_line(error):
    text = error.decode()

    return text.startswith("umfpay: ") and " | " in text and 1 == text.count("\n")


@pytest.fixture(name="verifying")
def _verifying(tmp_path):
    """
    The arguments that verify an answer which the gateway signed.
    """
    case = json.loads((VECTORS / "response_signatures.json").read_text())[0]
    path = tmp_path / "answer.json"
    path.write_bytes(base64.b64decode(case["raw_base64"]))
    certificate = str(VECTORS / case["certificate"])
    headers = [
        part for value in case["headers"].values() for part in ("--header", value)
    ]

    return ["verify", "--certificate", certificate, *headers, str(path)]


@pytest.mark.parametrize("environment", BUFFERING)
@pytest.mark.parametrize("arguments", [None, ["--help"], ["--version"], ["keys", "-h"]])
def test_a_pipe_that_nobody_reads_ends_like_sigpipe(verifying, arguments, environment):
    """
    Quietly, and never with 1, which is "forged".
    """
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *(arguments or verifying)],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=50,
        env={**os.environ, **environment},
    )
    os.close(writing)

    assert (ExitCode.PIPE_CLOSED, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--all"]])
def test_a_demo_ends_when_its_reader_goes(arguments):
    """
    `umfpay demo | head -1`.
    """
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b"ok ")

        process.stdout.close()

        assert b"" == process.stderr.read()
        assert ExitCode.PIPE_CLOSED == process.wait(50)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("environment", BUFFERING)
def test_a_full_disk_is_no_verdict(verifying, environment):
    """
    One line and 2, neither "forged" nor a bug.
    """
    done = shell("> /dev/full", *verifying, **environment)

    assert ExitCode.ERROR == done.returncode
    assert is_one_line(done.stderr)
    assert b"No space left" in done.stderr


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_the_code_does_not_need_standard_error(verifying, redirection):
    """
    What cannot be told is still meant.
    """
    assert ExitCode.OK == shell(redirection, *verifying).returncode
    assert ExitCode.ERROR == shell(redirection, "keys", "missing").returncode
    assert ExitCode.ERROR == shell(redirection, "dmeo").returncode


def test_a_closed_standard_output_leaves_the_code(verifying):
    """
    It was closed on purpose.
    """
    done = shell(">&-", *verifying)

    assert (ExitCode.OK, b"") == (done.returncode, done.stderr)


def test_what_the_output_cannot_write_is_escaped(verifying):
    """
    An old console has no Chinese characters; the verdict is the same.
    """
    done = shell("", *verifying, PYTHONIOENCODING="cp1252")

    assert ExitCode.OK == done.returncode
    assert rb"verified | \u9a8c" in done.stdout


@pytest.mark.parametrize("arguments", READERS, ids=lambda arguments: arguments[0])
def test_a_closed_standard_input_is_wrong_use(arguments):
    """
    One line says so.
    """
    done = shell("<&-", *arguments)

    assert ExitCode.ERROR == done.returncode
    assert is_one_line(done.stderr)
    assert b"Standard input is closed" in done.stderr


@pytest.mark.parametrize("arguments", READERS, ids=lambda arguments: arguments[0])
def test_an_input_that_cannot_be_read_is_wrong_use(arguments, tmp_path):
    """
    It was opened to be written, say.
    """
    done = shell(f"0> '{tmp_path / 'file'}'", *arguments)

    assert ExitCode.ERROR == done.returncode
    assert is_one_line(done.stderr)
    assert b"Standard input: it cannot be read (" in done.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="Unix has it")
@pytest.mark.parametrize("file", ["-", "/dev/zero"])
def test_what_has_no_end_is_refused(file):
    """
    Before the memory is full.
    """
    done = shell("< /dev/zero", "sign", "--key", MERCHANT, file)

    assert ExitCode.ERROR == done.returncode
    assert is_one_line(done.stderr)
    assert b"64 MiB" in done.stderr


def test_a_name_with_odd_characters_is_reported_in_one_line():
    """
    Line ends and bytes that are not UTF-8 are escaped.
    """
    for name, shown in (("a\nb", rb"a\nb"), ("a\udcff", rb"a\udcff")):
        done = shell("", "sign", "--key", MERCHANT, name)

        assert ExitCode.ERROR == done.returncode
        assert is_one_line(done.stderr)
        assert shown in done.stderr


def test_a_printed_line_does_nothing_to_a_terminal(capsys):
    """
    Ids and states come from the gateway, names from files.
    """
    print_line("PAY_A\x1b[2J  a\nb", err=True)

    assert ("", "PAY_A\\x1b[2J  a\\nb\n") == tuple(capsys.readouterr())


def test_printed_json_is_the_same_value_and_does_nothing_to_a_terminal(capsys):
    """
    Escapes of JSON stand for what a terminal might obey.
    """
    value = {"a": "\x9b2J\u202e\U000e0041 张三"}
    print_json(json.dumps(value, indent=2, ensure_ascii=False))
    shown = capsys.readouterr().out

    assert value == json.loads(shown)
    assert shown.replace("\n", "").isprintable()
    assert "张三" in shown
