//! Public holidays of Germany: the nine nationwide ones, and those of a state.
//!
//! Source: the holiday laws of the Länder as of 2026. Days of single municipalities (Augsburg, Assumption in parts of Bavaria) are none here.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use crate::config::project::Region;

/// The states by ISO 3166-2 code.
pub const STATES: [&str; 16] =
    ["BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"];

/// The public holidays of a year, ascending.
pub fn of_year(region: &Region, year: i32) -> Vec<(NaiveDate, &'static str)> {
    if region.country != "DE" {
        return Vec::new();
    }
    let state = region.state.as_deref().unwrap_or_default();
    let in_any = |states: &[&str]| states.contains(&state);
    let mut days: Vec<(Option<NaiveDate>, &'static str)> = Vec::new();
    let fixed = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    let easter = easter(year);
    let after_easter = |n: i64| easter.and_then(|e| e.checked_add_signed(chrono::TimeDelta::days(n)));
    days.push((fixed(1, 1), "Neujahr"));
    days.push((after_easter(-2), "Karfreitag"));
    days.push((after_easter(1), "Ostermontag"));
    days.push((fixed(5, 1), "Tag der Arbeit"));
    days.push((after_easter(39), "Christi Himmelfahrt"));
    days.push((after_easter(50), "Pfingstmontag"));
    days.push((fixed(10, 3), "Tag der Deutschen Einheit"));
    days.push((fixed(12, 25), "1. Weihnachtstag"));
    days.push((fixed(12, 26), "2. Weihnachtstag"));
    if year == 2017 {
        days.push((fixed(10, 31), "Reformationstag"));
    }
    if in_any(&["BW", "BY", "ST"]) {
        days.push((fixed(1, 6), "Heilige Drei Könige"));
    }
    if (state == "BE" && year >= 2019) || (state == "MV" && year >= 2023) {
        days.push((fixed(3, 8), "Internationaler Frauentag"));
    }
    if state == "BE" && matches!(year, 2020 | 2025) {
        days.push((fixed(5, 8), "Tag der Befreiung"));
    }
    if state == "BB" {
        days.push((easter, "Ostersonntag"));
        days.push((after_easter(49), "Pfingstsonntag"));
    }
    if in_any(&["BW", "BY", "HE", "NW", "RP", "SL"]) {
        days.push((after_easter(60), "Fronleichnam"));
    }
    if state == "SL" {
        days.push((fixed(8, 15), "Mariä Himmelfahrt"));
    }
    if state == "TH" && year >= 2019 {
        days.push((fixed(9, 20), "Weltkindertag"));
    }
    let north = year >= 2018 && in_any(&["HB", "HH", "NI", "SH"]);
    if year != 2017 && (north || in_any(&["BB", "MV", "SN", "ST", "TH"])) {
        days.push((fixed(10, 31), "Reformationstag"));
    }
    if in_any(&["BW", "BY", "NW", "RP", "SL"]) {
        days.push((fixed(11, 1), "Allerheiligen"));
    }
    if state == "SN" {
        days.push((repentance(year), "Buß- und Bettag"));
    }
    let mut days: Vec<(NaiveDate, &'static str)> = days.into_iter().filter_map(|(d, name)| Some((d?, name))).collect();
    days.sort();
    days
}

/// Easter Sunday, Gregorian (the anonymous algorithm that Meeus gives).
fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    let day = (h + l - 7 * m + 114) % 31 + 1;
    NaiveDate::from_ymd_opt(year, month as u32, day as u32)
}

/// The Wednesday before 23 November.
fn repentance(year: i32) -> Option<NaiveDate> {
    let last = NaiveDate::from_ymd_opt(year, 11, 22)?;
    let back = (last.weekday().num_days_from_monday() + 7 - Weekday::Wed.num_days_from_monday()) % 7;
    last.checked_sub_days(Days::new(u64::from(back)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    #[test]
    fn movable_feasts() {
        for (year, month, date) in
            [(2000, 4, 23), (2008, 3, 23), (2019, 4, 21), (2024, 3, 31), (2026, 4, 5), (2038, 4, 25)]
        {
            assert_eq!(easter(year), Some(day(year, month, date)));
        }
        assert_eq!(repentance(2026), Some(day(2026, 11, 18)));
        assert_eq!(repentance(2023), Some(day(2023, 11, 22)));
    }

    #[test]
    fn nationwide_and_regional() {
        let de = Region { country: "DE".into(), state: None };
        assert_eq!(of_year(&de, 2026).len(), 9);
        assert_eq!(of_year(&de, 2017).len(), 10, "in 2017 the Reformation was a holiday everywhere");
        let bw = Region { country: "DE".into(), state: Some("BW".into()) };
        assert_eq!(of_year(&bw, 2026).len(), 12);
        assert!(of_year(&bw, 2026).contains(&(day(2026, 6, 4), "Fronleichnam")));
    }
}
