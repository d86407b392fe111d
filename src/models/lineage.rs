//! Which columns a model's columns come from: read from the engine's logical plan.
//!
//! Two things are told apart. A *value* is what a column is made of. An *influence* decides which value it is, or which rows there
//! are, without standing in it: conditions, filters, keys of joins, groups, orders. What decides on the rows is told once, of the
//! rows, and not again for each column.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, SortExpr};

/// The name under which the rows of a table are a source themselves: what a count is made of.
pub const ROWS: &str = "*";

/// A column of a table, or its rows (`ROWS`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// `warehouse.fct_order`
    pub table: Arc<str>,
    pub column: Arc<str>,
}

impl Source {
    pub fn new(table: &str, column: &str) -> Source {
        Source { table: table.into(), column: column.into() }
    }
}

/// In which way a source influences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Which branch of a CASE is taken.
    Condition,
    Filter,
    Join,
    Group,
    /// The order or the partition of a window, or of an ordered aggregate.
    Order,
}

impl How {
    pub fn name(self) -> &'static str {
        match self {
            How::Condition => "condition",
            How::Filter => "filter",
            How::Join => "join",
            How::Group => "group",
            How::Order => "order",
        }
    }
}

/// What flows into a column, or into the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    pub values: BTreeSet<Source>,
    pub influences: BTreeSet<(Source, How)>,
}

impl Flow {
    fn add(&mut self, other: Flow) {
        self.values.extend(other.values);
        self.influences.extend(other.influences);
    }

    /// As what decides: values become influences.
    fn deciding(self, how: How) -> impl Iterator<Item = (Source, How)> {
        self.influences.into_iter().chain(self.values.into_iter().map(move |source| (source, how)))
    }
}

/// Where a model's columns and rows come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// In the order of the plan's columns.
    pub columns: Vec<(String, Flow)>,
    pub rows: Flow,
}

/// The lineage of a plan. Sources are the tables that it scans.
pub fn of_plan(plan: &LogicalPlan) -> Lineage {
    let relation = relation(plan, None);
    let names = plan.schema().fields().iter().map(|f| f.name().clone());
    Lineage { columns: names.zip(relation.columns).collect(), rows: relation.rows }
}

/// A plan's answer: one flow a column, in the order of its schema.
#[derive(Clone, Default)]
struct Relation {
    columns: Vec<Flow>,
    rows: Flow,
}

/// What names in an expression stand for. A correlated subquery also knows the names around it.
#[derive(Clone, Copy)]
struct Scope<'a> {
    schema: &'a DFSchema,
    relation: &'a Relation,
    outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    fn column(&self, column: &Column) -> Flow {
        let at = self.schema.index_of_column(column).ok();
        at.and_then(|at| self.relation.columns.get(at)).cloned().unwrap_or_default()
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> Flow {
        let mut flow = Flow::default();
        for expr in exprs {
            flow.add(self.flow(expr));
        }
        flow
    }

    fn order(&self, sorts: &[SortExpr]) -> impl Iterator<Item = (Source, How)> {
        self.all(sorts.iter().map(|s| &s.expr)).deciding(How::Order)
    }

    fn flow(&self, expr: &Expr) -> Flow {
        match expr {
            Expr::Column(column) => self.column(column),
            Expr::OuterReferenceColumn(_, column) => self.outer.map_or_else(Flow::default, |o| o.column(column)),
            Expr::Case(case) => {
                let mut flow = self.all(case.when_then_expr.iter().map(|(_, then)| then.as_ref()));
                flow.add(self.all(case.else_expr.as_deref()));
                let conditions = case.expr.as_deref().into_iter();
                let conditions = self.all(conditions.chain(case.when_then_expr.iter().map(|(when, _)| when.as_ref())));
                flow.influences.extend(conditions.deciding(How::Condition));
                flow
            }
            Expr::AggregateFunction(AggregateFunction { params, .. }) => {
                let mut flow = self.all(&params.args);
                self.count(&mut flow);
                flow.influences.extend(self.order(&params.order_by));
                flow.influences.extend(self.all(params.filter.as_deref()).deciding(How::Filter));
                flow
            }
            Expr::WindowFunction(window) => {
                let WindowFunction { fun, params } = window.as_ref();
                let mut flow = self.all(&params.args);
                if fun.name() == "count" {
                    self.count(&mut flow);
                }
                flow.influences.extend(self.all(&params.partition_by).deciding(How::Order));
                flow.influences.extend(self.order(&params.order_by));
                flow.influences.extend(self.all(params.filter.as_deref()).deciding(How::Filter));
                flow
            }
            Expr::ScalarSubquery(subquery) => {
                let mut inner = relation(&subquery.subquery, Some(self));
                let mut flow = if inner.columns.is_empty() { Flow::default() } else { inner.columns.swap_remove(0) };
                flow.influences.extend(inner.rows.influences);
                flow
            }
            Expr::Exists(exists) => self.existence(&exists.subquery.subquery),
            Expr::InSubquery(subquery) => {
                let mut flow = self.flow(&subquery.expr);
                flow.add(self.existence(&subquery.subquery.subquery));
                flow
            }
            other => {
                let mut flow = Flow::default();
                let _ = other.apply_children(|child| {
                    flow.add(self.flow(child));
                    Ok(TreeNodeRecursion::Continue)
                });
                flow
            }
        }
    }

    /// An aggregate of no column counts rows.
    fn count(&self, flow: &mut Flow) {
        if flow.values.is_empty() {
            flow.values.extend(self.relation.rows.values.iter().cloned());
        }
    }

    /// Whether a subquery has a row, or a certain one: all of it decides.
    fn existence(&self, plan: &LogicalPlan) -> Flow {
        let inner = relation(plan, Some(self));
        let mut flow = Flow { values: BTreeSet::new(), influences: inner.rows.influences };
        flow.influences.extend(inner.rows.values.into_iter().map(|s| (s, How::Filter)));
        for column in inner.columns {
            flow.influences.extend(column.deciding(How::Filter));
        }
        flow
    }
}

fn relation(plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Relation {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(schema) = scan.table_name.schema() else {
                // A function that gives rows, or the rows so far of a recursive query.
                return Relation {
                    columns: vec![Flow::default(); plan.schema().fields().len()],
                    rows: Flow::default(),
                };
            };
            let table: Arc<str> = format!("{schema}.{}", scan.table_name.table()).into();
            let source = |column: &str| Flow {
                values: [Source { table: table.clone(), column: column.into() }].into(),
                influences: BTreeSet::new(),
            };
            Relation { columns: plan.schema().fields().iter().map(|f| source(f.name())).collect(), rows: source(ROWS) }
        }
        LogicalPlan::Projection(node) => {
            let input = relation(&node.input, outer);
            let scope = Scope { schema: node.input.schema(), relation: &input, outer };
            let columns = node.expr.iter().map(|e| scope.flow(e)).collect();
            Relation { columns, rows: input.rows }
        }
        LogicalPlan::Filter(node) => {
            let mut input = relation(&node.input, outer);
            let scope = Scope { schema: node.input.schema(), relation: &input, outer };
            let decides = scope.flow(&node.predicate);
            input.rows.influences.extend(decides.deciding(How::Filter));
            input
        }
        LogicalPlan::Window(node) => {
            let mut input = relation(&node.input, outer);
            let scope = Scope { schema: node.input.schema(), relation: &input, outer };
            let more: Vec<Flow> = node.window_expr.iter().map(|e| scope.flow(e)).collect();
            input.columns.extend(more);
            input
        }
        LogicalPlan::Aggregate(node) => {
            let input = relation(&node.input, outer);
            let scope = Scope { schema: node.input.schema(), relation: &input, outer };
            let grouped = node.group_expr.iter().flat_map(|e| match e {
                Expr::GroupingSet(set) => set.distinct_expr().into_iter().cloned().collect(),
                other => vec![other.clone()],
            });
            let mut columns: Vec<Flow> = grouped.map(|e| scope.flow(&e)).collect();
            let mut rows = input.rows.clone();
            for column in &columns {
                rows.influences.extend(column.clone().deciding(How::Group));
            }
            columns.resize(plan.schema().fields().len().saturating_sub(node.aggr_expr.len()), Flow::default());
            columns.extend(node.aggr_expr.iter().map(|e| scope.flow(e)));
            Relation { columns, rows }
        }
        LogicalPlan::Join(node) => joined(node, outer),
        LogicalPlan::Union(node) => {
            let mut whole = Relation::default();
            whole.columns.resize(plan.schema().fields().len(), Flow::default());
            for input in &node.inputs {
                let part = relation(input, outer);
                for (column, more) in whole.columns.iter_mut().zip(part.columns) {
                    column.add(more);
                }
                whole.rows.add(part.rows);
            }
            whole
        }
        LogicalPlan::Distinct(Distinct::On(node)) => {
            let input = relation(&node.input, outer);
            let scope = Scope { schema: node.input.schema(), relation: &input, outer };
            let columns = node.select_expr.iter().map(|e| scope.flow(e)).collect();
            let mut rows = input.rows.clone();
            rows.influences.extend(scope.all(&node.on_expr).deciding(How::Group));
            rows.influences.extend(scope.order(node.sort_expr.as_deref().unwrap_or_default()));
            Relation { columns, rows }
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let mut whole = relation(input, outer);
            for column in &whole.columns {
                whole.rows.influences.extend(column.clone().deciding(How::Group));
            }
            whole
        }
        LogicalPlan::Values(node) => {
            let nothing = Relation::default();
            let scope = Scope { schema: &node.schema, relation: &nothing, outer };
            let mut columns = vec![Flow::default(); node.schema.fields().len()];
            for row in &node.values {
                for (column, value) in columns.iter_mut().zip(row) {
                    column.add(scope.flow(value));
                }
            }
            Relation { columns, rows: Flow::default() }
        }
        LogicalPlan::Unnest(node) => {
            let input = relation(&node.input, outer);
            let columns =
                node.dependency_indices.iter().map(|at| input.columns.get(*at).cloned().unwrap_or_default()).collect();
            Relation { columns, rows: input.rows }
        }
        LogicalPlan::RecursiveQuery(node) => {
            let mut whole = relation(&node.static_term, outer);
            let more = relation(&node.recursive_term, outer);
            for (column, more) in whole.columns.iter_mut().zip(more.columns) {
                column.add(more);
            }
            whole.rows.add(more.rows);
            whole
        }
        LogicalPlan::Sort(node) => {
            let mut input = relation(&node.input, outer);
            if node.fetch.is_some() {
                let scope = Scope { schema: node.input.schema(), relation: &input, outer };
                let decides: Vec<_> = scope.order(&node.expr).collect();
                input.rows.influences.extend(decides);
            }
            input
        }
        LogicalPlan::Limit(node) => {
            let mut input = relation(&node.input, outer);
            // Which rows are the first ones goes by the order.
            if let LogicalPlan::Sort(sort) = node.input.as_ref() {
                let scope = Scope { schema: sort.input.schema(), relation: &input, outer };
                let decides: Vec<_> = scope.order(&sort.expr).collect();
                input.rows.influences.extend(decides);
            }
            input
        }
        other => {
            // What has one input hands its columns on.
            let mut inputs = other.inputs();
            let mut found = match (inputs.pop(), inputs.is_empty()) {
                (Some(input), true) => relation(input, outer),
                _ => Relation::default(),
            };
            found.columns.resize(plan.schema().fields().len(), Flow::default());
            found
        }
    }
}

fn joined(node: &Join, outer: Option<&Scope<'_>>) -> Relation {
    let (mut left, mut right) = (relation(&node.left, outer), relation(&node.right, outer));
    let mut decides = BTreeSet::new();
    {
        let of_left = Scope { schema: node.left.schema(), relation: &left, outer };
        let of_right = Scope { schema: node.right.schema(), relation: &right, outer };
        for (a, b) in &node.on {
            decides.extend(of_left.flow(a).deciding(How::Join));
            decides.extend(of_right.flow(b).deciding(How::Join));
        }
        if let (Some(filter), Ok(schema)) = (&node.filter, node.left.schema().join(node.right.schema())) {
            let both = Relation {
                columns: left.columns.iter().chain(&right.columns).cloned().collect(),
                rows: Flow::default(),
            };
            let scope = Scope { schema: &schema, relation: &both, outer };
            decides.extend(scope.flow(filter).deciding(How::Join));
        }
    }
    // A side that may be missing: what decides on its rows decides on whether its columns have a value.
    let optional = |side: &mut Relation, decides: &BTreeSet<(Source, How)>| {
        for column in &mut side.columns {
            column.influences.extend(side.rows.influences.iter().cloned());
            column.influences.extend(decides.iter().cloned());
        }
    };
    match node.join_type {
        JoinType::Left => {
            optional(&mut right, &decides);
            left.columns.extend(right.columns);
            left
        }
        JoinType::Right => {
            optional(&mut left, &decides);
            left.columns.extend(right.columns);
            Relation { columns: left.columns, rows: right.rows }
        }
        JoinType::Inner | JoinType::Full => {
            if node.join_type == JoinType::Full {
                optional(&mut left, &decides);
                optional(&mut right, &decides);
            }
            left.columns.extend(right.columns);
            left.rows.add(right.rows);
            left.rows.influences.extend(decides);
            left
        }
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => picked(left, right, decides, node),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => picked(right, left, decides, node),
    }
}

/// The rows of one side that have, or have not, their like on the other.
fn picked(mut side: Relation, other: Relation, decides: BTreeSet<(Source, How)>, node: &Join) -> Relation {
    let mut decides = decides;
    decides.extend(other.rows.deciding(How::Join));
    if matches!(node.join_type, JoinType::LeftMark | JoinType::RightMark) {
        side.columns.push(Flow { values: BTreeSet::new(), influences: decides });
    } else {
        side.rows.influences.extend(decides);
    }
    side
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::empty::EmptyTable;

    use super::*;
    use crate::catalog;
    use crate::engine::{self, Limits};

    /// `warehouse.a (id, x, y, day)` and `warehouse.b (id, z, kind)`.
    async fn of(sql: &str) -> Lineage {
        let context = engine::session(&Limits::default(), None).expect("a session");
        catalog::prepare(&context, &[]).expect("schemas");
        for (name, columns) in
            [("warehouse.a", ["id", "x", "y", "day"].as_slice()), ("warehouse.b", &["id", "z", "kind"])]
        {
            let fields: Vec<Field> = columns.iter().map(|c| Field::new(*c, DataType::Int64, true)).collect();
            let table = EmptyTable::new(Arc::new(Schema::new(fields)));
            catalog::register(&context, name, Arc::new(table)).expect("a table");
        }
        of_plan(&context.state().create_logical_plan(sql).await.expect("a plan"))
    }

    /// `a.x` for each value, `a.x filter` for each influence.
    fn told(flow: &Flow) -> Vec<String> {
        let name = |s: &Source| format!("{}.{}", s.table.trim_start_matches("warehouse."), s.column);
        let values = flow.values.iter().map(&name);
        values.chain(flow.influences.iter().map(|(s, how)| format!("{} {}", name(s), how.name()))).collect()
    }

    async fn column(sql: &str) -> Vec<String> {
        told(&of(sql).await.columns[0].1)
    }

    #[tokio::test]
    async fn values_go_through_names_and_expressions() {
        let sql =
            "with c as (select id as key, x + y as sum from warehouse.a) select d.sum * 2 as twice, key from c as d";
        let found = of(sql).await;
        assert_eq!(found.columns[0].0, "twice");
        assert_eq!(told(&found.columns[0].1), ["a.x", "a.y"]);
        assert_eq!(told(&found.columns[1].1), ["a.id"]);
        assert_eq!(told(&found.rows), ["a.*"]);
        assert_eq!(column("select 'fixed' as name from warehouse.a").await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_decides_is_no_value() {
        let sql = "select case when day > 3 then x else 0 end as v from warehouse.a where y = 1";
        let found = of(sql).await;
        assert_eq!(told(&found.columns[0].1), ["a.x", "a.day condition"]);
        assert_eq!(told(&found.rows), ["a.*", "a.y filter"]);
        let sql = "select row_number() over (partition by id order by day) as place from warehouse.a";
        assert_eq!(column(sql).await, ["a.day order", "a.id order"]);
        let sql = "select id from warehouse.a where id in (select id from warehouse.b where kind = 2)";
        assert_eq!(told(&of(sql).await.rows), ["a.*", "a.id filter", "b.* filter", "b.id filter", "b.kind filter"]);
        let sql = "select id from warehouse.a where exists (select 1 from warehouse.b where b.id = a.x)";
        assert_eq!(told(&of(sql).await.rows), ["a.*", "a.x filter", "b.* filter", "b.id filter"]);
    }

    #[tokio::test]
    async fn counts_are_made_of_rows() {
        let found = of("select id, count(*) as n, sum(x) as sum from warehouse.a group by id").await;
        assert_eq!(told(&found.columns[0].1), ["a.id"]);
        assert_eq!(told(&found.columns[1].1), ["a.*"]);
        assert_eq!(told(&found.columns[2].1), ["a.x"]);
        assert_eq!(told(&found.rows), ["a.*", "a.id group"]);
        assert_eq!(
            column("select sum(case when y = 1 then 1 else 0 end) as n from warehouse.a").await,
            ["a.*", "a.y condition"]
        );
    }

    #[tokio::test]
    async fn a_side_that_may_be_missing_is_decided_by_the_join() {
        let sql =
            "select a.x, b.z from warehouse.a left join (select * from warehouse.b where kind = 1) as b on a.id = b.id";
        let found = of(sql).await;
        assert_eq!(told(&found.columns[0].1), ["a.x"]);
        assert_eq!(told(&found.columns[1].1), ["b.z", "a.id join", "b.id join", "b.kind filter"]);
        assert_eq!(told(&found.rows), ["a.*"]);
        let found = of("select a.x from warehouse.a inner join warehouse.b on a.id = b.id and b.kind = a.y").await;
        assert_eq!(told(&found.rows), ["a.*", "b.*", "a.id join", "a.y join", "b.id join", "b.kind join"]);
    }

    #[tokio::test]
    async fn unions_and_subqueries_bring_both() {
        let sql = "select x as v from warehouse.a union all select z from warehouse.b";
        let found = of(sql).await;
        assert_eq!(
            (told(&found.columns[0].1), told(&found.rows)),
            (vec!["a.x".into(), "b.z".into()], vec!["a.*".into(), "b.*".into()])
        );
        let sql = "select x + (select max(z) from warehouse.b where kind = 3) as v from warehouse.a";
        assert_eq!(column(sql).await, ["a.x", "b.z", "b.kind filter"]);
    }
}
