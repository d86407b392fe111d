//! Orders, their lines, parcels and refunds as the shop sees them.

use super::calendar::{DAY, HOUR};
use super::lives::{Person, plain, spell_email};
use super::model::*;
use super::names::{COUNTRIES, MAIL_HOSTS, NOTES, PRODUCTS};
use super::rng::{Rng, scramble};
use super::world::{World, div_round};

/// Orders a person can have.
pub const ORDERS_EACH: u64 = 64;

pub fn order_id(number: u64) -> u64 {
    5_000_000_000_000 + scramble(number, 21)
}

/// One order from basket to last parcel; gives its index. What is paid is told by billing.
pub fn order(world: &World, rng: &mut Rng, house: &mut Household, person: &Person, nth: u64, at: i64) -> usize {
    let number = person.number * ORDERS_EACH + nth;
    let (_, _, currency, tax) = COUNTRIES[person.country];
    let account = person.account.filter(|_| !rng.chance(38));
    let (buyer, email, phone) = match account {
        Some(record) => {
            let known = house.records[record].at(at);
            (Buyer::Account(record), known.email.text.clone(), known.phone.text.clone().filter(|_| rng.chance(400)))
        }
        None => {
            let other = person.account.is_some() && rng.chance(250);
            let address = if other {
                format!("gast.{}{}@{}", person.last.1, person.number, MAIL_HOSTS[0])
            } else {
                person.email.clone()
            };
            let email = if rng.chance(150) { spell_email(rng, &address, 1000) } else { plain(&address) };
            (Buyer::Guest(email.clone()), email.text, None)
        }
    };
    let source_name = ["web", "mobile", "pos", "draft"][rng.weighted(&[75, 17, 5, 3])];
    let lines = lines(rng, number, currency);
    let goods: i64 = lines.iter().map(|l| l.price * l.quantity).sum();
    let discounts: i64 = lines.iter().map(|l| l.discount).sum();
    let subtotal = goods - discounts;
    let shipping =
        if source_name == "pos" || subtotal > 5_000 || subtotal == 0 { 0 } else { local_price(490, currency) };
    let total = subtotal + shipping;
    let included = div_round(i128::from(total) * i128::from(tax), i128::from(1000 + tax));
    // A yen has no hundredth.
    let tax = if currency == "JPY" { included - included % 100 } else { included };
    let mut order = Order {
        id: order_id(number),
        entity: person.entity(),
        buyer,
        email,
        phone,
        created: at,
        currency,
        lines,
        subtotal,
        discounts,
        tax,
        total,
        source_name,
        note: rng.chance(60).then(|| *rng.pick(&NOTES)),
        cancelled: None,
        paid: None,
        parcels: 1,
        fulfillments: vec![],
        refunds: vec![],
    };
    if source_name == "pos" {
        order.paid = Some(at);
    } else if rng.chance(60) {
        let reason = *rng.pick(&["customer", "inventory", "fraud", "declined", "other"]);
        let when = snap(at + rng.between(600, 3 * DAY), SHIPPED);
        order.cancelled = (when < world.as_of).then_some((when, reason));
        if rng.chance(150) {
            ship(world, rng, &mut order, number, 0, when - 300, "cancelled");
        }
    } else {
        parcels(world, rng, &mut order, number);
    }
    shop_refunds(world, rng, &mut order, number);
    house.orders.push(order);
    house.orders.len() - 1
}

fn lines(rng: &mut Rng, number: u64, currency: &str) -> Vec<Line> {
    let count = 1 + rng.weighted(&[30, 27, 20, 13, 7, 3]);
    let is_free = rng.chance(6);
    (0..count as u64)
        .map(|n| {
            // A third of all goods sold are the first eight products.
            let product = if rng.chance(330) { rng.below(8) } else { rng.below(PRODUCTS.len() as u64) } as usize;
            let price = local_price(PRODUCTS[product].3, currency);
            let quantity = 1 + rng.weighted(&[70, 20, 7, 3]) as i64;
            let discount = if is_free {
                price * quantity
            } else if rng.chance(180) {
                let share = price * quantity * rng.between(1, 6) * 5 / 100;
                if currency == "JPY" { share - share % 100 } else { share }
            } else {
                0
            };
            Line { id: 13_000_000_000_000 + scramble(number * 8 + n, 22), product, quantity, price, discount }
        })
        .collect()
}

/// The list price of a currency, from euro cents.
fn local_price(cents: i64, currency: &str) -> i64 {
    match currency {
        "CHF" => cents * 11 / 10,
        "GBP" => cents * 9 / 10,
        "JPY" => cents * 16 / 10 * 100,
        _ => cents,
    }
}

fn parcels(world: &World, rng: &mut Rng, order: &mut Order, number: u64) {
    let picked = order.created + rng.between(2 * HOUR, 3 * DAY);
    match rng.weighted(&[850, 70, 20, 25, 25, 10]) {
        0 => ship(world, rng, order, number, 0, picked, "delivered"),
        1 => {
            order.parcels = 2;
            ship(world, rng, order, number, 0, picked, "delivered");
            let second = picked + rng.between(DAY, 12 * DAY);
            ship(world, rng, order, number, 1, second, "delivered");
        }
        // Handed to the carrier, and never heard of again.
        2 => ship(world, rng, order, number, 0, picked, "lost"),
        // Nobody has packed it.
        3 => {}
        4 => {
            ship(world, rng, order, number, 0, picked, "failure");
            ship(world, rng, order, number, 1, picked + 2 * DAY, "delivered");
        }
        _ => ship(world, rng, order, number, 0, picked, "pending"),
    }
}

/// One parcel. What has not happened by the end of the last night is left out.
fn ship(world: &World, rng: &mut Rng, order: &mut Order, number: u64, nth: u64, at: i64, fate: &str) {
    let created = snap(at.max(order.created + 240), SHIPPED);
    if created >= world.as_of {
        return;
    }
    let mut status = Timeline::of(created, "pending");
    let mut delivered = None;
    let handed_over = snap(created + rng.between(240, 5 * HOUR), SHIPPED);
    match fate {
        "delivered" => {
            status.then(handed_over, "success");
            let slow = if rng.chance(60) { 9 * DAY } else { 0 };
            delivered = Some(snap(handed_over + slow + rng.between(14 * HOUR, 4 * DAY), SHIPPED));
        }
        "lost" => status.then(handed_over, "success"),
        "failure" => status.then(handed_over, "failure"),
        "cancelled" => status.then(snap(created + 120, SHIPPED), "cancelled"),
        _ => {}
    }
    status.cut(world.as_of);
    order.fulfillments.push(Fulfillment {
        id: 4_000_000_000_000 + scramble(number * 4 + nth, 23),
        created,
        status,
        delivered: delivered.filter(|d| *d < world.as_of),
    });
}

fn shop_refunds(world: &World, rng: &mut Rng, order: &mut Order, number: u64) {
    let from = match (order.cancelled, order.delivered(world.as_of)) {
        // A cancelled order may have been refunded as well: no revenue is lost by that.
        (Some((when, _)), _) if rng.chance(250) => when + 60,
        (None, Some(delivered)) if rng.chance(80) => delivered + rng.between(DAY, 21 * DAY),
        _ => return,
    };
    let count = if rng.chance(120) { 2 } else { 1 };
    let mut left = order.total;
    for nth in 0..count {
        let at = snap(from + nth as i64 * rng.between(HOUR, 9 * DAY), SHIPPED);
        let line = &order.lines[nth % order.lines.len()];
        let whole = order.cancelled.is_some() || (count == 1 && rng.chance(450));
        let amount = if whole { left } else { (line.price * line.quantity - line.discount).min(left) };
        if at >= world.as_of || amount <= 0 {
            return;
        }
        left -= amount;
        order.refunds.push(ShopRefund { id: 880_000_000_000 + scramble(number * 4 + nth as u64, 24), at, amount });
    }
}
