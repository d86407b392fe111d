//! Rows and money on their way: from what the sources state through landed, superseded and staged rows to the facts and the marts.
//!
//! What happens up to staging is the same for every company, and is reckoned here from the files. From there on the company's own balances say what
//! must equal what: `sql/balances/`. A run does not ask them.

mod amount;
mod objects;
mod steps;

use serde::Serialize;

pub use amount::Amount;

use super::rules::Rules;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::manifest;
use crate::runs::reading;
use crate::store::Store;

/// The balance of a run.
#[derive(Debug, Serialize)]
pub struct Balance {
    pub run: u64,
    pub as_of: String,
    pub steps: Vec<Step>,
}

/// One step: what went in, what came out, and why they may differ.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The object, or the balance's name.
    pub of: String,
    pub step: String,
    pub measure: String,
    pub unit: String,
    pub origin: String,
    pub origin_value: Amount,
    pub target: String,
    pub target_value: Amount,
    /// Target less origin.
    pub difference: Amount,
    /// Why a difference is right.
    pub reason: Option<String>,
    pub holds: bool,
    /// Whether both sides could be compared: not where the source states nothing, or values in quarantine are no numbers.
    pub is_verified: bool,
    /// The manifest, or the balance's file.
    #[serde(rename = "where")]
    pub place: String,
}

/// Balances one run, or the last.
pub async fn balance(store: &Store, run: Option<u64>) -> Result<Balance> {
    let stored = match run {
        Some(run) => Some(manifest::read(store, run).await?),
        None => manifest::last(store).await?,
    };
    let stored = stored.ok_or_else(|| {
        Error::config(format!("there is no run yet in `{}`", store.label())).hint("`uramaki run` makes one")
    })?;
    let manifest = stored.manifest;
    // By its own pipelines and models, whatever they are by now.
    let copy = Rules::of_run(store, &manifest).await?;
    let project = &copy.project;
    let (context, _) = reading::session(project, Some(manifest.run), true).await?;
    let mut out = objects::steps(store, project, &manifest, &context).await?;
    out.extend(steps::steps(project, &manifest, &context).await?);
    Ok(Balance { run: manifest.run, as_of: manifest.as_of.to_string(), steps: out })
}

/// The origin of a step where the source states nothing.
const NOT_STATED: &str = "not stated";

impl Step {
    /// What went in, and the difference: nothing where the source states nothing.
    pub fn compared(&self) -> Option<(Amount, Amount)> {
        (self.origin != NOT_STATED).then_some((self.origin_value, self.difference))
    }

    /// `amount EUR`; of rows the word alone.
    pub fn measured(&self) -> String {
        if self.unit.is_empty() || self.unit == self.measure {
            self.measure.clone()
        } else {
            format!("{} {}", self.measure, self.unit)
        }
    }
}

impl Balance {
    pub fn holds(&self) -> bool {
        self.steps.iter().all(|s| s.holds)
    }

    /// For people: a table for each object and each balance.
    pub fn text(&self) -> String {
        let mut out = vec![format!("balance of run {} as of {}", self.run, self.as_of)];
        let width = |f: fn(&Step) -> usize| self.steps.iter().map(f).max().unwrap_or(0);
        let (step, measure) = (width(|s| s.step.chars().count()), width(|s| s.measured().chars().count()));
        let stated = |s: &Step| s.compared().map_or_else(|| NOT_STATED.to_string(), |(value, _)| value.text(&s.unit));
        let origin = self.steps.iter().map(|s| stated(s).len()).max().unwrap_or(0);
        let target = width(|s| s.target_value.text(&s.unit).len());
        let mut of = "";
        for s in &self.steps {
            if s.of != of {
                of = &s.of;
                out.push(String::new());
                out.push(of.to_string());
            }
            let why = match (s.holds, s.difference == Amount::default(), &s.reason) {
                (false, _, _) => format!("{}  DOES NOT BALANCE", s.difference.signed(&s.unit)),
                (true, true, None) => String::new(),
                (true, true, Some(reason)) => reason.clone(),
                (true, false, reason) if !s.is_verified => {
                    format!("not verifiable: {}", reason.as_deref().unwrap_or_default())
                }
                (true, false, reason) => {
                    format!("{}  {}", s.difference.signed(&s.unit), reason.as_deref().unwrap_or_default())
                }
            };
            let line = format!(
                "  {:<step$}  {:<measure$}  {:>origin$} → {:>target$}  {why}",
                s.step,
                s.measured(),
                stated(s),
                s.target_value.text(&s.unit)
            );
            out.push(line.trim_end().to_string());
        }
        let open = self.steps.iter().filter(|s| !s.holds).count();
        let unverified = self.steps.iter().filter(|s| s.holds && !s.is_verified).count();
        let is_explained = |s: &&Step| s.holds && s.is_verified && s.difference != Amount::default();
        let reasoned = self.steps.iter().filter(is_explained).count();
        out.push(String::new());
        out.push(match open {
            0 => format!(
                "{} steps: {} equal, {reasoned} differ for a reason, {unverified} cannot be verified; none fails to balance",
                self.steps.len(),
                self.steps.len() - reasoned - unverified
            ),
            n => format!("{} steps: {n} do not balance", self.steps.len()),
        });
        out.join("\n")
    }

    /// The steps that do not balance, as an error, if there are any.
    pub fn outcome(&self) -> Result<()> {
        if self.holds() {
            return Ok(());
        }
        let finding = |s: &Step| {
            Diagnostic::new(format!(
                "{}, {}: {} does not balance: {} {}, {} {}",
                s.of,
                s.step,
                s.measured(),
                s.origin,
                s.origin_value.text(&s.unit),
                s.target,
                s.target_value.text(&s.unit)
            ))
            .at(&s.place, None)
            .hint("rows or money were lost or doubled between the two, or the balance lacks a reason that is right")
        };
        Err(Error { kind: Kind::Failed, findings: self.steps.iter().filter(|s| !s.holds).map(finding).collect() })
    }
}
