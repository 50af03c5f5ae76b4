"""
The page about odd answers: ``python -m tests.transport.answer_table`` writes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Final

import aiohttp
import attrs

from tests.transport.odd_answers import ROWS, SECTIONS, Given, Odd, Refused
from tests.transport.raw_server import RawServer
from tests.transport.readers import (
    Reading,
    aiohttp_call,
    differs,
    read_by,
    read_by_h11,
    shown,
)


PAGE: Final = Path(__file__).parents[2] / "docs/reference/http-answers.md"


@attrs.frozen
class Explanation:
    """
    Why others read some answers otherwise.

    Args:
        text: What they do, and why we do not.
        readers: Whose readings it explains.
        rows: Patterns of the answers' names.
    """

    text: str
    readers: str
    rows: Sequence[str]


EXPLANATIONS: Final = (
    Explanation(
        "It has no such limit, or a larger one. Memory of a process that takes money is"
        " not the other side's to fill.",
        "aiohttp h11",
        (
            "*70,000*",
            "CR LF 40,000*",
            "20,000*",
            "head of one million",
            "*limit + 1*",
            "no length, 300,000",
            "5,000 chunks*",
            "eight of 12,000*",
            "100 nine times",
            "100 a thousand*",
        ),
    ),
    Explanation(
        "It lets control characters through. A reader in C ends at a NUL, a log or a"
        " terminal obeys others: none of them is legal here.",
        "aiohttp h11",
        (
            "NUL in the reason",
            "*control in *",
            "DEL in *",
            "vertical tab in *",
            "escape in *",
            "NUL in an extension",
            "bare CR in an extension",
            "trailer with NUL",
            "100 with NUL",
        ),
    ),
    Explanation(
        "It takes any three digits for a status. What no class of HTTP knows, no rule of"
        " ours knows.",
        "aiohttp h11",
        ("status 0*", "status 600", "status 999"),
    ),
    Explanation(
        "It takes any digits for a version, or another protocol for HTTP. What an"
        " answer in another version means is not known here.",
        "aiohttp h11",
        ("HTTP/[0-9].[0-9]", "RTSP/1.0"),
    ),
    Explanation(
        "llhttp, its parser, hears that an HTTP/1.0 server stays, and not that it closes.",
        "aiohttp",
        ("HTTP/1.0 keep-alive, close",),
    ),
    Explanation(
        "It uses no connection of HTTP/1.0 again, whatever the server says.",
        "h11",
        ("HTTP/1.0 keep-alive", "HTTP/1.0 Keep-Alive"),
    ),
    Explanation(
        "It allows no empty line before an answer. One says nothing, and llhttp passes"
        " over them.",
        "h11",
        ("*CR LF* before", "LF before"),
    ),
    Explanation(
        "It joins folded lines. RFC 9112 5.2 has them no longer, and a signature, a"
        " length or a coding that is folded is read in two ways.",
        "aiohttp h11",
        ("fold*",),
    ),
    Explanation(
        "It takes a blank before the colon, which RFC 9112 5.1 forbids: whoever does not"
        " sees no length, or no chunks, there.",
        "aiohttp",
        ("Content-Length :", "blank before the colon"),
    ),
    Explanation(
        "It takes one length that is said twice, as RFC 9112 6.3 allows; the same"
        " section allows to refuse it. Nothing that we know of sends it.",
        "h11",
        ("length 5,*5", "two equal lengths", "three equal lengths"),
    ),
    Explanation(
        "It allows 20 digits at most. Zeros before a number do not change it.",
        "h11",
        ("length of 25 digits, small", "size of 40 digits, small"),
    ),
    Explanation(
        "This number is llhttp's own sign for no length: the answer seems to have none,"
        " and to end with the connection.",
        "aiohttp",
        ("length 2^64 - 1",),
    ),
    Explanation(
        "It takes a single LF within chunks. There it is read in two ways: the body of"
        " the chunk whose size is one too large gets a CR that nobody sent as text.",
        "aiohttp h11",
        ("LF behind *", "LF at the end", "chunk shorter than its size"),
    ),
    Explanation(
        "It does not look into extensions of chunks. They say nothing to us either, but"
        " what is not legal there is a sign of something worse.",
        "h11",
        ("extension without a name", "quotes that do not end"),
    ),
    Explanation(
        "It does not look at what trailers say about framing, or joins their folds.",
        "aiohttp h11",
        ("trailer *",),
    ),
    Explanation(
        "It takes a coding that it does not know, or that is not the last, for a body to"
        " the connection's end, and hands on what it cannot decode, chunks included.",
        "aiohttp",
        ("coding *", "chunked twice", "*, then *", "empty coding and a length"),
    ),
    Explanation(
        "Of length and chunks it believes the chunks, as RFC 9112 6.3 allows; the same"
        " section calls such an answer a sign of an attack.",
        "h11",
        ("length and chunked", "chunked and length*"),
    ),
    Explanation(
        'HTTP/1.0 does not know chunks: "treat the message as if the framing is faulty"'
        " (RFC 9112 6.1).",
        "aiohttp h11",
        ("chunked in HTTP/1.0*",),
    ),
    Explanation(
        "It knows that this status has no body, and does not look at a head that says"
        " otherwise. A reader that believes the head waits for the body, or takes the"
        " next answer for it.",
        "aiohttp h11",
        ("100 with a length", "100 that is chunked", "204 with *length*", "204 that *"),
    ),
    Explanation(
        "It is an answer to whoever asked for another protocol. We never do.",
        "aiohttp",
        ("101*", "100, then 101"),
    ),
    Explanation(
        "Once a connection is said to close it takes no more answers, not even the final"
        " one after an informational one (RFC 9112 9.6 closes after the final one).",
        "aiohttp",
        ("103 with Connection: close",),
    ),
    Explanation(
        "It does not mind that an informational answer comes in HTTP/1.0, which has none.",
        "h11",
        ("100 in HTTP/1.0",),
    ),
    Explanation(
        "It gives the answer and leaves the question, what the rest is, to its caller"
        " (`trailing_data`), who must not use the connection again.",
        "h11",
        (
            "* behind*",
            "CR LF and a *",
            "*with a body",
            "two more answers",
            "a second answer, *",
            "half a *",
            "*longer than its length",
            "304 with length and body",
        ),
    ),
    Explanation(
        "What comes behind an answer in the same segment it passes over where it is"
        " another answer; what comes later it gives to the next call as its answer. For"
        " a payment that is the answer to another payment.",
        "aiohttp",
        (
            "* behind*",
            "CR LF and a *",
            "*with a body",
            "two more answers",
            "a second answer, *",
            "half a *",
            "*longer than its length",
            "304 with length and body",
        ),
    ),
    Explanation(
        "It does not read the header Keep-Alive. A request that meets the server's own"
        " limit is lost after its first byte.",
        "aiohttp h11",
        ("Keep-Alive: timeout=0",),
    ),
    Explanation(
        "It decodes the body. A signature covers the bytes as they came, and we ask for"
        " no coding.",
        "aiohttp",
        ("Content-Encoding: *",),
    ),
)

_TOP = """\
# Odd answers: what is one, and what is none

Nobody has seen the HTTP of the real gateway and of what stands before it, so {count} odd answers to a POST were
decided about before our connection was written, and beside it they are given to aiohttp {aiohttp} and h11 {h11}. A
refused answer to a write leaves it unclear (`OutcomeUnknownError`), which costs a query; an answer that is read wrongly
may cost money. The rules:

1. An answer that two readers could read differently, in what it says or where it ends, is refused.
2. What is merely ugly and has one reading is an answer.
3. Whatever leaves a doubt about the connection ends it.
4. Everything has a limit: 64 KiB of head, `body_limit` of body, eight informational answers, and no more framing than
   both together.

Each is sent whole, byte by byte, and cut between head and body, and the next call must get its own answer
(`tests/transport/test_odd_answers.py`, which also keeps this page). *Given* is an answer with status 200 and the body
`hello`, if nothing else is said; *closes*: the connection serves no other call. Where an end of the connection belongs
to the case, it is a clean one. Empty cells agree with us; a letter leads to the explanation below.

Six were decided anew when they were tried: a tab behind a chunk's size and an extension without a value are forgiven,
and a chunk whose size is beyond the limit is cut off when its bytes are, not refused for its size, which the parser
does not tell.
"""


def disagreements(
    by_aiohttp: Sequence[Reading], by_h11: Sequence[Reading]
) -> list[tuple[Odd, str, str]]:
    """
    Return answer, reader and what it does, for all that it does otherwise.
    """
    found = []

    for reader, readings in (("aiohttp", by_aiohttp), ("h11", by_h11)):
        for (_, row), reading in zip(ROWS, readings, strict=True):
            different = _difference(row, reader, reading)

            if different:
                found.append((row, reader, different))

    return found


def _difference(row: Odd, reader: str, reading: Reading) -> str:
    different = differs(row.verdict, reading).partition(":")[0]

    # Of h11 it is only what is left over.
    if reader == "aiohttp" and reading.following != b"after":
        got = reading.following
        later = "fails" if isinstance(got, str) else f"gets {shown(got)}"
        different += f"{'; ' if different else ''}the next call {later}"

    return different


def explain(row: Odd, reader: str) -> int | None:
    """
    Return the number of the explanation why *reader* reads *row* otherwise.
    """
    for number, one in enumerate(EXPLANATIONS):
        if reader in one.readers.split() and any(
            fnmatchcase(row.name, pattern) for pattern in one.rows
        ):
            return number

    return None


def unexplained(found: Sequence[tuple[Odd, str, str]]) -> list[str]:
    """
    Return the disagreements without an explanation.
    """
    return [
        f"{row.name}, {reader}: {different}"
        for row, reader, different in found
        if explain(row, reader) is None
    ]


def explanations_without_use(found: Sequence[tuple[Odd, str, str]]) -> list[str]:
    """
    Return the explanations that explain nothing.
    """
    used = {explain(row, reader) for row, reader, _ in found}

    return [one.text for number, one in enumerate(EXPLANATIONS) if number not in used]


def page(by_aiohttp: Sequence[Reading], by_h11: Sequence[Reading]) -> str:
    """
    Return the page of the documentation.
    """
    cells = {
        (id(row), reader): f"{different} ({_letter(explain(row, reader))})"
        for row, reader, different in disagreements(by_aiohttp, by_h11)
    }
    top = _TOP.format(count=len(ROWS), aiohttp=version("aiohttp"), h11=version("h11"))
    lines = [top]

    for section, rows in SECTIONS.items():
        lines.append(f"\n## {section}\n")
        lines.append("| answer | we | because | aiohttp | h11 |")
        lines.append("| --- | --- | --- | --- | --- |")

        for row in rows:
            columns = [
                row.name,
                _verdict(row),
                row.why,
                cells.get((id(row), "aiohttp"), ""),
                cells.get((id(row), "h11"), ""),
            ]
            lines.append(
                "| " + " | ".join(one.replace("|", "\\|") for one in columns) + " |"
            )

    lines.append("\n## Why others read otherwise\n")
    lines += [
        fill(f"- **{_letter(number)}** {one.text}", 120, subsequent_indent="  ")
        for number, one in enumerate(EXPLANATIONS)
    ]

    return "\n".join(lines) + "\n"


def _letter(number: int | None) -> str:
    return "?" if number is None else chr(ord("a") + number)


def _verdict(row: Odd) -> str:
    text = _words(row.verdict)

    if row.apart is not None and row.apart != row.verdict:
        text += f"; if it comes later: {_words(row.apart)}"

    return text


def _words(verdict: Given | Refused) -> str:
    if isinstance(verdict, Refused):
        return f"refused ({verdict.failure})"

    text = "given"

    if verdict.status != 200:
        text += f" {verdict.status}"

    if verdict.body != b"hello":
        text += f", {shown(verdict.body)}"

    return text + (", closes" if verdict.keep is False else "")


async def read_by_others(server: RawServer) -> tuple[list[Reading], list[Reading]]:
    """
    Return what aiohttp and h11 make of each answer.
    """
    by_aiohttp = []

    async with aiohttp.ClientSession() as client:
        call = aiohttp_call(client, server.port)

        for _, row in ROWS:
            reading = await read_by(call, server, [row.sent + row.behind])

            if row.behind:
                later = await read_by(call, server, [row.sent], at_last=row.behind)
                reading = attrs.evolve(reading, following=later.following)

            by_aiohttp.append(reading)

    return by_aiohttp, [read_by_h11(row.sent, row.behind) for _, row in ROWS]


async def _write() -> None:
    server = RawServer()
    await server.start()
    readings = await read_by_others(server)
    await server.stop()
    PAGE.write_text(page(*readings), "utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
