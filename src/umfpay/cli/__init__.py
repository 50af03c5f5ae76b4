"""
The command line: thin. Parse, call, print.
"""

from __future__ import annotations

import sys


def main() -> None:
    """
    Run the ``umfpay`` command and exit with a code of `umfpay.cli._exits`.
    """
    try:
        from umfpay.cli._main import run
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("click", "rich"):
            raise

        sys.stderr.write(
            'umfpay: the command line needs: pip install "umfpay[cli]"'
            ' | 命令行需要：pip install "umfpay[cli]"\n'
        )
        sys.exit(2)

    sys.exit(run(sys.argv[1:]))


__all__ = ["main"]
