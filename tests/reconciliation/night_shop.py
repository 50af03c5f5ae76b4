"""
A shop whose books are kept over nights.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import statement_files as files

from umfpay.reconciliation import Books


MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2017, 2, day) for day in (6, 7, 8, 9))


class Shop:
    """
    A shop with the gateway's files and its own ledger.
    """

    def __init__(self, folder):
        self.folder = folder
        self.files = folder / "pulled"
        self.files.mkdir()
        self.books = folder / "books"
        self.ledger = []

    def sells(self, number, day, *, booked=True, amount="100.00"):
        row = files.payment(number, amount).replace("20170205", f"{day:%Y%m%d}")

        if booked:
            self.books_in(number, day, amount=amount)

        return row

    def books_in(self, number, day, *, amount="100.00"):
        self.ledger.append(f"order-{number},{day},{amount},P,")

    def gives_back(self, number, day):
        self.ledger.append(f"order-{number},{day},40.00,T,refund-{number}")

        return files.refund(number).replace("20170205", f"{day:%Y%m%d}")

    def paid(self, number, day, amount="100.00", *, rate="6.9784"):
        net = Decimal(amount) - 1
        total = (net / Decimal(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)

        return (
            f"PAY_{number},order-{number},{day:%Y%m%d},{day:%Y%m%d},USD,14.33,{amount},"
            f"1.00,{total},{net},{rate},{day:%Y%m%d},P,0"
        )

    def paid_back(self, number, day, *, rate="6.9784"):
        total = (40 / Decimal(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)

        return (
            f"REFUND_{number},refund-{number},{day:%Y%m%d},{day:%Y%m%d},USD,5.73,40.00,"
            f"0.00,-{total},-40.00,{rate},{day:%Y%m%d},T,0"
        )

    def writes(self, day, traded=(), paid=None):
        word = f"{day:%Y%m%d}"
        total = sum((Decimal(row.split(",")[8]) for row in traded), Decimal("0.00"))
        (self.files / f"transactions-{word}.txt").write_bytes(
            files.file(*traded, total=str(total), day=word)
        )

        if paid is not None:
            total = sum((Decimal(row.split(",")[9]) for row in paid), Decimal("0.00"))
            (self.files / f"reconciliation-{word}.txt").write_bytes(
                files.file(*paid, total=str(total), day=word)
            )

    def night(self, day, **options):
        ledger = self.folder / "ledger.csv"
        ledger.write_text(
            "\n".join(
                ["mer_reference_id,mer_date,total_cny,kind,refund_id", *self.ledger, ""]
            )
        )
        settings = {"settle_after": 1, "opening": Decimal(0)}

        return Books(self.books, **settings).night(
            day, files=self.files, ledger=ledger, **options
        )
