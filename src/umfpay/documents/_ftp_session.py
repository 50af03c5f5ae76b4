"""
An FTP session of one upload: its steps, each in a thread, and what a failed one means.

A server's own words never get into an error: it may repeat what it was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ftplib
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar, cast

from umfpay.documents._account import FTPAccount
from umfpay.documents._connection import (
    CONNECTION_ERRORS,
    Connection,
    PassiveError,
    code_of,
)
from umfpay.errors import Text, os_reason


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

_CODE_MEANINGS: Final = {
    "421": Text("it is closing the connection", "正在关闭连接"),
    "425": Text("the data connection cannot be opened", "无法建立数据连接"),
    "426": Text("the data connection was cut", "数据连接中断"),
    "450": Text("the file is busy", "文件正被占用"),
    "451": Text("it failed inside", "服务器内部错误"),
    "452": Text("its disk is full", "服务器磁盘已满"),
    "522": Text("the data connection needs TLS", "数据连接需要 TLS"),
    "530": Text("not logged in", "未登录"),
    "550": Text("it refuses the file", "拒绝该文件"),
    "552": Text("no room is left for this user", "该用户的空间已满"),
    "553": Text("it refuses the name", "拒绝该文件名"),
}


class StepError(Exception):
    """
    Raised when a step did not go well; another attempt may.

    Attributes:
        what: What happened, without a word of the server's.
        code: The server's reply, or None if it gave none.
    """

    def __init__(self, en: str, zh: str, *, code: str | None = None) -> None:
        super().__init__(en)
        self.what = Text(en, zh)
        self.code = code


class SettingError(StepError):
    """
    Raised when it will go no better next time: somebody has to change a setting.

    Attributes:
        advice: What to change.
    """

    def __init__(self, en: str, zh: str, *, advice: Text) -> None:
        super().__init__(en, zh)
        self.advice = advice


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
            await self._step(_TLS_STEP, connection.secure, final=_tls_refusal)

        await self._step(
            _LOGIN_STEP,
            lambda: connection.log_in(account.user, account.password),
            final=_login_refusal,
        )

        if account.security == "ftps":
            await self._step(_PROTECT_STEP, connection.protect)

        # SIZE speaks of the bytes only in binary mode.
        await self._step(_BINARY_STEP, lambda: connection.voidcmd("TYPE I"))

        if account.folder:
            await self._step(
                _FOLDER_STEP,
                lambda: connection.voidcmd(f"CWD {account.folder}"),
                final=lambda error: _folder_refusal(error, account.folder),
            )

        await self._step(_PASSIVE_STEP, connection.open_port, final=_passive_refusal)

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
                return final(error) or _failure(error, step)

        try:
            result = await self._run(attempt)
        except TimeoutError as error:
            result = _failure(error, step)

        if not isinstance(result, StepError):
            return result

        # We shut the sockets at the deadline: what broke then is not the server's.
        if self._connection.is_cut and type(result) is StepError and not result.code:
            result = _failure(TimeoutError(), step)

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


def _failure(error: Exception, step: Text) -> StepError:
    """
    Return what *error* means for *step*.
    """
    code = code_of(error)
    why = _why(error, code)

    return StepError(f"{step.en}: {why.en}.", f"{step.zh}：{why.zh}。", code=code)


def _why(error: Exception, code: str | None) -> Text:
    match error:
        case PassiveError():
            return _passive_reason(error)
        case ftplib.Error() if code is not None:
            return _reply_reason(code)
        case TimeoutError():
            return Text("the server did not answer in time", "服务器未及时应答")
        case ssl.SSLError():
            reason = error.reason or type(error).__name__

            return Text(f"TLS failed ({reason})", f"TLS 失败（{reason}）")
        case EOFError():
            return Text("the server closed the connection", "服务器关闭了连接")
        case OSError():
            reason = os_reason(error)

            return Text(f"the connection broke ({reason})", f"连接中断（{reason}）")

    return Text("the server's reply makes no sense", "服务器应答无法识别")


def _reply_reason(code: str) -> Text:
    meaning = _CODE_MEANINGS.get(code)

    if meaning is None:
        return Text(f"the server replied {code}", f"服务器应答 {code}")

    return Text(
        f"the server replied {code}, {meaning.en}",
        f"服务器应答 {code}，{meaning.zh}",
    )


def _passive_reason(error: PassiveError) -> Text:
    en, zh = [], []

    for command, code in error.refusals.items():
        if code:
            en.append(f"{command} was refused with {code}")
            zh.append(f"{command} 被拒绝（应答 {code}）")
        else:
            en.append(f"the reply to {command} makes no sense")
            zh.append(f"{command} 的应答无法识别")

    return Text(
        f"the server opens no port for data ({', '.join(en)})",
        f"服务器未开放数据端口（{'，'.join(zh)}）",
    )


def _final_code(error: Exception) -> str | None:
    """
    Return the reply that will be no other next time, None if there is none.

    5xx is for good, and 3xx wants what we do not have. 4xx is for a while: too many
    users, a server that goes down (RFC 959, 4.2.1).
    """
    code = code_of(error)

    return code if code is not None and code[0] in "35" else None


def _tls_refusal(error: Exception) -> SettingError | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message

        return SettingError(
            f"The FTP server's certificate is not to be trusted ({why}); no password"
            " was sent.",
            f"FTP 服务器证书不可信（{why}）；未发送密码。",
            advice=Text(
                "Check the host name, or give the authority's certificate as ca_file.",
                "请检查主机名，或通过 ca_file 提供其 CA 证书。",
            ),
        )

    code = _final_code(error)

    if code is None:
        return None

    return SettingError(
        f"The FTP server offers no TLS (reply {code}); no password was sent.",
        f"FTP 服务器不支持 TLS（应答 {code}）；未发送密码。",
        advice=Text(
            'Ask UMF whether the server knows TLS; security="ftp" sends password and'
            " papers in clear.",
            '请向联动优势确认是否支持 TLS；security="ftp" 会明文发送密码和文件。',
        ),
    )


def _login_refusal(error: Exception) -> SettingError | None:
    code = _final_code(error)

    if code is None:
        return None

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
    )


def _folder_refusal(error: Exception, folder: str) -> SettingError | None:
    code = _final_code(error)

    if code is None:
        return None

    return SettingError(
        f"The FTP server has no folder {folder!r} for us (reply {code}).",
        f"FTP 服务器上没有可用的目录 {folder!r}（应答 {code}）。",
        advice=Text("Check folder with UMF.", "请与联动优势核对 folder。"),
    )


def _passive_refusal(error: Exception) -> SettingError | None:
    if not isinstance(error, PassiveError) or not all(
        code.startswith("5") for code in error.refusals.values()
    ):
        return None

    return SettingError(
        *_failure(error, _PASSIVE_STEP).what,
        advice=Text(
            "Ask UMF for a server with passive mode; nothing was uploaded.",
            "请向联动优势申请支持被动模式的服务器；未上传任何文件。",
        ),
    )
