//! `quarantine-releases.csv`: who dealt with which quarantined row, when and why.
//!
//! It is a record that people sign, so it is read strictly: exactly these columns, no empty field.

use super::csv::signed;
use super::project::{Pipeline, Release};
use super::suggest;
use crate::error::Diagnostic;

const COLUMNS: [&str; 7] = ["who", "when", "why", "system", "object", "file", "line"];

/// Reads the file; `pipelines` are the systems and objects that a line may name.
pub fn read(path: &str, text: &str, pipelines: &[Pipeline], findings: &mut Vec<Diagnostic>) -> Vec<Release> {
    let mut releases = Vec::new();
    for (line, fields) in signed(path, text, "releases", &COLUMNS, findings) {
        match release(&fields, pipelines) {
            Ok(release) => releases.push(release),
            Err((message, hint)) => findings.push(Diagnostic::new(message).at(path, Some(line)).hint(hint)),
        }
    }
    releases
}

fn release(fields: &[String], pipelines: &[Pipeline]) -> Result<Release, (String, String)> {
    let [who, when, why, system, object, file, line] = fields else {
        let message = format!("{} fields instead of {}", fields.len(), COLUMNS.len());
        return Err((message, format!("the columns are {}; put text with a comma in quotes", COLUMNS.join(","))));
    };
    for (name, value) in COLUMNS.iter().zip(fields) {
        if value.trim().is_empty() {
            return Err((format!("`{name}` is empty"), "a release says who, when, why and which row".to_string()));
        }
    }
    let is_date = chrono::NaiveDate::parse_from_str(when, "%Y-%m-%d").is_ok();
    if !is_date && chrono::DateTime::parse_from_rfc3339(when).is_err() {
        let hint = "write a date (2026-11-20) or a time with its zone (2026-11-20T08:15:30Z)";
        return Err(("`when` is neither a date nor a time".to_string(), hint.to_string()));
    }
    let systems: Vec<&str> = pipelines.iter().map(|p| p.system.as_str()).collect();
    let Some(pipeline) = pipelines.iter().find(|p| p.system == *system) else {
        return Err((format!("there is no system `{system}`"), suggest::hint(system, "systems", &systems)));
    };
    let objects: Vec<&str> = pipeline.objects.iter().map(|o| o.contract.object.as_str()).collect();
    if !objects.contains(&object.as_str()) {
        return Err((format!("`{system}` has no object `{object}`"), suggest::hint(object, "objects", &objects)));
    }
    let line = match line.parse::<u64>() {
        Ok(line) if line > 0 => line,
        _ => return Err(("`line` is no line number".to_string(), "write a whole number, 1 or more".to_string())),
    };
    Ok(Release {
        who: who.clone(),
        when: when.clone(),
        why: why.clone(),
        system: system.clone(),
        object: object.clone(),
        file: file.clone(),
        line,
    })
}
