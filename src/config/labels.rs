//! `identity-labels.csv`: whose some records really are, where somebody knows it. Labels link nothing: they measure what the model says.

use std::collections::HashSet;

use super::csv::signed;
use super::decisions::record;
use super::project::{Label, Pipeline};
use crate::error::Diagnostic;

const COLUMNS: [&str; 3] = ["source", "id", "entity"];

/// Reads the file; `pipelines` are the systems and objects that a line may name.
pub fn read(path: &str, text: &str, pipelines: &[Pipeline], findings: &mut Vec<Diagnostic>) -> Vec<Label> {
    let (mut labels, mut seen) = (Vec::new(), HashSet::new());
    for (line, fields) in signed(path, text, "labels", &COLUMNS, findings) {
        match label(&fields, pipelines) {
            Ok(label) => {
                if !seen.insert(label.record.clone()) {
                    findings.push(
                        Diagnostic::new("a record has two labels")
                            .at(path, Some(line))
                            .hint("keep one line of each record"),
                    );
                }
                labels.push(label);
            }
            Err((message, hint)) => findings.push(Diagnostic::new(message).at(path, Some(line)).hint(hint)),
        }
    }
    labels
}

fn label(fields: &[String], pipelines: &[Pipeline]) -> Result<Label, (String, String)> {
    let [source, id, entity] = fields else {
        let hint = "put a field that holds a comma in quotes".to_string();
        return Err((format!("{} fields where {} are wanted", fields.len(), COLUMNS.len()), hint));
    };
    if let Some((name, _)) = COLUMNS.iter().zip(fields).find(|(_, value)| value.trim().is_empty()) {
        return Err((format!("`{name}` is empty"), "a label says which record, and whose it is".into()));
    }
    let Some((system, object)) = source.split_once('.') else {
        return Err((format!("`{source}` is no source"), "write system.object, as shopify.customers".into()));
    };
    Ok(Label { record: record(system, object, id, pipelines)?, entity: entity.clone() })
}
