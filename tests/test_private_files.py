"""
Files for their owner alone: nobody reads them, and nobody plants a link under them.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest

from umfpay import _private_files
from umfpay._private_files import make_folder, make_private, open_to_append, replacing
from umfpay.documents import SequenceStore
from umfpay.emulator import Credentials
from umfpay.errors import ConfigError, UMFError
from umfpay.reconciliation import (
    Header,
    Ledger,
    TotalRules,
    read_transactions,
    reconcile,
)
from umfpay.reconciliation.gateway_files import _totals
from umfpay.resources import Checkpoint, PulledFolder, save
from umfpay.tokens import FileTokenStore


SOURCES = Path(_private_files.__file__).parent
STATEMENT = (
    b"TRANSDETAIL-START,8017,20170206\n"
    b"1,15210838198,o-1,20170205,20170206,101112,USD,14.33,100.00,6.9784,0,P,P1,\n"
    b"TRANSDETAIL-End,8017,20170206,100.00\n"
)


def report():
    ledger = pl.DataFrame({"mer_reference_id": ["o-1"], "total": ["1.00"]})

    return reconcile(STATEMENT, ledger=Ledger.frame(ledger))


def learn(path):
    # Each time something new.
    header = Header(kind="TRANSDETAIL", merchant=os.urandom(4).hex(), day=None)
    TotalRules(path).check(header, _totals.Sums(paid=1), 1)


def check_point(path):
    kept = Checkpoint(path)
    kept.add("an-id")
    kept.close()


def download(path):
    class Chunks:
        date = None

        async def __aiter__(self):
            yield STATEMENT

    asyncio.run(save(nullcontext(Chunks()), path))


WRITERS = {
    "report.csv": lambda path: report().write_csv(path),
    "report.html": lambda path: report().write_html(path),
    "report.parquet": lambda path: report().write_parquet(path),
    "statement.parquet": lambda path: read_transactions(STATEMENT).write_parquet(path),
    "total-rules.json": learn,
    "checkpoint": check_point,
    "day.txt": download,
    "umf.env": lambda path: Credentials.generate(1024).write_env(
        path.parent, base_url="http://127.0.0.1:1/"
    ),
}


@pytest.fixture(name="_usual_umask", autouse=True)
def _usual_umask():
    before = os.umask(0o022)

    yield

    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_its_owners_alone(tmp_path, name):
    """
    With the usual umask, a second time, and where everybody could read it before.
    """
    target = tmp_path / name

    for _ in range(2):
        WRITERS[name](target)

        assert 0o600 == mode(target)
        assert [name] == [one.name for one in tmp_path.iterdir()]

        target.chmod(0o644)

    WRITERS[name](target)

    assert 0o600 == mode(target)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "checkpoint"])
def test_no_planted_link_is_followed(tmp_path, name):
    """
    Under no name that was ever used, nor under the name itself.
    """
    precious = tmp_path / "precious"
    precious.write_text("PRECIOUS")
    folder = tmp_path / "shared"
    folder.mkdir()
    target = folder / name
    guesses = [f".{name}.part", f"{name}.part", f"{name}.new", f"{name}.tmp", name]
    guesses += [f"{target.stem}.part", f".{name}.pulling"]

    for guess in guesses:
        (folder / guess).symlink_to(precious)

    WRITERS[name](target) if name != "total-rules.json" else _relearn(target, precious)

    assert "PRECIOUS" == precious.read_text()
    assert not target.is_symlink()


def _relearn(target, precious):
    # What was learned is read through a link; it is not written through it.
    precious.write_text("{}")
    learn(target)

    assert "{}" == precious.read_text()

    precious.write_text("PRECIOUS")


def test_a_file_that_fails_leaves_what_was_there(tmp_path):
    """
    And nothing beside it.
    """
    target = tmp_path / "file"
    target.write_text("before")

    with pytest.raises(KeyError), replacing(target, encoding="utf-8") as file:
        file.write("half")

        raise KeyError

    assert "before" == target.read_text()
    assert ["file"] == [one.name for one in tmp_path.iterdir()]

    with pytest.raises(OSError, match="folder"), replacing(Path("/")):
        pass


def test_what_is_durable_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """
    The folder's own entry too.
    """
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), sync(file)))
    monkeypatch.setattr(
        Path, "replace", lambda one, to: (done.append("name"), replace(one, to))
    )

    with replacing(tmp_path / "file", durable=True) as file:
        file.write(b"x")

    assert ["sync", "name", "sync"] == done


def test_folders_are_their_owners_alone(tmp_path):
    """
    Those that are made; one of others is left as it is, one of ours is not.
    """
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "c").mkdir(mode=0o755)
    make_folder(tmp_path / "c")

    assert [0o700, 0o700, 0o755] == [mode(tmp_path / one) for one in ("a", "a/b", "c")]

    make_private(tmp_path / "c")

    assert 0o700 == mode(tmp_path / "c")


def test_text_is_appended_for_its_owner_alone(tmp_path):
    """
    Also to what everybody could read.
    """
    (tmp_path / "ids").write_text("a\n")

    with open_to_append(tmp_path / "ids") as file:
        file.write("b\n")

    assert ("a\nb\n", 0o600) == ((tmp_path / "ids").read_text(), mode(tmp_path / "ids"))


def test_a_work_folder_is_its_owners_alone(tmp_path):
    """
    Also one that was there; what a killed writer left is no reason against it.
    """
    work = tmp_path / "w"
    work.mkdir(mode=0o755)
    (work / ".umfpay-abc.part").write_text("{")
    ledger = Ledger.frame(pl.DataFrame({"mer_reference_id": ["o-1"], "total": ["1"]}))
    seen = []

    def look(progress):
        if progress.step != "comparing" or not progress.done:
            return

        seen.extend(mode(one) for one in (work, work / "books", work / "done"))
        seen.append(mode(work / "staged.json"))

    reconcile(STATEMENT, ledger=ledger, work_dir=work, on_progress=look)

    assert [0o700, 0o700, 0o700, 0o600] == seen
    assert [".umfpay-reconcile.lock"] == [one.name for one in work.iterdir()]


def test_no_other_module_makes_temporary_files():
    """
    Names that can be guessed would come back one by one.
    """
    own = re.compile(r"mkstemp|O_CREAT|\"\.part\"|os\.replace|NamedTemporaryFile")
    found = [
        str(path.relative_to(SOURCES))
        for path in sorted(SOURCES.rglob("*.py"))
        if own.search(path.read_text("utf-8"))
    ]

    assert ["_private_files.py"] == found


def _token(path):
    store = FileTokenStore(path, key="k")

    return asyncio.run(store.load())


def _number(path):
    return asyncio.run(SequenceStore(path).take("o-1", mer_date="20170206"))


def _folder(path):
    path.rename(path.with_name(".umfpay-pull.json"))

    return PulledFolder(path.parent)


@pytest.mark.parametrize("read", [_token, _number, _folder, check_point, learn])
def test_a_pipe_in_the_place_of_a_file_of_ours_is_refused_and_not_waited_for(
    tmp_path, read
):
    """
    Nobody will ever write into it: the thread that reads would keep the process alive.
    """
    path = tmp_path / "ours"
    os.mkfifo(path)

    with pytest.raises(UMFError, match=r"no regular file|cannot be read"):
        read(path)

    assert [True] == [
        one.is_fifo() for one in tmp_path.iterdir() if not one.name.endswith(".lock")
    ]


def test_a_checkpoint_is_not_written_through_a_link(tmp_path):
    """
    An empty file would else take ids, and lose its mode.
    """
    precious = tmp_path / "precious"
    precious.write_text("")
    precious.chmod(0o644)
    (tmp_path / "checkpoint").symlink_to(precious)

    with pytest.raises(ConfigError, match="checkpoint"):
        check_point(tmp_path / "checkpoint")

    assert ("", 0o644) == (precious.read_text(), mode(precious))


@pytest.mark.parametrize("name", [one for one in WRITERS if one != "checkpoint"])
def test_no_device_is_replaced(tmp_path, name):
    """
    Whoever may write into its folder would lose /dev/null; a link to it, too.
    """
    target = tmp_path / name
    target.symlink_to(os.devnull)

    with pytest.raises((UMFError, OSError), match=r"device|cannot be written|regular"):
        WRITERS[name](target)

    assert os.devnull == str(target.readlink())
    assert [name] == [one.name for one in tmp_path.iterdir() if one.suffix != ".lock"]


@pytest.mark.parametrize("name", ["report.csv", "report.html", "report.parquet"])
def test_a_name_that_no_file_can_have_is_a_config_error(tmp_path, name):
    """
    Not the words of the system call.
    """
    with pytest.raises(ConfigError, match="cannot be written: no name of a file"):
        WRITERS[name](tmp_path / f"a\0{name}")
