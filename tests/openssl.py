"""
openssl as the second opinion: it knows nothing of our code.
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path


def openssl(*arguments: object, given: bytes = b"") -> bytes:
    """
    Return what openssl prints.

    Args:
        given: What it reads from its standard input.
    """
    return subprocess.run(
        ["openssl", *map(str, arguments)], input=given, capture_output=True, check=True
    ).stdout


def openssl_verifies(
    body: bytes, signature: str, *, public_key: Path, folder: Path
) -> bool:
    """
    Tell whether the base64 text *signature* of *body* is good (gateway.md 3.1).

    Args:
        public_key: The PEM file of the key.
        folder: Where a file may be left: openssl reads signatures from files only.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        return False

    file = folder / "signature.bin"
    file.write_bytes(raw)
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", public_key, "-signature", file],
        input=body,
        capture_output=True,
        check=False,
    )

    return 0 == done.returncode
