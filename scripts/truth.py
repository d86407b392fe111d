#!/usr/bin/env python3
"""Compares what a run published with the truth that the generator wrote beside its extracts.

The truth is told from the simulated lives, in whole cents, and knows nothing of the models; so each line below is a number that
two ways of counting have to agree on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from peer.project import SCHEMAS, Project, quoted
from peer.published import Published, local_path, read_run

# What the truth calls each sum → (table, rows that count, currency, amount, EUR).
SUMS = {
    "orders_placed": ("warehouse.fct_order", "true", "currency", "total_price", "total_eur"),
    "orders_counted": ("warehouse.fct_order", "not is_cancelled", "currency", "total_price", "total_eur"),
    "orders_net": ("warehouse.fct_order", "true", "currency", "total_price - total_tax", "net_eur"),
    "order_refunds": ("warehouse.fct_order_refund", "true", "currency", "amount", "amount_eur"),
    "invoices": ("warehouse.fct_invoice", "true", "currency", "amount_due", "amount_due_eur"),
    "invoices_overdue": ("warehouse.fct_invoice", "overdue_eur > 0", "currency", "amount_remaining", "overdue_eur"),
    "charges": ("warehouse.fct_payment", "true", "currency", "amount", "amount_eur"),
    "charges_succeeded": ("warehouse.fct_payment", "is_succeeded", "currency", "amount", "amount_eur"),
    "refunds": ("warehouse.fct_refund", "true", "currency", "amount", "amount_eur"),
    "refunds_succeeded": ("warehouse.fct_refund", "status = 'succeeded'", "currency", "amount", "amount_eur"),
    "disputes": ("warehouse.fct_dispute", "true", "currency", "amount", "amount_eur"),
}
# A line's money is its order's: lines without an order have no currency.
LINE_SUM = """
    select coalesce(o.currency, '') as currency, l.line_total as amount, l.line_total_eur as eur
    from warehouse.fct_order_line l join warehouse.fct_order o using (order_id)"""
REVENUE = """
    select currency, sum(total_price - coalesce(refunded, 0))::varchar
    from warehouse.fct_order
    left join (select order_id, sum(amount) as refunded from warehouse.fct_order_refund group by 1) using (order_id)
    where not is_cancelled group by 1"""
COUNTS = {
    "orders_without_customer": "warehouse.fct_order where customer_id is null",
    "orders_delivered": "warehouse.fct_order where is_delivered",
    "invoices_without_customer": "warehouse.fct_invoice where customer_id is null",
    "tickets": "warehouse.fct_ticket",
    "tickets_open": "warehouse.fct_ticket where is_open",
    "tickets_without_customer": "warehouse.fct_ticket where customer_id is null",
    "tickets_with_order": "warehouse.fct_ticket where order_id is not null",
    "order_lines_without_order": "warehouse.fct_order_line anti join warehouse.fct_order using (order_id)",
    "order_refunds_without_order": "warehouse.fct_order_refund anti join warehouse.fct_order using (order_id)",
}
# Told by the truth, but not published: a deleted ticket is in no table.
NOT_PUBLISHED = {"tickets_deleted"}


class Comparison:
    def __init__(self, quiet: bool):
        self.quiet = quiet
        self.compared = 0
        self.wrong = 0

    def equal(self, what: str, expected: object, found: object) -> None:
        self.compared += 1
        same = expected == found
        self.wrong += not same
        if not same:
            print(f"DIFFERS  {what}: {shown(found)}, truth says {shown(expected)}")
        elif not self.quiet:
            print(f"equal    {what}: {shown(found)}")


def main() -> int:
    options = parse_options()
    truth = json.loads(options.truth.read_text())
    project = Project(options.project)
    snapshots = {s.label for s in project.sources if s.snapshot}
    run = read_run(local_path(options.warehouse), snapshots, options.run)
    con = open_tables(run, newest=options.run is None)
    same = Comparison(options.quiet)

    def one(sql: str) -> object:
        return con.execute(sql).fetchall()[0][0]

    same.equal("as_of", truth["as_of_epoch_seconds"], int(run.as_of.timestamp()))
    same.equal("customers", truth["customers"], one("select count(*) from warehouse.dim_customer"))
    same.equal("customers in customer_360", truth["customers"], one("select count(*) from marts.customer_360"))
    same.equal("customers in identity", truth["customers"], one("select count(distinct customer_id) from identity.customer_xref"))
    records = dict(con.execute("select source_system || '/' || source_object, count(*) from identity.record group by 1").fetchall())
    for name in sorted({*truth["person_records"], *records}):
        same.equal(f"person records {name}", truth["person_records"].get(name, 0), records.get(name, 0))
    blocked = con.execute("select kind, value, holders from identity.blocked_evidence order by all").fetchall()
    same.equal("blocked evidence", [(b["kind"], b["value"], b["holders"]) for b in truth["blocked_evidence"]], blocked)

    for name, (table, where, currency, amount, eur) in SUMS.items():
        sql = f"select {currency} as currency, {amount} as amount, {eur} as eur from {table} where {where}"
        compare_sum(same, con, name, truth["sums"].get(name), sql)
    compare_sum(same, con, "order_lines", truth["sums"].get("order_lines"), LINE_SUM)

    revenue = truth["revenue"]
    known = Decimal(revenue["eur"]) - Decimal(revenue["eur_without_customer"])
    same.equal("revenue in EUR", Decimal(revenue["eur"]),
               one("select sum(total_eur - refunds_eur) from warehouse.fct_order where not is_cancelled"))  # fmt: skip
    same.equal("revenue in EUR, customer_360", known, one("select sum(revenue_eur) from marts.customer_360"))
    same.equal("revenue in EUR, customer_value", known, one("select sum(revenue_eur) from marts.customer_value"))
    found = {c: Decimal(a) for c, a in con.execute(REVENUE).fetchall()}
    for code in sorted({*revenue["by_currency"], *found}):
        same.equal(f"revenue in {code}", Decimal(revenue["by_currency"].get(code, "0")), found.get(code, Decimal(0)))
    same.equal("margin in EUR", Decimal(truth["margin_eur"]), one("select coalesce(sum(margin_eur), 0) from warehouse.fct_order_line"))
    same.equal("overdue in EUR", Decimal(truth["overdue_eur"]), one("select coalesce(sum(overdue_eur), 0) from warehouse.fct_invoice"))

    for name, expected in sorted(truth["counts"].items()):
        if name in COUNTS:
            same.equal(name.replace("_", " "), expected, one(f"select count(*) from {COUNTS[name]}"))
        elif name not in NOT_PUBLISHED:
            print(f"skipped  {name}: no table tells it")
    statuses = dict(con.execute("select status, count(*) from warehouse.fct_payment group by 1").fetchall())
    same.equal("charges by status", truth["charges_by_status"], statuses)
    compare_touchpoints(same, con, truth["touchpoints"])
    compare_friction(same, con, truth["friction"])
    compare_rows(same, con, truth, run)

    print(f"{same.compared} comparisons, {same.wrong} differ")
    return 1 if same.wrong else 0


def open_tables(run: Published, newest: bool) -> duckdb.DuckDBPyConnection:
    """A view for each table: the files that its Delta log lists, or the manifest where a run is asked for (or there is no log)."""
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    for schema in SCHEMAS:
        con.execute(f"create schema {schema}")
    for name, files in run.tables.items():
        folder = run.warehouse.joinpath(*name.split("."))
        if newest and (folder / "_delta_log").is_dir():
            files = [local_path(uri) for uri in DeltaTable(str(folder)).file_uris()]
        con.execute(f"create view {name} as select * from read_parquet([{', '.join(map(quoted, files))}])")
    return con


def compare_sum(same: Comparison, con: duckdb.DuckDBPyConnection, name: str, expected: dict | None, sql: str) -> None:
    rows = con.execute(f"""
        select currency, count(*), sum(amount)::varchar, coalesce(sum(eur), 0)::varchar
        from ({sql}) group by 1 order by 1""").fetchall()
    expected = expected or {"count": 0, "eur": "0", "by_currency": {}}
    words = name.replace("_", " ")
    same.equal(f"{words}, rows", expected["count"], sum(row[1] for row in rows))
    same.equal(f"{words}, EUR", Decimal(expected["eur"]), sum((Decimal(row[3]) for row in rows), Decimal(0)))
    found = {row[0].upper(): (row[1], Decimal(row[2])) for row in rows}
    stated = {code.upper(): (own["count"], Decimal(own["sum"])) for code, own in expected["by_currency"].items()}
    for code in sorted({*stated, *found}):
        same.equal(f"{words}, {code}", stated.get(code, (0, Decimal(0))), found.get(code, (0, Decimal(0))))


def compare_touchpoints(same: Comparison, con: duckdb.DuckDBPyConnection, expected: dict) -> None:
    found = {
        kind: (count, known)
        for kind, count, known in con.execute(
            "select kind, count(*), count(customer_id) from warehouse.fct_touchpoint group by 1"
        ).fetchall()
    }
    for kind in sorted({*expected, *found}):
        told = expected.get(kind, {"count": 0, "with_customer": 0})
        same.equal(f"touchpoints {kind} (all, with customer)", (told["count"], told["with_customer"]), found.get(kind, (0, 0)))


def compare_friction(same: Comparison, con: duckdb.DuckDBPyConnection, expected: dict) -> None:
    rows = con.execute("select rule, subject_id::varchar from marts.friction order by all").fetchall()
    for rule in sorted({*expected, *(rule for rule, _ in rows)}):
        told, found = set(expected.get(rule, ())), [subject for name, subject in rows if name == rule]
        same.equal(f"friction {rule}, rows", len(expected.get(rule, ())), len(found))
        missing, extra = sorted(told - set(found)), sorted(set(found) - told)
        same.equal(f"friction {rule}, subjects missing or too many", ([], []), (missing, extra))


def compare_rows(same: Comparison, con: duckdb.DuckDBPyConnection, truth: dict, run: Published) -> None:
    """Rows of the extracts: what each object's balance says, and what the quarantine holds."""
    for label, expected in sorted(truth["objects"].items()):
        balance = run.objects.get(label, {})
        pairs = {"rows": "read", "accepted": "accepted", "repeated": "duplicate_file_rows", "keys": "keys", "quarantined": "quarantined"}
        for ours, theirs in pairs.items():
            if ours in balance:
                same.equal(f"{label}: {ours}", expected[theirs], balance[ours])
    by_reason: dict[str, int] = {}
    for label in sorted({*truth["quarantined"], *run.quarantine}):
        reasons = dict(quarantined(con, run, label))
        same.equal(f"quarantined {label}", truth["quarantined"].get(label, {}), reasons)
        for reason, count in reasons.items():
            by_reason[reason] = by_reason.get(reason, 0) + count
    same.equal("quarantined by reason", truth["quarantined_by_reason"], by_reason)


def quarantined(con: duckdb.DuckDBPyConnection, run: Published, label: str) -> Iterator[tuple[str, int]]:
    if "quarantine.rejected_row" in run.tables:
        where = f"quarantine.rejected_row where source_system || '/' || source_object = {quoted(label)}"
    elif label in run.quarantine:
        where = f"read_parquet([{', '.join(map(quoted, run.quarantine[label]))}])"
    else:
        return
    yield from con.execute(f"select reason, count(*) from {where} group by 1 order by 1").fetchall()


def shown(value: object) -> str:
    text = str(value) if not isinstance(value, tuple) else " / ".join(map(shown, value))
    return text if len(text) <= 300 else text[:300] + " …"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, required=True, help="the folder with uramaki.yaml")
    parser.add_argument("--warehouse", required=True, help="the warehouse's folder")
    parser.add_argument("--truth", type=Path, required=True, help="truth.json of the generator")
    parser.add_argument("--run", type=int, help="the run (default: the last one, read through its Delta tables)")
    parser.add_argument("--quiet", action="store_true", help="name only what differs")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
