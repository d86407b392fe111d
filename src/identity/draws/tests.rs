//! Small cases whose draws can be told by hand.

use std::collections::BTreeMap;

use super::super::Record;
use super::*;
use crate::config::project::RecordName;

fn record(id: &str) -> Record {
    Record {
        system: "shop".into(),
        object: "customers".into(),
        id: id.into(),
        first_rank: 0,
        details: None,
        name: None,
        email: None,
        phone: None,
        street: None,
        postcode: None,
        city: None,
        country: None,
        first_seen_at: None,
        holder: None,
        links_by_email: true,
        links_by_phone: true,
        batch: "".into(),
        row: 0,
    }
}

fn pair(left: usize, right: usize, by: By, probability: f64) -> Link {
    Link { left, right, by, evidence: None, weight: 0.0, probability }
}

/// Records a, b, c …, each with the customer of this letter.
fn resolution(customers: &str, links: Vec<Link>, doubtful: Vec<Link>) -> Resolution {
    Resolution {
        memory: Default::default(),
        records: ('a'..).take(customers.len()).map(|id| record(&id.to_string())).collect(),
        customers: customers.chars().map(|c| Arc::from(c.to_string())).collect(),
        links,
        blocked: Vec::new(),
        doubtful,
        cuts: Vec::new(),
        apart: Vec::new(),
        judged: Vec::new(),
        unknown: Vec::new(),
    }
}

/// So many pairs of this probability that persons decided, so many of them as one.
fn judged(probability: f64, pairs: usize, same: usize) -> Vec<(f64, bool)> {
    (0..pairs).map(|i| (probability, i < same)).collect()
}

/// Draws of so many customers.
fn spread(draws: &Draws) -> BTreeMap<i64, usize> {
    let mut spread = BTreeMap::new();
    draws.customers.iter().for_each(|c| *spread.entry(*c).or_default() += 1);
    spread
}

#[test]
fn a_doubtful_pair_is_one_as_often_as_its_band_is_right() {
    let mut one = resolution("AB", vec![], vec![pair(1, 0, By::Model, 0.3)]);
    // The model says 0.3; of 2,000 pairs that say so, 1,000 are one.
    one.judged = judged(0.3, 2_000, 1_000);
    let draws = draw(&one, &[], 1_000);
    let of_band = draws.bands[band(0.3)];
    assert_eq!((of_band.pairs, of_band.measured.pairs, of_band.measured.right), (1, 2_000, 1_000));
    let spread = spread(&draws);
    assert_eq!(spread.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!((450..550).contains(&spread[&1]), "{spread:?}");
    // So the 5th percentile is one customer, the 95th is two. Whoever is there instead has the records of both.
    let first = draws.customers.iter().position(|c| *c == 1).expect("a draw in which they are one") as u32;
    let of_first: Vec<(&str, i64)> =
        draws.changes.iter().filter(|c| c.draw == first).map(|c| (&*c.customer, c.change)).collect();
    assert_eq!(of_first, [("A", -1), ("A/1", 1), ("B", -1)]);
    assert_eq!(draws.members, [("A/1".into(), 0), ("A/1".into(), 1)]);
}

#[test]
fn a_link_of_the_model_is_dropped_as_often_as_its_band_is_wrong() {
    let links = vec![pair(0, 1, By::Email, 1.0), pair(1, 2, By::Model, 0.97), pair(0, 2, By::Model, 0.96)];
    let mut one = resolution("AAA", links, vec![]);
    one.judged = judged(0.97, 2_000, 1_500);
    let draws = draw(&one, &[], 1_000);
    assert_eq!(draws.pairs, [(1, 2)].into(), "the strongest link asks for all three");
    let spread = spread(&draws);
    assert_eq!(spread.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!((200..300).contains(&spread[&2]), "{spread:?}");
    let parts: Vec<(&str, u32)> = draws.members.iter().map(|(c, r)| (&**c, *r)).collect();
    assert_eq!(parts, [("A/1", 0), ("A/1", 1), ("A/2", 2)], "equal e-mail is never parted");
}

#[test]
fn what_a_person_keeps_apart_no_draw_joins() {
    let mut three = resolution("ABC", vec![], vec![pair(0, 1, By::Model, 0.85), pair(1, 2, By::Model, 0.84)]);
    three.judged = judged(0.85, 1_000, 900);
    assert!(spread(&draw(&three, &[], 200)).contains_key(&1));
    three.apart = vec![(0, 2)];
    let draws = draw(&three, &[], 200);
    assert!(!spread(&draws).contains_key(&1), "{:?}", spread(&draws));
    // Whichever of both came first: the stronger one.
    assert!(draws.members.iter().any(|(_, r)| *r == 0) && draws.members.iter().any(|(_, r)| *r == 2));
}

#[test]
fn nothing_is_drawn_by_probabilities_that_nobody_measured() {
    let doubtful = || vec![pair(0, 1, By::Model, 0.3)];
    let mut one = resolution("AB", vec![], doubtful());
    one.judged = judged(0.3, 29, 10);
    let draws = draw(&one, &[], 100);
    assert!(!draws.bands[band(0.3)].is_measured && draws.bands[band(0.5)].is_measured);
    assert!(draws.customers.is_empty() && draws.changes.is_empty() && draws.pairs.len() == 1);
    one.judged = judged(0.3, 30, 10);
    assert_eq!(draw(&one, &[], 100).customers.len(), 100);
    // All of a band by labels are enough, however few.
    let label = |id: &str, entity: &str| Label {
        record: RecordName { system: "shop".into(), object: "customers".into(), id: id.into() },
        entity: entity.into(),
    };
    let one = resolution("AB", vec![], doubtful());
    let labelled = draw(&one, &[label("a", "x"), label("b", "y"), label("z", "y")], 100);
    assert_eq!((labelled.bands[band(0.3)].measured.pairs, labelled.bands[band(0.3)].measured.right), (1, 0));
    assert_eq!(labelled.customers.len(), 100);
    assert!(draw(&one, &[label("a", "x")], 100).customers.is_empty(), "one label of two tells nothing");
    // Nothing is doubtful: every draw is the tables.
    let sure = draw(&resolution("AA", vec![pair(0, 1, By::Email, 1.0)], vec![]), &[], 20);
    assert_eq!((sure.customers, sure.changes), (vec![1; 20], vec![]));
}

#[test]
fn what_little_is_known_is_drawn_too() {
    let known = |pairs: usize, same: usize| {
        let mut one = resolution("AB", vec![], vec![pair(0, 1, By::Model, 0.5)]);
        one.judged = judged(0.5, pairs, same);
        let bands = calibrate(&one, &[Question { left: 0, right: 1, probability: 0.5, is_link: false }], &[]);
        let mut shares: Vec<f64> = Shares::new(&bands, 1_000).of_bands[band(0.5)]
            .iter()
            .flatten()
            .map(|share| *share as f64 / (1u64 << BITS) as f64)
            .collect();
        shares.sort_by(f64::total_cmp);
        (shares[50], shares[949])
    };
    // The 5th and 95th percentile of Beta(13, 29) are 0.20 and 0.43; of Beta(1201, 2801), 0.288 and 0.312.
    let ((a, b), (c, d)) = (known(40, 12), known(4_000, 1_200));
    assert!((a - 0.20).abs() < 0.02 && (b - 0.43).abs() < 0.02, "{a} {b}");
    assert!((c - 0.288).abs() < 0.004 && (d - 0.312).abs() < 0.004, "{c} {d}");
}

#[test]
fn draws_are_the_same_whoever_else_is_there() {
    let mut small = resolution("AB", vec![], vec![pair(0, 1, By::Model, 0.5)]);
    small.judged = judged(0.5, 100, 50);
    let mut large = resolution("ABCD", vec![], vec![pair(2, 3, By::Model, 0.5), pair(0, 1, By::Model, 0.5)]);
    large.judged = judged(0.5, 100, 50);
    let of_both = |draws: Draws| -> Vec<u32> {
        draws.changes.into_iter().filter(|c| &*c.customer == "A/1").map(|c| c.draw).collect()
    };
    let (small, large) = (draw(&small, &[], 100), draw(&large, &[], 100));
    assert_eq!(of_both(small), of_both(large));
}
