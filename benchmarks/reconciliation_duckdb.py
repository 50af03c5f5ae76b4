"""
The same comparison as an expert writes it by hand in DuckDB's SQL.

As `benchmarks.reconciliation_polars`: the same classes, the lines and numbers of each
difference, the outer join with the statement, the same bridge, for these files alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.reconciliation_day import BRIDGE_ITEMS, must_fit


Key = tuple[str, str, str]

_READ: Final = """
CREATE TABLE theirs AS SELECT
    f[3] AS "order", f[12] AS kind, f[14] AS refund, strptime(f[4], '%Y%m%d')::DATE AS day,
    f[7] AS currency, f[11] = '0' AS done, (f[10]::DECIMAL(12,4) * 10000)::BIGINT AS rate,
    (f[8]::DECIMAL(15,2) * 100)::BIGINT AS total, (f[9]::DECIMAL(15,2) * 100)::BIGINT AS cny,
    f[1] AS trade_no, number AS listed_at
FROM (SELECT string_split(line, ',') AS f, number FROM lines_of(getvariable('transactions')))
WHERE f[1] NOT LIKE 'TRANSDETAIL-%';

CREATE TABLE paid AS SELECT
    f[13] AS kind, f[2] AS number, f[5] AS paid_currency, f[14] = '0' AS paid_done,
    (f[11]::DECIMAL(12,4) * 10000)::BIGINT AS r,
    (f[6]::DECIMAL(15,2) * 100)::BIGINT AS paid_total,
    (f[7]::DECIMAL(15,2) * 100)::BIGINT AS paid_cny,
    (f[8]::DECIMAL(15,2) * 100)::BIGINT AS paid_fee,
    (f[9]::DECIMAL(15,2) * 100)::BIGINT AS paid_exchanged,
    (f[10]::DECIMAL(15,2) * 100)::BIGINT AS paid_exchanged_cny,
    f[1] AS object_id, number AS paid_out_at
FROM (SELECT string_split(line, ',') AS f, number FROM lines_of(getvariable('statement')))
WHERE f[1] NOT LIKE 'TRANSDETAIL-%';

CREATE TABLE ours AS SELECT
    order_no AS "order", CASE kind WHEN 'payment' THEN 'P' ELSE 'T' END AS kind,
    coalesce(refund_no, '') AS refund, biz_date::DATE AS our_day, currency AS our_currency,
    (amount::DECIMAL(15,2) * 100)::BIGINT AS our_total,
    (amount_cny::DECIMAL(15,2) * 100)::BIGINT AS our_cny,
    status IN ('paid', 'refunded') AS our_done, (fee::DECIMAL(15,2) * 100)::BIGINT AS our_fee,
    row_number() OVER () + 1 AS booked_at
FROM read_csv(getvariable('ledger'), all_varchar = true, header = true);

CREATE TABLE placed AS SELECT
    CASE WHEN paid.kind = 'T' THEN coalesce(known."order", '') ELSE number END AS "order",
    paid.kind, CASE WHEN paid.kind = 'T' THEN number ELSE '' END AS refund,
    paid.* EXCLUDE (kind, number)
FROM paid LEFT JOIN (
    SELECT kind, "order", refund FROM ours WHERE kind = 'T'
    UNION SELECT kind, "order", refund FROM theirs WHERE kind = 'T'
) AS known ON known.kind = paid.kind AND known.refund = paid.number;

CREATE TABLE twice AS
    SELECT "order", kind, refund FROM ours GROUP BY ALL HAVING count(*) > 1
    UNION SELECT "order", kind, refund FROM theirs GROUP BY ALL HAVING count(*) > 1
    UNION SELECT "order", kind, refund FROM placed GROUP BY ALL HAVING count(*) > 1;

CREATE TABLE whole AS SELECT *
FROM (SELECT *, true AS at_gateway FROM theirs)
FULL JOIN (SELECT *, true AS in_ledger FROM ours) USING ("order", kind, refund)
FULL JOIN (SELECT *, true AS paid_out FROM placed) USING ("order", kind, refund);
"""
_CLASSES: Final = """
SELECT * FROM (
    SELECT CASE
        WHEN at_gateway AND in_ledger IS NULL THEN 'missing_in_ledger'
        WHEN in_ledger AND at_gateway IS NULL THEN 'missing_at_gateway'
        WHEN in_ledger AND at_gateway AND kind = 'T' AND has_payment IS NULL
            THEN 'refund_without_payment'
        WHEN our_currency != currency OR paid_currency != currency THEN 'currency_differs'
        WHEN (kind = 'P' AND abs(total * rate - cny * 10000) * 2 > greatest(rate, 10000))
            OR our_total != total OR our_cny != cny OR paid_total != total
            OR paid_cny != cny THEN 'amount_differs'
        WHEN our_done != done OR paid_done != done THEN 'state_differs'
        WHEN our_day != day THEN 'wrong_day'
        WHEN paid_out AND at_gateway IS NULL THEN 'paid_out_unknown'
        WHEN our_fee != paid_fee THEN 'fee_differs'
        WHEN paid_exchanged_cny
                != (CASE kind WHEN 'T' THEN -paid_cny ELSE paid_cny END) - paid_fee
            OR 2 * r * abs(paid_exchanged) > 20000 * abs(paid_exchanged_cny) + r
            OR 2 * r * (abs(paid_exchanged) + 1) <= 20000 * abs(paid_exchanged_cny) + r
            THEN 'exchange_differs'
        ELSE 'matched' END AS class, "order", kind, refund,
        booked_at, listed_at, trade_no, paid_out_at, object_id
    FROM whole
    ANTI JOIN twice USING ("order", kind, refund)
    LEFT JOIN (
        SELECT DISTINCT "order", true AS has_payment FROM whole
        WHERE kind = 'P' AND (at_gateway OR in_ledger)
    ) USING ("order")
) WHERE class != 'matched'
UNION ALL SELECT 'duplicate', *, NULL, NULL, NULL, NULL, NULL FROM twice
"""
_BRIDGE: Final = """
SELECT * FROM (
    SELECT sum(cny) FILTER (kind = 'P'), -sum(cny) FILTER (kind = 'T') FROM theirs WHERE done
), (
    SELECT -sum(paid_fee),
        sum(paid_exchanged_cny + paid_fee - signed(kind, paid_cny)),
        sum(paid_exchanged_cny)
    FROM placed
), (
    SELECT sum(signed(kind, paid_cny))
    FROM placed ANTI JOIN theirs USING ("order", kind, refund)
), (
    SELECT -sum(signed(kind, cny))
    FROM theirs ANTI JOIN placed USING ("order", kind, refund) WHERE done
)
"""
_MACROS: Final = """
CREATE MACRO signed(kind, amount) AS CASE kind WHEN 'T' THEN -amount ELSE amount END;
CREATE MACRO lines_of(path) AS TABLE SELECT column0 AS line, row_number() OVER () AS number
FROM read_csv(
    path, columns = {'column0': 'VARCHAR'}, header = false, delim = '\x01', quote = '',
    escape = '')
"""
_TOTALS: Final = {
    "transactions": "SELECT sum(signed(kind, cny)) FROM theirs",
    "statement": "SELECT sum(signed(kind, paid_exchanged_cny)) FROM paid",
}


def compare_books(
    transactions: Path, statement: Path, ledger: Path
) -> tuple[dict[str, set[Key]], dict[str, int]]:
    """
    Return the keys of each class but "matched", and the bridge in CNY, in cents.
    """
    files = {"transactions": transactions, "statement": statement, "ledger": ledger}
    keys: dict[str, set[Key]] = {}

    with duckdb.connect() as connection:
        connection.execute(_MACROS)

        for name, path in files.items():
            connection.execute(f"SET VARIABLE {name} = '{path}'")

        connection.execute(_READ)

        for name, query in _TOTALS.items():
            must_fit(files[name], _one(connection, query)[0])

        for name, *row in connection.execute(_CLASSES).fetchall():
            keys.setdefault(name, set()).add(tuple(row[:3]))

        bridge = _one(connection, _BRIDGE)

    return keys, {
        item: int(amount or 0)
        for item, amount in zip(BRIDGE_ITEMS, bridge, strict=True)
    }


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    found = connection.execute(query).fetchone()
    assert found is not None

    return found
