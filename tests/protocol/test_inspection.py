"""
A report says what a file is, and never shows the key; what certificates say is no error.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, inspect_key
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"
DER = (VECTORS / "gateway_1024.cert.der").read_bytes()


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("gateway_2048.key.p8", "private key (the merchant's .p8)"),
        ("gateway_2048.cert.crt", "certificate (UMF's .crt)"),
        ("gateway_2048.cert.der", "certificate (UMF's .crt)"),
        ("gateway_2048.pub.pem", "public key"),
    ],
)
def test_the_kind_is_named(file, kind):
    """
    All files of one pair have one fingerprint.
    """
    report = inspect_key(VECTORS / file)

    assert (kind, 2048, "3dfb745901959178") == (
        report.kind,
        report.bits,
        report.fingerprint,
    )


def test_a_small_key_gets_a_remark():
    """
    1024 bits are what UMF uses and what nobody would choose today.
    """
    small = inspect_key(VECTORS / "merchant_1024.key.p8")
    large = inspect_key(VECTORS / "merchant_2048.key.p8")

    assert ["1024 bits"] == [remark[:9] for remark in small.remarks]
    assert () == large.remarks


def test_the_report_of_a_private_key_holds_nothing_of_it():
    """
    No attribute and no repr.
    """
    content = (VECTORS / "merchant_2048.key.p8").read_bytes()
    report = inspect_key(content)
    modulus, _ = PrivateKey.load(content).public.numbers

    assert str(modulus)[:20] not in repr(report)
    assert len(repr(report)) < 200


def test_an_encrypted_key_is_recognised_and_needs_its_passphrase():
    """
    In PEM and in DER.
    """
    for form in ("PEM", "DER"):
        content = openssl(
            *("pkcs8", "-inform", "DER", "-topk8", "-outform", form),
            *("-passout", "pass:abcd"),
            given=(VECTORS / "merchant_2048.key.p8").read_bytes(),
        )

        assert ("encrypted | 已加密",) == inspect_key(
            content, passphrase=Secret("abcd")
        ).remarks

        with pytest.raises(ConfigError, match="give the passphrase"):
            inspect_key(content)


def test_noise_is_none_of_the_three():
    """
    Nobody said which of them the file was meant to be.
    """
    with pytest.raises(ConfigError, match="no RSA private key, certificate or public"):
        inspect_key(b"noise")


@pytest.mark.parametrize("content", [b"", b"noise", b"-----BEGIN X-----\n"])
def test_what_is_no_key_is_a_config_error(content):
    """
    There is nothing to tell.
    """
    with pytest.raises(ConfigError):
        inspect_key(content)


def test_a_damaged_private_key_is_not_shown(must_not_show_key):
    """
    Neither words nor frames hold it.
    """
    whole = (VECTORS / "merchant_2048.key.p8").read_bytes()

    with pytest.raises(ConfigError) as caught:
        inspect_key(whole[:-5])

    must_not_show_key(caught.value, whole)


def test_an_ordinary_certificate_tells_name_and_dates():
    """
    And that nobody checks them.
    """
    _size, *facts = inspect_key(DER).remarks

    assert [
        "subject | 主体: CN, UMF test gateway, gateway_1024",
        "dated | 有效期: 2026-11-23 - 2126-10-30",
    ] == facts[:2]
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


def test_dates_agree_with_openssl():
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
    ("file", "form"),
    [
        ("capture_dev.cert.crt", "PEM"),
        ("capture_uat.cert.crt", "DER"),
        ("gateway_1024.cert.der", "DER"),
    ],
)
def test_names_agree_with_openssl(file, form):
    """
    The same attributes in the same order.
    """
    path = VECTORS / file
    text = openssl(
        *("x509", "-inform", form, "-noout", "-subject"),
        *("-nameopt", "sep_multiline,utf8,sname"),
        given=path.read_bytes(),
    ).decode()
    names = [line.partition("=")[2] for line in text.splitlines()[1:]]

    assert f"subject | 主体: {', '.join(names)}" in inspect_key(path).remarks


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
    facts = "\n".join(inspect_key(odd).remarks)

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
    assert wanted in "\n".join(inspect_key(DER.replace(old, new)).remarks)


@pytest.mark.parametrize(
    "der",
    [
        *(b"0", b"0\x81", b"0\x82\x01", b"0\x00", DER[:40]),
        b"0\x04\x30\x02\x05\x00",
    ],
)
def test_what_has_no_such_structure_and_no_key_is_a_config_error(der):
    """
    There is nothing to tell, bare or in a frame.
    """
    for content in (der, _framed(der)):
        with pytest.raises(ConfigError):
            inspect_key(content)


def test_a_key_in_a_strange_certificate_is_shown_as_strange():
    """
    The key is good all the same: it is no error.
    """
    pem = (VECTORS / "gateway_1024.pub.pem").read_bytes()
    report = inspect_key(pem.replace(b"PUBLIC KEY", b"CERTIFICATE"))

    assert "709ced98c7f60bd9" == report.fingerprint
    assert "unusual structure" in report.remarks[1]
    assert "checks no date" in report.remarks[2]


def _framed(der):
    return (
        b"-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(der)
        + b"-----END CERTIFICATE-----\n"
    )


def _remarks(content):
    try:
        return inspect_key(content).remarks
    except ConfigError:
        return ()


@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_no_damage_makes_a_foreign_error(at, change):
    """
    One changed byte anywhere: remarks all the same, or no key.
    """
    damaged = bytearray(DER)
    damaged[at] ^= change

    assert all(isinstance(fact, str) for fact in _remarks(_framed(damaged)))


@given(st.binary(max_size=60))
def test_any_bytes_end_or_are_cut(content):
    """
    Walking through noise ends; what a frame calls a certificate is walked through.
    """
    assert () == _remarks(_framed(content))
