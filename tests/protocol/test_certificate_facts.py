"""
What certificates say is told, and nothing of it is an error.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.protocol import inspect_key
from umfpay.protocol._certificate_facts import certificate_facts, public_key_info


VECTORS = Path(__file__).parent.parent / "vectors"
DER = (VECTORS / "gateway_1024.cert.der").read_bytes()


def test_an_ordinary_certificate_tells_name_and_dates():
    """
    And that nobody checks them.
    """
    facts = certificate_facts(DER)

    assert (
        "subject | 主体: CN, UMF test gateway, gateway_1024",
        "dated | 有效期: 2026-11-23 - 2126-10-30",
    ) == facts[:2]
    assert 3 == len(facts)
    assert "checks no date" in facts[2]


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (
            "capture_dev.cert.crt",
            ["Umpay Test Mer", "2005-01-16", "version 1", "serial number 0", "MD5"],
        ),
        ("capture_uat.cert.crt", ["testUmpay", "2006-01-06", "version 1", "MD5"]),
    ],
)
def test_the_real_certificates_are_odd_in_many_ways(file, wanted):
    """
    Version, serial number, digest and dates are remarks (gateway.md 1).
    """
    remarks = "\n".join(inspect_key(VECTORS / file).remarks)

    assert [] == [word for word in wanted if word not in remarks]


def test_dates_agree_with_openssl(openssl):
    """
    A UTCTime has two digits of the year; openssl writes four.
    """
    text = openssl(
        *("x509", "-inform", "DER", "-noout", "-dates", "-dateopt", "iso_8601"),
        given=(VECTORS / "capture_uat.cert.crt").read_bytes(),
    ).decode()

    dates = [line.partition("=")[2][:10] for line in text.splitlines()]

    assert f"dated | 有效期: {dates[0]} - {dates[1]}" in "\n".join(
        inspect_key(VECTORS / "capture_uat.cert.crt").remarks
    )


@pytest.mark.parametrize(
    ("tag", "name", "shown", "clean"),
    [
        (0x13, "联动优势测试网关".encode("gbk"), "联动优势测试网关", False),
        (0x0C, "联动优势测试网关".encode("gbk"), "联动优势测试网关", False),
        (0x13, "联动优势!!!!".encode(), "联动优势!!!!", False),
        (0x0C, "联动优势!!!!".encode(), "联动优势!!!!", True),
        (0x1E, "联动优势网关测试".encode("utf-16-be"), "联动优势网关测试", True),
        (0x13, b"\xff" * 16, "ÿ" * 16, False),
        (0x14, b"teletex 16 bytes", "teletex 16 bytes", True),
        (0x13, b"clear\x1b[2J screen", "clear?[2J screen", True),
    ],
)
def test_names_are_read_whatever_they_are_written_in(tag, name, shown, clean):
    """
    GBK in a PrintableString is told; control characters are not passed on.
    """
    odd = DER.replace(b"\x0c\x10UMF test gateway", bytes((tag, 16)) + name)
    facts = "\n".join(certificate_facts(odd))

    assert name in odd
    assert shown in facts
    assert clean is ("break the rules" not in facts)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", "X.509 version 8"),
        (b"261123040419Z", b"991123040419Z", "1999-11-23"),
        (
            bytes.fromhex("06092a864886f70d01010b"),
            bytes.fromhex("06092a864886f70d010105"),
            "SHA-1",
        ),
    ],
)
def test_what_is_unusual_is_a_remark(old, new, wanted):
    """
    Version, century and digest.
    """
    assert old in DER
    assert wanted in "\n".join(certificate_facts(DER.replace(old, new)))


@pytest.mark.parametrize("der", [b"", b"0\x00", DER[:40], b"0\x04\x30\x02\x05\x00"])
def test_what_has_no_such_structure_is_shown_as_strange(der):
    """
    The key may be good all the same: it is no error.
    """
    facts = certificate_facts(der)

    assert "unusual structure" in facts[0]
    assert b"" == public_key_info(der)


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_no_damage_makes_an_error(at, change):
    """
    One changed byte anywhere: remarks all the same.
    """
    damaged = bytearray(DER)
    damaged[at] ^= change

    assert all(isinstance(fact, str) for fact in certificate_facts(bytes(damaged)))
