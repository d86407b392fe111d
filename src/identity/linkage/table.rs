//! Records in columns, and the same with every value in one form and known by a number.

use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;
use rphonetic::{DoubleMetaphone, Encoder};

use super::compare::Thresholds;
use super::fields::FieldType;
use super::prefetch::prefetch;
use super::signature::Signature;
use super::text::{self, Date};
use super::{lexicon, model::Shares};
use crate::identity::normalise;

/// No value.
pub const NONE: u32 = u32::MAX;

/// Records as they came: columns of text.
#[derive(Debug, Default)]
pub struct Table {
    /// Source and id of each record.
    pub names: Vec<(Arc<str>, Box<str>)>,
    pub columns: Vec<Column>,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub kind: FieldType,
    pub values: Vec<Option<Box<str>>>,
}

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
    /// Of an e-mail, of each value: the share of its local part.
    pub part_share: Vec<f64>,
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

    fn build(name: String, kind: FieldType, held: &[Vec<String>]) -> Field {
        // Numbers in order of first sight, and then anew in order of the texts.
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let (mut start, mut list) = (Vec::with_capacity(held.len() + 1), Vec::with_capacity(held.len()));
        for record in held {
            start.push(list.len() as u32);
            let from = list.len();
            for text in record {
                let next = numbers.len() as u32;
                let number = *numbers.entry(text.as_str()).or_insert(next);
                if !list[from..].contains(&number) {
                    list.push(number);
                }
            }
        }
        start.push(list.len() as u32);
        let mut texts: Vec<(&str, u32)> = numbers.into_iter().collect();
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
            part_share: Vec::new(),
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
        let share = |v: &Value| if of_desk(v) { shares.of(&v.text).max(DESK_SHARE) } else { shares.of(&v.text) };
        self.share = self.values.iter().map(share).collect();
        self.part_share = self.values.iter().map(|v| shares.of_part(&v.part)).collect();
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

/// A field before its values are numbered.
struct Part {
    name: String,
    kind: FieldType,
    held: Vec<Vec<String>>,
}

impl Part {
    fn new(name: String, kind: FieldType, held: Vec<Vec<String>>) -> Part {
        Part { name, kind, held }
    }
}

/// Brings every value into one form. The records must stand in the order of their names.
pub fn prepare(table: &Table, default_country: &str) -> Prepared {
    let n = table.names.len();
    let of = |kind: FieldType| table.columns.iter().filter(move |c| c.kind == kind);
    let mut parts: Vec<Part> = Vec::new();
    let (given, family, generation) = names(table, n);
    let both: Vec<Vec<String>> = given
        .par_iter()
        .zip(&family)
        .map(|(g, f)| match (g.first(), f.first()) {
            (Some(g), Some(f)) => vec![format!("{g} {f}")],
            _ => Vec::new(),
        })
        .collect();
    let both = Field::build("full_name".into(), FieldType::FullName, &both);
    parts.push(Part::new("given_name".into(), FieldType::GivenName, given));
    parts.push(Part::new("family_name".into(), FieldType::FamilyName, family));
    // Several phones or addresses of e-mail are one field with several values.
    let country = of(FieldType::Country).next();
    for kind in [FieldType::Email, FieldType::Phone] {
        let columns: Vec<&Column> = of(kind).collect();
        if columns.is_empty() {
            continue;
        }
        let held = match kind {
            FieldType::Email => {
                all_of(&columns, n, |t, _| normalise::email(t).filter(|e| e.contains('@') && !text::is_placeholder(e)))
            }
            _ => phones(&columns, n, country, default_country),
        };
        parts.push(Part::new(name_of(kind), kind, held));
    }
    for column in of(FieldType::DateOfBirth) {
        let day_first = text::day_first(column.values.iter().flatten().map(|v| &**v));
        let held = all_of(&[column], n, |t, _| text::date_of_birth(t, day_first));
        parts.push(Part::new(field_name(table, column), column.kind, held));
    }
    let own_house = of(FieldType::HouseNumber).next().is_some();
    for column in of(FieldType::Street) {
        let read: Vec<(String, Option<String>)> =
            column.values.par_iter().map(|v| known(v.as_deref()).map(text::street).unwrap_or_default()).collect();
        let (streets, numbers): (Vec<_>, Vec<_>) =
            read.into_iter().map(|(s, h)| (filled(s), h.into_iter().collect::<Vec<_>>())).unzip();
        parts.push(Part::new(field_name(table, column), column.kind, streets));
        if !own_house {
            let name = if of(FieldType::Street).nth(1).is_some() {
                format!("house_number ({})", column.name)
            } else {
                "house_number".to_string()
            };
            parts.push(Part::new(name, FieldType::HouseNumber, numbers));
        }
    }
    for column in &table.columns {
        let form: fn(&str) -> String = match column.kind {
            FieldType::Organisation => text::organisation,
            FieldType::HouseNumber | FieldType::Postcode | FieldType::Identifier => text::compact,
            FieldType::City | FieldType::Country | FieldType::AddressPart | FieldType::Text => text::fold,
            _ => continue,
        };
        let held = all_of(&[column], n, |t, _| (!text::is_placeholder(t)).then(|| form(t)).filter(|t| !t.is_empty()));
        parts.push(Part::new(field_name(table, column), column.kind, held));
    }
    let fields = parts.into_par_iter().map(|p| Field::build(p.name, p.kind, &p.held)).collect();
    let mut data = Prepared {
        records: n,
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
    data.mail_of_name = (0..n).into_par_iter().map(|r| mail_of_name(&data, r)).collect();
    data
}

fn mail_of_name(data: &Prepared, record: usize) -> bool {
    let Some(mail) = data.field(FieldType::Email).and_then(|f| f.value(record)) else { return false };
    let letters: String = text::fold(&mail.part).chars().filter(char::is_ascii_alphabetic).collect();
    [data.given, data.family]
        .iter()
        .filter_map(|f| data.fields[*f].value(record))
        .flat_map(|name| name.tokens.iter())
        .any(|token| token.len() >= 3 && letters.contains(&**token))
}

pub fn name_of(kind: FieldType) -> String {
    serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(ToString::to_string)).unwrap_or_default()
}

/// The type alone where one column has it, else with the column's name.
fn field_name(table: &Table, column: &Column) -> String {
    let kind = name_of(column.kind);
    if table.columns.iter().filter(|c| c.kind == column.kind).count() == 1
        && column.kind != FieldType::Identifier
        && !matches!(column.kind, FieldType::AddressPart | FieldType::Text)
    {
        kind
    } else {
        format!("{kind} ({})", column.name)
    }
}

fn known(text: Option<&str>) -> Option<&str> {
    text.filter(|t| !text::is_placeholder(t))
}

fn filled(text: String) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { vec![text] }
}

fn all_of(columns: &[&Column], n: usize, form: impl Fn(&str, usize) -> Option<String> + Sync) -> Vec<Vec<String>> {
    (0..n)
        .into_par_iter()
        .map(|i| columns.iter().filter_map(|c| c.values[i].as_deref().and_then(|t| form(t, i))).collect())
        .collect()
}

/// What a name lacks, the whole name may have. One word alone, which stands in both, is not its holder's other name too.
fn complete(name: &mut text::Name, whole: text::Name) {
    if name.given.is_empty() && name.family.is_empty() {
        *name = whole;
        return;
    }
    if name.given.is_empty() && whole.given != name.family {
        name.given = whole.given;
    } else if name.family.is_empty() && whole.family != name.given {
        name.family = whole.family;
    }
    name.generation = name.generation.take().or(whole.generation);
}

type Names = (Vec<Vec<String>>, Vec<Vec<String>>, Vec<u8>);

/// Given and family names: of their own columns where they say something; what they lack, of the whole name.
fn names(table: &Table, n: usize) -> Names {
    let column = |kind: FieldType| table.columns.iter().filter(|c| c.kind == kind).collect::<Vec<_>>();
    let (given, family, full) =
        (column(FieldType::GivenName), column(FieldType::FamilyName), column(FieldType::FullName));
    let text = |columns: &[&Column], i: usize| {
        let parts: Vec<&str> = columns.iter().filter_map(|c| known(c.values[i].as_deref())).collect();
        parts.join(" ")
    };
    let read: Vec<text::Name> = (0..n)
        .into_par_iter()
        .map(|i| {
            let (g, f) = (text(&given, i), text(&family, i));
            let mut name = text::Name::default();
            text::part_of_name(&g, &mut name, true);
            text::part_of_name(&f, &mut name, false);
            if name.given.is_empty() || name.family.is_empty() {
                let whole = full.iter().find_map(|c| known(c.values[i].as_deref()));
                complete(&mut name, whole.map(text::full_name).unwrap_or_default());
            }
            name
        })
        .collect();
    let read: Vec<text::Name> =
        read.into_iter().map(|n| if text::is_a_desk(&n) { text::Name::default() } else { n }).collect();
    let generation = read
        .iter()
        .map(|r| match r.generation.as_deref() {
            None => 0,
            Some("jr") => 1,
            Some("sr") => 2,
            Some(other) => 2 + other.parse::<u8>().unwrap_or(9),
        })
        .collect();
    let (g, f) = read.into_iter().map(|r| (filled(r.given), filled(r.family))).unzip();
    (g, f, generation)
}

/// Numbers as their country's code and the digits behind it. Whether a country has such a number is not asked: a mistyped number is evidence too.
fn phones(columns: &[&Column], n: usize, country: Option<&Column>, default_country: &str) -> Vec<Vec<String>> {
    let default = normalise::region(None, default_country);
    all_of(columns, n, |t, i| {
        let region = country
            .and_then(|c| c.values[i].as_deref())
            .map_or(default, |c| normalise::region(Some(c), default_country));
        normalise::dialled(known(Some(t))?, region)
    })
}
