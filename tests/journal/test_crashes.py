"""
A process that is gone in the middle of a call: what its row says, and how it ends.
"""

from __future__ import annotations

import asyncio
import os

import pytest
from sqlalchemy import select

from tests import orders
from umfpay import UMFSession
from umfpay.emulator import Emulator
from umfpay.journal import Journal, JournaledCall, Recovery
from umfpay.testing import umf_server_thread  # noqa: F401 (a fixture)


CRASHED = 9


@pytest.fixture(name="box")
def _box(credentials, umf_server_thread):  # noqa: F811
    """
    An emulator on a socket, in a thread: children of this process reach it, too.
    """
    with umf_server_thread.serve(Emulator(credentials=credentials)) as box:
        yield box


@pytest.fixture(name="run")
def _run(box, tmp_path):
    """
    Run work with a session and a journal; in a child that may die of it.
    """
    config = box.config(token_store=str(tmp_path / "token"))

    async def main(work):
        async with (
            Journal(tmp_path / "shop.db") as journal,
            UMFSession(config, journal=journal) as session,
        ):
            return await work(session, journal)

    def run(work, *, crashes=False):
        if not crashes:
            return asyncio.run(main(work))

        child = os.fork()

        if child == 0:
            try:
                asyncio.run(main(work))
            finally:
                # Whatever happened: the tests go on in the parent alone.
                os._exit(0)

        assert CRASHED == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        return None

    return run


def _crash(*_, **__):
    os._exit(CRASHED)


def _crash_before_the_commit(monkeypatch):
    monkeypatch.setattr(JournaledCall, "_insert", _crash)


def _crash_after_the_commit(monkeypatch):
    monkeypatch.setattr(JournaledCall, "is_valid", _crash)


def _crash_after_the_answer(monkeypatch):
    monkeypatch.setattr(JournaledCall, "end", _crash)


def _crash_at_the_end(monkeypatch):
    monkeypatch.setattr("umfpay.journal._endings._write", _crash)


@pytest.mark.parametrize(
    ("crash", "rows", "sent"),
    [
        (_crash_before_the_commit, 0, 0),
        (_crash_after_the_commit, 1, 0),
        (_crash_after_the_answer, 1, 1),
        (_crash_at_the_end, 1, 1),
    ],
)
def test_a_process_that_dies_leaves_a_row_or_sent_nothing(
    box, run, monkeypatch, tmp_path, crash, rows, sent
):
    """
    Recovery of another process finds out what became of it; nothing is sent twice.
    """

    async def prepare(session, journal):
        payment = await session.payments.create(orders.card_payment())
        await session.payments.verify(payment.id, orders.card())

        return payment.id

    payment_id = run(prepare)
    code = box.sms_code(payment_id)

    async def pay(session, journal):
        await session.payments.execute(payment_id, orders.card(code))

    with monkeypatch.context() as patch:
        crash(patch)
        run(pay, crashes=True)

    assert sent == len(box.requests("/execute"))

    async def recover(session, journal):
        table = journal.database.tables.journal

        async def work(connection):
            found = await connection.execute(
                select(table.c.state).where(table.c.call == "payments.execute")
            )
            await connection.execute(
                table.update().values(lease_until=journal.database.now - 1)
            )

            return found.scalars().all()

        states = await journal.database.run(work)
        await Recovery(session, journal).run_once()

        return states, (await journal.entries())[1:]

    states, entries = run(recover)
    assert ["sending"] * rows == states
    assert ["executed"] * sent == [
        one.outcome for one in entries if one.outcome is not None
    ]
    assert rows - sent == sum(one.state == "unknown" for one in entries)
    assert sent == len(box.requests("/execute"))
