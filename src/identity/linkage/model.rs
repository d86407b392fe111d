//! The model: how often each level is seen among records of one person (m) and of two (u), how common values are, and how many pairs of
//! each kind there are.
//!
//! A pair is of one of seven kinds. One person may have moved: then the address tells no more than between strangers. And besides strangers who have nothing in
//! common, four kinds share evidence: a household (family name, address, phone), kin elsewhere (the same without the address), those who share a contact (a
//! mailbox, a switchboard), and neighbours (a place). What a kind shares is as likely in it as in one person, so only what sets a person apart decides between them. The model's
//! probability is Bayes' rule over the seven.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::compare::{self, Generations, Likeness, MISSING, UNKNOWN};
use super::fields::{Entity, FieldType};
use super::table::{DESK_SHARE, Field, Prepared};

/// Kinds of pairs, one person first, strangers last.
pub const KINDS: [&str; 7] =
    ["one person", "one person who moved", "household", "kin elsewhere", "shared contact", "neighbours", "strangers"];
pub const SAME: usize = 0;
pub const MOVED: usize = 1;
pub const HOUSEHOLD: usize = 2;
pub const KIN: usize = 3;
pub const CONTACT: usize = 4;
pub const NEIGHBOURS: usize = 5;
pub const STRANGERS: usize = 6;

/// Whether a field tells where somebody lives.
pub fn is_place(field: FieldType) -> bool {
    use FieldType::*;
    matches!(field, Street | HouseNumber | Postcode | City)
}

/// Of each kind, of a type of field: the share in which it behaves as in one person; in the rest as in strangers.
fn shared(kind: usize, field: FieldType, of_organisations: bool) -> f64 {
    use FieldType::*;
    // Who moves mostly stays in the country and the state.
    let place = is_place(field) || matches!(field, Country | AddressPart);
    match kind {
        SAME => 1.0,
        MOVED if is_place(field) => 0.0,
        MOVED => 1.0,
        // Kin: the same given name (father and son) and the same birthday (twins) are rare.
        HOUSEHOLD | KIN => match field {
            _ if kind == KIN && is_place(field) => 0.0,
            FamilyName | Phone => 1.0,
            _ if place => 1.0,
            // Sister companies write from one domain.
            Email if of_organisations => 1.0,
            Email => 0.3,
            GivenName => 0.02,
            DateOfBirth => 0.004,
            Organisation if of_organisations => 0.02,
            Organisation => 0.3,
            _ => 0.0,
        },
        CONTACT => match field {
            Email | Phone => 1.0,
            _ if is_place(field) => 0.5,
            Organisation if of_organisations => 0.05,
            Organisation => 1.0,
            _ => 0.0,
        },
        NEIGHBOURS if place => 1.0,
        _ => 0.0,
    }
}

/// How common values of a field are. Rare values are not listed: they share what the listed ones leave.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Shares {
    /// Of a value that is not listed.
    pub other: f64,
    /// Of a part (an e-mail's local part) that is not listed.
    pub other_part: f64,
    pub listed: BTreeMap<String, f64>,
}

impl Shares {
    /// Of each of these texts, which ascend.
    pub fn of<'a>(&self, texts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = f64> {
        let mut listed = self.listed.iter().peekable();
        texts.map(move |text| {
            while listed.next_if(|(t, _)| t.as_str() < text).is_some() {}
            listed.next_if(|(t, _)| t.as_str() == text).map_or(self.other, |(_, share)| *share)
        })
    }
}

/// What the model knows of one field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FieldModel {
    pub name: String,
    pub kind: FieldType,
    pub levels: Vec<LevelModel>,
    pub shares: Shares,
}

impl FieldModel {
    /// What is expected of a field of its type; how often strangers agree is not known yet.
    pub fn expected(field: &Field, shares: Shares) -> FieldModel {
        let levels = compare::levels(field.kind).iter().map(|l| LevelModel {
            name: l.name.into(),
            m: l.prior,
            u: 0.0,
            u_stands: false,
        });
        FieldModel { name: field.name.clone(), kind: field.kind, levels: levels.collect(), shares }
    }

    /// Whether this is what the model knows of a field.
    pub fn is_of(&self, field: &Field) -> bool {
        (&self.name, self.kind) == (&field.name, field.kind)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LevelModel {
    pub name: String,
    /// Among pairs of one person.
    pub m: f64,
    /// Among pairs of strangers; of a level that goes by the value's share: their mean.
    pub u: f64,
    /// u stands for every value, however common.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub u_stands: bool,
}

/// A model, as its file holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    pub version: u32,
    pub entity: Entity,
    /// Records that it was trained on.
    pub records: u64,
    /// It fits any records: how common values are, and how many pairs are of one person, is taken from those that are resolved.
    #[serde(default)]
    pub is_general: bool,
    /// Of all pairs of records, the share of each kind.
    pub kinds: Vec<f64>,
    /// How many times as often two strangers have one family name and forms of one given name as chance alone would have it: names go with languages.
    pub namesakes: f64,
    /// How common both names together are, of those that more records hold than one person would.
    pub full_names: Shares,
    pub fields: Vec<FieldModel>,
    /// Probabilities from which pairs are linked, and shown for review.
    pub link_at: f64,
    pub review_at: f64,
}

/// The version of the file's form and of what the levels mean.
pub const VERSION: u32 = 1;

/// A pair's verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// That both are one person.
    pub probability: f64,
    /// Bits of evidence for one person against strangers.
    pub weight: f64,
}

/// A model ready to score: its numbers in tables.
#[derive(Debug)]
pub struct Scorer {
    /// `[field][level]`: m, u, and whether the value's share stands for u.
    levels: Vec<Vec<(f64, f64, bool)>>,
    /// `[of organisations][kind][field]`
    shared: [[Vec<f64>; STRANGERS]; 2],
    kinds: [f64; 7],
    namesakes: f64,
    /// Places of the given and the family name.
    names: Option<(usize, usize)>,
    /// Of each field, where the values are not equal: the most that it can say for one person. 1 at least: an address that is different may tell nothing.
    unequal_at_best: Vec<f64>,
    /// The same where they are different, but for what an e-mail's number may tell.
    different_at_best: Vec<f64>,
    /// The same where they may be equal.
    equal_at_best: Vec<f64>,
}

/// The odds of a probability, but for what rounding may take from a bound.
fn enough(probability: f64) -> f64 {
    probability / (1.0 - probability) * (1.0 - 1e-9)
}

/// A share that nothing falls below: one value among all pairs of a very large company.
const LEAST: f64 = 1e-9;

/// Of two of a family, one of whom is called Jr. or Sr., so many have one given name.
const NAMED_AFTER: f64 = 0.5;
/// Of one person's records that tell a generation, so many tell another.
const WRONG_GENERATION: f64 = 0.01;

impl Scorer {
    pub fn new(model: &Model) -> Scorer {
        let levels: Vec<Vec<(f64, f64, bool)>> = model
            .fields
            .iter()
            .map(|f| {
                let specs = compare::levels(f.kind);
                f.levels
                    .iter()
                    .zip(specs)
                    .map(|(l, s)| (l.m.max(LEAST), l.u.max(LEAST), s.by_share && !l.u_stands))
                    .collect()
            })
            .collect();
        let table = |organisations: bool| {
            [0, 1, 2, 3, 4, 5]
                .map(|kind| model.fields.iter().map(|f| shared(kind, f.kind, organisations)).collect::<Vec<_>>())
        };
        let mut kinds = [0.0; 7];
        for (to, from) in kinds.iter_mut().zip(&model.kinds) {
            *to = *from;
        }
        let equal_at_best = levels
            .iter()
            .zip(&model.fields)
            .map(|(levels, field)| {
                let (m, u, by_share) = levels[0];
                (m / if by_share { field.shares.other.max(LEAST) } else { u }).max(1.0)
            })
            .collect();
        let unequal_at_best = levels
            .iter()
            .zip(&model.fields)
            .map(|(levels, field)| {
                let least = field.shares.other.min(field.shares.other_part).max(LEAST);
                // Other mailboxes of a company's domain count as a desk's.
                let of_domain = model.entity == Entity::Organisation && field.kind == FieldType::Email;
                let at_least = if of_domain { (levels[0].0 / DESK_SHARE).max(1.0) } else { 1.0 };
                levels[1..]
                    .iter()
                    .map(|(m, u, by_share)| m / if *by_share { least } else { *u })
                    .fold(at_least, f64::max)
            })
            .collect();
        let different_at_best = levels
            .iter()
            .zip(&model.fields)
            .map(|(levels, field)| {
                let different = compare::first_different(field.kind);
                let (m, u, _) = levels[different];
                match field.kind {
                    FieldType::Email => {
                        let number = levels[different - 1].0 / compare::RAREST_NUMBER;
                        let by_domain =
                            if model.entity == Entity::Organisation { levels[0].0 / DESK_SHARE } else { 1.0 };
                        let least = number.max(by_domain).max(1.0);
                        levels[different - 1..].iter().map(|(m, u, _)| m / u).fold(least, f64::max)
                    }
                    // Of those who moved, the place tells nothing; nor does a number of a system that numbers people twice.
                    kind if is_place(kind) || kind == FieldType::Identifier => (m / u).max(1.0),
                    _ => m / u,
                }
            })
            .collect();
        let place = |kind| model.fields.iter().position(|f| f.kind == kind);
        let names = place(FieldType::GivenName).zip(place(FieldType::FamilyName));
        Scorer {
            namesakes: model.namesakes,
            names,
            unequal_at_best,
            different_at_best,
            equal_at_best,
            levels,
            shared: [table(false), table(true)],
            kinds,
        }
    }

    /// How likely each kind is, of a pair alike in this way; they add up to 1.
    pub fn kinds(&self, pair: &[Likeness], of_organisations: bool) -> [f64; 7] {
        self.kinds_of(&self.ratios(pair, of_organisations))
    }

    fn kinds_of(&self, ratios: &[f64; STRANGERS]) -> [f64; 7] {
        let mut parts = [0.0; 7];
        let mut sum = self.kinds[STRANGERS];
        parts[STRANGERS] = sum;
        for kind in 0..STRANGERS {
            parts[kind] = self.kinds[kind] * ratios[kind];
            sum += parts[kind];
        }
        parts.map(|p| p / sum)
    }

    /// The same for the best of several comparisons in each field: by chance they agree so many times as often.
    pub fn score_of_many(&self, best: &[Likeness], tries: &[f64], of_organisations: bool) -> Score {
        let mut ratios = [1.0; STRANGERS];
        for (field, (like, tries)) in best.iter().zip(tries).enumerate() {
            if like.level == MISSING {
                continue;
            }
            let (m, u, by_share) = self.levels[field][like.level as usize];
            let u = if by_share { like.share.max(LEAST) } else { u };
            let ratio = m / (u * tries).min(u.max(m));
            for (kind, product) in ratios.iter_mut().enumerate() {
                let s = self.shared[usize::from(of_organisations)][kind][field];
                *product *= s * ratio + (1.0 - s);
            }
        }
        if self.are_namesakes(best) {
            self.expect_namesakes(&mut ratios);
        }
        if let Some((given, _)) = self.names {
            let (level, tries) = (best[given], tries[given]);
            self.tell_generations(level, tries, of_organisations, &mut ratios);
        }
        let one = self.kinds[SAME] * ratios[SAME] + self.kinds[MOVED] * ratios[MOVED];
        let others: f64 = (2..STRANGERS).map(|k| self.kinds[k] * ratios[k]).sum::<f64>() + self.kinds[STRANGERS];
        Score { probability: one / (one + others), weight: self.weight(&ratios) }
    }

    pub fn score(&self, pair: &[Likeness], of_organisations: bool) -> Score {
        let ratios = self.ratios(pair, of_organisations);
        let kinds = self.kinds_of(&ratios);
        Score { probability: kinds[SAME] + kinds[MOVED], weight: self.weight(&ratios) }
    }

    pub fn probability(&self, pair: &[Likeness], of_organisations: bool) -> f64 {
        let kinds = self.kinds(pair, of_organisations);
        kinds[SAME] + kinds[MOVED]
    }

    /// Bits that stand against two records before anything is known of them.
    pub fn start_bits(&self) -> f64 {
        ((self.kinds[SAME] + self.kinds[MOVED]) / self.kinds[STRANGERS]).log2()
    }

    /// Bits of evidence for one person, moved or not.
    fn weight(&self, ratios: &[f64; STRANGERS]) -> f64 {
        let (stays, moves) = (self.kinds[SAME], self.kinds[MOVED]);
        ((stays * ratios[SAME] + moves * ratios[MOVED]) / (stays + moves)).log2()
    }

    /// Begins to compare two records: the odds that they can reach at best, if those are enough for a probability. By what is equal and the best that the rest
    /// could be, most comparisons are spared.
    ///
    /// `pair` has a place for each field.
    pub fn begin(&self, data: &Prepared, (a, b): (usize, usize), at_least: f64, pair: &mut [Likeness]) -> Option<f64> {
        compare::begin(data, a, b, pair);
        Some(self.at_best(data, pair)).filter(|odds| *odds >= enough(at_least))
    }

    /// Compares the rest and scores what has begun with these odds, if it reaches the probability.
    pub fn finish(
        &self,
        data: &Prepared,
        (a, b): (usize, usize),
        at_least: f64,
        mut odds: f64,
        pair: &mut [Likeness],
    ) -> Option<Score> {
        let goes_on = |place: usize, like| {
            let field = &data.fields[place];
            let ratio = self.field_ratio(place, like, SAME, false);
            // Of those who moved, the place tells nothing.
            odds *= if is_place(field.kind) { ratio.max(1.0) } else { ratio } / self.open_at_best(place, field);
            odds >= enough(at_least)
        };
        if !compare::finish(data, a, b, pair, goes_on) {
            return None;
        }
        Some(self.score(pair, data.of_organisations(a, b))).filter(|score| score.probability >= at_least)
    }

    /// The odds that a pair can reach that [`compare::begin`] has begun.
    fn at_best(&self, data: &Prepared, pair: &[Likeness]) -> f64 {
        let mut odds = (self.kinds[SAME] + self.kinds[MOVED]) / self.kinds[STRANGERS];
        for (place, field) in data.fields.iter().enumerate() {
            odds *= if usize::from(pair[place].level) == compare::first_different(field.kind) {
                self.different_at_best[place]
            } else if pair[place].level != UNKNOWN {
                self.field_ratio(place, pair[place], SAME, false)
            } else {
                self.open_at_best(place, field)
            };
        }
        odds
    }

    /// The most that a field can say for one person, which only its texts can tell.
    fn open_at_best(&self, place: usize, field: &Field) -> f64 {
        if field.is_single() { self.unequal_at_best[place] } else { self.equal_at_best[place] }
    }

    /// Whether it counts how common a value of this level is.
    pub fn goes_by_share(&self, field: usize, level: u8) -> bool {
        self.levels[field][level as usize].2
    }

    /// The odds of each kind against strangers that a field gives.
    pub fn field_ratio(&self, field: usize, like: Likeness, kind: usize, of_organisations: bool) -> f64 {
        if like.level == MISSING {
            return 1.0;
        }
        let (m, u, by_share) = self.levels[field][like.level as usize];
        let u = if by_share { like.share.max(LEAST) } else { u };
        let s = self.shared[usize::from(of_organisations)][kind][field];
        s * (m / u) + (1.0 - s)
    }

    fn ratios(&self, pair: &[Likeness], of_organisations: bool) -> [f64; STRANGERS] {
        let mut ratios = [1.0; STRANGERS];
        let shared = &self.shared[usize::from(of_organisations)];
        for (field, like) in pair.iter().enumerate() {
            if like.level == MISSING {
                continue;
            }
            let (m, u, by_share) = self.levels[field][like.level as usize];
            let ratio = m / if by_share { like.share.max(LEAST) } else { u };
            ratios[0] *= ratio;
            for kind in 1..STRANGERS {
                let s = shared[kind][field];
                if s > 0.0 {
                    ratios[kind] *= s * ratio + (1.0 - s);
                }
            }
        }
        if self.are_namesakes(pair) {
            self.expect_namesakes(&mut ratios);
        }
        if let Some((given, _)) = self.names {
            self.tell_generations(pair[given], 1.0, of_organisations, &mut ratios);
        }
        ratios
    }

    /// Who is called Jr. or Sr. has a parent or child of the same name: in such a family, equal names tell little. And two generations are two people.
    fn tell_generations(&self, given: Likeness, tries: f64, of_organisations: bool, ratios: &mut [f64; STRANGERS]) {
        if given.generations == Generations::Untold || given.level == MISSING {
            return;
        }
        let (place, _) = self.names.unwrap_or_default();
        let (m, u, by_share) = self.levels[place][given.level as usize];
        let u = if by_share { given.share.max(LEAST) } else { u };
        let ratio = m / (u * tries).min(u.max(m));
        let of = |s: f64| s * ratio + (1.0 - s);
        for kind in [HOUSEHOLD, KIN] {
            ratios[kind] *= of(NAMED_AFTER) / of(self.shared[usize::from(of_organisations)][kind][place]);
        }
        if given.generations == Generations::Other {
            for kind in [SAME, MOVED] {
                ratios[kind] *= WRONG_GENERATION;
            }
        }
    }

    /// Whether both have the same family name, and forms of one given name. (How common equal names are together is known, see `full_names`.)
    pub fn are_namesakes(&self, pair: &[Likeness]) -> bool {
        self.names.is_some_and(|(given, family)| pair[given].level == 1 && pair[family].level == 0)
    }

    /// Strangers have the same names more often than chance has it, and so have neighbours and those who share a contact.
    fn expect_namesakes(&self, ratios: &mut [f64; STRANGERS]) {
        for kind in [SAME, MOVED, HOUSEHOLD, KIN] {
            ratios[kind] /= self.namesakes;
        }
    }
}

/// How common a value of a field usually is. Of few records, their own counts tell little: so many more are thought to stand beside them, in which each
/// value has its usual share.
const USUAL_RECORDS: f64 = 1_000.0;

fn usual_share(kind: FieldType) -> f64 {
    use FieldType::*;
    match kind {
        Email | Phone | Identifier => 1e-6,
        DateOfBirth => 1e-4,
        FamilyName | FullName | Organisation | Street => 1e-3,
        GivenName | Postcode => 3e-3,
        City | HouseNumber => 1e-2,
        AddressPart | Text => 2e-2,
        Country => 0.3,
    }
}

/// Shares of a field's values: those that at least `least` records hold, at most [`LISTED`] of them.
pub fn shares(field: &Field, least: u32) -> Shares {
    let total: f64 = field.holders.iter().map(|h| f64::from(*h)).sum();
    if total == 0.0 {
        return Shares { other: 1.0, other_part: 1.0, listed: BTreeMap::new() };
    }
    // What names a person is not written into a file.
    let is_secret = matches!(field.kind, FieldType::Email | FieldType::Phone | FieldType::Identifier);
    let mut common: Vec<(u32, &str)> = field
        .holders
        .iter()
        .zip(&field.values)
        .filter(|(h, _)| !is_secret && **h >= least)
        .map(|(h, v)| (*h, &*v.text))
        .collect();
    common.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    common.truncate(LISTED);
    let held: f64 = common.iter().map(|(h, _)| f64::from(*h)).sum();
    let rest = field.values.len() - common.len();
    let smooth = |count: f64| (count + USUAL_RECORDS * usual_share(field.kind)) / (total + USUAL_RECORDS);
    let other = smooth(if rest == 0 { 1.0 } else { (total - held) / rest as f64 });
    // Local parts are names more often than whole addresses are: about twice as common.
    let parts: HashSet<&str> = field.values.iter().map(|v| &*v.part).collect();
    let other_part = smooth(field.values.len() as f64 / parts.len().max(1) as f64);
    let listed = common.into_iter().map(|(h, t)| (t.to_string(), smooth(f64::from(h)))).collect();
    Shares { other, other_part, listed }
}

/// The mean share of a field's values: how often two strangers have the same.
fn mean_share(field: &Field, shares: &Shares) -> f64 {
    let total: f64 = field.holders.iter().map(|h| f64::from(*h)).sum();
    let of = shares.of(field.values.iter().map(|v| &*v.text));
    let sum: f64 = field.holders.iter().zip(of).map(|(h, share)| f64::from(*h) * share).sum();
    sum / total.max(1.0)
}

/// Shares of both names together, of those that more records hold than `one_persons`; what one person's records add is taken off.
pub fn full_names(field: &Field, one_persons: u32) -> Shares {
    let total: f64 = field.holders.iter().map(|h| f64::from(*h)).sum();
    let mut common: Vec<(u32, &str)> = field
        .holders
        .iter()
        .zip(&field.values)
        .filter(|(h, _)| **h > one_persons)
        .map(|(h, v)| (*h, &*v.text))
        .collect();
    common.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    common.truncate(LISTED);
    let share = |h: u32| f64::from(h - one_persons) / total.max(1.0);
    Shares { other: 0.0, other_part: 0.0, listed: common.into_iter().map(|(h, t)| (t.to_string(), share(h))).collect() }
}

/// Values that a model lists for a field at most.
const LISTED: usize = 2_000;

/// The model that ships with the product: people of web shops, help desks and billing, by name, e-mail, phone and address. `uramaki identity train` makes
/// one of a project's own records.
pub const SHIPPED: &str = include_str!("../models/person.json");

impl Model {
    /// A general model for these records: their own shares, and as many pairs of each kind for each record as where it was trained. Of fields that it does
    /// not know, what is expected of their type; u is then to be sampled.
    pub fn of_records(mut self, data: &Prepared) -> Model {
        let n = (data.records as f64).max(2.0);
        let factor = (self.records as f64 - 1.0) / (n - 1.0);
        for kind in 0..STRANGERS {
            self.kinds[kind] = (self.kinds[kind] * factor).min(0.1);
        }
        self.kinds[STRANGERS] = 1.0 - self.kinds[..STRANGERS].iter().sum::<f64>();
        self.fields = data
            .fields
            .iter()
            .map(|field| {
                let known = self.fields.iter().find(|k| k.is_of(field)).map(|k| k.levels.clone());
                let expected = FieldModel::expected(field, shares(field, 2));
                let mut levels = known.unwrap_or(expected.levels);
                levels[0].u = mean_share(field, &expected.shares);
                FieldModel { levels, ..expected }
            })
            .collect();
        self.full_names = full_names(&data.both, data.most_of_one_person());
        self
    }

    /// Reads a model's file.
    pub fn read(text: &str) -> Result<Model, String> {
        let model: Model = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if model.version != VERSION {
            return Err(format!("it is of version {}, this program needs {VERSION}", model.version));
        }
        let whole = model.kinds.len() == KINDS.len()
            && model.fields.iter().all(|f| f.levels.len() == compare::levels(f.kind).len())
            && model
                .fields
                .iter()
                .flat_map(|f| &f.levels)
                .all(|l| (0.0..=1.0).contains(&l.m) && (0.0..=1.0).contains(&l.u));
        if whole { Ok(model) } else { Err("its kinds or levels are not those of this program".into()) }
    }
}
