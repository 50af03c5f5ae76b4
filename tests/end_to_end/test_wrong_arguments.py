"""
What cannot be meant is refused before anything leaves, by an error of ours.
"""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests import orders
from umfpay import Config, UMFSession, errors


LONE = "\ud800"
INTENT = errors.Intent(call="payments.execute", at=datetime.now(UTC), payment_id="P")
VECTORS = Path(__file__).parents[1] / "vectors"


def holds_itself(value):
    """
    Return a list or object that is a member of itself.
    """
    if isinstance(value, list):
        value.append(value)
    else:
        value["a"] = value

    return value


def nested(depth):
    """
    Return an object in an object, *depth* times.
    """
    value = {}

    for _ in range(depth):
        value = {"a": value}

    return value


class Untouched(httpx.AsyncBaseTransport):
    """
    A network that nothing may reach, but for a token if there is one.
    """

    def __init__(self):
        self.token = None
        self.requests = []

    async def handle_async_request(self, request):
        if self.token and request.url.path.endswith("/authorize"):
            return httpx.Response(
                200, json={"access_token": self.token, "expires_in": 7200}
            )

        self.requests.append(request)

        raise httpx.ReadError("this should not have been sent")


@pytest.fixture(name="network")
def _network():
    return Untouched()


@pytest.fixture(name="unsent")
async def _unsent(network):
    """
    A session whose network must stay silent.
    """
    config = Config(
        client_id="a",
        client_secret="b",
        merchant_key=VECTORS / "merchant_1024.key.p8",
        gateway_certificate=VECTORS / "gateway_1024.cert.crt",
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )

    async with UMFSession(config, transport=network) as session:
        yield session


@pytest.mark.parametrize(
    "options",
    [
        {"deadline": None},
        {"deadline": math.nan},
        {"deadline": math.inf},
        {"deadline": "5"},
        {"deadline": True},
        {"deadline": 10**400},
        {"timeout": 10**400},
        {"timeout": None},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": math.nan},
        {"timeout": "5"},
        {"extra_headers": {"X y": "a"}},
        {"extra_headers": {"\u0425": "a"}},
        {"extra_headers": {"X": "a\r\nSignature: b"}},
        {"extra_headers": {"X": "中"}},
        {"extra_headers": {"X": 5}},
        {"extra_headers": {"": "a"}},
        {"extra_headers": [("X", "a")]},
        {"extra_headers": {"authorization": "Bearer x"}},
    ],
    ids=lambda options: str(options)[:40],
)
async def test_options_of_a_call_are_checked(network, unsent, options):
    """
    Before the token is fetched: for reads and for what moves money.
    """
    with pytest.raises(errors.ConfigError, match=next(iter(options))):
        await unsent.exchange_rates.get("USD", **options)

    with pytest.raises(errors.ConfigError, match=next(iter(options))):
        await unsent.refunds.create("PAY_A", orders.refund(), **options)

    assert [] == network.requests


@pytest.mark.parametrize(
    "call",
    [
        lambda s, **options: s.payments.get("PAY_A", **options),
        lambda s, **options: s.refunds.create("PAY_A", orders.refund(), **options),
        lambda s, **options: s.statements.download_transactions(
            orders.DAY, "day.txt", **options
        ),
        lambda s, **options: s.request("GET", "/bank", **options),
        lambda s, **options: s.resolve(INTENT, **options),
        lambda s, **options: s.authorize(**options),
    ],
)
async def test_an_option_that_nobody_knows_is_refused(network, unsent, call):
    """
    Left out silently, a mistyped deadline would be the usual one.
    """
    with pytest.raises(errors.ConfigError, match=r"dedline: .* deadline") as caught:
        await call(unsent, dedline=5)

    assert "timeout" not in caught.value.what.en

    with pytest.raises(errors.ConfigError, match="deadline, extra_headers, intent_id"):
        await call(unsent, colour="red")

    assert [] == network.requests


async def test_a_deadline_that_has_passed_sends_nothing(box, session):
    """
    Zero is what callers compute who have no time left.
    """
    await session.authorize()

    for seconds in (0, -1.5):
        with pytest.raises(errors.DeadlineExceededError) as caught:
            await session.refunds.create("PAY_A", orders.refund(), deadline=seconds)

        assert not caught.value.request_sent

    assert [] == box.requests("/refund")


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.payments.create(None),
        lambda s: s.payments.create(orders.order()),
        lambda s: s.payments.verify("PAY_A", None),
        lambda s: s.payments.execute("PAY_A", None),
        lambda s: s.payments.execute("PAY_A", "6227000000000005"),
        lambda s: s.payments.execute(None, orders.card("1")),
        lambda s: s.payments.get(f"PAY_{LONE}"),
        lambda s: s.payments.get("PAY_A\n"),
        lambda s: s.payments.update_express_info("PAY_A", {}),
        lambda s: s.refunds.create("PAY_A", orders.order()),
        lambda s: s.customs.apply("PAY_A", None),
        lambda s: s.customs.apply_only(None),
        lambda s: s.enterprises.register({"busi_type": "GFHG"}),
        lambda s: s.exchange_rates.get(None),
        lambda s: s.exchange_rates.get(LONE),
        lambda s: s.banks.list(5),
        lambda s: s.wechat.openid_link(None),
        lambda s: s.wechat.openid_link(f"http://a/{LONE}"),
        lambda s: s.statements.transactions_page(orders.DAY, page_size="10"),
        lambda s: s.statements.transactions_page(orders.DAY, page_number=0),
        lambda s: s.request("POST", "/declare_again", {"a": 1.5}),
        lambda s: s.request("POST", "/declare_again", {"a": LONE}),
        lambda s: s.request("GET", None),
        lambda s: s.request("GET", "/a\nb"),
        lambda s: s.request("GET", "/a/../../b"),
        lambda s: s.request("GET", "/bank?type=DEBIT_CARD"),
        lambda s: s.request("GET", "/bank#x"),
        lambda s: s.request("GET", f"/{LONE}"),
        lambda s: s.request("GET", "/bank", query={"type": LONE}),
        lambda s: s.request("GET", "/bank", query=["type"]),
        lambda s: s.request("GET", "/bank", query="type=CREDIT_CARD"),
        lambda s: s.request("GET", "/bank", query={"type": object()}),
        lambda s: s.request("GET", "/bank", query={"type": b"CREDIT_CARD"}),
        lambda s: s.request("GET", "/bank", query={5: "a"}),
        lambda s: s.request("GET", "/bank", query={"type": "x" * 70_000}),
        lambda s: s.request("GET", "/" + "x" * 70_000),
        lambda s: s.request("POST", "/x/execute" + "x" * 70_000),
        lambda s: s.request("POST", "/declare_again", holds_itself({})),
        lambda s: s.request("POST", "/declare_again", holds_itself([])),
        lambda s: s.request("POST", "/declare_again", nested(100_000)),
        lambda s: s.payments.get("P" * 70_000),
        lambda s: s.payments.execute("P" * 70_000, orders.card("1")),
        lambda s: s.exchange_rates.get("X" * 70_000),
        lambda s: s.banks.list("中" * 10_000),
        lambda s: s.resolve(None),
        lambda s: s.resolve(INTENT, again="it", allow_repeat=True),
        lambda s: s.resolve(INTENT, expires_at="tomorrow"),
        lambda s: s.resolve(INTENT, known_refunds=5),
        lambda s: s.resolve(INTENT, known_refunds="REFUND_A"),
        lambda s: s.authorize(deadline=10**400),
    ],
)
async def test_arguments_that_cannot_be_meant_are_refused(network, unsent, call):
    """
    None in place of an object would else leave as an empty shell.
    """
    with pytest.raises(errors.ConfigError) as caught:
        await call(unsent)

    assert "6227" not in str(caught.value)
    assert [] == network.requests


@pytest.mark.parametrize(
    "path",
    [
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/%252e%252e/b",
        "/a%2f..%2fb",
        "/x/execute/.",
        "/x/./execute",
        "/x/execute;a",
        "/x/execute%3Ba=b",
        "/x%5C..%5Cexecute",
        "/x/execute%00",
        "/x/execute%0a",
    ],
)
async def test_a_path_is_what_the_gateway_makes_of_it(network, unsent, path):
    """
    What a server decodes or drops must not lead it to another endpoint.
    """
    for method in ("GET", "POST"):
        with pytest.raises(errors.ConfigError, match="path: "):
            await unsent.request(method, path)

    assert [] == network.requests


@pytest.mark.parametrize(
    "path",
    [
        "/payments/payment/PAY_A/refund/",
        "/x/execute",
        "/x/%65xecute",
        "/x/%2565xecute",
        "/x/execute%20",
        "/x/execute.json",
        "/x/execute%2F",
        "/x//Execute//",
        "/x/refund,1",
    ],
)
async def test_the_escape_hatch_knows_what_moves_money(network, unsent, path):
    """
    However the path is written.
    """
    network.token = "t"

    with pytest.raises(errors.OutcomeUnknownError) as caught:
        await unsent.request("POST", path, {"refund_info": {}})

    assert caught.value.money_may_have_moved


@pytest.mark.parametrize("path", ["/x/executed", "/refunds/x", "/execute_later"])
async def test_a_longer_word_moves_no_money(network, unsent, path):
    """
    Only whole words of a path count.
    """
    network.token = "t"

    with pytest.raises(errors.OutcomeUnknownError) as caught:
        await unsent.request("POST", path)

    assert not caught.value.money_may_have_moved


async def test_a_hook_that_fails_loses_no_payment(box, caplog):
    """
    What `on_call` raises is logged; the call ends as it ended.
    """

    def hook(report):
        raise ValueError("no metrics today")

    async with UMFSession(box.config(), on_call=hook) as session:
        with caplog.at_level(logging.ERROR, "umfpay"):
            payment = await session.payments.create(orders.card_payment())

    assert payment.id
    assert ["on_call failed for payments.create"] == [
        record.getMessage() for record in caplog.records
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/authorize",
        "/oauth//authorize/",
        "/OAuth/authorize",
        "/oauth%2Fauthorize",
    ],
)
async def test_no_token_is_fetched_past_the_session(session, box, path):
    """
    It would end the token that all processes share, with a secret in the body.
    """
    await session.banks.list("DEBIT_CARD")
    asked = len(box.requests("/oauth/authorize"))

    for method, more in (("GET", {}), ("POST", {"body": {"client_secret": "x"}})):
        with pytest.raises(errors.ConfigError, match="path: a token that is fetched"):
            await session.request(method, path, **more)

    await session.banks.list("DEBIT_CARD")

    assert asked == len(box.requests("/oauth/authorize"))
