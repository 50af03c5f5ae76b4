"""
The command group: each way to fail is one line and one exit code.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from umfpay.cli import ExitCode, run
from umfpay.errors import ConfigError
from umfpay.reconciliation import Ledger


DOCS = Path(__file__).parent.parent.parent / "docs/reference/cli.md"


@pytest.fixture(name="failing")
def _failing(monkeypatch):
    """
    Let what a command calls raise an error.
    """

    def add(error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr(Ledger, "csv", fail)

    return add


FAILING = ["ledger", "show", "orders.csv"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("the file is gone.", "文件不存在。"), 2, "文件不存在"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (RuntimeError("canary-7f3a"), 70, "RuntimeError"),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_an_error_is_one_line_and_its_code(failing, capsys, error, code, message):
    """
    Nothing but the line goes to stderr, nothing at all to stdout.
    """
    failing(error)

    assert code == run(FAILING)

    output = capsys.readouterr()

    assert message in output.err
    assert "" == output.out
    assert "Traceback" not in output.err
    assert "canary-7f3a" not in output.err


def test_debug_prints_the_traceback_without_locals(failing, capsys):
    """
    `--debug` is for whoever reports a bug.
    """
    failing(RuntimeError("why"))

    assert ExitCode.BUG == run(["--debug", *FAILING])
    assert "Traceback" in capsys.readouterr().err

    failing(ConfigError("why", "为何"))

    assert ExitCode.ERROR == run(["--debug", *FAILING])
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_use(capsys):
    """
    click's own errors end in 2.
    """
    assert ExitCode.ERROR == run(["dmeo"])
    assert "dmeo" in capsys.readouterr().err


def test_help_and_version_are_good(capsys):
    """
    They print and end in 0.
    """
    assert ExitCode.OK == run(["--help"])
    assert "emulator" in capsys.readouterr().out
    assert ExitCode.OK == run(["--version"])


def test_an_error_of_the_system_is_no_bug(failing, capsys):
    """
    A full disk, no more files: surroundings, told in one line.
    """
    failing(OSError(24, "Too many open files"))

    assert ExitCode.ERROR == run(FAILING)

    error = capsys.readouterr().err

    assert "Too many open files" in error
    assert 1 == error.count("\n")


@pytest.mark.parametrize(
    ("arguments", "message", "message_zh", "command"),
    [
        (["dmeo"], "dmeo", "命令用法有误", "umfpay"),
        (["keys"], "'FILE'", "缺少参数", "umfpay keys"),
        (["keys", "a", "--foo"], "--foo", "没有此选项", "umfpay keys"),
        (["emulator", "--port", "x"], "--port", "参数值无效", "umfpay emulator"),
        (["--debug"], "command", "命令用法有误", "umfpay"),
    ],
)
def test_wrong_usage_is_one_line_in_both_languages(
    capsys, arguments, message, message_zh, command
):
    """
    It names what is wrong and where to read on.
    """
    assert ExitCode.ERROR == run(arguments)

    error = capsys.readouterr().err

    assert 1 == error.count("\n")
    assert message in error
    assert f" | {message_zh}。" in error
    assert 2 == error.count(f"{command} --help")


def test_without_arguments_the_help_is_shown(capsys):
    """
    On standard error: nobody asked for it.
    """
    assert ExitCode.ERROR == run([])

    output = capsys.readouterr()

    assert "emulator" in output.err
    assert "" == output.out


# The signal comes while Python imports the modules of the command.
_INTERRUPTED_IMPORT = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "umfpay.cli._main":
            signal.raise_signal(signal.SIGINT)

from umfpay.cli import main

sys.meta_path.insert(0, Interrupting())
main()
"""


def test_an_interrupt_while_modules_load_is_quiet():
    """
    Ctrl-C at once after Enter: no traceback.
    """
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_IMPORT],
        capture_output=True,
        check=False,
        timeout=50,
    )

    assert (130, b"", b"") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--all"]])
def test_an_interrupt_of_a_demo_is_one_line(arguments):
    """
    And no empty line before it.
    """
    code = "from umfpay.cli import main; main()"

    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=50)

    assert (130, "umfpay: interrupted | 已中断\n") == (process.returncode, error)


def test_shells_can_complete_it():
    """
    With the script that click writes for them.
    """
    code = "from umfpay.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**os.environ, "_UMFPAY_COMPLETE": "zsh_source"},
    )

    assert ExitCode.OK == done.returncode
    assert done.stdout.startswith("#compdef umfpay")


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

    assert ExitCode.ERROR == done.returncode
    assert "umfpay[cli]" in done.stderr


def test_another_missing_module_is_not_hidden():
    """
    Only the extra's own libraries are explained.
    """
    code = (
        "import sys; sys.modules['umfpay.cli._streams'] = None; "
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
    assert [0, 1, 2, 3, 70, 130, 141] == sorted(ExitCode)
    assert [str(int(code)) for code in ExitCode] == re.findall(
        r"^\| (\d+) \|", DOCS.read_text(), re.M
    )


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

    assert "umfpay[emulator]" in done.stderr
