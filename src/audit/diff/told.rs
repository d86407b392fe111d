//! A difference as text and as JSON.

use serde_json::{Value, json};

use super::{Diff, Split};

/// For people: the causes with what they comprise, then each figure that changed with its parts.
pub fn text(diff: &Diff) -> String {
    let mut out =
        vec![format!("run {} (as of {}) to run {} (as of {})", diff.from.0, diff.from.1, diff.to.0, diff.to.1)];
    out.push(String::new());
    if diff.causes.is_empty() {
        out.push("nothing changed between them that a key figure could come from".into());
    } else {
        out.push("causes, in the order in which they are let happen:".into());
    }
    for (i, cause) in diff.causes.iter().enumerate() {
        out.push(format!("  {}. {}", i + 1, cause.name));
        let shown = cause.comprises.iter().take(SHOWN).map(|line| format!("       {line}"));
        out.extend(shown);
        if cause.comprises.len() > SHOWN {
            out.push(format!("       and {} more", cause.comprises.len() - SHOWN));
        }
    }
    let (moved, still): (Vec<&Split>, Vec<&Split>) =
        diff.splits.iter().partition(|s| s.parts.iter().any(|p| !p.is_zero()));
    for split in &moved {
        out.push(String::new());
        let unit = split.unit.as_deref().map_or(String::new(), |u| format!(", {u}"));
        out.push(format!("{} ({}{unit})", split.name.figure, split.name.table));
        let mut lines = vec![(format!("run {}", diff.from.0), split.from.to_string())];
        for (cause, part) in diff.causes.iter().zip(&split.parts).filter(|(_, part)| !part.is_zero()) {
            lines.push((cause.name.clone(), signed(&part.to_string())));
        }
        lines.push((format!("run {}", diff.to.0), split.to.to_string()));
        lines.push(("residual".into(), split.residual.to_string()));
        let width = lines.iter().map(|(_, number)| number.len()).max().unwrap_or(0);
        out.extend(lines.iter().map(|(name, number)| format!("  {name:<32}{number:>width$}")));
    }
    if !still.is_empty() {
        out.push(String::new());
        let names: Vec<&str> = still.iter().map(|s| s.name.figure.as_str()).collect();
        out.push(format!("unchanged by every cause: {}", names.join(", ")));
    }
    for note in diff.notes.iter().chain(&diff.left_out) {
        out.push(format!("note: {note}"));
    }
    out.join("\n")
}

/// Lines of one cause that are shown.
const SHOWN: usize = 12;

fn signed(number: &str) -> String {
    if number.starts_with('-') { number.to_string() } else { format!("+{number}") }
}

/// For programs. Numbers are texts: read as floats they would lose digits.
pub fn json(diff: &Diff) -> Value {
    let causes: Vec<Value> = diff.causes.iter().map(|c| json!({"cause": c.name, "comprises": c.comprises})).collect();
    let figures: Vec<Value> = diff
        .splits
        .iter()
        .map(|split| {
            let parts: serde_json::Map<String, Value> = diff
                .causes
                .iter()
                .zip(&split.parts)
                .map(|(cause, part)| (cause.name.clone(), Value::String(part.to_string())))
                .collect();
            json!({
                "figure": split.name.figure,
                "label": split.label,
                "table": split.name.table,
                "unit": split.unit,
                "from": split.from.to_string(),
                "parts": parts,
                "to": split.to.to_string(),
                "residual": split.residual.to_string(),
            })
        })
        .collect();
    json!({
        "from": {"run": diff.from.0, "as_of": diff.from.1.to_string()},
        "to": {"run": diff.to.0, "as_of": diff.to.1.to_string()},
        "causes": causes,
        "figures": figures,
        "left_out": diff.left_out,
        "notes": diff.notes,
    })
}
