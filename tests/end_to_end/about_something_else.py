"""
Classes of answers, files and notifications that are signed and about something else.

The gateway signs for all its merchants with one key, and old answers stay signed for
ever: whatever a row holds has a good signature. `CLASSES` is the one table of them; the
columns are those of `Class`. Who adds a call adds its rows here.

``python tests/end_to_end/about_something_else.py`` prints it, one line a class.

The rows are run by ``test_signed_about_something_else.py`` (answers and files, over a
real socket) and ``test_notified_about_something_else.py`` (notifications).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from umfpay.protocol import new_object_id


Kind = Literal["answer", "file", "notification"]
Members = dict[str, Any]


@attrs.frozen
class Class:
    """
    One class of signed bytes.

    Attributes:
        number: Its place in the table.
        kind: How the bytes come.
        asked: The call that they answer, a name in `CALLS` or `FILES` of the test; of a
            notification the object that the shop expects.
        told: What the signed bytes say instead.
        end: Of an answer: ``refused`` (nothing can have happened), ``unclear`` (an
            object may be there: `OutcomeUnknownError`), ``money unclear`` (money may
            have moved), ``not finished`` (a flow never returns it; money may move),
            ``not finished, no money``, ``unknown`` (``resolve()`` takes it for no
            evidence). Of a file: ``unproven``. Of a notification: the list on which it
            is found; it is never applied.
        because: What the error, or the list, must name: it ends for this reason and
            for no other.
        signed: The notification; or, by a pattern of method and path, what the gateway
            answers: the first that fits.
    """

    number: int
    kind: Kind
    asked: str
    claim: str
    end: str
    because: str
    signed: Mapping[str, Any]

    @property
    def name(self) -> str:
        """
        Its name in a report of the tests.
        """
        return f"{self.number:03}-{self.kind}-{self.asked}-{self.claim}"


# --- What the gateway signs. ---

PAY, OTHER = "PAY_AAAA", "PAY_BBBB"
DAY = "20261123"
USD = {"total": "10.00", "currency": "USD"}
LESS = {"total": "1.00", "currency": "USD"}
EURO = {"total": "10.00", "currency": "EUR"}
NAMED = {"mer_reference_id": "O1", "mer_date": DAY, "amount": USD}


def numbered(prefix: str, number: int, day: int = 20261123) -> str:
    """
    Return an id that holds a number of digits, as the gateway's do (gateway.md 5.22).
    """
    return new_object_id(prefix, number.to_bytes(8) + day.to_bytes(4))


R1, R2 = numbered("REFUND", 9010040124), numbered("REFUND", 9010040125)
CODED_COMPANY = new_object_id("EQ", b"c-1|GFHG20261123")


def link(path: str, ref: str = "self") -> Members:
    return {"ref": ref, "method": "GET", "href": f"http://10.0.0.1/spay_rest/{path}"}


def payment(
    key: str | None = PAY,
    *,
    links: list[Members] | None = None,
    state: str = "WAIT_BUYER_PAY",
    **order: Any,
) -> Members:
    """
    Return an answer about a payment; its order is the right one but for *order*.
    """
    return {
        "payment": {
            **({} if key is None else {"id": key}),
            "state": state,
            "order": {
                name: value
                for name, value in {**NAMED, **order}.items()
                if value is not None
            },
        },
        "links": [link(f"payments/payment/{PAY}")] if links is None else links,
    }


def bare(**order: Any) -> Members:
    """
    Return a query's answer as the real gateway gives it: without id and links.
    """
    return payment(None, links=[], **order)


def paid(**order: Any) -> Members:
    return bare(state="TRADE_SUCCESS", **order)


def refund(
    key: str = R2,
    *,
    parent: str = PAY,
    links: list[Members] | None = None,
    **order: Any,
) -> Members:
    named = {
        # Of the original order, in CNY cents (gateway.md, trap 15).
        "mer_reference_id": "O1",
        "mer_date": DAY,
        "amount": {"total": "3451", "currency": "USD", "total_cny": ""},
        **order,
    }

    return {
        "links": [
            link(f"payments/payment/{parent}", "parent_payment"),
            link(f"payments/refund/{key}"),
        ]
        if links is None
        else links,
        "refund": {"orders": [named], "state": "REFUND_PROCESS"},
    }


def refunded(**members: Any) -> Members:
    """
    Return the answer to the query of a refund: a state and nothing else.
    """
    return {"refunds": [{"state": "REFUND_SUCCESS", **members}]}


def declaration(
    key: str = "CUST_AAAA",
    *,
    parent: str = PAY,
    links: list[Members] | None = None,
    **changes: Any,
) -> Members:
    return {
        "links": [
            link(f"payments/payment/{parent}", "parent_payment"),
            link(f"payments/customs_ declarations/{key}"),
        ]
        if links is None
        else links,
        "customsDeclarations": [
            {
                "customs_id": "HZ",
                "mer_customs_code": "3301",
                "ec_plat_id": "P1",
                "sub_order": {"mer_sub_reference_id": "77"},
                "sub_order_amount": USD,
                "freight_amount": {"total": "1.00", "currency": "USD"},
                "tax_amount": {"total": "2.00", "currency": "USD"},
                **changes,
            }
        ],
    }


OTHER_SUB_ORDER = {"sub_order": {"mer_sub_reference_id": "78"}}


def company(key: str = "EQ_AAAA", **changes: Any) -> Members:
    return {
        "enterprise_qualification": {
            "external_enterprise_id": "c-1",
            "busi_type": "GFHG",
            "enterprise_status": "DISABLE",
            **changes,
        },
        "links": [link(f"enterprise_qualification/{key}")],
    }


OTHER_COMPANY = {"external_enterprise_id": "c-2"}


def row(**changes: Any) -> Members:
    """
    Return one payment of a list.
    """
    given = {"payment_id": PAY, "order_date": DAY, "mer_reference_id": "O1"}

    return {**given, "amount": USD, "state": "TRADE_SUCCESS", **changes}


def refund_row(**changes: Any) -> Members:
    """
    Return the refund with the number 9010040125 in a list, as documented.
    """
    amount = {"total": "5.00", "currency": "USD"}

    return {
        "refund_id": R2,
        "payment_id": PAY,
        "amount": amount,
        "state": "REFUND_SUCCESS",
        **changes,
    }


def listed(
    *rows: Members,
    refunds: tuple[Members, ...] = (),
    page: int | None = 1,
    name: str = "transactions",
    total: int | None = None,
    **more: Any,
) -> Members:
    count = len(rows) + len(refunds) if total is None else total

    return {
        name: {
            "payment_summaries": list(rows),
            "refund_summaries": list(refunds),
            "pagination": {
                "total_count": count,
                "page_size": 500,
                **({} if page is None else {"page_number": page}),
            },
            **more,
        }
    }


def transactions(**changes: Any) -> Members:
    return listed(row(), **changes)


def settled(**changes: Any) -> Members:
    return listed(row(), name="reconciliations", **changes)


OLD = row(order_date="20200101")
BANKS = {"banks": [{"code": "A", "types": ["CREDIT_CARD"]}]}
DEBIT_BANKS = {"banks": [{"code": "A", "types": ["DEBIT_CARD"]}]}
RATE = {"exchangeRates": [{"rate": "0.9", "currency": "HKD"}]}
SMS = {"links": [link(f"payments/payment/{PAY}")]}
OTHER_SMS = {"links": [link(f"payments/payment/{OTHER}")]}
WECHAT_PAGE = {"links": [link("connect/oauth2/authorize", "weChat")]}


def book(day: str = DAY, merchant: str = "8017") -> bytes:
    """
    Return a transaction file (gateway.md 9.1).
    """
    frame = f"{merchant},{day}"

    return f"TRANSDETAIL-START,{frame}\nTRANSDETAIL-End,{frame},0.00\n".encode()


# --- Rows without their numbers. ---


def _row(
    asked: str, claim: str, end: str, because: str, signed: Mapping[str, Any]
) -> Class:
    return Class(0, "answer", asked, claim, end, because, signed)


def _answers(asked: str, end: str, *given: tuple[str, str, Members]) -> list[Class]:
    """
    Return rows of one answer to all that a call asks.
    """
    return [
        _row(asked, claim, end, because, {".": signed})
        for claim, because, signed in given
    ]


def _steps(
    asked: str, end: str, claim: str, because: str, **signed: Members | bytes
) -> Class:
    """
    Return a row of several answers.

    Args:
        signed: By method: a call and the query that follows it.
    """
    return _row(asked, claim, end, because, signed)


def _another_payment(asked: str, end: str, *, any_id: bool = False) -> list[Class]:
    """
    Return what every answer is refused for that must be about `PAY`.

    Args:
        any_id: The call makes the payment, whose id nobody knows before.
    """
    inside = payment()
    inside["payment"]["links"] = [link(f"payments/payment/{OTHER}")]
    deep = payment()
    deep["payment"]["order"]["parent"] = {"links": [link(f"payments/payment/{OTHER}")]}
    two = [link(f"payments/payment/{PAY}"), link(f"payments/payment/{OTHER}")]
    leads = link(f"payments/payment/{OTHER}/refund", "refund")

    rows = _answers(
        asked,
        end,
        ("another payment's id", OTHER, payment(OTHER, links=[])),
        (
            "another payment's id in the self link",
            OTHER,
            payment(None, links=[link(f"payments/payment/{OTHER}")]),
        ),
        ("a second self link to another payment", OTHER, payment(links=two)),
        ("a link to the refund of another payment", OTHER, payment(links=[leads])),
        ("a self link inside the payment to another one", OTHER, inside),
        ("a self link deep in the order to another payment", OTHER, deep),
    )

    return rows[2:] if any_id else rows


WRONG_ORDERS: dict[str, tuple[str, Members]] = {
    "another order's number": ("mer_reference_id: O2", {"mer_reference_id": "O2"}),
    "another day": ("mer_date: 2020-01-01", {"mer_date": "20200101"}),
    "another amount": ("amount: 1.00", {"amount": LESS}),
    "another currency": ("currency: EUR", {"amount": EURO}),
}


def _another_order(asked: str, end: str) -> list[Class]:
    return _answers(
        asked,
        end,
        *[
            (claim, because, payment(**order))
            for claim, (because, order) in WRONG_ORDERS.items()
        ],
    )


def _another_order_asked_for(asked: str, end: str) -> list[Class]:
    """
    Return rows of a create answer that names nothing, and a query that names too much.
    """
    return [
        _steps(
            asked,
            end,
            f"{claim}, in the query for what was missing",
            because,
            POST=payment(**dict.fromkeys(order)),
            GET=bare(**order),
        )
        for claim, (because, order) in WRONG_ORDERS.items()
    ]


def _another_kind(end: str, because: str, *calls: str) -> list[Class]:
    """
    Return rows of an answer to another call altogether.
    """
    return [
        one
        for asked in calls
        for one in _answers(asked, end, ("the list of banks", because, BANKS))
    ]


def _with(shown: Members) -> Members:
    made = payment()
    made["payment"]["payer"] = {"payer_info": shown}

    return made


MADE = {
    "card_flow": payment(),
    "confirm_flow": payment(),
    "qr_flow": _with({"qr_code_scan": {"qr_code_url": "weixin://x"}}),
    "wechat_web_flow": _with({"wechat_in_app_web": {"pay_info": {"app_id": "a"}}}),
    "wechat_app_flow": _with({"wechat_in_app": {"pay_info": {"app_id": "a"}}}),
    **dict.fromkeys(
        ("checkout_flow", "bank_flow"),
        payment(
            links=[
                link(f"payments/payment/{PAY}"),
                link("upay/cbPluginPay.do?x=1", "upay"),
            ]
        ),
    ),
}
PAYING = list(MADE)


def flow_answers(asked: str, *queried: Members) -> Members:
    """
    Return what a gateway answers to a flow that pays.

    Args:
        queried: To its queries, one after another; the last one again and again.
    """
    return {
        "POST /payments/payment$": MADE[asked],
        "/verify": SMS,
        "/execute": payment(state="TRADE_SUCCESS"),
        "GET": list(queried),
    }


FINALS: dict[str, tuple[str, Members]] = {
    claim: (because, paid(**order)) for claim, (because, order) in WRONG_ORDERS.items()
} | {"another payment's id": (OTHER, payment(OTHER, links=[], state="TRADE_SUCCESS"))}


def _another_end(asked: str) -> list[Class]:
    """
    Return final states of something else that answer the queries of a flow.
    """
    # Before it sends the code this one asks for the payment, too.
    before = [bare()] if asked == "confirm_flow" else []

    return [
        _row(
            asked,
            f"paid: {claim}",
            "not finished",
            because,
            flow_answers(asked, *before, final),
        )
        for claim, (because, final) in FINALS.items()
    ]


def _another_beginning(asked: str) -> Class:
    return _row(
        asked,
        "created: another order's number",
        "unclear",
        "mer_reference_id: O2",
        {".": payment(mer_reference_id="O2")},
    )


NOT_REFUNDED = {"/transactions": transactions(), f"GET /payments/payment/{PAY}": paid()}


def _refund_end(claim: str, because: str, final: Members) -> Class:
    return _row(
        "refund_flow",
        claim,
        "not finished",
        because,
        {**NOT_REFUNDED, "POST": refund(), "GET": final},
    )


def _resolved(
    asked: str, claim: str, end: str, because: str, lists: Members, query: Members
) -> Class:
    signed = {"/transactions": lists, "GET": query}

    return _row(asked, claim, end, because, signed)


def _file(asked: str, claim: str, because: str, signed: bytes | Members) -> Class:
    return Class(0, "file", asked, claim, "unproven", because, {".": signed})


# --- What comes to a notify_url. ---

BACK = {"total": "4.00", "currency": "USD"}
META = {"ret_code": "0000", "ret_msg": "Success"}
LINKS = [
    {"ref": "self", "method": "GET", "href": "https://x/payments/payment/PAY_MINE"},
    {"ref": "refund", "method": "POST", "href": "https://x/payments/payment/PAY_MINE"},
]
ANSWER = {"meta": META, "links": LINKS}


def notified_payment(
    key: str | None = "PAY_MINE",
    *,
    number: str | None = "n1",
    day: str = "20261123",
    amount: Members | None = USD,
    outside: Members | None = None,
    **members: Any,
) -> Members:
    """
    Return the right notification about the order, but for what is given.
    """
    order: Members = {"mer_date": day}
    order |= {} if number is None else {"mer_reference_id": number}
    order |= {} if amount is None else {"amount": amount}
    named = {} if key is None else {"id": key}
    claim = {"state": "TRADE_SUCCESS", "order": order, **named, **members}

    return {"payment": claim, **(outside or {})}


def notified_refund(
    key: str | None = "REFUND_MINE",
    *,
    number: str = "r1",
    parent: str | None = "PAY_MINE",
    amount: Members = BACK,
    **members: Any,
) -> Members:
    """
    Return the right notification about the refund, but for what is given.
    """
    order = {"amount": amount, "mer_reference_id": number, "mer_date": "20261124"}
    named = {} if key is None else {"id": key}
    claim = {} if parent is None else {"parent_payment": parent}

    return {
        "refund": {"state": "REFUND_SUCCESS", "order": order, **named, **claim}
        | members
    }


def notified_customs(key: str | None = "CUST_MINE", **members: Any) -> Members:
    named = {} if key is None else {"id": key}

    return {"customs_declaration": {"state": "SUCCESS", **named, **members}}


def _notified(asked: str, *given: tuple[str, str, str, Members]) -> list[Class]:
    return [
        Class(0, "notification", asked, claim, end, because, signed)
        for claim, end, because, signed in given
    ]


# --- The table. ---

_ROWS: list[Class] = [
    # Payments.
    *_another_payment("create", "unclear", any_id=True),
    *_another_order("create", "unclear"),
    *_another_order_asked_for("create", "unclear"),
    *_another_payment("get", "refused"),
    *_another_payment("get_many", "refused"),
    *_another_payment("execute", "money unclear"),
    _steps(
        "execute",
        "money unclear",
        "another order's number, of an answer that names no id",
        "mer_reference_id: O1",
        POST=bare(mer_reference_id="O2"),
        GET=bare(),
    ),
    *_answers(
        "verify",
        "refused",
        ("another payment's id in the self link", OTHER, OTHER_SMS),
        (
            "a link inside to another payment",
            OTHER,
            {"payment": {"links": [link(f"payments/payment/{OTHER}/x", "confirm")]}},
        ),
        ("the refund of this payment", "about refund", refund()),
        ("a declaration of this payment", "about customs", declaration()),
        (
            "a declaration of a payment made elsewhere",
            "about customs",
            {"customes_declaration_only": {"pay_trace": "1"}},
        ),
        ("a bare rate", "about rate", {"rate": "6.9"}),
    ),
    *_answers(
        "tracking",
        "unclear",
        ("another payment's id", OTHER, {"payment": {"id": OTHER}}),
        ("the refund of this payment", "about refund", refund()),
    ),
    *_answers(
        "tracking_flow",
        "unclear",
        ("another payment's id", OTHER, {"payment": {"id": OTHER}}),
    ),
    # Refunds.
    *_answers(
        "refund",
        "money unclear",
        ("another payment's refund", OTHER, refund(parent=OTHER)),
        ("another refund by the number in its id", "number in the refund", refund(R1)),
        (
            "a refund that was known before",
            "another refund: REFUND_KNOWN",
            {"refund": {"id": "REFUND_KNOWN", "parent_payment": PAY}},
        ),
        (
            "another currency",
            "currency: EUR",
            refund(amount={"total": "3451", "currency": "EUR"}),
        ),
        (
            "a second self link to another refund",
            R1,
            refund(
                links=[link(f"payments/refund/{R2}"), link(f"payments/refund/{R1}")]
            ),
        ),
    ),
    *[
        _steps(
            "refund",
            "money unclear",
            f"{claim} of neither the refund nor its order",
            because,
            POST=refund("REFUND_AAAA", **order),
            GET=bare(),
        )
        for claim, because, order in (
            ("the number", "mer_reference_id: R1", {"mer_reference_id": "R1"}),
            ("the day", "mer_date: 2020-01-01", {"mer_date": "20200101"}),
            (
                "the amount",
                "amount: 3.00",
                {"amount": {"total": "3.00", "currency": "USD"}},
            ),
        )
    ],
    _steps(
        "refund",
        "money unclear",
        "nothing but another number, and the payment cannot be asked for",
        "no payment",
        POST=refund("REFUND_AAAA", links=[link("payments/refund/REFUND_AAAA")]),
        GET={},
    ),
    *[
        one
        for asked in ("refund_get", "refund_get_many")
        for one in _answers(
            asked,
            "refused",
            ("another refund's id", R1, refunded(id=R1)),
            (
                "another refund's id in the self link",
                R1,
                {**refunded(), "links": [link(f"payments/refund/{R1}")]},
            ),
            (
                "a self link inside to another refund",
                R1,
                refunded(links=[link(f"payments/refund/{R1}")]),
            ),
            (
                "a self link deep in the order to another refund",
                R1,
                refunded(order={"links": [link(f"payments/refund/{R1}")]}),
            ),
            ("a paid payment", "no refund", payment(state="TRADE_SUCCESS")),
        )
    ],
    *[
        _steps(
            asked,
            "money unclear",
            "the answer to an earlier refund of this session",
            "another refund: REFUND_AAAA",
            POST=refund("REFUND_AAAA"),
            GET=bare(),
        )
        for asked in ("second_refund", "raw_second_refund")
    ],
    # Declarations.
    *[
        one
        for asked in ("customs", "raw_customs", "raw_customs_dict")
        for one in [
            *_answers(
                asked,
                "unclear",
                ("another payment's declaration", OTHER, declaration(parent=OTHER)),
                ("other customs", "customs_id: NB", declaration(customs_id="NB")),
                (
                    "another customs code",
                    "mer_customs_code: 9",
                    declaration(mer_customs_code="9"),
                ),
                ("another platform", "ec_plat_id: P2", declaration(ec_plat_id="P2")),
                (
                    "another sub order",
                    "mer_sub_reference_id: 78",
                    declaration(**OTHER_SUB_ORDER),
                ),
                (
                    "another amount",
                    "sub_order_amount: 1.00",
                    declaration(sub_order_amount=LESS),
                ),
                (
                    "another currency",
                    "currency of sub_order_amount: EUR",
                    declaration(sub_order_amount=EURO),
                ),
                (
                    "another freight",
                    "freight_amount: 9.00",
                    declaration(freight_amount={"total": "9.00", "currency": "USD"}),
                ),
                (
                    "another tax",
                    "tax_amount: 9.00",
                    declaration(tax_amount={"total": "9.00", "currency": "USD"}),
                ),
                (
                    "another sub order by the number in its id",
                    "number in the declaration",
                    declaration(numbered("CUST", 78)),
                ),
                (
                    "a second self link to another declaration",
                    "CUST_BBBB",
                    declaration(
                        links=[
                            link("payments/customs_declarations/CUST_AAAA"),
                            link("payments/customs_declarations/CUST_BBBB"),
                        ]
                    ),
                ),
                (
                    "a link to another payment",
                    OTHER,
                    declaration(links=[link(f"payments/payment/{OTHER}", "refund")]),
                ),
            ),
            _steps(
                asked,
                "unclear",
                "another sub order, in the query for what was missing",
                "mer_sub_reference_id: 78",
                POST=declaration(sub_order=""),
                GET=declaration(**OTHER_SUB_ORDER),
            ),
        ]
    ],
    *_answers(
        "customs_get",
        "refused",
        (
            "another declaration's id",
            "CUST_BBBB",
            declaration(id="CUST_BBBB", links=[]),
        ),
        (
            "another declaration's id in the self link",
            "CUST_BBBB",
            declaration("CUST_BBBB"),
        ),
        (
            "a self link inside to another declaration",
            "CUST_BBBB",
            declaration(
                links=[], sub_order={"links": declaration("CUST_BBBB")["links"]}
            ),
        ),
    ),
    *[
        one
        for asked in ("declare_only", "raw_declare_only")
        for one in _answers(
            asked,
            "unclear",
            (
                "another number",
                "mer_reference_id: elsewhere-2",
                {"customes_declaration_only": {"mer_reference_id": "elsewhere-2"}},
            ),
            ("a payment", "about payment", payment(mer_reference_id="elsewhere-1")),
        )
    ],
    *[
        one
        for asked in ("declare_again", "raw_declare_again")
        for one in _answers(
            asked,
            "unclear",
            ("another number", "mer_reference_id: O2", {"mer_reference_id": "O2"}),
            (
                "another number inside",
                "mer_reference_id: O2",
                {"customs_declaration": {"order": {"mer_reference_id": "O2"}}},
            ),
            ("a payment", "about payment", payment()),
        )
    ],
    # Companies.
    *[
        one
        for asked in ("register", "raw_register")
        for one in [
            *_answers(
                asked,
                "unclear",
                (
                    "another company",
                    "external_enterprise_id: c-2",
                    company(**OTHER_COMPANY),
                ),
                ("another business", "busi_type: SJHG", company(busi_type="SJHG")),
                (
                    "a second self link to another company",
                    "EQ_BBBB",
                    company(id="EQ_AAAA") | {"links": company("EQ_BBBB")["links"]},
                ),
            ),
            _steps(
                asked,
                "unclear",
                "another company, in the query for what was missing",
                "external_enterprise_id: c-2",
                POST=company(external_enterprise_id=""),
                GET=company(**OTHER_COMPANY),
            ),
        ]
    ],
    *_answers(
        "enterprise_get",
        "refused",
        ("another company's id", "EQ_BBBB", company(id="EQ_BBBB")),
        ("another company's id in the self link", "EQ_BBBB", company("EQ_BBBB")),
        (
            "a self link deep in the company to another one",
            "EQ_BBBB",
            company(bank={"links": company("EQ_BBBB")["links"]}),
        ),
    ),
    *_answers(
        "enterprise_coded",
        "refused",
        (
            "another company than the id holds",
            "external_enterprise_id: c-2",
            company(CODED_COMPANY, **OTHER_COMPANY),
        ),
        (
            "another business than the id holds",
            "busi_type: SJHG",
            company(CODED_COMPANY, busi_type="SJHG"),
        ),
    ),
    # Lists.
    *[
        one
        for asked in ("rate", "raw_rate")
        for one in _answers(
            asked,
            "refused",
            ("another currency", "no rate of USD", RATE),
            (
                "another currency beside a bare rate",
                "no rate of USD",
                {"rate": "0.9", "currency": "HKD"},
            ),
        )
    ],
    *[
        one
        for asked in ("banks", "raw_banks")
        for one in _answers(
            asked, "refused", ("banks of the other cards", "DEBIT_CARD", DEBIT_BANKS)
        )
    ],
    *[
        one
        for asked in ("transactions", "raw_transactions")
        for one in _answers(
            asked,
            "refused",
            ("another page", "page_number: 1", transactions(page=1)),
            ("another day", "mer_date: 2020-01-01", listed(OLD, page=2)),
        )
    ],
    *[
        one
        for asked in ("reconciliation", "raw_reconciliation")
        for one in _answers(
            asked,
            "refused",
            ("another page", "page_number: 2", settled(page=2)),
            ("another day", "settle_date: 2020-01-01", settled(settle_date="20200101")),
        )
    ],
    *[
        _steps(asked, "refused", claim, because, GET=[first, second])
        for asked, first, others in (
            (
                "all_transactions",
                transactions(total=2),
                {
                    "another day on a later page": (
                        "mer_date: 2020-01-01",
                        listed(OLD, page=2, total=2),
                    ),
                    "the first page again": ("page_number: 1", transactions(total=2)),
                    "the first page again, without its number": (
                        "repeats the one before",
                        transactions(page=None, total=2),
                    ),
                    "an empty page before the end": (
                        "ends after 1 of 2",
                        listed(page=2, total=2),
                    ),
                },
            ),
            (
                "all_reconciliation",
                settled(total=2),
                {
                    "another day on a later page": (
                        "settle_date: 2020-01-01",
                        settled(page=2, total=2, settle_date="20200101"),
                    ),
                    "the first page again": ("page_number: 1", settled(total=2)),
                },
            ),
        )
        for claim, (because, second) in others.items()
    ],
    # The way out for what has no method.
    *_another_payment("raw_create", "unclear", any_id=True),
    *_another_order("raw_create", "unclear"),
    *_another_order("raw_create_dict", "unclear"),
    *_another_order_asked_for("raw_create", "unclear"),
    *_another_payment("raw_get", "refused"),
    *_answers("raw_get", "refused", ("a refund", "about refund", refunded())),
    *_answers(
        "raw_get_spelled", "refused", ("another payment's id", OTHER, payment(OTHER))
    ),
    *_another_payment("raw_query", "unclear"),
    *_another_payment("raw_execute", "money unclear"),
    _steps(
        "raw_execute",
        "money unclear",
        "another order's number, of an answer that names no id",
        "mer_reference_id: O1",
        POST=bare(mer_reference_id="O2"),
        GET=bare(),
    ),
    *_answers(
        "raw_verify",
        "unclear",
        ("another payment's id in the self link", OTHER, OTHER_SMS),
        ("the refund of this payment", "about refund", refund()),
    ),
    *_answers(
        "raw_tracking",
        "unclear",
        ("another payment's id", OTHER, {"payment": {"id": OTHER}}),
        ("the refund of this payment", "about refund", refund()),
    ),
    *_answers(
        "raw_refund",
        "money unclear",
        ("another payment's refund", OTHER, refund(parent=OTHER)),
        ("another refund by the number in its id", "number in the refund", refund(R1)),
        (
            "another currency",
            "currency: EUR",
            refund(amount={"total": "3451", "currency": "EUR"}),
        ),
    ),
    _steps(
        "raw_refund",
        "money unclear",
        "the number of neither the refund nor its order",
        "mer_reference_id: R1",
        POST=refund("REFUND_AAAA", mer_reference_id="R1"),
        GET=bare(),
    ),
    *_answers(
        "raw_refund_get",
        "refused",
        ("another refund's id", R1, refunded(id=R1)),
        (
            "another refund's id in the self link",
            R1,
            {**refunded(), "links": [link(f"payments/refund/{R1}")]},
        ),
        ("a paid payment", "about payment", paid()),
    ),
    *_answers(
        "raw_customs_get",
        "refused",
        (
            "another declaration's id in the self link",
            "CUST_BBBB",
            declaration("CUST_BBBB"),
        ),
    ),
    *_answers(
        "raw_enterprise_get",
        "refused",
        ("another company's id in the self link", "EQ_BBBB", company("EQ_BBBB")),
    ),
    # An answer to another call altogether.
    *_another_kind("refused", "no payment", "get", "get_many"),
    *_another_kind("refused", "no refund", "refund_get", "refund_get_many"),
    *_another_kind("refused", "no customs_declaration", "customs_get"),
    *_another_kind("refused", "no enterprise_qualification", "enterprise_get"),
    *_another_kind("refused", "no exchangeRates", "rate"),
    *_another_kind("refused", "no transactions", "transactions", "all_transactions"),
    *_another_kind(
        "refused", "no reconciliations", "reconciliation", "all_reconciliation"
    ),
    *_another_kind("refused", "no links", "wechat_page", "wechat_page_flow"),
    *_another_kind("unclear", "no payment", "create", *PAYING, "begin_flow"),
    *_another_kind("money unclear", "no payment", "execute"),
    *_another_kind("money unclear", "no refund", "refund"),
    *_another_kind("money unclear", "about banks", "raw_execute", "raw_refund"),
    *_another_kind("unclear", "no customs_declaration", "customs", "customs_flow"),
    *_another_kind(
        "unclear", "no enterprise_qualification", "register", "enterprise_flow"
    ),
    *_another_kind(
        "unclear", "about banks", "tracking", "tracking_flow", "declare_only"
    ),
    *_another_kind("unclear", "about banks", "declare_again"),
    *_another_kind("refused", "about banks", "verify"),
    *_another_kind(
        "refused",
        "about banks",
        "raw_get",
        "raw_get_spelled",
        "raw_refund_get",
        "raw_customs_get",
        "raw_enterprise_get",
        "raw_rate",
        "raw_transactions",
        "raw_reconciliation",
        "raw_wechat_page",
    ),
    *_another_kind(
        "unclear",
        "about banks",
        "raw_create",
        "raw_create_dict",
        "raw_query",
        "raw_verify",
        "raw_tracking",
        "raw_customs",
        "raw_customs_dict",
        "raw_register",
        "raw_declare_only",
        "raw_declare_again",
    ),
    *_answers("banks", "refused", ("an exchange rate", "no banks", RATE)),
    *_answers("raw_banks", "refused", ("an exchange rate", "about rate", RATE)),
    # Flows: how they begin, and how they end.
    *[_another_beginning(asked) for asked in (*PAYING, "begin_flow")],
    *[one for asked in PAYING for one in _another_end(asked)],
    *[
        _row(
            "confirm_flow",
            f"before the code is sent: {claim}",
            "refused",
            because,
            flow_answers("confirm_flow", final),
        )
        for claim, (because, final) in FINALS.items()
    ],
    *[
        _row(
            asked,
            "the code was sent for another payment",
            "refused",
            OTHER,
            {"/verify": OTHER_SMS, ".": payment()},
        )
        for asked in ("begin_flow", "card_flow")
    ],
    *[
        _row(
            asked,
            "another payment was executed",
            "money unclear",
            OTHER,
            flow_answers(
                asked,
                *([bare()] if asked == "confirm_flow" else []),
                payment(OTHER, links=[], state="TRADE_SUCCESS"),
            )
            | {"/execute": payment(OTHER, state="TRADE_SUCCESS")},
        )
        for asked in ("card_flow", "confirm_flow")
    ],
    *_answers(
        "bank_flow_checked",
        "refused",
        (
            "another company that may pay",
            "external_enterprise_id: c-2",
            company(enterprise_status="ENABLE", **OTHER_COMPANY),
        ),
        (
            "another business of the company",
            "busi_type: SJHG",
            company(enterprise_status="ENABLE", busi_type="SJHG"),
        ),
        (
            "another company's id",
            "EQ_BBBB",
            company("EQ_BBBB", enterprise_status="ENABLE"),
        ),
    ),
    *_answers(
        "refund_flow", "refused", ("another payment's id", OTHER, payment(OTHER))
    ),
    _steps(
        "refund_flow",
        "refused",
        "another day's list of refunds",
        "mer_date: 2020-01-01",
        **{"/transactions": listed(OLD), "GET": paid()},
    ),
    _row(
        "refund_flow",
        "another payment's refund",
        "money unclear",
        OTHER,
        {**NOT_REFUNDED, ".": refund(parent=OTHER)},
    ),
    _refund_end(
        "done: another payment's refund", OTHER, refunded(parent_payment=OTHER)
    ),
    _refund_end(
        "done: the number of neither the refund nor its order",
        "mer_reference_id: R1",
        refunded(order={"mer_reference_id": "R1"}),
    ),
    _refund_end("done: another refund's id", R1, refunded(id=R1)),
    *[
        _steps(
            "customs_flow",
            "not finished, no money",
            f"cleared: {claim}",
            because,
            POST=declaration(state="ACCEPTED"),
            GET=final,
        )
        for claim, because, final in (
            (
                "another sub order",
                "mer_sub_reference_id: 78",
                declaration(state="SUCCESS", **OTHER_SUB_ORDER),
            ),
            (
                "another payment's declaration",
                OTHER,
                declaration(state="SUCCESS", parent=OTHER),
            ),
            (
                "another declaration's id",
                "CUST_BBBB",
                declaration("CUST_BBBB", state="SUCCESS"),
            ),
        )
    ],
    *[
        _steps(
            "enterprise_flow",
            "not finished, no money",
            f"enabled: {claim}",
            because,
            POST=company(),
            GET=final,
        )
        for claim, because, final in (
            (
                "another company",
                "external_enterprise_id: c-2",
                company(enterprise_status="ENABLE", **OTHER_COMPANY),
            ),
            (
                "another company's id",
                "EQ_BBBB",
                company("EQ_BBBB", enterprise_status="ENABLE"),
            ),
        )
    ],
    *_answers(
        "wait_enabled_flow",
        "refused",
        (
            "another company's id",
            "EQ_BBBB",
            company("EQ_BBBB", enterprise_status="ENABLE"),
        ),
    ),
    # What became of a write whose end was unclear.
    *_answers(
        "resolve_execute",
        "money unclear",
        ("another payment's id", OTHER, payment(OTHER, state="TRADE_SUCCESS")),
        ("another order's number", "mer_reference_id: O2", paid(mer_reference_id="O2")),
        ("another amount", "amount: 1.00", paid(amount=LESS)),
    ),
    *[
        _resolved("resolve_refund", claim, end, because, lists, query)
        for claim, end, because, lists, query in (
            (
                "another payment's id",
                "money unclear",
                OTHER,
                listed(refunds=(refund_row(),)),
                payment(OTHER),
            ),
            (
                "the list of another day",
                "money unclear",
                "mer_date: 2020-01-01",
                listed(OLD, refunds=(refund_row(),)),
                paid(),
            ),
            (
                "the refund of another payment",
                "unknown",
                "known_refunds",
                listed(row(), refunds=(refund_row(payment_id=OTHER),)),
                paid(),
            ),
            (
                "another refund of the payment",
                "unknown",
                "known_refunds",
                listed(row(), refunds=(refund_row(refund_id=R1),)),
                paid(),
            ),
            (
                "our refund with another amount",
                "unknown",
                "known_refunds",
                listed(row(), refunds=(refund_row(amount=LESS),)),
                paid(),
            ),
            (
                "our refund in another currency",
                "unknown",
                "known_refunds",
                listed(
                    row(),
                    refunds=(refund_row(amount={"total": "5.00", "currency": "EUR"}),),
                ),
                paid(),
            ),
        )
    ],
    *[
        _resolved("resolve_create", claim, end, because, lists, {})
        for claim, end, because, lists in (
            ("the list of another day", "unclear", "mer_date: 2020", listed(OLD)),
            (
                "a row with another number",
                "unknown",
                "Nobody has paid",
                listed(row(mer_reference_id="O2")),
            ),
            (
                "a row without a number",
                "unknown",
                "Nobody has paid",
                listed(row(mer_reference_id="")),
            ),
            (
                "a row with another amount",
                "unknown",
                "Nobody has paid",
                listed(row(amount=LESS)),
            ),
            (
                "a row in another currency",
                "unknown",
                "Nobody has paid",
                listed(row(amount=EURO)),
            ),
            (
                "a row of another day beside one of the day",
                "unknown",
                "Nobody has paid",
                listed(row(mer_reference_id="O3"), OLD),
            ),
        )
    ],
    # Files.
    *[
        _file(asked, claim, because, signed)
        for asked in ("open_transactions", "download_transactions", "pull")
        for claim, because, signed in (
            ("another day", "20261123", book("20261122")),
            ("no statement but plain text", "first line", b"everything is fine\n"),
        )
    ],
    *[
        _file(asked, "another day", "20261123", book("20261122"))
        for asked in ("download_reconciliation", "pull_reconciliation")
    ],
    _file("pull", "another merchant", "merchant 8018", book(merchant="8018")),
    _file("pull_unnamed", "another merchant", "merchant 8018", book(merchant="8018")),
    # Notifications: another payment.
    *_notified(
        "payment",
        (
            "a stranger's payment under our number",
            "unconfirmed",
            "not known to be ours",
            notified_payment("PAY_FOREIGN"),
        ),
        (
            "a stranger's payment without money",
            "unconfirmed",
            "not known to be ours",
            notified_payment("PAY_F", amount=None),
        ),
        (
            "a stranger's create answer",
            "unconfirmed",
            "not known to be ours",
            notified_payment("PAY_F", outside=ANSWER),
        ),
        (
            "a stranger's payment of another amount",
            "conflicts",
            "total is 4.00",
            notified_payment("PAY_F", amount=BACK),
        ),
        (
            "a stranger's payment of another day",
            "conflicts",
            "mer_date is 2020-01-01",
            notified_payment("PAY_F", day="20200101"),
        ),
        (
            "a stranger's payment under his number",
            "held",
            "not expected",
            notified_payment("PAY_F", number="n9"),
        ),
        (
            "a stranger's payment without a number",
            "held",
            "names no order",
            notified_payment("PAY_F", number=None),
        ),
        (
            "the id in another letter case",
            "unconfirmed",
            "not known to be ours",
            notified_payment("pay_mine"),
        ),
        (
            "the id with more behind a blank",
            "unconfirmed",
            "not known to be ours",
            notified_payment("PAY_MINE\u00a0x"),
        ),
        (
            "the id of our refund",
            "conflicts",
            "of another kind",
            notified_payment("REFUND_MINE"),
        ),
        (
            "the number of our refund",
            "held",
            "not expected",
            notified_payment("PAY_F", number="r1"),
        ),
        # Our id, something differs.
        ("another order", "conflicts", "number is n2", notified_payment(number="n2")),
        (
            "our refund's number",
            "conflicts",
            "number is r1",
            notified_payment(number="r1"),
        ),
        (
            "another day",
            "conflicts",
            "mer_date is 2020-01-01",
            notified_payment(day="20200101"),
        ),
        *[
            (claim, "conflicts", because, notified_payment(amount=USD | given))
            for claim, because, given in (
                ("less money", "total is 9.99", {"total": "9.99"}),
                ("more money", "total is 10.01", {"total": "10.01"}),
                ("cents", "total is 1000", {"total": "1000"}),
                ("no money", "total is 0.00", {"total": "0.00"}),
                ("negative money", "total is -10.00", {"total": "-10.00"}),
                ("another currency", "currency is CNY", {"currency": "CNY"}),
                ("an unknown currency", "currency is XUS", {"currency": "XUS"}),
            )
        ],
        # Our id, an answer as a notification.
        *[
            (claim, "unconfirmed", "form of an answer", given)
            for claim, given in (
                ("a create answer", notified_payment(outside=ANSWER)),
                ("a query answer", notified_payment(outside={"meta": META})),
                ("an answer without meta", notified_payment(outside={"links": LINKS})),
                ("links inside", notified_payment(links=LINKS)),
                ("meta inside", notified_payment(meta=META)),
            )
        ],
        *[
            (claim, "unconfirmed", "names no payment", given)
            for claim, given in (
                (
                    "an execute answer, the id in its link",
                    notified_payment(None, outside=ANSWER),
                ),
                (
                    "an execute answer, the id in a link inside",
                    notified_payment(None, links=LINKS),
                ),
            )
        ],
        # Our id, something is absent.
        *[
            (claim, "unconfirmed", "not tell all", given)
            for claim, given in (
                ("no number", notified_payment(number=None)),
                ("no amount", notified_payment(amount=None)),
                ("CNY only", notified_payment(amount={"total_cny": "69.23"})),
                ("no currency", notified_payment(amount={"total": "10.00"})),
            )
        ],
        # What is no object at all.
        *[
            (claim, "held", "names neither payment nor order", given)
            for claim, given in (
                ("no id, no number", notified_payment(None, number=None)),
                ("the answer to an SMS", {"meta": META, "links": LINKS}),
                ("a list of banks", {"banks": [{"code": "CCB"}], "meta": META}),
                ("a list of transactions", transactions()),
            )
        ],
        (
            "another's number and no id",
            "held",
            "number is not expected",
            notified_payment(None, number="n9"),
        ),
        (
            "the flat form",
            "unconfirmed",
            "names no payment",
            {"order_id": "n1", "trade_state": "TRADE_SUCCESS"},
        ),
        (
            "the flat form, another's",
            "held",
            "number is not expected",
            {"order_id": "n9", "trade_no": "1"},
        ),
        (
            "a payment and a refund in one",
            "unconfirmed",
            "names no payment",
            notified_payment() | notified_refund(),
        ),
    ),
    *_notified(
        "refund",
        (
            "a stranger's refund",
            "held",
            "neither its number nor its payment",
            notified_refund("REFUND_F", number="r9", parent="PAY_F"),
        ),
        (
            "our number, a stranger's payment",
            "conflicts",
            "it is of PAY_F",
            notified_refund("REFUND_F", parent="PAY_F"),
        ),
        (
            "our number, no payment",
            "unconfirmed",
            "not known to be ours",
            notified_refund("REFUND_F", parent=None),
        ),
        (
            "another refund of our payment",
            "unconfirmed",
            "not known to be ours",
            notified_refund("REFUND_F", number="r9"),
        ),
        (
            "our order's number",
            "unconfirmed",
            "not known to be ours",
            notified_refund("REFUND_F", number="n1", parent=None),
        ),
        (
            "our refund of a stranger's payment",
            "conflicts",
            "it is of PAY_F",
            notified_refund(parent="PAY_F"),
        ),
        (
            "our refund under another number",
            "conflicts",
            "number is r9",
            notified_refund(number="r9"),
        ),
        (
            "our refund under another number, without its payment",
            "conflicts",
            "number is r9",
            notified_refund(number="r9", parent=None),
        ),
        (
            "our refund, other money",
            "conflicts",
            "total is 10.00",
            notified_refund(amount=USD),
        ),
        (
            "our refund, another currency",
            "conflicts",
            "currency is EUR",
            notified_refund(amount=BACK | {"currency": "EUR"}),
        ),
        (
            "the id of our payment",
            "conflicts",
            "of another kind",
            notified_refund("PAY_MINE"),
        ),
        (
            "a second refund under our number",
            "conflicts",
            "that of REFUND_MINE",
            notified_refund("REFUND_F"),
        ),
        (
            "a refund answer",
            "unconfirmed",
            "form of an answer",
            notified_refund() | {"meta": META},
        ),
        (
            "a refund answer, links inside",
            "unconfirmed",
            "form of an answer",
            notified_refund(links=LINKS),
        ),
        (
            "the query of a refund",
            "held",
            "names neither payment nor order",
            {"meta": META, **refunded()},
        ),
    ),
    *_notified(
        "customs",
        (
            "a stranger's declaration",
            "held",
            "no declaration of this id",
            notified_customs("CUST_F"),
        ),
        (
            "a stranger's declaration, of our payment",
            "held",
            "no declaration of this id",
            notified_customs("CUST_F", parent_payment="PAY_MINE"),
        ),
        (
            "our declaration of a stranger's payment",
            "conflicts",
            "it is of PAY_F",
            notified_customs(parent_payment="PAY_F"),
        ),
        (
            "a declaration without an id",
            "held",
            "names neither payment nor order",
            notified_customs(None),
        ),
        (
            "a customs answer",
            "unconfirmed",
            "form of an answer",
            notified_customs() | ANSWER,
        ),
        (
            "the id of our payment",
            "conflicts",
            "of another kind",
            notified_customs("PAY_MINE"),
        ),
        (
            "the id of our refund",
            "conflicts",
            "of another kind",
            notified_customs("REFUND_MINE"),
        ),
    ),
]

CLASSES: tuple[Class, ...] = tuple(
    attrs.evolve(one, number=number) for number, one in enumerate(_ROWS, 1)
)


def classes(kind: Kind) -> list[Class]:
    """
    Return the rows of one kind.
    """
    return [one for one in CLASSES if one.kind == kind]


if __name__ == "__main__":
    for one in CLASSES:
        columns = (str(one.number), one.kind, one.asked, one.claim, one.end)
        sys.stdout.write(" | ".join(columns) + "\n")
