"""
RSA through our own doors, both backends, against `openssl speed` of the same minute.

OpenSSL's tool is the bound: C, no hashing, no base64, the same 35 bytes again and again.
Ours signs a real request body and gives the header line.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, Literal

import attrs
from cryptography.hazmat.backends.openssl import backend as openssl
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks._result import Figure, Result, ratio
from benchmarks.orders import created
from umfpay.protocol import PrivateKey, Sealer, Signer, Verifier
from umfpay.sensitive import Secret


Backend = Literal["pycryptodome", "cryptography"]

BACKENDS: Final[tuple[Backend, ...]] = ("cryptography", "pycryptodome")
OPERATIONS: Final = ("sign", "verify", "seal")
_CARD: Final = Secret("6222021234567890123")
_BODY: Final = json.dumps(created(0)["payment"]).encode()

# Of the backend that is installed to be fast, at the sizes of real keys.
_NEAR_OPENSSL: Final = 0.9
_TWO_THREADS: Final = 1.7
_REAL_BITS: Final = (1024, 2048)


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """
    One of our operations, ready to be called again and again.

    Args:
        bits: Of the key.
        name: One of `OPERATIONS`.
        call: Does it once.
    """

    backend: Backend
    bits: int
    name: str
    call: Callable[[], object]

    @property
    def promised(self) -> bool:
        """
        Whether targets were set for it.
        """
        return (
            self.backend == "cryptography"
            and self.name == "sign"
            and self.bits in _REAL_BITS
        )

    def __str__(self) -> str:
        return f"{self.name} {self.bits}, {self.backend}"


def cases(sizes: Iterable[int]) -> Iterator[Case]:
    """
    Give all operations of both backends with keys of *sizes* bits.
    """
    for bits in sizes:
        key = _key(bits)

        for backend in BACKENDS:
            signer = Signer(key, backend=backend)
            verifier = Verifier([key.public], backend=backend)
            sealer = Sealer(key.public, backend=backend)
            signature = signer.sign(_BODY)

            for name, call in (
                ("sign", lambda signer=signer: signer.sign(_BODY)),
                (
                    "verify",
                    lambda verifier=verifier, signature=signature: verifier.verify(
                        _BODY, signature
                    ),
                ),
                ("seal", lambda sealer=sealer: sealer.seal(_CARD)),
            ):
                yield Case(backend=backend, bits=bits, name=name, call=call)


def _key(bits: int) -> PrivateKey:
    # pycryptodome takes half a minute for a large one.
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    return PrivateKey.load(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def speed(call: Callable[[], object], *, threads: int, seconds: float) -> float:
    """
    Return how often *threads* threads together did *call* in a second.
    """
    done = [0.0] * threads
    ready = threading.Barrier(threads)

    def work(index: int) -> None:
        ready.wait()
        count = 0
        started = now = time.perf_counter()

        while now - started < seconds:
            call()
            count += 1
            now = time.perf_counter()

        done[index] = count / (now - started)

    workers = [threading.Thread(target=work, args=[index]) for index in range(threads)]

    for worker in workers:
        worker.start()

    for worker in workers:
        worker.join()

    return sum(done)


def openssl_speed(bits: int) -> dict[str, float]:
    """
    Return signatures and checks per second of `openssl speed`, in a second each.
    """
    command = ["openssl", "speed", "-elapsed", "-seconds", "1", "-mr", f"rsa{bits}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return read_speed(output, bits)


def _version() -> str:
    command = ["openssl", "version"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return " ".join(output.split()[:2])


def read_speed(output: str, bits: int) -> dict[str, float]:
    """
    Read the line ``+F2:<number>:<bits>:<signs>:<verifies>``, all per second.
    """
    for line in output.splitlines():
        fields = line.split(":")

        if fields[0] == "+F2" and fields[2] == str(bits):
            return {"sign": float(fields[3]), "verify": float(fields[4])}

    raise RuntimeError(f"openssl speed told nothing of rsa{bits}")


def _figures(
    ours: Mapping[tuple[Case, int], Sequence[float]],
    theirs: Mapping[tuple[str, int], Sequence[float]],
) -> Iterator[Figure]:
    for (name, bits), rounds in theirs.items():
        yield Figure(label=f"{name} {bits}, openssl", unit="per second", rounds=rounds)

    for (case, threads), rounds in ours.items():
        yield Figure(
            label=f"{case}, {_counted(threads)}", unit="per second", rounds=rounds
        )

    for (case, threads), rounds in ours.items():
        if threads == 2:
            yield ratio(
                f"{case}, two threads / one",
                rounds,
                ours[case, 1],
                target=_TWO_THREADS if case.promised else None,
            )
        elif case.name != "seal":
            yield ratio(
                f"{case} / openssl",
                rounds,
                theirs[case.name, case.bits],
                target=_NEAR_OPENSSL if case.promised else None,
            )


def _burst(case: Case, *, quick: bool) -> float:
    if quick:
        return 0.02

    return 0.5 if case.promised else 0.1


def _counted(threads: int) -> str:
    return "one thread" if threads == 1 else "two threads"


def run(*, quick: bool) -> Result:
    """
    Measure RSA; *quick* takes a few seconds and proves nothing.
    """
    sizes = (1024,) if quick else (1024, 2048, 4096)
    ours: dict[tuple[Case, int], list[float]] = {}
    theirs: dict[tuple[str, int], list[float]] = {}
    everything = list(cases(sizes))

    for _ in range(1 if quick else 7):
        for bits in sizes:
            for name, found in openssl_speed(bits).items():
                theirs.setdefault((name, bits), []).append(found)

            for case, threads in product(everything, (1, 2)):
                if case.bits == bits:
                    seconds = _burst(case, quick=quick)
                    found = speed(case.call, threads=threads, seconds=seconds)
                    ours.setdefault((case, threads), []).append(found)

    return Result(
        name="signing",
        title="Sign, verify, seal",
        figures=list(_figures(ours, theirs)),
        notes=[
            (
                f"Ours: a body of {len(_BODY)} bytes hashed, signed and base64, through"
                " umfpay.protocol; a card number sealed. openssl speed: neither hash nor"
                " base64, one thread, by the clock."
            ),
            (
                "A check takes less time than threads need to hand over the interpreter:"
                " more of them make it slower, so it stays on the loop up to 2048 bits."
            ),
            (
                f"The command is {_version()}; cryptography brings"
                f" {' '.join(openssl.openssl_version_text().split()[:2])}, which is faster with large keys."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["signing"])
