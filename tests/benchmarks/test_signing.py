"""
RSA against `openssl speed`: that the figures are there and paired, not how fast.
"""

from __future__ import annotations

import pytest

from benchmarks import signing


SPEED_OUTPUT = """\
+DTP:1024:private:rsa:1
+R1:11635:1024:1.00
+F2:1:1024:11635.000000:193847.000000
+F2:2:2048:4036.000000:59767.000000
"""


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {figure.label: figure for figure in signing.run(quick=True).figures}


def test_openssl_tells_signs_and_checks_of_each_size():
    """
    Its machine-readable line, per second.
    """
    found = signing.read_speed(SPEED_OUTPUT, 2048)

    assert {"sign": 4036.0, "verify": 59767.0} == found


def test_a_size_that_openssl_was_not_asked_for_is_an_error():
    """
    Better than a ratio of something else.
    """
    with pytest.raises(RuntimeError, match="rsa4096"):
        signing.read_speed(SPEED_OUTPUT, 4096)


@pytest.mark.parametrize("backend", signing.BACKENDS)
@pytest.mark.parametrize("operation", signing.OPERATIONS)
@pytest.mark.parametrize("threads", ["one thread", "two threads"])
def test_each_operation_of_each_backend_is_measured(
    figures, backend, operation, threads
):
    """
    On one thread and on two.
    """
    assert figures[f"{operation} 1024, {backend}, {threads}"].minimum > 0


def test_ratios_are_those_of_the_same_round(figures):
    """
    Ours and openssl's, a few seconds apart.
    """
    ours = figures["sign 1024, cryptography, one thread"].rounds
    theirs = figures["sign 1024, openssl"].rounds
    ratios = figures["sign 1024, cryptography / openssl"].rounds

    assert [one / other for one, other in zip(ours, theirs, strict=True)] == list(
        ratios
    )


def test_targets_stand_where_they_were_set(figures):
    """
    Of signatures by the fast backend, at the sizes of real keys.
    """
    targets = {
        label: figure.target
        for label, figure in figures.items()
        if figure.target is not None
    }

    assert targets == {
        "sign 1024, cryptography / openssl": 0.9,
        "sign 1024, cryptography, two threads / one": 1.7,
    }


def test_every_operation_does_what_it_is_named_for():
    """
    A benchmark of refusals would be fast.
    """
    for case in signing.cases([1024]):
        if case.name == "verify":
            assert case.call() is True
        else:
            assert case.call()
