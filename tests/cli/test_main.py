"""
The command group: each way to fail is one line and one exit code.
"""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from umfpay.cli import _main
from umfpay.cli._exits import Exit
from umfpay.cli._main import run, umfpay
from umfpay.errors import ConfigError, Text


def _command(name, error):
    @click.command(name)
    def fail():
        raise error

    return fail


@pytest.fixture(name="failing")
def _failing(monkeypatch):
    def add(error):
        monkeypatch.setitem(umfpay.commands, "fail", _command("fail", error))

    return add


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigError(Text("the file is gone.", "文件不存在。")), 2, "文件不存在"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (RuntimeError("canary-7f3a"), 70, "RuntimeError"),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_an_error_is_one_line_and_its_code(failing, capsys, error, code, told):
    """
    Nothing but the line goes to stderr, nothing at all to stdout.
    """
    failing(error)

    assert code == run(["fail"])

    output = capsys.readouterr()

    assert told in output.err
    assert "" == output.out
    assert "Traceback" not in output.err
    assert "canary-7f3a" not in output.err


def test_debug_prints_the_traceback_without_locals(failing, capsys):
    """
    `--debug` is for whoever reports a bug.
    """
    failing(RuntimeError("why"))

    assert Exit.BUG == run(["--debug", "fail"])
    assert "Traceback" in capsys.readouterr().err

    failing(ConfigError(Text("why", "为何")))

    assert Exit.WRONG_USE == run(["--debug", "fail"])
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_use(capsys):
    """
    click's own errors end in 2.
    """
    assert Exit.WRONG_USE == run(["dmeo"])
    assert "dmeo" in capsys.readouterr().err


def test_help_and_version_are_good(capsys):
    """
    They print and end in 0.
    """
    assert Exit.GOOD == run(["--help"])
    assert "emulator" in capsys.readouterr().out
    assert Exit.GOOD == run(["--version"])


def test_a_reader_that_goes_away_is_no_error():
    """
    `umfpay ... | head -0` ends quietly.
    """
    code = (
        "import sys, os; from umfpay.cli import main; "
        "sys.argv = ['umfpay', '--help']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()

    assert process.wait(30) in (0, 1, 120)
    assert b"Traceback" not in error


def test_without_click_the_extra_is_named():
    """
    The command exists without its extra and says what to install.
    """
    code = (
        "import sys; sys.modules['click'] = None; from umfpay.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert Exit.WRONG_USE == done.returncode
    assert "umfpay[cli]" in done.stderr


def test_another_missing_module_is_not_hidden():
    """
    Only the extra's own libraries are explained.
    """
    code = (
        "import sys; sys.modules['umfpay.cli._exits'] = None; "
        "from umfpay.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert "ModuleNotFoundError" in done.stderr


def test_the_exit_codes_are_those_of_the_docs():
    """
    One table, in code and in docs.
    """
    assert [0, 1, 2, 3, 70, 130] == sorted(Exit)
    assert _main.Exit is Exit


def test_a_missing_extra_is_named_when_a_command_needs_it():
    """
    With the extra cli alone, keys can be inspected, and the demo says what it needs.
    """
    code = (
        "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None; "
        "from umfpay.cli import main; main()"
    )

    for arguments, expected in ((["--version"], 0), (["demo"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

        assert expected == done.returncode

    assert "umfpay[all]" in done.stderr
