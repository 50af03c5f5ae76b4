"""
The command line: thin. Parse, call, print.
"""

from __future__ import annotations

import sys


def main() -> None:
    """
    Run the ``umfpay`` command and exit with a code of `umfpay.cli._exit_codes`.
    """
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:
        # Modules were still loading: there is nothing to tell.
        code = 130

    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        from umfpay.cli._main import run
        from umfpay.cli._streams import prepare_output, settle_output
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("click", "rich"):
            raise

        sys.stderr.write(
            'umfpay: the command line needs: pip install "umfpay[cli]"'
            ' | 命令行需要：pip install "umfpay[cli]"\n'
        )

        return 2

    prepare_output()

    try:
        return run(arguments)
    finally:
        settle_output()


__all__ = ["main"]


def __dir__() -> list[str]:
    return list(__all__)
