"""
Each page in Chinese shows what its page in English shows.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs/how-to"
PAIRS = [
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *[(page, HOW_TO / "zh" / page.name) for page in sorted(HOW_TO.glob("*.md"))],
]
_BLOCK = re.compile(r"^```(.*?)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _blocks(text):
    """
    Return its blocks of code without comments, ports, and the language they ask for.
    """
    blocks = []

    for kind, code in _BLOCK.findall(text):
        code = re.sub(r"\s+#.*", "", code)
        code = re.sub(r"\b8\d{3}\b", "PORT", code)
        code = code.replace('language="zh"', 'language="en"').replace("name_zh", "name")
        blocks.append((kind, code))

    return blocks


def _outside(text):
    return _BLOCK.sub("", text)


def _lines(text, start):
    return [line for line in _outside(text).splitlines() if line.startswith(start)]


def test_every_page_has_its_twin():
    """
    In both directions.
    """
    assert {page.name for page in HOW_TO.glob("*.md")} == {
        page.name for page in (HOW_TO / "zh").glob("*.md")
    }


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].stem)
def test_a_page_and_its_twin_are_alike(pair):
    """
    The same code, headings, rows of tables, and points of lists, in the same order.
    """
    english, chinese = (page.read_text("utf-8") for page in pair)

    assert _blocks(english) == _blocks(chinese)

    for start in ("#", "|", "- ", "!["):
        assert len(_lines(english, start)) == len(_lines(chinese, start))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].stem)
def test_a_page_and_its_twin_name_the_same(pair):
    """
    Functions, options, errors and files.
    """
    english, chinese = (
        set(re.findall(r"(?<!`)`([^`]+)`(?!`)", _outside(page.read_text("utf-8"))))
        for page in pair
    )
    # Some words are explained in one language only.
    english, chinese = (
        {" ".join(one.split()) for one in names if re.fullmatch(r"[\w.=()-]+", one)}
        for names in (english, chinese)
    )

    assert set() == english - chinese
