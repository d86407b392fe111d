//! The walk from a row of a table down to the rows of all tables that it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::{Column, JoinType, NullEquality, Result as DfResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, Filter, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, lit};
use futures::StreamExt;

use super::rows::{Distinct, Found};
use super::segment::{self, Below, Ground, Leaf, Stretch, Surplus};
use super::session::Scene;
use crate::engine;
use crate::error::{Error, Result};

/// Up to so many values are told to the engine one by one: it passes over row groups that hold none of them.
const LISTED: usize = 1000;

/// Where three quarters of so large a table take part, all that it reads is listed: to look for each row would take as long as the making.
const LARGE: u64 = 100_000;

/// What is known of the rows that a value was made of.
pub struct Walk<'a> {
    scene: &'a Scene,
    is_pruned: bool,
    /// The rows, by table.
    pub rows: BTreeMap<String, Found>,
    /// Columns that matter, by table.
    columns: BTreeMap<String, BTreeSet<String>>,
    /// Where more rows may be listed than are needed, by model.
    pub surplus: BTreeMap<String, BTreeSet<Surplus>>,
    /// Which table reads which, as far as rows were found.
    pub reads: BTreeSet<(String, String)>,
}

impl<'a> Walk<'a> {
    /// Where it is pruned, sides of joins that bring nothing needed are left out.
    pub fn new(scene: &'a Scene, is_pruned: bool) -> Walk<'a> {
        Walk {
            scene,
            is_pruned,
            rows: BTreeMap::new(),
            columns: BTreeMap::new(),
            surplus: BTreeMap::new(),
            reads: BTreeSet::new(),
        }
    }

    /// Goes down from rows of `table`, named by their key. None of `columns`: all of them.
    pub async fn down(&mut self, table: &str, keys: &RecordBatch, columns: Option<&str>) -> Result<()> {
        let graph = &self.scene.graph;
        let spec = graph.models.get(table).map(|m| &m.file.spec);
        let wanted: BTreeSet<String> = match columns {
            Some(column) => [column.to_string()].into(),
            None => spec.into_iter().flat_map(|s| s.columns.iter().map(|c| c.name.clone())).collect(),
        };
        self.rows.insert(table.to_string(), Found::These(Distinct::of(keys)?));
        self.columns.insert(table.to_string(), wanted);
        for name in graph.order.iter().rev() {
            let (Some(found), Some(model)) = (self.rows.get(name), graph.models.get(name)) else { continue };
            let all = self.scene.rows_of(name);
            let target = match found {
                Found::These(rows) if !is_most(rows.len() as u64, all) => {
                    // Of all its rows: nothing has to be looked for.
                    if all == Some(rows.len() as u64) { None } else { Some(rows.batch()?) }
                }
                Found::These(_) | Found::All => {
                    if matches!(found, Found::These(_)) {
                        self.surplus.entry(name.clone()).or_default().insert(Surplus::Whole);
                    }
                    for read in &model.reads {
                        self.reads.insert((name.clone(), read.clone()));
                        self.rows.insert(read.clone(), Found::All);
                    }
                    continue;
                }
            };
            let plan = self.scene.plan(model).await?;
            let schema = plan.schema().clone();
            let position = |column: &String| schema.index_of_column_by_name(None, column);
            let key: Vec<usize> = self.scene.keys.get(name).into_iter().flatten().filter_map(position).collect();
            let needed = self.columns.get(name).into_iter().flatten().filter_map(position).collect();
            let by = key.iter().map(|at| Expr::Column(Column::from(schema.qualified_field(*at)))).collect();
            self.model(name, Below { input: plan, by, needed, surplus: None }, target).await?;
        }
        Ok(())
    }

    /// All rows of the tables that a model reads, for the rows of its own that agree with the target; for all of its own without one.
    async fn model(&mut self, name: &str, top: Below, target: Option<RecordBatch>) -> Result<()> {
        let mut open = vec![(top, target)];
        while let Some((below, target)) = open.pop() {
            let found = self.stretch(name, &below, target.as_ref()).await?;
            for (leaf, rows) in found {
                match leaf.ground {
                    Ground::Table { name: table, columns } => self.add(name, table, columns, rows),
                    Ground::Below(next) => {
                        if rows.is_empty() && !leaf.carried.is_empty() {
                            continue;
                        }
                        self.surplus.entry(name.to_string()).or_default().extend(next.surplus);
                        let target =
                            if next.by.is_empty() { None } else { Some(first(&rows.batch()?, next.by.len())?) };
                        open.push((next, target));
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, model: &str, table: String, columns: BTreeSet<String>, rows: Distinct) {
        if rows.is_empty() {
            return;
        }
        self.reads.insert((model.to_string(), table.clone()));
        self.columns.entry(table.clone()).or_default().extend(columns);
        match self.rows.get_mut(&table) {
            Some(Found::These(held)) => held.join(rows),
            Some(Found::All) => {}
            None => {
                self.rows.insert(table, Found::These(rows));
            }
        }
    }

    /// Lists all rows of all tables.
    pub fn everything(&mut self) {
        for name in &self.scene.within {
            self.rows.insert(name.clone(), Found::All);
        }
    }

    /// One stretch: what names its rows at each of its grounds.
    async fn stretch(
        &mut self,
        model: &str,
        below: &Below,
        target: Option<&RecordBatch>,
    ) -> Result<Vec<(Leaf, Distinct)>> {
        let began = Instant::now();
        let failed = |e| engine::failed(&format!("tracing {model}"), &e);
        let mut stretch =
            Stretch { keys: &self.scene.keys, is_pruned: self.is_pruned, leaves: Vec::new(), surplus: BTreeSet::new() };
        let needed = below.needed.iter().copied().chain(segment::referred(&below.by, below.input.schema())).collect();
        let plan = stretch.extend(&below.input, &needed).map_err(failed)?;
        if !stretch.surplus.is_empty() {
            self.surplus.entry(model.to_string()).or_default().extend(&stretch.surplus);
        }
        let leaves = stretch.leaves;
        if leaves.is_empty() {
            return Ok(Vec::new());
        }
        let plan = match target {
            Some(target) => restricted(plan, &below.by, target).map_err(failed)?,
            None => plan,
        };
        let carried = segment::carried(plan.schema());
        let plan = segment::project(plan, Vec::new(), carried).map_err(failed)?;
        let fields: Vec<Field> = plan.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut found = Vec::new();
        for leaf in leaves {
            let at: Vec<usize> =
                leaf.carried.iter().filter_map(|name| fields.iter().position(|f| f.name() == name)).collect();
            let rows = Distinct::new(at.iter().map(|at| fields[*at].clone()).collect())?;
            found.push((leaf, at, rows));
        }
        let mut stream = self.scene.run(plan, &format!("tracing {model}")).await?;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            for (leaf, at, rows) in &mut found {
                let columns: Vec<_> = at.iter().map(|at| batch.column(*at).clone()).collect();
                match (&leaf.ground, columns.last()) {
                    // The last column says whether there is a row at all.
                    (Ground::Below(_), Some(mark)) => rows.add_where(&columns, |row| mark.is_valid(row))?,
                    _ => rows.add(&columns)?,
                }
            }
        }
        let rows: Vec<usize> = found.iter().map(|(_, _, rows)| rows.len()).collect();
        let asked = target.map_or(0, RecordBatch::num_rows);
        tracing::debug!(model, asked, ?rows, seconds = began.elapsed().as_secs_f64(), "stretch");
        Ok(found.into_iter().map(|(leaf, _, rows)| (leaf, rows)).collect())
    }
}

fn is_most(found: u64, of: Option<u64>) -> bool {
    found >= LARGE && of.is_some_and(|of| found >= of / 4 * 3)
}

/// The first columns of a batch, as a target.
fn first(batch: &RecordBatch, columns: usize) -> Result<RecordBatch> {
    batch.project(&(0..columns).collect::<Vec<_>>()).map_err(|e| Error::failed(format!("tracing: {e}")))
}

/// The rows of a plan in which `by` has values that the target has; NULL is like NULL.
pub fn restricted(plan: LogicalPlan, by: &[Expr], target: &RecordBatch) -> DfResult<LogicalPlan> {
    let mut plan = plan;
    let mut is_done = by.len() == 1;
    for (expr, values) in by.iter().zip(target.columns()) {
        match listed(expr, values)? {
            Some(condition) => plan = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?),
            None => is_done = false,
        }
    }
    if is_done {
        return Ok(plan);
    }
    let fields: Vec<Field> = target
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(i, f)| Field::new(format!("value_{i}"), f.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), target.columns().to_vec())?;
    let table = MemTable::try_new(schema, vec![vec![rows]])?;
    let scan = LogicalPlanBuilder::scan("__target", provider_as_source(Arc::new(table)), None)?.build()?;
    let on = by
        .iter()
        .enumerate()
        .map(|(i, expr)| (expr.clone(), Expr::Column(Column::new(Some("__target"), format!("value_{i}")))))
        .collect();
    Ok(LogicalPlan::Join(Join::try_new(
        Arc::new(plan),
        Arc::new(scan),
        on,
        None,
        JoinType::LeftSemi,
        JoinConstraint::On,
        NullEquality::NullEqualsNull,
        false,
    )?))
}

/// `expr in (values)`, where they are few.
fn listed(expr: &Expr, values: &dyn Array) -> DfResult<Option<Expr>> {
    let mut all: BTreeMap<String, ScalarValue> = BTreeMap::new();
    let mut has_null = false;
    for row in 0..values.len() {
        if values.is_null(row) {
            has_null = true;
            continue;
        }
        let value = ScalarValue::try_from_array(values, row)?;
        all.insert(value.to_string(), value);
        if all.len() > LISTED {
            return Ok(None);
        }
    }
    let list: Vec<Expr> = all.into_values().map(|v| Expr::Literal(v, None)).collect();
    let is_listed = (!list.is_empty()).then(|| Expr::InList(InList::new(Box::new(expr.clone()), list, false)));
    let is_null = has_null.then(|| expr.clone().is_null());
    Ok(Some(match (is_listed, is_null) {
        (Some(a), Some(b)) => a.or(b),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => lit(false),
    }))
}
