"""
Somebody outside who keeps taking our token away, told from peers who renew it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from umfpay.errors import Text, TokenContentionError
from umfpay.tokens._record import TokenRecord


# A token refused within so many seconds was never accepted, or somebody replaced it.
_YOUNG: Final = 30.0
# So many of them in a row are replaced at once; then it goes slower.
_FREE: Final = 2
# So many, and whoever asks for a token is told.
_NAMED: Final = 4


class Contention:
    """
    Tokens that were refused as soon as they were there, one after another.

    It also happens, without anybody else, for up to 15 minutes after the secret was
    renewed (protocol notes 2.2): then patience helps, and many new tokens do not.

    Attributes:
        times: How many in a row.
        since: Wall clock at which the first was refused, None if none was.
        not_before: Monotonic time of the next token request.
    """

    def __init__(self) -> None:
        self.times = 0
        self.since: float | None = None
        self.not_before = 0.0
        self._suspect: int | None = None

    def refused(self, generation: int, *, lived: float) -> None:
        """
        Note that the newest token known here was refused *lived* seconds after it came.
        """
        self._suspect = generation if lived < _YOUNG else None

        if self._suspect is None:
            self._end()

    def judge(
        self, stored: TokenRecord | None, *, now: float, wall: float, longest: float
    ) -> float:
        """
        Look what the store holds in the place of the refused token.

        A later one is of a peer who renewed it: all is well. Otherwise somebody took it
        who does not use this store, and the next is asked for ever slower.

        Args:
            now: Monotonic time.
            longest: Most seconds between two requests.

        Returns:
            Seconds to wait before the next token request.
        """
        suspect, self._suspect = self._suspect, None

        if suspect is not None:
            if stored is not None and stored.generation > suspect:
                self._end()
            else:
                self.times += 1
                self.since = wall if self.since is None else self.since

                if self.times > _FREE:
                    self.not_before = now + growing(self.times - _FREE, longest)

        return max(0.0, self.not_before - now)

    def waited(self) -> None:
        """
        Note that the pause was kept, whatever the clock says of it.
        """
        self.not_before = 0.0

    @property
    def is_named(self) -> bool:
        """
        Whether it is time to tell, instead of to wait in silence.
        """
        return self.times > _NAMED

    def error(self, last: TokenRecord | None) -> TokenContentionError:
        """
        Return what to tell whoever asks for a token.

        Args:
            last: The token that was taken last.
        """
        assert self.since is not None
        since = datetime.fromtimestamp(self.since, UTC)
        fetched_by = "" if last is None else last.fetched_by
        at = f"{since:%Y-%m-%d %H:%M:%S}Z"

        return TokenContentionError(
            Text(
                f"Since {at}, {self.times} tokens in a row were refused right after"
                f" they were fetched, the last by {fetched_by or 'nobody known'}:"
                " somebody who does not use this token store fetches tokens with the"
                " same client_id.",
                f"自 {at} 起，连续 {self.times} 个令牌刚获取即被拒绝（最近一次由"
                f" {fetched_by or '未知进程'} 获取）：有不使用此令牌存储的程序正在用"
                "同一 client_id 获取令牌。",
            ),
            times=self.times,
            since=since,
            fetched_by=fetched_by,
        )

    def _end(self) -> None:
        self.times = 0
        self.since = None
        self.not_before = 0.0


def growing(count: int, longest: float) -> float:
    """
    Return the pause after the *count*-th failure in a row.
    """
    return min(2.0 ** min(count - 1, 30), longest)
