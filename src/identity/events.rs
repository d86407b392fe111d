//! What became of customers between two runs: created, merged, split, rekeyed.

use std::collections::HashSet;

/// One line of `identity.customer_event`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub run: i64,
    pub customer_id: String,
    pub event: String,
    pub other_customer_id: Option<String>,
    pub reason: String,
}

/// A record's name (system, object, id), and the customer that it belongs to.
pub type Held<'a> = ((&'a str, &'a str, &'a str), &'a str);

/// Compares who was who before with who is who now. Both are in order of the records' names.
pub fn compare(before: &[Held<'_>], now: &[Held<'_>], run: i64) -> Vec<Event> {
    let ids = |held: &[Held<'_>]| -> HashSet<String> { held.iter().map(|(_, id)| (*id).to_string()).collect() };
    let (old_ids, new_ids) = (ids(before), ids(now));
    // For each customer of today: whose records they hold.
    let mut heirs: Vec<(&str, Option<&str>)> = Vec::with_capacity(now.len());
    let mut earlier = before.iter().peekable();
    for (name, id) in now {
        while earlier.next_if(|(held, _)| held < name).is_some() {}
        let old = earlier.next_if(|(held, _)| held == name).map(|(_, old)| *old);
        heirs.push((id, old));
    }
    heirs.sort_unstable();
    heirs.dedup();
    let event = |customer: &str, kind: &str, other: Option<&str>, reason: &str| Event {
        run,
        customer_id: customer.to_string(),
        event: kind.to_string(),
        other_customer_id: other.map(Into::into),
        reason: reason.to_string(),
    };
    let mut events = Vec::new();
    for of_one in heirs.chunk_by(|a, b| a.0 == b.0) {
        let id = of_one[0].0;
        let is_new = !old_ids.contains(id);
        if is_new && of_one.iter().all(|(_, old)| old.is_none()) {
            events.push(event(id, "created", None, "its first record arrived"));
        }
        for old in of_one.iter().filter_map(|(_, old)| *old).filter(|old| *old != id) {
            events.extend(match (new_ids.contains(old), is_new) {
                (true, true) => {
                    let why =
                        "no link holds its records to the other's any more: evidence changed, or a person decided";
                    Some(event(id, "split", Some(old), why))
                }
                (true, false) => None,
                (false, true) => Some(event(id, "rekeyed", Some(old), "another record is the oldest now")),
                (false, false) => {
                    let why = "a link between them arrived (see identity.link); the oldest record names the customer";
                    Some(event(old, "merged", Some(id), why))
                }
            });
        }
    }
    events.sort();
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_has_its_name() {
        let kinds = |before: &[(&str, &str)], now: &[(&str, &str)]| -> Vec<(String, String, Option<String>)> {
            let [before, now] = [before, now].map(|pairs| {
                let mut held: Vec<Held<'_>> = pairs.iter().map(|(r, c)| (("s", "o", *r), *c)).collect();
                held.sort_unstable();
                held
            });
            compare(&before, &now, 2).into_iter().map(|e| (e.customer_id, e.event, e.other_customer_id)).collect()
        };
        let row = |c: &str, e: &str, o: Option<&str>| (c.to_string(), e.to_string(), o.map(ToString::to_string));
        assert_eq!(kinds(&[], &[("1", "A")]), [row("A", "created", None)]);
        assert_eq!(kinds(&[("1", "A"), ("2", "B")], &[("1", "A"), ("2", "A")]), [row("B", "merged", Some("A"))]);
        assert_eq!(kinds(&[("1", "A"), ("2", "A")], &[("1", "A"), ("2", "B")]), [row("B", "split", Some("A"))]);
        assert_eq!(kinds(&[("1", "A")], &[("1", "B"), ("0", "B")]), [row("B", "rekeyed", Some("A"))]);
        assert_eq!(kinds(&[("1", "A")], &[("1", "A")]), []);
        assert_eq!(kinds(&[("1", "A"), ("3", "C")], &[("2", "B"), ("3", "C")]), [row("B", "created", None)]);
    }
}
