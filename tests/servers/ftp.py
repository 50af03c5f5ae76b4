"""
FTP servers of tests: pyftpdlib with faults, and one that stalls.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from pathlib import Path

from umfpay.documents import FTPAccount


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, in 3.11
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer


PASSWORD = "tip-TOP#secret 7"


REPLIES = {
    "AUTH": "234 TLS",
    "USER": "331 password",
    "PASS": "230 in",
    "SIZE": "550 no such file",
    "QUIT": "221 bye",
}


def account_of(server, **changes):
    """
    Return the account at a server of ours, over plain FTP if nothing else is said.
    """
    settings = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "shop",
        "password": PASSWORD,
        "security": "ftp",
        "timeout": 10,
    }

    return FTPAccount(**{**settings, **changes})


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

    account = account_of

    def files(self):
        return {one.name: one.stat().st_size for one in self.folder.iterdir()}

    def close(self):
        self._stop.set()
        self._thread.join()


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
        self.sockets = [self._listener]
        self.ended = threading.Event()
        self._threads = []
        self.start(self._accept)

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.ended.is_set():
            try:
                one, _ = self._listener.accept()
            except OSError:
                return

            self.sockets.append(one)
            self.start(self._serve, one)

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
                    self.sockets.append(data)
                    high, low = divmod(data.getsockname()[1], 256)
                    # Another host, as behind a NAT: nobody may believe it.
                    self._say(one, verb, f"227 ok (10,9,8,7,{high},{low})")
                elif verb == "STOR":
                    self._say(one, verb, "150 go on")
                    self.take(one, self.data or data)
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
            self.ended.wait(30)

        one = self._context.wrap_socket(one, server_side=True)
        self.sockets.append(one)

        return one

    def take(self, one, data):
        channel, _ = data.accept()
        self.sockets.append(channel)

        if self._context is not None:
            channel = self._context.wrap_socket(channel, server_side=True)
            self.sockets.append(channel)

        if "data" in self.replies:
            self.reached.set()
            self.ended.wait(30)

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
            self.ended.wait(30)

            return

        if callable(text):
            text = text(self)

        one.sendall(f"{text}\r\n".encode())

    account = account_of

    def close(self):
        self.ended.set()

        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

            one.close()

        for thread in self._threads:
            thread.join(10)
