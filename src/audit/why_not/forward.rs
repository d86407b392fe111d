//! From a source row forward: which rows of which tables it takes part in, and where it goes no further.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::Field;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, lit};
use futures::StreamExt;
use futures::future::BoxFuture;

use super::{Kind, Reason, operator, sql};
use crate::audit::trace::restricted;
use crate::audit::trace::rows::Distinct;
use crate::audit::trace::segment::{self, Ground, Stretch, column_named};
use crate::audit::trace::session::{Scene, scanned};
use crate::engine;
use crate::error::{Error, Result};
use crate::models::graph::Model;

/// What a row takes part in.
pub struct Forward<'a> {
    scene: &'a Scene,
    /// Keys of rows, by table.
    pub rows: BTreeMap<String, Distinct>,
}

impl<'a> Forward<'a> {
    pub fn new(scene: &'a Scene) -> Forward<'a> {
        Forward { scene, rows: BTreeMap::new() }
    }

    /// Follows rows of a table, named by its key, through all models.
    pub async fn follow(&mut self, table: &str, rows: RecordBatch) -> Result<()> {
        self.rows.insert(table.to_string(), Distinct::of(&rows)?);
        for name in &self.scene.graph.order {
            let Some(model) = self.scene.graph.models.get(name).filter(|m| self.scene.within.contains(&m.name)) else {
                continue;
            };
            if !model.reads.iter().any(|read| self.rows.contains_key(read)) {
                continue;
            }
            let plan = self.scene.plan(model).await?;
            let named = |c: &String| column_named(plan.schema(), c);
            let key = self.scene.keys.get(name).into_iter().flatten().map(named);
            let key: Vec<Expr> =
                key.collect::<Result<_, _>>().map_err(|e| engine::failed(&format!("following into {name}"), &e))?;
            let all = self.up(&plan, &key).await?;
            if !all.is_empty() {
                self.rows.insert(name.clone(), all);
            }
        }
        Ok(())
    }

    /// Values of `out` in the rows of a plan that known rows take part in.
    fn up<'s>(&'s self, plan: &'s LogicalPlan, out: &'s [Expr]) -> BoxFuture<'s, Result<Distinct>> {
        Box::pin(async move {
            let failed = |e| engine::failed("following a row", &e);
            let mut stretch =
                Stretch { keys: &self.scene.keys, is_pruned: false, leaves: Vec::new(), surplus: BTreeSet::new() };
            let extended = stretch.extend(plan, &segment::referred(out, plan.schema())).map_err(failed)?;
            let shape = segment::project(extended.clone(), out.to_vec(), Vec::new()).map_err(failed)?;
            let fields: Vec<Field> = shape.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
            let mut all = Distinct::new(fields)?;
            for leaf in &stretch.leaves {
                let mut by: Vec<Expr> = leaf
                    .carried
                    .iter()
                    .map(|name| column_named(extended.schema(), name))
                    .collect::<Result<_, _>>()
                    .map_err(failed)?;
                let target = match &leaf.ground {
                    Ground::Table { name, .. } => self.rows.get(name).map(Distinct::batch).transpose()?,
                    Ground::Below(below) => {
                        if !self.reads(&below.input) {
                            continue;
                        }
                        // Where the ground takes all rows together, it matters only whether there is one.
                        let wanted = if below.by.is_empty() { vec![lit(true)] } else { below.by.clone() };
                        let values = self.up(&below.input, &wanted).await?;
                        by.truncate(by.len().saturating_sub(1));
                        (!values.is_empty()).then(|| values.batch()).transpose()?
                    }
                };
                let Some(target) = target else { continue };
                let found = if by.is_empty() {
                    extended.clone()
                } else {
                    restricted(extended.clone(), &by, &target).map_err(failed)?
                };
                let found = segment::project(found, out.to_vec(), Vec::new()).map_err(failed)?;
                let mut stream = self.scene.run(found, "following a row").await?;
                while let Some(batch) = stream.next().await {
                    all.add_where(batch.map_err(failed)?.columns(), |_| true)?;
                }
            }
            Ok(all)
        })
    }

    /// Whether a plan reads a table of which rows are known.
    fn reads(&self, plan: &LogicalPlan) -> bool {
        let mut found = false;
        let _ = plan.apply(|node| {
            found |= scanned(node).is_some_and(|table| self.rows.contains_key(&table));
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        found
    }

    /// Which parts of a condition fail for the first of the known rows that come to it, and by which values.
    async fn failing(&self, filter: &Filter) -> Result<String> {
        let parts = Parts::of(filter);
        let row = self.up(&filter.input, &parts.asked).await?.first(1)?;
        if row.num_rows() == 0 { Ok(String::new()) } else { parts.told(&row) }
    }

    /// Where the known rows of `table` are lost in a model that has none of them.
    pub async fn lost(&self, model: &Model, table: &str) -> Result<Vec<Reason>> {
        let plan = self.scene.plan(model).await?;
        let mut reasons: Vec<Reason> = Vec::new();
        let alone = Forward {
            scene: self.scene,
            rows: self.rows.get(table).map(|r| (table.to_string(), r.clone())).into_iter().collect(),
        };
        for path in paths(&plan, table) {
            // Who is lost once does not come back: the first such node is found by halving.
            let (mut low, mut high) = (0, path.len());
            while low < high {
                let middle = (low + high) / 2;
                match alone.up(path[middle], &[lit(true)]).await?.is_empty() {
                    true => high = middle,
                    false => low = middle + 1,
                }
            }
            let Some(node) = path.get(low) else { continue };
            let mut reason = ends_at(node, model);
            if let LogicalPlan::Filter(filter) = node {
                reason.what += &alone.failing(filter).await?;
            }
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        Ok(reasons)
    }
}

/// The parts of a condition, and what has to be asked of a row to tell which of them fail.
pub struct Parts<'f> {
    parts: Vec<&'f Expr>,
    columns: Vec<&'f Column>,
    /// Each part, then each column.
    pub asked: Vec<Expr>,
}

impl<'f> Parts<'f> {
    pub fn of(filter: &'f Filter) -> Parts<'f> {
        let parts = split_conjunction(&filter.predicate);
        let columns: BTreeSet<&Column> = filter.predicate.column_refs().into_iter().collect();
        // Names of their own: a part may be a column itself.
        let tests = parts.iter().enumerate().map(|(at, part)| (*part).clone().alias(format!("__part_{at}")));
        let values = columns.iter().enumerate().map(|(at, c)| Expr::from((*c).clone()).alias(format!("__value_{at}")));
        let asked = tests.chain(values).collect();
        Parts { parts, columns: columns.into_iter().collect(), asked }
    }

    /// `: with amount = -3`; of several parts those that fail: ``: `amount > 0` is false, with amount = -3``.
    pub fn told(&self, row: &RecordBatch) -> Result<String> {
        let format = FormatOptions::default().with_null("NULL");
        let text = |at: usize| {
            let shown = ArrayFormatter::try_new(row.column(at), &format).map(|f| f.value(0).to_string());
            shown.map_err(|e| Error::failed(format!("showing a value: {e}")))
        };
        let mut all = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let outcome = text(at)?;
            if outcome == "true" {
                continue;
            }
            let mine = part.column_refs();
            let mut with = Vec::new();
            for (place, column) in self.columns.iter().enumerate().filter(|(_, c)| mine.contains(**c)) {
                with.push(format!("{} = {}", column.name, text(self.parts.len() + place)?));
            }
            let which = if self.parts.len() > 1 { format!("`{}` is {outcome}, ", sql(part)) } else { String::new() };
            all.push(format!("{which}with {}", with.join(" and ")));
        }
        Ok(if all.is_empty() { String::new() } else { format!(": {}", all.join("; ")) })
    }
}

/// The nodes from each scan of a table up to the root.
fn paths<'p>(plan: &'p LogicalPlan, table: &str) -> Vec<Vec<&'p LogicalPlan>> {
    if scanned(plan).as_deref() == Some(table) {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for input in plan.inputs() {
        for mut path in paths(input, table) {
            path.push(plan);
            all.push(path);
        }
    }
    all
}

/// Why rows that come into a node do not come out of it.
pub fn ends_at(node: &LogicalPlan, model: &Model) -> Reason {
    let path = &model.file.sql_path;
    match node {
        LogicalPlan::Filter(filter) => {
            let what = format!("the condition `{}` does not hold", sql(&filter.predicate));
            Reason::new(Kind::Filtered, &model.name, what).in_sql(path, Some(&filter.predicate))
        }
        LogicalPlan::Join(join) => {
            let mut on: Vec<String> = join.on.iter().map(|(a, b)| format!("{} = {}", sql(a), sql(b))).collect();
            on.extend(join.filter.iter().map(sql));
            let on = on.join(" and ");
            let what = match join.join_type {
                JoinType::LeftAnti | JoinType::RightAnti => format!("it has its like by `{on}`, and must have none"),
                _ => format!("it finds no partner by `{on}`"),
            };
            let first = join.on.first().map(|(a, _)| a).or(join.filter.as_ref());
            Reason::new(Kind::Unjoined, &model.name, what).in_sql(path, first)
        }
        other => {
            let what = format!("it goes no further than `{}`", operator(other));
            Reason::new(Kind::Filtered, &model.name, what).at(path)
        }
    }
}

/// A row of a plan, if it has any.
pub async fn a_row(scene: &Scene, plan: LogicalPlan) -> Result<Option<RecordBatch>> {
    let failed = |e| engine::failed("looking for rows", &e);
    let plan = LogicalPlanBuilder::from(plan).limit(0, Some(1)).and_then(LogicalPlanBuilder::build).map_err(failed)?;
    let mut stream = scene.run(plan, "looking for rows").await?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(failed)?;
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}
