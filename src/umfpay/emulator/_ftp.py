"""
UMF's FTP server: one user, who can write files and do nothing else with them.

Plain FTP, as the documents say; pyftpdlib's TLS would need pyOpenSSL.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from umfpay.emulator._credentials import Credentials
from umfpay.emulator._documents import Arrival, OnArrival, examine
from umfpay.errors import ConfigError, os_reason


with warnings.catch_warnings():
    # Python 3.11 has asyncore still, and says that it will go.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer


# Go into folders, list, write: not read, append, rename, delete (gateway.md 5.20).
_FTP_PERMISSIONS: Final = "elw"
_MAX_CLIENTS: Final = 64
_POLL_SECONDS: Final = 0.05

_log = logging.getLogger("umfpay.emulator")


class _PapersHandler(FTPHandler):  # type: ignore[misc]  # it is not typed
    """
    FTP of UMF's kind: a name that exists is refused.
    """

    banner = "umfpay emulator"
    auth_failed_timeout = 0.1
    use_sendfile = False
    arrived: OnArrival

    def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802 (pyftpdlib's)
        # A restart in the middle would be a way to overwrite.
        self._restart_position = 0

        if Path(file).exists():
            self.respond("553 The file exists and cannot be overwritten.")

            return None

        return super().ftp_STOR(file, mode)

    def log(self, msg: str, logfun: Callable[..., object] = _log.info) -> None:
        # Our own log shows what a stranger wrote, and does not obey it. What happens
        # in a session is of no interest there; what is refused as too much is.
        level = logging.WARNING if logfun.__name__ == "warning" else logging.DEBUG
        _log.log(level, "FTP %s: %s", self.remote_ip, msg)

    def logline(self, msg: str, logfun: object = None) -> None:  # noqa: ARG002 (pyftpdlib's)
        # `log` has the same once more.
        self.log(msg, _log.debug)

    def logerror(self, msg: str) -> None:
        self.log(msg, _log.warning)

    def on_file_received(self, file: str) -> None:
        self._examine(file, complete=True)

    def on_incomplete_file_received(self, file: str) -> None:
        self._examine(file, complete=False)

    def _examine(self, file: str, *, complete: bool) -> None:
        try:
            arrival = examine(Path(file), complete=complete)
        except OSError:
            # A reset took it away meanwhile.
            _log.warning("papers %s are gone", Path(file).name)

            return

        type(self).arrived(arrival)


class PapersServer:
    """
    The server in a thread of its own, with a loop of its own.

    Args:
        listener: Where it listens; it is closed at the end.
        folder: Where the files go; None takes a temporary folder.
        credentials: Name and password of its user.
        arrived: Called in the running asyncio loop with each file.

    Raises:
        ConfigError: *folder* cannot be used.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        folder: Path | None,
        credentials: Credentials,
        arrived: OnArrival,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._cleanup = contextlib.ExitStack()

        try:
            self._folder = folder or Path(
                self._cleanup.enter_context(
                    tempfile.TemporaryDirectory(prefix="umf-papers-")
                )
            )
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            listener.close()
            reason = os_reason(error)

            raise ConfigError.of(
                folder,
                f"papers cannot be kept there ({reason})",
                f"无法存放文件（{reason}）",
            ) from None

        def hand_over(arrival: Arrival) -> None:
            # Books and notifier belong to the asyncio loop, which may be gone.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(arrived, arrival)

        authorizer = DummyAuthorizer()
        authorizer.add_user(
            credentials.ftp_user,
            credentials.ftp_password.reveal(),
            str(self._folder),
            perm=_FTP_PERMISSIONS,
        )
        handler = type(
            "Handler",
            (_PapersHandler,),
            {"authorizer": authorizer, "arrived": staticmethod(hand_over)},
        )
        self.port: int = listener.getsockname()[1]
        self._ioloop = IOLoop()
        self._server = FTPServer(listener, handler, ioloop=self._ioloop)
        self._server.max_cons = _MAX_CLIENTS
        self._thread = threading.Thread(
            target=self._run, name="umf-papers", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        # Not loop(): that one sets up the logging of the whole process.
        while not self._stop.is_set():
            self._ioloop.poll(_POLL_SECONDS)
            self._ioloop.sched.poll()

        self._server.close_all()

    def forget(self) -> None:
        """
        Delete all files.
        """
        for file in self._folder.glob("*"):
            with contextlib.suppress(OSError):
                file.unlink()

    async def aclose(self) -> None:
        """
        Cut all connections and end the thread.
        """
        self._stop.set()
        await asyncio.to_thread(self._thread.join)
        self._cleanup.close()
