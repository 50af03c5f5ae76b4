"""
HTTP requests and answers of the emulator, and the errors that become answers.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from umfpay.emulator._faults import Fault
from umfpay.errors import ConfigError
from umfpay.protocol import JSONRefusedError, dump_json, find_code, parse_json


_log: Final = logging.getLogger("umfpay.emulator")
_HTML_PAGE: Final = (
    b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>"
)


class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """
    Raised by handlers: the answer is *code* with the table's words.

    Args:
        code: The return code (gateway.md 8).
        detail: The reason; it goes to the request log only.
        status: Of HTTP.
    """

    def __init__(self, code: str, detail: str = "", *, status: int = 200) -> None:
        row = find_code(code)
        self.code = code
        self.status = status
        self.message = row.meaning.en if row is not None else detail
        self.detail = detail or self.message
        super().__init__(code)


class NotHereError(Exception):
    """
    Raised when the control API is asked for what it does not have, or cannot do now.

    Args:
        status: Of HTTP: 400, 404, 409 or 415.
        why: What the answer says.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class BodyError(Exception):
    """
    Raised when a body is no JSON object.
    """


@attrs.frozen(kw_only=True)
class Request:
    """
    A request as it came: header names in lower case.

    Args:
        oversized: The body was too long, and is not here.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str]
    body: bytes = b""
    oversized: bool = False

    def read_object(self) -> dict[str, Any]:
        """
        Return the JSON object that was sent.

        Raises:
            BodyError: It is none.
        """
        if self.oversized:
            raise BodyError("the body is too long")

        try:
            value = parse_json(self.body)
        except JSONRefusedError as refusal:
            raise BodyError(f"the body: {refusal}") from None

        if not isinstance(value, dict):
            raise BodyError("the body is not an object")

        return value


@attrs.define(kw_only=True)
class Answer:
    """
    An answer, or the order to cut the connection.

    Args:
        drop: Cut the connection instead of answering.
        delay: Seconds to wait before it.
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


@attrs.frozen
class Failure:
    """
    What an answer may say of an error, in both languages.
    """

    status: int
    en: str
    zh: str


def failure_of(error: Exception, what: str) -> Failure:
    """
    Return what the control API and the console say of *error*, which ended *what*.

    What is no refusal is written to the log.
    """
    if isinstance(error, NotHereError):
        return Failure(error.status, str(error), str(error))

    if isinstance(error, Refusal):
        return Failure(HTTPStatus.NOT_FOUND, error.detail, error.detail)

    if isinstance(error, ConfigError):
        return Failure(HTTPStatus.BAD_REQUEST, *error.what)

    return log_internal_error(error, what)


def log_internal_error(error: Exception, what: str) -> Failure:
    """
    Write *error*, which ended *what*, to the log: one line where the disk is to blame, a
    traceback for a bug.
    """
    shown = what.encode("unicode_escape").decode("ascii")[:200]

    if isinstance(error, sqlite3.Error) and not isinstance(
        error, sqlite3.ProgrammingError
    ):
        failure = Failure(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"the emulator's books cannot be used ({error}); look at the disk of its"
            " data folder.",
            f"模拟器数据无法使用（{error}），请检查数据目录所在的磁盘。",
        )
        _log.error("%s: %s | %s", shown, failure.en, failure.zh)

        return failure

    _log.error("%s", shown, exc_info=error)

    return Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "a bug of the emulator; see its log",
        "模拟器内部错误，详见其日志。",
    )
