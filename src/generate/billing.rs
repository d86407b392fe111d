//! Invoices, charges, money back and disputes: what accounts receivable makes of an order.

use super::calendar::{DAY, HOUR};
use super::lives::{Person, stripe_customer};
use super::model::*;
use super::rng::{Rng, base62, scramble};
use super::shop::ORDERS_EACH;
use super::world::{World, moment};

/// Objects of one kind that billing can make of one order.
const EACH: u64 = 8;
/// Why a customer contests a charge.
const REASONS: [&str; 4] = ["fraudulent", "duplicate", "product_not_received", "general"];
/// How long after its issue an invoice is due.
const TERMS: i64 = 14 * DAY;

/// The hand that writes the bills of one order.
struct Clerk<'a> {
    world: &'a World,
    house: &'a mut Household,
    order: usize,
    number: u64,
    payer: usize,
    charges: u64,
    invoices: u64,
}

/// Bills an order, collects the money and pays it back where that was promised.
pub fn bill(world: &World, rng: &mut Rng, house: &mut Household, person: &mut Person, order: usize) {
    let told = &house.orders[order];
    if told.source_name == "pos" || told.total == 0 || rng.chance(8) {
        return;
    }
    let number = person.number * ORDERS_EACH + (order - person.orders_from) as u64;
    let (created, cancelled, delivered) = (told.created, told.cancelled, told.delivered(world.as_of));
    let payer = payer(rng, house, person, order, created + 60);
    let mut clerk = Clerk { world, house, order, number, payer, charges: 0, invoices: 0 };
    if let Some((when, _)) = cancelled {
        clerk.cancelled(rng, created, when);
        return;
    }
    let is_early = rng.chance(95);
    let written = match (is_early, delivered) {
        (true, _) => created + rng.between(60, HOUR),
        (false, Some(delivered)) => delivered + rng.between(HOUR, DAY),
        (false, None) if rng.chance(500) => {
            clerk.invoice(created + HOUR, None);
            return;
        }
        (false, None) => return,
    };
    let finalized = snap(written + rng.between(60, if is_early { 20 * HOUR } else { DAY }), BILLED);
    let Some(mut invoice) = clerk.invoice(written, Some(finalized)) else {
        return;
    };
    if rng.chance(18) {
        // A mistake in the address: the invoice is void, another takes its place.
        let voided = snap(finalized + rng.between(2 * HOUR, 3 * DAY), BILLED);
        if voided >= world.as_of || finalized >= world.as_of {
            return;
        }
        clerk.house.invoices[invoice].voided = Some(voided);
        match clerk.invoice(voided + 60, Some(voided + 400)) {
            Some(again) => invoice = again,
            None => return,
        }
    }
    clerk.collect(rng, invoice);
    clerk.keep_promises(rng);
}

fn payer(rng: &mut Rng, house: &mut Household, person: &mut Person, order: usize, at: i64) -> usize {
    let known = match &house.orders[order].buyer {
        Buyer::Guest(email) => house
            .records
            .iter()
            .position(|r| r.source == Source::StripeCustomer && r.latest().email.value == email.value),
        _ if rng.chance(25) => None,
        _ => person.payer,
    };
    if let Some(known) = known {
        return known;
    }
    let guest = match &house.orders[order].buyer {
        Buyer::Guest(email) => Some(email.clone()),
        _ => None,
    };
    let record = stripe_customer(rng, person, at, guest.as_ref());
    house.records.push(record);
    if guest.is_none() {
        person.payer = Some(house.records.len() - 1);
    }
    house.records.len() - 1
}

impl Clerk<'_> {
    /// An invoice from its draft on; None where it lies after the last night.
    fn invoice(&mut self, written: i64, finalized: Option<i64>) -> Option<usize> {
        let created = snap(written, BILLED);
        if created >= self.world.as_of {
            return None;
        }
        let order = &self.house.orders[self.order];
        let unique = self.number * EACH + self.invoices;
        self.invoices += 1;
        let finalized = finalized.map(|f| snap(f, BILLED));
        self.house.invoices.push(Invoice {
            id: format!("in_1{}", base62(unique, 41)),
            number: format!("R-{:010}", scramble(unique, 42) % 10_000_000_000),
            payer: Some(self.payer),
            order: Some(order.id),
            amount: order.total,
            currency: order.currency,
            created,
            due: finalized.map(|f| f + TERMS),
            finalized: finalized.filter(|f| *f < self.world.as_of),
            paid: None,
            voided: None,
            uncollectible: None,
            part_paid: None,
        });
        Some(self.house.invoices.len() - 1)
    }

    fn cancelled(&mut self, rng: &mut Rng, created: i64, when: i64) {
        let written = created + 90;
        match rng.weighted(&[50, 25, 15, 10]) {
            1 => {
                let finalized = snap(written + 60, BILLED);
                if let Some(invoice) = self.invoice(written, Some(finalized)) {
                    let voided = snap(when + 60, BILLED);
                    self.house.invoices[invoice].voided = Some(voided).filter(|v| *v < self.world.as_of);
                }
            }
            2 => {
                self.invoice(written, None);
            }
            3 => {
                let finalized = snap(written + 60, BILLED);
                let Some(invoice) = self.invoice(written, Some(finalized)) else {
                    return;
                };
                if let Some(charge) = self.charge(invoice, finalized + 30, "succeeded") {
                    let amount = self.house.charges[charge].amount;
                    if self.house.orders[self.order].refunds.is_empty() {
                        self.refund(
                            charge,
                            amount,
                            when + rng.between(HOUR, 4 * DAY),
                            "requested_by_customer",
                            "succeeded",
                        );
                    } else {
                        self.keep_promises(rng);
                    }
                }
            }
            _ => {}
        }
    }

    /// One attempt to take the money of an invoice; gives the charge's index.
    fn charge(&mut self, invoice: usize, at: i64, outcome: &'static str) -> Option<usize> {
        const FAILURES: [&str; 4] = ["card_declined", "insufficient_funds", "expired_card", "authentication_required"];
        let created = snap(at, BILLED);
        if created >= self.world.as_of {
            return None;
        }
        let unique = self.number * EACH + self.charges;
        self.charges += 1;
        let bill = &self.house.invoices[invoice];
        let mut status = Timeline::of(created, outcome);
        if outcome == "pending" {
            // A direct debit takes days.
            let later = snap(created + 4 * DAY - 3 * HOUR, BILLED);
            status.then(later, if unique.is_multiple_of(9) { "failed" } else { "succeeded" });
        }
        status.cut(self.world.as_of);
        let succeeded = status.0.iter().find(|(_, s)| *s == "succeeded").map(|(at, _)| *at);
        let failed = status.0.iter().any(|(_, s)| *s == "failed");
        self.house.charges.push(Charge {
            id: format!("ch_3{}", base62(unique, 43)),
            payer: Some(self.payer),
            invoice: Some(invoice),
            amount: bill.amount,
            currency: bill.currency,
            created,
            status,
            failure: failed.then(|| FAILURES[(unique % 4) as usize]),
        });
        if let Some(paid) = succeeded {
            let bill = &mut self.house.invoices[invoice];
            bill.paid = Some(bill.paid.map_or(paid, |first| first.min(paid)));
            let order = &mut self.house.orders[self.order];
            order.paid = order.paid.or(Some(paid));
        }
        Some(self.house.charges.len() - 1)
    }

    fn collect(&mut self, rng: &mut Rng, invoice: usize) {
        let Some(finalized) = self.house.invoices[invoice].finalized else {
            return;
        };
        let soon = finalized + rng.between(60, HOUR);
        match rng.weighted(&[690, 110, 85, 18, 25, 35, 8, 29]) {
            0 => self.succeed(rng, invoice, soon),
            1 => {
                let later = finalized + rng.between(DAY, 18 * DAY);
                self.succeed(rng, invoice, later);
            }
            2 => {
                let last = self.fail(rng, invoice, soon);
                if rng.chance(740) {
                    let retry = last + rng.between(6 * HOUR, 4 * DAY);
                    self.succeed(rng, invoice, retry);
                } else {
                    self.write_off(rng, invoice);
                }
            }
            3 => self.twice(rng, invoice, soon),
            4 => {
                let late = finalized + rng.between(31 * DAY, 75 * DAY);
                self.succeed(rng, invoice, late);
            }
            5 => self.write_off(rng, invoice),
            6 => {
                // Half of it is paid, the rest stays open.
                if let Some(charge) = self.charge(invoice, soon, "succeeded") {
                    let half = self.house.charges[charge].amount / 200 * 100;
                    let at = self.house.charges[charge].created;
                    self.house.charges[charge].amount = half;
                    let bill = &mut self.house.invoices[invoice];
                    (bill.paid, bill.part_paid) = (None, Some((at, half)));
                    self.house.orders[self.order].paid = None;
                }
            }
            _ => {
                self.charge(invoice, soon, "pending");
            }
        }
    }

    fn succeed(&mut self, rng: &mut Rng, invoice: usize, at: i64) {
        if let Some(charge) = self.charge(invoice, at, "succeeded")
            && rng.chance(9)
        {
            let later = self.house.charges[charge].created + rng.between(2 * DAY, 40 * DAY);
            self.dispute(rng, charge, later);
        }
    }

    /// One to three failed attempts; gives the moment of the last.
    fn fail(&mut self, rng: &mut Rng, invoice: usize, first: i64) -> i64 {
        let mut at = first;
        for nth in 0..=rng.weighted(&[60, 25, 15]) {
            if nth > 0 {
                at += rng.between(12 * HOUR, 4 * DAY);
            }
            self.charge(invoice, at, "failed");
        }
        at
    }

    fn twice(&mut self, rng: &mut Rng, invoice: usize, at: i64) {
        let first = if rng.chance(500) { self.fail(rng, invoice, at) + 2 * HOUR } else { at };
        let Some(charge) = self.charge(invoice, first, "succeeded") else {
            return;
        };
        let mut second = first + rng.between(120, 3 * DAY);
        if rng.chance(350) {
            // The customer disputes, and the clerk tries again all the same.
            let disputed = first + rng.between(HOUR, DAY);
            self.dispute(rng, charge, disputed);
            second = first + rng.between(2 * DAY, 4 * DAY);
        }
        if let Some(again) = self.charge(invoice, second, "succeeded")
            && rng.chance(600)
        {
            let amount = self.house.charges[again].amount;
            self.refund(again, amount, second + rng.between(HOUR, 20 * DAY), "duplicate", "succeeded");
        }
    }

    fn write_off(&mut self, rng: &mut Rng, invoice: usize) {
        let bill = &mut self.house.invoices[invoice];
        if let Some(finalized) = bill.finalized
            && rng.chance(450)
        {
            let when = snap(finalized + rng.between(20 * DAY, 70 * DAY), BILLED);
            bill.uncollectible = Some(when).filter(|w| *w < self.world.as_of);
        }
    }

    /// Pays back what the shop has promised: in time, late, or not at all.
    fn keep_promises(&mut self, rng: &mut Rng) {
        for nth in 0..self.house.orders[self.order].refunds.len() {
            let promised = self.house.orders[self.order].refunds[nth].clone();
            let order = self.house.orders[self.order].id;
            pay_back(self.world, rng, self.house, order, promised.at, Some(promised.amount));
        }
    }

    fn refund(&mut self, charge: usize, amount: i64, at: i64, reason: &'static str, outcome: &'static str) {
        refund(self.world, self.house, charge, amount, at, reason, outcome);
    }

    fn dispute(&mut self, rng: &mut Rng, charge: usize, at: i64) {
        let created = snap(at, BILLED);
        if created >= self.world.as_of {
            return;
        }
        let mut status = Timeline::of(created, "needs_response");
        if rng.chance(750) {
            status.then(snap(created + rng.between(DAY, 5 * DAY), BILLED), "under_review");
            if rng.chance(650) {
                let end = *rng.pick(&["won", "lost"]);
                status.then(snap(created + rng.between(8 * DAY, 60 * DAY), BILLED), end);
            }
        }
        status.cut(self.world.as_of);
        let taken = &self.house.charges[charge];
        let unique = self.house.unique(self.house.disputes.len());
        let prefix = if unique.is_multiple_of(2) { "dp_1" } else { "du_1" };
        self.house.disputes.push(MoneyBack {
            id: format!("{prefix}{}", base62(unique, 45)),
            charge,
            amount: taken.amount,
            currency: taken.currency,
            created,
            reason: REASONS[rng.below(REASONS.len() as u64) as usize],
            status,
        });
    }
}

/// Keeps a promise of money back for an order, or fails to. `amount`: the promise's, or a third of the order.
pub fn pay_back(world: &World, rng: &mut Rng, house: &mut Household, order: u64, promised: i64, amount: Option<i64>) {
    let Some(charge) = house.charges.iter().position(|c| {
        c.invoice.is_some_and(|i| house.invoices[i].order == Some(order))
            && c.status.at(world.as_of) == Some("succeeded")
    }) else {
        return;
    };
    let taken = &house.charges[charge];
    let amount = amount.unwrap_or(taken.amount / 300 * 100).min(taken.amount);
    let (wait, outcome) = match rng.weighted(&[690, 90, 100, 60, 60]) {
        0 => (rng.between(HOUR, 9 * DAY), "succeeded"),
        1 => (rng.between(11 * DAY, 25 * DAY), "succeeded"),
        2 => return,
        3 => (rng.between(HOUR, 6 * DAY), "pending"),
        _ => (rng.between(HOUR, 6 * DAY), "failed"),
    };
    let at = (promised + wait).max(taken.created + 5 * DAY);
    if amount > 0 {
        refund(world, house, charge, amount, at, "requested_by_customer", outcome);
    }
}

fn refund(
    world: &World,
    house: &mut Household,
    charge: usize,
    amount: i64,
    at: i64,
    reason: &'static str,
    outcome: &'static str,
) {
    let created = snap(at, BILLED);
    if created >= world.as_of {
        return;
    }
    let mut status = Timeline::of(created, if outcome == "failed" { "pending" } else { outcome });
    if outcome == "failed" {
        status.then(snap(created + 2 * DAY, BILLED), "failed");
    }
    status.cut(world.as_of);
    let currency = house.charges[charge].currency;
    house.refunds.push(MoneyBack {
        id: format!("re_3{}", base62(house.unique(house.refunds.len()), 44)),
        charge,
        amount,
        currency,
        created,
        reason,
        status,
    });
}

/// A payment that no invoice asked for: a gift card bought at the counter.
pub fn loose_charge(world: &World, rng: &mut Rng, house: &mut Household, person: &Person) {
    let Some(payer) = person.payer else { return };
    let currency = house.orders[person.orders_from].currency;
    let created = snap(moment(rng, house.records[payer].created() + 60, world.as_of), BILLED);
    if created < world.as_of {
        house.charges.push(Charge {
            id: format!("ch_3{}", base62(person.number * ORDERS_EACH * EACH + ORDERS_EACH * EACH - 1, 43)),
            payer: Some(payer),
            invoice: None,
            amount: 2_500 * rng.between(1, 4),
            currency,
            created,
            status: Timeline::of(created, "succeeded"),
            failure: None,
        });
    }
}
