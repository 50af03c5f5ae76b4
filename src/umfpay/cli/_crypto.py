"""
``umfpay sign``, ``verify``, ``seal`` and ``keys``: files in, one line out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from umfpay.cli._exits import Exit
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
)
from umfpay.sensitive import Secret


_passphrase = click.option(
    "--passphrase-env",
    metavar="NAME",
    help="Environment variable with the passphrase of an encrypted key.",
)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()

    try:
        return Path(file).read_bytes()
    except OSError as exc:
        raise ConfigError(
            Text(
                f"{file}: cannot be read ({exc.strerror}).",
                f"{file}：无法读取（{exc.strerror}）。",
            )
        ) from None


def _secret(name: str | None) -> Secret | None:
    if name is None:
        return None

    if not os.environ.get(name):
        raise ConfigError(
            Text(f"The variable {name} is empty.", f"环境变量 {name} 为空。")
        )

    return Secret(os.environ[name])


@click.command()
@click.option("--key", required=True, help="The merchant's private key (.p8).")
@_passphrase
@click.argument("file")
def sign(key: str, passphrase_env: str | None, file: str) -> None:
    """
    Print the base64 signature of FILE (- reads standard input).
    """
    signer = Signer(PrivateKey.load(Path(key), passphrase=_secret(passphrase_env)))
    click.echo(signer.sign(_read(file)))


@click.command()
@click.option(
    "--certificate",
    required=True,
    multiple=True,
    help="The gateway's certificate (.crt); may be given several times.",
)
@click.option("--header", help="The header line: 'Signature: <base64>'.")
@click.argument("file")
def verify(certificate: tuple[str, ...], header: str | None, file: str) -> int:
    """
    Verify an answer or notification in FILE (- reads standard input).

    Exit code 0: valid, 1: forged or unreadable, 3: unsigned.
    """
    verifier = Verifier([PublicKey.load(Path(one)) for one in certificate])
    envelope = open_envelope(
        _read(file), header_signature=_header(header), verifier=verifier
    )

    if envelope.verdict is Verdict.VERIFIED:
        click.echo("valid")

        return Exit.GOOD

    if envelope.verdict is Verdict.UNSIGNED:
        click.echo("unsigned")

        return Exit.UNSIGNED

    click.echo(f"{envelope.verdict}: {envelope.reason}")

    return Exit.NO


def _header(line: str | None) -> str | None:
    if line is None:
        return None

    name, colon, value = line.partition(":")

    if not colon or name.strip().lower() != "signature":
        raise ConfigError(
            Text(
                "--header: it must be 'Signature: <base64>'.",
                "--header：格式应为 'Signature: <base64>'。",
            )
        )

    return value.strip()


@click.command()
@click.option("--certificate", required=True, help="The gateway's certificate (.crt).")
@click.option(
    "--charset", default="utf-8", type=click.Choice(["utf-8", "gbk"]), show_default=True
)
def seal(certificate: str, charset: str) -> None:
    """
    Seal the text of standard input (without its last line end); print base64.
    """
    sealer = Sealer(PublicKey.load(Path(certificate)), charset=charset)
    click.echo(sealer.seal(_text()).ciphertext)


def _text() -> Secret:
    secret = _decoded(sys.stdin.buffer.read())

    if secret is None:
        raise ConfigError(
            Text("Standard input is not UTF-8 text.", "标准输入不是 UTF-8 文本。")
        )

    return secret


def _decoded(raw: bytes) -> Secret | None:
    try:
        return Secret(raw.decode("utf-8").removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        return None


@click.command()
@_passphrase
@click.argument("file")
def keys(passphrase_env: str | None, file: str) -> None:
    """
    Tell kind, size and fingerprint of a key FILE; never the key.
    """
    report = inspect_key(Path(file), passphrase=_secret(passphrase_env))
    click.echo(f"kind         {report.kind}")
    click.echo(f"bits         {report.bits}")
    click.echo(f"fingerprint  {report.fingerprint}")

    for remark in report.remarks:
        click.echo(f"remark       {remark}")
