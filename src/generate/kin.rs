//! Who is one customer under the exact rules, told from how lives were made.

use std::collections::BTreeMap;

use super::model::*;
use super::world::{HOLDER_LIMIT, SHARED_INFO_MAIL, SHARED_PHONE, SHARED_TEST_MAIL, World};

/// Values that strangers of many households share.
pub const SHARED: [(&str, &str); 3] =
    [("email", SHARED_TEST_MAIL), ("email", SHARED_INFO_MAIL), ("phone", SHARED_PHONE)];

/// The customers of a household: a small number for each record and each order, None where there is none.
#[derive(Debug, Default)]
pub struct Kin {
    pub of_record: Vec<Option<usize>>,
    pub of_order: Vec<Option<usize>>,
    pub customers: usize,
    /// Evidence that too many records of the household hold.
    pub blocked: Vec<(&'static str, String, usize)>,
    /// How many records hold each value of [`SHARED`].
    pub shared: [usize; SHARED.len()],
}

impl Kin {
    pub fn new(world: &World, house: &Household) -> Kin {
        let mut kin = Kin::default();
        let is_person = |r: &Record| !r.is_deleted() && r.created() < world.as_of;
        let records = house.records.len();
        let mut parent: Vec<usize> = (0..records + house.orders.len()).collect();
        // Value → the nodes that hold it, and how many holders they count as.
        let mut holders: BTreeMap<(&'static str, String), (Vec<usize>, usize)> = BTreeMap::new();
        for (n, record) in house.records.iter().enumerate().filter(|(_, r)| is_person(r)) {
            let newest = record.latest();
            for (kind, value) in [("email", &newest.email.value), ("phone", &newest.phone.value)] {
                let Some(value) = value else { continue };
                if let Some(place) = SHARED.iter().position(|s| *s == (kind, value)) {
                    kin.shared[place] += 1;
                } else {
                    let held = holders.entry((kind, value.clone())).or_default();
                    held.0.push(n);
                    held.1 += 1;
                }
            }
        }
        let mut guests: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, order) in house.orders.iter().enumerate() {
            if let Buyer::Guest(Evidence { value: Some(value), .. }) = &order.buyer {
                guests.entry(value).or_default().push(records + n);
            }
        }
        for (value, orders) in guests {
            let held = holders.entry(("email", value.to_string())).or_default();
            held.0.extend(orders);
            held.1 += 1;
        }
        for ((kind, value), (nodes, count)) in holders {
            if count > HOLDER_LIMIT {
                kin.blocked.push((kind, value, count));
                continue;
            }
            for pair in nodes.windows(2) {
                let (a, b) = (root(&parent, pair[0]), root(&parent, pair[1]));
                parent[a.max(b)] = a.min(b);
            }
        }
        let mut names: BTreeMap<usize, usize> = BTreeMap::new();
        let mut name = |node: usize| {
            let next = names.len();
            *names.entry(root(&parent, node)).or_insert(next)
        };
        kin.of_record = house.records.iter().enumerate().map(|(n, r)| is_person(r).then(|| name(n))).collect();
        for (n, order) in house.orders.iter().enumerate() {
            let customer = match &order.buyer {
                Buyer::Account(record) => kin.of_record[*record],
                Buyer::Guest(_) => Some(name(records + n)),
                Buyer::Nobody => None,
            };
            kin.of_order.push(customer);
        }
        kin.customers = names.len();
        kin
    }

    pub fn of_ticket(&self, ticket: &Ticket) -> Option<usize> {
        ticket.asker.and_then(|a| self.of_record[a])
    }

    pub fn of_payer(&self, payer: Option<usize>) -> Option<usize> {
        payer.and_then(|p| self.of_record[p])
    }
}

fn root(parent: &[usize], node: usize) -> usize {
    let mut node = node;
    while parent[node] != node {
        node = parent[node];
    }
    node
}
