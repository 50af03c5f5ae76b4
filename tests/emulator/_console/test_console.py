"""
The console as a browser's server: pages, forms, and who may send them.
"""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlencode, urlsplit

import orders
import pytest

from umfpay import UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.testing import EmulatorBox


_MADE = []


class Browser:
    """
    Asks as a browser does; follows nothing by itself.
    """

    def __init__(self, origin):
        self.host = urlsplit(origin).netloc

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=10)

        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()

            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def token(self):
        _, _, page = self.get("/console/faults")

        return re.search(r'name="token" value="([^"]+)"', page).group(1)

    def post(self, path, form, **headers):
        return self.ask(
            "POST",
            path,
            urlencode(form),
            **{
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://{self.host}",
                "Sec-Fetch-Site": "same-origin",
                **headers,
            },
        )


class World:
    """
    An emulator, its merchant and a browser.
    """

    def __init__(self, box, session):
        self.box = box
        self.session = session
        self.browser = Browser(box.origin)

    async def do(self, method, *arguments, **headers):
        import asyncio

        return await asyncio.to_thread(
            getattr(self.browser, method), *arguments, **headers
        )


@pytest.fixture(name="world")
async def _world():
    if not _MADE:
        _MADE.append(Emulator(key_bits=1024).credentials)

    emulator = Emulator(credentials=_MADE[0])

    async with serve(emulator) as server:
        box = EmulatorBox(emulator, base_url=server.base_url, origin=server.origin)

        async with UMFSession(box.config(ret_url="http://127.0.0.1:9/back")) as session:
            yield World(box, session)


async def _token(world):
    return await world.do("token")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/console/requests",
        "/console/notifications",
        "/console/refunds",
        "/console/customs",
        "/console/enterprises",
        "/console/papers",
        "/console/faults",
    ],
)
async def test_every_page_is_there_and_locked_down(world, path):
    """
    No script, no frame, no other site's resource, nothing in a cache.
    """
    await world.session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    status, headers, page = await world.do("get", path)
    policy = headers["content-security-policy"]

    assert 200 == status
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" == headers["cache-control"]
    assert "<script" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing",
        "/console/requests/999999",
        "/console/payments/PAY_AAAA",
        "/scan/PAY_AAAA",
        "/upay/cbPluginPay.do",
        "/upay/cbPluginPay.do?trace=1",
        "/wechat/authorize",
        "/wechat/authorize?redirect_uri=http%3A%2F%2F%5B",
        "/wechat/authorize?redirect_uri=x%3FnotifyUrl%3Djavascript%3Aalert(1)",
        "/console/requests/" + "9" * 5000,
        "/console/nothing?" + "a=1&" * 500,
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(world, path):
    """
    404, in the reader's language.
    """
    status, _, page = await world.do("get", path, **{"Accept-Language": "zh-CN"})

    assert 404 == status
    assert "没有此页面" in page


async def test_other_methods_are_refused(world):
    """
    Pages are read, forms are posted.
    """
    status, _, _ = await world.do("ask", "DELETE", "/console/faults")

    assert 405 == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_send_our_forms(world, headers):
    """
    Even with a token of ours.
    """
    form = {"token": await _token(world), "seconds": "60"}
    status, _, _ = await world.do("post", "/console/clock", form, **headers)

    assert 403 == status


@pytest.mark.parametrize("token", ["", "x", "ä"])
async def test_a_form_without_the_token_is_refused(world, token):
    """
    Only our own pages know it.
    """
    form = {"token": token, "seconds": "60"}
    status, _, page = await world.do("post", "/console/clock", form)

    assert 403 == status
    assert "open the page again" in page


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/console/clock", {"seconds": "soon"}, 400),
        ("/console/clock", {"seconds": "nan"}, 400),
        ("/console/clock", {"seconds": "1e300"}, 400),
        ("/console/clock", {}, 400),
        ("/console/faults", {"kind": "earthquake"}, 400),
        ("/console/faults", {"kind": "delay", "times": "x"}, 400),
        ("/console/faults", {"kind": "delay", "path": "("}, 400),
        ("/console/settings", {"refusals": "loud"}, 400),
        ("/console/settings", {"settle_after": "soon"}, 400),
        ("/console/settings", {"nothing": "1"}, 400),
        ("/console/payments/PAY_AAAA/pay", {}, 404),
        ("/console/enterprises/EQ_AAAA/enable", {}, 404),
        ("/console/notifications/7/resend", {}, 404),
        ("/console/nothing", {}, 404),
    ],
)
async def test_a_form_that_makes_no_sense_changes_nothing(world, path, form, status):
    """
    It is answered with a page, never with an error of the server.
    """
    before = world.box.control("GET", "/settings"), world.box.control("GET", "/faults")
    found, _, _ = await world.do("post", path, {"token": await _token(world), **form})

    assert status == found
    assert before == (
        world.box.control("GET", "/settings"),
        world.box.control("GET", "/faults"),
    )


async def test_a_body_that_is_no_form_is_refused(world):
    """
    Too long, not UTF-8, or too many fields.
    """
    long = await world.do("post", "/console/clock", {"token": "x" * 70_000})
    many = await world.do("post", "/console/clock", {f"a{i}": "1" for i in range(200)})
    binary = await world.do("ask", "POST", "/console/clock", b"\xff\xfe")

    assert [413, 400, 400] == [long[0], many[0], binary[0]]


async def test_the_clock_goes_forward(world):
    """
    And what is due by then happens: an unpaid order expires.
    """
    payment = await world.session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    form = {"token": await _token(world), "seconds": "3600", "next": "/console/faults"}
    status, headers, _ = await world.do("post", "/console/clock", form)

    assert (303, "/console/faults") == (status, headers["location"])
    assert "TRADE_CLOSED" == (await world.session.payments.get(payment.id)).state


@pytest.mark.parametrize("place", ["//evil.test", "http://evil.test", "/\\evil.test"])
async def test_a_form_leads_nowhere_else(world, place):
    """
    The next page is one of ours.
    """
    form = {"token": await _token(world), "seconds": "1", "next": place}
    _, headers, _ = await world.do("post", "/console/clock", form)

    assert "/" == headers["location"]


async def test_faults_and_settings_are_switched(world):
    """
    Rules add up; numbers and words are read from the form.
    """
    token = await _token(world)

    for kind in ("delay", "busy"):
        await world.do(
            "post",
            "/console/faults",
            {"token": token, "kind": kind, "times": "2", "seconds": "0.5", "path": ""},
        )

    await world.do(
        "post",
        "/console/settings",
        {"token": token, "settle_after": "1.5", "token_lifetime": "60"},
    )
    rules = world.box.control("GET", "/faults")["rules"]
    settings = world.box.control("GET", "/settings")

    assert [("delay", 2, 0.5), ("busy", 2, 0.5)] == [
        (rule["kind"], rule["times"], rule["seconds"]) for rule in rules
    ]
    assert (1.5, 60) == (settings["settle_after"], settings["token_lifetime"])

    await world.do("post", "/console/faults/clear", {"token": token})

    assert [] == world.box.control("GET", "/faults")["rules"]


async def test_hostile_words_of_an_order_are_only_words(world):
    """
    They are escaped wherever they are shown.
    """
    hostile = "<script>alert(1)</script>"
    import attrs

    new = orders.wallet_payment("ALIPAY_SCAN")
    new = attrs.evolve(new, order=attrs.evolve(new.order, order_summary=hostile))
    payment = await world.session.payments.create(new)

    for path in ("/", f"/console/payments/{payment.id}", f"/scan/{payment.id}"):
        _, _, page = await world.do("get", path)

        assert "<script" not in page


async def test_a_ret_url_that_no_browser_may_open_is_no_link(world):
    """
    The official samples hold other things than http there.
    """
    new = orders.cashier_payment()
    payment = await world.session.payments.create(new)
    document = world.box.emulator._world.payment(payment.id)
    document["ret_url"] = "javascript:alert(1)"
    world.box.emulator._world.store.put("payment", payment.id, document)
    status, _, page = await world.do(
        "post", f"/upay/{payment.id}/give_up", {"token": await _token(world)}
    )

    assert 200 == status
    assert "javascript" not in page


async def test_a_language_that_was_chosen_is_kept_in_a_cookie(world):
    """
    It wins over the browser's own; nonsense in the cookie does not matter.
    """
    _, headers, page = await world.do("get", "/?lang=zh")

    assert "支付" in page
    assert headers["set-cookie"].startswith("lang=zh;")

    _, _, kept = await world.do(
        "get", "/", **{"Cookie": "lang=zh", "Accept-Language": "en"}
    )
    _, _, broken = await world.do("get", "/", Cookie='lang="\x01; =;')

    assert "支付" in kept
    assert "Payments" in broken


async def test_every_kind_of_object_has_its_row(world):
    """
    Refunds, customs declarations, companies and papers; with what can be done.
    """
    code = _Codes(world.box)
    paid = await orders.paid(world.session, code, customs=True)
    await world.session.refunds.create(paid.id, orders.refund())
    await world.session.enterprises.register(orders.company())
    world.box.emulator._world.store.put(
        "papers",
        "1",
        {
            "id": 1,
            "name": "order-1202611230001.zip",
            "size": 12,
            "payment": paid.id,
            "status": "received",
            "why": "",
        },
    )
    _, _, refunds = await world.do("get", "/console/refunds")
    _, _, companies = await world.do("get", "/console/enterprises")
    _, _, papers = await world.do("get", "/console/papers")
    _, _, payment = await world.do("get", f"/console/payments/{paid.id}")

    assert "4.00 USD" in refunds
    assert "Books Ltd" in companies
    assert "order-1202611230001.zip" in papers
    assert "refund-" in payment


class _Codes:
    def __init__(self, box):
        self._box = box

    async def sms_code(self, payment_id):
        return self._box.sms_code(payment_id)


async def test_no_card_number_is_shown(world):
    """
    Neither on the payment's page nor in the request.
    """
    payment = await orders.paid(world.session, _Codes(world.box))
    _, _, page = await world.do("get", f"/console/payments/{payment.id}")
    last = world.box.control("GET", "/requests")["requests"][-1]["number"]
    _, _, request = await world.do("get", f"/console/requests/{last}")

    assert "6227000000000005" not in page + request
