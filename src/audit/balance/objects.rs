//! What happens to every object on its way to staging: stated, read, landed, newest, staged. Sums of a column go over all its rows, whatever their
//! currency: they are there to be compared, not to be read.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{SetExpr, Statement};

use super::{Amount, NOT_STATED, Step};
use crate::checks::quoted;
use crate::config::Project;
use crate::config::project::Object;
use crate::contract::{BATCH_COLUMN, ColumnType, ROW_COLUMN};
use crate::engine;
use crate::error::{Error, Result};
use crate::manifest::{BatchRecord, DataFile, Manifest, ObjectBalance};
use crate::models::graph::{Graph, Model};
use crate::output::{counted, thousands};
use crate::runs::plan::end_of_day;
use crate::runs::tables;
use crate::store::Store;

/// The steps of every object that the run has files of.
pub async fn steps(
    store: &Store,
    project: &Project,
    manifest: &Manifest,
    context: &SessionContext,
) -> Result<Vec<Step>> {
    let graph = Graph::build(project, end_of_day(project, manifest.as_of)?)?;
    let mut out = Vec::new();
    for object in project.objects() {
        let label = object.contract.label();
        let Some(balance) = manifest.objects.get(&label) else { continue };
        let batches = batches_of(object, manifest);
        let landed: BTreeMap<String, DataFile> =
            batches.iter().map(|(id, b)| (id.to_string(), b.landed.clone())).collect();
        tables::register_all_landed(context, store, object, &landed)?;
        let view = graph.models.get(&format!("staging.stg_{}", object.contract.table()));
        let way = Way { object, label, batches, balance, context, view, place: Manifest::path(manifest.run) };
        out.extend(way.steps().await?);
    }
    Ok(out)
}

/// The batches of an object's files up to the run's day.
fn batches_of<'m>(object: &Object, manifest: &'m Manifest) -> BTreeMap<&'m str, &'m BatchRecord> {
    let mine =
        manifest.files.iter().filter(|f| f.system == object.contract.system && f.object == object.contract.object);
    mine.filter(|f| f.date <= manifest.as_of)
        .filter_map(|f| f.batch.as_deref().and_then(|id| Some((id, manifest.batches.get(id)?))))
        .collect()
}

/// One object on its way.
struct Way<'a> {
    object: &'a Object,
    label: String,
    batches: BTreeMap<&'a str, &'a BatchRecord>,
    balance: &'a ObjectBalance,
    context: &'a SessionContext,
    view: Option<&'a Model>,
    place: String,
}

/// Rows, and the sum of each column.
type Sums = (u64, Vec<Amount>);

impl Way<'_> {
    async fn steps(&self) -> Result<Vec<Step>> {
        let decimals: Vec<&str> = self
            .object
            .contract
            .columns
            .iter()
            .filter(|c| matches!(c.kind, ColumnType::Decimal { .. }))
            .map(|c| c.name.as_str())
            .collect();
        let (all, newest) = (
            format!("main.landed__{}", self.object.contract.table()),
            format!("landing.{}", self.object.contract.table()),
        );
        let mut out = self.stated(&all).await?;
        let landed = self.sums(&all, &decimals).await?;
        out.push(self.landed(landed.0));
        let current = self.sums(&newest, &decimals).await?;
        let older = self.sums(&apart(&all, &newest), &decimals).await?;
        out.extend(self.newest(&decimals, &landed, &current, &older));
        if let Some(view) = self.view {
            out.extend(self.staged(view, &newest, &decimals, &current).await?);
        }
        Ok(out)
    }

    fn step(&self, step: &str, measure: &str, origin: (&str, Amount), target: (&str, Amount)) -> Step {
        Step {
            of: self.label.clone(),
            step: step.to_string(),
            measure: measure.to_string(),
            unit: if measure == ROWS { ROWS.to_string() } else { String::new() },
            origin: origin.0.to_string(),
            origin_value: origin.1,
            target: target.0.to_string(),
            target_value: target.1,
            difference: target.1 - origin.1,
            reason: None,
            holds: origin.1 == target.1,
            is_verified: true,
            place: self.place.clone(),
        }
    }

    /// What control totals state, against what the files held.
    async fn stated(&self, all: &str) -> Result<Vec<Step>> {
        let step = "control totals → read";
        let (mut stated, mut read, mut with) = (0, 0, 0);
        let (mut silent, mut silent_rows, mut lost, mut lost_rows) = (0, 0, 0, 0);
        let mut columns: BTreeSet<&str> = BTreeSet::new();
        for batch in self.batches.values() {
            columns.extend(batch.stated.iter().flat_map(|s| s.sums.keys().map(String::as_str)));
            match (batch.stated.as_ref().and_then(|s| s.rows), &batch.control) {
                (Some(rows), _) => (stated, read, with) = (stated + rows, read + batch.rows_read, with + 1),
                (None, Some(_)) if batch.stated.is_none() => {
                    (lost, lost_rows) = (lost + 1, lost_rows + batch.rows_read)
                }
                (None, _) => (silent, silent_rows) = (silent + 1, silent_rows + batch.rows_read),
            }
        }
        let mut out = Vec::new();
        if with > 0 {
            let origin = format!("stated of {}", counted(with, "file"));
            out.push(self.step(step, ROWS, (&origin, Amount::rows(stated)), ("read", Amount::rows(read))));
        }
        for (files, rows, why) in [
            (silent, silent_rows, "without control totals: nothing is stated"),
            (lost, lost_rows, "of before stated totals were kept: they balanced when they were loaded"),
        ] {
            if files > 0 {
                let mut silent = self.step(step, ROWS, (NOT_STATED, Amount::default()), ("read", Amount::rows(rows)));
                (silent.reason, silent.holds) = (Some(format!("{} {why}", counted(files, "file"))), true);
                silent.is_verified = false;
                out.push(silent);
            }
        }
        for column in columns {
            out.extend(self.stated_sum(all, column).await?);
        }
        Ok(out)
    }

    /// Of files without a quarantined row, the stated sum is the landed one. Of the others it holds the quarantined values too.
    async fn stated_sum(&self, all: &str, column: &str) -> Result<Vec<Step>> {
        let is_added_up = |kind: &ColumnType| matches!(kind, ColumnType::Decimal { .. } | ColumnType::Integer);
        if !self.object.contract.columns.iter().any(|c| c.name == column && is_added_up(&c.kind)) {
            return Ok(Vec::new());
        }
        let mut out = Vec::new();
        for kind in [Kept::Whole, Kept::Balanced, Kept::Unread] {
            let stating: Vec<(&str, &BatchRecord, Amount)> = self
                .batches
                .iter()
                .filter(|(_, b)| Kept::of(b) == kind)
                .filter_map(|(id, b)| Some((*id, *b, Amount::parse(b.stated.as_ref()?.sums.get(column)?)?)))
                .collect();
            if stating.is_empty() {
                continue;
            }
            // Names of batches are hexadecimal.
            let ids: Vec<String> = stating.iter().map(|(id, _, _)| format!("'{}'", id.replace('\'', ""))).collect();
            let from = format!("{all} where {} in ({})", quoted(BATCH_COLUMN), ids.join(", "));
            let (_, sums) = self.sums(&from, &[column]).await?;
            let origin = format!("stated of {}", counted(stating.len() as u64, "file"));
            let total = stating.iter().fold(Amount::default(), |sum, (_, _, stated)| sum + *stated);
            let landed = sums.first().copied().unwrap_or_default();
            let mut step = self.step("control totals → landed", column, (&origin, total), ("landed", landed));
            let rejected: u64 = stating.iter().flat_map(|(_, b, _)| b.rejected.values()).sum();
            let how = match kind {
                Kept::Whole => None,
                Kept::Balanced => Some("with their values it balanced when they were loaded"),
                Kept::Unread => Some("not all of their values are numbers, so only rows were compared"),
            };
            if let (false, Some(how)) = (step.holds, how) {
                (step.reason, step.holds) = (Some(format!("{} in quarantine: {how}", counted(rejected, "row"))), true);
                step.is_verified = kind == Kept::Balanced;
            }
            out.push(step);
        }
        Ok(out)
    }

    /// rows in files = accepted + quarantined + repeated, the accepted ones counted in the landed files.
    fn landed(&self, counted_rows: u64) -> Step {
        let b = self.balance;
        let mut step = self.step(
            "read → landed",
            ROWS,
            ("rows in files", Amount::rows(b.rows)),
            ("landed", Amount::rows(counted_rows)),
        );
        let mut parts = Vec::new();
        if b.quarantined > 0 {
            let reasons: Vec<String> =
                b.by_reason.iter().map(|(reason, rows)| format!("{reason} {}", thousands(*rows))).collect();
            parts.push(format!("{} quarantined ({})", thousands(b.quarantined), reasons.join(", ")));
        }
        if b.repeated > 0 {
            parts.push(format!("{} repeated: their files' bytes came before", thousands(b.repeated)));
        }
        step.holds = b.rows == counted_rows + b.quarantined + b.repeated && b.accepted == counted_rows;
        step.reason = (step.holds && !parts.is_empty()).then(|| parts.join(", "));
        step
    }

    /// landed = newest versions + older ones, the older ones found by themselves.
    fn newest(&self, decimals: &[&str], landed: &Sums, current: &Sums, older: &Sums) -> Vec<Step> {
        let b = self.balance;
        let name = "landed → newest";
        let mut rows =
            self.step(name, ROWS, ("landed", Amount::rows(landed.0)), ("newest versions", Amount::rows(current.0)));
        rows.holds = landed.0 == current.0 + older.0 && b.keys == current.0 && b.superseded + b.outdated == older.0;
        if rows.holds && older.0 > 0 {
            let superseded =
                (b.superseded > 0).then(|| format!("{} superseded by a newer version", thousands(b.superseded)));
            let outdated = (b.outdated > 0).then(|| format!("{} outdated by a newer snapshot", thousands(b.outdated)));
            rows.reason = Some(superseded.into_iter().chain(outdated).collect::<Vec<_>>().join(", "));
        }
        let mut out = vec![rows];
        for (i, column) in decimals.iter().enumerate() {
            let (all, new, old) = (at(landed, i), at(current, i), at(older, i));
            let mut step = self.step(name, column, ("landed", all), ("newest versions", new));
            step.holds = all == new + old;
            step.reason = (step.holds && older.0 > 0).then(|| format!("{} in older versions", old.text("")));
            out.push(step);
        }
        out
    }

    /// newest = staged + what the view leaves out.
    async fn staged(&self, view: &Model, newest: &str, decimals: &[&str], current: &Sums) -> Result<Vec<Step>> {
        let declared = &view.file.spec.columns;
        let has = |name: &str| declared.iter().any(|c| c.name == name);
        let is_traced = has(BATCH_COLUMN) && has(ROW_COLUMN);
        let kept: Vec<&str> = decimals
            .iter()
            .copied()
            .filter(|c| declared.iter().any(|d| d.name == *c && d.data_type.text.starts_with("decimal")))
            .collect();
        let staged = self.sums(&view.name, &kept).await?;
        let left = match is_traced {
            true => Some(self.sums(&apart(newest, &view.name), &kept).await?),
            false => None,
        };
        let condition =
            condition(view).map_or_else(|| "the view has no condition".to_string(), |c| format!("where {c}"));
        let name = "newest → staged";
        let mut steps = vec![self.step(
            name,
            ROWS,
            ("newest versions", Amount::rows(current.0)),
            (&view.name, Amount::rows(staged.0)),
        )];
        for (i, column) in kept.iter().enumerate() {
            let old = decimals.iter().position(|d| d == column).map_or_else(Amount::default, |at_| at(current, at_));
            steps.push(self.step(name, column, ("newest versions", old), (&view.name, at(&staged, i))));
        }
        for (i, step) in steps.iter_mut().enumerate() {
            let Some(left) = &left else { continue };
            let out = if i == 0 { Amount::rows(left.0) } else { at(left, i - 1) };
            step.holds = step.origin_value == step.target_value + out;
            if step.holds && left.0 > 0 {
                step.reason =
                    Some(format!("{} left out by {} ({condition})", counted(left.0, "row"), view.file.sql_path));
            }
            step.place = view.file.sql_path.clone();
        }
        Ok(steps)
    }

    /// Rows of a table, and the sums of these columns.
    async fn sums(&self, from: &str, columns: &[&str]) -> Result<Sums> {
        let doing = format!("adding up {}", self.label);
        let sums: String = columns.iter().map(|c| format!(", sum({})", quoted(c))).collect();
        let sql = format!("select count(*){sums} from {from}");
        let frame = self.context.sql(&sql).await.map_err(|e| engine::failed(&doing, &e))?;
        let batches = frame.collect().await.map_err(|e| engine::failed(&doing, &e))?;
        let none = || Error::failed(format!("{doing}: no number came out"));
        let batch = batches.iter().find(|b| b.num_rows() > 0).ok_or_else(none)?;
        let values: Option<Vec<Amount>> = batch.columns().iter().map(|c| Amount::of(c.as_ref(), 0)).collect();
        let values = values.ok_or_else(none)?;
        let rows = arrow::array::AsArray::as_primitive_opt::<arrow::datatypes::Int64Type>(batch.column(0).as_ref())
            .map_or(0, |c| c.value(0) as u64);
        Ok((rows, values.into_iter().skip(1).collect()))
    }
}

/// What became of the rows of a file, as its control totals see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// No row is in quarantine.
    Whole,
    /// Some are, and with their values the totals held.
    Balanced,
    /// Some are, with values that are no numbers.
    Unread,
}

impl Kept {
    fn of(batch: &BatchRecord) -> Kept {
        if batch.rejected.values().all(|rows| *rows == 0) {
            return Kept::Whole;
        }
        match batch.control.as_deref() {
            Some(control) if control.starts_with("rows only") => Kept::Unread,
            _ => Kept::Balanced,
        }
    }
}

const ROWS: &str = "rows";

fn at(sums: &Sums, i: usize) -> Amount {
    sums.1.get(i).copied().unwrap_or_default()
}

/// The rows of one table that are not in the other, by batch and line.
fn apart(all: &str, some: &str) -> String {
    let (batch, row) = (quoted(BATCH_COLUMN), quoted(ROW_COLUMN));
    format!(
        "{all} as a left anti join (select {batch} as b, {row} as r from {some}) as s on a.{batch} = s.b and a.{row} = s.r"
    )
}

/// The condition of a view's outermost SELECT, in its own words.
fn condition(view: &Model) -> Option<String> {
    let DfStatement::Statement(statement) = &view.statement else { return None };
    let Statement::Query(query) = statement.as_ref() else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    select.selection.as_ref().map(ToString::to_string)
}
