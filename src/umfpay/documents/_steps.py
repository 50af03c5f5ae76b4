"""
Progress of an upload: the steps that are reported to `on_step`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import attrs

from umfpay._callbacks import call_until
from umfpay.errors import Text


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

    name: Literal["connecting", "sending", "broken", "uploaded"]
    attempt: int
    file: str = ""
    why: Text | None = None


OnUploadStep = Callable[[UploadStep], Awaitable[None] | None]


async def report_step(on_step: OnUploadStep | None, step: UploadStep) -> None:
    """
    Report a step; what *on_step* raises ends the upload.
    """
    if on_step is not None:
        await call_until(None, on_step, step)
