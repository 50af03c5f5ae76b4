"""
The payer of a request: card, QR code, WeChat, stored agreement, company.
"""

from __future__ import annotations

import attrs

from umfpay.models import _checks as checks
from umfpay.models._enums import (
    BusinessType,
    CitizenIdType,
    EnterpriseBusiness,
    InterfaceType,
    PaymentMethod,
)
from umfpay.sensitive import Private, Sealed, Secret, hides_arguments


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
class QRCodeScan:
    """
    The customer's id paper for a QR payment; the number is sealed.
    """

    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatInApp:
    """
    The customer's id paper for a payment in an app; the number is sealed.
    """

    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatInAppWeb:
    """
    The customer of an official account: his open_id and id paper.
    """

    open_id: str = checks.text()
    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class WeChatH5:
    """
    The customer's id paper for WeChat in a mobile browser (gateway.md 10.5); no
    document.
    """

    citizen_id_type: CitizenIdType | str | None = checks.enum(
        CitizenIdType, CitizenIdType.IDENTITY_CARD
    )
    citizen_id_number: Secret | Sealed | str | None = checks.secret()


@hides_arguments
@attrs.frozen(kw_only=True)
class PayerAgreement:
    """
    A stored agreement in place of card data (gateway.md 6, payer_agreement).

    *valid_date* (``YYMM``) is sent clear, *cvv2* sealed.
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
