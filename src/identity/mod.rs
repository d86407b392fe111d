//! Identity: whose record is this?
//!
//! `exact` links records that share an e-mail or a phone number, unless too many share it. Records come from staging
//! (the newest version of each), links become clusters, and a cluster is named after its oldest record. The
//! probabilistic engine has its place beside `exact.rs`: it would add links, and everything after them stays.

pub mod collect;
pub mod events;
pub mod exact;
pub mod ids;
pub mod normalise;
pub mod tables;

use std::sync::Arc;

use crate::config::project::Evidence;

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
    /// Microseconds since 1970.
    pub first_seen_at: Option<i64>,
    /// Records of one object with the same value here count as one holder of evidence.
    pub holder: Option<Box<str>>,
    pub links_by_email: bool,
    pub links_by_phone: bool,
    pub batch: Arc<str>,
    pub row: i64,
}

impl Record {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub left: usize,
    pub right: usize,
    /// `email_exact`, `phone_exact`
    pub rule: &'static str,
    pub evidence: String,
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
}
