//! Days, nights and business time of the sample company, in Europe/Berlin.
//!
//! An own small calendar: the truth must not be computed by the code that it is the truth for.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Europe::Berlin;

pub const DAY: i64 = 86_400;
pub const HOUR: i64 = 3_600;

/// Local days with their first instant (seconds since 1970, UTC) and the business time before them.
#[derive(Debug, Clone)]
pub struct Calendar {
    first: NaiveDate,
    starts: Vec<i64>,
    business: Vec<bool>,
    business_before: Vec<i64>,
}

impl Calendar {
    /// All days from `first` to `last`, both included.
    pub fn new(first: NaiveDate, last: NaiveDate) -> Calendar {
        let mut calendar = Calendar { first, starts: vec![], business: vec![], business_before: vec![] };
        let mut day = first;
        while day <= last {
            calendar.starts.push(day_start(day));
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            calendar.business.push(!weekend && !is_holiday(day));
            day = day + Days::new(1);
        }
        calendar.starts.push(day_start(day));
        let mut before = 0;
        for (i, business) in calendar.business.iter().enumerate() {
            calendar.business_before.push(before);
            if *business {
                before += calendar.starts[i + 1] - calendar.starts[i];
            }
        }
        calendar
    }

    /// The number of the local day that holds the instant (0 = the first); instants outside are clamped.
    pub fn day(&self, at: i64) -> usize {
        let last = self.business.len() - 1;
        let guess = (at - self.starts[0]).max(0) / DAY;
        let mut day = (guess as usize).min(last);
        while day > 0 && self.starts[day] > at {
            day -= 1;
        }
        while day < last && self.starts[day + 1] <= at {
            day += 1;
        }
        day
    }

    pub fn date(&self, day: usize) -> NaiveDate {
        self.first + Days::new(day as u64)
    }

    pub fn is_business(&self, day: usize) -> bool {
        self.business[day]
    }

    pub fn start(&self, day: usize) -> i64 {
        self.starts[day]
    }

    pub fn days(&self) -> usize {
        self.business.len()
    }

    /// Seconds of business days between two instants.
    pub fn business_seconds(&self, from: i64, to: i64) -> i64 {
        self.business_until(to) - self.business_until(from)
    }

    fn business_until(&self, at: i64) -> i64 {
        let day = self.day(at);
        let within = if self.business[day] { at - self.starts[day] } else { 0 };
        self.business_before[day] + within
    }
}

/// The instant at which a local day starts; Berlin's clock never jumps at midnight.
pub fn day_start(day: NaiveDate) -> i64 {
    let midnight = day.and_time(NaiveTime::MIN);
    Berlin.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc().timestamp(), |t| t.timestamp())
}

/// The nationwide public holidays of Germany.
fn is_holiday(day: NaiveDate) -> bool {
    if matches!((day.month(), day.day()), (1, 1) | (5, 1) | (10, 3) | (12, 25) | (12, 26)) {
        return true;
    }
    let after_easter = day.num_days_from_ce() - easter(day.year());
    matches!(after_easter, -2 | 1 | 39 | 50)
}

/// Easter Sunday (Gauss, in Lichtenberg's form) as days from the common era.
fn easter(year: i32) -> i32 {
    let century = year / 100;
    let moon = 15 + (3 * century + 3) / 4 - (8 * century + 13) / 25;
    let sun = 2 - (3 * century + 3) / 4;
    let golden = year % 19;
    let seed = (19 * golden + moon) % 30;
    let fix = (seed + golden / 11) / 29;
    let full_moon = 21 + seed - fix;
    let first_sunday = 7 - (year + year / 4 + sun) % 7;
    let march = full_moon + 7 - (full_moon - first_sunday).rem_euclid(7);
    let first_of_march = NaiveDate::from_ymd_opt(year, 3, 1).map_or(0, |d| d.num_days_from_ce());
    first_of_march + march - 1
}

/// Year, month, day of a count of days since 1970-01-01 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn two(out: &mut Vec<u8>, n: i64) {
    out.push(b'0' + (n / 10) as u8);
    out.push(b'0' + (n % 10) as u8);
}

fn date_and_time(out: &mut Vec<u8>, at: i64, between: u8, end: &[u8]) {
    let (year, month, day) = civil(at.div_euclid(DAY));
    let second = at.rem_euclid(DAY);
    two(out, year / 100);
    two(out, year % 100);
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day);
    out.push(between);
    two(out, second / HOUR);
    out.push(b':');
    two(out, second / 60 % 60);
    out.push(b':');
    two(out, second % 60);
    out.extend_from_slice(end);
}

/// `2020-09-11 13:26:15.000`, the shop's form.
pub fn push_shop_time(out: &mut Vec<u8>, at: i64) {
    date_and_time(out, at, b' ', b".000");
}

/// `2026-11-20T08:15:30Z`, the help desk's form.
pub fn push_iso_time(out: &mut Vec<u8>, at: i64) {
    date_and_time(out, at, b'T', b"Z");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).expect("a date")
    }

    #[test]
    fn easter_sundays() {
        for (y, m, d) in [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2000, 4, 23)] {
            assert_eq!(easter(y), date(y, m, d).num_days_from_ce(), "{y}");
        }
    }

    #[test]
    fn holidays_are_the_nationwide_ones() {
        for day in [date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 14), date(2026, 5, 25), date(2026, 10, 3)] {
            assert!(is_holiday(day), "{day}");
        }
        assert!(!is_holiday(date(2026, 6, 4)), "Corpus Christi is not nationwide");
        assert!(!is_holiday(date(2026, 10, 31)));
    }

    #[test]
    fn business_time_leaves_out_week_ends_and_holidays() {
        let calendar = Calendar::new(date(2025, 12, 1), date(2026, 12, 31));
        // Wednesday 2025-12-24 noon to Monday 2025-12-29 noon: half of the 24th and half of the 29th.
        let from = day_start(date(2025, 12, 24)) + 12 * HOUR;
        let to = day_start(date(2025, 12, 29)) + 12 * HOUR;
        assert_eq!(calendar.business_seconds(from, to), DAY);
        // Over the change of clocks (Sunday 2026-03-29 has 23 hours) nothing is lost.
        let friday = day_start(date(2026, 3, 27));
        assert_eq!(calendar.business_seconds(friday, day_start(date(2026, 3, 31))), 2 * DAY);
        assert_eq!(calendar.date(calendar.day(friday)), date(2026, 3, 27));
        assert_eq!(calendar.date(calendar.day(friday - 1)), date(2026, 3, 26));
    }

    #[test]
    fn times_are_written_as_the_systems_do() {
        let mut text = vec![];
        push_shop_time(&mut text, 1_599_830_775);
        text.push(b'|');
        push_iso_time(&mut text, 1_709_164_800);
        assert_eq!(text, b"2020-09-11 13:26:15.000|2024-02-29T00:00:00Z");
    }
}
