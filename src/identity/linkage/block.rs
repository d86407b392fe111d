//! Which pairs are compared at all: those that share a key of some rule.
//!
//! Each rule makes keys of one or a few values. Its smallest blocks come first, until the rule has used up its pairs: what is rare tells most, and no rule can
//! run away. A pair is compared once, whatever number of rules find it.

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;
use serde::Serialize;

use super::fields::FieldType;
use super::prefetch::prefetch;
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
    /// Blocks that are compared.
    #[serde(skip)]
    pub blocks: u64,
    /// Blocks left out because the rule's pairs were used up, or all of them because the rule finds next to nothing; and their pairs.
    pub skipped_blocks: u64,
    pub skipped_pairs: u64,
}

/// Blocks of all rules.
#[derive(Debug, Default)]
pub struct Blocks {
    rules: Vec<RuleBlocks>,
    /// The rules' numbers and the keys of blocks that are left out.
    pub wide: Vec<(u32, u64)>,
    pub reports: Vec<RuleReport>,
    /// About so many pairs are in the blocks, those for training among them.
    pub training_pairs: u64,
}

#[derive(Debug)]
struct RuleBlocks {
    /// The members of all blocks, one block after the other, ascending.
    members: Vec<u32>,
    /// In order of records; those that are the first of their block have none.
    places: Vec<Place>,
    /// Of each record: where its places begin, and their end.
    offsets: Vec<u32>,
    /// Where blocks begin that an earlier run left out. None: nothing is known of an earlier run.
    were_wide: Option<HashSet<u32>>,
}

/// Where a record stands among a rule's members: those of its block that are smaller stand just before it.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// Where the block begins; with [`FOR_TRAINING`], where it is too wide for comparing.
    from: u32,
    at: u32,
}

const FOR_TRAINING: u32 = 1 << 31;

impl RuleBlocks {
    fn places(&self, record: u32) -> &[Place] {
        &self.places[self.offsets[record as usize] as usize..self.offsets[record as usize + 1] as usize]
    }
}

/// A record that shares a block with another.
#[derive(Debug, Clone, Copy)]
pub struct Partner {
    pub record: u32,
    /// The first rule that has both in one block, and where that block begins.
    pub rule: u32,
    from: u32,
}

/// Partners of one record after another, in room that is used again.
#[derive(Debug)]
pub struct Partners {
    found: Vec<Partner>,
    /// A hash table of their numbers, small enough to stay near.
    slots: Vec<u32>,
}

const FEW_SLOTS: usize = 1024;
const MANY_SLOTS: usize = 8 * FEW_SLOTS;

impl Default for Partners {
    fn default() -> Partners {
        Partners { found: Vec::new(), slots: vec![NONE; FEW_SLOTS] }
    }
}

impl Partners {
    fn clear(&mut self) {
        self.found.clear();
        if self.slots.len() > MANY_SLOTS {
            self.slots = vec![NONE; FEW_SLOTS];
        }
        self.slots.fill(NONE);
    }

    /// Takes a partner that is not there yet.
    fn add(&mut self, partner: Partner) {
        if self.note(partner.record) {
            self.found.push(partner);
        }
        if self.found.len() * 2 > self.slots.len() {
            self.slots = vec![NONE; self.slots.len() * 4];
            for at in 0..self.found.len() {
                self.note(self.found[at].record);
            }
        }
    }

    /// Whether the record is new.
    fn note(&mut self, record: u32) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = record.wrapping_mul(0x9e37_79b1).rotate_right(15) as usize & mask;
        while self.slots[at] != NONE {
            if self.slots[at] == record {
                return false;
            }
            at = (at + 1) & mask;
        }
        self.slots[at] = record;
        true
    }
}

impl Blocks {
    /// Finds each record of a smaller number that shares a block with `record`, once. Those of blocks for training count only where that is done.
    pub fn partners<'a>(&self, record: u32, training: bool, partners: &'a mut Partners) -> &'a [Partner] {
        partners.clear();
        for (rule, blocks) in (0..).zip(&self.rules) {
            for place in blocks.places(record) {
                if place.from & FOR_TRAINING != 0 && !training {
                    continue;
                }
                let from = place.from & !FOR_TRAINING;
                for other in &blocks.members[from as usize..place.at as usize] {
                    partners.add(Partner { record: *other, rule, from });
                }
            }
        }
        &partners.found
    }

    /// Asks the machine for what [`Blocks::partners`] will read of the record.
    pub fn prefetch(&self, record: usize) {
        for blocks in self.rules.iter().filter(|b| record + 1 < b.offsets.len()) {
            for place in blocks.places(record as u32).iter().filter(|p| p.from & FOR_TRAINING == 0) {
                prefetch(&blocks.members, place.from as usize, place.at as usize);
            }
        }
    }

    /// Leaves out all blocks of a rule.
    pub fn drop_rule(&mut self, rule: usize) {
        let (blocks, report) = (&mut self.rules[rule], &mut self.reports[rule]);
        report.skipped_blocks += report.blocks;
        report.skipped_pairs += report.pairs;
        (report.blocks, report.pairs, report.largest_block) = (0, 0, 0);
        (blocks.members, blocks.places) = (Vec::new(), Vec::new());
        blocks.offsets.fill(0);
    }

    /// Whether an earlier run left out the block that the partner was found in.
    pub fn was_wide(&self, partner: &Partner) -> bool {
        self.rules[partner.rule as usize].were_wide.as_ref().is_none_or(|wide| wide.contains(&partner.from))
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
    let made: Vec<OfRule> = rules
        .par_iter()
        .enumerate()
        .filter_map(|(place, rule)| of_rule(data, (place as u32, rule), pairs_per_rule, training_pairs, left_out))
        .collect();
    let mut all = Blocks::default();
    for one in made {
        all.rules.push(one.blocks);
        all.reports.push(one.report);
        all.wide.extend(one.wide);
        all.training_pairs += one.training_pairs;
    }
    all
}

/// What one rule gives.
struct OfRule {
    blocks: RuleBlocks,
    report: RuleReport,
    wide: Vec<(u32, u64)>,
    training_pairs: u64,
}

/// None: the rule has no pairs.
fn of_rule(
    data: &Prepared,
    (place, rule): (u32, &Rule),
    pairs_per_rule: u64,
    training_pairs: u64,
    left_out: Option<&HashSet<(u32, u64)>>,
) -> Option<OfRule> {
    let mut keys = keys(data, rule)?;
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
        blocks: 0,
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
            report.blocks += count;
            report.largest_block = size;
        } else {
            report.skipped_blocks += count;
            report.skipped_pairs += pairs;
        }
    }
    if report.pairs == 0 && report.skipped_pairs == 0 {
        return None;
    }
    let mut wide = Vec::new();
    let mut members = Vec::new();
    let mut were_wide = left_out.map(|_| HashSet::new());
    // How many places each record has, and then where they begin.
    let mut offsets = vec![0u32; data.records + 1];
    let is_used = |size: usize| size >= 2 && size as u64 <= largest_of_training;
    for block in keys.chunk_by(|a, b| a.0 == b.0) {
        if block.len() as u64 > report.largest_block && block.len() > 1 {
            wide.push((place, block[0].0));
        }
        if !is_used(block.len()) {
            continue;
        }
        if let (Some(were_wide), Some(left_out)) = (&mut were_wide, left_out)
            && left_out.contains(&(place, block[0].0))
        {
            were_wide.insert(members.len() as u32);
        }
        members.extend(block.iter().map(|(_, record)| *record));
        block[1..].iter().for_each(|(_, record)| offsets[*record as usize] += 1);
    }
    let mut count = 0;
    for offset in &mut offsets {
        (*offset, count) = (count, count + *offset);
    }
    let mut places = vec![Place::default(); count as usize];
    let mut next = offsets.clone();
    let mut from = 0;
    for block in keys.chunk_by(|a, b| a.0 == b.0).filter(|b| is_used(b.len())) {
        let flag = if block.len() as u64 > report.largest_block { FOR_TRAINING } else { 0 };
        for (at, (_, record)) in (from..).zip(block).skip(1) {
            let next = &mut next[*record as usize];
            places[*next as usize] = Place { from: from | flag, at };
            *next += 1;
        }
        from += block.len() as u32;
    }
    let blocks = RuleBlocks { members, places, offsets, were_wide };
    let training_pairs = if for_training == u64::MAX { training_pairs } else { for_training };
    Some(OfRule { blocks, report, wide, training_pairs })
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
