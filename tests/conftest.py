"""
What holds for all tests.
"""

from __future__ import annotations

import contextlib


# The tests in a browser do without it.
with contextlib.suppress(ModuleNotFoundError):
    import hypothesis

    # A loaded machine is slow, and that is no property of the code.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")
