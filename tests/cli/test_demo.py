"""
`umfpay demo`: the whole card payment, or the read-only part elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from umfpay.cli import run
from umfpay.emulator import Emulator
from umfpay.flows import _payment_outcome


NAMES = [
    "token",
    "bank list",
    "exchange rate",
    "create",
    "SMS code",
    "execute",
    "notification",
    "query",
    "partial refund",
    "refund query",
    "transaction list",
]


def test_the_demo_takes_the_guides_payment(capsys):
    """
    Eleven steps, each as expected and verified; exit code 0.
    """
    code = run(["demo", "--json"])
    printed = json.loads(capsys.readouterr().out)

    assert 0 == code
    assert printed["ok"]
    assert printed["merchant_key_tried"]
    assert NAMES == [step["name"] for step in printed["steps"]]
    assert {"verified"} == {step["signature"] for step in printed["steps"][1:]}
    assert all(step["good"] for step in printed["steps"])


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_for_this_machine(
    settings, capsys, monkeypatch, name
):
    """
    The emulator is asked itself, also where no_proxy does not name it.
    """
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert 0 == run(["demo"])
    assert "11 of 11" in capsys.readouterr().out
    assert 0 == run(["demo", "--config", str(settings)])
    assert "4 of 4" in capsys.readouterr().out


def test_the_demo_prints_one_line_a_step(capsys):
    """
    For people: what was called, the state, the time, the signature.
    """
    assert 0 == run(["demo"])

    lines = capsys.readouterr().out.splitlines()

    assert len(NAMES) + 1 == len(lines)
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert "11 of 11" in lines[-1]


def test_elsewhere_only_the_reading_steps_run(settings, capsys):
    """
    Against a gateway that was there before, nothing is created.
    """
    assert 0 == run(["demo", "--json", "--config", str(settings)])

    printed = json.loads(capsys.readouterr().out)

    assert ["token", "bank list", "exchange rate", "transaction list"] == [
        step["name"] for step in printed["steps"]
    ]


def test_elsewhere_the_summary_tells_what_was_not_tried(settings, capsys):
    """
    Steps that only read sign nothing, so a wrong merchant key goes unseen.
    """
    assert 0 == run(["demo", "--config", str(settings)])

    summary = capsys.readouterr().out.splitlines()[-1]

    assert summary.startswith(
        "4 of 4 steps as expected; the merchant key was not tried"
    )
    assert "商户私钥未经验证" in summary

    assert 0 == run(["demo", "--json", "--config", str(settings)])
    assert not json.loads(capsys.readouterr().out)["merchant_key_tried"]


def test_a_refused_token_is_not_called_documented(settings, capsys):
    """
    Only the answer with a token is documented without a signature.
    """
    text = settings.read_text()
    secret = re.search("UMF_CLIENT_SECRET=(.*)", text).group(1)
    settings.write_text(text.replace(secret, "wrong"))

    assert 2 == run(["demo", "--config", str(settings)])

    output = capsys.readouterr().out

    assert output.startswith("NO token")
    assert "documented unsigned" not in output


def test_a_gateway_that_is_no_emulator_is_asked_for_a_token_on_demand_only(
    settings, capsys, monkeypatch
):
    """
    Fetching a token logs out running workers: the command wants to hear it.
    """
    monkeypatch.setattr("umfpay.cli._sessions._is_emulator", lambda config: False)

    assert 2 == run(["demo", "--config", str(settings)])
    assert "--fetch-token" in capsys.readouterr().err
    assert 0 == run(["demo", "--config", str(settings), "--fetch-token"])
    # Now a token is stored, and using it harms nobody.
    assert 0 == run(["demo", "--config", str(settings)])


def test_a_wrong_certificate_is_reported_in_one_line(
    settings, running, tmp_path, capsys
):
    """
    Answers that do not verify end the demo with the reason and code 2.
    """
    other = Emulator(tmp_path / "other", key_bits=1024)
    asyncio.run(other.aclose())
    text = settings.read_text()
    settings.write_text(
        text.replace(
            str(running / "umf.cert.crt"), str(tmp_path / "other/umf.cert.crt")
        )
    )

    assert 2 == run(["demo", "--config", str(settings)])

    output = capsys.readouterr()

    assert "SignatureError" in output.out
    assert "does not verify" in output.err


def test_without_settings_the_missing_one_is_named(capsys, monkeypatch):
    """
    `--base-url` alone reads the environment.
    """
    for name in [name for name in os.environ if name.startswith("UMF_")]:
        monkeypatch.delenv(name)

    assert 2 == run(["demo", "--base-url", "http://127.0.0.1:1/"])

    printed = capsys.readouterr().err

    assert "UMF_CLIENT_ID" in printed
    assert "--config FILE" in printed

    # Who has set one knows them.
    monkeypatch.setenv("UMF_CLIENT_ID", "a" * 40)

    assert 2 == run(["demo", "--base-url", "http://127.0.0.1:1/"])

    printed = capsys.readouterr().err

    assert "UMF_CLIENT_SECRET" in printed
    assert "--config" not in printed


STORIES = [
    "2.2 card",
    "2.3 QR code",
    "2.4 WeChat account",
    "2.5 WeChat app",
    "2.6 refund",
    "2.7 bank",
    "2.8 cashier",
    "2.9 enterprise",
]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """
    Two queries about a refusal come soon after each other.
    """
    monkeypatch.setattr(_payment_outcome, "QUERY_PAUSE_SECONDS", 0.05)


def test_the_customer_of_the_demo_mistypes_the_code_once(capsys):
    """
    He tries again, and pays.
    """
    run(["demo", "--all", "--json"])
    printed = json.loads(capsys.readouterr().out)
    card = [one["name"] for one in printed["steps"] if one["story"] == "2.2 card"]

    assert ["executing", "wrong_code", "executing", "executed"] == card[2:6]


def test_the_demo_tells_all_eight_stories(capsys):
    """
    Each ends as the guide says; exit code 0.
    """
    code = run(["demo", "--all", "--json"])
    printed = json.loads(capsys.readouterr().out)
    ends = [step for step in printed["steps"] if step["name"] == "end"]

    assert 0 == code
    assert STORIES == [step["story"] for step in ends]
    assert {"TRADE_SUCCESS", "REFUND_SUCCESS", "ENABLE"} == {
        step["state"] for step in ends
    }


def test_the_stories_are_printed_line_by_line(capsys):
    """
    The last line counts.
    """
    run(["demo", "--all"])
    lines = capsys.readouterr().out.splitlines()

    assert lines[-1].endswith("steps as expected")
    assert all(line.startswith("ok ") for line in lines[:-1])


def test_a_story_that_fails_does_not_stop_the_others(capsys, monkeypatch):
    """
    It is marked, and the exit code is 1.
    """
    from umfpay import flows
    from umfpay.errors import ConfigError

    async def broken(*_, **__):
        raise ConfigError("broken", "坏")

    monkeypatch.setattr(flows, "card_payment", broken)
    code = run(["demo", "--all", "--json"])
    printed = json.loads(capsys.readouterr().out)
    bad = {step["story"] for step in printed["steps"] if not step["good"]}

    assert 1 == code
    assert {"2.2 card", "2.6 refund"} == bad


def test_the_stories_pay_nowhere_else(capsys):
    """
    Against a gateway that is not ours they are refused.
    """
    assert 2 == run(["demo", "--all", "--base-url", "https://uat.soopay.net/"])
    assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_leaves_nothing(tmp_path, sent):
    """
    Its servers close, its temporary folder goes, one line says so.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", "from umfpay.cli import main; main()", "demo", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )

    try:
        first = process.stdout.readline()
        made = list(tmp_path.iterdir())
        process.send_signal(sent)
        _, error = process.communicate(timeout=50)
    finally:
        process.kill()
        process.communicate()

    assert first.startswith("ok ")
    assert 1 == len(made)
    assert [] == list(tmp_path.iterdir())
    assert (130, "umfpay: interrupted | 已中断\n") == (process.returncode, error)
