//! What became of customers between two runs: created, merged, split, rekeyed.

use std::collections::{BTreeMap, BTreeSet};

/// One line of `identity.customer_event`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub run: i64,
    pub customer_id: String,
    pub event: String,
    pub other_customer_id: Option<String>,
    pub reason: String,
}

/// A record's name: system, object, id.
pub type RecordName = (String, String, String);

/// Compares who was who before with who is who now.
pub fn compare(before: &BTreeMap<RecordName, String>, now: &BTreeMap<RecordName, String>, run: i64) -> Vec<Event> {
    let old_ids: BTreeSet<&String> = before.values().collect();
    let new_ids: BTreeSet<&String> = now.values().collect();
    // For each customer of today: whose records they hold.
    let mut heirs: BTreeMap<&String, BTreeSet<&String>> = new_ids.iter().map(|id| (*id, BTreeSet::new())).collect();
    for (record, id) in now {
        if let Some(old) = before.get(record) {
            heirs.entry(id).or_default().insert(old);
        }
    }
    let event = |customer: &str, kind: &str, other: Option<&String>, reason: &str| Event {
        run,
        customer_id: customer.to_string(),
        event: kind.to_string(),
        other_customer_id: other.cloned(),
        reason: reason.to_string(),
    };
    let mut events = Vec::new();
    for (id, from) in heirs {
        if from.is_empty() && !old_ids.contains(id) {
            events.push(event(id, "created", None, "its first record arrived"));
        }
        for old in from {
            if old == id {
                continue;
            }
            if new_ids.contains(old) {
                if !old_ids.contains(id) {
                    events.push(event(id, "split", Some(old), "its records no longer share evidence with the other's"));
                }
            } else if old_ids.contains(id) {
                events.push(event(
                    old,
                    "merged",
                    Some(id),
                    "evidence that both share arrived; the oldest record names the customer",
                ));
            } else {
                events.push(event(id, "rekeyed", Some(old), "another record is the oldest now"));
            }
        }
    }
    events.sort();
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pairs: &[(&str, &str)]) -> BTreeMap<RecordName, String> {
        pairs.iter().map(|(r, c)| (("s".into(), "o".into(), (*r).into()), (*c).to_string())).collect()
    }

    #[test]
    fn each_change_has_its_name() {
        let kinds = |before: &[(&str, &str)], now: &[(&str, &str)]| -> Vec<(String, String, Option<String>)> {
            compare(&state(before), &state(now), 2)
                .into_iter()
                .map(|e| (e.customer_id, e.event, e.other_customer_id))
                .collect()
        };
        let row = |c: &str, e: &str, o: Option<&str>| (c.to_string(), e.to_string(), o.map(ToString::to_string));
        assert_eq!(kinds(&[], &[("1", "A")]), [row("A", "created", None)]);
        assert_eq!(kinds(&[("1", "A"), ("2", "B")], &[("1", "A"), ("2", "A")]), [row("B", "merged", Some("A"))]);
        assert_eq!(kinds(&[("1", "A"), ("2", "A")], &[("1", "A"), ("2", "B")]), [row("B", "split", Some("A"))]);
        assert_eq!(kinds(&[("1", "A")], &[("1", "B"), ("0", "B")]), [row("B", "rekeyed", Some("A"))]);
        assert_eq!(kinds(&[("1", "A")], &[("1", "A")]), []);
    }
}
