"""
Exit codes of the command line: one table for every command.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """
    What the command's end means.
    """

    GOOD = 0
    NO = 1  # forged, differences, a step not as expected
    WRONG_USE = 2  # arguments, files, port, config, network, a full disk
    UNSIGNED = 3  # verify only
    BUG = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141  # nobody reads the output: what the shell says of SIGPIPE
