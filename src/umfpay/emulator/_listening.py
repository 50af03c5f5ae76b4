"""
Where servers listen, and what to say when they cannot.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

from umfpay.errors import ConfigError, Text


MAX_QUEUED_CONNECTIONS: Final = 1024

_OTHER_HOST_ADVICE: Final = Text(
    "Take another --host: an address of this machine.",
    "请更换 --host：须为本机的地址。",
)


def listening_socket(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """
    Return a socket that listens on *host* and *port*; 0 takes any free port.

    Args:
        option: What the command calls the port.

    Raises:
        ConfigError: The port is in use, or the host is not this machine's.
    """
    if not host:
        # The system takes it for all addresses.
        raise _listening_error(host, port, "no host", advice=_OTHER_HOST_ADVICE)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio switches off Nagle on what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    try:
        listener.bind((host, port))
        listener.listen(MAX_QUEUED_CONNECTIONS)
    except OverflowError:
        listener.close()
        raise _listening_error(
            host, port, "not a port", advice=_other_port_advice(option)
        ) from None
    except (TypeError, ValueError):
        listener.close()
        raise _listening_error(
            host, port, "not a host", advice=_OTHER_HOST_ADVICE
        ) from None
    except OSError as exc:
        listener.close()
        of_port = exc.errno in (errno.EADDRINUSE, errno.EACCES)
        raise _listening_error(
            host,
            port,
            exc.strerror or type(exc).__name__,
            advice=_other_port_advice(option) if of_port else _OTHER_HOST_ADVICE,
        ) from None

    listener.setblocking(False)  # noqa: FBT003 (its only argument)

    return listener


def _other_port_advice(option: str) -> Text:
    return Text(
        f"Take another {option}, or end the program that uses it.",
        f"请更换 {option}，或结束占用该端口的程序。",
    )


def _listening_error(host: str, port: int, reason: str, *, advice: Text) -> ConfigError:
    place = f"{host.encode('unicode_escape').decode('ascii')}:{port}"

    return ConfigError(
        f"{place}: cannot listen there ({reason}).",
        f"{place}：无法监听（{reason}）。",
        advice=advice,
    )
