"""
One entry of a resource is all that an endpoint needs here.
"""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

from umfpay import Config, UMFSession, _codec, resources
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


@pytest.fixture(name="session", scope="module")
def _session(credentials):
    return UMFSession(
        Config(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            merchant_key=credentials.merchant_key,
            gateway_certificate=credentials.gateway_certificate,
            base_url="https://gateway.example/",
        )
    )


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_request_compares_the_answer_of_each_entry(entry):
    """
    It finds the entry by its method and path, in any spelling: the module of the entry
    stands among the endpoints of `_any_call`.
    """
    call = entry.call(read=dict)
    noun = _codec.noun_of(entry.about)
    path = call.path.format_map(dict.fromkeys(_ids(call.path), "X_A"))

    for spelled in (path, path.upper(), f"{path}//"):
        found = any_call(
            call.method,
            spelled,
            query={"currency": "USD"},
            body=None,
            refund_ids=RefundIds(),
        )

        with pytest.raises(MismatchedResponseError, match=f"asked was {noun}"):
            found.read({"payment" if noun == "refund" else "refund": {}})


def _ids(template):
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_is_named_after_its_method(name, session):
    """
    Attribute of the session and verb, as errors and logs name the call.
    """
    noun, verb = name.split(".")
    owner = getattr(session, noun, None)

    assert owner is not None, f"`Resources` in _resources.py makes no self.{noun}"
    assert type(owner) in vars(resources).values(), (
        f"{type(owner).__name__} is no export of umfpay.resources"
    )
    assert callable(getattr(owner, verb, None)), (
        f"{type(owner).__name__} has no method {verb}: an Endpoint is named after"
        " the attribute of the session and the method that calls it"
    )
    assert re.search(rf"^ +{noun}: ", UMFSession.__doc__, re.MULTILINE), (
        f"the docstring of UMFSession names no {noun} among its attributes"
    )


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
