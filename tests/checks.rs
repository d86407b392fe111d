//! Every column of every mart says what it means, and has a check that was seen to fail: each column is broken in several ways
//! in a copy of the sample's published table, and the project's own checks have to notice.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use uramaki::catalog;
use uramaki::checks::observe::RowChecks;
use uramaki::checks::{self, Check, Rule, queries};
use uramaki::config::project::Materialized;
use uramaki::config::{self, Overrides};
use uramaki::models::graph::{Graph, Model, SqlCheck};
use uramaki::models::plan;
use uramaki::models::writer::Observer;
use uramaki::runs;

/// Ways to break a column: a name, and SQL for its new values.
fn breaks(column: &str, kind: &DataType, order: &str) -> Vec<(&'static str, String)> {
    let c = checks::quoted(column);
    let mut ways = vec![
        ("values of other rows", format!("coalesce(lag({c}, 1) over (order by {order}), last_value({c}) over ())")),
        ("one value for all", format!("max({c}) over ()")),
    ];
    match kind {
        DataType::Int64 | DataType::Decimal128(..) | DataType::Float64 => ways.extend([
            ("negative", format!("-abs({c}) - 1")),
            ("one more", format!("{c} + 1")),
            ("double", format!("{c} * 2")),
            ("one row doubled", format!("case when {c} = max({c}) over () then {c} * 2 + 1 else {c} end")),
        ]),
        DataType::Boolean => ways.push(("the contrary", format!("not {c}"))),
        DataType::Date32 | DataType::Timestamp(..) => {
            ways.extend([
                ("years later", format!("{c} + interval '4000 days'")),
                ("years before", format!("{c} - interval '20000 days'")),
            ]);
        }
        _ => ways.extend([("empty text", "''".to_string()), ("another word", format!("coalesce({c}, '') || ' ?'"))]),
    }
    ways
}

/// The last run of the sample in mode probabilistic, with labels so that low and high are there, as its checks see it.
struct Sample {
    _folder: tempfile::TempDir,
    context: SessionContext,
    graph: Graph,
}

async fn sample() -> Sample {
    let testdata = common::repository().join("testdata");
    let folder = common::probabilistic(&testdata.join("drop"));
    common::labelled(folder.path(), &testdata.join("people.csv"));
    common::uramaki(folder.path(), &["run", "--quiet"]).expect(0);
    let project = config::load(folder.path(), &Overrides::default()).expect("the project");
    let (context, manifest) = runs::reading::session(&project, None, true).await.expect("a session");
    let as_of = runs::plan::end_of_day(&project, manifest.as_of).expect("a day");
    let graph = Graph::build(&project, as_of).expect("the models");
    Sample { _folder: folder, context, graph }
}

/// One mart: its rows as published, its checks, and how many rows offend as it is.
struct Mart<'a> {
    sample: &'a Sample,
    model: &'a Model,
    rows: Vec<RecordBatch>,
    checks: Vec<Check>,
    sql_checks: Vec<&'a SqlCheck>,
    at_rest: BTreeMap<String, u64>,
}

impl<'a> Mart<'a> {
    async fn open(sample: &'a Sample, model: &'a Model) -> Mart<'a> {
        let rows = collect(&sample.context, &format!("select * from {}", model.name)).await;
        assert!(rows.iter().any(|b| b.num_rows() > 2), "{} is too small to be broken", model.name);
        let checks = checks::of_model(&model.file);
        let sql_checks = sample.graph.checks.iter().filter(|c| c.reads.contains(&model.name)).collect();
        let mut mart = Mart { sample, model, rows, checks, sql_checks, at_rest: BTreeMap::new() };
        let (rows, queries) = (mart.by_rows(&mart.rows, None), mart.by_queries().await);
        mart.at_rest = rows.into_iter().chain(queries).collect();
        mart
    }

    /// Offenders of the checks that look at single rows and at keys: of all, or of those that name a column.
    fn by_rows(&self, rows: &[RecordBatch], column: Option<&str>) -> BTreeMap<String, u64> {
        let schema = plan::declared_schema(&self.model.file.spec);
        let names = |check: &&Check| match (&check.rule, column) {
            (Rule::Row(condition), Some(column)) => condition.contains(column),
            (Rule::Unique(columns), Some(column)) => columns.iter().any(|c| c == column),
            _ => true,
        };
        let checks: Vec<Check> = self.checks.iter().filter(names).cloned().collect();
        let mut observer = RowChecks::compile(&self.sample.context, &schema, &checks).expect("checks that compile");
        for batch in rows {
            observer.rows(batch).expect("checks that run");
        }
        observer.finish().into_iter().map(|seen| (seen.check.name, seen.offenders)).collect()
    }

    /// Offenders of relationships and SQL checks, which read the table by its name.
    async fn by_queries(&self) -> BTreeMap<String, u64> {
        let context = &self.sample.context;
        let mut offenders = BTreeMap::new();
        for check in self.checks.iter().filter(|c| matches!(c.rule, Rule::Relationship { .. })) {
            let sql = queries::offenders_sql(check, &self.model.name);
            offenders.insert(check.name.clone(), queries::count(context, &sql, &check.name).await.expect("a count"));
        }
        for check in &self.sql_checks {
            let plan = plan::logical(context, &check.statement, &check.file.sql_path).await.expect("a plan");
            let count = queries::count_plan(context, plan, &check.file.name).await.expect("a count");
            offenders.insert(format!("check {}", check.file.name), count);
        }
        offenders
    }

    /// The first break of a column that a check notices.
    async fn first_noticed(&self, column: &str, ways: &[(&'static str, String)]) -> Option<(&'static str, String)> {
        let more = |found: BTreeMap<String, u64>| found.into_iter().find(|(name, n)| n > &self.at_rest[name]);
        // Looking at rows costs little: queries are asked only where that finds nothing.
        if let Some(found) = self.first_noticed_by_rows(column, ways).await {
            return Some(found);
        }
        for (way, values) in ways {
            let rows = self.broken(column, values).await;
            self.register(rows);
            let found = more(self.by_queries().await);
            self.register(self.rows.clone());
            if let Some((check, _)) = found {
                return Some((way, check));
            }
        }
        None
    }

    async fn first_noticed_by_rows(
        &self,
        column: &str,
        ways: &[(&'static str, String)],
    ) -> Option<(&'static str, String)> {
        for (way, values) in ways {
            let found = self.by_rows(&self.broken(column, values).await, Some(column));
            if let Some((check, _)) = found.into_iter().find(|(name, n)| n > &self.at_rest[name]) {
                return Some((way, check));
            }
        }
        None
    }

    fn register(&self, rows: Vec<RecordBatch>) {
        let schema = rows.first().expect("a batch").schema();
        let table = MemTable::try_new(schema, vec![rows]).expect("a table");
        catalog::register(&self.sample.context, &self.model.name, Arc::new(table)).expect("its place");
    }

    /// The published rows with one column's values replaced.
    async fn broken(&self, column: &str, values: &str) -> Vec<RecordBatch> {
        let schema = plan::declared_schema(&self.model.file.spec);
        let list: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| {
                let name = checks::quoted(f.name());
                if f.name() == column { format!("arrow_cast({values}, '{}') as {name}", f.data_type()) } else { name }
            })
            .collect();
        let batches =
            collect(&self.sample.context, &format!("select {} from {}", list.join(", "), self.model.name)).await;
        batches
            .into_iter()
            .map(|b| RecordBatch::try_new(schema.clone(), b.columns().to_vec()).expect("its columns"))
            .collect()
    }
}

async fn collect(context: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    let frame = context.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    frame.collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn marts(sample: &Sample) -> Vec<&Model> {
    let is_mart = |m: &&Model| m.file.layer == "marts" && m.file.spec.materialized == Materialized::Table;
    sample.graph.models.values().filter(is_mart).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_every_mart_has_a_check_that_notices() {
    let sample = sample().await;
    let marts = marts(&sample);
    assert!(marts.len() >= 15, "only {} marts", marts.len());
    let (mut blind, mut columns) = (Vec::new(), 0);
    for model in marts {
        let mart = Mart::open(&sample, model).await;
        let order: Vec<String> = model.file.spec.key.iter().map(|k| checks::quoted(k)).collect();
        let schema = plan::declared_schema(&model.file.spec);
        for field in schema.fields() {
            columns += 1;
            let place = format!("{}.{}", model.name, field.name());
            // As they are, they pass: what is noticed below is the break.
            let same = [("as it is", checks::quoted(field.name()))];
            assert_eq!(mart.first_noticed_by_rows(field.name(), &same).await, None, "{place}");
            // A wrong value, not only a missing one, has to be noticed.
            let ways = breaks(field.name(), field.data_type(), &order.join(", "));
            match mart.first_noticed(field.name(), &ways).await {
                Some((way, check)) => println!("{place}: {way}: {check}"),
                None => blind.push(place),
            }
        }
    }
    assert!(columns > 160, "only {columns} columns");
    assert!(blind.is_empty(), "no check notices a wrong value in {blind:#?}");
}

#[tokio::test]
async fn every_column_and_check_says_what_it_means() {
    let overrides = Overrides::default();
    let project = config::load(common::repository(), &overrides).expect("the project");
    for model in &project.models {
        let name = model.full_name();
        assert!(model.spec.description.len() > 10, "{name} has no description");
        assert!(model.spec.grain.len() > 5, "{name} does not say what a row is");
        for column in &model.spec.columns {
            let place = format!("{name}.{}", column.name);
            assert!(column.description.trim().len() > 3, "{place} has no description");
            if model.layer != "staging" && column.name.ends_with("_eur") {
                assert_eq!(column.unit.as_deref(), Some("EUR"), "{place} has no unit");
            }
            let is_personal =
                ["email", "phone", "display_name", "first_name", "last_name"].contains(&column.name.as_str());
            assert!(!is_personal || column.pii, "{place} is personal data, and is not marked `pii`");
            let is_float = matches!(column.data_type.data_type, DataType::Float64 | DataType::Float32);
            assert!(!(is_float && column.name.ends_with("_eur")), "{place} is money as a float");
        }
        if model.layer == "marts" && model.spec.materialized == Materialized::Table {
            let whole: Vec<&str> = checks::of_model(model)
                .iter()
                .filter_map(|c| match &c.rule {
                    Rule::Unique(_) => Some("unique"),
                    _ => None,
                })
                .collect();
            assert!(!whole.is_empty(), "{name} has no key");
        }
    }
    for check in &project.checks {
        assert!(check.description.len() > 10, "{} has no description", check.name);
    }
}
