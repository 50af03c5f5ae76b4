"""
Takes numbers and prints each; a process that may be killed at any moment.
"""

from __future__ import annotations

import asyncio
import sys

from umfpay.documents import SequenceStore


async def main(path, count):
    store = SequenceStore(path)

    for _ in range(count):
        number = await store.take("ref", mer_date="20261123")
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
