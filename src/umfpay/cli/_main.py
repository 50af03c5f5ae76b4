"""
The command group: the one place that turns errors into lines and exit codes.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click

from umfpay.cli._crypto import keys, seal, sign, verify
from umfpay.cli._demo import demo
from umfpay.cli._emulator import emulator
from umfpay.cli._exits import Exit
from umfpay.errors import UMFError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Print tracebacks (without locals).")
@click.version_option(package_name="umfpay")
def umfpay(debug: bool) -> None:  # noqa: FBT001 (click passes flags by name)
    """
    UMF cross-border payments (联动优势跨境支付): try, sign, verify, inspect.
    """


for command in (demo, emulator, keys, seal, sign, verify):
    umfpay.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """
    Run one command and return its exit code.
    """
    debug = "--debug" in arguments

    try:
        result = umfpay.main(list(arguments), prog_name="umfpay", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        _line("interrupted | 已中断")

        return Exit.INTERRUPTED
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()

        return Exit.WRONG_USE
    except UMFError as exc:
        if debug:
            traceback.print_exc()

        _line(str(exc))

        return Exit.WRONG_USE
    except ModuleNotFoundError as exc:
        _line(
            f'{exc.name} is missing: pip install "umfpay[all]"'
            f' | 缺少 {exc.name}：pip install "umfpay[all]"'
        )

        return Exit.WRONG_USE
    except Exception as exc:  # noqa: BLE001 (the last net: a bug is one line too)
        if debug:
            traceback.print_exc()

        _line(
            f"a bug of umfpay ({type(exc).__name__}); please report it with the output"
            " of the same command under --debug | umfpay 内部错误，请附上 --debug 的输出反馈"
        )

        return Exit.BUG

    return int(result or Exit.GOOD)


def _line(text: str) -> None:
    click.echo(f"umfpay: {text}", err=True)
