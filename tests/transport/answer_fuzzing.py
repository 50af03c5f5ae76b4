"""
Answers that are cut and changed at every byte: ``python -m tests.transport.answer_fuzzing
CASES SEED`` tries so many and prints what became of them.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import attrs

from tests.transport.raw_server import RawServer
from tests.transport.readers import (
    Reading,
    edge_call,
    open_edge,
    read_by,
    read_by_h11,
)


VALID: Sequence[bytes] = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    (
        b"HTTP/1.1 200 OK\r\nDate: x\r\nSignature: abc=\r\nContent-Length: 10\r\n"
        b"Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n\r\n0123456789"
    ),
    b"HTTP/1.1 500 Words\r\nContent-Type: text/html\r\ncontent-length: 0\r\n\r\n",
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Signature\r\n\r\n"
        b"5;a=b\r\nhello\r\n0\r\nSignature: c\r\n\r\n"
    ),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 201 OK\r\nContent-Length: 3\r\n\r\nabc"
    ),
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\n\r\nto the end",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
)

_PARTS: Sequence[bytes] = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b";",
    b"0",
    b"1",
    b"9",
    b"f",
    b"-",
    b"+",
    b'"',
    b"\xff",
    b"\x0b",
    b"\x7f",
    b"0\r\n\r\n",
    b"5\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 4\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Connection: close\r\n",
    b"Signature: forged\r\n",
    b"X: y\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 A\r\n\r\n",
    b"HTTP/1.1 101 A\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray",
    b"chunked",
    b"00000000000000000000",
    b"99999999999999999999",
)


_INFORMATIONAL: Final = re.compile(
    rb"HTTP/1\.1 1\d\d[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n"
)
_TABS: Final = re.compile(rb"(\r\n[0-9A-Fa-f]+)[ \t]+;")
_ZEROS: Final = re.compile(rb"((?:\r\n|: ?))0{19,}")


@attrs.frozen
class Case:
    """
    An answer and how it arrives.

    Args:
        pieces: What comes, each in a segment.
    """

    number: int
    pieces: Sequence[bytes]

    @property
    def sent(self) -> bytes:
        """
        All that comes.
        """
        return b"".join(self.pieces)


def cases(count: int, seed: int) -> Iterator[Case]:
    """
    Yield *count* cases: first each valid answer cut at each byte, then changed ones.
    """
    chance = random.Random(seed)
    number = 0

    for one in VALID:
        for at in range(len(one)):
            if number >= count // 2:
                break

            yield Case(number, _pieces(one[:at], chance))
            number += 1

    while number < count:
        data = chance.choice(VALID)

        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            data = _changed(data, chance)

        yield Case(number, _pieces(data, chance))
        number += 1


def _changed(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 1, 1, 2, 5, 20)))
    part = chance.choice(_PARTS)

    match chance.randrange(8):
        case 0:
            return data[:at] + data[end:]
        case 1:
            return data[:at] + part + data[at:]
        case 2:
            return data[:at] + part + data[end:]
        case 3:
            return data[:at] + data[at:end] * 2 + data[end:]
        case 4:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 5:
            return data + chance.choice((part, chance.choice(VALID)))
        case 6:
            other = chance.choice(VALID)

            return data[:at] + other[chance.randrange(len(other)) :]
        case _:
            # Between two lines, where it is most likely to be understood.
            lines = data.split(b"\r\n")
            lines.insert(chance.randrange(len(lines)), part.removesuffix(b"\r\n"))

            return b"\r\n".join(lines)


def _pieces(data: bytes, chance: random.Random) -> Sequence[bytes]:
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
    ends = [0, *cuts, len(data)]

    return [data[begin:end] for begin, end in pairwise(ends) if begin < end]


def objection(case: Case, reading: Reading) -> str:
    """
    Return what is wrong about *reading*, nothing if it is sound.

    Where h11 reads an answer, too, it must be the same; and a connection on which
    anything was odd must not be used again.
    """
    if reading.following != b"after":
        return f"the next call got {reading.following!r}"

    if reading.status is None:
        if reading.words.startswith("!") or reading.words == "hangs":
            return reading.words

        return "used again after a refusal" if reading.kept else ""

    strict = read_by_h11(case.sent)

    if strict.status is None:
        strict = read_by_h11(tidied(case.sent))

    if strict.status is None:
        return "used again, though h11 refuses" if reading.kept else ""

    ours, theirs = (
        (one.status, one.body, _comparable(one)) for one in (reading, strict)
    )

    if ours != theirs:
        return f"{ours} is read, {theirs} by h11"

    left = strict.following

    if reading.kept and isinstance(left, bytes) and left not in (b"after", b""):
        return "used again, though something was left" if left.strip(b"\r\n") else ""

    # h11 uses no connection of HTTP/1.0 again, also where the server says that it stays.
    closes = not strict.kept and not strict.is_old

    return "used again, though it closes" if reading.kept and closes else ""


def tidied(data: bytes) -> bytes:
    """
    Return *data* without what is read here, but not by h11: blank lines before an
    answer, a tab between a chunk's size and its extension, and more zeros than twenty
    before a number.
    """
    heads = b""

    while head := _INFORMATIONAL.match(data := data.lstrip(b"\r\n")):
        heads += head[0]
        data = data[head.end() :]

    return heads + _TABS.sub(rb"\1;", _ZEROS.sub(rb"\g<1>0", data))


def _comparable(reading: Reading) -> list[tuple[bytes, bytes]]:
    # h11 writes these in its own way.
    return [
        (name, value)
        for name, value in reading.headers
        if name not in (b"content-length", b"transfer-encoding")
    ]


async def fuzz(count: int, seed: int) -> tuple[list[str], Counter[str]]:
    """
    Try *count* cases on one pool; return the objections, and how the calls ended.
    """
    objections: list[str] = []
    ends: Counter[str] = Counter()
    server = RawServer()
    await server.start()
    edge = open_edge(server.port)
    call = edge_call(edge, server.port)

    for case in cases(count, seed):
        reading = await read_by(call, server, case.pieces)
        wrong = objection(case, reading)
        ends["answer" if reading.status else reading.words.split(":")[0]] += 1

        if wrong:
            objections.append(f"{case.number}: {wrong}: {case.pieces!r}")

    await edge.aclose()
    await server.stop()

    return objections, ends


if __name__ == "__main__":
    found, ended = asyncio.run(fuzz(int(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.write(json.dumps({"objections": found[:50], "ends": ended}, indent=1))
    sys.exit(bool(found))
