//! How alike two values are: levels from equal to different, for each type of field.

use rapidfuzz::distance::{jaro_winkler, osa};

use super::fields::FieldType;
use super::signature::Signature;
use super::table::{Cell, DESK_SHARE, Field, NONE, Prepared, Value};
use super::text::{Date, own_domain};

/// One level of likeness.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    pub name: &'static str,
    /// What is expected of it among records of one person, before data are seen.
    pub prior: f64,
    /// Whether how common the value is counts.
    pub by_share: bool,
}

const fn level(name: &'static str, prior: f64) -> Level {
    Level { name, prior, by_share: false }
}

const fn equal(prior: f64) -> Level {
    Level { name: "equal", prior, by_share: true }
}

/// How alike two texts must be (Jaro-Winkler), where somebody has said so.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Thresholds {
    /// It alone decides then: one typing error is no longer close by itself.
    pub close_at: Option<f64>,
    pub near_at: Option<f64>,
}

impl Thresholds {
    /// Of names.
    pub fn close(self) -> f64 {
        self.close_at.unwrap_or(0.93)
    }

    pub fn near(self) -> f64 {
        self.near_at.unwrap_or(0.84)
    }

    pub fn are_default(self) -> bool {
        self.close_at.is_none() && self.near_at.is_none()
    }
}

/// At least one of both says nothing.
pub const MISSING: u8 = u8::MAX;

/// Not compared yet.
pub const UNKNOWN: u8 = u8::MAX - 1;

const GIVEN: [Level; 6] = [
    equal(0.74),
    level("another form", 0.08),
    level("close", 0.08),
    level("near", 0.03),
    // Both names in each other's place: how common they are counts as where they stand rightly.
    Level { name: "swapped", prior: 0.01, by_share: true },
    level("different", 0.06),
];
const FAMILY: [Level; 5] =
    [equal(0.82), level("a part in common", 0.03), level("close", 0.07), level("near", 0.02), level("different", 0.06)];
const ORGANISATION: [Level; 5] = [
    equal(0.62),
    level("another form", 0.10),
    level("close", 0.12),
    level("words in common", 0.08),
    level("different", 0.08),
];
const EMAIL: [Level; 7] = [
    equal(0.60),
    Level { name: "same mailbox, other domain", prior: 0.06, by_share: true },
    level("close", 0.05),
    level("near", 0.02),
    // anna.mueller85@… and mueller.85@…: names, and the same number. How common such numbers are counts.
    Level { name: "same number", prior: 0.02, by_share: true },
    level("different", 0.24),
    // anna.mueller85@… and anna.mueller72@…: whoever puts a number behind the name needs it to be told from others of that name.
    level("other number", 0.01),
];
const EMAIL_CLOSE: u8 = 2;
const EMAIL_NEAR: u8 = 3;
const EMAIL_NUMBER: u8 = 4;
const EMAIL_DIFFERENT: u8 = 5;
const EMAIL_OTHER_NUMBER: u8 = 6;
const PHONE: [Level; 3] = [equal(0.62), level("close", 0.06), level("different", 0.32)];
const DATE: [Level; 6] = [
    equal(0.86),
    level("close", 0.07),
    level("two parts equal", 0.025),
    level("within two months", 0.01),
    level("within a year", 0.01),
    level("different", 0.025),
];
const STREET: [Level; 4] =
    [equal(0.62), level("close", 0.12), level("words in common", 0.06), level("different", 0.20)];
const HOUSE: [Level; 3] = [equal(0.72), level("close", 0.08), level("different", 0.20)];
const POSTCODE: [Level; 4] = [equal(0.74), level("close", 0.06), level("same area", 0.04), level("different", 0.16)];
const CITY: [Level; 3] = [equal(0.74), level("close", 0.10), level("different", 0.16)];
const COUNTRY: [Level; 2] = [equal(0.94), level("different", 0.06)];
const IDENTIFIER: [Level; 3] = [equal(0.90), level("close", 0.05), level("different", 0.05)];
const TEXT: [Level; 4] = [equal(0.60), level("close", 0.12), level("words in common", 0.05), level("different", 0.23)];

/// The levels of a type of field, from equal to different.
pub fn levels(kind: FieldType) -> &'static [Level] {
    match kind {
        FieldType::GivenName => &GIVEN,
        FieldType::FamilyName | FieldType::FullName => &FAMILY,
        FieldType::Organisation => &ORGANISATION,
        FieldType::Email => &EMAIL,
        FieldType::Phone => &PHONE,
        FieldType::DateOfBirth => &DATE,
        FieldType::Street => &STREET,
        FieldType::HouseNumber => &HOUSE,
        FieldType::Postcode => &POSTCODE,
        FieldType::City => &CITY,
        FieldType::Country => &COUNTRY,
        FieldType::Identifier => &IDENTIFIER,
        FieldType::Text | FieldType::AddressPart => &TEXT,
    }
}

/// The first of the levels that say that two values are not one.
pub fn first_different(kind: FieldType) -> usize {
    match kind {
        FieldType::Email => EMAIL_DIFFERENT.into(),
        _ => levels(kind).len() - 1,
    }
}

/// Whether two mailboxes of one name have numbers that differ.
pub fn is_other_number(kind: FieldType, level: u8) -> bool {
    kind == FieldType::Email && level == EMAIL_OTHER_NUMBER
}

/// The order in which levels of several pairs tell of the whole: the more alike first, but that two mailboxes are told apart by their numbers is heard
/// before that two others are simply different.
pub fn informative(kind: FieldType, level: u8) -> u8 {
    match (kind, level) {
        (FieldType::Email, EMAIL_OTHER_NUMBER) => EMAIL_DIFFERENT,
        (FieldType::Email, EMAIL_DIFFERENT) => EMAIL_OTHER_NUMBER,
        _ => level,
    }
}

/// The level of each field, and the share of the value where both hold it.
#[derive(Debug, Clone, Copy)]
pub struct Likeness {
    pub level: u8,
    pub share: f64,
    /// Of given names: whether a generation is told.
    pub generations: Generations,
}

/// What two records tell of generations: Jr., Sr., III.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generations {
    #[default]
    Untold,
    /// By one, or the same by both: there is a relative of that name.
    Told,
    /// Two that are not one.
    Other,
}

/// Nothing to compare.
pub const NOTHING: Likeness = at(MISSING);

const fn at(level: u8) -> Likeness {
    shared(level, 1.0)
}

const fn shared(level: u8, share: f64) -> Likeness {
    Likeness { level, share, generations: Generations::Untold }
}

/// Compares two records in all fields. `out` has a place for each.
pub fn compare(data: &Prepared, a: usize, b: usize, out: &mut [Likeness]) {
    begin(data, a, b, out);
    finish(data, a, b, out, |_, _| true);
}

/// Compares what costs little: names and birthdays, and of the rest what is equal, missing, or different at a glance. (Different e-mails may be told from
/// others in [`finish`].)
pub fn begin(data: &Prepared, a: usize, b: usize, out: &mut [Likeness]) {
    names(data, a, b, out);
    let cells = data.cells(a).iter().zip(data.cells(b));
    for ((to, field), (l, r)) in out.iter_mut().zip(&data.fields).zip(cells).skip(2) {
        *to = if field.is_single() { at_a_glance(field, l, r) } else { at(UNKNOWN) };
    }
}

fn differs(field: &Field, l: &Signature, r: &Signature) -> bool {
    // The proofs hold for the limits that are built in.
    field.thresholds.are_default() && l.differs(r, field.kind)
}

/// Compares the rest, as long as `goes_on` says so, which hears what became of each field that could not be told at a glance. Returns whether all is compared.
pub fn finish(
    data: &Prepared,
    a: usize,
    b: usize,
    out: &mut [Likeness],
    mut goes_on: impl FnMut(usize, Likeness) -> bool,
) -> bool {
    for (place, field) in data.fields.iter().enumerate().skip(2) {
        let is_open = out[place].level == UNKNOWN;
        if is_open {
            let texts = |place| by_texts(field, data.id(a, place) as usize, data.id(b, place) as usize);
            out[place] = if field.is_single() { texts(place) } else { best(field, a, b) };
        }
        finish_one(data, field, a, b, place, out);
        if is_open && !goes_on(place, out[place]) {
            return false;
        }
    }
    within_places(data, out);
    true
}

fn finish_one(data: &Prepared, field: &Field, a: usize, b: usize, place: usize, out: &mut [Likeness]) {
    if field.kind == FieldType::Identifier && out[place].level > 0 && data.may_have_several_numbers(a, b) {
        out[place] = NOTHING;
    }
    if field.kind != FieldType::Email || !(1..MISSING).contains(&out[place].level) {
        return;
    }
    if data.by_domain && of_one_domain(field, a, b) {
        out[place] = Likeness { level: 0, share: DESK_SHARE, ..NOTHING };
        return;
    }
    let [l, r] = [a, b].map(|record| data.cells(record)[place].signature);
    if out[place].level < EMAIL_DIFFERENT || l.are_numbered(&r) {
        out[place] = of_mailboxes(data, field, a, b, out[place], &out[..2]);
    }
}

/// Of strangers with equal names, so many live in one country: names go with languages.
const COUNTRY_OF_NAMESAKES: f64 = 0.7;
/// Two in one place are in its only postcode so often at most.
const MOST_WITHIN: f64 = 0.9;

/// Who lives in a town lives in its country: what is equal in a larger place is counted once, so the smaller place counts by its share within the larger.
fn within_places(data: &Prepared, out: &mut [Likeness]) {
    for (fine, coarse) in &data.places {
        if out[*fine].level == 0 && out[*coarse].level == 0 {
            out[*fine].share = (out[*fine].share / out[*coarse].share).min(MOST_WITHIN);
        }
    }
    if let Some(country) = data.country
        && out[country].level == 0
        && out[data.given].level <= 1
        && out[data.family].level == 0
    {
        out[country].share = out[country].share.max(COUNTRY_OF_NAMESAKES);
    }
}

/// Whether both have a mailbox at one domain that is no public provider's: einkauf@ and info@ of one company.
fn of_one_domain(field: &Field, a: usize, b: usize) -> bool {
    let domain = |v: &u32| own_domain(&field.values[*v as usize].text);
    field.of(a).iter().filter_map(domain).any(|own| field.of(b).iter().filter_map(domain).any(|other| own == other))
}

/// Mailboxes that are made of names tell no more than the names do: only what else they are made of counts.
fn of_mailboxes(data: &Prepared, field: &Field, a: usize, b: usize, like: Likeness, names: &[Likeness]) -> Likeness {
    let (Some(x), Some(y)) = (field.value(a), field.value(b)) else { return like };
    let agree = |l: &Likeness| l.level <= 4;
    // Both are made of their holders' names, or of one word that may well be a name.
    let of_names = (data.mail_of_name(a) && data.mail_of_name(b)) || x.tokens.iter().any(|t| y.tokens.contains(t));
    let (p, q) = (&x.number, &y.number);
    let numbered = !p.is_empty() && !q.is_empty();
    if like.level == EMAIL_DIFFERENT {
        return match (of_names, p == q) {
            (true, true) => shared(EMAIL_NUMBER, number_share(p)),
            (true, false) => at(EMAIL_OTHER_NUMBER),
            _ => like,
        };
    }
    if !names.iter().any(agree) || !(of_names || data.mail_of_name(a) || data.mail_of_name(b)) {
        return like;
    }
    let domain = |v: &Value| v.text.split_once('@').map(|(_, d)| d.to_string()).unwrap_or_default();
    let (own, other) = (domain(x), domain(y));
    let is_free = super::lexicon::get().freemail_domains.contains(own.as_str());
    let of_one_house = alike(&own, &other, 0.85) >= 0.85 && !is_free && (p == q || p.is_empty() || q.is_empty());
    if of_one_house || (p == q && p.len() >= 2) {
        like
    } else if !numbered || p == q {
        NOTHING
    } else if of_names && p.len().min(q.len()) >= 2 {
        at(EMAIL_OTHER_NUMBER)
    } else {
        at(EMAIL_DIFFERENT)
    }
}

pub const RAREST_NUMBER: f64 = 0.001;

/// How many of those with a number in their mailbox have this one: years (of birth) and two digits are common, longer ones hardly ever met twice.
fn number_share(digits: &str) -> f64 {
    match digits.len() {
        0..=2 => 0.02,
        4 if digits.starts_with("19") || digits.starts_with("20") => 0.02,
        3 => 0.004,
        _ => RAREST_NUMBER,
    }
}

/// The best that any two values of a field show.
fn best(field: &Field, a: usize, b: usize) -> Likeness {
    let cell = |v: &u32| Cell { id: *v, signature: field.signatures[*v as usize] };
    let mut found = NOTHING;
    for l in field.of(a) {
        for r in field.of(b) {
            let like = values(field, &cell(l), &cell(r));
            if found.level == MISSING || (like.level, like.share) < (found.level, found.share) {
                found = like;
            }
        }
    }
    found
}

/// Two values of a field, either of which may be none.
fn values(field: &Field, l: &Cell, r: &Cell) -> Likeness {
    let like = at_a_glance(field, l, r);
    if like.level == UNKNOWN { by_texts(field, l.id as usize, r.id as usize) } else { like }
}

/// Missing, equal, or surely different; else only the texts can tell.
fn at_a_glance(field: &Field, l: &Cell, r: &Cell) -> Likeness {
    if l.id == NONE || r.id == NONE {
        NOTHING
    } else if l.id == r.id {
        shared(0, field.share[l.id as usize])
    } else if let (FieldType::DateOfBirth, Some(x), Some(y)) = (field.kind, l.signature.date(), r.signature.date()) {
        at(dates(x, y))
    } else if differs(field, &l.signature, &r.signature) {
        at(first_different(field.kind) as u8)
    } else {
        at(UNKNOWN)
    }
}

/// Two unequal values, by all that their texts tell.
pub(super) fn by_texts(field: &Field, l: usize, r: usize) -> Likeness {
    let (a, b) = (&field.values[l], &field.values[r]);
    match field.kind {
        FieldType::Email => {
            if a.part == b.part && super::lexicon::get().role_mailboxes.contains(&*a.part) {
                // info@ here and info@ there.
                return at(EMAIL_DIFFERENT);
            }
            if !a.part.is_empty() && a.part == b.part {
                return shared(1, field.part_share);
            }
            if one_edit(&a.text, &b.text) {
                return at(EMAIL_CLOSE);
            }
            let own = alike(&a.part, &b.part, 0.8);
            let whole = if own >= 0.8 { alike(&a.text, &b.text, 0.88) } else { 0.0 };
            at(if own >= 0.92 && whole >= 0.9 && a.part.len().min(b.part.len()) >= 5 {
                EMAIL_CLOSE
            } else if own >= 0.8 && whole >= 0.88 {
                EMAIL_NEAR
            } else {
                EMAIL_DIFFERENT
            })
        }
        FieldType::Phone => {
            at(if (a.part.len() >= 7 && a.part == b.part) || one_edit(&a.text, &b.text) { 1 } else { 2 })
        }
        FieldType::DateOfBirth => at(a.date.zip(b.date).map_or(5, |(x, y)| dates(x, y))),
        FieldType::Organisation => at(organisations(a, b, field.thresholds)),
        FieldType::Street | FieldType::Text | FieldType::AddressPart => {
            at(if close(&a.text, &b.text, field.thresholds) {
                1
            } else if overlap(a, b) >= 0.5 {
                2
            } else {
                3
            })
        }
        FieldType::HouseNumber => {
            at(if digits(&a.text) == digits(&b.text) || one_edit(&a.text, &b.text) { 1 } else { 2 })
        }
        FieldType::Postcode => at(if one_edit(&a.text, &b.text) {
            1
        } else if area(&a.text) == area(&b.text) {
            2
        } else {
            3
        }),
        FieldType::City => at(if close(&a.text, &b.text, field.thresholds) || contains(a, b) { 1 } else { 2 }),
        FieldType::Identifier => at(if one_edit(&a.text, &b.text) { 1 } else { 2 }),
        FieldType::Country => at(1),
        FieldType::GivenName | FieldType::FamilyName | FieldType::FullName => at(names_by_texts(field, a, b)),
    }
}

/// Given and family names together: they may have changed places.
fn names(data: &Prepared, a: usize, b: usize, out: &mut [Likeness]) {
    let (given, family) = (&data.fields[data.given], &data.fields[data.family]);
    let (x, y) = (data.cells(a), data.cells(b));
    let mut g = values(given, &x[data.given], &y[data.given]);
    let mut f = values(family, &x[data.family], &y[data.family]);
    let (ga, gb, fa, fb) = (x[data.given].id, y[data.given].id, x[data.family].id, y[data.family].id);
    // Where neither fits as it stands, the other way round may.
    if (g.level == MISSING || g.level >= 3)
        && (f.level == MISSING || f.level >= 3)
        && (g.level != MISSING || f.level != MISSING)
    {
        // None: one says nothing. Else: not alike, close, equal.
        let cross = |p: &Cell, q: &Cell| {
            if p.id == NONE || q.id == NONE {
                return None;
            }
            if !p.signature.may_be_close(&q.signature) {
                return Some(0);
            }
            let (p, q) = (&given.values[p.id as usize], &family.values[q.id as usize]);
            Some(if p.text == q.text { 2 } else { u8::from(close(&p.text, &q.text, Thresholds::default())) })
        };
        let alike = (cross(&x[data.given], &y[data.family]), cross(&y[data.given], &x[data.family]));
        if let (Some(1..), Some(1..) | None) | (None, Some(1..)) = alike {
            // One of both stands where such names stand, and there it is the more common.
            let share = |field: &Field, a: u32, b: u32| {
                [a, b].iter().filter(|v| **v != NONE).map(|v| field.share[*v as usize]).fold(0.0, f64::max)
            };
            let equal = alike.0.unwrap_or(0).min(alike.1.unwrap_or(2)) == 2;
            g = shared(4, share(given, ga, gb));
            f = match alike {
                (Some(_), Some(_)) if equal => shared(0, share(family, fa, fb)),
                (Some(_), Some(_)) => at(2),
                _ => NOTHING,
            };
        }
    }
    if g.level == 0 && f.level == 0 {
        // Both together may be more common than each of them tells.
        let both = data.both.share[data.both.first(a) as usize];
        f.share = f.share.max(both / g.share);
    }
    g.generations = match (data.generation[a], data.generation[b]) {
        (0, 0) => Generations::Untold,
        (x, y) if x != 0 && y != 0 && x != y => Generations::Other,
        _ => Generations::Told,
    };
    out[data.given] = g;
    out[data.family] = f;
}

fn names_by_texts(field: &Field, a: &Value, b: &Value) -> u8 {
    let other_form = match field.kind {
        FieldType::GivenName => forms(a, b),
        _ => contains(a, b) || joined(a, b),
    };
    if other_form {
        return 1;
    }
    let limits = field.thresholds;
    let alike = alike(&a.text, &b.text, limits.near().min(0.75));
    let mistyped = || alike >= 0.75 && a.text.len().min(b.text.len()) >= 4 && one_edit(&a.text, &b.text);
    if alike >= limits.close() || (limits.close_at.is_none() && mistyped()) {
        2
    } else if alike >= limits.near() {
        3
    } else {
        first_different(field.kind) as u8
    }
}

/// Nicknames, initials, one of several given names.
fn forms(a: &Value, b: &Value) -> bool {
    let common = a.groups.iter().any(|g| b.groups.contains(g));
    let initial = |x: &Value, y: &Value| x.text.len() == 1 && y.text.starts_with(&*x.text);
    common || initial(a, b) || initial(b, a) || contains(a, b) || joined(a, b)
}

/// One has a word of the other.
fn contains(a: &Value, b: &Value) -> bool {
    (a.tokens.len() > 1 || b.tokens.len() > 1) && a.tokens.iter().any(|t| t.len() > 2 && b.tokens.contains(t))
}

/// The same letters, written in one or in two words.
fn joined(a: &Value, b: &Value) -> bool {
    a.tokens.len() != b.tokens.len() && a.text.bytes().filter(|c| *c != b' ').eq(b.text.bytes().filter(|c| *c != b' '))
}

/// Jaro-Winkler's likeness where it is at least `from`, else 0.
fn alike(a: &str, b: &str, from: f64) -> f64 {
    let args = jaro_winkler::Args::default().score_cutoff(from);
    jaro_winkler::similarity_with_args(a.bytes(), b.bytes(), &args).unwrap_or(0.0)
}

fn close(a: &str, b: &str, limits: Thresholds) -> bool {
    let from = limits.close_at.unwrap_or(0.92);
    alike(a, b, from) >= from || (limits.close_at.is_none() && a.len().min(b.len()) >= 4 && one_edit(a, b))
}

/// One letter more, less, other, or two neighbours in each other's place.
fn one_edit(a: &str, b: &str) -> bool {
    // What is alike at both ends needs no edit: what is left must be tiny.
    let (p, q) = (a.as_bytes(), b.as_bytes());
    let front = p.iter().zip(q).take_while(|(x, y)| x == y).count();
    let back = p[front..].iter().rev().zip(q[front..].iter().rev()).take_while(|(x, y)| x == y).count();
    a.len().abs_diff(b.len()) <= 1
        && p.len().max(q.len()) - front - back <= 2
        && osa::distance_with_args(a.bytes(), b.bytes(), &osa::Args::default().score_cutoff(1)).is_some()
}

fn digits(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_ascii_alphabetic())
}

/// What comes before the last places of a postcode: its area.
fn area(text: &str) -> &str {
    text.get(..text.len().saturating_sub(3).max(2)).unwrap_or(text)
}

/// Words in common, as a share of the words of the shorter.
fn overlap(a: &Value, b: &Value) -> f64 {
    let common = a.tokens.iter().filter(|t| b.tokens.contains(t)).count();
    let shorter = a.tokens.len().min(b.tokens.len());
    if shorter < 2 || common < 2 { 0.0 } else { common as f64 / shorter as f64 }
}

fn dates(x: Date, y: Date) -> u8 {
    let turned = x.year == y.year && x.month == y.day && x.day == y.month;
    let partial = |x: Date, y: Date| {
        x.year == y.year && ((x.day == 0 && (x.month == 0 || x.month == y.month)) || (x.month == 0 && x.day == y.day))
    };
    let (p, q) = (x.digits(), y.digits());
    let differing = p.iter().zip(&q).filter(|(p, q)| p != q).count();
    let neighbours = differing == 2 && (0..7).any(|i| p[i] != q[i] && p[i] == q[i + 1] && p[i + 1] == q[i]);
    if turned || partial(x, y) || partial(y, x) || differing == 1 || neighbours {
        return 1;
    }
    let equal = usize::from(x.year == y.year) + usize::from(x.month == y.month) + usize::from(x.day == y.day);
    let apart = x.days().abs_diff(y.days());
    if equal == 2 || differing == 2 {
        2
    } else if apart <= 62 {
        3
    } else if apart <= 366 {
        4
    } else {
        5
    }
}

/// Whether two dates of birth differ clearly: by more than a year, and by more than a typing error.
pub fn born_apart(a: &Value, b: &Value) -> bool {
    a.text != b.text && a.date.zip(b.date).is_some_and(|(x, y)| dates(x, y) == 5)
}

fn organisations(a: &Value, b: &Value, limits: Thresholds) -> u8 {
    let acronym = |x: &Value, y: &Value| {
        y.tokens.len() >= 3
            && x.tokens.len() == 1
            && x.text.bytes().eq(y
                .tokens
                .iter()
                .filter(|t| &***t != "and" && &***t != "of")
                .filter_map(|t| t.bytes().next()))
    };
    if joined(a, b) || a.text.replace(' ', "") == b.text.replace(' ', "") || acronym(a, b) || acronym(b, a) {
        return 1;
    }
    let all = |x: &Value, y: &Value| x.tokens.iter().all(|t| y.tokens.contains(t));
    let sorted_equal = a.tokens.len() == b.tokens.len() && all(a, b) && all(b, a);
    // Müller Bau and Müller Holz begin alike: every word must be close to its partner.
    let words_close =
        a.tokens.len() == b.tokens.len() && a.tokens.iter().zip(&b.tokens).all(|(x, y)| x == y || close(x, y, limits));
    if sorted_equal {
        1
    } else if words_close || (limits.close_at.is_none() && one_edit(&a.text, &b.text)) {
        2
    } else if (a.tokens.len() >= 2 && all(a, b))
        || (b.tokens.len() >= 2 && all(b, a))
        || overlap(a, b) >= 0.6
        || (contains(a, b) && a.tokens[0] == b.tokens[0])
    {
        3
    } else {
        4
    }
}
