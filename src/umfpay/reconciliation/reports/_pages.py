"""
Pages for people: no network, nothing of strangers runs, one language at a time.

A page has one style and one script of ours; its own policy allows these by their hashes,
and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from umfpay.errors import Text
from umfpay.reconciliation._extra import needs_reconcile_extra
from umfpay.reconciliation.reports._summary import amount_text, currency_name


if TYPE_CHECKING:
    from umfpay.reconciliation.reports._report import Language


def rendered(template: str, *, language: Language, title: Text, **parts: Any) -> str:
    """
    Return the page that a *template* makes of its *parts*.

    Args:
        template: The name of its file.
        language: Chinese, English, or both, of which one is shown at a time.
        title: Of the page.
    """
    with needs_reconcile_extra():
        import jinja2
        import markupsafe

    folder = resources.files("umfpay.reconciliation.reports") / "templates"
    source, style, script = (
        (folder / name).read_text(encoding="utf-8")
        for name in (template, "report.css", "report.js")
    )
    page = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).from_string(source)

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
