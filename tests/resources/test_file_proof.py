"""
What proves that a file is whole.
"""

from __future__ import annotations

import pytest

from umfpay.resources._file_proof import FileProof


START = b"TRANSDETAIL-START,8017,20170206\n"
ROW = b"3170206,138,o1,20170206,20170206,120000,USD,1.00,6.9,6.9,1,P,P1\n"
END = b"TRANSDETAIL-End,8017,20170206,6.90\n"


def doubt(*chunks, end_is_proven=False, **expected):
    proof = FileProof(**expected)

    for chunk in chunks:
        proof.feed(chunk)

    return proof.doubt(end_is_proven=end_is_proven)


@pytest.mark.parametrize(
    "file",
    [
        START + ROW + END,
        START + END,
        START + ROW * 500 + END,
        (START + ROW + END).replace(b"\n", b"\r\n"),
        START.replace(b",", b", ") + END.replace(b",", b", "),
        (START + ROW + END).replace(b"-End", b"-Detail-End"),
        (START + ROW + END).lower(),
        START + ROW + END + b"\n \n",
    ],
)
@pytest.mark.parametrize("size", [1, 13, 4095, 4096, 4097, 1 << 20])
def test_a_whole_statement(file, size):
    """However its bytes come, its last line closes it."""
    chunks = [file[at : at + size] for at in range(0, len(file), size)]

    assert doubt(*chunks) is None


@pytest.mark.parametrize("end_is_proven", [False, True])
@pytest.mark.parametrize(
    "file",
    [
        START,
        START + ROW,
        START + ROW + END + ROW,
        START + ROW + END[:-8],
        START + ROW + b"TRANSDETAIL-End\n",
        START + ROW + b"TRANSDETAIL-End,8017,20170206\n",
        # The begin of one file and the end of another.
        START + ROW + END.replace(b"20170206", b"20170207"),
        START + ROW + END.replace(b"8017", b"8018"),
        START + ROW * 500 + b"TRANSDETAIL-" + b"x" * 5000,
    ],
    ids=lambda file: file[-20:],
)
def test_a_statement_that_is_not_closed(file, end_is_proven):
    """No transport makes up for that: the gateway may have broken off."""
    assert "closing line" in doubt(file, end_is_proven=end_is_proven).en


def test_every_prefix_of_a_statement_is_doubted():
    """A cut at any byte is seen; without the line end the total may be shorter."""
    whole = START + ROW + END

    assert [len(whole)] == [
        at for at in range(40, len(whole) + 1) if doubt(whole[:at]) is None
    ]


def test_a_last_line_without_its_line_end_needs_the_transport():
    """6.9 of 6.90 cannot be told apart by the file itself."""
    file = (START + ROW + END).rstrip()

    assert doubt(file) is not None
    assert doubt(file, end_is_proven=True) is None


@pytest.mark.parametrize(
    "file", [b"", b"a,b\n", b"TRADEDETAIL-START,1\n", b"TRANSDETAIL"]
)
def test_any_other_file_is_the_transports_matter(file):
    """Its format is documented nowhere."""
    assert "no length" in doubt(file).en
    assert "没有长度" in doubt(file).zh
    assert doubt(file, end_is_proven=True) is None


@pytest.mark.parametrize(
    ("expected", "file", "words"),
    [
        ({"day": "20170206", "framed": True}, START + ROW + END, None),
        ({"day": "20170206"}, b"any other form\n", None),
        ({"day": "20170207"}, START + ROW + END, "another day"),
        ({"framed": True}, b"upstream connect error\n", "no first line"),
        ({"framed": True}, b'[{"ret_code": "00060999"}]', "no first line"),
        ({"framed": True}, b"TRADEDETAIL-START,8017,20170206,v1.0,0001\n", "no first"),
        ({"framed": True}, b"", "no first line"),
    ],
)
def test_a_transaction_file_has_its_frame_and_its_day(expected, file, words):
    """An error in plain text, or a cached file of another day, is no book of this one."""
    found = doubt(file, end_is_proven=True, **expected)

    assert (found is None) is (words is None)
    assert found is None or words in found.en
