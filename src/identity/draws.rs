//! Who might be one? Seeded draws of the doubtful links, by what is known of how often such links are right.
//!
//! What was decided and what equal evidence links is sure. Of all the rest, the strongest pairs that connect the records without a circle are drawn: two
//! customers are one question, however many pairs of their records ask it. A draw accepts each of these pairs as often as pairs of its band turned out right.
//! Whole numbers only: the same draws on every machine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::exact::Forest;
use super::linkage::cluster::By;
use super::linkage::evaluate::{BANDS, Band, band};
use super::linkage::rounded;
use super::{Link, Resolution};
use crate::config::project::Label;

/// What the draws tell.
#[derive(Debug, Default)]
pub struct Draws {
    /// Of each band of probability; empty without a model.
    pub bands: Vec<Calibrated>,
    /// Pairs that draws are about, the smaller index first.
    pub pairs: HashSet<(u32, u32)>,
    /// How many customers there are in each draw. Empty where the probabilities were not measured.
    pub customers: Vec<i64>,
    /// In order of draw and customer.
    pub changes: Vec<Change>,
    /// The records of each customer that only draws know, in order.
    pub members: Vec<(Arc<str>, u32)>,
}

/// Whether probabilities of a band mean what they say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calibrated {
    /// That draws are about.
    pub pairs: u64,
    /// Of which it is known whether they are right.
    pub measured: Band,
    /// On enough pairs: draws go by it.
    is_known: bool,
    /// The same, or too few pairs hang on it.
    pub is_measured: bool,
}

/// A customer of the tables who is not there in a draw (-1), or one who is there instead (1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub draw: u32,
    pub customer: Arc<str>,
    pub change: i64,
}

/// Pairs of which the truth must be known before a band counts as measured; all will do where there are fewer.
const ENOUGH: u64 = 30;
/// A band with less than one pair in so many needs no measure.
const NEGLIGIBLE: u64 = 100;
/// Rows of changes that are made, about: with more doubt there are fewer draws.
const MOST_CHANGES: f64 = 5_000_000.0;
const FEWEST_DRAWS: u32 = 20;
/// No share is thought to be known better than from so many pairs.
const MOST_MEASURED: u64 = 5_000;
/// Seeds of the random numbers.
const OF_PAIRS: u64 = 0x7572_616d_616b_6931;
const OF_BANDS: u64 = 0x7572_616d_616b_6932;
/// Random numbers have so many bits.
const BITS: u32 = 53;

/// A pair that a draw accepts or not.
#[derive(Debug, Clone, Copy)]
struct Question {
    left: u32,
    right: u32,
    /// Six decimals.
    probability: f64,
    /// The tables have it.
    is_link: bool,
}

/// Calibrates and draws. Of the records that `labels` name, it is known who is who.
pub fn draw(resolution: &Resolution, labels: &[Label], wanted: u32) -> Draws {
    let records = resolution.records.len();
    let mut sure = Forest::new(records);
    for link in resolution.links.iter().filter(|l| is_sure(l.by)) {
        sure.unite(link.left, link.right);
    }
    let mut whole = sure.clone();
    let questions = questions(resolution, &mut whole);
    let bands = calibrate(resolution, &questions, labels);
    let pairs = questions.iter().map(|q| (q.left, q.right)).collect();
    if bands.iter().any(|b| !b.is_measured) {
        return Draws { bands, pairs, ..Draws::default() };
    }
    let draws = bounded(wanted, &questions, &bands);
    let shares = Shares::new(&bands, draws);
    let groups = groups(resolution, questions, &mut sure, &mut whole);
    let drawn: Vec<Drawn> = groups.par_iter().map(|g| g.draw(resolution, &shares, draws)).collect();
    let published = resolution.customers.iter().collect::<HashSet<_>>().len() as i64;
    let mut customers = vec![published; draws as usize];
    let mut of_piece: HashMap<u32, Vec<u32>> = HashMap::new();
    for record in 0..records {
        of_piece.entry(sure.root(record) as u32).or_default().push(record as u32);
    }
    let (mut changes, mut members) = (Vec::new(), Vec::new());
    for part in drawn {
        part.changes.iter().for_each(|c| customers[c.draw as usize] += c.change);
        changes.extend(part.changes);
        for (name, pieces) in part.customers {
            let records = pieces.iter().flat_map(|p| of_piece[p].iter());
            members.extend(records.map(|r| (name.clone(), *r)));
        }
    }
    changes.sort_unstable();
    members.sort_unstable();
    Draws { bands, pairs, customers, changes, members }
}

impl Draws {
    /// Whether draws are about a link.
    pub fn is_about(&self, link: &Link) -> bool {
        !is_sure(link.by) && self.pairs.contains(&(link.left.min(link.right) as u32, link.left.max(link.right) as u32))
    }
}

fn is_sure(by: By) -> bool {
    matches!(by, By::Decided | By::Email | By::Phone)
}

/// The pairs that connect the records, the strongest first and none in a circle. `whole` holds what is sure, and then all that may be one.
fn questions(resolution: &Resolution, whole: &mut Forest) -> Vec<Question> {
    let by_model = resolution.links.iter().filter(|l| !is_sure(l.by)).map(|l| (l, true));
    let mut all: Vec<Question> = by_model
        .chain(resolution.doubtful.iter().map(|l| (l, false)))
        .map(|(l, is_link)| Question {
            left: l.left.min(l.right) as u32,
            right: l.left.max(l.right) as u32,
            probability: rounded(l.probability),
            is_link,
        })
        .collect();
    // Links first: so what they connect are the customers of the tables.
    all.sort_unstable_by(|a, b| {
        (b.is_link.cmp(&a.is_link))
            .then(b.probability.total_cmp(&a.probability))
            .then((a.left, a.right).cmp(&(b.left, b.right)))
    });
    all.retain(|q| whole.unite(q.left as usize, q.right as usize));
    all
}

/// Compares what the model says with what is known: from labels, and from what people decided.
fn calibrate(resolution: &Resolution, questions: &[Question], labels: &[Label]) -> Vec<Calibrated> {
    let mut bands = vec![Calibrated::default(); BANDS];
    let entities = entities(resolution, labels);
    let mut labelled = [0; BANDS];
    for question in questions {
        let of_band = &mut bands[band(question.probability)];
        of_band.pairs += 1;
        if let (Some(a), Some(b)) = (entities.get(&question.left), entities.get(&question.right)) {
            of_band.measured.count(question.probability, a == b);
            labelled[band(question.probability)] += 1;
        }
    }
    for (probability, is_same) in &resolution.judged {
        let probability = rounded(*probability);
        bands[band(probability)].measured.count(probability, *is_same);
    }
    let all: u64 = bands.iter().map(|b| b.pairs).sum();
    for (band, labelled) in bands.iter_mut().zip(labelled) {
        band.is_known = band.measured.pairs >= ENOUGH || (labelled > 0 && labelled == band.pairs);
        band.is_measured = band.is_known || band.pairs == 0 || band.pairs * NEGLIGIBLE < all;
    }
    bands
}

/// Of each record that has a label: whose it is.
fn entities<'a>(resolution: &Resolution, labels: &'a [Label]) -> HashMap<u32, &'a str> {
    let records = &resolution.records;
    let find = |label: &Label| {
        let name = (label.record.system.as_str(), label.record.object.as_str(), label.record.id.as_str());
        records.binary_search_by(|r| (&*r.system, &*r.object, &*r.id).cmp(&name)).ok()
    };
    labels.iter().filter_map(|l| Some((find(l)? as u32, l.entity.as_str()))).collect()
}

/// As many draws as are wanted, fewer where very much is doubtful.
fn bounded(wanted: u32, questions: &[Question], bands: &[Calibrated]) -> u32 {
    let open = |q: &Question| {
        let of_band = &bands[band(q.probability)];
        let share = of_band.measured.observed().filter(|_| of_band.is_known).unwrap_or(q.probability);
        // Two customers become one, or one becomes two: three rows.
        3.0 * if q.is_link { 1.0 - share } else { share }
    };
    let rows: f64 = questions.iter().map(open).sum();
    let most = (MOST_CHANGES / rows.max(1.0)).min(f64::from(u32::MAX)) as u32;
    wanted.min(most.max(FEWEST_DRAWS))
}

/// How often the pairs of each band are right, in each draw: how little is known of it is drawn too.
struct Shares {
    /// `[band][draw]`; None: too few pairs hang on it, and what the model says is taken.
    of_bands: Vec<Option<Vec<u64>>>,
}

impl Shares {
    fn new(bands: &[Calibrated], draws: u32) -> Shares {
        let of_band = |(band, held): (usize, &Calibrated)| {
            let (mut pairs, mut right) = (held.measured.pairs, held.measured.right);
            if !held.is_known {
                return None;
            }
            if pairs > MOST_MEASURED {
                right = (right * MOST_MEASURED + pairs / 2) / pairs;
                pairs = MOST_MEASURED;
            }
            let draw = |draw: u32| {
                let seed = mixed(OF_BANDS ^ ((band as u64) << 32 | u64::from(draw)));
                // The (r + 1)th of n + 1 random numbers is distributed as the share is, of which r of n pairs were right (Beta).
                let mut numbers: Vec<u64> = (0..=pairs).map(|i| random(seed, i)).collect();
                *numbers.select_nth_unstable(right as usize).1
            };
            Some((0..draws).map(draw).collect())
        };
        Shares { of_bands: bands.iter().enumerate().map(of_band).collect() }
    }

    fn of(&self, probability: f64, draw: u32) -> u64 {
        match &self.of_bands[band(probability)] {
            Some(shares) => shares[draw as usize],
            None => (probability * (1u64 << BITS) as f64) as u64,
        }
    }
}

/// A number below 2^53.
fn random(seed: u64, n: u64) -> u64 {
    mixed(seed ^ mixed(n)) >> (64 - BITS)
}

/// The finaliser of SplitMix64.
fn mixed(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Records that questions connect.
#[derive(Debug, Default)]
struct Group {
    questions: Vec<Question>,
    /// Records that no draw parts stand as one, by its first record; in order.
    pieces: Vec<u32>,
    /// Pieces of each question, as places in `pieces`.
    sides: Vec<(usize, usize)>,
    /// Places of pieces that a person keeps apart.
    apart: Vec<(usize, usize)>,
}

/// What the draws make of a group.
struct Drawn {
    changes: Vec<Change>,
    /// With their pieces.
    customers: Vec<(Arc<str>, Vec<u32>)>,
}

fn groups(resolution: &Resolution, questions: Vec<Question>, sure: &mut Forest, whole: &mut Forest) -> Vec<Group> {
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for question in questions {
        groups.entry(whole.root(question.left as usize)).or_default().questions.push(question);
    }
    for group in groups.values_mut() {
        let sides: Vec<(u32, u32)> = group
            .questions
            .iter()
            .map(|q| (sure.root(q.left as usize) as u32, sure.root(q.right as usize) as u32))
            .collect();
        group.pieces = sides.iter().flat_map(|(a, b)| [*a, *b]).collect();
        group.pieces.sort_unstable();
        group.pieces.dedup();
        group.sides = sides.iter().map(|(a, b)| (group.place(*a), group.place(*b))).collect();
    }
    for (a, b) in &resolution.apart {
        let root = whole.root(*a as usize);
        if root != whole.root(*b as usize) {
            continue;
        }
        if let Some(group) = groups.get_mut(&root) {
            let [a, b] = [*a, *b].map(|r| group.place(sure.root(r as usize) as u32));
            group.apart.push((a, b));
        }
    }
    groups.into_values().collect()
}

impl Group {
    fn place(&self, piece: u32) -> usize {
        self.pieces.partition_point(|p| *p < piece)
    }

    fn draw(&self, resolution: &Resolution, shares: &Shares, draws: u32) -> Drawn {
        let keys: Vec<u64> = self.questions.iter().map(|q| key(resolution, q)).collect();
        let customer = |place: usize| &resolution.customers[self.pieces[place] as usize];
        let mut sizes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        (0..self.pieces.len()).for_each(|p| *sizes.entry(customer(p)).or_default() += 1);
        let mut changes = Vec::new();
        let mut known: BTreeMap<Vec<u32>, Arc<str>> = BTreeMap::new();
        for draw in 0..draws {
            let accepts = |i: usize| random(keys[i], u64::from(draw)) < shares.of(self.questions[i].probability, draw);
            let accepted: Vec<bool> = (0..self.questions.len()).map(accepts).collect();
            if accepted.iter().zip(&self.questions).all(|(a, q)| *a == q.is_link) {
                continue;
            }
            let mut gone = sizes.clone();
            for places in self.sets(&accepted) {
                let first = customer(places[0]);
                if sizes[first] == places.len() && places.iter().all(|p| customer(*p) == first) {
                    gone.remove(first);
                    continue;
                }
                let next = known.len() + 1;
                let pieces = places.iter().map(|p| self.pieces[*p]).collect();
                let name = known.entry(pieces).or_insert_with(|| format!("{first}/{next}").into());
                changes.push(Change { draw, customer: name.clone(), change: 1 });
            }
            changes.extend(gone.into_keys().map(|c| Change { draw, customer: c.clone(), change: -1 }));
        }
        Drawn { changes, customers: known.into_iter().map(|(pieces, name)| (name, pieces)).collect() }
    }

    /// The pieces that the accepted questions join, as places; what a person keeps apart stays apart.
    fn sets(&self, accepted: &[bool]) -> Vec<Vec<usize>> {
        let mut forest = Forest::new(self.pieces.len());
        for ((a, b), _) in self.sides.iter().zip(accepted).filter(|(_, accepted)| **accepted) {
            let (a, b) = (forest.root(*a), forest.root(*b));
            let is_apart = self.apart.iter().any(|(l, r)| {
                let (l, r) = (forest.root(*l), forest.root(*r));
                (l, r) == (a, b) || (r, l) == (a, b)
            });
            if !is_apart {
                forest.unite(a, b);
            }
        }
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        (0..self.pieces.len()).for_each(|p| sets.entry(forest.root(p)).or_default().push(p));
        sets.into_values().collect()
    }
}

/// What a question's random numbers are made of: both records' names.
fn key(resolution: &Resolution, question: &Question) -> u64 {
    let mut digest = Sha256::new();
    for record in [question.left, question.right] {
        let record = &resolution.records[record as usize];
        for part in [&*record.system, &*record.object, &*record.id] {
            digest.update(part.as_bytes());
            digest.update("\u{1f}");
        }
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    OF_PAIRS ^ u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests;
