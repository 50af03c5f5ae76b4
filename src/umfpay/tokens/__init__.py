"""
Tokens: one per client, fetched by one caller for all workers.
"""

from umfpay.tokens._answer import fetched_token, refusal_error
from umfpay.tokens._cache import TokenCache
from umfpay.tokens._file import FileTokenStore
from umfpay.tokens._memory import MemoryTokenStore
from umfpay.tokens._open import open_store, store_key
from umfpay.tokens._record import FetchedToken, TokenRecord
from umfpay.tokens._redis import RedisTokenStore
from umfpay.tokens._sql import SQLTokenStore
from umfpay.tokens._store import TokenStore


__all__ = [
    "FetchedToken",
    "FileTokenStore",
    "MemoryTokenStore",
    "RedisTokenStore",
    "SQLTokenStore",
    "TokenCache",
    "TokenRecord",
    "TokenStore",
    "fetched_token",
    "open_store",
    "refusal_error",
    "store_key",
]
