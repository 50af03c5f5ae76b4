"""
The emulator in a process of its own, and its books.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.request
from pathlib import Path

from umfpay.emulator import Emulator, EmulatorSettings, serve


# Of the newest 1,000 requests that it keeps, none is missed.
_LOOK_SECONDS = 0.5
_MONEY_PATHS = r"^/payments/payment($|/[^/]+/(execute|refund)$)"
_FAULTS = [
    {"kind": "drop_after", "probability": 0.04},
    {"kind": "error_after", "probability": 0.03},
    {"kind": "drop_before", "probability": 0.02},
    {"kind": "error_before", "probability": 0.02},
    {"kind": "forge", "probability": 0.01},
    {"kind": "steal_token", "probability": 0.005},
    {"kind": "delay", "probability": 0.3, "seconds": 0.06},
]
_NOTIFICATION_FAULTS = [
    {"kind": "duplicate_notification", "probability": 0.1},
    {"kind": "late_notification", "probability": 0.1, "seconds": 1.0},
    {"kind": "reorder_notification", "probability": 0.05},
    {"kind": "lose_notification", "probability": 0.05},
]
# Executes and refunds of a payment, and payments of an order.
_SETTINGS = EmulatorSettings(notification_pause=0.3)


class GatewayProcess:
    """
    An emulator that is served by a child of this process, and is never killed.

    Args:
        folder: Where it writes down each request that came.
    """

    def __init__(self, folder, credentials, *, seed):
        self._requests = Path(folder) / "requests.jsonl"
        place = Path(folder) / "gateway"
        self.pid = os.fork()

        if self.pid == 0:
            try:
                asyncio.run(_serve(credentials, place, self._requests))
            finally:
                os._exit(1)

        end = time.monotonic() + 20

        while not place.exists():
            assert time.monotonic() < end, "the gateway does not start"
            time.sleep(0.01)

        self.origin = place.read_text()
        self.control("PUT", "/faults", {"seed": seed, "rules": _rules()})

    @property
    def base_url(self):
        """
        What clients call.
        """
        return f"{self.origin}/cberest/v1/"

    def control(self, method, path, value=None):
        """
        Do what the control API does.
        """
        request = urllib.request.Request(
            f"{self.origin}/_emulator{path}",
            method=method,
            data=None if value is None else json.dumps(value).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def documents(self, name):
        """
        Return all payments or refunds of its books.
        """
        found, before = [], ""

        while True:
            answer = self.control("GET", f"/{name}{before}")
            found = answer[name] + found

            if not answer["more"]:
                return found

            before = f"?before={answer[name][0]['id']}"

    def requests(self):
        """
        Return all money calls that came, whatever became of them.
        """
        # The newest are written down soon.
        time.sleep(2 * _LOOK_SECONDS)

        with self._requests.open() as lines:
            return [json.loads(line) for line in lines]

    def stop(self):
        """
        End it.
        """
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _rules():
    calls = [
        {"times": 0, "method": "POST", "path": _MONEY_PATHS, **rule} for rule in _FAULTS
    ]

    return calls + [{"times": 0, **rule} for rule in _NOTIFICATION_FAULTS]


async def _serve(credentials, place, requests):
    emulator = Emulator(credentials=credentials, settings=_SETTINGS)

    async with serve(emulator) as server:
        part = place.with_suffix(".part")
        part.write_text(server.origin)
        part.rename(place)
        seen = 0

        with requests.open("w") as file:
            while True:
                await asyncio.sleep(_LOOK_SECONDS)

                for one in emulator.control("GET", "/requests")["requests"]:
                    if one["number"] > seen:
                        seen = one["number"]
                        file.write(f"{json.dumps(_short(one))}\n")

                file.flush()


def _short(request):
    names = ("number", "at", "method", "path", "body", "ret_code", "faults", "status")

    return {name: request.get(name) for name in names}
