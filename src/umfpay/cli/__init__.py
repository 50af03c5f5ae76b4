"""
The command line: thin. Parse, call, print.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from umfpay.cli._exit import ExitCode


def main() -> None:
    """
    Run the ``umfpay`` command with the arguments of the process, and exit.

    Raises:
        SystemExit: Always; its code is an `ExitCode`, or what a command of click ends
            with.
    """
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # Modules were still loading: there is nothing to report.
        code = ExitCode.INTERRUPTED

    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """
    Run one command in this process, print what it prints, and return its exit code.

        run(["reconcile", "--transactions", "day.txt", ...]) == ExitCode.OK

    Args:
        arguments: Without the name of the command itself.

    Returns:
        An `ExitCode`, as a number.

    Raises:
        KeyboardInterrupt: While the modules of the command were still loading.
    """
    try:
        from umfpay.cli._main import run_command
        from umfpay.cli._streams import prepare_output, settle_output
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("click", "rich"):
            raise

        sys.stderr.write(
            'umfpay: the command line needs: pip install "umfpay[cli]"'
            ' | 命令行需要：pip install "umfpay[cli]"\n'
        )

        return ExitCode.ERROR

    prepare_output()

    try:
        return run_command(arguments)
    finally:
        settle_output()


__all__ = ["ExitCode", "main", "run"]


def __dir__() -> list[str]:
    return list(__all__)
