//! Probabilistic resolution of a project's person records: exact evidence first, then what the model makes of all the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use super::linkage::cluster::{By, Pair};
use super::linkage::comparisons;
use super::linkage::fields::FieldType;
use super::linkage::model::Model;
use super::linkage::table::{Column, Prepared, Table};
use super::linkage::{self, Given, Settings};
use super::{CutLink, Decided, Link, Record, Resolution, exact, name_clusters, sort};
use crate::config::linkage::Entity;
use crate::config::project::{Decision, Project};

/// Links, clusters and names the records by a model. Their order does not matter. An error says what the model does not know.
pub fn resolve(
    mut records: Vec<Record>,
    max_holders: u64,
    decisions: &[Decision],
    model: &Model,
    settings: &Settings,
    stated: &Stated,
) -> Result<Resolution, String> {
    sort(&mut records);
    let (mut exact, blocked) = exact::links(&records, max_holders);
    // A desk's mailbox does not link by itself: what else is known decides.
    let is_desk = |l: &Link| l.by == By::Email && l.evidence.as_deref().is_some_and(linkage::text::is_desk_mailbox);
    exact.retain(|l| !is_desk(l) || is_guest(&records[l.left]) || is_guest(&records[l.right]));
    let decided = Decided::of(&records, decisions);
    let (data, model) = fit(&records, stated, settings, model.clone())?;
    let given = Given {
        same: decided.same.iter().map(|l| (l.left as u32, l.right as u32)).collect(),
        different: decided.different.clone(),
        exact: exact.iter().map(|l| (l.left as u32, l.right as u32, l.by)).collect(),
        bare: records.iter().map(is_guest).collect(),
        sources: Vec::new(),
        numbers: own_numbers(&records),
    };
    let linked = linkage::link(&data, linkage::blocks(&data, settings), &model, settings, &given);
    let root: Vec<usize> = linked.cluster.iter().map(|r| *r as usize).collect();
    let customers = name_clusters(&records, &root);
    let link = |pair: &Pair| told(&records, &decided, pair);
    let mut links: Vec<Link> = linked.links.iter().map(link).collect();
    links.sort_by_key(|l| (l.left, l.right, l.by));
    let doubtful = linked.doubtful.iter().map(link).collect();
    let cuts = linked.cuts.iter().map(|c| CutLink { link: link(&c.pair), reason: c.reason }).collect();
    Ok(Resolution { records, customers, links, blocked, doubtful, cuts, unknown: decided.unknown })
}

/// Known by an e-mail alone.
fn is_guest(record: &Record) -> bool {
    record.holder.is_some()
}

/// The records as the engine compares them, with what the model knows of them.
pub fn fit(
    records: &[Record],
    stated: &Stated,
    settings: &Settings,
    model: Model,
) -> Result<(Prepared, Model), String> {
    let mut data = prepare(records, stated, settings);
    let model = linkage::fit(&mut data, model, settings)?;
    Ok((data, model))
}

/// Names and types of the fields that the project's records have.
pub fn fields(stated: &Stated, settings: &Settings) -> Vec<(String, FieldType)> {
    comparisons::fields(&table(&[], stated).columns, settings)
}

/// The records as the engine compares them; those that are known by their e-mail alone have nothing to compare.
pub fn prepare(records: &[Record], stated: &Stated, settings: &Settings) -> Prepared {
    let mut data = linkage::prepare(&table(records, stated), settings).0;
    if !stated.identifiers.is_empty() {
        let mut systems = Names::default();
        let several = |r: &Record| r.identifier().filter(|n| !n.is_unique).map_or(0, |_| 1 + systems.number(&r.system));
        data.numbering = records.iter().map(several).collect();
    }
    data
}

/// Numbers of names, in the order of first sight.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry_ref(name).or_insert(next)
    }
}

/// Of each record, its number where its system gives nobody two of the kind.
fn own_numbers(records: &[Record]) -> Vec<Option<(u32, u32)>> {
    let (mut kinds, mut numbers) = (Names::default(), Names::default());
    let mut own = |r: &Record| {
        let number = r.identifier().filter(|n| n.is_unique && !linkage::text::is_placeholder(&n.text))?;
        let kind = format!("{}\u{1f}{}", r.system, number.kind);
        Some((kinds.number(&kind), numbers.number(&linkage::text::compact(&number.text))))
    };
    records.iter().map(&mut own).collect()
}

/// What some pipeline says of its persons besides name, contact and address. By this, not by the rows of a night, the engine gets further fields: a model
/// that was trained with them fits on the next night too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    pub organisation: bool,
    pub date_of_birth: bool,
    /// Kinds of numbers.
    pub identifiers: BTreeSet<String>,
    /// A name, whole or in parts.
    pub name: bool,
}

impl Stated {
    pub fn of(project: &Project) -> Stated {
        let mut stated = Stated::default();
        for person in project.objects().filter_map(|o| o.person.as_ref()) {
            stated.name |= !person.name.is_empty() || person.given_name.is_some() || person.family_name.is_some();
            stated.organisation |= person.organisation.is_some();
            stated.date_of_birth |= person.date_of_birth.is_some();
            stated.identifiers.extend(person.identifier.iter().map(|i| i.kind.clone()));
        }
        stated
    }

    /// Organisations, where the pipelines name them and no persons.
    pub fn entity(&self) -> Entity {
        if self.organisation && !self.name && !self.date_of_birth { Entity::Organisation } else { Entity::Person }
    }
}

fn table(records: &[Record], stated: &Stated) -> Table {
    fn filled<'a>(records: &'a [Record], of: impl Fn(&'a Record) -> Option<&'a str>) -> Vec<Option<Box<str>>> {
        records.iter().map(|r| if is_guest(r) { None } else { of(r).map(Into::into) }).collect()
    }
    let column = |name: &str, kind: FieldType, of: fn(&Record) -> Option<&str>| Column {
        name: name.to_string(),
        kind,
        values: filled(records, of),
    };
    let names = records.iter().map(|r| {
        let source: Arc<str> = format!("{}/{}", r.system, r.object).into();
        (source, r.id.clone())
    });
    let mut table = Table {
        names: names.collect(),
        columns: vec![
            column("name", FieldType::FullName, |r| r.name.as_deref()),
            column("given_name", FieldType::GivenName, Record::given_name),
            column("family_name", FieldType::FamilyName, Record::family_name),
            column("email", FieldType::Email, |r| r.email.as_deref().filter(|_| r.links_by_email)),
            column("phone", FieldType::Phone, |r| r.phone.as_deref().filter(|_| r.links_by_phone)),
            column("street", FieldType::Street, |r| r.street.as_deref()),
            column("postcode", FieldType::Postcode, |r| r.postcode.as_deref()),
            column("city", FieldType::City, |r| r.city.as_deref()),
            column("country", FieldType::Country, |r| r.country.as_deref()),
        ],
    };
    if stated.organisation {
        table.columns.push(column("organisation", FieldType::Organisation, Record::organisation));
    }
    if stated.date_of_birth {
        table.columns.push(column("date_of_birth", FieldType::DateOfBirth, Record::date_of_birth));
    }
    table.columns.extend(stated.identifiers.iter().map(|kind| Column {
        name: kind.clone(),
        kind: FieldType::Identifier,
        values: filled(records, |r| r.identifier().filter(|n| *n.kind == **kind).map(|n| &*n.text)),
    }));
    table
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
