"""
The words of the table are closed sets.
"""

from __future__ import annotations

import attrs
import pytest

from umfpay.protocol import Actor, Cause, CodeMeaning, find_code


@pytest.mark.parametrize("kind", [Actor, Cause, CodeMeaning])
def test_a_word_of_the_table_is_lower_case_text(kind):
    """
    It stands in logs and in configuration as it is.
    """
    assert [str(word) for word in kind] == [word.name.lower() for word in kind]


def test_a_row_is_frozen():
    """
    One table for the whole process.
    """
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        find_code("0000").retryable = True
