"""
Read key files as they are mailed and passed on: PEM, DER or base64 text.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from umfpay.errors import ConfigError, Text
from umfpay.protocol._der import is_sequence
from umfpay.sensitive import NeverStored, looks_like_address


KeySource = str | bytes | os.PathLike[str]

GIVEN_KEY: Final = Text("the key", "密钥")

_MAX_FILE_BYTES: Final = 64 * 1024
_PEM_BEGIN: Final = "-----BEGIN"
# No other block begins in one: that would be read again and again.
_PEM_FRAME: Final = re.compile(
    r"-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----BEGIN ).)*?)-----END \1-----", re.S
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MIN_KEY_CHARACTERS: Final = 64  # base64 characters
_CERTAIN_KEY_CHARACTERS: Final = 300  # base64 characters that no path has

_Block = tuple[str, bytes, bytes]  # label, PEM, DER


class KeyContent(NeverStored):
    """
    The bytes of a key file and a name for messages; it shows neither.

    Attributes:
        name: The path, or that the content was given.
        labels: The labels of its PEM blocks; none if it is DER.
    """

    __slots__ = ("_blocks", "_content", "_refusal", "labels", "name")

    name: Text
    labels: tuple[str, ...]

    def __init__(
        self, name: Text, content: bytes, *, refusal: ConfigError | None = None
    ) -> None:
        self.name = name
        self._refusal = refusal
        self._blocks = _pem_blocks(content)
        self._content = _der(content)
        self.labels = tuple(label for label, _, _ in self._blocks)

    @classmethod
    def of(cls, source: KeySource) -> KeyContent:
        """
        Read what *source* holds or names; what is wrong is told by `must_be_usable()`.

        Until then the caller can let go of *source*, which may be a key.

        Args:
            source: A path, or the content: bytes, PEM text, or base64 in one line.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(GIVEN_KEY, bytes(source))

        if isinstance(source, str) and is_key_text(source):
            return cls(GIVEN_KEY, source.encode("utf-8", "replace"))

        if isinstance(source, str | os.PathLike):
            return _read(os.fsdecode(source))

        return _unusable_error(
            GIVEN_KEY,
            f"give a path, bytes or text, not {type(source).__name__}",
            "请给出路径、字节或文本",
        )

    def must_be_usable(self) -> None:
        """
        Raise unless there is content of a size that a key has.

        Raises:
            ConfigError: The file cannot be read, is empty or too large.
        """
        if self._refusal is not None:
            raise self._refusal

        if not self._content.strip():
            raise ConfigError.of(self.name, "it is empty", "为空")

        if len(self._content) > _MAX_FILE_BYTES:
            raise ConfigError.of(
                self.name, "it is too large for a key", "过大，不是密钥文件"
            )

    def block(self, *endings: str) -> bytes:
        """
        Return the first PEM block whose label has one of *endings*, or the DER.

        Returns:
            Empty when it is PEM without such a block.
        """
        if not self._blocks:
            return self._content

        return next((pem for label, pem, _ in self._with(endings)), b"")

    def der(self, *endings: str) -> bytes:
        """
        Return the same without the PEM around it.
        """
        if not self._blocks:
            return self._content

        return next((der for _, _, der in self._with(endings)), b"")

    def _with(self, endings: tuple[str, ...]) -> Iterator[_Block]:
        return (block for block in self._blocks if block[0].endswith(endings))

    def __repr__(self) -> str:
        return "KeyContent(***)"


def _plain(text: str) -> str:
    # Environment variables and .env files spell line ends out.
    return text.replace("\\r", "\n").replace("\\n", "\n")


def is_key_text(text: str) -> bool:
    """
    Tell whether *text* is the content of a key file, and no path: PEM, or base64 in one
    line.
    """
    if _PEM_BEGIN in text:
        return True

    compact = "".join(_plain(text).split())

    if _BASE64.fullmatch(compact) is None or len(compact) < _MIN_KEY_CHARACTERS:
        return False

    return len(compact) > _CERTAIN_KEY_CHARACTERS or is_sequence(
        _decode_base64(compact)
    )


def _decode_base64(compact: str) -> bytes:
    try:
        return base64.b64decode(compact, validate=True)
    except ValueError:
        return b""


def _der(content: bytes) -> bytes:
    """
    Return *content*, or what it is the base64 of.
    """
    if content.isascii():
        compact = "".join(_plain(content.decode("ascii")).split())

        if (
            len(compact) >= _MIN_KEY_CHARACTERS
            and _BASE64.fullmatch(compact) is not None
        ):
            decoded = _decode_base64(compact)

            if is_sequence(decoded):
                return decoded

    return content


def _pem_blocks(content: bytes) -> tuple[_Block, ...]:
    """
    Return the PEM blocks with plain line ends, whatever line ends they had.
    """
    text = _plain(content.decode("latin-1"))

    return tuple(_block(found[1], found[2]) for found in _PEM_FRAME.finditer(text))


def _block(label: str, body: str) -> _Block:
    lines = [line.strip() for line in body.splitlines()]
    # "Proc-Type: 4,ENCRYPTED" and "DEK-Info: ..." of the old encryption.
    headers = [line for line in lines if ":" in line]
    data = "".join("".join(line.split()) for line in lines if ":" not in line)
    pem = "\n".join(
        (f"-----BEGIN {label}-----", *headers, data, f"-----END {label}-----")
    )

    return label, pem.encode("latin-1"), _decode_base64(data)


def _read(name: str) -> KeyContent:
    shown = _display_name(name)

    try:
        path = Path(name)

        if path.is_file():
            with path.open("rb") as file:
                return KeyContent(shown, file.read(_MAX_FILE_BYTES + 1))

        if path.exists():
            return _unusable_error(shown, "it is not a file", "不是文件")
    except (OSError, ValueError) as error:
        kind = type(error).__name__

        return _unusable_error(
            shown, f"it cannot be read ({kind})", f"无法读取（{kind}）"
        )

    return _unusable_error(shown, "no such file", "文件不存在")


def _unusable_error(name: Text, en: str, zh: str) -> KeyContent:
    return KeyContent(name, b"", refusal=ConfigError.of(name, en, zh))


def _display_name(name: str) -> Text:
    """
    Return *name* for messages, unless it may be a key that lost its frame.
    """
    # A name that is not UTF-8 is shown with its bytes escaped.
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")
    is_long = len(name) >= _MIN_KEY_CHARACTERS and _BASE64.fullmatch(name) is not None

    if is_long or len(name) > 255 or not name.isprintable() or looks_like_address(name):
        return Text("the given text, taken for a path", "给出的文本（视为路径）")

    return Text(name, name)
