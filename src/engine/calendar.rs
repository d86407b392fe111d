//! `project.calendar`: one row per local day, with the company's holidays and business time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{Datelike, NaiveDate};

use super::holidays;
use super::zones::Zone;
use crate::config::project::Project;
use crate::contract::utc_micros;
use crate::error::{Error, Result};

/// The first day: no source of ours reaches further back.
const FIRST_YEAR: i32 = 2000;
const MICROS: i64 = 1_000_000;

pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("date", DataType::Date32, true),
        Field::new("iso_weekday", DataType::Int64, true),
        Field::new("is_holiday", DataType::Boolean, true),
        Field::new("holiday_name", DataType::Utf8, true),
        Field::new("is_business_day", DataType::Boolean, true),
        Field::new("day_starts_at", utc_micros(), true),
        Field::new("day_ends_at", utc_micros(), true),
        Field::new("business_seconds_before", DataType::Int64, true),
    ]))
}

/// Every day from 2000 through the year after `as_of`.
pub fn rows(project: &Project, as_of: NaiveDate) -> Result<RecordBatch> {
    let zone = Zone::of(project.time_zone);
    let last_year = as_of.year() + 1;
    let mut names = std::collections::BTreeMap::new();
    for year in FIRST_YEAR..=last_year {
        names.extend(holidays::of_year(&project.holidays, year));
    }
    let (Some(first), Some(end)) =
        (NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1), NaiveDate::from_ymd_opt(last_year + 1, 1, 1))
    else {
        return Err(Error::config("the calendar has no such year"));
    };
    let days: Vec<NaiveDate> = first.iter_days().take_while(|d| *d < end).collect();
    let epoch: Vec<i64> = days.iter().map(|d| i64::from(d.to_epoch_days())).collect();
    let starts: Vec<i64> = epoch.iter().map(|d| zone.day_start(*d)).collect();
    let ends: Vec<i64> = epoch.iter().map(|d| zone.day_start(d + 1)).collect();
    let business: Vec<bool> =
        days.iter().map(|d| d.weekday().number_from_monday() <= 5 && !names.contains_key(d)).collect();
    let mut seconds = 0;
    let before: Vec<i64> = (0..days.len())
        .map(|i| {
            let so_far = seconds;
            if business[i] {
                seconds += (ends[i] - starts[i]) / MICROS;
            }
            so_far
        })
        .collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(epoch.iter().map(|d| *d as i32))),
        Arc::new(Int64Array::from_iter_values(days.iter().map(|d| i64::from(d.weekday().number_from_monday())))),
        Arc::new(BooleanArray::from_iter(days.iter().map(|d| Some(names.contains_key(d))))),
        Arc::new(StringArray::from_iter(days.iter().map(|d| names.get(d).copied()))),
        Arc::new(BooleanArray::from_iter(business.iter().map(|b| Some(*b)))),
        Arc::new(TimestampMicrosecondArray::from(starts).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(ends).with_timezone("UTC")),
        Arc::new(Int64Array::from(before)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| Error::failed(format!("building the calendar: {e}")))
}
