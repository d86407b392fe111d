//! `sinks:` of uramaki.yaml.

use std::path::{Path, PathBuf};

use super::project::location;
use super::{At, IDENTIFIER_HINT, is_identifier};
use crate::config::file::{FormulasYaml, SinkKindYaml, SinkYaml};
use crate::config::project::{Formulas, Secret, Sink, SinkKind};
use crate::error::Diagnostic;

/// What a sink takes where it says nothing.
const DEFAULT_TABLES: &str = "marts";
const DEFAULT_SCHEMA: &str = "marts";
/// Schemas that PostgreSQL keeps for itself, or that everybody writes into.
const TAKEN_SCHEMAS: [&str; 2] = ["public", "information_schema"];
/// The ending of the schema in which a PostgreSQL sink keeps its own record; names there have at most 63 bytes.
const LONGEST_SCHEMA: usize = 63 - "_uramaki".len();

/// Resolves the sinks. With findings the result is not to be used. `kept` are the places of drop and warehouse, by name.
pub fn sinks(
    root: &Path,
    at: &At<'_>,
    entries: Vec<(String, SinkYaml)>,
    kept: &[(&str, &str)],
    findings: &mut Vec<Diagnostic>,
) -> Vec<Sink> {
    let mut sinks: Vec<Sink> = Vec::new();
    for (name, yaml) in entries {
        let at = at.child(&name);
        if !is_identifier(&name) {
            findings.push(at.says(format!("`{name}` is no name for a sink"), IDENTIFIER_HINT));
        }
        let line = at.line();
        let tables = tables(&at, &yaml, findings);
        if let Some(kind) = kind(root, &at, yaml, kept, findings) {
            if let (Some(place), Some(other)) = (place(&kind), sinks.iter().find(|s| place_of(s) == place(&kind))) {
                let field = if matches!(kind, SinkKind::Postgres { .. }) { "schema" } else { "folder" };
                findings.push(at.child(field).says(
                    format!("the sinks `{}` and `{name}` write to the same place, {place}", other.name),
                    "give each its own",
                ));
            }
            sinks.push(Sink { name, kind, tables, line });
        }
    }
    sinks
}

/// Two sinks must not have the same.
fn place(kind: &SinkKind) -> Option<String> {
    match kind {
        SinkKind::Parquet { folder }
        | SinkKind::Csv { folder, .. }
        | SinkKind::Xlsx { folder }
        | SinkKind::Duckdb { folder, .. } => Some(folder.trim_end_matches('/').to_string()),
        SinkKind::Postgres { url, schema, .. } => Some(match url {
            Secret::Env(name) => format!("schema {schema} of {name}"),
            Secret::File(path) => format!("schema {schema} of {}", path.display()),
        }),
    }
}

fn place_of(sink: &Sink) -> Option<String> {
    place(&sink.kind)
}

fn tables(at: &At<'_>, yaml: &SinkYaml, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    let Some(tables) = &yaml.tables else { return vec![DEFAULT_TABLES.to_string()] };
    if tables.iter().all(|t| t.trim().is_empty()) {
        let hint =
            "name models as --select does ([marts.*], [customer_360, fct_order]), or leave `tables` out for all marts";
        findings.push(at.child("tables").says("no table is named", hint));
    }
    tables.clone()
}

fn kind(
    root: &Path,
    at: &At<'_>,
    yaml: SinkYaml,
    kept: &[(&str, &str)],
    findings: &mut Vec<Diagnostic>,
) -> Option<SinkKind> {
    let word = yaml.kind.word();
    let own: &[&str] = match yaml.kind {
        SinkKindYaml::Parquet | SinkKindYaml::Xlsx => &["folder"],
        SinkKindYaml::Csv => &["folder", "formulas", "bom"],
        SinkKindYaml::Duckdb => &["folder", "seen_as"],
        SinkKindYaml::Postgres => &["url_env", "url_file", "schema", "reader"],
    };
    let typed = [
        ("folder", yaml.folder.is_some()),
        ("formulas", yaml.formulas.is_some()),
        ("bom", yaml.bom.is_some()),
        ("seen_as", yaml.seen_as.is_some()),
        ("url_env", yaml.url_env.is_some()),
        ("url_file", yaml.url_file.is_some()),
        ("schema", yaml.schema.is_some()),
        ("reader", yaml.reader.is_some()),
    ];
    for (field, _) in typed.iter().filter(|(field, is_there)| *is_there && !own.contains(field)) {
        let hint = format!("a sink of kind {word} takes kind, tables, {}", own.join(", "));
        findings.push(at.child(field).says(format!("`{field}` says nothing to a sink of kind {word}"), hint));
    }
    if matches!(yaml.kind, SinkKindYaml::Postgres) {
        return postgres(root, at, yaml, findings);
    }
    let Some(typed) = &yaml.folder else {
        findings.push(at.says(
            format!("a sink of kind {word} has no `folder`"),
            "add `folder:` relative to the project, or an object store URL",
        ));
        return None;
    };
    let folder = folder(root, &at.child("folder"), typed, kept, findings);
    Some(match yaml.kind {
        SinkKindYaml::Parquet => SinkKind::Parquet { folder },
        SinkKindYaml::Xlsx => SinkKind::Xlsx { folder },
        SinkKindYaml::Csv => SinkKind::Csv {
            folder,
            formulas: match yaml.formulas {
                None | Some(FormulasYaml::Neutralise) => Formulas::Neutralise,
                Some(FormulasYaml::Keep) => Formulas::Keep,
            },
            has_bom: yaml.bom.unwrap_or(false),
        },
        SinkKindYaml::Duckdb => SinkKind::Duckdb { folder, seen_as: yaml.seen_as },
        SinkKindYaml::Postgres => return None,
    })
}

/// The folder of a sink, outside of what others keep.
fn folder(root: &Path, at: &At<'_>, typed: &str, kept: &[(&str, &str)], findings: &mut Vec<Diagnostic>) -> String {
    let folder = location(root, at, typed, None, findings);
    if folder.starts_with("http://") || folder.starts_with("https://") {
        findings.push(at.says("a web server takes no files", "write a folder, or an s3://, gs:// or az:// URL"));
    }
    if Path::new(&folder) == root {
        findings
            .push(at.says("a sink must not write into the project's own folder", "name a folder in it: published/csv"));
    }
    for (what, place) in kept {
        if is_inside(&folder, place) || is_inside(place, &folder) {
            let hint = "name a folder beside it, which holds nothing else: published/csv";
            findings.push(at.says(format!("a sink must not share its folder with the {what}"), hint));
        }
    }
    folder
}

pub fn is_inside(inner: &str, outer: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn postgres(root: &Path, at: &At<'_>, yaml: SinkYaml, findings: &mut Vec<Diagnostic>) -> Option<SinkKind> {
    let hint = "the database's URL holds a password: name the variable (url_env: MARTS_URL) or the file (url_file: /run/secrets/marts) that holds it";
    let url = match (yaml.url_env, yaml.url_file) {
        (Some(name), None) => {
            // The text itself is not repeated: it may be the URL.
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                findings.push(at.child("url_env").says("`url_env` is not the name of an environment variable", hint));
            }
            Some(Secret::Env(name))
        }
        (None, Some(path)) => {
            if path.trim().is_empty() || path.contains("://") {
                findings.push(at.child("url_file").says("`url_file` is not the path of a file", hint));
            }
            Some(Secret::File(root.join(PathBuf::from(path))))
        }
        (Some(_), Some(_)) => {
            findings.push(at.says("`url_env` and `url_file` are both there", "keep one of them"));
            None
        }
        (None, None) => {
            findings.push(at.says("a sink of kind postgres has no database", hint));
            None
        }
    };
    let schema = yaml.schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_string());
    if !is_identifier(&schema) || schema.len() > LONGEST_SCHEMA || schema.starts_with("pg_") {
        let hint = format!("{IDENTIFIER_HINT}; as PostgreSQL needs it, not `pg_…`, and at most {LONGEST_SCHEMA}");
        findings.push(at.child("schema").says(format!("`{schema}` is no name for a schema"), hint));
    }
    if TAKEN_SCHEMAS.contains(&schema.as_str()) {
        findings.push(at.child("schema").says(
            format!("the schema `{schema}` is not for a sink alone"),
            "name one that nobody else writes into: marts",
        ));
    }
    if let Some(reader) = &yaml.reader
        && (!is_identifier(reader) || reader.starts_with("pg_"))
    {
        findings.push(at.child("reader").says(format!("`{reader}` is no name for a role"), IDENTIFIER_HINT));
    }
    Some(SinkKind::Postgres { url: url?, schema, reader: yaml.reader })
}
