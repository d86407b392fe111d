//! Dates and times by the contract's format, to days and to microseconds UTC.
//!
//! The plain cases (ISO, epoch) are read by hand, byte by byte: they are most of all times, and a general
//! parser costs ten times as much. Local times go through the time zone's rules:
//! - an hour that the clock shows twice (autumn) takes the earlier offset, and is counted;
//! - a time that the clock skips (spring) is read with the offset before the change, so 02:30 becomes the
//!   instant at which the clock shows 03:30.

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, MappedLocalTime, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::contract::{DateFormat, TimeFormat};
use crate::error::{Error, Result};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// Days from 0001-01-01 to 1970-01-01.
const EPOCH_DAY: i64 = 719_162;
/// Years 1 to 9999, as microseconds.
const FIRST_MICRO: i64 = -EPOCH_DAY * DAY;
const LAST_MICRO: i64 = 253_402_300_800 * SECOND - 1;

/// A compiled date format.
pub enum DateParser {
    Iso,
    Pattern(Vec<Item<'static>>),
}

impl DateParser {
    pub fn compile(format: &DateFormat) -> Result<Self> {
        Ok(match format {
            DateFormat::Iso => DateParser::Iso,
            DateFormat::Pattern(pattern) => DateParser::Pattern(compile_pattern(pattern)?),
        })
    }

    /// Days since 1970.
    pub fn parse(&self, text: &str) -> Option<i32> {
        match self {
            DateParser::Iso => {
                let (days, rest) = iso_date(text.as_bytes())?;
                if rest.is_empty() { i32::try_from(days).ok() } else { None }
            }
            DateParser::Pattern(items) => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, items.iter()).ok()?;
                let date = parsed.to_naive_date().ok()?;
                if !(1..=9999).contains(&date.year()) {
                    return None;
                }
                i32::try_from(i64::from(date.num_days_from_ce()) - 1 - EPOCH_DAY).ok()
            }
        }
    }
}

/// An instant, and whether the local clock showed it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    pub micros: i64,
    pub ambiguous: bool,
}

/// A compiled time format.
pub enum TimeParser {
    Iso(Zone),
    EpochSeconds,
    Pattern { items: Vec<Item<'static>>, zone: Zone },
}

impl TimeParser {
    pub fn compile(format: &TimeFormat) -> Result<Self> {
        Ok(match format {
            TimeFormat::Iso { zone } => TimeParser::Iso(Zone::compile(zone)?),
            TimeFormat::EpochSeconds => TimeParser::EpochSeconds,
            TimeFormat::Pattern { pattern, zone } => {
                TimeParser::Pattern { items: compile_pattern(pattern)?, zone: Zone::compile(zone)? }
            }
        })
    }

    pub fn parse(&mut self, text: &str) -> Option<Instant> {
        let instant = match self {
            TimeParser::Iso(zone) => match iso_time(text.as_bytes())? {
                (micros, Some(offset_secs)) => {
                    Instant { micros: micros - i64::from(offset_secs) * SECOND, ambiguous: false }
                }
                (local, None) => zone.utc(local)?,
            },
            TimeParser::EpochSeconds => {
                let seconds = super::value::integer(text)?;
                Instant { micros: seconds.checked_mul(SECOND)?, ambiguous: false }
            }
            TimeParser::Pattern { items, zone } => {
                let mut parsed = Parsed::new();
                parse(&mut parsed, text, items.iter()).ok()?;
                let local = local_time(&parsed)?;
                // No leap seconds, and nothing finer than a microsecond: it would be lost without a word.
                if local.nanosecond() >= 1_000_000_000 || !local.nanosecond().is_multiple_of(1_000) {
                    return None;
                }
                let micros = local.and_utc().timestamp_micros();
                match parsed.offset() {
                    Some(offset_secs) => Instant { micros: micros - i64::from(offset_secs) * SECOND, ambiguous: false },
                    None if parsed.timestamp().is_some() => Instant { micros, ambiguous: false },
                    None => zone.utc(micros)?,
                }
            }
        };
        // A year outside 1 to 9999 is a mistake (milliseconds read as seconds), and no reader can show it.
        (FIRST_MICRO..=LAST_MICRO).contains(&instant.micros).then_some(instant)
    }
}

fn compile_pattern(pattern: &str) -> Result<Vec<Item<'static>>> {
    StrftimeItems::new(pattern).parse_to_owned().map_err(|_| {
        Error::config(format!("`{pattern}` is not a pattern of dates or times"))
            .hint("as in strftime: %d.%m.%Y %H:%M:%S")
    })
}

/// A pattern without a time of day means the day's first moment.
fn local_time(parsed: &Parsed) -> Option<NaiveDateTime> {
    if parsed.timestamp().is_some() || parsed.hour_div_12().is_some() || parsed.hour_mod_12().is_some() {
        return parsed.to_naive_datetime_with_offset(parsed.offset().unwrap_or(0)).ok();
    }
    Some(parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN))
}

/// The zone in which times without an offset are meant.
pub enum Zone {
    Utc,
    Named(Box<NamedZone>),
}

pub struct NamedZone {
    tz: Tz,
    /// Offsets of local hours in which nothing changes, by a few bits of the hour: asking the zone's rules is slow.
    memo: Vec<(i64, i32)>,
}

const MEMO: usize = 1024;

impl Zone {
    pub fn compile(name: &str) -> Result<Self> {
        if matches!(name, "UTC" | "Etc/UTC" | "Z") {
            return Ok(Zone::Utc);
        }
        let tz: Tz = name.parse().map_err(|_| {
            Error::config(format!("`{name}` is not a time zone")).hint("use a name such as Europe/Berlin or UTC")
        })?;
        Ok(Zone::Named(Box::new(NamedZone { tz, memo: vec![(i64::MIN, 0); MEMO] })))
    }

    fn utc(&mut self, local: i64) -> Option<Instant> {
        match self {
            Zone::Utc => Some(Instant { micros: local, ambiguous: false }),
            Zone::Named(zone) => zone.utc(local),
        }
    }
}

impl NamedZone {
    fn utc(&mut self, local: i64) -> Option<Instant> {
        let hour = local.div_euclid(HOUR);
        let place = hour.rem_euclid(MEMO as i64) as usize;
        if let Some(&(known, offset)) = self.memo.get(place)
            && known == hour
        {
            return Some(Instant { micros: local - i64::from(offset) * SECOND, ambiguous: false });
        }
        let naive = DateTime::from_timestamp_micros(local)?.naive_utc();
        let (offset, ambiguous) = match self.offset(naive) {
            MappedLocalTime::Single(offset) => (offset, false),
            MappedLocalTime::Ambiguous(earlier, _) => (earlier, true),
            MappedLocalTime::None => (self.offset_before_gap(naive)?, false),
        };
        let begin = DateTime::from_timestamp_micros(hour * HOUR)?.naive_utc();
        let end = DateTime::from_timestamp_micros((hour + 1) * HOUR - 1)?.naive_utc();
        let whole_hour = MappedLocalTime::Single(offset);
        if self.offset(begin) == whole_hour && self.offset(end) == whole_hour {
            self.memo[place] = (hour, offset);
        }
        Some(Instant { micros: local - i64::from(offset) * SECOND, ambiguous })
    }

    fn offset(&self, local: NaiveDateTime) -> MappedLocalTime<i32> {
        self.tz.offset_from_local_datetime(&local).map(|offset| offset.fix().local_minus_utc())
    }

    /// Gaps are an hour long as a rule; a whole day was skipped where the date line moved.
    fn offset_before_gap(&self, local: NaiveDateTime) -> Option<i32> {
        (1..=25).find_map(|hours| match self.offset(local.checked_sub_signed(TimeDelta::hours(hours))?) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(_, offset) => Some(offset),
            MappedLocalTime::None => None,
        })
    }
}

/// Local microseconds, and the offset in seconds where one is given.
fn iso_time(bytes: &[u8]) -> Option<(i64, Option<i32>)> {
    let (days, rest) = iso_date(bytes)?;
    let (b'T' | b't' | b' ', rest) = rest.split_first()? else { return None };
    let (hour, rest) = two_digits(rest)?;
    let (b':', rest) = rest.split_first()? else { return None };
    let (minute, mut rest) = two_digits(rest)?;
    let mut second = 0;
    let mut micros = 0;
    if let Some((b':', seconds)) = rest.split_first() {
        (second, rest) = two_digits(seconds)?;
        if let Some((b'.', fraction)) = rest.split_first() {
            (micros, rest) = fraction_micros(fraction)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some((days * DAY + seconds * SECOND + micros, iso_offset(rest)?))
}

/// `2026-11-20`, days since 1970, and what follows.
fn iso_date(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (century, rest) = two_digits(bytes)?;
    let (year, rest) = two_digits(rest)?;
    let (b'-', rest) = rest.split_first()? else { return None };
    let (month, rest) = two_digits(rest)?;
    let (b'-', rest) = rest.split_first()? else { return None };
    let (day, rest) = two_digits(rest)?;
    Some((days_since_epoch(century * 100 + year, month, day)?, rest))
}

fn days_since_epoch(year: u32, month: u32, day: u32) -> Option<i64> {
    const BEFORE_MONTH: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    const LENGTH: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = month.checked_sub(1)? as usize;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = LENGTH.get(index)? + u32::from(leap && month == 2);
    if year == 0 || day == 0 || day > length {
        return None;
    }
    let before = year - 1;
    let days = before * 365 + before / 4 - before / 100 + before / 400;
    let in_year = BEFORE_MONTH[index] + u32::from(leap && month > 2) + day - 1;
    Some(i64::from(days + in_year) - EPOCH_DAY)
}

fn two_digits(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let [tens, ones, rest @ ..] = bytes else { return None };
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { None } else { Some((u32::from(tens) * 10 + u32::from(ones), rest)) }
}

/// Up to six digits of a second; more only if they are zeros.
fn fraction_micros(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (fraction, rest) = bytes.split_at(digits);
    let (kept, beyond) = fraction.split_at(digits.min(6));
    if kept.is_empty() || beyond.iter().any(|&b| b != b'0') {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        micros = micros * 10 + kept.get(place).map_or(0, |digit| i64::from(digit - b'0'));
    }
    Some((micros, rest))
}

/// Nothing, `Z`, `+02:00`, `+0200` or `+02`, in seconds.
fn iso_offset(bytes: &[u8]) -> Option<Option<i32>> {
    let (sign, rest) = match bytes.split_first() {
        None => return Some(None),
        Some((b'Z' | b'z', [])) => return Some(Some(0)),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, rest) = two_digits(rest)?;
    let minutes = match rest {
        [] => 0,
        [b':', rest @ ..] | rest => {
            let (minutes, []) = two_digits(rest)? else { return None };
            minutes
        }
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(Some(sign * (hours * 3_600 + minutes * 60) as i32))
}
