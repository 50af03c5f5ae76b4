"""
The reference pages name all that a user can set, call or meet.
"""

from __future__ import annotations

import inspect
import io
import re
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import attrs
import pytest

from umfpay import Config, errors
from umfpay.cli import run
from umfpay.emulator import EmulatorSettings


ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"


def _page(name):
    return (REFERENCE / name).read_text("utf-8")


def _commands(*path):
    """
    Give each command with its options, as its help names them.
    """
    with redirect_stdout(io.StringIO()) as shown:
        run([*path, "--help"])

    options, _, commands = shown.getvalue().partition("\nCommands:\n")

    if not commands:
        yield " ".join(path), re.findall(r"^  (?:-\w, )?(--[\w-]+)", options, re.M)

    for name in re.findall(r"^  (\S+)", commands, re.M):
        yield from _commands(*path, name)


def test_every_error_has_its_row():
    """
    Also those that only flows, notifications and papers raise.
    """
    rows = re.findall(r"^\| (.*?) \|", _page("errors.md"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    classes = {
        name
        for name in errors.__all__
        if isinstance(getattr(errors, name), type)
        and issubclass(getattr(errors, name), errors.UMFError)
    }

    assert {"UMFError", "ProtocolError"} == classes - named
    assert "`ProtocolError`" in _page("errors.md")


def test_every_setting_has_its_row():
    """
    And no row has a setting that is none.
    """
    rows = re.findall(r"^\| (.*?) \|", _page("config.md"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert sorted(inspect.signature(Config).parameters) == sorted(named)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_extra_has_its_row(name):
    """
    In both languages.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]

    table = (ROOT / name).read_text("utf-8").rpartition("\n## ")[2]

    assert sorted(extras) == sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


@pytest.mark.parametrize("field", attrs.fields(EmulatorSettings), ids=lambda f: f.name)
def test_every_switch_of_the_emulator_has_its_row(field):
    """
    With its values, the default first.
    """
    (row,) = re.findall(
        rf"^\| `{field.name}` \| (.*?) \|.*\|$",
        _page("emulator.md").rpartition("## Where nobody knows")[2],
        re.MULTILINE,
    )
    values = [value.strip("`") for value in row.split(", ")]

    assert str(field.default) == values[0]
    assert set(EmulatorSettings.choices(field.name) or values) == set(values)


@pytest.mark.parametrize(
    ("name", "options"), list(_commands()), ids=lambda one: str(one)
)
def test_every_command_and_option_is_named(name, options):
    """
    Options that nobody can find do not exist.
    """
    page = _page("cli.md") + _page("emulator.md")

    assert f"{name}" in page
    assert [] == [one for one in options if one not in page and one != "--help"]


def test_the_glossary_leads_to_files_that_are_there():
    """
    A module, a room or a page that it names exists.
    """
    page = _page("glossary.md")
    modules = re.findall(r"`(\w+/(?:\w+\.py)?)`", page)
    links = re.findall(r"\]\(([^)#]+)", page)

    assert len(modules) > 5
    assert len(links) > 5
    assert [] == [one for one in modules if not (ROOT / "src/umfpay" / one).exists()]
    assert [] == [one for one in links if not (REFERENCE / one).exists()]


@pytest.mark.parametrize(
    "word",
    [
        "webhook",
        "idempotency key",
        "middleware",
        "retry policy",
        "backoff",
        "throttling",
        "rate limit",
        "single flight",
        "deserialise",
        "exit codes",
    ],
)
def test_the_fields_own_word_is_found(word):
    """
    Whoever searches by it comes to the name that it has here.
    """
    assert word in _page("glossary.md")
