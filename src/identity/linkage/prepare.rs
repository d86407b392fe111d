//! Brings every value into one form: each distinct text once, whatever number of records have it.

use hashbrown::HashMap;
use rayon::prelude::*;

use super::columns::{Column, Held, Table, Texts, numbered};
use super::fields::FieldType;
use super::table::{Field, NONE, Prepared, name_of};
use super::text;
use crate::identity::normalise;

/// Makes one field.
type Job<'a> = Box<dyn FnOnce() -> Vec<Field> + Send + 'a>;

/// Brings every value into one form. The records must stand in the order of their names.
pub fn prepare(table: &Table, default_country: &str) -> Prepared {
    let n = table.names.len();
    let of = |kind: FieldType| table.columns.iter().filter(move |c| c.kind == kind);
    let mut jobs: Vec<Job<'_>> = Vec::new();
    // Several phones or addresses of e-mail are one field with several values.
    let emails: Vec<&Column> = of(FieldType::Email).collect();
    if !emails.is_empty() {
        jobs.push(Box::new(move || {
            vec![Field::build(name_of(FieldType::Email), FieldType::Email, mailboxes(&emails, n))]
        }));
    }
    let numbers: Vec<&Column> = of(FieldType::Phone).collect();
    let country = of(FieldType::Country).next();
    if !numbers.is_empty() {
        let held = move || phones(&numbers, n, country, default_country);
        jobs.push(Box::new(move || vec![Field::build(name_of(FieldType::Phone), FieldType::Phone, held())]));
    }
    let build = move |column: &Column, forms: &[Option<String>]| {
        Field::build(field_name(table, column), column.kind, Held::of_column(column, forms, n))
    };
    for column in of(FieldType::DateOfBirth) {
        jobs.push(Box::new(move || {
            let day_first = text::day_first(column.counted());
            vec![build(column, &column.forms(|t| text::date_of_birth(t, day_first)))]
        }));
    }
    let own_house = of(FieldType::HouseNumber).next().is_some();
    let several_streets = of(FieldType::Street).nth(1).is_some();
    for column in of(FieldType::Street) {
        jobs.push(Box::new(move || {
            let read = column.forms(|t| known(t).map(text::street).unwrap_or_default());
            let (streets, houses): (Vec<_>, Vec<_>) = read.into_iter().map(|(s, h)| (filled(s), h)).unzip();
            let mut fields = vec![build(column, &streets)];
            if !own_house {
                let kind = FieldType::HouseNumber;
                let name = name_of(kind);
                let name = if several_streets { format!("{name} ({})", column.name) } else { name };
                fields.push(Field::build(name, kind, Held::of_column(column, &houses, n)));
            }
            fields
        }));
    }
    for column in &table.columns {
        let form: fn(&str) -> String = match column.kind {
            FieldType::Organisation => text::organisation,
            FieldType::HouseNumber | FieldType::Postcode | FieldType::Identifier => text::compact,
            FieldType::City | FieldType::Country | FieldType::AddressPart | FieldType::Text => text::fold,
            _ => continue,
        };
        jobs.push(Box::new(move || vec![build(column, &column.forms(|t| known(t).map(form).and_then(filled)))]));
    }
    let (names, fields) =
        rayon::join(|| names(table, n), || jobs.into_par_iter().flat_map_iter(|job| job()).collect::<Vec<Field>>());
    let Names { given, family, both, generation } = names;
    let field = |kind: FieldType, held: Held| Field::build(name_of(kind), kind, held);
    let (both, (given, family)) = rayon::join(
        || field(FieldType::FullName, both),
        || (field(FieldType::GivenName, given), field(FieldType::FamilyName, family)),
    );
    Prepared::new(n, [given, family].into_iter().chain(fields).collect(), both, generation)
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

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|t| !text::is_placeholder(t))
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn mailboxes(columns: &[&Column], n: usize) -> Held {
    let form = |t: &str| normalise::email(t).filter(|e| e.contains('@') && !text::is_placeholder(e));
    let mut texts = Texts::default();
    let numbers: Vec<Vec<u32>> = columns.iter().map(|c| numbered(&c.forms(form), &mut texts)).collect();
    Held::of(texts, n, |record, take| {
        for (column, numbers) in columns.iter().zip(&numbers) {
            let code = column.codes()[record];
            take(if code == NONE { NONE } else { numbers[code as usize] });
        }
    })
}

/// Numbers as their country's code and the digits behind it. Whether a country has such a number is not asked: a mistyped number is evidence too.
fn phones(columns: &[&Column], n: usize, country: Option<&Column>, default_country: &str) -> Held {
    let default = normalise::region(None, default_country);
    let regions = country.map(|c| c.forms(|t| normalise::region(Some(t), default_country))).unwrap_or_default();
    let region = |code: u32| if code == NONE { default } else { regions[code as usize] };
    let mut texts = Texts::default();
    let mut found: Vec<Vec<u32>> = Vec::new();
    for column in columns {
        // A number is read in its record's country.
        let mut asked = Distinct::default();
        let country = |record: usize| country.map_or(NONE, |c| c.codes()[record]);
        let code = |record: usize| column.codes()[record];
        let of: Vec<u32> =
            (0..n).map(|r| if code(r) == NONE { NONE } else { asked.number((code(r), country(r))) }).collect();
        let form = |(text, country): &(u32, u32)| {
            known(column.texts().at(*text)).and_then(|t| normalise::dialled(t, region(*country)))
        };
        let forms: Vec<Option<String>> = asked.keys.par_iter().map(form).collect();
        let numbers = numbered(&forms, &mut texts);
        found.push(of.into_iter().map(|a| if a == NONE { NONE } else { numbers[a as usize] }).collect());
    }
    Held::of(texts, n, |record, take| found.iter().for_each(|of| take(of[record])))
}

/// Distinct keys, numbered in the order of first sight.
struct Distinct<K> {
    keys: Vec<K>,
    numbers: HashMap<K, u32>,
}

impl<K> Default for Distinct<K> {
    fn default() -> Distinct<K> {
        Distinct { keys: Vec::new(), numbers: HashMap::new() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Distinct<K> {
    fn number(&mut self, key: K) -> u32 {
        let next = self.keys.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }
}

/// What is known of names.
struct Names {
    given: Held,
    family: Held,
    /// Both together.
    both: Held,
    /// Of each record: 0 where none is told, else one more than the rank of `jr`, `sr`, `3` …
    generation: Vec<u8>,
}

/// Given and family names: of their own columns where they say something; what they lack, of the whole name.
fn names(table: &Table, n: usize) -> Names {
    let columns = |kind: FieldType| table.columns.iter().filter(|c| c.kind == kind).collect::<Vec<_>>();
    let own: Vec<Column>;
    let [given, family] = match [&*columns(FieldType::GivenName), &*columns(FieldType::FamilyName)] {
        [[given], [family]] => [*given, *family],
        several => {
            own = several.iter().map(|c| joined(c, n)).collect();
            [&own[0], &own[1]]
        }
    };
    let full = columns(FieldType::FullName);
    let whole: Vec<Vec<bool>> = full.iter().map(|c| c.forms(|t| known(t).is_some())).collect();
    let read = |column: &Column, is_given: bool| {
        column.forms(|t| {
            let mut name = text::Name::default();
            if let Some(text) = known(t) {
                text::part_of_name(text, &mut name, is_given);
            }
            name
        })
    };
    let (given_names, family_names) = (read(given, true), read(family, false));
    // Names are read once for all records that write them alike: given name, family name, and the whole where one of both is missing.
    let mut asked = Distinct::default();
    let own = |record: usize| {
        let (g, f) = (given.codes()[record], family.codes()[record]);
        let is_there = |code: u32, of: fn(&text::Name) -> &str, names: &[text::Name]| {
            code != NONE && !of(&names[code as usize]).is_empty()
        };
        let complete = is_there(g, |n| &n.given, &given_names) && is_there(f, |n| &n.family, &family_names);
        let known = |(place, (column, known)): (u32, (&&Column, &Vec<bool>))| {
            let code = column.codes()[record];
            (code != NONE && known[code as usize]).then_some((place, code))
        };
        let whole = if complete { None } else { (0..).zip(full.iter().zip(&whole)).find_map(known) };
        (g, f, whole)
    };
    let of: Vec<u32> = (0..n).map(|record| asked.number(own(record))).collect();
    let names: Vec<text::Name> = asked
        .keys
        .par_iter()
        .map(|(g, f, whole)| {
            let mut name = text::Name::default();
            if *g != NONE {
                let own = &given_names[*g as usize];
                name.given.clone_from(&own.given);
                name.generation.clone_from(&own.generation);
            }
            if *f != NONE {
                let own = &family_names[*f as usize];
                name.family.clone_from(&own.family);
                name.generation = own.generation.clone().or(name.generation);
            }
            if name.given.is_empty() || name.family.is_empty() {
                let read = |(place, code): (u32, u32)| text::full_name(full[place as usize].texts().at(code));
                complete(&mut name, whole.map(read).unwrap_or_default());
            }
            if text::is_a_desk(&name) { text::Name::default() } else { name }
        })
        .collect();
    let generations: Vec<u8> = names.iter().map(rank).collect();
    let field = |of_name: &dyn Fn(&text::Name) -> Option<String>| {
        let mut texts = Texts::default();
        let numbers: Vec<u32> = names.iter().map(|n| of_name(n).map_or(NONE, |t| texts.number(&t))).collect();
        Held::of(texts, n, |record, take| take(numbers[of[record] as usize]))
    };
    let is_whole = |n: &text::Name| !n.given.is_empty() && !n.family.is_empty();
    Names {
        given: field(&|n| filled(n.given.clone())),
        family: field(&|n| filled(n.family.clone())),
        both: field(&|n| is_whole(n).then(|| format!("{} {}", n.given, n.family))),
        generation: of.iter().map(|name| generations[*name as usize]).collect(),
    }
}

/// The known texts of several columns as one.
fn joined(columns: &[&Column], n: usize) -> Column {
    let mut all = Column::new("", FieldType::FullName);
    let mut text = String::new();
    for record in 0..n {
        text.clear();
        for part in columns.iter().filter_map(|c| c.get(record)).filter_map(known) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
        all.push(Some(text.as_str()).filter(|t| !t.is_empty()));
    }
    all
}

fn rank(name: &text::Name) -> u8 {
    match name.generation.as_deref() {
        None => 0,
        Some("jr") => 1,
        Some("sr") => 2,
        Some(other) => 2 + other.parse::<u8>().unwrap_or(9),
    }
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
