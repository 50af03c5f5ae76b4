"""
One FTP connection over `ftplib`: blocking, with sockets that another thread can cut.

TLS sessions are resumed, replies are bounded.
"""

from __future__ import annotations

import contextlib
import ftplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from umfpay.documents._replies import (
    PassiveError,
    code_of,
    port_in,
    size_in_facts,
    size_in_listing,
    size_in_reply,
)
from umfpay.sensitive import Secret


T = TypeVar("T")

_MAX_REPLY_LINES: Final = 200
_MAX_LISTING_BYTES: Final = 4 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
# A server that never says that it has read all; its file's size decides.
_GOODBYE_SECONDS: Final = 5.0
_PASSIVE_COMMANDS: Final[tuple[str, ...]] = ("PASV", "EPSV")
# No reply, or the last one of this connection.
_LOST_CONNECTION_CODES: Final = (None, "421")


class Connection(ftplib.FTP):
    """
    A control connection and the data connections that belong to it.

    Its methods block, and raise `CONNECTION_ERRORS`; only `cut` is for another thread.

    Args:
        context: What TLS is checked with; None for plain FTP.
        timeout: Seconds that one step of the server may take.
        until: When all must have ended, in the time of `time.monotonic`.
    """

    def __init__(
        self, *, context: ssl.SSLContext | None, timeout: float, until: float
    ) -> None:
        super().__init__(encoding="utf-8")
        self._context = context
        self._step_seconds = timeout
        self._until = until
        self._is_protected = False
        self._passive_commands = _PASSIVE_COMMANDS
        self._port = 0
        self._lock = threading.Lock()
        # Second descriptors of the control and the data connection, which stay valid
        # while TLS is put around the first ones, and after these are closed.
        self._handles: list[socket.socket] = []
        self.is_cut = False

    def cut(self) -> None:
        """
        End the work: whatever waits at one of the sockets returns at once.
        """
        with self._lock:
            self.is_cut = True

            for handle in self._handles:
                _shut_down(handle)

    def _hold(self, one: socket.socket) -> None:
        """
        Let `cut` reach *one*, which may be too late by now.
        """
        with self._lock:
            handle = one.dup()
            self._handles.append(handle)

            if not self.is_cut:
                return

        _shut_down(handle)

        raise TimeoutError

    def _connect_seconds(self) -> float:
        """
        Return how long connecting may take: nothing can cut it.
        """
        left = self._until - time.monotonic()

        if self.is_cut or left <= 0:
            raise TimeoutError

        return min(self._step_seconds, left)

    def dial(self, host: str, port: int) -> None:
        """
        Connect, and wait for the server's greeting.
        """
        self.host, self.port = host, port
        self.timeout = self._connect_seconds()
        self.sock = socket.create_connection((host, port), self.timeout)
        self._hold(self.sock)
        self._read_from(self.sock)
        self.welcome = self.getresp()

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
        assert self.sock is not None
        buffered = self.file
        self.sock = self._wrap_tls(self.sock, session=None)
        # What a stranger sent behind the reply, in clear, is gone with the buffer.
        self._read_from(self.sock)

        if buffered is not None:
            buffered.close()

    def _wrap_tls(
        self, plain: socket.socket, *, session: ssl.SSLSession | None
    ) -> ssl.SSLSocket:
        assert self._context is not None

        return self._context.wrap_socket(
            plain, server_hostname=self.host, session=session
        )

    def log_in(self, user: str, password: Secret) -> None:
        """
        Log in; the password is sent if the server asks for it.
        """
        if not self.sendcmd(f"USER {user}").startswith("2"):
            self.voidcmd(f"PASS {password.reveal()}")

    def protect(self) -> None:
        """
        Ask for TLS on data connections, too (RFC 4217).
        """
        self.voidcmd("PBSZ 0")
        self.voidcmd("PROT P")
        self._is_protected = True

    def getmultiline(self) -> str:
        """
        Read one reply.

        Raises:
            ValueError: It does not end.
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
        self.timeout = self._connect_seconds()

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
                port = port_in(reply)

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
            self._hold(data)

            if self._is_protected:
                assert isinstance(self.sock, ssl.SSLSocket)
                data = self._wrap_tls(data, session=self.sock.session)
        except BaseException:
            self._close_data(data)

            raise

        return data, size

    def _close_data(self, data: socket.socket) -> None:
        # The control connection is the first.
        with self._lock:
            for handle in self._handles[1:]:
                handle.close()

            del self._handles[1:]

        data.close()

    def store(self, name: str, content: bytes) -> None:
        """
        Send a file and wait for the server's word that it has it.
        """
        data, _ = self.ntransfercmd(f"STOR {name}")

        try:
            view = memoryview(content)

            for start in range(0, len(view), _CHUNK_BYTES):
                data.sendall(view[start : start + _CHUNK_BYTES])

            self._say_goodbye(data)
        except OSError:
            # The server may have said why: a full disk, for one. That reply is raised.
            self._close_data(data)
            self.getresp()

            raise
        finally:
            self._close_data(data)

        self.voidresp()

    def _say_goodbye(self, data: socket.socket) -> None:
        if not isinstance(data, ssl.SSLSocket):
            return

        # TLS 1.3 ends each direction by itself: without this, closing may throw away
        # what the server has not read yet. Not every server answers it.
        data.settimeout(min(_GOODBYE_SECONDS, self._step_seconds))

        with contextlib.suppress(OSError):
            data.unwrap()

    def has(self, name: str) -> bool:
        """
        Return whether the server says that it has *name*.
        """
        # No such file, or no such command; a server may not say.
        reply = self._unless_refused(lambda: self.sendcmd(f"SIZE {name}"))

        return reply is not None and reply.startswith("213")

    def file_size(self, name: str) -> int | None:
        """
        Return what the server says is the size of *name*; None if it cannot say.
        """
        for ask in (
            lambda: size_in_reply(self.sendcmd(f"SIZE {name}")),
            lambda: size_in_facts(self.sendcmd(f"MLST {name}")),
            lambda: size_in_listing(self._listing(name), name),
        ):
            found = self._unless_refused(ask)

            if found is not None:
                return found

        return None

    def _unless_refused(self, ask: Callable[[], T]) -> T | None:
        """
        Return the answer, None where the server refuses it; silence is no refusal.
        """
        try:
            return ask()
        except ftplib.Error as error:
            if code_of(error) in _LOST_CONNECTION_CODES:
                raise

            return None

    def _listing(self, name: str) -> list[str]:
        data, _ = self.ntransfercmd(f"LIST {name}")
        received = b""

        try:
            while len(received) < _MAX_LISTING_BYTES and (
                part := data.recv(_CHUNK_BYTES)
            ):
                received += part

            self._say_goodbye(data)
        finally:
            self._close_data(data)

        self.voidresp()

        return received.decode("utf-8", "replace").splitlines()

    def close(self) -> None:
        """
        Close the control connection.
        """
        with contextlib.suppress(OSError):
            super().close()

        with self._lock:
            for handle in self._handles:
                handle.close()

            self._handles.clear()


def _shut_down(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
