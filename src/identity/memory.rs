//! What a run remembers of its comparisons for the next one, as tables. Of a run that remembers nothing, they are empty.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};

use super::linkage::cluster::Pair;
use super::linkage::recall::Recall;
use super::tables::{PAIR_ORDER, Rows, TableSpec, chunks, of_pairs, texts};
use super::{Record, Resolution};
use crate::error::{Error, Result};

/// What a run compared, by its records' indices.
#[derive(Debug, Default)]
pub struct Memory {
    pub digests: Vec<u64>,
    pub pairs: Vec<Pair>,
    /// Rule and key of blocks that were too large to be compared.
    pub wide: Vec<(u32, u64)>,
}

pub const DIGEST: TableSpec = TableSpec {
    name: "identity.record_digest",
    description: "Of each record, a digest of all that its comparisons hang on: the next run does not compare again what is the same. Empty in mode exact.",
    columns: &[
        ("source_system", "text", false, "The system that holds the record."),
        ("source_object", "text", false, "The object in that system."),
        ("record_id", "text", false, "The record's key in its system, as text."),
        ("digest", "text", false, "Digest of the record's evidence in one form, the model and the rules."),
    ],
    order: &["source_system", "source_object", "record_id"],
};

pub const SCORED: TableSpec = TableSpec {
    name: "identity.scored_pair",
    description: "Every pair of records that the model compared and found possible (probability 0.02 and more), linked or not. Empty in mode exact.",
    columns: of_pairs![
        ("weight", "double", false, "Bits of evidence for one person."),
        ("probability", "double", false, "Probability that both are one person, by what the two records say."),
    ],
    order: PAIR_ORDER,
};

pub const WIDE: TableSpec = TableSpec {
    name: "identity.wide_block",
    description: "Values that too many records share to be compared by one blocking rule: their keys. Empty in mode exact.",
    columns: &[
        ("rule", "bigint", false, "The rule's place in the list of rules, from 0."),
        ("key", "text", false, "The block's key: a hash of its values."),
    ],
    order: &["rule", "key"],
};

/// The tables of what the run remembers.
pub fn rows(resolution: &Resolution) -> Result<Vec<Rows>> {
    let memory = &resolution.memory;
    let records = &resolution.records;
    let digests = chunks(memory.digests.len(), |range| {
        let part = &records[range.clone()];
        DIGEST.batch(vec![
            texts(part.iter().map(|r| Some(&*r.system))),
            texts(part.iter().map(|r| Some(&*r.object))),
            texts(part.iter().map(|r| Some(&*r.id))),
            hexes(memory.digests[range].iter().copied()),
        ])
    })?;
    let mut pairs: Vec<&Pair> = memory.pairs.iter().collect();
    pairs.sort_unstable_by_key(|p| (p.left, p.right));
    let pairs = chunks(pairs.len(), |range| {
        let part = &pairs[range];
        let side = |pick: fn(&Pair) -> u32, field: fn(&Record) -> &str| {
            texts(part.iter().map(move |p| Some(field(&records[pick(p) as usize]))))
        };
        SCORED.batch(vec![
            side(|p| p.left, |r| &r.system),
            side(|p| p.left, |r| &r.object),
            side(|p| p.left, |r| &r.id),
            side(|p| p.right, |r| &r.system),
            side(|p| p.right, |r| &r.object),
            side(|p| p.right, |r| &r.id),
            Arc::new(Float64Array::from_iter_values(part.iter().map(|p| p.weight))),
            Arc::new(Float64Array::from_iter_values(part.iter().map(|p| p.probability))),
        ])
    })?;
    let mut wide = memory.wide.clone();
    wide.sort_unstable();
    let wide = chunks(wide.len(), |range| {
        let part = &wide[range];
        WIDE.batch(vec![
            Arc::new(Int64Array::from_iter_values(part.iter().map(|(rule, _)| i64::from(*rule)))),
            hexes(part.iter().map(|(_, key)| *key)),
        ])
    })?;
    Ok(vec![(&DIGEST, digests), (&SCORED, pairs), (&WIDE, wide)])
}

fn hexes(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values.map(|v| format!("{v:016x}"))))
}

/// An earlier run's memory, as its tables hold it: digests, pairs and wide blocks.
#[derive(Debug, Default)]
pub struct Past {
    pub digests: Vec<RecordBatch>,
    pub pairs: Vec<RecordBatch>,
    pub wide: Vec<RecordBatch>,
}

impl Past {
    /// In terms of these records, which must stand in order; None where nothing is the same.
    pub fn recall(&self, records: &[Record], digests: &[u64]) -> Result<Option<Recall>> {
        let find = |system: &str, object: &str, id: &str| {
            records.binary_search_by(|r| (&*r.system, &*r.object, &*r.id).cmp(&(system, object, id))).ok()
        };
        let mut recall = Recall { same: vec![false; records.len()], ..Recall::default() };
        let mut any = false;
        for batch in &self.digests {
            let [system, object, id, digest] = strings(batch, [0, 1, 2, 3])?;
            for row in 0..batch.num_rows() {
                let Some(at) = find(system.value(row), object.value(row), id.value(row)) else { continue };
                recall.same[at] = u64::from_str_radix(digest.value(row), 16) == Ok(digests[at]);
                any |= recall.same[at];
            }
        }
        if !any {
            return Ok(None);
        }
        for batch in &self.pairs {
            let sides = strings(batch, [0, 1, 2, 3, 4, 5])?;
            let [weights, probabilities] = [6, 7].map(|i| batch.column(i).as_primitive_opt::<Float64Type>());
            let (Some(weights), Some(probabilities)) = (weights, probabilities) else { return Err(broken()) };
            for row in 0..batch.num_rows() {
                let [a, b, c, d, e, f] = sides.map(|s| s.value(row));
                let (Some(left), Some(right)) = (find(a, b, c), find(d, e, f)) else { continue };
                if recall.same[left] && recall.same[right] {
                    recall.pairs.push((right as u32, left as u32, probabilities.value(row), weights.value(row)));
                }
            }
        }
        recall.pairs.sort_unstable_by_key(|p| (p.0, p.1));
        for batch in &self.wide {
            let [keys] = strings(batch, [1])?;
            let Some(rules) = batch.column(0).as_primitive_opt::<Int64Type>() else { return Err(broken()) };
            for row in 0..batch.num_rows() {
                let (Ok(rule), Ok(key)) = (u32::try_from(rules.value(row)), u64::from_str_radix(keys.value(row), 16))
                else {
                    return Err(broken());
                };
                recall.wide.insert((rule, key));
            }
        }
        Ok(Some(recall))
    }
}

fn strings<const N: usize>(batch: &RecordBatch, columns: [usize; N]) -> Result<[&StringArray; N]> {
    if columns.iter().any(|i| batch.columns().get(*i).is_none_or(|c| c.as_string_opt::<i32>().is_none())) {
        return Err(broken());
    }
    Ok(columns.map(|i| batch.column(i).as_string::<i32>()))
}

fn broken() -> Error {
    Error::failed("the tables that identity remembers by have other columns than this program writes")
        .hint("`uramaki run --full-refresh` compares all records anew")
}
