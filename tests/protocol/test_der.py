"""
DER elements say how long they are.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.protocol._der import (
    element_size,
    elements_of,
    is_cut,
    is_sequence,
    payload_of,
)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"0\x02ab", True),
        (b"0\x00", True),
        (b"0\x81\x02ab", True),
        (b"0\x82\x00\x02ab", True),
        (b"0\x03ab", False),
        (b"0\x02abc", False),
        (b"1\x02ab", False),
        (b"0", False),
        (b"", False),
        (b"0\x84\x00\x00", False),
    ],
)
def test_one_whole_sequence_is_recognised(content, wanted):
    """
    The length in the header is the length that follows.
    """
    assert wanted is is_sequence(content)


def test_elements_come_one_by_one():
    """
    Each keeps its header.
    """
    der = b"0\x07" + b"\x02\x01\x05" + b"\x04\x02ab"

    assert [b"\x02\x01\x05", b"\x04\x02ab"] == elements_of(der)
    assert b"ab" == payload_of(elements_of(der)[1])
    assert [] == elements_of(b"0\x00")


def test_openssl_sees_the_same_elements(openssl):
    """
    The number of top-level elements is the one that asn1parse prints.
    """
    der = openssl("genpkey", "-algorithm", "RSA", "-outform", "DER")
    listed = openssl("asn1parse", "-inform", "DER", given=der).decode()

    assert listed.count("d=1 ") == len(elements_of(der))


@pytest.mark.parametrize("der", [b"", b"0", b"0\x81", b"0\x82\x01"])
def test_a_cut_header_is_a_value_error(der):
    """
    What says no length is no element.
    """
    with pytest.raises(ValueError, match="cut"):
        element_size(der)


@pytest.mark.parametrize(
    ("der", "cut"),
    [
        (b"\x30\x03\x02\x01\x05", False),
        (b"\x30\x03\x02\x01", True),
        (b"\x30\x03\x02\x01\x05\x00", False),
        (b"\x31\x03\x02", False),
        (b"", False),
        (b"\x30", False),
    ],
)
def test_a_sequence_without_its_end_is_cut(der, cut):
    """
    It says that it is larger; what says nothing is something else.
    """
    assert cut is is_cut(der)


@given(st.binary(max_size=60))
def test_any_bytes_end_or_are_cut(content):
    """
    Walking through noise ends, with elements or a ValueError.
    """
    try:
        parts = elements_of(content)
    except ValueError:
        parts = []

    assert sum(map(len, parts)) <= len(content)
