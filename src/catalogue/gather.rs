//! Puts the catalogue together: from the project's files, the plans of its models and the manifest of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::checked::Results;
use super::entries::{Catalogue, Column, Kind, MetricEntry, RunOf, Sample, Table, Why};
use crate::config::project::{Materialized, MetricKind, Object, Pipeline, Project};
use crate::contract::{self, BATCH_COLUMN, ColumnType, ROW_COLUMN};
use crate::engine::calendar;
use crate::error::Result;
use crate::identity::tables::SPECS;
use crate::landing::batch::rejected_schema;
use crate::manifest::Manifest;
use crate::models::graph::{CALENDAR, Graph, Model, REJECTED};
use crate::models::lineage::{Flow, Lineage, ROWS, Source};
use crate::models::{metric, parameters, plan};
use crate::runs::lineages;

/// Layers in the order in which data passes through them.
pub const LAYERS: [&str; 7] = ["landing", "staging", "identity", "project", "warehouse", "marts", "quarantine"];

/// Tables, columns, lineage, checks. Samples are put in later, where there is a run.
pub async fn gather(project: &Project, graph: &Graph, manifest: Option<&Manifest>) -> Result<Catalogue> {
    let lineages = lineages::all(project, graph).await?;
    let results = Results::of(manifest);
    let mut tables = Vec::new();
    for pipeline in &project.pipelines {
        tables.extend(pipeline.objects.iter().map(|object| landed(pipeline, object, manifest)));
    }
    tables.extend(SPECS.iter().map(|spec| {
        let columns = spec.columns.iter().map(|(name, kind, pii, description)| column(name, kind, *pii, description));
        let mut table = own(spec.name, spec.description, columns.collect());
        table.key = spec.order();
        table.order = spec.order();
        table
    }));
    tables.push(calendar_table());
    tables.push(rejected_table());
    tables.extend(graph.models.values().map(|model| modelled(project, graph, model, &results)));
    for table in &mut tables {
        if let Some(lineage) = lineages.get(&table.name) {
            take(table, lineage);
        }
        if let Some(record) = manifest.and_then(|m| m.tables.get(&table.name)) {
            table.rows = Some(record.rows);
            table.version = Some(record.version);
        }
    }
    let place = |t: &Table| LAYERS.iter().position(|l| *l == t.layer());
    tables.sort_by(|a, b| (place(a), &a.name).cmp(&(place(b), &b.name)));
    tell_readers(&mut tables, graph, &results);
    let mut catalogue = Catalogue {
        project: project.name.clone(),
        description: project.description.clone(),
        run: manifest.map(|m| RunOf {
            run: m.run,
            as_of: m.as_of,
            finished_at: m.finished_at.clone(),
            checks: m.checks.len(),
        }),
        tables,
        metrics: metrics(project),
    };
    tell_personal(&mut catalogue);
    Ok(catalogue)
}

fn column(name: &str, kind: &str, personal: bool, description: &str) -> Column {
    Column {
        name: name.to_string(),
        kind: kind.to_string(),
        unit: None,
        description: description.to_string(),
        personal,
        of_personal: false,
        field: None,
        flow: Flow::default(),
        checks: Vec::new(),
    }
}

fn own(name: &str, description: &str, columns: Vec<Column>) -> Table {
    Table {
        name: name.to_string(),
        kind: Kind::Own,
        description: description.to_string(),
        grain: None,
        key: Vec::new(),
        order: Vec::new(),
        owner: None,
        tags: Vec::new(),
        file: None,
        sql: None,
        rows: None,
        version: None,
        columns,
        checks: Vec::new(),
        flow: Flow::default(),
        reads: BTreeSet::new(),
        read_by: BTreeSet::new(),
        parameters: BTreeMap::new(),
        sample: Sample::None(Why::NoRun),
    }
}

/// An object of a source: its contract.
fn landed(pipeline: &Pipeline, object: &Object, manifest: Option<&Manifest>) -> Table {
    let contract = &object.contract;
    let mut columns: Vec<Column> = contract
        .columns
        .iter()
        .map(|c| {
            let mut out = column(&c.name, &type_name(&c.kind), c.personal, &of_contract(c));
            out.field = Some(c.source.text.clone());
            out
        })
        .collect();
    columns.push(column(ROW_COLUMN, "bigint", false, "The row's first line in its file."));
    columns.push(column(BATCH_COLUMN, "text", false, "The batch that the row landed in."));
    let mut table = own(&format!("landing.{}", contract.table()), &object.description, columns);
    table.kind = Kind::Object;
    table.grain = Some(match &contract.cursor {
        Some(cursor) => format!("one row per key, in its newest version by {cursor}"),
        None => "one row per key, as it came last".to_string(),
    });
    table.key = contract.key.clone();
    table.owner = Some(pipeline.department.clone());
    table.tags = vec![pipeline.system.clone()];
    table.file = Some(pipeline.file.clone());
    table.rows = manifest.and_then(|m| m.objects.get(&contract.label())).map(|o| o.keys);
    table
}

/// What the contract says of a column, in words.
fn of_contract(column: &contract::Column) -> String {
    let mut out = match (&column.unless, column.required) {
        (Some(unless), true) => format!("Required unless `{unless}` is true."),
        (None, true) => "Required.".to_string(),
        _ => "May be empty.".to_string(),
    };
    if let Some(map) = &column.map {
        let pairs: Vec<String> = map.values.iter().map(|(from, to)| format!("{from} → {to}")).collect();
        let rest = map.otherwise.as_ref().map_or("nothing".to_string(), |o| format!("`{o}`"));
        out.push_str(&format!(" Mapped: {}; all else is {rest}.", pairs.join(", ")));
    }
    out
}

fn type_name(kind: &ColumnType) -> String {
    match kind {
        ColumnType::Text => "text".into(),
        ColumnType::Integer => "bigint".into(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Boolean => "boolean".into(),
        ColumnType::Date { .. } => "date".into(),
        ColumnType::Timestamp { .. } => "timestamp".into(),
        ColumnType::List(item) => format!("list<{}>", type_name(item)),
        ColumnType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, kind)| format!("{name}: {}", type_name(kind))).collect();
            format!("struct<{}>", fields.join(", "))
        }
    }
}

fn calendar_table() -> Table {
    let told = [
        ("date", "The local day."),
        ("iso_weekday", "1 = Monday."),
        ("is_holiday", "A public holiday of the project's region."),
        ("holiday_name", "Its name; empty on other days."),
        ("is_business_day", "Neither weekend nor holiday."),
        ("day_starts_at", "When the day begins (UTC)."),
        ("day_ends_at", "When it ends (UTC)."),
        ("business_seconds_before", "Seconds of business days from the first day of the table up to this one."),
    ];
    let mut table = own(
        CALENDAR,
        "The company's days, from 2000 through the year after as_of: made of the project's time zone and holidays.",
        of_schema(&calendar::schema(), &told, &[]),
    );
    table.grain = Some("one row per local day".to_string());
    table.key = vec!["date".to_string()];
    table
}

fn rejected_table() -> Table {
    let told = [
        ("line", "The row's first line in its file."),
        ("column_name", "The column that is at fault; empty where the whole row is."),
        ("reason", "What is wrong, as a word: bad_decimal, missing_value, too_few_fields …"),
        ("raw", "The row as it came."),
        ("record_key", "The key's columns as text, where they can be read."),
    ];
    let mut columns = of_schema(&rejected_schema(), &told, &["raw", "record_key"]);
    columns.extend([
        column("source_system", "text", false, "The system that handed the row over."),
        column("source_object", "text", false, "The object in that system."),
        column("file", "text", false, "The file's name in the drop folder."),
        column("batch_id", "text", false, "The batch that the file landed as."),
        column("run", "bigint", false, "The run that read it."),
    ]);
    let mut table = own(
        REJECTED,
        "Rows that did not follow their contract, with the reason. They count nowhere until somebody has dealt with them.",
        columns,
    );
    table.grain = Some("one row per row of a file that was refused".to_string());
    table.key = ["source_system", "source_object", "file", "line"].map(String::from).into();
    table
}

fn of_schema(schema: &arrow::datatypes::Schema, told: &[(&str, &str)], personal: &[&str]) -> Vec<Column> {
    let of_one = |field: &Arc<arrow::datatypes::Field>| {
        let name = field.name().as_str();
        let description = told.iter().find(|(n, _)| *n == name).map_or("", |(_, text)| text);
        column(name, &plan::plain(field.data_type()), personal.contains(&name), description)
    };
    schema.fields().iter().map(of_one).collect()
}

fn modelled(project: &Project, graph: &Graph, model: &Model, results: &Results) -> Table {
    let spec = &model.file.spec;
    let columns = spec.columns.iter().map(|c| Column {
        unit: c.unit.clone(),
        checks: results.of_column(&model.file, &c.name),
        ..column(&c.name, &c.data_type.text, c.pii, &c.description)
    });
    let mut table = own(&model.name, &spec.description, columns.collect());
    table.kind = match spec.materialized {
        Materialized::View => Kind::View,
        Materialized::Intermediate => Kind::Intermediate,
        Materialized::Table => Kind::Published,
    };
    table.grain = Some(spec.grain.clone());
    table.key = spec.key.clone();
    table.order = if table.kind == Kind::Published { spec.write_order() } else { Vec::new() };
    table.owner = spec.owner.clone();
    table.tags = spec.tags.clone();
    table.file = Some(model.file.sql_path.clone());
    table.sql = Some(model.file.sql.clone());
    table.checks = results.of_table(&model.file);
    table.checks.extend(results.queries(graph, &model.name));
    let values = parameters::Parameters::new(project, chrono::DateTime::UNIX_EPOCH);
    table.parameters = model
        .parameters
        .iter()
        .map(|name| {
            let value = if name == parameters::AS_OF { None } else { values.text(name) };
            (name.clone(), value.unwrap_or_default())
        })
        .collect();
    table
}

/// Takes the flows over into the columns of their names.
fn take(table: &mut Table, lineage: &Lineage) {
    for column in &mut table.columns {
        if let Some((_, flow)) = lineage.columns.iter().find(|(name, _)| *name == column.name) {
            column.flow = flow.clone();
        }
    }
    table.flow = lineage.rows.clone();
    let flows = table.columns.iter().map(|c| &c.flow).chain([&table.flow]);
    let sources = flows.flat_map(|f| f.values.iter().chain(f.influences.iter().map(|(s, _)| s)));
    table.reads = sources.map(|s| s.table.to_string()).collect();
}

fn tell_readers(tables: &mut [Table], graph: &Graph, results: &Results) {
    let mut readers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in tables.iter_mut() {
        if let Some(model) = graph.models.get(&table.name) {
            // Also what gives a table no column and no condition: a cross join.
            table.reads.extend(model.reads.iter().filter(|r| r.contains('.')).cloned());
        }
        for read in &table.reads {
            readers.entry(read.clone()).or_default().insert(table.name.clone());
        }
    }
    for table in tables {
        table.read_by = readers.remove(&table.name).unwrap_or_default();
        if table.kind == Kind::Own {
            table.checks.extend(results.queries(graph, &table.name));
        }
    }
}

/// Which columns are made of personal ones, over however many tables.
fn tell_personal(catalogue: &mut Catalogue) {
    fn leads(catalogue: &Catalogue, source: &Source, known: &mut BTreeMap<Source, bool>) -> bool {
        if let Some(told) = known.get(source) {
            return *told;
        }
        // What is being looked at does not lead to itself.
        known.insert(source.clone(), false);
        let personal =
            |s: &Source| catalogue.table(&s.table).and_then(|t| t.column(&s.column)).is_some_and(|c| c.personal);
        let values: Vec<Source> = catalogue.flow(source).into_iter().flat_map(|f| f.values.iter().cloned()).collect();
        let told = values.iter().filter(|s| &*s.column != ROWS).any(|s| personal(s) || leads(catalogue, s, known));
        known.insert(source.clone(), told);
        told
    }
    let mut known = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (at, table) in catalogue.tables.iter().enumerate() {
        for (place, column) in table.columns.iter().enumerate().filter(|(_, c)| !c.personal) {
            if leads(catalogue, &Source::new(&table.name, &column.name), &mut known) {
                found.insert((at, place));
            }
        }
    }
    for (at, place) in found {
        catalogue.tables[at].columns[place].of_personal = true;
    }
}

fn metrics(project: &Project) -> Vec<MetricEntry> {
    let mut out: Vec<MetricEntry> = metric::all(project)
        .map(|(table, m)| {
            let (formula, condition, time) = match &m.kind {
                MetricKind::Aggregate { how, expression, condition, time } => {
                    (metric::aggregate(*how, expression.as_deref()), condition.clone(), Some(time.clone()))
                }
                MetricKind::Ratio { numerator, denominator } => (format!("{numerator} / {denominator}"), None, None),
            };
            MetricEntry {
                name: m.name.clone(),
                label: m.label.clone(),
                description: m.description.clone(),
                unit: m.unit.clone(),
                sql: metric::select(project, &table, m).unwrap_or_default(),
                table,
                formula,
                condition,
                time,
            }
        })
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}
