"""
What code and docs cite of the gateway's wire: each section, trap and question exists.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "gateway.md"
TEXT = PAGE.read_text(encoding="utf-8")
FOLDERS = ("src", "tests", "docs", "examples", "benchmarks")

SECTIONS = {
    *re.findall(r"^##+ (\d+(?:\.\d+)?a?)\b", TEXT, re.MULTILINE),
    *re.findall(r'^\| <a id="(12\.\d+)"></a>\1 \|', TEXT, re.MULTILINE),
}
TRAPS = {
    int(number)
    for number in re.findall(r'^\| <a id="trap-(\d+)"></a>\1 \|', TEXT, re.MULTILINE)
}

_SECTION = r"\d+(?:\.\d+)?a?(?:-\d+\.\d+)?"
_SECTIONS = re.compile(rf"gateway\.md ({_SECTION}(?:(?:, | and ){_SECTION})*)")
_TRAPS = re.compile(r"gateway\.md, traps? (\d+(?:-\d+)?(?:(?:, | and )\d+(?:-\d+)?)*)")
_BARE = re.compile(r"\(((?:1[0-2]|[1-9])\.\d{1,2})(?=[-,;):])")


def _pages() -> list[Path]:
    found = [
        file
        for folder in FOLDERS
        for pattern in ("*.py", "*.md")
        for file in sorted((ROOT / folder).rglob(pattern))
    ]

    # This file holds examples of what does not resolve.
    return [file for file in (*found, *ROOT.glob("*.md")) if file != Path(__file__)]


def _unfold(text: str) -> str:
    """
    Join lines, so that a citation may be broken behind any word.
    """
    return re.sub(r"\s*\n\s*(?:#+\s|> ?)?\s*", " ", text)


def _unresolved(text: str) -> list[str]:
    text = _unfold(text)
    missing = []

    for found in _SECTIONS.finditer(text):
        cited = re.findall(r"\d+(?:\.\d+)?a?", found[1])
        missing += [number for number in cited if number not in SECTIONS]

    for found in _TRAPS.finditer(text):
        for part in re.split(r", | and ", found[1]):
            first, _, last = part.partition("-")
            numbers = range(int(first), int(last or first) + 1)
            missing += [f"trap {number}" for number in numbers if number not in TRAPS]

    return missing


def _anchors() -> set[str]:
    """
    The anchors of the page, headings as GitHub names them.
    """
    headings = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    named = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }

    return named | set(re.findall(r'<a id="([^"]+)">', TEXT))


def test_the_page_has_each_number_in_order():
    """
    Numbers stay as they are: whoever cites one finds it, now and later.
    """
    expected = {
        *(str(number) for number in range(1, 13)),
        "11a",
        *(f"2.{n}" for n in range(1, 3)),
        *(f"3.{n}" for n in range(1, 4)),
        *(f"5.{n}" for n in range(1, 23)),
        *(f"7.{n}" for n in range(1, 13)),
        *(f"8.{n}" for n in range(1, 8)),
        *(f"9.{n}" for n in range(1, 5)),
        *(f"10.{n}" for n in range(1, 12)),
        *(f"12.{n}" for n in range(1, 19)),
    }

    assert expected == SECTIONS
    assert set(range(1, 41)) == TRAPS


def test_every_citation_resolves():
    """
    `gateway.md 5.3` is a heading or a row of the page, `gateway.md, trap 15` a row.
    """
    unresolved = {
        str(file.relative_to(ROOT)): missing
        for file in _pages()
        if (missing := _unresolved(file.read_text(encoding="utf-8")))
    }

    assert {} == unresolved


def test_the_page_cites_itself_correctly():
    """
    A number in brackets, and a trap by its number, lead somewhere on the page.
    """
    numbers = re.findall(r"[(;] ?((?:1[0-2]|[1-9])\.\d{1,2})(?=[);])", TEXT)
    traps = [int(number) for number in re.findall(r"\btrap (\d+)", TEXT)]

    assert [] == [number for number in numbers if number not in SECTIONS]
    assert [] == [number for number in traps if number not in TRAPS]
    assert len(numbers) > 10
    assert len(traps) > 3


def test_links_to_the_page_lead_to_an_anchor():
    """
    Also those within the page.
    """
    anchors = _anchors()
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)

    for file in _pages():
        links += re.findall(
            r"\]\([^)]*gateway\.md#([^)]+)\)", file.read_text(encoding="utf-8")
        )

    assert [] == [link for link in links if link not in anchors]
    assert len(links) > 10


def test_the_vectors_that_the_page_names_exist():
    """
    What it says about bytes can be computed again.
    """
    names = set(re.findall(r"`(tests/vectors/[\w.]+)`", TEXT))

    assert [] == [name for name in names if not (ROOT / name).is_file()]
    assert len(names) > 2


def test_no_document_is_cited_that_a_reader_does_not_have():
    """
    The facts of the wire have one page, and it is in the repository.
    """
    words = ("protocol" + " notes", "protocol" + ".md")
    citing = [
        str(file.relative_to(ROOT))
        for file in _pages()
        if any(
            word in _unfold(file.read_text(encoding="utf-8")).lower() for word in words
        )
    ]

    assert [] == citing


def test_sections_are_cited_with_the_name_of_the_page():
    """
    No comment says "(5.6)" alone: a reader would not know of what.
    """
    bare = []

    for file in sorted((ROOT / "src").rglob("*.py")):
        text = file.read_text(encoding="utf-8")

        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            prose = token.type == tokenize.COMMENT or token.string.startswith('"""')

            if prose and any(
                number in SECTIONS for number in _BARE.findall(token.string)
            ):
                bare.append(f"{file.relative_to(ROOT)}:{token.start[0]}")

    assert [] == bare


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("(gateway.md 5.3, 5.99)", ["5.99"]),
        ("gateway.md 13", ["13"]),
        ("gateway.md 5.20, 10.7 and\n# 11a", []),
        ("gateway.md 5.3-5.30", ["5.30"]),
        ("gateway.md, traps 38-41", ["trap 41"]),
        ("gateway.md,\n    trap 77", ["trap 77"]),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text, missing):
    """
    The test itself can fail: lists, ranges and broken lines are read.
    """
    assert missing == _unresolved(text)
