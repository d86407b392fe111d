//! Records as they came: columns of text, which know each distinct text once.

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;
use std::hash::BuildHasher;

use super::fields::FieldType;
use super::table::NONE;

/// Records in columns of text.
#[derive(Debug, Default)]
pub struct Table {
    /// Source and id of each record.
    pub names: Vec<(Arc<str>, Box<str>)>,
    pub columns: Vec<Column>,
}

/// What each record says in one place.
#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub kind: FieldType,
    texts: Texts,
    /// Of each record: its text's number, or [`NONE`].
    codes: Vec<u32>,
}

impl Column {
    pub fn new(name: impl Into<String>, kind: FieldType) -> Column {
        Column { name: name.into(), kind, texts: Texts::default(), codes: Vec::new() }
    }

    /// A column of these values.
    pub fn of<'a>(name: impl Into<String>, kind: FieldType, values: impl Iterator<Item = Option<&'a str>>) -> Column {
        let mut column = Column::new(name, kind);
        values.for_each(|v| column.push(v));
        column
    }

    /// The next record's value.
    pub fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(NONE, |t| self.texts.number(t));
        self.codes.push(code);
    }

    /// Records up to this one that have no value yet have none.
    pub fn fill_up(&mut self, records: usize) {
        self.codes.resize(records, NONE);
    }

    pub fn get(&self, record: usize) -> Option<&str> {
        self.texts.get(self.codes[record])
    }

    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Each distinct text, and how many records have it.
    pub fn counted(&self) -> impl Iterator<Item = (&str, u32)> {
        let mut counts = vec![0; self.texts.count()];
        self.codes.iter().filter(|c| **c != NONE).for_each(|c| counts[*c as usize] += 1);
        self.texts.iter().zip(counts)
    }

    /// The values of the records that stood at these places.
    pub fn reorder(&mut self, places: &[usize]) {
        self.codes = places.iter().map(|i| self.codes[*i]).collect();
    }

    /// What `form` makes of each distinct text.
    pub fn forms<T: Send>(&self, form: impl Fn(&str) -> T + Sync) -> Vec<T> {
        (0..self.texts.count() as u32).into_par_iter().map(|code| form(self.texts.at(code))).collect()
    }
}

/// Distinct texts, numbered in the order of first sight, in one piece of memory.
#[derive(Debug, Default)]
pub struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Texts {
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count() as u32).map(|code| self.at(code))
    }

    /// The text of a number; None of [`NONE`].
    pub fn get(&self, code: u32) -> Option<&str> {
        (code != NONE).then(|| self.at(code))
    }

    pub fn at(&self, code: u32) -> &str {
        part(&self.all, &self.ends, code)
    }

    /// The text's number, a new one if it is new.
    pub fn number(&mut self, text: &str) -> u32 {
        let Texts { all, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(text);
        let next = ends.len() as u32;
        let entry =
            numbers.entry(hash, |code| part(all, ends, *code) == text, |code| hasher.hash_one(part(all, ends, *code)));
        let code = *entry.or_insert(next).get();
        if code == next {
            all.push_str(text);
            ends.push(all.len());
        }
        code
    }
}

fn part<'a>(all: &'a str, ends: &[usize], code: u32) -> &'a str {
    let code = code as usize;
    let from = if code == 0 { 0 } else { ends[code - 1] };
    &all[from..ends[code]]
}

/// The values of one field, each distinct one once, before they are put in order.
#[derive(Debug, Default)]
pub struct Held {
    pub texts: Texts,
    /// `list[start[i]..start[i + 1]]` are record i's values, none twice; the last of `start` is the end.
    pub start: Vec<u32>,
    pub list: Vec<u32>,
}

impl Held {
    /// Of each record, the forms that `of` gives of it: numbers of `texts`, or [`NONE`].
    pub fn of(texts: Texts, records: usize, mut of: impl FnMut(usize, &mut dyn FnMut(u32))) -> Held {
        let (mut start, mut list) = (Vec::with_capacity(records + 1), Vec::with_capacity(records));
        for record in 0..records {
            let from = list.len();
            start.push(from as u32);
            of(record, &mut |number| {
                if number != NONE && !list[from..].contains(&number) {
                    list.push(number);
                }
            });
        }
        start.push(list.len() as u32);
        Held { texts, start, list }
    }

    /// Of each record, its column's text in the form that `forms` has of it.
    pub fn of_column(column: &Column, forms: &[Option<String>], records: usize) -> Held {
        let mut texts = Texts::default();
        let numbers = numbered(forms, &mut texts);
        Held::of(texts, records, |record, take| {
            let code = column.codes[record];
            if code != NONE {
                take(numbers[code as usize]);
            }
        })
    }
}

/// The number of each form, or [`NONE`].
pub fn numbered(forms: &[Option<String>], texts: &mut Texts) -> Vec<u32> {
    forms.iter().map(|f| f.as_deref().map_or(NONE, |f| texts.number(f))).collect()
}
