"""
Uploads to Debian's vsftpd: plain, and over TLS with sessions that must be resumed.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.servers.ftp import PASSWORD, account_of
from umfpay.documents import SequenceStore, upload_papers
from umfpay.errors import ConfigError, UploadError


ORDER = {"mer_reference_id": "B2B-7", "mer_date": "20261123"}
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Vsftpd:
    """
    A vsftpd of our own: its user is the anonymous one, behind a list of passwords.

    That user may write and do nothing else with a file, as at UMF.
    """

    def __init__(self, port, folder):
        self.port, self.folder = port, folder

    def account(self, **changes):
        return account_of(
            self, **{"user": "ftp", "security": "ftps", "folder": "papers", **changes}
        )

    def files(self):
        return {one.name: one.read_bytes() for one in self.folder.iterdir()}


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _has_vsftpd():
    program = shutil.which("vsftpd", path=f"{os.environ['PATH']}:/usr/sbin")

    if program is None or os.geteuid() != 0:
        reason = "needs Debian's vsftpd (apt-get install vsftpd), run by root"

        if os.environ.get("CI") == "true":
            pytest.fail(reason)

        pytest.skip(reason)

    return program


@pytest.fixture(name="vsftpd")
def _vsftpd(tmp_path, certificate):
    """
    Start vsftpd on loopback; everything it has lies in a folder that goes.
    """
    program = _has_vsftpd()
    running = []

    # Its user cannot pass through pytest's folders, which are the owner's only.
    with tempfile.TemporaryDirectory(prefix="vsftpd-") as base:
        root = Path(base)
        root.chmod(0o755)
        jail, empty = root / "jail", root / "empty"
        folder = jail / "papers"
        folder.mkdir(parents=True)
        empty.mkdir()
        # It refuses a jail whose top its user can write to.
        folder.chmod(0o777)
        (root / "passwords").write_text(f"{PASSWORD}\n")
        pem = root / "server.pem"
        pem.write_bytes(
            certificate.private_key_pem.bytes()
            + b"".join(one.bytes() for one in certificate.cert_chain_pems)
        )
        pem.chmod(0o600)

        def start(*, tls=None, **changes):
            port = _free_port()
            options = {
                "listen": "YES",
                "listen_address": "127.0.0.1",
                "listen_port": port,
                "background": "NO",
                "pasv_address": "127.0.0.1",
                "anonymous_enable": "YES",
                "local_enable": "NO",
                "secure_email_list_enable": "YES",
                "email_password_file": root / "passwords",
                "ftp_username": "ftp",
                "nopriv_user": "nobody",
                "secure_chroot_dir": empty,
                "anon_root": jail,
                "write_enable": "YES",
                "anon_upload_enable": "YES",
                "anon_umask": "022",
                "anon_world_readable_only": "NO",
                "xferlog_enable": "NO",
                "use_localtime": "NO",
                "seccomp_sandbox": "NO",
            }
            environment = dict(os.environ)

            if tls is not None:
                options |= {
                    "ssl_enable": "YES",
                    "allow_anon_ssl": "YES",
                    "force_anon_logins_ssl": "YES",
                    "force_anon_data_ssl": "YES",
                    "require_ssl_reuse": "YES",
                    "rsa_cert_file": pem,
                    "ssl_ciphers": "HIGH",
                }
                environment["OPENSSL_CONF"] = str(_only(tls, root))

            config = root / f"vsftpd-{port}.conf"
            config.write_text(
                "".join(f"{name}={one}\n" for name, one in (options | changes).items())
            )
            process = subprocess.Popen(
                [program, str(config)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            running.append(process)
            _wait_for(port, process)

            return Vsftpd(port, folder)

        try:
            yield start
        finally:
            for process in running:
                process.terminate()
                process.wait(10)


def _only(version, root):
    # This vsftpd has no switch for TLS 1.3; the library beneath it has.
    file = root / "openssl.cnf"
    file.write_text(
        "openssl_conf = top\n[top]\nssl_conf = ssl\n[ssl]\nsystem_default = limits\n"
        f"[limits]\nMinProtocol = {version}\nMaxProtocol = {version}\n"
    )

    return file


def _wait_for(port, process):
    end = time.monotonic() + 10

    while True:
        assert process.poll() is None, "vsftpd ended"

        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)
        else:
            return


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


class Forgetful(ssl.SSLContext):
    """
    Begins a session of its own with each connection.
    """

    def wrap_socket(self, sock, session=None, **options):
        return super().wrap_socket(sock, **options)


async def test_this_server_wants_the_session(vsftpd, authority, papers, sequences):
    """
    A data connection with a session of its own is refused, so the tests above mean it.
    """
    server = vsftpd(tls="TLSv1.2")
    context = Forgetful(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)

    with pytest.raises(UploadError):
        await upload_papers(
            server.account(ssl_context=context),
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
