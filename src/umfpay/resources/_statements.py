"""
Statements: what was traded and what UMF paid out, as lists and as files.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal, Unpack

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
from umfpay.resources._endpoint import Download, Sender
from umfpay.resources._fetch_schedule import LONGEST_EXPIRY
from umfpay.resources._matching import must_be_of_day, must_be_page, must_match
from umfpay.resources._pulling import (
    Prove,
    Pulled,
    PullOptions,
    checked_expiry,
    known_zone,
    pull,
)
from umfpay.transport import LIST_LIMIT, Call, Effect


StatementKind = Literal["transactions", "reconciliation"]


@asynccontextmanager
async def _with_clock(
    download: AbstractAsyncContextManager[Download], clock: list[datetime | None]
) -> AsyncIterator[Download]:
    """
    Open *download*; note the gateway's clock.
    """
    async with download as chunks:
        clock.append(chunks.date)

        yield chunks


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
        """
        async for page in self._pages(
            name="statements.transactions",
            path="/payments/transactions",
            query={"mer_date": wire_date(mer_date)},
            page_size=page_size,
            read=_of_day(mer_date),
            options=options,
        ):
            for payment in page.payment_summaries:
                yield payment

            for refund in page.refund_summaries:
                yield refund

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
        """
        page: TransactionsPage = await self._page(
            name="statements.transactions",
            path="/payments/transactions",
            query={"mer_date": wire_date(mer_date)},
            page_number=page_number,
            page_size=page_size,
            read=_of_day(mer_date),
            options=options,
        )

        return page

    async def reconciliation(
        self,
        settle_date: date,
        *,
        page_size: int = 500,
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[PaymentSummary | RefundSummary]:
        """
        Iterate over what UMF paid the merchant for on a day (gateway.md 9.4).
        """
        async for page in self._pages(
            name="statements.reconciliation",
            path="/payments/reconciliation_statement",
            query={"settle_date": wire_date(settle_date)},
            page_size=page_size,
            read=_settled_on(settle_date),
            options=options,
        ):
            for payment in page.payment_summaries:
                yield payment

            for refund in page.refund_summaries:
                yield refund

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
        """
        page: ReconciliationsPage = await self._page(
            name="statements.reconciliation",
            path="/payments/reconciliation_statement",
            query={"settle_date": wire_date(settle_date)},
            page_number=page_number,
            page_size=page_size,
            read=_settled_on(settle_date),
            options=options,
        )

        return page

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
        return await save(self.open_transactions(mer_date, **options), to)

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
            raise ConfigError(
                f"kind: transactions or reconciliation, not {kind!r}.",
                f"kind：只支持 transactions 或 reconciliation，不支持 {kind!r}。",
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
            clock: list[datetime | None] = []
            await save(_with_clock(open_day(day, **options), clock), to, named=named)

            return clock[0]

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
        return await save(self.open_reconciliation(settle_date, **options), to)

    async def _page(
        self,
        *,
        name: str,
        path: str,
        query: Mapping[str, str],
        page_number: int,
        page_size: int,
        read: Any,  # Callable[[Mapping], PageT]; a Call is generic in it already
        options: CallOptions,
    ) -> Any:
        def read_page(members: Mapping[str, Any]) -> Any:
            page = read(members)
            must_be_page(page, page_number)

            return page

        return await self._sender.send(
            Call(
                name=name,
                method="GET",
                path=path,
                query={
                    **query,
                    "page_number": str(needed_count("page_number", page_number)),
                    "page_size": str(needed_count("page_size", page_size)),
                },
                effect=Effect.READ,
                read=read_page,
                body_limit=LIST_LIMIT,
            ),
            options,
        )

    async def _pages(
        self,
        *,
        name: str,
        path: str,
        query: Mapping[str, str],
        page_size: int,
        read: Any,
        options: CallOptions,
    ) -> AsyncIterator[Any]:
        number = 1
        seen = 0
        before = None

        while True:
            page = await self._page(
                name=name,
                path=path,
                query=query,
                page_number=number,
                page_size=page_size,
                read=read,
                options=options,
            )
            place = page.pagination or Pagination()
            rows = len(page.payment_summaries) + len(page.refund_summaries)
            seen += rows
            total = place.total_count
            summaries = (page.payment_summaries, page.refund_summaries)

            if rows and summaries == before:
                raise MismatchedResponseError(
                    f"Page {number} of the list repeats the one before.",
                    f"列表第 {number} 页与上一页重复。",
                )

            if rows:
                yield page

            if total is None and rows < page_size:
                return

            if total is not None and seen >= total:
                return

            if not rows:
                raise MismatchedResponseError(
                    f"The list ends after {seen} of {total} rows.",
                    f"列表在 {total} 行中的第 {seen} 行后中断。",
                )

            before = summaries
            number += 1


def _of_day(mer_date: date) -> Callable[[Mapping[str, Any]], TransactionsPage]:
    def read(members: Mapping[str, Any]) -> TransactionsPage:
        page = _codec.read_page(members, TransactionsPage)
        must_be_of_day(page, mer_date)

        return page

    return read


def _settled_on(
    settle_date: date,
) -> Callable[[Mapping[str, Any]], ReconciliationsPage]:
    def read(members: Mapping[str, Any]) -> ReconciliationsPage:
        page = _codec.read_page(members, ReconciliationsPage)
        must_match("settle_date", settle_date, page.settle_date)

        return page

    return read
