//! Local time of a zone, fast: the zone's offset changes as a table, looked up by bisection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const MICROS: i64 = 1_000_000;
const DAY_SECS: i64 = 86_400;
/// 1900-01-01 to 2200-01-01, in days since 1970.
const FIRST_DAY: i64 = -25_567;
const LAST_DAY: i64 = 84_006;

/// Offsets of a zone from UTC over time.
pub struct Zone {
    /// (first second since 1970 UTC, seconds east of UTC), ascending.
    changes: Vec<(i64, i64)>,
}

impl Zone {
    /// The zone's table, computed once in a process.
    pub fn of(tz: Tz) -> Arc<Zone> {
        static ZONES: OnceLock<Mutex<HashMap<Tz, Arc<Zone>>>> = OnceLock::new();
        let zones = ZONES.get_or_init(Mutex::default);
        let mut zones = zones.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        zones.entry(tz).or_insert_with(|| Arc::new(Zone::build(tz))).clone()
    }

    fn build(tz: Tz) -> Zone {
        let offset = |secs: i64| -> i64 {
            DateTime::from_timestamp(secs, 0)
                .map_or(0, |t| i64::from(tz.offset_from_utc_datetime(&t.naive_utc()).fix().local_minus_utc()))
        };
        let mut changes = vec![(i64::MIN, offset(FIRST_DAY * DAY_SECS))];
        let mut current = changes[0].1;
        for day in FIRST_DAY..LAST_DAY {
            let (mut low, mut high) = (day * DAY_SECS, (day + 1) * DAY_SECS);
            let next = offset(high);
            if next == current {
                continue;
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if offset(middle) == current { low = middle } else { high = middle }
            }
            changes.push((high, next));
            current = next;
        }
        Zone { changes }
    }

    /// Microseconds since 1970 as the zone's wall clock shows them.
    pub fn local_micros(&self, utc_micros: i64) -> i64 {
        let secs = utc_micros.div_euclid(MICROS);
        let at = self.changes.partition_point(|(first, _)| *first <= secs);
        utc_micros + self.changes[at.saturating_sub(1)].1 * MICROS
    }

    /// Days since 1970 of the zone's calendar.
    pub fn local_day(&self, utc_micros: i64) -> i64 {
        self.local_micros(utc_micros).div_euclid(DAY_SECS * MICROS)
    }

    /// The instant at which a local day begins, in microseconds. Where midnight does not exist, the day begins with the first instant after.
    pub fn day_start(&self, day: i64) -> i64 {
        let midnight = day * DAY_SECS;
        // Few candidates: each offset in force around that day.
        let near = self.changes.partition_point(|(first, _)| *first <= midnight - 2 * DAY_SECS);
        let candidates = &self.changes[near.saturating_sub(1)..];
        for (i, (first, offset)) in candidates.iter().enumerate() {
            let instant = midnight - offset;
            let end = candidates.get(i + 1).map_or(i64::MAX, |c| c.0);
            if instant < end {
                return instant.max(*first) * MICROS;
            }
        }
        midnight * MICROS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_local_midnight_over_dst() {
        let berlin = Zone::of(chrono_tz::Europe::Berlin);
        let day = |y, m, d| i64::from(chrono::NaiveDate::from_ymd_opt(y, m, d).unwrap().to_epoch_days());
        let start = |y, m, d| DateTime::from_timestamp_micros(berlin.day_start(day(y, m, d))).unwrap().to_rfc3339();
        assert_eq!(start(2026, 11, 20), "2026-11-19T23:00:00+00:00");
        assert_eq!(start(2026, 3, 29), "2026-03-28T23:00:00+00:00");
        assert_eq!(start(2026, 3, 30), "2026-03-29T22:00:00+00:00");
        assert_eq!(start(2026, 10, 26), "2026-10-25T23:00:00+00:00");
        for d in day(2020, 1, 1)..day(2027, 1, 1) {
            assert_eq!(berlin.local_day(berlin.day_start(d)), d);
            assert_eq!(berlin.local_day(berlin.day_start(d) - 1), d - 1);
        }
    }
}
