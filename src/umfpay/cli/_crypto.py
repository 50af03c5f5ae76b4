"""
``umfpay sign``, ``verify``, ``seal``, ``keys``: the protocol on files, for people.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from umfpay.cli._exit import ExitCode
from umfpay.cli._streams import STDIN, content_of, content_of_input, print_line
from umfpay.errors import ConfigError, Text
from umfpay.protocol import (
    PrivateKey,
    PublicKey,
    Sealer,
    Signer,
    Verdict,
    Verifier,
    inspect_key,
    open_envelope,
    verify_notification,
)
from umfpay.sensitive import Secret


_ANSWER_OF_VERDICT: Final[dict[Verdict, tuple[ExitCode, str]]] = {
    Verdict.VERIFIED: (ExitCode.OK, "verified | 验签通过"),
    Verdict.UNSIGNED: (ExitCode.UNSIGNED, "unsigned | 没有签名"),
    Verdict.FORGED: (ExitCode.NO, "forged | 签名无效"),
    Verdict.UNREADABLE: (ExitCode.NO, "unreadable | 无法读取"),
}


@click.command()
@click.option("--key", required=True, help="The merchant's private key (.p8).")
@click.option(
    "--passphrase-env",
    metavar="NAME",
    help="Environment variable with the passphrase of the key.",
)
@click.argument("file")
def sign(key: str, passphrase_env: str | None, file: str) -> None:
    """
    Print the signature of FILE, byte for byte as it is ("-": standard input).
    """
    private = PrivateKey.load(Path(key), passphrase=_passphrase(passphrase_env))
    click.echo(Signer(private).sign(content_of(file)))


@click.command()
@click.option("--certificate", required=True, help="The gateway's certificate (.crt).")
@click.option(
    "--header",
    metavar="'Signature: ...'",
    help="The header Signature of the answer or notification.",
)
@click.option(
    "--notification",
    is_flag=True,
    help="FILE is a notification: only a header over its very bytes counts.",
)
@click.argument("file")
def verify(
    certificate: str,
    header: str | None,
    notification: bool,  # noqa: FBT001 (click passes flags by name)
    file: str,
) -> ExitCode:
    """
    Tell whether the gateway signed FILE, an answer or a notification ("-": standard
    input).

    Exits with 0 when it did, 1 when it did not, 3 when there is no signature.
    """
    signature = None if header is None else _signature(header)
    verifier = Verifier([PublicKey.load(Path(certificate))])
    # White space may change in an answer; a notification counts as it was received.
    read = verify_notification if notification else open_envelope
    envelope = read(content_of(file), header_signature=signature, verifier=verifier)
    code, words = _ANSWER_OF_VERDICT[envelope.verdict]
    print_line(f"{words} ({envelope.reason})" if envelope.reason else words)

    return code


@click.command()
@click.option("--certificate", required=True, help="The gateway's certificate (.crt).")
@click.option(
    "--charset",
    type=click.Choice(["utf-8", "gbk"], case_sensitive=False),
    default="utf-8",
    show_default=True,
    help="What the gateway reads.",
)
def seal(certificate: str, charset: str) -> None:
    """
    Print the text of standard input, sealed for the gateway.

    The line end after the text is not part of it. What you type is seen by who looks
    over your shoulder: pipe it.
    """
    sealer = Sealer(PublicKey.load(Path(certificate)), charset=charset)
    click.echo(sealer.seal(_secret()).ciphertext)


@click.command()
@click.option(
    "--passphrase-env",
    metavar="NAME",
    help="Environment variable with the passphrase of the key.",
)
@click.argument("file")
def keys(passphrase_env: str | None, file: str) -> None:
    """
    Tell what the key file FILE is ("-": standard input); the key itself is never shown.
    """
    report = inspect_key(
        content_of_input() if file == STDIN else Path(file),
        passphrase=_passphrase(passphrase_env),
    )
    click.echo(f"kind        {report.kind}")
    click.echo(f"bits        {report.bits}")
    click.echo(f"fingerprint {report.fingerprint}")

    for remark in report.remarks:
        print_line(f"remark      {remark}")


def _passphrase(name: str | None) -> Secret | None:
    if name is None:
        return None

    if not name:
        raise ConfigError(
            "--passphrase-env takes the name of an environment variable.",
            "--passphrase-env 须为环境变量的名称。",
        )

    if not os.environ.get(name):
        raise ConfigError(
            f"The environment variable {name} is not set.", f"环境变量 {name} 未设置。"
        )

    return Secret(os.environ[name])


def _signature(header: str) -> str:
    """
    Return the value of a header line; the bare value is taken, too.
    """
    name, colon, value = header.partition(":")

    if not colon and header.split()[:1] not in ([], ["Signature"], ["signature"]):
        return header.strip()

    # As a variable of the shell that is not set, or a line without its colon leaves it:
    # nobody has forged that. A line with nothing behind the colon was received so.
    if not colon:
        raise ConfigError(
            "--header holds no signature; it takes 'Signature: ...', or the value.",
            "--header 中没有签名；应为 'Signature: ...'，或仅为其值。",
            advice=Text(
                "Copy the header again; leave --header out where there was none.",
                "请重新复制报文头；若没有该报文头，请不要使用 --header。",
            ),
        )

    if name.strip().lower() != "signature":
        raise ConfigError(
            "--header takes 'Signature: ...', not another header.",
            "--header 须为 Signature 报文头。",
        )

    return value.strip()


def _secret() -> Secret:
    secret = _read_secret()

    if not secret:
        raise ConfigError(
            "Standard input holds no text in UTF-8 to seal.",
            "标准输入中没有可加密的 UTF-8 文本。",
        )

    return secret


def _read_secret() -> Secret | None:
    # The error of the codec holds the text: it must not be anybody's context.
    try:
        return Secret(
            content_of_input().decode("utf-8").removesuffix("\n").removesuffix("\r")
        )
    except UnicodeDecodeError:
        return None
