//! How to resolve: what identity.yaml or `--config` says, and what holds where it says nothing.

use super::block::{self, Rule};
use super::comparisons::Comparisons;
use super::fields::Entity;
use crate::config::linkage::LinkageYaml;

/// Pairs from here are linked.
pub const LINK_AT: f64 = 0.8;
/// Pairs from here are shown for review.
pub const REVIEW_AT: f64 = 0.1;
const MAX_HOLDERS: u32 = 20;
const MAX_CLUSTER: usize = 200;
/// Pairs that a rule may make however few the records are.
const FEW_PAIRS: u64 = 1_000_000;

#[derive(Debug, Clone)]
pub struct Settings {
    pub entity: Entity,
    /// Two letters.
    pub default_country: String,
    pub rules: Vec<Rule>,
    /// Pairs that a rule may make, for each record.
    pub pairs_per_record: f64,
    /// The same for the pairs that the model is trained on, a sample of them: households and neighbours must be among them.
    pub training_pairs_per_record: f64,
    /// Of many pairs, rules may be left out that hardly find a link: see [`super::drop_idle_rules`]. Not where a later run recalls what was compared.
    pub may_drop_rules: bool,
    pub max_cluster: usize,
    /// Records with birthdays that differ clearly are never of one person.
    pub apart_by_birthday: bool,
    /// E-mails and phones that more differently named records hold tell nothing.
    pub max_holders: u32,
    /// Said by fields, so they come when it is known which there are.
    pub comparisons: Comparisons,
    pub link_at: f64,
    pub review_at: f64,
}

impl Settings {
    /// What `typed` says, else the defaults.
    pub fn new(entity: Entity, typed: &LinkageYaml) -> Settings {
        let pairs_per_record = typed.pairs_per_record.unwrap_or(1.0);
        Settings {
            entity: typed.entity.unwrap_or(entity),
            default_country: typed.default_country.clone().unwrap_or_else(|| "DE".into()),
            rules: typed.blocking.clone().unwrap_or_else(block::default_rules),
            pairs_per_record,
            training_pairs_per_record: 12.0 * pairs_per_record,
            may_drop_rules: false,
            max_cluster: typed.max_cluster.unwrap_or(MAX_CLUSTER),
            apart_by_birthday: typed.apart_by_birthday.unwrap_or(false),
            max_holders: typed.max_holders.unwrap_or(MAX_HOLDERS),
            comparisons: Comparisons::default(),
            link_at: typed.link_at.unwrap_or(LINK_AT),
            review_at: typed.review_at.unwrap_or(REVIEW_AT),
        }
    }

    pub fn pairs_per_rule(per_record: f64, records: usize) -> u64 {
        ((records as f64 * per_record) as u64).max(FEW_PAIRS)
    }
}
