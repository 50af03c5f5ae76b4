"""
The decision table: every row of it, and what lies beside the rows.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import attrs
import pytest

from umfpay.notifications import (
    Decision,
    Expectation,
    KnownFacts,
    OwnObject,
    Status,
    decide,
)
from umfpay.notifications._stored_events import event_of


MONEY = {"total": "3.00", "currency": "USD"}
ORDER = Expectation(
    kind="payment",
    mer_reference_id="n1",
    total=Decimal("3.00"),
    currency="USD",
    mer_date=date(2026, 11, 23),
)
REFUND = Expectation(
    kind="refund",
    mer_reference_id="r1",
    total=Decimal("1.00"),
    currency="USD",
    payment_id="PAY_A",
)
OURS = OwnObject(kind="payment", object_id="OBJ_A", mer_reference_id="n1")
OUR_REFUND = OwnObject(
    kind="refund", object_id="OBJ_A", mer_reference_id="r1", payment_id="PAY_A"
)
OUR_DECLARATION = OwnObject(kind="customs_declaration", object_id="OBJ_A")


@pytest.fixture(name="read", scope="session")
def _read(receiver, signer):
    """
    Make an event of what the gateway would sign.
    """

    def read(kind, members, outside):
        if isinstance(members, dict):
            members = {"id": "OBJ_A", **members}

        signed = signer({kind: members, **outside})

        return receiver.read(signed.body, signed.headers)

    return read


def payment(
    amount=MONEY, *, number="n1", state="TRADE_SUCCESS", mer_date=None, **members
):
    order = {"mer_reference_id": number} if number else {}

    if mer_date is not None:
        order["mer_date"] = mer_date

    if amount is not None:
        order["amount"] = amount

    return "payment", {"state": state, "order": order, **members}, {}


def outside(event, **members):
    return (*event[:2], members)


def in_a_list(event):
    return event[0] + "s", [{"id": "OBJ_A", **event[1]}], event[2]


def refund(total="1.00", *, number="r1", parent="PAY_A", **members):
    order = {"mer_reference_id": number} if number else {}
    amount = {"amount": {"total": total, "currency": "USD"}} if total else {}
    named = {"parent_payment": parent} if parent else {}

    return (
        "refund",
        {"state": "REFUND_SUCCESS", "order": order | amount, **named, **members},
        {},
    )


def customs(**members):
    return "customs_declaration", {"state": "SUCCESS", **members}, {}


def known(**members):
    return KnownFacts(**{"own": OURS, "order": ORDER, **members})


def known_refund(**members):
    return KnownFacts(**{"own": OUR_REFUND, "refund": REFUND, **members})


UNBOUND = known(own=None)
NOBODY = KnownFacts()
LINKS = [{"ref": "self", "method": "GET", "href": "https://x/payments/payment/OBJ_A"}]
META = {"ret_code": "0000", "ret_msg": "Success"}

# The name of the row, the event, what is known, what becomes of it.
ROWS = [
    # An own object; number, total and currency equal; no meta, no links.
    ("all equal", payment(), known(), Status.APPLIED),
    ("zeros differ", payment(MONEY | {"total": "3.0"}), known(), Status.APPLIED),
    ("a number", payment(MONEY | {"total": 3}), known(), Status.APPLIED),
    ("still open", payment(state="TRADE_PENDING"), known(), Status.APPLIED),
    # An own object; something is absent, or meta or links are there.
    ("no number", payment(number=None), known(), Status.ASKING),
    ("no amount", payment(None), known(), Status.ASKING),
    (
        "no order",
        ("payment", {"state": "TRADE_SUCCESS"}, {}),
        known(),
        Status.ASKING,
    ),
    ("no total", payment({"currency": "USD"}), known(), Status.ASKING),
    ("no currency", payment({"total": "3.00"}), known(), Status.ASKING),
    ("CNY only", payment({"total_cny": "20.71"}), known(), Status.ASKING),
    ("meta", outside(payment(), meta=META), known(), Status.ASKING),
    ("links", outside(payment(), links=LINKS), known(), Status.ASKING),
    ("inner meta", payment(meta=META), known(), Status.ASKING),
    ("inner links", payment(links=LINKS), known(), Status.ASKING),
    (
        "meta, open",
        outside(payment(state="WAIT_BUYER_PAY"), meta=META),
        known(),
        Status.ASKING,
    ),
    ("empty meta", outside(payment(), meta={}), known(), Status.ASKING),
    (
        "links, blank",
        outside(payment(), **{"links ": LINKS}),
        known(),
        Status.ASKING,
    ),
    # An own object; something differs.
    ("day", payment(mer_date="20261122"), known(), Status.CONFLICT),
    ("number", payment(number="n2"), known(), Status.CONFLICT),
    ("total", payment(MONEY | {"total": "3.01"}), known(), Status.CONFLICT),
    ("less", payment(MONEY | {"total": "-3.00"}), known(), Status.CONFLICT),
    ("nothing", payment(MONEY | {"total": "0"}), known(), Status.CONFLICT),
    ("cents", payment(MONEY | {"total": "300"}), known(), Status.CONFLICT),
    ("currency", payment(MONEY | {"currency": "EUR"}), known(), Status.CONFLICT),
    ("unheard", payment(MONEY | {"currency": "XXX"}), known(), Status.CONFLICT),
    ("total alone", payment({"total": "3.01"}), known(), Status.CONFLICT),
    ("currency alone", payment({"currency": "CNY"}), known(), Status.CONFLICT),
    (
        "total, with meta",
        outside(payment(MONEY | {"total": "3.01"}), meta=META),
        known(),
        Status.CONFLICT,
    ),
    # Another id, the number is expected.
    ("other id", payment(), UNBOUND, Status.ASKING),
    ("other id, day", payment(mer_date="20261122"), UNBOUND, Status.CONFLICT),
    ("other id, meta", outside(payment(), meta=META), UNBOUND, Status.ASKING),
    ("other id, no money", payment(None), UNBOUND, Status.ASKING),
    (
        "other id, other total",
        payment(MONEY | {"total": "9.99"}),
        UNBOUND,
        Status.CONFLICT,
    ),
    # Another id of this order was applied as paid before.
    ("paid twice", payment(), known(paid_by="PAY_B"), Status.CONFLICT),
    (
        "closed beside a paid one",
        payment(state="TRADE_CLOSED"),
        known(paid_by="PAY_B"),
        Status.APPLIED,
    ),
    # The number is not expected.
    ("not expected", payment(), NOBODY, Status.HELD),
    ("no number, no id of ours", payment(number=None), NOBODY, Status.HELD),
    ("of a refund", payment(number="r1"), KnownFacts(refund=REFUND), Status.HELD),
    # The order of states.
    ("again", payment(), known(states=("TRADE_SUCCESS",)), Status.SAME),
    (
        "again, late",
        payment(state="TRADE_PENDING"),
        known(states=("TRADE_PENDING", "TRADE_SUCCESS")),
        Status.SAME,
    ),
    (
        "again, in the form of an answer",
        outside(payment(), meta=META),
        known(states=("TRADE_SUCCESS",)),
        Status.SAME,
    ),
    (
        "again, with other money",
        payment(MONEY | {"total": "3.01"}),
        known(states=("TRADE_SUCCESS",)),
        Status.CONFLICT,
    ),
    ("back", payment(), known(states=("TRADE_CANCEL",)), Status.CONFLICT),
    ("new word", payment(state="PARKED"), known(), Status.APPLIED),
    (
        "new word, later",
        payment(state="PARKED"),
        known(states=("TRADE_SUCCESS",)),
        Status.CONFLICT,
    ),
    ("after a new word", payment(), known(states=("PARKED",)), Status.APPLIED),
    ("contradiction", payment(), known(states=("TRADE_FAIL",)), Status.CONFLICT),
    # A refund by the id that our own answer gave.
    ("our refund", refund(), known_refund(), Status.APPLIED),
    (
        "our refund, bare",
        refund(None, number=None),
        known_refund(),
        Status.APPLIED,
    ),
    (
        "our refund, of an order's number",
        refund("69037", number="n1"),
        known_refund(),
        Status.APPLIED,
    ),
    ("our refund, no parent", refund(parent=None), known_refund(), Status.APPLIED),
    (
        "our refund, meta",
        outside(refund(), meta=META),
        known_refund(),
        Status.ASKING,
    ),
    ("our refund, links", refund(links=LINKS), known_refund(), Status.ASKING),
    ("in a list", in_a_list(refund()), known_refund(), Status.APPLIED),
    (
        "in a list, links",
        in_a_list(refund(links=LINKS)),
        known_refund(),
        Status.ASKING,
    ),
    ("other parent", refund(parent="PAY_B"), known_refund(), Status.CONFLICT),
    ("other money", refund("1.01"), known_refund(), Status.CONFLICT),
    (
        "other number",
        refund(number="r2"),
        known_refund(parent="n1"),
        Status.CONFLICT,
    ),
    ("its order", refund(number="n1"), known_refund(parent="n1"), Status.APPLIED),
    (
        "its order and the order's money",
        refund("10.00", number="n1"),
        known_refund(parent="n1"),
        Status.APPLIED,
    ),
    (
        "other money, no number",
        refund("1.01", number=None),
        known_refund(),
        "conflict",
    ),
    ("an unknown order", refund(number="n7"), known_refund(), Status.APPLIED),
    (
        "our refund again",
        refund(),
        known_refund(states=("REFUND_SUCCESS",)),
        Status.SAME,
    ),
    (
        "our refund back",
        refund(state="REFUND_PROCESS"),
        known_refund(states=("REFUND_SUCCESS",)),
        Status.CONFLICT,
    ),
    # A refund by its own number with a payment of ours.
    ("our number", refund(), known_refund(own=None), Status.APPLIED),
    (
        "our number, cents",
        refund("69037"),
        known_refund(own=None),
        Status.APPLIED,
    ),
    (
        "our number, no parent",
        refund(parent=None),
        known_refund(own=None),
        Status.ASKING,
    ),
    (
        "our number, another parent",
        refund(parent="PAY_B"),
        known_refund(own=None),
        Status.CONFLICT,
    ),
    (
        "our number, a parent that was not told",
        refund(),
        KnownFacts(
            refund=Expectation(
                kind="refund",
                mer_reference_id="r1",
                total=Decimal("1.00"),
                currency="USD",
            )
        ),
        Status.ASKING,
    ),
    (
        "our number, a parent of ours",
        refund(),
        KnownFacts(
            parent="n1",
            refund=Expectation(
                kind="refund",
                mer_reference_id="r1",
                total=Decimal("1.00"),
                currency="USD",
            ),
        ),
        Status.APPLIED,
    ),
    (
        "our number, meta",
        outside(refund(), meta=META),
        known_refund(own=None),
        Status.ASKING,
    ),
    (
        "our number, given to another",
        refund(),
        known_refund(own=None, refunded_by="REFUND_A"),
        Status.CONFLICT,
    ),
    # A refund that only the own list can prove.
    (
        "number of an order",
        refund(number="n1"),
        KnownFacts(order=ORDER),
        Status.ASKING,
    ),
    (
        "unknown number, our payment",
        refund(number="x"),
        KnownFacts(parent="n1"),
        "asking",
    ),
    ("unknown refund", refund(), NOBODY, Status.HELD),
    # Customs.
    (
        "our declaration",
        customs(),
        KnownFacts(own=OUR_DECLARATION),
        Status.APPLIED,
    ),
    (
        "our declaration, meta",
        outside(customs(), meta=META),
        KnownFacts(own=OUR_DECLARATION),
        Status.ASKING,
    ),
    (
        "our declaration, back",
        customs(state="ACCEPTED"),
        KnownFacts(own=OUR_DECLARATION, states=("SUCCESS",)),
        Status.CONFLICT,
    ),
    (
        "our declaration, other parent",
        customs(parent_payment="PAY_B"),
        KnownFacts(own=attrs.evolve(OUR_DECLARATION, payment_id="PAY_A")),
        Status.CONFLICT,
    ),
    (
        "our declaration, its parent",
        customs(parent_payment="PAY_A"),
        KnownFacts(own=attrs.evolve(OUR_DECLARATION, payment_id="PAY_A")),
        Status.APPLIED,
    ),
    ("unknown declaration", customs(), NOBODY, Status.HELD),
]


@pytest.mark.parametrize(
    ("event", "facts", "status"),
    [row[1:] for row in ROWS],
    ids=[one[0] for one in ROWS],
)
def test_every_row_of_the_table(read, event, facts, status):
    """
    What becomes of an event depends on nothing else.
    """
    assert status == decide(read(*event), facts).status


@pytest.mark.parametrize(
    ("number", "facts", "status"),
    [
        ("n1", known(has_payments=True), Status.ASKING),
        ("n1", UNBOUND, Status.HELD),
        (None, NOBODY, Status.HELD),
    ],
)
def test_what_has_no_id_is_asked_for_by_its_number(number, facts, status):
    """
    Where objects of it are known; else it is listed.
    """
    assert status == decide(None, facts, number=number).status


def test_nothing_but_a_bound_id_is_applied(read):
    """
    Of all rows of payments and declarations; refunds have their number and payment.
    """
    applied = {
        row[1][0]
        for row in ROWS
        if decide(read(*row[1]), row[2]).status is Status.APPLIED and row[2].own is None
    }

    assert {"refund"} == applied


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            payment(MONEY | {"total": "3.01"}),
            "the total is 3.01, expected was 3.00",
        ),
        (
            payment(MONEY | {"currency": "EUR"}),
            "the currency is EUR, expected was USD",
        ),
        (payment(number="n2"), "the number is n2, its id belongs to n1"),
    ],
)
def test_a_reason_names_both_sides(read, event, reason):
    """
    What was told and what was expected.
    """
    assert reason == decide(read(*event), known()).reason


@pytest.mark.parametrize(
    ("state", "last", "says"),
    [
        ("TRADE_PENDING", "TRADE_SUCCESS", "goes back"),
        ("TRADE_FAIL", "TRADE_SUCCESS", "contradicts"),
        ("PARKED", "TRADE_SUCCESS", "contradicts"),
    ],
)
def test_a_reason_names_both_states(read, state, last, says):
    """
    The one that came and the one that was applied last.
    """
    decision = decide(read(*payment(state=state)), known(states=(last,)))

    assert f"{state} {says} after {last}" == decision.reason


def test_what_a_query_leaves_out_is_not_asked_again(read):
    """
    Of an id of ours; number and payment come from what is known of it (gateway.md 5.8).
    """
    event = read(*payment(None, number=None))
    asked = event_of(event.object, OURS)

    assert "n1" == asked.mer_reference_id
    assert Decision(Status.APPLIED) == decide(asked, known())
    assert Status.ASKING is decide(event_of(event.object, None), UNBOUND).status
