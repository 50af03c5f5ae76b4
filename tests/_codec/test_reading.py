"""
From JSON values to what we read: lenient, and nothing is lost.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from umfpay import Private
from umfpay._codec import structure
from umfpay.errors import EnvelopeError
from umfpay.models import (
    Amount,
    Bank,
    BankType,
    CitizenIdType,
    Currency,
    CustomsDeclaration,
    CustomsState,
    EnterpriseQualification,
    ExchangeRate,
    Item,
    ItemType,
    Link,
    LinkRef,
    Order,
    Pagination,
    PayerInfo,
    PayInfo,
    Payment,
    PaymentState,
    PaymentSummary,
    ReceivedAgreement,
    ReceivedCard,
    ReceivedQRCode,
    ReceivedRiskInfo,
    ReceivedWeChat,
    Refund,
    RefundSummary,
    SubOrder,
)


@pytest.mark.parametrize(
    ("cls", "member", "variant"),
    [
        (Amount, "currency", "Currency"),
        (Amount, "total", "cb_amount"),
        (Amount, "total_cny", "cny_amount"),
        (ExchangeRate, "currency", "Currency"),
        (Bank, "types", "type"),
        (Link, "ref", "rel"),
        (ReceivedCard, "payer_name", "card_holder"),
        (ReceivedCard, "external_customer_id", "mer_cust_id"),
        (ReceivedAgreement, "usr_busi_agreement_id", "busi_agreement_id"),
        (ReceivedAgreement, "usr_pay_agreement_id", "agreement_id"),
        (ReceivedAgreement, "last_four_cardid", "last_four_cardId"),
        (PayInfo, "app_id", "appId"),
        (PayInfo, "time_stamp", "timeStamp"),
        (PayInfo, "nonce_str", "nonceStr"),
        (PayInfo, "sign_type", "signType"),
        (PayInfo, "pay_sign", "paySign"),
        (ReceivedQRCode, "qr_code_url", "bank_payurl"),
        (EnterpriseQualification, "enterprise_contacts", "enterprise_contact"),
        (Item, "quantity", "item_quantity"),
        (ReceivedRiskInfo, "receiver_address", "shipping_address"),
        (ReceivedRiskInfo, "registration_identify_code", "identify_card_number"),
        (ReceivedRiskInfo, "device_id", "device_identification"),
        (ReceivedRiskInfo, "user_id", "user_ip"),
    ],
)
@pytest.mark.parametrize("blanks", ["{}", "{} ", " {}"])
def test_other_names_of_scalars(cls, member, variant, blanks):
    """
    Each name of gateway.md 6 and 11 means one member; blanks are cut (gateway.md, trap 5).
    """
    expected = structure({member: "7"}, cls)

    assert getattr(expected, member)
    assert expected == structure({blanks.format(member): "7"}, cls)
    assert expected == structure({blanks.format(variant): "7"}, cls)


@pytest.mark.parametrize(
    ("cls", "member", "variants"),
    [
        (PayerInfo, "bank_card", ["bankCard"]),
        (PayerInfo, "payer_agreement", ["payerAgreement"]),
        (PayerInfo, "qr_code_scan", ["wechat_qr_code", "ali_qr_scan"]),
        (PayerInfo, "wechat_H5", ["wechat_h5"]),
        (ReceivedWeChat, "pay_info", ["payInfo"]),
        (Refund, "order", ["refund_info"]),
    ],
)
def test_other_names_of_objects(cls, member, variants):
    """
    The same for members that are objects.
    """
    inner = {"x": "1"}

    for name in (member, *variants):
        found = structure({"id": "REFUND_A", name: inner}, cls)

        assert {"x": "1"} == getattr(found, member).extra


def test_the_recommended_name_wins():
    """
    Whichever comes first; the other spelling is kept.
    """
    for given in (
        {"quantity": "2", "item_quantity": "3"},
        {"item_quantity": "3", "quantity": "2"},
    ):
        item = structure(given, Item)

        assert Decimal(2) == item.quantity
        assert {"item_quantity": "3"} == item.extra


def test_an_empty_recommended_name_leaves_the_place_to_another():
    """
    Absent values come as empty text (gateway.md, trap 40).
    """
    assert (
        Decimal(3) == structure({"quantity": "", "item_quantity": "3"}, Item).quantity
    )


@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_empty_text_reads_as_none(nothing):
    """
    For every kind of member.
    """
    members = {
        "id": "PAY_A",
        "state": nothing,
        "payer": nothing,
        "settle_date": nothing,
        "execute_success_time": nothing,
        "notify_url": nothing,
        "links": nothing,
        "verified": nothing,
    }

    assert Payment(id="PAY_A") == structure(members, Payment)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("6.9800", "6.9800"),
        (Decimal("6.9800"), "6.9800"),
        (69037, "69037"),
        ("69037", "69037"),
        (" 49.41 ", "49.41"),
        ("-1.5e+3", "-1.5E+3"),
        ("+5", "5"),
    ],
)
def test_numbers_keep_their_digits(given, text):
    """
    As text or as JSON numbers (gateway.md, trap 15).
    """
    assert text == str(structure({"total": given}, Amount).total)


@pytest.mark.parametrize(
    "given",
    ["1,000", "1_000", "١", "NaN", "inf", "1e200", "9" * 65, True, [], {}, "0x1", "."],
)
def test_what_is_no_number_is_a_misfit(given):
    """
    The error names the place and the kinds, not the value.
    """
    with pytest.raises(EnvelopeError, match=r"total is \w+, wanted is a number"):
        structure({"total": given}, Amount)


def test_infinite_decimals_are_no_numbers():
    """
    JSON has none; a caller may.
    """
    with pytest.raises(EnvelopeError, match="a number"):
        structure({"total": Decimal("NaN")}, Amount)


def test_whole_numbers():
    """
    Counts come as numbers or text; a fraction is no count.
    """
    page = structure({"total_count": "3", "page_number": 1}, Pagination)

    assert (3, 1, None) == (page.total_count, page.page_number, page.page_size)

    with pytest.raises(EnvelopeError, match="page_size is str, wanted is a whole"):
        structure({"page_size": "1.5"}, Pagination)


@pytest.mark.parametrize("given", [True, "TRUE", "true", "Y", "1", " True "])
def test_yes(given):
    """
    Customs flags come in many forms (gateway.md, trap 23).
    """
    assert structure({"is_customs": given}, SubOrder).is_customs is True


@pytest.mark.parametrize("given", [False, "FALSE", "false", "N", "0"])
def test_no(given):
    """
    The same for no.
    """
    assert structure({"is_customs": given}, SubOrder).is_customs is False


@pytest.mark.parametrize("given", ["perhaps", 1, []])
def test_neither_yes_nor_no(given):
    """
    Anything else is a misfit.
    """
    with pytest.raises(EnvelopeError, match=r"is_customs is .*true or false"):
        structure({"is_customs": given}, SubOrder)


@pytest.mark.parametrize("given", ["20170424", "2017-04-24", 20170424, " 20170424 "])
def test_dates(given):
    """
    With and without dashes, as text or number.
    """
    assert date(2017, 4, 24) == structure({"mer_date": given}, Order).mer_date


@pytest.mark.parametrize("given", ["2017/04/24", "20171324", "00000000", "soon"])
def test_odd_dates_are_kept(given):
    """
    A form that nobody documented does not lose the rest of the answer.
    """
    order = structure({"mer_date": given, "user_ip": "::1"}, Order)

    assert order.mer_date is None
    assert {"mer_date": given} == order.extra
    assert "::1" == order.user_ip


def test_an_odd_date_keeps_its_place():
    """
    Another spelling of the member stays where it was.
    """
    given = {"mer_date ": "20170424", "mer_date": "soon"}
    order = structure(given, Order)

    assert order.mer_date is None
    assert given == order.extra


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("20170424", date(2017, 4, 24)),
        (
            "2017-04-24T10:11:12+08:00",
            datetime(2017, 4, 24, 10, 11, 12, tzinfo=timezone(timedelta(hours=8))),
        ),
        ("2017-04-24T10:11:12Z", datetime(2017, 4, 24, 10, 11, 12, tzinfo=UTC)),
        ("2017-04-24 10:11:12", datetime(2017, 4, 24, 10, 11, 12)),
    ],
)
def test_moments(given, expected):
    """
    A date in answers, ISO 8601 in lists (gateway.md, trap 21).
    """
    found = structure({"execute_success_time": given}, PaymentSummary)

    assert expected == found.execute_success_time
    assert type(expected) is type(found.execute_success_time)


def test_an_odd_moment_is_kept():
    """
    As an odd date is.
    """
    found = structure({"execute_success_time": "noon"}, RefundSummary)

    assert {"execute_success_time": "noon"} == found.extra


def test_words():
    """
    Known, other spellings, unknown, and with blanks around (gateway.md, trap 5).
    """
    assert structure({"type": " ELECTRONIC"}, Item).type is ItemType.ELECTRONIC
    assert structure({"type": "ELECTRONICS"}, Item).type is ItemType.ELECTRONIC
    assert structure({"ref": "weChat"}, Link).ref is LinkRef.WECHAT
    card = structure({"citizen_id_type": "1"}, ReceivedCard)
    assert card.citizen_id_type is CitizenIdType.IDENTITY_CARD
    declaration = structure({"state": "SUBMITED"}, CustomsDeclaration)
    assert declaration.state is CustomsState.SUBMITTED
    payment = structure({"id": "PAY_A", "state": "TRADE_PARKED"}, Payment)

    assert PaymentState("TRADE_PARKED") == payment.state


def test_private_text():
    """
    Phones are hidden, also when they come as numbers.
    """
    found = structure({"phone_number": 15210838198}, PaymentSummary)

    assert Private("15210838198") == found.phone_number


def test_numbers_where_text_is_wanted():
    """
    Their text is taken; truth values are not text.
    """
    assert (
        "20170411" == structure({"mer_reference_id": 20170411}, Order).mer_reference_id
    )

    with pytest.raises(EnvelopeError, match="mer_reference_id is bool, wanted is text"):
        structure({"mer_reference_id": True}, Order)


def test_unknown_members_are_kept_as_they_came():
    """
    Blanks in their names included.
    """
    given = {"new ": [1, {"a": Decimal("1.50")}], "other": None}

    assert given == structure(given, Amount).extra


@pytest.mark.parametrize(
    "given", [["CREDIT_CARD"], "CREDIT_CARD", ["", None, "CREDIT_CARD"]]
)
def test_one_stands_for_a_list_of_one(given):
    """
    Singular and plural are not used strictly (gateway.md 5).
    """
    assert (BankType.CREDIT_CARD,) == structure({"types": given}, Bank).types


@pytest.mark.parametrize(
    "given", ["6.9", Decimal("6.9"), {"rate": "6.9"}, {"rate": Decimal("6.9")}]
)
def test_a_rate_is_an_object_or_a_number(given):
    """
    An object in payments, a number in lists (gateway.md 6, amount).
    """
    amount = structure({"exchange_rate": given}, Amount)

    assert ExchangeRate(rate=Decimal("6.9")) == amount.exchange_rate


def test_pay_info_may_be_json_in_text():
    """
    An older product sent it so (gateway.md 6, pay_info).
    """
    found = structure({"pay_info": '{"appId":"wx1"}'}, ReceivedWeChat)

    assert PayInfo(app_id="wx1") == found.pay_info


@pytest.mark.parametrize("given", ["[]", "wx1", "{", "\ud800", 5])
def test_pay_info_that_is_neither(given):
    """
    Other text is a misfit.
    """
    with pytest.raises(EnvelopeError, match=r"pay_info is .*wanted is an object"):
        structure({"pay_info": given}, ReceivedWeChat)


def test_the_path_of_a_misfit():
    """
    From the outside in, without the value, in both languages.
    """
    order = {"sub_orders": [{}, {"items": [{"amount ": {"total": "canary"}}]}]}

    with pytest.raises(EnvelopeError) as caught:
        structure({"id": "PAY_A", "order": order}, Payment, at="payment")

    path = "payment.order.sub_orders[1].items[0].amount.total is str"

    assert path in caught.value.what.en
    assert path in caught.value.what.zh
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("given", [None, [], "x", 5, True])
def test_what_is_no_object(given):
    """
    It is told as such.
    """
    with pytest.raises(EnvelopeError, match=r"the object is .*, wanted is an object"):
        structure(given, Amount)


def test_a_payment_without_id_is_a_misfit():
    """
    The one member that is always there.
    """
    with pytest.raises(EnvelopeError, match="an object with an id"):
        structure({"state": "TRADE_SUCCESS"}, Payment)


def test_codes_of_banks_and_currencies():
    """
    Words of the tables are members.
    """
    assert structure({"currency": "USD"}, Amount).currency is Currency.USD
