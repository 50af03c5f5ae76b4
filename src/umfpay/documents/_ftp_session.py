"""
An FTP session of one upload: log in, look, store, prove the size.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from umfpay.documents._account import FTPAccount
from umfpay.documents._cancellable_sockets import CancellableSockets
from umfpay.documents._connection import Connection
from umfpay.documents._reply import (
    CONNECTION_ERRORS,
    PassiveError,
    SettingError,
    StepError,
    code_of,
    step_failure,
)
from umfpay.errors import Text


T = TypeVar("T")

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

# No reply, or the last one of this connection.
_LOST_CONNECTION_CODES: Final = (None, "421")

_SIZE_REPLY: Final = re.compile(r"213 +([0-9]{1,18})\s*")
_SIZE_FACT: Final = re.compile(r"(?:^|[;\s])size=([0-9]{1,18});", re.I | re.M)
_UNIX_LINE: Final = re.compile(
    r"-\S+\s+\d+\s+\S+\s+\S+\s+(\d{1,18})\s+\S+\s+\d+\s+[\d:]+\s(.+)"
)
_DOS_LINE: Final = re.compile(r"[\d-]+\s+\d+:\d+(?:[AP]M)?\s+(\d{1,18})\s+(.+)", re.I)


class FTPSession:
    """
    One connection to the account's server.
    """

    def __init__(self, account: FTPAccount, cancellable: CancellableSockets) -> None:
        self._account = account
        self._cancellable = cancellable
        context = account.context() if account.security == "ftps" else None
        self._connection = Connection(cancellable, context=context)

    async def open(self) -> None:
        """
        Connect and log in; with ``ftps`` nothing secret leaves before TLS is checked.

        Raises:
            SettingError: The login is refused, TLS is not offered or not to be trusted.
            StepError: It did not work now.
        """
        await self._run(self._open, _CONNECT_STEP)

    def _open(self) -> StepError | None:
        connection, account = self._connection, self._account

        try:
            connection.dial(account.host, account.port)
        except CONNECTION_ERRORS as error:
            return step_failure(error, _CONNECT_STEP)

        if account.security == "ftps":
            failure = self._secure()

            if failure is not None:
                return failure

        return self._login() or self._prepare()

    def _secure(self) -> StepError | None:
        try:
            self._connection.secure()
        except ssl.SSLCertVerificationError as error:
            return SettingError(
                "The FTP server's certificate is not to be trusted"
                f" ({error.verify_message}); no password was sent.",
                f"FTP 服务器证书不可信（{error.verify_message}）；未发送密码。",
                advice=Text(
                    "Check the host name, or give the authority's certificate as"
                    " ca_file.",
                    "请检查主机名，或通过 ca_file 提供其 CA 证书。",
                ),
            )
        except CONNECTION_ERRORS as error:
            code = code_of(error)

            if code is None or not code.startswith("5"):
                return step_failure(error, _TLS_STEP)

            return SettingError(
                f"The FTP server offers no TLS (reply {code}); no password was sent.",
                f"FTP 服务器不支持 TLS（应答 {code}）；未发送密码。",
                advice=Text(
                    'Ask UMF whether the server knows TLS; security="ftp" sends'
                    " password and papers in clear.",
                    '请向联动优势确认是否支持 TLS；security="ftp" 会明文发送密码和文件。',
                ),
                code=code,
            )

        return None

    def _login(self) -> StepError | None:
        account = self._account

        try:
            reply = self._connection.sendcmd(f"USER {account.user}")

            if reply.startswith("3"):
                reply = self._connection.sendcmd(f"PASS {account.password.reveal()}")
        except CONNECTION_ERRORS as error:
            code = code_of(error)

            # 4xx is for a while only: too many users, a server that goes down.
            if code is None or not code.startswith("5"):
                return step_failure(error, _LOGIN_STEP)
        else:
            if reply.startswith("2"):
                return None

            code = reply[:3]

        # 530 is about the two; other replies may be about the server itself.
        en, zh = (
            ("refuses user and password", "拒绝用户名和密码")
            if code == "530"
            else ("does not let us log in", "不允许登录")
        )

        return SettingError(
            f"The FTP server {en} (reply {code}).",
            f"FTP 服务器{zh}（应答 {code}）。",
            advice=Text(
                "Check both with UMF; nothing was uploaded.",
                "请与联动优势核对；未上传任何文件。",
            ),
            code=code,
        )

    def _prepare(self) -> StepError | None:
        connection = self._connection

        step = _PROTECT_STEP

        try:
            if self._account.security == "ftps":
                connection.protect()

            # SIZE speaks of the bytes only in binary mode.
            step = _BINARY_STEP
            connection.voidcmd("TYPE I")
        except CONNECTION_ERRORS as error:
            return step_failure(error, step)

        return (self._enter() if self._account.folder else None) or self._open_port()

    def _open_port(self) -> StepError | None:
        """
        Have a port for data, before a number is used up.
        """
        try:
            self._connection.open_port()
        except PassiveError as error:
            failure = step_failure(error, _PASSIVE_STEP)

            if not error.is_final:
                return failure

            return SettingError(
                *failure.what,
                advice=Text(
                    "Ask UMF for a server with passive mode; nothing was uploaded.",
                    "请向联动优势申请支持被动模式的服务器；未上传任何文件。",
                ),
                code=failure.code,
            )
        except CONNECTION_ERRORS as error:
            return step_failure(error, _PASSIVE_STEP)

        return None

    def _enter(self) -> StepError | None:
        folder = self._account.folder

        try:
            self._connection.voidcmd(f"CWD {folder}")
        except CONNECTION_ERRORS as error:
            code = code_of(error)

            if code is None or not code.startswith("5"):
                return step_failure(error, _FOLDER_STEP)
        else:
            return None

        return SettingError(
            f"The FTP server has no folder {folder!r} for us (reply {code}).",
            f"FTP 服务器上没有可用的目录 {folder!r}（应答 {code}）。",
            advice=Text("Check folder with UMF.", "请与联动优势核对 folder。"),
            code=code,
        )

    async def has(self, name: str) -> bool:
        """
        Tell whether the server says that it has *name*.

        Raises:
            StepError: The connection broke.
        """
        return await self._run(lambda: self._has(name), _SIZE_STEP)

    def _has(self, name: str) -> bool | StepError:
        try:
            return self._connection.sendcmd(f"SIZE {name}").startswith("213")
        except CONNECTION_ERRORS as error:
            # No such file, or no such command; a server may not tell.
            return (
                step_failure(error, _SIZE_STEP)
                if code_of(error) in _LOST_CONNECTION_CODES
                else False
            )

    async def store(self, name: str, content: bytes) -> None:
        """
        Send *content* as *name*.

        Raises:
            StepError: The server did not say that it has it all.
        """

        def work() -> StepError | None:
            try:
                self._connection.store(name, content)
            except CONNECTION_ERRORS as error:
                return step_failure(error, _STORE_STEP)

            return None

        await self._run(work, _STORE_STEP)

    async def size(self, name: str) -> int | None:
        """
        Return what the server says is the size of *name*; None if it cannot say.

        Raises:
            StepError: The connection broke.
        """
        return await self._run(lambda: self._size(name), _SIZE_STEP)

    def _size(self, name: str) -> int | StepError | None:
        for ask in (self._size_by_command, self._size_by_facts, self._size_by_listing):
            try:
                found = ask(name)
            except CONNECTION_ERRORS as error:
                # A refusal leaves the next way; silence does not.
                if code_of(error) in _LOST_CONNECTION_CODES:
                    return step_failure(error, _SIZE_STEP)
            else:
                if found is not None:
                    return found

        return None

    def _size_by_command(self, name: str) -> int | None:
        found = _SIZE_REPLY.fullmatch(self._connection.sendcmd(f"SIZE {name}"))

        return int(found.group(1)) if found else None

    def _size_by_facts(self, name: str) -> int | None:
        found = _SIZE_FACT.search(self._connection.sendcmd(f"MLST {name}"))

        return int(found.group(1)) if found else None

    def _size_by_listing(self, name: str) -> int | None:
        for line in self._connection.listing(name):
            found = _UNIX_LINE.fullmatch(line) or _DOS_LINE.fullmatch(line)

            if found and found.group(2).strip().rpartition("/")[2] == name:
                return int(found.group(1))

        return None

    async def aclose(self, *, politely: bool) -> None:
        """
        Close the connection; *politely* says goodbye, and waits for no answer.
        """
        if politely:
            with contextlib.suppress(StepError):
                await self._run(self._quit, _SIZE_STEP)

        self._cancellable.cut()
        self._connection.close()

    def _quit(self) -> None:
        with contextlib.suppress(*CONNECTION_ERRORS):
            self._connection.putcmd("QUIT")

    async def _run(self, function: Callable[[], T | StepError], step: Text) -> T:
        """
        Call *function* in a thread and raise the failure that it returns.

        It is raised here, where no frame has seen the password.
        """
        try:
            result = await self._cancellable.run(function)
        except TimeoutError as error:
            result = step_failure(error, step)

        if isinstance(result, StepError):
            # We shut the sockets at the deadline: what broke then is not the server's.
            if result.step is not None and self._cancellable.is_cut:
                result = step_failure(TimeoutError(), result.step)

            raise result

        return result
