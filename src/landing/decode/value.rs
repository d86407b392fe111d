//! Numbers and booleans as text: what parses, what fails.
//!
//! A value either means exactly what it says or fails: no exponent, no thousands separator, no silent
//! rounding, and never a float on the way.

/// Without the blanks around it. Exports of fixed width pad numbers.
#[inline]
pub fn trim_blanks(text: &str) -> &str {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = text.as_bytes();
    if is_blank(bytes.first()) || is_blank(bytes.last()) { text.trim_matches([' ', '\t']) } else { text }
}

/// `unscaled` of `decimal(precision, scale)`: optional sign, digits, optional point with at most `scale`
/// digits behind it; further zeros are fine, other digits are not.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let number = Number::split(trim_blanks(text).as_bytes())?;
    let scale = usize::from(scale);
    let kept = number.part.len().min(scale);
    let (part, beyond) = number.part.split_at(kept);
    if beyond.iter().any(|&b| b != b'0') {
        return None;
    }
    let magnitude = if number.whole.len() + scale <= 18 {
        // Fits 64 bits, which are several times faster than 128.
        let mut n: u64 = 0;
        for &digit in number.whole.iter().chain(part) {
            n = n * 10 + u64::from(digit - b'0');
        }
        i128::from(n * 10u64.pow((scale - kept) as u32))
    } else {
        let mut n: i128 = 0;
        for &digit in number.whole.iter().chain(part) {
            n = n.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        n.checked_mul(10i128.checked_pow((scale - kept) as u32)?)?
    };
    if magnitude >= 10i128.checked_pow(u32::from(precision))? {
        return None;
    }
    Some(if number.negative { -magnitude } else { magnitude })
}

/// As a decimal without digits behind the point: `1.0` is fine, `1.5` is not.
pub fn integer(text: &str) -> Option<i64> {
    let number = Number::split(trim_blanks(text).as_bytes())?;
    if number.part.iter().any(|&b| b != b'0') {
        return None;
    }
    if number.whole.len() <= 18 {
        let mut n: i64 = 0;
        for &digit in number.whole {
            n = n * 10 + i64::from(digit - b'0');
        }
        return Some(if number.negative { -n } else { n });
    }
    let mut n: i128 = 0;
    for &digit in number.whole {
        n = n.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    i64::try_from(if number.negative { -n } else { n }).ok()
}

pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" | "1" => Some(true),
        "false" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

struct Number<'a> {
    negative: bool,
    /// Digits only, at least one.
    whole: &'a [u8],
    /// Digits only, may be empty.
    part: &'a [u8],
}

impl<'a> Number<'a> {
    fn split(bytes: &'a [u8]) -> Option<Number<'a>> {
        let (negative, digits) = match bytes.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, bytes),
        };
        let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
        let (whole, rest) = digits.split_at(end);
        let part = match rest.split_first() {
            None => rest,
            Some((b'.', part)) if part.iter().all(u8::is_ascii_digit) => part,
            Some(_) => return None,
        };
        if whole.is_empty() { None } else { Some(Number { negative, whole, part }) }
    }
}
