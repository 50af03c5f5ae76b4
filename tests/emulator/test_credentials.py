"""
The data folder: keys, certificate, umf.env.
"""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from tests.openssl import openssl
from umfpay import Config
from umfpay.emulator import Credentials
from umfpay.errors import ConfigError


def test_openssl_reads_every_file(keys):
    """
    A PKCS#8 key and a certificate, as UMF would mail them.
    """
    key = openssl(
        "pkey",
        "-inform",
        "DER",
        "-in",
        keys.folder / "merchant.key.p8",
        "-noout",
        "-text",
    )
    certificate = openssl(
        "x509", "-in", keys.folder / "umf.cert.crt", "-noout", "-subject"
    )

    assert b"1024 bit" in key
    assert b"umfpay emulator" in certificate


def test_the_second_start_finds_the_first_ones_keys(tmp_path):
    """
    Only their owner reads them, whatever the umask.
    """
    first = Credentials.load(tmp_path / "a" / "b", bits=1024)
    again = Credentials.load(tmp_path / "a" / "b", bits=2048)
    files = list((tmp_path / "a" / "b").iterdir())

    assert first.client_id == again.client_id
    assert first.client_secret.reveal() == again.client_secret.reveal()
    assert first.merchant_key.fingerprint == again.merchant_key.fingerprint
    assert first.gateway_certificate == again.gateway_certificate
    assert first.ftp_password.reveal() == again.ftp_password.reveal()
    assert 5 == len(files)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert 0o700 == stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode)


def test_a_shell_can_read_umf_env(keys, tmp_path):
    """
    Plain lines, absolute paths, for its owner only.
    """
    path = Credentials.load(keys.folder).write_env(
        tmp_path, base_url="http://127.0.0.1:1/cberest/v1/"
    )
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines())

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert keys.client_id == lines["UMF_CLIENT_ID"]
    assert "http://127.0.0.1:1/cberest/v1/" == lines["UMF_BASE_URL"]
    assert f"{tmp_path}/merchant.key.p8" == lines["UMF_MERCHANT_KEY"]
    assert f"{tmp_path}/umf.cert.crt" == lines["UMF_GATEWAY_CERTIFICATE"]


def test_a_folder_that_cannot_be_used_is_refused(keys, tmp_path):
    """
    A file in its place, a damaged or a missing file.
    """
    file = tmp_path / "file"
    file.write_text("x")

    for place in (file, file / "below"):
        with pytest.raises(ConfigError, match="cannot be used"):
            Credentials.load(place, bits=1024)

    for name, content in (("a", "only-one"), ("b", "\u00e9 \u00e9"), ("c", "1 2 3")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "client.id").write_text(content)

        with pytest.raises(ConfigError, match=r"client\.id is damaged"):
            Credentials.load(tmp_path / name, bits=1024)

    (tmp_path / "a" / "client.id").write_text("1 2")

    with pytest.raises(ConfigError, match=r"ftp\.id: No such file"):
        Credentials.load(tmp_path / "a", bits=1024)

    (tmp_path / "a" / "ftp.id").write_text("1 2")

    with pytest.raises(ConfigError, match=r"merchant\.key\.p8") as caught:
        Credentials.load(tmp_path / "a", bits=1024)

    # It is no setting of anybody.
    assert "Take another --data" in caught.value.advice.en

    with pytest.raises(ConfigError, match=r"umf\.env"):
        Credentials.load(keys.folder).write_env(file, base_url="")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("umf.cert.crt", b"junk", r"umf\.cert\.crt"),
        ("umf.cert.crt", b"", r"umf\.cert\.crt: it is empty"),
        ("umf.cert.crt", "elsewhere", r"umf\.cert\.crt does not belong to gateway"),
        ("umf.cert.crt", None, r"umf\.cert\.crt"),
        ("gateway.key.p8", b"junk", r"gateway\.key\.p8"),
        ("gateway.key.p8", "merchant.key.p8", r"gateway\.key\.p8 are the same key"),
        ("gateway.key.p8", None, r"gateway\.key\.p8"),
        ("merchant.key.p8", None, r"merchant\.key\.p8"),
    ],
)
def test_a_file_that_is_not_what_it_was_is_named(
    keys, tmp_path, name, content, message
):
    """
    Damaged, of another folder, or gone: it does not start to sign with it.
    """
    data = tmp_path / "data"
    shutil.copytree(keys.folder, data)

    if content == "elsewhere":
        Credentials.load(tmp_path / "other", bits=1024)
        content = (tmp_path / "other" / name).read_bytes()
    elif isinstance(content, str):
        content = (data / content).read_bytes()

    (data / name).unlink()

    if content is not None:
        (data / name).write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        Credentials.load(data, bits=1024)


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\x1bb", "a\x85b", "a\u2028b"])
def test_a_folder_that_umf_env_cannot_name_is_refused(tmp_path, name):
    """
    A line end would break its lines; nothing is made there.
    """
    with pytest.raises(ConfigError, match="character") as caught:
        Credentials.load(tmp_path / name, bits=1024)

    assert name not in str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_utf_8_is_refused(tmp_path):
    """
    Settings are read as UTF-8.
    """
    with pytest.raises(ConfigError, match=r"udcff.*character"):
        Credentials.load(tmp_path / os.fsdecode(b"\xffdata"), bits=1024)


def test_a_folder_may_have_a_chinese_name(tmp_path):
    """
    And blanks in it.
    """
    made = Credentials.load(tmp_path / "数据 1\u3000", bits=1024)
    env = made.write_env(tmp_path / "数据 1\u3000", base_url="http://127.0.0.1:1/")

    assert "数据 1\u3000/umf.cert.crt" in env.read_text("utf-8")
    assert made.client_id == Config.from_file(env).client_id


def test_a_file_that_was_left_behind_lends_its_mode_to_nobody(keys, tmp_path):
    """
    Neither does a link lead elsewhere.
    """
    (tmp_path / "elsewhere").write_text("mine")

    for name in ("umf.env", "umf.env.new"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")

    path = Credentials.load(keys.folder).write_env(tmp_path, base_url="http://x/")

    assert "mine" == (tmp_path / "elsewhere").read_text()
    assert "UMF_CLIENT_SECRET" in path.read_text()
    assert 0o600 == stat.S_IMODE(path.lstat().st_mode)


def test_a_damaged_ftp_user_is_reported_by_its_name(tmp_path):
    """
    As every file of the folder.
    """
    Credentials.load(tmp_path, bits=1024)
    (tmp_path / "ftp.id").write_text("only-a-name\n")

    with pytest.raises(ConfigError, match=r"ftp\.id is damaged"):
        Credentials.load(tmp_path, bits=1024)


def test_umf_env_says_nothing_of_an_ftp_server_that_does_not_run(keys, tmp_path):
    """
    Five lines without one, ten with one.
    """
    made = Credentials.load(keys.folder, bits=1024)
    url = "http://127.0.0.1:1/cberest/v1/"
    without = made.write_env(tmp_path, base_url=url).read_text()
    having = made.write_env(tmp_path, base_url=url, ftp=("127.0.0.1", 2121)).read_text()

    assert "FTP" not in without
    assert 5 == len(without.splitlines())
    assert 10 == len(having.splitlines())
    assert "UMF_FTP_PORT=2121\n" in having
