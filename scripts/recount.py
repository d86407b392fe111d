#!/usr/bin/env python3
"""Marts counted a second time, from staging and in other words, and compared with what the run published.

`tests/recount/base.sql` has what the others read; each other file there is one SELECT, named like its mart, with the mart's key and
the columns that it counts again. Plain joins of all with all: made to be read, for small companies. Whole numbers, texts and days
have to be equal, decimals within one unit of their last digit.
"""

from __future__ import annotations

from pathlib import Path

from oracle import connect, landing_view, listed, parse_options
from peer import models
from peer.project import Project, bind, ident, quoted
from peer.published import local_path, read_run

RECOUNTS = Path(__file__).resolve().parent.parent / "tests" / "recount"


def main() -> int:
    options = parse_options(__doc__.splitlines()[0], "marts")
    project = Project(options.project)
    run = read_run(local_path(options.warehouse), {s.label for s in project.sources if s.snapshot}, options.run)
    con = connect(options)
    parameters = project.parameters(run.as_of)
    for source in project.sources:
        con.execute(landing_view(source, run.landing.get(source.table, []), run.outdated.get(source.table, [])))
    for model in project.in_order():
        if model.schema == "staging":
            con.execute(f"create view {model.full_name} as {models.runnable(model, parameters)}")
    for name, files in run.tables.items():
        con.execute(f"create view {name} as select * from read_parquet({listed(files)})")
    con.execute(bind((RECOUNTS / "base.sql").read_text(), parameters))

    keys = {m.full_name: m.key for m in project.models}
    compared, differing = 0, 0
    for path in sorted(RECOUNTS.glob("*.sql")):
        if path.stem == "base":
            continue
        mart = f"marts.{path.stem}"
        con.execute(f"create or replace table recounted as {bind(path.read_text(), parameters)}")
        compared += 1
        rows, differences = compare(con, mart, keys[mart])
        if differences:
            differing += 1
            print(f"DIFFERS  {mart}: " + "; ".join(differences))
        elif not options.quiet:
            print(f"equal    {mart}: {rows} rows")
    print(f"{compared} marts counted again, {differing} differ")
    return 1 if differing or not compared else 0


def compare(con, mart: str, key: list[str]) -> tuple[int, list[str]]:
    """How many rows the mart has, and each column that differs with the first row where it does."""
    kinds = dict(con.execute(f"select column_name, column_type from (describe {mart})").fetchall())
    columns = [c for (c,) in con.execute("select column_name from (describe recounted)").fetchall()]
    on = " and ".join(f"m.{ident(k)} is not distinct from r.{ident(k)}" for k in key)
    where = ", ".join(f"coalesce(m.{ident(k)}::varchar, r.{ident(k)}::varchar)" for k in key)
    joined = f"(select *, true as present from {mart}) m full join (select *, true as present from recounted) r on {on}"
    tests = {"the row itself": "m.present is distinct from r.present"}
    for column in columns:
        if column not in key:
            tests[column] = f"m.present and r.present and ({unequal(ident(column), kinds[column])})"
    found = []
    for column, test in tests.items():
        count, first = con.execute(f"select count(*), min(concat_ws(', ', {where})) from {joined} where {test}").fetchall()[0]
        if count:
            found.append(f"{column} in {count} rows, first at {first}")
    return con.execute(f"select count(*) from {mart}").fetchall()[0][0], found


def unequal(column: str, kind: str) -> str:
    if not kind.startswith("DECIMAL"):
        return f"m.{column} is distinct from r.{column}"
    unit = 10.0 ** -int(kind.rstrip(")").split(",")[1])
    return f"(m.{column} is null) <> (r.{column} is null) or abs(m.{column}::double - r.{column}::double) > {unit * 1.01!r}"


if __name__ == "__main__":
    raise SystemExit(main())
