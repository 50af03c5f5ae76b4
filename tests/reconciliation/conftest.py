"""
Databases of a merchant, in which reports and decisions are kept.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.servers.databases import fresh_database


@pytest.fixture(name="url", params=["sqlite", "postgresql", "mariadb"])
def _url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ours.sqlite3'}"

        return

    driver = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}

    with fresh_database(request.getfixturevalue(f"{request.param}_server")) as given:
        url = sa.make_url(given).set(drivername=driver[request.param])

        yield url.render_as_string(hide_password=False)
