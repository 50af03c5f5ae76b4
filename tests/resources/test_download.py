"""
Files: the name appears only when all of it is there, and proven; what proves that.
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
from umfpay.resources import Customs, FileProof, Statements
from umfpay.transport import Effect


DAY = date(2017, 2, 13)
START = b"TRANSDETAIL-START,8017,20170206\n"
ROW = b"3170206,138,o1,20170206,20170206,120000,USD,1.00,6.9,6.9,1,P,P1\n"
END = b"TRANSDETAIL-End,8017,20170206,6.90\n"


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


def doubt(*chunks, end_is_proven=False, **expected):
    proof = FileProof(**expected)

    for chunk in chunks:
        proof.feed(chunk)

    return proof.doubt(end_is_proven=end_is_proven)


@pytest.mark.parametrize(
    "file",
    [
        START + ROW + END,
        START + END,
        START + ROW * 500 + END,
        (START + ROW + END).replace(b"\n", b"\r\n"),
        START.replace(b",", b", ") + END.replace(b",", b", "),
        (START + ROW + END).replace(b"-End", b"-Detail-End"),
        (START + ROW + END).lower(),
        START + ROW + END + b"\n \n",
    ],
)
@pytest.mark.parametrize("size", [1, 13, 4095, 4096, 4097, 1 << 20])
def test_a_whole_statement(file, size):
    """However its bytes come, its last line closes it."""
    chunks = [file[at : at + size] for at in range(0, len(file), size)]

    assert doubt(*chunks) is None


@pytest.mark.parametrize("end_is_proven", [False, True])
@pytest.mark.parametrize(
    "file",
    [
        START,
        START + ROW,
        START + ROW + END + ROW,
        START + ROW + END[:-8],
        START + ROW + b"TRANSDETAIL-End\n",
        START + ROW + b"TRANSDETAIL-End,8017,20170206\n",
        # The begin of one file and the end of another.
        START + ROW + END.replace(b"20170206", b"20170207"),
        START + ROW + END.replace(b"8017", b"8018"),
        START + ROW * 500 + b"TRANSDETAIL-" + b"x" * 5000,
    ],
    ids=lambda file: file[-20:],
)
def test_a_statement_that_is_not_closed(file, end_is_proven):
    """No transport makes up for that: the gateway may have broken off."""
    assert "closing line" in doubt(file, end_is_proven=end_is_proven).en


def test_every_prefix_of_a_statement_is_doubted():
    """A cut at any byte is seen; without the line end the total may be shorter."""
    whole = START + ROW + END

    assert [len(whole)] == [
        at for at in range(40, len(whole) + 1) if doubt(whole[:at]) is None
    ]


def test_a_last_line_without_its_line_end_needs_the_transport():
    """6.9 of 6.90 cannot be told apart by the file itself."""
    file = (START + ROW + END).rstrip()

    assert doubt(file) is not None
    assert doubt(file, end_is_proven=True) is None


@pytest.mark.parametrize(
    "file", [b"", b"a,b\n", b"TRADEDETAIL-START,1\n", b"TRANSDETAIL"]
)
def test_any_other_file_is_the_transports_matter(file):
    """Its format is documented nowhere."""
    assert "no length" in doubt(file).en
    assert "没有长度" in doubt(file).zh
    assert doubt(file, end_is_proven=True) is None


@pytest.mark.parametrize(
    ("expected", "file", "words"),
    [
        ({"day": "20170206", "framed": True}, START + ROW + END, None),
        ({"day": "20170206"}, b"any other form\n", None),
        ({"day": "20170207"}, START + ROW + END, "another day"),
        ({"framed": True}, b"upstream connect error\n", "no first line"),
        ({"framed": True}, b'[{"ret_code": "00060999"}]', "no first line"),
        ({"framed": True}, b"TRADEDETAIL-START,8017,20170206,v1.0,0001\n", "no first"),
        ({"framed": True}, b"", "no first line"),
    ],
)
def test_a_transaction_file_has_its_frame_and_its_day(expected, file, words):
    """An error in plain text, or a cached file of another day, is no book of this one."""
    found = doubt(file, end_is_proven=True, **expected)

    assert (found is None) is (words is None)
    assert found is None or words in found.en
