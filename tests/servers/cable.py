"""
A cable to a database that may be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import re


class Cable:
    """
    A TCP proxy: it cuts connections, and loses the answer to a commit.

    Attributes:
        lose_commits: Lose the answer to the next commit.
        pattern: What is taken for a commit.
        lost: How many were.
        silent: No answer passes.
    """

    def __init__(self, port):
        self._target = port
        self._tasks = set()
        self._writers = set()
        self._server = None
        self.port = 0
        self.lose_commits = False
        self.pattern = rb"\bCOMMIT\b"
        self.lost = 0
        self.silent = False

    async def start(self, port=0):
        """
        Accept connections.
        """
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self):
        """
        Cut the connections that there are.
        """
        for writer in [*self._writers]:
            writer.transport.abort()

    async def stop(self):
        """
        Cut everything, and refuse what comes.
        """
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()

            return

        self._writers |= {writer, back}
        silence = asyncio.Event()
        answers = asyncio.create_task(self._answer(there, writer, silence))
        tasks = {answers, asyncio.current_task()}
        self._tasks |= tasks

        try:
            await self._ask(reader, back, silence)
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            self._tasks -= tasks

            for one in (writer, back):
                one.transport.abort()
                self._writers.discard(one)

    async def _ask(self, reader, writer, silence):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.lose_commits and re.search(self.pattern, data):
                    # The server commits; nobody hears of it.
                    self.lose_commits = False
                    self.lost += 1
                    silence.set()
                    writer.transport.write(data)
                    await asyncio.sleep(0.1)

                    return

                writer.write(data)
                await writer.drain()

    async def _answer(self, reader, writer, silence):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self.silent and not silence.is_set():
                    writer.write(data)
                    await writer.drain()

        writer.transport.abort()
