//! `uramaki identity`: resolve and evaluate any files; train, explain and review a project's records.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use serde_json::json;

use super::identity_project as project;
use crate::cli::{Global, IdentityArgs, IdentityVerb};
use crate::config::linkage::{Entity, FieldType, LinkageYaml, Mode};
use crate::config::{self};
use crate::error::{Error, Result};
use crate::identity::files;
use crate::identity::linkage::block::RuleReport;
use crate::identity::linkage::columns::Table;
use crate::identity::linkage::comparisons::{self, Comparisons};
use crate::identity::linkage::evaluate::{self, BANDS, Band, EDGES, Quality, band};
use crate::identity::linkage::{self, Given, Settings};
use crate::models::writer::{self, Unobserved};
use crate::output::counted;

pub fn identity(args: &IdentityArgs, global: &Global) -> Result<()> {
    match &args.verb {
        IdentityVerb::Resolve { files, config, output, threads } => {
            let threads = threads.unwrap_or_else(super::cores);
            super::with_pool(threads)?;
            super::with_runtime(threads, resolve(files, config.as_deref(), output))
        }
        IdentityVerb::Evaluate { links, labels } => evaluate(links, labels),
        IdentityVerb::Train { output } => {
            super::with_runtime(super::cores(), project::train(&super::project(global)?, output.as_deref()))
        }
        IdentityVerb::Explain { names, html } => {
            super::with_runtime(super::cores(), project::explain(&super::project(global)?, names, html.as_deref()))
        }
        IdentityVerb::Review { sample, limit, format } => {
            super::with_runtime(super::cores(), project::review(&super::project(global)?, *sample, *limit, *format))
        }
    }
}

async fn resolve(paths: &[PathBuf], config: Option<&Path>, output: &Path) -> Result<()> {
    let typed = config.map(config::linkage_file).transpose()?.unwrap_or_default();
    let files::Input { mut table, choices } = files::read(paths, &typed)?;
    if config.is_none() {
        for (column, choice) in &choices {
            tracing::info!("{column}: {choice}");
        }
    }
    linkage::in_order(&mut table);
    files::refuse_doubles(&table)?;
    let mut settings = Settings::new(entity(&table), &typed);
    settings.may_drop_rules = typed.blocking.is_none();
    let fields = comparisons::fields(&table.columns, &settings);
    settings.comparisons = Comparisons::new(&typed, settings.entity, &fields)?;
    let sources = sources(&table, &typed)?;
    let (mut data, shared) = linkage::prepare(&table, &settings);
    for value in &shared {
        tracing::debug!("one {:?} of {} names tells nothing", value.kind, value.names);
    }
    let blocks = linkage::blocks(&data, &settings, None);
    let model = linkage::train(&mut data, &blocks, &settings, &sources);
    let given = Given { sources, ..Given::default() };
    let linked = linkage::link(&data, blocks, &model, &settings, &given);
    std::fs::create_dir_all(output).map_err(|e| Error::failed(format!("{} cannot be made: {e}", output.display())))?;
    let mut links = linked.links.clone();
    links.sort_by_key(|p| (p.left, p.right, p.by));
    links.dedup_by_key(|p| (p.left, p.right));
    let (of_links, (of_review, of_clusters)) = rayon::join(
        || files::links(&table, &links),
        || rayon::join(|| files::links(&table, &linked.doubtful), || files::clusters(&table, &linked.cluster)),
    );
    // Beside one another: encoding a column of a million ids takes its time.
    let files = [("links.parquet", of_links?), ("review.parquet", of_review?), ("clusters.parquet", of_clusters?)];
    let writing = files.map(|(name, batch)| tokio::spawn(write(output.to_path_buf(), name, batch)));
    for written in futures::future::join_all(writing).await {
        written.map_err(|e| Error::failed(format!("writing the result: {e}")))??;
    }
    text(output, "model.json", &(super::pretty(&model)? + "\n"))?;
    text(output, "blocking.csv", &costs(&linked.rules))?;
    let clusters = (0..).zip(&linked.cluster).filter(|(i, c)| *i == **c).count() as u64;
    // The program ends here: millions of values need not be taken apart one by one.
    std::mem::forget(data);
    super::print(&format!(
        "{} are {}: {}, {} for review, {} cut; written to {}",
        counted(table.names.len() as u64, "record"),
        counted(clusters, "entity").replace("entitys", "entities"),
        counted(links.len() as u64, "link"),
        linked.doubtful.len(),
        linked.cuts.len(),
        output.display()
    ))
}

/// Organisations where columns name them and no persons.
fn entity(table: &Table) -> Entity {
    let has = |kinds: &[FieldType]| table.columns.iter().any(|c| kinds.contains(&c.kind));
    let of_persons = [FieldType::GivenName, FieldType::FamilyName, FieldType::FullName, FieldType::DateOfBirth];
    if has(&[FieldType::Organisation]) && !has(&of_persons) { Entity::Organisation } else { Entity::Person }
}

/// In link mode, each record's source as a number.
fn sources(table: &Table, typed: &LinkageYaml) -> Result<Vec<u32>> {
    if typed.mode != Some(Mode::Link) {
        return Ok(Vec::new());
    }
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let sources: Vec<u32> = table
        .names
        .iter()
        .map(|(source, _)| {
            let next = numbers.len() as u32;
            *numbers.entry(source).or_insert(next)
        })
        .collect();
    if numbers.len() < 2 {
        return Err(Error::config("`mode: link` links records of different sources, and there is one source only")
            .hint("give two files, name the `source` column, or write `mode: dedupe`"));
    }
    Ok(sources)
}

async fn write(folder: PathBuf, name: &'static str, batch: RecordBatch) -> Result<()> {
    let schema = batch.schema();
    let stream = RecordBatchStreamAdapter::new(schema.clone(), futures::stream::iter([Ok(batch)]));
    writer::write(Box::pin(stream), schema, &[], &folder.join(name), "writing the result", &mut Unobserved).await?;
    Ok(())
}

fn text(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))
}

/// What each blocking rule costs, as CSV.
fn costs(rules: &[RuleReport]) -> String {
    let mut out = String::from("rule,pairs,new_pairs,largest_block,skipped_blocks,skipped_pairs\n");
    for r in rules {
        let parts: Vec<String> =
            r.rule.iter().map(|p| json!(p).as_str().map(ToString::to_string).unwrap_or_default()).collect();
        out += &format!(
            "{},{},{},{},{},{}\n",
            parts.join(" + "),
            r.pairs,
            r.new_pairs,
            r.largest_block,
            r.skipped_blocks,
            r.skipped_pairs
        );
    }
    out
}

/// A file's column as texts, by its name.
fn column(batches: &[RecordBatch], name: &str, file: &Path) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for batch in batches {
        let Some(column) = batch.column_by_name(name) else {
            return Err(Error::config(format!("{} has no column `{name}`", file.display()))
                .hint("labels have the columns source, id and entity"));
        };
        let texts = cast(column, &DataType::Utf8).map_err(|e| Error::failed(e.to_string()))?;
        let texts = texts.as_string::<i32>();
        out.extend(
            (0..texts.len()).map(|i| if texts.is_null(i) { String::new() } else { texts.value(i).trim().into() }),
        );
    }
    Ok(out)
}

fn evaluate(links: &Path, labels: &Path) -> Result<()> {
    let file = links.join("clusters.parquet");
    let clusters = files::batches(&file)?;
    let truth = files::batches(labels)?;
    let names = |batches: &[RecordBatch], file: &Path| -> Result<Vec<(String, String)>> {
        Ok(column(batches, "source", file)?.into_iter().zip(column(batches, "id", file)?).collect())
    };
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut number = |text: String| {
        let next = numbers.len() as u32;
        *numbers.entry(text).or_insert(next)
    };
    let found: HashMap<(String, String), u32> = names(&clusters, &file)?
        .into_iter()
        .zip(column(&clusters, "cluster_id", &file)?)
        .map(|(name, cluster)| (name, number(format!("c{cluster}"))))
        .collect();
    let (mut records, mut missing) = (Vec::new(), 0u64);
    let mut entities: HashMap<(String, String), u32> = HashMap::new();
    for (name, entity) in names(&truth, labels)?.into_iter().zip(column(&truth, "entity", labels)?) {
        let entity = number(format!("e{entity}"));
        // A record that nobody resolved is alone.
        let cluster = found.get(&name).copied().unwrap_or_else(|| {
            missing += 1;
            number(format!("m{}\u{1f}{}", name.0, name.1))
        });
        records.push((cluster, entity));
        entities.insert(name, entity);
    }
    if missing == records.len() as u64 {
        return Err(Error::config(format!("no record of {} is in {}", labels.display(), file.display()))
            .hint("`source` and `id` must be those of clusters.parquet"));
    }
    if missing > 0 {
        tracing::warn!("{} of the labels are not in {}", counted(missing, "record"), file.display());
    }
    let result = evaluate::evaluate(&records);
    let line = |name: &str, q: Quality| {
        format!(
            "{name:<9} {:>9.5} {:>9.5} {:>9.5}   {} found, {} true, {} right",
            q.precision, q.recall, q.f1, q.found, q.expected, q.right
        )
    };
    super::print(&format!("{:<9} {:>9} {:>9} {:>9}", "", "precision", "recall", "F1"))?;
    super::print(&line("pairs", result.pairs))?;
    super::print(&line("clusters", result.clusters))?;
    calibration(links, &entities)
}

/// Of the pairs of each probability: how many are right.
fn calibration(links: &Path, entities: &HashMap<(String, String), u32>) -> Result<()> {
    let mut bands = [Band::default(); BANDS];
    for name in ["links.parquet", "review.parquet"] {
        let file = links.join(name);
        if !file.is_file() {
            continue;
        }
        let batches = files::batches(&file)?;
        let side = |s: &str| -> Result<Vec<(String, String)>> {
            let (source, id) = (format!("{s}_source"), format!("{s}_id"));
            Ok(column(&batches, &source, &file)?.into_iter().zip(column(&batches, &id, &file)?).collect())
        };
        let probabilities: Vec<f64> = batches
            .iter()
            .filter_map(|b| b.column_by_name("probability"))
            .flat_map(|c| c.as_primitive::<Float64Type>().values().to_vec())
            .collect();
        for ((left, right), p) in side("left")?.iter().zip(&side("right")?).zip(probabilities) {
            let (Some(a), Some(b)) = (entities.get(left), entities.get(right)) else { continue };
            bands[band(p)].count(p, a == b);
        }
    }
    super::print("\ncalibration: of the pairs of a probability, the share that is right")?;
    for (edges, band) in EDGES.windows(2).zip(bands) {
        let (Some(said), Some(right)) = (band.predicted(), band.observed()) else { continue };
        super::print(&format!(
            "{:.2} to {:.2}: said {said:.3}, right {right:.3} of {}",
            edges[0],
            edges[1],
            counted(band.pairs, "pair")
        ))?;
    }
    Ok(())
}
