"""
Card payments: the SMS code, the money, and only once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.emulator.merchant import PAY


def test_a_card_is_paid_with_the_code_that_was_sent(shop):
    """
    verify gives links and no payment; execute gives the payment and no card data.
    """
    key = shop.created()
    verified = shop.post(f"{PAY}/{key}/verify", shop.payer())

    assert {"meta", "links"} == verified.json.keys()
    assert ["self", "confirm"] == [one["ref"] for one in verified.json["links"]]

    code = shop.control("GET", f"/payments/{key}/sms_code")["sms_code"]
    reply = shop.post(f"{PAY}/{key}/execute", shop.payer(code=code))
    payment = reply.json["payment"]

    assert "TRADE_SUCCESS" == payment["state"] == shop.state(key)
    assert "20261123" == payment["settle_date"] == payment["execute_success_time"]
    assert ["self", "refund"] == [one["ref"] for one in reply.json["links"]]
    assert {
        "payer_agreement": {
            "usr_busi_agreement_id": "",
            "last_four_cardid": "5678",
            "gate_id": "B001",
            "usr_pay_agreement_id": "",
        }
    } == payment["payer"]["payer_info"]
    assert "692.07" == payment["order"]["amount"]["total_cny"]


def test_the_code_may_stand_in_payer_info(shop):
    """
    The object page has it there.
    """
    key = shop.created()
    body = shop.payer()
    body["payer"]["payer_info"]["verify_code"] = shop.sms(key)

    assert "0000" == shop.post(f"{PAY}/{key}/execute", body).code


@pytest.mark.parametrize("code", [None, "", "12345", "0000000"])
def test_a_wrong_code_is_refused(shop, code):
    """
    And a code that was never sent.
    """
    key = shop.created()

    assert "00200005" == shop.post(f"{PAY}/{key}/execute", shop.payer(code="1")).code

    shop.sms(key)

    assert "00200005" == shop.post(f"{PAY}/{key}/execute", shop.payer(code=code)).code
    assert "WAIT_BUYER_PAY" == shop.state(key)


def test_codes_are_sent_once_a_minute_and_five_times(shop):
    """
    A new code replaces the old one.
    """
    key = shop.created()
    path = f"{PAY}/{key}/verify"
    codes = {shop.sms(key)}

    assert "00080706" == shop.post(path, shop.payer()).code

    for _ in range(4):
        shop.forward(61)
        codes.add(shop.sms(key))

    shop.forward(61)

    assert "00080707" == shop.post(path, shop.payer()).code
    assert len(codes) > 1

    last = shop.control("GET", f"/payments/{key}/sms_code")["sms_code"]

    assert "0000" == shop.post(f"{PAY}/{key}/execute", shop.payer(code=last)).code


def test_a_payment_is_executed_once(shop):
    """
    However many ask at the same time.
    """
    key = shop.created()
    body = shop.payer(code=shop.sms(key))

    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda _: shop.post(f"{PAY}/{key}/execute", body), range(8))
        )

    assert ["0000"] + 7 * ["00060763"] == sorted(one.code for one in replies)

    timeline = shop.control("GET", f"/payments/{key}")["payment"]["timeline"]

    assert ["WAIT_BUYER_PAY", "TRADE_SUCCESS"] == [state for _, state in timeline]


def test_a_closed_payment_takes_no_money(shop):
    """
    Neither one that failed.
    """
    failed, closed = shop.created(), shop.created(reference="ref-2")
    shop.control("POST", f"/payments/{failed}/fail")
    shop.control("POST", f"/payments/{closed}/close")

    assert "00060763" == shop.post(f"{PAY}/{failed}/verify", shop.payer()).code
    assert "00060762" == shop.post(f"{PAY}/{closed}/execute", shop.payer()).code


def test_only_cards_are_verified_and_executed(shop):
    """
    A QR payment has no SMS code.
    """
    key = shop.created("WECHAT_SCAN")

    assert "00060700" == shop.post(f"{PAY}/{key}/verify", shop.payer()).code
    assert "00060700" == shop.post(f"{PAY}/{key}/execute", shop.payer()).code


def test_the_money_may_take_time(shop, until):
    """
    TRADE_PENDING first, then the result by itself.
    """
    shop.settings(execute="pending", settle_after=5)
    key = shop.created()

    assert "TRADE_PENDING" == shop.execute(key).json["payment"]["state"]
    assert "00060761" == shop.post(f"{PAY}/{key}/execute", shop.payer()).code

    shop.forward(6)
    until(lambda: shop.state(key) == "TRADE_SUCCESS")


def test_the_code_is_for_the_card_it_was_sent_for(shop):
    """
    Another card needs another code.
    """
    key = shop.created()
    body = shop.payer(code=shop.sms(key), number=shop.keys.seal("4392260099999999"))

    assert "00200025" == shop.post(f"{PAY}/{key}/execute", body).code


def test_a_stored_agreement_stands_for_the_card(shop):
    """
    Then the code can only stand in payer_info; the answer names the agreement.
    """
    key = shop.created()
    info = {
        "payer_agreement": {
            "usr_busi_agreement_id": "b-1",
            "usr_pay_agreement_id": "p-1",
        }
    }

    assert "0000" == shop.post(f"{PAY}/{key}/verify", shop.payer(info=info)).code

    code = shop.control("GET", f"/payments/{key}/sms_code")["sms_code"]
    reply = shop.post(
        f"{PAY}/{key}/execute", shop.payer(info={**info, "verify_code": code})
    )
    shown = reply.json["payment"]["payer"]["payer_info"]["payer_agreement"]

    assert ("b-1", "p-1") == (
        shown["usr_busi_agreement_id"],
        shown["usr_pay_agreement_id"],
    )


def test_a_b2b_payment_needs_its_papers_within_a_day(shop, until):
    """
    Approved, it stays; otherwise it is cancelled after 24 hours.
    """
    payer = {
        "business_type": "B2B",
        "interface_type": "DIRECT_TO_BANK",
        "payment_method": "NOT_APPLICABLE",
    }
    kept = shop.paid(payer=payer)
    lost = shop.paid(reference="ref-2", payer=payer)

    assert shop.control("POST", f"/payments/{kept}/approve_papers")["payment"]

    shop.forward(24 * 3600 - 60)

    assert (
        "TRADE_SUCCESS" == shop.control("GET", f"/payments/{lost}")["payment"]["state"]
    )

    shop.forward(120)

    assert "TRADE_CANCEL" == shop.state(lost)
    assert "TRADE_SUCCESS" == shop.state(kept)
    assert 409 == shop.control("POST", f"/payments/{lost}/approve_papers").status


def test_a_balance_that_is_too_low_shows_when_the_money_is_taken(shop):
    """
    The SMS code is sent all the same, and another card may pay later.
    """
    key = shop.created()
    body = shop.payer(number=shop.keys.seal("4392260012340730"))

    assert "0000" == shop.post(f"{PAY}/{key}/verify", body).code

    code = shop.control("GET", f"/payments/{key}/sms_code")["sms_code"]
    body["payer"]["payer_info"]["verify_code"] = code

    assert "00060730" == shop.post(f"{PAY}/{key}/execute", body).code
    assert "WAIT_BUYER_PAY" == shop.state(key)
