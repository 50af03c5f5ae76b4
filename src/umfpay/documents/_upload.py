"""
Upload B2B papers by FTP: sent, proven complete, or said to be neither.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Final, Literal

import attrs

from umfpay._callbacks import call_until
from umfpay.documents._account import FTPAccount
from umfpay.documents._ftp_session import FTPSession
from umfpay.documents._papers import PackedPapers, name_stem, papers_name
from umfpay.documents._replies import SettingError, StepError
from umfpay.documents._sequences import SequenceStore
from umfpay.errors import ConfigError, Text, UploadError
from umfpay.sensitive import kind_of, withholds


_RETRY_PAUSE_SECONDS: Final = 0.5
# Names that the server has although our numbers do not know of them.
_MAX_TAKEN_NAMES: Final = 100

StepName = Literal["connecting", "sending", "broken", "uploaded"]


@attrs.frozen(kw_only=True)
class UploadStep:
    """
    One step of an upload.

    Args:
        name: ``connecting``, ``sending``, ``broken`` (another attempt may follow) or
            ``uploaded``.
        attempt: 1 for the first.
        file: The name on the server; empty before a number was taken.
        why: What broke.
    """

    name: StepName
    attempt: int
    file: str = ""
    why: Text | None = None


OnUploadStep = Callable[[UploadStep], Awaitable[None] | None]


@attrs.frozen(kw_only=True)
class UploadedPapers:
    """
    Papers that the server has in full length.

    Args:
        name: The name on the server.
        size: Bytes, as sent and as the server says.
        sha256: The digest of what was sent, in hex.
        sequence: The number in the name.
        at: When the server had confirmed it.
    """

    name: str
    size: int
    sha256: str
    sequence: int
    at: datetime


class _UnprovenError(StepError):
    """
    Raised when the file may be there and the server cannot say how large it is.
    """


@withholds(account=FTPAccount)
async def upload_papers(
    account: FTPAccount,
    papers: PackedPapers,
    *,
    mer_reference_id: str,
    mer_date: date | str,
    sequences: SequenceStore,
    attempts: int = 3,
    deadline: float = 300.0,
    on_step: OnUploadStep | None = None,
) -> UploadedPapers:
    """
    Send the papers of a B2B payment to UMF's server (gateway.md 5.20).

    An upload that breaks has used its number, because the server may hold half a file
    that we may not delete; the papers go again under the next one. Done means: the
    server said that it has the file, and names the same size.

    Args:
        account: Whose server takes them.
        papers: What `pack_papers` made.
        mer_reference_id: The payment's order number.
        mer_date: The order's date.
        sequences: Gives the numbers.
        attempts: How often to try.
        deadline: Seconds for all of it.
        on_step: Called with each `UploadStep`.

    Raises:
        UploadError: No attempt is proven complete; ``name`` is the last file begun,
            or empty if none was.
        ConfigError: User and password are refused, TLS is missing or not to be
            trusted, the folder or passive mode is missing, or an argument or the file
            of numbers is unusable. Not tried again.
        DocumentError: The order number is unsafe in a name, or all numbers are used.
    """
    if not isinstance(account, FTPAccount):
        raise ConfigError.of(
            "account",
            f"an FTPAccount is needed, not {kind_of(account)}",
            f"需要 FTPAccount，而不是 {kind_of(account)}",
        )

    _check(attempts, deadline)
    name_stem(mer_reference_id, mer_date)
    upload = _Upload(
        account,
        papers,
        (mer_reference_id, mer_date),
        sequences,
        on_step,
        until=time.monotonic() + deadline,
    )
    failure: StepError | None = None

    while upload.attempts < attempts and upload.seconds_left:
        try:
            return await upload.attempt()
        except StepError as error:
            failure = error

        await upload.report("broken", why=failure.what)

        if isinstance(failure, SettingError | _UnprovenError):
            break

        if upload.attempts < attempts:
            pause = _RETRY_PAUSE_SECONDS * upload.attempts
            await asyncio.sleep(min(pause, upload.seconds_left))

    # Raised outside of except: no server's word hangs on it as context.
    raise _final(failure, upload.name)


class _Upload:
    """
    What stays the same from one attempt to the next.

    Attributes:
        attempts: How many were begun.
        name: That of the last file begun, empty if none was.
    """

    def __init__(
        self,
        account: FTPAccount,
        papers: PackedPapers,
        order: tuple[str, date | str],
        sequences: SequenceStore,
        on_step: OnUploadStep | None,
        *,
        until: float,
    ) -> None:
        self._account = account
        self._papers = papers
        self._reference, self._day = order
        self._sequences = sequences
        self._on_step = on_step
        self._until = until
        self.attempts = 0
        self.name = ""

    @property
    def seconds_left(self) -> float:
        """
        Seconds until the deadline, 0 if it has passed.
        """
        return max(0.0, self._until - time.monotonic())

    async def attempt(self) -> UploadedPapers:
        """
        Send the papers once, under a number of their own.

        Raises:
            StepError: They are not proven to be there in full.
        """
        self.attempts += 1
        await self.report("connecting", file="")
        ftp_session = FTPSession(self._account, until=self._until)
        done = False

        try:
            await ftp_session.open()
            sequence = await self._number(ftp_session)
            await self.report("sending")
            await ftp_session.store(self.name, self._papers.content)
            size = await ftp_session.file_size(self.name)
            _must_be_whole(size, self._papers.size)
            done = True
        finally:
            await ftp_session.aclose(politely=done)

        uploaded = UploadedPapers(
            name=self.name,
            size=self._papers.size,
            sha256=self._papers.sha256,
            sequence=sequence,
            at=datetime.now(UTC),
        )
        await self.report("uploaded")

        return uploaded

    async def report(
        self, step: StepName, *, file: str | None = None, why: Text | None = None
    ) -> None:
        """
        Report a step; what *on_step* raises ends the upload.
        """
        if self._on_step is not None:
            file = self.name if file is None else file
            done = UploadStep(name=step, attempt=self.attempts, file=file, why=why)
            await call_until(None, self._on_step, done)

    async def _number(self, ftp_session: FTPSession) -> int:
        """
        Take a number that neither we nor the server know.
        """
        for _ in range(_MAX_TAKEN_NAMES):
            sequence = await self._take()
            name = papers_name(self._reference, self._day, sequence=sequence)

            # The numbers may be lost; a server that overwrites would lose the papers.
            if not await ftp_session.has(name):
                self.name = name

                return sequence

        raise StepError(
            f"The server has {_MAX_TAKEN_NAMES} files of the next numbers already.",
            f"服务器上已存在后续 {_MAX_TAKEN_NAMES} 个序号的文件。",
        )

    async def _take(self) -> int:
        try:
            async with asyncio.timeout(self.seconds_left):
                return await self._sequences.take(self._reference, mer_date=self._day)
        except TimeoutError:
            pass

        raise StepError(
            f"No number could be had in time from {self._sequences.path}.",
            f"未能及时从 {self._sequences.path} 取得序号。",
        )


def _must_be_whole(remote_size: int | None, sent: int) -> None:
    if remote_size is None:
        raise _UnprovenError(
            "The server took the file but names no size, so it cannot be proven"
            " complete.",
            "服务器已接收文件，但不提供文件大小，无法证明上传完整。",
        )

    if remote_size != sent:
        raise StepError(
            f"The server has {remote_size} bytes of {sent}.",
            f"服务器上只有 {remote_size} 字节，应为 {sent} 字节。",
        )


def _final(failure: StepError | None, name: str) -> ConfigError | UploadError:
    if isinstance(failure, SettingError):
        return ConfigError(*failure.what, advice=failure.advice)

    en, zh = ("", "") if failure is None else (failure.what.en, failure.what.zh)
    what = Text(f"The papers were not uploaded. {en}".rstrip(), f"文件未上传成功。{zh}")

    if isinstance(failure, _UnprovenError):
        return UploadError(
            *what,
            name=name,
            advice=Text(
                f"Ask UMF whether {name} has arrived in full, before you upload again.",
                f"重新上传前，请向联动优势确认 {name} 是否完整到达。",
            ),
        )

    return UploadError(*what, name=name)


def _check(attempts: int, deadline: float) -> None:
    if type(attempts) is not int or attempts < 1:
        raise ConfigError.of("attempts", "it must be 1 or more", "必须不小于 1")

    if (
        isinstance(deadline, bool)
        or not isinstance(deadline, int | float)
        or not 0 < deadline <= sys.float_info.max
    ):
        raise ConfigError.of(
            "deadline", "it must be seconds above 0", "必须是大于 0 的秒数"
        )
