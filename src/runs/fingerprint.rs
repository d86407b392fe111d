//! What a table is made from, as one digest: equal digests mean that it need not be made again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::checks;
use crate::config::project::{IdentityMode, Object, Project};
use crate::config::{LABELS_FILE, LINKAGE_FILE, MODEL_FILE, OVERRIDES_FILE};
use crate::error::Result;
use crate::identity;
use crate::landing::batch::contract_digest;
use crate::landing::newest::Sequence;
use crate::manifest::FileRecord;
use crate::models::graph::{CALENDAR, Graph, REJECTED};
use crate::models::parameters::Parameters;
use crate::models::writer::hex;

/// Digests by table name, for landed objects, identity, the calendar and every model.
pub type Fingerprints = BTreeMap<String, String>;

/// What changes the bytes of all tables at once: this program and its engine.
pub fn versions() -> BTreeMap<String, String> {
    [
        ("uramaki", env!("CARGO_PKG_VERSION")),
        ("datafusion", datafusion::DATAFUSION_VERSION),
        ("arrow", arrow::ARROW_VERSION),
        // Raised whenever rows or bytes come out otherwise than before from the same inputs.
        ("tables", "6"),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_string(), version.to_string()))
    .collect()
}

/// A digest over parts that cannot run into one another.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex(&digest.finalize())
}

/// What a run was made from: the project, the day and the batches, in the order of its files.
pub fn of_run(project: &str, as_of: NaiveDate, files: &[FileRecord]) -> String {
    let as_of = as_of.to_string();
    let batches = files.iter().filter_map(|f| f.batch.as_deref());
    digest([project, as_of.as_str()].into_iter().chain(batches))
}

/// All fingerprints of a run, from its inputs and the project.
pub fn all(
    project: &Project,
    graph: &Graph,
    parameters: &Parameters,
    sequences: &BTreeMap<String, Sequence>,
    as_of: &str,
) -> Result<Fingerprints> {
    let base = digest(versions().iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]));
    let mut out = Fingerprints::new();
    let mut persons: Vec<String> = vec![base.clone(), format!("{:?} {}", project.identity, project.default_country)];
    let of_identity = [OVERRIDES_FILE, LABELS_FILE, LINKAGE_FILE, MODEL_FILE];
    persons.extend(project.files.iter().filter(|f| of_identity.contains(&f.path.as_str())).map(|f| f.sha256.clone()));
    if project.identity.mode == IdentityMode::Probabilistic {
        persons.push(digest([identity::linkage::model::SHIPPED]));
    }
    for object in project.objects() {
        let digest = landed(object, sequences.get(&object.contract.label()))?;
        if let Some(person) = &object.person {
            persons.push(digest.clone());
            persons.push(format!("{person:?}"));
            // Ages are compared over all objects.
            let ranks = sequences.get(&object.contract.label()).map(|s| {
                s.batches.iter().map(|b| format!("{}:{}:{}", b.id, b.rank, b.first_rank)).collect::<Vec<_>>().join(",")
            });
            persons.extend(ranks);
            let staging = format!("staging.stg_{}", object.contract.table());
            if let Some(model) = graph.models.get(&staging) {
                persons.push(model.file.sql.clone());
            }
        }
        out.insert(format!("landing.{}", object.contract.table()), digest);
    }
    let of_persons = digest(persons.iter().map(String::as_str));
    for spec in identity::tables::SPECS {
        out.insert(spec.name.to_string(), digest([of_persons.as_str(), spec.name]));
    }
    let zone = format!("{} {:?} {as_of}", project.time_zone.name(), project.holidays);
    out.insert(CALENDAR.into(), digest([base.as_str(), zone.as_str()]));
    let landed: Vec<String> = sequences.values().flat_map(|s| s.batches.iter().map(|b| b.id.clone())).collect();
    out.insert(REJECTED.into(), digest(landed.iter().map(String::as_str)));
    for name in &graph.order {
        let Some(model) = graph.models.get(name) else { continue };
        let spec = &model.file.spec;
        let mut parts = vec![base.clone(), model.file.sql.clone(), format!("{:?}", spec.materialized)];
        // Descriptions are published with the table, and a check that is new has to see its rows.
        parts.push(spec.description.clone());
        parts.extend(
            spec.columns
                .iter()
                .map(|c| format!("{} {} {} {:?} {}", c.name, c.data_type.text, c.pii, c.unit, c.description)),
        );
        parts.extend(checks::of_model(&model.file).iter().map(|c| format!("{} {:?} {:?}", c.name, c.severity, c.rule)));
        parts.extend(spec.write_order());
        parts.extend(model.parameters.iter().map(|p| format!("{p}={}", parameters.text(p).unwrap_or_default())));
        parts.extend(model.reads.iter().map(|read| format!("{read}={}", out.get(read).cloned().unwrap_or_default())));
        out.insert(name.clone(), digest(parts.iter().map(String::as_str)));
    }
    Ok(out)
}

fn landed(object: &Object, sequence: Option<&Sequence>) -> Result<String> {
    let mut parts = vec![contract_digest(&object.contract)?];
    parts.extend(sequence.iter().flat_map(|s| s.history().map(|b| b.id.clone())));
    Ok(digest(parts.iter().map(String::as_str)))
}
