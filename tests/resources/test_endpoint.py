"""
One entry of a resource is all that an endpoint needs here.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from umfpay import resources
from umfpay.errors import MismatchedResponseError
from umfpay.resources import Endpoint, RefundIds, any_call
from umfpay.transport import Effect


MODULES = [
    importlib.import_module(f"umfpay.resources.{module.name}")
    for module in pkgutil.iter_modules(resources.__path__)
]
ENTRIES = {
    one.name: one
    for module in MODULES
    for one in vars(module).values()
    if isinstance(one, Endpoint)
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_request_compares_the_answer_of_each_entry(entry):
    """
    It finds the entry by its method and path, in any spelling.
    """
    call = entry.call(read=dict)
    path = call.path.format_map(dict.fromkeys(_ids(call.path), "X_A"))

    for spelled in (path, path.upper(), f"{path}//"):
        found = any_call(
            call.method,
            spelled,
            query={"currency": "USD"},
            body=None,
            refund_ids=RefundIds(),
        )

        with pytest.raises(MismatchedResponseError, match=f"asked was {entry.about}"):
            found.read({"payment" if entry.about == "refund" else "refund": {}})


def _ids(template):
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_named_after_its_method(name):
    """
    Resource and verb, as errors and logs name the call.
    """
    noun, verb = name.split(".")
    classes = {
        "banks": resources.Banks,
        "exchange_rates": resources.ExchangeRates,
        "wechat": resources.WeChat,
    }
    owner = classes.get(noun) or getattr(resources, noun.capitalize())

    assert callable(getattr(owner, verb))


def test_a_call_has_what_its_kind_has_in_common():
    """
    And what is its own.
    """
    call = ENTRIES["payments.execute"].call(
        parameters={"payment_id": "PAY_A"}, read=dict
    )

    assert "payments/payment/PAY_A/execute" == call.target()
    assert ("payments.execute", "POST", Effect.MONEY) == (
        call.name,
        call.method,
        call.effect,
    )
