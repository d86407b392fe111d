//! Why a table has no row of a key: from the table down to where such a row is lost, or never was.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, Filter, Join, JoinType, LogicalPlan, Operator, Subquery, ident,
};
use futures::future::BoxFuture;

use super::forward::{Parts, a_row, ends_at};
use super::line::every;
use super::sources::Sources;
use super::{Kind, Reason, Told, sql};
use crate::audit::rules::Rules;
use crate::audit::trace::segment::project;
use crate::audit::trace::session::Scene;
use crate::audit::trace::{self, keyed, table_named};
use crate::engine;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::models::graph::Model;
use crate::store::Store;

/// Looks for the row of a key. Errors: a table or key that cannot be.
pub async fn row(store: &Store, manifest: &Manifest, typed: &str, key: &[String]) -> Result<Told> {
    let (table, record) = table_named(manifest, typed)?;
    let rules = Rules::of_run(store, manifest).await?;
    let mut wanted = every(&rules, manifest);
    wanted.retain(|name| *name == table);
    let scene = Scene::open(&rules, store, manifest, &wanted).await?;
    let Some(columns) = scene.keys.get(&table).filter(|_| scene.graph.models.contains_key(&table)) else {
        return Err(Error::config(format!("`{table}` is not made by SQL"))
            .hint("`uramaki identity explain` tells of customers and their records"));
    };
    let key = keyed(record, columns, key)?;
    let asked: Vec<String> = key.iter().map(|(name, value)| format!("{name} = {}", value.human_display())).collect();
    let mut absent = Absent {
        sources: Sources { store, manifest, scene: &scene },
        rules: &rules,
        reasons: Vec::new(),
        seen: BTreeSet::new(),
    };
    if trace::row(&scene.context, &table, &key).await?.is_some() {
        absent.reasons.push(Reason::new(
            Kind::There,
            &table,
            "the row is there; `audit trace` tells what it is made of",
        ));
    } else {
        for (name, value) in &key {
            if let (true, Expr::Literal(value, _)) = (name.ends_with("customer_id"), value) {
                absent.customer(value).await?;
            }
        }
        let conditions = key.into_iter().map(|(name, value)| ident(name).eq(value)).collect();
        absent.table(table.clone(), conditions).await?;
    }
    // What was found comes before where nothing was.
    absent.reasons.sort_by_key(|reason| reason.kind == Kind::Unknown);
    Ok(Told {
        run: manifest.run,
        asked: format!("{table}, {}", asked.join(", ")),
        reasons: absent.reasons,
        elsewhere: Vec::new(),
    })
}

struct Absent<'a> {
    sources: Sources<'a>,
    rules: &'a Rules,
    reasons: Vec<Reason>,
    seen: BTreeSet<String>,
}

impl Absent<'_> {
    fn scene(&self) -> &Scene {
        self.sources.scene
    }

    fn note(&mut self, reason: Reason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// What became of a customer's id.
    async fn customer(&mut self, id: &ScalarValue) -> Result<()> {
        let ScalarValue::Utf8(Some(id)) = id else { return Ok(()) };
        let failed = |e| engine::failed("reading identity.id_history", &e);
        let frame = self.scene().context.table("identity.id_history").await.map_err(failed)?;
        let value = Expr::Literal(ScalarValue::Utf8(Some(id.clone())), None);
        let found = frame.filter(ident("customer_id").eq(value)).map_err(failed)?.collect().await.map_err(failed)?;
        let mut is_known = false;
        for batch in &found {
            let current = batch.column_by_name("current_customer_id").and_then(|c| c.as_string_opt::<i32>());
            let event = batch.column_by_name("event").and_then(|c| c.as_string_opt::<i32>());
            let (Some(current), Some(event)) = (current, event) else { continue };
            for row in 0..batch.num_rows() {
                is_known = true;
                if current.is_null(row) {
                    let what = "none of its records is left";
                    self.note(Reason::new(Kind::Deleted, format!("customer {id}"), what));
                } else if current.value(row) != id {
                    let what = format!("{}: it is customer {} by now", event.value(row), current.value(row));
                    self.note(Reason::new(Kind::Merged, format!("customer {id}"), what));
                }
            }
        }
        if !is_known {
            let what = "no run up to this one published a customer of this id";
            self.note(Reason::new(Kind::Unknown, format!("customer {id}"), what));
        }
        Ok(())
    }

    /// A table that lacks rows by conditions on its columns' bare names.
    fn table(&mut self, table: String, conditions: Vec<Expr>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let said: Vec<String> = conditions.iter().map(|c| c.human_display().to_string()).collect();
            if !self.seen.insert(format!("{table} {}", said.join(" and "))) {
                return Ok(());
            }
            if let Some(model) = self.scene().graph.models.get(&table).cloned() {
                let plan = self.scene().plan(&model).await?;
                let conditions = conditions.into_iter().map(|c| rebound(c, plan.schema())).collect();
                return self.node(&model, Arc::new(plan), conditions).await;
            }
            let object =
                self.rules.project.objects().find(|o| format!("landing.{}", o.contract.table()) == table).cloned();
            match object {
                Some(object) => {
                    let key = key_text(&object.contract.key, &conditions);
                    for reason in self.sources.missing(&object, &conditions, key.as_deref()).await? {
                        self.note(reason);
                    }
                }
                None => self.note(Reason::new(Kind::Unknown, &table, format!("no row has {}", said.join(" and ")))),
            }
            Ok(())
        })
    }

    async fn exists(&self, plan: &LogicalPlan, conditions: &[Expr]) -> Result<bool> {
        let rows = selected(plan, conditions).map_err(|e| engine::failed("looking for rows", &e))?;
        Ok(a_row(self.scene(), rows).await?.is_some())
    }

    /// Which parts of a condition fail for a row that comes to it, and by which values.
    async fn failing(&self, filter: &Filter, conditions: &[Expr]) -> Result<String> {
        let parts = Parts::of(filter);
        let rows = selected(&filter.input, conditions).and_then(|rows| project(rows, parts.asked.clone(), Vec::new()));
        let row = a_row(self.scene(), rows.map_err(|e| engine::failed("looking for rows", &e))?).await?;
        row.map_or(Ok(String::new()), |row| parts.told(&row))
    }

    /// A plan without rows for these conditions on its columns.
    fn node<'s>(
        &'s mut self,
        model: &'s Model,
        plan: Arc<LogicalPlan>,
        conditions: Vec<Expr>,
    ) -> BoxFuture<'s, Result<()>> {
        Box::pin(async move {
            // A part that always gives another value is not where the row is missing.
            if conditions.iter().any(begins_otherwise) {
                return Ok(());
            }
            if conditions.iter().any(|c| c.column_refs().is_empty()) && !self.holds(&conditions).await? {
                return Ok(());
            }
            match plan.as_ref() {
                LogicalPlan::Projection(node) => {
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| node.expr.get(at).cloned()))
                        .collect();
                    self.node(model, node.input.clone(), below).await
                }
                LogicalPlan::SubqueryAlias(node) => {
                    let schema = node.input.schema().clone();
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| column(&schema, at)))
                        .collect();
                    self.node(model, node.input.clone(), below).await
                }
                LogicalPlan::Filter(node) => self.through(model, &plan, &node.input, conditions).await,
                LogicalPlan::Limit(node) => self.through(model, &plan, &node.input, conditions).await,
                LogicalPlan::Join(node) => self.join(model, &plan, node, conditions).await,
                LogicalPlan::Union(node) => {
                    for input in &node.inputs {
                        let schema = input.schema().clone();
                        let below: Vec<Expr> = conditions
                            .iter()
                            .filter_map(|c| replaced(c.clone(), plan.schema(), |at| column(&schema, at)))
                            .collect();
                        self.node(model, input.clone(), below).await?;
                    }
                    Ok(())
                }
                LogicalPlan::Aggregate(node) => {
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| node.group_expr.get(at).cloned()))
                        .collect();
                    self.node(model, node.input.clone(), below).await
                }
                LogicalPlan::Window(node) => {
                    let schema = node.input.schema().clone();
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| column(&schema, at)))
                        .collect();
                    self.through(model, &plan, &node.input, below).await
                }
                LogicalPlan::Unnest(node) => {
                    let schema = node.input.schema().clone();
                    let kept = |at: usize| {
                        let from = *node.dependency_indices.get(at)?;
                        let is_taken_apart =
                            node.exec_columns.iter().any(|c| schema.index_of_column(c).ok() == Some(from));
                        if is_taken_apart { None } else { column(&schema, from) }
                    };
                    let below = conditions.into_iter().filter_map(|c| replaced(c, plan.schema(), kept)).collect();
                    self.through(model, &plan, &node.input, below).await
                }
                LogicalPlan::Distinct(Distinct::All(input)) => self.node(model, input.clone(), conditions).await,
                LogicalPlan::Distinct(Distinct::On(node)) => {
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| node.select_expr.get(at).cloned()))
                        .collect();
                    self.through(model, &plan, &node.input, below).await
                }
                LogicalPlan::Sort(node) => self.node(model, node.input.clone(), conditions).await,
                LogicalPlan::Repartition(node) => self.node(model, node.input.clone(), conditions).await,
                LogicalPlan::Subquery(Subquery { subquery, .. }) => {
                    self.node(model, subquery.clone(), conditions).await
                }
                LogicalPlan::RecursiveQuery(node) => {
                    let schema = node.static_term.schema().clone();
                    let below = conditions
                        .into_iter()
                        .filter_map(|c| replaced(c, plan.schema(), |at| column(&schema, at)))
                        .collect();
                    self.through(model, &plan, &node.static_term, below).await
                }
                LogicalPlan::TableScan(scan) => {
                    let Some(layer) = scan.table_name.schema() else { return Ok(()) };
                    let table = format!("{layer}.{}", scan.table_name.table());
                    self.table(table, conditions.into_iter().map(bare).collect()).await
                }
                _ => Ok(()),
            }
        })
    }

    /// A node that takes rows away: its input has such rows, or lacks them too.
    async fn through(
        &mut self,
        model: &Model,
        plan: &LogicalPlan,
        input: &Arc<LogicalPlan>,
        conditions: Vec<Expr>,
    ) -> Result<()> {
        if self.exists(input, &conditions).await? {
            let mut reason = ends_at(plan, model);
            if let LogicalPlan::Filter(filter) = plan {
                reason.what += &self.failing(filter, &conditions).await?;
            }
            self.note(reason);
            return Ok(());
        }
        self.node(model, input.clone(), conditions).await
    }

    async fn join(&mut self, model: &Model, plan: &LogicalPlan, node: &Join, conditions: Vec<Expr>) -> Result<()> {
        let of = |schema: &DFSchema| {
            let mine = |c: &&Expr| c.column_refs().iter().all(|c| schema.index_of_column(c).is_ok());
            conditions.iter().filter(mine).cloned().collect::<Vec<_>>()
        };
        let (mut left, mut right) = (of(node.left.schema()), of(node.right.schema()));
        // What is asked of one side of an equality is asked of the other.
        if node.join_type == JoinType::Inner {
            for (a, b) in &node.on {
                let (more_right, more_left) = (moved(&left, a, b), moved(&right, b, a));
                right.extend(more_right);
                left.extend(more_left);
            }
        }
        for (side, conditions) in [(&node.left, left), (&node.right, right)] {
            if !conditions.is_empty() && !self.exists(side, &conditions).await? {
                return self.node(model, side.clone(), conditions).await;
            }
        }
        // What both sides give together cannot be looked for in one of them.
        let is_of_both = |c: &&Expr| {
            let refs = c.column_refs();
            [node.left.schema(), node.right.schema()].iter().all(|s| refs.iter().any(|c| s.index_of_column(c).is_err()))
        };
        match conditions.iter().find(is_of_both) {
            Some(condition) => {
                let what = format!("no row that it joins gives `{}`", sql(condition));
                self.note(Reason::new(Kind::Unknown, &model.name, what).in_sql(&model.file.sql_path, Some(condition)));
            }
            None => self.note(ends_at(plan, model)),
        }
        Ok(())
    }

    /// Whether conditions without columns are true.
    async fn holds(&self, conditions: &[Expr]) -> Result<bool> {
        let fixed: Vec<Expr> = conditions.iter().filter(|c| c.column_refs().is_empty()).cloned().collect();
        let one = datafusion::logical_expr::LogicalPlanBuilder::empty(true)
            .build()
            .map_err(|e| engine::failed("looking for rows", &e))?;
        self.exists(&one, &fixed).await
    }
}

/// Whether it asks a text that begins with a constant for a value that begins otherwise: `'no_reply:' || id = 'reopened:17'`.
fn begins_otherwise(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return false };
    let (made, wanted) = if constant(right).is_some() { (left, right) } else { (right, left) };
    let mut first = made.as_ref();
    let mut is_made = false;
    while let Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, .. }) = plain(first) {
        (first, is_made) = (left, true);
    }
    match (constant(first), constant(wanted)) {
        (Some(begin), Some(wanted)) => is_made && !wanted.starts_with(begin),
        _ => false,
    }
}

/// Without names and casts around it.
fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => plain(&alias.expr),
        Expr::Cast(cast) => plain(&cast.expr),
        other => other,
    }
}

/// A constant text.
fn constant(expr: &Expr) -> Option<&str> {
    match plain(expr) {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// The rows of a plan for which all conditions hold.
fn selected(plan: &LogicalPlan, conditions: &[Expr]) -> datafusion::common::Result<LogicalPlan> {
    Ok(match conditions.iter().cloned().reduce(Expr::and) {
        Some(all) => LogicalPlan::Filter(Filter::try_new(all, Arc::new(plan.clone()))?),
        None => plan.clone(),
    })
}

fn column(schema: &DFSchema, at: usize) -> Option<Expr> {
    (at < schema.fields().len()).then(|| Expr::Column(Column::from(schema.qualified_field(at))))
}

/// A condition in terms of what a node's columns are made of; None where one of them is made of something that it cannot be said of.
fn replaced(condition: Expr, schema: &DFSchema, from: impl Fn(usize) -> Option<Expr>) -> Option<Expr> {
    let mut is_lost = false;
    let done = condition.transform(|e| {
        let Expr::Column(column) = &e else { return Ok(Transformed::no(e)) };
        match schema.index_of_column(column).ok().and_then(&from) {
            Some(expr) => Ok(Transformed::new(
                expr.unalias_nested().data,
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            )),
            None => {
                is_lost = true;
                Ok(Transformed::no(e))
            }
        }
    });
    done.ok().filter(|_| !is_lost).map(|t| t.data)
}

/// Conditions on `from` as conditions on `to`.
fn moved(conditions: &[Expr], from: &Expr, to: &Expr) -> Vec<Expr> {
    let mine = conditions.iter().filter(|c| matches!(c, Expr::BinaryExpr(b) if *b.left == *from));
    mine.filter_map(|c| match c {
        Expr::BinaryExpr(b) => Some(to.clone().eq(b.right.as_ref().clone())),
        _ => None,
    })
    .collect()
}

/// With the columns' names as a schema has them.
fn rebound(condition: Expr, schema: &DFSchema) -> Expr {
    let named = |column: &Column| schema.iter().position(|(_, f)| f.name() == &column.name);
    let done = condition.clone().transform(|e| match &e {
        Expr::Column(c) => Ok(match named(c).and_then(|at| column(schema, at)) {
            Some(expr) => Transformed::yes(expr),
            None => Transformed::no(e),
        }),
        _ => Ok(Transformed::no(e)),
    });
    done.map(|t| t.data).unwrap_or(condition)
}

/// With bare names.
fn bare(condition: Expr) -> Expr {
    let done = condition.clone().transform(|e| match e {
        Expr::Column(c) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(c.name)))),
        e => Ok(Transformed::no(e)),
    });
    done.map(|t| t.data).unwrap_or(condition)
}

/// The key as the quarantine writes it, where the conditions say all of it.
pub fn key_text(key: &[String], conditions: &[Expr]) -> Option<String> {
    let value = |name: &String| {
        conditions.iter().find_map(|c| match c {
            Expr::BinaryExpr(b) => match (b.left.as_ref(), b.right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) if column.name == *name => Some(value.to_string()),
                _ => None,
            },
            _ => None,
        })
    };
    let parts: Option<Vec<String>> = key.iter().map(value).collect();
    parts.map(|parts| parts.join("\u{1f}"))
}
