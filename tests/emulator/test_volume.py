"""
What a call costs does not grow with what was ever stored.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest


BASE = "/cberest/v1"
FEW, MANY = 1_000, 100_000
DAY, OTHER_MERCHANT_FOLDER = "20261123", "20261122"
CALLS = {
    "a page": ("/payments/transactions", f"mer_date={DAY}"),
    "a small page": ("/payments/transactions", f"mer_date={DAY}&page_size=10"),
    "an empty page": ("/payments/transactions", "mer_date=20200101"),
    "a page of another day": (
        "/payments/transactions",
        f"mer_date={OTHER_MERCHANT_FOLDER}",
    ),
    "paid out": ("/payments/reconciliation_statement", f"settle_date={DAY}"),
    "a file": ("/payments/transactions_download", f"mer_date={OTHER_MERCHANT_FOLDER}"),
}


def _fill(box, first, last):
    """
    Lay paid payments into the books, of *DAY* but for the first ten.
    """
    document = {
        "merchant": box.credentials.client_id,
        "state": "TRADE_SUCCESS",
        "method": "CREDIT_CARD",
        "trace": "3112301200000001",
        "phone": "13800138000",
        "order": {"mer_reference_id": "r-1", "order_summary": "衣服"},
        "total": "1.00",
        "currency": "USD",
        "rate": "6.9193",
        "total_cny": "6.92",
        "paid_at": "2026-11-23T12:00:00.000000+08:00",
        "sms": None,
        "net_cents": 685,
    }
    box._gateway_state.store._connection.execute(
        """
        WITH RECURSIVE numbers (n, day) AS (
            SELECT ?1, iif(?1 < 10, ?3, ?4) UNION ALL
            SELECT n + 1, iif(n + 1 < 10, ?3, ?4) FROM numbers WHERE n + 1 < ?2
        )
        INSERT INTO documents (
            kind, id, data, about, merchant, listed_on, paid_out_on, net
        ) SELECT 'payment', 'PAY_' || n,
            json_set(?5, '$.id', 'PAY_' || n, '$.settle_date', day,
                '$.order.mer_date', day),
            NULL, ?6, day, day, 685
        FROM numbers
        """,
        (
            first,
            last,
            OTHER_MERCHANT_FOLDER,
            DAY,
            json.dumps(document, ensure_ascii=False),
            document["merchant"],
        ),
    )


async def _call(box, method, path, *, query="", body=None, token=""):
    """
    Call the application without a server; return the body of its answer.
    """
    sent = []
    raw = b"" if body is None else json.dumps(body).encode()

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message):
        sent.append(message)

    await box(
        {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [
                (b"host", b"localhost"),
                (b"authorization", f"Bearer {token}".encode()),
            ],
        },
        receive,
        send,
    )
    assert 200 == sent[0]["status"]

    return sent[1]["body"]


@pytest.fixture(name="filled", scope="module")
def _filled(make_box):
    """
    Give an emulator with many payments, a function that calls it without a network, and
    what calls cost with few payments and with many.
    """
    box = make_box(tick=None)

    secret = {
        "client_id": box.credentials.client_id,
        "client_secret": box.credentials.client_secret.reveal(),
        "grant_type": "client_credentials",
    }

    async def ask(path, query):
        given = await _call(box, "POST", f"{BASE}/oauth/authorize", body=secret)
        token = json.loads(given)["access_token"]

        return await _call(box, "GET", f"{BASE}{path}", query=query, token=token)

    _fill(box, 0, FEW)
    few = _costs(box, ask, FEW)
    _fill(box, FEW, MANY)

    yield box, ask, few, _costs(box, ask, MANY)

    asyncio.run(box.aclose())


def _least(work, rounds=7):
    """
    Return the least CPU time that *work* takes: what it costs on an idle machine.
    """
    spent = []

    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)

    return min(spent)


def _last_page(count):
    number = (count - 10) // 10

    return "/payments/transactions", f"mer_date={DAY}&page_size=10&page_number={number}"


def _costs(box, ask, count):
    return {
        **{
            name: _least(lambda path=path, query=query: asyncio.run(ask(path, query)))
            for name, (path, query) in CALLS.items()
        },
        "a late page": _least(lambda: asyncio.run(ask(*_last_page(count)))),
        "the control API": _least(lambda: box.control("GET", "/payments"), 3),
        "the console": _least(lambda: asyncio.run(_call(box, "GET", "/")), 3),
        "what is due next": _least(box.pass_time),
    }


def test_a_hundred_times_the_payments_cost_the_same(filled):
    """
    Twice at most: pages, a file of a small day, lists.
    """
    _, _, few, many = filled
    grown = {
        name: (few[name], many[name])
        for name in few
        if many[name] > 2 * few[name] + 0.001
    }

    assert {} == grown


def test_nothing_is_missing_among_many(filled):
    """
    Counts and sums are of all, a list is of the newest and says that there are more.
    """
    box, call, _, _ = filled
    page = json.loads(asyncio.run(call(*CALLS["a page"])))["transactions"]
    paid = json.loads(asyncio.run(call(*CALLS["paid out"])))["reconciliations"]

    assert MANY - 10 == page["pagination"]["total_count"]
    assert 500 == len(page["payment_summaries"])
    assert 6.85 * (MANY - 10) == pytest.approx(paid["amount"]["total_cny"])

    listed = box.control("GET", "/payments")

    assert (1_000, True) == (len(listed["payments"]), listed["more"])
    assert f"PAY_{MANY - 1}" == listed["payments"][-1]["id"]


async def test_others_are_served_while_a_large_page_is_made(filled):
    """
    It gives way many times.
    """
    _, call, _, _ = filled
    page = asyncio.create_task(
        call("/payments/transactions", f"mer_date={DAY}&page_size=5000")
    )
    turns = 0

    while not page.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 50
    assert 5_000 == len(json.loads(page.result())["transactions"]["payment_summaries"])


@pytest.mark.parametrize(
    "query",
    [
        "page_size=500&page_number=200",
        "page_size=7&page_number=14284",
        "page_size=5000&page_number=20",
        "page_size=5000&page_number=21",
    ],
)
async def test_the_last_pages_hold_what_is_left(filled, query):
    """
    Nothing twice, nothing missing, and an empty one behind the end.
    """
    _, call, _, _ = filled
    asked = dict(one.split("=") for one in query.split("&"))
    size, number = int(asked["page_size"]), int(asked["page_number"])
    answer = await call("/payments/transactions", f"mer_date={DAY}&{query}")
    rows = json.loads(answer)["transactions"]["payment_summaries"]
    begin = min((number - 1) * size, MANY - 10)
    end = min(number * size, MANY - 10)

    assert [f"PAY_{n + 10}" for n in range(begin, end)] == [
        row["payment_id"] for row in rows
    ]
