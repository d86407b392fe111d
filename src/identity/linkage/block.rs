//! Which pairs are compared at all: those that share a key of some rule.
//!
//! Each rule makes keys of one or a few values. Its smallest blocks come first, until the rule has used up its pairs: what is rare tells most, and no rule can
//! run away. A pair is compared once, whatever number of rules find it.

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;
use serde::Serialize;

use super::fields::FieldType;
use super::table::{Field, NONE, Prepared, Value};
use crate::config::linkage::Part;

/// Parts that must all agree.
pub type Rule = Vec<Part>;

/// Rules for people and for organisations. Those of fields that the records do not have cost nothing.
pub fn default_rules() -> Vec<Rule> {
    use Part::*;
    vec![
        vec![Identifier],
        vec![Email],
        vec![Phone],
        vec![BothNames],
        vec![FamilyName, DateOfBirth],
        vec![GivenName, DateOfBirth],
        vec![DateOfBirth, Postcode],
        vec![Street, HouseNumber],
        vec![EmailLocalPart],
        vec![FamilySound, GivenInitial, BirthYear],
        vec![GivenSound, BirthMonthDay],
        vec![FamilySound, BirthMonthDay],
        vec![BothSounds],
        vec![FamilySound, Postcode],
        vec![GivenName, Postcode],
        vec![FamilyName, City],
        vec![GivenName, City, BirthYear],
        vec![PhoneEnd],
        vec![Postcode, HouseNumber],
        vec![GivenInitial, FamilyInitial, BirthMonthDay],
        vec![GivenInitial, FamilyInitial, Postcode],
        vec![DateOfBirth],
        vec![FamilyName, Street],
        vec![GivenName, Street],
        vec![FamilyName, Text],
        vec![GivenName, BirthYear, Text],
        vec![FamilyName],
        vec![Postcode],
        vec![Organisation],
        vec![OrganisationStart, City],
        vec![OrganisationSound],
        vec![OrganisationWord],
        vec![EmailDomain],
        vec![OrganisationStart, Postcode],
        vec![OrganisationStart],
        vec![City, Street],
    ]
}

/// What a rule found and cost.
#[derive(Debug, Clone, Serialize)]
pub struct RuleReport {
    pub rule: Rule,
    /// Pairs in its blocks.
    pub pairs: u64,
    /// Pairs that no earlier rule had.
    pub new_pairs: u64,
    pub largest_block: u64,
    /// Blocks left out because the rule's pairs were used up, and their pairs.
    pub skipped_blocks: u64,
    pub skipped_pairs: u64,
}

/// Blocks of all rules.
#[derive(Debug, Default)]
pub struct Blocks {
    /// Of each rule: the members of all blocks, one block after the other, ascending.
    members: Vec<Vec<u32>>,
    /// Of each rule: where its blocks begin in the members, and their end.
    starts: Vec<Vec<u32>>,
    /// Of each rule, of each record: its blocks (`NONE`-terminated for one key a record; several for several values).
    of: Vec<Vec<(u32, u32)>>,
    /// Of each rule: where a record's blocks begin in `of`.
    offsets: Vec<Vec<u32>>,
    /// Of each rule, of each block: whether an earlier run left it out. Empty: nothing is known of an earlier run.
    was_wide: Vec<Vec<bool>>,
    /// The rules' numbers and the keys of blocks that are left out.
    pub wide: Vec<(u32, u64)>,
    pub reports: Vec<RuleReport>,
    /// About so many pairs are in the blocks, those for training among them.
    pub training_pairs: u64,
}

impl Blocks {
    /// Calls `visit` with each record of a smaller number that shares a block with `record`, once, with the rule and the block. `seen` holds, of each record, the last one that met it.
    pub fn partners(&self, record: u32, seen: &mut [u32], training: bool, mut visit: impl FnMut(u32, (usize, u32))) {
        for rule in 0..self.members.len() {
            let most = if training { usize::MAX } else { self.reports[rule].largest_block as usize };
            let offsets = &self.offsets[rule];
            for (_, block) in &self.of[rule][offsets[record as usize] as usize..offsets[record as usize + 1] as usize] {
                let from = self.starts[rule][*block as usize] as usize;
                let to = self.starts[rule][*block as usize + 1] as usize;
                if to - from > most {
                    continue;
                }
                for other in &self.members[rule][from..to] {
                    if *other >= record {
                        break;
                    }
                    if seen[*other as usize] != record {
                        seen[*other as usize] = record;
                        visit(*other, (rule, *block));
                    }
                }
            }
        }
    }

    /// Whether an earlier run left out the block.
    pub fn was_wide(&self, (rule, block): (usize, u32)) -> bool {
        self.was_wide[rule].get(block as usize).copied().unwrap_or(true)
    }
}

/// Makes the blocks: those of up to `pairs_per_rule` pairs for comparing, and for training up to `training_pairs`.
///
/// `left_out` are blocks that an earlier run left out; None where nothing is known of one.
pub fn blocks(
    data: &Prepared,
    rules: &[Rule],
    pairs_per_rule: u64,
    training_pairs: u64,
    left_out: Option<&HashSet<(u32, u64)>>,
) -> Blocks {
    let mut all = Blocks::default();
    for (place, rule) in rules.iter().enumerate() {
        let place = place as u32;
        let Some(mut keys) = keys(data, rule) else { continue };
        keys.par_sort_unstable();
        keys.dedup();
        // Blocks by size: how many pairs would all blocks of at most this size be?
        let mut by_size: HashMap<u64, (u64, u64)> = HashMap::new();
        for block in keys.chunk_by(|a, b| a.0 == b.0) {
            let size = block.len() as u64;
            let held = by_size.entry(size).or_default();
            *held = (held.0 + 1, held.1 + size * (size - 1) / 2);
        }
        let mut sizes: Vec<(u64, (u64, u64))> = by_size.into_iter().collect();
        sizes.sort_unstable();
        let mut report = RuleReport {
            rule: rule.clone(),
            pairs: 0,
            new_pairs: 0,
            largest_block: 0,
            skipped_blocks: 0,
            skipped_pairs: 0,
        };
        let (mut for_training, mut largest_of_training) = (0u64, 0u64);
        for (size, (count, pairs)) in sizes {
            if for_training.saturating_add(pairs) <= training_pairs {
                for_training += pairs;
                largest_of_training = size;
            } else {
                for_training = u64::MAX;
            }
            // Once a size is left out, larger ones are too: which blocks count does not hang on the order of records.
            if report.skipped_blocks == 0 && report.pairs + pairs <= pairs_per_rule {
                report.pairs += pairs;
                report.largest_block = size;
            } else {
                report.skipped_blocks += count;
                report.skipped_pairs += pairs;
            }
        }
        if report.pairs == 0 && report.skipped_pairs == 0 {
            continue;
        }
        let (mut members, mut starts, mut of) = (Vec::new(), Vec::new(), Vec::new());
        let mut was_wide = Vec::new();
        for block in keys.chunk_by(|a, b| a.0 == b.0) {
            if block.len() as u64 > report.largest_block && block.len() > 1 {
                all.wide.push((place, block[0].0));
            }
            if block.len() < 2 || block.len() as u64 > largest_of_training {
                continue;
            }
            let number = starts.len() as u32;
            starts.push(members.len() as u32);
            if let Some(left_out) = left_out {
                was_wide.push(left_out.contains(&(place, block[0].0)));
            }
            for (_, record) in block {
                members.push(*record);
                of.push((*record, number));
            }
        }
        starts.push(members.len() as u32);
        of.par_sort_unstable();
        let mut offsets = Vec::with_capacity(data.records + 1);
        let mut at = 0;
        for record in 0..=data.records as u32 {
            while at < of.len() && of[at].0 < record {
                at += 1;
            }
            offsets.push(at as u32);
        }
        all.was_wide.push(was_wide);
        all.members.push(members);
        all.starts.push(starts);
        all.of.push(of);
        all.offsets.push(offsets);
        all.training_pairs += if for_training == u64::MAX { training_pairs } else { for_training };
        all.reports.push(report);
    }
    all
}

/// A hash that is the same on every machine.
fn mix(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = hash ^ 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    spread(hash)
}

pub fn spread(hash: u64) -> u64 {
    let mut h = hash;
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// Key and record. None where the data have no such field.
fn keys(data: &Prepared, rule: &Rule) -> Option<Vec<(u64, u32)>> {
    // Of each part: hashes of each value, made once.
    let parts: Option<Vec<PartKeys>> = rule.iter().map(|p| part_keys(data, *p)).collect();
    let parts = parts?;
    let per_record = (0..data.records).into_par_iter().with_min_len(4096).fold(Vec::new, |mut out, record| {
        // Several values of a part (two phones) give several keys.
        let mut so_far: Vec<u64> = vec![0x9e37_79b9_7f4a_7c15];
        for part in &parts {
            let mut next = Vec::new();
            part.of(record, |hash| next.extend(so_far.iter().map(|k| spread(k.rotate_left(5) ^ hash))));
            so_far = next;
            if so_far.is_empty() {
                break;
            }
        }
        out.extend(so_far.into_iter().map(|k| (k, record as u32)));
        out
    });
    Some(per_record.reduce(Vec::new, |mut a, mut b| {
        a.append(&mut b);
        a
    }))
}

/// The hashes that a part of a key has.
enum PartKeys<'a> {
    /// Hashes of each value of these fields; 0 is none.
    Values(Vec<(&'a Field, Vec<u64>)>),
    /// Both names, whichever comes first.
    Both { given: (&'a Field, Vec<u64>), family: (&'a Field, Vec<u64>) },
    /// Each word of a value.
    Words(&'a Field, Vec<Vec<u64>>),
}

impl PartKeys<'_> {
    fn of(&self, record: usize, mut take: impl FnMut(u64)) {
        match self {
            PartKeys::Values(fields) => {
                for (field, hashes) in fields {
                    field.of(record).iter().map(|v| hashes[*v as usize]).filter(|h| *h != 0).for_each(&mut take);
                }
            }
            PartKeys::Both { given, family } => {
                let (g, f) = (given.0.first(record), family.0.first(record));
                if g != NONE && f != NONE {
                    let (g, f) = (given.1[g as usize], family.1[f as usize]);
                    if g != 0 && f != 0 {
                        take(spread(g.wrapping_add(f)));
                    }
                }
            }
            PartKeys::Words(field, hashes) => {
                field.of(record).iter().flat_map(|v| &hashes[*v as usize]).copied().for_each(take);
            }
        }
    }
}

fn part_keys(data: &Prepared, part: Part) -> Option<PartKeys<'_>> {
    use FieldType as F;
    fn hashed(field: &Field, of: impl Fn(&Value) -> &str) -> Vec<u64> {
        field
            .values
            .iter()
            .map(|v| match of(v) {
                "" => 0,
                text => mix(1, text.as_bytes()) | 1,
            })
            .collect()
    }
    fn head(text: &str, letters: usize) -> &str {
        text.char_indices().nth(letters).map_or(text, |(at, _)| &text[..at])
    }
    let one = |kind: F, of: fn(&Value) -> &str| {
        let fields: Vec<_> = data.fields.iter().filter(|f| f.kind == kind).map(|f| (f, hashed(f, of))).collect();
        (!fields.is_empty()).then_some(PartKeys::Values(fields))
    };
    let own = |kind: F, of: fn(&Value) -> Option<u64>| {
        let field = data.field(kind)?;
        let hashes = field.values.iter().map(|v| of(v).map_or(0, |n| spread(n + 1) | 1)).collect();
        Some(PartKeys::Values(vec![(field, hashes)]))
    };
    let (given, family) = (&data.fields[data.given], &data.fields[data.family]);
    match part {
        Part::GivenName => one(F::GivenName, |v| &v.text),
        Part::FamilyName => one(F::FamilyName, |v| &v.text),
        Part::BothNames => Some(PartKeys::Both {
            given: (given, hashed(given, |v| &v.text)),
            family: (family, hashed(family, |v| &v.text)),
        }),
        Part::BothSounds => Some(PartKeys::Both {
            given: (given, hashed(given, |v| &v.sound)),
            family: (family, hashed(family, |v| &v.sound)),
        }),
        Part::GivenSound => one(F::GivenName, |v| &v.sound),
        Part::FamilySound => one(F::FamilyName, |v| &v.sound),
        Part::GivenInitial => one(F::GivenName, |v| head(&v.text, 1)),
        Part::FamilyInitial => one(F::FamilyName, |v| head(&v.text, 1)),
        Part::DateOfBirth => own(F::DateOfBirth, |v| {
            v.date
                .filter(|d| d.day != 0)
                .map(|d| u64::from(d.year) * 10_000 + u64::from(d.month) * 100 + u64::from(d.day))
        }),
        Part::BirthYear => own(F::DateOfBirth, |v| v.date.map(|d| u64::from(d.year))),
        Part::BirthMonthDay => {
            own(F::DateOfBirth, |v| v.date.filter(|d| d.day != 0).map(|d| u64::from(d.month) * 100 + u64::from(d.day)))
        }
        Part::Email => one(F::Email, |v| &v.text),
        Part::EmailLocalPart => one(F::Email, |v| if v.part.len() >= 5 { &v.part } else { "" }),
        Part::EmailDomain => {
            let free = &super::lexicon::get().freemail_domains;
            let field = data.field(F::Email)?;
            let domain =
                |v: &Value| v.text.split_once('@').map(|(_, d)| d.to_string()).filter(|d| !free.contains(d.as_str()));
            let hashes = field.values.iter().map(|v| domain(v).map_or(0, |d| mix(1, d.as_bytes()) | 1)).collect();
            Some(PartKeys::Values(vec![(field, hashes)]))
        }
        Part::Phone => one(F::Phone, |v| &v.text),
        Part::PhoneEnd => one(F::Phone, |v| &v.part),
        Part::Street => one(F::Street, |v| &v.text),
        Part::HouseNumber => one(F::HouseNumber, |v| &v.text),
        Part::Postcode => one(F::Postcode, |v| &v.text),
        Part::PostcodeArea => one(F::Postcode, |v| head(&v.text, 3)),
        Part::City => one(F::City, |v| &v.text),
        Part::Organisation => one(F::Organisation, |v| &v.text),
        Part::OrganisationStart => one(F::Organisation, |v| v.tokens.first().map_or("", |t| t)),
        Part::OrganisationSound => one(F::Organisation, |v| &v.sound),
        Part::OrganisationWord => {
            let field = data.field(F::Organisation)?;
            let words = |v: &Value| v.tokens.iter().filter(|t| t.len() > 2).map(|t| mix(1, t.as_bytes())).collect();
            Some(PartKeys::Words(field, field.values.iter().map(words).collect()))
        }
        Part::Identifier => one(F::Identifier, |v| &v.text),
        Part::Text => {
            let of_text = data.fields.iter().filter(|f| matches!(f.kind, F::Text | F::AddressPart));
            let fields: Vec<_> = of_text.map(|f| (f, hashed(f, |v| &v.text))).collect();
            (!fields.is_empty()).then_some(PartKeys::Values(fields))
        }
    }
}
