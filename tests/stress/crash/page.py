"""
The tables that are printed, and kept in ``docs/explanation/crashes.md``.
"""

from __future__ import annotations

from pathlib import Path

from tests.stress.crash.moments import ELSEWHERE, Moment


PAGE = Path(__file__).parents[3] / "docs/explanation/crashes.md"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def table(sessions):
    """
    Return the lines of three tables: promises, kills by moment, what else went wrong.
    """
    names = [one.database for one in sessions]
    yield from _table(
        ["promise: how often it was broken", *names],
        {
            promise: [len(one.broken[promise]) for one in sessions]
            for promise in sessions[0].broken
        },
    )
    yield ""
    yield from _table(
        ["killed or stopped", *names],
        {
            "by SIGKILL, forked": [one.killed.forked for one in sessions],
            "by SIGKILL, fresh interpreters": [one.killed.fresh for one in sessions],
            "by SIGSTOP for longer than a lease": [
                one.killed.stopped for one in sessions
            ],
        },
    )
    yield ""
    yield from _table(
        ["where they were (stopped ones)", *names],
        {
            moment: [
                f"{one.killed.moments[moment]} ({one.killed.stopped_moments[moment]})"
                for one in sessions
            ]
            for moment in (*Moment, ELSEWHERE)
        },
    )
    yield ""
    disturbed = dict.fromkeys(key for one in sessions for key in one.disturbed)
    yield from _table(
        ["what else went wrong", *names],
        {key: [one.disturbed.get(key, "") for one in sessions] for key in disturbed},
    )
    yield ""
    facts = dict.fromkeys(key for one in sessions for key in one.facts)
    yield from _table(
        ["what there was to be counted", *names],
        {key: [one.facts.get(key, 0) for one in sessions] for key in facts},
    )


def _table(head, rows):
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"

    for name, cells in rows.items():
        yield f"| {name} | {' | '.join(map(str, cells))} |"


def write_page(sessions, *, seed):
    """
    Put the tables where the page keeps them.
    """
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(table(sessions))
    PAGE.write_text(f"{before}{BEGIN}\n\nSeed `{seed}`.\n\n{text}\n\n{END}{after}")
