//! Probabilistic resolution of a project's person records: exact evidence first, then what the model makes of all the rest.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use hashbrown::HashMap;

use super::linkage::cluster::{By, Pair};
use super::linkage::columns::{Column, Table};
use super::linkage::compare::{self, NOTHING};
use super::linkage::comparisons;
use super::linkage::fields::FieldType;
use super::linkage::model::{Model, Scorer};
use super::linkage::recall;
use super::linkage::table::Prepared;
use super::linkage::{self, Given, Nameless, Settings};
use super::memory::{Memory, Past};
use super::{CutLink, Decided, Link, Record, Resolution, exact, name_clusters, sort};
use crate::config::MODEL_FILE;
use crate::config::linkage::Entity;
use crate::config::project::{Decision, Project};
use crate::error::{Error, Result};

/// How a project comes by a model of its own.
pub const TRAIN: &str = "`uramaki identity train` makes a model of the project's records";

/// Links, clusters and names the records by a model. Their order does not matter, and what an earlier run compared saves time and changes nothing. `engine` names
/// the program's version: comparisons of another are not recalled.
pub fn resolve(
    mut records: Vec<Record>,
    max_holders: u64,
    decisions: &[Decision],
    (model, settings, stated): &(Model, Settings, Stated),
    past: &Past,
    engine: &str,
) -> Result<Resolution> {
    sort(&mut records);
    let decided = Decided::of(&records, decisions);
    let (data, model) = fit(&records, stated, settings, model.clone())?;
    let digests = recall::digests(&data, &model, settings, engine).map_err(Error::failed)?;
    let recall = past.recall(&records, &digests)?;
    let (groups, blocked) = exact::groups(&records, max_holders);
    let mut given = Given {
        same: decided.same.iter().map(|l| (l.left as u32, l.right as u32)).collect(),
        different: decided.different.clone(),
        numbers: own_numbers(&records),
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
    // What a person keeps apart is doubtful no more.
    let kept: HashSet<(usize, usize)> =
        decided.different.iter().map(|(a, b)| ordered(root[*a as usize], root[*b as usize])).collect();
    let is_open = |p: &&Pair| !kept.contains(&ordered(root[p.left as usize], root[p.right as usize]));
    let doubtful = linked.doubtful.iter().filter(is_open).map(link).collect();
    let judged = judged(&records, &data, &model, &given);
    let cuts = linked.cuts.iter().map(|c| CutLink { link: link(&c.pair), reason: c.reason }).collect();
    let memory = Memory { digests, pairs: linked.kept, wide: linked.wide };
    let (apart, unknown) = (decided.different, decided.unknown);
    Ok(Resolution { records, customers, links, blocked, doubtful, cuts, apart, judged, unknown, memory })
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// What the model makes of the pairs that persons decided, but of guests: there is nothing to compare.
fn judged(records: &[Record], data: &Prepared, model: &Model, given: &Given) -> Vec<(f64, bool)> {
    let scorer = Scorer::new(model);
    let mut pairs: Vec<(u32, u32, bool)> = given.different.iter().map(|(a, b)| (*a, *b, false)).collect();
    pairs.extend(given.same.iter().map(|(a, b)| (*a.min(b), *a.max(b), true)));
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|(a, b, _)| !is_guest(&records[*a as usize]) && !is_guest(&records[*b as usize]));
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

/// The records as the engine compares them, with what the model knows of them. An error says what the model does not know.
pub fn fit(records: &[Record], stated: &Stated, settings: &Settings, model: Model) -> Result<(Prepared, Model)> {
    let mut data = prepare(records, stated, settings);
    let model = linkage::fit(&mut data, model, settings)
        .map_err(|e| Error::failed(format!("{MODEL_FILE} does not fit the records: {e}")).hint(TRAIN))?;
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
    let column = |name: &str, kind: FieldType, of: fn(&Record) -> Option<&str>| {
        Column::of(name, kind, records.iter().map(|r| if is_guest(r) { None } else { of(r) }))
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
    table.columns.extend(stated.identifiers.iter().map(|kind| {
        let numbers = records.iter().map(|r| r.identifier().filter(|n| *n.kind == **kind && !is_guest(r)));
        Column::of(kind, FieldType::Identifier, numbers.map(|n| n.map(|n| &*n.text)))
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
