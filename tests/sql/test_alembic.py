"""
A shop that migrates by Alembic neither drops our tables nor makes them anew each time.
"""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.ext.asyncio import create_async_engine

from umfpay.sql import include_object, metadata


async def _differences(url, target, **options):
    """
    Return what ``alembic check`` would find.
    """
    engine = create_async_engine(url)

    def compare(connection):
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": True, **options},
        )

        return compare_metadata(context, target)

    async with engine.connect() as connection:
        found = await connection.run_sync(compare)

    await engine.dispose()

    return found


def _shop():
    target = MetaData()
    Table("orders", target, Column("number", Integer, primary_key=True))

    return target


async def test_tables_that_were_made_are_those_of_the_metadata(database, tables_url):
    """
    Their columns, types, defaults and indexes: nothing is left to migrate.
    """
    assert [] == await _differences(tables_url, metadata())


async def test_a_shop_may_have_them_among_its_own(database, tables_url):
    """
    Two `MetaData`, as Alembic takes them: only the shop's own table is to be made.
    """
    found = await _differences(tables_url, [_shop(), metadata()])

    assert ["add_table"] == [one[0] for one in found]


async def test_a_shop_that_leaves_them_out_does_not_drop_them(database, tables_url):
    """
    Without the filter the journal would be dropped.
    """
    careless = await _differences(tables_url, _shop())
    found = await _differences(tables_url, _shop(), include_object=include_object)

    assert "remove_table" in {one[0] for one in careless}
    assert [("add_table", "orders")] == [(one[0], one[1].name) for one in found]
