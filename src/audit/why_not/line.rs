//! Where a line of an extract is by now.

use std::collections::BTreeSet;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::{ident, lit};

use super::absent::key_text;
use super::forward::Forward;
use super::sources::{Found, Sources};
use super::{Kind, Reason, Told};
use crate::audit::rules::Rules;
use crate::audit::trace::session::Scene;
use crate::audit::trace::table_named;
use crate::config::project::Materialized;
use crate::config::suggest;
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::error::{Error, Result};
use crate::manifest::{FileRecord, Manifest};
use crate::output::counted;
use crate::store::Store;

/// Follows a line (`shopify/orders/2026-11-20.csv:17`) as far as it went, or as far as it went on the way to one table. Errors: a file that no run has read, or a line that is no number.
pub async fn line(store: &Store, manifest: &Manifest, asked: &str, table: Option<&str>) -> Result<Told> {
    let aim = table.map(|typed| table_named(manifest, typed).map(|(name, _)| name)).transpose()?;
    let parts = asked.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<i64>().ok()?)));
    let Some((name, line)) = parts else {
        return Err(Error::config(format!("`{asked}` names no line")).hint("shopify/orders/2026-11-20.csv:17"));
    };
    let told = |reasons| Told { run: manifest.run, asked: asked.to_string(), reasons, elsewhere: Vec::new() };
    let records: Vec<&FileRecord> = manifest.files.iter().filter(|f| f.name == name).collect();
    let Some(file) = records.iter().rev().find(|f| f.batch.is_some()).or(records.last()).copied() else {
        let error = Error::config(format!("run {} knows no file `{name}`", manifest.run));
        let near = suggest::nearest(name, manifest.files.iter().map(|f| f.name.as_str()));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`uramaki runs show` lists the files"),
        });
    };
    let Some(batch) = file.batch.clone() else {
        let why = file.refused.clone().unwrap_or_default();
        return Ok(told(vec![Reason::new(Kind::Refused, name, why)]));
    };
    let mut reasons = Vec::new();
    if file.date > manifest.as_of {
        let what = format!("the file is of {}, after the run's day {}", file.date, manifest.as_of);
        return Ok(told(vec![Reason::new(Kind::Late, name, what)]));
    }
    let rules = Rules::of_run(store, manifest).await?;
    let object = rules
        .project
        .objects()
        .find(|o| o.contract.system == file.system && o.contract.object == file.object)
        .cloned()
        .ok_or_else(|| Error::failed(format!("no pipeline of that run has {}/{}", file.system, file.object)))?;
    let landing = format!("landing.{}", object.contract.table());
    let mut wanted = match &aim {
        Some(aim) => vec![aim.clone()],
        None => every(&rules, manifest),
    };
    // The line itself is looked at also where it has no way to that table.
    wanted.push(landing.clone());
    let scene = Scene::open(&rules, store, manifest, &wanted).await?;
    let sources = Sources { store, manifest, scene: &scene };
    if let Some(first) = sources.file_of(&batch).filter(|first| first.name != name) {
        let what = format!("these bytes came before as {}, and count there", first.name);
        reasons.push(Reason::new(Kind::Superseded, name, what));
    }
    let of_line = [ident(BATCH_COLUMN).eq(lit(batch.as_str())), ident("line").eq(lit(line))];
    for (_, why) in sources.rejected(&object, &of_line).await? {
        reasons.push(Reason::new(Kind::Quarantined, object.contract.label(), why).at(asked));
    }
    if reasons.iter().any(|r| r.kind == Kind::Quarantined) {
        return Ok(told(reasons));
    }
    let found = Found { batch, line };
    let key = sources.key_of(&object, &found).await?;
    if key.is_empty() {
        let what = "no row begins in this line: it is a header, empty, inside a row, or behind the file's end";
        reasons.push(Reason::new(Kind::Unknown, name, what));
        return Ok(told(reasons));
    }
    // Another version of it may have come, and not have passed its contract.
    if let Some(text) = key_text(&object.contract.key, &key) {
        for (other, why) in sources.rejected(&object, &[ident("record_key").eq(lit(text))]).await? {
            let what = format!("another version of its key does not count: {why}");
            reasons.push(Reason::new(Kind::Quarantined, object.contract.label(), what).at(sources.place(&other)));
        }
    }
    match sources.counts(&object, &key).await? {
        Some(newest) if (&newest.batch, newest.line) == (&found.batch, found.line) => {}
        Some(newest) => {
            let what = "a newer version of its key counts";
            reasons.push(Reason::new(Kind::Superseded, object.contract.label(), what).at(sources.place(&newest)));
            return Ok(told(reasons));
        }
        None => {
            let what = "a later full snapshot does not hold its key";
            reasons.push(Reason::new(Kind::Deleted, object.contract.label(), what));
            return Ok(told(reasons));
        }
    }
    let rows = RecordBatch::try_new(
        std::sync::Arc::new(Schema::new(vec![
            Field::new(BATCH_COLUMN, DataType::Utf8, true),
            Field::new(ROW_COLUMN, DataType::Int64, true),
        ])),
        vec![
            std::sync::Arc::new(StringArray::from(vec![found.batch.clone()])),
            std::sync::Arc::new(Int64Array::from(vec![found.line])),
        ],
    )
    .map_err(|e| Error::failed(format!("asking for a line: {e}")))?;
    let mut forward = Forward::new(&scene);
    forward.follow(&landing, rows).await?;
    let (more, elsewhere) = followed(&scene, &forward, &landing, aim.as_deref()).await?;
    reasons.extend(more);
    Ok(Told { elsewhere, ..told(reasons) })
}

/// Every published table of the run's project.
pub fn every(rules: &Rules, manifest: &Manifest) -> Vec<String> {
    let known: BTreeSet<String> = rules.project.models.iter().map(|m| m.full_name()).collect();
    manifest.tables.keys().filter(|name| known.contains(*name)).cloned().collect()
}

/// Where the row went; where it went no further, on the way to the table that is asked for or, without one, where no mart has it; and the
/// published tables that have nothing of it.
async fn followed(
    scene: &Scene,
    forward: &Forward<'_>,
    first: &str,
    aim: Option<&str>,
) -> Result<(Vec<Reason>, Vec<String>)> {
    let mut reasons = vec![Reason::new(Kind::There, first, "the newest accepted version of its key")];
    let mut elsewhere = Vec::new();
    let wants_others = aim.is_none();
    let has = |name: &str| forward.rows.get(name).filter(|r| !r.is_empty());
    for name in &scene.graph.order {
        let Some(model) = scene.graph.models.get(name).filter(|m| scene.within.contains(&m.name)) else { continue };
        if let Some(rows) = has(name) {
            let what = format!("takes part in, or is looked at for, {}", counted(rows.len() as u64, "row"));
            reasons.push(Reason::new(Kind::There, name, what).at(&model.file.sql_path));
        } else if wants_others && model.file.spec.materialized == Materialized::Table {
            elsewhere.push(name.clone());
        }
    }
    let is_asked = match aim {
        Some(aim) => has(aim).is_none(),
        None => !forward.rows.keys().any(|name| name.starts_with("marts.")),
    };
    if !is_asked {
        return Ok((reasons, elsewhere));
    }
    for name in &scene.graph.order {
        let Some(model) = scene.graph.models.get(name).filter(|m| scene.within.contains(&m.name)) else { continue };
        if has(name).is_some() {
            continue;
        }
        for read in model.reads.iter().filter(|read| has(read).is_some()) {
            for reason in forward.lost(model, read).await? {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
    }
    Ok((reasons, elsewhere))
}
