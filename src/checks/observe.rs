//! Looks at rows while they are written: conditions, and keys by hash.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchema;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::{Check, Rule};
use crate::engine;
use crate::error::{Diagnostic, Error, Result};
use crate::models::writer::Observer;

/// The checks of one table that need no other row or table.
pub struct RowChecks {
    conditions: Vec<Condition>,
    keys: Vec<KeyHashes>,
    pub rows: u64,
}

struct Condition {
    check: Check,
    expr: Arc<dyn PhysicalExpr>,
    offenders: u64,
}

struct KeyHashes {
    check: Check,
    columns: Vec<usize>,
    hashes: Vec<u64>,
}

/// What came of a check; `is_certain` is false where equal hashes have yet to be looked at.
pub struct Seen {
    pub check: Check,
    pub offenders: u64,
    pub is_certain: bool,
}

impl RowChecks {
    /// Compiles the conditions; relationships are left to queries.
    pub fn compile(context: &SessionContext, schema: &SchemaRef, checks: &[Check]) -> Result<RowChecks> {
        let df_schema =
            DFSchema::try_from(schema.as_ref().clone()).map_err(|e| engine::failed("preparing checks", &e))?;
        let mut out = RowChecks { conditions: Vec::new(), keys: Vec::new(), rows: 0 };
        for check in checks {
            match &check.rule {
                Rule::Row(condition) => {
                    let expr = condition_expr(context, condition, &df_schema).map_err(|e| unplannable(check, &e))?;
                    out.conditions.push(Condition { check: check.clone(), expr, offenders: 0 });
                }
                Rule::Unique(columns) => {
                    let columns = columns
                        .iter()
                        .map(|c| schema.index_of(c).map_err(|e| Error::failed(format!("{}: {e}", check.name))))
                        .collect::<Result<_>>()?;
                    out.keys.push(KeyHashes { check: check.clone(), columns, hashes: Vec::new() });
                }
                Rule::Relationship { .. } => {}
            }
        }
        Ok(out)
    }

    /// Adds what another saw of the same table, by the same checks.
    pub fn merge(&mut self, other: RowChecks) {
        self.rows += other.rows;
        for (mine, theirs) in self.conditions.iter_mut().zip(other.conditions) {
            mine.offenders += theirs.offenders;
        }
        for (mine, theirs) in self.keys.iter_mut().zip(other.keys) {
            mine.hashes.extend(theirs.hashes);
        }
    }

    pub fn finish(self) -> Vec<Seen> {
        let conditions =
            self.conditions.into_iter().map(|c| Seen { check: c.check, offenders: c.offenders, is_certain: true });
        let keys = self.keys.into_iter().map(|mut k| {
            k.hashes.sort_unstable();
            let twice = k.hashes.windows(2).filter(|w| w[0] == w[1]).count() as u64;
            Seen { check: k.check, offenders: twice, is_certain: twice == 0 }
        });
        conditions.chain(keys).collect()
    }
}

/// A condition, ready to be evaluated: simplified as a query's would be, since some functions exist in SQL only.
fn condition_expr(
    context: &SessionContext,
    condition: &str,
    schema: &DFSchema,
) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
    let state = context.state();
    let expr = context.parse_sql_expr(condition, schema)?;
    let simplifier = ExprSimplifier::new(
        SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(state.config_options().clone())
            .build(),
    );
    let expr = simplifier.simplify(simplifier.coerce(expr, schema)?)?;
    state.create_physical_expr(expr, schema)
}

/// A check whose SQL does not fit its table.
pub fn unplannable(check: &Check, e: &datafusion::error::DataFusionError) -> Error {
    let mut error = engine::failed(&format!("the check `{}` cannot be planned", check.name), e);
    error.kind = crate::error::Kind::Config;
    if let Some(finding) = error.findings.first_mut() {
        *finding = Diagnostic::new(finding.message.clone())
            .at(&check.file, Some(check.line))
            .hint("it is a SQL condition over the columns of one row");
    }
    error
}

impl Observer for RowChecks {
    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        for condition in &mut self.conditions {
            let held = condition
                .expr
                .evaluate(batch)
                .and_then(|v| v.into_array(batch.num_rows()))
                .map_err(|e| engine::failed(&format!("the check `{}`", condition.check.name), &e))?;
            let Some(held) = held.as_boolean_opt() else {
                return Err(Error::config(format!("the check `{}` is no condition", condition.check.name))
                    .at(&condition.check.file, Some(condition.check.line)));
            };
            let passed = held.true_count() + held.null_count();
            condition.offenders += (batch.num_rows() - passed) as u64;
        }
        for key in &mut self.keys {
            let arrays: Vec<_> = key.columns.iter().map(|i| batch.column(*i).clone()).collect();
            let mut hashes = vec![0; batch.num_rows()];
            create_hashes(&arrays, &RandomState::with_seed(7), &mut hashes)
                .map_err(|e| engine::failed("checking a key", &e))?;
            // A NULL in a key is found by another check; two NULLs are not the same value.
            if arrays.iter().any(|a| a.null_count() > 0) {
                let full = (0..batch.num_rows()).filter(|i| arrays.iter().all(|a| a.is_valid(*i)));
                key.hashes.extend(full.map(|i| hashes[i]));
            } else {
                key.hashes.extend_from_slice(&hashes);
            }
        }
        Ok(())
    }
}
