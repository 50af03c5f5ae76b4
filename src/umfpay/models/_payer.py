"""
The payer of a request, by kind of payment, and the rules of who may pay how.

Card, QR code, WeChat, stored agreement, company.
"""

from __future__ import annotations

from typing import Final

import attrs

from umfpay.errors import InvalidValueError
from umfpay.models import _checks as checks
from umfpay.models._enums import (
    BusinessType,
    CitizenIdType,
    EnterpriseBusiness,
    InterfaceType,
    PaymentMethod,
)
from umfpay.sensitive import Private, Sealed, Secret, hides_arguments


_M = PaymentMethod
_WEB_METHODS: Final = frozenset(
    {_M.CREDIT_CARD, _M.DEBIT_CARD, _M.WECHAT_SCAN, _M.ALIPAY_SCAN, _M.NOT_APPLICABLE}
)

# payment_method x interface_type x business_type (gateway.md 7.4); H5 is the mobile
# cashier page. Companies use the cashier too (gateway.md 10.8), though the table leaves
# that cell open.
_METHODS_OF_INTERFACE: Final = {
    (InterfaceType.SERVER_TO_SERVER, BusinessType.B2C): frozenset(
        {
            _M.CREDIT_CARD,
            _M.DEBIT_CARD,
            _M.WECHAT_SCAN,
            _M.WECHAT_IN_APP,
            _M.WECHAT_WEB,
            _M.ALIPAY_SCAN,
            _M.WECHAT_H5,
        }
    ),
    (InterfaceType.SERVER_TO_WEB, BusinessType.B2C): _WEB_METHODS,
    (InterfaceType.SERVER_TO_H5WEB, BusinessType.B2C): _WEB_METHODS,
    (InterfaceType.SERVER_TO_WEB, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
    (InterfaceType.SERVER_TO_H5WEB, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
    (InterfaceType.DIRECT_TO_BANK, BusinessType.B2C): frozenset(
        {_M.WECHAT_SCAN, _M.ALIPAY_SCAN}
    ),
    (InterfaceType.DIRECT_TO_BANK, BusinessType.B2B): frozenset({_M.NOT_APPLICABLE}),
}

# Where the customer's id number stands, by method (gateway.md 4).
_ID_MEMBER_OF_METHOD: Final = {
    _M.WECHAT_SCAN: "qr_code_scan",
    _M.ALIPAY_SCAN: "qr_code_scan",
    _M.WECHAT_IN_APP: "wechat_in_app",
    _M.WECHAT_WEB: "wechat_in_app_web",
    _M.WECHAT_H5: "wechat_H5",
}


@hides_arguments
@attrs.frozen(kw_only=True)
class BankCard:
    """
    A customer's card (gateway.md 6, bank_card). Plain text becomes `Secret`.

    Args:
        number: Sealed.
        valid_date: ``YYMM``, sealed.
        cvv2: Of credit cards, sealed. It may not be kept after authorisation.
        payer_name: Sealed.
        citizen_id_number: Sealed.
        phone: As the bank knows it; sent clear.
        verify_code: From the SMS; sent clear.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    number: Secret | Sealed | str | None = checks.secret()
    valid_date: Secret | Sealed | str | None = checks.secret()
    cvv2: Secret | Sealed | str | None = checks.secret()
    payer_name: Secret | Sealed | str | None = checks.secret()
    citizen_id_type: CitizenIdType | str | None = checks.enum(CitizenIdType, None)
    citizen_id_number: Secret | Sealed | str | None = checks.secret()
    phone: Private | str | None = checks.private()
    verify_code: Private | str | None = checks.private()
    external_customer_id: str | None = checks.optional_text()


@hides_arguments
@attrs.frozen(kw_only=True)
class _IdPaper:
    """
    The customer's id paper (gateway.md 4): its number is sealed.
    """

    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class QRCodeScan(_IdPaper):
    """
    The customer's id paper for a QR payment; the number is sealed.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatInApp(_IdPaper):
    """
    The customer's id paper for a payment in an app; the number is sealed.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatInAppWeb(_IdPaper):
    """
    The customer of an official account: his open_id and id paper.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    open_id: str = checks.text()


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatH5(_IdPaper):
    """
    The customer's id paper for WeChat in a mobile browser (gateway.md 10.5); no
    document.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """


@hides_arguments
@attrs.frozen(kw_only=True)
class PayerAgreement:
    """
    A stored agreement in place of card data (gateway.md 6, payer_agreement).

    *valid_date* (``YYMM``) is sent clear, *cvv2* sealed.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    usr_busi_agreement_id: str = checks.text()
    usr_pay_agreement_id: str = checks.text()
    valid_date: Private | str | None = checks.private()
    cvv2: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewPayerInfo:
    """
    What is known of the payer, by payment method.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    phone: Private | str | None = checks.private()
    name: Secret | Sealed | str | None = checks.secret()
    bank_card: BankCard | None = checks.part(BankCard)
    qr_code_scan: QRCodeScan | None = checks.part(QRCodeScan)
    wechat_in_app: WeChatInApp | None = checks.part(WeChatInApp)
    wechat_in_app_web: WeChatInAppWeb | None = checks.part(WeChatInAppWeb)
    wechat_H5: WeChatH5 | None = checks.part(WeChatH5)  # noqa: N815 (the wire's name)
    payer_agreement: PayerAgreement | None = checks.part(PayerAgreement)
    verify_code: Private | str | None = checks.private()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewEnterprise:
    """
    A company: to be registered, or as the payer of a B2B payment.

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    external_enterprise_id: str = checks.text()
    busi_type: EnterpriseBusiness | str = checks.enum(EnterpriseBusiness)
    enterprise_name: str | None = checks.optional_text()
    enterprise_phone: Private | str | None = checks.private()
    enterprise_email: Private | str | None = checks.private()
    enterprise_contacts: Private | str | None = checks.private()
    enterprise_code: str | None = checks.optional_text()


@hides_arguments
@attrs.frozen(kw_only=True)
class NewPayer:
    """
    Who pays, how, and through which pages (gateway.md 6 and 7.4).

    Raises:
        ConfigError: A member cannot be sent; it is named.
    """

    payment_method: PaymentMethod | str = checks.enum(PaymentMethod)
    bank_code: str | None = checks.optional_text()
    interface_type: InterfaceType | str = checks.enum(
        InterfaceType, InterfaceType.SERVER_TO_SERVER
    )
    business_type: BusinessType | str = checks.enum(BusinessType, BusinessType.B2C)
    payer_info: NewPayerInfo | None = checks.part(NewPayerInfo)
    enterprise_qualification: NewEnterprise | None = checks.part(NewEnterprise)
    external_customer_id: str | None = checks.optional_text()
    sub_mer_id: str | None = checks.optional_text()


def check_payer(payer: NewPayer) -> None:
    """
    Check the rules that hold between the members of a payment's payer.

    Raises:
        ConfigError: Names the member that breaks a rule.
    """
    method, interface = payer.payment_method, payer.interface_type
    cell = (InterfaceType(interface), BusinessType(payer.business_type))
    allowed = _METHODS_OF_INTERFACE.get(cell, frozenset())

    if method not in allowed:
        raise InvalidValueError.of(
            "payer.payment_method",
            f"{method} does not go with interface_type {interface} and business_type"
            f" {payer.business_type}",
            f"{method} 不能与 {interface}、{payer.business_type} 组合",
        )

    direct = interface == InterfaceType.DIRECT_TO_BANK and method == _M.NOT_APPLICABLE

    if direct and payer.bank_code is None:
        raise InvalidValueError.of(
            "payer.bank_code",
            "it is needed for DIRECT_TO_BANK with NOT_APPLICABLE",
            "DIRECT_TO_BANK 与 NOT_APPLICABLE 必须提供银行代码",
        )

    if payer.business_type == BusinessType.B2B:
        if payer.enterprise_qualification is None:
            raise InvalidValueError.of(
                "payer.enterprise_qualification",
                "it is needed for B2B",
                "B2B 必须提供企业资质",
            )

        return

    _check_identity(payer)


def _check_identity(payer: NewPayer) -> None:
    member = _ID_MEMBER_OF_METHOD.get(PaymentMethod(payer.payment_method))

    # On UMF's own pages the customer types these.
    if member is None or payer.interface_type != InterfaceType.SERVER_TO_SERVER:
        return

    info = payer.payer_info
    holder = None if info is None else getattr(info, member)

    if info is None or info.name is None:
        raise InvalidValueError.of("payer.payer_info.name", "it is needed", "缺失")

    if holder is None or holder.citizen_id_number is None:
        raise InvalidValueError.of(
            f"payer.payer_info.{member}.citizen_id_number", "it is needed", "缺失"
        )
