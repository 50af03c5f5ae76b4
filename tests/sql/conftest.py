"""
A cable to a database that a test may cut.
"""

from __future__ import annotations

import pytest

from tests.servers.cable import Cable


@pytest.fixture(name="cable", params=["postgresql", "mariadb"])
async def _cable(request):
    """
    A cable to an empty database of each server, with its `url`.
    """
    from tests.servers.databases import fresh_database

    server = request.getfixturevalue(f"{request.param}_server")

    with fresh_database(server, tables=True) as url:
        cable = Cable(server.port)
        await cable.start()
        cable.url = url.replace(f":{server.port}/", f":{cable.port}/")

        yield cable

        await cable.stop()
