"""
Pages before they are rendered, and rendering.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import jinja2
import pytest

from umfpay.emulator._console._pages import Page, PageRefused, Renderer, other_language


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
