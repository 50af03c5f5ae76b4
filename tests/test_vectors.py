"""
The vectors are bytes from outside: the copy is the original.
"""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest


VECTORS = Path(__file__).parent / "vectors"
ORIGINAL = Path(__file__).parents[2] / "shared" / "vectors"


@pytest.mark.skipif(not ORIGINAL.is_dir(), reason="the originals are not beside us")
def test_the_copy_equals_the_original():
    """
    Every file is there, byte for byte, and no other one.
    """
    compared = filecmp.dircmp(ORIGINAL, VECTORS)
    _, differ, missing = filecmp.cmpfiles(
        ORIGINAL, VECTORS, compared.left_list, shallow=False
    )

    assert [] == differ + missing + compared.right_only


def test_no_pem_private_key_is_committed():
    """
    Keys for tests are DER, so that no scanner takes them for leaked ones.
    """
    marked = [
        file.name
        for file in VECTORS.iterdir()
        if b"PRIVATE KEY-----" in file.read_bytes()
    ]

    assert [] == marked
