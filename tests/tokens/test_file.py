from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
import time
import traceback
from pathlib import Path

import pytest
from filelock import FileLock

from umfpay.errors import ConfigError, TokenStoreError
from umfpay.tokens import FileTokenStore, RenewedError
from umfpay.tokens import _file as module


posix = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
needs_permissions = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root may do anything"
)


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "state" / "token.json"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
async def test_only_the_owner_can_read(path, make_record):
    """
    The folder is made 0700, every file in it 0600, whatever the umask.
    """
    before = os.umask(0)

    try:
        store = FileTokenStore(path, key="k")

        async with store.refreshing(10):
            await store.save(make_record())
    finally:
        os.umask(before)

    assert 0o700 == _mode(path.parent)
    assert {
        "token.json": 0o600,
        "token.json.lock": 0o600,
        "token.json.write.lock": 0o600,
    } == {file.name: _mode(file) for file in path.parent.iterdir()}


async def test_the_file_is_replaced_and_the_locks_are_not(path, make_record):
    """
    A reader sees a whole file; a waiter waits on the same lock as everybody.
    """
    store = FileTokenStore(path, key="k")

    async def numbers():
        async with store.refreshing(10):
            await store.save(make_record(1 if not path.exists() else 2))

        return {file.name: file.stat().st_ino for file in path.parent.iterdir()}

    before, after = await numbers(), await numbers()

    assert before.keys() == after.keys()
    assert {"token.json"} == {name for name in before if before[name] != after[name]}


async def test_clients_share_a_file(path, make_record):
    """
    Each key has its token; one that has ended long ago is dropped on the way.
    """
    one, other, old = (FileTokenStore(path, key=key) for key in ("one", "other", "old"))
    await old.save(make_record(3, requested_at=1.0, not_after=2.0))
    await one.save(make_record(5, token="mine"))
    await other.save(make_record(6, token="yours"))
    await other.refuse(6)

    assert make_record(5, token="mine") == await one.load()
    assert make_record(6, token="yours", refused=True) == await other.load()
    assert await old.load() is None
    assert one != other


async def test_one_file_under_two_names_is_one_store(path, tmp_path, monkeypatch):
    """
    Relative paths and links lead to the same file, the same locks, the same object.
    """
    path.parent.mkdir()
    link = tmp_path / "link"
    link.symlink_to(path.parent, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    store = FileTokenStore("state/token.json", key="k")
    monkeypatch.chdir("/")

    assert store == FileTokenStore(link / "token.json", key="k")
    assert hash(store) == hash(FileTokenStore(path, key="k"))
    assert path == store.path
    assert store != "text"


async def test_the_home_folder_is_known(monkeypatch, tmp_path):
    """
    Settings are written by people.
    """
    monkeypatch.setenv("HOME", str(tmp_path))

    assert tmp_path / "t.json" == FileTokenStore("~/t.json", key="k").path


@pytest.mark.parametrize("path", ["~nobody-has-this-name/t.json", "nul\0byte"])
def test_a_path_that_leads_nowhere_is_a_config_error(path):
    """
    It is refused before anything is done.
    """
    with pytest.raises(ConfigError, match="token_store"):
        FileTokenStore(path, key="k")


@pytest.mark.parametrize("content", [b"", b'{\n "umfpay": "tok'])
async def test_an_empty_or_cut_file_counts_as_absent(path, content, make_record):
    """
    It is filled again.
    """
    path.parent.mkdir()
    path.write_bytes(content)
    store = FileTokenStore(path, key="k")

    assert await store.load() is None
    assert await store.save(make_record()) is True
    assert make_record() == await store.load()


async def test_a_file_that_is_not_ours_is_never_overwritten(path, make_record):
    """
    The error names the file and the cure, and nothing that stands in it.
    """
    path.parent.mkdir()
    path.write_text('{"access_token": "c0ffee"}')
    store = FileTokenStore(path, key="k")

    for attempt in (store.load(), store.save(make_record()), store.refuse(1)):
        with pytest.raises(TokenStoreError) as caught:
            await attempt

        assert str(path) in str(caught.value)
        assert "token_store" in str(caught.value)
        assert "令牌" in str(caught.value)
        assert "c0ffee" not in str(caught.value)

    assert '{"access_token": "c0ffee"}' == path.read_text()


async def test_a_folder_in_the_way_is_a_store_error(path, make_record):
    """
    What the system says is passed on with the path.
    """
    path.mkdir(parents=True)
    store = FileTokenStore(path, key="k")

    with pytest.raises(TokenStoreError, match=r"token\.json cannot be used: Is a dir"):
        await store.load()


async def test_a_file_in_place_of_the_folder_is_a_store_error(path, make_record):
    """
    Neither the lock nor the file can be made there.
    """
    path.parent.write_text("in the way")
    store = FileTokenStore(path, key="k")

    with pytest.raises(TokenStoreError, match="cannot be used"):
        await store.save(make_record())

    with pytest.raises(TokenStoreError, match="cannot be used"):
        async with store.refreshing(1):
            pytest.fail("nobody can be inside")


@needs_permissions
async def test_a_read_only_folder_can_be_read(path, make_record):
    """
    A token in it is found; anything else is an error.
    """
    store = FileTokenStore(path, key="k")
    await store.save(make_record())
    (path.parent / "token.json.write.lock").unlink()
    path.parent.chmod(0o500)

    try:
        assert make_record() == await store.load()

        for attempt in (store.save(make_record(2)), store.refuse(1)):
            with pytest.raises(TokenStoreError, match="Permission denied"):
                await attempt

        with pytest.raises(TokenStoreError, match="Permission denied"):
            async with store.refreshing(1):
                pytest.fail("nobody can be inside")
    finally:
        path.parent.chmod(0o700)


async def test_a_write_that_fails_leaves_the_old_file(path, make_record, monkeypatch):
    """
    And nothing beside it, and no token in any frame of ours.
    """
    store = FileTokenStore(path, key="k")
    await store.save(make_record(token="first"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)

    with pytest.raises(TokenStoreError, match="No space left") as caught:
        await store.save(make_record(2, token="c0ffee"))

    monkeypatch.undo()

    assert make_record(token="first") == await store.load()
    assert {"token.json", "token.json.write.lock"} == {
        file.name for file in path.parent.iterdir()
    }

    frames = [
        frame
        for error in (caught.value, caught.value.__cause__)
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename != __file__
    ]

    assert len(frames) > 3
    assert "c0ffee" not in repr([frame.f_locals for frame in frames])


async def test_a_writer_that_hangs_is_an_error(path, make_record, monkeypatch):
    """
    Nobody waits for a stopped process longer than a write can take.
    """
    monkeypatch.setattr(module, "_WRITE_TIMEOUT_SECONDS", 0.05)
    store = FileTokenStore(path, key="k")
    await store.save(make_record())

    with (
        FileLock(path.with_name("token.json.write.lock")),
        pytest.raises(TokenStoreError, match=r"write\.lock for more than 0\.05 s"),
    ):
        await store.save(make_record(2))


async def test_nothing_secret_is_shown_or_logged(path, make_record, caplog):
    """
    The repr names the path alone.
    """
    with caplog.at_level(logging.DEBUG):
        store = FileTokenStore(path, key="k")
        await store.save(make_record(token="c0ffee"))
        await store.refuse(1)
        await store.load()

    assert f"FileTokenStore({str(path)!r})" == repr(store)
    assert "c0ffee" not in caplog.text


async def test_the_loop_runs_on_while_a_file_is_written(path, make_record, monkeypatch):
    """
    A slow disk does not stop the service.
    """
    sync = os.fsync

    def slow(descriptor):
        time.sleep(0.1)
        sync(descriptor)

    monkeypatch.setattr(module.os, "fsync", slow)
    saving = asyncio.create_task(FileTokenStore(path, key="k").save(make_record()))
    ticks = 0

    while not saving.done():
        await asyncio.sleep(0.005)
        ticks += 1

    assert ticks > 5


async def test_a_busy_thread_pool_does_not_hold_it_up(path, make_record):
    """
    The user's blocking work may fill the threads of the loop.
    """
    free = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, free.wait, 20) for _ in range(40)]
    store = FileTokenStore(path, key="k")

    try:
        assert await asyncio.wait_for(store.save(make_record()), 5) is True
        assert make_record() == await asyncio.wait_for(store.load(), 5)
    finally:
        free.set()
        await asyncio.gather(*busy)


# The turn.


async def test_the_turn_of_the_parent_is_not_the_childs_to_give(tmp_path, monkeypatch):
    """
    After a fork the child leaves the lock as it is.
    """
    store = FileTokenStore(tmp_path / "token.json", key="k")
    turn = store.refreshing(1)
    await turn.__aenter__()
    pid = os.getpid()
    monkeypatch.setattr(module.os, "getpid", lambda: pid + 1)
    await turn.__aexit__(None, None, None)
    monkeypatch.undo()

    with pytest.raises(TokenStoreError, match="Another process"):
        async with store.refreshing(0.0):
            pytest.fail("the lock is held")

    await turn.__aexit__(None, None, None)

    async with store.refreshing(0.0):
        pass


@pytest.mark.parametrize("content", [None, b"old"])
async def test_the_waiting_leave_when_the_token_file_is_another_one(tmp_path, content):
    """
    While the turn is still somebody else's; also if there was none before.
    """
    path, new = tmp_path / "token.json", tmp_path / "new"
    store = FileTokenStore(path, key="k")

    if content is not None:
        path.write_bytes(content)

    async def wait():
        async with store.refreshing(60):
            pytest.fail("the lock is held")

    async with store.refreshing(0.0):
        waiting = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0)

        assert not any(one.done() for one in waiting)

        new.write_bytes(b"new")
        new.replace(path)
        found = await asyncio.gather(*waiting, return_exceptions=True)

    assert [RenewedError] * 3 == [type(one) for one in found]

    async with store.refreshing(0.0):
        pass
