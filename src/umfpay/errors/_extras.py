"""
Packages that come with an extra of umfpay: one that is missing is named with its cure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from umfpay.errors._base import Text
from umfpay.errors._calls import ConfigError


class MissingExtraError(ConfigError, ModuleNotFoundError):
    """
    Raised when something needs a package that is not installed.

    It is a `ModuleNotFoundError` as well, for those who try an import.

    Attributes:
        module: What could not be imported.
        extra: The extra of umfpay that brings it.
    """

    module: str
    extra: str

    def __init__(
        self,
        en: str,
        zh: str,
        *,
        module: str = "",
        extra: str = "",
        advice: Text | None = None,
    ) -> None:
        super().__init__(en, zh, advice=advice)
        self.module = module
        self.extra = extra

    @property
    def name(self) -> str:  # type: ignore[override]  # pickle keeps ours
        """
        What could not be imported, as `ImportError` calls it.
        """
        return self.module


@contextmanager
def needs_extra(extra: str, *, by: str) -> Iterator[None]:
    """
    Turn an import that fails inside into an error that names the cure.

    Args:
        extra: The extra of umfpay that brings the package.
        by: What needs it, as in ``umfpay.emulator``.

    Raises:
        MissingExtraError: A package of others is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]

        # A module of ours that is not there is a bug.
        if module in ("", "umfpay"):
            raise

        raise MissingExtraError(
            f"{by} needs {module}, which is not installed.",
            f"{by} 需要 {module}，但尚未安装。",
            module=module,
            extra=extra,
            advice=Text(
                f'Install it: pip install "umfpay[{extra}]".',
                f'请安装：pip install "umfpay[{extra}]"。',
            ),
        ) from error
