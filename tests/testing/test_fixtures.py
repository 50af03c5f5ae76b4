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
            "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:sybil", timeout=60
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
