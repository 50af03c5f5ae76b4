from __future__ import annotations

import os

import pytest

from umfpay.errors import TokenStoreError
from umfpay.tokens import _lock_file as module
from umfpay.tokens._lock_file import LockFileTurn


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
