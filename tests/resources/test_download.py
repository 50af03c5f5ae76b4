"""
Files: the name appears only when all of it is there, and proven.
"""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from umfpay.errors import (
    ConfigError,
    IncompleteStatementError,
    SignatureError,
    TransportError,
)
from umfpay.resources._customs import Customs
from umfpay.resources._statements import Statements
from umfpay.transport import Effect


DAY = date(2017, 2, 13)


@pytest.fixture(name="statements")
def _statements(sender):
    return Statements(sender)


async def test_a_file_is_saved_whole(statements, sender, tmp_path):
    """
    Its path is given back; nothing else is left in the folder.
    """
    sender.pieces = [b"TRANSDETAIL-", b"START\n", b""]
    target = tmp_path / "day.txt"
    saved = await statements.download_transactions(DAY, str(target), deadline=5.0)

    assert target == saved
    assert b"TRANSDETAIL-START\n" == target.read_bytes()
    assert [target] == list(tmp_path.iterdir())
    assert [{"deadline": 5.0}] == sender.options


async def test_an_empty_file_is_a_file(statements, sender, tmp_path):
    """
    A day without transactions may be an empty answer.
    """
    await statements.download_reconciliation(DAY, tmp_path / "day.txt")

    assert b"" == (tmp_path / "day.txt").read_bytes()


@pytest.mark.parametrize(
    "error",
    [
        TransportError("broken", "中断", request_sent=True),
        asyncio.CancelledError(),
    ],
)
async def test_a_broken_stream_leaves_nothing(statements, sender, tmp_path, error):
    """
    Neither under the name nor beside it.
    """
    sender.pieces = [b"half", error]

    with pytest.raises(type(error)):
        await statements.download_transactions(DAY, tmp_path / "day.txt")

    assert [] == list(tmp_path.iterdir())


async def test_a_file_that_is_not_proven_leaves_nothing(statements, sender, tmp_path):
    """
    The signature is checked after the last piece.
    """
    sender.pieces = [b"all of it"]
    sender.at_the_end = SignatureError("forged", "伪造")

    with pytest.raises(SignatureError):
        await statements.download_transactions(DAY, tmp_path / "day.txt")

    assert [] == list(tmp_path.iterdir())


async def test_what_is_not_proven_whole_is_kept_beside_the_name(
    statements, sender, tmp_path
):
    """
    Its name says what it is; an older whole file stays.
    """
    target = tmp_path / "day.txt"
    target.write_bytes(b"older")
    cut = IncompleteStatementError("It is cut.", "被截断。")

    for number in (b"1", b"2"):
        sender.pieces = [b"half ", number, cut]

        with pytest.raises(
            IncompleteStatementError, match=r"day\.txt\.unproven"
        ) as caught:
            await statements.download_reconciliation(DAY, target)

        assert caught.value.advice == cut.advice
        assert {
            "day.txt": b"older",
            "day.txt.unproven": b"half " + number,
        } == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


async def test_what_cannot_be_kept_is_refused_for_what_it_is(
    statements, sender, tmp_path
):
    """
    A folder of that name, or no room: the file is cut all the same.
    """
    (tmp_path / "day.txt.unproven").mkdir()
    sender.pieces = [b"half", IncompleteStatementError("It is cut.", "被截断。")]

    with pytest.raises(
        IncompleteStatementError, match=r"It is cut\. .* cannot be kept"
    ):
        await statements.download_reconciliation(DAY, tmp_path / "day.txt")

    async def pulled():
        async for _ in statements.pull(DAY, DAY, tmp_path, kind="reconciliation"):
            pass

    (tmp_path / "reconciliation-20170213.txt.unproven").mkdir()
    sender.pieces = [b"half", IncompleteStatementError("It is cut.", "被截断。")]

    with pytest.raises(IncompleteStatementError, match=r"It is cut\."):
        await pulled()

    assert not [one for one in tmp_path.iterdir() if one.suffix == ".part"]


@pytest.mark.parametrize("kind", ["transactions", "reconciliation"])
async def test_a_pulled_day_that_is_not_proven_is_kept_under_the_days_name(
    statements, sender, tmp_path, kind
):
    """
    Not under the temporary name, which the next pull removes.
    """
    sender.pieces = [b"half", IncompleteStatementError("It is cut.", "被截断。")]

    with pytest.raises(
        IncompleteStatementError, match=rf"{kind}-20170213\.txt\.unproven"
    ):
        async for _ in statements.pull(DAY, DAY, tmp_path, kind=kind):
            pass

    assert [f"{kind}-20170213.txt.unproven"] == [
        file.name for file in tmp_path.iterdir() if file.name[0] != "."
    ]
    assert [] == list(tmp_path.glob(".*pulling*"))


async def test_an_older_file_survives_a_failure(statements, sender, tmp_path):
    """
    It is replaced by a whole one only.
    """
    target = tmp_path / "day.txt"
    target.write_bytes(b"older")
    sender.pieces = [b"new"]
    sender.at_the_end = SignatureError("forged", "伪造")

    with pytest.raises(SignatureError):
        await statements.download_transactions(DAY, target)

    assert b"older" == target.read_bytes()

    sender.at_the_end = None
    await statements.download_transactions(DAY, target)

    assert b"new" == target.read_bytes()


async def test_two_downloads_of_one_file_do_not_mix(statements, sender, tmp_path):
    """
    Each writes a file of its own until it is whole.
    """
    sender.pieces = [b"a" * 10, b"b" * 10]
    target = tmp_path / "day.txt"
    await asyncio.gather(
        *(statements.download_transactions(DAY, target) for _ in range(5))
    )

    assert b"a" * 10 + b"b" * 10 == target.read_bytes()
    assert [target] == list(tmp_path.iterdir())


async def test_a_folder_that_is_not_there(statements, tmp_path):
    """
    It is told by the file's name.
    """
    with pytest.raises(ConfigError, match=r"day\.txt: cannot be written"):
        await statements.download_transactions(DAY, tmp_path / "no" / "day.txt")


@pytest.mark.parametrize("name", ["file/day.txt", "n" * 300], ids=["file", "long"])
async def test_a_place_that_cannot_be(statements, tmp_path, name):
    """
    Nor can there be a half file in it that had to be removed.
    """
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigError, match="cannot be written"):
        await statements.download_transactions(DAY, tmp_path / name)

    assert [tmp_path / "file"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "to",
    [None, 5, b"day.txt", "", ".", "/", object(), "day\ud800", "day\0"],
    ids=lambda to: ascii(to)[:7],
)
async def test_what_is_no_path(statements, sender, to):
    """
    It is refused before anything is asked for.
    """
    with pytest.raises(ConfigError, match="to: a file's path is needed"):
        await statements.download_transactions(DAY, to)

    assert [] == sender.calls


async def test_a_folder_in_the_place_of_the_file(statements, sender, tmp_path):
    """
    It is not replaced.
    """
    (tmp_path / "day.txt").mkdir()
    sender.pieces = [b"x"]

    with pytest.raises(ConfigError, match="cannot be written"):
        await statements.download_transactions(DAY, tmp_path / "day.txt")

    assert [tmp_path / "day.txt"] == list(tmp_path.iterdir())


async def test_streams(statements, sender):
    """
    Three files, each by its own path and date (gateway.md 5.11, 5.12, 5.21).
    """
    sender.pieces = [b"a", b"b"]

    for opened in (
        statements.open_transactions(DAY),
        statements.open_reconciliation(DAY),
        Customs(sender, notify_url=None).download(DAY),
    ):
        async with opened as chunks:
            assert [b"a", b"b"] == [chunk async for chunk in chunks]

    assert sender.targets == [
        "payments/transactions_download?mer_date=20170213",
        "payments/reconciliation_statement_download?mer_date=20170213",
        "payments/customs_download?customs_date=20170213",
    ]
    assert {("GET", Effect.READ, True)} == {
        (call.method, call.effect, call.unsigned_allowed) for call in sender.calls
    }
