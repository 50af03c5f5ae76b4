"""
What a stranger wrote is shown, and does nothing: not to a terminal, not to a log.
"""

from __future__ import annotations

import io
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay import errors
from umfpay.errors import Text, UMFError, escape, format_error


FORGED_LINE = "\n2026-11-28 INFO payment PAY_X is TRADE_SUCCESS"
HOSTILE = {
    "escape sequence": "\x1b[2J",
    "title of the terminal": "\x1b]0;TITLE\x07",
    "control of the upper half": "\x9b2J",
    "line feed": "a\nb",
    "carriage return": "a\rb",
    "line separator": "a\u2028b",
    "next line": "a\x85b",
    "right-to-left override": "\u202eSSECCUS",
    "isolate": "\u2066x\u2069",
    "zero width": "PAY\u200b_A",
    "tag": "\U000e0041",
    "byte order mark": "\ufeff",
    "lone surrogate": "\udc9b",
    "null": "\0",
    "private use": "\ue000",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_terminal_might_obey_is_escaped(text):
    """
    Every character that is no sign or plain space is told by its number.
    """
    shown = escape(text)

    assert shown.isprintable()
    assert "\\" in shown
    assert shown.encode()


@pytest.mark.parametrize("text", ["00060760", "余额不足", "a b", "全角\u3000空格", ""])
def test_what_people_write_stays_as_it_is(text):
    """
    Codes, Chinese, spaces.
    """
    assert text == escape(text)


def test_long_text_is_cut_and_its_length_named():
    """
    Two megabytes of a stranger are no log record.
    """
    assert "xxx... (2000000 chars)" == escape("x" * 2_000_000, limit=3)
    assert "xxx" == escape("xxx", limit=3)


@given(st.text(st.characters(), max_size=50))
def test_whatever_comes_is_one_line_that_can_be_written(text):
    """
    Also where lone surrogates came from undecodable bytes.
    """
    shown = escape(text, limit=40).replace("\u3000", " ")

    assert len(shown) <= 40 + len("... (50 chars)")
    assert shown.isprintable()
    assert shown.encode().isascii() is shown.isascii()


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, UMFError)
    ],
)
def test_no_error_shows_it_raw(cls):
    """
    The sentences of every error are escaped, whoever wrote them.
    """
    for text in HOSTILE.values():
        error = cls.__new__(cls)
        UMFError.__init__(error, text * 2_000, text * 2_000, advice=Text(text, text))
        shown = [str(error), repr(error), *error.args]

        assert [] == [one for one in shown if not one.isprintable()]
        assert max(map(len, shown)) < 5_000


@pytest.fixture(name="log")
def _log():
    """
    What a plain handler of the standard library writes for our loggers.
    """
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("umfpay")
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


@pytest.mark.parametrize("name", ["umfpay", "umfpay.emulator"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_log_record_is_one_clean_line(log, name, text):
    """
    Whichever argument of whichever call holds it.
    """
    logging.getLogger(name).warning("%s: code %s of %d", "POST", text, 7)

    line = log.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert line.endswith(" of 7")


def test_a_clean_record_keeps_template_and_arguments(caplog):
    """
    Tools group records by their template.
    """
    logging.getLogger("umfpay").warning("%s failed", "GET")

    assert ("%s failed", ("GET",)) == (caplog.records[0].msg, caplog.records[0].args)


def _hook(text):
    try:
        raise KeyError(1)
    except KeyError:
        raise ValueError(f"no order {text}")  # noqa: B904 (the context counts)


@pytest.mark.parametrize("text", [*HOSTILE.values(), FORGED_LINE])
def test_a_traceback_in_a_log_has_no_line_of_a_stranger(log, text):
    """
    A hook of the shop quotes in its exception what a stranger sent.
    """
    try:
        _hook(text)
    except ValueError:
        logging.getLogger("umfpay").exception("the hook failed")

    lines = log.getvalue().split("\n")
    assert [] == [line for line in lines if not line.isprintable()]
    assert not any(line.startswith("2026-") for line in lines)
    assert "During handling of the above exception" in log.getvalue()
    assert lines[-2].startswith("ValueError: no order ")


def test_a_clean_traceback_is_the_usual_one():
    """
    Frames, code, causes, groups: as Python writes them.
    """
    try:
        _hook("A")
    except ValueError as error:
        one, several = error, ExceptionGroup("two", [error, KeyError("b")])

    for error in (one, several):
        usual = "".join(traceback.format_exception(error)).removesuffix("\n")

        assert usual == format_error(error)
