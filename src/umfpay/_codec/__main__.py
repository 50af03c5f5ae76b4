"""
Print the generated readers and writers: ``python -m umfpay._codec Payment``.
"""

from __future__ import annotations

import sys

import attrs

from umfpay import models
from umfpay._codec import generated_source


def main(names: list[str]) -> None:
    """
    Print what is generated for the classes *names*, or for all of `umfpay.models`.
    """
    classes = {
        name: one
        for name, one in vars(models).items()
        if attrs.has(one) and one is not models.Money
    }

    for name in names or classes:
        sys.stdout.write(f"{generated_source(classes[name])}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
