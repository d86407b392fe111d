//! Which version of a key counts: the greatest cursor, then the later file, then the later row.
//!
//! Batches stay as they landed; what comes out are positions of rows to leave out. Keys are held as 128-bit numbers: whole numbers as
//! they are, texts by two independent hashes.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use futures::StreamExt;
use hashbrown::HashMap;
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};

use super::decode::Reason;
use crate::contract::Contract;
use crate::error::{Error, Result};
use crate::manifest::DataFile;
use crate::store::{ParquetObject, Store};

/// The batches of one object that count, in file order.
#[derive(Debug, Clone)]
pub struct Sequence {
    pub batches: Vec<Ranked>,
    /// Of a full snapshot: every date, the newest first. A key that the newest holds in quarantine keeps its version before.
    pub days: Vec<Day>,
}

impl Sequence {
    /// All that the newest versions may come from.
    pub fn history(&self) -> impl Iterator<Item = &Ranked> {
        self.batches.iter().chain(self.days.iter().flat_map(|day| day.standing.iter().chain(&day.withdrawn)))
    }
}

/// What the files of one date held, the latest first.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// The last bytes of each name: the table of that date.
    pub standing: Vec<Ranked>,
    /// What was stated under these names before.
    pub withdrawn: Vec<Ranked>,
}

#[derive(Debug, Clone)]
pub struct Ranked {
    pub id: String,
    pub landed: DataFile,
    pub quarantined: Option<DataFile>,
    /// Place of the batch's file in the file order of all objects.
    pub rank: u32,
    /// Place of the first file that held these bytes.
    pub first_rank: u32,
}

/// What counts.
#[derive(Debug, Default)]
pub struct Newest {
    /// Per batch: positions of superseded rows, ascending.
    pub superseded: Vec<Vec<u64>>,
    /// Earlier batches of which some rows still count, with the positions of those that do not.
    pub kept_versions: Vec<(Ranked, Vec<u64>)>,
    /// How many of them are kept because the newest snapshot has rows in quarantine of which no key can be read.
    pub kept_unread: u64,
    pub keys: u64,
    pub first_seen: FirstSeen,
}

/// The first file, by rank, that held a key. Kept of person records only: their age names a customer.
#[derive(Debug, Default)]
pub struct FirstSeen {
    default: u32,
    /// Sorted by key.
    known: Vec<(u128, u32)>,
}

impl FirstSeen {
    pub fn of(&self, key: u128) -> u32 {
        match self.known.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(at) => self.known[at].1,
            Err(_) => self.default,
        }
    }
}

/// Keys are hashes already, or small numbers that a multiplication spreads.
type KeyHash = BuildHasherDefault<Spread>;

#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = spread(key);
    }
}

fn spread(key: u128) -> u64 {
    let mixed = ((key >> 64) as u64 ^ key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

/// One row of a batch.
struct Version {
    key: u128,
    cursor: i128,
    batch: u32,
    row: u32,
}

impl Version {
    /// Versions of one key, the one that counts last.
    fn place(&self) -> (u128, i128, u32, u32) {
        (self.key, self.cursor, self.batch, self.row)
    }
}

/// Bytes of versions that are looked at together, where nobody says otherwise.
pub const BUDGET: usize = 64 << 20;
/// With fewer, reading the keys again and again would take too long.
pub const LEAST: usize = 16 << 20;

/// Finds the rows that are superseded. Of more rows than fit into `budget` bytes, the keys are gone through in several passes, each with its share of them.
pub async fn resolve(
    store: &Store,
    contract: &Contract,
    sequence: &Sequence,
    is_person: bool,
    budget: usize,
) -> Result<Newest> {
    resolve_without(store, contract, sequence, is_person, budget, &Without::new()).await
}

/// Rows that are taken for not being there: positions in a batch, ascending, by the batch's id.
pub type Without = BTreeMap<String, Vec<u64>>;

/// The same, as if some rows had not landed.
pub async fn resolve_without(
    store: &Store,
    contract: &Contract,
    sequence: &Sequence,
    is_person: bool,
    budget: usize,
    without: &Without,
) -> Result<Newest> {
    let batches = &sequence.batches;
    let mut newest = Newest { superseded: vec![Vec::new(); batches.len()], ..Newest::default() };
    let Some(largest) = batches.iter().max_by_key(|batch| batch.landed.rows) else { return Ok(newest) };
    newest.first_seen.default = largest.first_rank;
    let rows: u64 = batches.iter().map(|batch| batch.landed.rows).sum();
    let passes = (rows as usize * size_of::<Version>()).div_ceil(budget).max(1) as u64;
    for pass in 0..passes {
        let mut versions = Vec::with_capacity((rows / passes + rows / passes / 8) as usize);
        for (i, batch) in batches.iter().enumerate() {
            let mut reader = KeyReader::open(store, contract, batch).await?;
            let mut row = 0;
            let out = positions(without, batch);
            while let Some((keys, cursors)) = reader.next().await? {
                for (key, cursor) in keys.into_iter().zip(cursors) {
                    if (passes == 1 || spread(key) % passes == pass) && !is_in(out, u64::from(row)) {
                        versions.push(Version { key, cursor, batch: i as u32, row });
                    }
                    row += 1;
                }
            }
        }
        settle(versions, batches, is_person, &mut newest);
    }
    for (superseded, batch) in newest.superseded.iter_mut().zip(batches) {
        superseded.extend(positions(without, batch));
        superseded.sort_unstable();
    }
    newest.first_seen.known.sort_unstable();
    keep_versions(store, contract, sequence, without, &mut newest).await?;
    Ok(newest)
}

fn positions<'a>(without: &'a Without, batch: &Ranked) -> &'a [u64] {
    without.get(&batch.id).map_or(&[], Vec::as_slice)
}

fn is_in(positions: &[u64], row: u64) -> bool {
    !positions.is_empty() && positions.binary_search(&row).is_ok()
}

/// A row that counts: its key, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub key: u128,
    /// Among the batches.
    pub batch: u32,
    pub row: u32,
}

/// All rows that count, by key, and the batches that they stand in.
pub async fn places(
    store: &Store,
    contract: &Contract,
    sequence: &Sequence,
    newest: &Newest,
) -> Result<(Vec<Ranked>, Vec<Place>)> {
    let of_newest = sequence.batches.iter().zip(&newest.superseded);
    let kept = newest.kept_versions.iter().map(|(batch, skip)| (batch, skip));
    let (mut batches, mut places) = (Vec::new(), Vec::new());
    for (batch, skip) in of_newest.chain(kept) {
        let mut reader = KeyReader::open(store, contract, batch).await?;
        let (mut row, mut skip) = (0u32, skip.iter().copied().peekable());
        while let Some((keys, _)) = reader.next().await? {
            for key in keys {
                if skip.next_if_eq(&u64::from(row)).is_none() {
                    places.push(Place { key, batch: batches.len() as u32, row });
                }
                row += 1;
            }
        }
        batches.push(batch.clone());
    }
    places.sort_unstable_by_key(|p| p.key);
    Ok((batches, places))
}

/// The last version of each key counts, the others are superseded.
fn settle(mut versions: Vec<Version>, batches: &[Ranked], is_person: bool, newest: &mut Newest) {
    // Stable, because it makes use of what is in order: most extracts come by ascending key.
    versions.sort_by_key(Version::place);
    for of_key in versions.chunk_by(|a, b| a.key == b.key) {
        newest.keys += 1;
        for version in &of_key[..of_key.len() - 1] {
            newest.superseded[version.batch as usize].push(u64::from(version.row));
        }
        let first = of_key.iter().map(|version| batches[version.batch as usize].first_rank).min();
        if let Some(first) = first.filter(|first| is_person && *first != newest.first_seen.default) {
            newest.first_seen.known.push((of_key[0].key, first));
        }
    }
}

/// Keys of a full snapshot whose rows went to quarantine, and which therefore keep their version before.
#[derive(Default)]
struct Open {
    keys: HashMap<u128, (), KeyHash>,
    /// Rows without a readable key are in quarantine: any key that is missing may be theirs.
    all: bool,
    /// Keys whose version is found.
    settled: HashMap<u128, (), KeyHash>,
}

impl Open {
    fn is_empty(&self) -> bool {
        !self.all && self.keys.is_empty()
    }

    fn wants(&self, key: u128) -> bool {
        (self.all || self.keys.contains_key(&key)) && !self.settled.contains_key(&key)
    }

    /// A whole table of some date has been looked at: a key that it neither holds nor has in quarantine was deleted by it.
    fn close(&mut self, quarantined: Quarantined) {
        if self.all {
            self.keys = quarantined.keys;
            self.all = quarantined.has_unread;
        } else if !quarantined.has_unread {
            self.keys.retain(|key, ()| quarantined.keys.contains_key(key));
        }
        let settled = &self.settled;
        self.keys.retain(|key, ()| !settled.contains_key(key));
    }
}

/// What the quarantine of a date holds.
#[derive(Default)]
struct Quarantined {
    keys: HashMap<u128, (), KeyHash>,
    has_unread: bool,
}

/// A row of a full snapshot that went to quarantine keeps its version before.
async fn keep_versions(
    store: &Store,
    contract: &Contract,
    sequence: &Sequence,
    without: &Without,
    newest: &mut Newest,
) -> Result<()> {
    let Some((today, before)) = sequence.days.split_first() else { return Ok(()) };
    if today.standing.iter().all(|b| b.quarantined.is_none()) {
        return Ok(());
    }
    let mut open = Open { all: true, ..Open::default() };
    for batch in &today.standing {
        let mut reader = KeyReader::open(store, contract, batch).await?;
        let (mut rows, out) = (0, positions(without, batch));
        while let Some((keys, _)) = reader.next().await? {
            for key in keys {
                if !is_in(out, rows) {
                    open.settled.insert(key, ());
                }
                rows += 1;
            }
        }
    }
    open.close(quarantined(store, contract, today).await?);
    for batch in &today.withdrawn {
        keep_from(store, contract, batch, without, &mut open, newest).await?;
    }
    for day in before {
        for batch in &day.standing {
            keep_from(store, contract, batch, without, &mut open, newest).await?;
        }
        open.close(quarantined(store, contract, day).await?);
        for batch in &day.withdrawn {
            keep_from(store, contract, batch, without, &mut open, newest).await?;
        }
    }
    Ok(())
}

/// Takes from a batch the versions that are wanted.
async fn keep_from(
    store: &Store,
    contract: &Contract,
    batch: &Ranked,
    without: &Without,
    open: &mut Open,
    newest: &mut Newest,
) -> Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    let mut reader = KeyReader::open(store, contract, batch).await?;
    let (mut rows, mut held) = (0, HashMap::<u128, u64, KeyHash>::default());
    while let Some((keys, _)) = reader.next().await? {
        for key in keys {
            if open.wants(key) && !is_in(positions(without, batch), rows) {
                // The later row of one file wins.
                held.insert(key, rows);
            }
            rows += 1;
        }
    }
    if held.is_empty() {
        return Ok(());
    }
    newest.keys += held.len() as u64;
    newest.kept_unread += held.keys().filter(|key| !open.keys.contains_key(*key)).count() as u64;
    open.settled.extend(held.keys().map(|key| (*key, ())));
    let mut kept: Vec<u64> = held.into_values().collect();
    kept.sort_unstable();
    let skip = (0..rows).filter(|row| kept.binary_search(row).is_err()).collect();
    newest.kept_versions.push((batch.clone(), skip));
    Ok(())
}

/// The keys that the quarantine of a date's table holds.
async fn quarantined(store: &Store, contract: &Contract, day: &Day) -> Result<Quarantined> {
    let mut out = Quarantined::default();
    for file in day.standing.iter().filter_map(|b| b.quarantined.as_ref()) {
        read_quarantined(store, contract, file, &mut out).await?;
    }
    Ok(out)
}

async fn read_quarantined(store: &Store, contract: &Contract, file: &DataFile, out: &mut Quarantined) -> Result<()> {
    let broken = |e: parquet::errors::ParquetError| {
        Error::failed(format!("the quarantine of {} cannot be read: {e}", contract.label())).at(file.path.clone(), None)
    };
    let reader = ParquetObject::new(store, &file.path, file.bytes)?;
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(broken)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["reason", "record_key"]);
    let mut stream = builder.with_projection(mask).build().map_err(broken)?;
    let is_number = contract.key.len() == 1
        && contract.column(&contract.key[0]).is_some_and(|c| c.kind == crate::contract::ColumnType::Integer);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(broken)?;
        let reasons = column(&batch, "reason")?.as_string::<i32>();
        let texts = column(&batch, "record_key")?.as_string::<i32>();
        for row in 0..batch.num_rows() {
            if texts.is_null(row) {
                // A header is no version of anything, nor is a row that says that it has no key.
                out.has_unread |= !NOBODYS.iter().any(|reason| reason.as_str() == reasons.value(row));
                continue;
            }
            let text = texts.value(row);
            let key = match (is_number, contract.key.len()) {
                (true, _) => text.parse().ok().map(number_key),
                (false, 1) => Some(text_key(text)),
                _ => Some(hash(text)),
            };
            out.keys.extend(key.map(|key| (key, ())));
        }
    }
    Ok(())
}

/// Rows in quarantine that are no version of any key.
const NOBODYS: [Reason; 2] = [Reason::RepeatedHeader, Reason::MissingKey];

/// Marks keys that are hashes: a number is never taken for one.
const HASHED: u128 = 1 << 127;

struct KeyReader {
    stream: ParquetRecordBatchStream<ParquetObject>,
    keys: Vec<String>,
    cursor: Option<String>,
    label: String,
}

impl KeyReader {
    async fn open(store: &Store, contract: &Contract, batch: &Ranked) -> Result<KeyReader> {
        let label = contract.label();
        let broken = |e: parquet::errors::ParquetError| {
            Error::failed(format!("the landed batch {} of {label} cannot be read: {e}", batch.id))
                .at(batch.landed.path.clone(), None)
        };
        let reader = ParquetObject::new(store, &batch.landed.path, batch.landed.bytes)?;
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(broken)?;
        let wanted: Vec<&str> = contract.key.iter().chain(&contract.cursor).map(String::as_str).collect();
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
        let stream = builder.with_projection(mask).with_batch_size(65_536).build().map_err(broken)?;
        Ok(KeyReader { stream, keys: contract.key.clone(), cursor: contract.cursor.clone(), label })
    }

    async fn next(&mut self) -> Result<Option<(Vec<u128>, Vec<i128>)>> {
        let Some(batch) = self.stream.next().await else { return Ok(None) };
        let batch = batch.map_err(|e| Error::failed(format!("reading a batch of {}: {e}", self.label)))?;
        let keys = keys(&batch, &self.keys)?;
        let cursors = match &self.cursor {
            Some(cursor) => cursors(column(&batch, cursor)?)?,
            None => vec![0; batch.num_rows()],
        };
        Ok(Some((keys, cursors)))
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::failed(format!("a batch has no column `{name}`")))
}

/// The keys of a batch's rows as numbers.
pub fn keys(batch: &RecordBatch, names: &[String]) -> Result<Vec<u128>> {
    if let [name] = names {
        let column = column(batch, name)?;
        if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
            return Ok(numbers.values().iter().map(|n| number_key(*n)).collect());
        }
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Ok((0..texts.len()).map(|i| text_key(texts.value(i))).collect());
        }
        if let Some(texts) = column.as_string_view_opt() {
            return Ok((0..texts.len()).map(|i| text_key(texts.value(i))).collect());
        }
    }
    let columns: Vec<&ArrayRef> = names.iter().map(|n| column(batch, n)).collect::<Result<_>>()?;
    let texts: Vec<ArrayRef> = columns
        .into_iter()
        .map(|c| arrow::compute::cast(c, &DataType::Utf8).map_err(|e| Error::failed(format!("reading keys: {e}"))))
        .collect::<Result<_>>()?;
    Ok((0..batch.num_rows())
        .map(|i| {
            let parts: Vec<&str> = texts.iter().map(|t| t.as_string::<i32>().value(i)).collect();
            hash(&parts.join("\u{1f}"))
        })
        .collect())
}

fn number_key(n: i64) -> u128 {
    (n as u64 ^ (1 << 63)) as u128
}

/// Texts of digits are numbers: that is what shops' ids are, and so files with ascending ids are in order.
fn text_key(text: &str) -> u128 {
    let digits = text.as_bytes();
    if (1..=18).contains(&digits.len()) && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit) {
        return digits.iter().fold(0u128, |n, d| n * 10 + u128::from(d - b'0'));
    }
    hash(text)
}

fn hash(text: &str) -> u128 {
    let half = |seed: u64| {
        // The standard hasher without a random state: the same on every machine.
        #[allow(deprecated)]
        let mut hasher = std::hash::SipHasher::new_with_keys(seed, 0x7572_616d_616b_6921);
        text.hash(&mut hasher);
        hasher.finish()
    };
    (u128::from(half(1)) << 64 | u128::from(half(2))) | HASHED
}

/// Cursors as numbers that compare as their values do.
fn cursors(column: &ArrayRef) -> Result<Vec<i128>> {
    let wide = |values: &[i64]| values.iter().map(|v| i128::from(*v)).collect();
    Ok(match column.data_type() {
        DataType::Int64 => wide(column.as_primitive::<Int64Type>().values()),
        DataType::Timestamp(..) => wide(column.as_primitive::<TimestampMicrosecondType>().values()),
        DataType::Date32 => column.as_primitive::<Date32Type>().values().iter().map(|v| i128::from(*v)).collect(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().values().to_vec(),
        other => return Err(Error::failed(format!("a cursor cannot be of type {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_texts_and_numbers_apart() {
        assert_eq!(text_key("1042"), 1042);
        assert_ne!(text_key("01042"), text_key("1042"));
        assert!(text_key("in_1042") & HASHED != 0);
        assert!(number_key(-1) < number_key(0) && number_key(0) < number_key(7));
    }

    #[test]
    fn the_greater_cursor_wins_then_the_later_file_then_the_later_row() {
        let file = DataFile { path: String::new(), sha256: String::new(), bytes: 0, rows: 0 };
        let batch =
            |rank| Ranked { id: String::new(), landed: file.clone(), quarantined: None, rank, first_rank: rank };
        let at = |key, cursor, batch, row| Version { key, cursor, batch, row };
        let mut newest = Newest { superseded: vec![Vec::new(), Vec::new()], ..Newest::default() };
        let versions =
            vec![at(7, 5, 0, 0), at(7, 5, 1, 3), at(7, 4, 1, 9), at(7, 5, 1, 10), at(8, 0, 1, 1), at(9, 9, 0, 2)];
        newest.first_seen.default = 1;
        settle(versions, &[batch(0), batch(1)], true, &mut newest);
        newest.superseded.iter_mut().for_each(|rows| rows.sort_unstable());
        assert_eq!(newest.superseded, [vec![0], vec![3, 9]]);
        assert_eq!(newest.keys, 3);
        assert_eq!([7, 8, 9].map(|key| newest.first_seen.of(key)), [0, 1, 0]);
    }
}
