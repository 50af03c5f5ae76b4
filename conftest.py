"""
Documentation is a test: every code block of README and docs runs as printed, twice.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.example import Example
from sybil.integration.pytest import SybilFile
from sybil.parsers.markdown import CodeBlockParser


# Fixtures of real databases, for tests and pages alike.
pytest_plugins = ["tests.servers.databases"]

# Installing is done by whoever runs this; the test command would run itself.
ELSEWHERE = ("pip install", "nox", "umfpay statements")
# Commands that go on, and what they print when they are ready.
SERVERS = {
    "umfpay emulator": "Ctrl-C",
    "uvicorn": "Uvicorn running",
    "celery": "ready.",
}
# A block that begins so is saved by the reader, not run.
FILE = re.compile(r"# (\w+\.py)\n")


@pytest.fixture(name="shop_database", scope="module")
def _shop_database(request):
    """
    An empty PostgreSQL where a page wants one: ``SHOP_DATABASE`` in its environment.
    """
    if '"$SHOP_DATABASE"' not in request.path.read_text():
        yield

        return

    # Only here: pytest rewrites what is a plugin before it is imported.
    from tests.servers.databases import fresh_database

    with (
        fresh_database(request.getfixturevalue("postgresql_server")) as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SHOP_DATABASE", url)

        yield


@pytest.fixture(name="workplace", scope="module")
def _workplace(tmp_path_factory, shop_database):  # noqa: ARG001 (it sets a variable)
    """
    An empty folder in which a document's blocks run, one after another.
    """
    folder = tmp_path_factory.mktemp("reader")
    before = Path.cwd()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    running: dict[str, subprocess.Popen[bytes]] = {}

    yield running

    # Whoever uses the emulator ends before it.
    for process in reversed(running.values()):
        process.terminate()

        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            # What goes on would keep its port.
            process.kill()
            process.wait()

    sys.path.remove(str(folder))

    for file in folder.glob("*.py"):
        sys.modules.pop(file.stem, None)

    os.chdir(before)


def _environment() -> dict[str, str]:
    tools = str(Path(sys.executable).parent)

    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


def run_shell(example: Example) -> None:
    """
    Run the commands of a bash block; a server stays up until the document ends.
    """
    for line in example.parsed.splitlines():
        for part in line.partition("#")[0].split("&&"):
            command = part.strip()

            if not command or command.startswith(ELSEWHERE):
                continue

            if command.startswith(tuple(SERVERS)):
                _start(command, example.namespace["workplace"])

                continue

            subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                check=True,
                timeout=120,
                env=_environment(),
                stdin=subprocess.DEVNULL,
            )


def _start(command: str, running: dict[str, subprocess.Popen[bytes]]) -> None:
    # Whoever runs a page again has its server still running.
    if command in running:
        assert running[command].poll() is None

        return

    log = Path(f"{len(running)}.log")

    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            env={**_environment(), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    running[command] = process
    (ready,) = (text for start, text in SERVERS.items() if command.startswith(start))
    deadline = time.monotonic() + 120

    while ready not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline
        time.sleep(0.05)


_run = PythonEvaluator()


def run_python(example: Example) -> None:
    """
    Run a block, or save it where its first line is the name of a file.
    """
    named = FILE.match(example.parsed)

    if named is None:
        _run(example)
    else:
        Path(named[1]).write_text(example.parsed)


class TwiceFile(SybilFile):
    """
    A page that is run twice in one folder, as a reader does who comes back to it.
    """

    def collect(self):
        for item in (*super().collect(), *super().collect()):
            # A block may hold several commands; a loaded machine is slow.
            item.add_marker(pytest.mark.timeout(300))

            yield item


PAGES = Sybil(
    parsers=[CodeBlockParser("python", run_python), CodeBlockParser("bash", run_shell)],
    patterns=["*.md"],
    fixtures=["workplace"],
)


def pytest_collect_file(file_path, parent):
    """
    Take each page of the documentation.
    """
    if not PAGES.should_parse(file_path):
        return None

    return TwiceFile.from_parent(parent, path=file_path, sybils=[PAGES])
