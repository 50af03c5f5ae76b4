"""
What `benchmarks.bulk` measures, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks._memory_parts import resident
from benchmarks.orders import new_payment
from umfpay import Config, UMFSession


async def query(settings: Path, first: int, last: int) -> dict[str, int]:
    """
    Query one payment *last* times; return the sizes after *first* and *last*.
    """
    sizes: dict[str, int] = {}
    good = 0

    async with UMFSession(Config.from_file(settings, token_store="memory")) as session:  # noqa: S106 (a kind of store)
        payment = await session.payments.create(new_payment(0))
        ids = (payment.id for _ in range(last))
        count = 0

        async for one in session.payments.get_many(ids, concurrency=50):
            count += 1
            good += one.object is not None

            if count == first:
                sizes["first"] = resident()

        sizes["last"] = resident()

    return {**sizes, "good": good}


if __name__ == "__main__":
    where, one, other = sys.argv[1:]
    found = asyncio.run(query(Path(where), int(one), int(other)))
    print(json.dumps(found))
