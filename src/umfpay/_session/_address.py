"""
The base URL, and addresses below it, in the form that is sent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from umfpay.errors import ConfigError, Text
from umfpay.transport import origin_of


_URL_CHARACTERS: Final = "%/:?#[]@!$&'()*+,;=~"
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

# No longer one fits into the requests of httpx.
MAX_URL_CHARACTERS: Final = 65_536


@lru_cache(maxsize=256)
def encoded_address(address: str) -> str:
    """
    Return *address* percent-encoded; what is encoded already stays.

    Raises:
        ConfigError: It is longer than a request can carry.
    """
    quoted = quote(address, safe=_URL_CHARACTERS)

    quoted = _STRAY_PERCENT.sub("%25", quoted)

    if len(quoted) <= MAX_URL_CHARACTERS:
        return quoted

    raise _too_long()


def base_address(base_url: str) -> str:
    """
    Return the configured *base_url* in the form that is sent (RFC 3986, 6.2.2).
    """
    origin = origin_of(base_url)
    assert origin is not None
    path = encoded_address(urlsplit(base_url).path)

    return f"{origin.root}{path[1:]}"


def _too_long() -> ConfigError:
    return ConfigError(
        f"The address is no URL of at most {MAX_URL_CHARACTERS} characters.",
        f"地址不是长度不超过 {MAX_URL_CHARACTERS} 个字符的有效 URL。",
        advice=Text("Shorten ids, path and query.", "请缩短编号、path 和 query。"),
    )
