"""
A session, the emulator and a shop that receives notifications: in one virtual loop.

No socket and no real time: the emulator is called in its own process, and the clocks of
both follow the loop's, which begins at 0 and jumps to the next timer.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from tests import orders, virtual_clock
from umfpay import UMFSession, _codec
from umfpay.emulator import Clock, Emulator
from umfpay.models import BankCard, NewOrder
from umfpay.protocol import Verdict, Verifier, verify_notification
from umfpay.testing import EmulatorBox, emulator_transport


def pytest_asyncio_loop_factories(config, item):
    """
    Run the tests of this folder in virtual time.
    """
    return {"virtual": virtual_clock.Loop}


class Box(EmulatorBox):
    """
    An emulator in virtual time, and ways to reach it.
    """

    def __init__(self, credentials):
        emulator = Emulator(
            credentials=credentials, clock=Clock(virtual_clock.now), post=self._post
        )
        super().__init__(emulator)
        self._receivers = {}

    def transport(self):
        """
        Return a way to the emulator for a session.
        """
        return emulator_transport(virtual_clock.with_date_header(self.emulator))

    def listen(self, url, receive):
        """
        Let notifications to *url* be given to *receive*, as body and headers.
        """
        self._receivers[url] = receive

    async def _post(self, url, body, headers):
        if url not in self._receivers:
            raise ConnectionRefusedError(url)

        return await self._receivers[url](body, headers)

    async def page(self, url):
        """
        Return a page of the emulator, as a browser sees it.
        """
        async with httpx.AsyncClient(transport=self.transport()) as browser:
            return (await browser.get(url)).text

    async def code(self, pending):
        """
        Read the SMS as the customer does.
        """
        return self.sms_code(pending.payment_id)

    def fault(self, kind, **members):
        """
        Plan this fault, and no other one.
        """
        self.control("PUT", "/faults", {"rules": [{"kind": kind, **members}]})

    def payment(self, payment_id):
        """
        Return a payment as the gateway knows it.
        """
        return self.control("GET", f"/payments/{payment_id}")["payment"]

    def payments(self):
        """
        Return all of them, the last one last.
        """
        return self.control("GET", "/payments")["payments"]


@pytest.fixture(name="box")
async def _box(credentials):
    with virtual_clock.virtual_clocks(asyncio.get_running_loop()):
        box = Box(credentials)

        yield box

        await box.emulator.aclose()


@pytest.fixture(name="open_session")
async def _open_session(box):
    """
    Open sessions with changed settings; all are closed at the end.
    """
    async with AsyncExitStack() as stack:

        async def open_session(**changes):
            session = UMFSession(box.config(**changes), transport=box.transport())

            return await stack.enter_async_context(session)

        yield open_session


@pytest.fixture(name="session")
async def _session(open_session):
    return await open_session()


class Shop:
    """
    A shop's server: it verifies what arrives, keeps it, and wakes who waits.
    """

    def __init__(self, keys):
        self._verifier = Verifier(keys)
        self._arrived = asyncio.Condition()
        self.objects = {}
        self.expected = []
        self.url = "http://127.0.0.1:9/notify"

    async def receive(self, body, headers):
        envelope = verify_notification(
            body, header_signature=headers.get("Signature"), verifier=self._verifier
        )
        assert envelope.verdict is Verdict.VERIFIED
        entity = _codec.read_notification(envelope.members)

        async with self._arrived:
            self.objects[entity.id] = entity
            self._arrived.notify_all()

        return 200, b'{"meta":{"ret_code":"0000"}}'

    async def wait(self, object_id, *, deadline):
        try:
            async with asyncio.timeout_at(deadline), self._arrived:
                while True:
                    found = self.objects.get(object_id)

                    if found is not None and found.state.final:
                        return found

                    await self._arrived.wait()
        except TimeoutError:
            return None

    async def expect(self, what, *, amount=None, payment_id=None, refund_id=None):
        self.expected.append((what, payment_id, refund_id))

    async def record(self, entity, *, deadline):
        self.objects.setdefault(entity.id, entity)

        return entity

    async def notified(self, *, object_id=None, mer_reference_id=None):
        for one in self.objects.values():
            number = None if one.order is None else one.order.mer_reference_id

            if one.id == object_id or number == mer_reference_id:
                return one

        return None


@pytest.fixture(name="shop")
def _shop(box):
    """
    A shop that the emulator tells; an `NotificationSource`.
    """
    shop = Shop(box.config().gateway_certificate)
    box.listen(shop.url, shop.receive)

    return shop


@pytest.fixture(name="elapsed")
def _elapsed():
    """
    Tell how many seconds of virtual time have gone by, to the millisecond.
    """
    return lambda: round(asyncio.get_running_loop().time(), 3)


@pytest.fixture(name="steps")
def _steps():
    """
    A list that `on_step=steps.hear` fills with names.
    """

    class Steps(list):
        async def hear(self, step):
            self.append(step.name)

    return Steps()


@pytest.fixture(name="card")
def _card():
    """
    Return credit cards.
    """

    def card(number="6227000000000005", **changes):
        return BankCard(
            **{
                "number": number,
                "valid_date": "3012",
                "cvv2": "123",
                "payer_name": "张三",
                "citizen_id_type": "IDENTITY_CARD",
                "citizen_id_number": orders.ID_NUMBER,
                "phone": "15210838198",
                **changes,
            }
        )

    return card


@pytest.fixture(name="order")
def _order() -> NewOrder:
    return orders.order()


@pytest.fixture(name="paid")
async def _paid(session, box):
    """
    A payment of 10.00 USD that was paid.
    """
    return await orders.paid(session, box)
