//! From the rows of a plan back to the rows that it was made of, one stretch at a time.
//!
//! A stretch goes down from a plan through what handles rows one by one (projections, filters, joins, unions) to its *grounds*:
//! tables, and operators that put rows together (groups, windows, recursive queries). The stretch is rebuilt so that each of its rows
//! carries along what names its rows at the grounds. One execution then tells, for any rows of the stretch, all rows below them.
//! Columns of the rebuilt plan keep their names, so that the expressions above them stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, JoinType, Result as DfResult, ScalarValue, internal_err};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, RecursiveQuery, Subquery,
    SubqueryAlias, Union, Window, lit,
};

/// How columns begin that carry the names of rows along.
const CARRIED: &str = "__row";

/// Where a stretch ends.
pub enum Ground {
    /// Rows of a table, by its key; of its columns these are needed.
    Table { name: String, columns: BTreeSet<String> },
    /// Rows of an operator that puts rows together: those of its input that agree in `by` with a row of the stretch.
    Below(Below),
}

/// What lies below an operator that puts rows together.
pub struct Below {
    pub input: LogicalPlan,
    /// Expressions over the input; without any, all its rows are meant.
    pub by: Vec<Expr>,
    /// Columns of the input that matter.
    pub needed: BTreeSet<usize>,
    /// Why more rows than necessary may come, if they may.
    pub surplus: Option<Surplus>,
}

/// Why a trace may hold more than it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surplus {
    /// A window looks at some rows of its partition: all are listed.
    Window,
    /// A smallest, greatest, first or last value, or a count of distinct ones: all rows of the group are listed.
    Picked,
    /// The first rows by an order: those that came after them are listed where they are alike.
    Limit,
    /// An operator that is not looked into: all that lies below it is listed.
    Opaque,
    /// Most rows of a large table take part: all that it reads is listed.
    Whole,
}

impl Surplus {
    pub fn words(self) -> &'static str {
        match self {
            Surplus::Window => "a window function looks at its whole partition",
            Surplus::Picked => {
                "a group is listed whole, where one of its rows gives a smallest, greatest, first or last value or a distinct one"
            }
            Surplus::Limit => "a limit is not applied to rows that are alike",
            Surplus::Whole => "most rows of a large table take part: all that it reads is listed",
            Surplus::Opaque => "an operator is not looked into: all that it reads is listed",
        }
    }
}

/// A ground with the columns that carry its rows' names.
pub struct Leaf {
    pub ground: Ground,
    pub carried: Vec<String>,
}

/// Rebuilds a stretch.
pub struct Stretch<'a> {
    /// The key of each table that has one.
    pub keys: &'a BTreeMap<String, Vec<String>>,
    /// Whether sides of joins are left out that only bring columns which nobody needs.
    pub is_pruned: bool,
    pub leaves: Vec<Leaf>,
    pub surplus: BTreeSet<Surplus>,
}

impl Stretch<'_> {
    /// The plan with the needed columns and those that carry. Errors: the engine's, where a plan cannot be rebuilt.
    pub fn extend(&mut self, plan: &LogicalPlan, needed: &BTreeSet<usize>) -> DfResult<LogicalPlan> {
        if has_subquery(plan) {
            return self.opaque(plan, needed);
        }
        match plan {
            LogicalPlan::TableScan(scan) => {
                let Some(layer) = scan.table_name.schema() else { return Ok(plan.clone()) };
                let name = format!("{layer}.{}", scan.table_name.table());
                let Some(key) = self.keys.get(&name) else { return Ok(plan.clone()) };
                let named: Vec<Expr> = key.iter().map(|c| column_named(plan.schema(), c)).collect::<DfResult<_>>()?;
                let columns = needed.iter().map(|at| plan.schema().field(*at).name().clone()).collect();
                let carried = self.leaf(Ground::Table { name, columns }, &named);
                project(plan.clone(), columns_at(plan.schema(), needed), carried)
            }
            LogicalPlan::Projection(node) => {
                let exprs: Vec<Expr> = needed.iter().map(|at| node.expr[*at].clone()).collect();
                let input = self.extend(&node.input, &referred(&exprs, node.input.schema()))?;
                let carried = carried(input.schema());
                project(input, exprs, carried)
            }
            LogicalPlan::Filter(node) => {
                let below = with(needed, referred([&node.predicate], node.input.schema()));
                let input = self.extend(&node.input, &below)?;
                Ok(LogicalPlan::Filter(Filter::try_new(node.predicate.clone(), Arc::new(input))?))
            }
            LogicalPlan::SubqueryAlias(node) => {
                let input = self.extend(&node.input, needed)?;
                Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), node.alias.clone())?))
            }
            LogicalPlan::Join(node) => self.join(node, needed),
            LogicalPlan::Union(node) => self.union(plan, &node.inputs, needed),
            LogicalPlan::Distinct(Distinct::All(input)) => self.extend(input, needed),
            LogicalPlan::Distinct(Distinct::On(node)) => {
                let exprs: Vec<Expr> = needed.iter().map(|at| node.select_expr[*at].clone()).collect();
                let input = self.extend(&node.input, &referred(&exprs, node.input.schema()))?;
                self.surplus.insert(Surplus::Limit);
                let carried = carried(input.schema());
                project(input, exprs, carried)
            }
            LogicalPlan::Sort(node) => {
                if node.fetch.is_some() {
                    self.surplus.insert(Surplus::Limit);
                }
                self.extend(&node.input, needed)
            }
            LogicalPlan::Limit(node) => {
                self.surplus.insert(Surplus::Limit);
                self.extend(&node.input, needed)
            }
            LogicalPlan::Repartition(node) => self.extend(&node.input, needed),
            LogicalPlan::Subquery(Subquery { subquery, .. }) => self.extend(subquery, needed),
            LogicalPlan::Unnest(node) => {
                let mut below: BTreeSet<usize> = needed.iter().map(|at| node.dependency_indices[*at]).collect();
                for column in &node.exec_columns {
                    below.insert(node.input.schema().index_of_column(column)?);
                }
                let input = self.extend(&node.input, &below)?;
                let builder = LogicalPlanBuilder::from(input);
                builder.unnest_columns_with_options(node.exec_columns.clone(), node.options.clone())?.build()
            }
            LogicalPlan::Aggregate(node) => self.group(plan, node, needed),
            LogicalPlan::Window(node) => self.window(plan, node, needed),
            LogicalPlan::RecursiveQuery(node) => self.recursive(plan, node, needed),
            LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => Ok(plan.clone()),
            _ => self.opaque(plan, needed),
        }
    }

    /// Notes a ground. Returns the columns that carry `named`.
    fn leaf(&mut self, ground: Ground, named: &[Expr]) -> Vec<Expr> {
        let number = self.leaves.len();
        let names: Vec<String> = (0..named.len()).map(|i| format!("{CARRIED}_{number}_{i}")).collect();
        let exprs = named.iter().zip(&names).map(|(e, name)| e.clone().alias(name)).collect();
        self.leaves.push(Leaf { ground, carried: names });
        exprs
    }

    /// All that lies below is listed.
    fn opaque(&mut self, plan: &LogicalPlan, needed: &BTreeSet<usize>) -> DfResult<LogicalPlan> {
        self.surplus.insert(Surplus::Opaque);
        for input in inputs(plan) {
            let all = (0..input.schema().fields().len()).collect();
            let below = Below { input, by: Vec::new(), needed: all, surplus: Some(Surplus::Opaque) };
            self.leaves.push(Leaf { ground: Ground::Below(below), carried: Vec::new() });
        }
        project(plan.clone(), columns_at(plan.schema(), needed), Vec::new())
    }

    fn group(&mut self, plan: &LogicalPlan, node: &Aggregate, needed: &BTreeSet<usize>) -> DfResult<LogicalPlan> {
        let is_set = node.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_)));
        let groups = if is_set { 0 } else { node.group_expr.len() };
        let first = plan.schema().fields().len() - node.aggr_expr.len();
        let wanted: Vec<&Expr> = node
            .aggr_expr
            .iter()
            .enumerate()
            .filter(|(i, _)| !self.is_pruned || needed.contains(&(first + i)))
            .map(|(_, e)| e)
            .collect();
        let surplus =
            if is_set { Some(Surplus::Opaque) } else { wanted.iter().any(|e| picks(e)).then_some(Surplus::Picked) };
        let below = Below {
            input: node.input.as_ref().clone(),
            by: node.group_expr[..groups].to_vec(),
            needed: referred(node.group_expr.iter().chain(wanted), node.input.schema()),
            surplus,
        };
        let named = columns_at(plan.schema(), &(0..groups).collect());
        self.ground(plan, needed, below, named)
    }

    fn window(&mut self, plan: &LogicalPlan, node: &Window, needed: &BTreeSet<usize>) -> DfResult<LogicalPlan> {
        let first = plan.schema().fields().len() - node.window_expr.len();
        let windows: Vec<&Expr> =
            needed.iter().filter(|at| **at >= first).map(|at| &node.window_expr[at - first]).collect();
        if windows.is_empty() {
            return self.extend(&node.input, needed);
        }
        // What all windows are parted by. By nothing: they look at every row.
        let mut by: Option<Vec<Expr>> = None;
        for window in &windows {
            let Some(WindowFunction { params, .. }) = window_of(window) else { return self.opaque(plan, needed) };
            by = Some(match by {
                None => params.partition_by.clone(),
                Some(so_far) => so_far.into_iter().filter(|e| params.partition_by.contains(e)).collect(),
            });
        }
        let by = by.unwrap_or_default();
        let of_input = needed.iter().copied().filter(|at| *at < first).collect();
        let below = Below {
            input: node.input.as_ref().clone(),
            by: by.clone(),
            needed: with(&of_input, referred(windows, node.input.schema())),
            surplus: Some(Surplus::Window),
        };
        self.ground(plan, needed, below, by)
    }

    /// The plan as it is, with the needed columns and those that name its rows at the ground.
    fn ground(
        &mut self,
        plan: &LogicalPlan,
        needed: &BTreeSet<usize>,
        below: Below,
        mut named: Vec<Expr>,
    ) -> DfResult<LogicalPlan> {
        // Tells a row whose names are all NULL from a side of a join that is missing.
        named.push(lit(true));
        let carried = self.leaf(Ground::Below(below), &named);
        project(plan.clone(), columns_at(plan.schema(), needed), carried)
    }

    fn join(&mut self, node: &Join, needed: &BTreeSet<usize>) -> DfResult<LogicalPlan> {
        let (of_left, of_right) = (node.left.schema(), node.right.schema());
        let width = of_left.fields().len();
        let (mut left, mut right) = (BTreeSet::new(), BTreeSet::new());
        match node.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                left.extend(needed.iter().copied().filter(|at| *at < width));
                right.extend(needed.iter().filter(|at| **at >= width).map(|at| at - width));
            }
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
                left.extend(needed.iter().copied().filter(|at| *at < width));
            }
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                return self.opaque(&LogicalPlan::Join(node.clone()), needed);
            }
        }
        if self.is_pruned && node.join_type == JoinType::Left && right.is_empty() {
            return self.extend(&node.left, &left);
        }
        if self.is_pruned && node.join_type == JoinType::Right && left.is_empty() {
            return self.extend(&node.right, &right);
        }
        left.extend(referred(node.on.iter().map(|(a, _)| a), of_left));
        right.extend(referred(node.on.iter().map(|(_, b)| b), of_right));
        for column in node.filter.iter().flat_map(Expr::column_refs) {
            match of_left.index_of_column(column) {
                Ok(at) => left.insert(at),
                Err(_) => right.insert(of_right.index_of_column(column)?),
            };
        }
        let kept = columns_at(of_left, &left);
        let left = self.extend(&node.left, &left)?;
        let joined = |left: LogicalPlan, right: LogicalPlan, kind: JoinType| {
            let join = Join::try_new(
                Arc::new(left),
                Arc::new(right),
                node.on.clone(),
                node.filter.clone(),
                kind,
                node.join_constraint,
                node.null_equality,
                node.null_aware && kind == JoinType::LeftAnti,
            )?;
            Ok(LogicalPlan::Join(join))
        };
        match node.join_type {
            // What is not there has no rows to list.
            JoinType::LeftAnti => joined(left, node.right.as_ref().clone(), JoinType::LeftAnti),
            JoinType::LeftSemi => {
                let right = self.extend(&node.right, &right)?;
                let both = joined(left, right, JoinType::Inner)?;
                let carried = carried(both.schema());
                project(both, kept, carried)
            }
            JoinType::LeftMark => {
                let right = self.extend(&node.right, &right)?;
                let all = (0..right.schema().fields().len()).collect();
                let columns = columns_at(right.schema(), &all);
                let right = project(right, columns, vec![lit(true).alias("__found")])?;
                let both = joined(left, right, JoinType::Left)?;
                let (relation, mark) = node.schema.qualified_field(width);
                let found = column_named(both.schema(), "__found")?.is_not_null();
                let mark = found.alias_qualified(relation.cloned(), mark.name());
                let carried = carried(both.schema());
                project(both, kept.into_iter().chain([mark]).collect(), carried)
            }
            kind => {
                let right = self.extend(&node.right, &right)?;
                joined(left, right, kind)
            }
        }
    }

    fn union(
        &mut self,
        plan: &LogicalPlan,
        inputs: &[Arc<LogicalPlan>],
        needed: &BTreeSet<usize>,
    ) -> DfResult<LogicalPlan> {
        let mut parts = Vec::new();
        let mut all: BTreeMap<String, DataType> = BTreeMap::new();
        for input in inputs {
            let part = self.extend(input, needed)?;
            for field in part.schema().fields().iter().filter(|f| f.name().starts_with(CARRIED)) {
                all.insert(field.name().clone(), field.data_type().clone());
            }
            parts.push(part);
        }
        let plain = |at: usize| format!("__column_{at}");
        let mut same = Vec::new();
        for (input, part) in inputs.iter().zip(parts) {
            let mut exprs: Vec<Expr> = Vec::new();
            for at in needed {
                let column = Expr::Column(Column::from(input.schema().qualified_field(*at)));
                exprs.push(column.alias(plain(*at)));
            }
            for (name, kind) in &all {
                exprs.push(match column_named(part.schema(), name) {
                    Ok(column) => column.alias(name),
                    Err(_) => Expr::Literal(ScalarValue::try_from(kind)?, None).alias(name),
                });
            }
            same.push(Arc::new(project(part, exprs, Vec::new())?));
        }
        let union = LogicalPlan::Union(Union::try_new_with_loose_types(same)?);
        let mut exprs = Vec::new();
        for at in needed {
            let (relation, field) = plan.schema().qualified_field(*at);
            exprs.push(column_named(union.schema(), &plain(*at))?.alias_qualified(relation.cloned(), field.name()));
        }
        let carried = carried(union.schema());
        project(union, exprs, carried)
    }

    /// Rows of a recursive query with their like in the columns that it hands on unchanged from step to step.
    fn recursive(
        &mut self,
        plan: &LogicalPlan,
        node: &RecursiveQuery,
        needed: &BTreeSet<usize>,
    ) -> DfResult<LogicalPlan> {
        let handed: BTreeSet<usize> = (0..plan.schema().fields().len())
            .filter(|at| origin(&node.recursive_term, *at) == Some((node.name.clone(), *at)))
            .collect();
        if handed.is_empty() {
            return self.opaque(plan, needed);
        }
        let all: BTreeSet<usize> = (0..plan.schema().fields().len()).collect();
        let named = columns_at(plan.schema(), &handed);
        let first = Below {
            input: node.static_term.as_ref().clone(),
            by: columns_at(node.static_term.schema(), &handed),
            needed: all.clone(),
            surplus: None,
        };
        // The steps read the query's own rows; those are known by now.
        let whole = super::session::opaque_rows(plan.clone());
        let steps = super::session::replaced(node.recursive_term.as_ref().clone(), &node.name, &whole)?;
        let by = columns_at(steps.schema(), &handed);
        let step = Below { input: steps, by, needed: all, surplus: None };
        let mut carried_first = {
            let mut named = named.clone();
            named.push(lit(true));
            self.leaf(Ground::Below(first), &named)
        };
        let mut named = named;
        named.push(lit(true));
        carried_first.extend(self.leaf(Ground::Below(step), &named));
        project(plan.clone(), columns_at(plan.schema(), needed), carried_first)
    }
}

/// Inputs of a plan, those of its subqueries among them.
fn inputs(plan: &LogicalPlan) -> Vec<LogicalPlan> {
    let mut all: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let _ = plan.apply_subqueries(|subquery| {
        if let LogicalPlan::Subquery(Subquery { subquery, .. }) = subquery {
            all.push(subquery.as_ref().clone());
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    all
}

/// Whether a node's own expressions hold a subquery that was not turned into a join.
fn has_subquery(plan: &LogicalPlan) -> bool {
    use datafusion::common::tree_node::TreeNode;
    plan.expressions().iter().any(|e| {
        e.exists(|e| {
            Ok(matches!(
                e,
                Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::OuterReferenceColumn(..)
            ))
        })
        .unwrap_or(true)
    })
}

fn window_of(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::WindowFunction(window) => Some(window),
        Expr::Alias(alias) => window_of(&alias.expr),
        _ => None,
    }
}

/// Whether an aggregate's value hangs on some of its rows only.
fn picks(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|e| {
        Ok(match e {
            Expr::AggregateFunction(call) => {
                call.params.distinct
                    || matches!(call.func.name(), "min" | "max" | "first_value" | "last_value" | "nth_value" | "median")
            }
            _ => false,
        })
    })
    .unwrap_or(true)
}

/// The scan and its column that a plan's column is, unchanged; scans without a schema only (the rows so far of a recursive query).
fn origin(plan: &LogicalPlan, at: usize) -> Option<(String, usize)> {
    let through = |expr: &Expr, input: &LogicalPlan| {
        let mut expr = expr;
        while let Expr::Alias(alias) = expr {
            expr = &alias.expr;
        }
        let Expr::Column(column) = expr else { return None };
        origin(input, input.schema().index_of_column(column).ok()?)
    };
    match plan {
        LogicalPlan::TableScan(scan) if scan.table_name.schema().is_none() => {
            Some((scan.table_name.table().to_string(), at))
        }
        LogicalPlan::Projection(node) => through(node.expr.get(at)?, &node.input),
        LogicalPlan::Filter(node) => origin(&node.input, at),
        LogicalPlan::SubqueryAlias(node) => origin(&node.input, at),
        LogicalPlan::Join(node) => {
            let width = node.left.schema().fields().len();
            match node.join_type {
                JoinType::Inner if at < width => origin(&node.left, at),
                JoinType::Inner => origin(&node.right, at - width),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti if at < width => origin(&node.left, at),
                JoinType::Right if at >= width => origin(&node.right, at - width),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The columns of a schema that carry names of rows.
pub fn carried(schema: &DFSchema) -> Vec<Expr> {
    let fields = schema.iter().filter(|(_, field)| field.name().starts_with(CARRIED));
    fields.map(|field| Expr::Column(Column::from(field))).collect()
}

/// A column by its bare name, which is the only one of that name.
pub fn column_named(schema: &DFSchema, name: &str) -> DfResult<Expr> {
    match schema.iter().find(|(_, field)| field.name() == name) {
        Some(field) => Ok(Expr::Column(Column::from(field))),
        None => internal_err!("there is no column {name}"),
    }
}

pub fn columns_at(schema: &DFSchema, at: &BTreeSet<usize>) -> Vec<Expr> {
    at.iter().map(|at| Expr::Column(Column::from(schema.qualified_field(*at)))).collect()
}

/// Positions of the columns that expressions name.
pub fn referred<'e>(exprs: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> BTreeSet<usize> {
    let refs = exprs.into_iter().flat_map(Expr::column_refs);
    refs.filter_map(|column| schema.index_of_column(column).ok()).collect()
}

fn with(some: &BTreeSet<usize>, more: BTreeSet<usize>) -> BTreeSet<usize> {
    some.iter().copied().chain(more).collect()
}

/// A projection that has a column at least.
pub fn project(input: LogicalPlan, mut exprs: Vec<Expr>, more: Vec<Expr>) -> DfResult<LogicalPlan> {
    exprs.extend(more);
    if exprs.is_empty() {
        exprs.push(lit(true).alias("__one"));
    }
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
}
