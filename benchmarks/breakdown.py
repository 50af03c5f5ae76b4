"""
Where do the microseconds of a call go: RSA, network, codec, middleware?

RSA is measured alone; codec and middleware in a session without RSA whose gateway is in
its own process; the network is what is left of a whole call. Bare aiohttp has `json` for
a codec and no middleware. All of it is CPU time of the client, mean of create and query.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import attrs

from benchmarks._bursts import Caller, paired
from benchmarks._in_process import (
    codec_clock,
    in_process_session,
    without_rsa,
)
from benchmarks._result import Figure, Result, Stack
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


PARTS: Final = ("RSA", "network", "codec", "middleware")
CONCURRENCY: Final = (1, 100)
IN_PROCESS: Final = 40.0
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


def rsa(place: Gateway, plan: Plan) -> Rounds:
    """
    Return what signing costs in every second call, and verifying in each.
    """
    work = RSAWork(place, "cryptography")
    bodies = _posted(plan.calls)
    merchant = Gateway(
        url="", keys=attrs.evolve(place.keys, gateway=place.keys.merchant)
    )
    verifier = RSAWork(merchant, "cryptography")
    rounds = []

    for _ in range(plan.rounds):
        started = time.process_time()
        signatures = [work.sign(body) for body in bodies]
        signing = time.process_time() - started

        for body, signature in zip(bodies, signatures, strict=True):
            verifier.verify(body, signature)

        verifying = time.process_time() - started - signing
        rounds.append(1e6 * (signing / 2 + verifying) / len(bodies))

    return rounds


def _posted(count: int) -> list[bytes]:
    return [
        json.dumps(payment_body(number % POOL), separators=(",", ":")).encode()
        for number in range(count)
    ]


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


async def whole(place: Gateway, plan: Plan) -> dict[tuple[str, int], Rounds]:
    """
    Return us of CPU of a whole call, for both peers at each concurrency.
    """
    ours = Ours(place)
    like = await seen(ours, place)
    bare = BareAiohttp(place, like)
    check_same(like, await seen(bare, place))
    callers = [Caller(peer, place) for peer in (ours, bare)]
    found = {}

    try:
        for concurrency in CONCURRENCY:
            both = await paired(
                callers,
                calls=[plan.calls, plan.calls],
                concurrency=concurrency,
                rounds=plan.rounds,
            )

            for name, speeds in zip(("umfpay", "aiohttp"), both, strict=True):
                found[name, concurrency] = [1e6 / speed.cpu for speed in speeds]
    finally:
        await ours.aclose()
        await bare.aclose()

    return found


def stack(label: str, total: Rounds, parts: Mapping[str, Rounds]) -> Stack:
    """
    Return a bar: medians of *parts*, and the network as what is left of *total*.
    """
    known = {name: statistics.median(rounds) for name, rounds in parts.items()}
    network = max(0.0, statistics.median(total) - sum(known.values()))
    values = {"network": network, **known}

    return Stack(label=label, parts={name: values.get(name, 0.0) for name in PARTS})


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
        signatures, texts = rsa(place, plan), plain_json(plan)

    middleware = [
        max(0.0, one - other) for one, other in zip(here.mean, here.codec, strict=True)
    ]
    ours = {"RSA": signatures, "codec": here.codec, "middleware": middleware}
    theirs = {"RSA": signatures, "codec": texts}
    stacks = [
        stack(f"{name}, at {concurrency}", total, ours if name == "umfpay" else theirs)
        for (name, concurrency), total in found.items()
    ]

    return Result(
        name="breakdown",
        title="Where the microseconds of a call go",
        figures=[
            Figure(
                label="in process, without RSA and network: mean of create and get",
                unit="us",
                rounds=here.mean,
                target=IN_PROCESS,
                below=True,
            ),
            Figure(label="the same: create", unit="us", rounds=here.create),
            Figure(label="the same: get", unit="us", rounds=here.query),
            Figure(label="RSA", unit="us", rounds=signatures),
            Figure(label="codec of umfpay", unit="us", rounds=here.codec),
            Figure(label="middleware of umfpay", unit="us", rounds=middleware),
            Figure(label="json alone", unit="us", rounds=texts),
            *(
                Figure(
                    label=f"{name}, at {concurrency}: a whole call",
                    unit="us",
                    rounds=total,
                )
                for (name, concurrency), total in found.items()
            ),
        ],
        stacks=stacks,
        notes=[
            (
                f"RSA-{_BITS}, by CPU time of the client, mean of create and get: a create"
                " signs, both verify. The network is what is left of a whole call when"
                " the rest is taken away."
            ),
            (
                "Codec: objects to bytes, envelopes opened strictly, members to objects."
                " Middleware: token, deadline, retry, judgement and what joins them."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["breakdown"])
