#!/usr/bin/env python3
"""Reads what sinks hold with other people's readers, and compares each value with the committed tables.

Parquet by pyarrow, CSV by Python's own reader, workbooks by openpyxl, the start file by DuckDB's command line, PostgreSQL by psycopg.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from peer.published import local_path

Rows = list[tuple]
UTC = dt.timezone.utc


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", required=True, help="the warehouse's folder")
    parser.add_argument("--layers", default="marts", help="which tables the sinks hold, parted by commas")
    for kind in ("parquet", "csv", "xlsx"):
        parser.add_argument(f"--{kind}", help=f"the folder of a sink of kind {kind}")
    parser.add_argument("--keeps-formulas", action="store_true", help="the CSV files were written with `formulas: keep`")
    parser.add_argument("--duckdb", help="the start file of a sink of kind duckdb")
    parser.add_argument("--postgres", help="the URL of a sink of kind postgres")
    parser.add_argument("--schema", default="marts", help="its schema")
    options = parser.parse_args()
    warehouse = local_path(options.warehouse)
    runs = sorted(int(p.stem) for p in (warehouse / "_runs").glob("*.json") if p.stem.isdigit())
    manifest = json.loads((warehouse / "_runs" / f"{runs[-1]}.json").read_text())
    layers = options.layers.split(",")
    tables = {n: t for n, t in manifest["tables"].items() if n.split(".")[0] in layers}

    readers: dict[str, Callable[[str, pa.Schema], tuple[list[str], Rows]]] = {}
    if options.parquet:
        readers["parquet"] = lambda name, schema: by_pyarrow(Path(options.parquet, *name.split(".")).with_suffix(".parquet"))
    if options.csv:
        readers["csv"] = lambda name, schema: by_csv(Path(options.csv, *name.split(".")).with_suffix(".csv"), schema, options.keeps_formulas)
    if options.xlsx:
        readers["xlsx"] = lambda name, schema: by_openpyxl(Path(options.xlsx, *name.split(".")).with_suffix(".xlsx"), schema)
    if options.duckdb:
        readers["duckdb"] = lambda name, schema: by_duckdb(Path(options.duckdb), name, schema)
    connection = psycopg.connect(options.postgres) if options.postgres else None
    if connection:
        connection.execute("set time zone 'UTC'")
        readers["postgres"] = lambda name, schema: by_postgres(connection, options.schema, name.split(".")[1])

    print(f"{'table':40} {'rows':>8}  " + "  ".join(f"{name:8}" for name in readers))
    wrong = 0
    for name, table in tables.items():
        committed = pa.concat_tables([pq.ParquetFile(warehouse / f["path"]).read() for f in table["files"]])
        expected = normal(committed)
        verdicts = []
        for reader in readers.values():
            try:
                columns, rows = reader(name, committed.schema)
                verdicts.append(verdict(committed.schema.names, expected, columns, rows))
            except Exception as error:  # a reader that cannot open a table is a finding, not an end
                verdicts.append(f"FAILED ({type(error).__name__}: {error})")
        wrong += any(v != "ok" for v in verdicts)
        print(f"{name:40} {len(expected):>8}  " + "  ".join(f"{v:8}" for v in verdicts))
    if connection:
        wrong += described(connection, options.schema, tables)
    print(f"{len(tables)} tables, {wrong} of which a sink does not hold as they are")
    return 1 if wrong or not tables else 0


def verdict(names: list[str], expected: Rows, columns: list[str], rows: Rows) -> str:
    if columns != names:
        return f"DIFFERS (columns {columns})"
    if len(rows) != len(expected):
        return f"DIFFERS ({len(rows)} rows)"
    # As bags: a database has no order.
    missing = Counter(expected) - Counter(rows)
    if not missing:
        return "ok"
    near = min(Counter(rows) - Counter(expected), key=lambda row: sum(a != b for a, b in zip(row, next(iter(missing)))))
    columns = [n for n, a, b in zip(names, next(iter(missing)), near) if a != b]
    return f"DIFFERS ({len(missing)} rows, such as in {', '.join(columns)})"


def normal(table: pa.Table) -> Rows:
    return [tuple(plain(v) for v in row) for row in zip(*(table[name].to_pylist() for name in table.schema.names))]


def plain(value: object) -> object:
    """One form of a value, whoever read it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, Decimal)):
        return Decimal(value).normalize() + 0
    if isinstance(value, float):
        return value
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def by_pyarrow(path: Path) -> tuple[list[str], Rows]:
    table = pq.ParquetFile(path).read()
    return table.schema.names, normal(table)


def of_text(text: str | None, kind: pa.DataType) -> object:
    if text is None:
        return None
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return plain(Decimal(text))
    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if pa.types.is_date(kind):
        return dt.date.fromisoformat(text)
    if pa.types.is_timestamp(kind):
        return plain(dt.datetime.fromisoformat(text))
    if pa.types.is_floating(kind):
        return float(text)
    return text


def by_csv(path: Path, schema: pa.Schema, keeps_formulas: bool) -> tuple[list[str], Rows]:
    text = path.read_bytes().decode("utf-8-sig")
    assert text.endswith("\r\n"), "lines end in CRLF"
    # Python's reader does not tell NULL from "": tables with empty texts would differ here.
    lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    rows = []
    for line in lines[1:]:
        values = []
        for value, kind in zip(line, schema.types, strict=True):
            if value.startswith("'") and not keeps_formulas and pa.types.is_string(kind):
                assert value[1:].lstrip(" ")[:1] in "=+-@\t\r\n＝＋－＠", f"an apostrophe without need in {path.name}"
                value = value[1:]
            elif pa.types.is_string(kind) and not keeps_formulas:
                assert value.lstrip(" ")[:1] not in tuple("=+-@\t\r"), f"a formula in {path.name}"
            values.append(of_text(value or None, kind))
        rows.append(tuple(values))
    return lines[0], rows


def by_openpyxl(path: Path, schema: pa.Schema) -> tuple[list[str], Rows]:
    book = openpyxl.load_workbook(path, read_only=True)
    *sheets, about = book.worksheets
    assert about.title == "About the columns", about.title
    rows: Rows = []
    names: list[str] = []
    for sheet in sheets:
        lines = sheet.iter_rows()
        names = [cell.value for cell in next(lines)]
        for line in lines:
            values = []
            for cell, kind in zip(line, schema.types, strict=True):
                value = cell.value
                assert cell.data_type != "f", f"a formula in {path.name}"
                if value is None:
                    values.append(None)
                elif pa.types.is_timestamp(kind):
                    assert isinstance(value, dt.datetime), f"{value!r} is no time"
                    values.append(plain(value))
                elif pa.types.is_date(kind):
                    values.append(value.date())
                elif pa.types.is_decimal(kind) or pa.types.is_integer(kind):
                    assert isinstance(value, (int, float)) and math.isfinite(value), f"{value!r} is no number"
                    values.append(plain(Decimal(repr(value))))
                else:
                    values.append(value)
            rows.append(tuple(values))
    assert [r[0].value for r in about.iter_rows(min_row=2)] == names, "the sheet about the columns"
    return names, rows


def by_duckdb(start: Path, name: str, schema: pa.Schema) -> tuple[list[str], Rows]:
    """As an analyst would: the command line, with the start file."""
    program = Path(sys.executable).with_name("duckdb")
    columns = ", ".join(f'cast("{n}" as varchar) as "{n}"' if not pa.types.is_boolean(k) else f'"{n}"' for n, k in zip(schema.names, schema.types))
    command = [program, "-init", start, "-json", "-c", f"set timezone = 'UTC'; select {columns} from {name}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not said.stderr or "Loading resources" in said.stderr, said.stderr
    lines = json.loads(said.stdout) if said.stdout.strip() else []
    rows = []
    for line in lines:
        values = [value if isinstance(value, bool) else of_text(value, k) for value, k in zip(line.values(), schema.types)]
        rows.append(tuple(values))
    return (list(lines[0]) if lines else schema.names), rows


def by_postgres(connection: psycopg.Connection, schema: str, table: str) -> tuple[list[str], Rows]:
    found = connection.execute(sql.SQL("select * from {}.{}").format(sql.Identifier(schema), sql.Identifier(table)))
    return [c.name for c in found.description], [tuple(plain(v) for v in row) for row in found]


def described(connection: psycopg.Connection, schema: str, tables: dict[str, dict]) -> int:
    """Every table has a primary key and an index on customer_id, and says what it and its columns are."""
    wrong = 0
    for name, table in tables.items():
        full = f'"{schema}"."{name.split(".")[1]}"'
        comment, keys, firsts = connection.execute(
            "select obj_description(%(t)s::regclass), (select count(*) from pg_index where indrelid = %(t)s::regclass and indisprimary), "
            "(select array_agg(a.attname::text) from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
            "where i.indrelid = %(t)s::regclass)",
            {"t": full},
        ).fetchone()
        comments = [
            said
            for (said,) in connection.execute(
                "select col_description(attrelid, attnum) from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", [full]
            )
        ]
        expected = [c["description"] + (f" ({c['unit']})" if c.get("unit") else "") for c in table["columns"]]
        ids = [c["name"] for c in table["columns"] if c["name"].endswith("_id")]
        for what, is_right in [
            ("its comment", comment == table["description"]),
            ("comments of columns", comments == expected),
            ("a primary key", keys == 1),
            ("an index for each id", all(i in firsts for i in ids)),
        ]:
            if not is_right:
                print(f"{full} has not {what}")
                wrong += 1
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
