//! Evidence in one form, so that equal means equal.

use hashbrown::HashMap;
use phonenumber::country;
use phonenumber::metadata::DATABASE;
use rayon::prelude::*;

/// Unicode blanks trimmed, lower case, nothing else.
pub fn email(text: &str) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_lowercase())
}

/// E.164, where the library says that the number is valid.
///
/// Of a number that names its country itself, the library would still cut what is the national prefix in `region`, and so make one number of several.
/// Such a number is read without a region: what is cut then is its own country's.
pub fn phone(text: &str, region: Option<country::Id>) -> Option<String> {
    let text = text.trim();
    let number = match international(text, region) {
        Some(digits) => phonenumber::parse(None, format!("+{digits}")),
        None if text.starts_with(['+', '\u{ff0b}']) => phonenumber::parse(None, text),
        None => phonenumber::parse(region, text),
    }
    .ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// The digits behind the prefix by which the region dials abroad (00 in most of Europe), if the number begins with it.
fn international(text: &str, region: Option<country::Id>) -> Option<String> {
    if text.starts_with(['+', '\u{ff0b}']) {
        return None;
    }
    let digits: String = text.chars().filter(|c| !PUNCTUATION.contains(c)).collect();
    let prefix = DATABASE.by_id(region?.as_ref())?.international_prefix()?;
    let found = prefix.find(&digits).filter(|found| found.start() == 0)?;
    let rest = &digits[found.end()..];
    // No country's code begins with 0: what looks like the prefix is none.
    (!rest.is_empty() && !rest.starts_with('0')).then(|| rest.to_string())
}

/// A number's digits with its country's code before them, by the country's prefixes alone: not asked whether there is such a number. None: too short.
pub fn dialled(text: &str, region: Option<country::Id>) -> Option<String> {
    let plain = text.trim().replace("(0)", "");
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 6 {
        return None;
    }
    if plain.starts_with(['+', '\u{ff0b}']) {
        return Some(digits);
    }
    let metadata = region.and_then(|r| DATABASE.by_id(r.as_ref()));
    if let Some(rest) = digits.strip_prefix("00") {
        return Some(rest.to_string());
    }
    let Some(metadata) = metadata else { return Some(digits) };
    let code = metadata.country_code().to_string();
    let national = metadata.national_prefix().and_then(|p| digits.strip_prefix(p)).unwrap_or(&digits);
    Some(code + national)
}

/// What people part the digits of a number with.
const PUNCTUATION: [char; 6] = [' ', '(', ')', '/', '.', '-'];

/// The record's own country where it has one that is known, else the project's.
pub fn region(own: Option<&str>, default: &str) -> Option<country::Id> {
    own.and_then(|c| c.trim().to_uppercase().parse().ok()).or_else(|| default.parse().ok())
}

/// Numbers of many records at once: each distinct one is looked at once.
pub struct Phones {
    known: HashMap<(String, Option<country::Id>), Option<String>>,
}

impl Phones {
    pub fn parse<'a>(numbers: impl Iterator<Item = (&'a str, Option<country::Id>)>) -> Phones {
        // The library keeps 100 patterns of all countries, and compiles the others again and again.
        if let Ok(mut patterns) = DATABASE.cache().lock() {
            patterns.set_capacity(PATTERNS);
        }
        let mut distinct: HashMap<(String, Option<country::Id>), ()> = HashMap::new();
        for (text, region) in numbers {
            distinct.insert((spelling(text), region), ());
        }
        let distinct: Vec<_> = distinct.into_keys().collect();
        let parsed: Vec<_> = distinct
            .into_par_iter()
            .map(|(text, region)| {
                let number = phone(&text, region);
                ((text, region), number)
            })
            .collect();
        Phones { known: parsed.into_iter().collect() }
    }

    pub fn get(&self, text: &str, region: Option<country::Id>) -> Option<String> {
        self.known.get(&(spelling(text), region)).cloned().flatten()
    }
}

/// Patterns of all countries: a few thousand.
const PATTERNS: usize = 10_000;

/// Of a number that is nothing but digits, what parts them says nothing; any other text stays as it is.
fn spelling(text: &str) -> String {
    let text = text.trim();
    let is_plain =
        text.chars().enumerate().all(|(i, c)| c.is_ascii_digit() || PUNCTUATION.contains(&c) || (i == 0 && c == '+'));
    if is_plain { text.chars().filter(|c| !PUNCTUATION.contains(c)).collect() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_normalised_and_nothing_more() {
        assert_eq!(email("\u{a0} Anna.MÜLLER@Example.COM\t").as_deref(), Some("anna.müller@example.com"));
        assert_eq!(email("  "), None);
        assert_eq!(email("a+b@x.de").as_deref(), Some("a+b@x.de"));
        let de = region(None, "DE");
        assert_eq!(phone("030 901820", de).as_deref(), Some("+4930901820"));
        assert_eq!(phone("+49 (0)30 901820", de).as_deref(), Some("+4930901820"));
        assert_eq!(phone("044 668 18 00", region(Some("ch"), "DE")).as_deref(), Some("+41446681800"));
        assert_eq!(phone("123", de), None);
        assert_eq!(phone("unknown", de), None);
        assert_eq!(region(Some("??"), "DE"), de);
    }

    #[test]
    fn a_number_that_names_its_country_is_read_by_that_country() {
        let of = |country| region(Some(country), "DE");
        for (text, country, expected) in [
            ("+49 1512 3464417", "LU", Some("+4915123464417")),
            ("+49 1577 7464417", "LU", Some("+4915777464417")),
            ("+49 1512 3464417", "US", Some("+4915123464417")),
            ("+39 02 1234 8654", "DE", Some("+390212348654")),
            ("02 1234 8654", "IT", Some("+390212348654")),
            ("+43 1 234569744", "US", Some("+431234569744")),
            ("0049 (0)30 901820", "AT", Some("+4930901820")),
            ("011 49 30 901820", "US", Some("+4930901820")),
            ("00420-0212345773", "DE", None),
        ] {
            assert_eq!(phone(text, of(country)).as_deref(), expected, "{text} in {country}");
        }
    }

    #[test]
    fn spellings_of_one_number_are_read_once() {
        let numbers = [("030 / 90 18-20", None), ("+49 (030) 901820", None), ("03090 1820 ext. 5", None)];
        let phones = Phones::parse(numbers.iter().map(|(text, _): &(&str, Option<()>)| (*text, region(None, "DE"))));
        let get = |text| phones.get(text, region(None, "DE"));
        assert_eq!(get("030 / 90 18-20").as_deref(), Some("+4930901820"));
        assert_eq!(get("030901820"), get("030 / 90 18-20"));
        assert_eq!(get("+49 (030) 901820"), get("030901820"));
        assert_eq!(spelling("03090 1820 ext. 5"), "03090 1820 ext. 5");
    }
}
