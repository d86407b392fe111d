//! From pairs to clusters: the strongest links first, and a link that would join what cannot be one is cut.

use hashbrown::HashSet;
use rayon::prelude::*;

use super::Given;
use super::compare::{self, Likeness, MISSING, NOTHING};
use super::fields::FieldType;
use super::model::{Score, Scorer};
use super::table::{Field, Prepared};

/// A pair that is likely enough to be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The record of the greater number.
    pub right: u32,
    pub left: u32,
    pub probability: f64,
    /// Bits.
    pub weight: f64,
    pub by: By,
}

/// What says that two records are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Decided,
    Email,
    Phone,
    /// The model, of the two records.
    Model,
    /// The model, of all records of both clusters together.
    Together,
}

impl By {
    /// As `identity.link` calls the rule.
    pub fn rule(self) -> &'static str {
        match self {
            By::Decided => "decided",
            By::Email => "email_exact",
            By::Phone => "phone_exact",
            By::Model => "model",
            By::Together => "model_together",
        }
    }
}

impl Pair {
    /// The stronger first; of equals, the one of the smaller numbers.
    pub fn stronger(&self, other: &Pair) -> std::cmp::Ordering {
        other
            .probability
            .total_cmp(&self.probability)
            .then(other.weight.total_cmp(&self.weight))
            .then((self.left, self.right).cmp(&(other.left, other.right)))
    }
}

/// Why a link does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Records on both sides contradict each other.
    Contradiction,
    /// The cluster would be larger than any person's.
    Size,
    /// Both sides have a record of the same source, which holds each once.
    Source,
    /// Both sides have a number of which one system gives nobody two.
    Number,
    /// Both sides have a birthday, and the two differ clearly.
    Birthday,
    /// A person decided that two of them are different.
    Decided,
    /// They share evidence, and all the rest says that they are two.
    Model,
    /// Several people share the evidence, and the record does not say which of them it is.
    Ambiguous,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::Contradiction => "records on both sides contradict each other",
            Reason::Size => "the cluster would grow too large",
            Reason::Source => "both sides have a record of a source that holds each once",
            Reason::Number => "both sides have a number of their own in a system that gives nobody two",
            Reason::Birthday => "both sides have a birthday, and the two differ clearly",
            Reason::Decided => "a person decided that records on both sides are different people",
            Reason::Ambiguous => "several people share this evidence, and the record has no name",
            Reason::Model => "they share this evidence, and all else says that they are two people",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub pair: Pair,
    pub reason: Reason,
}

/// How far clusters may go.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    pub max_size: usize,
    /// Nobody has two birthdays.
    pub by_birthday: bool,
}

/// Union-find that knows the members.
#[derive(Debug)]
pub struct Clusters {
    parent: Vec<u32>,
    members: Vec<Vec<u32>>,
}

impl Clusters {
    pub fn new(records: usize) -> Clusters {
        Clusters { parent: (0..records as u32).collect(), members: vec![Vec::new(); records] }
    }

    pub fn root(&mut self, record: u32) -> u32 {
        let mut at = record;
        while self.parent[at as usize] != at {
            let up = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = up;
            at = up;
        }
        at
    }

    pub fn members(&self, root: u32) -> Vec<u32> {
        let held = &self.members[root as usize];
        if held.is_empty() { vec![root] } else { held.clone() }
    }

    fn is_single(&self, root: u32) -> bool {
        self.members[root as usize].is_empty()
    }

    /// The smaller number is the root.
    pub fn unite(&mut self, a: u32, b: u32) {
        let (keep, gone) = (a.min(b), a.max(b));
        let mut members = self.members(keep);
        members.extend(self.members(gone));
        members.sort_unstable();
        self.members[gone as usize] = Vec::new();
        self.members[keep as usize] = members;
        self.parent[gone as usize] = keep;
    }
}

/// What clustering looks at.
pub struct Context<'a> {
    pub data: &'a Prepared,
    pub scorer: &'a Scorer,
    pub given: &'a Given,
    pub guards: Guards,
    pub link_at: f64,
    pub review_at: f64,
}

/// Joins by the pairs, which must be in order of strength. Returns the links that count, and those that do not.
pub fn cluster(context: &Context<'_>, clusters: &mut Clusters, pairs: &[Pair]) -> (Vec<Pair>, Vec<Cut>) {
    let (mut links, mut cuts) = (Vec::new(), Vec::new());
    for pair in pairs {
        let (a, b) = (clusters.root(pair.left), clusters.root(pair.right));
        if a == b {
            links.push(*pair);
            continue;
        }
        match context.refuses(&clusters.members(a), &clusters.members(b), pair.by) {
            Some(reason) => cuts.push(Cut { pair: *pair, reason }),
            None => {
                clusters.unite(a, b);
                links.push(*pair);
            }
        }
    }
    (links, cuts)
}

/// Joins clusters that no pair of records alone would join, but all that is known of both together: one record has the birthday, another the e-mail.
///
/// `doubtful` are pairs below the threshold, in order of strength. Returns the links with the probability of the whole, and the cuts.
pub fn consolidate(context: &Context<'_>, clusters: &mut Clusters, doubtful: &[Pair]) -> (Vec<Pair>, Vec<Cut>) {
    let (mut links, mut cuts) = (Vec::new(), Vec::new());
    // After the first round, only clusters that have grown are judged again.
    let mut grown: Option<HashSet<u32>> = None;
    for _ in 0..CONSOLIDATIONS {
        let mut open: Vec<(u32, u32, Pair)> = Vec::new();
        for pair in doubtful {
            let (a, b) = (clusters.root(pair.left), clusters.root(pair.right));
            // Two single records were judged already.
            let is_new = grown.as_ref().is_none_or(|g| g.contains(&a) || g.contains(&b));
            if a != b && is_new && !(clusters.is_single(a) && clusters.is_single(b)) {
                open.push((a.min(b), a.max(b), *pair));
            }
        }
        // The strongest pair of two clusters stands for them.
        open.sort_by_key(|(a, b, _)| (*a, *b));
        open.dedup_by_key(|(a, b, _)| (*a, *b));
        let mut judged: Vec<Pair> = open
            .par_iter()
            .filter_map(|(a, b, pair)| {
                let score = context.together(&clusters.members(*a), &clusters.members(*b));
                (score.probability >= context.link_at).then_some(Pair {
                    probability: score.probability,
                    weight: score.weight,
                    by: By::Together,
                    ..*pair
                })
            })
            .collect();
        judged.sort_by(Pair::stronger);
        let mut now_grown = HashSet::new();
        for pair in judged {
            let (a, b) = (clusters.root(pair.left), clusters.root(pair.right));
            if a == b {
                continue;
            }
            let (left, right) = (clusters.members(a), clusters.members(b));
            // Others may have joined since: the whole is judged again.
            if context.together(&left, &right).probability < context.link_at {
                continue;
            }
            match context.refuses(&left, &right, pair.by) {
                Some(reason) => cuts.push(Cut { pair, reason }),
                None => {
                    clusters.unite(a, b);
                    now_grown.insert(a.min(b));
                    links.push(pair);
                }
            }
        }
        if now_grown.is_empty() {
            break;
        }
        grown = Some(now_grown);
    }
    (links, cuts)
}

/// Equal evidence links, unless the model finds two people likelier than one: a father and a son of one name have one telephone.
const EXACT_AT: f64 = 0.5;
const CONSOLIDATIONS: usize = 4;
/// Members of a side that are looked at.
const LOOKED_AT: usize = 24;

impl Context<'_> {
    /// All evidence of two clusters.
    fn together(&self, a: &[u32], b: &[u32]) -> Score {
        self.look(a, b, |_, _| {}).score(self, a, b)
    }

    /// Compares each member with each; `see` hears of each pair.
    fn look(&self, a: &[u32], b: &[u32], mut see: impl FnMut(&[Likeness], bool)) -> Look {
        let mut pair = vec![NOTHING; self.data.fields.len()];
        let mut look = Look { best: pair.clone(), organisations: true };
        for l in a.iter().take(LOOKED_AT) {
            for r in b.iter().take(LOOKED_AT) {
                let (l, r) = (*l as usize, *r as usize);
                compare::compare(self.data, l, r, &mut pair);
                let organisations = self.data.of_organisations(l, r);
                see(&pair, organisations);
                look.organisations &= organisations;
                for ((best, one), field) in look.best.iter_mut().zip(&pair).zip(&self.data.fields) {
                    let generations = best.generations.max(one.generations);
                    let order = |like: &Likeness| (compare::informative(field.kind, like.level), like.share);
                    if one.level != MISSING && (best.level == MISSING || order(one) < order(best)) {
                        *best = *one;
                    }
                    best.generations = generations;
                }
            }
        }
        look
    }

    /// What was decided and what equal evidence links, in this order, without what the model speaks against.
    pub fn given_pairs(&self) -> (Vec<Pair>, Vec<Cut>) {
        let pair = |a: u32, b: u32, by: By| Pair { left: a.min(b), right: a.max(b), probability: 1.0, weight: 0.0, by };
        let mut pairs: Vec<Pair> = self.given.same.iter().map(|(a, b)| pair(*a, *b, By::Decided)).collect();
        let mut cuts = Vec::new();
        let mut like = vec![NOTHING; self.data.fields.len()];
        for (a, b, by) in &self.given.exact {
            // Of those without a name the model knows no more.
            if !self.data.is_named(*a as usize) {
                pairs.push(pair(*a, *b, *by));
                continue;
            }
            let (l, r) = (*a as usize, *b as usize);
            compare::compare(self.data, l, r, &mut like);
            let organisations = self.data.of_organisations(l, r);
            let Score { probability, weight } = self.scorer.score(&like, organisations);
            let at = if self.sets_apart(&like) { self.link_at } else { EXACT_AT };
            if probability < at {
                cuts.push(Cut { pair: Pair { probability, weight, ..pair(*a, *b, *by) }, reason: Reason::Model });
            } else {
                pairs.push(pair(*a, *b, *by));
            }
        }
        (pairs, cuts)
    }

    /// Joins records without a name to who holds the same evidence, where that is one.
    pub fn join_nameless(&self, clusters: &mut Clusters) -> (Vec<Pair>, Vec<Cut>) {
        let (mut links, mut cuts) = (Vec::new(), Vec::new());
        for group in &self.given.nameless {
            let (Some(first), Some(holder)) = (group.records.first(), group.holders.first()) else { continue };
            let pair =
                |a: u32, b: u32| Pair { left: a.min(b), right: a.max(b), probability: 1.0, weight: 0.0, by: group.by };
            for record in &group.records[1..] {
                links.push(pair(*first, *record));
                let (a, b) = (clusters.root(*first), clusters.root(*record));
                if a != b {
                    clusters.unite(a, b);
                }
            }
            let root = clusters.root(*holder);
            let at = clusters.root(*first);
            let reason = if group.holders.iter().any(|h| clusters.root(*h) != root) {
                Some(Reason::Ambiguous)
            } else if at == root {
                None
            } else {
                self.refuses(&clusters.members(root), &clusters.members(at), group.by)
            };
            let pair = pair(*first, *holder);
            match reason {
                Some(reason) => cuts.push(Cut { pair, reason }),
                None => {
                    if at != root {
                        clusters.unite(at, root);
                    }
                    links.push(pair);
                }
            }
        }
        (links, cuts)
    }

    fn refuses(&self, a: &[u32], b: &[u32], by: By) -> Option<Reason> {
        let apart = |l: &u32, r: &u32| self.given.different.binary_search(&(*l.min(r), *l.max(r))).is_ok();
        if !self.given.different.is_empty() && a.iter().any(|l| b.iter().any(|r| apart(l, r))) {
            return Some(Reason::Decided);
        }
        if by == By::Decided {
            return None;
        }
        if self.two_numbers(a, b) {
            return Some(Reason::Number);
        }
        if self.guards.by_birthday && self.two_birthdays(a, b) {
            return Some(Reason::Birthday);
        }
        if a.len() + b.len() > self.guards.max_size {
            return Some(Reason::Size);
        }
        let source = |r: &u32| self.given.sources.get(*r as usize);
        if !self.given.sources.is_empty() && a.iter().any(|l| b.iter().any(|r| source(l) == source(r))) {
            return Some(Reason::Source);
        }
        if a.len() == 1 && b.len() == 1 {
            return None;
        }
        let (mut against, mut in_favour) = (0, 0);
        let look = self.look(a, b, |pair, organisations| {
            let probability = self.scorer.probability(pair, organisations);
            if probability >= self.review_at {
                in_favour += 1;
            } else if probability < 0.01 && self.contradicts(pair) {
                against += 1;
            }
        });
        let by_model = matches!(by, By::Model | By::Together);
        let at = if self.sets_apart(&look.best) { self.link_at } else { self.review_at };
        (against > in_favour || (by_model && look.score(self, a, b).probability < at)).then_some(Reason::Contradiction)
    }

    /// Whether both sides have numbers of one kind of which nobody has two, and none in common.
    fn two_numbers(&self, a: &[u32], b: &[u32]) -> bool {
        let of = |side: &[u32]| -> Vec<(u32, u32)> {
            side.iter().filter_map(|r| self.given.numbers.get(*r as usize).copied().flatten()).collect()
        };
        let (left, right) = (of(a), of(b));
        left.iter().any(|(kind, _)| {
            let in_common = |n: &(u32, u32)| left.contains(n);
            right.iter().any(|n| n.0 == *kind) && !right.iter().filter(|n| n.0 == *kind).any(in_common)
        })
    }

    /// Whether both sides have a birthday, and no two of them could be one date that was mistyped.
    fn two_birthdays(&self, a: &[u32], b: &[u32]) -> bool {
        self.data.fields.iter().filter(|f| f.kind == FieldType::DateOfBirth).any(|field| {
            let of = |side: &[u32]| {
                let mut values: Vec<u32> = side.iter().flat_map(|r| field.of(*r as usize).iter().copied()).collect();
                values.sort_unstable();
                values.dedup();
                values
            };
            let (left, right) = (of(a), of(b));
            let apart = |l: &u32, r: &u32| compare::born_apart(&field.values[*l as usize], &field.values[*r as usize]);
            !left.is_empty() && !right.is_empty() && left.iter().all(|l| right.iter().all(|r| apart(l, r)))
        })
    }

    /// Whether mailboxes are told apart by their numbers, as namesakes need it: then all the evidence must be enough for a link.
    fn sets_apart(&self, pair: &[Likeness]) -> bool {
        pair.iter().zip(&self.data.fields).any(|(like, field)| compare::is_other_number(field.kind, like.level))
    }

    /// Whether something that sets people apart is different.
    fn contradicts(&self, pair: &[Likeness]) -> bool {
        pair.iter().zip(&self.data.fields).any(|(like, field)| {
            let personal = matches!(
                field.kind,
                FieldType::GivenName | FieldType::DateOfBirth | FieldType::Identifier | FieldType::Organisation
            );
            personal && like.level != MISSING && like.level as usize + 1 == compare::levels(field.kind).len()
        })
    }
}

/// What two clusters have in common: of each field the best that any two members show.
struct Look {
    best: Vec<Likeness>,
    organisations: bool,
}

impl Look {
    /// Where more values were tried, an agreement by chance is likelier.
    fn score(&self, context: &Context<'_>, a: &[u32], b: &[u32]) -> Score {
        let mut values: Vec<u32> = Vec::new();
        let mut distinct = |field: &Field, side: &[u32]| {
            if side.len() == 1 && field.is_single() {
                return 1.0;
            }
            values.clear();
            values.extend(side.iter().take(LOOKED_AT).flat_map(|r| field.of(*r as usize)).copied());
            values.sort_unstable();
            values.dedup();
            values.len().max(1) as f64
        };
        let tried = |(field, best): (&Field, &Likeness)| {
            if best.level == MISSING { 1.0 } else { distinct(field, a) * distinct(field, b) }
        };
        let tries: Vec<f64> = context.data.fields.iter().zip(&self.best).map(tried).collect();
        context.scorer.score_of_many(&self.best, &tries, self.organisations)
    }
}
