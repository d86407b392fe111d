//! How good clusters are, where somebody knows the truth.

use hashbrown::HashMap;

/// Precision, recall and their harmonic mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    /// Of the result, of the truth, of both.
    pub found: u64,
    pub expected: u64,
    pub right: u64,
}

impl Quality {
    fn of(found: u64, expected: u64, right: u64) -> Quality {
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let (precision, recall) = (share(right, found), share(right, expected));
        let f1 = if found + expected == 0 { 1.0 } else { 2.0 * right as f64 / (found + expected) as f64 };
        Quality { precision, recall, f1, found, expected, right }
    }
}

/// Pairs of records within clusters, and whole clusters (singles among them).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    pub pairs: Quality,
    pub clusters: Quality,
}

/// Where bands of probability begin, and the last one ends.
pub const EDGES: [f64; 10] = [0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0];
pub const BANDS: usize = EDGES.len() - 1;

/// The band of a probability; 1 belongs to the last one.
pub fn band(probability: f64) -> usize {
    EDGES[1..BANDS].partition_point(|edge| *edge <= probability)
}

/// Pairs of a band of which it is known whether they are right.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Band {
    pub pairs: u64,
    pub right: u64,
    sum: f64,
}

impl Band {
    pub fn count(&mut self, probability: f64, is_right: bool) {
        self.pairs += 1;
        self.right += u64::from(is_right);
        self.sum += probability;
    }

    /// The mean of what the model says of them.
    pub fn predicted(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.sum / self.pairs as f64)
    }

    /// The share that is right.
    pub fn observed(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.right as f64 / self.pairs as f64)
    }
}

/// Each record's cluster and its entity, as numbers.
pub fn evaluate(records: &[(u32, u32)]) -> Evaluation {
    let sizes = |of: fn(&(u32, u32)) -> u64| -> HashMap<u64, u64> {
        let mut sizes = HashMap::new();
        records.iter().for_each(|r| *sizes.entry(of(r)).or_insert(0) += 1);
        sizes
    };
    let (clusters, entities) = (sizes(|r| r.0.into()), sizes(|r| r.1.into()));
    let both = sizes(|r| u64::from(r.0) << 32 | u64::from(r.1));
    let pairs = |sizes: &HashMap<u64, u64>| sizes.values().map(|n| n * (n - 1) / 2).sum::<u64>();
    let same = both
        .iter()
        .filter(|(key, size)| clusters[&(*key >> 32)] == **size && entities[&(*key & 0xffff_ffff)] == **size)
        .count();
    Evaluation {
        pairs: Quality::of(pairs(&clusters), pairs(&entities), pairs(&both)),
        clusters: Quality::of(clusters.len() as u64, entities.len() as u64, same as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_and_a_glued_cluster_are_counted() {
        // Truth: {1,2,3} {4} {5}; found: {1,2} {3} {4,5}.
        let found = evaluate(&[(1, 1), (1, 1), (2, 1), (3, 2), (3, 3)]);
        assert_eq!((found.pairs.found, found.pairs.expected, found.pairs.right), (2, 3, 1));
        assert_eq!((found.clusters.found, found.clusters.expected, found.clusters.right), (3, 3, 0));
        assert_eq!(evaluate(&[(1, 7), (2, 8)]).pairs.f1, 1.0);
    }
}
