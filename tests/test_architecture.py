"""
The map of the rooms on the architecture page is that of the code.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest


ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/explanation/architecture.md"
PACKAGE = ROOT / "src/umfpay"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "tool"
]["importlinter"]["contracts"]

_MAP = re.compile(
    r"(?<=<!-- map of the rooms: begin -->\n).*(?=<!-- map of the rooms: end -->)", re.S
)


def layers(container):
    """
    Return the layers of *container* from the top, each a list of rooms.
    """
    return [
        layer.split(" | ")
        for contract in CONTRACTS
        if contract["type"] == "layers" and contract["containers"] == [container]
        for layer in contract["layers"]
    ]


def sentence(path):
    """
    Return the first line of a module's docstring, which is a sentence.
    """
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    return said.splitlines()[0]


def line(name, folder):
    """
    Return the row of a room, or of a module at the top.
    """
    room = folder / name

    return f"| `{name}` | {sentence(room / '__init__.py' if room.is_dir() else folder / f'{name}.py')} |"


def table(container, folder):
    """
    Return the rooms in their layers, a row each; a rule stands between two layers.
    """
    rows = ["| | |\n| --- | --- |"]
    rows += [
        "\n".join(line(name, folder) for name in layer) for layer in layers(container)
    ]

    return "\n| | |\n".join([rows[0] + "\n" + rows[1], *rows[2:]])


def map_of_rooms():
    """
    Return the part of the page: the package, and what stands inside reconciliation.
    """
    return (
        f"\n{table('umfpay', PACKAGE)}\n\nInside `reconciliation`:\n\n"
        f"{table('umfpay.reconciliation', PACKAGE / 'reconciliation')}\n\n"
    )


def test_the_page_draws_the_rooms_as_they_are():
    """
    ``UMFPAY_WRITE_PAGES=1`` writes them.
    """
    page = PAGE.read_text(encoding="utf-8")

    if os.environ.get("UMFPAY_WRITE_PAGES"):
        page = _MAP.sub(lambda _: map_of_rooms(), page)
        PAGE.write_text(page, encoding="utf-8")

    assert map_of_rooms() == _MAP.search(page)[0]


@pytest.mark.parametrize(
    ("container", "folder"),
    [
        ("umfpay", PACKAGE),
        ("umfpay.reconciliation", PACKAGE / "reconciliation"),
    ],
)
def test_every_room_has_a_layer(container, folder):
    """
    What stands in none may import whatever it likes.
    """
    there = {
        path.stem
        for path in folder.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert there - {"__init__", "__main__"} == {
        name for layer in layers(container) for name in layer
    }


_MODULE = re.compile(r"`([a-z_./]*(?:/|\b_)[a-z_]+\.py)`")


def missing_modules(text):
    """
    Return the modules that *text* names between backquotes, and that are not there.
    """
    return [
        name
        for name in _MODULE.findall(text)
        if not any((folder / name).exists() for folder in (ROOT, PACKAGE))
        and ("/" in name or not [*PACKAGE.rglob(name)])
    ]


@pytest.mark.parametrize(
    "page",
    [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_modules_that_a_page_names_are_there(page):
    """
    Whoever follows a page finds them.
    """
    assert [] == missing_modules(page.read_text(encoding="utf-8"))


def test_a_module_that_is_not_there_is_found():
    """
    With a folder, or by its name alone.
    """
    assert ["tokens/_nothing.py", "_nothing.py"] == missing_modules(
        "`tokens/_nothing.py`, `_nothing.py`, `_retrying.py`, `shop.py`"
    )
