"""
The argument ``transport=``: checked against the Config, and against mocks that miss it.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, Final
from weakref import WeakSet

from umfpay.config import Config
from umfpay.errors import ConfigError, Text, call_errors
from umfpay.transport import family_of


_NETWORK_SETTINGS: Final = ("proxy", "ca_file", "client_certificate")

_warned: Final[WeakSet[object]] = WeakSet()


def refused_transport(transport: Any, config: Config) -> ConfigError | None:
    """
    Return the error for what the user gave in place of our own connections: it is no
    transport, or *config* has settings that only our own connections heed.
    """
    if transport is None:
        return None

    if family_of(transport) is None:
        return call_errors.no_transport(transport)

    for name in _NETWORK_SETTINGS:
        if getattr(config, name) is not None:
            return ConfigError.of(
                name,
                "the session was given transport=, which would not use it",
                "会话使用了 transport=，该设置不会生效",
                advice=Text(
                    "Set it on the transport and remove it from the Config, or give no"
                    " transport=.",
                    "请在 transport 上设置并从 Config 中移除，或不使用 transport=。",
                ),
            )

    return None


def warn_if_respx(session: object) -> None:
    """
    Warn once per *session* if a respx router is active, which mocks nothing of it.
    """
    mocks: Any = sys.modules.get("respx.mocks")
    mockers = getattr(getattr(mocks, "Mocker", None), "registry", {}).values()

    if session in _warned or not any(mocker.routers for mocker in mockers):
        return

    _warned.add(session)
    warnings.warn(
        "respx mocks httpx, and this session does not use httpx: give it"
        " transport=httpx.AsyncHTTPTransport() / respx 只模拟 httpx，而本会话不使用"
        " httpx：请传入 transport=httpx.AsyncHTTPTransport()",
        stacklevel=5,
    )
