"""
How large rooms may be that a careful reader reads from end to end.
"""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

import pytest


SOURCES = Path(__file__).parent.parent / "src" / "umfpay"
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of(node):
    return range(node.lineno, node.end_lineno + 1)


def lines_of_code(path):
    """Count lines without blanks, comments and docstrings."""
    docstrings = {
        line
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in lines_of(node)
    }

    with path.open("rb") as file:
        code = {
            line
            for token in tokenize.tokenize(file.readline)
            if token.type not in NO_CODE and token.type != tokenize.ENCODING
            for line in range(token.start[0], token.end[0] + 1)
        }

    return len(code - docstrings)


@pytest.mark.parametrize(
    ("rooms", "limit"),
    [
        (("transport", "_session", "_codec"), 3_900),
        (("notifications", "sql", "journal"), 4_100),
    ],
)
def test_rooms_stay_readable(rooms, limit):
    """What a call runs through is read in an afternoon."""
    counted = {
        room: sum(lines_of_code(path) for path in (SOURCES / room).rglob("*.py"))
        for room in rooms
    }

    assert all(counted.values())
    assert sum(counted.values()) <= limit, counted
