"""
Several days in a folder: whole files only, and none fetched twice.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import filelock
import pytest

from umfpay import errors
from umfpay.resources import PullOptions, checked_expiry, known_zone, pull


FIRST = date(2017, 2, 5)
LAST = FIRST + timedelta(2)
# All days are over, and the last one for less than a day.
NOW = datetime(2017, 2, 9, 12, tzinfo=UTC)


class Gateway:
    """
    Gives a file for each day; counts, and fails where it is told to.
    """

    def __init__(self):
        self.asked = []
        self.contents = {}
        self.error = None
        self.clock = NOW

    async def download(self, day, to, named):
        self.asked.append(day)

        if self.error is not None and len(self.asked) == 2:
            raise self.error

        to.write_text(self.contents.get(day, book(day)))

        return self.clock


def book(day, *rows, merchant="8017"):
    """
    Return a file of *day*.
    """
    frame = f"{merchant},{day:%Y%m%d}"
    lines = [f"TRANSDETAIL-START,{frame}", *(rows or ["a row"]), ""]

    return "\n".join([*lines[:-1], f"TRANSDETAIL-End,{frame},0.00", ""])


def prove(path):
    text = path.read_text()

    if "-End" not in text:
        raise errors.IncompleteStatementError("half", "一半")

    return text.count("open")


@pytest.fixture(name="gateway")
def _gateway():
    return Gateway()


async def pulled(gateway, folder, *, first=FIRST, last=LAST, now=NOW, **changes):
    given = {"kind": "transactions", "prove": prove, "now": lambda: now, **changes}
    days = pull(
        first, last, folder, asked=PullOptions(**given), download=gateway.download
    )

    return [one async for one in days]


async def test_each_day_has_its_file(gateway, tmp_path):
    """
    The second time nothing is fetched.
    """
    days = await pulled(gateway, tmp_path / "books")

    assert [
        "transactions-20170205.txt",
        "transactions-20170206.txt",
        "transactions-20170207.txt",
    ] == [one.path.name for one in days]
    assert [len(book(FIRST))] * 3 == [one.size for one in days]
    assert not any(one.was_there for one in days)
    assert all(one.is_day_over for one in days)

    again = await pulled(gateway, tmp_path / "books")

    assert 3 == len(gateway.asked)
    assert all(one.was_there for one in again)


async def test_a_pull_that_broke_off_goes_on(gateway, tmp_path):
    """
    With the day that failed; a killed process leaves names that are removed.
    """
    gateway.error = errors.TransportError("cut", "断", request_sent=True)

    with pytest.raises(errors.TransportError):
        await pulled(gateway, tmp_path)

    left = tmp_path / ".transactions-20170206.txt.pulling"
    left.write_text("whole, but nobody has proven it")
    gateway.error = None
    days = await pulled(gateway, tmp_path)

    assert [FIRST, FIRST + timedelta(1), FIRST + timedelta(1), LAST] == gateway.asked
    assert [True, False, False] == [one.was_there for one in days]
    assert not left.exists()


async def test_a_file_that_is_not_whole_never_gets_its_name(gateway, tmp_path):
    """
    One that was changed since is fetched again.
    """
    gateway.contents[LAST] = book(LAST).partition("TRANSDETAIL-End")[0]

    with pytest.raises(errors.IncompleteStatementError):
        await pulled(gateway, tmp_path)

    assert 2 == len(list(tmp_path.glob("transactions-*.txt")))
    assert [] == list(tmp_path.glob(".*pulling*"))
    # What came is there for whoever looks into it.
    kept = tmp_path / "transactions-20170207.txt.unproven"

    assert gateway.contents[LAST] == kept.read_text()

    (tmp_path / "transactions-20170205.txt").write_text("edited")
    gateway.contents.clear()
    days = await pulled(gateway, tmp_path)

    assert [False, True, False] == [one.was_there for one in days]
    assert book(FIRST) == days[0].path.read_text()
    # Nothing is overwritten, not even that.
    assert "edited" == (tmp_path / "versions/transactions-20170205.1.txt").read_text()


async def test_a_day_without_anything_is_no_error(gateway, tmp_path):
    """
    As far as the gateway signs that; any other refusal is one.
    """

    def refusal(code, *, verified):
        return errors.APIError(
            "no",
            "无",
            ret_code=code,
            ret_msg="",
            http_status=200,
            retryable=False,
            verified=verified,
        )

    gateway.error = refusal("00060760", verified=True)
    days = await pulled(gateway, tmp_path)

    assert [False, True, False] == [one.path is None for one in days]

    for error in (
        refusal("00060760", verified=False),
        refusal("00060700", verified=True),
    ):
        gateway.asked.clear()
        gateway.error = error

        with pytest.raises(errors.APIError):
            await pulled(gateway, tmp_path / error.ret_code / str(error.verified))


async def test_one_process_at_a_time(gateway, tmp_path):
    """
    The second is told at once.
    """
    with (
        filelock.FileLock(tmp_path / ".umfpay-pull.lock"),
        pytest.raises(errors.ConfigError, match="another process pulls"),
    ):
        await pulled(gateway, tmp_path)

    assert [] == gateway.asked


async def test_what_cannot_be_meant_is_refused(gateway, tmp_path):
    """
    Days in the wrong order, texts for days, a file in place of a folder.
    """
    given = {"asked": PullOptions(kind="x"), "download": gateway.download}

    with pytest.raises(errors.ConfigError, match="from 1 to 3660 days, not 0"):
        await anext(pull(FIRST, FIRST - timedelta(1), tmp_path, **given))

    with pytest.raises(errors.ConfigError, match=r"datetime\.date"):
        await anext(pull("2017-02-05", LAST, tmp_path, **given))

    file = Path(tmp_path / "file")
    file.write_text("")

    with pytest.raises(errors.ConfigError, match="cannot be used"):
        await anext(pull(FIRST, LAST, file, **given))


async def test_without_a_proof_the_gateway_is_trusted(gateway, tmp_path):
    """
    The signature of a download is checked all the same, by whoever downloads.
    """
    gateway.contents[FIRST] = book(FIRST).replace("-End", "-Ende")

    assert 3 == len(await pulled(gateway, tmp_path, prove=None))
    assert 3 == len(await pulled(gateway, tmp_path, prove=None))
    assert 3 == len(gateway.asked)


async def test_the_same_bytes_are_proven_once(gateway, tmp_path):
    """
    What nobody has proven when it was fetched is proven by the next who can.
    """
    proven = []

    def counting(path):
        proven.append(path.name)

        return prove(path)

    await pulled(gateway, tmp_path, prove=None, last=FIRST)

    for _ in range(3):
        await pulled(gateway, tmp_path, prove=counting)

    assert 3 == len(proven)
    assert 3 == len(gateway.asked)


async def test_a_day_that_is_not_over_is_fetched_each_time(gateway, tmp_path):
    """
    By the local clock or by the gateway's; what it was before is kept.
    """
    noon = datetime(2017, 2, 7, 12, tzinfo=UTC)
    today = {"first": LAST, "now": noon}
    gateway.clock = noon
    versions = []

    for rows in (["first"], ["first", "second"], ["first", "second"]):
        gateway.contents[LAST] = book(LAST, *rows)
        (one,) = await pulled(gateway, tmp_path, **today)
        versions.append((one.version, one.was_there, one.is_day_over))

        assert book(LAST, *rows) == one.path.read_text()

    assert [(1, False, False), (2, False, False), (2, True, False)] == versions
    assert 3 == len(gateway.asked)
    assert ["transactions-20170207.1.txt"] == [
        one.name for one in (tmp_path / "versions").iterdir()
    ]
    assert book(LAST, "first") == (
        tmp_path / "versions/transactions-20170207.1.txt"
    ).read_text("utf-8")

    # The local clock says that it is over; the gateway does not.
    for clock in (noon, None, NOW):
        gateway.clock = clock
        (one,) = await pulled(gateway, tmp_path, first=LAST)

        assert (clock == NOW) == one.is_day_over

    assert 6 == len(gateway.asked)
    await pulled(gateway, tmp_path, first=LAST)
    assert 6 == len(gateway.asked)


async def test_what_may_still_change_is_fetched_again(gateway, tmp_path):
    """
    An empty file, open rows, and all files when they reach an age.
    """
    gateway.contents[FIRST] = book(FIRST).replace("a row\n", "")
    gateway.contents[LAST] = book(LAST, "an open row")
    await pulled(gateway, tmp_path)
    gateway.asked.clear()
    await pulled(gateway, tmp_path)

    assert [FIRST, LAST] == gateway.asked

    gateway.contents.clear()
    days = await pulled(gateway, tmp_path)

    assert [2, 1, 2] == [one.version for one in days]

    gateway.asked.clear()
    days = await pulled(gateway, tmp_path, now=NOW + timedelta(days=30))

    assert 3 == len(gateway.asked)
    assert [True] * 3 == [one.was_there for one in days]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (book(LAST), "is one of 20170207"),
        (book(FIRST, merchant="8018"), "of merchant 8018, not of 8017"),
        (book(FIRST, merchant="80\x1b18"), "no first line"),
        ("{}", "no first line"),
        ("", "no first line"),
    ],
)
async def test_a_file_of_something_else_is_refused(gateway, tmp_path, content, words):
    """
    The merchant is that of the first file, where nobody named one.
    """
    await pulled(gateway, tmp_path, first=LAST)
    gateway.contents[FIRST] = content

    with pytest.raises(errors.StatementError, match=words):
        await pulled(gateway, tmp_path, last=FIRST, prove=None)

    assert [
        "transactions-20170205.txt.unproven",
        "transactions-20170207.txt",
    ] == sorted(one.name for one in tmp_path.iterdir() if not one.name.startswith("."))


async def test_the_merchant_that_was_named_counts(gateway, tmp_path):
    """
    From the first file on.
    """
    with pytest.raises(errors.StatementError, match="of merchant 8017, not of 9"):
        await pulled(gateway, tmp_path, merchant="9")

    await pulled(gateway, tmp_path, merchant="8017")

    with pytest.raises(errors.ConfigError, match="holds files of merchant 8017"):
        await pulled(gateway, tmp_path, merchant="9")


async def test_a_file_of_an_unknown_format_is_taken(gateway, tmp_path):
    """
    That of what was paid out is documented nowhere; what looks like a first line counts.
    """
    gateway.contents[FIRST] = "paid out\non that day\nsomething\n"
    given = {"kind": "reconciliation", "prove": None, "last": FIRST}
    (one,) = await pulled(gateway, tmp_path, **given)

    assert one.is_day_over

    gateway.contents[FIRST + timedelta(1)] = book(FIRST)

    with pytest.raises(errors.StatementError, match="is one of 20170205"):
        await pulled(gateway, tmp_path, **{**given, "last": LAST})


async def test_a_file_that_nobody_fetched_is_not_trusted(gateway, tmp_path):
    """
    It becomes an older version; so is one that was there before its record.
    """
    (tmp_path / "transactions-20170205.txt").write_text(book(FIRST, "mine"))
    (one,) = await pulled(gateway, tmp_path, last=FIRST)

    assert (2, False) == (one.version, one.was_there)

    (tmp_path / ".umfpay-pull.json").unlink()
    (one,) = await pulled(gateway, tmp_path, last=FIRST)

    assert (2, True) == (one.version, one.was_there)


# Without a zone nobody knows when that was.
FETCHED = {
    "sha256": "a",
    "fetched_at": "2017-02-05T00:00:00",
    "gateway_at": None,
    "is_empty": False,
    "open_items": 0,
}


def record_of(known):
    return json.dumps(
        {"umfpay": "pull", "version": 1, "merchant": None, "files": {"a.txt": known}}
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        "[" * 100_000,
        '{"umfpay": "pull", "version": 2}',
        '{"umfpay": "pull", "version": 1, "merchant": 7, "files": {}}',
        *map(record_of, [3, {}, FETCHED, FETCHED | {"fetched_at": "soon"}]),
    ],
    ids=range(10),
)
async def test_a_damaged_record_is_reported(gateway, tmp_path, content):
    """
    Without it nobody knows whose files they are.
    """
    (tmp_path / ".umfpay-pull.json").write_text(content)

    with pytest.raises(errors.ConfigError, match="is damaged"):
        await pulled(gateway, tmp_path)


async def test_files_of_customers_are_their_owners_alone(gateway, tmp_path):
    """
    Folders too, whatever the umask.
    """
    folder = tmp_path / "deep" / "books"
    gateway.contents[FIRST] = book(FIRST, "1")
    await pulled(gateway, folder, last=FIRST)
    gateway.contents[FIRST] = book(FIRST, "2")
    (folder / ".umfpay-pull.json").unlink()
    await pulled(gateway, folder, last=FIRST)

    for place in (folder, folder / "versions", folder.parent):
        assert 0o700 == place.stat().st_mode & 0o777

    assert 0o600 == (folder / ".umfpay-pull.json").stat().st_mode & 0o777
    assert "8017" == json.loads((folder / ".umfpay-pull.json").read_text())["merchant"]


def test_zones_and_times_that_cannot_be_meant_are_refused():
    """
    In our words.
    """
    for zone in ("Europe/Atlantis", "../etc/passwd", ""):
        with pytest.raises(errors.ConfigError, match="zone: there is no time zone"):
            known_zone(zone)

    for expiry in (timedelta(days=-1), timedelta(days=99), 360):
        with pytest.raises(errors.ConfigError, match="longest_expiry"):
            checked_expiry(expiry)

    assert UTC is known_zone(UTC)
    assert "Europe/London" == str(known_zone("Europe/London"))
