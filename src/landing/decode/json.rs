//! Picking wanted values out of JSON text without building a tree of it.
//!
//! serde_json walks a line once and checks it; of what is wanted only the place in the line is kept, and
//! the rest is skipped. Numbers stay text: they never go through a float.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt;

use super::outcome::Reason;
use crate::contract::PathStep;

/// Where a value stands: start and length in the text that was read.
pub type Slot = Option<(u32, u32)>;

pub fn slice(text: &str, slot: Slot) -> Option<&str> {
    let (start, len) = slot?;
    text.get(start as usize..(start + len) as usize)
}

/// The fields that are wanted of an object, and of objects in it. Node 0 is the root.
pub struct Tree {
    nodes: Vec<Node>,
    /// Top-level keys that nobody wants, while there are few of them: were keys data, there would be many.
    pub unmapped: BTreeSet<String>,
}

#[derive(Default)]
struct Node {
    names: Vec<String>,
    /// One for each name.
    children: Vec<usize>,
    /// Who wants the value of this node as it is.
    slots: Vec<usize>,
    /// All slots beneath this node.
    below: Vec<usize>,
    /// What was found the last time at each position of the object: lines of one export are alike.
    memo: Vec<(String, Option<usize>)>,
}

const MAX_UNMAPPED: usize = 200;
const MAX_MEMO: usize = 256;

impl Tree {
    /// One slot for each path of field names.
    pub fn new<'a>(paths: impl IntoIterator<Item = Vec<&'a str>>) -> Tree {
        let mut tree = Tree { nodes: vec![Node::default()], unmapped: BTreeSet::new() };
        for (slot, path) in paths.into_iter().enumerate() {
            let mut at = 0;
            for name in path {
                tree.nodes[at].below.push(slot);
                at = match tree.nodes[at].names.iter().position(|known| known == name) {
                    Some(known) => tree.nodes[at].children[known],
                    None => {
                        let child = tree.nodes.len();
                        tree.nodes.push(Node::default());
                        tree.nodes[at].names.push(name.to_string());
                        tree.nodes[at].children.push(child);
                        child
                    }
                };
            }
            tree.nodes[at].slots.push(slot);
        }
        tree
    }

    pub fn flat<'a>(names: impl IntoIterator<Item = &'a str>) -> Tree {
        Tree::new(names.into_iter().map(|name| vec![name]))
    }

    /// Fills the slots from an object. False: the text is not one whole JSON object.
    pub fn read(&mut self, text: &str, slots: &mut [Slot]) -> bool {
        slots.fill(None);
        let mut json = serde_json::Deserializer::from_str(text);
        let walk = Walk { tree: self, node: 0, slots, base: text.as_ptr() as usize };
        walk.deserialize(&mut json).is_ok() && json.end().is_ok()
    }

    fn find(&mut self, node: usize, at: usize, key: &str) -> Option<usize> {
        let here = &mut self.nodes[node];
        if let Some((known, found)) = here.memo.get(at)
            && known == key
        {
            return *found;
        }
        let found = here.names.iter().position(|name| name == key).and_then(|i| here.children.get(i).copied());
        if let Some(entry) = here.memo.get_mut(at) {
            entry.0.clear();
            entry.0.push_str(key);
            entry.1 = found;
        } else if at < MAX_MEMO {
            here.memo.push((key.to_string(), found));
        }
        if found.is_none() && node == 0 && self.unmapped.len() < MAX_UNMAPPED && !self.unmapped.contains(key) {
            self.unmapped.insert(key.to_string());
        }
        found
    }
}

/// Visits one value; an object's wanted fields are noted, everything else is passed over.
struct Walk<'t> {
    tree: &'t mut Tree,
    node: usize,
    slots: &'t mut [Slot],
    /// Address of the text's beginning.
    base: usize,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Walk { tree, node, slots, base } = self;
        let mut at = 0;
        while let Some(found) = map.next_key_seed(Key { tree, node, at })? {
            at += 1;
            let Some(child) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            // Of a key that stands twice the last value wins, as a whole.
            for &slot in &tree.nodes[child].below {
                slots[slot] = None;
            }
            if tree.nodes[child].slots.is_empty() {
                map.next_value_seed(Walk { tree, node: child, slots, base })?;
                continue;
            }
            let raw = map.next_value::<&RawValue>()?.get();
            let start = raw.as_ptr() as usize - base;
            for &slot in &tree.nodes[child].slots {
                slots[slot] = Some((start as u32, raw.len() as u32));
            }
            if !tree.nodes[child].names.is_empty() && raw.starts_with('{') {
                let mut inner = serde_json::Deserializer::from_str(raw);
                Walk { tree, node: child, slots, base }.deserialize(&mut inner).map_err(serde::de::Error::custom)?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Key<'t> {
    tree: &'t mut Tree,
    node: usize,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.tree.find(self.node, self.at, key))
    }
}

/// Calls `take` with the text of each element of an array, until it says no.
pub fn each_item<'a>(raw: &'a str, take: impl FnMut(&'a str) -> Result<(), Reason>) -> Result<(), Reason> {
    let mut items = Items { take, stopped: None };
    let mut json = serde_json::Deserializer::from_str(raw);
    let read = (&mut json).deserialize_seq(&mut items).is_ok() && json.end().is_ok();
    match items.stopped {
        Some(reason) => Err(reason),
        None if read => Ok(()),
        None => Err(Reason::CutJson),
    }
}

struct Items<F> {
    take: F,
    stopped: Option<Reason>,
}

impl<'de, F: FnMut(&'de str) -> Result<(), Reason>> Visitor<'de> for &mut Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            if self.stopped.is_none()
                && let Err(reason) = (self.take)(raw.get())
            {
                self.stopped = Some(reason);
            }
        }
        Ok(())
    }
}

/// The value that the steps lead to. None: there is none.
pub fn resolve<'a>(raw: &'a str, steps: &[PathStep]) -> Option<Found<'a>> {
    let mut at = raw;
    for step in steps {
        match step {
            PathStep::Field(name) => at = field(at, name)?,
            PathStep::Where { field: name, value } => {
                let mut found = None;
                // Most lists do not hold the value at all, and a look for its bytes is cheap.
                let written = memchr::memmem::find(at.as_bytes(), value.as_bytes()).is_some();
                if !at.starts_with('[') || (!written && memchr::memchr(b'\\', at.as_bytes()).is_none()) {
                    return None;
                }
                let mut scratch = String::new();
                each_item(at, |item| {
                    if found.is_none()
                        && let Some(candidate) = field(item, name)
                        && text(candidate, &mut scratch).is_ok_and(|text| text == value)
                    {
                        found = Some(item);
                    }
                    Ok(())
                })
                .ok()?;
                at = found?;
            }
            PathStep::Prefixed(prefix) => {
                if !at.starts_with('[') {
                    return None;
                }
                let mut found = None;
                let mut scratch = String::new();
                each_item(at, |item| {
                    if found.is_none()
                        && item.starts_with('"')
                        && let Ok(text) = text(item, &mut scratch)
                        && let Some(rest) = text.strip_prefix(prefix.as_str())
                    {
                        found = Some(rest.to_string());
                    }
                    Ok(())
                })
                .ok()?;
                return found.map(Found::Text);
            }
        }
    }
    Some(Found::Raw(at))
}

pub enum Found<'a> {
    Raw(&'a str),
    Text(String),
}

/// The last value of a field, if the text is an object that has it.
fn field<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    if !raw.starts_with('{') {
        return None;
    }
    let mut json = serde_json::Deserializer::from_str(raw);
    json.deserialize_map(FieldOf(name)).ok().flatten()
}

struct FieldOf<'n>(&'n str);

impl<'de> Visitor<'de> for FieldOf<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(matches) = map.next_key_seed(IsKey(self.0))? {
            let raw: &'de RawValue = map.next_value()?;
            if matches {
                found = Some(raw.get());
            }
        }
        Ok(found)
    }
}

struct IsKey<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Whether the text is one whole JSON value.
pub fn is_value(text: &str) -> bool {
    let mut json = serde_json::Deserializer::from_str(text);
    IgnoredAny::deserialize(&mut json).is_ok() && json.end().is_ok()
}

/// A scalar as text: a string without its quotes and escapes, anything else as it stands.
pub fn text<'a>(raw: &'a str, scratch: &'a mut String) -> Result<&'a str, Reason> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return Ok(raw) };
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(inner);
    }
    scratch.clear();
    unescape(inner, scratch)?;
    Ok(scratch)
}

/// Half a surrogate pair is no character: the text was cut where it was written.
fn unescape(mut rest: &str, out: &mut String) -> Result<(), Reason> {
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let code = rest.as_bytes().get(at + 1).copied().ok_or(Reason::CutJson)?;
        let mut next = at + 2;
        out.push(match code {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let unit = hex_unit(rest, next)?;
                next += 4;
                let code = if (0xD800..0xDC00).contains(&unit) && rest[next..].starts_with("\\u") {
                    let low = hex_unit(rest, next + 2)?;
                    next += 6;
                    let low = low.checked_sub(0xDC00).filter(|&low| low < 0x400).ok_or(Reason::BadEncoding)?;
                    0x10000 + ((unit - 0xD800) << 10) + low
                } else {
                    unit
                };
                char::from_u32(code).ok_or(Reason::BadEncoding)?
            }
            b'"' | b'\\' | b'/' => char::from(code),
            _ => return Err(Reason::CutJson),
        });
        rest = &rest[next..];
    }
    out.push_str(rest);
    Ok(())
}

fn hex_unit(text: &str, at: usize) -> Result<u32, Reason> {
    let digits = text.get(at..at + 4).ok_or(Reason::CutJson)?;
    u32::from_str_radix(digits, 16).map_err(|_| Reason::CutJson)
}

/// JSON text without the blanks between its parts.
pub fn compact(raw: &str, out: &mut Vec<u8>) {
    let mut quoted = false;
    let mut escaped = false;
    for &byte in raw.as_bytes() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            quoted = byte == b'"';
        }
        out.push(byte);
    }
}
