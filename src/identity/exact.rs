//! Exact rules: records that share an e-mail or a phone number are one person, unless too many share it.

use super::linkage::cluster::{By, Clusters, Reason};
use super::memory::Memory;
use super::{Blocked, CutLink, Decided, Link, Record, Resolution, name_clusters, sort};
use crate::config::project::{Decision, Evidence};

/// Links, clusters and names the records. Their order does not matter.
pub fn resolve(mut records: Vec<Record>, max_holders: u64, decisions: &[Decision]) -> Resolution {
    sort(&mut records);
    let (mut links, blocked) = links(&records, max_holders);
    let decided = Decided::of(&records, decisions);
    let mut cuts = Vec::new();
    let root: Vec<usize> = if decided.same.is_empty() && decided.different.is_empty() {
        let mut forest = Forest::new(records.len());
        for link in &links {
            forest.unite(link.left, link.right);
        }
        (0..records.len()).map(|i| forest.root(i)).collect()
    } else {
        let (kept, cut, root) = with_decisions(records.len(), links, &decided);
        links = kept;
        cuts = cut;
        root
    };
    let customers = name_clusters(&records, &root);
    links.sort_by_key(|l| (l.left, l.right, l.by));
    Resolution {
        records,
        customers,
        links,
        blocked,
        doubtful: Vec::new(),
        cuts,
        apart: decided.different,
        judged: Vec::new(),
        unknown: decided.unknown,
        memory: Memory::default(),
    }
}

/// Decisions first; then no link that would bring together what a person keeps apart.
fn with_decisions(records: usize, links: Vec<Link>, decided: &Decided) -> (Vec<Link>, Vec<CutLink>, Vec<usize>) {
    let mut clusters = Clusters::new(records);
    let (mut kept, mut cuts) = (Vec::new(), Vec::new());
    for link in decided.same.iter().cloned().chain(links) {
        let (a, b) = (clusters.root(link.left as u32), clusters.root(link.right as u32));
        let apart = |l: &u32, r: &u32| decided.different.binary_search(&(*l.min(r), *l.max(r))).is_ok();
        let is_apart = a != b && {
            let right = clusters.members(b);
            clusters.members(a).iter().any(|l| right.iter().any(|r| apart(l, r)))
        };
        if is_apart {
            cuts.push(CutLink { link, reason: Reason::Decided });
        } else {
            if a != b {
                clusters.unite(a, b);
            }
            kept.push(link);
        }
    }
    let root = (0..records as u32).map(|r| clusters.root(r) as usize).collect();
    (kept, cuts, root)
}

/// Records that hold one value, in their order.
pub struct Group<'a> {
    pub by: By,
    pub value: &'a str,
    pub members: Vec<usize>,
}

/// Who holds which evidence, and the evidence that too many hold. The records must be in order.
pub fn groups(records: &[Record], max_holders: u64) -> (Vec<Group<'_>>, Vec<Blocked>) {
    let (mut groups, mut blocked) = (Vec::new(), Vec::new());
    for (kind, name, by) in [(Evidence::Email, "email", By::Email), (Evidence::Phone, "phone", By::Phone)] {
        let mut holders: Vec<(&str, usize)> =
            records.iter().enumerate().filter_map(|(i, r)| Some((r.evidence(kind)?, i))).collect();
        holders.sort_unstable();
        for group in holders.chunk_by(|a, b| a.0 == b.0) {
            let count = count_holders(records, group);
            if count > max_holders {
                blocked.push(Blocked { kind: name, value: group[0].0.to_string(), holders: count });
            } else if group.len() > 1 {
                groups.push(Group { by, value: group[0].0, members: group.iter().map(|g| g.1).collect() });
            }
        }
    }
    (groups, blocked)
}

/// A star around the oldest holder: the fewest links that tell the same.
pub fn star(records: &[Record], members: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let oldest = members.iter().copied().min_by_key(|i| records[*i].seniority());
    members.iter().filter_map(move |i| oldest.filter(|o| o != i).map(|o| (o, *i)))
}

/// The links of equal evidence, and the evidence that too many hold.
fn links(records: &[Record], max_holders: u64) -> (Vec<Link>, Vec<Blocked>) {
    let (groups, blocked) = groups(records, max_holders);
    let mut links = Vec::new();
    for group in &groups {
        for (left, right) in star(records, &group.members) {
            let evidence = Some(group.value.to_string());
            links.push(Link { left, right, by: group.by, evidence, weight: 0.0, probability: 1.0 });
        }
    }
    (links, blocked)
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

/// Union-find.
#[derive(Debug, Clone)]
pub struct Forest {
    parent: Vec<usize>,
}

impl Forest {
    pub fn new(size: usize) -> Forest {
        Forest { parent: (0..size).collect() }
    }

    pub fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    /// Whether they were apart before.
    pub fn unite(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller index is the root: no choice is left to the order of links.
        if a != b {
            self.parent[a.max(b)] = a.min(b);
        }
        a != b
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::ids;
    use super::*;
    use crate::config::project::RecordName;

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
            details: None,
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
        let (one, two) = (resolve(records, 20, &[]), resolve(reversed, 20, &[]));
        assert_eq!(one.customers, two.customers, "the order of records does not matter");
        assert_eq!(customer_of(&one, "a"), customer_of(&one, "c"));
        assert_ne!(customer_of(&one, "a"), customer_of(&one, "d"));
        assert_eq!(customer_of(&one, "a"), ids::customer_id("shop", "customers", "b", 0));
    }

    #[test]
    fn evidence_that_too_many_hold_links_nobody() {
        let many = |n: u32| (0..n).map(|i| record(&format!("r{i}"), i, Some("info@x"), None)).collect::<Vec<_>>();
        let distinct = |r: &Resolution| r.customers.iter().collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(&resolve(many(20), 20, &[])), 1);
        let blocked = resolve(many(21), 20, &[]);
        assert_eq!(distinct(&blocked), 21);
        assert_eq!(blocked.blocked, [Blocked { kind: "email", value: "info@x".into(), holders: 21 }]);
        let mut guests = many(30);
        guests.iter_mut().for_each(|g| g.holder = Some("info@x".into()));
        assert_eq!(distinct(&resolve(guests, 20, &[])), 1, "guest orders of one e-mail are one holder");
    }

    #[test]
    fn what_a_person_decided_beats_the_rules() {
        let records = || {
            vec![
                record("a", 1, Some("x@y"), None),
                record("b", 2, Some("x@y"), None),
                record("c", 3, None, None),
                record("d", 4, Some("x@y"), None),
            ]
        };
        let name = |id: &str| RecordName { system: "shop".into(), object: "customers".into(), id: id.into() };
        let decide = |is_same: bool, a: &str, b: &str| Decision {
            who: "kim".into(),
            when: "2026-11-24".into(),
            why: "asked".into(),
            is_same,
            left: name(a),
            right: name(b),
            line: 2,
        };
        let decided =
            resolve(records(), 20, &[decide(false, "a", "b"), decide(true, "b", "c"), decide(true, "a", "z")]);
        assert_ne!(customer_of(&decided, "a"), customer_of(&decided, "b"));
        assert_eq!(customer_of(&decided, "b"), customer_of(&decided, "c"));
        assert_eq!(customer_of(&decided, "a"), customer_of(&decided, "d"));
        assert_eq!(decided.cuts.len(), 1, "{:?}", decided.cuts);
        assert_eq!(decided.unknown, [2], "there is no record z");
        let undone = resolve(records(), 20, &[]);
        assert_eq!(customer_of(&undone, "a"), customer_of(&undone, "b"), "a decision taken back leaves no trace");
    }
}
