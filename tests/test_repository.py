"""
What the repository holds, beside the sources: its licence, its extras, no binaries.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LARGEST_BINARY = 300_000
LONGEST_LINE = 88
FOLDERS = ("src", "tests", "benchmarks", "examples")
# Words that nobody searches for: report, notify, complete, context, cut, prefilter.
METAPHORS = {"tell", "told", "untold", "land", "desk", "leash", "sieve"}


def _tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout: a source distribution has no list of files")

    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    return [ROOT / name for name in listed.stdout.split("\0") if name]


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def test_no_large_binary_is_tracked_but_pictures_of_the_docs():
    """
    Nobody clones wheels, profiles and archives.
    """
    pictures = ROOT / "docs" / "images"
    files = _tracked_files()
    large = [
        str(file.relative_to(ROOT))
        for file in files
        if file.is_file()
        and file.parent != pictures
        and file.stat().st_size > LARGEST_BINARY
        and not _is_text(file.read_bytes())
    ]

    assert [] == large
    assert ROOT / "LICENSE" in files


def test_the_licence_is_the_one_that_is_declared():
    """
    The file holds the whole text of what the metadata of the package names.
    """
    text = (ROOT / "LICENSE").read_text()

    assert "Apache-2.0" == PROJECT["license"]
    assert ["LICENSE"] == PROJECT["license-files"]
    assert text.lstrip().startswith("Apache License\n")
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_table_of_extras_names_each_once(page):
    """
    What can be installed is what the table tells, in both languages.
    """
    text = (ROOT / page).read_text()
    table = re.search(r"\n\|[^\n]+\n\| --- \| --- \|\n((?:\| `\w+` \|.*\n)+)", text)

    assert table is not None
    assert sorted(PROJECT["optional-dependencies"]) == sorted(
        re.findall(r"^\| `(\w+)` \|", table[1], re.MULTILINE)
    )


def test_what_a_test_patches_is_whole_again_after_it():
    """
    A patch of a wider fixture would reach every test that its process has left.
    """
    lasting = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "MonkeyPatch"
    ]

    assert [] == lasting


def _defined_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ExceptHandler) and node.name is not None:
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Columns of a table.
            yield from re.findall(r"\b(\w+) (?:BLOB|INTEGER|REAL|TEXT)\b", node.value)


def _words_of(name):
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_words_that_a_reader_would_search_for(folder):
    """
    No function, class, variable, parameter or column is named by a private metaphor.
    """
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        # Programs of users have their own words.
        if file.parent != ROOT / "tests" / "cases"
        for name in _defined_names(ast.parse(file.read_text(encoding="utf-8")))
        if METAPHORS & _words_of(name)
    ]

    assert [] == found


def _first_line(docstring: str) -> str:
    return docstring.partition("\n")[0]


def _is_entry(line: str) -> bool:
    return line.endswith(".") and len(line) <= LONGEST_LINE


def test_the_first_line_of_every_module_is_an_entry_of_a_map():
    """
    It is there, a sentence of its own that ends on its line, and no two have the same.
    """
    lines = {
        str(file.relative_to(ROOT)): _first_line(
            ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        )
        for file in sorted((ROOT / "src").rglob("*.py"))
    }

    assert [] == [file for file, line in lines.items() if not _is_entry(line)]
    assert len(lines) == len(set(lines.values()))


@pytest.mark.parametrize(
    "docstring",
    ["", "A sentence that goes on\nbelow.", f"{'Long ' * 20}line.", "No full stop"],
)
def test_a_first_line_that_is_no_entry_is_found(docstring: str) -> None:
    """
    None, one that is broken off, one that is too long, one without its end.
    """
    assert not _is_entry(_first_line(docstring))
