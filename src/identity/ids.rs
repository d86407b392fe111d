//! Customer ids: 12 characters, a pure function of the oldest record, in an order that text and number share.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Crockford's base 32, lower case: ascending in ASCII too, and without letters that are mistaken for digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The first 60 bits of SHA-256 over system, object and record id (parted by the unit separator).
pub fn customer_id(system: &str, object: &str, record: &str, attempt: u32) -> String {
    let mut digest = Sha256::new();
    for part in [system, "\u{1f}", object, "\u{1f}", record] {
        digest.update(part.as_bytes());
    }
    if attempt > 0 {
        digest.update(format!("\u{1f}{attempt}").as_bytes());
    }
    let digest = digest.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    let bits = u64::from_be_bytes(first) >> 4;
    (0..12).rev().map(|i| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31])).collect()
}

/// Names for the oldest records, given oldest first. Where two would get one name, the younger is hashed again.
pub fn assign<'a>(oldest: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> Vec<String> {
    let mut taken = HashSet::new();
    oldest
        .map(|(system, object, record)| {
            let mut attempt = 0;
            loop {
                let id = customer_id(system, object, record, attempt);
                if taken.insert(id.clone()) {
                    return id;
                }
                attempt += 1;
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twelve_characters_and_never_twice() {
        let id = customer_id("shopify", "customers", "1001", 0);
        assert_eq!(id.len(), 12);
        assert!(id.bytes().all(|b| ALPHABET.contains(&b)));
        assert_eq!(id, customer_id("shopify", "customers", "1001", 0));
        let twice = assign([("a", "b", "c"), ("a", "b", "c")].into_iter());
        assert_ne!(twice[0], twice[1]);
    }
}
