"""
Statements: what was traded and what UMF paid out, as lists and as files.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Unpack

from umfpay import _codec
from umfpay.errors import ConfigError, MismatchedResponseError
from umfpay.models import (
    Pagination,
    PaymentSummary,
    ReconciliationsPage,
    RefundSummary,
    TransactionsPage,
)
from umfpay.resources._arguments import CallOptions, needed_count, wire_date
from umfpay.resources._download import open_download, save
from umfpay.resources._endpoint import (
    Download,
    Endpoint,
    ExpectedAnswer,
    Members,
    Sender,
)
from umfpay.resources._matching import mismatch, must_match
from umfpay.resources._pulled_folder import LONGEST_EXPIRY
from umfpay.resources._pulling import (
    Prove,
    Pulled,
    PullOptions,
    checked_expiry,
    known_zone,
    pull,
)
from umfpay.transport import LIST_LIMIT, Effect


StatementKind = Literal["transactions", "reconciliation"]


class Statements:
    """
    ``session.statements``
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def transactions(
        self,
        mer_date: date,
        *,
        page_size: int = 500,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[PaymentSummary | RefundSummary]:
        """
        Iterate over all payments and refunds of a merchant date (gateway.md 9.3).

        Args:
            mer_date: The merchant's own date of the orders.
            page_size: Rows asked for at once; pages are fetched as they are needed.

        Raises:
            ConfigError: *mer_date* is no day, or *page_size* no number from 1.
            MismatchedResponseError: A page is of another day, or repeats the one before,
                or the list ends early.
        """
        async for row in _rows(self.transactions_page, mer_date, page_size, options):
            yield row

    async def transactions_page(
        self,
        mer_date: date,
        *,
        page_number: int = 1,
        page_size: int = 500,
        **options: Unpack[CallOptions],
    ) -> TransactionsPage:
        """
        Fetch one page of the list of a merchant date (gateway.md 5.15).

        Args:
            mer_date: The merchant's own date of the orders.
            page_number: From 1.
            page_size: Rows of a page at most.

        Raises:
            MismatchedResponseError: It is another page, or of another day.
        """
        return await self._sender.send(
            TRANSACTIONS.call(
                query=_page_of("mer_date", mer_date, page_number, page_size),
                read=partial(_transactions, mer_date, page_number),
            ),
            options,
        )

    async def reconciliation(
        self,
        settle_date: date,
        *,
        page_size: int = 500,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[PaymentSummary | RefundSummary]:
        """
        Iterate over what UMF paid the merchant for on a day (gateway.md 9.4).

        Args:
            settle_date: When UMF paid it out.
            page_size: Rows asked for at once; pages are fetched as they are needed.

        Raises:
            ConfigError: *settle_date* is no day, or *page_size* no number from 1.
            MismatchedResponseError: A page is of another day, or repeats the one before,
                or the list ends early.
        """
        fetch = self.reconciliation_page

        async for row in _rows(fetch, settle_date, page_size, options):
            yield row

    async def reconciliation_page(
        self,
        settle_date: date,
        *,
        page_number: int = 1,
        page_size: int = 500,
        **options: Unpack[CallOptions],
    ) -> ReconciliationsPage:
        """
        Fetch one page with its grand total (gateway.md 5.16).

        Args:
            settle_date: When UMF paid it out.
            page_number: From 1.
            page_size: Rows of a page at most.

        Raises:
            MismatchedResponseError: It is another page, or of another day.
        """
        return await self._sender.send(
            RECONCILIATION.call(
                query=_page_of("settle_date", settle_date, page_number, page_size),
                read=partial(_reconciliation, settle_date, page_number),
            ),
            options,
        )

    def open_transactions(
        self, mer_date: date, **options: Unpack[CallOptions]
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open the day's transactions file as a stream (gateway.md 5.11, 9.1).

            async with session.statements.open_transactions(day) as chunks:
                async for chunk in chunks:
                    ...

        The loop ends only if the bytes are proven to be all.

        Raises:
            IncompleteStatementError: After the last chunk: the file is not proven whole.
        """
        return open_download(
            self._sender,
            name="statements.open_transactions",
            path="/payments/transactions_download",
            query={"mer_date": wire_date(mer_date)},
            options=options,
            day=mer_date,
            framed=True,
        )

    async def download_transactions(
        self,
        mer_date: date,
        to: str | os.PathLike[str],
        **options: Unpack[CallOptions],
    ) -> Path:
        """
        Save the day's transactions file; the name appears only when it is whole.

        Its own first and last line prove that. What came and is not proven whole, or is
        of another day, is kept beside it as ``NAME.unproven``.

        Raises:
            IncompleteStatementError: The file is not proven whole, or is another one.
            EnvelopeError: A page or something else came that is no file.
            ConfigError: The file cannot be written.
        """
        await save(self.open_transactions(mer_date, **options), to)

        return Path(to)

    def pull(
        self,
        first: date,
        last: date,
        folder: str | os.PathLike[str],
        *,
        kind: StatementKind = "transactions",
        prove: Prove | None = None,
        merchant: str | None = None,
        zone: tzinfo | str | None = None,
        longest_expiry: timedelta = LONGEST_EXPIRY,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[Pulled]:
        """
        Have the files of several days in *folder*, each as soon as it is there.

            def whole(path):
                return read_transactions(path).prove()

            async for pulled in session.statements.pull(first, last, "books", prove=whole):
                ...

        Each day is fetched under a temporary name and renamed, to
        ``transactions-20170206.txt``, when it is proven. A pull that broke off goes on:
        bytes that were proven once are known by their hash. One process and one merchant to a folder.

        A day is over at its end in China and in the merchant's zone, and after the
        longest time that an order may be paid, by the local clock and the gateway's.
        Until then, while it is empty or has open rows, and at ages of 1, 2, 3, 7, 14,
        30, 60 and 90 days, its file is fetched again. Other bytes are a new version;
        the one before goes to the folder ``versions``, and nothing is overwritten.

        Args:
            first: First day.
            last: Last day.
            folder: It is made if it is missing.
            kind: ``"transactions"`` or ``"reconciliation"``.
            prove: Raises `StatementError` for a file that is not whole; such as reading
                it to its end with `umfpay.reconciliation.read_transactions`. A number
                that it returns is how many rows are open. None trusts the gateway.
            merchant: Whose files they must be by their first line; None is the merchant
                of the first file in *folder*.
            zone: The merchant's time zone, such as ``"Europe/London"``; None is UTC-12,
                where a day ends last.
            longest_expiry: The longest ``expire_time`` of an order.

        Raises:
            StatementError: The file that was just fetched is not proven whole, *prove*
                raises it, or it is of another day or merchant. It is kept under its
                name with ``.unproven`` behind.
            ConfigError: An argument cannot be meant, or another process pulls.
        """
        if kind not in ("transactions", "reconciliation"):
            raise ConfigError.of(
                "kind",
                f"transactions or reconciliation, not {kind!r}",
                f"只支持 transactions 或 reconciliation，不支持 {kind!r}",
            )

        open_day = (
            self.open_transactions
            if kind == "transactions"
            else self.open_reconciliation
        )

        asked = PullOptions(
            kind=kind,
            prove=prove,
            merchant=merchant,
            zone=known_zone(zone),
            longest_expiry=checked_expiry(longest_expiry),
        )

        async def download(day: date, to: Path, named: Path) -> datetime | None:
            return await save(open_day(day, **options), to, named=named)

        return pull(first, last, folder, asked=asked, download=download)

    def open_reconciliation(
        self, settle_date: date, **options: Unpack[CallOptions]
    ) -> AbstractAsyncContextManager[Download]:
        """
        Open the day's reconciliation file as a stream (gateway.md 5.12).

        Its format is not documented. The loop over it ends only if the bytes are proven
        to be all.

        Raises:
            IncompleteStatementError: After the last chunk: the file is not proven whole.
        """
        return open_download(
            self._sender,
            name="statements.open_reconciliation",
            path="/payments/reconciliation_statement_download",
            query={"mer_date": wire_date(settle_date)},
            options=options,
            day=settle_date,
        )

    async def download_reconciliation(
        self,
        settle_date: date,
        to: str | os.PathLike[str],
        **options: Unpack[CallOptions],
    ) -> Path:
        """
        Save the day's reconciliation file; the name appears only when it is whole.

        Its format is documented nowhere, so that only the transport can prove it: by a
        length, by chunks, or by TLS's close_notify. What came and is not proven whole
        is kept beside it as ``NAME.unproven``.

        Raises:
            IncompleteStatementError: The file is not proven whole.
            EnvelopeError: A page or something else came that is no file.
            ConfigError: The file cannot be written.
        """
        await save(self.open_reconciliation(settle_date, **options), to)

        return Path(to)


async def _rows(
    fetch: Callable[..., Awaitable[Any]],  # pages of two classes with the same rows
    day: date,
    page_size: int,
    options: CallOptions,
) -> AsyncIterator[PaymentSummary | RefundSummary]:
    """
    Give the rows of all pages; pages are fetched as they are needed.

    Raises:
        MismatchedResponseError: A page repeats the one before, or the list ends early.
    """
    number, seen, before = 1, 0, None

    while True:
        page = await fetch(day, page_number=number, page_size=page_size, **options)
        total = (page.pagination or Pagination()).total_count
        summaries = (page.payment_summaries, page.refund_summaries)
        rows = [*page.payment_summaries, *page.refund_summaries]
        seen += len(rows)

        if rows and summaries == before:
            raise MismatchedResponseError(
                f"Page {number} of the list repeats the one before.",
                f"列表第 {number} 页与上一页重复。",
            )

        for row in rows:
            yield row

        if len(rows) < page_size if total is None else seen >= total:
            return

        if not rows:
            raise MismatchedResponseError(
                f"The list ends after {seen} of {total} rows.",
                f"列表在 {total} 行中的第 {seen} 行后中断。",
            )

        before = summaries
        number += 1


def _page_of(
    day_name: str, day: date, page_number: int, page_size: int
) -> Mapping[str, str]:
    return {
        day_name: wire_date(day),
        "page_number": str(needed_count("page_number", page_number)),
        "page_size": str(needed_count("page_size", page_size)),
    }


def _transactions(
    day: date | None, number: int | None, members: Members
) -> TransactionsPage:
    page = _codec.read_page(members, TransactionsPage)
    _must_be_page(page, number)

    if day is not None:
        _must_be_of_day(page, day)

    return page


def _reconciliation(
    day: date | None, number: int | None, members: Members
) -> ReconciliationsPage:
    page = _codec.read_page(members, ReconciliationsPage)
    _must_be_page(page, number)
    must_match("settle_date", day, page.settle_date)

    return page


def _must_be_page(
    page: TransactionsPage | ReconciliationsPage, number: int | None
) -> None:
    """
    Compare the number of a page with the page that was asked for.

    Raises:
        MismatchedResponseError: It is another one.
    """
    place = page.pagination
    must_match("page_number", number, None if place is None else place.page_number)


def _must_be_of_day(page: TransactionsPage, mer_date: date) -> None:
    """
    Compare the days of a page's payments with the day that was asked for.

    A payment may be filed under the day with which its notification was acknowledged
    (gateway.md 3.3), so that days may mix; a page without any payment of the day is
    another day's. Under which day refunds are filed nobody has seen.

    Raises:
        MismatchedResponseError: It is of another day.
    """
    days = {row.order_date for row in page.payment_summaries if row.order_date}

    if days and mer_date not in days:
        raise mismatch("mer_date", mer_date, min(days))


TRANSACTIONS: Final = Endpoint[TransactionsPage](
    "statements.transactions",
    "GET",
    "/payments/transactions",
    Effect.READ,
    about=TransactionsPage,
    expected=lambda request: ExpectedAnswer(
        partial(_transactions, request.day("mer_date"), request.number("page_number"))
    ),
    body_limit=LIST_LIMIT,
)
RECONCILIATION: Final = Endpoint[ReconciliationsPage](
    "statements.reconciliation",
    "GET",
    "/payments/reconciliation_statement",
    Effect.READ,
    about=ReconciliationsPage,
    expected=lambda request: ExpectedAnswer(
        partial(
            _reconciliation,
            request.day("settle_date") or request.day("mer_date"),
            request.number("page_number"),
        )
    ),
    body_limit=LIST_LIMIT,
)
ENDPOINTS: Final = (TRANSACTIONS, RECONCILIATION)
