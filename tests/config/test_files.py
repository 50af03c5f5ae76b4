"""
What is given where a path is wanted: addresses and keys by mistake are not shown.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests import tracebacks
from umfpay import Config
from umfpay.config import existing_file, file_path, resolved_path
from umfpay.documents import FTPAccount, SequenceStore
from umfpay.errors import ConfigError
from umfpay.notifications import NotificationReceiver
from umfpay.protocol import PrivateKey
from umfpay.reconciliation import Ledger, reconcile
from umfpay.sensitive import Secret
from umfpay.tokens import FileTokenStore


CANARY = "canary-password-51c9"
ADDRESSES = [
    f"postgresql://shop:{CANARY}@db.example/books",
    f"redis+sentinel://shop:{CANARY}@cache.example/0",
    f"shop:{CANARY}@db.example/books.csv",
    f"postgresql:shop:{CANARY}@db.example",
]
TAKERS = {
    "Ledger.open": Ledger.open,
    "Ledger.csv": Ledger.csv,
    "Ledger.parquet": Ledger.parquet,
    "reconcile": lambda given: reconcile(b"", ledger=given),
    "FileTokenStore": lambda given: FileTokenStore(given, key="k"),
    "SequenceStore": SequenceStore,
    "FTPAccount": lambda given: FTPAccount(
        host="h", user="u", password="p", ca_file=given
    ),
    "FTPAccount.from_env": lambda given: FTPAccount.from_env(
        {"UMF_FTP_HOST": "h", "UMF_FTP_USER": "u", "UMF_FTP_PASSWORD": "p"},
        ca_file=given,
    ),
    "PrivateKey.load": PrivateKey.load,
    "NotificationReceiver": lambda given: NotificationReceiver([given]),
}


# A key may lie at NotificationReceiver's caller: it is public.
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("name", [one for one in TAKERS if one[0] != "N"])
def test_an_address_in_the_place_of_a_path_is_refused_and_not_shown(name, address):
    """
    Neither in the words nor in the frames: it may hold a password.
    """
    with pytest.raises(ConfigError) as caught:
        TAKERS[name](address)

    assert CANARY not in tracebacks.everything(caught.value) + repr(
        pickle.dumps(caught.value)
    )


def test_an_address_in_the_place_of_a_certificate_is_not_named():
    """
    The words of its error are short.
    """
    with pytest.raises(ConfigError) as caught:
        TAKERS["NotificationReceiver"](ADDRESSES[0])

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY----- {CANARY}",
        *ADDRESSES,
    ],
)
@pytest.mark.parametrize(
    "name", ["ca_file", "client_certificate", "client_certificate_key"]
)
def test_a_key_in_the_place_of_its_path_is_refused_and_not_shown(settings, name, text):
    """
    As text it is right for merchant_key, so people try.
    """
    settings["client_certificate"] = settings["gateway_certificate"]

    with pytest.raises(ConfigError, match=f"{name}: no such file: the given") as caught:
        Config(**{**settings, name: text})

    assert CANARY not in tracebacks.everything(caught.value) + repr(
        pickle.dumps(caught.value)
    )

    environ = {f"UMF_{key.upper()}": str(one) for key, one in settings.items()}

    with pytest.raises(ConfigError, match=name) as caught:
        Config.from_env(environ={**environ, f"UMF_{name.upper()}": text})

    assert CANARY not in tracebacks.everything(caught.value) + repr(
        pickle.dumps(caught.value)
    )


@pytest.mark.parametrize("value", [5, b"a", ["a"]])
def test_what_is_no_path_is_named_by_its_type(value):
    """
    And not shown.
    """
    with pytest.raises(ConfigError, match=f"no such file: a {type(value).__name__}"):
        existing_file("ca_file", value)


def test_a_file_that_is_there_may_look_like_an_address(tmp_path, monkeypatch):
    """
    A time in a name has colons.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "books-2026-11-29T10:00.csv").write_text(
        "mer_reference_id,total\nO-1,1.00\n"
    )
    name = "books-2026-11-29T10:00.csv"

    assert name == str(file_path("ledger", name))
    assert Ledger.open(name).available
    assert name == str(existing_file("ca_file", Secret(name)))


def test_a_link_and_its_target_are_one_resolved_path(tmp_path, monkeypatch):
    """
    Whatever the folder is when the path is used.
    """
    (tmp_path / "link").symlink_to("file")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert {tmp_path.resolve() / "file"} == {
        resolved_path("path", one) for one in ("file", "link", "~/link", Path("./file"))
    }


@pytest.mark.parametrize("path", ["/", "~nobody-of-this-name/x", "a\0b"])
@pytest.mark.parametrize(
    "take", [SequenceStore, lambda given: FileTokenStore(given, key="k")]
)
def test_a_path_that_leads_nowhere_is_refused(take, path):
    """
    When the object is made.
    """
    with pytest.raises(ConfigError, match="cannot be resolved") as caught:
        take(path)

    assert repr(path) in caught.value.what.en
    assert repr(path) in caught.value.what.zh


def test_the_words_name_what_reads_an_address():
    """
    A ledger of a database needs a query.
    """
    with pytest.raises(ConfigError, match=r"Ledger\.sql\(address, query\)"):
        Ledger.open("postgresql://db.example/books")


def test_a_key_without_its_certificate_is_refused(settings):
    """
    It would be of no use, and nobody would be told.
    """
    settings["client_certificate_key"] = settings["merchant_key"]

    with pytest.raises(ConfigError, match="client_certificate_key: it is of no use"):
        Config(**settings)
