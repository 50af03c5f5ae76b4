"""
One FTP connection on top of `ftplib`: TLS with resumed sessions, bounded replies.
"""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
from typing import Final

from umfpay.documents._cancellable_sockets import CancellableSockets
from umfpay.documents._reply import PassiveError, code_of


_MAX_REPLY_LINES: Final = 200
_MAX_LISTING_BYTES: Final = 4 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
# A server that never says that it has read all; its file's size decides.
_GOODBYE_SECONDS: Final = 5.0
_PASSIVE_COMMANDS: Final[tuple[str, ...]] = ("PASV", "EPSV")
# 227 (h1,h2,h3,h4,p1,p2) and 229 (|||port|), RFC 959 and 2428.
_PASV_REPLY: Final = re.compile(r"227.*?\d+,\d+,\d+,\d+,(\d{1,3}),(\d{1,3})(?!\d)")
_EPSV_REPLY: Final = re.compile(r"229.*?\(([!-~])\1\1(\d{1,5})\1\)")


def _port_in(reply: str) -> int:
    """
    Return the port that a reply to PASV or EPSV names, 0 if it names none.
    """
    found = _EPSV_REPLY.match(reply)

    if found is not None:
        port = int(found.group(2))
    else:
        found = _PASV_REPLY.match(reply)
        port = 0 if found is None else int(found.group(1)) * 256 + int(found.group(2))

    return port if port < 65536 else 0


class Connection(ftplib.FTP):
    """
    A control connection and the data connections that belong to it.

    Blocking; every socket is on *leash* while it is in use.

    Args:
        context: What TLS is checked with; None for plain FTP.
    """

    def __init__(
        self, cancellable: CancellableSockets, *, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(encoding="utf-8")
        self._cancellable = cancellable
        self._context = context
        self._is_protected = False
        self._passive_commands = _PASSIVE_COMMANDS
        self._port = 0

    def dial(self, host: str, port: int) -> str:
        """
        Connect and return the server's greeting.
        """
        self.host, self.port = host, port
        self.timeout = self._cancellable.step()
        control = socket.create_connection((host, port), self.timeout)

        try:
            self._cancellable.hold(control)
        except OSError:
            self._drop(control)

            raise

        self.sock = control
        self._read_from(control)
        self.welcome = self.getresp()

        return self.welcome

    def _read_from(self, control: socket.socket) -> None:
        self.af = control.family

        if self.af == socket.AF_INET6:
            self._passive_commands = _PASSIVE_COMMANDS[::-1]

        # Greetings come in the code page of the server's country.
        self.file = control.makefile(
            "r", encoding=self.encoding, errors="replace", newline=None
        )

    def secure(self) -> None:
        """
        Speak TLS from here on: before user and password (RFC 4217).
        """
        self.voidcmd("AUTH TLS")
        plain, buffered = self.sock, self.file
        self.sock = self._wrap_tls(plain, session=None)
        # What a stranger sent behind the reply, in clear, is gone with the buffer.
        self._read_from(self.sock)

        if buffered is not None:
            buffered.close()

    def protect(self) -> None:
        """
        Ask for TLS on data connections, too.
        """
        self.voidcmd("PBSZ 0")
        self.voidcmd("PROT P")
        self._is_protected = True

    def _wrap_tls(
        self, plain: socket.socket | None, *, session: ssl.SSLSession | None
    ) -> ssl.SSLSocket:
        assert plain is not None
        assert self._context is not None
        self._cancellable.release(plain)
        plain.settimeout(self._cancellable.step())
        wrapped = self._context.wrap_socket(
            plain,
            server_hostname=self.host,
            session=session,
            # First on the leash: a handshake may hang, too.
            do_handshake_on_connect=False,
        )

        try:
            self._cancellable.hold(wrapped)
            wrapped.do_handshake()
        except BaseException:
            self._drop(wrapped)

            raise

        return wrapped

    def putcmd(self, line: str) -> None:
        """
        Send a command, if there is time left.
        """
        assert self.sock is not None
        self.timeout = self._cancellable.step()
        self.sock.settimeout(self.timeout)
        super().putcmd(line)

    def getmultiline(self) -> str:
        """
        Read one reply; one that does not end is refused.
        """
        first = self.getline()

        if first[3:4] != "-":
            return first

        lines = [first]

        while len(lines) < _MAX_REPLY_LINES:
            line = self.getline()
            lines.append(line)

            if line.startswith(f"{first[:3]} ") or line == first[:3]:
                return "\n".join(lines)

        raise ValueError("a reply without an end")

    def open_port(self) -> None:
        """
        Have the server open a port for the next transfer.

        Raises:
            PassiveError: It knows no way.
        """
        self._port = self._open_passive()

    def makepasv(self) -> tuple[str, int]:
        """
        Return address and port for a transfer: the open one, or a new one.
        """
        port, self._port = self._port or self._open_passive(), 0
        assert self.sock is not None

        # Never the address in a reply: it may be that of another machine.
        return str(self.sock.getpeername()[0]), port

    def _open_passive(self) -> int:
        """
        Return a port opened by PASV or EPSV, whichever the server knows.

        IPv6 begins with EPSV (RFC 2428). Each may be answered as if it were the other.
        """
        refusals: dict[str, str] = {}

        for command in self._passive_commands:
            try:
                reply = self.sendcmd(command)
            except ftplib.Error as error:
                refusals[command] = code_of(error) or ""

                # It is about to close the connection.
                if refusals[command] == "421":
                    raise
            else:
                port = _port_in(reply)

                if port:
                    self._passive_commands = (command,)

                    return port

                refusals[command] = ""

        raise PassiveError(refusals)

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """
        Begin a transfer; its connection resumes the TLS session of the control one.

        Servers ask for that, so that nobody can take the data connection over.
        """
        was_open = self._port

        try:
            data, size = super().ntransfercmd(cmd, rest)
        except ConnectionRefusedError:
            if not was_open:
                raise

            # The server has closed it meanwhile.
            data, size = super().ntransfercmd(cmd, rest)

        try:
            self._cancellable.hold(data)
            data.settimeout(self._cancellable.step())

            if not self._is_protected:
                return data, size

            assert isinstance(self.sock, ssl.SSLSocket)

            return self._wrap_tls(data, session=self.sock.session), size
        except BaseException:
            self._drop(data)

            raise

    def store(self, name: str, content: bytes) -> None:
        """
        Send a file and wait for the server's word that it has it.
        """
        data, _ = self.ntransfercmd(f"STOR {name}")

        try:
            view = memoryview(content)

            for start in range(0, len(view), _CHUNK_BYTES):
                data.settimeout(self._cancellable.step())
                data.sendall(view[start : start + _CHUNK_BYTES])

            self._say_goodbye(data)
        except OSError:
            # The server may have said why: a full disk, for one. That reply is raised.
            self._drop(data)
            self.getresp()

            raise
        finally:
            self._drop(data)

        self.voidresp()

    def _say_goodbye(self, data: socket.socket) -> None:
        if not isinstance(data, ssl.SSLSocket):
            return

        # TLS 1.3 ends each direction by itself: without this, closing may throw away
        # what the server has not read yet. Not every server answers it.
        data.settimeout(min(_GOODBYE_SECONDS, self._cancellable.step()))

        with contextlib.suppress(OSError):
            data.unwrap()

    def listing(self, name: str) -> list[str]:
        """
        Return the lines of ``LIST name``.
        """
        data, _ = self.ntransfercmd(f"LIST {name}")
        received = b""

        try:
            while len(received) < _MAX_LISTING_BYTES and (
                part := data.recv(_CHUNK_BYTES)
            ):
                received += part
                data.settimeout(self._cancellable.step())

            self._say_goodbye(data)
        finally:
            self._drop(data)

        self.voidresp()

        return received.decode("utf-8", "replace").splitlines()

    def _drop(self, one: socket.socket) -> None:
        self._cancellable.release(one)
        one.close()

    def close(self) -> None:
        """
        Close the control connection.
        """
        if self.sock is not None:
            self._cancellable.release(self.sock)

        with contextlib.suppress(OSError):
            super().close()
