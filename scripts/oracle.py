#!/usr/bin/env python3
"""A second engine as oracle: every SQL model run again by DuckDB on what the run landed, compared row for row.

Landing, identity and calendar are the run's own; the models' SQL, parameters and declared types are the project's. A table
that differs is named with its first difference, and the models after it read the run's version, so that each difference is
told where it arises.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import duckdb
import pyarrow as pa

from peer import models
from peer.project import SCHEMAS, Model, Project, Source, duckdb_type, ident, quoted
from peer.published import Batch, Published, local_path, read_run


def main() -> int:
    options = parse_options(__doc__.splitlines()[0], "tables")
    project = Project(options.project)
    snapshots = {s.label for s in project.sources if s.snapshot}
    run = read_run(local_path(options.warehouse), snapshots, options.run)
    con = connect(options)
    parameters = project.parameters(run.as_of)

    for source in project.sources:
        con.execute(landing_view(source, run.landing.get(source.table, []), run.outdated.get(source.table, [])))
    for name, files in run.tables.items():
        if name.startswith("identity."):
            con.execute(f"create view {name} as select * from read_parquet({listed(files)})")
    if "project.calendar" in run.tables:
        con.execute(f"create view project.calendar as select * from read_parquet({listed(run.tables['project.calendar'])})")
    else:
        models.create_calendar(con, project, run.as_of)

    compared, differing = 0, 0
    for model in project.in_order():
        sql = models.runnable(model, parameters)
        if model.materialized == "view":
            con.execute(f"create view {model.full_name} as {sql}")
            continue
        con.execute(f"create table {model.full_name} as {models.typed(model, sql)}")
        if model.materialized == "intermediate":
            continue
        compared += 1
        difference = compare(con, model, run)
        if difference:
            differing += 1
            print(f"DIFFERS  {model.full_name}: {difference}")
            if model.full_name in run.tables:
                con.execute(f"create or replace view ours as select * from read_parquet({listed(run.tables[model.full_name])})")
                con.execute(f"create or replace table {model.full_name} as {models.typed(model, 'select * from ours')}")
        elif not options.quiet:
            rows = con.execute(f"select count(*) from {model.full_name}").fetchall()[0][0]
            print(f"equal    {model.full_name}: {rows} rows, {len(model.columns)} columns")
    print(f"{compared} tables compared by DuckDB {duckdb.__version__}, {differing} differ")
    return 1 if differing or not compared else 0


def connect(options: argparse.Namespace) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:")
    con.execute(f"set threads = {options.threads}")
    models.create_functions(con)
    for schema in SCHEMAS:
        con.execute(f"create schema {schema}")
    return con


def landing_view(source: Source, batches: list[Batch], outdated: list[Batch]) -> str:
    """The newest version of each key: greatest cursor, then the later file, then the later row."""
    names = ", ".join(ident(c.name) for c in source.columns)
    if not batches:
        types = ", ".join(f"null::{duckdb_type(c.kind)} as {ident(c.name)}" for c in source.columns)
        return f"create view landing.{source.table} as select {types}, '' as _batch_id, 0::bigint as _row where false"
    kept = rejected_keys(source, batches) if source.snapshot else []
    if kept:
        # A row of a full snapshot that went to quarantine keeps its version before.
        keys = ", ".join("(" + ", ".join(map(quoted, key)) + ")" for key in kept)
        text = ", ".join(f"{ident(k)}::varchar" for k in source.key)
    parts = " union all ".join(
        f"select {names}, _row, {quoted(b.batch_id)} as _batch_id, {b.rank} as _file from read_parquet({quoted(b.path)})"
        + (f" where ({text}) in ({keys})" if b in outdated else "")
        for b in [*batches, *(outdated if kept else [])]
    )
    key = ", ".join(ident(k) for k in source.key)
    cursor = f"{ident(source.cursor)} desc, " if source.cursor else ""
    return f"""
        create view landing.{source.table} as
        select {names}, _batch_id, _row from ({parts})
        qualify row_number() over (partition by {key} order by {cursor}_file desc, _row desc) = 1"""


def rejected_keys(source: Source, batches: list[Batch]) -> list[tuple[str, ...]]:
    """The keys, as text, of the rows that went to quarantine: read again from their raw text."""
    found = []
    for batch in batches:
        if not batch.rejected or not batch.archive or source.format != "csv":
            continue
        raw = duckdb.execute(f"select raw from read_parquet({quoted(batch.rejected)})").fetchall()
        with pa.CompressedInputStream(pa.OSFile(str(batch.archive), "rb"), "zstd") as stream:
            header = stream.read(1 << 16).decode("utf-8-sig", errors="replace").splitlines()[0]
        names = next(csv.reader([header], delimiter=source.delimiter))
        places = [names.index(next(c for c in source.columns if c.name == k).steps[0][1]) for k in source.key]
        for fields in csv.reader((text for (text,) in raw), delimiter=source.delimiter):
            if len(fields) == len(names):
                found.append(tuple(fields[p] for p in places))
    return found


def compare(con: duckdb.DuckDBPyConnection, model: Model, run: Published) -> str | None:
    """The first difference between DuckDB's table and the run's, None where there is none."""
    if model.full_name not in run.tables:
        return "the run did not publish it"
    con.execute(f"create or replace view ours as select * from read_parquet({listed(run.tables[model.full_name])})")
    theirs = dict(con.execute(f"select column_name, column_type from (describe {model.full_name})").fetchall())
    ours = dict(con.execute("select column_name, column_type from (describe ours)").fetchall())
    if list(theirs) != list(ours):
        missing, extra = [c for c in theirs if c not in ours], [c for c in ours if c not in theirs]
        return f"columns: missing {missing}, not expected {extra}" if missing or extra else "columns stand in another order"
    for column, kind in theirs.items():
        if ours[column] != kind:
            return f"column {column}: type {ours[column]}, expected {kind}"
    counts = [con.execute(f"select count(*) from {name}").fetchall()[0][0] for name in ("ours", model.full_name)]
    key = model.key or list(theirs)
    on = " and ".join(f"o.{ident(k)} is not distinct from d.{ident(k)}" for k in key)
    values = [c for c in theirs if c not in key]
    tests = [f"when {unequal(c, theirs[c])} then {quoted(c)}" for c in values]
    column = f"case {' '.join(tests)} end" if tests else "null"
    first = con.execute(f"""
        select o.present is null, d.present is null, {column} as differing,
            {", ".join(f"coalesce(o.{ident(k)}, d.{ident(k)})::varchar" for k in key)}
        from (select *, true as present from ours) o
        full join (select *, true as present from {model.full_name}) d on {on}
        where o.present is null or d.present is null or {column} is not null
        order by all limit 1""").fetchall()
    if first:
        absent, extra, differing, *key_values = first[0]
        place = ", ".join(f"{k} = {v}" for k, v in zip(key, key_values))
        if absent or extra:
            what = "missing from the run" if absent else "only in the run"
            return f"{counts[0]} rows, expected {counts[1]}; row {place} is {what}"
        return f"row {place}, column {differing}: {values_of(con, model, differing, key, key_values)}"
    if counts[0] != counts[1]:
        return f"{counts[0]} rows, expected {counts[1]}"
    return None


def unequal(column: str, kind: str) -> str:
    o, d = f"o.{ident(column)}", f"d.{ident(column)}"
    if kind == "DOUBLE":
        # Engines add floats in different orders: equal to nine digits is equal.
        return f"({o} is distinct from {d} and not coalesce(abs({o} - {d}) <= 1e-9 * greatest(abs({o}), abs({d})), false))"
    return f"{o} is distinct from {d}"


def values_of(con, model: Model, column: str, key: list[str], key_values: list[str]) -> str:
    """Both values, unless they are personal data."""
    if model.columns.get(column, {}).get("pii"):
        return "(personal data)"
    where = " and ".join(f"{ident(k)}::varchar is not distinct from ?" for k in key)
    pair = [
        con.execute(f"select {ident(column)}::varchar from {name} where {where} limit 1", key_values).fetchall()[0][0]
        for name in ("ours", model.full_name)
    ]
    return f"{pair[0]}, expected {pair[1]}"


def listed(files: list[Path]) -> str:
    return "[" + ", ".join(quoted(f) for f in files) + "]"


def parse_options(description: str, compared: str) -> argparse.Namespace:
    """The options of a script that compares a run's tables with other calculations."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--project", type=Path, required=True, help="the folder with uramaki.yaml")
    parser.add_argument("--warehouse", required=True, help="the warehouse's folder")
    parser.add_argument("--run", type=int, help="the run (default: the last one)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quiet", action="store_true", help=f"name only {compared} that differ")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
