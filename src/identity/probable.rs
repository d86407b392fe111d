//! Probabilistic resolution of a project's person records: exact evidence first, then what the model makes of all the rest.

use std::collections::HashSet;
use std::sync::Arc;

use super::linkage::cluster::{By, Pair};
use super::linkage::compare::{self, NOTHING};
use super::linkage::fields::FieldType;
use super::linkage::model::{Model, Scorer};
use super::linkage::table::{Column, Prepared, Table};
use super::linkage::{self, Given, Settings};
use super::{CutLink, Decided, Link, Record, Resolution, exact, name_clusters, sort};
use crate::config::project::Decision;

/// Links, clusters and names the records by a model. Their order does not matter. An error says what the model does not know.
pub fn resolve(
    mut records: Vec<Record>,
    max_holders: u64,
    decisions: &[Decision],
    model: &Model,
    settings: &Settings,
) -> Result<Resolution, String> {
    sort(&mut records);
    let (mut exact, blocked) = exact::links(&records, max_holders);
    // A desk's mailbox does not link by itself: what else is known decides.
    let is_desk = |l: &Link| l.by == By::Email && l.evidence.as_deref().is_some_and(linkage::text::is_desk_mailbox);
    exact.retain(|l| !is_desk(l) || is_guest(&records[l.left]) || is_guest(&records[l.right]));
    let decided = Decided::of(&records, decisions);
    let (data, model) = fit(&records, settings, model.clone())?;
    let given = Given {
        same: decided.same.iter().map(|l| (l.left as u32, l.right as u32)).collect(),
        different: decided.different.clone(),
        exact: exact.iter().map(|l| (l.left as u32, l.right as u32, l.by)).collect(),
        bare: records.iter().map(is_guest).collect(),
        sources: Vec::new(),
    };
    let linked = linkage::link(&data, linkage::blocks(&data, settings), &model, settings, &given);
    let root: Vec<usize> = linked.cluster.iter().map(|r| *r as usize).collect();
    let customers = name_clusters(&records, &root);
    let link = |pair: &Pair| told(&records, &decided, pair);
    let mut links: Vec<Link> = linked.links.iter().map(link).collect();
    links.sort_by_key(|l| (l.left, l.right, l.by));
    // What a person keeps apart is doubtful no more.
    let kept: HashSet<(usize, usize)> =
        decided.different.iter().map(|(a, b)| ordered(root[*a as usize], root[*b as usize])).collect();
    let is_open = |p: &&Pair| !kept.contains(&ordered(root[p.left as usize], root[p.right as usize]));
    let doubtful = linked.doubtful.iter().filter(is_open).map(link).collect();
    let judged = judged(&data, &model, &given);
    let cuts = linked.cuts.iter().map(|c| CutLink { link: link(&c.pair), reason: c.reason }).collect();
    let (apart, unknown) = (decided.different, decided.unknown);
    Ok(Resolution { records, customers, links, blocked, doubtful, cuts, apart, judged, unknown })
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// What the model makes of the pairs that persons decided, but of guests: there is nothing to compare.
fn judged(data: &Prepared, model: &Model, given: &Given) -> Vec<(f64, bool)> {
    let scorer = Scorer::new(model);
    let mut pairs: Vec<(u32, u32, bool)> = given.different.iter().map(|(a, b)| (*a, *b, false)).collect();
    pairs.extend(given.same.iter().map(|(a, b)| (*a.min(b), *a.max(b), true)));
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|(a, b, _)| !given.bare[*a as usize] && !given.bare[*b as usize]);
    let mut like = vec![NOTHING; data.fields.len()];
    let score = |(a, b, is_same): (u32, u32, bool)| {
        let (a, b) = (a as usize, b as usize);
        compare::compare(data, a, b, &mut like);
        (scorer.probability(&like, data.of_organisations(a, b)), is_same)
    };
    pairs.into_iter().map(score).collect()
}

/// Known by an e-mail alone.
fn is_guest(record: &Record) -> bool {
    record.holder.is_some()
}

/// The records as the engine compares them, with what the model knows of them; a general model learns from them how common values are.
pub fn fit(records: &[Record], settings: &Settings, model: Model) -> Result<(Prepared, Model), String> {
    let mut data = prepare(records, settings);
    let model = if model.is_general { model.of_records(&data) } else { model };
    linkage::take(&mut data, &model)?;
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
