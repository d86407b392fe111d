//! File order: (date in the name, NN, restatement number, system, object). Which batches count, and in which order, as of a day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::newest::{Day, Ranked, Sequence};
use crate::config::project::Object;
use crate::manifest::{BatchRecord, FileRecord, ObjectBalance};

/// The place of a file in file order. The name is last: of two of one place (plain and compressed, one after the other), it alone is left to decide.
fn place(file: &FileRecord) -> (NaiveDate, u32, u32, &str, &str, &str) {
    (file.date, file.number, file.restatement, &file.system, &file.object, &file.name)
}

/// The batches of every object that count as of a day, with the rows of their files so far.
pub fn sequences(
    objects: &[&Object],
    files: &[FileRecord],
    batches: &BTreeMap<String, BatchRecord>,
    as_of: NaiveDate,
) -> BTreeMap<String, (Sequence, ObjectBalance)> {
    let mut ordered: Vec<&FileRecord> = files.iter().filter(|f| f.date <= as_of && f.batch.is_some()).collect();
    ordered.sort_by(|a, b| place(a).cmp(&place(b)));
    let mut out = BTreeMap::new();
    for object in objects {
        let label = object.contract.label();
        let mine: Vec<(u32, &FileRecord)> = ordered
            .iter()
            .enumerate()
            .filter(|(_, f)| f.system == object.contract.system && f.object == object.contract.object)
            .map(|(rank, f)| (rank as u32, *f))
            .collect();
        out.insert(label, sequence(object, &mine, batches));
    }
    out
}

fn sequence(
    object: &Object,
    files: &[(u32, &FileRecord)],
    batches: &BTreeMap<String, BatchRecord>,
) -> (Sequence, ObjectBalance) {
    let mut balance = ObjectBalance { newest: files.iter().map(|(_, f)| f.date).max(), ..ObjectBalance::default() };
    let newest = balance.newest;
    let mut ranked: BTreeMap<&str, Ranked> = BTreeMap::new();
    let mut stated: Vec<(&FileRecord, Ranked)> = Vec::new();
    // The name at which a batch counts; only that name can state it again.
    let mut counts_at: BTreeMap<&str, &str> = BTreeMap::new();
    let mut current: BTreeMap<&str, &str> = BTreeMap::new();
    let mut landed: BTreeSet<&str> = BTreeSet::new();
    for (rank, file) in files {
        let Some((id, batch)) = file.batch.as_deref().and_then(|id| Some((id, batches.get(id)?))) else { continue };
        balance.files += 1;
        balance.rows += batch.rows_read;
        if landed.insert(id) {
            balance.accepted += batch.landed.rows;
            for (reason, rows) in &batch.rejected {
                balance.quarantined += rows;
                *balance.by_reason.entry(reason.clone()).or_default() += rows;
            }
        } else {
            balance.repeated += batch.rows_read;
        }
        current.insert(&file.name, id);
        let place = Ranked {
            id: id.to_string(),
            landed: batch.landed.clone(),
            quarantined: batch.quarantined.clone(),
            rank: *rank,
            first_rank: *rank,
        };
        if object.snapshot_full {
            stated.push((file, place.clone()));
            if Some(file.date) != newest {
                continue;
            }
        }
        match ranked.get_mut(id) {
            None => {
                ranked.insert(id, place);
                counts_at.insert(id, &file.name);
            }
            // A name that returned to earlier bytes states them again.
            Some(held) if counts_at.get(id) == Some(&file.name.as_str()) => held.rank = *rank,
            Some(_) => {}
        }
    }
    if object.snapshot_full {
        // Of the newest date's names, only their last bytes are the table.
        ranked.retain(|id, _| {
            files.iter().any(|(_, f)| Some(f.date) == newest && current.get(f.name.as_str()) == Some(id))
        });
        let kept: u64 = ranked.values().map(|r| r.landed.rows).sum();
        balance.outdated = balance.accepted - kept;
    }
    let mut batches: Vec<Ranked> = ranked.into_values().collect();
    batches.sort_by_key(|b| b.rank);
    (Sequence { batches, days: days(&stated) }, balance)
}

/// What the snapshots of each date held, the newest date first, and in each the latest file first.
fn days(stated: &[(&FileRecord, Ranked)]) -> Vec<Day> {
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    let mut standing: BTreeSet<&str> = BTreeSet::new();
    for (file, batch) in stated.iter().rev() {
        let day = days.entry(file.date).or_default();
        if standing.insert(&file.name) {
            day.standing.push(batch.clone());
        } else {
            day.withdrawn.push(batch.clone());
        }
    }
    days.into_values().rev().collect()
}
