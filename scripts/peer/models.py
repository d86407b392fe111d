"""The project's SQL in DuckDB: functions, calendar, models in their order, checks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from .landing import PARQUET
from .project import Model, Project, bind, duckdb_type, ident, quoted

# Division is exact, in whole numbers; DuckDB's own `/` would make doubles of them. Usual amounts fit 64 bits, which is ten times
# as fast as 128: a million units with six digits after the point, and whole numbers as they are. The rest takes the long way.
# A CASE works out each branch for its own rows only, and conditions on types are settled when the query is planned.
FUNCTIONS = """
    create or replace macro add_days(ts, n) as ts + to_days(cast(n as integer));
    create or replace macro local_date(ts, tz) as cast(timezone(tz, ts) as date);
    create or replace macro local_hour(ts, tz) as cast(hour(timezone(tz, ts)) as bigint);
    create or replace macro is_whole(x) as typeof(x) in ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT');
    create or replace macro is_short(x) as is_whole(x) or regexp_matches(typeof(x), ',[0-6][)]$');
    create or replace macro wide(x) as cast(x * 100000000::decimal(38, 0) as hugeint);
    create or replace macro half_away(n, d) as
        case when (n < 0) = (d < 0) then (2 * n + d) // (2 * d) else (2 * n - d) // (2 * d) end;
"""
# One macro a number of digits, because a type cannot hang on an argument: `div_round(a, b, 2)` is read as `div_round_2(a, b)`.
DIV_ROUND = """
    create or replace macro div_round_{digits}(a, b) as case
        when b = 0 then null
        when is_whole(a) and is_whole(b) and abs(a) < {whole_limit} and abs(b) < {whole_limit}
        then cast(half_away(cast(a as bigint) * {factor}, cast(b as bigint)) * {unit}::decimal({width}, {digits}) as decimal(18, {digits}))
        when is_short(a) and is_short(b) and abs(a) < {limit} and abs(b) < {limit}
        then cast(half_away(cast(a * 1000000 as bigint) * {factor}, cast(b * 1000000 as bigint))
            * {unit}::decimal({width}, {digits}) as decimal(18, {digits}))
        else cast(cast(half_away(wide(a) * {factor}, wide(b)) as bigint) * {unit}::decimal({width}, {digits}) as decimal(18, {digits}))
        end;
"""
MAX_DIGITS = 8


def create_functions(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("set timezone = 'UTC'")
    con.execute(FUNCTIONS)
    for digits in range(MAX_DIGITS + 1):
        unit = f"{10**-digits:.{digits}f}"
        limit = 10**18 // 10**digits
        con.execute(
            DIV_ROUND.format(
                digits=digits, factor=f"{10**digits}::bigint", unit=unit, width=digits + 1,
                whole_limit=limit, limit=min(limit // 10**6, 900_000),
            )
        )  # fmt: skip


def create_calendar(con: duckdb.DuckDBPyConnection, project: Project, as_of: dt.datetime) -> None:
    con.register("calendar_table", calendar(project, as_of))
    con.execute("create table project.calendar as select * from calendar_table")
    con.unregister("calendar_table")


# The package's words for German holidays where the engine has others; the days are the same.
HOLIDAY_NAMES = {
    "Erster Mai": "Tag der Arbeit",
    "Erster Weihnachtstag": "1. Weihnachtstag",
    "Zweiter Weihnachtstag": "2. Weihnachtstag",
    "Frauentag": "Internationaler Frauentag",
}


def holiday_name(name: str | None) -> str | None:
    if name is None:
        return None
    # Two on one day stand in one text, in the order of the alphabet.
    name = name.split("; ")[0]
    return "Tag der Befreiung" if "Jahrestag der Befreiung" in name else HOLIDAY_NAMES.get(name, name)


def calendar(project: Project, as_of: dt.datetime) -> pa.Table:
    import holidays

    zone = ZoneInfo(project.time_zone)
    country, _, region = project.holidays.partition("-")
    days = range((dt.date(as_of.year + 1, 12, 31) - dt.date(2000, 1, 1)).days + 1)
    dates = [dt.date(2000, 1, 1) + dt.timedelta(days=n) for n in days]
    # The names in the country's own language, whatever the locale of the machine.
    language = getattr(holidays, country).default_language
    years = range(2000, as_of.year + 2)
    free = holidays.country_holidays(country, subdiv=region or None, years=years, language=language)
    starts = [dt.datetime.combine(d, dt.time(), zone).astimezone(dt.UTC) for d in [*dates, dates[-1] + dt.timedelta(days=1)]]
    business = [d.isoweekday() <= 5 and d not in free for d in dates]
    before, passed = [], 0
    for i, is_business in enumerate(business):
        before.append(passed)
        passed += int((starts[i + 1] - starts[i]).total_seconds()) if is_business else 0
    utc = pa.timestamp("us", "UTC")
    return pa.table({
        "date": pa.array(dates, pa.date32()),
        "iso_weekday": pa.array([d.isoweekday() for d in dates], pa.int64()),
        "is_holiday": pa.array([d in free for d in dates]),
        "holiday_name": pa.array([holiday_name(free.get(d)) for d in dates], pa.string()),
        "is_business_day": pa.array(business),
        "day_starts_at": pa.array(starts[:-1], utc),
        "day_ends_at": pa.array(starts[1:], utc),
        "business_seconds_before": pa.array(before, pa.int64()),
    })  # fmt: skip


def runnable(model: Model, parameters: dict[str, str]) -> str:
    """The model's SQL for DuckDB: parameters bound, div_round named by its digits."""
    return name_digits(bind(model.sql, parameters))


def name_digits(sql: str) -> str:
    """`div_round(a, b, 2)` → `div_round_2(a, b)`, whatever stands inside the arguments."""
    while match := re.search(r"\bdiv_round\s*\(", sql, re.I):
        depth, commas, end, inside = 1, [], match.end(), False
        while depth:
            char = sql[end]
            if char == "'":
                inside = not inside
            elif not inside:
                depth += (char == "(") - (char == ")")
                if char == "," and depth == 1:
                    commas.append(end)
            end += 1
        digits = int(sql[commas[1] + 1 : end - 1])
        sql = f"{sql[: match.start()]}div_round_{digits}({sql[match.end() : commas[1]]}){sql[end:]}"
    return sql


def typed(model: Model, sql: str) -> str:
    """The query with its columns cast to the types that the yml declares."""
    if not model.columns:
        return f"select * from ({sql})"
    casts = ", ".join(f"cast({ident(n)} as {duckdb_type(c['type'])}) as {ident(n)}" for n, c in model.columns.items())
    return f"select {casts} from ({sql})"


def order_by(model: Model) -> str:
    return " order by " + ", ".join(map(ident, model.order)) if model.order else ""


def run_models(
    con: duckdb.DuckDBPyConnection, project: Project, parameters: dict[str, str], output: Path, timed: Callable
) -> None:
    """Builds every model: views inline, the others into Parquet, published ones sorted, and read back from there."""
    for model in project.in_order():
        sql = runnable(model, parameters)
        with timed(model.full_name):
            if model.materialized == "view":
                con.execute(f"create or replace view {model.full_name} as {sql}")
            elif model.materialized == "intermediate":
                # As Parquet too: a table in memory would take the room that sorts and windows need.
                write_table(con, model.full_name, typed(model, sql), output / "intermediate")
            else:
                write_table(con, model.full_name, typed(model, sql) + order_by(model), output)


def write_table(con: duckdb.DuckDBPyConnection, name: str, sql: str, output: Path) -> None:
    schema, table = name.split(".")
    path = output / schema / f"{table}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(f"copy ({sql}) to {quoted(path)} ({PARQUET})")
    con.execute(f"create or replace view {name} as select * from read_parquet({quoted(path)})")


def run_checks(con: duckdb.DuckDBPyConnection, project: Project, parameters: dict[str, str]) -> list[tuple[str, str, int]]:
    """(check, severity, offenders) of every check that found some."""
    found = []
    for model in project.models:
        simple, single = model_checks(model, parameters)
        if simple:
            counts = ", ".join(f"count(*) filter (where {offends})" for _, _, offends in simple)
            row = con.execute(f"select {counts} from {model.full_name}").fetchall()[0]
            found += [(f"{model.full_name}: {n}", severity, count) for (n, severity, _), count in zip(simple, row) if count]
        for name, severity, sql in single:
            count = con.execute(sql).fetchall()[0][0]
            if count:
                found.append((f"{model.full_name}: {name}", severity, count))
    for check in project.checks:
        count = con.execute(f"select count(*) from ({runnable(check, parameters)})").fetchall()[0][0]
        if count:
            found.append((f"checks.{check.name}", check.spec.get("severity", "error"), count))
    return found


def model_checks(model: Model, parameters: dict[str, str]) -> tuple[list[tuple], list[tuple]]:
    """The checks that one scan can answer together (name, severity, condition), and those with a query of their own."""
    simple, single = [], []
    if model.key:
        simple += [(f"key {k} not_null", "error", f"{ident(k)} is null") for k in model.key]
        single.append(("key unique", "error", repeated(model, model.key)))
    for column, spec in model.columns.items():
        for check in spec.get("checks", []):
            kind, argument, severity = unpack(check)
            if kind == "not_null" and column in model.key:
                continue
            name, label = ident(column), f"{column} {kind}"
            if kind == "not_null":
                simple.append((label, severity, f"{name} is null"))
            elif kind == "accepted_values":
                simple.append((label, severity, f"{name} not in ({', '.join(literal(v) for v in argument)})"))
            elif kind == "between":
                simple.append((label, severity, f"not {name} between {argument[0]} and {argument[1]}"))
            elif kind == "min":
                simple.append((label, severity, f"{name} < {argument}"))
            elif kind == "matches":
                simple.append((label, severity, f"not regexp_matches({name}, {quoted(argument)})"))
            elif kind == "expression":
                simple.append((label, severity, f"not ({name_digits(bind(argument, parameters))})"))
            elif kind == "unique":
                if model.key != [column]:
                    single.append((label, severity, repeated(model, [column])))
            elif kind == "relationships":
                single.append((label, severity, f"""
                    select count(*) from {model.full_name} m anti join {argument["to"]} p
                    on m.{name} = p.{ident(argument["column"])} where m.{name} is not null"""))  # fmt: skip
            else:
                raise ValueError(f"{model.full_name}: unknown check {kind}")
    for check in model.spec.get("checks") or []:
        kind, argument, severity = unpack(check)
        simple.append((str(argument), severity, f"not ({name_digits(bind(str(argument), parameters))})"))
    return simple, single


def repeated(model: Model, columns: list[str]) -> str:
    names = ", ".join(map(ident, columns))
    present = " and ".join(f"{ident(c)} is not null" for c in columns)
    return f"select count(*) from (select {names} from {model.full_name} where {present} group by {names} having count(*) > 1)"


def unpack(check: str | dict) -> tuple[str, object, str]:
    """A check as (kind, argument, severity)."""
    if isinstance(check, str):
        return check, None, "error"
    kind = next(k for k in check if k not in ("severity", "description", "hint", "name"))
    return kind, check[kind], check.get("severity", "error")


def literal(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value).lower()
