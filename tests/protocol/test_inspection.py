"""
A report says what a file is, and never shows the key.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, inspect_key
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"


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


def test_an_encrypted_key_is_recognised_and_needs_its_passphrase(openssl):
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
