//! Random numbers that are the same on every machine and in every version of every crate.
//!
//! SplitMix64 over a state made from (seed, stream, number): a customer's life needs nothing but the
//! customer's number, so lives can be made in any order and none of them has to be kept.

/// A small generator; cheap enough to make one for each customer.
#[derive(Debug, Clone)]
pub struct Rng(u64);

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator of the `number`-th member of a stream.
    pub fn new(seed: u64, stream: u64, number: u64) -> Rng {
        let seeded = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let streamed = mix(seeded ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        Rng(mix(streamed ^ number.wrapping_mul(0xaf25_1af3_b0f0_25b5)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to `n` - 1 (0 for `n` = 0).
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included (`low` where the range is empty).
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True in `per_mille` of 1000 cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// An index, as often as its weight says.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        weights.len() - 1
    }
}

const ID_MASK: u64 = (1 << 40) - 1;

/// A bijection on 40 bits: ids that are unique, yet say nothing about the customer's number, so that no
/// join of the warehouse profits from an order that real data does not have.
pub fn scramble(n: u64, salt: u64) -> u64 {
    let mut x = (n ^ salt.wrapping_mul(0x5_1af3)) & ID_MASK;
    x = x.wrapping_mul(0x9e_3779_b97f) & ID_MASK;
    x ^= x >> 21;
    x = x.wrapping_mul(0xd1_3425_43df) & ID_MASK;
    x ^= x >> 19;
    x
}

/// Eight characters as Stripe's ids have them, one to one with the number.
pub fn base62(n: u64, salt: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = scramble(n, salt);
    let mut text = [b'0'; 8];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    text.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_numbers_for_the_same_seed_only() {
        let draw = |seed, stream, number| {
            let mut rng = Rng::new(seed, stream, number);
            (0..8).map(|_| rng.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1, 2), draw(7, 1, 2));
        assert_ne!(draw(7, 1, 2), draw(8, 1, 2));
        assert_ne!(draw(7, 1, 2), draw(7, 2, 2));
        assert_ne!(draw(7, 1, 2), draw(7, 1, 3));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = Rng::new(1, 1, 1);
        for _ in 0..2000 {
            assert!(rng.below(7) < 7);
            assert!((-3..=3).contains(&rng.between(-3, 3)));
            assert!(rng.weighted(&[1, 0, 3]) != 1);
        }
        assert_eq!(rng.between(5, 2), 5);
    }

    #[test]
    fn scrambled_ids_are_unique() {
        let ids: HashSet<String> = (0..50_000).map(|n| base62(n, 3)).collect();
        assert_eq!(ids.len(), 50_000);
    }
}
