"""
Several days in a folder: whole files only, and none fetched twice.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import filelock
import pytest

from umfpay import errors
from umfpay.resources._pulling import pull


FIRST = date(2017, 2, 5)
LAST = FIRST + timedelta(2)


class Gateway:
    """
    Gives a file for each day; counts, and fails where it is told to.
    """

    def __init__(self):
        self.asked = []
        self.contents = {}
        self.error = None

    async def download(self, day, to, named):
        self.asked.append(day)

        if self.error is not None and len(self.asked) == 2:
            raise self.error

        to.write_text(self.contents.get(day, f"whole {day}"))

        return to


def prove(path):
    if not path.read_text().startswith("whole"):
        raise errors.IncompleteStatementError(errors.Text("half", "一半"))


@pytest.fixture(name="gateway")
def _gateway():
    return Gateway()


async def pulled(gateway, folder, **changes):
    given = {
        "kind": "transactions",
        "prove": prove,
        "download": gateway.download,
        **changes,
    }

    return [one async for one in pull(FIRST, LAST, folder, **given)]


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
    assert [16] * 3 == [one.size for one in days]
    assert not any(one.was_there for one in days)

    again = await pulled(gateway, tmp_path / "books")

    assert 3 == len(gateway.asked)
    assert all(one.was_there for one in again)


async def test_a_pull_that_broke_off_goes_on(gateway, tmp_path):
    """
    With the day that failed; a killed process leaves names that are removed.
    """
    gateway.error = errors.TransportError(errors.Text("cut", "断"), request_sent=True)

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
    gateway.contents[LAST] = "half"

    with pytest.raises(errors.IncompleteStatementError):
        await pulled(gateway, tmp_path)

    assert 2 == len(list(tmp_path.glob("transactions-*.txt")))
    assert [] == list(tmp_path.glob(".*pulling*"))
    # What came is there for whoever looks into it.
    kept = tmp_path / "transactions-20170207.txt.unproven"

    assert "half" == kept.read_text()

    (tmp_path / "transactions-20170205.txt").write_text("edited")
    gateway.contents.clear()
    days = await pulled(gateway, tmp_path)

    assert [False, True, False] == [one.was_there for one in days]
    assert "whole 2017-02-05" == days[0].path.read_text()


async def test_a_day_without_anything_is_no_error(gateway, tmp_path):
    """
    As far as the gateway signs that; any other refusal is one.
    """

    def refusal(code, *, verified):
        return errors.APIError(
            errors.Text("no", "无"),
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
    given = {"kind": "x", "prove": None, "download": gateway.download}

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
    gateway.contents[FIRST] = "anything"

    assert 3 == len(await pulled(gateway, tmp_path, prove=None))
    assert 3 == len(await pulled(gateway, tmp_path, prove=None))
    assert 3 == len(gateway.asked)
