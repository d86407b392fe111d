//! What a customer felt: the touchpoints of a household.

use super::friction::{is_staff, living};
use super::kin::Kin;
use super::model::*;
use super::names::GROUPS;
use super::world::World;

/// The kinds in the order that decides between touchpoints of one moment.
pub const KINDS: [&str; 14] = [
    "order_placed",
    "order_delivered",
    "ticket_opened",
    "ticket_replied",
    "ticket_followed_up",
    "ticket_transferred",
    "ticket_reopened",
    "ticket_solved",
    "ticket_rated",
    "invoice_issued",
    "invoice_paid",
    "payment_failed",
    "refund_issued",
    "dispute_opened",
];

mod kind {
    pub const PLACED: usize = 0;
    pub const DELIVERED: usize = 1;
    pub const OPENED: usize = 2;
    pub const REPLIED: usize = 3;
    pub const FOLLOWED_UP: usize = 4;
    pub const TRANSFERRED: usize = 5;
    pub const REOPENED: usize = 6;
    pub const SOLVED: usize = 7;
    pub const RATED: usize = 8;
    pub const ISSUED: usize = 9;
    pub const PAID: usize = 10;
    pub const FAILED: usize = 11;
    pub const REFUNDED: usize = 12;
    pub const DISPUTED: usize = 13;
}

/// What a touchpoint is about, as far as one customer is concerned: indexes of the household's lists.
///
/// An order of somebody else makes no common matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    Order(usize),
    Ticket(usize),
    Invoice(usize),
    Charge(usize),
}

#[derive(Debug, Clone)]
pub struct Point {
    pub at: i64,
    /// Index of [`KINDS`].
    pub kind: usize,
    pub source_id: String,
    pub customer: Option<usize>,
    pub matter: Matter,
    pub department: &'static str,
}

/// The matter that something of a customer belongs to, if it names that customer's own order.
fn order_matter(house: &Household, kin: &Kin, order: Option<u64>, customer: Option<usize>) -> Option<Matter> {
    let place = house.orders.iter().position(|o| Some(o.id) == order)?;
    (customer.is_some() && kin.of_order[place] == customer).then_some(Matter::Order(place))
}

pub fn invoice_matter(house: &Household, kin: &Kin, invoice: usize) -> Matter {
    let bill = &house.invoices[invoice];
    order_matter(house, kin, bill.order, kin.of_payer(bill.payer)).unwrap_or(Matter::Invoice(invoice))
}

pub fn ticket_matter(house: &Household, kin: &Kin, ticket: usize) -> Matter {
    let asked = &house.tickets[ticket];
    order_matter(house, kin, asked.order, kin.of_ticket(asked)).unwrap_or(Matter::Ticket(ticket))
}

/// All touchpoints of a household, in no order.
pub fn points(world: &World, house: &Household, kin: &Kin) -> Vec<Point> {
    let end = world.as_of;
    let mut all = vec![];
    for (n, (order, customer)) in house.orders.iter().zip(&kin.of_order).enumerate() {
        let department = if order.source_name == "pos" { "store" } else { "sales" };
        let mut add = |kind, at, id: u64| {
            let (customer, matter) = (*customer, Matter::Order(n));
            all.push(Point { at, kind, source_id: id.to_string(), customer, matter, department });
        };
        add(kind::PLACED, order.created, order.id);
        for parcel in order.fulfillments.iter().filter(|f| f.is_success(end)) {
            if let Some(delivered) = parcel.delivered {
                add(kind::DELIVERED, delivered, parcel.id);
            }
        }
    }
    for (n, ticket) in house.tickets.iter().enumerate().filter(|(_, t)| t.status(end) != "deleted") {
        let (customer, matter) = (kin.of_ticket(ticket), ticket_matter(house, kin, n));
        ticket_points(ticket, |at, kind, id: u64, department| {
            all.push(Point { at, kind, source_id: id.to_string(), customer, matter, department });
        });
    }
    let mut bill = |kind, at, id: &str, customer, matter| {
        all.push(Point { at, kind, source_id: id.to_string(), customer, matter, department: "billing" });
    };
    for (n, invoice) in house.invoices.iter().enumerate() {
        let (customer, matter) = (kin.of_payer(invoice.payer), invoice_matter(house, kin, n));
        for (kind, at) in [(kind::ISSUED, invoice.finalized), (kind::PAID, invoice.paid)] {
            if let Some(at) = at {
                bill(kind, at, &invoice.id, customer, matter);
            }
        }
    }
    let about = |n: usize| {
        let charge = &house.charges[n];
        let matter = charge.invoice.map_or(Matter::Charge(n), |i| invoice_matter(house, kin, i));
        (kin.of_payer(charge.payer), matter)
    };
    for (n, charge) in house.charges.iter().enumerate().filter(|(_, c)| c.status.at(end) == Some("failed")) {
        let (customer, matter) = about(n);
        bill(kind::FAILED, charge.created, &charge.id, customer, matter);
    }
    for refund in house.refunds.iter().filter(|r| r.status.at(end) == Some("succeeded")) {
        let (customer, matter) = about(refund.charge);
        bill(kind::REFUNDED, refund.created, &refund.id, customer, matter);
    }
    for dispute in &house.disputes {
        let (customer, matter) = about(dispute.charge);
        bill(kind::DISPUTED, dispute.created, &dispute.id, customer, matter);
    }
    all
}

/// Whose team has the ticket at a moment; before the first team it is customer service's.
fn department(ticket: &Ticket, at: i64) -> &'static str {
    let group = ticket.field(Field::Group, at);
    GROUPS.iter().find(|g| Value::Id(g.0) == group).map_or("support", |g| g.2)
}

fn ticket_points(ticket: &Ticket, mut add: impl FnMut(i64, usize, u64, &'static str)) {
    add(ticket.opened(), kind::OPENED, ticket.id, department(ticket, ticket.opened()));
    let mut rated = None;
    for (n, audit) in ticket.audits.iter().enumerate() {
        let at = audit.at;
        let by = department(ticket, at);
        let is_comment = audit.events.iter().any(|e| matches!(e, Event::Comment { public: true }));
        if n > 0 && is_comment && is_staff(audit.author) {
            add(at, kind::REPLIED, audit.id, by);
        } else if n > 0 && is_comment && audit.author == ticket.requester {
            add(at, kind::FOLLOWED_UP, audit.id, by);
        }
        for event in &audit.events {
            match *event {
                Event::Change(Field::Group, Value::Id(_), _) => add(at, kind::TRANSFERRED, audit.id, by),
                Event::Change(Field::Status, _, Value::Text("solved")) => add(at, kind::SOLVED, audit.id, by),
                Event::Change(
                    Field::Status,
                    Value::Text("solved"),
                    Value::Text("new" | "open" | "pending" | "hold"),
                ) => {
                    add(at, kind::REOPENED, audit.id, by);
                }
                Event::Change(Field::Score, ..) => rated = Some(at),
                _ => {}
            }
        }
    }
    // Where no audit tells of the rating, it is as old as the ticket's last change.
    let changed = ticket.audits.last().map_or(0, |a| a.at);
    if let Some(at) = rated.or(ticket.silent_score.map(|(at, _)| at.max(changed))) {
        add(at, kind::RATED, ticket.id, department(ticket, at));
    }
}

/// Journeys of known customers: outcome of each, and how many hand-offs they hold.
#[derive(Debug, Default)]
pub struct Journeys {
    pub outcomes: Vec<&'static str>,
    pub handoffs: u64,
}

/// Days within which a matter without an order goes on where another left off.
const GAP_DAYS: i64 = 14;

/// Puts the touchpoints of each customer into journeys.
pub fn journeys(world: &World, house: &Household, kin: &Kin, points: Vec<Point>) -> Journeys {
    let mut told = Journeys::default();
    for customer in 0..kin.customers {
        let mut own: Vec<&Point> = points.iter().filter(|p| p.customer == Some(customer)).collect();
        own.sort_unstable_by(|a, b| (a.at, a.kind, &a.source_id).cmp(&(b.at, b.kind, &b.source_id)));
        // The journey of each matter, in the order of their first touchpoints.
        let mut homes: Vec<(Matter, Matter)> = vec![];
        let mut steps: Vec<(Matter, &Point)> = vec![];
        for (n, point) in own.iter().enumerate() {
            let known = homes.iter().find(|(matter, _)| *matter == point.matter).map(|(_, home)| *home);
            let home = known.unwrap_or_else(|| {
                let joins = n > 0
                    && !matches!(point.matter, Matter::Order(_))
                    && point.at - own[n - 1].at <= GAP_DAYS * super::calendar::DAY;
                let home = if joins { steps[n - 1].0 } else { point.matter };
                homes.push((point.matter, home));
                home
            });
            steps.push((home, point));
        }
        let mut roots: Vec<Matter> = homes.iter().map(|(_, home)| *home).collect();
        roots.sort_unstable();
        roots.dedup();
        for root in roots {
            let way: Vec<&Point> = steps.iter().filter(|(home, _)| *home == root).map(|(_, p)| *p).collect();
            told.handoffs += way.windows(2).filter(|w| w[0].department != w[1].department).count() as u64;
            let members: Vec<Matter> =
                homes.iter().filter(|(_, home)| *home == root).map(|(matter, _)| *matter).collect();
            told.outcomes.push(outcome(world, house, kin, root, &members, &way));
        }
    }
    told
}

fn outcome(
    world: &World,
    house: &Household,
    kin: &Kin,
    root: Matter,
    members: &[Matter],
    way: &[&Point],
) -> &'static str {
    let end = world.as_of;
    let order = match root {
        Matter::Order(n) => Some(&house.orders[n]),
        _ => None,
    };
    let tickets: Vec<&str> = living(world, house)
        .filter(|t| {
            let n = house.tickets.iter().position(|other| other.id == t.id).unwrap_or(0);
            kin.of_ticket(t).is_some()
                && kin.of_ticket(t) == way[0].customer
                && members.contains(&ticket_matter(house, kin, n))
        })
        .map(|t| t.status(end))
        .collect();
    let invoice_open = house.invoices.iter().enumerate().any(|(n, i)| {
        i.status(end) == "open"
            && kin.of_payer(i.payer) == way[0].customer
            && members.contains(&invoice_matter(house, kin, n))
    });
    let last = way.iter().map(|p| p.at).max().unwrap_or(0);
    let is_open = invoice_open
        || tickets.iter().any(|status| matches!(*status, "new" | "open" | "pending" | "hold"))
        || order.is_some_and(|o| o.delivered(end).is_none() && o.cancelled.is_none())
        || end - last < GAP_DAYS * super::calendar::DAY;
    if is_open {
        "open"
    } else if order.is_some_and(|o| o.cancelled.is_some()) {
        "cancelled"
    } else if way.iter().any(|p| p.kind == kind::REFUNDED) {
        "refunded"
    } else if !tickets.is_empty() {
        "resolved"
    } else if order.is_some() {
        "bought"
    } else {
        "ended"
    }
}
