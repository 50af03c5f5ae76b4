"""
QR payments: WeChat and Alipay scan what the shop shows (gateway.md 10.2).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import attrs

from umfpay._session import UMFSession
from umfpay.errors import ConfigError, EnvelopeError, needs_extra
from umfpay.flows._options import FlowOptions, NotificationSource, OnStep
from umfpay.flows._presentation import present_and_wait
from umfpay.models import (
    NewOrder,
    NewPayer,
    NewPayerInfo,
    NewPayment,
    Payment,
    PaymentMethod,
    QRCodeScan,
    RiskInfo,
)
from umfpay.sensitive import Private, Secret, withholds


if TYPE_CHECKING:
    import segno


@attrs.frozen
class QRCode:
    """
    What the customer scans. The pictures need the extra ``qr``.

    Args:
        url: The content of the code.
        payment_id: The payment it is for.
    """

    url: str
    payment_id: str

    def svg(self, *, scale: float = 6) -> str:
        """
        Return the code as an SVG element, for a page.

        Args:
            scale: Pixels of one module, above 0.

        Raises:
            ConfigError: segno is not installed, *scale* or *url* cannot be drawn.
        """
        with _translate_errors():
            return str(self._make().svg_inline(scale=scale))

    def png(self, *, scale: int = 6) -> bytes:
        """
        Return the code as a PNG file.

        Args:
            scale: Pixels of one module, from 1.

        Raises:
            ConfigError: segno is not installed, *scale* or *url* cannot be drawn.
        """
        file = io.BytesIO()

        with _translate_errors():
            self._make().save(file, kind="png", scale=scale)

        return file.getvalue()

    def terminal(self) -> str:
        """
        Return the code as text of block characters, for a terminal.

        Raises:
            ConfigError: segno is not installed, or *url* cannot be drawn.
        """
        text = io.StringIO()

        with _translate_errors():
            self._make().terminal(text, compact=True)

        return text.getvalue()

    def _make(self) -> segno.QRCode:
        with needs_extra("qr", by="QRCode"):
            import segno

        # Not micro: the scanners of wallets do not read it.
        return segno.make_qr(self.url)


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """
    Turn what segno cannot draw into a `ConfigError`.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"The QR code cannot be drawn: {error}.", f"无法生成二维码：{error}。"
        ) from error


@withholds(order=NewOrder, risk_info=RiskInfo)
async def qr_payment(
    session: UMFSession,
    order: NewOrder,
    *,
    method: PaymentMethod | str,
    name: Secret | str,
    citizen_id_number: Secret | str,
    show: Callable[[QRCode], Awaitable[None] | None],
    phone: Private | str | None = None,
    risk_info: RiskInfo | None = None,
    notify_url: str | None = None,
    on_step: OnStep | None = None,
    arrivals: NotificationSource | None = None,
    intent_id: str | None = None,
    deadline: float = 900.0,
) -> Payment:
    """
    Show a QR code and wait until the customer has paid (gateway.md 10.2).

    Steps reported: ``created``, ``shown``, ``waiting``, ``final``.

    Args:
        method: WECHAT_SCAN or ALIPAY_SCAN.
        name: The customer's name, sealed.
        citizen_id_number: The customer's id number, sealed.
        show: Called once with the code, before the waiting, and awaited if it is async;
            it has until the deadline.
        phone: The customer's, in clear.
        intent_id: What the shop wants by it, for the journal: while it is open, or
            was carried out, no other call with it is sent.
        deadline: Seconds for all of it.

    Returns:
        The paid payment, as a query or a notification tells it.

    Raises:
        ConfigError: An argument cannot be used; nothing was sent.
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid before the order expired.
        NotFinishedError: The deadline came first; the customer may still pay.
        OutcomeUnknownError: The payment may exist; nobody has paid.
        APIError: The gateway refused the order.
    """
    try:
        info = NewPayerInfo(
            name=name,
            phone=phone,
            qr_code_scan=QRCodeScan(citizen_id_number=citizen_id_number),
        )
    finally:
        # Plain text would be seen in a traceback that shows locals.
        del name, phone, citizen_id_number

    if not isinstance(method, str) or not PaymentMethod(method).by_scan:
        raise ConfigError.of(
            "method",
            "WECHAT_SCAN or ALIPAY_SCAN is needed",
            "必须是 WECHAT_SCAN 或 ALIPAY_SCAN",
        )

    new = NewPayment(
        payer=NewPayer(payment_method=method, payer_info=info),
        order=order,
        notify_url=notify_url,
        risk_info=risk_info,
    )

    flow = FlowOptions.of(
        session,
        deadline=deadline,
        on_step=on_step,
        arrivals=arrivals,
        intent_id=intent_id,
    )

    return await present_and_wait(flow, new, show=show, what=_code, step="shown")


def _code(payment: Payment) -> QRCode:
    if payment.qr_code_url is None:
        raise EnvelopeError(
            f"{payment.id}: the answer holds no QR code.",
            f"{payment.id}：应答中没有二维码。",
        )

    return QRCode(payment.qr_code_url, payment.id)
