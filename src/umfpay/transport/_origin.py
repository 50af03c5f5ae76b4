"""
`Origin`: scheme, host and port of the only server that a pool connects to.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import attrs


DEFAULT_PORTS: Final = {"http": 80, "https": 443}


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
