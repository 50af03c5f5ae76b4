"""
Token records as JSON: alone for a server, and several as a file of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from umfpay.tokens._record import TokenRecord


_DOCUMENT_HEADER: Final = {"umfpay": "tokens", "version": 1}
_DOCUMENT_START: Final = b'{\n "umfpay": "tokens",\n "version": 1,\n "tokens":'
# What a file system may leave behind after a power cut.
_PADDING_BYTES: Final = b"\0 \t\r\n"


def dump_record(record: TokenRecord) -> str:
    """
    Return *record* as JSON, with the token in clear.
    """
    return json.dumps(record.to_json())


def parse_record(text: str | bytes, *, refused: bool) -> TokenRecord | None:
    """
    Return the record that *text* holds, or None if it holds none.

    Nothing is raised, so that no traceback shows what was read.

    Args:
        refused: What the server keeps beside it, so that a refusal rewrites no token.
    """
    try:
        members = {**json.loads(text), "refused": refused}
    except (ValueError, TypeError, RecursionError):
        return None

    return TokenRecord.from_json(members)


def dump(records: Mapping[str, TokenRecord]) -> bytes:
    """
    Return the document that holds *records* by store key, tokens in clear.
    """
    tokens = records.items()

    return json.dumps(
        {
            **_DOCUMENT_HEADER,
            "tokens": {key: record.to_json() for key, record in tokens},
        },
        indent=1,
    ).encode()


def parse(data: bytes) -> dict[str, TokenRecord] | None:
    """
    Return the records of a document, or None if it is not one of ours.

    An empty document and one of ours that was cut off hold no records: a token that
    is lost is fetched again. Nothing is raised, so that no traceback shows tokens.
    """
    if not data.strip(_PADDING_BYTES):
        return {}

    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return (
            {}
            if data.startswith(_DOCUMENT_START) or _DOCUMENT_START.startswith(data)
            else None
        )

    if not isinstance(document, dict):
        return None

    tokens = document.pop("tokens", None)

    if document != _DOCUMENT_HEADER or not isinstance(tokens, dict):
        return None

    records: dict[str, TokenRecord] = {}

    for key, members in tokens.items():
        record = TokenRecord.from_json(members)

        if record is None:
            return None

        records[key] = record

    return records
