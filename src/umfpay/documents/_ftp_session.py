"""
An FTP session of one upload: its steps, each in a thread, bounded by a deadline.

Nobody can end a thread. At the deadline, or when the caller is cancelled, its sockets
are cut: what waits at one fails, and so the thread ends. One that asks for a name or
connects ends when the system lets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar, cast

from umfpay.documents._account import FTPAccount
from umfpay.documents._connection import Connection
from umfpay.documents._replies import (
    CONNECTION_ERRORS,
    SettingError,
    StepError,
    folder_refusal,
    login_refusal,
    passive_refusal,
    step_failure,
    tls_refusal,
)
from umfpay.errors import Text


T = TypeVar("T")

# A thread whose sockets are cut ends at once, unless it asks for a name or connects.
_GRACE_SECONDS: Final = 0.5

_CONNECT_STEP: Final = Text("Connecting to the FTP server", "连接 FTP 服务器")
_LOGIN_STEP: Final = Text("Logging in to the FTP server", "登录 FTP 服务器")
_TLS_STEP: Final = Text("Starting TLS with the FTP server", "与 FTP 服务器建立 TLS")
_PROTECT_STEP: Final = Text(
    "Asking for TLS on data connections", "请求数据连接使用 TLS"
)
_BINARY_STEP: Final = Text("Asking for binary transfer", "请求二进制传输")
_FOLDER_STEP: Final = Text("Entering the folder", "进入目录")
_PASSIVE_STEP: Final = Text("Asking for a data connection", "请求数据连接")
_STORE_STEP: Final = Text("Sending the file", "发送文件")
_SIZE_STEP: Final = Text("Asking for the size of the file", "查询文件大小")
_GOODBYE_STEP: Final = Text("Saying goodbye to the FTP server", "结束 FTP 会话")


class FTPSession:
    """
    One connection to the account's server.

    Args:
        account: Whose server it is.
        until: When all must have ended, in the time of `time.monotonic`.

    Raises:
        ConfigError: The account's ``ca_file`` holds no certificate.
    """

    def __init__(self, account: FTPAccount, *, until: float) -> None:
        self._account = account
        self._until = until
        self._connection = Connection(
            context=account.context() if account.security == "ftps" else None,
            timeout=account.timeout,
            until=until,
        )
        self._work: Future[Any] | None = None

    async def open(self) -> None:
        """
        Connect and log in; with ``ftps`` nothing secret leaves before TLS is checked.

        A port for data is open in the end, before a number is used up.

        Raises:
            SettingError: The login is refused, TLS is not offered or not to be trusted,
                the folder is missing, or there is no passive mode.
            StepError: It did not work now.
        """
        account, connection = self._account, self._connection
        await self._step(
            _CONNECT_STEP, lambda: connection.dial(account.host, account.port)
        )

        if account.security == "ftps":
            await self._step(_TLS_STEP, connection.secure, final=tls_refusal)

        await self._step(
            _LOGIN_STEP,
            lambda: connection.log_in(account.user, account.password),
            final=login_refusal,
        )

        if account.security == "ftps":
            await self._step(_PROTECT_STEP, connection.protect)

        # SIZE speaks of the bytes only in binary mode.
        await self._step(_BINARY_STEP, lambda: connection.voidcmd("TYPE I"))

        if account.folder:
            await self._step(
                _FOLDER_STEP,
                lambda: connection.voidcmd(f"CWD {account.folder}"),
                final=lambda error: folder_refusal(error, account.folder),
            )

        await self._step(
            _PASSIVE_STEP,
            connection.open_port,
            final=lambda error: passive_refusal(error, _PASSIVE_STEP),
        )

    async def has(self, name: str) -> bool:
        """
        Return whether the server says that it has *name*.

        Raises:
            StepError: The connection broke.
        """
        return await self._step(_SIZE_STEP, lambda: self._connection.has(name))

    async def store(self, name: str, content: bytes) -> None:
        """
        Send *content* as *name*.

        Raises:
            StepError: The server did not say that it has it all.
        """
        await self._step(_STORE_STEP, lambda: self._connection.store(name, content))

    async def file_size(self, name: str) -> int | None:
        """
        Return what the server says is the size of *name*; None if it cannot say.

        Raises:
            StepError: The connection broke.
        """
        return await self._step(_SIZE_STEP, lambda: self._connection.file_size(name))

    async def aclose(self, *, politely: bool) -> None:
        """
        Close the connection; *politely* says goodbye, and waits for no answer.
        """
        try:
            if politely:
                with contextlib.suppress(StepError):
                    await self._step(
                        _GOODBYE_STEP, lambda: self._connection.putcmd("QUIT")
                    )
        finally:
            self._connection.cut()

            # A thread that is at work closes it at its end: the number of a socket
            # that is closed under its hands may be another's by then.
            if self._work is None or self._work.done():
                self._connection.close()

    async def _step(
        self,
        step: Text,
        work: Callable[[], T],
        *,
        final: Callable[[Exception], SettingError | None] = lambda _: None,
    ) -> T:
        """
        Call *work* in a thread and raise what its failure means.

        It is raised here, where no frame has seen the password.

        Args:
            step: What an error calls it.
            work: Raises `CONNECTION_ERRORS`.
            final: Makes the error for what will go no better next time.
        """

        def attempt() -> T | StepError:
            try:
                return work()
            except CONNECTION_ERRORS as error:
                return final(error) or step_failure(error, step)

        try:
            result = await self._run(attempt)
        except TimeoutError as error:
            result = step_failure(error, step)

        if not isinstance(result, StepError):
            return result

        # We shut the sockets at the deadline: what broke then is not the server's.
        if self._connection.is_cut and type(result) is StepError and not result.code:
            result = step_failure(TimeoutError(), step)

        raise result

    async def _run(self, function: Callable[[], T]) -> T:
        """
        Call *function* in a thread made for it.

        A cancelled caller cuts the connection and does not wait for a thread that hangs
        in a call of the system: it is a daemon, and finds itself cut when it returns.

        Raises:
            TimeoutError: The end came and *function* did not notice.
        """
        seconds = self._until - time.monotonic()

        if seconds <= 0:
            raise TimeoutError

        connection = self._connection
        self._work = work = cast("Future[T]", Future())

        work.set_running_or_notify_cancel()

        def run() -> None:
            try:
                try:
                    result = function()
                finally:
                    if connection.is_cut:
                        connection.close()
            except BaseException as error:  # noqa: BLE001 (raised in the loop)
                work.set_exception(error)
            else:
                work.set_result(result)

        threading.Thread(target=run, name="umfpay-papers", daemon=True).start()
        ended = asyncio.wrap_future(work)

        try:
            await asyncio.wait([ended], timeout=seconds)
        finally:
            if not ended.done():
                connection.cut()
                await asyncio.wait([ended], timeout=_GRACE_SECONDS)
                # What comes too late is dropped, also when the loop is gone by then.
                ended.cancel()

        if ended.cancelled():
            raise TimeoutError

        return ended.result()
