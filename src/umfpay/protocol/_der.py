"""
A DER parser and writer, as far as keys and certificates need it.
"""

from __future__ import annotations

from typing import Final


SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03

# AlgorithmIdentifier of rsaEncryption, with NULL for its parameters (RFC 3279, 2.3.1).
_RSA_ENCRYPTION: Final = bytes.fromhex("300d06092a864886f70d0101010500")


def element_size(der: bytes) -> int:
    """
    Return the size that the element at the begin of *der* says it has.

    Raises:
        ValueError: It says nothing.
    """
    header = header_size(der)
    first = der[1]

    if first < 0x80:
        return header + first

    return header + int.from_bytes(der[2:header], "big")


def header_size(der: bytes) -> int:
    """
    Return the size of tag and length of the element at the begin of *der*.

    Raises:
        ValueError: It is cut.
    """
    size = 2

    if len(der) >= size and der[1] >= 0x80:
        size += der[1] & 0x7F

    if len(der) < size:
        raise ValueError("cut")

    return size


def is_sequence(content: bytes) -> bool:
    """
    Tell whether *content* is one whole SEQUENCE.
    """
    try:
        return content[:1] == bytes((SEQUENCE,)) and element_size(content) == len(
            content
        )
    except ValueError:
        return False


def is_cut(content: bytes) -> bool:
    """
    Tell whether *content* begins as a SEQUENCE that says it is larger.
    """
    try:
        return content[:1] == bytes((SEQUENCE,)) and element_size(content) > len(
            content
        )
    except ValueError:
        return False


def payload_of(der: bytes) -> bytes:
    """
    Return what the element at the begin of *der* holds.

    Raises:
        ValueError: It is cut.
    """
    return der[header_size(der) : element_size(der)]


def elements_of(der: bytes) -> list[bytes]:
    """
    Return the elements of a SEQUENCE or SET, each as DER.

    Raises:
        ValueError: It is cut.
    """
    payload = payload_of(der)
    elements = []

    while payload:
        size = element_size(payload)
        elements.append(payload[:size])
        payload = payload[size:]

    return elements


def key_info_of(n: int, e: int) -> bytes:
    """
    Return the SubjectPublicKeyInfo of an RSA key (RFC 5280, 4.1).
    """
    key = _element(SEQUENCE, _integer(n) + _integer(e))
    bits = _element(_BIT_STRING, b"\0" + key)

    return _element(SEQUENCE, _RSA_ENCRYPTION + bits)


def _integer(value: int) -> bytes:
    # One bit more than it has: it is not negative.
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _element(tag: int, payload: bytes) -> bytes:
    size = len(payload)

    if size < 0x80:
        return bytes((tag, size)) + payload

    length = size.to_bytes((size.bit_length() + 7) // 8, "big")

    return bytes((tag, 0x80 | len(length))) + length + payload
