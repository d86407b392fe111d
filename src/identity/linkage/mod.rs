//! Probabilistic matching after Fellegi and Sunter: normalise, block, train, score, cluster.
//!
//! The way: values in one form (`table`, `text`), pairs that share something rare (`block`), how alike they are (`compare`), a model of that made from the
//! records themselves (`train`, `model`), and clusters that do not run away (`cluster`).

pub mod block;
pub mod cluster;
pub mod columns;
pub mod compare;
pub mod comparisons;
pub mod evaluate;
pub mod explain;
pub mod fields;
pub mod lexicon;
pub mod model;
mod prefetch;
pub mod prepare;
pub mod recall;
pub mod settings;
mod signature;
pub mod table;
pub mod text;
pub mod train;

use rayon::prelude::*;

use block::{Blocks, Partner, Partners, RuleReport};
use cluster::{By, Clusters, Context, Cut, Guards, Pair};
use columns::Table;
use compare::{Likeness, NOTHING};
use fields::{Entity, FieldType};
use model::{Model, Scorer};
use recall::Recall;
pub use settings::Settings;
use table::Prepared;

/// Pairs of at least this probability are kept: together with others they may tell enough.
const KEPT_AT: f64 = 0.02;
/// So many records are compared with their partners in one go.
const AT_ONCE: usize = 8;

/// Evidence that too many hold to tell anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    pub kind: FieldType,
    pub value: String,
    /// Differently named records.
    pub names: u64,
}

/// What is known before the model is asked.
#[derive(Debug, Default)]
pub struct Given {
    /// A person decided: one and the same, or two.
    pub same: Vec<(u32, u32)>,
    pub different: Vec<(u32, u32)>,
    /// Linked by equal evidence.
    pub exact: Vec<(u32, u32, By)>,
    /// Known by one value, which others hold too.
    pub nameless: Vec<Nameless>,
    /// What an earlier run compared.
    pub recall: Option<Recall>,
    /// Of each record: its source, where each source holds everybody once. Empty: sources do not matter.
    pub sources: Vec<u32>,
    /// Of each record: the kind of number of which nobody has two, and the number. Empty: there are no such numbers.
    pub numbers: Vec<Option<(u32, u32)>>,
}

/// Records without a name, which are one, and those with a name that hold the same evidence.
#[derive(Debug)]
pub struct Nameless {
    pub records: Vec<u32>,
    pub holders: Vec<u32>,
    pub by: By,
}

/// Who is who.
#[derive(Debug)]
pub struct Linked {
    /// In the order in which they were accepted.
    pub links: Vec<Pair>,
    /// Pairs below the threshold that may be one, in different clusters, the likelier first.
    pub doubtful: Vec<Pair>,
    pub cuts: Vec<Cut>,
    /// Of each record: the first record of its cluster.
    pub cluster: Vec<u32>,
    pub rules: Vec<RuleReport>,
    /// All pairs that were likely enough to be kept, and the blocks that were left out: what a later run can recall.
    pub kept: Vec<Pair>,
    pub wide: Vec<(u32, u64)>,
}

/// Sorts the records by name, so that no result hangs on their order.
pub fn in_order(table: &mut Table) {
    let mut order: Vec<usize> = (0..table.names.len()).collect();
    order.par_sort_unstable_by(|a, b| table.names[*a].cmp(&table.names[*b]));
    table.names = order.iter().map(|i| table.names[*i].clone()).collect();
    table.columns.iter_mut().for_each(|c| c.reorder(&order));
}

/// A person and an organisation are never one.
fn comparable(data: &Prepared, a: usize, b: usize) -> bool {
    let Some(organisation) = data.field(FieldType::Organisation) else { return true };
    let only_name = |r: usize| data.has_name(r) && organisation.first(r) == table::NONE;
    let only_organisation = |r: usize| !data.has_name(r) && organisation.first(r) != table::NONE;
    !((only_name(a) && only_organisation(b)) || (only_name(b) && only_organisation(a)))
}

/// Brings a table's values into one form, without those that too many hold. The records must stand in the order of their names.
pub fn prepare(table: &Table, settings: &Settings) -> (Prepared, Vec<Shared>) {
    let mut data = prepare::prepare(table, &settings.default_country);
    data.by_domain = settings.entity == Entity::Organisation;
    settings.comparisons.prepare(&mut data);
    let shared = forget_shared(&mut data, settings.max_holders);
    tracing::debug!(records = data.records, "values are in one form");
    (data, shared)
}

/// A model of the records themselves.
pub fn train(data: &mut Prepared, blocks: &Blocks, settings: &Settings, sources: &[u32]) -> Model {
    let model = train::train(data, settings, blocks, &may_pair(sources));
    tracing::debug!("the model is trained");
    model
}

/// Makes a model that was trained before fit the records. A general one learns from them how common values are, and of fields that it does not know, how often
/// strangers agree. An error names what the model does not know.
pub fn fit(data: &mut Prepared, mut model: Model, settings: &Settings) -> Result<Model, String> {
    if !model.is_general {
        take(data, &model)?;
        settings.comparisons.fix(&mut model);
        return Ok(model);
    }
    let unknown: Vec<usize> =
        (0..data.fields.len()).filter(|i| !model.fields.iter().any(|k| k.is_of(&data.fields[*i]))).collect();
    let mut model = model.of_records(data);
    take(data, &model)?;
    train::sample_unknown(&mut model, data, &unknown);
    settings.comparisons.fix(&mut model);
    Ok(model)
}

/// Takes how common values are from a model that was trained before. An error names what the model does not know.
fn take(data: &mut Prepared, model: &Model) -> Result<(), String> {
    if data.fields.len() != model.fields.len() || data.fields.iter().zip(&model.fields).any(|(f, m)| !m.is_of(f)) {
        let names = |all: Vec<&str>| all.join(", ");
        return Err(format!(
            "the model knows {}; the records have {}",
            names(model.fields.iter().map(|f| f.name.as_str()).collect()),
            names(data.fields.iter().map(|f| f.name.as_str()).collect())
        ));
    }
    data.both.take_shares(&model.full_names);
    data.fields.par_iter_mut().zip(&model.fields).for_each(|(field, known)| field.take_shares(&known.shares));
    Ok(())
}

/// Which records are compared.
pub fn blocks(data: &Prepared, settings: &Settings, recall: Option<&Recall>) -> Blocks {
    let [most, training] = [settings.pairs_per_record, settings.training_pairs_per_record]
        .map(|per_record| Settings::pairs_per_rule(per_record, data.records));
    let blocks = block::blocks(data, &settings.rules, most, training.max(most), recall.map(|r| &r.wide));
    tracing::debug!("records are in blocks");
    blocks
}

fn may_pair(sources: &[u32]) -> impl Fn(u32, u32) -> bool + Sync {
    |a, b| sources.is_empty() || sources[a as usize] != sources[b as usize]
}

/// Links and clusters the records by a model whose shares they have taken.
pub fn link(data: &Prepared, mut blocks: Blocks, model: &Model, settings: &Settings, given: &Given) -> Linked {
    let scorer = Scorer::new(model);
    if settings.may_drop_rules && blocks.reports.iter().map(|r| r.pairs).sum::<u64>() >= MANY_PAIRS {
        drop_idle_rules(data, &mut blocks, &scorer, given, model.link_at);
    }
    let Scored { mut pairs, rules, recalled } = score(data, &blocks, &scorer, given, model.link_at, |_| true);
    for (report, finds) in blocks.reports.iter_mut().zip(rules) {
        report.new_pairs = finds.pairs;
    }
    pairs.par_sort_unstable_by(Pair::stronger);
    let compared = blocks.reports.iter().map(|r| r.new_pairs).sum::<u64>() - recalled;
    tracing::debug!(compared, recalled, pairs = pairs.len(), "pairs are scored");
    let context = Context {
        data,
        scorer: &scorer,
        given,
        guards: Guards { max_size: settings.max_cluster, by_birthday: settings.apart_by_birthday },
        link_at: model.link_at,
        review_at: model.review_at,
    };
    let mut clusters = Clusters::new(data.records);
    let (mut candidates, mut cuts) = context.given_pairs();
    let linked = pairs.partition_point(|p| p.probability >= model.link_at);
    candidates.extend_from_slice(&pairs[..linked]);
    let (mut links, more) = cluster::cluster(&context, &mut clusters, &candidates);
    cuts.extend(more);
    tracing::debug!("pairs are clustered");
    let (more_links, more_cuts) = cluster::consolidate(&context, &mut clusters, &pairs[linked..]);
    tracing::debug!("clusters are consolidated");
    links.extend(more_links);
    cuts.extend(more_cuts);
    let (more_links, more_cuts) = context.join_nameless(&mut clusters);
    links.extend(more_links);
    cuts.extend(more_cuts);
    // What was cut once, and joined by others since, is no cut.
    cuts.retain(|cut| clusters.root(cut.pair.left) != clusters.root(cut.pair.right));
    cuts.sort_by(|a, b| a.pair.stronger(&b.pair).then((a.reason as u8).cmp(&(b.reason as u8))));
    cuts.dedup_by(|a, b| (a.pair.left, a.pair.right) == (b.pair.left, b.pair.right));
    let cluster: Vec<u32> = (0..data.records as u32).map(|r| clusters.root(r)).collect();
    let doubtful = pairs[linked..]
        .iter()
        .take_while(|p| p.probability >= model.review_at)
        .filter(|p| cluster[p.left as usize] != cluster[p.right as usize])
        .copied()
        .collect();
    let (rules, wide) = (std::mem::take(&mut blocks.reports), std::mem::take(&mut blocks.wide));
    Linked { links, doubtful, cuts, cluster, rules, kept: pairs, wide }
}

/// E-mails and phones that many different names hold are no evidence.
fn forget_shared(data: &mut Prepared, max_holders: u32) -> Vec<Shared> {
    let mut shared = Vec::new();
    // Where no person is named, the organisation is.
    let organisation = |r: usize| data.field(FieldType::Organisation).map_or(table::NONE, |f| f.first(r));
    let name = |r: usize| match data.has_name(r) {
        true => (data.id(r, data.given), data.id(r, data.family)),
        false => (table::NONE, organisation(r)),
    };
    let names: Vec<(u32, u32)> = (0..data.records).map(name).collect();
    for field in &mut data.fields {
        if !matches!(field.kind, FieldType::Email | FieldType::Phone) {
            continue;
        }
        let mut held: Vec<(u32, (u32, u32))> = (0..names.len())
            .flat_map(|r| field.of(r).iter().map(move |v| (*v, r)))
            .filter(|(v, _)| field.holders[*v as usize] > max_holders)
            .map(|(v, r)| (v, names[r]))
            .collect();
        held.sort_unstable();
        held.dedup();
        let mut common = Vec::new();
        for names in held.chunk_by(|a, b| a.0 == b.0).filter(|names| names.len() > max_holders as usize) {
            common.push(names[0].0);
            let value = field.values[names[0].0 as usize].text.to_string();
            shared.push(Shared { kind: field.kind, value, names: names.len() as u64 });
        }
        field.forget(|v| common.binary_search(&v).is_ok());
    }
    if !shared.is_empty() {
        data.lay_out();
    }
    shared
}

/// What the last digits of a probability are hangs on the machine; these do not.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Pieces that records are scored in: their number is fixed, so that results come in one order.
const PIECES: usize = 256;

/// Fewer are all compared.
const MANY_PAIRS: u64 = 5_000_000;
/// One record in so many is looked at, to learn what rules find.
const LOOKED_AT: u64 = 32;
/// So many of the links may be lost with the rules that are left out.
const LOST_LINKS: f64 = 0.001;

/// Leaves out rules that hardly find a link that no rule before them has found: in a large company, most pairs come from such rules. What they find is learned
/// from a sample of the records, drawn by a hash; all that are left out together found at most [`LOST_LINKS`] of its links.
fn drop_idle_rules(data: &Prepared, blocks: &mut Blocks, scorer: &Scorer, given: &Given, link_at: f64) {
    let sample =
        score(data, blocks, scorer, given, link_at, |record| block::spread(record + 303).is_multiple_of(LOOKED_AT));
    let mut spare = sample.rules.iter().map(|r| r.links).sum::<u64>() as f64 * LOST_LINKS;
    // The least links for each pair first.
    let mut order: Vec<(usize, Finds)> = (0..).zip(sample.rules).filter(|(_, r)| r.pairs > 0).collect();
    order.sort_by(|(a, x), (b, y)| (x.links * y.pairs).cmp(&(y.links * x.pairs)).then(a.cmp(b)));
    for (rule, finds) in order {
        spare -= finds.links as f64;
        if spare < 0.0 {
            break;
        }
        tracing::debug!(rule = ?blocks.reports[rule].rule, pairs = blocks.reports[rule].pairs, "the rule finds next to nothing");
        blocks.drop_rule(rule);
    }
}

/// What comparing found.
struct Scored {
    /// The pairs that are likely enough.
    pairs: Vec<Pair>,
    rules: Vec<Finds>,
    /// How many pairs an earlier run had compared.
    recalled: u64,
}

/// What a rule found first: pairs to compare, and links among them.
#[derive(Debug, Clone, Copy, Default)]
struct Finds {
    pairs: u64,
    links: u64,
}

/// Room of one thread that is used again.
#[derive(Default)]
struct Room {
    partners: Partners,
    open: Vec<(u32, Partner)>,
    /// Pairs that are worth it, with the odds that they can reach, and how alike they are, one after the other.
    begun: Vec<(u32, Partner, f64)>,
    pairs: Vec<Likeness>,
}

/// Compares the pairs of the `chosen` records with those of smaller numbers.
fn score(
    data: &Prepared,
    blocks: &Blocks,
    scorer: &Scorer,
    given: &Given,
    link_at: f64,
    chosen: impl Fn(u64) -> bool + Sync,
) -> Scored {
    let piece = data.records.div_ceil(PIECES).max(1);
    let empty = || Scored { pairs: Vec::new(), rules: vec![Finds::default(); blocks.reports.len()], recalled: 0 };
    let add = |found: &mut Scored, partner: &Partner, right: u32, (probability, weight): (f64, f64)| {
        found.pairs.push(Pair { left: partner.record, right, probability, weight, by: By::Model });
        found.rules[partner.rule as usize].links += u64::from(probability >= link_at);
    };
    let may_pair = may_pair(&given.sources);
    let width = data.fields.len();
    let scored: Vec<Scored> = (0..PIECES)
        .into_par_iter()
        // A thread's pieces share the room.
        .map_init(Room::default, |room, p| {
            let mut found = empty();
            let records = (p * piece).min(data.records)..((p + 1) * piece).min(data.records);
            let records: Vec<usize> = records.filter(|r| chosen(*r as u64)).collect();
            // A few records at a time: what a step needs was asked for by the step before.
            for few in records.chunks(AT_ONCE) {
                room.open.clear();
                for right in few {
                    blocks.prefetch(right + AT_ONCE);
                    for partner in blocks.partners(*right as u32, false, &mut room.partners) {
                        data.prefetch(partner.record as usize);
                        room.open.push((*right as u32, *partner));
                    }
                }
                room.begun.clear();
                room.pairs.clear();
                for (right, partner) in &room.open {
                    let (a, b) = (partner.record as usize, *right as usize);
                    if !may_pair(partner.record, *right) || !comparable(data, a, b) {
                        continue;
                    }
                    found.rules[partner.rule as usize].pairs += 1;
                    let is_known = |r: &&Recall| r.is_same(*right) && r.is_same(partner.record);
                    if let Some(recall) = given.recall.as_ref().filter(is_known).filter(|_| !blocks.was_wide(partner)) {
                        found.recalled += 1;
                        if let Some(known) = recall.pair(partner.record, *right) {
                            add(&mut found, partner, *right, known);
                        }
                        continue;
                    }
                    let from = room.pairs.len();
                    room.pairs.resize(from + width, NOTHING);
                    match scorer.begin(data, (a, b), KEPT_AT, &mut room.pairs[from..]) {
                        Some(odds) => {
                            data.prefetch_open(a, b, &room.pairs[from..]);
                            room.begun.push((*right, *partner, odds));
                        }
                        None => room.pairs.truncate(from),
                    }
                }
                for ((right, partner, odds), pair) in room.begun.iter().zip(room.pairs.chunks_mut(width)) {
                    let records = (partner.record as usize, *right as usize);
                    if let Some(score) = scorer.finish(data, records, KEPT_AT, *odds, pair) {
                        add(&mut found, partner, *right, (rounded(score.probability), rounded(score.weight)));
                    }
                }
            }
            found
        })
        .collect();
    let mut all = empty();
    for found in scored {
        all.pairs.extend(found.pairs);
        all.recalled += found.recalled;
        for (sum, one) in all.rules.iter_mut().zip(found.rules) {
            (sum.pairs, sum.links) = (sum.pairs + one.pairs, sum.links + one.links);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::columns::Column;
    use super::*;
    use crate::config::linkage::LinkageYaml;
    use fields::{Entity, FieldType as F};

    const KINDS: [F; 8] =
        [F::FullName, F::GivenName, F::FamilyName, F::DateOfBirth, F::Street, F::Postcode, F::AddressPart, F::Email];

    /// The cluster of each of these records, which stand before others that have nothing to do with them.
    fn clusters(rows: &[[&str; 8]]) -> Vec<u32> {
        resolved(rows).1
    }

    fn resolved(rows: &[[&str; 8]]) -> (Model, Vec<u32>) {
        let mut rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(ToString::to_string).collect()).collect();
        for i in 0..40u32 {
            let word = |k: u32| -> String {
                (0..6).map(|j| char::from(b'a' + (block::spread(u64::from(i * 64 + k * 8 + j)) % 26) as u8)).collect()
            };
            let (given, family) = (word(0), word(1));
            let day = format!("19{:02}-{:02}-{:02}", 30 + i, 1 + i % 12, 1 + i % 28);
            let street = format!("{i} {} Street", word(2));
            let state = ["NV", "CA", "TX"][i as usize % 3].to_string();
            let row = ["".into(), given, family, day, street, format!("{}", 10_000 + i * 977), state, "".into()];
            rows.extend([row.to_vec(), row.to_vec()]);
        }
        let table = Table {
            names: (0..rows.len()).map(|i| ("t".into(), format!("{i:03}").into())).collect(),
            columns: KINDS
                .iter()
                .enumerate()
                .map(|(c, kind)| {
                    let values = rows.iter().map(|r| Some(&*r[c]).filter(|t| !t.is_empty()));
                    Column::of(format!("{kind:?}"), *kind, values)
                })
                .collect(),
        };
        let settings = Settings::new(Entity::Person, &LinkageYaml::default());
        let (mut data, _) = prepare(&table, &settings);
        let blocks = blocks(&data, &settings, None);
        let model = train(&mut data, &blocks, &settings, &[]);
        let cluster = link(&data, blocks, &model, &settings, &Given::default()).cluster;
        (model, cluster)
    }

    #[test]
    fn of_few_records_a_family_is_no_person() {
        let home = |given, born| ["", given, "Gardner", born, "5040 Thompson Court", "25163", "TX", "g@aol.com"];
        let found = clusters(&[home("Christopher", "1966-05-02"), home("Edward", "1990-11-18"), home("Donna", "")]);
        assert_eq!(found[..3], [0, 1, 2]);
        // Where no household is seen, there may still be some: one in ten records, as is expected before data.
        let (model, found) = resolved(&[]);
        let pairs = found.len() as f64 * (found.len() as f64 - 1.0) / 2.0;
        assert!(model.kinds[model::HOUSEHOLD] * pairs > 0.05 * found.len() as f64);
    }

    #[test]
    fn two_generations_are_two_people() {
        let home = |family, born| ["", "Jeremy", family, born, "7490 Cedar Drive", "42733", "CA", ""];
        let found = clusters(&[home("Brown Sr", ""), home("Brown Jr", ""), home("Brown Jr", "1980-11-12")]);
        assert_eq!(found[..3], [0, 1, 1]);
        // One of both is told; the birthdays are a generation apart.
        let found = clusters(&[home("Brown", "1952-10-07"), home("Brown Jr", "1980-11-12")]);
        assert_eq!(found[..2], [0, 1]);
        let found = clusters(&[home("Brown", "1980-11-12"), home("Brown Jr", "1980-11-12")]);
        assert_eq!(found[..2], [0, 0]);
    }

    #[test]
    fn a_missing_part_of_a_name_is_taken_from_the_whole() {
        let row = |whole, given, family| [whole, given, family, "", "", "", "", ""];
        let found = |row| {
            let columns = KINDS.iter().zip(row).map(|(kind, text): (&F, &str)| {
                Column::of(format!("{kind:?}"), *kind, std::iter::once(Some(text).filter(|t| !t.is_empty())))
            });
            let table = Table { names: vec![("t".into(), "1".into())], columns: columns.collect() };
            let data = prepare::prepare(&table, "DE");
            let text = |place: usize| data.fields[place].value(0).map(|v| v.text.to_string()).unwrap_or_default();
            (text(data.given), text(data.family))
        };
        let pair = |g: &str, f: &str| (g.to_string(), f.to_string());
        assert_eq!(found(row("Peter White", "Peter", "")), pair("peter", "white"));
        assert_eq!(found(row("Peter White", "", "White")), pair("peter", "white"));
        assert_eq!(found(row("White", "White", "")), pair("white", ""));
        assert_eq!(found(row("Somebody Else", "Peter", "White")), pair("peter", "white"));
    }
}
