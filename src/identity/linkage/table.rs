//! Records with every value in one form and known by a number.

use rayon::prelude::*;
use rphonetic::{DoubleMetaphone, Encoder};

use super::columns::Held;
use super::compare::{Likeness, Thresholds, UNKNOWN};
use super::fields::FieldType;
use super::prefetch::prefetch;
use super::signature::Signature;
use super::text::{self, Date};
use super::{lexicon, model::Shares};

/// No value.
pub const NONE: u32 = u32::MAX;

/// How common a desk's mailbox counts at least.
pub const DESK_SHARE: f64 = 0.02;

/// One distinct value, with what comparing and blocking need.
#[derive(Debug, Clone, Default)]
pub struct Value {
    pub text: Box<str>,
    pub tokens: Box<[Box<str>]>,
    /// Groups of given names that are forms of one another.
    pub groups: Box<[u32]>,
    /// Of an e-mail: the part before the @. Of a phone: the last digits.
    pub part: Box<str>,
    /// Of an e-mail: the digits in that part.
    pub number: Box<str>,
    pub sound: Box<str>,
    pub date: Option<Date>,
}

/// One thing that is compared: its distinct values (in order of their text) and who holds which.
#[derive(Debug)]
pub struct Field {
    /// As the model and explanations name it: its type, or its type and column.
    pub name: String,
    pub kind: FieldType,
    pub values: Vec<Value>,
    /// Of each value.
    pub signatures: Vec<Signature>,
    /// `list[start[i]..start[i + 1]]` are record i's values.
    start: Vec<u32>,
    list: Vec<u32>,
    /// Of each record: its first value.
    one: Vec<u32>,
    /// No record holds more than one value.
    single: bool,
    /// Of each value: the share of records with any value that hold it.
    pub share: Vec<f64>,
    /// Of an e-mail: the share of its local part.
    pub part_share: f64,
    /// How many hold each value.
    pub holders: Vec<u32>,
    /// How alike is close, where somebody has said so.
    pub thresholds: Thresholds,
}

impl Field {
    pub fn of(&self, record: usize) -> &[u32] {
        &self.list[self.start[record] as usize..self.start[record + 1] as usize]
    }

    #[inline]
    pub fn first(&self, record: usize) -> u32 {
        self.one[record]
    }

    /// Whether no record holds more than one value.
    #[inline]
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// The record's (first) value.
    pub fn value(&self, record: usize) -> Option<&Value> {
        self.of(record).first().map(|v| &self.values[*v as usize])
    }

    pub(super) fn build(name: String, kind: FieldType, held: Held) -> Field {
        let Held { texts: found, start, mut list } = held;
        let mut texts: Vec<(&str, u32)> = found.iter().zip(0..).collect();
        texts.par_sort_unstable();
        let mut places = vec![0; texts.len()];
        for (place, (_, number)) in texts.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        let mut holders = vec![0u32; texts.len()];
        for number in &mut list {
            *number = places[*number as usize];
            holders[*number as usize] += 1;
        }
        let values: Vec<Value> = texts.par_iter().map(|(t, _)| value_of(t, kind)).collect();
        let signatures = values.par_iter().map(|v| Signature::of(v, kind)).collect();
        let (one, single) = firsts(&start, &list);
        Field {
            name,
            kind,
            values,
            signatures,
            start,
            list,
            one,
            single,
            share: Vec::new(),
            part_share: 1.0,
            holders,
            thresholds: Thresholds::default(),
        }
    }

    /// Takes values away that too many hold to tell anything; returns them with their holders.
    pub fn forget(&mut self, too_common: impl Fn(u32) -> bool) {
        let (mut start, mut list) = (Vec::with_capacity(self.start.len()), Vec::with_capacity(self.list.len()));
        for record in 0..self.start.len() - 1 {
            start.push(list.len() as u32);
            list.extend(self.of(record).iter().copied().filter(|v| !too_common(*v)));
        }
        start.push(list.len() as u32);
        (self.one, self.single) = firsts(&start, &list);
        (self.start, self.list) = (start, list);
    }

    /// Takes all values away.
    fn silence(&mut self) {
        self.forget(|_| true);
        self.holders.fill(0);
    }

    /// Takes the shares of values from a model's table. A desk's mailbox (info@, sales@) counts as common: whoever works there writes from it.
    pub fn take_shares(&mut self, shares: &Shares) {
        let roles = &lexicon::get().role_mailboxes;
        let of_desk = |v: &Value| self.kind == FieldType::Email && roles.contains(&*v.part);
        let known = self.values.iter().zip(shares.of(self.values.iter().map(|v| &*v.text)));
        self.share = known.map(|(v, share)| if of_desk(v) { share.max(DESK_SHARE) } else { share }).collect();
        self.part_share = shares.other_part;
    }
}

/// Of each record its first value, and whether that is all of them.
fn firsts(start: &[u32], list: &[u32]) -> (Vec<u32>, bool) {
    let one = start.windows(2).map(|w| if w[0] < w[1] { list[w[0] as usize] } else { NONE }).collect();
    (one, start.windows(2).all(|w| w[1] - w[0] <= 1))
}

fn boxed(texts: impl Iterator<Item = impl AsRef<str>>) -> Box<[Box<str>]> {
    texts.map(|t| t.as_ref().into()).collect()
}

fn value_of(text: &str, kind: FieldType) -> Value {
    let mut value = Value { text: text.into(), ..Value::default() };
    match kind {
        FieldType::GivenName | FieldType::FamilyName | FieldType::FullName => {
            value.tokens = boxed(text.split(' ').filter(|t| !t.is_empty()));
            let words = lexicon::get();
            if let Some(first) = value.tokens.first() {
                let mut groups = words.nicknames.get(&**first).cloned().unwrap_or_default();
                groups.extend(words.nicknames.get(text).into_iter().flatten());
                groups.sort_unstable();
                groups.dedup();
                value.groups = groups.into();
            }
            let core = value.tokens.iter().find(|t| !words.particles.contains(&***t)).or(value.tokens.last());
            value.sound = core.map(|t| sound(t)).unwrap_or_default();
        }
        FieldType::Email => {
            value.part = text.split('@').next().unwrap_or_default().into();
            value.tokens = boxed(value.part.split(|c: char| !c.is_alphabetic()).filter(|t| t.len() >= 4));
            value.number = value.part.chars().filter(char::is_ascii_digit).collect::<String>().into();
        }
        FieldType::Phone => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            value.part = digits[digits.len().saturating_sub(7)..].into();
        }
        FieldType::DateOfBirth => {
            value.date = text::date(text, false);
        }
        _ => {
            value.tokens = boxed(text.split(' ').filter(|t| !t.is_empty()));
            value.sound = value.tokens.first().map(|t| sound(t)).unwrap_or_default();
        }
    }
    value
}

fn sound(word: &str) -> Box<str> {
    if word.bytes().all(|b| b.is_ascii_alphabetic()) {
        DoubleMetaphone::default().encode(word).into()
    } else {
        word.into()
    }
}

/// What is known of a record's value at a glance.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// The value's number, or [`NONE`].
    pub id: u32,
    pub signature: Signature,
}

impl Cell {
    const NONE: Cell = Cell { id: NONE, signature: Signature::NONE };
}

/// All that is compared, in a fixed order; names are always there.
#[derive(Debug)]
pub struct Prepared {
    pub records: usize,
    pub fields: Vec<Field>,
    pub given: usize,
    pub family: usize,
    /// Fields whose places lie in those of another field, the smallest first: postcode in city, city in country.
    pub places: Vec<(usize, usize)>,
    pub country: Option<usize>,
    /// Both names together; not compared, it tells how common they are.
    pub both: Field,
    /// Of each record: 0 where none is told, else one more than the rank of `jr`, `sr`, `3` …
    pub generation: Vec<u8>,
    /// Of each record: the system whose numbers may be several of one person, counted from 1; 0 is none. Empty: there are no such numbers.
    pub numbering: Vec<u32>,
    /// Of organisations: mailboxes of one domain of its own count as one desk's.
    pub by_domain: bool,
    /// Of each record, of each field: its first value. One record's lie together.
    cells: Vec<Cell>,
    /// Of each record: whether its mailbox has one of its names in it.
    mail_of_name: Vec<bool>,
}

impl Prepared {
    /// Fields with the given name first and the family name second.
    pub(super) fn new(records: usize, fields: Vec<Field>, both: Field, generation: Vec<u8>) -> Prepared {
        let mut data = Prepared {
            records,
            fields,
            given: 0,
            family: 1,
            places: Vec::new(),
            country: None,
            both,
            generation,
            numbering: Vec::new(),
            by_domain: false,
            cells: Vec::new(),
            mail_of_name: Vec::new(),
        };
        let only = |kind: FieldType| {
            let mut found = data.fields.iter().enumerate().filter(|(_, f)| f.kind == kind).map(|(place, _)| place);
            found.next().filter(|_| found.next().is_none())
        };
        let [postcode, city, country] = [FieldType::Postcode, FieldType::City, FieldType::Country].map(only);
        data.places = [postcode.zip(city.or(country)), city.zip(country)].into_iter().flatten().collect();
        data.country = country;
        data.lay_out();
        data.mail_of_name = (0..records).into_par_iter().map(|r| mail_of_name(&data, r)).collect();
        data
    }

    pub fn field(&self, kind: FieldType) -> Option<&Field> {
        self.fields.iter().find(|f| f.kind == kind)
    }

    /// The record's (first) value of the field at a place, or [`NONE`].
    #[inline]
    pub fn id(&self, record: usize, place: usize) -> u32 {
        self.cells[record * self.fields.len() + place].id
    }

    /// The record's (first) value of each field.
    #[inline]
    pub fn cells(&self, record: usize) -> &[Cell] {
        let width = self.fields.len();
        &self.cells[record * width..(record + 1) * width]
    }

    /// Asks the machine for the record's cells.
    #[inline]
    pub fn prefetch(&self, record: usize) {
        let width = self.fields.len();
        prefetch(&self.cells, record * width, (record + 1) * width);
    }

    /// Asks the machine for the texts of what could not be told at a glance.
    pub fn prefetch_open(&self, a: usize, b: usize, pair: &[Likeness]) {
        for (place, _) in pair.iter().enumerate().filter(|(_, like)| like.level == UNKNOWN) {
            for id in [a, b].map(|record| self.id(record, place)).into_iter().filter(|id| *id != NONE) {
                prefetch(&self.fields[place].values, id as usize, id as usize + 1);
            }
        }
    }

    /// Takes all values of a field away, as if nobody had any; [`Prepared::lay_out`] comes after it.
    pub fn silence(&mut self, place: usize) {
        self.fields[place].silence();
        if place == self.given || place == self.family {
            self.both.silence();
        }
    }

    /// Lays what is known of a record's values together; after any change of the fields.
    pub fn lay_out(&mut self) {
        let fields = &self.fields;
        let width = fields.len();
        let mut cells = vec![Cell::NONE; self.records * width];
        cells.par_chunks_mut(width * 4096).enumerate().for_each(|(chunk, out)| {
            for (i, row) in out.chunks_mut(width).enumerate() {
                for (to, field) in row.iter_mut().zip(fields) {
                    let id = field.first(chunk * 4096 + i);
                    if id != NONE {
                        *to = Cell { id, signature: field.signatures[id as usize] };
                    }
                }
            }
        });
        self.cells = cells;
    }

    pub fn mail_of_name(&self, record: usize) -> bool {
        self.mail_of_name[record]
    }

    /// Records that hold one e-mail or phone (or, where nobody has one, one pair of names): hardly more are of one person. Of those that are not alone, the mean and as much again.
    pub fn most_of_one_person(&self) -> u32 {
        let own = [FieldType::Email, FieldType::Phone, FieldType::Identifier];
        let shared = |field: &Field| -> (u64, u64) {
            let counts = field.holders.iter().filter(|h| (2..=20).contains(*h));
            counts.fold((0, 0), |(values, holders), h| (values + 1, holders + u64::from(*h)))
        };
        let mut sum = (0, 0);
        for (values, holders) in self.fields.iter().filter(|f| own.contains(&f.kind)).map(shared) {
            sum = (sum.0 + values, sum.1 + holders);
        }
        if sum.0 == 0 {
            sum = shared(&self.both);
        }
        if sum.0 == 0 { 4 } else { (2.0 * sum.1 as f64 / sum.0 as f64).ceil() as u32 }
    }

    /// Whether one system numbers both, and may number a person twice: then two numbers say nothing.
    pub fn may_have_several_numbers(&self, a: usize, b: usize) -> bool {
        !self.numbering.is_empty() && self.numbering[a] != 0 && self.numbering[a] == self.numbering[b]
    }

    /// Neither of both has a person's name.
    pub fn of_organisations(&self, a: usize, b: usize) -> bool {
        !self.has_name(a) && !self.has_name(b)
    }

    /// Whether a person or an organisation is named.
    pub fn is_named(&self, record: usize) -> bool {
        self.has_name(record) || self.field(FieldType::Organisation).is_some_and(|f| f.first(record) != NONE)
    }

    pub fn has_name(&self, record: usize) -> bool {
        self.id(record, self.given) != NONE || self.id(record, self.family) != NONE
    }
}

fn mail_of_name(data: &Prepared, record: usize) -> bool {
    let Some(mail) = data.field(FieldType::Email).and_then(|f| f.value(record)) else { return false };
    let folded = if mail.part.is_ascii() { mail.part.to_ascii_lowercase() } else { text::fold(&mail.part) };
    let letters: String = folded.chars().filter(char::is_ascii_alphabetic).collect();
    [data.given, data.family]
        .iter()
        .filter_map(|f| data.fields[*f].value(record))
        .flat_map(|name| name.tokens.iter())
        .any(|token| token.len() >= 3 && letters.contains(&**token))
}

pub fn name_of(kind: FieldType) -> String {
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(ToString::to_string)).unwrap_or_default()
}
