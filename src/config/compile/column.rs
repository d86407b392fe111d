//! The columns of an object: types, formats, where the values stand, what is required.

use chrono::format::{Item, StrftimeItems};

use super::{At, is_identifier};
use crate::config::file::{ColumnFullYaml, ColumnYaml};
use crate::config::types::{TypeName, VOCABULARY};
use crate::config::{path, suggest};
use crate::contract::{BATCH_COLUMN, Column, DateFormat, PathStep, ROW_COLUMN, SourcePath, TimeFormat, ValueMap};
use crate::error::Diagnostic;

/// What the object says about all of its columns.
pub struct Scope<'a> {
    pub at: &'a At<'a>,
    pub time_zone: Option<&'a str>,
    pub time_format: Option<&'a str>,
    pub date_format: Option<&'a str>,
    pub is_csv: bool,
    pub key: &'a [String],
    pub cursor: Option<&'a str>,
}

impl Scope<'_> {
    /// Resolves the columns; those with findings are left out.
    pub fn columns(&self, typed: &[(String, ColumnYaml)], findings: &mut Vec<Diagnostic>) -> Vec<Column> {
        if typed.is_empty() {
            findings.push(self.at.child("columns").says("the object has no columns", "a contract names what is read"));
        }
        let columns: Vec<Column> =
            typed.iter().filter_map(|(name, column)| self.column(name, column, typed, findings)).collect();
        columns
    }

    fn column(
        &self,
        name: &str,
        typed: &ColumnYaml,
        all: &[(String, ColumnYaml)],
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Column> {
        let at = self.at.child("columns").child(name);
        if !is_identifier(name) {
            let hint =
                format!("use lower-case letters, digits and _, and say `source: {name}` for the source's own name");
            findings.push(at.says(format!("`{name}` is no name for a column"), hint));
        }
        if [ROW_COLUMN, BATCH_COLUMN].contains(&name) {
            findings.push(
                at.says(format!("`{name}` is a column of uramaki's own"), "give it another name, with `source:`"),
            );
        }
        let short;
        let (full, at_type) = match typed {
            ColumnYaml::Full(full) => (full.as_ref(), at.child("type")),
            ColumnYaml::Type(kind) => {
                short = ColumnFullYaml {
                    kind: kind.clone(),
                    source: None,
                    required: None,
                    unless: None,
                    personal: None,
                    format: None,
                    map: None,
                    otherwise: None,
                };
                (&short, At { document: at.document, pointer: at.pointer.clone() })
            }
        };
        let kind_name = match TypeName::parse(&full.kind) {
            Ok(kind) => Some(kind),
            Err(message) => {
                findings.push(at_type.says(message, format!("types: {VOCABULARY}")));
                None
            }
        };
        let source = self.source(&at, name, full, findings);
        let required = self.required(&at, name, full, all, findings);
        let kind_name = kind_name?;
        let (dates, times) = self.formats(&at, full, &kind_name, findings);
        let kind = match kind_name.column_type(&dates, &times) {
            Ok(kind) => kind,
            Err(message) => {
                findings.push(at_type.says(message, format!("types: {VOCABULARY}")));
                return None;
            }
        };
        if self.is_csv && kind_name.is_nested() {
            findings.push(at_type.says("a csv field holds one value", "lists and structs come with jsonl and parquet"));
        }
        if let Some(source) = &source {
            let picks_text = matches!(source.steps.last(), Some(PathStep::Prefixed(_)));
            if picks_text && kind_name != TypeName::Text {
                findings.push(at_type.says("`[^…]` picks a text", "the column's type is text"));
            }
        }
        Some(Column {
            name: name.to_string(),
            source: source?,
            kind,
            required,
            unless: full.unless.clone(),
            personal: full.personal.unwrap_or(false),
            map: self.map(&at, full, &kind_name, findings),
        })
    }

    fn source(
        &self,
        at: &At<'_>,
        name: &str,
        full: &ColumnFullYaml,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<SourcePath> {
        let Some(text) = &full.source else { return Some(path::of_name(name)) };
        let at = at.child("source");
        match path::parse(text) {
            Ok(path) if self.is_csv && path.steps.len() > 1 => {
                let hint = "name the header's field; put it in quotes if points or brackets belong to it: \"'a.b'\"";
                findings.push(at.says(format!("a csv row has no `{text}`: its fields hold one value each"), hint));
                None
            }
            Ok(path) => Some(path),
            Err(message) => {
                let hint = "write name, via.channel, custom_fields[id=7].value or tags[^prefix]";
                findings.push(at.says(format!("`{text}` is no path: {message}"), hint));
                None
            }
        }
    }

    fn required(
        &self,
        at: &At<'_>,
        name: &str,
        full: &ColumnFullYaml,
        all: &[(String, ColumnYaml)],
        findings: &mut Vec<Diagnostic>,
    ) -> bool {
        let is_key = self.key.iter().any(|key| key == name);
        let implied = is_key || self.cursor == Some(name);
        if implied && full.required == Some(false) {
            let message = format!("`{name}` is the {}, and so required", if is_key { "key" } else { "cursor" });
            findings.push(at.child("required").says(message, "remove `required: false`"));
        }
        let required = implied || full.required.unwrap_or(false);
        if let Some(unless) = &full.unless {
            let at = at.child("unless");
            if implied {
                findings.push(at.says(format!("`{name}` is needed in every row"), "remove `unless`"));
            } else if !required {
                findings.push(at.says("`unless` makes an exception from `required`", "add `required: true`"));
            }
            let names: Vec<&str> =
                all.iter().filter(|(_, c)| c.type_text() == "boolean").map(|(n, _)| n.as_str()).collect();
            if !names.contains(&unless.as_str()) {
                let hint = suggest::hint(unless, "boolean columns", &names);
                findings.push(at.says(format!("`{unless}` is no boolean column of this object"), hint));
            }
        }
        required
    }

    fn formats(
        &self,
        at: &At<'_>,
        full: &ColumnFullYaml,
        kind: &TypeName,
        findings: &mut Vec<Diagnostic>,
    ) -> (DateFormat, TimeFormat) {
        let (has_date, has_time) = (kind.holds(&TypeName::Date), kind.holds(&TypeName::Timestamp));
        let at_format = match full.format {
            Some(_) => at.child("format"),
            None => At { document: at.document, pointer: at.pointer.clone() },
        };
        if full.format.is_some() && !has_date && !has_time {
            findings.push(at_format.says("only a date or timestamp has a format", "remove it"));
        }
        let dates = match full.format.as_deref().or(self.date_format).unwrap_or("iso") {
            _ if !has_date => DateFormat::Iso,
            "iso" => DateFormat::Iso,
            pattern => {
                self.pattern(&at_format, pattern, "iso or a strftime pattern: \"%d.%m.%Y\"", findings);
                DateFormat::Pattern(pattern.to_string())
            }
        };
        let times = match full.format.as_deref().or(self.time_format).unwrap_or("iso") {
            _ if !has_time => TimeFormat::EpochSeconds,
            "epoch_seconds" => TimeFormat::EpochSeconds,
            "iso" => TimeFormat::Iso { zone: self.zone(at, findings) },
            pattern => {
                let hint = "iso, epoch_seconds or a strftime pattern: \"%d.%m.%Y %H:%M:%S\"";
                self.pattern(&at_format, pattern, hint, findings);
                TimeFormat::Pattern { pattern: pattern.to_string(), zone: self.zone(at, findings) }
            }
        };
        (dates, times)
    }

    fn zone(&self, at: &At<'_>, findings: &mut Vec<Diagnostic>) -> String {
        match self.time_zone {
            Some(zone) => zone.to_string(),
            None => {
                let hint = "add `time_zone:` to the pipeline or to the object: UTC, Europe/Berlin";
                findings.push(at.says("the zone of times without one is not said", hint));
                "UTC".to_string()
            }
        }
    }

    fn pattern(&self, at: &At<'_>, pattern: &str, hint: &str, findings: &mut Vec<Diagnostic>) {
        let is_bad = StrftimeItems::new(pattern).any(|item| matches!(item, Item::Error));
        if is_bad || !pattern.contains('%') {
            findings.push(at.says(format!("`{pattern}` is no format of a date or time"), format!("write {hint}")));
        }
    }

    fn map(
        &self,
        at: &At<'_>,
        full: &ColumnFullYaml,
        kind: &TypeName,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<ValueMap> {
        let Some(map) = &full.map else {
            if full.otherwise.is_some() {
                findings
                    .push(at.child("otherwise").says("`otherwise` stands without `map`", "add the map, or remove it"));
            }
            return None;
        };
        if *kind != TypeName::Text {
            findings.push(at.child("map").says("only text can be mapped", "the column's type is text"));
        }
        Some(ValueMap { values: map.0.iter().cloned().collect(), otherwise: full.otherwise.clone() })
    }
}

impl ColumnYaml {
    fn type_text(&self) -> &str {
        match self {
            ColumnYaml::Type(kind) => kind.trim(),
            ColumnYaml::Full(full) => full.kind.trim(),
        }
    }
}
