"""
Errors of notifications, of papers (FTP upload) and of statement files.
"""

from __future__ import annotations

from typing import ClassVar

from umfpay.errors._base import Text, UMFError


class NotificationError(UMFError):
    """
    Raised when a notification cannot be believed or read. It is not acknowledged.
    """

    default_advice: ClassVar[Text] = Text(
        "Do not act on it. The gateway sends real ones again; query the object.",
        "请勿据此处理。真实通知会重发；请查询该对象。",
    )


class NotificationSignatureError(NotificationError):
    """
    Raised when a notification carries no signature, or one that does not verify.
    """


class NotificationBodyError(NotificationError):
    """
    Raised when what was given is not the body as received, or no notification.
    """


class DocumentError(UMFError):
    """
    Raised when papers cannot be packed: empty, too large, or wrongly named.
    """

    default_advice: ClassVar[Text] = Text(
        "Correct the files and pack them again; nothing was sent.",
        "请更正文件后重新打包；未发送任何内容。",
    )


class UploadError(DocumentError):
    """
    Raised when an upload is not proven complete. Its number counts as used.

    Attributes:
        name: The file name on the server that may hold a broken file; empty when no
            file was begun.
    """

    default_advice: ClassVar[Text] = Text(
        "Upload again: the papers go under the next number.",
        "请重新上传：文件将使用下一个序号。",
    )

    name: str

    def __init__(
        self, en: str, zh: str, *, name: str, advice: Text | None = None
    ) -> None:
        super().__init__(en, zh, advice=advice)
        self.name = name


class StatementError(UMFError):
    """
    Raised when a statement file cannot be read.
    """

    default_advice: ClassVar[Text] = Text(
        "Look at the line that is named; fetch the file again, and ask UMF if it stays so.",
        "请检查所指出的行；请重新下载文件，若仍如此请联系联动优势。",
    )


class IncompleteStatementError(StatementError):
    """
    Raised when a statement file is cut, mixed, or its total does not fit.
    """

    default_advice: ClassVar[Text] = Text(
        "Fetch the file again; ask UMF if it stays so. Do not book from it.",
        "请重新下载文件；若仍如此请联系联动优势。请勿据此入账。",
    )
