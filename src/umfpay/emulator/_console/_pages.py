"""
Pages of the console before they are rendered, and the renderer, which escapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any, Final

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from umfpay.emulator._console._texts import LANGUAGES, words


# Line ends and tabs of a body, the space of Chinese text.
_LAYOUT_CHARACTERS: Final = "\n\r\t\u3000"


@attrs.frozen
class Page:
    """
    A template and its members.
    """

    template: str
    members: Mapping[str, Any]
    status: int = attrs.field(default=200, kw_only=True)


class PageRefused(Exception):  # noqa: N818 (an answer, not an error)
    """
    Raised when a browser asks for what it may not, or cannot have.

    Args:
        word: What is wrong, by its name in the table of words.
        detail: What it is about, such as the name of a field.
    """

    def __init__(self, status: int, word: str, detail: str = "") -> None:
        super().__init__(word)
        self.status = status
        self.word = word
        self.detail = detail


class Renderer:
    """
    Renders pages; all text is escaped, and what a terminal or the eye would obey is
    shown: a page may be fetched with curl.

    Args:
        token: What every form carries.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._environment = Environment(
            loader=PackageLoader("umfpay.emulator._console"),
            autoescape=True,
            finalize=_visible,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = _moment
        style = resources.files("umfpay.emulator._console") / "style.css"
        self.style: bytes = style.read_bytes()

    def render(
        self, page: Page, *, language: str, now: datetime, switch: str | None
    ) -> bytes:
        """
        Return the HTML of *page*.

        Args:
            switch: Where the same page is in the other language, if anywhere.
        """
        template = self._environment.get_template(page.template)

        return template.render(
            t=words(language),
            language=language,
            switch=switch,
            token=self._token,
            now=f"{now:%Y-%m-%d %H:%M:%S}",
            **page.members,
        ).encode()


def other_language(language: str) -> str:
    """
    Return the language that *language* is not.
    """
    return LANGUAGES[1 - LANGUAGES.index(language)]


def _visible(value: object) -> object:
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value

    return "".join(
        one
        if one.isprintable() or one in _LAYOUT_CHARACTERS
        else one.encode("unicode_escape").decode("ascii")
        for one in value
    )


def _moment(at: str) -> str:
    # As people write it: without the letter T, fractions and the zone.
    return at[:19].replace("T", " ")
