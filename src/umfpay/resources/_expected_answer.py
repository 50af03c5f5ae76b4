"""
What the signed answer to `request()` must be about, per known endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import unquote

import attrs

from umfpay import _codec
from umfpay.errors import EnvelopeError
from umfpay.models import (
    Amount,
    Currency,
    CustomsDeclaration,
    EnterpriseQualification,
    Payment,
    ReconciliationsPage,
    Refund,
    TransactionsPage,
)
from umfpay.resources._customs import (
    missing_query,
)
from umfpay.resources._enterprises import (
    enterprise_query,
)
from umfpay.resources._matching import (
    KnownDeclaration,
    KnownOrder,
    must_be_banks,
    must_be_enterprise,
    must_be_of_day,
    must_be_of_kind,
    must_be_page,
    must_be_payment,
    must_be_refund,
    must_match,
    must_name_number,
    must_name_only,
)
from umfpay.resources._payments import (
    executed_query,
    payment_query,
)
from umfpay.resources._refund_ids import (
    RefundIds,
)
from umfpay.resources._refunds import (
    original_query,
)
from umfpay.transport import Call


Members = Mapping[str, Any]

_BLANKS: Final = re.compile(r"\s+")
_SLASHES: Final = re.compile(r"/+")


def _not_compared(_members: Members) -> None:
    return None


@attrs.frozen(kw_only=True)
class ExpectedAnswer:
    """
    How the answer to a call of `request()` is compared.

    Args:
        kind: What it is about, "" for an endpoint that is not known.
        must_fit: Raises `MismatchedResponseError`, or `EnvelopeError` if it holds none.
        lookup: As in `Call`.
    """

    kind: str = ""
    must_fit: Callable[[Members], object] = _not_compared
    lookup: Callable[[Members], Call[Any] | None] | None = None

    def read(self, members: Members) -> Members:
        """
        Return *members*, compared.

        Raises:
            MismatchedResponseError: It is about something else.
        """
        try:
            self.must_fit(members)
        except EnvelopeError:
            pass
        else:
            return members

        # Its form is the caller's to read, but not another thing in its place.
        must_be_of_kind(members, self.kind)

        return members


def expected_answer(
    method: str,
    path: str,
    *,
    query: Mapping[str, str],
    body: object,
    refund_ids: RefundIds | None = None,
) -> ExpectedAnswer:
    """
    Return what the answer must be about.

    Args:
        body: What the caller gives: models, dicts or anything else.
        refund_ids: Of the session; a new refund is noted there.
    """
    clean = _SLASHES.sub("/", _BLANKS.sub("", unquote(path))).strip("/")

    for known, pattern, make in _ENDPOINTS:
        found = pattern.fullmatch(clean)

        if known == method and found is not None:
            key = found.groupdict().get("key", "")

            return make(_Request(key, query, body, refund_ids or RefundIds()))

    return ExpectedAnswer()


@attrs.frozen
class _Request:
    """
    What an answer is compared with: the id in the path, query and body.
    """

    key: str
    query: Mapping[str, str]
    body: object
    refund_ids: RefundIds


def _creation(request: _Request) -> ExpectedAnswer:
    ordered = _ordered(_part(request.body, "order"))

    def must_fit(members: Members) -> None:
        must_be_payment(members, _codec.read_object(members, Payment), ordered)

    def lookup(members: Members) -> Call[Any] | None:
        try:
            payment = _codec.read_object(members, Payment)
        except EnvelopeError:
            return None

        if ordered.is_named_by(payment.order):
            return None

        return payment_query(payment.id, ordered)

    return ExpectedAnswer(kind="payment", must_fit=must_fit, lookup=lookup)


def _payment(request: _Request) -> ExpectedAnswer:
    key = request.key

    def must_fit(members: Members) -> None:
        payment = _codec.read_object(members, Payment, asked=key)
        must_match("payment", key, payment.id)
        must_be_payment(members, payment)

    return ExpectedAnswer(kind="payment", must_fit=must_fit)


def _execution(request: _Request) -> ExpectedAnswer:
    key = request.key

    def lookup(members: Members) -> Call[Any] | None:
        if key in _codec.ids_named(members):
            return None

        try:
            return executed_query(_codec.read_object(members, Payment, asked=key))
        except EnvelopeError:
            return None

    return attrs.evolve(_payment(request), lookup=lookup)


def _refund(request: _Request) -> ExpectedAnswer:
    key, wanted = request.key, _ordered(_refund_part(request.body))
    number = wanted.mer_reference_id or ""

    def must_fit(members: Members) -> None:
        refund = _codec.read_object(members, Refund)
        must_name_only(members, PAY=key, REFUND=refund.id)
        must_be_refund(
            refund,
            payment_id=key,
            wanted=wanted,
            known_refunds=request.refund_ids.of_other_numbers(key, number),
        )
        request.refund_ids.add(key, refund.id, number)

    def lookup(members: Members) -> Call[Any] | None:
        try:
            return original_query(_codec.read_object(members, Refund), key, wanted)
        except EnvelopeError:
            return None

    return ExpectedAnswer(kind="refund", must_fit=must_fit, lookup=lookup)


def _refund_query(request: _Request) -> ExpectedAnswer:
    key = request.key

    def must_fit(members: Members) -> None:
        must_match("refund", key, _codec.read_object(members, Refund, asked=key).id)
        must_name_only(members, REFUND=key)

    return ExpectedAnswer(kind="refund", must_fit=must_fit)


def _declaration(request: _Request) -> ExpectedAnswer:
    key, body = request.key, request.body
    declared = KnownDeclaration(
        payment_id=key,
        customs_id=_text(_part(body, "customs_id")),
        mer_customs_code=_text(_part(body, "mer_customs_code")),
        ec_plat_id=_text(_part(body, "ec_plat_id")),
        mer_sub_reference_id=_text(
            _part(body, "sub_order", "mer_sub_reference_id")
            or _part(body, "mer_sub_reference_id")
        ),
        sub_order_amount=_money(_part(body, "sub_order_amount")),
        freight_amount=_money(_part(body, "freight_amount")),
        tax_amount=_money(_part(body, "tax_amount")),
    )

    def must_fit(members: Members) -> None:
        found = _codec.read_object(members, CustomsDeclaration)
        must_name_only(members, PAY=key, CUST=found.id)
        declared.must_be(found)

    def lookup(members: Members) -> Call[Any] | None:
        try:
            return missing_query(
                _codec.read_object(members, CustomsDeclaration), declared
            )
        except EnvelopeError:
            return None

    return ExpectedAnswer(kind="customs", must_fit=must_fit, lookup=lookup)


def _declaration_query(request: _Request) -> ExpectedAnswer:
    key = request.key

    def must_fit(members: Members) -> None:
        found = _codec.read_object(members, CustomsDeclaration, asked=key)
        must_match("customs declaration", key, found.id)
        must_name_only(members, CUST=key)

    return ExpectedAnswer(kind="customs", must_fit=must_fit)


def _registration(request: _Request) -> ExpectedAnswer:
    given = _part(request.body, "enterprise_qualification") or request.body
    external, kind = (
        _text(_part(given, name)) for name in ("external_enterprise_id", "busi_type")
    )

    def must_fit(members: Members) -> None:
        company = _codec.read_object(members, EnterpriseQualification)
        must_name_only(members, EQ=company.id)
        must_be_enterprise(company, external_enterprise_id=external, busi_type=kind)

    def lookup(members: Members) -> Call[Any] | None:
        try:
            company = _codec.read_object(members, EnterpriseQualification)
        except EnvelopeError:
            return None

        if company.id is None or company.external_enterprise_id is not None:
            return None

        return enterprise_query(
            company.id, external_enterprise_id=external, busi_type=kind
        )

    return ExpectedAnswer(kind="enterprise", must_fit=must_fit, lookup=lookup)


def _enterprise(request: _Request) -> ExpectedAnswer:
    key = request.key

    def must_fit(members: Members) -> None:
        company = _codec.read_object(members, EnterpriseQualification, asked=key)
        must_match("enterprise", key, company.id)
        must_name_only(members, EQ=key)

    return ExpectedAnswer(kind="enterprise", must_fit=must_fit)


def _rate(request: _Request) -> ExpectedAnswer:
    currency = request.query.get("currency")

    if not currency:
        return ExpectedAnswer()

    asked = Currency(currency)

    return ExpectedAnswer(
        kind="rate",
        must_fit=lambda members: _codec.read_rate(members, currency=asked),
    )


def _banks(request: _Request) -> ExpectedAnswer:
    kind = request.query.get("type")

    def must_fit(members: Members) -> None:
        must_be_banks(_codec.read_banks(members), kind)

    return ExpectedAnswer(kind="banks", must_fit=must_fit)


def _transactions(request: _Request) -> ExpectedAnswer:
    query = request.query
    day, number = _day(query.get("mer_date")), _number(query.get("page_number"))

    def must_fit(members: Members) -> None:
        page = _codec.read_page(members, TransactionsPage)
        must_be_page(page, number)

        if day is not None:
            must_be_of_day(page, day)

    return ExpectedAnswer(kind="transactions", must_fit=must_fit)


def _reconciliation(request: _Request) -> ExpectedAnswer:
    query = request.query
    day = _day(query.get("settle_date") or query.get("mer_date"))
    number = _number(query.get("page_number"))

    def must_fit(members: Members) -> None:
        page = _codec.read_page(members, ReconciliationsPage)
        must_be_page(page, number)
        must_match("settle_date", day, page.settle_date)

    return ExpectedAnswer(kind="reconciliations", must_fit=must_fit)


def _named_payment(request: _Request) -> ExpectedAnswer:
    """
    Return what holds for answers that name the payment in links only, if at all.
    """

    def must_fit(members: Members) -> None:
        must_be_of_kind(members, "payment")
        must_name_only(members, PAY=request.key)

    return ExpectedAnswer(kind="payment", must_fit=must_fit)


def _numbered(request: _Request) -> ExpectedAnswer:
    number = _text(_part(request.body, "mer_reference_id"))

    def must_fit(members: Members) -> None:
        must_be_of_kind(members, "customs")
        must_name_number(members, number)

    return ExpectedAnswer(kind="customs", must_fit=must_fit)


def _wechat_link(_request: _Request) -> ExpectedAnswer:
    return ExpectedAnswer(kind="a WeChat page", must_fit=_codec.read_wechat_link)


def _endpoint(
    method: str, path: str, make: Callable[[_Request], ExpectedAnswer]
) -> tuple[str, re.Pattern[str], Callable[[_Request], ExpectedAnswer]]:
    # Money is looked for in any spelling, and so is what must be compared.
    pattern = re.compile(path.replace("{key}", "(?P<key>[^/]+)"), re.IGNORECASE)

    return method, pattern, make


_PAYMENT: Final = "payments/payment/{key}"
_ENDPOINTS: Final = (
    _endpoint("POST", "payments/payment", _creation),
    _endpoint("GET", _PAYMENT, _payment),
    _endpoint("POST", f"{_PAYMENT}(/query)?", _payment),
    _endpoint("POST", f"{_PAYMENT}/execute", _execution),
    _endpoint("POST", f"{_PAYMENT}/refund", _refund),
    _endpoint("POST", f"{_PAYMENT}/apply_to_customs", _declaration),
    _endpoint("POST", f"{_PAYMENT}/(verify|update_express_info)", _named_payment),
    _endpoint("GET", "payments/refund/{key}", _refund_query),
    _endpoint("GET", "payments/customs_declarations/{key}", _declaration_query),
    _endpoint("POST", "enterprise_qualification", _registration),
    _endpoint("GET", "enterprise_qualification/{key}", _enterprise),
    _endpoint("POST", "apply_to_customes_only|declare_again", _numbered),
    _endpoint("GET", "bank", _banks),
    _endpoint("GET", "exchange_rate", _rate),
    _endpoint("GET", "payments/wechat_openid", _wechat_link),
    _endpoint("GET", "payments/transactions", _transactions),
    _endpoint("GET", "payments/reconciliation_statement", _reconciliation),
)


def _part(given: object, *names: str) -> Any:
    """
    Return a member of a model or of a dict, None if there is none.
    """
    for name in names:
        given = (
            given.get(name)
            if isinstance(given, Mapping)
            else getattr(given, name, None)
        )

    return given


def _refund_part(body: object) -> object:
    """
    Return the refund in one of the forms of its body (gateway.md 5.7).
    """
    inner = _part(body, "refund") or body
    orders = _part(inner, "orders")

    if isinstance(orders, list) and orders:
        return orders[0]

    return _part(inner, "refund_info") or _part(inner, "order") or inner


def _ordered(given: object) -> KnownOrder:
    total = _part(given, "amount", "total")

    return KnownOrder(
        mer_reference_id=_text(_part(given, "mer_reference_id")),
        mer_date=_day(_part(given, "mer_date")),
        total=_amount(total),
        currency=_text(_part(given, "amount", "currency")),
    )


def _text(given: object) -> str | None:
    return str(given) if isinstance(given, str) and given else None


def _amount(given: object) -> Decimal | None:
    try:
        return Decimal(given) if isinstance(given, Decimal | int | str) else None
    except InvalidOperation:
        return None


def _money(given: object) -> Amount:
    currency = _text(_part(given, "currency"))

    return Amount(
        total=_amount(_part(given, "total")),
        currency=None if currency is None else Currency(currency),
    )


def _number(given: str | None) -> int | None:
    return int(given) if given is not None and given.isdecimal() else None


def _day(given: object) -> date | None:
    if isinstance(given, date):
        return given

    try:
        return datetime.strptime(str(given), "%Y%m%d").date()  # noqa: DTZ007 (a day)
    except ValueError:
        return None
