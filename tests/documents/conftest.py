"""
Real FTP servers: Debian's vsftpd, pyftpdlib with faults, and one that stalls.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pytest
import trustme

from umfpay.documents import FTPAccount, SequenceStore, pack_papers


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, in 3.11
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer


PASSWORD = "tip-TOP#secret 7"


@pytest.fixture(name="authority", scope="session")
def _authority():
    return trustme.CA()


@pytest.fixture(name="certificate", scope="session")
def _certificate(authority):
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(name="trusting")
def _trusting(authority):
    """
    Give a client's context that trusts our authority, for one version of TLS or all.
    """

    def make(version=None):
        context = ssl.create_default_context()
        authority.configure_trust(context)

        if version is not None:
            context.minimum_version = context.maximum_version = version

        return context

    return make


@pytest.fixture(name="papers")
def _papers():
    # Longer than what sockets buffer, and nothing that deflates.
    return pack_papers({"contract.pdf": os.urandom(1_500_000), "invoice.pdf": b"i"})


@pytest.fixture(name="sequences")
def _sequences(tmp_path):
    return SequenceStore(tmp_path / "papers.json")


class Vsftpd:
    """
    A vsftpd of our own: its user is the anonymous one, behind a list of passwords.

    That user may write and do nothing else with a file, as at UMF.
    """

    user = "ftp"
    password = PASSWORD

    def __init__(self, port, folder):
        self.port, self.folder = port, folder

    def account(self, **changes):
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "folder": "papers",
            "timeout": 10,
        }

        return FTPAccount(**{**settings, **changes})

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


class Faulty:
    """
    A pyftpdlib server: what it does wrong is set from the test.

    Attributes:
        cut_after: Uploads that are cut after this many bytes; one number each.
        refuse: Replies to the next STORs.
        lie: What is added to the size that is told.
        unknown: Commands it does not know.
    """

    def __init__(self, folder):
        self.folder = folder
        self.cut_after, self.refuse = [], []
        self.lie = 0
        self.unknown = set()
        self.logins = 0
        outer = self

        class Data(FTPHandler.dtp_handler):
            def handle_read(self):
                super().handle_read()

                if outer.cut_after and self.tot_bytes_received > outer.cut_after[0]:
                    outer.cut_after.pop(0)
                    self.cmd_channel.close()

            handle_read_event = handle_read

        class Handler(FTPHandler):
            authorizer = DummyAuthorizer()
            dtp_handler = Data
            auth_failed_timeout = 0.05
            use_sendfile = False

            def process_command(self, cmd, *args, **options):
                if cmd in outer.unknown:
                    self.respond(f"502 {cmd} is not known.")
                else:
                    super().process_command(cmd, *args, **options)

            def ftp_STOR(self, file, mode="w"):  # noqa: N802 (pyftpdlib's)
                if outer.refuse:
                    return self.respond(outer.refuse.pop(0))

                return super().ftp_STOR(file, mode)

            def ftp_SIZE(self, path):  # noqa: N802 (pyftpdlib's)
                if not Path(path).exists():
                    return self.respond("550 No such file.")

                return self.respond(f"213 {Path(path).stat().st_size + outer.lie}")

            def on_login(self, username):
                outer.logins += 1

        Handler.authorizer.add_user("shop", PASSWORD, str(folder), perm="elw")
        self._loop = IOLoop()
        self._server = FTPServer(("127.0.0.1", 0), Handler, ioloop=self._loop)
        self.port = self._server.address[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            self._loop.poll(0.02)
            self._loop.sched.poll()

        self._server.close_all()

    def account(self, **changes):
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "shop",
            "password": PASSWORD,
            "security": "ftp",
            "timeout": 10,
        }

        return FTPAccount(**{**settings, **changes})

    def files(self):
        return {one.name: one.stat().st_size for one in self.folder.iterdir()}

    def close(self):
        self._stop.set()
        self._thread.join()


@pytest.fixture(name="faulty")
def _faulty(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    server = Faulty(folder)

    yield server

    server.close()


class Scripted:
    """
    An FTP server of a few lines, which stalls or misbehaves at one command.

    Args:
        replies: What to say to a command instead; None says nothing any more.
        context: For TLS after AUTH.
    """

    def __init__(self, replies=None, *, context=None):
        self.replies, self._context = replies or {}, context
        # Each command, and whether it came over TLS.
        self.got = []
        self.reached = threading.Event()
        # Where data is taken, if a reply opened a port of its own.
        self.data = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = [self._listener]
        self._ended = threading.Event()
        self._threads = []
        self._start(self._accept)

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self._ended.is_set():
            try:
                one, _ = self._listener.accept()
            except OSError:
                return

            self._open.append(one)
            self._start(self._serve, one)

    def _serve(self, one):
        data = None

        try:
            self._say(one, "greeting", "220 ready")
            lines = one.makefile("rb")

            while line := lines.readline():
                verb = line.split()[0].decode()
                self.got.append((line.decode().strip(), isinstance(one, ssl.SSLSocket)))

                if verb == "PASV":
                    data = socket.create_server(("127.0.0.1", 0))
                    self._open.append(data)
                    high, low = divmod(data.getsockname()[1], 256)
                    # Another host, as behind a NAT: nobody may believe it.
                    self._say(one, verb, f"227 ok (10,9,8,7,{high},{low})")
                elif verb == "STOR":
                    self._say(one, verb, "150 go on")
                    self._take(one, self.data or data)
                else:
                    self._say(one, verb, REPLIES.get(verb, "200 ok"))

                if verb == "AUTH" and self._context is not None:
                    one = self._handshake(one)
                    lines = one.makefile("rb")
        except (OSError, ValueError):
            pass
        finally:
            one.close()

    def _handshake(self, one):
        if "handshake" in self.replies:
            self.reached.set()
            self._ended.wait(30)

        one = self._context.wrap_socket(one, server_side=True)
        self._open.append(one)

        return one

    def _take(self, one, data):
        channel, _ = data.accept()
        self._open.append(channel)

        if self._context is not None:
            channel = self._context.wrap_socket(channel, server_side=True)
            self._open.append(channel)

        if "data" in self.replies:
            self.reached.set()
            self._ended.wait(30)

        size = 0

        while part := channel.recv(65536):
            size += len(part)

        channel.close()
        self.size = size
        self._say(one, "stored", "226 done")

    def _say(self, one, verb, text):
        text = self.replies.get(verb, text)

        if text is None:
            self.reached.set()
            self._ended.wait(30)

            return

        if callable(text):
            text = text(self)

        one.sendall(f"{text}\r\n".encode())

    def account(self, **changes):
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "shop",
            "password": PASSWORD,
            "security": "ftp",
            "timeout": 10,
        }

        return FTPAccount(**{**settings, **changes})

    def close(self):
        self._ended.set()

        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

            one.close()

        for thread in self._threads:
            thread.join(10)


REPLIES = {
    "AUTH": "234 TLS",
    "USER": "331 password",
    "PASS": "230 in",
    "SIZE": "550 no such file",
    "QUIT": "221 bye",
}


@pytest.fixture(name="scripted")
def _scripted():
    servers = []

    def start(*arguments, **options):
        servers.append(Scripted(*arguments, **options))

        return servers[-1]

    yield start

    for server in servers:
        server.close()


@pytest.fixture(name="serving_tls")
def _serving_tls(certificate):
    """
    A server's context with the certificate of our authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    return context
