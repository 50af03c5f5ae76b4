"""
What every place is given and gives.
"""

from __future__ import annotations

import pytest

from umfpay.errors import ConfigError
from umfpay.notifications import Transaction
from umfpay.notifications._store import StoredEvent


def test_a_transaction_gives_what_it_has():
    """
    The other one is a ConfigError that names the place.
    """
    connection, pipeline = object(), object()

    assert Transaction(connection=connection).connection is connection
    assert Transaction(pipeline=pipeline).pipeline is pipeline

    with pytest.raises(ConfigError, match="not kept in Redis"):
        _ = Transaction(connection=connection).pipeline

    with pytest.raises(ConfigError, match="not kept in SQLite"):
        _ = Transaction(pipeline=pipeline).connection


def test_a_stored_event_shows_no_body():
    """
    Neither body nor signature is in its repr.
    """
    stored = StoredEvent(key="k", body=b"PAY_A", signature="c2lnbmVk", attempts=0)

    assert "PAY_A" not in repr(stored)
    assert "c2lnbmVk" not in repr(stored)
