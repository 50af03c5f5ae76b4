"""
The token rule: a new token kills the old one at once (gateway.md 2.2).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._members import text
from umfpay.emulator._messages import Refusal


DEAD_TOKEN_CODE = "00280703"  # noqa: S105 (a return code)


def issue(gateway_state: GatewayState, body: Members) -> Members:
    """
    Give a token to a client that proves itself (gateway.md 2.2).

    Raises:
        Refusal: Id, secret or grant_type is wrong.
    """
    known = gateway_state.merchants.get(text(body.get("client_id")))
    secret = "" if known is None else known.client_secret.reveal()

    if known is None or not hmac.compare_digest(
        text(body.get("client_secret")).encode(), secret.encode()
    ):
        raise Refusal("00060711", "client_id or client_secret is wrong", status=401)

    if text(body.get("grant_type")) != "client_credentials":
        raise Refusal("00060700", "grant_type is client_credentials", status=400)

    # access_token comes first, and a meta directly behind it: some clients cut
    # (gateway.md 2.2).
    answer: Members = {
        "access_token": make_token(gateway_state, known.client_id, by="client")
    }

    if gateway_state.settings.token_answer == "meta":  # noqa: S105 (a form)
        answer["meta"] = {"ret_msg": gateway_state.settings.ret_msg, "ret_code": "0000"}

    return {**answer, "expires_in": gateway_state.settings.token_lifetime}


def make_token(gateway_state: GatewayState, merchant: str, *, by: str) -> str:
    """
    Make the one token of *merchant* that is valid from now on.
    """
    token = secrets.token_hex(32)
    record: dict[str, Any] = {
        # Not the token: the books are a file.
        "digest": _digest(token),
        "until": gateway_state.clock.time() + gateway_state.settings.token_lifetime,
        "number": gateway_state.number(key_of(merchant, "token")),
        "merchant": merchant,
        "by": by,
    }
    gateway_state.store.put("token", merchant, record)

    return token


def steal(gateway_state: GatewayState) -> None:
    """
    Make a token of the first merchant for somebody else: the merchant's own is dead.
    """
    make_token(gateway_state, gateway_state.merchants.first.client_id, by="outsider")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def check(gateway_state: GatewayState, header: str | None) -> str:
    """
    Check the header Authorization: ``Bearer x`` or ``Bearerx``, in any case (gateway.md
    2.1).

    Returns:
        The client id of the merchant whose token it is.

    Raises:
        Refusal: The token is missing, dead or expired.
    """
    given = (header or "").strip()

    if given[:6].lower() != "bearer":
        raise Refusal(DEAD_TOKEN_CODE, "no bearer token")

    digest = _digest(given[6:].strip())
    record = next(
        (
            one
            for one in (
                gateway_state.store.get("token", name)
                for name in gateway_state.merchants
            )
            if one is not None and hmac.compare_digest(digest, one["digest"])
        ),
        None,
    )

    if record is None:
        raise Refusal(DEAD_TOKEN_CODE, "the token is not the newest")

    if record["until"] <= gateway_state.clock.time():
        raise Refusal(DEAD_TOKEN_CODE, "the token has expired")

    merchant = str(record["merchant"])
    gateway_state.token_calls[merchant][record["number"]] += 1

    return merchant
