"""
The command group: the one place that turns errors into lines and exit codes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import click

from umfpay.cli._books import books
from umfpay.cli._crypto import keys, seal, sign, verify
from umfpay.cli._demo import demo
from umfpay.cli._emulator import emulator
from umfpay.cli._exit import ExitCode
from umfpay.cli._inbox import inbox
from umfpay.cli._journal import journal
from umfpay.cli._ledger import ledger
from umfpay.cli._query import query
from umfpay.cli._reconcile import reconcile
from umfpay.cli._statements import statements
from umfpay.cli._streams import MAX_LINE_CHARACTERS
from umfpay.cli._tables import tables
from umfpay.errors import ConfigError, Text, UMFError, escape, format_error, os_reason


_COMPLETION_VARIABLE: Final = "_UMFPAY_COMPLETE"

# click speaks English only; the more special kinds come first.
_CHINESE_MESSAGES: Final[tuple[tuple[type[click.ClickException], str], ...]] = (
    (click.NoSuchOption, "没有此选项"),
    (click.MissingParameter, "缺少参数"),
    (click.BadParameter, "参数值无效"),
    (click.ClickException, "命令用法有误"),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Print tracebacks (without locals).")
@click.version_option(package_name="umfpay")
def umfpay(debug: bool) -> None:  # noqa: FBT001 (click passes flags by name)
    """
    UMF cross-border payments (联动优势跨境支付): try, sign, verify, inspect.
    """


for command in (
    books,
    demo,
    emulator,
    inbox,
    journal,
    keys,
    ledger,
    query,
    reconcile,
    seal,
    sign,
    statements,
    tables,
    verify,
):
    umfpay.add_command(command)


def run_command(arguments: Sequence[str]) -> int:
    """
    Run one command and return its exit code; an error is one line on standard error.
    """
    debug = "--debug" in arguments

    if _COMPLETION_VARIABLE in os.environ:
        umfpay.main(prog_name="umfpay")  # prints the shell's completions and exits

    try:
        # Not click's main(): it ends with 1, which is "forged", when nobody reads.
        with umfpay.make_context("umfpay", list(arguments)) as context:
            result = umfpay.invoke(context)
    except (KeyboardInterrupt, click.Abort):
        _line("interrupted | 已中断")

        return ExitCode.INTERRUPTED
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        if arguments:
            _line(_usage(exc))
        else:
            _print_to_stderr(exc.format_message())  # the help

        return ExitCode.ERROR
    except UMFError as exc:
        _trace(exc, debug=debug)
        _line(str(exc))

        return ExitCode.ERROR
    except BrokenPipeError:
        return ExitCode.PIPE_CLOSED
    except OSError as exc:
        _trace(exc, debug=debug)
        _line(str(_output_error(exc)))

        return ExitCode.ERROR
    except ModuleNotFoundError as exc:
        _line(
            f'{exc.name} is missing: pip install "umfpay[all]"'
            f' | 缺少 {exc.name}：pip install "umfpay[all]"'
        )

        return ExitCode.ERROR
    except Exception as exc:  # noqa: BLE001 (the last net: a bug is one line too)
        _trace(exc, debug=debug)
        _line(
            f"a bug of umfpay ({type(exc).__name__}); please report it with the output"
            " of the same command under --debug | umfpay 内部错误，请附上 --debug 的输出反馈"
        )

        return ExitCode.BUG

    return int(result or ExitCode.OK)


def _usage(exc: click.ClickException) -> str:
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    command = "umfpay" if context is None else context.command_path
    chinese = next(words for kind, words in _CHINESE_MESSAGES if isinstance(exc, kind))
    english = " ".join(exc.format_message().split())

    return f'{english} See "{command} --help". | {chinese}。请参阅“{command} --help”。'


def _output_error(exc: OSError) -> ConfigError:
    reason = os_reason(exc)

    return ConfigError(
        f"The system refused ({reason}); the output may be cut off.",
        f"系统拒绝操作（{reason}），输出可能不完整。",
        advice=Text(
            "Look at the disk and at where the output goes.",
            "请检查磁盘以及输出的去向。",
        ),
    )


def _trace(error: Exception, *, debug: bool) -> None:
    if debug:
        _print_to_stderr(format_error(error))


def _line(text: str) -> None:
    _print_to_stderr(escape(f"umfpay: {text}", limit=MAX_LINE_CHARACTERS))


def _print_to_stderr(text: str) -> None:
    # The exit code counts, also when standard error is closed or full.
    with suppress(OSError):
        click.echo(text, err=True)
