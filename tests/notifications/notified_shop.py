"""
Workers of a shop as processes of their own.

    notified_shop.py certificate place together 4 2.0 0.01
    notified_shop.py certificate place killed 40 0.2 0.05

The first form runs 4 workers at the same time for 2 seconds; the other one runs 40,
one after another, and kills each at most 0.2 seconds after its first handler has
begun, or each fourth at most that long after its start; the handler of each other
fourth does not end before. The others take up to twice the last number of seconds. All
print "begin" and "end" of each event.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from sqlalchemy import text

from umfpay.notifications import NotificationInbox, NotificationReceiver


async def work(receiver, place, seconds, pause, begins, hangs):
    inbox = NotificationInbox(place, receiver, handler_timeout=max(0.3, pause * 3))

    @inbox.handler
    async def handle(event, transaction):
        effect = f"{event.object_id} {event.state}"
        write_line(f"begin {effect}")

        if begins is not None:
            os.write(begins, b".")

        await asyncio.sleep(random.uniform(0, pause))

        await transaction.connection.execute(
            text("INSERT INTO effects VALUES (:effect)"), {"effect": effect}
        )

        await asyncio.sleep(60 if hangs else random.uniform(0, pause))
        write_line(f"end {effect}")

    async with inbox:
        await asyncio.sleep(seconds)


def write_line(line):
    # One write: lines of several processes do not mix.
    os.write(1, f"{line}\n".encode())


def born(receiver, place, seconds, pause, begins=None, hangs=False):
    """
    Start a worker; everything is imported already.
    """
    child = os.fork()

    if child:
        return child

    code = 1

    try:
        asyncio.run(work(receiver, place, seconds, pause, begins, hangs))
        code = 0
    finally:
        os._exit(code)


def main(certificate, place, mode, count, seconds, pause):
    receiver = NotificationReceiver(Path(certificate).read_bytes())

    if mode == "together":
        children = [born(receiver, place, seconds, pause) for _ in range(count)]
        codes = [os.waitpid(child, 0)[1] for child in children]

        return max(codes) != 0

    for number in range(count):
        begun, begins = os.pipe()
        child = born(receiver, place, 60.0, pause, begins, number % 4 == 1)

        if number % 4:
            select.select([begun], [], [], 20.0)

        time.sleep(random.uniform(0.0, seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(begun)
        os.close(begins)

    return 0


if __name__ == "__main__":
    sys.exit(
        main(
            *sys.argv[1:4],
            int(sys.argv[4]),
            float(sys.argv[5]),
            float(sys.argv[6]),
        )
    )
