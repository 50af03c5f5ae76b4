"""
What must not be seen is in no repr, log, error, traceback, pickle or command output.
"""

from __future__ import annotations

import base64
import gc
import io
import logging
import pickle
from pathlib import Path

import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries as seen
from umfpay import Config, UMFSession, errors
from umfpay.cli import run
from umfpay.models import BankCard, NewPayer, NewPayerInfo
from umfpay.protocol import PrivateKey


@pytest.fixture(name="canaries")
def _canaries(box):
    return seen.of(box)


@pytest.mark.parametrize(
    "fault",
    [
        "drop_before",
        "drop_after",
        "error_after",
        "forge",
        "unsign",
        "busy",
        "delay",
        "steal_token",
    ],
)
async def test_no_failing_call_shows_a_canary(
    box, open_session, canaries, caplog, fault
):
    """
    Error texts, tracebacks with locals in every frame, logs at DEBUG, pickles.
    """
    caplog.set_level(logging.DEBUG)
    session = await open_session()
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, seen.payer())
    code = box.sms_code(payment.id)
    box.fault(fault, path="/execute", times=0, seconds=2)
    before = seen.token(session)
    error = await seen.fails(
        session.payments.execute(payment.id, seen.payer(code), deadline=1.5)
    )
    canaries = [
        *canaries,
        before,
        seen.token(session),
        repr(seen.CVV),
        f'"{seen.CVV}"',
        repr(seen.VALID),
    ]

    tracebacks.assert_silent(tracebacks.everything(error), canaries)
    tracebacks.assert_silent(pickle.dumps(error).decode("latin-1"), canaries)
    tracebacks.assert_silent(
        caplog.text + repr([vars(one) for one in caplog.records]), canaries
    )


@pytest.mark.parametrize("fault", ["drop_after", "error_before", "delay"])
async def test_no_failing_token_request_shows_the_secret(
    box, open_session, canaries, caplog, fault
):
    """
    Its body holds the client secret in clear.
    """
    caplog.set_level(logging.DEBUG)
    session = await open_session(token_timeout=0.5)
    box.fault(fault, path="/oauth/authorize", times=0, seconds=1)

    error = await seen.fails(session.exchange_rates.get("USD", deadline=2))

    tracebacks.assert_silent(tracebacks.everything(error), canaries)
    tracebacks.assert_silent(caplog.text, canaries)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": seen.SECRET},
        {"client_secret": seen.SECRET, "base_url": "http://127.0.0.1:9/"},
        {"client_secret": seen.SECRET, "base_url": "https://127.0.0.1:9/"},
    ],
)
async def test_a_refused_secret_is_not_shown(open_session, canaries, caplog, wrong):
    """
    Neither by the refusal nor by a connection that cannot be made.
    """
    caplog.set_level(logging.DEBUG)
    session = await open_session(**wrong)
    error = await seen.fails(session.exchange_rates.get("USD"))

    tracebacks.assert_silent(tracebacks.everything(error), canaries)
    tracebacks.assert_silent(caplog.text, canaries)


async def test_a_proxy_password_is_not_shown(open_session, caplog):
    """
    A proxy that is not there is named without its password.
    """
    caplog.set_level(logging.DEBUG)
    session = await open_session(proxy=f"http://user:{seen.SECRET}@127.0.0.1:9")
    error = await seen.fails(session.exchange_rates.get("USD"))

    tracebacks.assert_silent(tracebacks.everything(error), [seen.SECRET])
    tracebacks.assert_silent(caplog.text, [seen.SECRET])


async def test_no_object_in_play_shows_a_canary(box, open_session, canaries):
    """
    Every object of ours that is alive after a payment, by its repr.
    """
    session = await open_session()
    payer = seen.payer()
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, payer)
    code = box.sms_code(payment.id)
    executed = await session.payments.execute(payment.id, seen.payer(code))
    canaries = [*canaries, seen.token(session)]
    ours = [
        one
        for one in gc.get_objects()
        if str(type(one).__module__).startswith("umfpay.")
        and not str(type(one).__module__).startswith("umfpay.emulator")
    ]

    assert len(ours) > 50

    tracebacks.assert_silent("\n".join(repr(one) for one in ours), canaries)
    tracebacks.assert_silent(repr([session.config, payer, payment, executed]), canaries)


def test_what_is_too_long_for_the_key_is_refused_in_silence(box_config, canaries_plain):
    """
    A value that cannot be sealed is refused before sending, and not shown.
    """
    import asyncio

    long = seen.ID_NUMBER * 20

    async def main():
        async with UMFSession(box_config) as session:
            await session.payments.verify(
                "PAY_A",
                NewPayer(
                    payment_method="CREDIT_CARD",
                    payer_info=NewPayerInfo(bank_card=BankCard(number=long)),
                ),
            )

    with pytest.raises(errors.ConfigError) as caught:
        asyncio.run(main())

    tracebacks.assert_silent(tracebacks.everything(caught.value), [seen.ID_NUMBER])


@pytest.fixture(name="box_config")
def _box_config(tmp_path):
    vectors = Path(__file__).parents[1] / "vectors"

    return Config(
        client_id="a",
        client_secret=seen.SECRET,
        merchant_key=vectors / "merchant_1024.key.p8",
        gateway_certificate=vectors / "gateway_1024.cert.crt",
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )


@pytest.fixture(name="canaries_plain")
def _canaries_plain():
    return [seen.SECRET]


def test_a_command_that_cannot_seal_does_not_show_the_text(capsys, monkeypatch):
    """
    What comes from standard input and is too long for the key stays there.
    """
    text = io.BytesIO(seen.ID_NUMBER.encode() * 20)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(text))
    vectors = Path(__file__).parents[1] / "vectors"
    certificate = str(vectors / "gateway_1024.cert.crt")

    assert 2 == run(["--debug", "seal", "--certificate", certificate])

    output = capsys.readouterr()

    tracebacks.assert_silent(output.out + output.err, [seen.ID_NUMBER])


def test_commands_print_no_canary(tmp_path, capsys):
    """
    The demo, a key's report, and commands that fail.
    """
    vectors = Path(__file__).parents[1] / "vectors"
    key = vectors / "merchant_1024.key.p8"
    numbers = [
        str(getattr(PrivateKey.load(key)._key.value, name)) for name in ("d", "p", "q")
    ]
    settings = tmp_path / "umf.env"
    settings.write_text(
        f"UMF_CLIENT_ID=a\nUMF_CLIENT_SECRET={seen.SECRET}\nUMF_MERCHANT_KEY={key}\n"
        f"UMF_GATEWAY_CERTIFICATE={vectors / 'gateway_1024.cert.crt'}\n"
        "UMF_BASE_URL=http://127.0.0.1:9/\nUMF_TOKEN_STORE=memory\n"
    )
    run(["demo", "--json"])
    run(["keys", str(key)])
    run(["keys", str(vectors / "gateway_1024.cert.crt")])
    run(["--debug", "demo", "--config", str(settings), "--fetch-token"])
    run(["demo", "--config", str(settings)])
    output = capsys.readouterr()
    content = base64.b64encode(key.read_bytes()).decode()

    tracebacks.assert_silent(
        output.out + output.err,
        [
            seen.SECRET,
            "6227000000000005",
            "张三",
            "110101199003070011",
            content[60:120],
            *numbers,
        ],
    )
