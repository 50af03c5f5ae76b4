"""
Numbers that never come twice.
"""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from umfpay.documents import SequenceStore
from umfpay.errors import ConfigError, DocumentError


DAY = "20261123"
WORKER = [sys.executable, str(Path(__file__).with_name("sequence_worker.py"))]


@pytest.fixture(name="file")
def _file(tmp_path):
    return tmp_path / "state" / "papers.json"


@pytest.mark.parametrize("first", [0, 1])
async def test_each_payment_counts_from_the_first(file, first):
    """
    A new object goes on where the last one was; date and wire form are one.
    """
    store = SequenceStore(file, first=first)

    assert first == await store.take("ref", mer_date=DAY)
    assert first + 1 == await store.take("ref", mer_date=date(2026, 11, 23))
    assert first == await store.take("other", mer_date=DAY)
    assert first == await store.take("ref", mer_date="20261124")
    assert first + 2 == await SequenceStore(file, first=first).take("ref", mer_date=DAY)


async def test_the_file_is_its_owners(file):
    """
    0600 in a folder of 0700, and nothing else is left beside the lock.
    """
    store = SequenceStore(file)
    await store.take("ref", mer_date=DAY)

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert 0o700 == stat.S_IMODE(file.parent.stat().st_mode)
    assert {"papers.json", "papers.json.lock"} >= {
        one.name for one in file.parent.iterdir()
    }
    assert file == store.path
    assert f"SequenceStore('{file}', first=1)" == repr(store)


async def test_tasks_and_threads_get_numbers_of_their_own(file):
    """
    With one object or one each.
    """
    shared = SequenceStore(file)
    got = await asyncio.gather(*(shared.take("ref", mer_date=DAY) for _ in range(20)))

    def in_thread():
        got.append(asyncio.run(SequenceStore(file).take("ref", mer_date=DAY)))

    threads = [threading.Thread(target=in_thread) for _ in range(10)]

    for thread in threads:
        thread.start()

    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert list(range(1, 31)) == sorted(got)


def test_processes_get_numbers_of_their_own_also_when_killed(file):
    """
    What a killed process had printed comes from nobody else.
    """
    workers = [
        subprocess.Popen([*WORKER, str(file), "200"], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    seen = [int(workers[0].stdout.readline()) for _ in range(5)]
    workers[0].kill()

    for worker in workers:
        seen += map(int, worker.communicate(timeout=50)[0].split())

    assert len(seen) >= 405
    assert len(set(seen)) == len(seen)
    assert max(seen) <= 600

    again = asyncio.run(SequenceStore(file).take("ref", mer_date=DAY))

    assert again > max(seen)


async def test_after_9999_there_is_none(file):
    """
    The name has four digits.
    """
    file.parent.mkdir()
    used = {"umfpay": "papers", "version": 1, "used": {f"ref{DAY}": 9998}}
    file.write_text(json.dumps(used))
    store = SequenceStore(file)

    assert 9999 == await store.take("ref", mer_date=DAY)

    with pytest.raises(DocumentError, match="All numbers up to 9999"):
        await store.take("ref", mer_date=DAY)

    assert 1 == await store.take("ref-2", mer_date=DAY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"umfpay": "papers", "version": 2, "used": {}}',
        b'{"umfpay": "papers", "version": 1, "used": {"a": "1"}}',
        b'{"umfpay": "papers", "version": 1, "used": {"a": 10000}}',
        b'{"umfpay": "papers", "version": 1, "used": {"a": true}}',
    ],
)
async def test_a_damaged_file_is_not_taken_for_an_empty_one(file, content):
    """
    Numbers would come again; the file stays as it is.
    """
    file.parent.mkdir()
    file.write_bytes(content)

    with pytest.raises(ConfigError, match="damaged"):
        await SequenceStore(file).take("ref", mer_date=DAY)

    assert content == file.read_bytes()


async def test_a_process_that_hangs_with_the_lock_is_reported(file):
    """
    After the patience, by the lock's name.
    """
    file.parent.mkdir()

    with FileLock(f"{file}.lock"), pytest.raises(ConfigError, match="another process"):
        await SequenceStore(file, patience=0.1).take("ref", mer_date=DAY)


async def test_a_place_that_cannot_be_used_is_reported(tmp_path):
    """
    A file where the folder should be, a folder where the file should be.
    """
    (tmp_path / "plain").write_text("x")
    (tmp_path / "folder").mkdir()

    for path in (tmp_path / "plain" / "papers.json", tmp_path / "folder"):
        with pytest.raises(ConfigError, match="cannot be used"):
            await SequenceStore(path).take("ref", mer_date=DAY)


async def test_what_cannot_be_replaced_leaves_nothing_behind(file, monkeypatch):
    """
    A disk that is full gives out no number.
    """
    store = SequenceStore(file)
    await store.take("ref", mer_date=DAY)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)

        with pytest.raises(ConfigError, match="No space left"):
            await store.take("ref", mer_date=DAY)

    assert 2 >= len(list(file.parent.iterdir()))
    assert 2 == await store.take("ref", mer_date=DAY)


def test_the_default_is_the_users_state_folder(monkeypatch, tmp_path):
    """
    As the token's file; nothing is made before a number is taken.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    expected = platformdirs.user_state_path("umfpay", appauthor=False) / "papers.json"

    assert expected == SequenceStore().path
    assert not expected.exists()


@pytest.mark.parametrize("first", [2, -1, True, "1"])
def test_the_first_number_is_0_or_1(file, first):
    """
    The documents leave only these open.
    """
    with pytest.raises(ConfigError, match="0 or 1"):
        SequenceStore(file, first=first)


async def test_an_unsafe_order_number_takes_no_number(file):
    """
    Nothing is written.
    """
    with pytest.raises(DocumentError):
        await SequenceStore(file).take("../x", mer_date=DAY)

    assert not file.exists()
