from __future__ import annotations

import asyncio
import os

import pytest

from umfpay.errors import TokenStoreError
from umfpay.tokens import _lock_file as module
from umfpay.tokens._lock_file import LockFileTurn
from umfpay.tokens._store import RenewedError


async def test_the_turn_of_the_parent_is_not_the_childs_to_give(tmp_path, monkeypatch):
    """
    After a fork the child leaves the lock as it is.
    """
    path = tmp_path / "token.json"
    lock = tmp_path / "token.json.lock"
    turn = LockFileTurn(lock, path=path, patience=1)
    await turn.__aenter__()
    pid = os.getpid()
    monkeypatch.setattr(module.os, "getpid", lambda: pid + 1)
    await turn.__aexit__(None, None, None)
    monkeypatch.undo()

    with pytest.raises(TokenStoreError, match="Another process"):
        async with LockFileTurn(lock, path=path, patience=0.0):
            pytest.fail("the lock is held")

    await turn.__aexit__(None, None, None)

    async with LockFileTurn(lock, path=path, patience=0.0):
        pass


@pytest.mark.parametrize("content", [None, b"old"])
async def test_the_waiting_leave_when_the_token_file_is_another_one(tmp_path, content):
    """
    While the turn is still somebody else's; also if there was none before.
    """
    path, new = tmp_path / "token.json", tmp_path / "new"
    lock = tmp_path / "token.json.lock"

    if content is not None:
        path.write_bytes(content)

    async def wait():
        async with LockFileTurn(lock, path=path, patience=60):
            pytest.fail("the lock is held")

    async with LockFileTurn(lock, path=path, patience=0.0):
        waiting = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0)

        assert not any(one.done() for one in waiting)

        new.write_bytes(b"new")
        new.replace(path)
        found = await asyncio.gather(*waiting, return_exceptions=True)

    assert [RenewedError] * 3 == [type(one) for one in found]

    async with LockFileTurn(lock, path=path, patience=0.0):
        pass
