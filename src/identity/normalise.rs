//! Evidence in one form, so that equal means equal.

use hashbrown::HashMap;
use phonenumber::country;
use rayon::prelude::*;

/// Unicode blanks trimmed, lower case, nothing else.
pub fn email(text: &str) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_lowercase())
}

/// E.164, where the library says that the number is valid.
pub fn phone(text: &str, region: Option<country::Id>) -> Option<String> {
    let number = phonenumber::parse(region, text.trim()).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

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
        let mut distinct: HashMap<(&str, Option<country::Id>), ()> = HashMap::new();
        for number in numbers {
            distinct.insert(number, ());
        }
        let distinct: Vec<_> = distinct.into_keys().collect();
        let parsed: Vec<_> =
            distinct.into_par_iter().map(|(text, region)| ((text.to_string(), region), phone(text, region))).collect();
        Phones { known: parsed.into_iter().collect() }
    }

    pub fn get(&self, text: &str, region: Option<country::Id>) -> Option<String> {
        self.known.get(&(text.to_string(), region)).cloned().flatten()
    }
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
}
