"""
JSON: one reading of each text, and one spelling of each value.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.protocol import JSONRefusedError, dump_json, parse_json
from umfpay.sensitive import Secret


REFUSED = {
    "empty": (b"", "not JSON"),
    "blank": (b" \n", "not JSON"),
    "word": (b"success", "not JSON"),
    "page": (b"<html></html>", "not JSON"),
    "repeated": (b'{"a":1,"a":1}', "repeated"),
    "repeated_deep": (b'{"a":[{"b":{"c":1,"c":2}}]}', "repeated"),
    "repeated_escaped": (b'{"a":1,"\\u0061":1}', "repeated"),
    "mark": (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
    "utf16": ('{"a":1}'.encode("utf-16"), "not UTF-8"),
    "latin1": ('{"a":"é"}'.encode("latin-1"), "not UTF-8"),
    "gbk": ('{"a":"张三"}'.encode("gbk"), "not UTF-8"),
    "cesu": (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', "not UTF-8"),
    "overlong": (b'{"a":"\xc0\xaf"}', "not UTF-8"),
    "trailing_object": (b"{}{}", "not JSON"),
    "trailing_comma": (b'{"a":1,}', "not JSON"),
    "trailing_zero": (b"{}\0", "not JSON"),
    "cut": (b'{"a":"', "not JSON"),
    "single_quotes": (b"{'a':1}", "not JSON"),
    "comment": (b'{"a":1 /* x */}', "not JSON"),
    "no_break_space": ('{"a":\u00a01}'.encode(), "not JSON"),
    "form_feed": (b'{"a":\x0c1}', "not JSON"),
    "control": (b'{"a":"\n"}', "not JSON"),
    "bad_escape": (b'{"a":"\\x41"}', "not JSON"),
    "leading_zero": (b'{"a":01}', "not JSON"),
    "plus": (b'{"a":+1}', "not JSON"),
    "bare_point": (b'{"a":.5}', "not JSON"),
    "hex": (b'{"a":0x10}', "not JSON"),
    "other_digits": ('{"a":1\u0661}'.encode(), "not JSON"),
    "nan": (b'{"a":NaN}', "NaN is not JSON"),
    "infinity": (b'{"a":Infinity}', "Infinity is not JSON"),
    "minus_infinity": (b'{"a":-Infinity}', "-Infinity is not JSON"),
    "huge_exponent": (b'{"a":1e999999999}', "absurd"),
    "tiny_exponent": (b'{"a":1e-999999999}', "absurd"),
    "exponent_above_ours": (b'{"a":1e101}', "absurd"),
    "exponent_below_ours": (b'{"a":1e-101}', "absurd"),
    "zero_with_exponent": (b'{"a":0e999999999}', "absurd"),
    "exponent_of_no_decimal": (b'{"a":1e99999999999999999999}', "absurd"),
    "exponent_below_all": (b'{"a":-1.5E-99999999999999999999}', "absurd"),
    "many_digits": (b'{"a":' + b"9" * 5000 + b"}", "absurd"),
    "many_places": (b'{"a":0.' + b"9" * 5000 + b"}", "absurd"),
    "deep_arrays": (b"[" * 2000 + b"]" * 2000, "nested too deep"),
    "deep_objects": (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested too deep"),
    "deep_and_open": (b"[" * 100_000, "nested too deep"),
    "half_pair": (b'{"a":"\\ud83d"}', "half of a surrogate pair"),
    "half_pair_in_a_name": (b'{"\\ude00":1}', "half of a surrogate pair"),
    "pair_turned_round": (b'["\\ude00\\ud83d"]', "half of a surrogate pair"),
    "half_pair_in_capitals": (b'["\\uD83D"]', "half of a surrogate pair"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_the_json_we_accept_is_refused(name):
    """
    With a word why, which quotes nothing, and without an error that holds the text.
    """
    body, wanted = REFUSED[name]

    with pytest.raises(JSONRefusedError) as caught:
        parse_json(body)

    assert wanted in str(caught.value)
    assert len(str(caught.value)) < 40
    assert caught.value.__context__ is None
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"0", 0),
        (b"null", None),
        (b'""', ""),
        (b" [1, 2]\r\n\t", [1, 2]),
        (b'{"a":6.9800}', {"a": Decimal("6.9800")}),
        (b'{"a":1e2}', {"a": Decimal("1E+2")}),
        (b'{"a":1E-100}', {"a": Decimal("1E-100")}),
        (b'{"a":-0.0}', {"a": Decimal("-0.0")}),
        (b"9" * 64, int("9" * 64)),
        (b'"\\ud83d\\ude00\\/\\u4e2d"', "\N{GRINNING FACE}/中"),
        ('"中\u2028"'.encode(), "中\u2028"),
        (b'{"":{"":""}}', {"": {"": ""}}),
        (b'{"a":{"b":1},"c":{"b":2}}', {"a": {"b": 1}, "c": {"b": 2}}),
    ],
)
def test_what_is_json_is_read(body, value):
    """
    Fractions keep their digits.
    """
    read = parse_json(body)

    assert value == read
    assert repr(value) == repr(read)


def test_sixty_four_levels_are_read():
    """
    One more is refused; brackets inside strings are text.
    """
    body = b"[" * 64 + b'"[[[[\\"[[["' + b"]" * 64

    assert parse_json(body)

    with pytest.raises(JSONRefusedError, match="too deep"):
        parse_json(b"[" + body + b"]")


def test_many_flat_objects_are_not_deep():
    """
    A page of a statement has hundreds side by side.
    """
    body = b"[" + b",".join([b'{"a":["}]"]}'] * 500) + b"]"

    assert 500 == len(parse_json(body))


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 60 + b"[" * 60 + b'"' + b'\\"' * 100_000,
        b"[{" * 60 + b'"' * 200_001,
        b"[{" * 60 + b'"' + b"\\" * 200_001,
        b"[{}," * 50_000 + b'"\\',
        b'{"a":"' + b"\\ud83d" * 30_000 + b'"}',
    ],
)
def test_no_body_takes_long_to_refuse(body):
    """
    Anybody may post to a notify_url: what costs grows with the size, not its square.
    """
    started = time.perf_counter()

    with pytest.raises(JSONRefusedError):
        parse_json(body)

    assert time.perf_counter() - started < 2


@given(st.binary(max_size=80))
def test_noise_is_refused_or_read_as_the_standard_library_does(body):
    """
    No other error comes out, and nothing is accepted that Python would not accept.
    """
    try:
        value = parse_json(body)
    except JSONRefusedError:
        return

    assert json.loads(body, parse_float=Decimal) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.decimals(-(10**20), 10**20, allow_nan=False, places=4)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(JSON)
def test_what_is_written_is_read_again(value):
    """
    Writing and reading are each other's inverse, and json.loads agrees.
    """
    body = dump_json(value)

    assert value == parse_json(body)
    assert value == json.loads(body, parse_float=Decimal)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"a": [1, "b"], "c": None}, '{"a":[1,"b"],"c":null}'),
        ({"a/b": "中\N{GRINNING FACE}</script>"}, '{"a/b":"中😀</script>"}'),
        ('\x00\n"\\\x7f\u2028', '"\\u0000\\n\\"\\\\\x7f\u2028"'),
        (Decimal("100.00"), "100.00"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-0"), "-0"),
        (Decimal("1E+400"), "1" + "0" * 400),
        ({"a": (Decimal("2E+1"), "1E+1", None)}, '{"a":[20,"1E+1",null]}'),
        ("NaN", '"NaN"'),
        ({"Infinity": 1}, '{"Infinity":1}'),
        (MappingProxyType({"a": MappingProxyType({"b": 1})}), '{"a":{"b":1}}'),
        (MappingProxyType({"a": Decimal("1E+2")}), '{"a":100}'),
        (10**30, "1" + "0" * 30),
        (1.5, "1.5"),
        ([None, 1.5], "[null,1.5]"),
    ],
)
def test_a_value_has_one_spelling(value, body):
    """
    Compact, slashes and Chinese as they are, numbers with all their digits.
    """
    assert body.encode() == dump_json(value)


@pytest.mark.parametrize(
    "number",
    [
        *(Decimal(text) for text in ("NaN", "-NaN5", "sNaN", "Infinity", "-Infinity")),
        *(float("nan"), float("inf"), float("-inf")),
    ],
)
def test_a_number_that_is_not_finite_is_not_written(number):
    """
    JSON has no form for it, and null would be another answer.
    """
    for value in (number, [number], {"a": {"b": (1, number)}}):
        with pytest.raises(JSONRefusedError, match="not finite"):
            dump_json(value)


@pytest.mark.parametrize("value", ["\ud83d", ["a\udc80"], {"\ud83d": 1}])
def test_half_a_surrogate_pair_is_not_written(value):
    """
    No UTF-8 has it.
    """
    with pytest.raises(JSONRefusedError, match="surrogate") as caught:
        dump_json(value)

    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", [object(), {"a": Secret("canary")}, [1j], {None: 1}])
def test_what_has_no_json_form_is_a_type_error(value):
    """
    Above all a Secret, which is sealed first.
    """
    with pytest.raises(TypeError) as caught:
        dump_json(value)

    assert "canary" not in str(caught.value)
