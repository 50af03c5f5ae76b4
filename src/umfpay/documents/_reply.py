"""
FTP replies and socket errors as errors of an upload step.

A server's own words never get into an error: it may repeat what it was sent.
"""

from __future__ import annotations

import ftplib
import re
import ssl
from collections.abc import Mapping
from typing import Final

from umfpay.documents._cancellable_sockets import CutError
from umfpay.errors import Text


_REPLY_CODE: Final = re.compile(r"([1-5][0-9]{2})(?:[ -]|$)")

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
        step: What was being done, when only the connection is to blame.
    """

    def __init__(
        self, en: str, zh: str, *, code: str | None = None, step: Text | None = None
    ) -> None:
        super().__init__(en)
        self.what = Text(en, zh)
        self.code = code
        self.step = step


class SettingError(StepError):
    """
    Raised when it will go no better next time: somebody has to change a setting.

    Attributes:
        advice: What to change.
    """

    def __init__(
        self, en: str, zh: str, *, advice: Text, code: str | None = None
    ) -> None:
        super().__init__(en, zh, code=code)
        self.advice = advice


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

    @property
    def is_final(self) -> bool:
        """
        Whether both were refused for good.
        """
        return all(code.startswith("5") for code in self.refusals.values())

    @property
    def why(self) -> Text:
        """
        What the server said to which command.
        """
        en, zh = [], []

        for command, code in self.refusals.items():
            en.append(
                f"{command} was refused with {code}"
                if code
                else f"the reply to {command} makes no sense"
            )
            zh.append(
                f"{command} 被拒绝（应答 {code}）"
                if code
                else f"{command} 的应答无法识别"
            )

        return Text(
            f"the server opens no port for data ({', '.join(en)})",
            f"服务器未开放数据端口（{'，'.join(zh)}）",
        )


# Everything that ftplib and sockets raise; a session that was cut is a ValueError.
CONNECTION_ERRORS: Final = (OSError, EOFError, ftplib.Error, ValueError)


def code_of(error: BaseException) -> str | None:
    """
    Return the reply that ftplib made an error of, None if there was no reply.
    """
    if not isinstance(error, ftplib.Error):
        return None

    found = _REPLY_CODE.match(str(error))

    return found.group(1) if found else None


def step_failure(error: BaseException, step: Text) -> StepError:
    """
    Return what *error* means for *step*.
    """
    code = code_of(error)
    why = error.why if isinstance(error, PassiveError) else _why(error, code)

    return StepError(
        f"{step.en}: {why.en}.",
        f"{step.zh}：{why.zh}。",
        code=code,
        step=step if code is None else None,
    )


def _why(error: BaseException, code: str | None) -> Text:
    if code is not None:
        meaning = _CODE_MEANINGS.get(code)

        if meaning is None:
            return Text(f"the server replied {code}", f"服务器应答 {code}")

        return Text(
            f"the server replied {code}, {meaning.en}",
            f"服务器应答 {code}，{meaning.zh}",
        )

    if isinstance(error, CutError | TimeoutError):
        return Text("the server did not answer in time", "服务器未及时应答")

    if isinstance(error, ssl.SSLError):
        reason = error.reason or type(error).__name__

        return Text(f"TLS failed ({reason})", f"TLS 失败（{reason}）")

    if isinstance(error, EOFError):
        return Text("the server closed the connection", "服务器关闭了连接")

    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__

        return Text(f"the connection broke ({reason})", f"连接中断（{reason}）")

    return Text("the server's reply makes no sense", "服务器应答无法识别")
