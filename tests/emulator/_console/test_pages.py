"""
Pages before they are rendered, and rendering.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from importlib import resources

import jinja2
import pytest

from umfpay.emulator._console._pages import (
    LANGUAGES,
    Page,
    PageRefused,
    Renderer,
    other_language,
    words,
)


NOON = datetime(2026, 11, 23, 12, 0, 5, 7, timezone(timedelta(hours=8)))


def _rendered(page, **changes):
    return (
        Renderer("t-1")
        .render(page, **{"language": "en", "now": NOON, "switch": None, **changes})
        .decode()
    )


def test_a_page_has_the_words_of_its_language():
    """
    And says which language it is, for those who listen to it.
    """
    page = Page("trouble.html", {"word": "old_form", "detail": "", "missing": False})
    english, chinese = _rendered(page), _rendered(page, language="zh")

    assert '<html lang="en">' in english
    assert '<html lang="zh">' in chinese
    assert "The form is old" in english
    assert "表单已过期" in chinese


def test_what_is_shown_is_escaped():
    """
    Templates escape by themselves.
    """
    trouble = {"word": "", "detail": "<b>&\"'", "missing": True}

    assert "&lt;b&gt;&amp;&#34;&#39;" in _rendered(Page("trouble.html", trouble))


def test_a_page_that_lacks_a_member_is_a_bug_and_no_blank():
    """
    It fails here, not before the reader's eyes.
    """
    with pytest.raises(jinja2.UndefinedError):
        _rendered(Page("trouble.html", {}))


def test_moments_are_written_as_people_do():
    """
    Without fractions and zone.
    """
    requests = [
        {
            "number": 1,
            "at": NOON.isoformat(),
            "method": "GET",
            "path": "/bank",
            "status": 200,
            "ret_code": "0000",
            "reason": "",
            "faults": [],
        }
    ]
    page = _rendered(Page("requests.html", {"requests": requests}))

    assert page.count("2026-11-23 12:00:05") == 2
    assert "+08:00" not in page


def test_the_switch_leads_to_the_other_language():
    """
    There are two, and a page without an address has no switch.
    """
    page = Page("trouble.html", {"word": "", "detail": "", "missing": True})

    assert ("zh", "en") == (other_language("en"), other_language("zh"))
    assert 'href="?a=1&amp;lang=zh"' in _rendered(page, switch="?a=1&lang=zh")
    assert 'id="language"' not in _rendered(page)


def test_a_refusal_names_its_word_and_what_it_is_about():
    """
    The page is written from them.
    """
    refused = PageRefused(400, "wrong_number", "times")

    assert (400, "wrong_number", "times") == (
        refused.status,
        refused.word,
        refused.detail,
    )


def test_what_a_terminal_would_obey_is_shown():
    """
    A page may be fetched with curl, and an order number may hold anything.
    """
    trouble = {"word": "", "detail": "\x1b[2J\x9b\u202e 中文\u3000\n", "missing": True}
    page = _rendered(Page("trouble.html", trouble))

    assert "\\x1b[2J\\x9b\\u202e 中文\u3000\n" in page
    assert page.replace("\n", "").replace("\u3000", "").isprintable()


def test_every_word_exists_in_both_languages():
    """
    No text is missing or empty.
    """
    tables = [words(language) for language in LANGUAGES]

    assert tables[0].keys() == tables[1].keys()
    assert all(text for table in tables for text in table.values())


def test_no_word_has_the_name_of_something_else():
    """
    A template would find the method of the table in its place.
    """
    assert not [name for name in words("en") if hasattr(dict, name)]


def test_pages_hold_no_words_of_their_own():
    """
    What a person reads is in the table; what is left are states and names.
    """
    folder = resources.files("umfpay.emulator._console") / "templates"
    # The language switch names each language in itself.
    known = {"中文", "English", "CNY", "GET", "POST"}

    for file in folder.iterdir():
        bare = re.sub(
            r"{%.*?%}|<[^>{]*(?:{{.*?}}[^>{]*)*>", " ", file.read_text("utf-8")
        )
        bare = re.sub(r"{{.*?}}", " ", bare)

        assert not set(re.findall(r"[^\W\d_]{2,}", bare)) - known, file.name


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("ZH-Hans-CN,en;q=0.5", "zh"),
        ("en;q=0.5, zh;q=0.9", "zh"),
        ("fr, zh;q=0.1", "zh"),
        ("fr-CH, en;q=0.8, zh;q=0.7", "en"),
        ("zh;q=0", "en"),
        ("zh;q=soon", "en"),
        ("zh;level=1", "zh"),
        (",;,;q=,", "en"),
        ("zhuang", "en"),
        ("x," * 50 + "zh", "en"),
    ],
)
async def test_a_browser_says_what_it_reads_best(browser, accepted, language):
    """
    The best of its languages that we speak, and English if there is none.
    """
    page = await browser.page("/", **{"Accept-Language": accepted})

    assert f'<html lang="{language}">' in page


async def test_what_was_asked_wins(browser):
    """
    The address, then the cookie, then the browser's own.
    """
    for asked, known, accepted, language in (
        ("en", "zh", "zh", "en"),
        ("fr", "zh", "en", "zh"),
    ):
        headers = {"Cookie": f"lang={known}", "Accept-Language": accepted}
        page = await browser.page(f"/?lang={asked}", **headers)

        assert f'<html lang="{language}">' in page
