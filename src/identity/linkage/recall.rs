//! What an earlier run compared, so that a night with few new records compares few pairs, and finds the same.
//!
//! What a pair scores is told by both records' forms and the model alone. A record whose digest (of its form, the model and the rules) is that of the earlier run
//! is the same; two such records that shared a block which was compared then need not be compared again: either the pair was kept, or it was too unlikely.

use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::model::Model;
use super::settings::Settings;
use super::table::Prepared;

/// An earlier run, in terms of this run's records.
#[derive(Debug, Default)]
pub struct Recall {
    /// Of each record: whether it is what it was.
    pub same: Vec<bool>,
    /// The pairs that were kept, in order of right and left: right, left, probability, weight.
    pub pairs: Vec<(u32, u32, f64, f64)>,
    /// Blocks that were too large to be compared: rule and key.
    pub wide: HashSet<(u32, u64)>,
}

impl Recall {
    pub fn is_same(&self, record: u32) -> bool {
        self.same.get(record as usize).copied().unwrap_or(false)
    }

    /// Probability and weight, where the pair was kept.
    pub fn pair(&self, left: u32, right: u32) -> Option<(f64, f64)> {
        let found = self.pairs.binary_search_by(|p| (p.0, p.1).cmp(&(right, left))).ok()?;
        Some((self.pairs[found].2, self.pairs[found].3))
    }
}

/// Of each record, a digest of all that its scores hang on. `engine` names the program's version.
pub fn digests(data: &Prepared, model: &Model, settings: &Settings, engine: &str) -> Result<Vec<u64>, String> {
    let mut context = Sha256::new();
    context.update(engine.as_bytes());
    context.update(serde_json::to_vec(model).map_err(|e| e.to_string())?);
    context.update(serde_json::to_vec(&settings.rules).map_err(|e| e.to_string())?);
    context.update(format!("{:?} {}", settings.comparisons, data.by_domain));
    let context = context.finalize();
    let digest = |record: usize| {
        let mut digest = Sha256::new();
        digest.update(context);
        digest.update([data.generation[record], u8::from(data.mail_of_name(record))]);
        digest.update(data.numbering.get(record).copied().unwrap_or(0).to_be_bytes());
        for (place, field) in data.fields.iter().enumerate() {
            for value in field.of(record) {
                let text = &field.values[*value as usize].text;
                digest.update((place as u32).to_be_bytes());
                digest.update((text.len() as u64).to_be_bytes());
                digest.update(text.as_bytes());
            }
        }
        digest.finalize().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    use rayon::prelude::*;
    Ok((0..data.records).into_par_iter().map(digest).collect())
}
