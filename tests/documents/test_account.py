"""
The account: checked when made, and silent about its password.
"""

from __future__ import annotations

import copy
import pickle
import ssl

import pytest

from tests import tracebacks
from umfpay import Secret
from umfpay.documents import FTPAccount
from umfpay.errors import ConfigError


GIVEN = {"host": "ftp.example.com", "user": "shop", "password": "s3cret-word"}
ENV = {
    "UMF_FTP_HOST": " ftp.example.com ",
    "UMF_FTP_PORT": "2121",
    "UMF_FTP_USER": "shop",
    "UMF_FTP_PASSWORD": "s3cret-word ",
    "UMF_FTP_SECURITY": "ftp",
    "UMF_FTP_FOLDER": "in/box",
}


def test_tls_is_the_default():
    """
    Port 21, verified, as explicit FTPS.
    """
    account = FTPAccount(**GIVEN)
    context = account.context()

    assert ("ftps", 21, "", 20.0) == (
        account.security,
        account.port,
        account.folder,
        account.timeout,
    )
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_password_is_not_shown():
    """
    Not in repr, and an account is neither pickled nor copied in depth.
    """
    account = FTPAccount(**GIVEN)

    assert Secret("s3cret-word") == account.password
    assert "s3cret" not in repr(account)

    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(account)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": ""}, "host: it is empty"),
        ({"host": None}, "host: it is empty"),
        ({"host": "ftp://ftp.example.com"}, "without ftp://"),
        ({"host": "ftp.example.com:2121"}, "it is port="),
        ({"host": "a\r\nb"}, "host"),
        ({"port": 0}, "1 to 65535"),
        ({"port": 65536}, "1 to 65535"),
        ({"port": "ftp"}, "1 to 65535"),
        ({"port": "²"}, "1 to 65535"),
        ({"port": True}, "1 to 65535"),
        ({"user": " "}, "user"),
        ({"user": "a\r\nDELE x"}, "user"),
        ({"user": 7}, "user"),
        ({"password": ""}, "password: it is empty"),
        ({"password": "a\r\nDELE x"}, "not one line"),
        ({"ssl_context": "system"}, "must be an ssl.SSLContext"),
        ({"password": 7}, "must be text"),
        ({"security": "sftp"}, '"ftps" or "ftp"'),
        ({"security": None}, '"ftps" or "ftp"'),
        ({"ca_file": "/no/such/file"}, "no such file"),
        ({"ca_file": 7}, "no such file"),
        ({"timeout": 0}, "seconds above 0"),
        ({"timeout": float("inf")}, "seconds above 0"),
        ({"timeout": True}, "seconds above 0"),
        ({"timeout": "5"}, "seconds above 0"),
        ({"folder": "a\r\nDELE x"}, "one line"),
        ({"folder": None}, "one line"),
        ({"security": "ftp", "ca_file": __file__}, "has no TLS"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, words):
    """
    Each by its name, without the password.
    """
    with pytest.raises(ConfigError, match=words) as caught:
        FTPAccount(**{**GIVEN, **changes})

    assert "s3cret" not in str(caught.value)
    assert "DELE" not in str(caught.value)


def test_one_place_says_what_to_trust():
    """
    ca_file or a context, not both; a ca_file holds certificates.
    """
    context = ssl.create_default_context()

    assert context is FTPAccount(**GIVEN, ssl_context=context).context()

    with pytest.raises(ConfigError, match="not both"):
        FTPAccount(**GIVEN, ssl_context=context, ca_file=__file__)

    with pytest.raises(ConfigError, match="no PEM certificate"):
        FTPAccount(**GIVEN, ca_file=__file__).context()


def test_an_address_of_ipv6_may_have_brackets():
    """
    As it stands in a URL.
    """
    assert "::1" == FTPAccount(**{**GIVEN, "host": "[::1]"}).host


def test_it_is_read_from_the_environment(monkeypatch):
    """
    Blanks belong to a password and to nothing else; arguments win.
    """
    account = FTPAccount.from_env(ENV, timeout=3)

    assert ("ftp.example.com", 2121, "shop", "ftp", "in/box", 3.0) == (
        account.host,
        account.port,
        account.user,
        account.security,
        account.folder,
        account.timeout,
    )
    assert Secret("s3cret-word ") == account.password
    assert "other" == FTPAccount.from_env(ENV, user="other").user

    for name, value in ENV.items():
        monkeypatch.setenv(name, value)

    assert account == FTPAccount.from_env(timeout=3)


@pytest.mark.parametrize("name", ["HOST", "USER", "PASSWORD"])
def test_what_is_missing_is_named(name):
    """
    With the variable that would set it.
    """
    with pytest.raises(ConfigError, match=f"UMF_FTP_{name}"):
        FTPAccount.from_env({**ENV, f"UMF_FTP_{name}": ""})


def test_it_is_read_from_a_file(tmp_path):
    """
    Lines as in the emulator's umf.env; others are passed over.
    """
    file = tmp_path / "umf.env"
    lines = ["# UMF", "", "UMF_CLIENT_ID=x", *(f"{k}={v}" for k, v in ENV.items())]
    file.write_text("\n".join(lines))
    account = FTPAccount.from_file(file, port=21)

    assert ("ftp.example.com", 21) == (account.host, account.port)
    assert Secret("s3cret-word") == account.password


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    """
    As Notepad writes it: the first line counts like the others.
    """
    file = tmp_path / "umf.env"
    lines = [f"{k}={v}" for k, v in ENV.items()]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())

    assert FTPAccount(**GIVEN, security="ftp", folder="in/box") == (
        FTPAccount.from_file(file, port=21)
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("UMF_FTP_PORT=x", "port"),
        ("UMF_FTP_PASSWORD=s3cret-too", "UMF_FTP_PASSWORD stands there twice"),
        ("UMF_FTP_FOLDER='s3cret'", "line 6: the value stands in quotes"),
        ("UMF_FTP_PASWORD=s3cret", "UMF_FTP_PASWORD: no such setting"),
        ("umf_ftp_password=s3cret", "umf_ftp_password: no such setting"),
        ("UMF_FTP_TIMEOUT=5", "UMF_FTP_TIMEOUT: no such setting"),
        ("s3cret-too", "line 6 must be KEY=value"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused(tmp_path, line, message):
    """
    It may hold the password, so it is numbered, and no frame of ours shows it.
    """
    file = tmp_path / "umf.env"
    lines = [f"{k}={v}" for k, v in ENV.items() if k != "UMF_FTP_PORT"]
    file.write_text("\n".join([*lines, line]))

    with pytest.raises(ConfigError, match=message) as caught:
        FTPAccount.from_file(file)

    assert "s3cret" not in tracebacks.everything(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """
    The system's reason is shown.
    """
    with pytest.raises(ConfigError, match=r"umf\.env: no such file"):
        FTPAccount.from_file(tmp_path / "umf.env")

    with pytest.raises(ConfigError, match="Is a directory"):
        FTPAccount.from_file(tmp_path)
