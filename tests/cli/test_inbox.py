"""
`umfpay inbox` lists what waits, and releases it.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from umfpay import Config
from umfpay.cli import ExitCode, run
from umfpay.models import Money
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.protocol import PrivateKey
from umfpay.sql import Database
from umfpay.testing import NotificationSigner


@pytest.fixture(name="given")
def _given(running, settings, database_url):
    """
    A database in which an event of another id under an expected number waits.
    """
    config = Config.from_file(settings)
    signer = NotificationSigner(PrivateKey.load(running / "gateway.key.p8"))
    signed = signer.payment(
        "PAY_A",
        mer_reference_id="n1",
        mer_date="20261123",
        total="3.00",
        currency="USD",
    )

    async def fill():
        async with Database(database_url) as database:
            await database.create_tables()
            receiver = NotificationReceiver.from_config(config)

            async with NotificationInbox(database, receiver) as inbox:
                await inbox.expect("n1", amount=Money("3.00", "USD"))
                await inbox.receive(signed.body, signed.headers)
                await inbox.replay()

    asyncio.run(fill())

    return ["--url", database_url, "--config", str(settings)]


def test_what_waits_is_listed_shown_and_released(given, capsys):
    """
    By its key; that something waits is the answer no.
    """
    assert ExitCode.NO == run(["inbox", "list", *given, "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert ("unconfirmed", "n1", "PAY_A") == (
        listed["why"],
        listed["mer_reference_id"],
        listed["id"],
    )

    assert ExitCode.OK == run(["inbox", "show", listed["key"], *given])
    assert '"PAY_A"' in json.loads(capsys.readouterr().out)["body"]
    assert ExitCode.OK == run(["inbox", "replay", listed["key"], *given])
    assert ExitCode.OK == run(["inbox", "release", listed["key"], *given])
    assert "released | 已放行" in capsys.readouterr().out
    assert ExitCode.OK == run(["inbox", "list", *given])


def test_an_unknown_key_is_the_answer_no(given, capsys):
    """
    Nothing waits under it.
    """
    for verb in ("show", "replay"):
        assert ExitCode.NO == run(["inbox", verb, "0", *given])

    assert "没有等待中的该事件" in capsys.readouterr().err
    assert ExitCode.ERROR == run(["inbox", "release", "0", *given])
    assert "canary" not in capsys.readouterr().err
