//! Probabilistic resolution of a project's person records: exact evidence first, then what the model makes of all the rest.

use std::sync::Arc;

use super::linkage::cluster::{By, Pair};
use super::linkage::fields::FieldType;
use super::linkage::model::Model;
use super::linkage::recall;
use super::linkage::table::{Column, Prepared, Table};
use super::linkage::{self, Given, Nameless, Settings};
use super::memory::{Memory, Past};
use super::{CutLink, Decided, Link, Record, Resolution, exact, name_clusters, sort};
use crate::config::MODEL_FILE;
use crate::config::project::Decision;
use crate::error::{Error, Result};

/// How a project comes by a model of its own.
pub const TRAIN: &str = "`uramaki identity train` makes a model of the project's records";

/// Links, clusters and names the records by a model. Their order does not matter, and what an earlier run compared saves time and changes nothing. `engine` names
/// the program's version: comparisons of another are not recalled.
pub fn resolve(
    mut records: Vec<Record>,
    max_holders: u64,
    decisions: &[Decision],
    (model, settings): &(Model, Settings),
    past: &Past,
    engine: &str,
) -> Result<Resolution> {
    sort(&mut records);
    let decided = Decided::of(&records, decisions);
    let (data, model) = fit(&records, settings, model.clone())?;
    let digests = recall::digests(&data, &model, settings, engine).map_err(Error::failed)?;
    let recall = past.recall(&records, &digests)?;
    let (groups, blocked) = exact::groups(&records, max_holders);
    let mut given = Given {
        same: decided.same.iter().map(|l| (l.left as u32, l.right as u32)).collect(),
        different: decided.different.clone(),
        recall,
        ..Given::default()
    };
    for group in &groups {
        // Who has a name links by what is equal, unless the name speaks against it. Who has none joins those who hold the same, if they are one.
        let (named, nameless): (Vec<usize>, Vec<usize>) = group.members.iter().partition(|i| data.is_named(**i));
        let (guests, others): (Vec<usize>, Vec<usize>) = nameless.iter().partition(|i| is_guest(&records[**i]));
        // A desk's mailbox does not link by itself: what else is known decides.
        let is_desk = group.by == By::Email && linkage::text::is_desk_mailbox(group.value);
        let linked = match (named.is_empty(), is_desk) {
            (true, false) => &nameless,
            (true, true) => &guests,
            (false, false) => &named,
            (false, true) => &Vec::new(),
        };
        given.exact.extend(exact::star(&records, linked).map(|(a, b)| (a as u32, b as u32, group.by)));
        if !named.is_empty() && !nameless.is_empty() {
            let numbers = |all: &[usize]| all.iter().map(|i| *i as u32).collect::<Vec<u32>>();
            let holders = numbers(&named);
            let mut join = |records: Vec<u32>| {
                if !records.is_empty() {
                    given.nameless.push(Nameless { records, holders: holders.clone(), by: group.by });
                }
            };
            // All guests of one e-mail are one.
            join(numbers(&guests));
            others.iter().for_each(|i| join(vec![*i as u32]));
        }
    }
    let blocks = linkage::blocks(&data, settings, given.recall.as_ref());
    let linked = linkage::link(&data, blocks, &model, settings, &given);
    let root: Vec<usize> = linked.cluster.iter().map(|r| *r as usize).collect();
    let customers = name_clusters(&records, &root);
    let link = |pair: &Pair| told(&records, &decided, pair);
    let mut links: Vec<Link> = linked.links.iter().map(link).collect();
    links.sort_by_key(|l| (l.left, l.right, l.by));
    let doubtful = linked.doubtful.iter().map(link).collect();
    let cuts = linked.cuts.iter().map(|c| CutLink { link: link(&c.pair), reason: c.reason }).collect();
    let memory = Memory { digests, pairs: linked.kept, wide: linked.wide };
    Ok(Resolution { records, customers, links, blocked, doubtful, cuts, unknown: decided.unknown, memory })
}

/// Known by an e-mail alone.
fn is_guest(record: &Record) -> bool {
    record.holder.is_some()
}

/// The records as the engine compares them, with what the model knows of them; a general model learns from them how common values are. An error says what the
/// model does not know.
pub fn fit(records: &[Record], settings: &Settings, model: Model) -> Result<(Prepared, Model)> {
    let mut data = prepare(records, settings);
    let model = if model.is_general { model.of_records(&data) } else { model };
    linkage::take(&mut data, &model)
        .map_err(|e| Error::config(format!("{MODEL_FILE} does not fit the records: {e}")).hint(TRAIN))?;
    Ok((data, model))
}

/// The records as the engine compares them; those that are known by their e-mail alone have nothing to compare.
pub fn prepare(records: &[Record], settings: &Settings) -> Prepared {
    linkage::prepare(&table(records), settings).0
}

fn table(records: &[Record]) -> Table {
    let column = |name: &str, kind: FieldType, of: fn(&Record) -> Option<&str>| Column {
        name: name.to_string(),
        kind,
        values: records.iter().map(|r| if r.holder.is_some() { None } else { of(r).map(Into::into) }).collect(),
    };
    let names = records.iter().map(|r| {
        let source: Arc<str> = format!("{}/{}", r.system, r.object).into();
        (source, r.id.clone())
    });
    Table {
        names: names.collect(),
        columns: vec![
            column("name", FieldType::FullName, |r| r.name.as_deref()),
            column("email", FieldType::Email, |r| r.email.as_deref().filter(|_| r.links_by_email)),
            column("phone", FieldType::Phone, |r| r.phone.as_deref().filter(|_| r.links_by_phone)),
            column("street", FieldType::Street, |r| r.street.as_deref()),
            column("postcode", FieldType::Postcode, |r| r.postcode.as_deref()),
            column("city", FieldType::City, |r| r.city.as_deref()),
            column("country", FieldType::Country, |r| r.country.as_deref()),
        ],
    }
}

/// A pair as a link: the older record first, with the evidence of a rule or of a decision.
fn told(records: &[Record], decided: &Decided, pair: &Pair) -> Link {
    let (a, b) = (pair.left as usize, pair.right as usize);
    let (left, right) = if records[a].seniority() <= records[b].seniority() { (a, b) } else { (b, a) };
    let decision = || decided.same.iter().find(|l| (l.left.min(l.right), l.left.max(l.right)) == (a, b));
    let evidence = match pair.by {
        By::Decided => decision().and_then(|l| l.evidence.clone()),
        By::Email => records[a].email.as_deref().map(Into::into),
        By::Phone => records[a].phone.as_deref().map(Into::into),
        By::Model | By::Together => None,
    };
    Link { left, right, by: pair.by, evidence, weight: pair.weight, probability: pair.probability }
}
