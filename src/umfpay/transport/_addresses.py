"""
Addresses: the `Origin` that a pool connects to, the base URL, and addresses below it.

A pool connects to one server only; addresses are kept in the form that is sent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

import attrs

from umfpay.errors import ConfigError, Text


DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_URL_CHARACTERS: Final = "%/:?#[]@!$&'()*+,;=~"
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

# No longer one fits into the requests of httpx.
MAX_URL_CHARACTERS: Final = 65_536


@attrs.frozen(kw_only=True)
class Origin:
    """
    Where requests go: all that an address says in front of its path.

    Args:
        scheme: ``http`` or ``https``.
        host: Name or number in lower case, IPv6 without brackets.
        port: The port, also where it is the usual one.
    """

    scheme: str
    host: str
    port: int

    @property
    def host_and_port(self) -> str:
        """
        Host and port as CONNECT wants them (RFC 9110 9.3.6): the port never left out.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host

        return f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """
        Host and port as a URL and the header Host write them.
        """
        return self.host_and_port.removesuffix(f":{DEFAULT_PORTS[self.scheme]}")

    @property
    def root(self) -> str:
        """
        The address of everything at this origin, a slash behind.

        With the slash: a longer host or port is another origin.
        """
        return f"{self.scheme}://{self.authority}/"

    @property
    def server_name(self) -> str:
        """
        The name that the server's certificate must bear.
        """
        return self.host.rstrip(".")


def origin_of(url: str) -> Origin | None:
    """
    Return the origin of *url*, None if it is no address for HTTP.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None

    if parts.scheme not in DEFAULT_PORTS or not host or port == 0:
        return None

    return Origin(
        scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme]
    )


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
