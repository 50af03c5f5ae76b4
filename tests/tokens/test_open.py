from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from umfpay.errors import ConfigError
from umfpay.tokens import FileTokenStore, MemoryTokenStore, open_store, store_key
from umfpay.tokens import _open as module


KEY = "0123456789abcdef" * 4


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    """
    The user's state folder, for once.
    """
    folder = tmp_path / "state" / "umfpay"
    monkeypatch.setattr(
        module.platformdirs, "user_state_path", lambda *args, **kwargs: folder
    )
    monkeypatch.setattr(module, "_warned", False)

    return folder


def test_auto_is_a_file_of_the_client_in_the_state_folder(folder):
    """
    Its folder is made, for the owner only.
    """
    store = open_store("auto", key=KEY)

    assert FileTokenStore(folder / "token-0123456789abcdef.json", key=KEY) == store
    assert 0o700 == folder.stat().st_mode & 0o777


def test_auto_is_memory_where_there_is_no_folder(folder, caplog):
    """
    One warning says so, in both languages, however many sessions follow.
    """
    folder.parent.write_text("in the way")

    with caplog.at_level(logging.WARNING, "umfpay"):
        stores = [open_store("auto", key=KEY) for _ in range(3)]

    assert [MemoryTokenStore] * 3 == [type(store) for store in stores]

    [record] = caplog.records

    assert str(folder) in record.getMessage()
    assert "内存" in record.getMessage()


def test_auto_is_memory_where_the_folder_is_read_only(folder, monkeypatch):
    """
    A folder that exists is not enough.
    """
    folder.mkdir(parents=True)
    # Root, under which tests may run, may write everywhere.
    monkeypatch.setattr(module.os, "access", lambda path, mode: not mode & os.W_OK)

    assert isinstance(open_store("auto", key=KEY), MemoryTokenStore)


def test_auto_is_memory_without_a_home(folder, monkeypatch, tmp_path):
    """
    No folder named ~ is made where we happen to be.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        module.platformdirs,
        "user_state_path",
        lambda *args, **kwargs: Path("~/.local/state/umfpay"),
    )

    assert isinstance(open_store("auto", key=KEY), MemoryTokenStore)
    assert [] == list(tmp_path.iterdir())


def test_memory_is_memory():
    """
    Each time a new one: who wants to share passes the object.
    """
    one, other = open_store("memory", key=KEY), open_store("memory", key=KEY)

    assert isinstance(one, MemoryTokenStore)
    assert one is not other


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_is_a_file(tmp_path, kind):
    """
    As text or as a path; nothing is made before it is used.
    """
    path = tmp_path / "new" / "token.json"

    assert FileTokenStore(path, key=KEY) == open_store(kind(path), key=KEY)
    assert not path.parent.exists()


def test_a_store_is_itself():
    """
    Two sessions can be given the same object.
    """
    store = MemoryTokenStore()

    assert store is open_store(store, key=KEY)


class _Unhashable(MemoryTokenStore):
    __hash__ = None  # type: ignore[assignment]

    def __init__(self):
        pass


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "empty"),
        ("x" * 290, "cannot be used"),
        ("a\0b", "cannot be resolved"),
        ("ftp://:c0ffee@localhost", "ftp:// is no token store"),
        ("mysql://:c0ffee@localhost", "driver asyncmy"),
        ("postgresql+psycopg://:c0ffee@localhost/shop", "driver asyncpg"),
        ("sqlite+aiosqlite://", "in memory is lost"),
        ("postgresql+asyncpg://me:c0ffee@1@localhost/shop", "no URL of a database"),
        ("redis://:c0ffee@localhost:port", "no address of Redis"),
        (None, "NoneType"),
        (5, "int"),
        (b"token.json", "bytes"),
        (MemoryTokenStore, "type"),
        (object(), "object"),
        (_Unhashable(), "not hashable"),
    ],
)
def test_anything_else_is_a_config_error(spec, words):
    """
    It says what is wanted, and shows no password.
    """
    with pytest.raises(ConfigError, match=words) as caught:
        open_store(spec, key=KEY)

    assert "token_store" in str(caught.value)
    assert "c0ffee" not in str(caught.value)


def test_a_folder_is_a_config_error(tmp_path):
    """
    A file is wanted.
    """
    with pytest.raises(ConfigError, match="is a folder"):
        open_store(tmp_path, key=KEY)


def test_the_key_names_origin_and_client():
    """
    The path does not matter, nor does the letter case of the host; all else does.
    """
    key = store_key("https://fx.soopay.net/cberest/v1", "abc")

    assert 64 == len(key)
    assert key == store_key("HTTPS://FX.soopay.net:443/other", "abc")
    assert 5 == len(
        {
            key,
            store_key("https://fx.soopay.net/cberest/v1", "abd"),
            store_key("http://fx.soopay.net/cberest/v1", "abc"),
            store_key("https://fx.soopay.net:8443/cberest/v1", "abc"),
            store_key("https://uatfx.soopay.net/cberest/v1", "abc"),
        }
    )
