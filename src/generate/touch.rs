//! What a customer felt: the touchpoints of a household.

use super::friction::{is_staff, living};
use super::kin::Kin;
use super::model::*;
use super::world::World;

/// All touchpoints: kind and customer.
pub fn points(world: &World, house: &Household, kin: &Kin) -> Vec<(&'static str, Option<usize>)> {
    let end = world.as_of;
    let mut all = vec![];
    for (order, customer) in house.orders.iter().zip(&kin.of_order) {
        all.push(("order_placed", *customer));
        for parcel in order.fulfillments.iter().filter(|f| f.is_success(end)) {
            all.extend(parcel.delivered.map(|_| ("order_delivered", *customer)));
        }
    }
    for ticket in living(world, house) {
        let customer = kin.of_ticket(ticket);
        all.extend(ticket_points(world, ticket).into_iter().map(|(kind, _)| (kind, customer)));
    }
    for invoice in &house.invoices {
        let customer = kin.of_payer(invoice.payer);
        all.extend(invoice.finalized.map(|_| ("invoice_issued", customer)));
        all.extend(invoice.paid.map(|_| ("invoice_paid", customer)));
    }
    for charge in &house.charges {
        if charge.status.at(end) == Some("failed") {
            all.push(("payment_failed", kin.of_payer(charge.payer)));
        }
    }
    for refund in house.refunds.iter().filter(|r| r.status.at(end) == Some("succeeded")) {
        all.push(("refund_issued", kin.of_payer(house.charges[refund.charge].payer)));
    }
    for dispute in &house.disputes {
        all.push(("dispute_opened", kin.of_payer(house.charges[dispute.charge].payer)));
    }
    all
}

/// The touchpoints of a ticket with their moments.
fn ticket_points(world: &World, ticket: &Ticket) -> Vec<(&'static str, i64)> {
    let mut all = vec![("ticket_opened", ticket.opened())];
    let mut rated = None;
    for (n, audit) in ticket.audits.iter().enumerate() {
        let at = audit.at;
        let is_comment = audit.events.iter().any(|e| matches!(e, Event::Comment { public: true }));
        if n > 0 && is_comment && is_staff(audit.author) {
            all.push(("ticket_replied", at));
        } else if n > 0 && is_comment && audit.author == ticket.requester {
            all.push(("ticket_followed_up", at));
        }
        for event in &audit.events {
            match *event {
                Event::Change(Field::Group, Value::Id(_), _) => all.push(("ticket_transferred", at)),
                Event::Change(Field::Status, _, Value::Text("solved")) => all.push(("ticket_solved", at)),
                Event::Change(Field::Status, Value::Text("solved"), Value::Text("new" | "open" | "pending" | "hold")) => {
                    all.push(("ticket_reopened", at));
                }
                Event::Change(Field::Score, ..) => rated = Some(at),
                _ => {}
            }
        }
    }
    let changed = ticket.audits.last().map_or(0, |a| a.at);
    rated = rated.or(ticket.silent_score.map(|(at, _)| at.max(changed)));
    all.extend(rated.filter(|at| *at < world.as_of).map(|at| ("ticket_rated", at)));
    all
}
