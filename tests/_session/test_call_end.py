"""
Which error says how a call ended, and what its intent then says.
"""

from __future__ import annotations

import ast
import importlib
import pickle
from decimal import Decimal
from pathlib import Path

import pytest

import umfpay
from umfpay import errors
from umfpay._session._call_end import error_of, intent_of
from umfpay.errors import Intent, Text
from umfpay.protocol import DecidedBy
from umfpay.resources import Endpoint
from umfpay.transport import Call, CallEnd, CallVerdict, Effect


SOURCE = Path(umfpay.__file__).parent
REASON = Text("the deadline passed", "超过期限")

EXECUTE = Call(
    name="payments.execute",
    method="POST",
    path="/payments/payment/{payment_id}/execute",
    effect=Effect.MONEY,
    read=dict,
    intent=Intent.now(
        "payments.execute",
        payment_id="PAY_A",
        amount=Decimal("1.10"),
        details={"known_refunds": "REFUND_A"},
    ),
)


def refusal(*, verified, code="00060763"):
    return errors.PaymentStateError(
        "closed",
        "已关闭",
        ret_code=code,
        ret_msg="x",
        http_status=200,
        verified=verified,
    )


def unclear(error, **facts):
    return CallVerdict(ending=CallEnd.UNCLEAR, error=error, reason=REASON, **facts)


def raised(call_verdict):
    error = error_of(EXECUTE, call_verdict)

    assert isinstance(error, errors.OutcomeUnknownError)

    return error


def test_a_call_that_failed_raises_its_error_itself():
    """The same object, so that nothing of it is lost."""
    error = refusal(verified=True)

    assert error is error_of(EXECUTE, CallVerdict(ending=CallEnd.FAILED, error=error))


@pytest.mark.parametrize("moved", [True, False])
def test_an_unclear_end_says_what_was_wanted_and_why_nobody_knows(moved):
    """The cause is what made it unclear; the intent survives a pickle."""
    cause = TimeoutError()
    made = raised(unclear(cause, money_may_have_moved=moved))
    copied = pickle.loads(pickle.dumps(made))

    assert cause is made.__cause__
    assert (EXECUTE.intent, moved) == (copied.intent, copied.money_may_have_moved)
    assert "payments.execute: the deadline passed; nobody can say" in copied.what.en
    assert "payments.execute：超过期限，无法确定" in copied.what.zh
    assert "PAY_A" in copied.what.en
    assert "PAY_A" in copied.what.zh
    assert errors.OutcomeUnknownError.default_advice == copied.advice


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refusal(verified=False), "If the refusal is genuine: closed"),
        (errors.SignatureError(*REASON), "If every call ends like this:"),
        (errors.UnsignedResponseError(*REASON), "If every call ends like this:"),
    ],
)
def test_an_answer_that_nobody_can_trust_may_be_the_settings_fault(error, words):
    """Its own advice stands behind the usual one, which comes first."""
    made = raised(unclear(error))
    usual = errors.OutcomeUnknownError.default_advice

    assert made.advice.en.startswith(usual.en)
    assert made.advice.zh.startswith(usual.zh)
    assert words in made.advice.en
    assert error.advice.en in made.advice.en
    assert error.advice.zh in made.advice.zh


@pytest.mark.parametrize(
    "error", [refusal(verified=True), refusal(verified=False, code="")]
)
def test_another_refusal_adds_no_advice(error):
    """A signed one is genuine, and one without a code says nothing."""
    assert errors.OutcomeUnknownError.default_advice == raised(unclear(error)).advice


@pytest.mark.parametrize(
    ("verified", "decided_by", "twice", "details"),
    [
        (
            True,
            DecidedBy.QUERY,
            False,
            {"refused_with": "00060763", "decided_by": str(DecidedBy.QUERY)},
        ),
        (True, DecidedBy.QUERY, True, {"copies": "2"}),
        (False, DecidedBy.QUERY, False, {}),
        (True, None, False, {}),
        (True, None, True, {"copies": "2"}),
    ],
)
def test_a_signed_refusal_is_noted_unless_two_copies_left(
    verified, decided_by, twice, details
):
    """Of two copies the refused one may be the second."""
    call_verdict = unclear(
        refusal(verified=verified), decided_by=decided_by, sent_twice=twice
    )

    assert {"known_refunds": "REFUND_A", **details} == (
        intent_of(EXECUTE, call_verdict).details
    )
    # The call's own is not touched.
    assert {"known_refunds": "REFUND_A"} == EXECUTE.intent.details


def _descriptions():
    """
    Give the place, the effect and the members of each call, bare or of an endpoint.
    """
    for file in sorted(SOURCE.rglob("*.py")):
        endpoints = {}

        if file.parent.name == "resources" and file.stem != "__init__":
            module = importlib.import_module(f"umfpay.resources.{file.stem}")
            endpoints = {
                f"{name}.call": one.call.keywords["effect"]
                for name, one in vars(module).items()
                if isinstance(one, Endpoint)
            }

        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue

            members = {keyword.arg: keyword.value for keyword in node.keywords}
            made_by = ast.unparse(node.func)
            place = f"{file.relative_to(SOURCE)}:{node.lineno}"

            if made_by == "Call":
                yield place, ast.unparse(members["effect"]), members
            elif made_by in endpoints:
                yield place, f"Effect.{endpoints[made_by].name}", members


def test_every_write_that_is_described_says_what_it_wants():
    """Without an intent nobody could be told what is unclear."""
    described = list(_descriptions())
    silent = [
        place
        for place, effect, members in described
        if effect not in ("Effect.READ", "Effect.SMS", "Effect.TOKEN")
        and "intent" not in members
    ]

    assert len(described) > 15
    assert [] == silent
