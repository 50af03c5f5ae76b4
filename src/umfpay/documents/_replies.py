"""
FTP replies and broken connections: what they say, and what they mean for an upload.

A server's own words never get into an error: it may repeat what it was sent.
"""

from __future__ import annotations

import ftplib
import re
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

from umfpay.errors import Text, os_reason


# Everything that `ftplib` and sockets raise.
CONNECTION_ERRORS: Final = (OSError, EOFError, ftplib.Error, ValueError)

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


def port_in(reply: str) -> int:
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


def size_in_reply(reply: str) -> int | None:
    """
    Return the size that a reply to SIZE names.
    """
    found = _SIZE_REPLY.fullmatch(reply)

    return int(found.group(1)) if found else None


def size_in_facts(reply: str) -> int | None:
    """
    Return the size that a reply to MLST names.
    """
    found = _SIZE_FACT.search(reply)

    return int(found.group(1)) if found else None


def size_in_listing(lines: Iterable[str], name: str) -> int | None:
    """
    Return the size of *name* that LIST shows.
    """
    for line in lines:
        found = _UNIX_LINE.fullmatch(line) or _DOS_LINE.fullmatch(line)

        if found and found.group(2).strip().rpartition("/")[2] == name:
            return int(found.group(1))

    return None


def step_failure(error: Exception, step: Text) -> StepError:
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


def tls_refusal(error: Exception) -> SettingError | None:
    """
    Return the error for TLS that is not to be had from this server, if that is it.
    """
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


def login_refusal(error: Exception) -> SettingError | None:
    """
    Return the error for a login that this server refuses for good, if it does.
    """
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


def folder_refusal(error: Exception, folder: str) -> SettingError | None:
    """
    Return the error for a folder that this server does not have, if that is it.
    """
    code = _final_code(error)

    if code is None:
        return None

    return SettingError(
        f"The FTP server has no folder {folder!r} for us (reply {code}).",
        f"FTP 服务器上没有可用的目录 {folder!r}（应答 {code}）。",
        advice=Text("Check folder with UMF.", "请与联动优势核对 folder。"),
    )


def passive_refusal(error: Exception, step: Text) -> SettingError | None:
    """
    Return the error for a server that knows no passive mode, if that is it.
    """
    if not isinstance(error, PassiveError) or not all(
        code.startswith("5") for code in error.refusals.values()
    ):
        return None

    return SettingError(
        *step_failure(error, step).what,
        advice=Text(
            "Ask UMF for a server with passive mode; nothing was uploaded.",
            "请向联动优势申请支持被动模式的服务器；未上传任何文件。",
        ),
    )
