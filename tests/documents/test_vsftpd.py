"""
Uploads to Debian's vsftpd: plain, and over TLS with sessions that must be resumed.
"""

from __future__ import annotations

import ssl

import pytest

from umfpay.documents import SequenceStore, upload_papers
from umfpay.documents._connection import Connection
from umfpay.errors import ConfigError, UploadError


ORDER = {"mer_reference_id": "B2B-7", "mer_date": "20261123"}
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


async def test_plain_ftp_when_it_is_asked_for(vsftpd, papers, sequences):
    """
    The server has the very bytes, under the first number.
    """
    server = vsftpd()
    done = await upload_papers(
        server.account(security="ftp"), papers, sequences=sequences, **ORDER
    )

    assert ("B2B-7202611230001.zip", 1) == (done.name, done.sequence)
    assert {done.name: papers.content} == server.files()
    assert (papers.size, papers.sha256) == (done.size, done.sha256)


@pytest.mark.parametrize("version", VERSIONS)
async def test_tls_of_each_version(vsftpd, trusting, papers, sequences, version):
    """
    The server speaks this version only, and wants the session of the control
    connection on the data connection.
    """
    server = vsftpd(tls=version)
    account = server.account(ssl_context=trusting())
    first = await upload_papers(account, papers, sequences=sequences, **ORDER)
    second = await upload_papers(account, papers, sequences=sequences, **ORDER)

    assert ["B2B-7202611230001.zip", "B2B-7202611230002.zip"] == [
        first.name,
        second.name,
    ]
    assert {one.name: papers.content for one in (first, second)} == server.files()


async def test_this_server_wants_the_session(
    vsftpd, trusting, papers, sequences, monkeypatch
):
    """
    A data connection with a session of its own is refused, so the tests above mean it.
    """
    server = vsftpd(tls="TLSv1.2")
    wrap_tls = Connection._wrap_tls
    monkeypatch.setattr(
        Connection,
        "_wrap_tls",
        lambda self, plain, session: wrap_tls(self, plain, session=None),
    )

    with pytest.raises(UploadError):
        await upload_papers(
            server.account(ssl_context=trusting()),
            papers,
            sequences=sequences,
            attempts=1,
            **ORDER,
        )


async def test_the_version_is_the_one_of_the_server(
    vsftpd, trusting, papers, sequences
):
    """
    A client that speaks only the other one cannot connect.
    """
    server = vsftpd(tls="TLSv1.2")
    account = server.account(ssl_context=trusting(ssl.TLSVersion.TLSv1_3))

    with pytest.raises(UploadError, match="Starting TLS"):
        await upload_papers(account, papers, sequences=sequences, attempts=1, **ORDER)


async def test_a_wrong_password_is_refused_by_it(vsftpd, trusting, papers, sequences):
    """
    At once, and as what it is.
    """
    server = vsftpd(tls="TLSv1.3")
    account = server.account(ssl_context=trusting(), password="wrong")

    with pytest.raises(ConfigError, match="refuses user and password"):
        await upload_papers(account, papers, sequences=sequences, **ORDER)


async def test_a_certificate_nobody_knows_is_not_trusted(vsftpd, papers, sequences):
    """
    The system's authorities do not know ours.
    """
    server = vsftpd(tls="TLSv1.3")

    with pytest.raises(ConfigError, match="certificate is not to be trusted"):
        await upload_papers(server.account(), papers, sequences=sequences, **ORDER)


async def test_without_tls_it_gets_no_password(vsftpd, papers, sequences):
    """
    ``ftps`` stays ``ftps``.
    """
    with pytest.raises(ConfigError, match="offers no TLS"):
        await upload_papers(vsftpd().account(), papers, sequences=sequences, **ORDER)


async def test_numbers_that_were_lost_are_found_again(
    vsftpd, trusting, papers, sequences, tmp_path
):
    """
    It refuses to write over a file, and we do not try.
    """
    account = vsftpd(tls="TLSv1.3").account(ssl_context=trusting())
    await upload_papers(account, papers, sequences=sequences, **ORDER)
    lost = SequenceStore(tmp_path / "lost.json")

    assert 2 == (await upload_papers(account, papers, sequences=lost, **ORDER)).sequence
