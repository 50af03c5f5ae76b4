"""
The pytest plugin, as a shop's own tests use it.
"""

from __future__ import annotations

import pytest


pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["umfpay.testing"]\n'
INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.fixture(name="shop")
def _shop(pytester):
    """
    The tests of a shop, run by a pytest of their own.
    """
    pytester.makeini(INI)
    pytester.makeconftest(CONFTEST)

    def run(source):
        pytester.makepyfile(source)

        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:sybil", timeout=110
        )

    return run


def test_a_shop_pays_in_its_tests(shop):
    """
    The session of the fixture talks to the emulator of the fixture, in strict mode.
    """
    result = shop(
        """
        from datetime import date, timedelta

        import pytest
        from umfpay.models import (
            Money, NewOrder, NewPayer, NewPayerInfo, NewPayment, NewSubOrder,
            QRCodeScan,
        )


        def order():
            return NewOrder(
                mer_reference_id="shop-1",
                mer_date=date(2026, 11, 23),
                amount=Money("3.00", "USD"),
                expire_time=timedelta(minutes=30),
                sub_orders=[
                    NewSubOrder(
                        mer_sub_reference_id="shop-1-1",
                        amount=Money("3.00", "USD"),
                        trans_code="02223022",
                    )
                ],
            )


        @pytest.mark.asyncio
        async def test_pays(umf_session, umf_emulator):
            payment = await umf_session.payments.create(
                NewPayment(
                    payer=NewPayer(
                        payment_method="ALIPAY_SCAN",
                        payer_info=NewPayerInfo(
                            name="张三",
                            qr_code_scan=QRCodeScan(
                                citizen_id_number="110101199003070011"
                            ),
                        ),
                    ),
                    order=order(),
                )
            )
            umf_emulator.pay(payment.id)
            found = await umf_session.payments.get(payment.id)

            assert found.state == "TRADE_SUCCESS"
            assert umf_emulator.requests("/payments/payment")

            umf_emulator.cancel(payment.id)
            umf_emulator.settings(execute="pending")
            umf_emulator.advance(3600)


        @pytest.mark.asyncio
        async def test_ends(umf_session, umf_emulator):
            with pytest.raises(Exception, match="no payment"):
                umf_emulator.fail("PAY_AAAA")

            with pytest.raises(Exception, match="no payment"):
                umf_emulator.close("PAY_AAAA")

            with pytest.raises(Exception, match="no refund"):
                umf_emulator.end_refund("REFUND_AAAA")

            with pytest.raises(Exception, match="no enterprise"):
                umf_emulator.enable("EQ_AAAA")

            with pytest.raises(Exception, match="no payment"):
                umf_emulator.sms_code("PAY_AAAA")
        """
    )

    result.assert_outcomes(passed=2)


def test_a_shop_makes_faults(shop):
    """
    They strike, are counted, and end.
    """
    result = shop(
        """
        import pytest
        from umfpay.errors import ConfigError, GatewayBusyError


        @pytest.mark.asyncio
        async def test_faults(umf_session, umf_faults):
            umf_faults.add("error_before", path="/bank", status=503, times=0)

            with pytest.raises(GatewayBusyError):
                await umf_session.banks.list("DEBIT_CARD", deadline=1)

            assert umf_faults.hits > 0
            umf_faults.clear()
            assert await umf_session.banks.list("DEBIT_CARD")

            with pytest.raises(ConfigError):
                umf_faults.add("earthquake")
        """
    )

    result.assert_outcomes(passed=1)


def test_a_shop_makes_notifications_that_verify(shop):
    """
    The signer's bytes verify with the certificate of the emulator.
    """
    result = shop(
        """
        from umfpay.protocol import PublicKey, Verdict, Verifier, verify_notification


        def _verdict(credentials, signed):
            verifier = Verifier([PublicKey.load(credentials.gateway_certificate)])

            return verify_notification(
                signed.body,
                header_signature=signed.headers["Signature"],
                verifier=verifier,
            ).verdict


        def test_signs(umf_notification_signer, umf_credentials):
            order = dict(
                mer_reference_id="n", mer_date="20261123", total="1.00", currency="USD"
            )
            payment = umf_notification_signer.payment("PAY_A", **order)
            refund = umf_notification_signer.refund(
                "REFUND_A", parent_payment="PAY_A", **order
            )

            assert b"TRADE_SUCCESS" in payment.body
            assert _verdict(umf_credentials, payment) is Verdict.VERIFIED
            assert _verdict(umf_credentials, refund) is Verdict.VERIFIED
        """
    )

    result.assert_outcomes(passed=1)


def test_other_machines_are_out_of_reach(shop):
    """
    Of every test of the shop, unless it is marked.
    """
    result = shop(
        """
        import socket

        import pytest


        def _connect():
            with socket.socket() as one:
                one.settimeout(0.2)
                # TEST-NET-1 (RFC 5737): nobody is there.
                one.connect(("192.0.2.1", 9))


        def test_blocked():
            with pytest.raises(Exception, match="192.0.2.1"):
                _connect()


        def test_loopback():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()


        @pytest.mark.allow_hosts(["127.0.0.2"])
        def test_marked():
            with socket.create_server(("127.0.0.1", 0)) as server:
                with pytest.raises(Exception, match="127.0.0.2"):
                    socket.create_connection(server.getsockname())
        """
    )

    result.assert_outcomes(passed=3)


def _fastapi_app():
    """
    Return the source of a shop that pays with the session of the fixture.
    """
    return """
        import asyncio
        import subprocess
        import sys
        import threading
        import unittest

        import httpx
        import pytest
        from fastapi import FastAPI

        from umfpay import UMFSession


        def shop(session):
            app = FastAPI()

            @app.get("/banks")
            async def banks():
                return [one.name for one in await session.banks.list("DEBIT_CARD")]

            return app
    """


def test_tests_without_a_loop_reach_the_emulator(shop):
    """
    A synchronous client, a subprocess, a thread, several loops one after another.
    """
    result = shop(
        _fastapi_app()
        + """
        def test_plain(umf_emulator):
            answer = httpx.get(umf_emulator.origin + "/_emulator/payments", timeout=9)

            assert [] == answer.json()["payments"]


        def test_client_that_is_not_closed(umf_emulator):
            client = httpx.Client()
            url = umf_emulator.origin + "/_emulator/payments"

            assert 200 == client.get(url, timeout=9).status_code

            client.close()


        def test_subprocess(umf_emulator):
            code = (
                "import urllib.request, sys;"
                "print(urllib.request.urlopen(sys.argv[1], timeout=9).status)"
            )
            url = umf_emulator.origin + "/_emulator/payments"
            done = subprocess.run(
                [sys.executable, "-c", code, url], capture_output=True, text=True
            )

            assert "200" == done.stdout.strip()


        def test_several_loops(umf_session, umf_emulator):
            async def main():
                return await umf_session.banks.list("DEBIT_CARD")

            assert asyncio.run(main()) == asyncio.run(main())
            assert umf_emulator.requests("/bank")
            assert umf_emulator.control("GET", "/payments")["payments"] == []


        def test_a_session_that_is_not_used(umf_session, umf_faults):
            assert 0 == umf_faults.hits


        def test_a_loop_in_a_thread_that_runs_on(umf_session):
            loop = asyncio.SelectorEventLoop()
            thread = threading.Thread(target=loop.run_forever, daemon=True)
            thread.start()
            banks = asyncio.run_coroutine_threadsafe(
                umf_session.banks.list("DEBIT_CARD"), loop
            ).result(9)

            assert banks


        @pytest.mark.asyncio
        async def test_function_loop(umf_session):
            assert await umf_session.banks.list("DEBIT_CARD")


        @pytest.mark.asyncio(loop_scope="session")
        async def test_session_loop(umf_session):
            assert await umf_session.banks.list("DEBIT_CARD")


        @pytest.mark.asyncio(loop_scope="session")
        async def test_session_loop_again(umf_session, umf_emulator):
            assert await umf_session.banks.list("DEBIT_CARD")
            assert 1 == len(umf_emulator.requests("/oauth/authorize"))


        class TestIsolated(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def _use(self, umf_session, umf_emulator):
                self.session, self.emulator = umf_session, umf_emulator

            async def asyncSetUp(self):
                self.banks = await self.session.banks.list("DEBIT_CARD")

            async def test_it(self):
                assert self.banks == await self.session.banks.list("DEBIT_CARD")
                self.emulator.advance(5)


        def test_the_thread_is_one():
            names = [one.name for one in threading.enumerate()]

            assert 1 == names.count("umfpay emulator")
        """
    )

    result.assert_outcomes(passed=11)


def test_an_application_under_a_test_client_reaches_the_emulator(pytester):
    """
    FastAPI's synchronous client runs the shop in a loop of its own, for each request or
    for a whole block.
    """
    pytester.makeini(INI.replace("= error", "=\n    error\n    ignore:Using `httpx`"))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        _fastapi_app()
        + """
        from fastapi.testclient import TestClient


        def test_each_request(umf_session):
            client = TestClient(shop(umf_session))

            assert client.get("/banks").json() == client.get("/banks").json() != []


        def test_block(umf_session, umf_emulator):
            with TestClient(shop(umf_session)) as client:
                assert client.get("/banks").json() == client.get("/banks").json()
                assert 2 == len(umf_emulator.requests("/bank"))
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:sybil", timeout=110
    )

    result.assert_outcomes(passed=2)


def test_the_thread_ends_with_the_tests(pytester):
    """
    In each worker of xdist, also after a failure; the process does not wait for it.
    """
    pytester.makeini(INI)
    pytester.makeconftest(
        CONFTEST
        + """
import threading

def pytest_unconfigure(config):
    names = [one.name for one in threading.enumerate()]
    assert "umfpay emulator" not in names, names
"""
    )
    pytester.makepyfile(
        """
        import httpx
        import pytest


        @pytest.mark.parametrize("number", range(4))
        def test_sync(umf_emulator, number):
            url = umf_emulator.origin + "/_emulator/payments"

            assert 200 == httpx.get(url, timeout=9).status_code
            assert number != 3
        """
    )

    for more in ((), ("-n", "2")):
        result = pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:sybil", *more, timeout=110
        )

        result.assert_outcomes(passed=3, failed=1)


def test_signed_answers_verify_in_doubles_of_httpx(shop):
    """
    With respx and MockTransport, good answers and refusals, wherever they are signed.
    """
    result = shop(
        """
        import httpx
        import pytest
        import respx

        from umfpay import Config, UMFSession
        from umfpay.errors import CardError, SignatureError
        from umfpay.protocol import PrivateKey
        from umfpay.testing import signed_answer


        ID = "PAY_AAAA"


        @pytest.fixture
        def config(umf_credentials):
            return Config(
                client_id=umf_credentials.client_id,
                client_secret=umf_credentials.client_secret,
                merchant_key=umf_credentials.merchant_key,
                gateway_certificate=umf_credentials.gateway_certificate,
                base_url="https://gateway.example/",
                token_store="memory",
            )


        def gateway(answer):
            def handle(request):
                if request.url.path == "/oauth/authorize":
                    return httpx.Response(
                        200, json={"access_token": "t", "expires_in": 3600}
                    )

                return answer

            return httpx.MockTransport(handle)


        @pytest.mark.asyncio
        @pytest.mark.parametrize("place", ["meta", "header", "both"])
        async def test_mock_transport(config, umf_credentials, place):
            answer = signed_answer(
                {"payment": {"id": ID, "state": "TRADE_SUCCESS"}},
                umf_credentials,
                place=place,
            )

            async with UMFSession(config, transport=gateway(answer)) as session:
                assert "TRADE_SUCCESS" == (await session.payments.get(ID)).state


        @pytest.mark.asyncio
        async def test_refusal(config, umf_credentials):
            answer = signed_answer(
                {}, umf_credentials.gateway_key, ret_code="00060730", status_code=400
            )

            async with UMFSession(config, transport=gateway(answer)) as session:
                with pytest.raises(CardError) as caught:
                    await session.payments.get(ID)

            assert caught.value.verified
            assert "balance too low" == caught.value.ret_msg


        @pytest.mark.asyncio
        async def test_another_key_is_forged(config):
            answer = signed_answer({"payment": {"id": ID}}, PrivateKey.generate(1024))

            async with UMFSession(config, transport=gateway(answer)) as session:
                with pytest.raises(SignatureError):
                    await session.payments.get(ID)


        @pytest.mark.asyncio
        async def test_respx(config, umf_credentials):
            with respx.mock(base_url=config.base_url) as wire:
                wire.post("/oauth/authorize").respond(
                    json={"access_token": "t", "expires_in": 3600}
                )
                route = wire.get("/payments/payment/PAY_AAAA").mock(
                    return_value=signed_answer({"payment": {"id": ID}}, umf_credentials)
                )

                transport = httpx.AsyncHTTPTransport()

                async with UMFSession(config, transport=transport) as session:
                    assert ID == (await session.payments.get(ID)).id

                assert route.called
        """
    )

    result.assert_outcomes(passed=6)
