"""
Print the generated readers and writers: ``python -m umfpay._codec Payment``.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import attrs

from umfpay import models
from umfpay._codec._forms import DEFAULT_OPTIONS
from umfpay._codec._generated import reader, writer


def generated_source(cls: Any) -> str:
    """
    Return the generated code that reads a *cls*, or writes it.
    """
    received = issubclass(cls, models.Received)

    return inspect.getsource(reader(cls) if received else writer(cls, DEFAULT_OPTIONS))


def main(names: list[str]) -> None:
    """
    Print what is generated for the classes *names*, or for all of `umfpay.models`.
    """
    models_of_ours = [
        one
        for one in vars(models).values()
        if attrs.has(one) and one is not models.Money
    ]

    for cls in [getattr(models, name) for name in names] or models_of_ours:
        sys.stdout.write(f"{generated_source(cls)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
