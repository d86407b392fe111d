//! pipelines/<system>.yaml.

use super::project::zone;
use super::{At, IDENTIFIER_HINT, column, is_identifier, is_part_of_table_name, not_blank};
use crate::config::file::{
    EncodingYaml, EvidenceYaml, FormatKindYaml, FormatYaml, FreshnessYaml, IdentifierYaml, ObjectYaml, OnRefusedYaml,
    PersonYaml, PipelineYaml,
};
use crate::config::project::{Evidence, Freshness, Identifier, Object, OnRefused, Person, Pipeline};
use crate::config::suggest;
use crate::config::yaml::Document;
use crate::contract::{Column, ColumnType, Contract, Encoding, Format};
use crate::error::Diagnostic;

const DEFAULT_MAX_LINE_MIB: u64 = 16;
const DEFAULT_DRIFT_SHARE: f64 = 0.05;
const DEFAULT_DRIFT_ROWS: u64 = 5;

/// Resolves a pipeline's file. With findings the result is not to be used.
pub fn pipeline(document: &Document, yaml: PipelineYaml, findings: &mut Vec<Diagnostic>) -> Pipeline {
    let at = At::root(document);
    if !is_part_of_table_name(&yaml.system) {
        let hint = format!("{IDENTIFIER_HINT}; no double _");
        findings.push(at.child("system").says(format!("`{}` is no name for a system", yaml.system), hint));
    }
    let file = document.path.rsplit('/').next().unwrap_or_default();
    if file != format!("{}.yaml", yaml.system) {
        findings.push(at.child("system").says(
            format!("the system `{}` stands in the file {file}", yaml.system),
            format!("name the file {}.yaml, or write `system: {}`", yaml.system, file.trim_end_matches(".yaml")),
        ));
    }
    if !is_part_of_table_name(&yaml.department) {
        findings.push(
            at.child("department").says(format!("`{}` is no name for a department", yaml.department), IDENTIFIER_HINT),
        );
    }
    not_blank(&at, "description", &yaml.description, findings);
    if yaml.objects.0.is_empty() {
        findings.push(at.child("objects").says("the pipeline has no objects", "a pipeline reads at least one"));
    }
    if let Some(name) = &yaml.time_zone {
        zone(&at.child("time_zone"), name, findings);
    }
    let objects = yaml.objects.0.iter().map(|(name, o)| object(&at, &yaml, name, o, findings)).collect();
    Pipeline {
        system: yaml.system.clone(),
        department: yaml.department.clone(),
        description: yaml.description.clone(),
        file: document.path.clone(),
        objects,
    }
}

fn object(
    at_pipeline: &At<'_>,
    pipeline: &PipelineYaml,
    name: &str,
    yaml: &ObjectYaml,
    findings: &mut Vec<Diagnostic>,
) -> Object {
    let at = at_pipeline.child("objects").child(name);
    if !is_part_of_table_name(name) {
        let hint = format!("{IDENTIFIER_HINT}; no double _");
        findings.push(at.says(format!("`{name}` is no name for an object"), hint));
    }
    not_blank(&at, "description", &yaml.description, findings);
    let at_format = match &yaml.format {
        Some(_) => at.child("format"),
        None => at_pipeline.child("format"),
    };
    let format = match yaml.format.as_ref().or(pipeline.format.as_ref()) {
        // The pipeline's own format is complained about once, with the first object that uses it.
        Some(format) => self::format(&at_format, format, findings),
        None => {
            let hint = "add `format: {type: csv}` (or jsonl, parquet) to the pipeline or to the object";
            findings.push(at.says(format!("how the files of `{name}` are written is not said"), hint));
            Format::Parquet
        }
    };
    let scope = column::Scope {
        at: &at,
        time_zone: yaml.time_zone.as_deref().or(pipeline.time_zone.as_deref()),
        time_format: yaml.time_format.as_deref().or(pipeline.time_format.as_deref()),
        date_format: yaml.date_format.as_deref().or(pipeline.date_format.as_deref()),
        is_csv: matches!(format, Format::Csv { .. }),
        key: &yaml.key,
        cursor: yaml.cursor.as_deref(),
    };
    if let Some(name) = &yaml.time_zone {
        zone(&at.child("time_zone"), name, findings);
    }
    let columns = scope.columns(&yaml.columns.0, findings);
    let declared: Vec<&str> = yaml.columns.0.iter().map(|(name, _)| name.as_str()).collect();
    key_and_cursor(&at, yaml, &declared, &columns, findings);

    let snapshot_full = yaml.snapshot.or(pipeline.snapshot).is_some();
    let allow_empty = yaml.allow_empty.unwrap_or(false);
    if allow_empty && !snapshot_full {
        let hint = "add `snapshot: full`, or remove it: a file of changes may always be empty";
        findings.push(at.child("allow_empty").says("`allow_empty` concerns full snapshots only", hint));
    }
    let person = yaml.person.as_ref().map(|yaml| {
        let at = at.child("person");
        let person = self::person(&at, yaml, &pipeline.system, &declared, findings);
        dates(&at, &person, &columns, findings);
        person
    });
    let drift = yaml.drift.clone().or(pipeline.drift.clone()).unwrap_or_default();
    let max_line_mib = yaml.max_line_mib.or(pipeline.max_line_mib).unwrap_or(DEFAULT_MAX_LINE_MIB);
    let (freshness, at_freshness) = match &yaml.freshness {
        Some(freshness) => (Some(freshness), at.child("freshness")),
        None => (pipeline.freshness.as_ref(), at_pipeline.child("freshness")),
    };
    let (marker, at_marker) = match &yaml.ready_marker {
        Some(marker) => (Some(marker), at.child("ready_marker")),
        None => (pipeline.ready_marker.as_ref(), at_pipeline.child("ready_marker")),
    };
    if let Some(marker) = marker {
        check_marker(&at_marker, marker, findings);
    }
    Object {
        contract: Contract {
            system: pipeline.system.clone(),
            object: name.to_string(),
            format,
            columns,
            key: yaml.key.clone(),
            cursor: yaml.cursor.clone(),
            max_line_bytes: usize::try_from(max_line_mib << 20).unwrap_or(usize::MAX),
            drift_share: drift.max_share.unwrap_or(DEFAULT_DRIFT_SHARE),
            drift_rows: drift.min_rows.unwrap_or(DEFAULT_DRIFT_ROWS),
        },
        description: yaml.description.clone(),
        optional: yaml.optional.unwrap_or(false),
        snapshot_full,
        allow_empty,
        min_age_secs: yaml.min_age_secs.or(pipeline.min_age_secs).unwrap_or(0),
        ready_marker: marker.cloned(),
        archive: yaml.archive.or(pipeline.archive).unwrap_or(true),
        on_refused: match yaml.on_refused.or(pipeline.on_refused) {
            None | Some(OnRefusedYaml::Fail) => OnRefused::Fail,
            Some(OnRefusedYaml::Skip) => OnRefused::Skip,
        },
        freshness: freshness.map(|freshness| self::freshness(&at_freshness, freshness, findings)),
        person,
        line: at.line(),
    }
}

fn format(at: &At<'_>, yaml: &FormatYaml, findings: &mut Vec<Diagnostic>) -> Format {
    let encoding = match yaml.encoding {
        None | Some(EncodingYaml::Utf8) => Encoding::Utf8,
        Some(EncodingYaml::Windows1252) => Encoding::Windows1252,
        Some(EncodingYaml::Iso88591) => Encoding::Iso88591,
    };
    if yaml.delimiter.is_some() && yaml.kind != FormatKindYaml::Csv {
        findings.push(at.child("delimiter").says("only csv has a delimiter", "remove it"));
    }
    if yaml.encoding.is_some() && yaml.kind == FormatKindYaml::Parquet {
        findings.push(at.child("encoding").says("parquet has its own encoding", "remove it"));
    }
    match yaml.kind {
        FormatKindYaml::Parquet => Format::Parquet,
        FormatKindYaml::Jsonl => Format::Jsonl { encoding },
        FormatKindYaml::Csv => {
            let delimiter = match yaml.delimiter.as_deref().unwrap_or(",").as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') && !byte.is_ascii_alphanumeric() => {
                    *byte
                }
                _ => {
                    let hint = r#"write one character that is no letter, digit or quote: ",", ";", "\t", "|""#;
                    findings.push(at.child("delimiter").says("this is no delimiter", hint));
                    b','
                }
            };
            Format::Csv { delimiter, encoding }
        }
    }
}

fn key_and_cursor(
    at: &At<'_>,
    yaml: &ObjectYaml,
    declared: &[&str],
    columns: &[Column],
    findings: &mut Vec<Diagnostic>,
) {
    let kind_of = |name: &str| columns.iter().find(|c| c.name == name).map(|c| &c.kind);
    for (i, name) in yaml.key.iter().enumerate() {
        let at = at.item("key", i);
        if !declared.contains(&name.as_str()) {
            let hint = suggest::hint(name, "columns", declared);
            findings.push(at.says(format!("the key's column `{name}` is not among the columns"), hint));
        } else if yaml.key[..i].contains(name) {
            findings.push(at.says(format!("the key names `{name}` twice"), "remove one of the two"));
        } else if matches!(kind_of(name), Some(ColumnType::List(_) | ColumnType::Struct(_) | ColumnType::Boolean)) {
            let hint = "a key is text, bigint, decimal, date or timestamp";
            findings.push(at.says(format!("`{name}` cannot be part of a key"), hint));
        }
    }
    if let Some(name) = &yaml.cursor {
        let at = at.child("cursor");
        if !declared.contains(&name.as_str()) {
            let hint = suggest::hint(name, "columns", declared);
            findings.push(at.says(format!("the cursor `{name}` is not among the columns"), hint));
        } else if kind_of(name).is_some_and(|kind| {
            !matches!(kind, ColumnType::Timestamp { .. } | ColumnType::Date { .. } | ColumnType::Integer)
        }) {
            let hint = "a cursor is a timestamp, a date or a bigint: of two versions the greater is the newer";
            findings.push(at.says(format!("`{name}` cannot be a cursor"), hint));
        }
    }
}

fn freshness(at: &At<'_>, yaml: &FreshnessYaml, findings: &mut Vec<Diagnostic>) -> Freshness {
    match (yaml.warn_after_days, yaml.error_after_days) {
        (None, None) => findings.push(at.says("`freshness` says nothing", "add warn_after_days or error_after_days")),
        (Some(warn), Some(error)) if warn > error => findings.push(at.child("warn_after_days").says(
            format!("the warning would come after the error ({warn} > {error} days)"),
            "warn before it fails: warn_after_days is at most error_after_days",
        )),
        _ => {}
    }
    Freshness { warn_after_days: yaml.warn_after_days, error_after_days: yaml.error_after_days }
}

fn check_marker(at: &At<'_>, marker: &str, findings: &mut Vec<Diagnostic>) {
    let is_word = !marker.is_empty() && marker.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let is_taken = ["csv", "jsonl", "parquet", "gz", "zst", "json", "control"].contains(&marker);
    if !is_word || is_taken {
        findings.push(at.says(
            format!("`{marker}` is no ending for a marker"),
            "write letters only, without the point, and none of the extracts' own endings: ready, done",
        ));
    }
}

/// A birthday is a date, or a text that spells one.
fn dates(at: &At<'_>, person: &Person, columns: &[Column], findings: &mut Vec<Diagnostic>) {
    let kind = person.date_of_birth.as_ref().and_then(|name| columns.iter().find(|c| c.name == *name)).map(|c| &c.kind);
    if kind.is_some_and(|kind| !matches!(kind, ColumnType::Date { .. } | ColumnType::Text)) {
        let hint = "declare the column as `date`, with its format, or as `text`";
        findings.push(at.child("date_of_birth").says("a date of birth is a date or a text", hint));
    }
}

fn identifier(at: &At<'_>, yaml: &IdentifierYaml, system: &str, findings: &mut Vec<Diagnostic>) -> Identifier {
    let (column, kind, unique) = match yaml {
        IdentifierYaml::Column(column) => (column, None, None),
        IdentifierYaml::Full(full) => (&full.column, full.kind.as_deref(), full.unique),
    };
    if let Some(kind) = kind.filter(|kind| !is_identifier(kind)) {
        findings.push(at.child("kind").says(format!("`{kind}` is no name for a kind of number"), IDENTIFIER_HINT));
    }
    Identifier { column: column.clone(), kind: kind.unwrap_or(system).to_string(), is_unique: unique.unwrap_or(false) }
}

fn person(at: &At<'_>, yaml: &PersonYaml, system: &str, declared: &[&str], findings: &mut Vec<Diagnostic>) -> Person {
    let identifier = yaml.identifier.as_ref().map(|i| identifier(&at.child("identifier"), i, system, findings));
    let number = identifier.as_ref().map(|i| i.column.clone());
    let single = [
        ("given_name", &yaml.given_name),
        ("family_name", &yaml.family_name),
        ("organisation", &yaml.organisation),
        ("date_of_birth", &yaml.date_of_birth),
        ("identifier", &number),
        ("email", &yaml.email),
        ("phone", &yaml.phone),
        ("street", &yaml.street),
        ("postcode", &yaml.postcode),
        ("city", &yaml.city),
        ("country", &yaml.country),
        ("created_at", &yaml.created_at),
        ("one_holder_per", &yaml.one_holder_per),
    ];
    let named = single.iter().filter_map(|(field, name)| name.as_ref().map(|name| (at.child(field), name)));
    let names = yaml.name.iter().enumerate().map(|(i, name)| (at.item("name", i), name));
    for (at, name) in named.chain(names) {
        if !declared.contains(&name.as_str()) {
            let hint = suggest::hint(name, "columns", declared);
            findings.push(at.says(format!("a person's evidence names `{name}`, which is not among the columns"), hint));
        }
    }
    if let Some(condition) = &yaml.condition {
        not_blank(at, "where", condition, findings);
        if condition.contains(';') {
            findings.push(at.child("where").says("the condition holds a `;`", "write one SQL condition"));
        }
    }
    let mut links = Vec::new();
    let has = |evidence: EvidenceYaml| match evidence {
        EvidenceYaml::Email => yaml.email.is_some(),
        EvidenceYaml::Phone => yaml.phone.is_some(),
    };
    match &yaml.links {
        Some(typed) => {
            for (i, evidence) in typed.iter().enumerate() {
                if !has(*evidence) {
                    let hint = "name its column above, or remove it here";
                    findings.push(at.item("links", i).says("this evidence has no column", hint));
                }
                links.push(resolved(*evidence));
            }
        }
        None => {
            links.extend([EvidenceYaml::Email, EvidenceYaml::Phone].into_iter().filter(|e| has(*e)).map(resolved));
        }
    }
    links.sort_unstable();
    links.dedup();
    if yaml.email.is_none() && yaml.phone.is_none() {
        findings.push(at.says("the person has neither e-mail nor phone", "name the column of at least one of them"));
    }
    Person {
        where_sql: yaml.condition.clone(),
        name: yaml.name.clone(),
        given_name: yaml.given_name.clone(),
        family_name: yaml.family_name.clone(),
        organisation: yaml.organisation.clone(),
        email: yaml.email.clone(),
        phone: yaml.phone.clone(),
        date_of_birth: yaml.date_of_birth.clone(),
        identifier,
        street: yaml.street.clone(),
        postcode: yaml.postcode.clone(),
        city: yaml.city.clone(),
        country: yaml.country.clone(),
        created_at: yaml.created_at.clone(),
        one_holder_per: yaml.one_holder_per.clone(),
        links,
    }
}

fn resolved(evidence: EvidenceYaml) -> Evidence {
    match evidence {
        EvidenceYaml::Email => Evidence::Email,
        EvidenceYaml::Phone => Evidence::Phone,
    }
}
