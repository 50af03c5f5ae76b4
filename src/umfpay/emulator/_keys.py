"""
The emulator's key folder: what UMF would mail to a merchant, and its own side.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.protocol import PrivateKey, make_certificate
from umfpay.sensitive import Secret


MERCHANT_KEY: Final = "merchant.key.p8"
CERTIFICATE: Final = "umf.cert.crt"
GATEWAY_KEY: Final = "gateway.key.p8"
CLIENT: Final = "client.id"
ENV: Final = "umf.env"


@attrs.frozen(kw_only=True)
class Credentials:
    """
    What the merchant gets, and the gateway's own key.
    """

    client_id: str
    client_secret: Secret
    merchant_key: PrivateKey
    gateway_key: PrivateKey
    gateway_certificate: bytes


def make_credentials(bits: int) -> Credentials:
    """
    Make new keys, a client id and a client secret.
    """
    gateway = PrivateKey.generate(bits)

    return Credentials(
        client_id=secrets.token_hex(20),
        client_secret=Secret(secrets.token_hex(20)),
        merchant_key=PrivateKey.generate(bits),
        gateway_key=gateway,
        gateway_certificate=make_certificate(gateway, common_name="umfpay emulator"),
    )


def load_credentials(folder: Path, *, bits: int) -> Credentials:
    """
    Read the credentials of *folder*; make them when it has none.

    Raises:
        ConfigError: The folder cannot be read or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

        if not (folder / CLIENT).exists():
            _save(folder, make_credentials(bits))

        client_id, secret = (folder / CLIENT).read_text("ascii").split()

        return Credentials(
            client_id=client_id,
            client_secret=Secret(secret),
            merchant_key=PrivateKey.load(folder / MERCHANT_KEY),
            gateway_key=PrivateKey.load(folder / GATEWAY_KEY),
            gateway_certificate=(folder / CERTIFICATE).read_bytes(),
        )
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
    except ValueError:
        reason = f"{CLIENT} is damaged"

    raise ConfigError(
        Text(
            f"{folder}: the data folder cannot be used ({reason}).",
            f"{folder}：无法使用数据目录（{reason}）。",
        )
    )


def _save(folder: Path, made: Credentials) -> None:
    write_private(folder / MERCHANT_KEY, made.merchant_key.to_der_pkcs8())
    write_private(folder / GATEWAY_KEY, made.gateway_key.to_der_pkcs8())
    write_private(folder / CERTIFICATE, made.gateway_certificate)
    # Last: its presence says that the folder is complete.
    write_private(
        folder / CLIENT, f"{made.client_id}\n{made.client_secret.reveal()}\n".encode()
    )


def write_private(path: Path, content: bytes) -> None:
    """
    Write a file that only its owner may read.
    """
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    with os.fdopen(descriptor, "wb") as file:
        file.write(content)

    temporary.replace(path)


def write_env(folder: Path, credentials: Credentials, *, base_url: str) -> Path:
    """
    Write ``umf.env``: plain ``KEY=value`` lines for `Config.from_file()` and shells.
    """
    absolute = folder.resolve()
    lines = {
        "UMF_CLIENT_ID": credentials.client_id,
        "UMF_CLIENT_SECRET": credentials.client_secret.reveal(),
        "UMF_MERCHANT_KEY": str(absolute / MERCHANT_KEY),
        "UMF_GATEWAY_CERTIFICATE": str(absolute / CERTIFICATE),
        "UMF_BASE_URL": base_url,
    }
    path = folder / ENV

    try:
        write_private(
            path, "".join(f"{key}={value}\n" for key, value in lines.items()).encode()
        )
    except OSError as exc:
        raise ConfigError(
            Text(f"{path}: cannot be written.", f"{path}：无法写入。")
        ) from exc

    return path
