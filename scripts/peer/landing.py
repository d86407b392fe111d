"""Landing in DuckDB: each file read once, as text, cast by its contract and written as Parquet.

A landed file holds all rows in the order of the source; what does not parse has its reason in `_reason`. So one scan of the
extract gives both the accepted rows and the quarantine, and the place of a row is the Parquet file's own row number.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from .drop import Extract
from .project import Column, Source, duckdb_type, ident, quoted

# Measured on the larger tables: a third less time than the defaults, and smaller files.
PARQUET = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 1000"
CSV_OPTIONS = """delim={delimiter}, quote='"', escape='"', allow_quoted_nulls=false"""
REJECTS = {
    "TOO MANY COLUMNS": "too_many_fields",
    "MISSING COLUMNS": "too_few_fields",
    "INVALID ENCODING": "bad_encoding",
    "LINE SIZE OVER MAXIMUM": "line_too_long",
}


class Landing:
    """The landed files of all objects, and the views that show each object's newest rows."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path):
        self.con = con
        self.folder = folder
        self.files: dict[str, list[tuple[Extract, Path]]] = {}

    def land(self, extracts: list[Extract]) -> None:
        self.con.execute("""
            create table quarantine_rows (source_system varchar, source_object varchar, file varchar, line bigint,
                column_name varchar, reason varchar, raw varchar, batch_id varchar, run bigint)""")
        counting = [e for e in extracts if e.counts]
        # Compressed files are decoded by one thread each: two files at a time use both.
        counting.sort(key=lambda e: -e.path.stat().st_size)
        with ThreadPoolExecutor(2) as pool:
            landed = list(pool.map(self.land_file, counting))
        for extract, path in sorted(zip(counting, landed), key=lambda pair: pair[0].rank):
            self.files.setdefault(extract.source.table, []).append((extract, path))

    def land_file(self, extract: Extract) -> Path:
        con = self.con.cursor()
        source = extract.source
        path = self.folder / source.system / source.object / f"{extract.rank:05}-{extract.digest[:32]}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rejects = f"rejects_{extract.rank}"
        if source.format == "csv":
            header = csv_header(con, extract)
            reader, raw = csv_reader(extract, header, rejects), csv_values(source, header, extract)
        elif source.format == "jsonl":
            reader, raw = json_reader(extract), [json_value(c) for c in source.columns]
        else:
            raise SystemExit(f"{extract.name}: the peer reads CSV and JSON Lines")
        read = ", ".join(f"{value} as raw_{i}" for i, value in enumerate(raw))
        typed = ", ".join(
            f"{typed_value(c, f'raw_{i}', source)} as {ident(c.name)}" for i, c in enumerate(source.columns)
        )
        names = ", ".join(ident(c.name) for c in source.columns)
        try:
            con.execute(f"""
                copy (
                    select {names}, {faults(source)} as _reason,
                        {quoted(extract.digest[:32])} as _batch_id, {extract.rank}::integer as _file
                    from (select *, {typed} from (select {read} from {reader}))
                ) to {quoted(path)} ({PARQUET})""")
        except duckdb.Error as error:
            # The engine's message can hold values of the row: name the file only.
            raise SystemExit(f"{extract.name}: refused ({type(error).__name__})") from None
        self.settle(con, extract, path, rejects)
        return path

    def settle(self, con, extract: Extract, path: Path, rejects: str) -> None:
        """Quarantine, drift threshold and control totals of one landed file."""
        source = extract.source
        bad = rejected_rows(con, extract, path)
        skipped = []
        if source.format == "csv":
            skipped = con.execute(f"""
                select min(line), any_value(error_type::varchar), any_value(trim(csv_line, chr(13) || chr(10)))
                from {rejects} group by byte_position""").fetchall()
            bad = [(line + sum(1 for s in skipped if s[0] <= line), *rest) for line, *rest in bad]
            bad += [(line, None, REJECTS.get(kind, "too_few_fields"), text) for line, kind, text in skipped]
        rows = con.execute(f"select count(*) from read_parquet({quoted(path)})").fetchall()[0][0] + len(skipped)
        if len(bad) >= source.drift_rows and len(bad) > source.drift_share * rows:
            raise SystemExit(f"{extract.name}: schema drift, {len(bad)} of {rows} rows do not parse")
        if bad:
            con.executemany(
                "insert into quarantine_rows values (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                [[source.system, source.object, extract.name, line, column, reason, text, extract.digest[:32]]
                 for line, column, reason, text in bad],
            )  # fmt: skip
        control = extract.control()
        if control and control.get("rows", rows) != rows:
            raise SystemExit(f"{extract.name}: incomplete extract, {control['rows']} rows stated, {rows} read")
        verifiable = not skipped and not any(reason in ("cut_json", "bad_decimal", "bad_integer") for _, _, reason, _ in bad)
        for column, stated in (control or {}).get("sums", {}).items() if verifiable else ():
            equal = con.execute(f"""
                select coalesce(sum({ident(column)}), 0) = {stated}::decimal(38, 6)
                from read_parquet({quoted(path)})""").fetchall()[0][0]
            if not equal:
                raise SystemExit(f"{extract.name}: incomplete extract, the sum of {column} differs")

    def create_views(self, sources: list[Source]) -> None:
        """`landing.<table>`: the newest accepted version of each key."""
        for source in sources:
            if source.table in self.files:
                files = [path for _, path in self.files[source.table]]
                newest = max(e.day for e, _ in self.files[source.table])
                current = [e.rank for e, _ in self.files[source.table] if e.day == newest]
                self.con.execute(newest_view(source, files, current if source.snapshot else None))

    def balance(self) -> list[tuple]:
        return self.con.execute("""
            select source_system || '/' || source_object, reason, count(*) from quarantine_rows
            group by all order by all""").fetchall()


def newest_view(source: Source, files: list[Path], current: list[int] | None) -> str:
    """SQL that makes the landing view. Few keys come twice: their older versions are found once, and left out by an
    anti-join, which costs less than a window over every row at every reading."""
    listed = "[" + ", ".join(quoted(f) for f in files) + "]"
    rows = f"read_parquet({listed}, file_row_number = true)"
    key = ", ".join(ident(k) for k in source.key)
    cursor = f"{ident(source.cursor)} desc, " if source.cursor and current is None else ""
    names = ", ".join(ident(c.name) for c in source.columns)
    gone = ""
    if current is not None:
        # A full snapshot: what the newest date does not hold is gone, unless its row is in quarantine.
        ranks = ", ".join(map(str, current))
        gone = f"""
            union all
            select l._file, l.file_row_number from {rows} l
            anti join (select distinct {key} from {rows} where _file in ({ranks})) c using ({key})
            where l._reason is null and l._file not in ({ranks})"""
    return f"""
        create table landing.superseded_{source.table} as
        with twice as (
            select {key} from {rows} where _reason is null group by {key} having count(*) > 1
        )
        select _file, file_row_number as row_number from {rows} semi join twice using ({key})
        where _reason is null
        qualify row_number() over (partition by {key} order by {cursor}_file desc, file_row_number desc) > 1 {gone};

        create view landing.{source.table} as
        select {names}, _batch_id, file_row_number + {2 if source.format == "csv" else 1} as _row
        from {rows} l
        anti join landing.superseded_{source.table} s on l._file = s._file and l.file_row_number = s.row_number
        where _reason is null"""


def csv_header(con, extract: Extract) -> list[str]:
    with extract.open() as stream:
        head = stream.read(1 << 16)
    if not head:
        raise SystemExit(f"{extract.name}: refused, 0 bytes")
    line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r").decode()
    names = [name.strip('"') for name in line.split(extract.source.delimiter)]
    if len(set(names)) < len(names):
        raise SystemExit(f"{extract.name}: refused, a column stands twice in the header")
    return names


def csv_reader(extract: Extract, header: list[str], rejects: str) -> str:
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in header)
    options = CSV_OPTIONS.format(delimiter=quoted(extract.source.delimiter))
    return f"""read_csv({quoted(extract.path)}, columns = {{{columns}}}, auto_detect = false, header = true, {options},
        store_rejects = true, rejects_table = {quoted(rejects)}, rejects_scan = {quoted("scan_" + rejects)})"""


def csv_values(source: Source, header: list[str], extract: Extract) -> list[str]:
    for column in source.columns:
        name = column.steps[0][1]
        if name not in header:
            raise SystemExit(f"{extract.name}: schema drift, column {name} is missing")
    return [mapped(column, ident(column.steps[0][1])) for column in source.columns]


def json_reader(extract: Extract) -> str:
    """Every scalar as text (the casts are ours), lists by their declared type."""
    tree: dict = {}
    for column in extract.source.columns:
        place, steps = tree, column.steps
        for i, step in enumerate(steps):
            following = steps[i + 1] if i + 1 < len(steps) else None
            if step[0] != "field":
                continue
            if following is None:
                leaf = duckdb_type(column.kind) if "<" in column.kind else "VARCHAR"
                place.setdefault(step[1], leaf)
            elif following[0] == "prefixed":
                place.setdefault(step[1], "VARCHAR[]")
            elif following[0] == "where":
                after = steps[i + 2 :]
                fields = {following[1]: "VARCHAR", **{s[1]: "VARCHAR" for s in after if s[0] == "field"}}
                place.setdefault(step[1], "STRUCT(" + ", ".join(f"{ident(n)} {t}" for n, t in fields.items()) + ")[]")
                break
            else:
                place = place.setdefault(step[1], {})

    def kind(node) -> str:
        if isinstance(node, str):
            return node
        return "STRUCT(" + ", ".join(f"{ident(n)} {kind(t)}" for n, t in node.items()) + ")"

    columns = ", ".join(f"{quoted(name)}: {quoted(kind(node))}" for name, node in tree.items())
    return f"read_ndjson({quoted(extract.path)}, columns = {{{columns}}}, ignore_errors = true)"


def json_value(column: Column) -> str:
    value = ""
    for step in column.steps:
        if step[0] == "field":
            value = f"{value}.{ident(step[1])}" if value else ident(step[1])
        elif step[0] == "where":
            value = f"list_filter({value}, lambda x: x.{ident(step[1])} = {quoted(step[2])})[1]"
        else:
            prefix = quoted(step[1])
            value = f"substr(list_filter({value}, lambda x: starts_with(x, {prefix}))[1], {len(step[1]) + 1})"
    return mapped(column, value)


def mapped(column: Column, value: str) -> str:
    if not column.map:
        return value
    cases = " ".join(f"when {quoted(k)} then {quoted(v)}" for k, v in column.map.items())
    return f"case {value} {cases} else {quoted(column.otherwise) if column.otherwise else 'null'} end"


def typed_value(column: Column, raw: str, source: Source) -> str:
    """The cast of a text, NULL where it breaks the contract. What is written in the usual way is told by casting it back;
    only the rest is looked at by a pattern."""
    kind = column.kind
    if kind == "text" or "<" in kind:
        return raw
    if kind == "boolean":
        return f"case trim({raw}) when 'true' then true when 'TRUE' then true when '1' then true " + (
            "when 'false' then false when 'FALSE' then false when '0' then false end"
        )
    if kind == "date":
        return f"case when length(trim({raw})) = 10 then try_cast({raw} as date) end"
    if kind == "timestamp" and source.time_format == "epoch_seconds":
        seconds = whole(raw)
        return f"case when {seconds} between -62135596800 and 253402300799 then make_timestamptz({seconds} * 1000000) end"
    if kind == "timestamp":
        # DuckDB's cast to a plain timestamp passes over an offset in silence: only what has none, or Z, may take that way.
        return f"""case when length({raw}) < 19 then null
            when ends_with({raw}, 'Z') or not regexp_matches({raw}, '[+-]\\d\\d:?\\d\\d\\s*$')
            then make_timestamptz(epoch_us(try_cast({raw} as timestamp))) else try_cast({raw} as timestamptz) end"""
    if kind in ("bigint", "integer"):
        return whole(raw)
    scale = re.fullmatch(r"decimal\((\d+), ?(\d+)\)", kind)[2]
    return f"""case when try_cast({raw} as {kind})::varchar = {raw} then try_cast({raw} as {kind})
        when regexp_full_match({raw}, '\\s*[+-]?[0-9]+(\\.[0-9]{{0,{scale}}}0*)?\\s*') then try_cast(trim({raw}) as {kind}) end"""


def whole(raw: str) -> str:
    return f"""case when try_cast({raw} as bigint)::varchar = {raw} then try_cast({raw} as bigint)
        when regexp_full_match({raw}, '\\s*[+-]?[0-9]+(\\.0*)?\\s*') then try_cast(trim({raw}) as bigint) end"""


def faults(source: Source) -> str:
    """The first fault of a row in contract order, as `column:reason`, NULL where there is none."""
    cases = []
    if source.format == "csv":
        header = " and ".join(f"raw_{i} = {quoted(c.steps[0][1])}" for i, c in enumerate(source.columns[:3]))
        cases.append(f"when {header} then ':repeated_header'")
    for i, column in enumerate(source.columns):
        reason = {"timestamp": "bad_time", "date": "bad_time", "boolean": "bad_boolean", "bigint": "bad_integer",
                  "integer": "bad_integer"}.get(column.kind, "bad_decimal")  # fmt: skip
        name, raw = ident(column.name), f"raw_{i}"
        parsed = column.kind == "text" or "<" in column.kind
        if not parsed:
            cases.append(f"when {name} is null and trim({raw}) <> '' then '{column.name}:{reason}'")
        if column.required:
            missing = "missing_key" if column.name in (*source.key, source.cursor) else "missing_value"
            empty = f"{name} is null" + (f" or trim({name}) = ''" if column.kind == "text" else "")
            unless = f" and {ident(column.unless)} is not true" if column.unless else ""
            cases.append(f"when ({empty}){unless} then '{column.name}:{missing}'")
    return "case " + " ".join(cases) + " end"


def rejected_rows(con, extract: Extract, path: Path) -> list[tuple]:
    """(line, column, reason, raw) of the rows that were read but do not keep the contract."""
    source = extract.source
    bad = con.execute(f"""
        select file_row_number, split_part(_reason, ':', 1), split_part(_reason, ':', 2)
        from read_parquet({quoted(path)}, file_row_number = true) where _reason is not null order by 1""").fetchall()
    if not bad:
        return []
    if source.format == "jsonl":
        lines = lines_at(extract, [row for row, _, _ in bad])
        return [(line, *classify(raw, column, reason)) for (line, raw), (_, column, reason) in zip(lines, bad)]
    texts = [ident(c.name) for c in source.columns if c.kind == "text"]
    breaks = " + ".join(f"coalesce(length({t}) - length(replace({t}, chr(10), '')), 0)" for t in texts)
    before = con.execute(f"""
        select b.row, coalesce(sum({breaks}), 0)::bigint
        from (select unnest({[row for row, _, _ in bad]}) as row) b
        left join read_parquet({quoted(path)}, file_row_number = true) l on l.file_row_number < b.row
          and contains(concat_ws('', {", ".join(texts)}), chr(10))
        group by 1 order by 1""").fetchall()
    return [(row + 2 + extra, column or None, reason, None) for (row, column, reason), (_, extra) in zip(bad, before)]


def classify(raw: bytes, column: str, reason: str) -> tuple:
    """DuckDB gives NULLs for a line that is no JSON: tell that from a key that is really missing."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None, "bad_encoding", raw.decode(errors="replace")
    try:
        json.loads(text)
    except ValueError:
        return None, "cut_json", text
    return column or None, reason, text


def lines_at(extract: Extract, wanted: list[int]) -> list[tuple[int, bytes]]:
    """The lines with these places (0-based, ascending) among the lines that are not blank, with their numbers."""
    found, place, number, rest = [], 0, 1, b""
    with extract.open() as stream:
        while len(found) < len(wanted):
            chunk = stream.read(1 << 24)
            block = rest + chunk
            cut = len(block) if not chunk else block.rfind(b"\n") + 1
            block, rest = block[:cut], block[cut:]
            breaks = block.count(b"\n")
            plain = not block.startswith((b"\n", b"\r")) and b"\n\n" not in block and b"\n\r" not in block
            if plain and place + breaks <= wanted[len(found)] and chunk:
                place, number = place + breaks, number + breaks
                continue
            for line in block.splitlines():
                if line.strip():
                    if len(found) < len(wanted) and place == wanted[len(found)]:
                        found.append((number, line))
                    place += 1
                number += 1
            if not chunk:
                break
    return found
