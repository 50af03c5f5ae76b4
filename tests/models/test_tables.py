"""
Tables of the reference.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from umfpay.models import BANK_NAMES_ZH, CREDIT_BANKS, DEBIT_BANKS, TRANS_CODES


CODES = """
01121990 01122030 02223022 02223023 03222024 03223010 03223021 03223022 03223023
03223029 04223010 04223021 04223022 04223023 04223029 05227010 06223010 06223021
06223022 06223023 06223029 07222012 07222022 07222032 08227020 08231030 09228025
"""


def test_transaction_codes():
    """
    27 codes of 8 digits, each with its kind.
    """
    assert CODES.split() == list(TRANS_CODES)
    assert 27 == len(TRANS_CODES)
    assert all(re.fullmatch(r"[a-z ]+: .+", text) for text in TRANS_CODES.values())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("01121990", "goods"),
        ("02223022", "study abroad"),
        ("03222024", "air ticket"),
        ("04223010", "hotel"),
        ("05227010", "phone bill"),
        ("06223010", "travel"),
        ("07222032", "transport"),
        ("08227020", "software"),
        ("09228025", "exhibition"),
    ],
)
def test_kinds_of_transaction_codes(code, kind):
    """
    The first two digits are the kind.
    """
    assert TRANS_CODES[code].startswith(kind)


def test_banks():
    """
    64 banks give credit cards, 15 of them debit cards.
    """
    assert 64 == len(CREDIT_BANKS)
    assert 15 == len(DEBIT_BANKS)
    assert set(DEBIT_BANKS) < set(CREDIT_BANKS)
    assert "China Construction Bank" == CREDIT_BANKS["CCB"] == DEBIT_BANKS["CCB"]
    assert "Wujiang Rural Commercial Bank" == CREDIT_BANKS["WJRCB"]
    assert "Huishang Bank" == CREDIT_BANKS["HSB"]


def test_chinese_names_of_banks():
    """
    Every bank with debit cards has one, in the order of the list.
    """
    assert list(DEBIT_BANKS) == list(BANK_NAMES_ZH)
    assert "中国建设银行" == BANK_NAMES_ZH["CCB"]
    assert "WJRCB" not in BANK_NAMES_ZH


def test_tables_are_read_when_they_are_used():
    """
    Whoever imports the room does not pay for them.
    """
    code = (
        "import sys, umfpay.models as m; names = 'csv', 'importlib.resources';"
        "before = [one for one in names if one in sys.modules];"
        "print(before, len(m.DEBIT_BANKS), 'csv' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "[] 15 True" == done.stdout.strip()


@pytest.mark.parametrize(
    "table", [TRANS_CODES, CREDIT_BANKS, DEBIT_BANKS, BANK_NAMES_ZH]
)
def test_tables_cannot_be_changed(table):
    """
    One part of a program cannot break them for another.
    """
    with pytest.raises(TypeError):
        table["X"] = "Y"

    assert "X" not in table
    assert repr(dict(table)) == repr(table)
