"""Exact identity in DuckDB: records with equal e-mail or phone are one customer.

Phone numbers are read by the phonenumbers package, each distinct text once, on two processes; the components of the graph are
found with numpy. Records are numbered by age, so the least number in a component is its oldest record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from .landing import Landing
from .project import Project, ident, quoted

# What Unicode calls white space: an e-mail address is cut of it at both ends.
BLANKS = " " + "".join(map(chr, [9, 10, 11, 12, 13, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def resolve(con: duckdb.DuckDBPyConnection, project: Project, landing: Landing, timed: Callable) -> dict[str, int]:
    persons = [s for s in project.sources if s.person]
    con.execute("create temp table person_raw as " + " union all by name ".join(person_sql(s, landing) for s in persons))
    with timed("phone numbers"):
        phones = read_phones(con, project.country)
    con.register("phone_table", phones)
    con.execute("""
        create temp table person as
        select row_number() over (order by first_file, source_system, source_object, record_id) - 1 as number,
            p.* exclude (phone, region), n.e164 as phone
        from person_raw p left join phone_table n on p.phone = n.phone and p.region is not distinct from n.region;
        drop table person_raw""")
    con.unregister("phone_table")
    con.execute(f"""
        create temp table evidence_value as
        with held as (
            select number, source_object, one_holder, 'email' as kind, email as value from person where email is not null
            union all
            select number, source_object, one_holder, 'phone', phone from person where phone is not null
        )
        select kind, value,
            count(*) filter (not one_holder) + count(distinct case when one_holder then source_object end) as holders,
            list(number) as numbers
        from held group by kind, value having count(*) > 1;

        create table identity.blocked_evidence_built as
        select kind, value, holders from evidence_value where holders > {project.max_holders} order by kind, value""")
    edges = con.sql(f"""
        select value_number, unnest(numbers) as number from (
            select row_number() over () - 1 as value_number, numbers from evidence_value
            where holders <= {project.max_holders})""").fetchnumpy()
    total = con.execute("select count(*) from person").fetchall()[0][0]
    roots = components(total, edges["number"], edges["value_number"])
    con.register("root_table", pa.table({"number": np.arange(total), "root": roots}))
    con.execute(f"""
        create temp table customer as
        with code as (
            select p.number as root,
                ('0x' || sha256(concat_ws(chr(31), source_system, source_object, record_id))[:15])::bigint as bits
            from person p semi join root_table r on p.number = r.root
        )
        select root, {" || ".join(f"{quoted(ALPHABET)}[((bits >> {shift}) & 31) + 1]" for shift in range(55, -1, -5))} as customer_id
        from code;

        create table identity.record_built as
        select source_system, source_object, record_id, display_name, null::varchar as given_name, null::varchar as family_name,
            null::varchar as organisation, email, phone, null::varchar as identifier, null::varchar as identifier_kind, street, postcode,
            city, country, null::varchar as date_of_birth, first_seen_at, _batch_id, _row
        from person order by source_system, source_object, record_id;

        create table identity.customer_xref_built as
        select source_system, source_object, record_id, customer_id, email, phone
        from person join root_table using (number) join customer using (root)
        order by customer_id, source_system, source_object, record_id;

        create table identity.link_built as
        select l.source_system as left_system, l.source_object as left_object, l.record_id as left_record_id,
            r.source_system as right_system, r.source_object as right_object, r.record_id as right_record_id,
            kind || '_exact' as rule, value as evidence, 0::double as weight, 1::double as probability,
            r._batch_id as first_batch, false as is_drawn
        from (select kind, value, list_min(numbers) as first, unnest(numbers) as number
              from evidence_value where holders <= {project.max_holders}) e
        join person l on l.number = e.first join person r on r.number = e.number
        where e.first <> e.number
        order by all;

        create table identity.customer_event_built as
        select 1::bigint as run, customer_id, 'created' as event, null::varchar as other_customer_id, null::varchar as reason
        from customer order by customer_id;

        -- Nothing is drawn of what equal evidence links.
        create table identity.draw_built (draw bigint, customers bigint);
        create table identity.draw_customer_built (draw bigint, customer_id varchar, change bigint);
        create table identity.draw_record_built (customer_id varchar, source_system varchar, source_object varchar, record_id varchar);
        drop table person; drop table evidence_value; drop table customer""")
    con.unregister("root_table")
    return {"distinct_phones": phones.num_rows}


def person_sql(source, landing: Landing) -> str:
    """The person records of one object, as its pipeline states them, with the first file that held each."""
    person = source.person
    key = source.key[0]
    names = ", ".join(f"nullif(trim({ident(n)}), '')" for n in person.get("name", []))
    files = "[" + ", ".join(quoted(path) for _, path in landing.files[source.table]) + "]"

    def text(part: str) -> str:
        return f"nullif(trim({ident(person[part])}), '')" if part in person else "null::varchar"

    def held(part: str) -> str:
        return ident(person[part]) if part in person else "null::varchar"

    email = f"nullif(lower(trim({ident(person['email'])}, {quoted(BLANKS)})), '')" if "email" in person else "null::varchar"
    where = f"where {person['where']}" if "where" in person else ""
    return f"""
        (select {quoted(source.system)} as source_system, {quoted(source.object)} as source_object,
            {ident(key)}::varchar as record_id, {"nullif(concat_ws(' ', " + names + "), '')" if names else "null::varchar"} as display_name,
            {email} as email, {text("phone")} as phone, upper({text("country")}) as region,
            {held("street")} as street, {held("postcode")} as postcode, {held("city")} as city, {held("country")} as country,
            {ident(person["created_at"])} as first_seen_at, {"true" if "one_holder_per" in person else "false"} as one_holder,
            first_file, _batch_id, _row
        from staging.stg_{source.table}
        join (select {ident(key)} as first_key, min(_file) as first_file from read_parquet({files})
              where _reason is null group by 1) on first_key = {ident(key)}
        {where})"""


def read_phones(con: duckdb.DuckDBPyConnection, country: str) -> pa.Table:
    """Each distinct phone text with its E.164, NULL where the library does not call it valid. Texts that differ in
    punctuation only are read once."""
    import phonenumbers

    # A country that is none the library knows says no more than a missing one.
    known = ", ".join(map(quoted, sorted(phonenumbers.SUPPORTED_REGIONS)))
    texts = con.sql(f"""
        select phone, region, case when regexp_full_match(phone, '[-+0-9 ()/.]*') then translate(phone, ' ()/.-', '') else phone end
            as digits, case when region in ({known}) then region else {quoted(country)} end as country
        from (select distinct phone, region from person_raw where phone is not null)""").to_arrow_table()
    con.register("phone_texts", texts)
    distinct = con.execute("select distinct digits, country from phone_texts order by all").fetchall()
    half = (len(distinct) + 1) // 2
    with ThreadPoolExecutor(2) as pool:
        numbers = [n for part in pool.map(parse_in_process, [distinct[:half], distinct[half:]]) for n in part]
    parsed = pa.table({
        "digits": pa.array([d for d, _ in distinct], pa.string()),
        "country": pa.array([c for _, c in distinct], pa.string()),
        "e164": pa.array(numbers, pa.string()),
    })  # fmt: skip
    con.register("phone_parsed", parsed)
    table = con.sql("select phone, region, e164 from phone_texts join phone_parsed using (digits, country)").to_arrow_table()
    con.unregister("phone_texts")
    con.unregister("phone_parsed")
    return table


def parse_in_process(pairs: list[tuple[str, str]]) -> list[str | None]:
    """A fresh process: a fork of one that runs DuckDB's threads would not be safe."""
    if len(pairs) < 2000:
        return [e164(*pair) for pair in pairs]
    scripts = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "peer.identity"], input=json.dumps(pairs), capture_output=True, text=True, check=True,
        cwd=scripts, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return json.loads(done.stdout)


def e164(text: str, region: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def components(total: int, numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The least number that each number is connected to, over values that it shares with others."""
    labels = np.arange(total)
    if len(numbers) == 0:
        return labels
    order = np.argsort(values, kind="stable")
    numbers, values = numbers[order], values[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = np.diff(np.r_[starts, len(values)])
    while True:
        least = np.repeat(np.minimum.reduceat(labels[numbers], starts), lengths)
        following = labels.copy()
        np.minimum.at(following, numbers, least)
        following = following[following]
        if np.array_equal(following, labels):
            return labels
        labels = following


if __name__ == "__main__":
    json.dump([e164(*pair) for pair in json.load(sys.stdin)], sys.stdout)
