"""
What all processes of a run are given.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import attrs

from umfpay import Config
from umfpay.emulator import Emulator


@attrs.frozen(kw_only=True)
class Setup:
    """
    Where the parts of a run are, as it can be written for a fresh interpreter.

    Args:
        url: Of the database, as the shop's processes reach it.
        port: On which each of them listens for notifications.
        broken: The part of the product that is left out, "" if none is.
    """

    folder: str
    url: str
    origin: str
    port: int
    seed: str
    broken: str = ""

    def to_json(self):
        return json.dumps(attrs.asdict(self))

    def config(self):
        """
        Return the settings of the merchant.
        """
        folder = Path(self.folder)
        config = Config.from_file(folder / "keys/umf.env")

        return attrs.evolve(
            config,
            base_url=f"{self.origin}/cberest/v1/",
            token_store=str(folder / "token"),
            notify_url=f"http://127.0.0.1:{self.port}/umf/notify",
        )

    @property
    def board(self):
        """
        The file in which each life notes where it is.
        """
        return Path(self.folder) / "board"


def make_credentials(folder):
    """
    Make the keys of a gateway and its merchant in *folder*; return them.
    """
    emulator = Emulator(Path(folder) / "keys", key_bits=1024)
    # It writes umf.env when it knows its address, which is another one later.
    emulator.listen_at("http://127.0.0.1:9")
    asyncio.run(emulator.aclose())

    return emulator.credentials
