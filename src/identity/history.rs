//! Old customer ids and today's: what became of every id that a run ever published.

use std::collections::{BTreeMap, BTreeSet};

use super::events::Event;

/// One line of `identity.id_history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// As some run published it.
    pub customer_id: String,
    /// Whose records its records are now among. None: none of them is there any more.
    pub current_customer_id: Option<String>,
    /// The last run that changed what it means, and how.
    pub run: i64,
    pub event: String,
}

/// Every id of the events (in order of runs), and what it is today.
pub fn of(events: &[Event], today: &BTreeSet<&str>) -> Vec<Known> {
    let mut at: BTreeMap<&str, (Option<&str>, i64, &str)> = BTreeMap::new();
    let mut ordered: Vec<&Event> = events.iter().collect();
    ordered.sort_by_key(|e| e.run);
    for event in ordered {
        let id = event.customer_id.as_str();
        match (event.event.as_str(), event.other_customer_id.as_deref()) {
            ("merged", other) => {
                at.insert(id, (other, event.run, "merged"));
            }
            ("rekeyed", Some(old)) => {
                at.insert(old, (Some(id), event.run, "rekeyed"));
                at.insert(id, (None, event.run, "created"));
            }
            // Created, or split off again: it stands for itself.
            (kind, _) => {
                at.insert(id, (None, event.run, kind));
            }
        }
    }
    let follow = |id: &str| -> Option<String> {
        let mut now = id;
        // No longer than there are ids: a circle is never followed for ever.
        for _ in 0..=at.len() {
            match at.get(now).and_then(|(next, ..)| *next) {
                Some(next) if !today.contains(now) => now = next,
                _ => break,
            }
        }
        today.contains(now).then(|| now.to_string())
    };
    at.iter()
        .map(|(id, (_, run, event))| Known {
            customer_id: (*id).to_string(),
            current_customer_id: follow(id),
            run: *run,
            event: (*event).to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_followed_through_merges_and_back() {
        let event = |run: i64, id: &str, kind: &str, other: Option<&str>| Event {
            run,
            customer_id: id.into(),
            event: kind.into(),
            other_customer_id: other.map(Into::into),
            reason: String::new(),
        };
        let mut events = vec![
            event(1, "a", "created", None),
            event(1, "b", "created", None),
            event(1, "c", "created", None),
            event(2, "c", "merged", Some("b")),
            event(3, "b", "merged", Some("a")),
        ];
        let now = |events: &[Event], today: &[&str], id: &str| {
            let known = of(events, &today.iter().copied().collect());
            known.iter().find(|k| k.customer_id == id).and_then(|k| k.current_customer_id.clone())
        };
        assert_eq!(now(&events, &["a"], "c").as_deref(), Some("a"));
        events.push(event(4, "c", "split", Some("a")));
        assert_eq!(now(&events, &["a", "c"], "c").as_deref(), Some("c"), "a link taken back restores the old id");
        assert_eq!(now(&events, &["a", "c"], "b").as_deref(), Some("a"));
        events.push(event(5, "z", "rekeyed", Some("a")));
        assert_eq!(now(&events, &["z", "c"], "b").as_deref(), Some("z"));
        assert_eq!(now(&events, &["c"], "a"), None, "all its records are gone");
    }
}
