//! A trace in words.

use super::{Proof, Traced};
use crate::output::{counted, thousands};

/// The whole trace, for a terminal.
pub fn text(traced: &Traced) -> String {
    let mut out = Vec::new();
    let key: Vec<String> = traced.key.iter().map(|c| format!("{} = {}", c.column, shown(&c.value))).collect();
    out.push(format!("{}, {} (run {}, as of {})", traced.table, key.join(", "), traced.run, traced.as_of));
    for cell in &traced.values {
        out.push(format!("  {} = {}", cell.column, shown(&cell.value)));
    }
    out.push(String::new());
    out.push("made of:".to_string());
    let wide = traced.steps.iter().map(|s| s.table.len()).max().unwrap_or(0);
    for step in &traced.steps {
        let by = step.sql.as_deref().unwrap_or(if step.table.starts_with("landing.") { "the lines below" } else { "" });
        out.push(format!("  {:<wide$}  {:>14}  {by}", step.table, counted(step.rows, "row")));
    }
    out.push(String::new());
    let lines: usize = traced.lines.iter().map(|f| f.lines.len()).sum();
    out.push(format!("{} of {}:", counted(lines as u64, "source line"), counted(traced.lines.len() as u64, "file")));
    for file in &traced.lines {
        out.push(format!("  {}:{}", file.file, ranges(&file.lines)));
        out.push(format!(
            "    sha256 {}, {}",
            file.sha256,
            file.archive.as_deref().map_or("not archived".to_string(), |a| format!("archived as {a}"))
        ));
    }
    if !traced.customers.is_empty() {
        out.push(String::new());
        out.push("whose records these are:".to_string());
    }
    for customer in &traced.customers {
        out.push(format!("  customer {}", customer.customer_id));
        for record in &customer.records {
            out.push(format!("    {} at {}", record.record, record.line));
        }
        for link in &customer.links {
            let weighed = match link.weight {
                Some(weight) => format!(" (weight {weight:.1}, probability {:.3})", link.probability),
                None => String::new(),
            };
            out.push(format!("    {} and {}: {}{weighed}", link.left, link.right, link.rule));
        }
    }
    if traced.more_customers > 0 {
        out.push(format!("  and {} more", counted(traced.more_customers, "customer")));
    }
    out.push(String::new());
    out.push(proof(traced));
    if traced.surplus.is_empty() {
        out.push("minimal: no operator on the way lists more rows than it needs; lines of person records are there as evidence of whose they are".to_string());
    } else {
        out.push("complete, and not minimal:".to_string());
        for surplus in &traced.surplus {
            out.push(format!("  {}: {}", surplus.model, surplus.why.join("; ")));
        }
    }
    out.join("\n")
}

/// What making it again from the listed rows gave.
pub fn proof(traced: &Traced) -> String {
    let what = match traced.values.as_slice() {
        [one] => format!("{} = {}", one.column, shown(&one.value)),
        many => format!("the same {} values", thousands(many.len() as u64)),
    };
    match traced.proof {
        Proof::Equal => format!("made again from these lines alone: {what}"),
        Proof::EqualWithAllSides => {
            format!("made again from these lines alone: {what} (sides of joins that bring no value are listed too)")
        }
        Proof::EqualWithAllRows => {
            format!(
                "made again from all rows that this table is made of: {what}; fewer did not give it, so all are listed"
            )
        }
        Proof::Different => {
            "made again from all rows, it comes out otherwise: this table is not of the SQL of this run alone"
                .to_string()
        }
    }
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("NULL")
}

/// `3, 5-9, 12`
pub fn ranges(lines: &[i64]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let mut end = at;
        while end + 1 < lines.len() && lines[end + 1] == lines[end] + 1 {
            end += 1;
        }
        out.push(if end == at { lines[at].to_string() } else { format!("{}-{}", lines[at], lines[end]) });
        at = end + 1;
    }
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_one_another_are_a_range() {
        assert_eq!(ranges(&[3, 5, 6, 7, 12]), "3, 5-7, 12");
        assert_eq!(ranges(&[]), "");
    }
}
