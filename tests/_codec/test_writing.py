"""
From our objects to the bytes that are sent.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guide_orders import card_payer, guide_payment
from umfpay import Private, Sealed, Secret, models
from umfpay._codec import EncodeOptions, PayerBody, encode
from umfpay.errors import ConfigError
from umfpay.models import (
    BankCard,
    ExpressInfo,
    Money,
    NewCustomsDeclaration,
    NewEnterprise,
    NewItem,
    NewPayer,
    NewPayerInfo,
    NewRefund,
    NewStandaloneDeclaration,
    Parcel,
    PayerAgreement,
    PaymentState,
    Received,
    RefundSubOrder,
    RiskInfo,
    WeChatInAppWeb,
)


# The guide's section 2.2, as printed.
GUIDE = """
{
  "payer": {
    "payment_method": "CREDIT_CARD",
    "bank_code": "CCB",
    "payer_info": {
      "bankCard": {
        "phone": "15210838198"
      }
    }
  },
  "order": {
    "mer_reference_id": "20170411543977",
    "mer_date": "20170410",
    "amount": {
      "total": "100.02",
      "currency": "USD"
    },
    "order_summary": "maimaimai",
    "expire_time ": "360",
    "sub_orders": [
      {
        "mer_sub_reference_id": "04115439771",
        "amount": {
          "total": "50.02",
          "currency": "USD"
        },
        "trans_code": "01121990",
        "sub_trans_type": "1",
        "is_customs": "TRUE",
        "items": [
          {
            "mer_item_id": "041154397711",
            "type": "FOOD",
            "name": "yifu1",
            "description": "yifu1",
            "item_quantity": "2",
            "amount": {
              "total": "30.02",
              "currency": "USD"
            }
          },
          {
            "mer_item_id": "041154397712",
            "type": "ELECTRONIC",
            "name": "yifu2",
            "description": "yifu2",
            "item_quantity": "3",
            "amount": {
              "total": "20.00",
              "currency": "USD"
            }
          }
        ]
      },
      {
        "mer_sub_reference_id": "04115439772",
        "amount": {
          "total": "50.00",
          "currency": "USD"
        },
        "trans_code": "03223010",
        "sub_trans_type": "3"
      }
    ]
  },
  "notify_url": "http://10.10.81.127:8080/spay_rest/payments/test/mer",
  "risk_info": {
    "trans_type": "02",
    "goods_type": "1",
    "real_name": "0",
    "business_type": "Y"
  }
}
"""
RECOMMENDED = {
    "bankCard": "bank_card",
    "expire_time ": "expire_time",
    "item_quantity": "quantity",
}
CANARY = "6217000010045997833"

SENT = [
    cls
    for cls in vars(models).values()
    if attrs.has(cls) and not issubclass(cls, Received)
]
SEALED = [
    (cls, field.name)
    for cls in SENT
    for field in attrs.fields(cls)
    if field.metadata.get("hidden") is Secret
]
PRIVATE = [
    (cls, field.name)
    for cls in SENT
    for field in attrs.fields(cls)
    if field.metadata.get("hidden") is Private
]
NEEDED = {
    PayerAgreement: {"usr_busi_agreement_id": "a", "usr_pay_agreement_id": "b"},
    WeChatInAppWeb: {"open_id": "o"},
    NewEnterprise: {"external_enterprise_id": "e", "busi_type": "SJHG"},
    NewStandaloneDeclaration: {
        "mer_reference_id": "o1",
        "order_amount": Money(1, "USD"),
        "customs_id": "HZ",
        "mer_customs_code": "c",
        "mer_pay_date": date(2017, 4, 10),
    },
}


@pytest.fixture(name="written")
def _written(seal):
    """
    Return a body as it is sent, read by the standard library.
    """

    def written(body, **options):
        return json.loads(encode(body, seal=seal, options=EncodeOptions(**options)))

    return written


def refund(**changes):
    members = {
        "mer_reference_id": "r1",
        "mer_date": date(2017, 4, 11),
        "amount": Money("20.00", "USD"),
        "refund_summary": "yifu2",
    }

    return NewRefund(**{**members, **changes})


def renamed(value):
    if isinstance(value, dict):
        return {RECOMMENDED.get(k, k): renamed(one) for k, one in value.items()}

    return [renamed(one) for one in value] if isinstance(value, list) else value


def test_the_guide_s_order_on_the_wire(written):
    """
    Member by member what the guide prints, by the recommended names.
    """
    expected = renamed(json.loads(GUIDE))
    # The oldest sample leaves these out (gateway.md 7.4).
    expected["payer"] |= {
        "interface_type": "SERVER_TO_SERVER",
        "business_type": "B2C",
    }

    assert expected == written(guide_payment(expected["notify_url"]))


def test_the_bytes(seal):
    """
    Compact UTF-8; slashes and Chinese letters as they are.
    """
    body = {"a": "中/文", "b": [1, None], "c": Decimal("1.50")}

    assert '{"a":"中/文","b":[1,null],"c":"1.50"}'.encode() == encode(body, seal=seal)


def test_there_is_something_to_seal():
    """
    The parametrised tests below look at every class that is sent.
    """
    assert 13 == len(SEALED)
    assert 15 <= len(PRIVATE)


@pytest.mark.parametrize(("cls", "member"), SEALED)
def test_every_secret_is_sealed(seal, opened, cls, member):
    """
    The gateway, and nobody else, reads it in its place (gateway.md 4).
    """
    body = cls(**NEEDED.get(cls, {}), **{member: CANARY})
    data = encode(body, seal=seal)
    found = json.loads(data)

    assert CANARY.encode() not in data
    assert CANARY == opened(found[member])


@pytest.mark.parametrize(("cls", "member"), PRIVATE)
def test_hidden_text_is_sent_clear(written, cls, member):
    """
    Phones, codes and addresses are hidden from logs only.
    """
    found = written(cls(**NEEDED.get(cls, {}), **{member: CANARY}))
    found = found.get("enterprise_qualification", found)

    assert CANARY == found[member]


def test_the_caller_s_object_is_unchanged(seal, opened):
    """
    Sent twice, it is sealed twice from the same clear text (gateway.md, trap 38).
    """
    payer = card_payer("123456")
    before = repr(payer)
    first, second = (
        json.loads(encode(PayerBody(payer=payer), seal=seal))["payer"]["payer_info"][
            "bank_card"
        ]
        for _ in range(2)
    )

    assert before == repr(payer)
    assert first["number"] != second["number"]
    assert "6227000000000005" == opened(first["number"]) == opened(second["number"])
    assert "张三" == opened(first["payer_name"])
    assert "123456" == first["verify_code"]


def test_sealed_values_pass(written):
    """
    What was sealed before is sent as it is.
    """
    assert {"number": "abc="} == written(BankCard(number=Sealed("abc=")))


def test_only_the_sealer_sees_a_secret():
    """
    A sealer that fails stops the call; nothing is written.
    """

    def broken(secret):
        raise ConfigError("too long", "太长")

    with pytest.raises(ConfigError, match="too long"):
        encode(BankCard(number=CANARY), seal=broken)


def test_raw_bodies(written, opened):
    """
    `session.request` takes dicts with our kinds in them.
    """
    body = OrderedDict(
        total=Decimal("1E+2"),
        rate=Decimal("6.9800"),
        day=date(2017, 4, 10),
        at=datetime(2017, 4, 10, 1, 2, 3, tzinfo=UTC),
        span=timedelta(minutes=6),
        number=Secret(CANARY),
        nothing=Secret(""),
        phone=Private("152"),
        sealed=Sealed("abc="),
        state=PaymentState.TRADE_FAIL,
        new_state=PaymentState("NEW"),
        money=Money("5", "JPY"),
        count=10**30,
        flag=True,
        missing=None,
        parts=({"x": Decimal("0.10")}, [None]),
        item=NewItem(mer_item_id="1", type="FOOD", amount=Money(1, "USD")),
    )
    found = written(body)

    assert CANARY == opened(found.pop("number"))
    assert found == {
        "total": "100",
        "rate": "6.9800",
        "day": "20170410",
        "at": "2017-04-10T01:02:03+00:00",
        "span": "6",
        "nothing": "",
        "phone": "152",
        "sealed": "abc=",
        "state": "TRADE_FAIL",
        "new_state": "NEW",
        "money": {"total": "5", "currency": "JPY"},
        "count": 10**30,
        "flag": True,
        "parts": [{"x": "0.10"}, [None]],
        "item": {
            "mer_item_id": "1",
            "type": "FOOD",
            "amount": {"total": "1.00", "currency": "USD"},
            "quantity": "1",
        },
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, "float"),
        (float("nan"), "float"),
        ({1.5}, "set"),
        (b"x", "bytes"),
        (bytearray(b"x"), "bytearray"),
        (Decimal("NaN"), "Decimal"),
        (Decimal("Infinity"), "Decimal"),
        (Decimal("1E+999999999"), "Decimal"),
        (Decimal("0E-999999999"), "Decimal"),
        pytest.param(10**5000, "int", id="long int"),
        ("\ud800", "str"),
        ({5: "x"}, "dict"),
        ({"\ud800": "x"}, "str"),
        (MappingProxyType({"a": 1.5}), "float"),
        (object(), "object"),
        (1j, "complex"),
    ],
)
def test_other_kinds_are_refused_anywhere(seal, value, kind):
    """
    Floats above all: the error names the kind, not the value.
    """
    for body in (value, {"a": value}, {"a": [{"b": (value,)}]}):
        with pytest.raises(ConfigError, match=f"holds a {kind} that cannot be sent"):
            encode(body, seal=seal)


@pytest.mark.parametrize("holder", [dict, list])
def test_a_body_that_holds_itself_is_refused(seal, holder):
    """
    The error leads to none of the thousand frames that hold it.
    """
    body = {"number": CANARY}
    body["a"] = body if holder is dict else [body]

    with pytest.raises(ConfigError, match="holds itself") as caught:
        encode(body, seal=seal)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_text_that_utf_8_cannot_write_is_refused_in_models(seal):
    """
    Half of a surrogate pair in an order is told before anything is sent.
    """
    with pytest.raises(ConfigError, match="holds a str"):
        encode(RiskInfo(user_id="\ud800"), seal=seal)


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.decimals()
        | st.floats()
        | st.binary()
        | st.dates(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
        ),
        max_leaves=8,
    )
)
def test_a_body_is_written_or_refused(value):
    """
    Whatever the caller gives; what is written is JSON without floats.
    """

    def seal(secret):
        raise AssertionError("there is nothing to seal")

    try:
        data = encode(value, seal=seal)
    except ConfigError:
        return

    def no_float(text):
        raise AssertionError(text)

    json.loads(data, parse_float=no_float, parse_constant=no_float)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("refund_info", {"refund_info": {"refund_summary": "yifu2"}}),
        ("order", {"order": {"order_summary": "yifu2"}}),
        (
            "orders",
            {
                "org_amount": {"total": "20.00", "currency": "USD"},
                "orders": [{"order_summary": "yifu2"}],
            },
        ),
    ],
)
def test_shapes_of_a_refund(written, shape, expected):
    """
    Three documented bodies; notify_url stands outside of each (gateway.md 5.7).
    """
    order = {
        "mer_reference_id": "r1",
        "mer_date": "20170411",
        "amount": {"total": "20.00", "currency": "USD"},
        "sub_orders": [
            {
                "mer_sub_reference_id": "s1",
                "trans_code": "01121990",
                "amount": {"total": "20.00", "currency": "USD"},
            }
        ],
    }
    inner = expected[shape][0] if shape == "orders" else expected[shape]
    inner.update(order)
    part = RefundSubOrder(
        mer_sub_reference_id="s1", trans_code="01121990", amount=Money(20, "USD")
    )
    url = "https://example.com/n"

    assert {**expected, "notify_url": url} == written(
        refund(sub_orders=[part], notify_url=url), refund_body=shape
    )


@pytest.mark.parametrize("shape", ["refund_info", "order", "orders"])
def test_a_refund_without_extras(written, shape):
    """
    Nothing is sent for what was not given.
    """
    found = written(refund(refund_summary=None), refund_body=shape)
    inner = found[shape][0] if shape == "orders" else found[shape]

    assert {"mer_reference_id", "mer_date", "amount"} == set(inner)
    assert "notify_url" not in found


def test_names_of_risk_info(written):
    """
    Those of the reference, or of the official SDK (gateway.md, trap 14).
    """
    members = {
        field.name: str(index) for index, field in enumerate(attrs.fields(RiskInfo))
    }
    sdk = {
        "receiver_address": "shipping_address",
        "registration_identify_code": "identify_card_number",
        "device_id": "device_identification",
        "user_id": "user_ip",
    }
    risk = RiskInfo(**members)

    assert members == written(risk)
    assert {sdk.get(name, name): text for name, text in members.items()} == written(
        risk, risk_names="sdk"
    )


def test_names_of_quantity(written):
    """
    The recommended one, or both (gateway.md, trap 12).
    """
    item = NewItem(mer_item_id="1", type="FOOD", amount=Money(1, "USD"), quantity=3)

    assert "item_quantity" not in written(item)
    assert "3" == written(item)["quantity"]
    assert "3" == written(item, quantity_names="both")["item_quantity"]


@pytest.mark.parametrize(
    ("given", "sent"), [(True, "TRUE"), (False, "FALSE"), (None, None)]
)
def test_customs_flag(written, given, sent):
    """
    As text, or not at all (gateway.md, trap 23).
    """
    sub_order = models.NewSubOrder(
        mer_sub_reference_id="s1",
        amount=Money(1, "USD"),
        trans_code="03223010",
        is_customs=given,
    )

    assert sent == written(sub_order).get("is_customs")
    assert "items" not in written(sub_order)


def test_a_declaration(written):
    """
    The sub order is an object of its own (gateway.md 5.9).
    """
    declaration = NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="m1",
        mer_sub_reference_id="s1",
        mer_item_ids=["1", "2"],
        sub_order_amount=Money("50.02", "USD"),
        freight_amount=Money(0, "USD"),
        ec_plat_id="p1",
        notify_url="https://example.com/n",
    )
    expected = {
        "customs_id": "HZ",
        "mer_customs_code": "m1",
        "sub_order": {
            "mer_sub_reference_id": "s1",
            "items": [{"mer_item_id": "1"}, {"mer_item_id": "2"}],
        },
        "sub_order_amount": {"total": "50.02", "currency": "USD"},
        "freight_amount": {"total": "0.00", "currency": "USD"},
        "ec_plat_id": "p1",
        "notify_url": "https://example.com/n",
    }

    assert expected == written(declaration)
    assert {"mer_sub_reference_id": "s1"} == (
        written(attrs.evolve(declaration, mer_item_ids=()))["sub_order"]
    )


def test_a_declaration_of_a_payment_made_elsewhere(written, opened):
    """
    Fees are plain amounts, name and number are sealed (gateway.md 5.21).
    """
    found = written(
        NewStandaloneDeclaration(
            **NEEDED[NewStandaloneDeclaration],
            name="张三",
            citizen_id_number="11",
            phone="152",
            freight_amount=Money("1.5", "USD"),
            goods_info="a*1;",
        )
    )

    assert "张三" == opened(found.pop("name"))
    assert "11" == opened(found.pop("citizen_id_number"))
    assert found == {
        "mer_reference_id": "o1",
        "order_amount": {"total": "1.00", "currency": "USD"},
        "customs_id": "HZ",
        "mer_customs_code": "c",
        "mer_pay_date": "20170410",
        "mer_pay_time": "000000",
        "citizen_id_type": "IDENTITY_CARD",
        "phone": "152",
        "freight_amount": "1.50",
        "goods_info": "a*1;",
    }


def test_a_company_is_wrapped_when_it_is_the_body(written):
    """
    As the payer of a payment it is a member (gateway.md 5.17, 5.19).
    """
    company = NewEnterprise(
        external_enterprise_id="e1", busi_type="SJHG", enterprise_contacts="李四"
    )
    expected = {
        "external_enterprise_id": "e1",
        "busi_type": "SJHG",
        "enterprise_contacts": "李四",
    }
    payer = NewPayer(payment_method="NOT_APPLICABLE", enterprise_qualification=company)

    assert {"enterprise_qualification": expected} == written(company)
    assert expected == written(payer)["enterprise_qualification"]


def test_parcels(written):
    """
    Inside an order (gateway.md 5.21).
    """
    parcel = Parcel(mer_sub_reference_id="s1", tracking_number="SF 123")

    assert {
        "order": {
            "sub_orders": [{"mer_sub_reference_id": "s1", "tracking_number": "SF 123"}]
        }
    } == written(ExpressInfo(sub_orders=[parcel]))


def test_the_body_of_verify_and_execute(written):
    """
    A payer, with an agreement in place of card data (gateway.md 5.5).
    """
    info = NewPayerInfo(
        payer_agreement=PayerAgreement(
            usr_busi_agreement_id="a", usr_pay_agreement_id="b", valid_date="3012"
        ),
        verify_code="123456",
    )
    payer = NewPayer(payment_method="CREDIT_CARD", payer_info=info)

    assert {
        "payer_agreement": {
            "usr_busi_agreement_id": "a",
            "usr_pay_agreement_id": "b",
            "valid_date": "3012",
        },
        "verify_code": "123456",
    } == written(PayerBody(payer=payer))["payer"]["payer_info"]


def test_no_sent_object_shows_a_secret():
    """
    Neither the parts nor the wholes, in any depth.
    """
    payer = card_payer(CANARY)
    body = PayerBody(payer=payer)

    for shown in (repr(body), str(payer), f"{payer.payer_info}"):
        assert CANARY not in shown
        assert "6227000000000005" not in shown
        assert "张三" not in shown
