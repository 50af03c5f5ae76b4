"""
The TLS settings of our connections.
"""

from __future__ import annotations

import os
import ssl

from umfpay.errors import ConfigError


def tls_context(
    *,
    ca_file: str | os.PathLike[str] | None = None,
    certificate: str | os.PathLike[str] | None = None,
    certificate_key: str | os.PathLike[str] | None = None,
) -> ssl.SSLContext:
    """
    Return the context of our connections; it reads files, which takes its time.

    Args:
        ca_file: PEM file of the authorities that are trusted instead of the usual ones.
        certificate: PEM file of a client certificate.
        certificate_key: PEM file of its key, if that is not in *certificate*.

    Raises:
        ConfigError: A file cannot be read or used.
    """
    name, path = "ca_file", ca_file

    try:
        context = ssl.create_default_context(cafile=ca_file)
        name, path = "client_certificate", certificate

        if certificate is not None:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate, certificate_key, password="")
    except OSError as error:
        raise ConfigError.of(
            name,
            f"{os.fspath(path or '')} cannot be used ({error}). It must be a PEM"
            " file; a private key must not be encrypted",
            f"无法使用 {os.fspath(path or '')}（{error}）。须为 PEM 文件，私钥不得加密",
        ) from error

    return context
