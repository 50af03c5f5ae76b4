"""
Tokens: one per client, fetched by one caller for all workers.
"""

from umfpay.tokens._answer import FetchedToken, fetched_token, refusal_error
from umfpay.tokens._cache import TokenCache
from umfpay.tokens._file import FileTokenStore
from umfpay.tokens._open import open_store, store_key
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._redis import RedisTokenStore
from umfpay.tokens._sql import SQLTokenStore
from umfpay.tokens._store import MemoryTokenStore, RenewedError, TokenStore


__all__ = [
    "FetchedToken",
    "FileTokenStore",
    "MemoryTokenStore",
    "RedisTokenStore",
    "RenewedError",
    "SQLTokenStore",
    "TokenCache",
    "TokenRecord",
    "TokenStore",
    "fetched_token",
    "open_store",
    "refusal_error",
    "store_key",
]
