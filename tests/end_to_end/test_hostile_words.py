"""
Whoever answers writes into errors and logs only what a terminal shows.
"""

from __future__ import annotations

import contextlib
import json
import logging

import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries as seen
from tests.servers.streams import listening, read_request
from umfpay import Config, UMFError, UMFSession
from umfpay.protocol import PrivateKey


KEY, GATEWAY = PrivateKey.generate(1024), PrivateKey.generate(1024)
TOKEN = b'{"access_token":"T0KEN","expires_in":3600}'
HOSTILE = (
    "evil\x1b[2J\x9b2J\u202e\r\n2026-11-28 INFO payment PAY_X is TRADE_SUCCESS"
    + "A" * 50_000
)


def _http(body, *, status="200 OK", more=()):
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more, "", ""]

    return "\r\n".join(head).encode("latin-1") + body


def _json(**members):
    return _http(json.dumps(members).encode())


GOOD_TOKEN = _http(TOKEN)
# A header holds neither line ends nor more than the parser's limit.
IN_A_HEADER = "evil\x1b[2J\x9b2J" + "A" * 2_000
ANSWERS = {
    "code": _json(meta={"ret_code": HOSTILE}),
    "words of a known code": _json(meta={"ret_code": "00060760", "ret_msg": HOSTILE}),
    "code of a number": _json(meta={"ret_code": HOSTILE, "ret_msg": 7}),
    "id": _json(meta={"ret_code": "0000"}, payment={"id": HOSTILE}),
    "name of a member": _json(meta={"ret_code": "0000"}, **{HOSTILE: 1}),
    "no JSON": _http(HOSTILE.encode()),
    "reason": _http(b"", status=f"403 {IN_A_HEADER}"),
    "reason of a redirect": _http(
        b"", status=f"302 {IN_A_HEADER}", more=[f"Location: {IN_A_HEADER}"]
    ),
    "encoding": _http(b"x", more=[f"Content-Encoding: {IN_A_HEADER}"]),
    "signature": _http(b"{}", more=[f"Signature: {IN_A_HEADER}"]),
    "no HTTP": IN_A_HEADER.encode() + b"\r\n\r\n",
}
CALLS = {
    "read": lambda session: session.payments.get("PAY_AAAA"),
    "create": lambda session: session.payments.create(orders.card_payment()),
    "execute": lambda session: session.payments.execute("PAY_AAAA", seen.payer("1")),
    "raw": lambda session: session.request("GET", "/payments/payment/PAY_AAAA"),
    "list": lambda session: session.banks.list("DEBIT_CARD"),
}


@pytest.fixture(name="answering")
async def _answering():
    """
    Open a session whose gateway gives always the same bytes.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def answering(answer, *, token=GOOD_TOKEN):
            async def serve(reader, writer):
                while request := await read_request(reader):
                    writer.write(token if b"/oauth/" in request else answer)
                    await writer.drain()

            port = await stack.enter_async_context(listening(serve))
            config = Config(
                client_id="c",
                client_secret="s",
                merchant_key=KEY,
                gateway_certificate=GATEWAY.public,
                base_url=f"http://127.0.0.1:{port}/",
                token_store="memory",
                deadline=2.0,
                token_timeout=1.0,
            )

            return await stack.enter_async_context(UMFSession(config))

        yield answering


def _unclean(error, log):
    errors = [one for one in tracebacks.chain(error) if isinstance(one, UMFError)]
    shown = [text for one in errors for text in (str(one), repr(one), *one.args)]
    lines = log.split("\n")

    return [text for text in shown + lines if not text.isprintable()] + [
        len(text) for text in shown + lines if len(text) > 10_000
    ]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_writes_nothing_into_a_terminal(
    answering, caplog, answer, call
):
    """
    Whatever part of it is hostile, and whatever was asked.
    """
    caplog.set_level(logging.DEBUG, "umfpay")
    session = await answering(answer)
    error = await seen.fails(call(session))

    assert [] == _unclean(error, caplog.text)
    assert len(str(error)) < 5_000


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_token_answer_writes_nothing_into_a_terminal(answering, caplog, answer):
    """
    It is never signed.
    """
    caplog.set_level(logging.DEBUG, "umfpay")
    session = await answering(b"", token=answer)
    error = await seen.fails(session.banks.list("DEBIT_CARD"))

    assert [] == _unclean(error, caplog.text)
    assert len(str(error)) < 5_000
