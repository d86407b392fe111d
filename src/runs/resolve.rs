//! Identity as a node of the build: from staging to the identity tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::catalog::MemTable;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::build::{Site, Special};
use super::fingerprint;
use crate::catalog;
use crate::config::project::{IdentityMode, Object, Project};
use crate::config::{MODEL_FILE, OVERRIDES_FILE};
use crate::engine;
use crate::error::{Error, Result};
use crate::identity::draws::{self, Draws};
use crate::identity::events::{self, Event, Held};
use crate::identity::linkage::Settings;
use crate::identity::linkage::comparisons::Comparisons;
use crate::identity::linkage::model::{Model, SHIPPED};
use crate::identity::memory::{self, Past};
use crate::identity::probable::{self, Stated, TRAIN};
use crate::identity::tables::Rows;
use crate::identity::{Record, Resolution, collect, exact, history, tables as identity_tables};
use crate::landing::newest::Newest;
use crate::manifest::{ColumnRecord, Manifest, StageRecord, TableRecord};
use crate::models::writer::{self, Unobserved};

/// The staging table of an object, where there is one, else its landed rows.
fn source(site: &Site, object: &Object) -> String {
    let staging = format!("staging.stg_{}", object.contract.table());
    if site.graph.models.contains_key(&staging) { staging } else { format!("landing.{}", object.contract.table()) }
}

/// Says whose a record is.
pub type Assign = Box<dyn Fn(&Record) -> Arc<str> + Send + Sync>;

/// Where the customers come from.
pub enum Customers {
    /// Worked out from the records: what a run does.
    Resolved,
    /// The tables of identity as a run published them.
    Recorded(BTreeMap<String, TableRecord>),
    /// The records as they are now, each with the customer that it is said to be of. The other tables of identity are those of a run.
    Assigned { tables: BTreeMap<String, TableRecord>, assign: Assign },
}

impl Customers {
    /// Tables of identity that are not made.
    pub fn recorded(&self) -> impl Iterator<Item = (&String, &TableRecord)> {
        let tables = match self {
            Customers::Resolved => None,
            Customers::Recorded(tables) | Customers::Assigned { tables, .. } => Some(tables),
        };
        tables.into_iter().flatten()
    }
}

/// What identity reads, and the task that makes its tables.
pub fn task(
    project: &Project,
    site: &Arc<Site>,
    newest: Arc<BTreeMap<String, Newest>>,
    customers: Customers,
) -> Result<(BTreeSet<String>, Special)> {
    let persons: Vec<Object> = project.objects().filter(|o| o.person.is_some()).cloned().collect();
    let reads = persons.iter().map(|o| source(site, o)).collect();
    let (site, max_holders, country) = (site.clone(), project.identity.max_holders, project.default_country.clone());
    let (way, decisions, stated) = (way(project)?, project.decisions.clone(), Stated::of(project));
    let (labels, wanted) = (project.labels.clone(), project.identity.draws);
    let special: Special = Box::pin(async move {
        let began = Instant::now();
        let mut records = Vec::new();
        for object in &persons {
            let (Some(person), Some(newest)) = (&object.person, newest.get(&object.contract.label())) else { continue };
            let table = source(&site, object);
            records
                .extend(collect::records(&site.context, object, person, &table, &newest.first_seen, &country).await?);
        }
        let count = records.len() as u64;
        if let Customers::Assigned { assign, .. } = customers {
            return publish_assigned(&site, records, assign.as_ref()).await;
        }
        let past = match &way {
            Some(_) if !site.full_refresh => past(&site).await?,
            _ => Past::default(),
        };
        let (resolution, draws) = tokio::task::spawn_blocking(move || match way {
            None => Ok::<_, Error>((exact::resolve(records, max_holders, &decisions), Draws::default())),
            Some((model, settings)) => {
                let engine = fingerprint::digest(fingerprint::versions().iter().flat_map(|(k, v)| [k.as_str(), v]));
                let way = (model, settings, stated);
                let resolution = probable::resolve(records, max_holders, &decisions, &way, &past, &engine)?;
                let draws = draws::draw(&resolution, &labels, wanted);
                Ok((resolution, draws))
            }
        })
        .await
        .map_err(|e| Error::failed(format!("identity stopped: {e}")))??;
        let idle = resolution.unknown.iter().map(|line| format!("{OVERRIDES_FILE}:{line}{IDLE}"));
        site.with_yield(|y| y.warnings.extend(idle));
        publish(&site, &resolution, &draws).await?;
        let seconds = began.elapsed().as_secs_f64();
        site.with_yield(|y| y.stages.push(StageRecord { name: "identity".into(), seconds, rows: Some(count) }));
        Ok(())
    });
    Ok((reads, special))
}

/// Behind the place of a decision. The records themselves are not named: whose they are is personal.
const IDLE: &str = " names a record that is not there; it decides nothing";

/// What a run warned of when it made the identity tables; it holds as long as they stand.
pub fn warnings(manifest: Option<&Manifest>) -> impl Iterator<Item = String> + '_ {
    manifest.into_iter().flat_map(|m| &m.warnings).filter(|w| w.ends_with(IDLE)).cloned()
}

/// The model that the project resolves by: its own file, else the one that ships. None: exact rules only.
pub fn way(project: &Project) -> Result<Option<(Model, Settings)>> {
    match project.identity.mode {
        // What identity.yaml says is checked in any mode.
        IdentityMode::Exact => settings(project).map(|_| None),
        IdentityMode::Probabilistic => model(project).map(Some),
    }
}

/// The project's model, else the one that ships, with what the project says of matching.
pub fn model(project: &Project) -> Result<(Model, Settings)> {
    let file = project.files.iter().find(|f| f.path == MODEL_FILE);
    let text = file.map_or(Ok(SHIPPED), |f| std::str::from_utf8(&f.bytes));
    let mut model = text
        .map_err(|e| e.to_string())
        .and_then(Model::read)
        .map_err(|e| Error::config(format!("the model cannot be read: {e}")).at(MODEL_FILE, None).hint(TRAIN))?;
    model.link_at = project.linkage.link_at.unwrap_or(LINK_AT);
    model.review_at = project.linkage.review_at.unwrap_or(model.review_at);
    let settings = settings(project)?;
    if model.is_general {
        model.entity = settings.entity;
    }
    Ok((model, settings))
}

/// Two people glued together is a breach of privacy, one person in two is a nuisance: a project links from here, where it does not say otherwise.
const LINK_AT: f64 = 0.95;

/// How the project's records are matched.
pub fn settings(project: &Project) -> Result<Settings> {
    let stated = Stated::of(project);
    let mut settings = Settings::new(stated.entity(), &project.linkage);
    settings.default_country.clone_from(&project.default_country);
    settings.apart_by_birthday = project.linkage.apart_by_birthday.unwrap_or(true);
    settings.max_holders = u32::try_from(project.identity.max_holders).unwrap_or(u32::MAX);
    settings.comparisons = Comparisons::new(&project.linkage, settings.entity, &probable::fields(&stated, &settings))?;
    Ok(settings)
}

/// The records, and whose they are said to be.
async fn publish_assigned(
    site: &Site,
    records: Vec<Record>,
    assign: &(dyn Fn(&Record) -> Arc<str> + Send + Sync),
) -> Result<()> {
    let resolution = Resolution::assigned(records, assign);
    let mut all = identity_tables::rows(&resolution, &Draws::default())?;
    all.retain(|(spec, _)| ASSIGNED.contains(&spec.name));
    write(site, all).await
}

/// What a record's customer stands in.
const ASSIGNED: [&str; 2] = ["identity.record", "identity.customer_xref"];

async fn publish(site: &Site, resolution: &Resolution, draws: &Draws) -> Result<()> {
    let mut all = identity_tables::rows(resolution, draws)?;
    all.extend(identity_tables::draw_rows(resolution, draws)?);
    let events = events(site, resolution).await?;
    all.push(identity_tables::event_rows(&events)?);
    let today = resolution.customers.iter().map(|c| &**c).collect();
    all.push(identity_tables::history_rows(&history::of(&events, &today))?);
    write(site, all).await
}

async fn write(site: &Site, all: Vec<Rows>) -> Result<()> {
    for (spec, batches) in all {
        let schema = spec.schema();
        let personal: Vec<String> = spec.columns.iter().filter(|c| c.2).map(|c| c.0.to_string()).collect();
        let rows = futures::stream::iter(batches.clone().into_iter().map(Ok));
        let stream = RecordBatchStreamAdapter::new(schema.clone(), rows);
        let file = site.scratch_file(spec.name);
        let doing = format!("writing {}", spec.name);
        let written =
            writer::write(Box::pin(stream), schema.clone(), &personal, &file, &doing, &mut Unobserved).await?;
        let columns = spec
            .columns
            .iter()
            .map(|(name, kind, pii, description)| ColumnRecord {
                name: (*name).to_string(),
                kind: (*kind).to_string(),
                description: (*description).to_string(),
                pii: *pii,
                unit: None,
            })
            .collect();
        site.publish(spec.name, columns, spec.description, &spec.order(), written)?;
        if site.graph.readers(spec.name).next().is_none() {
            site.register_scratch(spec.name, &schema, &spec.order())?;
            continue;
        }
        // In memory for the models that come next.
        let mut collector = site.keeper.collector(spec.name, schema.clone());
        for batch in &batches {
            collector.push(batch)?;
        }
        let kept = site.keeper.table(spec.name, schema.clone(), vec![collector], &spec.order())?;
        match kept {
            Some(table) => catalog::register(&site.context, spec.name, table as Arc<MemTable>)?,
            None => site.register_scratch(spec.name, &schema, &spec.order())?,
        }
    }
    Ok(())
}

/// The events so far and those of this run.
async fn events(site: &Site, resolution: &Resolution) -> Result<Vec<Event>> {
    let (mut all, xref) = previous_tables(site).await?;
    let mut before: Vec<Held<'_>> = Vec::new();
    for batch in &xref {
        let columns = [0, 1, 2, 3].map(|i| batch.column(i).as_string::<i32>());
        before.extend((0..batch.num_rows()).map(|row| {
            let [system, object, id, customer] = columns.map(|column| column.value(row));
            ((system, object, id), customer)
        }));
    }
    before.sort_unstable();
    let now: Vec<Held<'_>> = resolution
        .records
        .iter()
        .zip(&resolution.customers)
        .map(|(r, customer)| ((&*r.system, &*r.object, &*r.id), &**customer))
        .collect();
    all.extend(events::compare(&before, &now, site.run as i64));
    all.sort();
    Ok(all)
}

/// What the run before compared.
async fn past(site: &Site) -> Result<Past> {
    let [digests, pairs, wide] =
        rows_before(site, [memory::DIGEST.name, memory::SCORED.name, memory::WIDE.name]).await?;
    Ok(Past { digests, pairs, wide })
}

/// The rows of tables as the run before published them; none where it did not publish them all.
async fn rows_before<const N: usize>(site: &Site, tables: [&str; N]) -> Result<[Vec<RecordBatch>; N]> {
    let mut out = [const { Vec::new() }; N];
    let Some(previous) = &site.previous else { return Ok(out) };
    if tables.iter().any(|table| !previous.tables.contains_key(*table)) {
        return Ok(out);
    }
    for (rows, table) in out.iter_mut().zip(tables) {
        let Some(record) = previous.tables.get(table) else { continue };
        let schema = super::tables::recorded_schema(record)?;
        let provider = super::tables::published(&site.warehouse, &schema, &record.files, &record.order)?;
        let doing = format!("reading {table} of run {}", previous.run);
        let frame = site.context.read_table(provider).map_err(|e| engine::failed(&doing, &e))?;
        *rows = frame.collect().await.map_err(|e| engine::failed(&doing, &e))?;
    }
    Ok(out)
}

/// The events so far, and the customers of the run before.
async fn previous_tables(site: &Site) -> Result<(Vec<Event>, Vec<RecordBatch>)> {
    let [event_rows, xref] = rows_before(site, ["identity.customer_event", "identity.customer_xref"]).await?;
    let text = |batch: &RecordBatch, column: usize, row: usize| -> Option<String> {
        let texts = batch.column(column).as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| texts.value(row).to_string())
    };
    let mut events = Vec::new();
    for batch in &event_rows {
        let runs = batch.column(0).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            events.push(Event {
                run: runs.value(row),
                customer_id: text(batch, 1, row).unwrap_or_default(),
                event: text(batch, 2, row).unwrap_or_default(),
                other_customer_id: text(batch, 3, row),
                reason: text(batch, 4, row).unwrap_or_default(),
            });
        }
    }
    Ok((events, xref))
}
