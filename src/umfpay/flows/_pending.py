"""
`PendingCardPayment`: the SMS code was sent, the customer has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import attrs

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, PendingExpiredError, Text
from umfpay.flows._options import utc_now
from umfpay.models import (
    BankCard,
    Money,
    NewPayer,
    NewPayerInfo,
    PayerAgreement,
    PaymentMethod,
)
from umfpay.protocol import LocalCipher
from umfpay.resources import KnownOrder
from umfpay.sensitive import Private, Secret, kind_of


# A payment as the gateway names it.
_ID_PATTERN: Final = re.compile("[A-Za-z0-9_]{1,128}")
# How often an execute is sent for one payment.
MAX_ATTEMPTS: Final = 3
_ENCRYPTION_PURPOSE: Final = "umfpay.flows.PendingCardPayment"


@attrs.frozen(kw_only=True)
class Merchant:
    """
    Whose payment it is, and for which gateway its data are sealed.

    Args:
        gateway_key: Fingerprint of the gateway's key.
    """

    client_id: str
    base_url: str
    gateway_key: str

    @classmethod
    def of(cls, session: UMFSession) -> Merchant:
        """
        Return the merchant of *session*.
        """
        config = session.config

        return cls(
            client_id=config.client_id,
            base_url=config.base_url,
            gateway_key=config.gateway_certificate[0].fingerprint,
        )


@attrs.define(kw_only=True, eq=False)
class CodeAttempt:
    """
    An execute that was sent with an SMS code, or is about to be.

    Args:
        code_mark: Tells whether another code is the same; the code is not in it.
        sms_number: How many messages had been asked for by then.
        refused_with: The gateway's code, if it refused this one and the answer was read
            whole; None while nobody knows what became of it.
        verified: Whether that refusal was signed.
        checked: Whether two queries since then said that the payment waits.
    """

    sent_at: datetime
    code_mark: str
    sms_number: int
    refused_with: str | None = None
    verified: bool = False
    checked: bool = False


@attrs.define(kw_only=True, eq=False, repr=False)
class PendingCardPayment:
    """
    What `confirm_card_payment()` needs, also in another process: see `to_json()`.

    Card data are in it as ciphertext that only the gateway can open. A CVV, sealed or
    not, may not be kept after authorisation (PCI DSS 3.3): keep it no longer than the
    payment lasts, and `forget()` it if the customer gives up. `confirm_card_payment()`
    makes it forget by itself as soon as the card was used.

    The phone and an agreement's valid_date, which the gateway wants in clear, are
    encrypted with a key that follows from the client_secret.

    Attributes:
        payment_id: Of the payment that waits for the code.
        amount: Of the order.
        expires_at: When the data may no longer be used.
        order_expires_at: When the order can no longer be paid, if it says so.
        code_sent_at: When the last SMS code was asked for.
        codes_asked: How many messages may have been sent.
        attempts: What was executed, or is about to be; store the object in the step
            ``executing`` and again after an error, in a store that compares and sets.
    """

    payment_id: str
    mer_reference_id: str
    mer_date: date
    amount: Money
    payment_method: PaymentMethod
    bank_code: str | None
    merchant: Merchant
    created_at: datetime
    expires_at: datetime
    order_expires_at: datetime | None
    code_sent_at: datetime | None = None
    codes_asked: int = 0
    attempts: list[CodeAttempt] = attrs.field(factory=list)
    info: NewPayerInfo | None
    kept: Mapping[str, str]

    @property
    def ordered(self) -> KnownOrder:
        """
        What was ordered: the final state must be of that.
        """
        return KnownOrder(
            mer_reference_id=self.mer_reference_id,
            mer_date=self.mer_date,
            total=self.amount.total,
            currency=str(self.amount.currency),
        )

    @property
    def execute_sent_at(self) -> datetime | None:
        """
        When an execute was sent, or is about to be, of which nobody knows the outcome.
        """
        unknown = (one for one in self.attempts if one.refused_with is None)

        return next((one.sent_at for one in unknown), None)

    @property
    def is_open(self) -> bool:
        """
        Whether an execute was sent of which nobody knows that it came to nothing.
        """
        return not all(one.checked for one in self.attempts)

    @property
    def attempts_left(self) -> int:
        """
        How many codes may still be sent.
        """
        return max(0, MAX_ATTEMPTS - len(self.attempts))

    def code_mark(self, session: UMFSession, code: Private) -> str:
        """
        Return what is kept of *code*: a keyed hash, the same for the same code,
        also in full-width digits.
        """
        return _cipher_of(session).mark(code, about=f"{self.payment_id} code")

    def was_sent(self, code_mark: str) -> bool:
        """
        Tell whether that code was sent, and no SMS was asked for since.
        """
        return any(
            one.code_mark == code_mark and one.sms_number == self.codes_asked
            for one in self.attempts
        )

    @property
    def forgotten(self) -> bool:
        """
        Whether the sealed data are gone.
        """
        return self.info is None

    def forget(self) -> None:
        """
        Drop the sealed data for good: it can be asked about, but no longer paid.
        """
        self.info = None
        self.kept = {}

    def to_json(self) -> str:
        """
        Return it as JSON, to be stored for as long as *expires_at* says.
        """
        from umfpay.flows._pending_json import write_pending

        return write_pending(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PendingCardPayment:
        """
        Read what `to_json()` wrote.

        Raises:
            ConfigError: It is something else, of a later version, or holds card data
                that are not sealed.
        """
        from umfpay.flows._pending_json import read_pending

        try:
            return read_pending(text)
        except ConfigError as error:
            # Its frames hold what was stored, which may be clear card data.
            refusal = error.with_traceback(None)
            refusal.__cause__ = refusal.__context__ = None
        finally:
            del text

        raise refusal

    def must_belong_to(self, session: UMFSession) -> None:
        """
        Raise unless *session* is of the merchant and gateway that it was made with.

        Raises:
            ConfigError: It is another one.
        """
        config = session.config
        keys = {key.fingerprint for key in config.gateway_certificate}
        ours = self.merchant

        if (ours.client_id, ours.base_url) != (config.client_id, config.base_url) or (
            ours.gateway_key not in keys
        ):
            raise ConfigError.of(
                self.payment_id,
                "the pending payment is of another merchant or"
                " gateway than the session",
                "待确认支付与会话的商户或平台不一致",
                advice=Text(
                    "Use a session with the settings it was begun with.",
                    "请使用发起支付时的配置。",
                ),
            )

    def payer(self, session: UMFSession, code: Private | None) -> NewPayer:
        """
        Return the payer for verify, or with *code* for execute.

        Raises:
            PendingExpiredError: The data are forgotten, too old, or cannot be read.
        """
        if self.info is None:
            raise self._data_gone_error("its data are forgotten", "其数据已清除")

        if utc_now() >= self.expires_at:
            self.forget()

            raise self._data_gone_error(
                f"it expired at {self.expires_at:%Y-%m-%d %H:%M:%S} UTC",
                f"已于 {self.expires_at:%Y-%m-%d %H:%M:%S} UTC 过期",
            )

        return NewPayer(
            payment_method=self.payment_method,
            bank_code=self.bank_code,
            payer_info=self._fill_payer(session, self.info, code),
        )

    def _fill_payer(
        self, session: UMFSession, info: NewPayerInfo, code: Private | None
    ) -> NewPayerInfo:
        clear = self._read(session)
        card, agreement = info.bank_card, info.payer_agreement

        # verify_code stands in the card, without one in payer_info (gateway.md 5.5).
        if card is not None:
            card = attrs.evolve(card, phone=clear.get("phone"), verify_code=code)

            return NewPayerInfo(bank_card=card)

        assert agreement is not None
        agreement = attrs.evolve(agreement, valid_date=clear.get("valid_date"))

        return NewPayerInfo(
            payer_agreement=agreement, phone=clear.get("phone"), verify_code=code
        )

    def _read(self, session: UMFSession) -> dict[str, Private]:
        cipher = _cipher_of(session)
        clear = {}

        for name, kept in self.kept.items():
            text = cipher.decrypt(kept, about=f"{self.payment_id} {name}")

            if text is None:
                raise self._data_gone_error(
                    f"its {name} was kept under another client_secret",
                    f"{name} 由其他 client_secret 加密",
                )

            clear[name] = text

        return clear

    def _data_gone_error(self, en: str, zh: str) -> PendingExpiredError:
        return PendingExpiredError(
            f"{self.payment_id}: the pending payment cannot be confirmed: {en}.",
            f"{self.payment_id}：待确认支付无法继续：{zh}。",
            last=self,
        )

    def __repr__(self) -> str:
        state = "forgotten" if self.forgotten else f"until {self.expires_at:%H:%M:%S}"

        return f"<PendingCardPayment {self.payment_id}, {self.amount}, {state}>"


def _cipher_of(session: UMFSession) -> LocalCipher:
    """
    Return what encrypts the data that the gateway wants in clear.
    """
    return LocalCipher(session.config.client_secret, purpose=_ENCRYPTION_PURPOSE)


async def seal_payer(
    session: UMFSession,
    payment_id: str,
    payer: BankCard | PayerAgreement,
    phone: Private | None,
) -> tuple[NewPayerInfo, dict[str, str]]:
    """
    Return the data sealed for the gateway, and by name those encrypted for us.

    Args:
        payment_id: What the data belong to.
        phone: Of the payer, wherever the caller gave it.
    """
    changes: dict[str, Any] = {}  # members of either class
    clear = {} if phone is None else {"phone": phone}

    for field in attrs.fields(type(payer)):
        value = getattr(payer, field.name)

        if isinstance(value, Secret):
            changes[field.name] = await session.seal(value)
        elif isinstance(value, Private):
            changes[field.name] = None

            # An agreement's; a card's is sealed (gateway.md 4).
            if field.name == "valid_date":
                clear["valid_date"] = value

    cipher = _cipher_of(session)
    kept = {
        name: cipher.encrypt(text, about=f"{payment_id} {name}")
        for name, text in clear.items()
    }

    if isinstance(payer, BankCard):
        return NewPayerInfo(bank_card=attrs.evolve(payer, **changes)), kept

    return NewPayerInfo(payer_agreement=attrs.evolve(payer, **changes)), kept


async def store_pending(session: UMFSession, pending: PendingCardPayment) -> None:
    """
    Keep *pending* in the session's journal, if it has one, until its end.

    Raises:
        DatabaseError: It cannot be kept.
    """
    if session.journal is not None:
        await session.journal.sealed.keep(
            pending.payment_id,
            pending.to_json(),
            mer_reference_id=pending.mer_reference_id,
            expires_at=pending.expires_at,
        )


async def stored_pending(session: UMFSession, payment_id: str) -> PendingCardPayment:
    """
    Return the pending payment that `store_pending()` kept, also in another process.

    Raises:
        ConfigError: The session has no journal.
        PendingExpiredError: It has ended or expired, or was never kept.
    """
    if session.journal is None:
        raise ConfigError.of(
            "pending",
            "an id alone is enough only with a journal",
            "仅在使用日志（journal）时可只提供支付编号",
        )

    document = await session.journal.sealed.find(payment_id)

    if document is None:
        raise PendingExpiredError(
            f"{payment_id}: nothing is kept of this payment: it has ended or expired.",
            f"{payment_id}：未保存该笔支付的数据：已结束或已过期。",
        )

    return PendingCardPayment.from_json(document)


async def needed_pending(
    session: UMFSession, pending: PendingCardPayment | str
) -> PendingCardPayment:
    """
    Return *pending*, or what the session's journal keeps under its id.

    Raises:
        ConfigError: It is something else, its JSON say, or of another merchant.
        PendingExpiredError: Nothing is kept under that id.
    """
    if isinstance(pending, str) and _ID_PATTERN.fullmatch(pending):
        pending = await stored_pending(session, pending)

    if not isinstance(pending, PendingCardPayment):
        # The type alone: it may be anything.
        given = kind_of(pending)

        raise ConfigError.of(
            "pending",
            f"a PendingCardPayment is needed, not {given}",
            f"需要 PendingCardPayment，而不是 {given}",
            advice=Text(
                "Read a stored one with PendingCardPayment.from_json().",
                "已保存的请用 PendingCardPayment.from_json() 读取。",
            ),
        )

    pending.must_belong_to(session)

    return pending
