"""
One run on one database: kill, close, compare.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

import attrs

from tests.stress.crash.closing import close
from tests.stress.crash.gateway import GatewayProcess
from tests.stress.crash.killing import Killed, Killer
from tests.stress.crash.life import reusing_socket
from tests.stress.crash.places import PLACES
from tests.stress.crash.promises import MONEY_CALLS, Books
from tests.stress.crash.setup import Setup, make_credentials


@attrs.frozen(kw_only=True)
class Session:
    """
    What a run came to.

    Args:
        broken: What contradicts each promise.
        facts: What there was to be counted.
        disturbed: What went wrong besides the kills.
    """

    database: str
    seed: str
    killed: Killed
    broken: dict[str, list[str]]
    facts: dict[str, object]
    disturbed: dict[str, int]
    seconds: float

    @property
    def is_kept(self):
        """
        Whether all promises were.
        """
        return not any(self.broken.values()) and not self.killed.ended

    @property
    def shows_nothing(self):
        """
        Whether the machine had so little time that hardly anything was there to break.
        """
        return self.facts[MONEY_CALLS] < self.killed.kills / 2


def run_session(database, *, kills, seed, broken="", listen=4.0, **options):
    """
    Kill so many processes on *database*; return what became of the promises.

    Args:
        broken: The part of the product that is left out.
        listen: Seconds for what the gateway delivers when nobody is killed any more.
        options: Of `Killer`.
    """
    begun = time.monotonic()
    folder = tempfile.mkdtemp(prefix="umf-crash-")

    # Workers read it, and a server that runs as another user.
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        place = PLACES[database](folder)
        seed = f"{seed}/{database}"
        credentials = make_credentials(folder)
        stack.enter_context(place.running(seed))
        gateway = GatewayProcess(folder, credentials, seed=kills)
        stack.callback(gateway.stop)
        # It keeps the port free of others.
        port = stack.enter_context(reusing_socket())
        setup = Setup(
            folder=folder,
            url=place.url,
            origin=gateway.origin,
            port=port.getsockname()[1],
            seed=seed,
            broken=broken,
        )
        killer = Killer(setup, place, kills=kills, **options)
        killed = killer.run()
        Path(folder, "calm").touch()
        disturbed = place.counts()
        left = close(setup, gateway, listen=listen)
        unexpected = Path(folder, "unexpected")
        books = Books(
            payments=gateway.documents("payments"),
            refunds=gateway.documents("refunds"),
            requests=gateway.requests(),
            left=left,
            unexpected=_parts(unexpected),
        )

        return Session(
            database=place.name,
            seed=seed,
            killed=killed,
            broken=books.broken(),
            facts=books.facts(),
            disturbed=disturbed,
            seconds=time.monotonic() - begun,
        )


def _parts(file):
    text = file.read_text() if file.exists() else ""

    return [one for one in text.split("\n\n") if one.strip()]
