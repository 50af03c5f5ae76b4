"""
Open the token store that the setting ``token_store`` names.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import platformdirs

from umfpay._private_files import make_folder
from umfpay.config import merchant_id
from umfpay.errors import ConfigError, MissingExtraError, needs_extra, os_reason
from umfpay.sensitive import Secret, looks_like_address
from umfpay.tokens._file import FileTokenStore
from umfpay.tokens._store import MemoryTokenStore, TokenStore


_log: Final = logging.getLogger("umfpay")

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
# The scheme of a database, before its driver, and the extra that brings both.
_SQL_EXTRAS: Final = {
    "sqlite": "sql",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}
# Who has one has loaded its module.
_DATABASES: Final = (
    ("umfpay.sql", "Database"),
    ("sqlalchemy.ext.asyncio", "AsyncEngine"),
)
_SCHEME_PATTERN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}")
_warned = False


def store_key(base_url: str, client_id: str) -> str:
    """
    Return the name under which a client's token is kept: a SHA-256 in hex.

    It covers the origin of *base_url* and *client_id*, never the secret; the token of
    a client is one, whatever the path.
    """
    return merchant_id(base_url, client_id)


def open_store(spec: Any, *, key: str) -> TokenStore:
    """
    Return the token store that the setting *spec* names.

    Args:
        spec: ``"auto"`` is a file in the user's state folder, or memory with one
            warning where that folder cannot be used; ``"memory"``; the path of a
            file; ``redis://``, ``rediss://`` or ``unix://`` for Redis;
            ``postgresql+asyncpg://``, ``mysql+asyncmy://`` or ``sqlite+aiosqlite:///``
            for a database; an `umfpay.sql.Database` or the shop's own engine; or a
            `TokenStore` object. Any: a setting is whatever the user gave.
        key: What `store_key` returns for the client.

    Raises:
        ConfigError: *spec* is none of these.
        MissingExtraError: It needs a package that is not installed.
    """
    if isinstance(spec, TokenStore) and not isinstance(spec, type):
        return _must_be_hashable(spec)

    if spec == "auto":
        return _open_automatic(key)

    if spec == "memory":
        return MemoryTokenStore()

    if isinstance(spec, str | os.PathLike) and looks_like_address(_spec_text(spec)):
        # It may hold a password, and a traceback may show what stands in this frame.
        spec = Secret(_spec_text(spec))

    if isinstance(spec, Secret):
        return _open_address(spec, key=key)

    if _is_database(spec):
        return _open_sql(spec, extra="sql", key=key)

    if isinstance(spec, str | os.PathLike) and isinstance(os.fspath(spec), str):
        return _open_file(os.fspath(spec), key=key)

    raise ConfigError.of(
        "token_store",
        f'"auto", "memory", a path, an address, a Database or a TokenStore object is'
        f" wanted, not {type(spec).__name__}",
        f'应为 "auto"、"memory"、路径、地址、Database 或 TokenStore 对象，'
        f"而不是 {type(spec).__name__}",
    )


def _spec_text(spec: str | os.PathLike[str]) -> str:
    text = os.fspath(spec)

    return text if isinstance(text, str) else ""


def _scheme(address: Secret) -> str:
    """
    Return the scheme of *address*; nothing where it may be user or password.
    """
    scheme, separator, _ = address.reveal().partition("://")

    return scheme if separator and _SCHEME_PATTERN.fullmatch(scheme) else ""


def _open_address(address: Secret, *, key: str) -> TokenStore:
    scheme = _scheme(address)

    if scheme in _REDIS_SCHEMES:
        # Imported when it is used: redis is an extra.
        from umfpay.tokens._redis import RedisTokenStore

        return RedisTokenStore(address, key=key)

    extra = _SQL_EXTRAS.get(scheme.partition("+")[0])

    if extra is not None:
        return _open_sql(address, extra=extra, key=key)

    if scheme:
        raise ConfigError.of(
            "token_store",
            f"{scheme}:// is no token store; redis://, rediss://, unix://,"
            " postgresql+asyncpg://, mysql+asyncmy:// and sqlite+aiosqlite:// are",
            f"不支持 {scheme}://；可用 redis://、rediss://、unix://、"
            "postgresql+asyncpg://、mysql+asyncmy:// 和 sqlite+aiosqlite://",
        )

    raise ConfigError.of(
        "token_store",
        "it looks like an address, and only redis://, rediss://, unix:// and those of"
        " databases (postgresql+asyncpg://) are supported; a path with a colon in it"
        " begins with ./ or /",
        "看起来是地址，但只支持 redis://、rediss://、unix:// 和数据库地址"
        "（postgresql+asyncpg://）；含冒号的路径请以 ./ 或 / 开头",
    )


def _is_database(spec: object) -> bool:
    """
    Tell whether *spec* is a `Database` or an engine, without loading SQLAlchemy.
    """
    return any(
        isinstance(spec, getattr(module, name))
        for place, name in _DATABASES
        if (module := sys.modules.get(place)) is not None
    )


def _open_sql(where: Any, *, extra: str, key: str) -> TokenStore:
    # Any: an optional package. Imported when it is used: it is an extra.
    from umfpay.tokens._sql import SQLTokenStore

    with needs_extra(extra, by="token_store"):
        try:
            return SQLTokenStore(where, key=key)
        except MissingExtraError:
            raise
        except ConfigError as error:
            refused = error

    raise ConfigError(
        f"token_store: {refused.what.en}",
        f"token_store：{refused.what.zh}",
        advice=refused.advice,
    )


def _open_file(path: str, *, key: str) -> FileTokenStore:
    if not path:
        raise ConfigError.of("token_store", "it is empty", "为空")

    store = FileTokenStore(path, key=key)

    if _is_folder(store.path):
        raise ConfigError.of(
            "token_store",
            f"{store.path} is a folder; name a file in it",
            f"{store.path} 是文件夹；请指定其中的文件",
        )

    return store


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError.of(
            "token_store",
            f"{path} cannot be used ({reason})",
            f"{path} 无法使用（{reason}）",
        ) from error


def _must_be_hashable(store: TokenStore) -> TokenStore:
    try:
        hash(store)
    except TypeError as error:
        name = type(store).__name__

        raise ConfigError.of(
            "token_store",
            f"a {name} is not hashable; give it eq=False or a __hash__",
            f"{name} 不可哈希；请设置 eq=False 或定义 __hash__",
        ) from error

    return store


def _open_automatic(key: str) -> TokenStore:
    folder = platformdirs.user_state_path("umfpay", appauthor=False)

    if _usable(folder):
        return FileTokenStore(folder / f"token-{key[:16]}.json", key=key)

    global _warned

    if not _warned:
        _warned = True
        _log.warning(
            "The token is kept in memory: the folder %s cannot be used. Give all"
            ' processes one token_store, or "memory" if there is only one process.'
            " | 令牌仅保存在内存中：无法使用文件夹 %s。请让所有进程共用一个"
            ' token_store；若只有一个进程，请设置 "memory"。',
            folder,
            folder,
        )

    return MemoryTokenStore()


def _usable(folder: Path) -> bool:
    # Without a home folder "~" stays in the path, and would be made where we are.
    if not folder.is_absolute():
        return False

    try:
        make_folder(folder)
    except OSError:
        return False

    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
