"""
Where do the microseconds of a call go: RSA, network, codec, middleware?

By leaving out, one after the other, in paired rounds: RSA is what a call needs less when
every signature is good; the network what it needs less still when the gateway is in its
own process; the codec is what its functions take of the rest, and middleware what is left
of that. Bare aiohttp has `json` for a codec and no middleware. All of it is CPU time of
the client, mean of create and query.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import attrs

from benchmarks._bursts import Caller, paired
from benchmarks._in_process import (
    codec_clock,
    in_process_session,
    without_rsa,
)
from benchmarks._result import Figure, Result, Stack, ratio
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.orders import (
    POOL,
    created,
    new_payment,
    payment_body,
    payment_id,
    queried,
)
from benchmarks.peers import BareAiohttp, Ours, RSAWork, check_same, seen


PEERS: Final = ("umfpay", "aiohttp")
PARTS: Final = ("RSA", "network", "codec", "middleware")
CONCURRENCY: Final = (1, 100)
# 40 us where json alone takes 8: microseconds are the machine's.
IN_PROCESS: Final = 5.0
_BITS: Final = 1024

Rounds = list[float]


@attrs.frozen(kw_only=True)
class Plan:
    """
    How much is measured.

    Args:
        calls: In a round.
    """

    rounds: int
    calls: int


FULL: Final = Plan(rounds=15, calls=1_000)
QUICK: Final = Plan(rounds=5, calls=400)


@attrs.frozen(kw_only=True)
class Inside:
    """
    What calls cost in process, without RSA and network: us of each round.
    """

    create: Rounds
    query: Rounds
    codec: Rounds

    @property
    def mean(self) -> Rounds:
        """
        Of create and query.
        """
        return mean(self.create, self.query)


def mean(ones: Rounds, others: Rounds) -> Rounds:
    """
    Return the mean of paired rounds.
    """
    return [(one + other) / 2 for one, other in zip(ones, others, strict=True)]


async def inside(keys: Keys, plan: Plan) -> Inside:
    """
    Measure calls in process.
    """
    payments = [new_payment(number) for number in range(POOL)]
    ids = [payment_id(number) for number in range(POOL)]
    found = Inside(create=[], query=[], codec=[])

    with without_rsa():
        async with in_process_session(keys) as session:

            async def create(number: int) -> None:
                await session.payments.create(payments[number])

            async def query(number: int) -> None:
                await session.payments.get(ids[number])

            for turn in range(-1, plan.rounds):
                numbers = [(turn * plan.calls + n) % POOL for n in range(plan.calls)]
                times = [await _each(call, numbers) for call in (create, query)]

                with codec_clock() as clock:
                    for call in (create, query):
                        await _each(call, numbers)

                # The first turn fills what is filled once.
                if turn >= 0:
                    found.create.append(times[0])
                    found.query.append(times[1])
                    found.codec.append(1e6 * clock.seconds / 2 / plan.calls)

    return found


async def _each(
    call: Callable[[int], Awaitable[None]], numbers: Sequence[int]
) -> float:
    started = time.process_time()

    for number in numbers:
        await call(number)

    # Timers of calls that have ended are dropped when the loop turns.
    await asyncio.sleep(0)

    return 1e6 * (time.process_time() - started) / len(numbers)


def plain_json(plan: Plan) -> Rounds:
    """
    Return what `json` costs for the same bodies.
    """
    numbers = [number % POOL for number in range(plan.calls)]
    bodies = [payment_body(number) for number in numbers]
    answers = [
        json.dumps(make(n)).encode() for n in numbers for make in (created, queried)
    ]
    rounds = []

    for _ in range(plan.rounds):
        started = time.process_time()

        for body in bodies:
            json.dumps(body, separators=(",", ":")).encode()

        for answer in answers:
            json.loads(answer)

        rounds.append(1e6 * (time.process_time() - started) / 2 / plan.calls)

    return rounds


class NoRSAWork(RSAWork):
    """
    Signs and verifies nothing, for bare aiohttp.
    """

    def sign(self, data: bytes) -> str:  # noqa: ARG002
        """
        Return as many zeros as a signature has.
        """
        return "A" * (4 * ((_BITS // 8 + 2) // 3))

    def verify(self, data: bytes, signature: str) -> None:
        """
        Believe it.
        """


@attrs.frozen(kw_only=True)
class Whole:
    """
    What whole calls of one peer cost: us of each round.
    """

    peer: str
    concurrency: int
    total: Rounds
    without_rsa: Rounds

    @property
    def rsa(self) -> Rounds:
        """
        What RSA costs.
        """
        return difference(self.total, self.without_rsa)


def difference(ones: Rounds, others: Rounds) -> Rounds:
    """
    Return what paired rounds differ by, nothing where noise makes it less.
    """
    return [max(0.0, one - other) for one, other in zip(ones, others, strict=True)]


async def whole(place: Gateway, plan: Plan) -> list[Whole]:
    """
    Measure whole calls, with RSA and without it, at each concurrency.
    """
    ours = Ours(place)
    like = await seen(ours, place)
    bare = BareAiohttp(place, like)
    check_same(like, await seen(bare, place))

    with without_rsa():
        # What signs is made when a session is entered.
        blind = Ours(place)
        await blind.session.__aenter__()

    blind_bare = BareAiohttp(place, like, rsa=NoRSAWork(place, "cryptography"))
    peers = (ours, blind, bare, blind_bare)
    found = []

    try:
        for concurrency in CONCURRENCY:
            rounds = await paired(
                [Caller(peer, place) for peer in peers],
                calls=[plan.calls] * len(peers),
                concurrency=concurrency,
                rounds=plan.rounds,
            )
            costs = [[1e6 / speed.cpu for speed in speeds] for speeds in rounds]
            found += [
                Whole(peer=name, concurrency=concurrency, total=total, without_rsa=less)
                for name, total, less in zip(
                    PEERS, costs[::2], costs[1::2], strict=True
                )
            ]
    finally:
        for peer in peers:
            await peer.aclose()

    return found


def stack(of: Whole, codec: Rounds, middleware: Rounds) -> Stack:
    """
    Return a bar of medians; the network is what is left of a call without RSA.
    """
    total, blind, codec_part, middleware_part = map(
        statistics.median, (of.total, of.without_rsa, codec, middleware)
    )
    sizes = {
        "RSA": max(0.0, total - blind),
        "network": max(0.0, blind - codec_part - middleware_part),
        "codec": codec_part,
        "middleware": middleware_part,
    }

    return Stack(label=f"{of.peer}, at {of.concurrency}", parts=sizes)


def run(*, quick: bool) -> Result:
    """
    Take a call apart; *quick* takes a quarter of a minute and proves nothing.
    """
    return result(QUICK if quick else FULL)


def result(plan: Plan) -> Result:
    """
    Measure what *plan* says.
    """
    with gateway(Keys.make(_BITS)) as place:
        found = asyncio.run(whole(place, plan))
        here = asyncio.run(inside(place.keys, plan))

    texts = plain_json(plan)
    middleware = difference(here.mean, here.codec)
    nothing = [0.0] * plan.rounds

    return Result(
        name="breakdown",
        title="Where the microseconds of a call go",
        figures=[
            Figure(
                label="in process, without RSA and network: mean of create and get",
                unit="us",
                rounds=here.mean,
            ),
            ratio(
                "the same / json alone",
                here.mean,
                texts,
                target=IN_PROCESS,
                below=True,
            ),
            Figure(label="the same: create", unit="us", rounds=here.create),
            Figure(label="the same: get", unit="us", rounds=here.query),
            Figure(label="codec of umfpay", unit="us", rounds=here.codec),
            Figure(label="middleware of umfpay", unit="us", rounds=middleware),
            Figure(label="json alone", unit="us", rounds=texts),
            *(line for one in found for line in _lines(one)),
        ],
        stacks=[
            stack(one, here.codec, middleware)
            if one.peer == "umfpay"
            else stack(one, texts, nothing)
            for one in found
        ],
        notes=[
            (
                f"RSA-{_BITS}, by CPU time of the client, mean of create and get: a create"
                " signs, both verify."
            ),
            (
                "Codec: objects to bytes, envelopes opened strictly, members to objects."
                " Middleware: token, deadline, retry, judgement and what joins them."
            ),
        ],
    )


def _lines(of: Whole) -> Iterator[Figure]:
    label = f"{of.peer}, at {of.concurrency}"

    yield Figure(label=f"{label}: a whole call", unit="us", rounds=of.total)
    yield Figure(label=f"{label}: RSA of it", unit="us", rounds=of.rsa)


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["breakdown"])
