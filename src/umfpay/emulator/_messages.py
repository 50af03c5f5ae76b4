"""
HTTP requests and responses of the emulator, without a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from umfpay.emulator._faults import Fault
from umfpay.emulator._member_aliases import canonical
from umfpay.emulator._refusal import Refusal
from umfpay.protocol import JSONRefusedError, dump_json, parse_json


_HTML_PAGE: Final = (
    b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>"
)


@attrs.frozen(kw_only=True)
class Request:
    """
    A request as it came: header names in lower case.

    *oversized* says that the body was too long and is not here.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    body: bytes = b""
    oversized: bool = False


@attrs.define(kw_only=True)
class Answer:
    """
    An answer, or the order to cut the connection.
    """

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    drop: bool = False
    delay: float = 0.0


def spell_headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    """
    Return the headers of *answer* as the gateway spells them: ``Signature``.

    UMF's SDK of late 2017 looks for exactly that, and servers of this interface pass
    names on as they are (gateway.md 11a).
    """
    headers = {**answer.headers, "content-length": str(len(answer.body))}

    return [
        (name.title().encode("latin-1"), value.encode("latin-1"))
        for name, value in headers.items()
    ]


def json_answer(status: int, body: bytes, signature: str | None = None) -> Answer:
    """
    Return an answer of JSON.
    """
    headers = {"content-type": "application/json; charset=utf-8"}

    if signature is not None:
        headers["signature"] = signature

    return Answer(status=status, headers=headers, body=body)


def html_answer(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """
    Return the page of a proxy that stands before a gateway.
    """
    return Answer(
        status=status,
        headers={"content-type": "text/html", **(headers or {})},
        body=_HTML_PAGE % (status, status),
    )


def cut_answer(fault: Fault) -> Answer:
    """
    Return what a fault puts in the place of the gateway's answer.
    """
    if fault.kind.startswith("drop"):
        return Answer(drop=True)

    if fault.kind == "busy":
        return html_answer(429, {"retry-after": str(max(1, round(fault.seconds)))})

    return html_answer(fault.status)


def control_answer(status: int, value: object) -> Answer:
    """
    Return an answer of the control API, in one line that a terminal does not obey.
    """
    text = dump_json(value).decode()

    if not text.isprintable():
        text = "".join(
            one if one.isprintable() else json.dumps(one)[1:-1] for one in text
        )

    return Answer(
        status=status,
        headers={"content-type": "application/json"},
        body=text.encode(),
    )


def read_body(request: Request) -> dict[str, Any]:
    """
    Return the object that was sent, with today's names.

    Raises:
        Refusal: It is none.
    """
    if request.oversized:
        raise Refusal("00060700", "the body is too long")

    try:
        value = parse_json(request.body)
    except JSONRefusedError as refusal:
        raise Refusal("00060700", f"the body: {refusal}") from None

    if not isinstance(value, dict):
        raise Refusal("00060700", "the body is not an object")

    found: dict[str, Any] = canonical(value)

    return found
