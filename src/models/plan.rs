//! From a model's SQL to a plan that yields exactly its declared columns, in its declared order.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Volatility, cast, ident};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use super::graph::{self, Model};
use crate::catalog;
use crate::config::project::ModelSpec;
use crate::config::suggest;
use crate::engine;
use crate::error::Diagnostic;

/// The declared schema.
pub fn declared_schema(spec: &ModelSpec) -> SchemaRef {
    let fields: Vec<Field> =
        spec.columns.iter().map(|c| Field::new(&c.name, c.data_type.data_type.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Plans a statement; faults come with the line that they stand in.
pub async fn logical(context: &SessionContext, statement: &Statement, path: &str) -> Result<LogicalPlan, Diagnostic> {
    let planned = context.state().statement_to_plan(statement.clone()).await;
    planned.map_err(|e| finding(&e, path))
}

fn finding(e: &DataFusionError, path: &str) -> Diagnostic {
    let message = engine::failed("the SQL cannot be planned", e).findings.remove(0).message;
    match e.diagnostic() {
        Some(diagnostic) => {
            let line = diagnostic.span.map(|s| s.start.line).filter(|l| *l > 0);
            let mut found =
                Diagnostic::new(format!("the SQL cannot be planned: {}", diagnostic.message)).at(path, line);
            let hints: Vec<String> = diagnostic
                .helps
                .iter()
                .map(|h| h.message.clone())
                .chain(diagnostic.notes.iter().map(|n| n.message.clone()))
                .take(3)
                .collect();
            if !hints.is_empty() {
                found = found.hint(hints.join("; "));
            }
            found
        }
        None => Diagnostic::new(message).at(path, None),
    }
}

/// Casts a plan's columns to the declared types, and refuses what is missing, surplus, out of place or of another kind.
pub fn conform(plan: LogicalPlan, model: &Model) -> Result<LogicalPlan, Vec<Diagnostic>> {
    let spec = &model.file.spec;
    let mut findings = Vec::new();
    let found: Vec<(String, DataType)> =
        plan.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    let names: BTreeSet<&str> = found.iter().map(|(n, _)| n.as_str()).collect();
    for column in &spec.columns {
        if !names.contains(column.name.as_str()) {
            let mut finding =
                Diagnostic::new(format!("`{}` declares `{}`, which its SQL does not select", model.name, column.name))
                    .at(&model.file.yml_path, Some(column.line));
            if let Some(near) = suggest::nearest(&column.name, names.iter().copied()) {
                finding = finding.hint(format!("did you mean `{near}`?"));
            }
            findings.push(finding);
        }
    }
    for (name, _) in &found {
        if !spec.columns.iter().any(|c| &c.name == name) {
            findings.push(
                Diagnostic::new(format!("`{}` selects `{name}`, which its yml does not declare", model.name))
                    .at(&model.file.sql_path, graph::line_of(&model.file.sql, name))
                    .hint(format!("describe it under `columns:` in {}", model.file.yml_path)),
            );
        }
    }
    if found.len() != names.len() {
        findings.push(
            Diagnostic::new(format!("`{}` selects two columns of one name", model.name)).at(&model.file.sql_path, None),
        );
    }
    let mut exprs = Vec::new();
    for column in &spec.columns {
        let Some((_, actual)) = found.iter().find(|(n, _)| *n == column.name) else { continue };
        let wanted = column.data_type.data_type.clone();
        if is_money(&column.name, column.unit.as_deref()) && wanted.is_floating() {
            findings.push(
                Diagnostic::new(format!("`{}.{}` is money, and a float", model.name, column.name))
                    .at(&model.file.yml_path, Some(column.line))
                    .hint("money is decimal(18,2)"),
            );
        }
        if !same_kind(actual, &wanted) {
            findings.push(
                Diagnostic::new(format!(
                    "`{}.{}` is declared {} and comes out as {}",
                    model.name,
                    column.name,
                    column.data_type.text,
                    plain(actual)
                ))
                .at(&model.file.yml_path, Some(column.line))
                .hint("cast it in the SQL, or declare the type that it has"),
            );
            continue;
        }
        let expr = ident(&column.name);
        exprs.push(if actual == &wanted { expr } else { cast(expr, wanted).alias(&column.name) });
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    LogicalPlanBuilder::from(plan)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| vec![finding(&e, &model.file.sql_path)])
}

/// A model's plan with its declared columns: the first fault, where there is one.
pub async fn of_model(context: &SessionContext, model: &Model) -> Result<LogicalPlan, Diagnostic> {
    let plan = logical(context, &model.statement, &model.file.sql_path).await?;
    conform(plan, model).map_err(|mut findings| findings.remove(0))
}

/// The plan with its rows in the model's total order.
pub fn sorted(plan: LogicalPlan, model: &Model) -> Result<LogicalPlan, Diagnostic> {
    LogicalPlanBuilder::from(plan)
        .sort(catalog::sort_exprs(&model.file.spec.write_order()))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| finding(&e, &model.file.sql_path))
}

/// Whether a cast between the two changes width at most, never meaning.
fn same_kind(actual: &DataType, wanted: &DataType) -> bool {
    use DataType::{Decimal128, Decimal256, List, Null, Timestamp};
    if actual == wanted || matches!(actual, Null) {
        return true;
    }
    match (actual, wanted) {
        (a, b) if a.is_string() && b.is_string() => true,
        (a, b) if a.is_integer() && (b.is_integer() || matches!(b, Decimal128(..))) => true,
        (Decimal128(_, a) | Decimal256(_, a), Decimal128(_, b)) => a <= b,
        (Decimal128(_, 0), b) if b.is_integer() => true,
        (a, b) if a.is_floating() && b.is_floating() => true,
        (Timestamp(..), Timestamp(..)) => true,
        (List(a), List(b)) => same_kind(a.data_type(), b.data_type()),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.name() == b.name() && same_kind(a.data_type(), b.data_type()))
        }
        (DataType::Dictionary(_, a), b) => same_kind(a, b),
        _ => false,
    }
}

/// The vocabulary of the yml for an engine type.
pub fn plain(data_type: &DataType) -> String {
    match data_type {
        t if t.is_string() => "text".into(),
        t if t.is_integer() => "bigint".into(),
        t if t.is_floating() => "double".into(),
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => format!("decimal({p},{s})"),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Boolean => "boolean".into(),
        DataType::List(item) => format!("list<{}>", plain(item.data_type())),
        other => other.to_string(),
    }
}

/// Units and names that mean money.
fn is_money(name: &str, unit: Option<&str>) -> bool {
    let named = ["_eur", "_price", "amount", "_tax", "_discount", "_discounts"].iter().any(|end| name.ends_with(end));
    named || unit.is_some_and(|u| u == "EUR" || u == "money")
}

/// Functions whose answer can change with the clock, chance or the order in which rows arrive, and what a cluster would get wrong.
pub fn refuse_impure(plan: &LogicalPlan, sql: &str, path: &str) -> Vec<Diagnostic> {
    let mut found: BTreeSet<(String, String)> = BTreeSet::new();
    let _ = plan.apply_with_subqueries(|node| {
        let _ = node.apply_expressions(|expr| {
            let _ = expr.apply(|e| {
                if let Some((what, hint)) = impurity(e) {
                    found.insert((what, hint.to_string()));
                }
                Ok(TreeNodeRecursion::Continue)
            });
            Ok(TreeNodeRecursion::Continue)
        });
        Ok(TreeNodeRecursion::Continue)
    });
    found
        .into_iter()
        .map(|(what, hint)| {
            let word = what.split('`').nth(1).unwrap_or_default().to_string();
            let line = graph::line_of(&sql.to_lowercase(), word.trim_end_matches("()"));
            Diagnostic::new(format!("a model may not use {what}")).at(path, line).hint(hint)
        })
        .collect()
}

fn impurity(expr: &Expr) -> Option<(String, &'static str)> {
    match expr {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            let name = call.func.name();
            // Depends on the session's zone only where a text is parsed, and that is fixed to UTC.
            if matches!(name, "to_timestamp" | "to_local_time" | "to_date" | "to_char" | "to_unixtime") {
                return None;
            }
            Some((format!("`{name}()`: its answer changes from run to run"), "use $as_of for the run's moment"))
        }
        Expr::AggregateFunction(call) => {
            let name = call.func.name();
            let ordered = !call.params.order_by.is_empty();
            if name.starts_with("approx_") {
                return Some((
                    format!("`{name}()`: its answer depends on the number of threads"),
                    "use the exact function",
                ));
            }
            let by_order = matches!(name, "array_agg" | "string_agg" | "first_value" | "last_value" | "nth_value");
            (by_order && !ordered).then(|| {
                (format!("`{name}()` without an order: rows arrive in any order"), "give it an ORDER BY that is total")
            })
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, params } = window.as_ref();
            if params.null_treatment == Some(NullTreatment::IgnoreNulls) {
                return Some((
                    format!("`ignore nulls` in the window `{}`: a cluster drops it", fun.name()),
                    "count the values so far that are not null, then take max() per that number",
                ));
            }
            params.filter.is_some().then(|| {
                (
                    format!("`filter` in the window `{}`: a cluster drops it", fun.name()),
                    "put a CASE inside the aggregate",
                )
            })
        }
        _ => None,
    }
}
