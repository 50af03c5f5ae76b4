"""
Money calls written down before they are sent, and brought to an end after a crash.

`Journal` commits a row before a call leaves and writes how it ended; `Recovery` asks the
gateway about what was left open. Both stand in the merchant's own database.
"""

from umfpay.errors import needs_extra as _needs_extra


with _needs_extra("sql", by="umfpay.journal"):
    from umfpay.journal._endings import EndingWriter
    from umfpay.journal._entry import (
        Decider,
        JournalEntry,
        JournalOutcome,
        JournalState,
    )
    from umfpay.journal._journal import Journal, SettledHandler
    from umfpay.journal._record import JournaledCall, RecordedIntent
    from umfpay.journal._recovery import Recovery


__all__ = [
    "Decider",
    "EndingWriter",
    "Journal",
    "JournalEntry",
    "JournalOutcome",
    "JournalState",
    "JournaledCall",
    "RecordedIntent",
    "Recovery",
    "SettledHandler",
]
