"""
Packing: the same bytes each time, nothing that staff could not open, and the name.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import zipfile
from datetime import date

import pytest

from umfpay.documents import MAX_BYTES, MAX_FILES, pack_papers, papers_name
from umfpay.errors import DocumentError


def unpacked(papers):
    with zipfile.ZipFile(io.BytesIO(papers.content)) as made:
        assert made.testzip() is None

        return {one: made.read(one) for one in made.namelist()}


def test_paths_and_contents_are_packed(tmp_path):
    """
    A list of paths, text or Path, and a mapping of names to either.
    """
    contract, invoice = tmp_path / "contract.pdf", tmp_path / "发票 7.pdf"
    contract.write_bytes(b"we agree" * 1000)
    invoice.write_bytes(b"pay")
    expected = {"contract.pdf": b"we agree" * 1000, "发票 7.pdf": b"pay"}
    listed = pack_papers([str(contract), invoice])
    named = pack_papers({"发票 7.pdf": b"pay", "contract.pdf": contract})

    assert expected == unpacked(listed)
    assert listed == named
    assert ("contract.pdf", "发票 7.pdf") == listed.files
    assert len(listed.content) == listed.size
    assert hashlib.sha256(listed.content).hexdigest() == listed.sha256
    assert "agree" not in repr(listed)


def test_the_same_papers_are_the_same_bytes():
    """
    Neither order nor time nor the file's own date matters.
    """
    one = pack_papers({"a.pdf": b"a", "b.pdf": b"b"})
    two = pack_papers({"b.pdf": b"b", "a.pdf": b"a"})

    assert one.content == two.content

    with zipfile.ZipFile(io.BytesIO(one.content)) as made:
        assert {(1980, 1, 1, 0, 0, 0)} == {info.date_time for info in made.infolist()}


def test_another_program_unpacks_them(tmp_path):
    """
    Python's own unzip command, in another process.
    """
    (tmp_path / "p.zip").write_bytes(pack_papers({"合同.pdf": b"agree"}).content)
    subprocess.run(
        ["python3", "-m", "zipfile", "-e", tmp_path / "p.zip", tmp_path / "out"],
        check=True,
    )

    assert b"agree" == (tmp_path / "out" / "合同.pdf").read_bytes()


@pytest.mark.parametrize("files", [[], {}])
def test_no_papers_are_refused(files):
    """
    An empty ZIP would be rejected a day later.
    """
    with pytest.raises(DocumentError, match="no papers"):
        pack_papers(files)


@pytest.mark.parametrize("files", ["contract.pdf", b"contract.pdf"])
def test_one_path_is_no_list(files):
    """
    It would be taken for a list of letters.
    """
    with pytest.raises(DocumentError, match="list of paths"):
        pack_papers(files)


def test_an_empty_file_is_refused(tmp_path):
    """
    By content and by path, with its name.
    """
    (tmp_path / "invoice.pdf").touch()

    for files in ({"invoice.pdf": b""}, [tmp_path / "invoice.pdf"]):
        with pytest.raises(DocumentError, match=r"'invoice\.pdf' is empty"):
            pack_papers(files)


@pytest.mark.parametrize(
    "name",
    [
        "", "..", ".hidden", "a/b.pdf", "/etc/passwd", "..\\b.pdf", "C:b.pdf", "a\n.pdf",
        "a\x00.pdf", "a.pdf.", "a.pdf ", "what?.pdf", "x" * 201, "\udcff.pdf", "合" * 67,
    ],
)  # fmt: skip
def test_a_name_that_is_unsafe_is_refused(name):
    """
    It could leave the folder where staff unpack it, or not be written there.
    """
    with pytest.raises(DocumentError, match="unsafe"):
        pack_papers({name: b"x"})


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.pdf", "A.PDF"), ("caf\u00e9.pdf", "cafe\u0301.pdf"), ("a.pdf", "ａ.pdf")],
)
def test_a_name_that_comes_twice_is_refused(first, second):
    """
    Also when only Windows or macOS takes them for one.
    """
    with pytest.raises(DocumentError, match="comes twice"):
        pack_papers({first: b"1", second: b"2"})


def test_paths_with_one_name_are_refused(tmp_path):
    """
    Two folders do not make two names.
    """
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pdf").write_bytes(b"1")

    with pytest.raises(DocumentError, match="comes twice"):
        pack_papers([tmp_path / "x" / "a.pdf", tmp_path / "y" / "a.pdf"])


def test_what_cannot_be_read_is_refused(tmp_path):
    """
    A file that is missing, a folder, and a pipe that would never end.
    """
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DocumentError, match="No such file"):
        pack_papers([tmp_path / "missing.pdf"])

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DocumentError, match="it is no file"):
            pack_papers([path])


@pytest.mark.parametrize("source", ["text", None, 7])
def test_a_content_is_bytes_or_a_path(source):
    """
    Text could mean either.
    """
    with pytest.raises(DocumentError, match=r"give bytes or a Path"):
        pack_papers({"a.pdf": source})


def test_more_than_the_limits_is_refused(tmp_path):
    """
    In number and in bytes, from memory and from files that are not read to their end.
    """
    many = {f"{number}.pdf": b"x" for number in range(MAX_FILES + 1)}
    large = tmp_path / "large.pdf"

    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(DocumentError, match="101 files are more than max_files=100"):
        pack_papers(many)

    assert MAX_FILES + 1 == len(pack_papers(many, max_files=200).files)

    with pytest.raises(DocumentError, match="larger than max_bytes=52428800"):
        pack_papers([large])

    for files in ({"a": b"123", "b": b"4567"}, {"a": b"1234567"}):
        with pytest.raises(DocumentError, match="max_bytes=6"):
            pack_papers(files, max_bytes=6)


def test_the_zip_counts_too():
    """
    What does not deflate grows by the ZIP's own entries.
    """
    content = os.urandom(1000)

    with pytest.raises(DocumentError, match="max_bytes=1000"):
        pack_papers({"a.pdf": content}, max_bytes=1000)

    assert 1000 < pack_papers({"a.pdf": content}, max_bytes=1200).size <= 1200


# The name on the server.


@pytest.mark.parametrize("day", ["20261123", date(2026, 11, 23)])
def test_the_parts_stand_without_a_mark_between_them(day):
    """
    As the document prints it, with the first and the last number.
    """
    assert "B2B_7.a-202611230000.zip" == papers_name("B2B_7.a-", day, sequence=0)
    assert "ref-7202611230001.zip" == papers_name("ref-7", day, sequence=1)
    assert "ref-7202611239999.zip" == papers_name("ref-7", day, sequence=9999)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "../7",
        "a/b",
        "a\\b",
        ".hidden",
        "-rf",
        "a b",
        "a\r\nDELE x",
        "订单",
        "x" * 201,
    ],
)
def test_an_order_number_that_is_unsafe_in_a_name_is_refused(reference):
    """
    It could leave the folder, or end the FTP command.
    """
    with pytest.raises(DocumentError, match="unsafe in a file name"):
        papers_name(reference, "20261123", sequence=1)


@pytest.mark.parametrize(
    "day", ["", "2026112", "20261399", "20260230", "2026-11-2", "٢٠٢٦١١٢٣"]
)
def test_a_date_that_is_none_is_refused(day):
    """
    It is YYYYMMDD of a day that exists.
    """
    with pytest.raises(DocumentError, match="no date"):
        papers_name("ref-7", day, sequence=1)


@pytest.mark.parametrize("sequence", [-1, 10000, True])
def test_there_are_four_digits(sequence):
    """
    The name has room for no more.
    """
    with pytest.raises(DocumentError, match="0000 to 9999"):
        papers_name("ref-7", "20261123", sequence=sequence)
