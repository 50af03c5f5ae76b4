"""
The path of `session.payments.get(id)`, as the architecture page shows it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

import umfpay
from tests.orders import card_payment
from umfpay import UMFSession


ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/architecture.md"
PACKAGE = str(Path(umfpay.__file__).parent) + os.sep

_PART = re.compile(
    r"(?<=<!-- path of a call: begin -->\n).*(?=<!-- path of a call: end -->)", re.S
)


def _shown(functions):
    """
    Return the part of the page: a line for each module in the order of its first use.
    """
    modules = {}

    for module, function in functions:
        modules.setdefault(module, []).append(function)

    lines = [
        f"- `{module}`: {', '.join(f'`{one}`' for one in names)}"
        for module, names in modules.items()
    ]

    return "\n" + "\n".join(lines) + "\n\n"


@pytest.fixture(name="entered")
async def _entered(umf_emulator, monkeypatch):
    """
    The functions that a query enters, in their order, when everything is warm.

    The emulator works in another thread, where nobody notes anything.
    """
    found = {}
    # Whoever has no mocks of httpx is not asked for them.
    monkeypatch.delitem(sys.modules, "respx", raising=False)

    def note(frame, event, argument):
        code = frame.f_code

        if event == "call" and code.co_filename.startswith(PACKAGE):
            name = code.co_qualname

            if "<lambda>" not in name and not re.search(r"<\w+>$", name):
                module = code.co_filename.removeprefix(PACKAGE)
                found[module, name.replace(".<locals>", "")] = None

    async with UMFSession(umf_emulator.config()) as session:
        payment = await session.payments.create(card_payment())
        await session.payments.get(payment.id)
        sys.setprofile(note)

        try:
            await session.payments.get(payment.id)
        finally:
            sys.setprofile(None)

    return list(found)


def test_the_page_shows_the_functions_that_a_query_enters(entered):
    """
    With ``UMFPAY_WRITE_PAGES=1`` the page is written anew.
    """
    text = PAGE.read_text("utf-8")

    if os.environ.get("UMFPAY_WRITE_PAGES"):
        PAGE.write_text(_PART.sub(lambda _: _shown(entered), text), "utf-8")
        text = PAGE.read_text("utf-8")

    found = _PART.search(text)

    assert found is not None
    assert _shown(entered) == found[0]


def test_a_query_enters_few_functions_in_few_modules(entered):
    """
    Sixty of ours in eighteen modules.
    """
    modules = {module for module, _ in entered}

    assert len(entered) <= 60
    assert len(modules) <= 18
