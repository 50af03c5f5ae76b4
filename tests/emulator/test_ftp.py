"""
Papers by FTP: one user who may only write, and the payment's fate.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import logging
import socket
import stat
import time
import zipfile

import pytest

from tests.emulator.merchant import Keys, Shop
from umfpay.errors import ConfigError


PAYER = {
    "business_type": "B2B",
    "interface_type": "DIRECT_TO_BANK",
    "payment_method": "NOT_APPLICABLE",
}
NAME = "ref-1202611230001.zip"


def zipped(**files):
    made = io.BytesIO()

    with zipfile.ZipFile(made, "w") as papers:
        for name, content in (files or {"contract": b"we agree"}).items():
            papers.writestr(f"{name}.pdf", content)

    return made.getvalue()


GOOD = zipped()


class Company:
    """
    A merchant at the FTP server, with the standard library's client.
    """

    def __init__(self, shop):
        self.shop, self.box, self.port = shop, shop.box, shop.server.ftp_port

    def login(self, password=None):
        client = ftplib.FTP(timeout=10)
        client.connect("127.0.0.1", self.port)
        made = self.box.credentials

        try:
            client.login(made.ftp_user, password or made.ftp_password.reveal())
        except ftplib.Error:
            client.close()

            raise

        return client

    def put(self, name=NAME, content=GOOD):
        with self.login() as client:
            return client.storbinary(f"STOR {name}", io.BytesIO(content))

    def papers(self, count=1):
        end = time.monotonic() + 5

        while len(papers := self.shop.control("GET", "/papers")["papers"]) < count:
            assert time.monotonic() < end, papers
            time.sleep(0.01)

        return papers

    def paid(self, **changes):
        return self.shop.paid(payer=PAYER, **changes)

    def payment(self, key):
        return self.shop.control("GET", f"/payments/{key}")["payment"]


@pytest.fixture(name="company_of", scope="session")
def _company_of(make_box, running):
    @contextlib.contextmanager
    def company_of(data=None, **options):
        box = make_box(data, **options)

        with running(box, ftp_port=0) as shop:
            yield Company(shop)

    return company_of


@pytest.fixture(name="taken", scope="session")
def _taken(company_of):
    with company_of() as company:
        yield company


@pytest.fixture(name="company")
def _company(taken):
    """
    A merchant at an emulator that knows nothing yet.
    """
    yield taken

    taken.shop.control("POST", "/reset")
    taken.shop.token = None


def test_papers_are_received_and_wait_for_the_staff(company):
    """
    The control API shows them; approved there, the payment stays after 24 hours.
    """
    key = company.paid()

    assert company.put().startswith("226")

    (papers,) = company.papers()

    assert (NAME, len(GOOD), key, "received", "") == tuple(
        papers[name] for name in ("name", "size", "payment", "status", "why")
    )
    assert 64 == len(papers["sha256"])
    assert "papers_due" in company.payment(key)

    company.shop.control("POST", f"/payments/{key}/approve_papers")
    company.shop.forward(25 * 3600)

    assert "TRADE_SUCCESS" == company.shop.state(key)


def test_papers_that_nobody_approves_cancel_the_payment(company):
    """
    After 24 hours, although they were received.
    """
    key = company.paid()
    company.put()
    company.papers()
    company.shop.forward(24 * 3600 + 60)

    assert "TRADE_CANCEL" == company.shop.state(key)


def test_a_staff_that_approves(company):
    """
    The payment's day is over as soon as good papers are there.
    """
    company.shop.settings(papers="approve")
    key = company.paid()
    company.put(content=b"no zip")
    company.papers()

    assert "papers_due" in company.payment(key)

    company.put("ref-1202611230002.zip")
    first, second = company.papers(2)

    assert ("rejected", "it is no readable ZIP") == (first["status"], first["why"])
    assert "received" == second["status"]
    assert "papers_due" not in company.payment(key)
    assert company.payment(key)["papers_approved"]

    company.put("ref-1202611230003.zip")

    assert "the papers of this payment are approved" == company.papers(3)[2]["why"]


def test_a_staff_that_refuses(company, listener):
    """
    The payment is cancelled at once and the merchant is told.
    """
    company.shop.settings(papers="reject")
    key = company.paid(notify_url=listener.url)
    listener.wait(1)
    company.put()
    (papers,) = company.papers()
    notifications = listener.wait(2)

    assert "the staff refused the papers" == papers["why"]
    assert "TRADE_CANCEL" == notifications[1]["payment"]["state"]
    assert "TRADE_CANCEL" == company.shop.state(key)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("contract.zip", "the name is not"),
        ("ref-120261123001.zip", "no B2B payment ref- of 12026112"),
        ("ref-1202611230001.ZIP", "the name is not"),
        ("ref-2202611230001.zip", "no B2B payment ref-2 of 20261123"),
        ("ref-1202611240001.zip", "no B2B payment ref-1 of 20261124"),
    ],
)
def test_a_name_that_is_nobodys_is_rejected(company, name, why):
    """
    It has to be the number and date of a payment, and a sequence.
    """
    company.paid()
    company.put(name)
    (papers,) = company.papers()

    assert ("rejected", "") == (papers["status"], papers["payment"])
    assert why in papers["why"]


def test_papers_come_after_the_money_and_for_companies_only(company):
    """
    A card payment needs none; a B2B payment needs them once it has succeeded.
    """
    company.shop.paid()
    company.put()
    company.shop.created(reference="ref-2", payer=PAYER)
    company.put("ref-2202611230001.zip")

    assert {"rejected"} == {one["status"] for one in company.papers(2)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no readable ZIP"),
        (zipped(contract=b"x" * 50)[:-30], "it is no readable ZIP"),
        (zipped(contract=b"abcabc").replace(b"abcabc", b"abcabd"), "contract.pdf"),
        (b"PK\5\6" + bytes(18), "the ZIP is empty"),
        (zipped(**{f"f{number}": b"" for number in range(1001)}), "too much"),
    ],
)
def test_a_zip_that_is_none_is_rejected(company, content, why):
    """
    Each with its reason, and the payment goes on waiting.
    """
    key = company.paid()
    company.put(content=content)
    (papers,) = company.papers()

    assert ("rejected", key) == (papers["status"], papers["payment"])
    assert why in papers["why"]
    assert "papers_due" in company.payment(key)


def test_a_file_cannot_be_written_twice(company):
    """
    Neither as a whole nor from the middle; the first one stays.
    """
    company.paid()
    company.put()

    with pytest.raises(ftplib.error_perm, match="553"):
        company.put(content=zipped(other=b"x"))

    with company.login() as client:
        client.voidcmd("TYPE I")

        with pytest.raises(ftplib.error_perm, match="553"):
            client.storbinary(f"STOR {NAME}", io.BytesIO(b"x"), rest=5)

        assert len(GOOD) == client.size(NAME)


@pytest.mark.parametrize(
    "command",
    [
        f"DELE {NAME}",
        f"RNFR {NAME}",
        f"APPE {NAME}",
        f"RETR {NAME}",
        "MKD folder",
        f"SITE CHMOD 777 {NAME}",
        f"MFMT 20200101000000 {NAME}",
    ],
)
def test_nothing_else_is_allowed(company, command):
    """
    The merchant writes and does not delete, rename, append, read or change.
    """
    company.put()

    with company.login() as client, pytest.raises(ftplib.error_perm, match="550"):
        client.sendcmd(command)


def test_it_starts_a_file_at_its_beginning(company):
    """
    A restart of a file that is not there is none.
    """
    company.paid()

    with company.login() as client:
        client.voidcmd("TYPE I")
        client.storbinary(f"STOR {NAME}", io.BytesIO(GOOD), rest=5)

    assert "received" == company.papers()[0]["status"]


def test_a_wrong_password_is_refused(company, caplog):
    """
    And no password is in the log.
    """
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ftplib.error_perm, match="530"):
        company.login("wrong-password")

    company.put()

    assert "wrong-password" not in caplog.text
    assert company.box.credentials.ftp_password.reveal() not in caplog.text


def test_an_upload_that_breaks_off_is_rejected(company):
    """
    Its bytes stay on the server, its name is used.
    """
    key = company.paid()
    client = company.login()
    client.voidcmd("TYPE I")
    data = client.transfercmd(f"STOR {NAME}")
    data.sendall(GOOD[:20])
    # The merchant's machine is gone before the data connection says that it is all.
    client.close()
    (papers,) = company.papers()

    assert ("rejected", "the upload broke off", key) == (
        papers["status"],
        papers["why"],
        papers["payment"],
    )

    data.close()


def test_a_reset_takes_the_files_away(company):
    """
    The same name can be sent again.
    """
    company.put()
    company.papers()
    company.shop.control("POST", "/reset")

    assert company.put().startswith("226")


def test_the_folder_of_data_keeps_papers_and_user(company_of, keys, tmp_path):
    """
    `umf.env` says where and who; after a restart a used number stays used.
    """
    with company_of(tmp_path) as company:
        company.shop = Shop(Keys(tmp_path), company.shop.server, company.box)
        company.paid()
        company.put()
        company.papers()
        lines = (tmp_path / "umf.env").read_text().splitlines()
        env = dict(line.split("=", 1) for line in lines)
        first = company.box.credentials

        assert ("127.0.0.1", str(company.port), "ftp") == (
            env["UMF_FTP_HOST"],
            env["UMF_FTP_PORT"],
            env["UMF_FTP_SECURITY"],
        )
        assert (first.ftp_user, first.ftp_password.reveal()) == (
            env["UMF_FTP_USER"],
            env["UMF_FTP_PASSWORD"],
        )

    folder = tmp_path / "papers"

    assert GOOD == (folder / NAME).read_bytes()
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)

    # Somebody tidies up: the books know the number all the same.
    (folder / NAME).unlink()

    with company_of(tmp_path) as company:
        company.shop = Shop(Keys(tmp_path), company.shop.server, company.box)

        assert first.ftp_password == company.box.credentials.ftp_password

        company.put()

        assert "the sequence number was used before" == company.papers(2)[1]["why"]


def test_a_file_in_place_of_the_folder_is_a_config_error(company_of, tmp_path):
    """
    Nothing listens afterwards.
    """
    (tmp_path / "papers").write_text("x")

    with pytest.raises(ConfigError, match="papers"), company_of(tmp_path):
        pass


def test_a_port_in_use_is_a_config_error(make_box, running):
    """
    It names the port.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with (
            pytest.raises(ConfigError, match=str(port)),
            running(make_box(), ftp_port=port),
        ):
            pass


def test_without_a_port_nobody_takes_papers(make_box, running):
    """
    The FTP server has to be asked for.
    """
    with running(make_box()) as shop:
        assert shop.server.ftp_port is None


def test_stopping_cuts_an_upload(company_of):
    """
    The server does not wait for a merchant who never ends.
    """
    with company_of() as company:
        client = company.login()
        data = client.transfercmd(f"STOR {NAME}")
        data.sendall(b"x")
        started = time.monotonic()

    assert time.monotonic() - started < 5

    data.close()
    client.close()


def test_what_a_stranger_sends_is_shown_and_not_obeyed(company, caplog):
    """
    A user name of escape sequences, and a command without end: one line in our own log.
    """
    with (
        caplog.at_level(logging.WARNING),
        socket.create_connection(("127.0.0.1", company.port), timeout=10) as stranger,
    ):
        stranger.recv(1_000)
        stranger.sendall(b"USER \x1b[2J\xe2\x80\xaeevil\r\n")
        stranger.recv(1_000)
        stranger.sendall(b"A" * 100_000 + b"\r\n")

        assert stranger.recv(1_000).startswith(b"500 ")

        # Its thread writes the line after the answer.
        end = time.monotonic() + 30

        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)

    assert {"umfpay.emulator"} == {one.name for one in caplog.records}
    assert all(one.isprintable() for one in caplog.messages)
    assert "too long" in caplog.messages[0]
