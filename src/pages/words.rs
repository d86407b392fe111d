//! The report's two languages: how words, numbers, money and dates are written in each.

use chrono::{Datelike, NaiveDate};

/// A language that a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

const MONTHS: [[&str; 12]; 2] = [
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
];
const LONG_MONTHS: [[&str; 12]; 2] = [
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
];
const WEEKDAYS: [[&str; 7]; 2] =
    [["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"]];
const LONG_WEEKDAYS: [[&str; 7]; 2] = [
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
];

/// The rules and kinds of touchpoints that ship, in English and German. Others are written as the data has them.
const NAMES: &[(&str, &str, &str)] = &[
    ("asks_again", "asks again", "fragt wieder"),
    ("delivered_not_paid", "delivered, not paid", "geliefert, nicht bezahlt"),
    ("invoice_before_delivery", "invoice before delivery", "Rechnung vor Lieferung"),
    ("no_reply", "no reply in time", "keine Antwort in der Frist"),
    ("paid_twice", "paid twice", "doppelt bezahlt"),
    ("refund_not_paid", "refund not paid", "Erstattung nicht gezahlt"),
    ("reopened", "reopened", "wieder geöffnet"),
    ("retry_while_open", "charged while a ticket was open", "Abbuchung bei offenem Ticket"),
    ("transferred_twice", "transferred twice", "zweimal weitergereicht"),
    ("order_placed", "order placed", "Bestellung"),
    ("order_delivered", "order delivered", "Lieferung"),
    ("ticket_opened", "ticket opened", "Ticket eröffnet"),
    ("ticket_replied", "ticket replied", "Antwort"),
    ("ticket_followed_up", "followed up", "nachgefragt"),
    ("ticket_transferred", "ticket transferred", "Ticket weitergereicht"),
    ("ticket_reopened", "ticket reopened", "Ticket wieder offen"),
    ("ticket_solved", "ticket solved", "Ticket gelöst"),
    ("ticket_rated", "ticket rated", "Ticket bewertet"),
    ("invoice_issued", "invoice issued", "Rechnung"),
    ("invoice_paid", "invoice paid", "Rechnung bezahlt"),
    ("payment_failed", "payment failed", "Zahlung gescheitert"),
    ("refund_issued", "refund issued", "Erstattung"),
    ("dispute_opened", "dispute opened", "Einspruch"),
    ("other_steps", "other steps", "andere Schritte"),
    ("other", "other", "Sonstiges"),
    ("delivery", "delivery", "Lieferung"),
    ("invoice", "invoice", "Rechnung"),
    ("payment", "payment", "Zahlung"),
    ("product", "product", "Produkt"),
    ("refund", "refund", "Erstattung"),
    ("account", "account", "Konto"),
    ("complaint", "complaint", "Beschwerde"),
    ("unknown", "unknown", "unbekannt"),
    ("bad_decimal", "bad decimal", "keine Dezimalzahl"),
    ("bad_integer", "bad integer", "keine ganze Zahl"),
    ("bad_boolean", "bad boolean", "kein Ja oder Nein"),
    ("bad_time", "bad time", "keine Zeit"),
    ("missing_key", "missing key", "Schlüssel fehlt"),
    ("missing_value", "missing value", "Wert fehlt"),
    ("too_many_fields", "too many fields", "zu viele Felder"),
    ("too_few_fields", "too few fields", "zu wenige Felder"),
    ("cut_json", "cut JSON", "abgeschnittenes JSON"),
    ("bad_encoding", "bad encoding", "falsche Zeichen"),
    ("line_too_long", "line too long", "Zeile zu lang"),
    ("repeated_header", "repeated header", "Kopfzeile wiederholt"),
];

impl Language {
    /// As `<html lang>` and the browser's own formats call it.
    pub fn code(self) -> &'static str {
        self.pick("en", "de")
    }

    pub fn pick<'a>(self, english: &'a str, german: &'a str) -> &'a str {
        match self {
            Language::English => english,
            Language::German => german,
        }
    }

    fn at(self) -> usize {
        usize::from(self == Language::German)
    }

    /// A name of the data in words: `order_placed` → `order placed`, `Bestellung`.
    pub fn name(self, raw: &str) -> String {
        match NAMES.iter().find(|n| n.0 == raw) {
            Some((_, english, german)) => self.pick(english, german).to_string(),
            None => raw.replace('_', " "),
        }
    }

    /// `12,345` or `12.345`
    pub fn count(self, n: i64) -> String {
        self.decimal(i128::from(n), 0, 0)
    }

    /// `units` of `10^-scale`, written with `digits` after the point, rounded half away from zero.
    pub fn decimal(self, units: i128, scale: u32, digits: u32) -> String {
        let units = if scale > digits { divide(units, 10i128.pow(scale - digits)) } else { units };
        let digits = digits.min(scale);
        let one = 10u128.pow(digits);
        let size = units.unsigned_abs();
        let whole = (size / one).to_string();
        let mut out = String::new();
        if units < 0 {
            out.push('\u{2212}');
        }
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                out.push_str(self.pick(",", "."));
            }
            out.push(c);
        }
        if digits > 0 {
            out.push_str(self.pick(".", ","));
            out.push_str(&format!("{:0width$}", size % one, width = digits as usize));
        }
        out
    }

    /// `0.477654` as units of a scale → `47.8%` or `47,8 %`
    pub fn percent(self, units: i128, scale: u32) -> String {
        let hundred = units * 10i128.pow(2u32.saturating_sub(scale));
        self.decimal(hundred, scale.saturating_sub(2), 1) + self.pick("%", "\u{a0}%")
    }

    /// `part` of `whole`, rounded as the SQL beside it rounds: to six digits first.
    pub fn share(self, part: i64, whole: i64) -> String {
        let whole = i128::from(whole.max(1));
        self.percent((i128::from(part) * 1_000_000 + whole / 2) / whole, 6)
    }

    /// `€1,234.50` or `1.234,50 €`
    pub fn money(self, units: i128, scale: u32, digits: u32) -> String {
        let number = self.decimal(units, scale, digits);
        match (self, number.strip_prefix('\u{2212}')) {
            (Language::English, Some(size)) => format!("\u{2212}€{size}"),
            (Language::English, None) => format!("€{number}"),
            (Language::German, _) => format!("{number}\u{a0}€"),
        }
    }

    /// `Nov 2026` or `Nov. 2026`
    pub fn month(self, date: NaiveDate) -> String {
        format!("{}\u{a0}{}", MONTHS[self.at()][date.month0() as usize], date.year())
    }

    /// `20 November 2026` or `20. November 2026`
    pub fn date(self, date: NaiveDate) -> String {
        let month = LONG_MONTHS[self.at()][date.month0() as usize];
        format!("{}{}\u{a0}{month} {}", date.day(), self.pick("", "."), date.year())
    }

    /// 1 = Monday.
    pub fn weekday(self, number: i64) -> &'static str {
        named(&WEEKDAYS[self.at()], number)
    }

    pub fn long_weekday(self, number: i64) -> &'static str {
        named(&LONG_WEEKDAYS[self.at()], number)
    }

    /// `1 row`, `2 rows`: the number and the word that goes with it.
    pub fn counted(self, n: i64, one: [&str; 2], many: [&str; 2]) -> String {
        let word = if n == 1 { one } else { many };
        format!("{}\u{a0}{}", self.count(n), word[self.at()])
    }
}

fn named(names: &[&'static str; 7], number: i64) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|i| names.get(i)).copied().unwrap_or("?")
}

/// Rounded half away from zero.
fn divide(a: i128, by: i128) -> i128 {
    let half = by / 2;
    if a < 0 { (a - half) / by } else { (a + half) / by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        let (en, de) = (Language::English, Language::German);
        assert_eq!((en.count(1_234_567), de.count(-1_234)), ("1,234,567".into(), "\u{2212}1.234".into()));
        assert_eq!((en.money(123_450, 2, 2), de.money(123_450, 2, 2)), ("€1,234.50".into(), "1.234,50\u{a0}€".into()));
        assert_eq!((en.money(-5, 2, 2), de.money(-5, 2, 2)), ("\u{2212}€0.05".into(), "\u{2212}0,05\u{a0}€".into()));
        assert_eq!(en.money(123_450, 2, 0), "€1,235");
        assert_eq!((en.percent(477_654, 6), de.percent(477_654, 6)), ("47.8%".into(), "47,8\u{a0}%".into()));
        assert_eq!((en.percent(1, 0), en.percent(5, 2)), ("100%".into(), "5%".into()));
        assert_eq!(en.decimal(-45, 2, 1), "\u{2212}0.5");
        assert_eq!(en.decimal(8292, 4, 2), "0.83");
    }

    #[test]
    fn days_and_names_are_written_as_the_language_writes_them() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 5).expect("a day");
        assert_eq!(Language::English.date(day), "5\u{a0}March 2026");
        assert_eq!(Language::German.date(day), "5.\u{a0}März 2026");
        assert_eq!(Language::German.month(day), "März\u{a0}2026");
        assert_eq!((Language::German.weekday(7), Language::English.weekday(8)), ("So", "?"));
        assert_eq!(Language::German.name("paid_twice"), "doppelt bezahlt");
        assert_eq!(Language::German.name("own_rule"), "own rule");
        assert_eq!(Language::English.counted(1, ["row", "Zeile"], ["rows", "Zeilen"]), "1\u{a0}row");
    }
}
