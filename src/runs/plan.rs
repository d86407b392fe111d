//! What a run would do, as a pure function of the listing, the last manifest and the project.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::config::project::{Object, Project};
use crate::contract::Format;
use crate::engine::zones::Zone;
use crate::error::{Diagnostic, Error, Kind, Result};
use crate::landing::batch::contract_digest;
use crate::manifest::{FileRecord, Manifest};
use crate::sources::drop::{self, Found, Listing};

/// What there is to read.
#[derive(Debug)]
pub struct Intake {
    pub as_of: NaiveDate,
    /// The end of that day in the project's zone.
    pub as_of_instant: DateTime<Utc>,
    /// Files to read from the drop folder, in file order.
    pub read: Vec<Found>,
    /// Files of before whose batch was landed by another contract (or, with a full refresh, all): their archived bytes are landed again.
    pub again: Vec<FileRecord>,
    /// Known files that have not changed.
    pub unchanged: usize,
    /// Dated after `as_of`.
    pub later: usize,
    /// Too young, or without their marker.
    pub not_ready: Vec<String>,
    /// Neither an extract's name nor an object of any pipeline.
    pub ignored: Vec<String>,
}

/// The last record of each name.
fn last_records(files: &[FileRecord]) -> BTreeMap<&str, &FileRecord> {
    files.iter().map(|f| (f.name.as_str(), f)).collect()
}

/// Decides. `now` is for the age of files alone.
pub fn intake(
    project: &Project,
    listing: &Listing,
    last: Option<&Manifest>,
    as_of: Option<NaiveDate>,
    full_refresh: bool,
    now: DateTime<Utc>,
) -> Result<Intake> {
    let known: &[FileRecord] = last.map_or(&[], |m| &m.files);
    let objects: BTreeMap<(&str, &str), &Object> =
        project.objects().map(|o| ((o.contract.system.as_str(), o.contract.object.as_str()), o)).collect();
    let object_of = |f: &Found| objects.get(&(f.system.as_str(), f.object.as_str())).copied();
    let newest = listing
        .files
        .iter()
        .filter(|f| object_of(f).is_some())
        .map(|f| f.date)
        .chain(known.iter().map(|f| f.date))
        .max();
    let Some(as_of) = as_of.or(newest) else {
        return Err(Error::failed(format!("no files: the drop folder `{}` holds no extract of any pipeline", project.drop))
            .hint("extracts are named <system>/<object>/<YYYY-MM-DD>.csv (or .jsonl, .parquet); `--drop` names another folder"));
    };
    let mut intake = Intake {
        as_of,
        as_of_instant: end_of_day(project, as_of)?,
        read: Vec::new(),
        again: Vec::new(),
        unchanged: 0,
        later: 0,
        not_ready: Vec::new(),
        ignored: listing.ignored.clone(),
    };
    let last_records = last_records(known);
    let markers: Vec<String> = objects.values().map(|o| format!(".{}", marker(o))).collect();
    intake.ignored.retain(|name| !markers.iter().any(|marker| name.ends_with(marker)));
    let mut findings = twins(listing.files.iter().filter(|f| object_of(f).is_some()));
    for found in &listing.files {
        let Some(object) = object_of(found) else {
            intake.ignored.push(found.name.clone());
            continue;
        };
        if found.date > as_of {
            intake.later += 1;
            continue;
        }
        // A file that was left out is looked at every time: its control totals or its contract may have been mended.
        let same = last_records.get(found.name.as_str()).is_some_and(|r| {
            r.refused.is_none() && (r.bytes, r.modified, &r.e_tag) == (found.bytes, found.modified, &found.e_tag)
        });
        if same {
            intake.unchanged += 1;
            continue;
        }
        let age = now.timestamp_millis() - found.modified;
        // Where the pipeline names a marker and no age, the marker alone says that a file is whole.
        let waits_for_marker = object.ready_marker.is_some() && object.min_age_secs == 0;
        let is_old = !waits_for_marker && age >= object.min_age_secs as i64 * 1000;
        if !is_old && !listing.is_ready(found, marker(object)) {
            intake.not_ready.push(found.name.clone());
            continue;
        }
        intake.read.push(found.clone());
    }
    for object in objects.values() {
        let mine = |system: &str, name: &str| system == object.contract.system && name == object.contract.object;
        let ever = known.iter().any(|f| f.date <= as_of && mine(&f.system, &f.object))
            || listing.files.iter().any(|f| f.date <= as_of && mine(&f.system, &f.object));
        if !ever && !object.optional {
            findings.push(
                Diagnostic::new(format!("no files: {} has never had one as of {as_of}", object.contract.label()))
                    .at(format!("{}/{}", object.contract.system, object.contract.object), None)
                    .hint("put its extract into the drop folder, or say `optional: true` in the pipeline"),
            );
        }
        let digest = contract_digest(&object.contract)?;
        for file in known.iter().filter(|f| mine(&f.system, &f.object)) {
            let landed_by = file.batch.as_ref().and_then(|id| last.and_then(|m| m.batches.get(id)));
            if landed_by.is_some_and(|b| full_refresh || b.contract != digest) {
                intake.again.push(file.clone());
            }
        }
    }
    intake.ignored.sort();
    if findings.is_empty() { Ok(intake) } else { Err(Error { kind: Kind::Failed, findings }) }
}

/// The ending of the file that says that an extract is whole.
fn marker(object: &Object) -> &str {
    object.ready_marker.as_deref().unwrap_or(drop::READY)
}

/// Two files of one object, date and number (plain and compressed, say) have no order.
fn twins<'a>(files: impl Iterator<Item = &'a Found>) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<(&str, &str, NaiveDate, u32), &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in files {
        if let Some(other) = seen.insert((&file.system, &file.object, file.date, file.number), &file.name) {
            findings.push(
                Diagnostic::new(format!("`{other}` and `{}` stand for the same date and number", file.name))
                    .at(&file.name, None)
                    .hint("remove one of them, or number them (2026-11-20.01.csv, 2026-11-20.02.csv)"),
            );
        }
    }
    findings
}

/// A file in another format than its pipeline declares.
pub fn wrong_format(object: &Object, found: &Found) -> Option<Diagnostic> {
    let expected = match object.contract.format {
        Format::Csv { .. } => "csv",
        Format::Jsonl { .. } => "jsonl",
        Format::Parquet => "parquet",
    };
    (found.format != expected).then(|| {
        Diagnostic::new(format!(
            "{} is declared as {expected}, and this file is {}",
            object.contract.label(),
            found.format
        ))
        .at(&found.name, None)
        .hint("state the format in the pipeline, or have it exported as declared")
    })
}

/// The instant at which a business day ends.
pub fn end_of_day(project: &Project, day: NaiveDate) -> Result<DateTime<Utc>> {
    let next = i64::from(day.to_epoch_days()) + 1;
    DateTime::from_timestamp_micros(Zone::of(project.time_zone).day_start(next))
        .ok_or_else(|| Error::config(format!("{day} is no day that can be reckoned with")))
}

/// Objects whose newest file is too old: (warnings, errors).
pub fn freshness(project: &Project, files: &[FileRecord], as_of: NaiveDate) -> (Vec<String>, Vec<Diagnostic>) {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    for object in project.objects() {
        let Some(freshness) = object.freshness else { continue };
        let contract = &object.contract;
        let newest = files
            .iter()
            .filter(|f| f.system == contract.system && f.object == contract.object && f.date <= as_of)
            .filter(|f| f.batch.is_some())
            .map(|f| f.date)
            .max();
        let Some(newest) = newest else { continue };
        let age = (as_of - newest).num_days().unsigned_abs();
        let text = format!("{}: its newest file is of {newest}, {age} days before {as_of}", contract.label());
        if freshness.error_after_days.is_some_and(|d| age > d) {
            errors.push(
                Diagnostic::new(format!("too old: {text}"))
                    .hint("ask the source, or change `freshness` in the pipeline"),
            );
        } else if freshness.warn_after_days.is_some_and(|d| age > d) {
            warnings.push(text);
        }
    }
    (warnings, errors)
}
