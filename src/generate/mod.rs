//! Extracts of a sample company at any size, and the truth about them.
//!
//! Lives are simulated, not tables: people who shop, pay, ask and wait. What each system would have handed
//! over of them each night is written as its extracts; what must come out of those (customers, sums,
//! frictions, rows in quarantine) is told from the lives themselves, never from the written files and never
//! by the models' SQL. Same options, same bytes, on any machine.
//!
//! Beside `truth.json`, `people.csv` says which person record is which real person's (`source,id,entity`).
//!
//! Households are made one after another, each from (seed, number), so memory does not grow with their
//! number except for the truth's lists of frictions and of person records.

mod awkward;
mod billing;
mod calendar;
mod controlling;
mod friction;
mod kin;
mod lives;
mod model;
mod names;
mod people;
mod rng;
mod rows;
mod shop;
mod special;
mod support;
mod tables;
mod touch;
mod truth;
mod world;
mod write;

use std::fs;
use std::path::PathBuf;

use chrono::{Days, NaiveDate};

use crate::error::{Error, Result};

pub use write::Compression;

use lives::BLOCK;
use special::Special;
use tables::Table;
use truth::Truth;
use world::World;
use write::Drop;

/// What to generate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder that gets `drop/`, `people.csv` and `truth.json`; `drop/` must not hold anything yet.
    pub output: PathBuf,
    /// People to simulate (special cases come on top).
    pub customers: u64,
    /// Nights of extracts: the first holds the backlog, each other what changed since.
    pub nights: u32,
    pub seed: u64,
    /// The business day of the first night.
    pub first_night: NaiveDate,
    /// Whether rows and files come with the faults that real extracts have.
    pub awkward: bool,
    /// One compression for all files; None: as real folders have it, a few of each.
    pub compress: Option<Compression>,
    /// Adds one ticket whose line is so long (mebibytes).
    pub long_line_mib: Option<u32>,
}

impl Options {
    /// The usual options; the last night is 2026-11-20.
    pub fn new(output: PathBuf, customers: u64, nights: u32, seed: u64) -> Options {
        let last = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap_or_default();
        let first_night = last - Days::new(u64::from(nights.max(1)) - 1);
        Options { output, customers, nights, seed, first_night, awkward: true, compress: None, long_line_mib: None }
    }
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    pub drop: PathBuf,
    pub truth: PathBuf,
    pub people: PathBuf,
}

/// Customers whose backlog goes into one file; above that the first night has several, numbered.
const PART: u64 = 50_000;

/// Writes `drop/`, `people.csv` and `truth.json` into the output folder.
pub fn generate(options: &Options) -> Result<Summary> {
    if options.customers == 0 || options.nights == 0 {
        return Err(Error::config("nothing to generate").hint("--customers and --nights must be at least 1"));
    }
    let world = World::new(options.seed, options.customers, options.first_night, options.nights);
    let mut drop = Drop::create(&options.output.join("drop"), &world.dates, options.compress)?;
    let mut truth = Truth::default();
    controlling::emit(&world, &mut drop, options.awkward)?;
    let blocks = options.customers.div_ceil(BLOCK);
    let part = PART.max(options.customers / 45);
    for block in 0..blocks {
        if options.customers > PART {
            drop.set_part(1 + 2 * (block * BLOCK / part) as u32);
        }
        let house = lives::household(&world, block);
        rows::emit(&world, &mut drop, &house, options.awkward)?;
        truth.add(&world, &house);
        if block == 0 && options.awkward {
            let special = Special::new(&world);
            special.emit(&world, &mut drop, &mut truth)?;
            awkward::emit(&world, &mut drop, &special, options.long_line_mib)?;
        }
    }
    for night in 0..world.dates.len() {
        // The shop hands over a file each night, with its header only where nothing has changed.
        for table in Table::ALL.into_iter().filter(|t| t.system() == "shopify") {
            drop.header_only(drop.place(table, night))?;
        }
    }
    let written = drop.finish()?;
    if options.awkward && options.nights > 1 {
        // The same bytes once more, under a later date.
        if let Some((path, rows)) = written.get(&(Table::Fulfillments, 1, 0)) {
            drop.copy(path, *rows, (Table::Fulfillments, options.nights as usize - 1, 7))?;
        }
    }
    let people = options.output.join("people.csv");
    truth.people.write(&people)?;
    let path = options.output.join("truth.json");
    let told = truth.json(&world, &drop.counts, drop.files);
    let mut text = serde_json::to_string_pretty(&told).map_err(|e| Error::failed(e.to_string()))?;
    text.push('\n');
    fs::write(&path, text)?;
    Ok(Summary {
        files: drop.files,
        rows: drop.counts.values().map(|c| c.read).sum(),
        bytes: drop.bytes,
        drop: options.output.join("drop"),
        truth: path,
        people,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::Value;

    fn made(customers: u64, nights: u32, seed: u64, name: &str) -> (tempfile::TempDir, Summary, Value) {
        let folder = tempfile::Builder::new().prefix(name).tempdir().expect("a folder");
        let summary = generate(&Options::new(folder.path().to_path_buf(), customers, nights, seed)).expect("generated");
        let text = fs::read_to_string(&summary.truth).expect("a truth");
        (folder, summary, serde_json::from_str(&text).expect("JSON"))
    }

    fn bytes_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(folder).expect("inside").to_string_lossy().into_owned();
                    files.insert(name, fs::read(&path).expect("a file"));
                }
            }
        }
        files
    }

    #[test]
    fn same_options_same_bytes_another_seed_other_bytes() {
        let (first, ..) = made(30, 3, 7, "first");
        let (again, ..) = made(30, 3, 7, "again");
        let (other, ..) = made(30, 3, 8, "other");
        assert_eq!(bytes_of(first.path()), bytes_of(again.path()));
        assert_ne!(bytes_of(first.path()), bytes_of(other.path()));
    }

    #[test]
    fn every_row_is_accounted_for() {
        let (folder, summary, truth) = made(160, 3, 5, "balance");
        let number = |v: &Value| v.as_u64().expect("a number");
        let mut rows = 0;
        for (name, object) in truth["objects"].as_object().expect("objects") {
            let [read, accepted, quarantined, doubled] =
                ["read", "accepted", "quarantined", "duplicate_file_rows"].map(|key| number(&object[key]));
            assert_eq!(read, accepted + quarantined + doubled, "{name}");
            assert_eq!(accepted, number(&object["keys"]) + number(&object["superseded"]), "{name}");
            rows += read;
        }
        assert_eq!(rows, summary.rows);
        let reasons = truth["quarantined_by_reason"].as_object().expect("reasons");
        let faults: u64 = reasons.values().map(number).sum();
        let quarantined: u64 =
            truth["objects"].as_object().expect("objects").values().map(|o| number(&o["quarantined"])).sum();
        assert_eq!(faults, quarantined);
        assert_eq!(reasons.len(), 11, "all reasons but an over-long line");
        // JSON Lines have as many lines as rows.
        let lines: usize = bytes_of(&folder.path().join("drop/zendesk/users"))
            .values()
            .map(|bytes| bytes.iter().filter(|b| **b == b'\n').count())
            .sum();
        assert_eq!(lines as u64, number(&truth["objects"]["zendesk/users"]["read"]));
    }

    #[test]
    fn every_person_record_has_its_person() {
        let (_folder, summary, truth) = made(200, 3, 7, "people");
        let text = fs::read_to_string(&summary.people).expect("people");
        let (head, rows) = text.split_once('\n').expect("a header");
        assert_eq!(head, "source,id,entity");
        let mut records: BTreeMap<String, u64> = BTreeMap::new();
        let mut people: BTreeMap<u64, u64> = BTreeMap::new();
        let mut last = ("", "");
        for row in rows.lines() {
            let [source, id, entity] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
            assert!(last < (source, id), "{row} is not in its order, or comes twice");
            last = (source, id);
            *records.entry(source.replace('.', "/")).or_default() += 1;
            *people.entry(entity.parse().expect("a number")).or_default() += 1;
        }
        assert_eq!(serde_json::json!(records), truth["person_records"]);
        assert!(people.len() > 200, "{}", people.len());
        assert!(people.values().filter(|n| **n > 1).count() > 100);
    }

    #[test]
    fn the_sample_is_small_and_every_rule_finds_something() {
        let (_folder, summary, truth) = made(200, 3, 7, "sample");
        assert!(summary.bytes < 4_000_000, "{}", summary.bytes);
        for (rule, subjects) in truth["friction"].as_object().expect("rules") {
            assert!(!subjects.as_array().expect("subjects").is_empty(), "{rule}");
        }
        assert_eq!(truth["blocked_evidence"].as_array().expect("values").len(), 4);
        assert_eq!(truth["as_of"], "2026-11-20");
        for currency in ["CHF", "EUR", "GBP", "JPY"] {
            assert!(truth["revenue"]["by_currency"][currency].is_string(), "{currency}");
        }
    }

    #[test]
    fn a_folder_that_holds_something_is_refused() {
        let (folder, ..) = made(1, 1, 1, "used");
        let again = generate(&Options::new(folder.path().to_path_buf(), 1, 1, 1));
        assert!(again.is_err());
    }

    #[test]
    fn without_awkward_cases_every_row_loads() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options::new(folder.path().to_path_buf(), 40, 2, 3);
        options.awkward = false;
        let summary = generate(&options).expect("generated");
        let truth: Value = serde_json::from_str(&fs::read_to_string(&summary.truth).expect("a truth")).expect("JSON");
        assert_eq!(truth["quarantined"], serde_json::json!({}));
    }
}
