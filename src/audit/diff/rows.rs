//! The rows of two runs, key by key: which came, went or changed, and why. And the rows that count when some of that has happened, and the rest has not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use futures::StreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::row::{RowConverter, SortField};
use sha2::{Digest, Sha256};

use crate::config::Project;
use crate::config::project::Object;
use crate::contract::ROW_COLUMN;
use crate::error::{Error, Result};
use crate::landing::newest::{self, Newest, Place, Ranked, Sequence, Without};
use crate::landing::order;
use crate::manifest::{BatchRecord, DataFile, FileRecord, Manifest};
use crate::runs::make::Counted;
use crate::store::{ParquetObject, Store};

/// Why another row of a key counts, in the order in which the causes are let happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The same content at another place: a full snapshot that states it again. It is no cause of anything.
    Restated,
    Released,
    Deleted,
    Corrected,
    Late,
    New,
}

/// Causes that are about rows.
pub const WHYS: [Why; 5] = [Why::Released, Why::Deleted, Why::Corrected, Why::Late, Why::New];

/// A row's place: batch and position.
type At = (u32, u32);

/// One key of an object.
#[derive(Debug, Clone, Copy)]
struct Change {
    before: Option<At>,
    after: Option<At>,
    /// None: the same row.
    why: Option<Why>,
}

/// An object's rows in both runs.
struct OfObject {
    batches: Vec<Ranked>,
    /// The file that each batch is known by.
    files: Vec<String>,
    keys: Vec<Change>,
}

/// All rows of both runs, by object.
#[derive(Default)]
pub struct Changes {
    objects: BTreeMap<String, OfObject>,
}

/// How many rows of an object a cause is about, and where the first of them stand.
pub struct Told {
    pub object: String,
    pub rows: u64,
    /// `shop/orders/2026-11-19.csv:14`: the row that counts later; of a deleted one the row that counted.
    pub places: Vec<String>,
}

/// Rows that are named at most.
const NAMED: usize = 3;

impl Changes {
    pub fn has(&self, why: Why) -> bool {
        self.objects.values().any(|o| o.keys.iter().any(|k| k.why == Some(why)))
    }

    pub async fn told(&self, store: &Store, why: Why) -> Result<Vec<Told>> {
        let mut out = Vec::new();
        for (label, object) in &self.objects {
            let mine = object.keys.iter().filter(|k| k.why == Some(why));
            let mut places: Vec<At> = mine.filter_map(|k| k.after.or(k.before)).collect();
            let rows = places.len() as u64;
            if places.is_empty() {
                continue;
            }
            places.sort_by_key(|(batch, row)| (&object.files[*batch as usize], *row));
            let mut named = Vec::new();
            // Rows of one batch stand together: its lines are read once.
            let mut held: Option<(u32, Vec<i64>)> = None;
            for (batch, row) in places.into_iter().take(NAMED) {
                let lines = match held.take() {
                    Some((of, lines)) if of == batch => lines,
                    _ => lines(store, &object.batches[batch as usize].landed).await?,
                };
                let file = &object.files[batch as usize];
                named.push(lines.get(row as usize).map_or_else(|| file.clone(), |line| format!("{file}:{line}")));
                held = Some((batch, lines));
            }
            out.push(Told { object: label.clone(), rows, places: named });
        }
        Ok(out)
    }

    /// The rows that count when everything up to `until` has happened. None: nothing has.
    pub fn counted(&self, until: Option<Why>) -> Counted {
        let mut counted = Counted { sequences: BTreeMap::new(), newest: Arc::default(), balances: BTreeMap::new() };
        let mut all = BTreeMap::new();
        for (label, object) in &self.objects {
            let mut rows: Vec<Vec<u64>> = vec![Vec::new(); object.batches.len()];
            for change in &object.keys {
                let has_happened = change.why.is_some_and(|why| until.is_some_and(|until| why <= until));
                let place = if has_happened { change.after } else { change.before };
                if let Some((batch, row)) = place {
                    rows[batch as usize].push(row.into());
                }
            }
            let mut newest = Newest::default();
            for (batch, rows) in object.batches.iter().zip(&mut rows) {
                rows.sort_unstable();
                let mut kept = rows.iter().copied().peekable();
                let skip = (0..batch.landed.rows).filter(|row| kept.next_if_eq(row).is_none()).collect();
                newest.superseded.push(skip);
            }
            newest.keys = rows.iter().map(|r| r.len() as u64).sum();
            counted.sequences.insert(label.clone(), Sequence { batches: object.batches.clone(), days: Vec::new() });
            all.insert(label.clone(), newest);
        }
        counted.newest = Arc::new(all);
        counted
    }
}

/// A run as far as its rows go.
pub struct World<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub counted: &'a Counted,
}

/// The same bytes by another contract: batches of the later run for files of the earlier one.
struct Carried {
    files: Vec<FileRecord>,
    batches: BTreeMap<String, BatchRecord>,
    /// Rows that the earlier run had in quarantine, and the later one accepted.
    released: Without,
}

/// Compares what counted in the two runs, object by object of the later one's project. Rows of the earlier run are looked at as the later run's contracts land them.
pub async fn changes(store: &Store, from: &World<'_>, to: &World<'_>) -> Result<Changes> {
    let mut out = Changes::default();
    for object in to.project.objects() {
        let label = object.contract.label();
        let (Some(sequence), Some(newest)) = (to.counted.sequences.get(&label), to.counted.newest.get(&label)) else {
            continue;
        };
        let after = newest::places(store, &object.contract, sequence, newest).await?;
        let mut released = Without::new();
        let before = match from.project.objects().find(|o| o.contract.label() == label) {
            None => (Vec::new(), Vec::new()),
            Some(earlier) if earlier.snapshot_full == object.snapshot_full && lands_the_same(object, from, to) => {
                match (from.counted.sequences.get(&label), from.counted.newest.get(&label)) {
                    (Some(s), Some(n)) => newest::places(store, &object.contract, s, n).await?,
                    _ => (Vec::new(), Vec::new()),
                }
            }
            Some(_) => {
                let carried = carry(store, object, from.manifest, to.manifest).await?;
                let as_of = from.manifest.as_of;
                let ordered = order::sequences(&[object], &carried.files, &carried.batches, as_of);
                let Some((sequence, _)) = ordered.get(&label) else { continue };
                let (contract, budget) = (&object.contract, newest::BUDGET);
                let newest =
                    newest::resolve_without(store, contract, sequence, false, budget, &carried.released).await?;
                released = carried.released;
                newest::places(store, contract, sequence, &newest).await?
            }
        };
        let of_object = compare(store, object, from.manifest, to.manifest, before, after, &released).await?;
        out.objects.insert(label, of_object);
    }
    Ok(out)
}

/// Whether each file of the earlier run is the same batch in the later one: no contract has changed.
fn lands_the_same(object: &Object, from: &World<'_>, to: &World<'_>) -> bool {
    let mine = |f: &&FileRecord| f.system == object.contract.system && f.object == object.contract.object;
    let later: BTreeSet<(&str, &str, Option<&str>)> =
        to.manifest.files.iter().filter(mine).map(|f| (&*f.name, &*f.sha256, f.batch.as_deref())).collect();
    let earlier = from.manifest.files.iter().filter(mine).filter(|f| f.batch.is_some());
    earlier.into_iter().all(|f| later.contains(&(&*f.name, &*f.sha256, f.batch.as_deref())))
}

/// The earlier run's files of an object, by the batches that the later run landed them as.
async fn carry(store: &Store, object: &Object, from: &Manifest, to: &Manifest) -> Result<Carried> {
    let mut carried = Carried { files: Vec::new(), batches: BTreeMap::new(), released: Without::new() };
    let mine = |f: &&FileRecord| f.system == object.contract.system && f.object == object.contract.object;
    for file in &from.files {
        // Places in file order are those of all objects.
        if !mine(&file) {
            carried.files.push(file.clone());
            continue;
        }
        let same = |f: &&FileRecord| mine(f) && f.name == file.name && f.sha256 == file.sha256;
        let Some(later) = to.files.iter().find(same) else { continue };
        let Some(id) = &later.batch else { continue };
        let Some(batch) = to.batches.get(id) else { continue };
        let earlier = file.batch.as_ref().and_then(|id| from.batches.get(id));
        // A file that the earlier run had left out brings nothing yet.
        let Some(earlier) = earlier else { continue };
        if earlier.contract != batch.contract {
            let had = lines(store, &earlier.landed).await?;
            let has = lines(store, &batch.landed).await?;
            let new = has.iter().enumerate().filter(|(_, line)| had.binary_search(line).is_err());
            let new: Vec<u64> = new.map(|(position, _)| position as u64).collect();
            if !new.is_empty() {
                carried.released.insert(id.clone(), new);
            }
        }
        let quarantined = earlier.quarantined.clone();
        carried.batches.insert(id.clone(), BatchRecord { quarantined, ..batch.clone() });
        carried.files.push(FileRecord { batch: Some(id.clone()), ..file.clone() });
    }
    Ok(carried)
}

/// The source lines of a landed batch's rows, in its order, which is theirs.
async fn lines(store: &Store, landed: &DataFile) -> Result<Vec<i64>> {
    let mut out = Vec::with_capacity(landed.rows as usize);
    let mut stream = open(store, landed, Some(ROW_COLUMN)).await?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| broken(landed, &e))?;
        out.extend(batch.column(0).as_primitive::<Int64Type>().values());
    }
    Ok(out)
}

async fn open(
    store: &Store,
    file: &DataFile,
    column: Option<&str>,
) -> Result<parquet::arrow::async_reader::ParquetRecordBatchStream<ParquetObject>> {
    let reader = ParquetObject::new(store, &file.path, file.bytes)?;
    let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|e| broken(file, &e))?;
    let mask = match column {
        Some(column) => parquet::arrow::ProjectionMask::columns(builder.parquet_schema(), [column]),
        None => parquet::arrow::ProjectionMask::all(),
    };
    builder.with_projection(mask).with_batch_size(65_536).build().map_err(|e| broken(file, &e))
}

fn broken(file: &DataFile, e: &parquet::errors::ParquetError) -> Error {
    Error::failed(format!("a landed batch cannot be read: {e}")).at(file.path.clone(), None)
}

type Places = (Vec<Ranked>, Vec<Place>);

/// Goes through both runs' keys, which stand in order.
async fn compare(
    store: &Store,
    object: &Object,
    from: &Manifest,
    to: &Manifest,
    before: Places,
    after: Places,
    released: &Without,
) -> Result<OfObject> {
    let mut batches: Vec<Ranked> = Vec::new();
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    let mut place = |list: Vec<Ranked>| -> Vec<u32> {
        list.into_iter()
            .map(|batch| {
                *ids.entry(batch.id.clone()).or_insert_with(|| {
                    batches.push(batch);
                    batches.len() as u32 - 1
                })
            })
            .collect()
    };
    let (old, new) = (place(before.0), place(after.0));
    let known: Vec<(String, Option<NaiveDate>)> = batches.iter().map(|b| known_by(to, &b.id)).collect();
    let is_late = |at: At| known[at.0 as usize].1.is_some_and(|date| date <= from.as_of);
    let is_released =
        |at: At| released.get(&batches[at.0 as usize].id).is_some_and(|p| p.binary_search(&at.1.into()).is_ok());
    let mut keys: Vec<Change> = Vec::with_capacity(before.1.len().max(after.1.len()));
    let (mut a, mut b) = (before.1.into_iter().peekable(), after.1.into_iter().peekable());
    loop {
        let (left, right) = match (a.peek(), b.peek()) {
            (None, None) => break,
            (Some(x), Some(y)) if x.key == y.key => (a.next(), b.next()),
            (Some(x), Some(y)) if x.key < y.key => (a.next(), None),
            (Some(_), None) => (a.next(), None),
            _ => (None, b.next()),
        };
        let before = left.map(|p| (old[p.batch as usize], p.row));
        let after = right.map(|p| (new[p.batch as usize], p.row));
        let why = match (before, after) {
            (Some(x), Some(y)) if x == y => None,
            (_, Some(y)) if is_released(y) => Some(Why::Released),
            (Some(_), Some(_)) => Some(Why::Corrected),
            (Some(_), None) => Some(Why::Deleted),
            (None, Some(y)) if is_late(y) => Some(Why::Late),
            _ => Some(Why::New),
        };
        keys.push(Change { before, after, why });
    }
    if object.snapshot_full {
        restated(store, &batches, &mut keys).await?;
    }
    Ok(OfObject { files: known.into_iter().map(|(name, _)| name).collect(), batches, keys })
}

/// The earliest file that landed as a batch, and its date.
fn known_by(manifest: &Manifest, id: &str) -> (String, Option<NaiveDate>) {
    let files = manifest.files.iter().filter(|f| f.batch.as_deref() == Some(id));
    let first = files.min_by_key(|f| (f.date, f.number, f.restatement));
    first.map_or_else(|| (id.to_string(), None), |f| (f.name.clone(), Some(f.date)))
}

/// A full snapshot states every row again: those whose content is as before are no corrections.
async fn restated(store: &Store, batches: &[Ranked], keys: &mut [Change]) -> Result<()> {
    let is_moved = |k: &&mut Change| k.why == Some(Why::Corrected);
    let wanted: BTreeSet<u32> = keys
        .iter()
        .filter(|k| k.why == Some(Why::Corrected))
        .flat_map(|k| [k.before, k.after])
        .flatten()
        .map(|p| p.0)
        .collect();
    let mut contents: BTreeMap<u32, Vec<[u8; 16]>> = BTreeMap::new();
    for at in wanted {
        contents.insert(at, digests(store, &batches[at as usize].landed).await?);
    }
    let of = |at: Option<At>| {
        let (batch, row) = at?;
        contents.get(&batch)?.get(row as usize)
    };
    for key in keys.iter_mut().filter(is_moved) {
        if of(key.before).is_some() && of(key.before) == of(key.after) {
            key.why = Some(Why::Restated);
        }
    }
    Ok(())
}

/// A digest of each row's content, but for its line.
async fn digests(store: &Store, landed: &DataFile) -> Result<Vec<[u8; 16]>> {
    let failed = |e: arrow::error::ArrowError| Error::failed(format!("comparing rows: {e}"));
    let mut out = Vec::with_capacity(landed.rows as usize);
    let mut stream = open(store, landed, None).await?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| broken(landed, &e))?;
        let schema = batch.schema();
        let wanted: Vec<usize> = (0..batch.num_columns()).filter(|i| schema.field(*i).name() != ROW_COLUMN).collect();
        let columns: Vec<_> = wanted.iter().map(|i| batch.column(*i).clone()).collect();
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let rows = RowConverter::new(fields).and_then(|c| c.convert_columns(&columns)).map_err(failed)?;
        out.extend(rows.iter().map(|row| {
            let mut half = [0; 16];
            half.copy_from_slice(&Sha256::digest(row.as_ref())[..16]);
            half
        }));
    }
    Ok(out)
}
