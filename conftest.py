"""
Documentation is a test: every code block of README and docs runs as printed, twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.example import Example
from sybil.integration.pytest import SybilFile
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


# Fixtures of real databases, for tests and pages alike.
pytest_plugins = ["tests.sql_servers"]

# Installing is done by whoever runs this; the test command would run itself.
ELSEWHERE = ("pip install", "nox", "umfpay statements")


@pytest.fixture(name="workplace", scope="module")
def _workplace(tmp_path_factory):
    """
    An empty folder in which a document's blocks run, one after another.
    """
    folder = tmp_path_factory.mktemp("reader")
    before = Path.cwd()
    os.chdir(folder)
    running: dict[str, subprocess.Popen[bytes]] = {}

    yield running

    for process in running.values():
        process.terminate()
        process.wait(10)

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

            if command.startswith("umfpay emulator"):
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

    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=_environment(), stdout=subprocess.PIPE
    )
    running[command] = process
    assert process.stdout is not None
    deadline = time.monotonic() + 120

    while b"Ctrl-C" not in process.stdout.readline():
        assert process.poll() is None
        assert time.monotonic() < deadline


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
    parsers=[PythonCodeBlockParser(), CodeBlockParser("bash", run_shell)],
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
