//! Lives made by hand: the cases that chance would not bring, each at its limit.

use crate::error::Result;

use super::calendar::{DAY, HOUR};
#[cfg(test)]
use super::kin::Kin;
use super::lives::{BLOCK, desk_id, plain};
use super::model::*;
use super::names::{GROUPS, STAFF};
use super::rng::{Rng, base62, scramble};
use super::rows::{self, line_fields, order_fields};
use super::shop::order_id;
use super::tables::Table;
use super::truth::Truth;
use super::world::{HOLDER_LIMIT, World, streams};
use super::write::Drop;

/// Three households: one handed over as usual, one whose rows come in the wrong order, one whose rows lie after
/// the last night.
pub struct Special {
    usual: Household,
    upside_down: Household,
    tomorrow: Household,
}

/// Makes people, orders and tickets by hand, numbered from where chance has stopped.
struct Hand<'a> {
    world: &'a World,
    house: Household,
    next: u64,
    /// The number of the person whose records and orders are made.
    person: u64,
}

impl Special {
    pub fn new(world: &World) -> Special {
        let mut hand = Hand::new(world, 1);
        hand.formula();
        hand.nobody();
        hand.regular_guest();
        hand.shared_mailboxes();
        hand.unknown_payer();
        hand.staff_member();
        hand.deadlines();
        hand.waiting();
        let usual = hand.house;
        let mut hand = Hand::new(world, 2);
        hand.somebody();
        let account = hand.account("Zu", "Spät", plain("zu.spaet@example.de"), world.ends[0] - 40 * DAY);
        hand.order(Buyer::Account(account), world.ends[0] - 6 * HOUR, 4_990);
        let upside_down = hand.house;
        let mut hand = Hand::new(world, 3);
        hand.somebody();
        let account = hand.account("Über", "Morgen", plain("ueber.morgen@example.de"), world.ends[0] - 30 * DAY);
        hand.order(Buyer::Account(account), world.as_of + 30 * 60, 7_490);
        Special { usual, upside_down, tomorrow: hand.house }
    }

    /// An order and its invoice that a broken later version must not touch.
    pub fn kept(&self) -> (&Household, &Order, &Invoice) {
        (&self.usual, &self.usual.orders[0], &self.usual.invoices[0])
    }

    /// Hands the lives over, and tells the truth about them.
    pub fn emit(&self, world: &World, drop: &mut Drop, truth: &mut Truth) -> Result<()> {
        rows::emit(world, drop, &self.usual, false)?;
        truth.add(world, &self.usual);

        // Lines the night before their order.
        let house = &self.upside_down;
        let accounts = Household { records: house.records.clone(), ..Household::default() };
        rows::emit(world, drop, &accounts, false)?;
        let order = &house.orders[0];
        for line in &order.lines {
            let place = drop.place(Table::OrderLines, 0);
            let row = drop.csv(place, &line_fields(order.id, line))?;
            drop.accept(place, true, &row, 0)?;
        }
        let night = 1.min(world.ends.len() - 1);
        let place = drop.place(Table::Orders, night);
        let row = drop.csv(place, &order_fields(house, order, order.created))?;
        drop.accept(place, true, &row, order.total)?;
        truth.add(world, house);

        // An order made after midnight, before the export ran: it is no fact yet.
        let house = &self.tomorrow;
        let accounts = Household { records: house.records.clone(), ..Household::default() };
        rows::emit(world, drop, &accounts, false)?;
        let order = &house.orders[0];
        let place = drop.place(Table::Orders, world.ends.len() - 1);
        let row = drop.csv(place, &order_fields(house, order, order.created))?;
        drop.accept(place, true, &row, order.total)?;
        truth.add(world, &accounts);

        self.orphans(world, drop, truth)
    }

    /// Lines and a refund of orders that never come.
    fn orphans(&self, world: &World, drop: &mut Drop, truth: &mut Truth) -> Result<()> {
        for nth in 0..3 {
            let id = 13_000_000_000_000 + scramble(orphan_number(world) * 8 + nth, 22);
            let line = Line { id, product: nth as usize, quantity: 1, price: 1_000, discount: 0 };
            let place = drop.place(Table::OrderLines, 0);
            let row = drop.csv(place, &line_fields(order_id(orphan_number(world)), &line))?;
            drop.accept(place, true, &row, 0)?;
        }
        truth.add_orphan_lines(3);
        Ok(())
    }
}

fn orphan_number(world: &World) -> u64 {
    (world.customers + 4096) * 64
}

impl Hand<'_> {
    fn new(world: &World, which: u64) -> Hand<'_> {
        let blocks = world.customers.div_ceil(BLOCK) + which;
        let house = Household { number: blocks, ..Household::default() };
        let person = world.customers + 256 * which;
        Hand { world, house, next: person * 64, person }
    }

    /// From here on it is another person whose records and orders are made.
    fn somebody(&mut self) {
        self.person += 1;
    }

    fn push(&mut self, source: Source, id: String, version: RecordVersion) -> usize {
        let entity = self.person;
        self.house.records.push(Record { source, id, entity, versions: vec![version], deleted_at: None });
        self.house.records.len() - 1
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn version(first: &str, last: &str, at: i64) -> RecordVersion {
        RecordVersion {
            at: snap(at, OPENED),
            first_name: first.into(),
            last_name: last.into(),
            email: Evidence::default(),
            phone: Evidence::default(),
            street: "Sonderweg 1".into(),
            postcode: "01067",
            city: "Dresden",
            country: Some("DE"),
            marketing: false,
        }
    }

    fn account(&mut self, first: &str, last: &str, email: Evidence, at: i64) -> usize {
        let id = (6_000_000_000_000 + scramble(self.number() << 8, 11)).to_string();
        let version = RecordVersion { email, ..Self::version(first, last, at) };
        self.push(Source::ShopCustomer, id, version)
    }

    fn user(&mut self, name: &str, email: Evidence, phone: Evidence, at: i64) -> usize {
        let id = desk_id(self.number() << 8).to_string();
        let version = RecordVersion { email, phone, country: None, ..Self::version(name, "", at) };
        self.push(Source::DeskUser, id, version)
    }

    fn payer(&mut self, email: &str, at: i64) -> usize {
        let id = format!("cus_{}", base62(self.number() << 6, 13));
        let version = RecordVersion { email: plain(email), ..Self::version("Sonder", "Fall", at) };
        self.push(Source::StripeCustomer, id, version)
    }

    /// An order of one line, sold at the counter (no parcel, no invoice).
    fn order(&mut self, buyer: Buyer, at: i64, price: i64) -> usize {
        let number = self.number();
        let email = match &buyer {
            Buyer::Account(record) => self.house.records[*record].latest().email.text.clone(),
            Buyer::Guest(email) => email.text.clone(),
            Buyer::Nobody => None,
        };
        let created = snap(at, SHIPPED);
        let line =
            Line { id: 13_000_000_000_000 + scramble(number * 8, 22), product: 9, quantity: 1, price, discount: 0 };
        self.house.orders.push(Order {
            id: order_id(number),
            entity: self.person,
            buyer,
            email,
            phone: None,
            created,
            currency: "EUR",
            lines: vec![line],
            subtotal: price,
            discounts: 0,
            tax: super::world::div_round(i128::from(price) * 19, 119),
            total: price,
            source_name: "pos",
            note: None,
            cancelled: None,
            paid: Some(created),
            parcels: 1,
            fulfillments: vec![],
            refunds: vec![],
        });
        self.house.orders.len() - 1
    }

    /// The order was delivered, its invoice issued an hour later.
    fn deliver_and_bill(&mut self, order: usize, payer: usize, delivered: i64) -> usize {
        let number = self.number();
        let told = &mut self.house.orders[order];
        told.source_name = "web";
        let created = told.created + 400;
        told.fulfillments.push(Fulfillment {
            id: 4_000_000_000_000 + scramble(number * 4, 23),
            created,
            status: Timeline::of(created, "success"),
            delivered: Some(delivered),
        });
        let (id, amount) = (told.id, told.total);
        let finalized = snap(delivered + HOUR, BILLED);
        self.house.invoices.push(Invoice {
            id: format!("in_1{}", base62(number * 8, 41)),
            number: format!("S-{number}"),
            payer: Some(payer),
            order: Some(id),
            amount,
            currency: "EUR",
            created: finalized - 400,
            due: Some(finalized + 14 * DAY),
            finalized: Some(finalized),
            paid: None,
            voided: None,
            uncollectible: None,
            part_paid: None,
        });
        self.house.invoices.len() - 1
    }

    fn pay(&mut self, invoice: usize, at: i64) {
        let number = self.number();
        let bill = &mut self.house.invoices[invoice];
        let created = snap(at, BILLED);
        bill.paid = Some(created);
        let (amount, payer, order) = (bill.amount, bill.payer, bill.order);
        self.house.charges.push(Charge {
            id: format!("ch_3{}", base62(number * 8, 43)),
            payer,
            invoice: Some(invoice),
            amount,
            currency: "EUR",
            created,
            status: Timeline::of(created, "succeeded"),
            failure: None,
        });
        if let Some(order) = self.house.orders.iter_mut().find(|o| Some(o.id) == order) {
            order.paid = Some(created);
        }
    }

    fn promise(&mut self, order: usize, at: i64, amount: i64) {
        let id = 880_000_000_000 + scramble(self.number() * 4, 24);
        self.house.orders[order].refunds.push(ShopRefund { id, at, amount });
    }

    /// A ticket that is answered and solved at one moment.
    fn ticket(&mut self, asker: usize, opened: i64, answered: Option<i64>) {
        if opened < self.world.start || answered.is_some_and(|a| a >= self.world.as_of) {
            return;
        }
        let number = self.number();
        let requester = self.house.records[asker].id.parse().unwrap_or_default();
        let audit = |n: u64, at, author, events| Audit {
            id: 700_000_000_000 + scramble(number * 64 + n, 32),
            at,
            author,
            events,
        };
        let group = Event::Create(Field::Group, Value::Id(GROUPS[0].0));
        let new = Event::Create(Field::Status, Value::Text("new"));
        let comment = Event::Comment { public: true };
        let mut audits = vec![audit(0, opened, requester, vec![new, group, comment])];
        if let Some(at) = answered {
            let solve = Event::Change(Field::Status, Value::Text("new"), Value::Text("solved"));
            audits.push(audit(1, at, STAFF[2].0, vec![comment, solve]));
        }
        self.house.tickets.push(Ticket {
            id: 1_000_000 + scramble(number * 2, 31),
            requester,
            asker: Some(asker),
            order: None,
            matter: 8,
            channel: "email",
            tagged_refund: false,
            tagged_topic: true,
            audits,
            silent_score: None,
        });
    }

    /// A name that a spreadsheet would run, and an order that everything went well with.
    fn formula(&mut self) {
        self.somebody();
        let at = self.world.ends[0] - 60 * DAY;
        let name = "=HYPERLINK(\"http://evil.example/?x=1\",\"Klick\")";
        let account = self.account(name, "O'Neil \"Bobby\", jr.", plain("bobby@tables.example"), at);
        let payer = self.payer("bobby@tables.example", at);
        let order = self.order(Buyer::Account(account), at + HOUR, 12_900);
        let invoice = self.deliver_and_bill(order, payer, snap(at + 2 * DAY, SHIPPED));
        self.pay(invoice, at + 3 * DAY);
    }

    /// Orders that say nothing of who made them.
    fn nobody(&mut self) {
        let at = self.world.ends[0] - 20 * DAY;
        self.somebody();
        self.order(Buyer::Nobody, at, 1_990);
        self.somebody();
        let cancelled = self.order(Buyer::Nobody, at + DAY, 2_990);
        self.house.orders[cancelled].cancelled = Some((snap(at + DAY + HOUR, SHIPPED), "other"));
        self.house.orders[cancelled].paid = None;
    }

    /// Many orders of one guest: one holder of the address, however many orders there are.
    fn regular_guest(&mut self) {
        self.somebody();
        let at = self.world.ends[0] - 200 * DAY;
        for nth in 0..25 {
            let text = if nth % 4 == 1 { " Stamm.Gast@example.de" } else { "stamm.gast@example.de" };
            let email = Evidence { text: Some(text.into()), value: Some("stamm.gast@example.de".into()) };
            self.order(Buyer::Guest(email), at + nth * 5 * DAY, 1_000 + nth * 10);
        }
        self.user("Stamm Gast", plain("stamm.gast@example.de"), Evidence::default(), at);
    }

    /// A mailbox held by as many records as the guard allows, and one by one more.
    fn shared_mailboxes(&mut self) {
        let at = self.world.ends[0] - 300 * DAY;
        for (holders, email) in
            [(HOLDER_LIMIT, "buero@genau-zwanzig.example"), (HOLDER_LIMIT + 1, "buero@einundzwanzig.example")]
        {
            for nth in 0..holders {
                self.somebody();
                self.user(&format!("Büro {nth}"), plain(email), Evidence::default(), at + nth as i64 * HOUR);
            }
        }
    }

    /// An invoice and its payment by a customer whom no extract knows.
    fn unknown_payer(&mut self) {
        let number = self.number();
        let at = snap(self.world.ends[0] - 50 * DAY, BILLED);
        self.house.invoices.push(Invoice {
            id: format!("in_1{}", base62(number * 8, 41)),
            number: format!("S-{number}"),
            payer: None,
            order: None,
            amount: 4_200,
            currency: "EUR",
            created: at,
            due: Some(at + 14 * DAY),
            finalized: Some(at + 60),
            paid: None,
            voided: None,
            uncollectible: None,
            part_paid: None,
        });
        self.pay(self.house.invoices.len() - 1, at + DAY);
    }

    /// Somebody who works here also shops here: an agent's mailbox is no evidence about customers.
    fn staff_member(&mut self) {
        self.somebody();
        let at = self.world.ends[0] - 90 * DAY;
        let account = self.account("Nora", "Süß", plain(STAFF[6].2), at);
        self.order(Buyer::Account(account), at + HOUR, 3_490);
    }

    /// Promises and payments whose deadline is the very end of the last night, and a second beside it.
    fn deadlines(&mut self) {
        self.somebody();
        let end = self.world.as_of;
        let at = end - 55 * DAY;
        let account = self.account("Grenz", "Fall", plain("grenz.fall@example.de"), at - DAY);
        let payer = self.payer("grenz.fall@example.de", at - DAY);
        for (nth, promised) in [end - 10 * DAY, end - 10 * DAY + 1].into_iter().enumerate() {
            let order = self.order(Buyer::Account(account), at + nth as i64 * HOUR, 5_000);
            let invoice = self.deliver_and_bill(order, payer, snap(at + 2 * DAY, SHIPPED));
            self.pay(invoice, at + 3 * DAY);
            self.promise(order, promised, 5_000);
        }
        for (nth, delivered) in [end - 30 * DAY, end - 30 * DAY + 1].into_iter().enumerate() {
            let order = self.order(Buyer::Account(account), at + (nth as i64 + 2) * HOUR, 6_000);
            self.house.orders[order].paid = None;
            self.deliver_and_bill(order, payer, delivered);
        }
    }

    /// Answers after exactly two days of business time, a second later, over holidays and changes of clocks.
    fn waiting(&mut self) {
        self.somebody();
        let world = self.world;
        let mut rng = Rng::new(world.seed, streams::SPECIAL, 0);
        let user = self.user("Warte Liste", plain("warte.liste@example.de"), Evidence::default(), world.start);
        let calendar = &world.calendar;
        let is_long = |day: usize| calendar.start(day + 1) - calendar.start(day) != DAY;
        for day in 40..calendar.days() - 70 {
            // The eve of two or more days off around a holiday or a change of clocks, at noon.
            let days_off = (1..6).take_while(|n| !calendar.is_business(day + n)).count();
            let around: Vec<usize> = (day + 1..=day + days_off).collect();
            let is_eve = calendar.is_business(day) && (days_off > 2 || around.iter().any(|d| is_long(*d)));
            if !is_eve {
                continue;
            }
            let opened = snap(calendar.start(day) + 12 * HOUR, OPENED);
            let mut answered = opened;
            while calendar.business_seconds(opened, answered) < 48 * HOUR {
                answered += HOUR;
            }
            if answered >= world.as_of {
                break;
            }
            // Exactly at the limit, or a second beyond it.
            self.ticket(user, opened, Some(answered + rng.between(0, 1)));
        }
        self.ticket(user, snap(world.as_of - 30 * DAY, OPENED), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use std::collections::BTreeSet;

    #[test]
    fn limits_are_met_from_both_sides() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let world = World::new(3, 200, first, 3);
        let house = Special::new(&world).usual;
        let kin = Kin::new(&world, &house);
        let blocked: Vec<_> = kin.blocked.iter().map(|b| (b.1.as_str(), b.2)).collect();
        assert_eq!(blocked, [("buero@einundzwanzig.example", 21)]);
        let found = super::super::friction::found(&world, &house, &kin);
        let count = |rule| found.iter().filter(|f| f.0 == rule).count();
        assert_eq!(count("refund_not_paid"), 1);
        assert_eq!(count("delivered_not_paid"), 1);
        assert!(count("no_reply") >= 1);
        assert!(house.tickets.len() > count("no_reply"));
    }

    #[test]
    fn each_case_is_a_person_of_its_own() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let special = Special::new(&World::new(3, 200, first, 3));
        let houses = [&special.usual, &special.upside_down, &special.tomorrow];
        let records = houses.iter().flat_map(|h| &h.records).map(|r| r.entity);
        let people: BTreeSet<u64> = records.chain(special.usual.orders.iter().map(|o| o.entity)).collect();
        // The two mailboxes' holders; two of whom nothing is known, and seven with a case.
        assert_eq!(people.len(), 2 * HOLDER_LIMIT + 1 + 2 + 7);
        assert!(people.iter().all(|p| *p >= 200), "numbers of the people whom chance makes");
    }
}
