"""
Detect an outsider who keeps taking our token away, and throttle token requests.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from umfpay._background import pause_after
from umfpay.errors import TokenContentionError
from umfpay.tokens._record import TokenRecord


# A token refused within so many seconds was never accepted, or somebody replaced it.
_YOUNG_SECONDS: Final = 30.0
# Seconds between two requests while the gateway does not say how long a token lives.
_UNKNOWN_LIFETIME_PAUSE_SECONDS: Final = 60.0
# So many of them in a row are replaced at once; then it goes slower.
_UNTHROTTLED_REPLACEMENTS: Final = 2
# So many, and whoever asks for a token is told.
_REPORTED_REPLACEMENTS: Final = 4


class Contention:
    """
    Tokens that were refused as soon as they were there, one after another.

    Each record in the store tells how many before it were, so that all who share the
    store slow down together, however many they are and however short they live.

    It also happens, without anybody else, for up to 15 minutes after the secret was
    renewed (gateway.md 2.2): then patience helps, and many new tokens do not.

    Attributes:
        times: How many in a row.
        since: Wall clock at which the first was seen to be refused, None if none was.
    """

    def __init__(self) -> None:
        self.times = 0
        self.since: float | None = None
        self._last: TokenRecord | None = None
        self._refused: tuple[int, float] | None = None
        self._waited_for: int | None = None

    def refused(self, generation: int, *, lived: float) -> None:
        """
        Note that the newest token known here was refused *lived* seconds after it came.
        """
        self._refused = generation, lived

    def judge(
        self, last: TokenRecord | None, *, is_refused: bool, wall: float, longest: float
    ) -> float:
        """
        Look how it went with the token that is to be replaced.

        If it was refused soon after it was fetched, and the ones before it too,
        somebody took it who does not use this store: the next is asked for ever slower.
        If nobody knows how long it lives, there is a minute between two requests.

        Args:
            last: The newest token, whoever of us fetched it.
            is_refused: Whether it is replaced because the gateway refused it.
            longest: Most seconds between two requests.

        Returns:
            Seconds to wait before the next token request.
        """
        self.times, self.since, self._last = 0, None, last

        if last is None:
            return 0.0

        # The clocks of two machines differ.
        age = max(0.0, wall - last.requested_at)
        is_done = self._waited_for == last.generation
        least = (
            0.0
            if last.lifetime_known or is_done
            else max(0.0, _UNKNOWN_LIFETIME_PAUSE_SECONDS - age)
        )

        if not is_refused:
            return least

        times = last.times_displaced + 1
        pause = (
            pause_after(times - _UNTHROTTLED_REPLACEMENTS - 1, longest=longest)
            if times > _UNTHROTTLED_REPLACEMENTS
            else 0.0
        )

        if not self._was_young(last.generation, age - pause):
            return least

        self.times = times
        self.since = wall if last.displaced_since is None else last.displaced_since

        return 0.0 if is_done else max(least, pause - age)

    def _was_young(self, generation: int, age: float) -> bool:
        if self._refused is not None and self._refused[0] == generation:
            return self._refused[1] < _YOUNG_SECONDS

        # A peer was refused; nobody knows when.
        return age < _YOUNG_SECONDS

    def record_pause(self) -> None:
        """
        Note that the pause was kept, whatever the clock says of it.
        """
        self._waited_for = None if self._last is None else self._last.generation

    @property
    def is_reportable(self) -> bool:
        """
        Whether it is time to tell, instead of to wait in silence.
        """
        return self.times > _REPORTED_REPLACEMENTS

    def error(self) -> TokenContentionError:
        """
        Return what to tell whoever asks for a token.
        """
        assert self.since is not None
        since = datetime.fromtimestamp(self.since, UTC)
        fetched_by = "" if self._last is None else self._last.fetched_by
        at = f"{since:%Y-%m-%d %H:%M:%S}Z"

        return TokenContentionError(
            f"Since {at}, {self.times} tokens in a row were refused right after"
            f" they were fetched, the last by {fetched_by or 'nobody known'}:"
            " somebody who does not use this token store fetches tokens with the"
            " same client_id.",
            f"自 {at} 起，连续 {self.times} 个令牌刚获取即被拒绝（最近一次由"
            f" {fetched_by or '未知进程'} 获取）：有不使用此令牌存储的程序正在用"
            "同一 client_id 获取令牌。",
            times=self.times,
            since=since,
            fetched_by=fetched_by,
        )
