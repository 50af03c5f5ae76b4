"""
What can be given as a database, and what is said of the rest; no password is shown.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import databases
from umfpay.errors import ConfigError, DatabaseError, MissingExtraError, UMFError
from umfpay.sensitive import Secret
from umfpay.sql import Database


CANARY = "canary-7f3a"


async def _one(connection):
    return (await connection.execute(select(1))).scalar_one()


def _shown(error):
    """
    Return all that a report of *error* may show: each frame with its locals, each cause.
    """
    parts, queue = [], [error]

    while queue:
        one = queue.pop()
        parts += [str(one), repr(one)]
        parts += traceback.TracebackException.from_exception(
            one, capture_locals=True
        ).format()
        queue += [other for other in (one.__cause__, one.__context__) if other]

    return "".join(parts)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (f"postgresql://u:{CANARY}@h/d", 'umfpay[postgres]"'),
        (f"postgres://u:{CANARY}@h/d", 'umfpay[postgres]"'),
        (f"postgresql+psycopg2://u:{CANARY}@h/d", 'umfpay[postgres]"'),
        (f"mysql+pymysql://u:{CANARY}@h/d", 'umfpay[mysql]"'),
        (f"mysql://u:{CANARY}@h/d", 'umfpay[mysql]"'),
        (f"mariadb+aiomysql://u:{CANARY}@h/d", 'umfpay[mysql]"'),
        ("sqlite:///shop.db", 'umfpay[sql]"'),
        (f"oracle://u:{CANARY}@h/d", "not supported"),
        (f"redis://u:{CANARY}@h/0", "not supported"),
        (f"postgresql+asyncpg://u:{CANARY}@x@h/d", "no URL of a database"),
        (f"postgresql+asyncpg://u:{CANARY}@h:port/d", "no URL of a database"),
        (f"postgresql+asyncpg:u:{CANARY}@h/d", "no URL of a database"),
        (f"://u:{CANARY}@h/d", "no URL of a database"),
        (f"oracle://h/d?password={CANARY}", "not supported"),
        ("sqlite+aiosqlite://", "in memory"),
        ("sqlite+aiosqlite:///file:x?mode=memory&uri=true", "in memory"),
        (":memory:", "in memory"),
        ("", "empty"),
        (b"shop.db", "not bytes"),
        (None, "not NoneType"),
        (5, "not int"),
    ],
)
def test_what_is_no_database_is_refused_with_its_cure(where, words):
    """
    In both languages, and without a password in any frame of ours.
    """
    # The frame of this test holds what was given.
    given = [Secret(where) if isinstance(where, str) else where]
    del where

    try:
        Database(given.pop())
    except ConfigError as error:
        caught = error

    assert words in str(caught)
    assert "数据库" in str(caught)
    assert CANARY not in _shown(caught)
    assert CANARY not in str(pickle.loads(pickle.dumps(caught)))


def test_a_driver_that_is_missing_is_named_with_its_extra(monkeypatch):
    """
    As every package of an extra is.
    """
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(MissingExtraError) as caught:
        Database("postgresql+asyncpg://u:p@h/d")

    assert "postgres" == caught.value.extra


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://u:canary@127.0.0.1:1/shop?sslmode=require",
        "mysql+asyncmy://u:canary@127.0.0.1:1/shop?sslmode=require",
    ],
)
async def test_an_option_that_the_driver_does_not_know_is_named(url):
    """
    Hosts give addresses with libpq's sslmode, which asyncpg calls ssl.
    """
    with pytest.raises(DatabaseError) as caught:
        async with Database(url) as database:
            await database.check_tables()

    assert "ssl= in place of sslmode=" in str(caught.value)
    assert "(sslmode)" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_what_an_engine_of_the_shop_raises_is_the_shops(tmp_path):
    """
    We made nothing of its URL: a fault in how it connects is none of an option.
    """

    def broken():
        raise TypeError("connect() takes no password")

    url = f"sqlite+aiosqlite:///{tmp_path}/shop.db"
    engine = create_async_engine(url, async_creator=broken)

    with pytest.raises(TypeError, match="no password"):
        async with Database(engine) as database:
            await database.run(lambda _: None)

    await engine.dispose()


def test_a_path_and_its_url_are_the_same_file(tmp_path, monkeypatch):
    """
    Relative to the folder in which it was given.
    """
    monkeypatch.chdir(tmp_path)
    given = [
        "shop.db",
        Path("shop.db"),
        tmp_path / "shop.db",
        "sqlite+aiosqlite:///shop.db",
    ]

    assert {str(tmp_path / "shop.db")} == {
        str(Database(one)._place.file) for one in given
    }


def test_nothing_shows_the_password():
    """
    What is shown is driver, host and database.
    """
    database = Database(f"postgresql+asyncpg://u:{CANARY}@h:5/d?ssl=require")

    assert "Database('postgresql+asyncpg://h:5/d')" == repr(database)
    assert "postgresql+asyncpg://h:5/d" == database.shown
    assert CANARY not in str(vars(database)) + repr(database._place)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("wrong", ["password", "database", "port"])
async def test_a_server_that_refuses_shows_no_password(kind, wrong, request, caplog):
    """
    Neither the error with all its frames nor any log.
    """
    caplog.set_level(logging.DEBUG)
    server = request.getfixturevalue(f"{kind}_server")
    url = server.url("nothing" if wrong == "database" else "mysql")

    if wrong == "password":
        url = url.replace("canary-", "wrong-canary-")
    elif wrong == "port":
        url = server.url("mysql", port=1)

    given = Secret(url)
    del url

    async with Database(given) as database:
        try:
            await database.run(_one)
        except DatabaseError as error:
            caught = error

    shown = _shown(caught)

    assert CANARY not in shown
    assert databases.QUOTED_PASSWORD not in shown + caplog.text
    assert CANARY not in caplog.text
    assert caught.__cause__ is None
    assert caught.__context__ is None


async def test_the_file_is_its_owners_alone(tmp_path):
    """
    Customers stand in it.
    """
    async with Database(tmp_path / "shop.db") as database:
        await database.run(_one)

    assert 0o600 == (tmp_path / "shop.db").stat().st_mode & 0o777


async def test_the_engine_of_a_shop_is_used_and_stays_its_own(database_url):
    """
    It is not disposed of, and its connections are as they were.
    """
    async with Database(database_url) as database:
        await database.create_tables()

    engine = create_async_engine(database_url, pool_size=1, max_overflow=0)
    question = {
        "sqlite": "SELECT 1",
        "postgresql": "SHOW lock_timeout",
        "mysql": "SELECT @@innodb_lock_wait_timeout, @@transaction_isolation",
        "mariadb": "SELECT @@innodb_lock_wait_timeout, @@tx_isolation",
    }[engine.dialect.name]

    async def ask(connection):
        found = [*(await connection.exec_driver_sql(question)).one()]
        level = await connection.get_isolation_level()

        return found, level

    async with engine.connect() as connection:
        before = await ask(connection)

    async with Database(engine) as database:
        await database.run(ask)

        with pytest.raises(ValueError):
            await database.run(_fail)

    async with engine.connect() as connection:
        assert before == await ask(connection)

    assert 0 == engine.sync_engine.pool.checkedout()
    await engine.dispose()


async def _fail(connection):
    raise ValueError


async def test_an_engine_that_begins_sqlite_transactions_itself_is_taken(tmp_path):
    """
    As the documentation of SQLAlchemy advised: its BEGIN would deadlock.
    """
    from sqlalchemy import event

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db")

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN")

    async with Database(engine) as database:

        async def work(connection):
            await connection.execute(text("CREATE TABLE orders (number TEXT)"))

        await database.run(work)

        async with engine.connect() as connection:
            rows = await connection.execute(text("SELECT count(*) FROM orders"))

            assert 0 == rows.scalar_one()

    await engine.dispose()


def test_an_engine_of_another_driver_is_refused():
    """
    aiomysql fails on every parameter of bytes.
    """
    engine = create_async_engine("sqlite+aiosqlite://")

    with pytest.raises(UMFError, match="in memory"):
        Database(engine)


async def test_pgbouncer_in_transaction_mode(postgresql_server, pgbouncer):
    """
    With ``?pgbouncer=true`` statements have names that nobody else uses.
    """
    import asyncio

    with databases.fresh_database(postgresql_server) as url:
        async with Database(url) as database:
            await database.create_tables()

        there = url.replace(f":{postgresql_server.port}/", f":{pgbouncer.port}/")

        async with Database(f"{there}?pgbouncer=true") as database:
            table = database.tables.tokens

            async def work(connection):
                for generation in range(3):
                    rows = select(table.c.merchant).where(
                        table.c.generation == generation
                    )
                    await connection.execute(rows)

                return 1

            done = await asyncio.gather(*(database.run(work) for _ in range(60)))

            assert 60 == sum(done)

        await asyncio.sleep(0.1)


def test_the_room_names_its_extra_where_sqlalchemy_is_missing():
    """
    As each room does that needs one.
    """
    code = "import sys; sys.modules['sqlalchemy'] = None; import umfpay.sql"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert 'pip install "umfpay[sql]"' in done.stderr
