"""
The SQL of the inbox.
"""

from __future__ import annotations

import re

from umfpay.notifications import _sqlite_statements


def test_no_placeholder_has_a_number():
    """
    Python 3.12.0 to 3.12.3 take ``?1`` for a name, and warn of a sequence of values.
    """
    statements = {
        name: text
        for name, text in vars(_sqlite_statements).items()
        if name.isupper() and isinstance(text, str)
    }

    assert "RELEASE_WAITING" in statements
    assert not [name for name, text in statements.items() if re.search(r"\?\d", text)]
