//! Sorts rows while they are narrow: below the lookups and computations that widen them, where these keep the order.
//!
//! The engine itself moves a sort below plain renamings and lookup joins, but stops at a projection that computes anything; nearly every model
//! ends in one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

/// Moves each sort down to where its rows are narrowest.
#[derive(Debug)]
pub struct SortWhileNarrow;

impl PhysicalOptimizerRule for SortWhileNarrow {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| match node.downcast_ref::<SortExec>().map(lowered) {
            Some(Ok(Some(lower))) => Ok(Transformed::yes(lower)),
            Some(Err(e)) => Err(e),
            Some(Ok(None)) | None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_while_narrow"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with its sort further down; None where it stands well.
fn lowered(sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if sort.fetch().is_some() {
        return Ok(None);
    }
    let mut order: Vec<PhysicalSortExpr> = sort.expr().iter().cloned().collect();
    let mut here = sort.input().clone();
    let mut best = (width(&here.schema()), 0, order.clone());
    // From the sort down: each node with the child that the sort goes on to.
    let mut path: Vec<(Arc<dyn ExecutionPlan>, usize)> = Vec::new();
    while let Some((child, below)) = step(&here, &order) {
        path.push((here.clone(), child));
        here = here.children()[child].clone();
        order = below;
        let width = width(&here.schema());
        if width <= best.0 {
            best = (width, path.len(), order.clone());
        }
    }
    let (_, depth, order) = best;
    let (Some((last, child)), Some(order)) = (depth.checked_sub(1).map(|at| &path[at]), LexOrdering::new(order)) else {
        return Ok(None);
    };
    let below = SortExec::new(order, last.children()[*child].clone());
    let mut plan: Arc<dyn ExecutionPlan> = Arc::new(below.with_preserve_partitioning(sort.preserve_partitioning()));
    for (node, child) in path[..depth].iter().rev() {
        let mut children: Vec<_> = node.children().into_iter().cloned().collect();
        children[*child] = plan;
        plan = replace_children_if_necessary(node.clone(), children)?;
    }
    // What reads it relies on the order and on the partitions.
    let is_same = plan.equivalence_properties().ordering_satisfy(sort.expr().clone())?
        && plan.output_partitioning().partition_count() == sort.properties().partitioning.partition_count();
    Ok(is_same.then_some(plan))
}

/// The child through which the order can be had, and the order by that child's columns.
fn step(node: &Arc<dyn ExecutionPlan>, order: &[PhysicalSortExpr]) -> Option<(usize, Vec<PhysicalSortExpr>)> {
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        let source = |at: usize| projection.expr().get(at)?.expr.downcast_ref::<Column>().cloned();
        return Some((0, renamed(order, source)?));
    }
    let join = node.downcast_ref::<HashJoinExec>()?;
    // Each row of the right side comes out, once for each that it finds, in its place.
    if join.mode != PartitionMode::CollectLeft || join.join_type != JoinType::Right || !node.maintains_input_order()[1]
    {
        return None;
    }
    let left = join.left().schema().fields().len();
    let right = join.right().schema();
    let source = |at: usize| {
        let at = join.projection.as_ref().map_or(Some(at), |kept| kept.get(at).copied())?.checked_sub(left)?;
        Some(Column::new(right.fields().get(at)?.name(), at))
    };
    Some((1, renamed(order, source)?))
}

/// The order with each column by its source; None where one has none.
fn renamed(order: &[PhysicalSortExpr], source: impl Fn(usize) -> Option<Column>) -> Option<Vec<PhysicalSortExpr>> {
    let one = |sort: &PhysicalSortExpr| {
        let column = source(sort.expr.downcast_ref::<Column>()?.index())?;
        Some(PhysicalSortExpr::new(Arc::new(column) as Arc<dyn PhysicalExpr>, sort.options))
    };
    order.iter().map(one).collect()
}

/// About how many bytes a row has.
fn width(schema: &Schema) -> usize {
    let of = |kind: &DataType| match kind {
        DataType::Boolean => 1,
        kind => kind.primitive_width().unwrap_or(24),
    };
    schema.fields().iter().map(|f| of(f.data_type())).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, StringArray};
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::MemTable;
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::SessionContext;

    use crate::engine::{Limits, session};

    fn table(context: &SessionContext, name: &str, rows: i64) {
        let numbers = Int64Array::from_iter_values((0..rows).map(|n| (n * 7919) % 1000));
        let texts = StringArray::from_iter_values((0..rows).map(|n| format!("{name} {n}")));
        let kinds = Int64Array::from_iter_values((0..rows).map(|n| n % 3));
        let batch = RecordBatch::try_from_iter([
            ("number", Arc::new(numbers) as _),
            ("text", Arc::new(texts) as _),
            ("kind", Arc::new(kinds) as _),
        ])
        .unwrap();
        let parts = (0..4).map(|part| {
            let (from, to) = (part * batch.num_rows() / 4, (part + 1) * batch.num_rows() / 4);
            vec![batch.slice(from, to - from)]
        });
        let parts = parts.collect();
        let table = MemTable::try_new(batch.schema(), parts).unwrap();
        context.register_table(name, Arc::new(table)).unwrap();
    }

    async fn plan_and_rows(sql: &str) -> (String, String) {
        let context = session(&Limits::default(), None).unwrap();
        table(&context, "rows", 5000);
        table(&context, "kinds", 3);
        let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        let rows = collect(plan, context.task_ctx()).await.unwrap();
        (shown, pretty_format_batches(&rows).unwrap().to_string())
    }

    const WIDENED: &str = "select r.number, r.text, k.text as kind, k.text || r.text as both, r.number + 1 as more
        from rows as r left join kinds as k on r.kind = k.kind order by";

    #[tokio::test]
    async fn a_sort_goes_below_lookups_and_computations() {
        let (plan, rows) = plan_and_rows(&format!("{WIDENED} r.number, r.text")).await;
        assert!(plan.find("HashJoinExec").unwrap() < plan.find("SortExec").unwrap(), "{plan}");
        assert!(plan.starts_with("SortPreservingMergeExec"), "{plan}");
        // The same rows by an order that is computed above: the sort stays there.
        let (above, same) = plan_and_rows(&format!("{WIDENED} r.number + 1, r.text")).await;
        assert!(above.find("SortExec").unwrap() < above.find("HashJoinExec").unwrap(), "{above}");
        assert_eq!(rows, same);
    }

    #[tokio::test]
    async fn a_sort_by_what_is_looked_up_stays() {
        let (plan, _) = plan_and_rows(&format!("{WIDENED} kind, r.number, r.text")).await;
        assert!(plan.find("SortExec").unwrap() < plan.find("HashJoinExec").unwrap(), "{plan}");
    }
}
