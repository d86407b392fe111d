//! What must come out: sums, customers and frictions, told from the lives.
//!
//! Nothing here reads what was written, and nothing is computed by the models' SQL: whole cents, own
//! rounding, own calendar.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::friction::{self, RULES};
use super::kin::{Kin, SHARED};
use super::model::*;
use super::people::People;
use super::tables::Table;
use super::touch::{self, KINDS};
use super::world::{HOLDER_LIMIT, World, div_round};
use super::write::{Counts, push_decimal};

/// What is summed.
const SUMS: [&str; 12] = [
    "charges",
    "charges_succeeded",
    "disputes",
    "invoices",
    "invoices_overdue",
    "order_lines",
    "order_refunds",
    "orders_counted",
    "orders_net",
    "orders_placed",
    "refunds",
    "refunds_succeeded",
];

/// Sums of one kind of money.
#[derive(Debug, Clone, Default)]
struct Sums {
    count: u64,
    eur: i64,
    by_currency: BTreeMap<&'static str, (u64, i64)>,
}

impl Sums {
    fn add(&mut self, world: &World, currency: &'static str, cents: i64, at: i64) -> i64 {
        let eur = world.eur(cents, currency, at);
        self.count += 1;
        self.eur += eur;
        let own = self.by_currency.entry(currency).or_default();
        own.0 += 1;
        own.1 += cents;
        eur
    }

    fn json(&self) -> Json {
        let currencies: Map<String, Json> = self
            .by_currency
            .iter()
            .map(|(code, (count, cents))| (code.to_string(), json!({ "count": count, "sum": money(*cents) })))
            .collect();
        json!({ "count": self.count, "eur": money(self.eur), "by_currency": currencies })
    }
}

/// The truth of a whole generation, gathered household by household.
#[derive(Debug, Default)]
pub struct Truth {
    customers: u64,
    person_records: BTreeMap<(&'static str, &'static str), u64>,
    shared: [usize; SHARED.len()],
    blocked: Vec<(&'static str, String, usize)>,
    sums: BTreeMap<&'static str, Sums>,
    revenue: BTreeMap<&'static str, i64>,
    revenue_eur: i64,
    revenue_eur_without_customer: i64,
    margin_eur: i64,
    overdue_eur: i64,
    counts: BTreeMap<&'static str, u64>,
    friction: BTreeMap<&'static str, Vec<String>>,
    touchpoints: [(u64, u64); KINDS.len()],
    journeys: BTreeMap<&'static str, u64>,
    handoffs: u64,
    charges_by_status: BTreeMap<&'static str, u64>,
    pub people: People,
}

fn money(cents: i64) -> String {
    let mut text = vec![];
    push_decimal(&mut text, cents, 2);
    String::from_utf8_lossy(&text).into_owned()
}

impl Truth {
    pub fn add(&mut self, world: &World, house: &Household) {
        let kin = Kin::new(world, house);
        self.customers += kin.customers as u64;
        self.blocked.extend(kin.blocked.iter().cloned());
        for (sum, count) in self.shared.iter_mut().zip(kin.shared) {
            *sum += count;
        }
        for (record, customer) in house.records.iter().zip(&kin.of_record) {
            if customer.is_some() {
                *self.person_records.entry(record.source.object()).or_default() += 1;
            }
        }
        for (order, customer) in house.orders.iter().zip(&kin.of_order) {
            self.order(world, order, *customer);
        }
        self.people.add(house, &kin);
        self.billing(world, house, &kin);
        self.support(world, house, &kin);
        for (rule, subject) in friction::found(world, house, &kin) {
            self.friction.entry(rule).or_default().push(subject);
        }
        let points = touch::points(world, house, &kin);
        for point in &points {
            let (all, known) = &mut self.touchpoints[point.kind];
            *all += 1;
            *known += u64::from(point.customer.is_some());
        }
        let told = touch::journeys(world, house, &kin, points);
        self.handoffs += told.handoffs;
        for outcome in told.outcomes {
            *self.journeys.entry(outcome).or_default() += 1;
        }
    }

    fn count(&mut self, what: &'static str, how_many: bool) {
        *self.counts.entry(what).or_default() += u64::from(how_many);
    }

    fn sum(&mut self, what: &'static str) -> &mut Sums {
        self.sums.entry(what).or_default()
    }

    fn order(&mut self, world: &World, order: &Order, customer: Option<usize>) {
        if matches!(order.buyer, Buyer::Guest(_)) {
            *self.person_records.entry(("shopify", "orders")).or_default() += 1;
        }
        let (currency, at) = (order.currency, order.created);
        let is_counted = order.cancelled.is_none();
        let total_eur = self.sum("orders_placed").add(world, currency, order.total, at);
        self.sum("orders_net").add(world, currency, order.total - order.tax, at);
        let mut refunds = 0;
        let mut refunds_eur = 0;
        for refund in &order.refunds {
            let eur = self.sum("order_refunds").add(world, currency, refund.amount, refund.at);
            refunds += refund.amount;
            refunds_eur += eur;
        }
        for line in &order.lines {
            let total = line.price * line.quantity - line.discount;
            let line_eur = self.sum("order_lines").add(world, currency, total, at);
            if is_counted {
                self.margin_eur += margin(world, order, line.product, line_eur);
            }
        }
        self.count("orders_without_customer", customer.is_none());
        self.count("orders_delivered", order.delivered(world.as_of).is_some());
        if is_counted {
            self.sum("orders_counted").add(world, currency, order.total, at);
            *self.revenue.entry(currency).or_default() += order.total - refunds;
            self.revenue_eur += total_eur - refunds_eur;
            if customer.is_none() {
                self.revenue_eur_without_customer += total_eur - refunds_eur;
            }
        }
    }

    fn billing(&mut self, world: &World, house: &Household, kin: &Kin) {
        let end = world.as_of;
        for invoice in &house.invoices {
            self.sum("invoices").add(world, invoice.currency, invoice.amount, invoice.created);
            self.count("invoices_without_customer", kin.of_payer(invoice.payer).is_none());
            if invoice.status(end) == "open" && invoice.due.is_some_and(|d| d < end) {
                let left = invoice.amount_remaining(end);
                self.overdue_eur += self.sum("invoices_overdue").add(world, invoice.currency, left, invoice.created);
            }
        }
        for charge in &house.charges {
            let status = charge.status.at(end).unwrap_or("pending");
            *self.charges_by_status.entry(status).or_default() += 1;
            self.sum("charges").add(world, charge.currency, charge.amount, charge.created);
            if status == "succeeded" {
                self.sum("charges_succeeded").add(world, charge.currency, charge.amount, charge.created);
            }
        }
        for refund in &house.refunds {
            self.sum("refunds").add(world, refund.currency, refund.amount, refund.created);
            if refund.status.at(end) == Some("succeeded") {
                self.sum("refunds_succeeded").add(world, refund.currency, refund.amount, refund.created);
            }
        }
        for dispute in &house.disputes {
            self.sum("disputes").add(world, dispute.currency, dispute.amount, dispute.created);
        }
    }

    fn support(&mut self, world: &World, house: &Household, kin: &Kin) {
        for ticket in friction::living(world, house) {
            let status = ticket.status(world.as_of);
            self.count("tickets", true);
            self.count("tickets_open", matches!(status, "new" | "open" | "pending" | "hold"));
            self.count("tickets_without_customer", kin.of_ticket(ticket).is_none());
            self.count("tickets_with_order", ticket.order.is_some());
        }
        let deleted = house.tickets.len() - friction::living(world, house).count();
        *self.counts.entry("tickets_deleted").or_default() += deleted as u64;
    }

    /// A sum of rows that no household holds (orphans).
    pub fn add_orphan_lines(&mut self, lines: u64) {
        *self.counts.entry("order_lines_without_order").or_default() += lines;
    }

    /// The whole truth as JSON.
    pub fn json(&mut self, world: &World, counts: &BTreeMap<Table, Counts>, files: u64) -> Json {
        for subjects in self.friction.values_mut() {
            subjects.sort_unstable();
        }
        let mut blocked: Vec<(&str, &str, usize)> =
            self.blocked.iter().map(|(kind, value, holders)| (*kind, value.as_str(), *holders)).collect();
        for (shared, holders) in SHARED.iter().zip(self.shared) {
            if holders > HOLDER_LIMIT {
                blocked.push((shared.0, shared.1, holders));
            }
        }
        blocked.sort_unstable();
        let blocked: Vec<Json> = blocked
            .iter()
            .map(|(kind, value, holders)| json!({ "kind": kind, "value": value, "holders": holders }))
            .collect();
        let records: Map<String, Json> =
            self.person_records.iter().map(|((system, object), n)| (format!("{system}/{object}"), json!(n))).collect();
        let revenue: Map<String, Json> =
            self.revenue.iter().map(|(c, cents)| (c.to_string(), json!(money(*cents)))).collect();
        let rules: Map<String, Json> = RULES
            .iter()
            .map(|rule| (rule.to_string(), json!(self.friction.get(rule).map_or(&[][..], Vec::as_slice))))
            .collect();
        let touchpoints: Map<String, Json> = KINDS
            .iter()
            .zip(self.touchpoints)
            .map(|(kind, (all, known))| (kind.to_string(), json!({ "count": all, "with_customer": known })))
            .collect();
        for what in SUMS {
            self.sums.entry(what).or_default();
        }
        self.counts.entry("order_lines_without_order").or_default();
        let sums: Map<String, Json> = self.sums.iter().map(|(what, sums)| (what.to_string(), sums.json())).collect();
        let (objects, quarantined, by_reason) = balance(counts);
        json!({
            "seed": world.seed,
            "as_of": world.dates[world.dates.len() - 1].to_string(),
            "as_of_epoch_seconds": world.as_of,
            "nights": world.dates.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "files": files,
            "objects": objects,
            "quarantined": quarantined,
            "quarantined_by_reason": by_reason,
            "customers": self.customers,
            "person_records": records,
            "blocked_evidence": blocked,
            "sums": sums,
            "revenue": { "eur": money(self.revenue_eur), "eur_without_customer": money(self.revenue_eur_without_customer), "by_currency": revenue },
            "margin_eur": money(self.margin_eur),
            "overdue_eur": money(self.overdue_eur),
            "counts": self.counts,
            "charges_by_status": self.charges_by_status,
            "touchpoints": touchpoints,
            "journeys": { "count": self.journeys.values().sum::<u64>(), "by_outcome": self.journeys, "handoffs": self.handoffs },
            "friction": rules,
        })
    }
}

fn margin(world: &World, order: &Order, product: usize, line_eur: i64) -> i64 {
    let Some(rate) = world.margins[product] else { return 0 };
    if order.total == 0 {
        return 0;
    }
    let net = div_round(i128::from(line_eur) * i128::from(order.total - order.tax), i128::from(order.total));
    div_round(i128::from(net) * i128::from(rate), 10_000)
}

/// Rows of each object, quarantined rows by object and reason, and by reason alone.
fn balance(counts: &BTreeMap<Table, Counts>) -> (Json, Json, Json) {
    let mut objects = Map::new();
    let mut quarantined = Map::new();
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for (table, c) in counts {
        let name = format!("{}/{}", table.system(), table.object());
        if !c.reasons.is_empty() {
            quarantined.insert(name.clone(), json!(c.reasons));
        }
        for (reason, n) in &c.reasons {
            *by_reason.entry(reason).or_default() += n;
        }
        objects.insert(
            name,
            json!({
                "read": c.read,
                "accepted": c.accepted,
                "quarantined": c.quarantined,
                "duplicate_file_rows": c.duplicate_file_rows,
                "keys": c.keys,
                "superseded": c.accepted - c.keys,
            }),
        );
    }
    (Json::Object(objects), Json::Object(quarantined), json!(by_reason))
}
