"""
``umfpay journal``: what a person sees and decides, with an audit trail.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime

import pytest

from tests import orders
from umfpay.cli import run as run_command
from umfpay.errors import ConfigError, OutcomeUnknownError
from umfpay.journal import JournalOutcome, Recovery


@pytest.fixture(name="umfpay")
def _umfpay(shop, monkeypatch, capsys):
    """
    Run a command as the shop's merchant, in a thread: it has a loop of its own.
    """
    from umfpay.cli import _journal

    monkeypatch.setattr(_journal, "settings", lambda file: shop.config())

    async def run(*arguments):
        arguments = ("journal", *arguments, "--url", shop.url)
        code = await asyncio.to_thread(run_command, arguments)

        return code, capsys.readouterr()

    return run


@pytest.fixture(name="unclear")
async def _unclear(shop, process, paid):
    """
    The row of a refund of which nobody knows the end.
    """
    session, journal = process
    shop.fault("drop_after", path="refund")

    with pytest.raises(OutcomeUnknownError):
        await session.refunds.create(paid, orders.refund(), intent_id="return 5")

    shop.fault(None)

    return (await shop.settled(journal))[-1]["position"]


async def test_what_is_open_is_listed_and_alarms(umfpay, unclear):
    """
    With its age and ids, as text and as JSON.
    """
    code, printed = await umfpay("list")
    assert 1 == code
    assert f"{unclear}  0:00" in printed.out
    assert "return 5" in printed.out

    code, printed = await umfpay("list", "--all", "--json")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert ["ended", "unknown"] == [row["state"] for row in rows]


async def test_a_person_ends_a_row_and_is_remembered(shop, umfpay, unclear, paid):
    """
    Once; the intent stays taken when it was executed.
    """
    code, printed = await umfpay(
        "settle", str(unclear), "--as", "executed", "--reason", "seen in the console"
    )
    assert 0 == code, printed
    row = (await shop.rows())[-1]
    assert ("ended", "executed", "person", "return 5") == (
        row["state"],
        row["outcome"],
        row["decided_by"],
        row["open_intent"],
    )

    code, printed = await umfpay(
        "settle", str(unclear), "--as", "not-executed", "--reason", "or not"
    )
    assert 2 == code
    assert "has ended" in printed.err

    code, printed = await umfpay("show", str(unclear))
    assert 0 == code
    assert ": executed, seen in the console" in printed.out
    assert "@" in printed.out

    code, _ = await umfpay("list")
    assert 0 == code


async def test_a_person_whose_system_knows_no_name_decides_as_well(
    process, unclear, monkeypatch
):
    """
    In a container a user may be a number that no file names.
    """
    _, journal = process

    def nobody():
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("getpass.getuser", nobody)
    await journal.decide(unclear, JournalOutcome.EXECUTED, reason="seen")
    entry = (await journal.entries())[-1]

    assert f" user {os.getuid()}@" in entry.decisions[0]


async def test_what_is_forgotten_may_be_sent_again(
    shop, process, umfpay, unclear, paid
):
    """
    The row stays, and what was decided before; no handler is called with it.
    """
    for act, expected in (
        (("settle", "--as", "executed"), 0),
        # A slip of the finger gives nothing back that was carried out.
        (("forget",), 2),
        (("forget", "--executed"), 0),
    ):
        command, *more = act
        code, printed = await umfpay(command, str(unclear), *more, "--reason", "a test")
        assert expected == code
        assert (expected == 2) == ("second time" in printed.err)

    row = (await shop.rows())[-1]
    assert ("ended", "forgotten", None) == (
        row["state"],
        row["outcome"],
        row["open_intent"],
    )
    assert row["settled_at"] is not None
    code, printed = await umfpay("show", str(unclear))
    assert "forgotten" == json.loads(printed.out)["outcome"]
    assert (0, True, True) == (
        code,
        ": executed, a test" in printed.out,
        ": forgotten (was executed), a test" in printed.out,
    )

    session, _ = process
    await session.refunds.create(
        paid, orders.refund(total="0.10"), intent_id="return 5"
    )


async def test_a_row_that_is_not_there_is_named(umfpay, unclear):
    for command in (
        ("show", "99"),
        ("show", str(2**63 - 1)),
        ("show", str(2**70)),
        ("forget", "99", "--reason", "x"),
        ("settle", "99", "--as", "executed", "--reason", "x"),
        ("settle", str(unclear), "--as", "executed", "--reason", " "),
    ):
        code, printed = await umfpay(*command)
        assert 2 == code
        assert printed.err.startswith("umfpay: ")


async def test_the_gateway_is_asked_by_hand(umfpay, shop, unclear, monkeypatch):
    """
    What it does not know stays open.
    """
    from contextlib import asynccontextmanager

    from umfpay import UMFSession
    from umfpay.cli import _journal
    from umfpay.testing import emulator_transport

    @asynccontextmanager
    async def open_session(config, *, fetch_token, journal):
        transport = emulator_transport(shop.emulator)

        async with UMFSession(config, transport=transport, journal=journal) as session:
            yield session

    monkeypatch.setattr(_journal, "open_session", open_session)
    code, printed = await umfpay("resolve", str(unclear))

    assert code in (0, 1)
    assert f"{unclear}  0:00" in printed.out
    assert (code == 0) == ("ended" in printed.out)


async def test_nobody_decides_about_a_call_that_is_being_sent(shop, process, paid):
    """
    Its sender may still send it; later a person may.
    """
    _, journal = process

    async def work(connection):
        return await journal.begin(connection, "return 9")

    await shop.database.run(work)
    position = (await shop.rows())[-1]["position"]

    for outcome in (JournalOutcome.FORGOTTEN, JournalOutcome.NOT_EXECUTED):
        with pytest.raises(ConfigError, match="being sent"):
            await journal.decide(position, outcome, reason="too slow")

    assert (await journal.entries())[-1].decisions is None
    await shop.lapse()
    forgotten = JournalOutcome.FORGOTTEN
    await journal.decide(position, forgotten, reason="it is\ngone", who="anna")
    (decision,) = (await journal.entries())[-1].decisions

    assert decision.endswith(" UTC anna: forgotten, it is gone")
    assert decision.startswith(f"{datetime.now(UTC):%Y}")


async def test_what_was_carried_out_meanwhile_is_not_forgotten(shop, unclear, process):
    """
    Its sender may write its end while a person looks at the row as it was.
    """
    _, journal = process
    await journal.decide(unclear, JournalOutcome.EXECUTED, reason="seen")

    with pytest.raises(ConfigError, match="second time"):
        await journal.decide(unclear, JournalOutcome.FORGOTTEN, reason="a slip")

    (row,) = [one for one in await shop.rows() if one["position"] == unclear]

    assert "executed" == row["outcome"]
    assert row["open_intent"] is not None


async def test_a_row_that_recovery_asks_about_is_decided_once(shop, unclear, process):
    """
    What the one that asked writes afterwards is written in vain.
    """
    session, journal = process
    recovery = Recovery(session, journal)
    entry = await recovery._claim((await journal.entries())[-1])
    await journal.decide(unclear, JournalOutcome.NOT_EXECUTED, reason="not there")
    await recovery._write(entry, {"outcome": JournalOutcome.EXECUTED})
    row = (await shop.rows())[-1]

    assert ("not_executed", "person", None) == (
        row["outcome"],
        row["decided_by"],
        row["open_intent"],
    )
