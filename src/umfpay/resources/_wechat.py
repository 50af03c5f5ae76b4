"""
WeChat: the address that gives a customer's open_id.
"""

from __future__ import annotations

from typing import Unpack

from umfpay import _codec
from umfpay.errors import ConfigError
from umfpay.models import Link
from umfpay.resources._arguments import needed_object
from umfpay.resources._call import Sender
from umfpay.resources._call_options import CallOptions
from umfpay.transport import Call, Effect


class WeChat:
    """
    ``session.wechat``
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def openid_link(
        self,
        notify_url: str,
        *,
        mer_reference_id: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Link:
        """
        Ask for the page that a customer opens in WeChat (gateway.md 5.14).

        Args:
            notify_url: The merchant's page that the customer's browser returns to
                with ``open_id`` in the query; it can have no query of its own.

        Raises:
            ConfigError: *notify_url* is no http(s) address or has a query.
        """
        needed_object("notify_url", notify_url, str)

        if not notify_url.startswith(("http://", "https://")) or "?" in notify_url:
            raise ConfigError(
                "notify_url: it must be an http(s) address without a query.",
                "notify_url：必须是不带查询参数的 http(s) 地址。",
            )

        return await self._sender.send(
            Call(
                name="wechat.openid_link",
                method="GET",
                path="/payments/wechat_openid",
                query={"notify_url": notify_url, "mer_reference_id": mer_reference_id},
                effect=Effect.READ,
                read=_codec.read_wechat_link,
                unsigned_allowed=True,
            ),
            options,
        )
