"""
Objects that we read (gateway.md 6): `Received`, the class of all, and parts of others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from umfpay.models._enums import (
    BankType,
    BusinessType,
    CardState,
    CitizenIdType,
    Currency,
    EnterpriseBusiness,
    EnterpriseRank,
    EnterpriseStatus,
    InterfaceType,
    ItemType,
    LinkMethod,
    LinkRef,
    PaymentMethod,
)
from umfpay.sensitive import Private


def _names(extra: Mapping[str, Any]) -> str:
    """
    Show names only: nobody knows how private an unknown value is.
    """
    return f"<{', '.join(extra)}>"


def wire(*variants: str, default: Any = None) -> Any:
    """
    A member that the gateway also calls by other names.
    """
    return attrs.field(default=default, metadata={"wire": variants})


@attrs.frozen(kw_only=True, slots=False)
class Received:
    """
    An object that the gateway gave: every member may be missing.

    Attributes:
        extra: Members that this version does not know, or whose form it does not.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=_names)


@attrs.frozen(kw_only=True, slots=False)
class ExchangeRate(Received):
    """
    What one unit of *currency* costs in CNY; 4 decimals, as sent.
    """

    rate: Decimal | None = None
    currency: Currency | None = wire("Currency")


@attrs.frozen(kw_only=True, slots=False)
class Amount(Received):
    """
    Money as the gateway tells it.

    *total* is in *currency*, *total_cny* in CNY. In the answer to a refund *total* is
    in CNY cents, whatever *currency* says (gateway.md, trap 15): do not rely on it there.
    """

    total: Decimal | None = wire("cb_amount")
    currency: Currency | None = wire("Currency")
    total_cny: Decimal | None = wire("cny_amount")
    exchange_rate: ExchangeRate | None = None
    org_amount: Decimal | None = None


@attrs.frozen(kw_only=True, slots=False)
class Bank(Received):
    """
    A bank that the contract allows; *code* goes into ``bank_code``.
    """

    code: str | None = None
    name: str | None = None
    name_zh: str | None = None
    logo_url: str | None = None
    types: tuple[BankType, ...] = wire("type", default=())
    is_support: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Link(Received):
    """
    What can be done next. umfpay calls the gateway by its own paths, never by *href*.

    Only the hrefs of ``upay`` and ``weChat`` are meant to be opened, by a browser.
    """

    ref: LinkRef | None = wire("rel")
    method: LinkMethod | None = None
    href: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class ReceivedCard(Received):
    """
    The members of a card that the merchant has to collect; blank, never card data.
    """

    number: Private | None = None
    valid_date: Private | None = None
    cvv2: Private | None = None
    payer_name: Private | None = wire("card_holder")
    citizen_id_type: CitizenIdType | None = None
    citizen_id_number: Private | None = None
    phone: Private | None = None
    verify_code: Private | None = None
    external_customer_id: str | None = wire("mer_cust_id")
    state: CardState | None = None


@attrs.frozen(kw_only=True, slots=False)
class ReceivedAgreement(Received):
    """
    A stored agreement: one business id per customer, one pay id per card.
    """

    usr_busi_agreement_id: str | None = wire("busi_agreement_id")
    usr_pay_agreement_id: str | None = wire("agreement_id")
    gate_id: str | None = None
    last_four_cardid: str | None = wire("last_four_cardId")
    valid_date: Private | None = None
    cvv2: Private | None = None


@attrs.frozen(kw_only=True, slots=False)
class PayInfo(Received):
    """
    What WeChat's own SDK or page needs to let the customer pay.
    """

    app_id: str | None = wire("appId")
    time_stamp: str | None = wire("timeStamp", "timestamp")
    nonce_str: str | None = wire("nonceStr", "noncestr")
    package: str | None = None
    sign_type: str | None = wire("signType")
    pay_sign: str | None = wire("paySign")
    partner_id: str | None = wire("partnerId", "partnerid")
    prepay_id: str | None = wire("prepayId", "prepayid")

    def for_wechat_js(self) -> dict[str, str]:
        """
        Return the camelCase form that ``getBrandWCPayRequest`` takes.
        """
        members = {
            "appId": self.app_id,
            "timeStamp": self.time_stamp,
            "nonceStr": self.nonce_str,
            "package": self.package,
            "signType": self.sign_type or "MD5",
            "paySign": self.pay_sign,
        }

        return {name: value for name, value in members.items() if value is not None}

    def to_json(self) -> str:
        """
        Return `for_wechat_js()` as JSON, for a page.
        """
        return json.dumps(self.for_wechat_js())


@attrs.frozen(kw_only=True, slots=False)
class ReceivedQRCode(Received):
    """
    The QR code's content: show *qr_code_url* as a QR code.
    """

    citizen_id_type: CitizenIdType | None = None
    citizen_id_number: Private | None = None
    qr_code_url: str | None = wire("bank_payurl")


@attrs.frozen(kw_only=True, slots=False)
class ReceivedWeChat(Received):
    """
    What WeChat needs, in an app or on a page of an official account.
    """

    open_id: str | None = None
    citizen_id_type: CitizenIdType | None = None
    citizen_id_number: Private | None = None
    pay_info: PayInfo | None = wire("payInfo")
    wechat_h5_url: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class PayerInfo(Received):
    """
    What the gateway tells of the payer, by method.
    """

    phone: Private | None = None
    name: Private | None = None
    bank_card: ReceivedCard | None = wire("bankCard")
    payer_agreement: ReceivedAgreement | None = wire("payerAgreement")
    qr_code_scan: ReceivedQRCode | None = wire("wechat_qr_code", "ali_qr_scan")
    wechat_in_app: ReceivedWeChat | None = None
    wechat_in_app_web: ReceivedWeChat | None = None
    wechat_H5: ReceivedWeChat | None = wire("wechat_h5")  # noqa: N815 (the wire's)
    verify_code: Private | None = None


@attrs.frozen(kw_only=True, slots=False)
class EnterpriseQualification(Received):
    """
    A company. It may pay online only while *enterprise_status* is ENABLE.
    """

    id: str | None = None
    external_enterprise_id: str | None = None
    enterprise_name: str | None = None
    enterprise_phone: Private | None = None
    enterprise_email: Private | None = None
    enterprise_contacts: Private | None = wire("enterprise_contact")
    enterprise_status: EnterpriseStatus | None = None
    enterprise_code: str | None = None
    busi_type: EnterpriseBusiness | None = None
    rank: EnterpriseRank | None = None
    links: tuple[Link, ...] = ()
    verified: bool = True


@attrs.frozen(kw_only=True, slots=False)
class Payer(Received):
    """
    Who pays, as the gateway tells it. *bank_code* may be an internal gate id.
    """

    payment_method: PaymentMethod | None = None
    bank_code: str | None = None
    interface_type: InterfaceType | None = None
    business_type: BusinessType | None = None
    payer_info: PayerInfo | None = None
    enterprise_qualification: EnterpriseQualification | None = None
    external_customer_id: str | None = None
    sub_mer_id: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class ReceivedRiskInfo(Received):
    """
    What the merchant told about risk, echoed; names of the reference or of the SDK.
    """

    trans_type: str | None = None
    goods_type: str | None = None
    real_name: str | None = None
    business_type: str | None = None
    receiver_name: Private | None = None
    receiver_moblie_id: Private | None = None
    receiver_address: Private | None = wire("shipping_address")
    registration_identify_code: Private | None = wire("identify_card_number")
    registration_email: Private | None = None
    registration_moblie_id: Private | None = None
    device_id: str | None = wire("device_identification")
    device_type: str | None = None
    user_id: str | None = wire("user_ip")
    registration_time: str | None = None
    user_agent: str | None = None
    success_transactions_number: str | None = None
    risk_expand: str | None = None


@attrs.frozen(kw_only=True, slots=False)
class Address(Received):
    """
    Where somebody lives; the reference describes it, no other object holds it.
    """

    recipient_name: Private | None = None
    line1: Private | None = None
    line2: Private | None = None
    city: Private | None = None
    state: Private | None = None
    country_code: str | None = None
    postal_code: Private | None = None
    phone: Private | None = None


@attrs.frozen(kw_only=True, slots=False)
class Item(Received):
    """
    One kind of goods of an order.
    """

    mer_item_id: str | None = None
    type: ItemType | None = None
    name: str | None = None
    description: str | None = None
    quantity: Decimal | None = wire("item_quantity")
    amount: Amount | None = None


@attrs.frozen(kw_only=True, slots=False)
class SubOrder(Received):
    """
    A part of an order.
    """

    mer_sub_reference_id: str | None = None
    amount: Amount | None = None
    order_summary: str | None = None
    trans_code: str | None = None
    sub_trans_type: str | None = None
    is_customs: bool | None = None
    invoice_id: str | None = None
    items: tuple[Item, ...] = ()
    tracking_number: str | None = None
