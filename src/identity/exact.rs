//! Exact rules: records that share an e-mail or a phone number are one person, unless too many share it.

use std::sync::Arc;

use super::{Blocked, Link, Record, Resolution, ids};
use crate::config::project::Evidence;

/// Links, clusters and names the records. Their order does not matter.
pub fn resolve(mut records: Vec<Record>, max_holders: u64) -> Resolution {
    records.sort_unstable_by(|a, b| (&a.system, &a.object, &a.id).cmp(&(&b.system, &b.object, &b.id)));
    let (mut links, mut blocked) = (Vec::new(), Vec::new());
    for (kind, name, rule) in [(Evidence::Email, "email", "email_exact"), (Evidence::Phone, "phone", "phone_exact")] {
        let mut holders: Vec<(&str, usize)> =
            records.iter().enumerate().filter_map(|(i, r)| Some((r.evidence(kind)?, i))).collect();
        holders.sort_unstable();
        for group in holders.chunk_by(|a, b| a.0 == b.0) {
            let count = count_holders(&records, group);
            if count > max_holders {
                blocked.push(Blocked { kind: name, value: group[0].0.to_string(), holders: count });
                continue;
            }
            // A star around the oldest holder: the fewest links that tell the same.
            let Some(oldest) = group.iter().map(|g| g.1).min_by_key(|i| records[*i].seniority()) else { continue };
            for (value, i) in group.iter().filter(|g| g.1 != oldest) {
                links.push(Link { left: oldest, right: *i, rule, evidence: (*value).to_string() });
            }
        }
    }
    let mut forest = Forest::new(records.len());
    for link in &links {
        forest.unite(link.left, link.right);
    }
    let customers = name_clusters(&records, &mut forest);
    links.sort_by(|a, b| (a.left, a.right, a.rule).cmp(&(b.left, b.right, b.rule)));
    Resolution { records, customers, links, blocked }
}

/// All guest orders of one e-mail are one holder; every other record is one of its own.
fn count_holders(records: &[Record], group: &[(&str, usize)]) -> u64 {
    let mut shared: Vec<(&str, &str, &str)> = Vec::new();
    let mut own = 0;
    for (_, i) in group {
        let record = &records[*i];
        match &record.holder {
            Some(holder) => shared.push((&record.system, &record.object, holder)),
            None => own += 1,
        }
    }
    shared.sort_unstable();
    shared.dedup();
    own + shared.len() as u64
}

/// The customer id of each record: made from the oldest record of its cluster.
fn name_clusters(records: &[Record], forest: &mut Forest) -> Vec<Arc<str>> {
    // Of each root: the oldest record of its cluster. Other places stay as they are.
    let mut oldest: Vec<usize> = (0..records.len()).collect();
    for i in 0..records.len() {
        let held = &mut oldest[forest.root(i)];
        if records[i].seniority() < records[*held].seniority() {
            *held = i;
        }
    }
    let mut order: Vec<(usize, usize)> =
        (0..records.len()).filter(|i| forest.root(*i) == *i).map(|root| (root, oldest[root])).collect();
    order.sort_unstable_by(|a, b| records[a.1].seniority().cmp(&records[b.1].seniority()));
    let names = ids::assign(order.iter().map(|(_, i)| {
        let r = &records[*i];
        (&*r.system, &*r.object, &*r.id)
    }));
    let mut by_root: Vec<Arc<str>> = vec![Arc::from(""); records.len()];
    for ((root, _), name) in order.into_iter().zip(names) {
        by_root[root] = name.into();
    }
    (0..records.len()).map(|i| by_root[forest.root(i)].clone()).collect()
}

/// Union-find.
struct Forest {
    parent: Vec<usize>,
}

impl Forest {
    fn new(size: usize) -> Forest {
        Forest { parent: (0..size).collect() }
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller index is the root: no choice is left to the order of links.
        if a != b {
            self.parent[a.max(b)] = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, rank: u32, email: Option<&str>, phone: Option<&str>) -> Record {
        Record {
            system: "shop".into(),
            object: "customers".into(),
            id: id.into(),
            first_rank: rank,
            name: None,
            email: email.map(Into::into),
            phone: phone.map(Into::into),
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

    fn customer_of<'a>(resolution: &'a Resolution, id: &str) -> &'a str {
        let at = resolution.records.iter().position(|r| *r.id == *id).unwrap();
        &resolution.customers[at]
    }

    #[test]
    fn shared_evidence_links_through_others_and_the_oldest_names() {
        let records = vec![
            record("a", 2, Some("x@y"), None),
            record("b", 1, Some("x@y"), Some("+49")),
            record("c", 3, None, Some("+49")),
            record("d", 0, Some("other@y"), None),
        ];
        let mut reversed = records.clone();
        reversed.reverse();
        let (one, two) = (resolve(records, 20), resolve(reversed, 20));
        assert_eq!(one.customers, two.customers, "the order of records does not matter");
        assert_eq!(customer_of(&one, "a"), customer_of(&one, "c"));
        assert_ne!(customer_of(&one, "a"), customer_of(&one, "d"));
        assert_eq!(customer_of(&one, "a"), ids::customer_id("shop", "customers", "b", 0));
    }

    #[test]
    fn evidence_that_too_many_hold_links_nobody() {
        let many = |n: u32| (0..n).map(|i| record(&format!("r{i}"), i, Some("info@x"), None)).collect::<Vec<_>>();
        let distinct = |r: &Resolution| r.customers.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(distinct(&resolve(many(20), 20)), 1);
        let blocked = resolve(many(21), 20);
        assert_eq!(distinct(&blocked), 21);
        assert_eq!(blocked.blocked, [Blocked { kind: "email", value: "info@x".into(), holders: 21 }]);
        let mut guests = many(30);
        guests.iter_mut().for_each(|g| g.holder = Some("info@x".into()));
        assert_eq!(distinct(&resolve(guests, 20)), 1, "guest orders of one e-mail are one holder");
    }
}
