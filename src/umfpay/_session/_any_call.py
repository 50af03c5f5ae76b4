"""
The call to any path: `UMFSession.request()`, and what an httpx client sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from umfpay._session._address import local_path, moves_money, payment_in, text_query
from umfpay._session._expected_answer import expected_answer
from umfpay.errors import ConfigError, Intent, Text, escape
from umfpay.resources import RefundIds
from umfpay.transport import Call, Effect


def any_call(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None,
    body: object | None,
    sent: object | None,
    refund_ids: RefundIds,
) -> Call[Mapping[str, Any]]:
    """
    Return the call of *method* to *path*: what it does is told by its path.

    Args:
        body: What the answer is compared with.
        sent: What is sent: *body*, or bytes that stand for it.
        refund_ids: The refunds that the session knows.

    Raises:
        ConfigError: Another method than GET without body and POST, or an address that is
            not below the base URL.
    """
    if method not in ("GET", "POST") or (method == "GET" and sent is not None):
        given = escape(str(method), limit=40)

        if method == "GET":
            given = "GET with a body / 有内容的 GET"

        raise ConfigError(
            Text(
                f"method: GET without body or POST, not {given}.",
                f"method：只支持无内容的 GET 或 POST，不支持 {given}。",
            )
        )

    path = local_path(path)
    effect = Effect.READ if method == "GET" else Effect.CREATE

    if method == "POST" and moves_money(path):
        effect = Effect.MONEY

    name = f"request {method} {path}"
    expected = expected_answer(
        method, path, query=text_query(query), body=body, refund_ids=refund_ids
    )

    return Call(
        name=name,
        method=method,
        path=path.replace("{", "%7B").replace("}", "%7D"),
        query=text_query(query),
        effect=effect,
        body=sent,
        read=expected.read,
        lookup=expected.lookup,
        intent=None
        if effect is Effect.READ
        else Intent.now(name, payment_id=payment_in(path)),
    )
