"""
One FTP connection over `ftplib`, in a thread: TLS with resumed sessions, bounded
replies, and sockets that the event loop can cut.
"""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from umfpay.sensitive import Secret


T = TypeVar("T")

# Everything that `ftplib` and sockets raise.
CONNECTION_ERRORS: Final = (OSError, EOFError, ftplib.Error, ValueError)

_MAX_REPLY_LINES: Final = 200
_MAX_LISTING_BYTES: Final = 4 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
# A server that never says that it has read all; its file's size decides.
_GOODBYE_SECONDS: Final = 5.0
_PASSIVE_COMMANDS: Final[tuple[str, ...]] = ("PASV", "EPSV")
# No reply, or the last one of this connection.
_LOST_CONNECTION_CODES: Final = (None, "421")

_REPLY_CODE: Final = re.compile(r"([1-5][0-9]{2})(?:[ -]|$)")
# 227 (h1,h2,h3,h4,p1,p2) and 229 (|||port|), RFC 959 and 2428.
_PASV_REPLY: Final = re.compile(r"227.*?\d+,\d+,\d+,\d+,(\d{1,3}),(\d{1,3})(?!\d)")
_EPSV_REPLY: Final = re.compile(r"229.*?\(([!-~])\1\1(\d{1,5})\1\)")
# The size of a file: RFC 3659, sections 4 and 7, and two kinds of LIST.
_SIZE_REPLY: Final = re.compile(r"213 +([0-9]{1,18})\s*")
_SIZE_FACT: Final = re.compile(r"(?:^|[;\s])size=([0-9]{1,18});", re.I | re.M)
_UNIX_LINE: Final = re.compile(
    r"-\S+\s+\d+\s+\S+\s+\S+\s+(\d{1,18})\s+\S+\s+\d+\s+[\d:]+\s(.+)"
)
_DOS_LINE: Final = re.compile(r"[\d-]+\s+\d+:\d+(?:[AP]M)?\s+(\d{1,18})\s+(.+)", re.I)


class PassiveError(ftplib.Error):
    """
    Raised when the server opens no port for data, by PASV nor by EPSV.

    Attributes:
        refusals: By command, the reply that refused it; "" for one that made no sense.
    """

    def __init__(self, refusals: Mapping[str, str]) -> None:
        # As ftplib's own: the reply comes first.
        super().__init__(" ".join([next(iter(refusals.values()), ""), "no data port"]))
        self.refusals = dict(refusals)


def code_of(error: BaseException) -> str | None:
    """
    Return the reply that ftplib made an error of, None if there was no reply.
    """
    if not isinstance(error, ftplib.Error):
        return None

    found = _REPLY_CODE.match(str(error))

    return found.group(1) if found else None


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
        reply = self._unless_refused(self.sendcmd, f"SIZE {name}")

        return reply is not None and reply.startswith("213")

    def file_size(self, name: str) -> int | None:
        """
        Return what the server says is the size of *name*; None if it cannot say.
        """
        for ask in (self._size_by_command, self._size_by_facts, self._size_by_listing):
            found = self._unless_refused(ask, name)

            if found is not None:
                return found

        return None

    def _unless_refused(self, ask: Callable[..., T], *arguments: str) -> T | None:
        """
        Return the answer, None where the server refuses it; silence is no refusal.
        """
        try:
            return ask(*arguments)
        except ftplib.Error as error:
            if code_of(error) in _LOST_CONNECTION_CODES:
                raise

            return None

    def _size_by_command(self, name: str) -> int | None:
        found = _SIZE_REPLY.fullmatch(self.sendcmd(f"SIZE {name}"))

        return int(found.group(1)) if found else None

    def _size_by_facts(self, name: str) -> int | None:
        found = _SIZE_FACT.search(self.sendcmd(f"MLST {name}"))

        return int(found.group(1)) if found else None

    def _size_by_listing(self, name: str) -> int | None:
        for line in self._listing(name):
            found = _UNIX_LINE.fullmatch(line) or _DOS_LINE.fullmatch(line)

            if found and found.group(2).strip().rpartition("/")[2] == name:
                return int(found.group(1))

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


def _shut_down(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
