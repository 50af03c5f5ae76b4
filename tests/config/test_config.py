"""
A Config is right or it is not made; what is wrong is named, and nothing is shown.
"""

from __future__ import annotations

import base64
import os
import socket

import pytest
from Crypto.PublicKey import RSA

from tests import tracebacks
from umfpay import Config, Environment, Secret
from umfpay.errors import ConfigError
from umfpay.protocol import PublicKey


CANARY = "canary-secret-7f3a"


def test_a_config_reads_its_keys_and_shows_no_secret(settings):
    """
    repr tells sizes and fingerprints; the secret is hidden.
    """
    config = Config(**settings)

    assert config.merchant_key is not None
    assert 2048 == config.merchant_key.bits
    assert CANARY == config.client_secret.reveal()
    assert CANARY not in repr(config)
    assert "http://127.0.0.1:8100/cberest/v1/" == config.base_url


def test_a_config_never_uses_the_network(settings, monkeypatch):
    """
    Making one opens no socket.
    """

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert Config(**settings)


WRONG = [
    ("client_id", "", "client_id"),
    ("client_id", "  ", "client_id"),
    ("client_id", None, "client_id"),
    ("client_secret", "", "client_secret"),
    ("client_secret", None, "client_secret"),
    ("client_secret", 5, "client_secret"),
    ("merchant_key", None, "merchant_key"),
    ("merchant_key", "", "merchant_key"),
    ("merchant_key", b"", "merchant_key"),
    ("merchant_key", 5, "merchant_key"),
    ("merchant_key", "no/such/file.p8", "no/such/file.p8"),
    ("merchant_key_passphrase", 5, "merchant_key_passphrase"),
    ("gateway_certificate", "", "gateway_certificate"),
    ("gateway_certificate", [], "gateway_certificate"),
    ("gateway_certificate", 5, "gateway_certificate"),
    ("gateway_certificate", "no/such/file.crt", "no/such/file.crt"),
    ("base_url", None, "base_url"),
    ("base_url", 5, "base_url"),
    ("base_url", "pay.soopay.com", "base_url"),
    ("base_url", "ftp://pay.soopay.com/", "base_url"),
    ("base_url", "http://pay.soopay.com/cberest/v1/", "base_url"),
    ("base_url", "https://user:pass@pay.soopay.com/", "base_url"),
    ("base_url", "https://pay.soopay.com/?a=b", "base_url"),
    ("base_url", "https://[pay.soopay.com/", "base_url"),
    ("base_url", "https://pay.soopay.com:port/", "base_url"),
    ("environment", "SANDBOX", "environment"),
    ("environment", Environment.LIVE_CHINA, "base_url"),
    ("token_timeout", 0, "token_timeout"),
    ("deadline", float("nan"), "deadline"),
    ("deadline", "soon", "deadline"),
    ("timeout", True, "timeout"),
    ("max_connections", 0, "max_connections"),
    ("max_connections", "many", "max_connections"),
    ("notify_url", "shop.example/notify", "notify_url"),
    ("ret_url", 5, "ret_url"),
    ("proxy", "socks5://127.0.0.1:1", "proxy"),
    ("ca_file", "no/such/ca.pem", "no/such/ca.pem"),
    ("client_certificate", 5, "client_certificate"),
    ("unsigned_responses", "maybe", "unsigned_responses"),
    ("response_signatures", "off", "response_signatures"),
    ("rsa_backend", "openssl", "rsa_backend"),
    ("glued_bearer", "perhaps", "glued_bearer"),
    ("sealing_charset", "utf-16", "sealing_charset"),
    ("response_verifier", "x", "response_verifier"),
    ("client_secret", [CANARY], "client_secret"),
    ("client_secret", {"a": CANARY}, "client_secret"),
    ("client_secret", CANARY.encode(), "client_secret"),
    ("merchant_key_passphrase", CANARY.encode(), "merchant_key_passphrase"),
    ("merchant_key", [CANARY], "merchant_key"),
    ("merchant_key", {"pem": CANARY}, "merchant_key"),
    ("signer", "x", "signer"),
    ("accept_language", 1, "accept_language"),
    ("accept_language", " ", "accept_language"),
    ("accept_language", "ZH\r\nX: y", "accept_language"),
    ("accept_language", "中文", "accept_language"),
    ("timeout", 10**400, "timeout"),
    ("max_connections", "9" * 5000, "max_connections"),
    ("ca_file", "x" * 300, "ca_file"),
    ("ca_file", "a\0b", "ca_file"),
    ("ca_file", f"https://u:{CANARY}@pki.example/ca.pem", "ca_file"),
    ("environment", f"https://u:{CANARY}@pay.example/", "environment"),
    ("token_store", {"password": CANARY}, "token_store"),
    ("token_store", [f"redis://u:{CANARY}@h"], "token_store"),
    ("token_store", f"redis://u:{CANARY}@h".encode(), "token_store"),
]


@pytest.mark.parametrize(("name", "value", "named"), WRONG)
def test_a_wrong_setting_is_a_config_error_that_names_it(settings, name, value, named):
    """
    Each wrong value is refused by name, without the secret in any frame of ours.
    """
    settings[name] = value

    with pytest.raises(ConfigError, match=named) as caught:
        Config(**settings)

    shown = tracebacks.everything(caught.value)

    assert "src/umfpay" in shown
    assert CANARY not in shown
    assert CANARY not in str(caught.value)


def test_key_text_stays_out_of_the_traceback(settings):
    """
    A private key given as text is not shown when another setting is wrong.
    """
    text = settings["merchant_key"].read_bytes()
    settings["merchant_key"] = text
    settings["base_url"] = None

    with pytest.raises(ConfigError) as caught:
        Config(**settings)

    assert repr(text)[2:60] not in tracebacks.everything(caught.value)


def test_swapped_keys_are_named(settings):
    """
    A certificate as merchant key, and the own public key as gateway certificate.
    """
    swapped = {**settings, "merchant_key": settings["gateway_certificate"]}

    with pytest.raises(ConfigError, match="certificate"):
        Config(**swapped)

    own = settings["merchant_key"].parent / "merchant_2048.pub.pem"

    with pytest.raises(ConfigError, match="own public key"):
        Config(**{**settings, "gateway_certificate": own})


def test_several_gateway_certificates_are_valid_at_once(settings):
    """
    While UMF changes its key both are given.
    """
    first = settings["gateway_certificate"]
    second = first.parent / "gateway_1024.cert.crt"
    config = Config(**{**settings, "gateway_certificate": [first, second]})

    assert [2048, 1024] == [key.bits for key in config.gateway_certificate]


def test_a_signer_takes_the_place_of_the_key(settings):
    """
    With an HSM there is no key file.
    """

    async def sign(body: bytes) -> str:
        return ""

    del settings["merchant_key"]
    config = Config(**settings, signer=sign)

    assert config.merchant_key is None


def test_an_environment_is_a_base_url(settings):
    """
    UMF's own gateways have names; there is no default.
    """
    del settings["base_url"]
    config = Config(**settings, environment="sandbox_america")

    assert "https://uatfx.soopay.net/cberest/v1/" == config.base_url


def test_from_env_reads_what_the_emulator_writes(environ, settings):
    """
    Each setting is prefix + name in capitals; numbers and flags are text there.
    """
    environ |= {"UMF_DEADLINE": "12.5", "UMF_GLUED_BEARER": "yes", "UMF_PROXY": ""}
    config = Config.from_env(environ=environ)

    assert 12.5 == config.deadline
    assert config.glued_bearer
    assert config.proxy is None
    assert Config(**settings).merchant_key == config.merchant_key


def test_from_env_uses_the_process_environment(environ, monkeypatch):
    """
    Without *environ* it is os.environ, under any prefix.
    """
    for name, value in environ.items():
        monkeypatch.setitem(os.environ, name.replace("UMF_", "SHOP_"), value)

    assert "a" * 40 == Config.from_env("SHOP_").client_id


@pytest.mark.parametrize(
    "name", ["CLIENT_ID", "CLIENT_SECRET", "MERCHANT_KEY", "GATEWAY_CERTIFICATE"]
)
def test_a_missing_variable_is_named(environ, name):
    """
    The message names the variable as the user writes it.
    """
    del environ[f"UMF_{name}"]

    with pytest.raises(ConfigError, match=f"UMF_{name}"):
        Config.from_env(environ=environ)


def test_a_base_url_wins_over_an_environment_in_the_environment(environ):
    """
    Both set, as after `. umf.env` in a shell that has one: the URL decides.
    """
    environ["UMF_ENVIRONMENT"] = "LIVE_CHINA"

    assert (
        "http://127.0.0.1:8100/cberest/v1/" == Config.from_env(environ=environ).base_url
    )


def test_changes_win_and_a_second_certificate_is_added(environ, settings):
    """
    Keyword arguments change what the environment says.
    """
    second = settings["gateway_certificate"].parent / "gateway_1024.cert.crt"
    environ["UMF_GATEWAY_CERTIFICATE_NEXT"] = str(second)
    config = Config.from_env(environ=environ, deadline=3, client_secret="other")

    assert 3 == config.deadline
    assert Secret("other") == config.client_secret
    assert 2 == len(config.gateway_certificate)


def test_from_file_takes_short_keys_that_stand_in_it(tmp_path, environ):
    """
    A public key of 1024 bits has 216 characters of base64: it is no path.
    """
    der = RSA.generate(1024).public_key().export_key("DER")
    public = base64.b64encode(der).decode()
    environ["UMF_GATEWAY_CERTIFICATE"] = public
    file = tmp_path / "umf.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in environ.items()), "utf-8")

    assert 216 == len(public)
    assert (PublicKey.load(der),) == Config.from_file(file).gateway_certificate


def test_from_file_reads_lines_and_toml_alike(tmp_path, environ, settings):
    """
    umf.env and a TOML file give the same Config; relative paths start at the file.
    """
    (tmp_path / "key.p8").write_bytes(settings["merchant_key"].read_bytes())
    environ["UMF_MERCHANT_KEY"] = "key.p8"
    lines = tmp_path / "umf.env"
    lines.write_text(
        "# comment\n\n" + "".join(f"{k}={v}\n" for k, v in environ.items()), "utf-8"
    )
    toml = tmp_path / "umf.toml"
    toml.write_text(
        "".join(f'{k[4:].lower()} = "{v}"\n' for k, v in environ.items())
        + "deadline = 7\n",
        "utf-8",
    )

    assert Config.from_file(lines).merchant_key == Config.from_file(toml).merchant_key
    assert 7 == Config.from_file(toml).deadline


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"client_secret = canary-secret-7f3a", "not valid TOML"),
        ("a.TOML", b"client_secret = canary-secret-7f3a", "not valid TOML"),
        ("a.toml", b"deadline = " + b"9" * 5000, "not valid TOML"),
        ("a.toml", b"deadline = " + b"[" * 5000, "not valid TOML"),
        ("a.toml", b"", "client_id: it is missing"),
        ("a.toml", b"no_such_setting = 1", "no_such_setting: no such setting"),
        ("a.toml", b"[umf]\nclient_secret = 'canary-secret-7f3a'", "umf: no such"),
        ("a.toml", b"signer = 'x'", "signer: no such setting"),
        ("umf.env", b"UMF_CLIENT_SECRT=canary-secret-7f3a\n", "UMF_CLIENT_SECRT: no"),
        ("umf.env", b"umf_client_id=x\n", "umf_client_id: no such setting"),
        ("umf.env", b"UMF_SIGNER=x\n", "UMF_SIGNER: no such setting"),
        ("umf.env", b"\nUMF_CLIENT_SECRET='canary-secret-7f3a'\n", "line 2.*quotes"),
        ("umf.env", b'UMF_CLIENT_ID="x"\n', "line 1.*quotes"),
        ("umf.env", b"UMF_CLIENT_ID=x\ncanary-secret-7f3a\n", "line 2"),
        ("umf.env", b"\xff\xfe", "UTF-8"),
        (
            "umf.env",
            b"UMF_CLIENT_SECRET=canary-secret-7f3a\nUMF_CLIENT_SECRET=another\n",
            "line 2: UMF_CLIENT_SECRET stands there twice",
        ),
    ],
)
def test_a_broken_file_is_named_and_never_quoted(tmp_path, name, content, message):
    """
    The line can hold the secret, so it is numbered, not shown.
    """
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=message) as caught:
        Config.from_file(file)

    assert name in str(caught.value)
    assert CANARY not in tracebacks.everything(caught.value)


def test_a_missing_file_is_a_config_error(tmp_path):
    """
    No OSError leaves, nor what other names raise that no file has.
    """
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        Config.from_file(tmp_path / "gone.toml")

    for name in ("a\0b", "x" * 300):
        with pytest.raises(ConfigError, match="cannot be read"):
            Config.from_file(name)


def test_a_file_that_the_system_does_not_give_is_reported_by_its_reason(tmp_path):
    """
    It is not blamed on its encoding.
    """
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        Config.from_file(tmp_path)


def test_a_file_may_say_the_same_twice(tmp_path, environ):
    """
    Two files put together are no contradiction.
    """
    file = tmp_path / "umf.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in environ.items()) * 2, "utf-8")

    assert "a" * 40 == Config.from_file(file).client_id


def test_a_file_of_variables_may_hold_those_of_others(tmp_path, environ):
    """
    The emulator's FTP account, and whatever does not begin with UMF_.
    """
    environ |= {"UMF_FTP_HOST": "127.0.0.1", "SHOP_NAME": '"in quotes"'}
    file = tmp_path / "umf.env"
    file.write_text("".join(f"{k}={v}\n" for k, v in environ.items()), "utf-8")

    assert "a" * 40 == Config.from_file(file).client_id


def test_from_env_overlooks_variables_it_does_not_know(environ):
    """
    A process has many.
    """
    assert Config.from_env(environ=environ | {"UMF_SHOP": "x"})


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path, environ):
    """
    Some editors of Windows write one, before lines and before TOML.
    """
    lines, toml = tmp_path / "umf.env", tmp_path / "umf.TOML"
    lines.write_text("".join(f"{k}={v}\n" for k, v in environ.items()), "utf-8-sig")
    toml.write_text(
        "".join(f'{k[4:].lower()} = "{v}"\n' for k, v in environ.items()), "utf-8-sig"
    )

    assert Config.from_file(lines).client_id == Config.from_file(toml).client_id


def test_relative_paths_in_a_list_start_at_the_file(tmp_path, settings):
    """
    As a single one does, wherever the process runs.
    """
    certificate = settings["gateway_certificate"].read_bytes()
    (tmp_path / "old.crt").write_bytes(certificate)
    (tmp_path / "new.crt").write_bytes(certificate)
    settings["gateway_certificate"] = ["old.crt", "new.crt"]
    file = tmp_path / "umf.toml"
    file.write_text(
        "".join(
            f"{k} = {v if isinstance(v, list) else str(v)!r}\n"
            for k, v in settings.items()
        ),
        "utf-8",
    )

    assert 2 == len(Config.from_file(file).gateway_certificate)


def test_an_unknown_setting_is_named(environ):
    """
    A misspelt keyword does not vanish.
    """
    with pytest.raises(ConfigError, match="DEADLIEN"):
        Config.from_env(environ=environ, deadlien=3)

    with pytest.raises(ConfigError, match="CLIENT_SECRT") as caught:
        Config.from_env(environ=environ, client_secrt="canary-misspelt")

    shown = tracebacks.everything(caught.value)

    assert "src/umfpay" in shown
    assert "canary-misspelt" not in shown
