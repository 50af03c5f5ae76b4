"""
Envelopes: only what the gateway signed is verified, and anything else is a verdict.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.protocol import (
    Envelope,
    PublicKey,
    Verdict,
    Verifier,
    dump_json,
    open_envelope,
    sign_envelope,
    verify_notification,
)


VECTORS = Path(__file__).parent.parent / "vectors"
WORDS = {
    "valid": Verdict.VERIFIED,
    "forged": Verdict.FORGED,
    "unsigned": Verdict.UNSIGNED,
}


def _cases(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


CAPTURES = _cases("gateway_captures")
RESPONSES = _cases("response_signatures")
NOTIFICATIONS = _cases("notifications")
ANSWER = {
    "meta": {"ret_msg": "Success", "ret_code": "0000"},
    "payment": {"state": "WAIT_BUYER_PAY", "order": {"mer_date": "20170410"}},
}


def _header(case):
    named = {name.lower(): value for name, value in case.get("headers", {}).items()}

    return named.get("signature")


def _verifier_of(case, backend):
    return Verifier([PublicKey.load(VECTORS / case["certificate"])], backend=backend)


@pytest.fixture(name="opened")
def _opened(verifier):
    def open_(body, *, header=None):
        return open_envelope(body, header_signature=header, verifier=verifier)

    return open_


@pytest.fixture(name="answer", scope="session")
def _answer(signer) -> bytes:
    return sign_envelope(ANSWER, signer=signer, place="meta")[0]


@pytest.mark.parametrize("case", CAPTURES + RESPONSES, ids=lambda case: case["name"])
def test_each_answer_gets_its_verdict(case, backend):
    """
    Captures of the real gateway, and what openssl signed or somebody forged.
    """
    body = base64.b64decode(case["raw_base64"])
    envelope = open_envelope(
        body, header_signature=_header(case), verifier=_verifier_of(case, backend)
    )

    assert WORDS[case["verdict"]] is envelope.verdict

    if envelope.verdict is Verdict.FORGED:
        assert {} == envelope.members
        assert "" == envelope.ret_code
        assert envelope.reason
    else:
        assert json.loads(body, parse_float=Decimal) == envelope.members
        assert "0000" == envelope.ret_code
        assert "" == envelope.reason


@pytest.mark.parametrize("case", NOTIFICATIONS, ids=lambda case: case["name"])
def test_each_notification_gets_its_verdict(case, backend):
    """
    The header covers the raw body alone (gateway.md 3.3).
    """
    body = base64.b64decode(case["body_base64"])
    envelope = verify_notification(
        body, header_signature=_header(case), verifier=_verifier_of(case, backend)
    )

    assert WORDS[case["verdict"]] is envelope.verdict
    assert (envelope.members == {}) is (envelope.verdict is not Verdict.VERIFIED)


@pytest.mark.parametrize("case", CAPTURES, ids=lambda case: case["name"])
def test_a_capture_is_forged_under_any_other_key(case, backend):
    """
    Two companies sign the samples; neither key is the other's.
    """
    other = {
        "capture_dev.cert.crt": "capture_uat.cert.crt",
        "capture_uat.cert.crt": "capture_dev.cert.crt",
    }[case["certificate"]]
    envelope = open_envelope(
        base64.b64decode(case["raw_base64"]),
        header_signature=None,
        verifier=_verifier_of({"certificate": other}, backend),
    )

    assert Verdict.FORGED is envelope.verdict


def _signed(signer, text, *, template):
    """
    Return *template* with the signature of *text* where it says ``SIGN``.
    """
    return template.replace("SIGN", signer.sign(text.encode())).encode()


TEXT = '{"meta":{"ret_code":"0000"},"payment":{"state":"OK"}}'
EQUAL = {
    "first": '{"meta":{"sign":"SIGN","ret_code":"0000"},"payment":{"state":"OK"}}',
    "last": '{"meta":{"ret_code":"0000","sign":"SIGN"},"payment":{"state":"OK"}}',
    "blanks": '{ "meta" : { "sign" : "SIGN" ,\n"ret_code":"0000"} ,"payment":'
    '\t{"state":"OK"}\r\n}\n',
    "escaped_sign": '{"meta":{"\\u0073ign":"SIGN","ret_code":"0000"},'
    '"payment":{"state":"OK"}}',
}


@pytest.mark.parametrize("name", sorted(EQUAL))
def test_where_sign_stands_does_not_matter(signer, opened, name):
    """
    The signed text is the same.
    """
    envelope = opened(_signed(signer, TEXT, template=EQUAL[name]))

    assert Verdict.VERIFIED is envelope.verdict
    assert {"state": "OK"} == envelope.members["payment"]


REST = '"ret_code":"0000"},"payment":{"state":"OK"}}'
ATTACKS = {
    "other_spelling_of_a_name": '{"\\u006deta":{"sign":"SIGN",' + REST,
    "other_spelling_of_a_value": '{"meta":{"sign":"SIGN","ret_code":"\\u0030000"},'
    '"payment":{"state":"OK"}}',
    "two_metas": '{"meta":{"sign":"SIGN","ret_code":"0001"},"meta":{' + REST,
    "two_metas_one_escaped": '{"meta":{"sign":"SIGN",'
    + REST[:-1]
    + ',"met\\u0061":{}}',
    "two_signs": '{"meta":{"sign":"SIGN","sign":"SIGN",' + REST,
    "two_signs_one_escaped": '{"meta":{"sign":"SIGN","sig\\u006e":"SIGN",' + REST,
    "two_payments": '{"meta":{"sign":"SIGN",'
    + REST[:-1]
    + ',"payment":{"state":"NO"}}',
    "added_member": '{"meta":{"sign":"SIGN",' + REST[:-1] + ',"x":1}',
    "added_to_meta": '{"meta":{"sign":"SIGN","x":1,' + REST,
    "added_sign_elsewhere": '{"sign":"SIGN","meta":{"sign":"SIGN",' + REST,
    "sign_outside_meta": '{"sign":"SIGN","meta":{' + REST,
    "sign_in_payment": '{"meta":{"ret_code":"0000"},'
    '"payment":{"sign":"SIGN","state":"OK"}}',
    "sign_in_inner_meta": '{"a":{"meta":{"sign":"SIGN"}},"meta":{"sign":"SIGN",' + REST,
    "sign_list": '{"meta":{"sign":["SIGN"],' + REST,
    "sign_object": '{"meta":{"sign":{"a":"SIGN"},' + REST,
    "sign_number": '{"meta":{"sign":1,' + REST,
    "sign_true": '{"meta":{"sign":true,' + REST,
    "sign_null": '{"meta":{"sign":null,' + REST,
    "sign_empty": '{"meta":{"sign":"",' + REST,
    "sign_blank_before": '{"meta":{"sign":" SIGN",' + REST,
    "sign_blank_after": '{"meta":{"sign":"SIGN ",' + REST,
    "sign_line_end": '{"meta":{"sign":"SIGN\\n",' + REST,
    "sign_crlf": '{"meta":{"sign":"SIGN\\r\\n",' + REST,
    "sign_padded": '{"meta":{"sign":"SIGN=",' + REST,
    "sign_twice_in_one": '{"meta":{"sign":"SIGNSIGN",' + REST,
    "raw_line_end_in_sign": '{"meta":{"sign":"SIGN\n",' + REST,
    "blank_in_a_string": '{"meta":{"sign":"SIGN","ret_code":"0000"},'
    '"payment":{"state":"OK "}}',
    "blank_in_a_name": '{"meta":{"sign":"SIGN","ret_code":"0000"},'
    '"payment ":{"state":"OK"}}',
    "other_blank": '{"meta":{"sign":"SIGN",\u00a0' + REST,
    "zero_after": '{"meta":{"sign":"SIGN",' + REST + "\0",
    "object_after": '{"meta":{"sign":"SIGN",' + REST + "{}",
    "mark_before": '\ufeff{"meta":{"sign":"SIGN",' + REST,
    "comma_too_many": '{"meta":{"sign":"SIGN",,' + REST,
    "comma_at_the_end": '{"meta":{"sign":"SIGN","ret_code":"0000",},'
    '"payment":{"state":"OK"}}',
    "comment": '{"meta":{"sign":"SIGN",/**/' + REST,
    "list_around": '[{"meta":{"sign":"SIGN",' + REST + "]",
    "case_of_meta": '{"Meta":{"sign":"SIGN",' + REST,
    "case_of_sign": '{"meta":{"Sign":"SIGN",' + REST,
    "meta_list": '{"meta":[{"sign":"SIGN"}],"payment":{"state":"OK"}}',
    "meta_text": '{"meta":"SIGN","payment":{"state":"OK"}}',
    "number_for_text": '{"meta":{"sign":"SIGN","ret_code":0},"payment":{"state":"OK"}}',
}
# What carries no sign where the rule looks for one, or is no object at all.
NO_CLAIM = {
    "sign_outside_meta": Verdict.UNSIGNED,
    "sign_in_payment": Verdict.UNSIGNED,
    "case_of_meta": Verdict.UNSIGNED,
    "case_of_sign": Verdict.UNSIGNED,
    "list_around": Verdict.UNREADABLE,
    "meta_text": Verdict.UNREADABLE,
}


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_other_text_goes_with_a_good_signature(signer, opened, name):
    """
    The signature is good for `TEXT`, and for nothing that reads like it.
    """
    envelope = opened(_signed(signer, TEXT, template=ATTACKS[name]))

    assert NO_CLAIM.get(name, Verdict.FORGED) is envelope.verdict


def test_a_loose_spelling_of_the_signature_is_forged(signer, opened):
    """
    The last bits before the padding are not looked at by most decoders.
    """
    sign = signer.sign(TEXT.encode())
    loose = sign[:-2] + chr(ord(sign[-2]) + 1) + "="
    body = EQUAL["first"].replace("SIGN", loose).encode()

    assert base64.b64decode(sign) == base64.b64decode(loose)
    assert Verdict.FORGED is opened(body).verdict


@pytest.mark.parametrize("header", ["", " ", "AAAA", "not base64", "签"])
def test_a_header_must_verify_whatever_meta_says(answer, opened, header):
    """
    A present header is a claim.
    """
    assert Verdict.VERIFIED is opened(answer).verdict
    assert Verdict.FORGED is opened(answer, header=header).verdict


def test_a_good_header_is_enough(signer, opened, answer):
    """
    Over the raw body, or over the text without sign; whatever meta.sign says.
    """
    junk = answer.replace(b'"sign":"', b'"sign":"A')
    signed_text = dump_json(ANSWER)

    for body in (answer, junk, signed_text):
        for covered in (body, signed_text):
            envelope = opened(body, header=signer.sign(covered))

            assert Verdict.VERIFIED is envelope.verdict

    assert Verdict.FORGED is opened(answer, header=signer.sign(junk)).verdict


UNREADABLE = {
    "mark": b'\xef\xbb\xbf{"meta":{"sign":"AA=="}}',
    "mark_and_blank": b'\xef\xbb\xbf \r\n{"meta":{"sign":"AA=="}}',
    "latin1": b'{"meta":{"sign":"AA=="},"name":"\xe9"}',
    "trailing": b'{"meta":{"sign":"AA=="}}x',
    "repeated": b'{"meta":{"sign":"AA=="},"meta":{}}',
    "deep": b'{"meta":{"sign":"AA=="},"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "deep_objects": b'{"sign":1,"a":' * 2000 + b"1" + b"}" * 2000,
    "exponent": b'{"meta":{"sign":"AA=="},"a":1e999999999}',
    "exponent_of_no_decimal": b'{"meta":{"sign":"AA=="},"a":1e99999999999999999999}',
    "digits": b'{"meta":{"sign":"AA=="},"a":' + b"9" * 5000 + b"}",
    "nan": b'{"meta":{"sign":"AA=="},"a":NaN}',
    "infinity": b'{"meta":{"sign":"AA=="},"a":-Infinity}',
    "half_pair": b'{"meta":{"sign":"AA=="},"a":"\\ud83d"}',
    "cut": b'  {"meta":{"sign":"AA==","ret_c',
    "meta_list": b'{"meta":["sign"]}',
}


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_an_object_that_cannot_be_read_lies_if_it_claims_a_signature(opened, name):
    """
    Without the word it is just unreadable; the reason quotes nothing of it.
    """
    body = UNREADABLE[name]
    claims, plain = opened(body), opened(body.replace(b"sign", b"mark"))

    assert Verdict.FORGED is claims.verdict
    assert Verdict.UNREADABLE is plain.verdict
    assert claims.reason == plain.reason != ""
    assert {} == claims.members == plain.members
    assert "AA==" not in repr(claims)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b'<html><a class="sign">502</a></html>',
        b'["sign"]',
        b'"sign"',
        b'sign={"sign":1}',
        b"\xff\xfe{",
        b"[" * 100_000,
    ],
)
def test_what_is_no_object_claims_nothing(opened, body):
    """
    A proxy's page may hold the word; Retrying must see its status.
    """
    assert Verdict.UNREADABLE is opened(body).verdict
    assert Verdict.FORGED is opened(body, header="AAAA").verdict


def test_a_body_that_cannot_be_read_is_not_forged_if_the_header_is_good(
    signer, verifier, opened
):
    """
    The gateway did say it; it gives nothing all the same.
    """
    body = b'{"a":1,"a":2,"sign":"x"}'
    header = signer.sign(body)
    notified = verify_notification(body, header_signature=header, verifier=verifier)

    assert Verdict.UNREADABLE is opened(body, header=header).verdict
    assert Verdict.UNREADABLE is notified.verdict
    assert {} == notified.members


@pytest.mark.parametrize("body", [b'{"meta":null}', b"{}", b'{"access_token":"x"}'])
def test_an_answer_without_meta_is_unsigned(opened, body):
    """
    The token's answer is documented so (gateway.md 2.2).
    """
    envelope = opened(body)

    assert Verdict.UNSIGNED is envelope.verdict
    assert "" == envelope.ret_code


def test_a_notification_is_not_believed_for_its_meta(signer, verifier, answer):
    """
    No header, no trust; a header over the text without sign is none for a body.
    """
    plain = verify_notification(answer, header_signature=None, verifier=verifier)
    over_text = verify_notification(
        answer, header_signature=signer.sign(dump_json(ANSWER)), verifier=verifier
    )

    assert Verdict.UNSIGNED is plain.verdict
    assert Verdict.FORGED is over_text.verdict


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"sign":1', b'{"a":1,"a":2}'])
def test_an_unsigned_notification_is_not_even_read(verifier, body):
    """
    Whatever is posted to a notify_url: it costs nothing, and gives no member.
    """
    envelope = verify_notification(body, header_signature=None, verifier=verifier)

    assert Verdict.UNSIGNED is envelope.verdict
    assert {} == envelope.members


CODES = [
    ('{"ret_code":"0000"}', "0000", ""),
    ('{"ret_code":"00060700","ret_msg":"no"}', "00060700", "no"),
    ('{"error_code":"","ret_code":"0000","ret_msg":"Success"}', "0000", "Success"),
    ('{"error_code":"00060730","ret_code":"0000"}', "00060730", ""),
    ('{"error_code":"00060730","ret_code":"00060700"}', "00060730", ""),
    ('{"error_code":"0000","ret_code":"00060700"}', "00060700", ""),
    ('{"error_code":null,"ret_code":" 0000 "}', "0000", ""),
    ('{"error_code":"0000"}', "", ""),
    ('{"ret_code":""}', "", ""),
    ('{"ret_code":null}', "", ""),
    ("{}", "", ""),
    ('{"ret_code":["0000"],"ret_msg":["SUCCESS"]}', "0000", "SUCCESS"),
    ('{"ret_code":["0000","00060700"]}', "00060700", ""),
    ('{"ret_code":60700,"ret_msg":["a"," ","b",null,3]}', "60700", "a, b, 3"),
    ('{"ret_code":{"a":"0000"}}', "{'a': '0000'}", ""),
]


@pytest.mark.parametrize(("meta", "code", "words"), CODES)
def test_the_code_that_complains_is_named(opened, meta, code, words):
    """
    The first of error_code and ret_code that is not 0000 (gateway.md 8.1).
    """
    envelope = opened(b'{"meta":' + meta.encode() + b"}")

    assert (code, words) == (envelope.ret_code, envelope.ret_msg)


@pytest.mark.parametrize(
    ("place", "in_meta", "in_header"),
    [
        ("meta", True, False),
        ("header", False, True),
        ("both", True, True),
        ("none", False, False),
    ],
)
def test_a_signed_answer_is_verified(signer, verifier, place, in_meta, in_header):
    """
    Each place can be had alone; without any the answer is unsigned.
    """
    body, header = sign_envelope(ANSWER, signer=signer, place=place)
    envelope = open_envelope(body, header_signature=header, verifier=verifier)
    expected = Verdict.VERIFIED if in_meta or in_header else Verdict.UNSIGNED

    assert in_meta is ("sign" in json.loads(body)["meta"])
    assert in_header is (header is not None)
    assert expected is envelope.verdict

    if header is not None:
        assert verifier.verify(body, header)


def test_sign_stands_first_as_the_gateway_writes_it(signer, answer):
    """
    Over the text without it (gateway.md 3.2).
    """
    start = b'{"meta":{"sign":"' + signer.sign(dump_json(ANSWER)).encode() + b'",'

    assert answer.startswith(start)
    assert answer[len(start) :] == dump_json(ANSWER)[len(b'{"meta":{') :]


def test_an_old_sign_is_replaced_and_a_missing_meta_added(signer, opened):
    """
    The caller's object stays as it was.
    """
    members = {"payment": {}, "meta": {"a": 1, "sign": "old"}}
    before = copy.deepcopy(members)

    for given_ in (members, {"payment": {}}, {"payment": {}, "meta": None}):
        body, _ = sign_envelope(given_, signer=signer, place="both")

        assert Verdict.VERIFIED is opened(body).verdict
        assert b"old" not in body
        assert body.startswith(b'{"meta":{"sign":"')

    assert before == members


def test_an_envelope_does_not_show_its_members(opened, answer):
    """
    Answers hold names and phone numbers; logs must not.
    """
    assert "WAIT_BUYER_PAY" not in repr(opened(answer))
    assert Envelope(verdict=Verdict.UNSIGNED) == Envelope(verdict="unsigned")


GOOD_BODIES = [
    base64.b64decode(case["raw_base64"])
    for case in RESPONSES
    if case["verdict"] == "valid"
    and case["certificate"] == "gateway_1024.cert.crt"
    and not case["headers"]
]
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\s+')


def _compact(body, sign):
    """
    Return *body* without the white space between its tokens.

    *sign* is one text however its slashes are escaped.
    """

    def piece(found):
        text = found[0]

        if text[0] != '"':
            return ""

        return f'"{sign}"' if text.replace("\\/", "/") == f'"{sign}"' else text

    return _STRINGS.sub(piece, body.decode())


_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "copy", "swap"]),
        st.integers(0, 5000),
        st.binary(min_size=1, max_size=3)
        | st.sampled_from([b" ", b"\n", b'"', b",", b"}", b"{", b"0", b'"sign":"",']),
    ),
    min_size=1,
    max_size=3,
)


def _edited(body, edits):
    for kind, at, new in edits:
        at %= len(body) + 1
        head, tail = body[:at], body[at:]

        if kind == "replace":
            body = head + new + tail[len(new) :]
        elif kind == "insert":
            body = head + new + tail
        elif kind == "delete":
            body = head + tail[len(new) :]
        elif kind == "copy":
            body = head + tail[:20] + tail
        else:
            body = head + tail[10:20] + tail[:10] + tail[20:]

    return body


@settings(max_examples=200)
@given(st.sampled_from(GOOD_BODIES), _EDITS)
def test_no_edited_answer_verifies(verifier, body, edits):
    """
    Unless only white space outside strings changed.
    """
    edited = _edited(body, edits)
    envelope = open_envelope(edited, header_signature=None, verifier=verifier)

    if envelope.verdict is Verdict.VERIFIED:
        members = json.loads(body, parse_float=Decimal)
        sign = members["meta"]["sign"]

        assert members == envelope.members
        assert _compact(body, sign) == _compact(edited, sign)


@settings(max_examples=100)
@given(st.sampled_from(GOOD_BODIES), st.data())
def test_white_space_between_tokens_does_not_matter(verifier, body, data):
    """
    A proxy that re-formats an answer does not make it forged.
    """
    parts = re.findall(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^"{}\[\]:,\s]+', body.decode())
    blank = st.sampled_from(["", " ", "\n", "\t", "\r\n    "])
    spaced = "".join(data.draw(blank) + part for part in parts) + data.draw(blank)
    envelope = open_envelope(spaced.encode(), header_signature=None, verifier=verifier)

    assert Verdict.VERIFIED is envelope.verdict


@given(st.binary(max_size=120), st.none() | st.text(max_size=20))
def test_noise_is_a_verdict_and_never_good(verifier, body, header):
    """
    Nothing that is received raises.
    """
    for reader in (open_envelope, verify_notification):
        envelope = reader(body, header_signature=header, verifier=verifier)

        assert Verdict.VERIFIED is not envelope.verdict
