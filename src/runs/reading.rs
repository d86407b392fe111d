//! Reading what runs have published: whole runs only.

use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::sql::resolve::resolve_table_references;

use super::{plan, tables};
use crate::catalog;
use crate::config::project::Materialized;
use crate::config::{Project, suggest};
use crate::engine::{self, Limits};
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::landing::{newest, order};
use crate::manifest::{self, Manifest};
use crate::models::graph::Graph;
use crate::models::plan as planning;
use crate::store::Store;

/// The manifest of one run, or of the last.
pub async fn manifest_of(project: &Project, run: Option<u64>) -> Result<(Store, Manifest)> {
    let none =
        || Error::config(format!("there is no run yet in `{}`", project.warehouse)).hint("`uramaki run` makes one");
    let store = Store::open_if_there(&project.warehouse, 0)?.ok_or_else(none)?;
    let stored = match run {
        Some(run) => Some(manifest::read(&store, run).await?),
        None => manifest::last(&store).await?,
    };
    Ok((store, stored.ok_or_else(none)?.manifest))
}

/// A session that knows the tables of a run. Landing and staging are set up only where they are asked for: finding
/// the newest versions reads every key.
pub async fn session(project: &Project, run: Option<u64>, with_landing: bool) -> Result<(SessionContext, Manifest)> {
    let (store, manifest) = manifest_of(project, run).await?;
    let context = engine::session(&Limits { partitions: project.partitions, ..Limits::default() }, None)?;
    catalog::prepare(&context, &[&store])?;
    for (name, table) in &manifest.tables {
        tables::register_recorded(&context, &store, name, table)?;
    }
    tables::register_calendar(&context, project, manifest.as_of)?;
    tables::register_rejected(&context, &store, Some(&manifest))?;
    if with_landing {
        register_landing(&context, project, &store, &manifest).await?;
    }
    Ok((context, manifest))
}

async fn register_landing(
    context: &SessionContext,
    project: &Project,
    store: &Store,
    manifest: &Manifest,
) -> Result<()> {
    let objects: Vec<_> = project.objects().collect();
    let sequences = order::sequences(&objects, &manifest.files, &manifest.batches, manifest.as_of);
    for object in objects {
        let Some((sequence, _)) = sequences.get(&object.contract.label()) else { continue };
        let newest = newest::resolve(store, &object.contract, sequence, false, newest::BUDGET).await?;
        tables::register_landed(context, store, object, sequence, &newest)?;
    }
    let graph = Graph::build(project, plan::end_of_day(project, manifest.as_of)?)?;
    for name in &graph.order {
        let Some(model) = graph.models.get(name) else { continue };
        if model.file.layer != "staging" || model.file.spec.materialized != Materialized::View {
            continue;
        }
        let logical = planning::of_model(context, model).await.map_err(|finding| Error::new(Kind::Config, finding))?;
        tables::register_view(context, name, logical, &model.file.sql)?;
    }
    Ok(())
}

/// Answers SELECTs about one committed run. Its tables are set up when the first question comes, landing and staging when one asks for them.
pub struct Reader<'a> {
    project: &'a Project,
    run: Option<u64>,
    session: Option<Session>,
}

struct Session {
    context: SessionContext,
    manifest: Manifest,
    has_landing: bool,
}

impl<'a> Reader<'a> {
    /// `run`: None is the last one when the first question comes. It stays that one, whatever is committed later.
    pub fn new(project: &'a Project, run: Option<u64>) -> Reader<'a> {
        Reader { project, run, session: None }
    }

    /// The run that is read.
    pub async fn manifest(&mut self) -> Result<&Manifest> {
        Ok(&self.session(false).await?.manifest)
    }

    async fn session(&mut self, with_landing: bool) -> Result<&Session> {
        let held = self.session.take().filter(|s| s.has_landing || !with_landing);
        let session = match held {
            Some(session) => session,
            None => {
                let (context, manifest) = session(self.project, self.run, with_landing).await?;
                self.run = Some(manifest.run);
                Session { context, manifest, has_landing: with_landing }
            }
        };
        Ok(self.session.insert(session))
    }

    /// Plans every statement of a text (`;` between them) before any of them is run. Errors: one that is no SQL, that names what is not there,
    /// or that would write.
    pub async fn plan(&mut self, sql: &str) -> Result<Vec<DataFrame>> {
        let dialect = datafusion::sql::sqlparser::dialect::GenericDialect {};
        let statements = datafusion::sql::parser::DFParserBuilder::new(sql)
            .with_dialect(&dialect)
            .build()
            .and_then(|mut p| p.parse_statements())
            .map_err(|e| wrong(&e))?;
        if statements.is_empty() {
            return Err(Error::config("there is no statement").hint("say a SELECT"));
        }
        let mut frames = Vec::new();
        for statement in statements {
            let reads = resolve_table_references(&statement, true).map(|r| r.0).unwrap_or_default();
            let with_landing = reads.iter().any(|t| matches!(t.schema(), Some("landing" | "staging")));
            let Session { context, manifest, .. } = self.session(with_landing).await?;
            let logical = context.state().statement_to_plan(statement).await.map_err(|e| {
                let error = wrong(&e);
                let near = reads.iter().find_map(|t| near(manifest, t.schema(), t.table()));
                near.map_or(error.clone(), |name| error.hint(format!("did you mean `{name}`?")))
            })?;
            SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false)
                .verify_plan(&logical)
                .map_err(|_| {
                    Error::config("`query` only reads").hint("say a SELECT; tables are written by `uramaki run`")
                })?;
            frames.push(DataFrame::new(context.state(), logical));
        }
        Ok(frames)
    }
}

/// The table that was meant by one that is not there: a layer left out, a letter too few.
fn near<'m>(manifest: &'m Manifest, layer: Option<&str>, table: &str) -> Option<&'m str> {
    let typed = layer.map_or(table.to_string(), |layer| format!("{layer}.{table}"));
    let names = || manifest.tables.keys().map(String::as_str);
    if names().any(|name| name == typed) || matches!(layer, Some("landing" | "staging" | "information_schema")) {
        return None;
    }
    let last = |name: &&str| name.split('.').next_back() == Some(table);
    names().find(last).or_else(|| suggest::nearest(&typed, names()))
}

fn wrong(e: &DataFusionError) -> Error {
    // The person's own words and the tables' names: nothing of rows stands in a planning error.
    if let DataFusionError::SQL(fault, _) = e.find_root() {
        return Error::config(format!(
            "this is no SQL: {}",
            fault.to_string().trim_start_matches("sql parser error: ")
        ))
        .hint("statements are SELECTs, with `;` between them");
    }
    let text = e.find_root().to_string();
    let hint = match e.diagnostic() {
        Some(d) if !d.helps.is_empty() => d.helps.iter().map(|h| h.message.clone()).collect::<Vec<_>>().join("; "),
        _ => {
            "tables are named layer.name; `uramaki query \"select * from information_schema.tables\"` lists them".into()
        }
    };
    Error::new(Kind::Config, Diagnostic::new(format!("the query cannot be planned: {text}")).hint(hint))
}

/// Runs one SELECT.
pub async fn query(project: &Project, sql: &str, run: Option<u64>) -> Result<SendableRecordBatchStream> {
    let mut frames = Reader::new(project, run).plan(sql).await?;
    let (Some(frame), true) = (frames.pop(), frames.is_empty()) else {
        return Err(Error::config("the query is not one SELECT statement"));
    };
    stream(frame).await
}

/// A planned statement's rows, as they come.
pub async fn stream(frame: DataFrame) -> Result<SendableRecordBatchStream> {
    frame.execute_stream().await.map_err(|e| engine::failed("the query failed", &e))
}

/// All rows of a SELECT.
pub async fn rows(project: &Project, sql: &str, run: Option<u64>) -> Result<Vec<RecordBatch>> {
    let stream = query(project, sql, run).await?;
    datafusion::physical_plan::common::collect(stream).await.map_err(|e| engine::failed("the query failed", &e))
}
