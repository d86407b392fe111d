//! Why a row is not there: quarantined, superseded, deleted, late, filtered by which model, merged into whom.

mod absent;
mod forward;
mod line;
mod sources;

use datafusion::logical_expr::{Expr, LogicalPlan};
use serde::Serialize;

pub use absent::row;
pub use line::line;

/// What was found, in the order in which it was asked.
#[derive(Debug, Serialize)]
pub struct Told {
    pub run: u64,
    pub asked: String,
    pub reasons: Vec<Reason>,
    /// Published tables that a line takes no part in.
    pub elsewhere: Vec<String>,
}

/// One reason, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub kind: Kind,
    /// A table, a file or a customer.
    pub subject: String,
    pub what: String,
    /// `sql/marts/customer_360.sql:17`, or a line of an extract.
    pub place: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is there.
    There,
    /// No file that was read holds it.
    Unknown,
    /// The file or the row came after the run's day.
    Late,
    /// The whole file was refused.
    Refused,
    Quarantined,
    /// A newer version of its key counts.
    Superseded,
    /// A later full snapshot does not hold it.
    Deleted,
    /// A condition of a model leaves it out.
    Filtered,
    /// A join finds no partner, or one that must not be.
    Unjoined,
    /// Its customer is another by now.
    Merged,
    /// It was taken together with others into a row of another key.
    Grouped,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::There => "there",
            Kind::Unknown => "unknown",
            Kind::Late => "late",
            Kind::Refused => "refused",
            Kind::Quarantined => "quarantined",
            Kind::Superseded => "superseded",
            Kind::Deleted => "deleted",
            Kind::Filtered => "filtered",
            Kind::Unjoined => "not joined",
            Kind::Merged => "merged",
            Kind::Grouped => "grouped",
        }
    }
}

impl Reason {
    pub fn new(kind: Kind, subject: impl Into<String>, what: impl Into<String>) -> Reason {
        Reason { kind, subject: subject.into(), what: what.into(), place: None }
    }

    pub fn at(mut self, place: impl Into<String>) -> Reason {
        self.place = Some(place.into());
        self
    }

    /// The place of an expression in a model's SQL: where the first of its columns stands.
    fn in_sql(self, path: &str, expr: Option<&Expr>) -> Reason {
        let columns = expr.map(Expr::column_refs).unwrap_or_default();
        let lines = columns.iter().filter_map(|column| column.spans().first()).map(|span| span.start.line);
        match lines.filter(|line| *line > 0).min() {
            Some(line) => self.at(format!("{path}:{line}")),
            None => self.at(path),
        }
    }
}

/// All reasons, for a terminal.
pub fn text(told: &Told) -> String {
    let mut out = vec![format!("{} (run {})", told.asked, told.run)];
    for reason in &told.reasons {
        out.push(format!("  {}: {}: {}", reason.kind.word(), reason.subject, reason.what));
        out.extend(reason.place.iter().map(|place| format!("    at {place}")));
    }
    if !told.elsewhere.is_empty() {
        out.push(format!("  it takes no part in {}", told.elsewhere.join(", ")));
        out.push("  why not in one of these: `uramaki audit why-not TABLE --source FILE:LINE`".to_string());
    }
    out.join("\n")
}

/// An operator's name, as SQL has it where it can.
fn operator(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Limit(_) => "limit",
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Aggregate(_) => "group by",
        LogicalPlan::Distinct(_) => "distinct",
        LogicalPlan::Unnest(_) => "unnest",
        LogicalPlan::RecursiveQuery(_) => "a recursive query",
        _ => "its operators",
    }
}

/// An expression as SQL: with its parentheses and quotes.
fn sql(expr: &Expr) -> String {
    match datafusion::sql::unparser::expr_to_sql(expr) {
        Ok(sql) => sql.to_string(),
        Err(_) => expr.to_string(),
    }
}
