"""
``python -m tests.stress.crash [--kills 500] [--database sqlite ...] [--seed S] [--break journal]``
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from tests.stress.crash.page import table, write_page
from tests.stress.crash.places import PLACES
from tests.stress.crash.session import run_session


def main(arguments):
    """
    Kill processes on each database, and print what became of the promises.

    Returns:
        0 if all were kept and there was enough to break, else 1; with ``--break`` the other way round.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.stress.crash")
    parser.add_argument("--kills", type=int, default=500, help="of all databases")
    parser.add_argument("--database", nargs="+", choices=PLACES, default=[*PLACES])
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--break", dest="broken", choices=["journal", "apply"])
    parser.add_argument("--write", action="store_true", help="into docs")
    chosen = parser.parse_args(arguments)
    sessions = []
    # Servers and processes end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {chosen.seed}", flush=True)

    for database in chosen.database:
        session = run_session(
            database,
            kills=-(-chosen.kills // len(chosen.database)),
            seed=chosen.seed,
            broken=chosen.broken or "",
        )
        sessions.append(session)
        print(f"{session.database}: {session.seconds:.0f} s", flush=True)
        _print_broken(session)

    print("\n".join(table(sessions)))

    if chosen.write:
        write_page(sessions, seed=chosen.seed)

    for one in sessions:
        if one.shows_nothing:
            print(f"{one.database}: the machine was too busy to show anything")

    is_kept = all(one.is_kept and not one.shows_nothing for one in sessions)

    return int(is_kept == (chosen.broken is not None))


def _print_broken(session):
    for promise, found in session.broken.items():
        for one in found[:5]:
            print(f"BROKEN {promise} (seed {session.seed}): {one}")

        if len(found) > 5:
            print(f"BROKEN {promise}: {len(found) - 5} more")

    for seed in session.killed.ended:
        print(f"BROKEN a process ended by itself (seed {seed})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
