"""
Files and pages of reports: written whole or not at all; HTML that needs no network.

A page runs nothing of strangers and shows one language at a time.

A page has one style and one script of ours; its own policy allows these by their hashes,
and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umfpay._private_files import replacing
from umfpay.errors import ConfigError, Text, os_reason
from umfpay.reconciliation._extra import needs_reconcile_extra
from umfpay.reconciliation.reports._summary import amount_text, currency_name


if TYPE_CHECKING:
    from umfpay.reconciliation.reports._report import Language


def write_file(
    to: str | os.PathLike[str],
    write: Callable[[Any], object],
    *,
    encoding: str | None = None,
) -> Path:
    """
    Let *write* fill a file whose name appears when it is whole.

    Raises:
        ConfigError: It cannot be written.
    """
    target = Path(to)

    try:
        with replacing(target, encoding=encoding) as file:
            write(file)
    except OSError as error:
        reason = os_reason(error)

        raise ConfigError.of(
            target, f"cannot be written: {reason}", f"无法写入：{reason}"
        ) from error

    return target


def ending_error(to: object, ending: str, endings: tuple[str, ...]) -> ConfigError:
    """
    Return what to raise for a file whose *ending* is none of *endings*.
    """
    known = ", ".join(endings)

    return ConfigError.of(
        to,
        f"a report ends in one of {known}, not in {ending!r}",
        f"报告文件扩展名必须是 {known} 之一，而不是 {ending!r}",
    )


def rendered(template: str, *, language: Language, title: Text, **parts: Any) -> str:
    """
    Return the page that a *template* makes of its *parts*; it extends ``page.html``.

    Args:
        template: The name of its file.
        language: Chinese, English, or both, of which one is shown at a time.
        title: Of the page.
        parts: What the template shows; *verdict* and whether it *is_good* among them.
    """
    with needs_reconcile_extra():
        import jinja2
        import markupsafe

    folder = resources.files("umfpay.reconciliation.reports") / "templates"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    style, script = read("report.css"), read("report.js")
    page = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(template)

    def say(text: Text) -> Any:
        if language != "both":
            return text.zh if language == "zh" else text.en

        return markupsafe.Markup(
            '<span lang="zh-CN">{}</span><span lang="en">{}</span>'
        ).format(text.zh, text.en)

    return page.render(
        t=lambda en, zh: say(Text(en, zh)),
        say=say,
        amount=amount_text,
        currency_name=currency_name,
        is_switched=language == "both",
        lang="en" if language == "en" else "zh-CN",
        title=title.en if language == "en" else title.zh,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}",
        **parts,
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()

    return f"'sha256-{base64.b64encode(digest).decode()}'"
