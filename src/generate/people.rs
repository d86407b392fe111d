//! Which person record is whose: the real person, told from the lives.
//!
//! This is not the customer of the exact rules ([`Kin`]): those split a person whose records share no evidence, and
//! take a family with one telephone for one customer. What identity resolution finds is measured against this.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::Result;

use super::kin::Kin;
use super::model::*;

/// A record's id, and whose it is.
type Known = (Box<str>, u64);

/// The person records of a whole generation, gathered household by household.
#[derive(Debug, Default)]
pub struct People {
    /// By system and object: the record's id, and the number of the person.
    records: BTreeMap<(&'static str, &'static str), Vec<Known>>,
}

impl People {
    /// The records that count under the exact rules (`kin` gives them a customer), and the guests' orders.
    pub fn add(&mut self, house: &Household, kin: &Kin) {
        for (record, customer) in house.records.iter().zip(&kin.of_record) {
            if customer.is_some() {
                self.push(record.source.object(), record.id.clone(), record.entity);
            }
        }
        for order in house.orders.iter().filter(|o| matches!(o.buyer, Buyer::Guest(_))) {
            self.push(("shopify", "orders"), order.id.to_string(), order.entity);
        }
    }

    fn push(&mut self, object: (&'static str, &'static str), id: String, entity: u64) {
        self.records.entry(object).or_default().push((id.into_boxed_str(), entity));
    }

    /// Writes all of them as CSV, in the order of source and id (as text).
    pub fn write(&mut self, path: &Path) -> Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(b"source,id,entity\n")?;
        for ((system, object), records) in &mut self.records {
            records.sort_unstable();
            for (id, entity) in records {
                writeln!(out, "{system}.{object},{id},{entity}")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kin::SHARED;
    use super::super::lives::household;
    use super::super::world::World;
    use super::*;
    use chrono::NaiveDate;

    /// The people of a household by the evidence of one kind that their records ever stated.
    fn holders(house: &Household, kind: &'static str) -> BTreeMap<String, Vec<u64>> {
        let mut holders: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut hold = |value: &Option<String>, entity| {
            let Some(value) = value else { return };
            if !SHARED.contains(&(kind, value.as_str())) {
                holders.entry(value.clone()).or_default().push(entity);
            }
        };
        for record in &house.records {
            for version in &record.versions {
                let evidence = if kind == "email" { &version.email } else { &version.phone };
                hold(&evidence.value, record.entity);
            }
        }
        for order in &house.orders {
            if let (Buyer::Guest(email), "email") = (&order.buyer, kind) {
                hold(&email.value, order.entity);
            }
        }
        holders
    }

    #[test]
    fn an_address_is_one_persons_and_a_telephone_may_be_a_familys() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let world = World::new(5, 4000, first, 3);
        let (mut shared_addresses, mut families) = (0, 0);
        for block in 0..1000 {
            let house = household(&world, block);
            for (email, people) in holders(&house, "email") {
                assert!(people.iter().all(|p| *p == people[0]), "{email}: {people:?}");
                shared_addresses += u32::from(people.len() > 1);
            }
            let phones = holders(&house, "phone");
            families += u32::from(phones.values().any(|people| people.iter().any(|p| *p != people[0])));
            for order in &house.orders {
                if let Buyer::Account(record) = order.buyer {
                    assert_eq!(order.entity, house.records[record].entity);
                }
            }
            for invoice in &house.invoices {
                let order = house.orders.iter().find(|o| Some(o.id) == invoice.order);
                let payer = invoice.payer.map(|p| house.records[p].entity);
                assert_eq!(payer, order.map(|o| o.entity), "{}", invoice.id);
            }
        }
        assert!(shared_addresses > 2000, "{shared_addresses}");
        assert!(families > 20, "{families}");
    }
}
