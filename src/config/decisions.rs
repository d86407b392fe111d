//! `identity-overrides.csv`: which records a person says are one, or are not; it beats every rule and model.
//!
//! It is a record that people sign, so it is read strictly: exactly these columns, no empty field.

use super::csv::signed;
use super::project::{Decision, Pipeline, RecordName};
use super::suggest;
use crate::error::Diagnostic;

const COLUMNS: [&str; 10] = [
    "who",
    "when",
    "why",
    "decision",
    "left_system",
    "left_object",
    "left_record_id",
    "right_system",
    "right_object",
    "right_record_id",
];

/// Reads the file; `pipelines` are the systems and objects that a line may name.
pub fn read(path: &str, text: &str, pipelines: &[Pipeline], findings: &mut Vec<Diagnostic>) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = Vec::new();
    for (line, fields) in signed(path, text, "decisions", &COLUMNS, findings) {
        match decision(&fields, line, pipelines) {
            Ok(decision) => {
                let other = decisions.iter().find(|d| d.pair() == decision.pair() && d.is_same != decision.is_same);
                if let Some(other) = other {
                    findings.push(
                        Diagnostic::new("two lines decide the same two records differently")
                            .at(path, Some(line))
                            .hint(format!("the other is line {}: keep one of them", other.line)),
                    );
                }
                decisions.push(decision);
            }
            Err((message, hint)) => findings.push(Diagnostic::new(message).at(path, Some(line)).hint(hint)),
        }
    }
    decisions
}

fn decision(fields: &[String], line: u64, pipelines: &[Pipeline]) -> Result<Decision, (String, String)> {
    let Ok([who, when, why, decision, ls, lo, li, rs, ro, ri]) = <&[String; 10]>::try_from(fields) else {
        let hint = "put a field that holds a comma in quotes".to_string();
        return Err((format!("{} fields where {} are wanted", fields.len(), COLUMNS.len()), hint));
    };
    if let Some((name, _)) = COLUMNS.iter().zip(fields).find(|(_, value)| value.trim().is_empty()) {
        return Err((
            format!("`{name}` is empty"),
            "every decision says who, when, why and about which records".into(),
        ));
    }
    if chrono::NaiveDate::parse_from_str(when, "%Y-%m-%d").is_err()
        && chrono::DateTime::parse_from_rfc3339(when).is_err()
    {
        return Err((
            "`when` is no date".into(),
            "write 2026-11-24, or a time with its zone: 2026-11-24T09:30:00Z".into(),
        ));
    }
    let is_same = match decision.as_str() {
        "same" => true,
        "different" => false,
        _ => return Err((format!("`{decision}` is no decision"), "write same or different".into())),
    };
    let (left, right) = (record(ls, lo, li, pipelines)?, record(rs, ro, ri, pipelines)?);
    if left == right {
        return Err(("both records are the same one".into(), "name two records".into()));
    }
    Ok(Decision { who: who.clone(), when: when.clone(), why: why.clone(), is_same, left, right, line })
}

/// A record by its name, where its object holds persons; else what is wrong, and a hint.
pub fn record(system: &str, object: &str, id: &str, pipelines: &[Pipeline]) -> Result<RecordName, (String, String)> {
    let of_persons = |p: &Pipeline| -> Vec<String> {
        let objects = p.objects.iter().filter(|o| o.person.is_some());
        objects.map(|o| format!("{} {}", p.system, o.contract.object)).collect()
    };
    let objects: Vec<String> = pipelines.iter().flat_map(of_persons).collect();
    let named = format!("{system} {object}");
    if !objects.contains(&named) {
        let known: Vec<&str> = objects.iter().map(String::as_str).collect();
        return Err((format!("`{system}` `{object}` holds no person records"), suggest::hint(&named, "there", &known)));
    }
    Ok(RecordName { system: system.into(), object: object.into(), id: id.into() })
}
