//! What real extracts do to their readers: rows that must go to quarantine, each with its reason.
//!
//! Each broken row has a key of its own (or is a later version of a row whose earlier one stays), so that
//! its effect on the truth is known: none.

use crate::error::Result;

use super::calendar::DAY;
use super::rows::{invoice_row, order_fields};
use super::special::Special;
use super::tables::{Table, header};
use super::world::World;
use super::write::{Drop, Fields};

/// Adds the broken rows of all nights; `long_line_mib` adds a line of that size.
pub fn emit(world: &World, drop: &mut Drop, special: &Special, long_line_mib: Option<u32>) -> Result<()> {
    shop(world, drop)?;
    desk(drop, long_line_mib)?;
    billing(drop)?;
    later_versions(world, drop, special)
}

fn csv_reject(drop: &mut Drop, table: Table, reason: &'static str, fields: &Fields, value: Option<i64>) -> Result<()> {
    let place = drop.place(table, 0);
    let row = drop.csv(place, fields)?;
    drop.reject(place, reason, &row, value)
}

fn shop(world: &World, drop: &mut Drop) -> Result<()> {
    let at = world.ends[0] - 9 * DAY;
    let customer = |name: &[u8], marketing: &[u8], id: u64| {
        let mut f = Fields::default();
        f.number(id).text("Kaputt").raw(name).text("kaputt@example.de").null().raw(marketing).time(at).time(at);
        f.text("Bruchweg 1").text("01067").text("Dresden").text("DE");
        f
    };
    csv_reject(drop, Table::Customers, "bad_boolean", &customer(b"Ja", b"JA", 99_000_000_001), None)?;
    csv_reject(drop, Table::Customers, "bad_encoding", &customer(b"M\xfcller", b"TRUE", 99_000_000_002), None)?;
    let place = drop.place(Table::Customers, 0);
    let mut row = drop.csv(place, &customer(b"Komma, zuviel", b"TRUE", 99_000_000_003))?;
    // The comma in the name stands unquoted: one field too many.
    drop.reject(place, "too_many_fields", &row, None)?;

    let order = |id: u64, created: &[u8], currency: &str, total: &[u8]| {
        let mut f = Fields::default();
        f.number(id).null().text("kaputt@example.de").null().raw(created).time(at).time(at).raw(currency.as_bytes());
        f.money(1_990).money(0).money(318).raw(total).text("paid").null().null().null().text("web").null();
        f
    };
    let good = b"2026-01-05 10:00:00.000";
    csv_reject(drop, Table::Orders, "bad_decimal", &order(99_000_000_001, good, "EUR", b"\"12,5O\""), None)?;
    csv_reject(
        drop,
        Table::Orders,
        "bad_time",
        &order(99_000_000_002, b"2026-02-30 10:00:00.000", "EUR", b"19.90"),
        Some(1_990),
    )?;
    csv_reject(drop, Table::Orders, "missing_value", &order(99_000_000_003, good, "", b"19.90"), Some(1_990))?;
    let place = drop.place(Table::Orders, 0);
    row = drop.csv(place, &order(99_000_000_004, good, "EUR", b"19.90"))?;
    row.truncate(row.len() - 12);
    row.extend_from_slice(b"\r\n");
    drop.reject(place, "too_few_fields", &row, None)?;

    let line = |id: &[u8], order: &[u8], quantity: &[u8]| {
        let mut f = Fields::default();
        f.raw(id)
            .raw(order)
            .text("7800000000000")
            .text("URA-000")
            .text("Teekanne, \"kaputt\"")
            .raw(quantity)
            .money(100)
            .money(0);
        f
    };
    csv_reject(drop, Table::OrderLines, "bad_integer", &line(b"99000000001", b"99000000009", b"zwei"), None)?;
    csv_reject(drop, Table::OrderLines, "missing_key", &line(b"\"\"", b"99000000009", b"1"), None)?;
    csv_reject(drop, Table::OrderLines, "missing_value", &line(b"99000000003", b"", b"1"), None)?;
    let place = drop.place(Table::OrderLines, 0);
    let (_, head) = header(Table::OrderLines, 0, 1);
    drop.reject(place, "repeated_header", head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head), None)?;
    drop.end_with_blank_line(place)?;

    let mut refund = Fields::default();
    refund.number(99_000_000_001).number(99_000_000_009).time(at).text("Zeile 1\r\nZeile 2").null().text("EUR");
    csv_reject(drop, Table::Refunds, "missing_value", &refund, None)?;
    let mut parcel = Fields::default();
    parcel.number(99_000_000_001).number(99_000_000_009).time(at).time(at).text("success").raw(b"31.02.2026");
    csv_reject(drop, Table::Fulfillments, "bad_time", &parcel, None)
}

fn json_reject(drop: &mut Drop, table: Table, reason: &'static str, line: &[u8]) -> Result<()> {
    let place = drop.place(table, 0);
    let mut row = line.to_vec();
    row.push(b'\n');
    drop.reject(place, reason, &row, None)
}

fn desk(drop: &mut Drop, long_line_mib: Option<u32>) -> Result<()> {
    let times = "\"created_at\":\"2026-01-05T09:00:00Z\",\"updated_at\":\"2026-01-05T09:00:00Z\"";
    let user =
        format!("{{\"id\":\"12a\",\"name\":\"Kaputt\",\"email\":null,\"phone\":null,\"role\":\"end-user\",{times}}}");
    json_reject(drop, Table::Users, "bad_integer", user.as_bytes())?;
    json_reject(drop, Table::Users, "cut_json", "{\"id\":99000000002,\"name\":\"Mitten im N".as_bytes())?;
    let ticket = |id: u64, requester: &str, text: &str, created: &str| {
        format!(
            "{{\"id\":{id},\"requester_id\":{requester},\"subject\":\"Kaputt\",\"description\":\"{text}\",\"status\":\"open\",\"tags\":[],\
             \"via\":{{\"channel\":\"web\"}},\"custom_fields\":[],\"created_at\":\"{created}\",\"updated_at\":\"2026-01-05T09:00:00Z\"}}"
        )
    };
    let good = "2026-01-05T09:00:00Z";
    let whole = ticket(99_000_000_001, "365000000001", "", good);
    json_reject(drop, Table::Tickets, "cut_json", &whole.as_bytes()[..whole.len() / 2])?;
    json_reject(drop, Table::Tickets, "missing_value", ticket(99_000_000_002, "null", "", good).as_bytes())?;
    json_reject(drop, Table::Tickets, "bad_time", ticket(99_000_000_003, "365000000001", "", "gestern").as_bytes())?;
    if let Some(mib) = long_line_mib {
        let text = "ä".repeat(mib as usize * 512 * 1024);
        json_reject(
            drop,
            Table::Tickets,
            "line_too_long",
            ticket(99_000_000_004, "365000000001", &text, good).as_bytes(),
        )?;
    }
    let audit = |ticket: &str, id: u64| {
        format!("{{\"id\":{id},{ticket}\"author_id\":-1,\"created_at\":\"2026-01-05T09:00:00Z\",\"events\":[]}}")
    };
    json_reject(drop, Table::Audits, "missing_value", audit("", 99_000_000_001).as_bytes())?;
    let mut broken = audit("\"ticket_id\":99000000001,\"note\":\"?\",", 99_000_000_002).into_bytes();
    if let Some(mark) = broken.iter_mut().find(|b| **b == b'?') {
        *mark = 0xfc;
    }
    json_reject(drop, Table::Audits, "bad_encoding", &broken)
}

fn billing(drop: &mut Drop) -> Result<()> {
    json_reject(
        drop,
        Table::StripeCustomers,
        "bad_time",
        b"{\"id\":\"cus_broken01\",\"object\":\"customer\",\"created\":\"bald\",\"email\":\"kaputt@example.de\"}",
    )?;
    let invoice = |id: &str, amount: &str, currency: &str| {
        format!(
            "{{\"id\":\"{id}\",\"object\":\"invoice\",\"amount_due\":{amount},\"amount_paid\":0,\"amount_remaining\":1990,\
             \"created\":1767600000,\"currency\":{currency},\"customer\":\"cus_broken01\",\"status\":\"draft\"}}"
        )
    };
    json_reject(drop, Table::Invoices, "bad_integer", invoice("in_broken01", "12.5", "\"eur\"").as_bytes())?;
    json_reject(drop, Table::Invoices, "missing_value", invoice("in_broken02", "1990", "null").as_bytes())?;
    let charge = |id: &str, amount: &str, paid: &str| {
        format!(
            "{{\"id\":\"{id}\",\"object\":\"charge\",\"amount\":{amount},\"amount_refunded\":0,\"created\":1767600000,\
             \"currency\":\"eur\",\"customer\":null,\"invoice\":null,\"paid\":{paid},\"refunded\":false,\"status\":\"failed\"}}"
        )
    };
    json_reject(drop, Table::Charges, "bad_boolean", charge("ch_broken01", "1990", "\"vielleicht\"").as_bytes())?;
    json_reject(drop, Table::Charges, "missing_value", charge("ch_broken02", "null", "false").as_bytes())?;
    let refund = "{\"id\":\"re_broken01\",\"amount\":100,\"charge\":null,\"created\":1767600000,\"currency\":\"eur\",\"status\":\"succeeded\"}";
    json_reject(drop, Table::StripeRefunds, "missing_value", refund.as_bytes())?;
    json_reject(drop, Table::Disputes, "cut_json", b"{\"id\":\"dp_broken01\",\"amount\":100,\"charge\":\"ch_")
}

/// Broken later versions of known rows: the version before stays what counts.
fn later_versions(world: &World, drop: &mut Drop, special: &Special) -> Result<()> {
    if world.ends.len() < 2 {
        return Ok(());
    }
    let (house, order, invoice) = special.kept();
    let place = (Table::Orders, 1, 0);
    let mut raised = order.clone();
    raised.total += 900_000;
    let fields = order_fields(house, &raised, world.ends[0] + 100);
    // The month has no such day; the sum of the file still balances, for the amount can be read.
    let row = drop.csv(place, &fields.with(5, b"2026-11-31 08:00:00.000"))?;
    drop.reject(place, "bad_time", &row, Some(raised.total))?;
    let row = String::from_utf8_lossy(&invoice_row(house, invoice, world.as_of)).into_owned();
    let row = row.replace("\"status\":\"paid\",", "\"status\":null,");
    drop.reject((Table::Invoices, 1, 0), "missing_value", row.as_bytes(), Some(invoice.amount))
}
