//! Makes a model of the records themselves, without labels: u by sampling pairs, m and the kinds' shares by expectation maximisation.
//!
//! Every sum is taken over fixed chunks in a fixed order, and every sample by a hash: the same records give the same model, at any number of threads.

use rayon::prelude::*;

use super::Settings;
use super::block::{Blocks, Partners, spread};
use super::compare::{self, Likeness, MISSING, NOTHING};
use super::fields::FieldType;
use super::model::{
    self, CONTACT, FieldModel, MOVED, Model, NEIGHBOURS, SAME, STRANGERS, Scorer, VERSION, full_names, shares,
};
use super::table::{Field, Prepared};

/// Pairs of strangers that are sampled for u.
const RANDOM_PAIRS: u64 = 500_000;
/// Pairs of blocks that m is estimated from.
const TRAINING_PAIRS: u64 = 400_000;
/// Pairs that the expectations before data weigh as much as.
const PRIOR_PAIRS: f64 = 200.0;
/// And this share of the pairs that were seen.
const PRIOR_SHARE: f64 = 0.1;
/// What is expected of the kinds' shares weighs as much as so many records: of a hundred records, hardly a household is seen, but there may be some.
const PRIOR_RECORDS: f64 = 100.0;
/// Most pairs of one person that live in two places, for each that lives in one.
const MOST_MOVED: f64 = 0.5;
/// Most pairs of one person that differ in a field which both have.
const MOST_DIFFERENT: f64 = 0.35;
const ROUNDS: usize = 20;
/// So many namesakes tell nothing yet.
const FEW_NAMESAKES: f64 = 20.0;
const MOST_NAMESAKES: f64 = 30.0;
/// Pairs that are summed at a time.
const CHUNK: usize = 4_096;

/// Trains on the records and takes the shares of their values.
pub fn train(
    data: &mut Prepared,
    settings: &Settings,
    blocks: &Blocks,
    may_pair: &(impl Fn(u32, u32) -> bool + Sync),
) -> Model {
    let n = data.records as u64;
    // A value that few hold in a large company would name them: it is not written into the model.
    let least = if n >= 10_000 { 5 } else { 2 };
    let known = |field: &mut Field| {
        let shares = shares(field, least);
        field.take_shares(&shares);
        FieldModel::expected(field, shares)
    };
    let fields = data.fields.par_iter_mut().map(known).collect();
    let one_persons = data.most_of_one_person();
    let full_names = full_names(&data.both, one_persons);
    data.both.take_shares(&full_names);
    let pairs = (n * n.saturating_sub(1) / 2).max(1) as f64;
    let mut model = Model {
        version: VERSION,
        entity: settings.entity,
        records: n,
        is_general: false,
        kinds: first_kinds(n as f64, pairs),
        namesakes: 1.0,
        full_names,
        fields,
        link_at: settings.link_at,
        review_at: settings.review_at,
    };
    let random = random_pairs(data);
    let blocked = blocked_pairs(data, blocks, may_pair);
    tracing::debug!("pairs are sampled");
    unlikely(&mut model, &random, None);
    settings.comparisons.fix(&mut model);
    for round in 0..ROUNDS {
        let scorer = Scorer::new(&model);
        likely(&mut model, &scorer, &blocked, pairs, n as f64);
        settings.comparisons.fix(&mut model);
        // Pairs of one person among the sampled ones are no strangers.
        if round < 6 {
            let scorer = Scorer::new(&model);
            unlikely(&mut model, &random, Some(&scorer));
            settings.comparisons.fix(&mut model);
        }
    }
    model
}

/// How often strangers agree in fields of which a general model knows only what is expected. The data have taken the model's shares.
pub fn sample_unknown(model: &mut Model, data: &Prepared, unknown: &[usize]) {
    if unknown.is_empty() {
        return;
    }
    let random = random_pairs(data);
    let mut sampled = model.clone();
    unlikely(&mut sampled, &random, None);
    for round in 0..2 {
        for place in unknown {
            model.fields[*place] = sampled.fields[*place].clone();
        }
        // Pairs of one person among the sampled ones are no strangers.
        if round == 0 {
            unlikely(&mut sampled, &random, Some(&Scorer::new(model)));
        }
    }
}

/// What is expected before data are seen: one pair of one person for every second record.
fn first_kinds(n: f64, pairs: f64) -> Vec<f64> {
    let of = |per_record: f64| (per_record * n / pairs).min(0.2);
    let mut kinds = vec![of(0.4), of(0.1), of(0.1), of(0.05), of(0.05), of(0.5)];
    kinds.push(1.0 - kinds.iter().sum::<f64>());
    kinds
}

/// Pairs alike in some way, and whether they are of organisations; and how many pairs each stands for.
struct Sample {
    width: usize,
    likeness: Vec<Likeness>,
    organisations: Vec<bool>,
    each: f64,
}

impl Sample {
    fn pairs(&self) -> impl IndexedParallelIterator<Item = (&[Likeness], &[bool])> {
        self.likeness.par_chunks(self.width * CHUNK).zip(self.organisations.par_chunks(CHUNK))
    }
}

fn random_pairs(data: &Prepared) -> Sample {
    let n = data.records as u64;
    let all = n * n.saturating_sub(1) / 2;
    let width = data.fields.len();
    let pairs: Vec<(usize, usize)> = if all <= RANDOM_PAIRS {
        (0..data.records).flat_map(|a| (0..a).map(move |b| (a, b))).collect()
    } else {
        let pick = |k: u64| (spread(2 * k + 1) % n, spread((2 * k + 2) ^ 0x5bd1_e995) % n);
        (0..RANDOM_PAIRS).map(pick).filter(|(a, b)| a != b).map(|(a, b)| (a as usize, b as usize)).collect()
    };
    collect(data, width, &pairs, all as f64 / pairs.len().max(1) as f64)
}

fn collect(data: &Prepared, width: usize, pairs: &[(usize, usize)], each: f64) -> Sample {
    let likeness = pairs
        .par_chunks(CHUNK)
        .flat_map_iter(|chunk| {
            let mut out = Vec::with_capacity(chunk.len() * width);
            let mut pair = vec![NOTHING; width];
            for (a, b) in chunk {
                compare::compare(data, *a, *b, &mut pair);
                out.extend_from_slice(&pair);
            }
            out
        })
        .collect();
    let organisations = pairs.iter().map(|(a, b)| data.of_organisations(*a, *b)).collect();
    Sample { width, likeness, organisations, each }
}

fn blocked_pairs(data: &Prepared, blocks: &Blocks, may_pair: &(impl Fn(u32, u32) -> bool + Sync)) -> Sample {
    let expected = blocks.training_pairs;
    // Whole records are sampled: all their pairs or none.
    let rate = (TRAINING_PAIRS as f64 / expected.max(1) as f64).min(1.0);
    let limit = (rate * u64::MAX as f64) as u64;
    let chosen: Vec<u32> =
        (0..data.records as u32).filter(|r| rate >= 1.0 || spread(u64::from(*r) + 77) <= limit).collect();
    let pairs: Vec<(usize, usize)> = chosen
        .par_chunks(chosen.len().div_ceil(16).max(1))
        .map(|chunk| {
            let (mut partners, mut out) = (Partners::default(), Vec::new());
            for record in chunk {
                for other in blocks.partners(*record, true, &mut partners).iter().map(|p| p.record) {
                    if may_pair(*record, other) && super::comparable(data, *record as usize, other as usize) {
                        out.push((*record as usize, other as usize));
                    }
                }
            }
            out
        })
        .flatten_iter()
        .collect();
    collect(data, data.fields.len(), &pairs, 1.0 / rate)
}

/// u of each level among pairs of strangers.
fn unlikely(model: &mut Model, random: &Sample, scorer: Option<&Scorer>) {
    let parts: Vec<Vec<Vec<f64>>> = random
        .pairs()
        .map(|(chunk, organisations)| {
            let mut sums = zeros(model);
            for (pair, organisations) in chunk.chunks(random.width).zip(organisations) {
                let weight = scorer.map_or(1.0, |s| s.kinds(pair, *organisations)[STRANGERS]);
                add(&mut sums, pair, weight);
            }
            sums
        })
        .collect();
    let sums = total(model, parts);
    for (field, sums) in model.fields.iter_mut().zip(sums) {
        let all: f64 = sums.iter().sum();
        let count = field.levels.len() as f64;
        for (level, sum) in field.levels.iter_mut().zip(sums) {
            level.u = (sum + 0.5 / count) / (all + 0.5);
        }
    }
}

/// m of each level, and the kinds' shares, from the blocked pairs.
fn likely(model: &mut Model, scorer: &Scorer, blocked: &Sample, pairs: f64, n: f64) {
    let is_place: Vec<bool> = model.fields.iter().map(|f| model::is_place(f.kind)).collect();
    let parts: Vec<(Vec<Vec<f64>>, [f64; 7], f64)> = blocked
        .pairs()
        .map(|(chunk, organisations)| {
            let (mut sums, mut kinds, mut namesakes) = (zeros(model), [0.0; 7], 0.0);
            for (pair, organisations) in chunk.chunks(blocked.width).zip(organisations) {
                let of = scorer.kinds(pair, *organisations);
                for (sum, one) in kinds.iter_mut().zip(of) {
                    *sum += one;
                }
                if scorer.are_namesakes(pair) {
                    namesakes += of[STRANGERS] + of[NEIGHBOURS] + of[CONTACT];
                }
                for (place, (sum, like)) in sums.iter_mut().zip(pair).enumerate() {
                    if like.level != MISSING {
                        // Of those who moved, the address tells nothing.
                        sum[like.level as usize] += of[SAME] + if is_place[place] { 0.0 } else { of[MOVED] };
                    }
                }
            }
            (sums, kinds, namesakes)
        })
        .collect();
    let mut kinds = [0.0; 7];
    for (_, part, _) in &parts {
        for (sum, one) in kinds.iter_mut().zip(part) {
            *sum += one;
        }
    }
    let found: f64 = parts.iter().map(|p| p.2).sum::<f64>() * blocked.each;
    let u =
        |kind: FieldType, level: usize| model.fields.iter().find(|f| f.kind == kind).map_or(0.0, |f| f.levels[level].u);
    let by_chance = pairs * u(FieldType::GivenName, 1) * u(FieldType::FamilyName, 0);
    model.namesakes = ((found + FEW_NAMESAKES) / (by_chance + FEW_NAMESAKES)).clamp(1.0, MOST_NAMESAKES);
    let sums = total(model, parts.into_iter().map(|p| p.0).collect());
    let first = first_kinds(n, pairs);
    for kind in 0..STRANGERS {
        let prior = first[kind] * pairs * (PRIOR_RECORDS / n).clamp(0.02, 1.0) + 1.0;
        model.kinds[kind] = ((kinds[kind] * blocked.each + prior) / pairs).min(0.4);
    }
    // People move, but most records of one person show where they live now.
    model.kinds[MOVED] = model.kinds[MOVED].min(MOST_MOVED * model.kinds[SAME]);
    model.kinds[STRANGERS] = (1.0 - model.kinds[..STRANGERS].iter().sum::<f64>()).max(1e-6);
    for (field, sums) in model.fields.iter_mut().zip(sums) {
        let all: f64 = sums.iter().sum();
        let prior = PRIOR_PAIRS + PRIOR_SHARE * all;
        for ((level, spec), sum) in field.levels.iter_mut().zip(compare::levels(field.kind)).zip(sums) {
            level.m = (sum + prior * spec.prior) / (all + prior);
        }
        // What is different in most pairs of one person is not what it is called: the pairs are not of one person.
        let (alike, differing) = field.levels.split_at_mut(compare::first_different(field.kind));
        let different: f64 = differing.iter().map(|l| l.m).sum();
        if different > MOST_DIFFERENT {
            alike.iter_mut().for_each(|l| l.m *= (1.0 - MOST_DIFFERENT) / (1.0 - different));
            differing.iter_mut().for_each(|l| l.m *= MOST_DIFFERENT / different);
        }
    }
}

fn zeros(model: &Model) -> Vec<Vec<f64>> {
    model.fields.iter().map(|f| vec![0.0; f.levels.len()]).collect()
}

fn add(sums: &mut [Vec<f64>], pair: &[Likeness], weight: f64) {
    for (sum, like) in sums.iter_mut().zip(pair) {
        if like.level != MISSING {
            sum[like.level as usize] += weight;
        }
    }
}

fn total(model: &Model, parts: Vec<Vec<Vec<f64>>>) -> Vec<Vec<f64>> {
    let mut sums = zeros(model);
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            for (to, from) in sum.iter_mut().zip(part) {
                *to += from;
            }
        }
    }
    sums
}
