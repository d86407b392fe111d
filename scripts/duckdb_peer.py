#!/usr/bin/env python3
"""The nightly job done by DuckDB: the opponent of the benchmark, and a second opinion on every number.

It reads the same drop folder by the same contracts, lands Parquet, quarantines what does not parse, links identities, runs the
project's SQL models and checks, and writes the tables as Parquet. Timings and peak memory are printed as JSON.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import duckdb

from peer import identity, models
from peer.drop import list_drop, newest_day
from peer.landing import Landing
from peer.project import SCHEMAS, Project

PUBLISHED_BESIDES = (
    "identity.record",
    "identity.customer_xref",
    "identity.link",
    "identity.blocked_evidence",
    "identity.customer_event",
    "identity.draw",
    "identity.draw_customer",
    "identity.draw_record",
)


def main() -> int:
    options = parse_options()
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    timings: dict[str, float] = {}
    details: dict[str, float] = {}

    @contextmanager
    def timed(stage: str, into: dict[str, float] = timings):
        start = time.perf_counter()
        yield
        into[stage] = round(time.perf_counter() - start, 3)

    started = time.perf_counter()
    project = Project(options.project)
    day = options.as_of or newest_day(options.drop, project.sources)
    as_of = project.as_of(day)
    parameters = project.parameters(as_of)
    con = connect(options)

    with timed("list and digest"):
        extracts = list_drop(options.drop, project.sources, day)
    landing = Landing(con, options.output / "landing")
    with timed("land"):
        landing.land(extracts)
    with timed("newest versions"):
        landing.create_views(project.sources)
        models.create_calendar(con, project, as_of)
    with timed("staging"):
        staging = [m for m in project.models if m.schema == "staging"]
        for model in staging:
            con.execute(f"create view {model.full_name} as {models.runnable(model, parameters)}")
    with timed("identity"):
        sizes = identity.resolve(con, project, landing, lambda stage: timed(stage, details))
        for name in PUBLISHED_BESIDES:
            models.write_table(con, name, f"select * from {name}_built", options.output)
            con.execute(f"drop table {name}_built")
    with timed("models"):
        models.run_models(con, project, parameters, options.output, lambda name: timed(name, details))
    with timed("checks"):
        found = models.run_checks(con, project, parameters)
    with timed("quarantine"):
        models.write_table(con, "quarantine.rejected_row", "select * from quarantine_rows order by all", options.output)

    report = {
        "as_of": day.isoformat(),
        "seconds": round(time.perf_counter() - started, 3),
        "stages": timings,
        "details": details if options.details else {"phone numbers": details["phone numbers"]},
        "peak_memory_mib": peak_memory_mib(),
        "files": len(extracts),
        "distinct_phones": sizes["distinct_phones"],
        "quarantine": [list(row) for row in landing.balance()],
        "checks_failed": [list(row) for row in found],
    }
    write_manifest(con, options.output, project.sources, extracts, landing, day, as_of)
    text = json.dumps(report, indent=2)
    print(text)
    if options.timings:
        options.timings.write_text(text)
    return 3 if any(severity == "error" for _, severity, _ in found) else 0


def connect(options: argparse.Namespace) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:")
    con.execute(f"set threads = {options.threads}")
    con.execute(f"set memory_limit = '{options.memory_limit}'")
    con.execute(f"set temp_directory = '{options.output / 'spill'}'")
    models.create_functions(con)
    for schema in SCHEMAS:
        con.execute(f"create schema {schema}")
    return con


def write_manifest(con, output: Path, sources: list, extracts: list, landing: Landing, day: dt.date, as_of: dt.datetime) -> None:
    """What was built, in the shape that the other scripts read a run in."""
    tables = {
        f"{path.parent.name}.{path.stem}": {"files": [{"path": str(path.relative_to(output))}]}
        for schema in SCHEMAS if schema != "landing"
        for path in sorted((output / schema).glob("*.parquet"))
    }  # fmt: skip
    files, batches, objects = [], {}, {}
    for extract in extracts:
        source = extract.source
        files.append({
            "name": extract.name, "system": source.system, "object": source.object, "date": extract.day.isoformat(),
            "number": extract.number, "restatement": 0, "batch": extract.digest[:32],
        })  # fmt: skip
    for landed in landing.files.values():
        for extract, path in landed:
            source = extract.source
            batches[extract.digest[:32]] = {
                "system": source.system, "object": source.object, "quarantined": None,
                "landed": {"path": str(path.relative_to(output))},
            }  # fmt: skip
    for source in sources:
        keys = con.execute(f"select count(*) from landing.{source.table}").fetchall()[0][0]
        reasons = {reason: n for label, reason, n in landing.balance() if label == source.label}
        objects[source.label] = {"keys": keys, "quarantined": sum(reasons.values()), "by_reason": reasons}
    (output / "_runs").mkdir()
    manifest = {
        "run": 1, "as_of": day.isoformat(), "as_of_instant": as_of.isoformat(), "files": files, "batches": batches,
        "objects": objects, "tables": tables,
    }  # fmt: skip
    (output / "_runs" / "1.json").write_text(json.dumps(manifest, indent=1))


def peak_memory_mib() -> int:
    """Of this process; those that parse phone numbers are small beside it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, required=True, help="the folder with uramaki.yaml")
    parser.add_argument("--drop", type=Path, required=True, help="the drop folder")
    parser.add_argument("--output", type=Path, required=True, help="written anew: landing, tables, quarantine")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="1GiB")
    parser.add_argument("--as-of", type=dt.date.fromisoformat, help="the business day (default: the newest file's)")
    parser.add_argument("--timings", type=Path, help="write the report there too")
    parser.add_argument("--details", action="store_true", help="with the time of each model")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
