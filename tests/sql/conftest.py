"""
A cable to a database that a test may cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest


class Cable:
    """
    A TCP proxy: it cuts connections, and loses the answer to a commit.
    """

    def __init__(self, port):
        self._target = port
        self._tasks = set()
        self._writers = set()
        self._server = None
        self.port = 0
        self.lose_commits = False
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
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, back}
        answers = asyncio.create_task(self._carry(there, writer))
        self._tasks |= {answers, asyncio.current_task()}

        try:
            await self._carry(reader, back, asks=True)
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)

            for one in (writer, back):
                one.transport.abort()
                self._writers.discard(one)

    async def _carry(self, reader, writer, *, asks=False):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if asks and self.lose_commits and re.search(rb"\bCOMMIT\b", data):
                    # The server commits; nobody hears of it.
                    self.lose_commits, self.silent = False, True
                    writer.transport.write(data)
                    await asyncio.sleep(0.1)
                    self.silent = False

                    return

                if asks or not self.silent:
                    writer.write(data)
                    await writer.drain()

        if not asks:
            writer.transport.abort()


@pytest.fixture(name="cable", params=["postgresql", "mariadb"])
async def _cable(request):
    """
    A cable to an empty database of each server, with its `url`.
    """
    from tests.sql_servers import fresh_database

    server = request.getfixturevalue(f"{request.param}_server")

    with fresh_database(server, tables=True) as url:
        cable = Cable(server.port)
        await cable.start()
        cable.url = url.replace(f":{server.port}/", f":{cable.port}/")

        yield cable

        await cable.stop()
