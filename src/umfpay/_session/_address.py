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
    quoted = _STRAY_PERCENT.sub("%25", quote(address, safe=_URL_CHARACTERS))

    if len(quoted) > MAX_URL_CHARACTERS:
        raise ConfigError(
            f"The address is no URL of at most {MAX_URL_CHARACTERS} characters.",
            f"地址不是长度不超过 {MAX_URL_CHARACTERS} 个字符的有效 URL。",
            advice=Text("Shorten ids, path and query.", "请缩短编号、path 和 query。"),
        )

    return quoted


def base_address(url: str) -> str:
    """
    Return *url* without its query in the form that is sent (RFC 3986, 6.2.2), "" if it
    is no address for HTTP.
    """
    origin = origin_of(url)

    return (
        "" if origin is None else origin.root + encoded_address(urlsplit(url).path)[1:]
    )
