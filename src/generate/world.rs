//! What all lives have in common: the time they are told in, the nights, exchange rates and margins.

use chrono::{Days, NaiveDate};

use super::calendar::{Calendar, DAY, HOUR, day_start};
use super::names::PRODUCTS;
use super::rng::Rng;

/// A mailbox that many strangers state, so that it must not link them.
pub const SHARED_TEST_MAIL: &str = "test@test.de";
/// The mailbox of a purchasing pool.
pub const SHARED_INFO_MAIL: &str = "info@einkaufsring.example";
/// A call centre's number.
pub const SHARED_PHONE: &str = "+4930901820";
/// From this many customers on shared evidence is held by more records than the guard allows.
pub const SHARED_FROM: u64 = 150;
/// A value held by more records does not link.
pub const HOLDER_LIMIT: usize = 20;

const HISTORY_DAYS: u64 = 730;

/// Units of the currency for one euro in millionths: the level around which the rate moves.
pub const CURRENCIES: [(&str, i64); 5] =
    [("CHF", 942_100), ("GBP", 867_300), ("JPY", 171_250_000), ("PLN", 4_268_000), ("USD", 1_152_400)];

/// The world of one generation.
#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub customers: u64,
    pub start: i64,
    pub as_of: i64,
    pub dates: Vec<NaiveDate>,
    /// The end of each night's business day.
    pub ends: Vec<i64>,
    pub calendar: Calendar,
    /// For each day of the calendar and each currency: the published rate, if one was published.
    pub published: Vec<[Option<i64>; CURRENCIES.len()]>,
    /// The same with gaps filled from the last day before.
    rates: Vec<[i64; CURRENCIES.len()]>,
    /// Of each product in ten thousandths; None where controlling has none.
    pub margins: Vec<Option<i64>>,
}

impl World {
    pub fn new(seed: u64, customers: u64, first_night: NaiveDate, nights: u32) -> World {
        let dates: Vec<NaiveDate> = (0..u64::from(nights)).map(|n| first_night + Days::new(n)).collect();
        let ends: Vec<i64> = dates.iter().map(|d| day_start(*d + Days::new(1))).collect();
        let first_day = first_night - Days::new(HISTORY_DAYS + 30);
        let last_day = dates[dates.len() - 1] + Days::new(60);
        let calendar = Calendar::new(first_day, last_day);
        let as_of = ends[ends.len() - 1];
        let (published, rates) = exchange(seed, &calendar, as_of);
        let mut rng = Rng::new(seed, streams::MARGINS, 0);
        let margins = (0..PRODUCTS.len())
            .map(|p| {
                let rate = 500 * rng.between(3, 14) + rng.between(0, 9) * 25;
                if p == super::controlling::RETIRED {
                    return (nights == 1).then_some(super::controlling::RETIRED_MARGIN);
                }
                (p % 11 != 7).then_some(rate)
            })
            .collect();
        World {
            seed,
            customers,
            start: day_start(first_night - Days::new(HISTORY_DAYS)),
            as_of,
            dates,
            ends,
            calendar,
            published,
            rates,
            margins,
        }
    }

    /// Whether shared mailboxes have enough holders to exist.
    pub fn has_shared_evidence(&self) -> bool {
        self.customers >= SHARED_FROM
    }

    /// The rate of the moment's business day, else of the last day before that has one; None for EUR.
    pub fn rate(&self, currency: &str, at: i64) -> Option<i64> {
        let place = CURRENCIES.iter().position(|(code, _)| *code == currency)?;
        Some(self.rates[self.calendar.day(at)][place])
    }

    /// Cents in EUR, rounded half away from zero.
    pub fn eur(&self, cents: i64, currency: &str, at: i64) -> i64 {
        match self.rate(currency, at) {
            None => cents,
            Some(rate) => div_round(i128::from(cents) * 1_000_000, i128::from(rate)),
        }
    }

    /// The nights on which a row is handed over, each with the moment of the row's last change: the first
    /// night holds what changed up to its end, each other what changed since the night before.
    pub fn nights(&self, changes: &mut [i64]) -> Vec<(usize, i64)> {
        changes.sort_unstable();
        let mut nights: Vec<(usize, i64)> = vec![];
        for change in changes.iter().filter(|c| **c < self.as_of) {
            let night = self.ends.partition_point(|end| end <= change);
            match nights.last_mut() {
                Some(last) if last.0 == night => last.1 = *change,
                _ => nights.push((night, *change)),
            }
        }
        nights
    }

    /// The moment itself in office hours, else a moment in the office hours that follow.
    pub fn office(&self, rng: &mut Rng, at: i64) -> i64 {
        let day = self.calendar.day(at);
        let opens = self.calendar.start(day) + 8 * HOUR;
        if self.calendar.is_business(day) && at < opens + 10 * HOUR {
            return if at >= opens { at } else { opens + rng.between(60, 2 * HOUR) };
        }
        let mut next = day + 1;
        while next + 1 < self.calendar.days() && !self.calendar.is_business(next) {
            next += 1;
        }
        let next = next.min(self.calendar.days() - 1);
        self.calendar.start(next) + 8 * HOUR + rng.between(60, 3 * HOUR)
    }
}

/// Quotient rounded half away from zero.
pub fn div_round(a: i128, b: i128) -> i64 {
    let (sign, a, b) = (if (a < 0) != (b < 0) { -1 } else { 1 }, a.abs(), b.abs());
    (sign * ((2 * a + b) / (2 * b))) as i64
}

/// Stream numbers of the random generators.
pub mod streams {
    pub const LIVES: u64 = 1;
    pub const MARGINS: u64 = 2;
    pub const EXCHANGE: u64 = 3;
    pub const SPECIAL: u64 = 4;
}

type Published = Vec<[Option<i64>; CURRENCIES.len()]>;
type Filled = Vec<[i64; CURRENCIES.len()]>;

fn exchange(seed: u64, calendar: &Calendar, as_of: i64) -> (Published, Filled) {
    let mut rng = Rng::new(seed, streams::EXCHANGE, 0);
    let mut level: [i64; CURRENCIES.len()] = CURRENCIES.map(|(_, rate)| rate);
    let mut published = vec![];
    let mut rates = vec![];
    for day in 0..calendar.days() {
        let is_quoted = calendar.start(day) < as_of && (calendar.is_business(day) || day == 0);
        if is_quoted {
            for (rate, (_, base)) in level.iter_mut().zip(CURRENCIES) {
                let drift = (base - *rate) / 200;
                *rate += drift + rng.between(-base / 250, base / 250);
                // Four decimals (JPY two), as central banks publish them.
                let grain = if base > 100_000_000 { 10_000 } else { 100 };
                *rate -= *rate % grain;
            }
        }
        published.push(level.map(|rate| is_quoted.then_some(rate)));
        rates.push(level);
    }
    (published, rates)
}

/// A moment within a day as people shop: few at night, most in the evening.
pub fn daytime(rng: &mut Rng) -> i64 {
    const BY_HOUR: [u64; 24] = [2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 12, 11, 10, 10, 11, 13, 15, 17, 17, 13, 8, 4];
    rng.weighted(&BY_HOUR) as i64 * HOUR + rng.between(0, HOUR - 1)
}

/// A moment between two others, at a time of day as people have it.
pub fn moment(rng: &mut Rng, from: i64, to: i64) -> i64 {
    let days = (to - from) / DAY;
    if days < 1 {
        return rng.between(from, to - 4);
    }
    let day = from + rng.between(0, days - 1) * DAY;
    (day - day.rem_euclid(DAY) + daytime(rng)).clamp(from, to - 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        assert_eq!(div_round(5, 2), 3);
        assert_eq!(div_round(-5, 2), -3);
        assert_eq!(div_round(4, 3), 1);
        assert_eq!(div_round(0, 3), 0);
    }

    #[test]
    fn a_row_is_handed_over_on_the_nights_of_its_changes() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let world = World::new(1, 10, first, 3);
        let end = world.ends[0];
        let mut changes = [end + 10, end - 50, end - 40, world.as_of + 1, end + 5];
        assert_eq!(world.nights(&mut changes), vec![(0, end - 40), (1, end + 10)]);
    }

    #[test]
    fn a_day_without_a_rate_takes_the_last_one_before() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let world = World::new(1, 10, first, 3);
        let friday = day_start(NaiveDate::from_ymd_opt(2026, 11, 13).expect("a date"));
        assert_eq!(world.rate("CHF", friday), world.rate("CHF", friday + 2 * DAY));
        assert_ne!(world.rate("CHF", friday), world.rate("CHF", friday + 3 * DAY));
        assert_eq!(world.eur(1234, "EUR", friday), 1234);
    }
}
