#!/usr/bin/env python3
"""Opens every published Delta table with deltalake, pyarrow, polars and DuckDB and compares what they see.

Compared are the rows, the sum of each decimal and whole-number column, and how many values of each column are there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from peer.project import ident, quoted
from peer.published import local_path

Facts = dict[str, object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", required=True, help="the warehouse's folder")
    options = parser.parse_args()
    warehouse = local_path(options.warehouse)
    tables = sorted(log.parent for log in warehouse.glob("*/*/_delta_log"))
    if not any(table.parent.name == "marts" for table in tables):
        print(f"no published marts in {warehouse}")
        return 1

    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    native = has_delta_extension(con)
    readers: dict[str, Callable[[Path], Facts]] = {
        "deltalake": by_deltalake,
        "pyarrow": by_pyarrow,
        "polars": by_polars,
        "duckdb": lambda table: by_duckdb(con, table, native),
    }
    print(f"duckdb {duckdb.__version__} reads {'through its delta extension' if native else 'the files that deltalake lists'}")
    print(f"{'table':40} {'version':>7} {'rows':>10}  " + "  ".join(f"{name:9}" for name in readers))
    wrong = 0
    for table in tables:
        facts: dict[str, Facts | Exception] = {}
        for name, reader in readers.items():
            try:
                facts[name] = reader(table)
            except Exception as error:  # a reader that cannot open a table is a finding, not an end
                facts[name] = error
        base = facts["deltalake"]
        verdicts = {name: verdict(base, found) for name, found in facts.items()}
        wrong += any(v != "ok" for v in verdicts.values())
        rows = base["rows"] if isinstance(base, dict) else "?"
        version = DeltaTable(str(table)).version() if isinstance(base, dict) else "?"
        name = f"{table.parent.name}.{table.name}"
        print(f"{name:40} {version:>7} {rows:>10}  " + "  ".join(f"{v:9}" for v in verdicts.values()))
    print(f"{len(tables)} tables, {wrong} on which the readers disagree")
    return 1 if wrong else 0


def verdict(base: Facts | Exception, found: Facts | Exception) -> str:
    if isinstance(found, Exception):
        return f"FAILED ({type(found).__name__})"
    if isinstance(base, Exception):
        return "no base"
    differing = [k for k in base if found.get(k) != base[k]] + [k for k in found if k not in base]
    return f"DIFFERS ({differing[0]})" if differing else "ok"


def arrow_facts(table: pa.Table) -> Facts:
    facts: Facts = {"rows": table.num_rows}
    for name, kind in zip(table.schema.names, table.schema.types):
        column = table[name]
        facts[f"{name} values"] = len(column) - column.null_count
        if pa.types.is_decimal(kind):
            # The widest decimal: a column's own width can be too narrow for its sum.
            wide = column.cast(pa.decimal128(38, kind.scale))
            facts[f"{name} sum"] = as_decimal(pc.sum(wide).as_py())
        elif pa.types.is_integer(kind):
            facts[f"{name} sum"] = as_decimal(pc.sum(column).as_py())
    return facts


def by_deltalake(table: Path) -> Facts:
    return arrow_facts(pa.table(DeltaTable(str(table)).to_pyarrow_dataset().to_table()))


def by_pyarrow(table: Path) -> Facts:
    files = file_list(table)
    if not files:
        return arrow_facts(DeltaTable(str(table)).to_pyarrow_dataset().schema.empty_table())
    return arrow_facts(pa.concat_tables([pq.ParquetFile(f).read() for f in files]))


def by_polars(table: Path) -> Facts:
    frame = pl.scan_delta(str(table)).collect()
    facts: Facts = {"rows": frame.height}
    for name, kind in frame.schema.items():
        facts[f"{name} values"] = frame.height - frame[name].null_count()
        if isinstance(kind, pl.Decimal):
            facts[f"{name} sum"] = as_decimal(frame[name].cast(pl.Decimal(38, kind.scale)).sum() if frame.height else None)
        elif kind.is_integer():
            facts[f"{name} sum"] = as_decimal(frame[name].sum() if facts[f"{name} values"] else None)
    for name in frame.columns:
        if facts[f"{name} values"] == 0 and f"{name} sum" in facts:
            facts[f"{name} sum"] = None
    return facts


def by_duckdb(con: duckdb.DuckDBPyConnection, table: Path, native: bool) -> Facts:
    files = file_list(table)
    if native:
        source = f"delta_scan({quoted(table)})"
    elif files:
        source = "read_parquet([" + ", ".join(map(quoted, files)) + "])"
    else:
        return by_pyarrow(table)
    columns = con.execute(f"select column_name, column_type from (describe select * from {source})").fetchall()
    names, parts = ["rows"], ["count(*)"]
    for name, kind in columns:
        names.append(f"{name} values")
        parts.append(f"count({ident(name)})")
        if kind.startswith("DECIMAL") or kind in ("BIGINT", "INTEGER", "SMALLINT"):
            names.append(f"{name} sum")
            parts.append(f"sum({ident(name)})")
    row = con.execute(f"select {', '.join(parts)} from {source}").fetchall()[0]
    return {n: as_decimal(v) if n.endswith(" sum") else v for n, v in zip(names, row)}


def file_list(table: Path) -> list[str]:
    return [str(local_path(uri)) for uri in DeltaTable(str(table)).file_uris()]


def has_delta_extension(con: duckdb.DuckDBPyConnection) -> bool:
    """Only one that is installed for this very version; nothing is fetched."""
    try:
        con.execute("set autoinstall_known_extensions = false")
        con.execute("load delta")
    except duckdb.Error:
        return False
    return True


def as_decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value)).normalize()


if __name__ == "__main__":
    raise SystemExit(main())
