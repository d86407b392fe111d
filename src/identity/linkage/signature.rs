//! A few bytes of each value that tell of most pairs, without a look at the texts, that they are of the last level: different.
//!
//! Each answer is a proof: which letters two values have, and how many, bounds how alike they can be.

use super::fields::FieldType;
use super::table::Value;
use super::text::Date;

/// What is known of a value at a glance.
///
/// Packed, so that one with a value's number takes 24 bytes: records' signatures are most of what comparing reads.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, packed(4))]
pub struct Signature {
    /// The characters that it has. Of a date: its eight digits. Of a phone: its last eight.
    letters: u64,
    /// Of a given name, its groups of nicknames; of a street, its words; of an e-mail, whether it has a number. A bit may stand for several.
    marks: u32,
    /// How it begins.
    head: [u8; 4],
    length: u8,
    /// Only the texts can tell.
    is_open: bool,
}

impl Signature {
    /// Of no value.
    pub const NONE: Signature = Signature { letters: 0, marks: 0, head: [0; 4], length: 0, is_open: true };

    pub fn of(value: &Value, kind: FieldType) -> Signature {
        use FieldType::*;
        let text = if kind == Email { &value.part } else { &value.text };
        let bytes = text.as_bytes();
        let mut head = [0; 4];
        head.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let mut signature = Signature {
            letters: bytes.iter().fold(0, |set, b| set | 1 << place(*b)),
            marks: 0,
            head,
            length: bytes.len().min(255) as u8,
            is_open: bytes.is_empty() || bytes.len() >= 255 || !text.is_ascii(),
        };
        match kind {
            GivenName | FamilyName | FullName | City => {
                signature.marks = value.groups.iter().fold(0, |set, g| set | 1 << (g & 31));
                signature.is_open |= value.tokens.len() != 1 || bytes.len() < 2;
            }
            Street | AddressPart | Text => {
                for token in &value.tokens {
                    let hash = token.bytes().fold(7u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
                    let mark = 1 << ((hash ^ (hash >> 15)) & 31);
                    // Two words behind one bit cannot be counted.
                    signature.is_open |= signature.marks & mark != 0;
                    signature.marks |= mark;
                }
            }
            DateOfBirth => match value.date {
                Some(date) if date.year <= 9999 && date.month <= 12 && date.day <= 31 => {
                    signature.letters = u64::from_be_bytes(date.digits());
                }
                _ => signature.is_open = true,
            },
            Phone => {
                let digits: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_digit).collect();
                signature.is_open |= digits.len() < 8 || digits.len() != text.trim_start_matches('+').len();
                signature.letters = digits.iter().rev().take(8).fold(0, |all, d| all << 8 | u64::from(*d));
            }
            // A slip of the key may part a mailbox: f@holmes@example.com.
            Email => {
                signature.is_open |= value.text.matches('@').count() != 1;
                signature.marks = u32::from(value.number.len() >= 2);
            }
            Organisation => signature.is_open = true,
            _ => {}
        }
        signature
    }

    /// Whether two unequal values are surely of the last level. (Of e-mails: but for the numbers in them.)
    pub fn differs(&self, other: &Signature, kind: FieldType) -> bool {
        use FieldType::*;
        if kind == Country {
            return true;
        }
        if self.is_open || other.is_open {
            return false;
        }
        match kind {
            GivenName | FamilyName | FullName => {
                self.marks & other.marks == 0 && !self.may_be_alike(other, 0.84) && !self.may_be_one_edit(other)
            }
            Email => !self.may_be_alike(other, 0.8) && !self.may_be_one_edit(other),
            City => !self.may_be_close(other),
            Street | AddressPart | Text => (self.marks & other.marks).count_ones() < 2 && !self.may_be_close(other),
            HouseNumber => !self.may_be_one_edit(other) && self.digits() != other.digits(),
            Postcode => self.head[..2] != other.head[..2] && !self.may_be_one_edit(other),
            Identifier => !self.may_be_one_edit(other),
            Phone => {
                // The last seven digits, or all but one.
                let (length, own) = (self.length.abs_diff(other.length), differing(self.letters, other.letters));
                self.letters >> 8 != other.letters >> 8 && (length > 1 || (length == 0 && own > 2))
            }
            DateOfBirth => self.years_apart(other) > 1 && differing(self.letters, other.letters) > 4,
            Organisation | Country => false,
        }
    }

    /// Of names: whether two may be close.
    pub fn may_be_close(&self, other: &Signature) -> bool {
        self.is_open || other.is_open || self.may_be_alike(other, 0.92) || self.may_be_one_edit(other)
    }

    /// Of e-mails: whether both have a number that can be compared.
    pub fn are_numbered(&self, other: &Signature) -> bool {
        self.marks & other.marks != 0
    }

    /// Of a date of birth, where it is one.
    pub fn date(&self) -> Option<Date> {
        let digits = self.letters.to_be_bytes().map(|d| u16::from(d & 15));
        let [year, month, day] = [0..4, 4..6, 6..8].map(|places| digits[places].iter().fold(0, |n, d| n * 10 + d));
        (!self.is_open).then_some(Date { year, month: month as u8, day: day as u8 })
    }

    fn digits(&self) -> u64 {
        self.letters & (0x3ff << place(b'0'))
    }

    fn years_apart(&self, other: &Signature) -> u64 {
        let year =
            |s: &Signature| (s.letters >> 32).to_be_bytes()[4..].iter().fold(0u64, |y, d| y * 10 + u64::from(d & 15));
        year(self).abs_diff(year(other))
    }

    /// Characters that this one has, and the other has not.
    fn beyond(&self, other: &Signature) -> u32 {
        (self.letters & !other.letters).count_ones()
    }

    fn may_be_one_edit(&self, other: &Signature) -> bool {
        self.length.abs_diff(other.length) <= 1 && self.beyond(other) <= 1 && other.beyond(self) <= 1
    }

    /// Whether Jaro-Winkler's likeness may reach `least`: each character of one has a partner in the other at most.
    fn may_be_alike(&self, other: &Signature, least: f64) -> bool {
        let (a, b) = (f64::from(self.length), f64::from(other.length));
        let common = (a - f64::from(self.beyond(other))).min(b - f64::from(other.beyond(self)));
        let jaro = (common / a + common / b + 1.0) / 3.0;
        let (head, others) = (self.head, other.head);
        let prefix = head.iter().zip(&others).take_while(|(x, y)| x == y).count() as f64;
        jaro + prefix * 0.1 * (1.0 - jaro) >= least - 1e-9
    }
}

/// The bit of a character; those that are neither letters nor digits may share one.
fn place(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'0'..=b'9' => 26 + byte - b'0',
        _ => 36 + byte % 28,
    }
}

/// Bytes that differ.
fn differing(a: u64, b: u64) -> u32 {
    let x = a ^ b;
    let low = x | (x >> 4);
    let low = low | (low >> 2);
    let low = low | (low >> 1);
    (low & 0x0101_0101_0101_0101).count_ones()
}

#[cfg(test)]
mod tests {
    use super::super::columns::{Column, Table};
    use super::super::compare;
    use super::super::prepare::prepare;
    use super::*;

    /// Words of two or three syllables, some a letter apart, in some order that is the same every time.
    fn words(seed: u64, count: usize, alphabet: &[u8], longest: u64) -> Vec<String> {
        let mut state = seed;
        let mut next = |below: u64| {
            state = super::super::block::spread(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            state % below
        };
        let mut out: Vec<String> = Vec::new();
        for i in 0..count {
            let mut word: Vec<u8> = if i > 4 && next(3) == 0 {
                out[next(i as u64) as usize].clone().into_bytes()
            } else {
                (0..2 + next(longest - 2)).map(|_| alphabet[next(alphabet.len() as u64) as usize]).collect()
            };
            let at = next(word.len() as u64) as usize;
            match next(5) {
                0 => word[at] = alphabet[next(alphabet.len() as u64) as usize],
                1 => word.insert(at, alphabet[next(alphabet.len() as u64) as usize]),
                2 if word.len() > 2 => drop(word.remove(at)),
                3 if at > 0 => word.swap(at, at - 1),
                _ => {}
            }
            out.push(String::from_utf8(word).unwrap());
        }
        out
    }

    #[test]
    fn what_differs_at_a_glance_differs_in_truth() {
        let letters: &[u8] = b"abcdefghiklmnoprstuw";
        let spaced: &[u8] = b"abcdeghilmnorst   ";
        for (kind, alphabet, longest) in [
            (FieldType::GivenName, letters, 9),
            (FieldType::FamilyName, spaced, 12),
            (FieldType::City, letters, 12),
            (FieldType::Street, spaced, 16),
            (FieldType::Text, spaced, 14),
            (FieldType::Postcode, b"0123456789", 6),
            (FieldType::HouseNumber, b"0123456789ab", 4),
            (FieldType::Identifier, b"0123456789abc", 8),
            (FieldType::Phone, b"0123456789", 9),
            (FieldType::DateOfBirth, b"0123456789", 9),
            (FieldType::Email, b"abcdefghilmnorst.12", 12),
        ] {
            let values: Vec<String> = words(kind as u64 + 1, 900, alphabet, longest)
                .into_iter()
                .enumerate()
                .map(|(i, w)| match kind {
                    FieldType::Email if i % 50 == 0 => format!("{}@{}@a.example", &w[..1], &w[1..]),
                    FieldType::Email => format!("{w}@{}", ["a.example", "b.example", "web.example"][i % 3]),
                    FieldType::Phone => format!("+4930{w}123"),
                    FieldType::DateOfBirth => {
                        let n = i * 7919;
                        format!("{:04}-{:02}-{:02}", 1950 + n % 40, 1 + n % 12, 1 + n % 28)
                    }
                    _ => w,
                })
                .collect();
            let table = Table {
                names: (0..values.len()).map(|i| ("s".into(), format!("{i:05}").into())).collect(),
                columns: vec![Column::of("it", kind, values.iter().map(|v| Some(v.as_str())))],
            };
            let data = prepare(&table, "DE");
            let place = data.fields.iter().position(|f| f.kind == kind).unwrap();
            let field = &data.fields[place];
            let mut proven = 0;
            for a in 0..data.records {
                for b in 0..a {
                    let (l, r) = (field.first(a), field.first(b));
                    if l == r || l == super::super::table::NONE || r == super::super::table::NONE {
                        continue;
                    }
                    if field.signatures[l as usize].differs(&field.signatures[r as usize], kind) {
                        proven += 1;
                        let level = usize::from(compare::by_texts(field, l as usize, r as usize).level);
                        let (x, y) = (&field.values[l as usize].text, &field.values[r as usize].text);
                        assert_eq!(level, compare::first_different(kind), "{kind:?}: {x} and {y}");
                    }
                }
            }
            assert!(proven > data.records, "{kind:?}: only {proven} are proven");
        }
    }
}
