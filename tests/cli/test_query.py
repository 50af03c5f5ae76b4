"""
`umfpay query` against an emulator on a socket.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import httpx
import pytest

from tests import orders
from umfpay import Config, UMFSession
from umfpay.cli import ExitCode, run


@pytest.fixture(name="ids")
def _ids(settings, tmp_path):
    async def create():
        async with UMFSession(Config.from_file(settings)) as session:
            return [
                (await session.payments.create(orders.card_payment())).id
                for _ in range(3)
            ]

    path = tmp_path / "ids.txt"
    path.write_text("\n".join([*asyncio.run(create()), ""]))

    return path


def test_payments_are_queried_by_a_file_of_ids(settings, ids, capsys, tmp_path):
    """
    One line each; what is refused goes to standard error, and the exit is 1.
    """
    given = ["query", "--ids", str(ids), "--config", str(settings)]

    assert ExitCode.OK == run([*given, "--json"])

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert {*ids.read_text().split()} == {one["id"] for one in printed}
    assert {"WAIT_BUYER_PAY"} == {one["object"]["state"] for one in printed}

    with ids.open("a") as file:
        file.write("PAY_NOBODY\n")

    assert ExitCode.NO == run(given)

    output = capsys.readouterr()

    assert 3 == output.out.count("WAIT_BUYER_PAY")
    assert "PAY_NOBODY  00060760  The gateway refused with" in output.err
    assert " | 平台拒绝" in output.err

    assert ExitCode.NO == run(
        [*given, "--json", "--checkpoint", str(tmp_path / "done")]
    )
    assert "PAY_NOBODY" in capsys.readouterr().out


def test_refunds_too(settings, ids, capsys):
    """
    An id of another kind is refused.
    """
    assert ExitCode.NO == run(
        ["query", "--ids", str(ids), "--kind", "refunds", "--config", str(settings)]
    )
    assert 3 == len(capsys.readouterr().err.splitlines())


def test_a_query_that_cannot_begin_is_an_error(settings, ids, capsys, tmp_path):
    """
    A missing file, one that is no text, a gateway that is gone.
    """
    given = ["query", "--config", str(settings), "--ids"]

    assert ExitCode.ERROR == run([*given, str(tmp_path / "missing")])

    ids.write_bytes(b"\xff\xfe\x00")

    assert ExitCode.ERROR == run([*given, str(ids)])
    assert "not UTF-8" in capsys.readouterr().err


def test_a_file_that_holds_no_ids_is_neither_sent_nor_shown(settings, capsys):
    """
    Such as the settings themselves, with their secret.
    """
    given = ["query", "--config", str(settings), "--ids", str(settings)]

    assert ExitCode.ERROR == run(given)

    printed = capsys.readouterr()

    assert "line 1 is no id" in printed.err
    assert "UMF_" not in printed.out + printed.err.replace(str(settings), "")


def test_a_proxy_of_the_environment_does_not_hide_the_emulator(
    settings, ids, monkeypatch
):
    """
    No token is missed that an emulator gives to everybody.
    """
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert ExitCode.OK == run(["query", "--ids", str(ids), "--config", str(settings)])


def emulator_of(config):
    parts = urlsplit(config.base_url)

    return f"{parts.scheme}://{parts.netloc}"


def difference(number, day, **changes):
    """
    A difference as a report has it.
    """
    return {
        "id": f"id-of-{number}",
        "class": "missing_in_ledger",
        "order_id": number,
        "kind": "P",
        "refund_id": "",
        "object_id": "",
        "ledger": {},
        "gateway": {"mer_date": day},
        "statement": {},
        **changes,
    }


def report(folder, *differences):
    path = folder / "report.json"
    path.write_text(json.dumps({"differences": differences}))

    return str(path)


def test_the_differences_of_a_report_are_asked_for_by_id_or_number(
    settings, ids, capsys, tmp_path
):
    """
    Whose id no book has is looked for in the gateway's list of its day; what is in
    none goes to standard error, and the exit is 1.
    """

    async def pay_and_look():
        config = Config.from_file(settings)
        found = ids.read_text().split()[1]

        async with UMFSession(config) as session, httpx.AsyncClient() as customer:
            # The list has what was paid.
            await customer.post(
                f"{emulator_of(config)}/_emulator/payments/{found}/pay", json={}
            )

            return [await session.payments.get(one) for one in ids.read_text().split()]

    first, second, _ = [one.order for one in asyncio.run(pay_and_look())]
    known, found, _ = ids.read_text().split()
    day = first.mer_date.isoformat()
    given = report(
        tmp_path,
        difference(first.mer_reference_id, day, object_id=known),
        # Twice there, once asked.
        difference(second.mer_reference_id, day),
        difference(second.mer_reference_id, day),
        difference("nowhere", day),
        difference("dayless", None, **{"class": "missing_at_gateway"}),
    )
    arguments = ["query", "--from", given, "--config", str(settings)]

    assert ExitCode.NO == run([*arguments, "--json"])

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert {
        first.mer_reference_id: known,
        second.mer_reference_id: found,
        "nowhere": None,
        "dayless": None,
    } == {one["number"]: one["id"] for one in printed}
    assert {f"id-of-{second.mer_reference_id}"} == {
        one["difference"] for one in printed if one["id"] == found
    }
    assert 4 == len(printed)

    assert ExitCode.NO == run(arguments)

    output = capsys.readouterr()

    assert {known, found} == {line.split()[3] for line in output.out.splitlines()}
    assert f"nowhere  not in the gateway's list of {day}" in output.err
    assert "各账册均无其日期" in output.err

    assert ExitCode.NO == run([*arguments, "--class", "missing_at_gateway"])

    output = capsys.readouterr()

    assert "" == output.out
    assert "nowhere" not in output.err


def test_a_report_that_is_none_is_refused(settings, ids, capsys, tmp_path):
    """
    And what does not belong together.
    """
    given = ["query", "--config", str(settings)]

    for text in ("{}", "[]", "no", '{"differences": [{}]}', '{"differences": 1}'):
        (tmp_path / "other.json").write_text(text)

        assert ExitCode.ERROR == run([*given, "--from", str(tmp_path / "other.json")])
        assert "no report with differences" in capsys.readouterr().err

    assert ExitCode.ERROR == run([*given, "--from", str(tmp_path / "missing")])
    assert ExitCode.ERROR == run(given)
    assert ExitCode.ERROR == run([*given, "--ids", str(ids), "--from", "report.json"])
    assert ExitCode.ERROR == run([*given, "--ids", str(ids), "--class", "duplicate"])
    assert ExitCode.ERROR == run([*given, "--from", "r.json", "--checkpoint", "c"])
