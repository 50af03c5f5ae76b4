"""
Which method and path is which call (gateway.md 5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Literal

import attrs

from umfpay.emulator import _customs as customs
from umfpay.emulator import _enterprises as enterprises
from umfpay.emulator import _payments as payments
from umfpay.emulator import _reference_data as reference_data
from umfpay.emulator import _refunds as refunds
from umfpay.emulator import _statement_files as files
from umfpay.emulator import _statements as statements
from umfpay.emulator._gateway_state import Members
from umfpay.emulator._messages import Refusal


Result = Members | bytes
# Those that may take long are coroutines: others are served meanwhile.
Handler = Callable[..., Result | Coroutine[Any, Any, Result]]

SUCCESS: Final = "Success"
_META_MEMBERS: Final[Mapping[str, str]] = {"ret_msg": SUCCESS, "ret_code": "0000"}
# The captured query answer has it, blank (gateway.md 5.6).
_QUERY_META: Final = {"error_code": "", **_META_MEMBERS}
# Clients look for this word (gateway.md 5.21).
_SUCCESSFUL_META: Final = {**_META_MEMBERS, "ret_msg": "successful transaction"}


@attrs.frozen
class Endpoint:
    """
    A method and path, its handler, and what the handler needs.

    *needs* is the body, the query, or nothing besides the ids of the path. *signed*
    tells whether its answer has a sign in meta, *meta* what its meta holds.
    """

    method: str
    path: re.Pattern[str]
    handler: Handler
    needs: Literal["body", "query", ""]
    signed: bool = True
    meta: Mapping[str, str] = _META_MEMBERS


def _post(
    path: str, handler: Handler, *, meta: Mapping[str, str] = _META_MEMBERS
) -> Endpoint:
    return Endpoint("POST", re.compile(path), handler, "body", meta=meta)


def _get(
    path: str, handler: Handler, *, meta: Mapping[str, str] = _META_MEMBERS
) -> Endpoint:
    return Endpoint("GET", re.compile(path), handler, "", meta=meta)


def _ask(path: str, handler: Handler, *, signed: bool = True) -> Endpoint:
    return Endpoint("GET", re.compile(path), handler, "query", signed=signed)


_PAYMENT_PATH: Final = r"/payments/payment/(PAY_[A-Z2-7]+)"

_ENDPOINTS: Final = (
    _ask(r"/bank", reference_data.banks),
    _post(r"/payments/payment", payments.create),
    _post(rf"{_PAYMENT_PATH}/verify", payments.verify),
    _post(rf"{_PAYMENT_PATH}/execute", payments.execute),
    _get(_PAYMENT_PATH, payments.query, meta=_QUERY_META),
    # Older links: POST, and the path with /query (gateway.md 5.6, gateway.md, trap 7).
    Endpoint(
        "POST",
        re.compile(rf"{_PAYMENT_PATH}(?:/query)?"),
        payments.query,
        "",
        meta=_QUERY_META,
    ),
    _post(rf"{_PAYMENT_PATH}/refund", refunds.create),
    _get(r"/payments/refund/(REFUND_[A-Z2-7]+)", refunds.query),
    _post(rf"{_PAYMENT_PATH}/apply_to_customs", customs.apply),
    _get(r"/payments/customs_ ?declarations/(CUST_[A-Z2-7]+)", customs.query),
    _post(rf"{_PAYMENT_PATH}/update_express_info", payments.update_express_info),
    _post(r"/apply_to_customes_only", customs.apply_only, meta=_SUCCESSFUL_META),
    _post(r"/declare_again", customs.declare_again),
    _ask(r"/exchange_rate", reference_data.exchange_rate),
    _ask(r"/payments/wechat_openid", reference_data.wechat_openid, signed=False),
    _post(r"/enterprise_qualification", enterprises.register),
    _get(r"/enterprise_qualification/(EQ_[A-Z2-7]+)", enterprises.query),
    _ask(r"/payments/transactions", statements.transactions),
    _ask(r"/payments/reconciliation_statement", statements.reconciliation),
    # Its older name (gateway.md 5.16).
    _ask(r"/payments/reconciliations", statements.reconciliation),
    _ask(r"/payments/transactions_download", files.transactions_file),
    _ask(r"/payments/reconciliation_statement_download", files.reconciliation_file),
    _ask(r"/payments/customs_download", files.customs_file),
)


def route(method: str, path: str) -> tuple[Endpoint, tuple[Any, ...]]:
    """
    Return the call at *path* below the base URL, and the ids in it.

    Raises:
        Refusal: There is none.
    """
    other = False

    for endpoint in _ENDPOINTS:
        match = endpoint.path.fullmatch(path)

        if match is None:
            continue

        if endpoint.method == method:
            return endpoint, match.groups()

        other = True

    if other:
        raise Refusal("00060700", f"{method} is not for {path[:200]}", status=405)

    raise Refusal("00060700", f"no such path: {path[:200]}", status=404)
