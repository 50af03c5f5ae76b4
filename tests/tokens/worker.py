"""
One process among several that share a token store: obeys lines of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading

from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken, TokenCache, open_store


# Set while a request is under way: no connection to a store is open then, and SQLite
# bears no fork while one is.
fetching = threading.Event()


def say(what) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def make_cache(place, port, token_timeout) -> TokenCache:
    async def fetch() -> FetchedToken:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        pid = os.getpid()

        try:
            writer.write(b"please\n")
            fetching.set()
            line = await reader.readline()
        finally:
            if os.getpid() != pid:
                say("a child cleaned up for its parent")

            writer.close()

        return FetchedToken(token=Secret(line.decode().strip()), expires_in=3600)

    store = open_store(place, key="k")

    return TokenCache(store, fetch, token_timeout=token_timeout)


async def acquire(cache, count=1) -> list:
    deadline = asyncio.get_running_loop().time() + 50
    records = await asyncio.gather(
        *(cache.acquire(deadline=deadline) for _ in range(count))
    )

    return [[record.generation, record.token.reveal()] for record in records]


async def fork(cache) -> list:
    """
    Fork while a thread fetches; the child asks for a token with what it inherited.
    """
    thread = threading.Thread(target=lambda: asyncio.run(acquire(cache)))
    thread.start()
    await asyncio.to_thread(fetching.wait)
    reading, writing = os.pipe()
    child = os.fork()

    if child == 0:
        try:
            answer = _in_new_thread(cache)
            gc.collect()
        except BaseException as error:
            answer = repr(error)

        os.write(writing, json.dumps(answer).encode() + b"\n")
        os._exit(0)

    os.close(writing)

    with os.fdopen(reading) as pipe:
        answer = json.loads(await asyncio.to_thread(pipe.readline))

    os.waitpid(child, 0)
    await asyncio.to_thread(thread.join)

    return [*answer, *await acquire(cache)]


def _in_new_thread(cache) -> list:
    # The child's main thread is still inside the parent's running loop.
    answers = []
    thread = threading.Thread(
        target=lambda: answers.extend(asyncio.run(acquire(cache)))
    )
    thread.start()
    thread.join()

    return answers


async def main(place, port, token_timeout) -> None:
    cache = make_cache(place, port, token_timeout)
    say("ready")

    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)

        match command["do"]:
            case "acquire":
                say(await acquire(cache, command["count"]))
            case "refuse":
                await asyncio.gather(
                    *(cache.refuse(command["generation"]) for _ in range(10))
                )
                say(await acquire(cache, 10))
            case "fork":
                say(await fork(cache))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
