"""
How much of the speed of bare aiohttp is left of a call that is encoded, signed, sent,
verified, judged and read into objects?

Bare aiohttp posts the same bytes with the same RSA work and stops at `json.loads`. Every
second call is a create, the others are queries; orders and answers differ from call to
call. The server is `benchmarks.canned`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from benchmarks._bursts import Caller, Speed, paired, run_loop
from benchmarks._result import Figure, Result, ratio, versions
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.peers import BareAiohttp, Ours, check_same, seen


@attrs.frozen(kw_only=True)
class Cell:
    """
    One place in the table.

    Args:
        bits: Of both keys: all real ones that were seen have 1024; the emulator makes
            2048.
        concurrency: How many calls run at a time.
    """

    bits: int = 1024
    concurrency: int
    tls: bool = False
    uvloop: bool = False

    def __str__(self) -> str:
        words = [f"RSA-{self.bits}", f"at {self.concurrency}"]
        words += ["TLS"] * self.tls + ["uvloop"] * self.uvloop

        return ", ".join(words)

    @property
    def target(self) -> float | None:
        """
        What the ratio by CPU time must reach, if something was promised.
        """
        return TARGETS.get(self)


@attrs.frozen(kw_only=True)
class Plan:
    """
    How much is measured.

    Args:
        calls: Of each peer in a round; twice as many at 400, so that each of the callers
            makes some.
    """

    cells: Sequence[Cell]
    rounds: int
    calls: int


TARGETS: Final = {
    Cell(concurrency=1): 1.0,
    Cell(concurrency=20): 0.92,
    Cell(concurrency=100): 0.92,
    Cell(concurrency=400): 1.0,
    Cell(concurrency=100, tls=True): 0.92,
    Cell(concurrency=100, uvloop=True): 0.92,
    Cell(concurrency=100, tls=True, uvloop=True): 0.9,
    Cell(concurrency=100, bits=2048): 0.95,
}
_ALL: Final = [
    Cell(bits=bits, tls=tls, uvloop=uvloop, concurrency=concurrency)
    for bits, tls, uvloop, concurrency in itertools.product(
        (1024, 2048), (False, True), (False, True), (1, 20, 100, 400)
    )
]
FULL: Final = Plan(cells=_ALL, rounds=15, calls=500)
QUICK: Final = Plan(
    cells=[Cell(concurrency=concurrency) for concurrency in (1, 20, 100)],
    rounds=9,
    calls=1_000,
)


def compare(plan: Plan) -> Iterator[tuple[Cell, list[Speed], list[Speed]]]:
    """
    Give each cell, our rounds and those of bare aiohttp.

    Raises:
        RuntimeError: They did not send the same bytes.
    """
    # A server and two clients serve all cells that differ in concurrency alone.
    places = itertools.groupby(
        plan.cells, key=lambda cell: (cell.bits, cell.tls, cell.uvloop)
    )

    for (bits, tls, uvloop), group in places:
        cells = list(group)

        with gateway(Keys.make(bits), tls=tls) as place:
            yield from run_loop(
                functools.partial(_measure, place, cells, plan), uvloop=uvloop
            )


async def _measure(
    place: Gateway, cells: Sequence[Cell], plan: Plan
) -> list[tuple[Cell, list[Speed], list[Speed]]]:
    ours = Ours(place)
    like = await seen(ours, place)
    bare = BareAiohttp(place, like)
    found = []

    try:
        check_same(like, await seen(bare, place))
        callers = [Caller(peer, place) for peer in (ours, bare)]

        for cell in cells:
            calls = plan.calls * (2 if cell.concurrency > 100 else 1)
            one, other = await paired(
                callers,
                calls=[calls, calls],
                concurrency=cell.concurrency,
                rounds=plan.rounds,
            )
            found.append((cell, one, other))
    finally:
        await ours.aclose()
        await bare.aclose()

    return found


HEADER: Final = (
    "",
    "umfpay / aiohttp, by CPU time",
    "by the clock",
    "umfpay, us of CPU",
    "aiohttp, us of CPU",
)


def figures(cell: Cell, ours: Sequence[Speed], bare: Sequence[Speed]) -> list[Figure]:
    """
    Return what was found about *cell*, in the order of `HEADER`.
    """
    return [
        ratio(
            f"umfpay / aiohttp, {cell}, by CPU time",
            [speed.cpu for speed in ours],
            [speed.cpu for speed in bare],
            target=cell.target,
            is_detail=cell.target is None,
        ),
        ratio(
            f"umfpay / aiohttp, {cell}, by the clock",
            [speed.clock for speed in ours],
            [speed.clock for speed in bare],
            is_detail=True,
        ),
        *(
            Figure(
                label=f"{name}, {cell}, CPU of a call",
                unit="us",
                rounds=[1e6 / speed.cpu for speed in speeds],
                is_detail=True,
            )
            for name, speeds in (("umfpay", ours), ("aiohttp", bare))
        ),
    ]


def run(*, quick: bool) -> Result:
    """
    Measure whole calls; *quick* takes half a minute and has a part of the cells.
    """
    return result(QUICK if quick else FULL)


def result(plan: Plan) -> Result:
    """
    Measure what *plan* says.
    """
    found = {cell: figures(cell, *speeds) for cell, *speeds in compare(plan)}

    return Result(
        name="whole_call",
        title="Whole calls: signed, verified, typed, against bare aiohttp",
        figures=[line for lines in found.values() for line in lines],
        table=[
            HEADER,
            *((str(cell), *map(str, lines)) for cell, lines in found.items()),
        ],
        notes=[
            (
                "Both send the same bytes, which is checked, sign and verify with"
                " cryptography, and get answers that differ from call to call from a"
                " server of fixed bytes in another process, on loopback."
            ),
            (
                "CPU time is that of the client's side: its process, threads and"
                " children."
            ),
            (
                "What umfpay does and bare aiohttp does not: objects in and out, one"
                " deadline for a call, retries where they are safe, tokens, and the"
                " judgement of what an answer proves."
            ),
            versions("aiohttp", "cryptography", "uvloop"),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["whole_call"])
