//! What each system hands over of a household's life, night by night.

use std::io::Write as _;

use crate::error::Result;

use super::model::*;
use super::names::{MATTERS, PRODUCTS};
use super::tables::Table;
use super::world::World;
use super::write::{Drop, Fields, Place};

/// The custom field that carries the shop's order id.
const ORDER_FIELD: i64 = 360_000_000_101;

/// Writes all versions of all rows of a household.
pub fn emit(world: &World, drop: &mut Drop, house: &Household, awkward: bool) -> Result<()> {
    for record in &house.records {
        emit_record(world, drop, record)?;
    }
    for order in &house.orders {
        emit_order(world, drop, house, order, awkward)?;
    }
    for invoice in &house.invoices {
        emit_invoice(world, drop, house, invoice, awkward)?;
    }
    for (nth, charge) in house.charges.iter().enumerate() {
        emit_charge(world, drop, house, nth, charge)?;
    }
    for (table, moneys) in [(Table::StripeRefunds, &house.refunds), (Table::Disputes, &house.disputes)] {
        for money in moneys {
            let mut changes: Vec<i64> = money.status.0.iter().map(|s| s.0).collect();
            for (nth, (night, at)) in world.nights(&mut changes).into_iter().enumerate() {
                let row = money_row(house, money, at);
                drop.accept(drop.place(table, night), nth == 0, &row, 0)?;
            }
        }
    }
    for ticket in &house.tickets {
        emit_ticket(world, drop, ticket, awkward)?;
    }
    Ok(())
}

fn emit_record(world: &World, drop: &mut Drop, record: &Record) -> Result<()> {
    let mut changes: Vec<i64> = record.versions.iter().map(|v| v.at).chain(record.deleted_at).collect();
    for (nth, (night, at)) in world.nights(&mut changes).into_iter().enumerate() {
        let (table, row) = match record.source {
            Source::ShopCustomer => {
                let place = drop.place(Table::Customers, night);
                (Table::Customers, drop.csv(place, &customer_fields(record, at))?)
            }
            Source::DeskUser => (Table::Users, user_row(record, at)),
            Source::StripeCustomer => (Table::StripeCustomers, payer_row(record, at)),
        };
        drop.accept(drop.place(table, night), nth == 0, &row, 0)?;
    }
    Ok(())
}

pub fn customer_fields(record: &Record, at: i64) -> Fields {
    let v = record.at(at);
    let mut f = Fields::default();
    f.text(&record.id)
        .text(&v.first_name)
        .text(&v.last_name)
        .maybe(v.email.text.as_deref())
        .maybe(v.phone.text.as_deref())
        .raw(if v.marketing { b"TRUE" } else { b"FALSE" })
        .time(record.created())
        .time(at)
        .text(&v.street)
        .text(v.postcode)
        .text(v.city)
        .maybe(v.country);
    f
}

fn user_row(record: &Record, at: i64) -> Vec<u8> {
    let v = record.at(at);
    let name = format!("{} {}", v.first_name, v.last_name);
    user_json(
        &record.id,
        name.trim(),
        v.email.text.as_deref(),
        v.phone.text.as_deref(),
        "end-user",
        [record.created(), at],
    )
}

/// A help desk's user; `times`: created, updated.
pub fn user_json(
    id: &str,
    name: &str,
    email: Option<&str>,
    phone: Option<&str>,
    role: &str,
    times: [i64; 2],
) -> Vec<u8> {
    let mut out = format!("{{\"id\":{id},\"name\":").into_bytes();
    json_text(&mut out, Some(name), false);
    out.extend_from_slice(b",\"email\":");
    json_text(&mut out, email, false);
    out.extend_from_slice(b",\"phone\":");
    json_text(&mut out, phone, false);
    out.extend_from_slice(format!(",\"role\":\"{role}\",\"organization_id\":null,\"active\":true").as_bytes());
    iso_times(&mut out, times);
    out.extend_from_slice(b"}\n");
    out
}

fn iso_times(out: &mut Vec<u8>, [created, updated]: [i64; 2]) {
    out.extend_from_slice(b",\"created_at\":\"");
    super::calendar::push_iso_time(out, created);
    out.extend_from_slice(b"\",\"updated_at\":\"");
    super::calendar::push_iso_time(out, updated);
    out.push(b'"');
}

pub fn payer_row(record: &Record, at: i64) -> Vec<u8> {
    if record.deleted_at.is_some_and(|d| d <= at) {
        return format!("{{\"id\":\"{}\",\"object\":\"customer\",\"deleted\":true}}\n", record.id).into_bytes();
    }
    let v = record.at(at);
    let mut out = format!("{{\"id\":\"{}\",\"object\":\"customer\",\"address\":{{\"city\":", record.id).into_bytes();
    json_text(&mut out, Some(v.city), true);
    out.extend_from_slice(b",\"country\":");
    json_text(&mut out, v.country, true);
    out.extend_from_slice(b",\"line1\":");
    json_text(&mut out, Some(&v.street), true);
    out.extend_from_slice(b",\"postal_code\":");
    json_text(&mut out, Some(v.postcode), true);
    out.extend_from_slice(format!("}},\"created\":{},\"email\":", record.created()).as_bytes());
    json_text(&mut out, v.email.text.as_deref(), true);
    out.extend_from_slice(b",\"name\":");
    json_text(&mut out, Some(format!("{} {}", v.first_name, v.last_name).trim()), true);
    out.extend_from_slice(b",\"phone\":");
    json_text(&mut out, v.phone.text.as_deref(), true);
    out.extend_from_slice(b"}\n");
    out
}

fn emit_order(world: &World, drop: &mut Drop, house: &Household, order: &Order, awkward: bool) -> Result<()> {
    let mut changes = vec![order.created];
    changes.extend(order.paid);
    changes.extend(order.cancelled.map(|c| c.0));
    changes.extend(order.refunds.iter().map(|r| r.at));
    changes.extend(order.fulfillments.iter().flat_map(|f| f.status.0.iter().map(|s| s.0)));
    let nights = world.nights(&mut changes);
    for (nth, &(night, at)) in nights.iter().enumerate() {
        let mut place = drop.place(Table::Orders, night);
        if awkward && night == 0 && order.id % 83 == 7 {
            // Forgotten by the export, handed in later for the old date.
            place.2 = place.2.max(1) + LATE;
        }
        let row = drop.csv(place, &order_fields(house, order, at))?;
        drop.accept(place, nth == 0, &row, order.total)?;
        let older = changes.iter().rev().find(|c| **c < at);
        if let Some(older) = older.filter(|_| awkward && night == 0 && order.id % 61 == 3) {
            // The same key again, older, and after the newer one.
            let row = drop.csv(place, &order_fields(house, order, *older))?;
            drop.accept(place, false, &row, order.total)?;
        }
        for line in &order.lines {
            let place = drop.place(Table::OrderLines, night);
            let row = drop.csv(place, &line_fields(order.id, line))?;
            drop.accept(place, nth == 0, &row, 0)?;
        }
    }
    for refund in &order.refunds {
        for (night, at) in world.nights(&mut [refund.at]) {
            let place = drop.place(Table::Refunds, night);
            let mut f = Fields::default();
            f.number(refund.id).number(order.id).time(at);
            match refund.id % 4 {
                0 => f.text("Retoure, \"Größe passt nicht\""),
                1 => f.text(""),
                2 => f.text("Bruch\r\nFoto liegt vor"),
                _ => f.null(),
            };
            f.money(refund.amount).text(order.currency);
            let row = drop.csv(place, &f)?;
            drop.accept(place, true, &row, 0)?;
        }
    }
    for parcel in &order.fulfillments {
        let mut changes: Vec<i64> = parcel.status.0.iter().map(|s| s.0).chain(parcel.delivered).collect();
        for (nth, (night, at)) in world.nights(&mut changes).into_iter().enumerate() {
            let place = drop.place(Table::Fulfillments, night);
            let mut f = Fields::default();
            f.number(parcel.id).number(order.id).time(parcel.created).time(at);
            f.maybe(parcel.status.at(at)).maybe_time(parcel.delivered.filter(|d| *d <= at));
            let row = drop.csv(place, &f)?;
            drop.accept(place, nth == 0, &row, 0)?;
        }
    }
    Ok(())
}

/// How far the number of a late file lies above that of the file that it completes.
pub const LATE: u32 = 1;

pub fn order_fields(house: &Household, order: &Order, at: i64) -> Fields {
    let is_cancelled = order.cancelled.is_some_and(|c| c.0 <= at);
    let is_paid = order.paid.is_some_and(|p| p <= at);
    let returned: i64 = order.refunds.iter().filter(|r| r.at <= at).map(|r| r.amount).sum();
    let financial = match (is_cancelled, is_paid) {
        (true, false) => "voided",
        _ if returned > 0 && returned >= order.total => "refunded",
        _ if returned > 0 => "partially_refunded",
        (_, true) => "paid",
        _ => "pending",
    };
    let sent = order.fulfillments.iter().filter(|f| f.is_success(at)).count();
    let fulfillment = match sent {
        0 => None,
        n if n < order.parcels => Some("partial"),
        _ => Some("fulfilled"),
    };
    let mut f = Fields::default();
    f.number(order.id);
    match &order.buyer {
        Buyer::Account(record) => f.text(&house.records[*record].id),
        _ => f.null(),
    };
    f.maybe(order.email.as_deref())
        .maybe(order.phone.as_deref())
        .time(order.created)
        .time(at)
        .time(order.created)
        .text(order.currency)
        .money(order.subtotal)
        .money(order.discounts)
        .money(order.tax)
        .money(order.total)
        .text(financial)
        .maybe(fulfillment)
        .maybe_time(order.cancelled.map(|c| c.0).filter(|c| *c <= at))
        .maybe(order.cancelled.filter(|c| c.0 <= at).map(|c| c.1))
        .text(order.source_name)
        .maybe(order.note);
    f
}

pub fn line_fields(order: u64, line: &Line) -> Fields {
    let mut f = Fields::default();
    f.number(line.id)
        .number(order)
        .number(product_id(line.product))
        .text(&format!("URA-{:03}", line.product))
        .text(PRODUCTS[line.product].0)
        .number(line.quantity as u64)
        .money(line.price)
        .money(line.discount);
    f
}

pub fn product_id(product: usize) -> u64 {
    7_800_000_000_000 + 1_013 * product as u64
}

/// Minor units: cents, but whole yen.
fn minor(cents: i64, currency: &str) -> i64 {
    if currency == "JPY" { cents / 100 } else { cents }
}

fn payer_id(house: &Household, payer: Option<usize>, unique: u64) -> String {
    payer.map_or_else(|| format!("cus_unknown{unique:06}"), |p| house.records[p].id.clone())
}

fn or_null(value: Option<i64>) -> String {
    value.map_or_else(|| "null".into(), |v| v.to_string())
}

fn emit_invoice(world: &World, drop: &mut Drop, house: &Household, invoice: &Invoice, awkward: bool) -> Result<()> {
    let mut changes = vec![invoice.created];
    changes
        .extend(invoice.finalized.into_iter().chain(invoice.paid).chain(invoice.voided).chain(invoice.uncollectible));
    changes.extend(invoice.part_paid.map(|p| p.0));
    let nights = world.nights(&mut changes);
    let hash = invoice.created / 4;
    for (nth, &(night, at)) in nights.iter().enumerate() {
        let value = minor(invoice.amount, invoice.currency);
        let older = changes.iter().rev().find(|c| **c < at);
        if let Some(older) = older.filter(|_| awkward && night == 0 && hash % 67 == 3) {
            // The same key twice: `created` tells nothing of age, so the later row holds.
            drop.accept(drop.place(Table::Invoices, night), nth == 0, &invoice_row(house, invoice, *older), value)?;
            drop.accept(drop.place(Table::Invoices, night), false, &invoice_row(house, invoice, at), value)?;
            continue;
        }
        drop.accept(drop.place(Table::Invoices, night), nth == 0, &invoice_row(house, invoice, at), value)?;
    }
    if let [first, .., last] = nights[..]
        && awkward
        && first.0 == 0
        && last.0 >= 2
        && hash % 5 == 0
    {
        // An old state handed in late, for the second night: old by its date, not by its arrival.
        drop.accept(
            (Table::Invoices, 1, 1 + LATE),
            false,
            &invoice_row(house, invoice, first.1),
            minor(invoice.amount, invoice.currency),
        )?;
    }
    Ok(())
}

pub fn invoice_row(house: &Household, invoice: &Invoice, at: i64) -> Vec<u8> {
    let units = |cents| minor(cents, invoice.currency);
    let by = |moment: Option<i64>| or_null(moment.filter(|m| *m <= at));
    let order = invoice.order.map_or_else(String::new, |o| format!("\"order_id\":\"{o}\""));
    let attempts = house
        .charges
        .iter()
        .filter(|c| c.created <= at && c.invoice.is_some_and(|i| house.invoices[i].id == invoice.id));
    let payer = payer_id(house, invoice.payer, house.number);
    format!(
        "{{\"id\":\"{}\",\"object\":\"invoice\",\"amount_due\":{},\"amount_paid\":{},\"amount_remaining\":{},\
         \"attempt_count\":{},\"created\":{},\"currency\":\"{}\",\"customer\":\"{payer}\",\"due_date\":{},\
         \"metadata\":{{{order}}},\"number\":\"{}\",\"status\":\"{}\",\"status_transitions\":{{\"finalized_at\":{},\
         \"paid_at\":{},\"voided_at\":{}}}}}\n",
        invoice.id,
        units(invoice.amount),
        units(invoice.amount_paid(at)),
        units(invoice.amount_remaining(at)),
        attempts.count(),
        invoice.created,
        invoice.currency.to_lowercase(),
        or_null(invoice.due),
        invoice.number,
        invoice.status(at),
        by(invoice.finalized),
        by(invoice.paid),
        by(invoice.voided),
    )
    .into_bytes()
}

fn emit_charge(world: &World, drop: &mut Drop, house: &Household, nth: usize, charge: &Charge) -> Result<()> {
    let back: Vec<&MoneyBack> = house.refunds.iter().filter(|r| r.charge == nth).collect();
    let mut changes: Vec<i64> = charge.status.0.iter().map(|s| s.0).collect();
    changes.extend(back.iter().filter(|r| r.status.at(world.as_of) == Some("succeeded")).map(|r| r.created));
    let units = |cents| minor(cents, charge.currency);
    for (version, (night, at)) in world.nights(&mut changes).into_iter().enumerate() {
        let returned = back.iter().filter(|r| r.created <= at && r.status.at(at) == Some("succeeded"));
        let returned: i64 = returned.map(|r| r.amount).sum();
        let status = charge.status.at(at).unwrap_or("pending");
        let failure = charge.failure.filter(|_| status == "failed");
        let invoice = charge.invoice.map_or("null".into(), |i| format!("\"{}\"", house.invoices[i].id));
        let row = format!(
            "{{\"id\":\"{}\",\"object\":\"charge\",\"amount\":{},\"amount_refunded\":{},\"created\":{},\"currency\":\"{}\",\
             \"customer\":\"{}\",\"failure_code\":{},\"invoice\":{invoice},\"paid\":{},\"refunded\":{},\"status\":\"{status}\"}}\n",
            charge.id,
            units(charge.amount),
            units(returned.min(charge.amount)),
            charge.created,
            charge.currency.to_lowercase(),
            payer_id(house, charge.payer, house.number),
            failure.map_or("null".into(), |f| format!("\"{f}\"")),
            status == "succeeded",
            returned >= charge.amount,
        );
        drop.accept(drop.place(Table::Charges, night), version == 0, row.as_bytes(), 0)?;
    }
    Ok(())
}

fn money_row(house: &Household, money: &MoneyBack, at: i64) -> Vec<u8> {
    format!(
        "{{\"id\":\"{}\",\"amount\":{},\"charge\":\"{}\",\"created\":{},\"currency\":\"{}\",\"reason\":\"{}\",\"status\":\"{}\"}}\n",
        money.id,
        minor(money.amount, money.currency),
        house.charges[money.charge].id,
        money.created,
        money.currency.to_lowercase(),
        money.reason,
        money.status.at(at).unwrap_or("pending"),
    )
    .into_bytes()
}

fn emit_ticket(world: &World, drop: &mut Drop, ticket: &Ticket, awkward: bool) -> Result<()> {
    let mut changes: Vec<i64> = ticket.audits.iter().map(|a| a.at).chain(ticket.silent_score.map(|s| s.0)).collect();
    let nights = world.nights(&mut changes);
    for (nth, &(night, at)) in nights.iter().enumerate() {
        let place = drop.place(Table::Tickets, night);
        drop.accept(place, nth == 0, &ticket_row(ticket, at), 0)?;
        let older = changes.iter().rev().find(|c| **c < at);
        if let Some(older) = older.filter(|_| awkward && night == 0 && ticket.id % 71 == 9) {
            drop.accept(place, false, &ticket_row(ticket, *older), 0)?;
        }
    }
    for audit in &ticket.audits {
        for (night, _) in world.nights(&mut [audit.at]) {
            let place: Place = drop.place(Table::Audits, night);
            drop.accept(place, true, &audit_row(ticket, audit), 0)?;
        }
    }
    Ok(())
}

pub fn ticket_row(ticket: &Ticket, at: i64) -> Vec<u8> {
    let (topic, subject, description) = MATTERS[ticket.matter];
    let id = |value| match value {
        Value::Id(id) => id.to_string(),
        _ => "null".into(),
    };
    let mut tags = vec![];
    if ticket.id.is_multiple_of(5) {
        tags.push("\"web_widget\"".to_string());
    }
    if ticket.tagged_topic {
        tags.push(format!("\"topic_{topic}\""));
    }
    if ticket.tagged_refund {
        tags.push("\"refund\"".into());
    }
    let status = ticket.status(at);
    let silent = ticket.silent_score.filter(|s| s.0 <= at).map(|s| s.1);
    let score = match (silent, ticket.field(Field::Score, at)) {
        (Some(score), _) | (None, Value::Text(score)) => score,
        _ if matches!(status, "solved" | "closed") => "offered",
        _ => "unoffered",
    };
    let mut out = format!(
        "{{\"id\":{},\"requester_id\":{},\"assignee_id\":{},\"group_id\":{},\"subject\":",
        ticket.id,
        ticket.requester,
        id(ticket.field(Field::Assignee, at)),
        id(ticket.field(Field::Group, at)),
    )
    .into_bytes();
    json_text(&mut out, Some(subject), false);
    out.extend_from_slice(b",\"description\":");
    json_text(&mut out, Some(description), false);
    let priority = ["\"low\"", "\"normal\"", "\"high\"", "null"][(ticket.id % 4) as usize];
    let kind = ["question", "incident", "problem", "task"][(ticket.id / 4 % 4) as usize];
    let order = match (ticket.order, ticket.id % 3) {
        (Some(order), 0) => {
            format!("{{\"id\":360000000077,\"value\":null}},{{\"id\":{ORDER_FIELD},\"value\":\"{order}\"}}")
        }
        (Some(order), _) => format!("{{\"id\":{ORDER_FIELD},\"value\":\"{order}\"}}"),
        (None, 0) => String::new(),
        (None, _) => format!("{{\"id\":{ORDER_FIELD},\"value\":null}}"),
    };
    let _ = write!(
        out,
        ",\"status\":\"{status}\",\"priority\":{priority},\"type\":\"{kind}\",\"tags\":[{}],\"via\":{{\"channel\":\"{}\"}},\
         \"satisfaction_rating\":{{\"score\":\"{score}\"}},\"custom_fields\":[{order}]",
        tags.join(","),
        ticket.channel,
    );
    iso_times(&mut out, [ticket.opened(), at]);
    out.extend_from_slice(b"}\n");
    out
}

pub fn audit_row(ticket: &Ticket, audit: &Audit) -> Vec<u8> {
    let mut out =
        format!("{{\"id\":{},\"ticket_id\":{},\"author_id\":{},\"created_at\":\"", audit.id, ticket.id, audit.author)
            .into_bytes();
    super::calendar::push_iso_time(&mut out, audit.at);
    out.extend_from_slice(b"\",\"events\":[");
    // Ids come as numbers or as text, by the mood of the export.
    let as_text = audit.id.is_multiple_of(2);
    let value = |value| match value {
        Value::Null => "null".to_string(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Id(id) if as_text => format!("\"{id}\""),
        Value::Id(id) => id.to_string(),
    };
    let name = |field| match field {
        Field::Status => "status",
        Field::Group => "group_id",
        Field::Assignee => "assignee_id",
        Field::Score => "satisfaction_score",
    };
    for (n, event) in audit.events.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let _ = match *event {
            Event::Create(field, v) => {
                write!(out, "{{\"type\":\"Create\",\"field_name\":\"{}\",\"value\":{}}}", name(field), value(v))
            }
            Event::Change(field, from, to) => write!(
                out,
                "{{\"type\":\"Change\",\"field_name\":\"{}\",\"value\":{},\"previous_value\":{}}}",
                name(field),
                value(to),
                value(from)
            ),
            Event::Comment { public } => write!(out, "{{\"type\":\"Comment\",\"public\":{public}}}"),
            Event::Notification => write!(out, "{{\"type\":\"Notification\",\"value\":null}}"),
        };
    }
    out.extend_from_slice(b"]}\n");
    out
}

/// A JSON string or null; `ascii`: all else is escaped, as some exports do.
pub fn json_text(out: &mut Vec<u8>, value: Option<&str>, ascii: bool) {
    let Some(value) = value else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    for c in value.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if c < ' ' || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => {
                let mut bytes = [0; 4];
                out.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
    out.push(b'"');
}
