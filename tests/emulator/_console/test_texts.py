"""
Words in both languages.
"""

from __future__ import annotations

import re
from importlib import resources

import pytest

from umfpay.emulator._console._texts import LANGUAGES, choose, words


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
def test_a_browser_says_what_it_reads_best(accepted, language):
    """
    The best of its languages that we speak, and English if there is none.
    """
    assert language == choose("", "", accepted)


def test_what_was_asked_wins():
    """
    The address, then the cookie, then the browser's own.
    """
    assert "en" == choose("en", "zh", "zh")
    assert "zh" == choose("fr", "zh", "en")
