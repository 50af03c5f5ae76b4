"""
The gateway's words for kinds and states (gateway.md 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from umfpay.errors import escape


class OpenEnum(StrEnum):
    """
    An enum whose unknown wire values survive: the gateway may learn new words.

        state = PaymentState("TRADE_PARKED")
        assert state == "TRADE_PARKED" and not state.known
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None

        known = cls.variants().get(value)

        if known is not None:
            return cls(known)

        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value

        return member

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        """
        Return other spellings that the gateway uses, and what they mean.
        """
        return {}

    def __repr__(self) -> str:
        if self.known:
            return super().__repr__()

        # Whatever somebody wrote: it is not to be obeyed by a terminal.
        word = escape(self._value_)

        return f"<{type(self).__name__}.{word}: {word!r}>"

    @property
    def known(self) -> bool:
        """
        Whether this version of umfpay knows the word.
        """
        return self._value_ in type(self)._value2member_map_


class PaymentState(OpenEnum):
    """
    Where a payment is (gateway.md 7.1).
    """

    WAIT_BUYER_PAY = "WAIT_BUYER_PAY"
    TRADE_SUCCESS = "TRADE_SUCCESS"
    TRADE_CLOSED = "TRADE_CLOSED"
    TRADE_CANCEL = "TRADE_CANCEL"
    TRADE_FAIL = "TRADE_FAIL"
    TRADE_REVERSE = "TRADE_REVERSE"
    TRADE_PENDING = "TRADE_PENDING"
    PRE_AUTHORIZATION_TRANSFER = "PRE_AUTHORIZATION_TRANSFER"

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing; a success can still be undone later.
        """
        return self.paid or self.failed

    @property
    def paid(self) -> bool:
        """
        Whether somebody paid: the only state to hand out goods for.
        """
        return self == PaymentState.TRADE_SUCCESS

    @property
    def executed(self) -> bool:
        """
        Whether somebody paid, or the bank is about to take the money.
        """
        return self in (PaymentState.TRADE_SUCCESS, PaymentState.TRADE_PENDING)

    @property
    def open(self) -> bool:
        """
        Whether the payer or the bank is waited for; nobody explains a pre-authorization.
        """
        return self in (PaymentState.WAIT_BUYER_PAY, PaymentState.TRADE_PENDING)

    @property
    def never_paid(self) -> bool:
        """
        Whether it ended before any money was taken.
        """
        return self in (PaymentState.TRADE_FAIL, PaymentState.TRADE_CLOSED)

    @property
    def failed(self) -> bool:
        """
        Whether it ended without the money: never taken, or given back.
        """
        return self.never_paid or self in (
            PaymentState.TRADE_CANCEL,
            PaymentState.TRADE_REVERSE,
        )


class RefundState(OpenEnum):
    """
    Where a refund is (gateway.md 7.2).
    """

    REFUND_PROCESS = "REFUND_PROCESS"
    REFUND_SUCCESS = "REFUND_SUCCESS"
    REFUND_FAIL = "REFUND_FAIL"
    REFUND_CLOSE = "REFUND_CLOSE"
    MER_PROCESS = "MER_PROCESS"
    REFUND_UNKNOWN = "REFUND_UNKNOWN"
    REFUND_WAIT_AUDIT = "REFUND_WAIT_AUDIT"
    REFUND_ORIGINAL = "REFUND_ORIGINAL"
    REFUND_NOTNEED = "REFUND_NOTNEED"
    REFUND_PAY_NOT_SUCCESS = "REFUND_PAY_NOT_SUCCESS"

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing.
        """
        return self == RefundState.REFUND_SUCCESS or self.failed

    @property
    def open(self) -> bool:
        """
        Whether it is being carried out; nobody explains the further words of the SDK.
        """
        return self == RefundState.REFUND_PROCESS

    @property
    def failed(self) -> bool:
        """
        Whether no money was given back: it failed, or was rejected.
        """
        return self in (RefundState.REFUND_FAIL, RefundState.REFUND_CLOSE)


class CustomsState(OpenEnum):
    """
    Where a customs declaration is (gateway.md 7.3).
    """

    ACCEPTED = "ACCEPTED"
    SUBMITTED = "SUBMITTED"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"

    @property
    def final(self) -> bool:
        """
        Whether waiting changes nothing.
        """
        return self in (CustomsState.SUCCESS, CustomsState.FAIL)

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        return {"SUBMITED": "SUBMITTED"}


class InterfaceType(OpenEnum):
    """
    Who shows the pages of a payment (gateway.md 7.4).
    """

    SERVER_TO_SERVER = "SERVER_TO_SERVER"
    SERVER_TO_WEB = "SERVER_TO_WEB"
    SERVER_TO_H5WEB = "SERVER_TO_H5WEB"
    DIRECT_TO_BANK = "DIRECT_TO_BANK"


class PaymentMethod(OpenEnum):
    """
    What is paid with (gateway.md 7.4).
    """

    CREDIT_CARD = "CREDIT_CARD"
    DEBIT_CARD = "DEBIT_CARD"
    WECHAT_SCAN = "WECHAT_SCAN"
    ALIPAY_SCAN = "ALIPAY_SCAN"
    WECHAT_IN_APP = "WECHAT_IN_APP"
    WECHAT_WEB = "WECHAT_WEB"
    WECHAT_H5 = "WECHAT_H5"
    NOT_APPLICABLE = "NOT_APPLICABLE"

    @property
    def by_card(self) -> bool:
        """
        Whether a bank card pays.
        """
        return self in (PaymentMethod.CREDIT_CARD, PaymentMethod.DEBIT_CARD)

    @property
    def by_scan(self) -> bool:
        """
        Whether the customer scans a QR code, with WeChat or Alipay.
        """
        return self in (PaymentMethod.WECHAT_SCAN, PaymentMethod.ALIPAY_SCAN)

    @property
    def in_wechat(self) -> bool:
        """
        Whether WeChat opens without a code: from an app, a page in it, or a browser.
        """
        return self in (
            PaymentMethod.WECHAT_IN_APP,
            PaymentMethod.WECHAT_WEB,
            PaymentMethod.WECHAT_H5,
        )


class BusinessType(OpenEnum):
    """
    Who pays: a person or a company (gateway.md 7.4).
    """

    B2B = "B2B"
    B2C = "B2C"


class ItemType(OpenEnum):
    """
    Kinds of goods (gateway.md 7.5).
    """

    CLOTHING = "CLOTHING"
    FOOD = "FOOD"
    ELECTRONIC = "ELECTRONIC"
    OTHER = "OTHER"

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        return {"ELECTRONICS": "ELECTRONIC"}


class CitizenIdType(OpenEnum):
    """
    Kinds of id papers (gateway.md 7.6).
    """

    IDENTITY_CARD = "IDENTITY_CARD"

    @classmethod
    def variants(cls) -> Mapping[str, str]:
        return {"1": "IDENTITY_CARD"}


class CardState(OpenEnum):
    """
    Whether a stored card can be used; known from the official SDK only (6).
    """

    OK = "ok"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"


class EnterpriseStatus(OpenEnum):
    """
    Whether a company may pay (gateway.md 7.7).
    """

    ENABLE = "ENABLE"
    DISABLE = "DISABLE"
    UNKNOWN = "UNKNOWN"


class EnterpriseBusiness(OpenEnum):
    """
    What a company does (gateway.md 7.7): SJHG turns foreign money into CNY, GFHG buys
    it.
    """

    SJHG = "SJHG"
    GFHG = "GFHG"


class EnterpriseRank(OpenEnum):
    """
    How the foreign exchange authority ranks a company (gateway.md 7.7).
    """

    A = "A"
    OTHERS = "OTHERS"
    UNKNOWN = "UNKNOWN"


class BankType(OpenEnum):
    """
    Kinds of cards of a bank (gateway.md 7.8).
    """

    CREDIT_CARD = "CREDIT_CARD"
    DEBIT_CARD = "DEBIT_CARD"


class LinkMethod(OpenEnum):
    """
    How a link says it is called; umfpay uses the method it knows (gateway.md 7.8).
    """

    GET = "GET"
    POST = "POST"
    PUT = "PUT"


class LinkRef(OpenEnum):
    """
    What a link leads to (gateway.md 7.8).
    """

    SELF = "self"
    SMS_VERIFY = "sms_verify"
    CONFIRM = "confirm"
    REFUND = "refund"
    APPLY_TO_CUSTOMS = "apply_to_customs"
    PARENT_PAYMENT = "parent_payment"
    UPAY = "upay"
    WECHAT = "weChat"


class Currency(OpenEnum):
    """
    The currencies of the reference (gateway.md 8.4); MOP and KRW stand in single
    sources only.
    """

    CNY = "CNY"
    HKD = "HKD"
    USD = "USD"
    EUR = "EUR"
    JPY = "JPY"
    GBP = "GBP"
    AUD = "AUD"
    CAD = "CAD"
    NZD = "NZD"
    SGD = "SGD"
    MOP = "MOP"
    CHF = "CHF"
    SEK = "SEK"
    DKK = "DKK"
    NOK = "NOK"
    KRW = "KRW"

    @property
    def decimals(self) -> int:
        """
        Digits after the point: none for JPY and KRW, two for the others.
        """
        return 0 if self in (Currency.JPY, Currency.KRW) else 2
