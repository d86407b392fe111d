#!/usr/bin/env python3
"""The worked questions: each asked of Uramaki and of DuckDB over the same published files, and compared with the answer that docs/questions.md has.

`--write` puts the answers into docs/questions.md instead.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import subprocess
import tempfile
from pathlib import Path

import duckdb

from oracle import connect, listed
from peer import models
from peer.project import Project
from peer.published import local_path, read_run

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "questions.md"
BEGIN, END = "<!-- questions: begin -->\n", "<!-- questions: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, default=ROOT, help="the folder with uramaki.yaml")
    parser.add_argument("--warehouse", default=str(ROOT / "warehouse"), help="the warehouse's folder")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "debug" / "uramaki")
    parser.add_argument("--write", action="store_true", help="put the answers into docs/questions.md")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    project = Project(options.project)
    run = read_run(local_path(options.warehouse), {s.label for s in project.sources if s.snapshot}, None)
    con = connect(options)
    for name, files in run.tables.items():
        con.execute(f"create view {name} as select * from read_parquet({listed(files)})")

    page = PAGE.read_text()
    head, rest = page.split(BEGIN)
    parts, differing = [], 0
    files = sorted((ROOT / "docs" / "questions").glob("*.sql"))
    for path in files:
        sql = path.read_text()
        ask = [options.binary, "query", "--project", options.project, "--warehouse", options.warehouse, "-f", path]
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.parquet"
            subprocess.run([*ask, "--format", "parquet", "--output", answer], check=True, stdin=subprocess.DEVNULL)
            ours = duckdb.sql(f"select * from read_parquet('{answer}')")
            names, numbers = ours.columns, [str(t).startswith(("DECIMAL", "BIGINT", "DOUBLE")) for t in ours.types]
            rows = ours.fetchall()
        theirs = con.execute(models.name_digits(sql))
        their_names, their_rows = [c[0] for c in theirs.description], theirs.fetchall()
        text = subprocess.run([*ask, "--format", "csv"], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        part = section(sql, path, text, numbers)
        parts.append(part)
        if not rows:
            differing += 1
            print(f"DIFFERS  {path.name}: no rows, and an example has some")
        elif (names, rows) != (their_names, their_rows):
            differing += 1
            first = next((pair for pair in zip(rows, their_rows) if pair[0] != pair[1]), (len(rows), len(their_rows)))
            # Names of the answers may be personal: only how many values differ is told.
            place = sum(a != b for a, b in zip(*first)) if isinstance(first[0], tuple) else first
            print(f"DIFFERS  {path.name}: from DuckDB's answer: {place}")
        elif not options.write and part not in rest:
            differing += 1
            print(f"DIFFERS  {path.name}: from docs/questions.md; scripts/questions --write puts it there")
        else:
            print(f"equal    {path.name}: {len(rows)} rows")
    if options.write:
        PAGE.write_text(head + BEGIN + "\n" + "\n".join(parts) + "\n" + END + "\n")
    print(f"{len(files)} questions asked twice, {differing} differ")
    return 1 if differing or not files else 0


def section(sql: str, path: Path, answer: str, numbers: list[bool]) -> str:
    """A question of the page: its first comment as heading, the SQL, the answer."""
    question = re.match(r"-- (.*)\n", sql)[1]
    number = int(path.name.split("-")[0])
    header, *rows = csv.reader(io.StringIO(answer))
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join("---:" if n else "---" for n in numbers) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    body = sql.split("\n", 1)[1].rstrip("\n")
    return f"## {number}. {question}\n\n[{path.name}](questions/{path.name})\n\n```sql\n{body}\n```\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
