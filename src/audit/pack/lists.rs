//! The folder's lists for programs: CSV, and digests as `sha256sum --check` reads them.

use std::collections::BTreeMap;

use super::checks::descriptions;
use super::material::Material;
use crate::manifest::{Manifest, RUNS, Stored};

/// A line of CSV (RFC 4180).
fn line(fields: &[&str]) -> String {
    let quoted = |field: &&str| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => (*field).to_string(),
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

/// Every file that the run knew, in the order of reading.
pub fn inputs(manifest: &Manifest) -> String {
    let mut out = line(&[
        "file",
        "system",
        "object",
        "date",
        "number",
        "restatement",
        "sha256",
        "bytes",
        "loaded_in",
        "batch",
        "rows_read",
        "rows_landed",
        "rows_quarantined",
        "control_totals",
        "refused",
    ]);
    for file in &manifest.files {
        let batch = file.batch.as_ref().and_then(|id| manifest.batches.get(id));
        let rows = |count: Option<u64>| count.map(|n| n.to_string()).unwrap_or_default();
        out += &line(&[
            &file.name,
            &file.system,
            &file.object,
            &file.date.to_string(),
            &file.number.to_string(),
            &file.restatement.to_string(),
            &file.sha256,
            &file.bytes.to_string(),
            &file.loaded_in.to_string(),
            file.batch.as_deref().unwrap_or_default(),
            &rows(batch.map(|b| b.rows_read)),
            &rows(batch.map(|b| b.landed.rows)),
            &rows(batch.map(|b| b.quarantined.as_ref().map_or(0, |q| q.rows))),
            batch.map_or("", |b| b.control.as_deref().unwrap_or("none stated")),
            file.refused.as_deref().unwrap_or_default(),
        ]);
    }
    out
}

/// Each step of the balance; nothing where it could not be made.
pub fn balance(material: &Material) -> String {
    let mut out = line(&[
        "of",
        "step",
        "measure",
        "unit",
        "origin",
        "origin_value",
        "target",
        "target_value",
        "difference",
        "reason",
        "holds",
    ]);
    for step in material.balance.iter().flat_map(|b| &b.steps) {
        out += &line(&[
            &step.of,
            &step.step,
            &step.measure,
            &step.unit,
            &step.origin,
            &step.compared().map(|(from, _)| from.plain()).unwrap_or_default(),
            &step.target,
            &step.target_value.plain(),
            &step.compared().map(|(_, by)| by.plain()).unwrap_or_default(),
            step.reason.as_deref().unwrap_or_default(),
            match (step.is_verified, step.holds) {
                (false, true) => "not verifiable",
                (_, true) => "true",
                (_, false) => "false",
            },
        ]);
    }
    out
}

/// Every check of the run with its result.
pub fn checks(material: &Material) -> String {
    let told = descriptions(material);
    let mut out = line(&["check", "severity", "offenders", "description"]);
    for check in &material.manifest().checks {
        let description = told.get(check.name.as_str()).map_or("", |text| text.as_str());
        out += &line(&[&check.name, &check.severity, &check.offenders.to_string(), description]);
    }
    out
}

/// Every file of the warehouse that the run stands on, relative to the warehouse.
pub fn digests(now: &Stored) -> String {
    let manifest = &now.manifest;
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    files.insert(Manifest::path(manifest.run), &now.sha256);
    for digest in manifest.project.files.values() {
        files.insert(format!("{RUNS}/files/{digest}"), digest);
    }
    let landed = manifest.batches.values().flat_map(|b| [&b.landed].into_iter().chain(&b.quarantined));
    for file in landed.chain(manifest.tables.values().flat_map(|t| &t.files)) {
        files.insert(file.path.clone(), &file.sha256);
    }
    files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must() {
        assert_eq!(line(&["a", "b,c", "say \"no\"", ""]), "a,\"b,c\",\"say \"\"no\"\"\",\n");
    }
}
