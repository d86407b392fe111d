//! Identity: whose record is this?
//!
//! `exact` links records that share an e-mail or a phone number, unless too many share it; `probable` weighs all that is known of two records with the
//! engine in `linkage`. Records come from staging (the newest version of each), links become clusters, what a person decided beats both, and a cluster
//! is named after its oldest record.

pub mod collect;
pub mod draws;
pub mod events;
pub mod exact;
pub mod files;
pub mod history;
pub mod ids;
pub mod linkage;
pub mod memory;
pub mod normalise;
pub mod picture;
pub mod probable;
pub mod tables;

use std::sync::Arc;

use crate::config::project::{Decision, Evidence, RecordName};
use linkage::cluster::{By, Reason};
use memory::Memory;

/// One person record of a source, with its evidence normalised. What many records share is held once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub system: Arc<str>,
    pub object: Arc<str>,
    pub id: Box<str>,
    /// Place in file order of the first file that held it.
    pub first_rank: u32,
    pub name: Option<Box<str>>,
    pub email: Option<Box<str>>,
    /// E.164
    pub phone: Option<Box<str>>,
    pub street: Option<Box<str>>,
    pub postcode: Option<Arc<str>>,
    pub city: Option<Arc<str>>,
    pub country: Option<Arc<str>>,
    /// What few sources know of a person.
    pub details: Option<Box<Details>>,
    /// Microseconds since 1970.
    pub first_seen_at: Option<i64>,
    /// Records of one object with the same value here count as one holder of evidence.
    pub holder: Option<Box<str>>,
    pub links_by_email: bool,
    pub links_by_phone: bool,
    pub batch: Arc<str>,
    pub row: i64,
}

/// What few sources know of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub given_name: Option<Box<str>>,
    pub family_name: Option<Box<str>>,
    pub organisation: Option<Box<str>>,
    /// `1971-06-24`; `00` where month or day is not known.
    pub date_of_birth: Option<Box<str>>,
    pub identifier: Option<Number>,
}

/// A number that a person carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Numbers of one kind are compared.
    pub kind: Arc<str>,
    pub text: Box<str>,
    /// In the record's system nobody has two.
    pub is_unique: bool,
}

impl Record {
    pub fn given_name(&self) -> Option<&str> {
        self.details.as_ref()?.given_name.as_deref()
    }

    pub fn family_name(&self) -> Option<&str> {
        self.details.as_ref()?.family_name.as_deref()
    }

    pub fn organisation(&self) -> Option<&str> {
        self.details.as_ref()?.organisation.as_deref()
    }

    pub fn date_of_birth(&self) -> Option<&str> {
        self.details.as_ref()?.date_of_birth.as_deref()
    }

    pub fn identifier(&self) -> Option<&Number> {
        self.details.as_ref()?.identifier.as_ref()
    }

    /// Age, then name: the oldest record names the customer.
    fn seniority(&self) -> (u32, &str, &str, &str) {
        (self.first_rank, &self.system, &self.object, &self.id)
    }

    /// The value of a kind of evidence, where the record's object lets it link.
    fn evidence(&self, kind: Evidence) -> Option<&str> {
        match kind {
            Evidence::Email if self.links_by_email => self.email.as_deref(),
            Evidence::Phone if self.links_by_phone => self.phone.as_deref(),
            _ => None,
        }
    }
}

/// A link between two records (indices into the records).
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub left: usize,
    pub right: usize,
    /// What says so.
    pub by: By,
    /// The value that both hold, of an exact rule; who decided and why, of a decision.
    pub evidence: Option<String>,
    /// Bits; 0 of an exact rule.
    pub weight: f64,
    /// 1 of an exact rule.
    pub probability: f64,
}

/// A link that does not count.
#[derive(Debug, Clone, PartialEq)]
pub struct CutLink {
    pub link: Link,
    pub reason: Reason,
}

/// Evidence that too many hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub kind: &'static str,
    pub value: String,
    pub holders: u64,
}

/// Who is who.
#[derive(Debug)]
pub struct Resolution {
    /// In (system, object, id) order.
    pub records: Vec<Record>,
    /// Of each record.
    pub customers: Vec<Arc<str>>,
    pub links: Vec<Link>,
    pub blocked: Vec<Blocked>,
    /// Pairs that may be one, for a person to decide.
    pub doubtful: Vec<Link>,
    pub cuts: Vec<CutLink>,
    /// Records that a person keeps apart, the smaller index first, in order.
    pub apart: Vec<(u32, u32)>,
    /// Of each pair that a person decided: what the model makes of it, and whether it is one.
    pub judged: Vec<(f64, bool)>,
    /// Lines of identity-overrides.csv about records that are not there.
    pub unknown: Vec<u64>,
    /// What the next run need not compare again.
    pub memory: Memory,
}

impl Resolution {
    /// The records with the customers that they are said to be of, and nothing that says why.
    pub fn assigned(mut records: Vec<Record>, assign: &dyn Fn(&Record) -> Arc<str>) -> Resolution {
        sort(&mut records);
        Resolution {
            customers: records.iter().map(assign).collect(),
            records,
            links: Vec::new(),
            blocked: Vec::new(),
            doubtful: Vec::new(),
            cuts: Vec::new(),
            apart: Vec::new(),
            judged: Vec::new(),
            unknown: Vec::new(),
            memory: Memory::default(),
        }
    }
}

/// What persons decided, by the records' indices.
#[derive(Debug, Default)]
struct Decided {
    /// In the file's order.
    same: Vec<Link>,
    /// The smaller index first, in order.
    different: Vec<(u32, u32)>,
    unknown: Vec<u64>,
}

impl Decided {
    /// The records must be in order.
    fn of(records: &[Record], decisions: &[Decision]) -> Decided {
        let find = |name: &RecordName| {
            records
                .binary_search_by(|r| (&*r.system, &*r.object, &*r.id).cmp(&(&name.system, &name.object, &name.id)))
                .ok()
        };
        let mut decided = Decided::default();
        for decision in decisions {
            let (Some(a), Some(b)) = (find(&decision.left), find(&decision.right)) else {
                decided.unknown.push(decision.line);
                continue;
            };
            if decision.is_same {
                let evidence = Some(format!("{} on {}: {}", decision.who, decision.when, decision.why));
                decided.same.push(Link { left: a, right: b, by: By::Decided, evidence, weight: 0.0, probability: 1.0 });
            } else {
                decided.different.push((a.min(b) as u32, a.max(b) as u32));
            }
        }
        decided.different.sort_unstable();
        decided
    }
}

/// Stands the records in the order of their names.
fn sort(records: &mut [Record]) {
    records.sort_unstable_by(|a, b| (&a.system, &a.object, &a.id).cmp(&(&b.system, &b.object, &b.id)));
}

/// The customer id of each record, made from the oldest record of its cluster; `root` of a record is one of its cluster.
fn name_clusters(records: &[Record], root: &[usize]) -> Vec<Arc<str>> {
    // Of each root: the oldest record of its cluster. Other places stay as they are.
    let mut oldest: Vec<usize> = root.to_vec();
    for i in 0..records.len() {
        let held = &mut oldest[root[i]];
        if records[i].seniority() < records[*held].seniority() {
            *held = i;
        }
    }
    let mut order: Vec<(usize, usize)> =
        (0..records.len()).filter(|i| root[*i] == *i).map(|root| (root, oldest[root])).collect();
    order.sort_unstable_by(|a, b| records[a.1].seniority().cmp(&records[b.1].seniority()));
    let names = ids::assign(order.iter().map(|(_, i)| {
        let r = &records[*i];
        (&*r.system, &*r.object, &*r.id)
    }));
    let mut by_root: Vec<Arc<str>> = vec![Arc::from(""); records.len()];
    for ((root, _), name) in order.into_iter().zip(names) {
        by_root[root] = name.into();
    }
    root.iter().map(|root| by_root[*root].clone()).collect()
}
