"""
What came and went, as pages.
"""

from __future__ import annotations

import html
import re

import pytest

from tests import orders
from umfpay.errors import UMFError
from umfpay.models import Money, NewCustomsDeclaration


HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe",
    "\x00\x1b[31m",
    "x" * 10_000,
]


async def test_a_payment_shows_its_life(browser, session, box):
    """
    Timeline, code of the text message, last digits of the card, refund, notifications.
    """
    await browser.post("/console/settings", settle_after="600")
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())
    page = await browser.page(f"/console/payments/{payment.id}")

    assert f">{box.sms_code(payment.id)}<" in page

    await session.payments.execute(payment.id, orders.card(box.sms_code(payment.id)))
    refund = await session.refunds.create(payment.id, orders.refund())
    page = await browser.page(f"/console/payments/{payment.id}")

    assert page.index("WAIT_BUYER_PAY") < page.rindex("TRADE_SUCCESS")
    assert "•••• 0005" in page
    assert "4.00 USD" in page
    assert f"/console/refunds/{refund.id}/succeed" in page
    assert "not delivered: no notify_url" in page
    assert re.search(r"/console/notifications/\d+/resend", page)


async def test_a_refunds_notification_is_on_its_payments_page(browser, session, box):
    """
    One looks for it there.
    """
    paid = await orders.paid(session, box)
    refund = await session.refunds.create(paid.id, orders.refund())
    await browser.post(f"/console/refunds/{refund.id}/succeed")
    page = await browser.page(f"/console/payments/{paid.id}")

    assert page.count("/resend") == 2
    assert page.count("REFUND_SUCCESS") >= 2


@pytest.mark.parametrize(
    ("new", "door"),
    [
        (orders.wallet_payment("WECHAT_SCAN"), "/scan/PAY_"),
        (orders.wallet_payment("WECHAT_WEB"), "/wechat/pay/"),
        (orders.cashier_payment(), "/upay/cbPluginPay.do?trace="),
        (orders.card_payment(), None),
    ],
    ids=["qr", "wechat", "cashier", "card"],
)
async def test_a_payment_leads_to_where_it_is_paid(browser, session, new, door):
    """
    As long as it can be paid.
    """
    payment = await session.payments.create(new)
    page = await browser.page(f"/console/payments/{payment.id}")
    found = re.search(r'id="door"[^>]* href="([^"]+)"', page)

    assert (door is not None) == (found is not None)

    if found:
        assert found[1].startswith(door)
        assert f"/upay/{payment.id}/pay" in await browser.page(found[1])

    await browser.post(f"/console/payments/{payment.id}/close")

    assert 'id="door"' not in await browser.page(f"/console/payments/{payment.id}")


async def test_a_refused_request_shows_why(browser, session):
    """
    In the list and on its own page, next to what was received.
    """
    new = orders.wallet_payment("WECHAT_SCAN", citizen="1")

    with pytest.raises(Exception, match="00060022"):
        await session.payments.create(new)

    page = await browser.page("/console/requests")
    row = next(row for row in page.split("<tr>") if "00060022" in row)
    own = await browser.page(re.search(r"/console/requests/\d+", row)[0])

    assert 'class="whole bad"' in row
    assert "citizen_id_number is not 15 or 18 characters" in row
    assert "citizen_id_number is not 15 or 18 characters" in own
    assert "mer_reference_id" in own
    assert "authorization: ***" in own


async def test_a_good_request_is_shown_as_good(browser, session):
    """
    Its answer, not its code of success, is what one looks for.
    """
    await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    page = await browser.page("/console/requests")

    assert '<td class="whole good">200 0000</td>' in page
    assert "bad" not in page.partition("<main>")[2]


async def test_a_request_that_was_cut_off_says_so(browser, session):
    """
    With the fault that did it.
    """
    await browser.post("/console/faults", kind="drop_before", path="/payment$")

    with pytest.raises(UMFError):
        await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))

    page = await browser.page("/console/requests")

    assert "cut off" in page
    assert "drop_before" in page


async def test_no_card_number_is_shown(browser, session, box):
    """
    Neither on the payment's page nor in any request.
    """
    payment = await orders.paid(session, box)
    secret = box.emulator.credentials.client_secret.reveal()
    pages = [await browser.page(f"/console/payments/{payment.id}")]

    for one in box.control("GET", "/requests")["requests"]:
        pages.append(await browser.page(f"/console/requests/{one['number']}"))

    assert len(pages) > 3
    assert not [page for page in pages if "6227000000000005" in page]
    assert not [page for page in pages if secret in page]


def _visible(text):
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text
    )


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text[:12]))
async def test_hostile_words_of_an_order_are_only_words(
    browser, session, change, box, trace, hostile
):
    """
    They are escaped wherever they are shown, and long ones are cut in lists.
    """
    new = orders.cashier_payment()
    payment = await session.payments.create(new)
    document = box.control("GET", f"/payments/{payment.id}")["payment"]
    order = {**document["order"], "order_summary": hostile, "mer_reference_id": hostile}
    change(
        payment.id, order=order, notify_url=hostile, ret_url=hostile, bank_code=hostile
    )
    cashier = await browser.page(f"/upay/cbPluginPay.do?trace={trace(payment.id)}")
    await browser.post(f"/upay/{payment.id}/pay")
    pages = [
        cashier,
        *[
            await browser.page(path)
            for path in (
                "/",
                f"/console/payments/{payment.id}",
                "/console/notifications",
            )
        ],
    ]

    # What the eye or a terminal would obey is shown.
    assert _visible(hostile[:200]) in html.unescape(cashier)
    assert _visible(hostile[:80]) in html.unescape(pages[1])
    assert not [page for page in pages if "<script" in page or "<img" in page]
    assert len(pages[1]) < 5_000


async def test_every_kind_of_object_has_its_row(browser, session, box):
    """
    Refunds, customs declarations and companies; with what can be done.
    """
    await browser.post("/console/settings", settle_after="600")
    paid = await orders.paid(session, box, customs=True)
    await session.refunds.create(paid.id, orders.refund())
    await session.enterprises.register(orders.company())
    part = box.emulator._gateway_state.payment(paid.id)["order"]["sub_orders"][0]
    part = part["mer_sub_reference_id"]
    await session.customs.apply(
        paid.id,
        NewCustomsDeclaration(
            customs_id="HZ",
            mer_customs_code="3301",
            mer_sub_reference_id=part,
            mer_item_ids=[f"{part}-1"],
            sub_order_amount=Money("10.00", "USD"),
            freight_amount=Money("0", "USD"),
        ),
    )
    refunds = await browser.page("/console/refunds")
    companies = await browser.page("/console/enterprises")
    customs = await browser.page("/console/customs")

    assert "4.00 USD" in refunds
    assert f"/console/payments/{paid.id}" in refunds
    assert "Books Ltd" in companies
    assert "c-1" in companies
    assert "ACCEPTED" in customs
    assert "/submit" in customs


@pytest.fixture(name="papers")
def _papers(box):
    """
    Give a function that lays a file of a payment into the books.
    """

    def lay(payment_id, status="received", why=""):
        number = len(box.control("GET", "/papers")["papers"]) + 1
        box.emulator._gateway_state.store.put(
            "papers",
            str(number),
            {
                "id": str(number),
                "name": f"order-{number}202611230001.zip",
                "size": 12,
                "payment": payment_id,
                "status": status,
                "why": why,
            },
        )

    return lay


@pytest.fixture(name="bank_paid")
async def _bank_paid(session, browser):
    """
    A business payment whose papers are due.
    """
    await session.enterprises.register(orders.company())
    page = await browser.page("/console/enterprises")
    await browser.post(re.search(r"/console/enterprises/EQ_\w+/enable", page)[0])
    payment = await session.payments.create(orders.bank_payment())
    await browser.post(f"/upay/{payment.id}/pay")

    return payment


@pytest.mark.parametrize(
    ("verb", "state"),
    [("approve_papers", "TRADE_SUCCESS"), ("cancel", "TRADE_CANCEL")],
)
async def test_papers_are_decided_once(
    browser, session, papers, bank_paid, verb, state
):
    """
    Approved or rejected, the buttons are gone; rejected, the payment is cancelled.
    """
    papers(bank_paid.id)
    own = await browser.page(f"/console/payments/{bank_paid.id}")
    page = await browser.page("/console/papers")

    assert f"/console/payments/{bank_paid.id}/{verb}" in own
    assert "order-1202611230001.zip" in page
    assert f"/console/payments/{bank_paid.id}/{verb}" in page

    await browser.post(
        f"/console/payments/{bank_paid.id}/{verb}", next="/console/papers"
    )
    page = await browser.page("/console/papers")

    assert "<button" not in page
    assert state == (await session.payments.get(bank_paid.id)).state


async def test_papers_that_will_not_do_have_no_buttons(browser, papers, bank_paid):
    """
    They say why; those of no payment are listed, too.
    """
    papers(bank_paid.id, "rejected", "the ZIP is empty")
    papers("", "rejected", "no B2B payment has succeeded")
    page = await browser.page("/console/papers")

    assert "the ZIP is empty" in page
    assert "no B2B payment has succeeded" in page
    assert "<button" not in page


async def test_only_the_newest_are_listed_but_a_payment_shows_all_of_its_own(
    browser, session, box
):
    """
    A list ends somewhere; a payment's own page does not.
    """
    first = await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    await browser.post(f"/console/payments/{first.id}/pay")
    store = box.emulator._gateway_state.store
    document = store.get("payment", first.id)
    note = box.control("GET", "/notifications")["notifications"][0]

    for number in range(201):
        key = f"PAY_{'A' * 20}{chr(65 + number // 26)}{chr(65 + number % 26)}"
        store.put("payment", key, {**document, "id": key})
        store.put(
            "notification",
            str(number + 1000),
            {**note, "number": number + 1000, "object": key},
        )

    page = await browser.page("/")

    assert page.count("<tr>") == 201
    assert first.id not in page
    assert "/resend" in await browser.page(f"/console/payments/{first.id}")


async def test_a_page_of_a_payment_is_made_of_what_is_there(browser, session, change):
    """
    An order of a client that no one here wrote has odd members.
    """
    payment = await session.payments.create(orders.cashier_payment())
    change(payment.id, order={"mer_reference_id": {"odd": []}})

    assert payment.id in await browser.page("/")
    assert '"odd": []' in (
        await browser.page(f"/console/payments/{payment.id}")
    ).replace("&#34;", '"')
