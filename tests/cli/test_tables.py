"""
`umfpay tables` makes the tables, and says what is wrong with them.
"""

from __future__ import annotations

import contextlib
import sqlite3

from umfpay.cli import ExitCode, run


def test_tables_are_made_and_found(database_url, capsys):
    """
    Missing ones are the answer no; a second time nothing changes.
    """
    assert ExitCode.NO == run(["tables", "check", "--url", database_url])
    missing = "no such file" if database_url.startswith("sqlite") else "umf_journal"
    assert missing in capsys.readouterr().err

    for _ in range(2):
        assert ExitCode.OK == run(["tables", "create", "--url", database_url])

    assert ExitCode.OK == run(["tables", "check", "--url", database_url])

    output = capsys.readouterr()

    assert "the tables are there | 表已就绪" in output.out
    assert "canary" not in output.out + output.err


def test_to_check_a_file_that_is_not_there_does_not_make_it(tmp_path, capsys):
    """
    The slip in its name is seen.
    """
    assert ExitCode.NO == run(["tables", "check", "--url", str(tmp_path / "shpo.db")])
    assert "shpo.db: there is no such file" in capsys.readouterr().err
    assert [] == [*tmp_path.iterdir()]


def test_the_address_may_stand_in_the_environment(tmp_path, monkeypatch, capsys):
    """
    There nobody else on the machine reads its password.
    """
    monkeypatch.setenv("UMF_DATABASE_URL", str(tmp_path / "shop.db"))

    assert ExitCode.OK == run(["tables", "create"])
    assert "shop.db" in capsys.readouterr().out


def test_a_database_that_is_away_or_none_is_wrong_use(capsys):
    """
    Both languages, no password, exit 2.
    """
    for url in (
        "postgresql://u:canary@h/d",
        "postgresql+asyncpg://u:canary@127.0.0.1:1/d",
    ):
        assert ExitCode.ERROR == run(["--debug", "tables", "check", "--url", url])

        output = capsys.readouterr()

        assert "canary" not in output.out + output.err
        assert "数据库" in output.err or "无法使用" in output.err


def test_tables_of_another_version_are_not_changed(tmp_path, capsys):
    """
    They are named, and the exit is not 0.
    """
    file = tmp_path / "shop.db"

    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE umf_tokens (a)")

    assert ExitCode.ERROR == run(["tables", "create", "--url", str(file)])
    assert "umf_tokens.a" in capsys.readouterr().err
    assert ExitCode.NO == run(["tables", "check", "--url", str(file)])
