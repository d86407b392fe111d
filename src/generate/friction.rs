//! What inner processes did to the household, rule by rule, read off its life.

use super::calendar::{DAY, HOUR};
use super::kin::Kin;
use super::model::*;
use super::names::STAFF;
use super::world::World;

/// The rules that these four systems can feed.
pub const RULES: [&str; 9] = [
    "retry_while_open",
    "invoice_before_delivery",
    "refund_not_paid",
    "transferred_twice",
    "reopened",
    "asks_again",
    "delivered_not_paid",
    "no_reply",
    "paid_twice",
];

/// The frictions of a household: rule, subject's id.
pub fn found(world: &World, house: &Household, kin: &Kin) -> Vec<(&'static str, String)> {
    let mut all = vec![];
    for order in &house.orders {
        about_order(world, house, order, &mut all);
    }
    for (n, invoice) in house.invoices.iter().enumerate() {
        about_invoice(world, house, n, invoice, &mut all);
    }
    let tickets: Vec<&Ticket> = living(world, house).collect();
    for ticket in &tickets {
        about_ticket(world, ticket, &mut all);
        let Some(customer) = kin.of_ticket(ticket) else {
            continue;
        };
        let asks_again = tickets
            .iter()
            .filter(|t| t.id != ticket.id && kin.of_ticket(t) == Some(customer))
            .any(|other| solved(other).any(|at| at <= ticket.opened() && ticket.opened() <= at + 7 * DAY));
        if asks_again {
            all.push(("asks_again", ticket.id.to_string()));
        }
    }
    all
}

/// Tickets that are not deleted.
pub fn living<'a>(world: &World, house: &'a Household) -> impl Iterator<Item = &'a Ticket> {
    let end = world.as_of;
    house.tickets.iter().filter(move |t| t.status(end) != "deleted")
}

/// Changes of a ticket's status: moment, from, to.
pub fn status_changes(ticket: &Ticket) -> impl Iterator<Item = (i64, &'static str, &'static str)> {
    ticket.audits.iter().flat_map(|audit| {
        audit.events.iter().filter_map(move |event| match event {
            Event::Change(Field::Status, Value::Text(from), Value::Text(to)) => Some((audit.at, *from, *to)),
            _ => None,
        })
    })
}

fn solved(ticket: &Ticket) -> impl Iterator<Item = i64> {
    status_changes(ticket).filter(|(_, _, to)| *to == "solved").map(|(at, _, _)| at)
}

/// Whether somebody still has to do something about the ticket.
fn is_open(ticket: &Ticket, at: i64) -> bool {
    ticket.opened() <= at && matches!(ticket.status(at), "new" | "open" | "pending" | "hold")
}

pub fn is_staff(author: i64) -> bool {
    STAFF.iter().any(|s| s.0 == author)
}

/// Charges that hang on the invoices of an order.
fn charges_of(house: &Household, order: u64) -> impl Iterator<Item = (usize, &Charge)> {
    house
        .charges
        .iter()
        .enumerate()
        .filter(move |(_, c)| c.invoice.is_some_and(|i| house.invoices[i].order == Some(order)))
}

fn about_order(world: &World, house: &Household, order: &Order, all: &mut Vec<(&'static str, String)>) {
    let id = order.id;
    let end = world.as_of;
    let succeeded: Vec<usize> =
        charges_of(house, id).filter(|(_, c)| c.status.at(end) == Some("succeeded")).map(|(n, _)| n).collect();
    let by_shop = order.refunds.iter().map(|r| r.at).min();
    let by_ticket =
        living(world, house).filter(|t| t.order == Some(id) && t.tagged_refund).filter_map(|t| solved(t).min()).min();
    let promise = by_shop.into_iter().chain(by_ticket).min();
    if let Some(deadline) = promise.map(|p| p + 10 * DAY)
        && end >= deadline
        && !succeeded.is_empty()
    {
        let charges: Vec<usize> = charges_of(house, id).map(|(n, _)| n).collect();
        let paid = house
            .refunds
            .iter()
            .any(|r| charges.contains(&r.charge) && r.status.at(end) == Some("succeeded") && r.created <= deadline);
        if !paid {
            all.push(("refund_not_paid", id.to_string()));
        }
    }
    if let Some(moment) = order.delivered(end).map(|d| d + 30 * DAY)
        && moment <= end
    {
        let unpaid = house.invoices.iter().filter(|i| i.order == Some(id) && i.finalized.is_some()).any(|i| {
            let by = |m: Option<i64>| m.is_some_and(|m| m <= moment);
            !by(i.paid) && !by(i.voided)
        });
        if unpaid {
            all.push(("delivered_not_paid", id.to_string()));
        }
    }
}

fn about_invoice(world: &World, house: &Household, n: usize, invoice: &Invoice, all: &mut Vec<(&'static str, String)>) {
    let end = world.as_of;
    let order = invoice.order.and_then(|id| house.orders.iter().find(|o| o.id == id));
    if let (Some(order), Some(finalized), None) = (order, invoice.finalized, invoice.voided)
        && order.cancelled.is_none()
        && order.delivered(end).is_none_or(|delivered| finalized < delivered)
    {
        all.push(("invoice_before_delivery", invoice.id.clone()));
    }
    let mine: Vec<(usize, &Charge)> = house.charges.iter().enumerate().filter(|(_, c)| c.invoice == Some(n)).collect();
    if mine.iter().filter(|(_, c)| c.status.at(end) == Some("succeeded")).count() > 1 {
        all.push(("paid_twice", invoice.id.clone()));
    }
    let Some(order) = invoice.order else { return };
    for (_, charge) in &mine {
        let at = charge.created;
        let after_failure = mine.iter().any(|(_, c)| c.status.at(end) == Some("failed") && c.created < at);
        let ticket = living(world, house).any(|t| t.order == Some(order) && is_open(t, at));
        let dispute = house.disputes.iter().any(|d| {
            house.charges[d.charge].invoice.is_some_and(|i| house.invoices[i].order == Some(order))
                && d.created <= at
                && !matches!(d.status.at(end), Some("won" | "lost"))
        });
        if after_failure && (ticket || dispute) {
            all.push(("retry_while_open", charge.id.clone()));
        }
    }
}

fn about_ticket(world: &World, ticket: &Ticket, all: &mut Vec<(&'static str, String)>) {
    let id = || ticket.id.to_string();
    let events = || ticket.audits.iter().flat_map(|a| a.events.iter());
    if events().filter(|e| matches!(e, Event::Change(Field::Group, Value::Id(_), Value::Id(_)))).count() > 1 {
        all.push(("transferred_twice", id()));
    }
    if status_changes(ticket).any(|(_, from, to)| from == "solved" && matches!(to, "new" | "open" | "pending" | "hold"))
    {
        all.push(("reopened", id()));
    }
    let reply = ticket
        .audits
        .iter()
        .skip(1)
        .find(|a| is_staff(a.author) && a.events.iter().any(|e| matches!(e, Event::Comment { public: true })));
    let until = reply.map_or(world.as_of, |a| a.at);
    if world.calendar.business_seconds(ticket.opened(), until) > 48 * HOUR {
        all.push(("no_reply", id()));
    }
}
