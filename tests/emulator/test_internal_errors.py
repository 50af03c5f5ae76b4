"""
What is told when something goes wrong inside.
"""

from __future__ import annotations

import sqlite3

import pytest

from umfpay.emulator._messages import log_internal_error


def _raised(error):
    try:
        raise error
    except Exception as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.DatabaseError("database disk image is malformed"),
    ],
)
def test_the_disk_is_to_blame_in_one_line_of_both_languages(caplog, error):
    """
    No traceback: it is no bug.
    """
    answer = log_internal_error(_raised(error), "GET /a\n/b")

    [record] = caplog.records

    assert str(error) in answer
    assert str(error) in record.getMessage()
    assert "磁盘" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(
    "error", [KeyError("x"), sqlite3.ProgrammingError("a closed database")]
)
def test_anything_else_is_a_bug_with_its_traceback(caplog, error):
    """
    The answer says where to look.
    """
    assert "a bug of the emulator; see its log" == log_internal_error(
        _raised(error), "GET /"
    )
    assert caplog.records[0].exc_info[1] is error
