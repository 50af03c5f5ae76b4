"""
What may not be seen stays unseen.
"""

from __future__ import annotations

import copy
import copyreg
import dataclasses
import enum
import importlib
import json
import pickle
import pkgutil
import pprint

import attrs
import pytest

import umfpay
from umfpay import Private, Sealed, Secret
from umfpay.errors import Text
from umfpay.sensitive import Unfit


CANARY = "6217000010045997833"


@pytest.mark.parametrize("cls", [Secret, Private])
def test_hidden_text_shows_itself_only_on_demand(cls):
    """
    repr, str, format and % give stars; `reveal()` gives the text.
    """
    hidden = cls(CANARY)
    shown = [repr(hidden), str(hidden), f"{hidden}", f"{hidden:>30}", "%s" % hidden]  # noqa: UP031

    assert all(CANARY not in text and "***" in text for text in shown)
    assert CANARY == hidden.reveal()


@pytest.mark.parametrize("cls", [Secret, Private])
def test_hidden_text_has_no_dict_and_cannot_be_changed(cls):
    """
    Neither `vars()` nor an assignment reaches the text.
    """
    hidden = cls(CANARY)

    with pytest.raises(TypeError):
        vars(hidden)

    with pytest.raises(AttributeError):
        hidden._text = "other"


def _by_slots(value):
    """
    Return what a tool finds that walks the slots of an object.
    """
    names = [
        name for cls in type(value).__mro__ for name in vars(cls).get("__slots__", ())
    ]

    return {name: getattr(value, name) for name in names}


@attrs.frozen
class _Holder:
    number: Secret


@dataclasses.dataclass
class _DataHolder:
    number: Secret


SIDE_DOORS = {
    "__getstate__": lambda one: one.__getstate__(),
    "object's state": lambda one: object.__getstate__(one),
    "__reduce__": lambda one: one.__reduce__(),
    "__reduce_ex__": lambda one: [one.__reduce_ex__(i) for i in range(6)],
    "object's reduce": lambda one: object.__reduce_ex__(one, 2),
    "copyreg": lambda one: copyreg.__reduce_ex__(one, 2),
    "pickle": lambda one: [pickle.dumps(one, i) for i in range(6)],
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "json": lambda one: json.dumps(one, default=vars),
    "json of the state": lambda one: json.dumps(
        one, default=lambda x: x.__getstate__()
    ),
    "vars": vars,
    "__dict__": lambda one: one.__dict__,
    "slots": _by_slots,
    "dir": lambda one: {name: getattr(one, name, None) for name in dir(one)},
    "attrs": lambda one: attrs.asdict(_Holder(one)),
    "attrs as a tuple": lambda one: attrs.astuple(_Holder(one)),
    "dataclass": lambda one: dataclasses.asdict(_DataHolder(one)),
    "pprint": pprint.pformat,
    "iteration": lambda one: list(one),
    "bytes": lambda one: bytes(one),
}


@pytest.mark.parametrize("door", SIDE_DOORS.values(), ids=SIDE_DOORS)
def test_a_secret_has_no_side_door(door):
    """
    Tools that ask an object for its state get a refusal or stars.
    """
    secret = Secret(CANARY)

    try:
        state = door(secret)
    except (TypeError, AttributeError) as error:
        state = error

    assert CANARY not in repr(state)
    assert CANARY == secret.reveal()


@pytest.mark.parametrize("door", ["__getstate__", "slots", "vars", "pprint"])
def test_a_private_value_is_found_by_its_method_and_by_pickle_only(door):
    """
    It may be stored, and is hidden from what prints an object's parts.
    """
    try:
        state = SIDE_DOORS[door](Private(CANARY))
    except TypeError as error:
        state = error

    assert CANARY not in repr(state)


@pytest.mark.parametrize("store", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_never_stored(store):
    """
    Pickle, JSON and copies are refused, without the text in the refusal.
    """
    with pytest.raises(TypeError) as caught:
        store(Secret(CANARY))

    assert CANARY not in str(caught.value)


def test_a_secret_takes_text_only_and_does_not_quote_what_it_refuses():
    """
    A number is refused by its type, not by its value.
    """
    with pytest.raises(TypeError) as caught:
        Secret(6217000010045997833)

    assert "6217" not in str(caught.value)


def test_private_and_sealed_values_survive_pickle():
    """
    What may be stored comes back equal.
    """
    values = [Private("15210838198"), Sealed("aGVsbG8=")]

    assert values == pickle.loads(pickle.dumps(values))


def test_hidden_texts_are_equal_by_kind_and_text():
    """
    The same text in another kind is another value; hashes agree with equality.
    """
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != Private("a")
    assert Secret("a") != "a"
    assert 1 == len({Secret("a"), Secret("a")})
    assert not Secret("")


def test_a_sealed_value_shows_its_length_only():
    """
    Ciphertext is long and tells nothing: repr counts it.
    """
    sealed = Sealed("x" * 172)

    assert "Sealed(172 characters)" == repr(sealed)
    assert sealed != "x" * 172
    assert 1 == len({sealed, Sealed("x" * 172)})

    with pytest.raises(AttributeError):
        sealed.ciphertext = "y"


def _classes_of_ours():
    for one in pkgutil.walk_packages(umfpay.__path__, "umfpay."):
        if not one.name.endswith("__main__"):
            found = vars(importlib.import_module(one.name)).values()

            yield from (
                cls
                for cls in found
                if isinstance(cls, type) and cls.__module__ == one.name
            )


def _may_refuse(cls):
    """
    Tell whether the constructor of *cls* looks at what it is given.
    """
    if not attrs.has(cls):
        return "__repr__" in vars(cls) and cls not in (Sealed, Unfit)

    fields = attrs.fields(cls)

    return "__attrs_init__" in vars(cls) or any(
        # Those of `Text` refuse nothing.
        one.validator or (one.converter and cls is not Text)
        for one in fields
    )


def test_what_a_constructor_leaves_half_made_can_be_shown():
    """
    It stands in the frame that refused an argument; a report of the error shows it.
    """
    looked_at = 0

    for cls in filter(_may_refuse, _classes_of_ours()):
        # An FTP session of pyftpdlib is made by it alone.
        if not issubclass(cls, (BaseException, enum.Enum, str)) and "_ftp" not in (
            cls.__module__
        ):
            assert repr(object.__new__(cls))

            looked_at += 1

    assert looked_at > 20
