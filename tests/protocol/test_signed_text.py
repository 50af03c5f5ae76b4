"""
The signed text: what the gateway signed, cut out of what it sent.
"""

from __future__ import annotations

import base64
import json
import os
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.protocol import _json as json_module
from umfpay.protocol._json import parse_exact
from umfpay.protocol._signed_text import scan, scan_carefully


VECTORS = Path(__file__).parent.parent / "vectors"
CAPTURES = json.loads((VECTORS / "gateway_captures.json").read_text())
RESPONSES = json.loads((VECTORS / "response_signatures.json").read_text())
GOOD = [case for case in CAPTURES + RESPONSES if case["verdict"] == "valid"]


def _tokens(text):
    """
    Cut valid JSON into tokens, one character after the other.
    """
    tokens, at = [], 0

    while at < len(text):
        start = at

        if text[at] in " \t\n\r":
            at += 1

            continue

        if text[at] == '"':
            at += 1

            while text[at] != '"':
                at += 2 if text[at] == "\\" else 1

            at += 1
        elif text[at] in "{}[]:,":
            at += 1
        else:
            while at < len(text) and text[at] not in ' \t\n\r{}[]:,"':
                at += 1

        tokens.append(text[start:at])

    return tokens


def _value_end(tokens, at):
    """
    Return the index after the value that begins at *at*.
    """
    depth = 0

    while True:
        depth += (tokens[at] in ("{", "[")) - (tokens[at] in ("}", "]"))
        at += 1

        if depth == 0:
            return at


def _member(tokens, at, name):
    """
    Return where the member *name* of the object at *at* begins and ends, or None.
    """
    at += 1

    while tokens[at] != "}":
        end = _value_end(tokens, at + 2)

        if json.loads(tokens[at]) == name:
            return at, end

        at = end + (tokens[end] == ",")

    return None


def _naive(body):
    """
    Return the signed text as gateway.md 3.2 put it, slowly.
    """
    tokens = _tokens(body.decode())
    meta = _member(tokens, 0, "meta")

    if meta is not None and tokens[meta[0] + 2] == "{":
        sign = _member(tokens, meta[0] + 2, "sign")

        if sign is not None:
            start, end = sign

            if tokens[end] == ",":
                end += 1
            elif tokens[start - 1] == ",":
                start -= 1

            del tokens[start:end]

    return "".join(tokens).encode()


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_each_good_vector_gives_the_text_of_the_rule(case):
    """
    The naive reading of the rule and ours agree.
    """
    body = base64.b64decode(case["raw_base64"])

    assert _naive(body) == scan(body).signed_text()


def test_the_text_of_the_docs_is_exact():
    """
    The refund query of the reference (gateway.md 3.2).
    """
    body = (
        b'{"meta":{"sign":"AA==","ret_msg":"Success","ret_code":"0000"},'
        b'"refunds":[{"state":"REFUND_PROCESS"}]}'
    )

    assert (
        b'{"meta":{"ret_msg":"Success","ret_code":"0000"},'
        b'"refunds":[{"state":"REFUND_PROCESS"}]}'
    ) == scan(body).signed_text()


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        ('{"meta":{"sign":"x"}}', '{"meta":{}}'),
        ('{"meta":{"sign":"x"},"a":1}', '{"meta":{},"a":1}'),
        ('{"meta":{"sign":"x","b":1}}', '{"meta":{"b":1}}'),
        ('{"meta":{"b":1,"sign":"x"}}', '{"meta":{"b":1}}'),
        ('{"meta":{"b":1,"sign":"x","c":2}}', '{"meta":{"b":1,"c":2}}'),
        ('{"meta" : {"b" : 1 , "sign" : "x" } }', '{"meta":{"b":1}}'),
        ('{"meta":{ "sign" :"x" , "c":2}}', '{"meta":{"c":2}}'),
        ('{"meta":{\n"sign"\t:\r\n"x"\n}}', '{"meta":{}}'),
        ('{"a":[],"meta":{"sign":"x"}}', '{"a":[],"meta":{}}'),
        ('{"meta":{"sign":{"a":[1,2]},"b":1}}', '{"meta":{"b":1}}'),
        ('{"meta":{"sign":null}}', '{"meta":{}}'),
        ('{"meta":{"sign":"x,\\"}"}}', '{"meta":{}}'),
        (
            '{"meta":{"a":{"sign":"y"},"sign":"x"}}',
            '{"meta":{"a":{"sign":"y"}}}',
        ),
        (
            '{"sign":"y","b":{"meta":{"sign":"z"}},"meta":{"sign":"x"}}',
            '{"sign":"y","b":{"meta":{"sign":"z"}},"meta":{}}',
        ),
        ('{"meta":[{"sign":"x"}]}', '{"meta":[{"sign":"x"}]}'),
        ('{"meta":"sign","sign":"x"}', '{"meta":"sign","sign":"x"}'),
        ('{"\\u006deta":{"\\u0073ign":"x","b":1}}', '{"\\u006deta":{"b":1}}'),
        ('{"META":{"sign":"x"}}', '{"META":{"sign":"x"}}'),
        ('{"meta":{"Sign":"x"}}', '{"meta":{"Sign":"x"}}'),
        ('{"meta ":{"sign":"x"}}', '{"meta ":{"sign":"x"}}'),
        ('{"a":"b  c\\n\\t \\" d","e": 1.0}', '{"a":"b  c\\n\\t \\" d","e":1.0}'),
        ('{"a":"\\\\" , "b":"\\/"}', '{"a":"\\\\","b":"\\/"}'),
        ('{"a": [ 6.9800 , 1E5 , true , null ]}', '{"a":[6.9800,1E5,true,null]}'),
        ('{"a":"\u00a0\u3000\u2028 "} ', '{"a":"\u00a0\u3000\u2028 "}'),
        ("{}", "{}"),
        (" { } ", "{}"),
    ],
)
def test_only_sign_of_the_top_level_meta_is_left_out(body, signed):
    """
    With one comma; white space outside strings goes, all else stays byte for byte.
    """
    assert signed.encode() == scan(body.encode()).signed_text()
    assert signed.encode() == _naive(body.encode())
    assert json.loads(body, parse_float=Decimal) == scan(body.encode()).members


REFUSED = {
    "not_an_object": b'[{"meta":{}}]',
    "text": b'"meta"',
    "empty": b"",
    "blank": b"  ",
    "open": b"{",
    "open_name": b'{"meta',
    "name_only": b'{"meta"}',
    "no_value": b'{"meta":}',
    "open_meta": b'{"meta":{',
    "open_meta_member": b'{"meta":{"sign":"x"',
    "no_comma": b'{"a":1 "b":2}',
    "no_comma_in_meta": b'{"meta":{"a":1 "b":2}}',
    "comma_at_the_end": b'{"a":1,}',
    "comma_in_front": b'{,"a":1}',
    "two_commas": b'{"meta":{"a":1,,"b":2}}',
    "name_is_no_text": b"{1:2}",
    "no_colon": b'{"a" 1}',
    "equals": b'{"a"=1}',
    "two_signs": b'{"meta":{"sign":"x","sign":"x"}}',
    "two_spellings_of_sign": b'{"meta":{"sign":"x","\\u0073ign":"x"}}',
    "two_metas": b'{"meta":{"sign":"x"},"meta":{}}',
    "two_spellings_of_meta": b'{"meta":{"sign":"x"},"m\\u0065ta":{}}',
    "repeated_in_order": b'{"a":{"b":1,"b":1}}',
    "trailing": b"{} x",
    "trailing_object": b'{"meta":{"sign":"x"}}{}',
    "trailing_after_usual": b'{"meta":{"sign":"AA=="}},',
    "deep": b'{"meta":{"sign":"AA==","a":' + b"[" * 2000 + b"]" * 2000 + b"}}",
    "number": b'{"meta":{"sign":"AA=="},"a":1e99999999999999999999}',
    "half_pair": b'{"meta":{"sign":"AA=="},"a":"\\ud83d"}',
    "control": b'{"meta":{"sign":"AA==","a":"\t"}}',
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_such_object_is_refused(name):
    """
    In the fast lane and in steps, and without an error that holds the text.
    """
    with pytest.raises(JSONRefusedError) as caught:
        scan(REFUSED[name])

    assert len(str(caught.value)) < 40
    assert caught.value.__context__ is None


BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n  "])
WORDS = st.text(
    st.sampled_from('ab ,:{}[]"\\/\u4e2d\N{GRINNING FACE}\t\n'), max_size=6
) | st.sampled_from(["sign", "meta", '"sign":"x",', "ret_code"])
SPELLERS = st.sampled_from(
    [
        lambda text: json.dumps(text),
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(text, ensure_ascii=False).replace("/", "\\/"),
        lambda text: (
            '"' + "".join(f"\\u{ord(part):04x}" for part in text) + '"'
            if text.isascii()
            else json.dumps(text)
        ),
    ]
)
SCALARS = st.sampled_from(
    ["null", "true", "false", "0", "-1", "6.9800", "1e5", "1E+05", "-0.0", "{}", "[]"]
) | st.builds(lambda word, speller: speller(word), WORDS, SPELLERS)


@st.composite
def _objects(draw, values, *, reserved=()):
    """
    An object as (compact, spaced) member texts.
    """
    names = draw(st.lists(WORDS, max_size=4, unique=True))
    members = []

    for name in names:
        if name not in reserved:
            spelled = draw(SPELLERS)(name)
            compact, spaced = draw(values)
            before, after, inner, last = (draw(BLANKS) for _ in range(4))
            members.append(
                (
                    f"{spelled}:{compact}",
                    f"{before}{spelled}{after}:{inner}{spaced}{last}",
                )
            )

    return members


def _join(members, which):
    return "{" + ",".join(member[which] for member in members) + "}"


PLAIN = SCALARS.map(lambda text: (text, text))
NESTED = _objects(PLAIN).map(lambda members: (_join(members, 0), _join(members, 1)))
LISTS = st.lists(PLAIN | NESTED, max_size=3).map(
    lambda parts: (
        "[" + ",".join(part[0] for part in parts) + "]",
        "[ " + " ,\n".join(part[1] for part in parts) + "]",
    )
)


@st.composite
def _answers(draw):
    """
    An answer: its text without sign, and itself, with blanks and sign somewhere.
    """
    meta = draw(_objects(PLAIN | NESTED, reserved=("sign",)))
    rest = draw(_objects(PLAIN | NESTED | LISTS, reserved=("meta",)))
    sign = draw(SPELLERS)("sign")
    speller = draw(SPELLERS)
    signed_meta = list(meta)
    signed_meta.insert(
        draw(st.integers(0, len(meta))),
        ("", f"{draw(BLANKS)}{sign}{draw(BLANKS)}:{draw(BLANKS)}%s{draw(BLANKS)}"),
    )
    at = draw(st.integers(0, len(rest)))
    name = speller("meta")
    compact = [*rest[:at], (f"{name}:{_join(meta, 0)}", ""), *rest[at:]]
    value = "@SIGN@"
    spaced_meta = _join(signed_meta, 1).replace("%s", f'"{value}"')
    spaced = [
        *rest[:at],
        ("", f"{draw(BLANKS)}{name}{draw(BLANKS)}:{draw(BLANKS)}{spaced_meta}"),
        *rest[at:],
    ]

    return _join(compact, 0).encode(), (draw(BLANKS) + _join(spaced, 1)).encode()


@settings(max_examples=200)
@given(_answers())
def test_the_signed_text_is_what_was_written_without_sign(answer):
    """
    Whatever order, blanks and escapes an answer has.
    """
    signed, body = answer
    scanned = scan(body)

    assert signed == scanned.signed_text()
    assert signed == _naive(body)
    assert "@SIGN@" == scanned.members["meta"]["sign"]
    assert json.loads(body) == json.loads(json.dumps(scanned.members, default=float))


@given(st.text(st.sampled_from('{}[]":,\\ meta0sign1.e-'), max_size=40))
def test_no_text_makes_a_foreign_error(text):
    """
    What is read at all is read as the standard library reads it.
    """
    for body in (text, '{"meta":{"sign":"AA=="' + text, '{"a":' + text + "}"):
        try:
            scanned = scan(body.encode())
        except JSONRefusedError:
            continue

        assert json.loads(body) == json.loads(
            json.dumps(scanned.members, default=float)
        )
        assert _naive(body.encode()) == scanned.signed_text()


# 100000 take a minute: UMFPAY_MUTATIONS=100000.
MUTATIONS = int(os.environ.get("UMFPAY_MUTATIONS", "5000"))
PIECES = [
    *(bytes((byte,)) for byte in b'{}[]":,\\ \n\t-+.0159eEtfnu/\x00\xed\xff'),
    *(b'"a":1,', b'"meta":{},', b'"sign":"AA==",', b'"\\u0061":1,', b"null", b"true"),
    *(b"\\/", b"\\n", b"\\ud800", b"\\u001f", "中".encode(), b"\xef\xbb\xbf"),
    *(b"1.50", b"1E+5", b"1e5", b"-0", b"-0.0", b"1E-101", b"9" * 64, b"9" * 65),
    *(b"[" * 60, b"]" * 60, b"[" * 5000, b'{"a":' * 60, b"}" * 60),
    *(b"18446744073709551616", b"-9223372036854775809", b"0." + b"1" * 62),
]


def mutated_body(number):
    """
    Return a signed answer with some bytes put in, taken out or repeated.
    """
    dice = random.Random(number)  # not for secrets
    body = base64.b64decode(dice.choice(GOOD)["raw_base64"])

    for _ in range(dice.randrange(4)):
        at, end = sorted(dice.randrange(len(body) + 1) for _ in range(2))
        marks = [n for n, byte in enumerate(body) if byte in b',:{}[]"'] or [0]
        near = dice.choice(marks) + dice.randrange(2)

        match dice.randrange(6):
            case 0:
                body = body[:near] + dice.choice(PIECES) + body[near:]
            case 1:
                body = body[:at] + dice.choice(PIECES) + body[at + 1 :]
            case 2:
                body = body[:at] + body[at + dice.randrange(20) :]
            case 3:
                body = body[:end] + body[at:end] + body[end:]
            case 4:
                name, comma, rest = body[near:].partition(b",")
                body = body[:near] + name + comma + name + comma + rest
            case 5:
                depth = dice.randrange(55, 70)
                body = body.replace(b'""', b"[" * depth + b"]" * depth, 1)

    return body


def shown(value):
    """
    Return all that *value* is: the digits of numbers, and the order of members.
    """
    if isinstance(value, dict):
        return [(name, shown(one)) for name, one in value.items()]

    if isinstance(value, list):
        return list(map(shown, value))

    return type(value), str(value)


def outcome(read, body):
    try:
        scanned = read(body)
    except JSONRefusedError as refusal:
        return str(refusal)

    return shown(scanned.members), scanned.signed_text()


def test_both_ways_to_scan_are_one():
    """
    That an answer is written again to the same bytes says all that is looked for.
    """
    for number in range(MUTATIONS):
        body = mutated_body(number)

        assert outcome(scan_carefully, body) == outcome(scan, body), body


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_what_is_exact_is_not_stepped_through(case):
    """
    Every answer without white space and escapes: it is decoded and written again.
    """
    body = base64.b64decode(case["raw_base64"])
    other_forms = [form for form in (b'": ', b"\n", b"\\u", b"\\/") if form in body]

    assert (parse_exact(body) is None) == bool(other_forms)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":1}',
        b'{"a":1} ',
        b'{"a":1}{}',
        b'{"a":1e5}',
        b'{"a":-0}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"9" * 65 + b"}",
        b"[]",
        b"",
    ],
)
def test_what_is_not_exact(body):
    """
    Repeated members, a second value, numbers and text in another form.
    """
    assert parse_exact(body) is None


@pytest.mark.parametrize("depth", [64, 65])
def test_exact_bytes_may_be_nested_too_deep(depth):
    """
    msgspec takes a thousand levels.
    """
    body = b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)

    if depth > json_module.MAX_DEPTH:
        assert parse_exact(body) is None

        with pytest.raises(JSONRefusedError, match="nested too deep"):
            parse_json(body)
    else:
        assert parse_json(body) == parse_exact(body) == json.loads(body)
