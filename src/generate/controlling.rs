//! Controlling's tables, each night whole, and the small tables of shop and help desk.

use std::collections::BTreeSet;

use crate::error::Result;

use super::calendar::DAY;
use super::names::{GROUPS, PRODUCTS, STAFF};
use super::rows::{json_text, product_id, user_json};
use super::tables::Table;
use super::world::{CURRENCIES, World};
use super::write::{Drop, Fields, push_decimal};

/// The product that loses its margin after the first night.
pub const RETIRED: usize = 5;
/// The margin that it had.
pub const RETIRED_MARGIN: i64 = 3_500;
/// Cost of a contact in cents: department, channel. Some pairs are missing.
const COSTS: [(&str, &str, i64); 15] = [
    ("sales", "web", 80),
    ("sales", "email", 310),
    ("sales", "phone", 640),
    ("sales", "chat", 250),
    ("support", "web", 290),
    ("support", "email", 340),
    ("support", "phone", 720),
    ("support", "chat", 275),
    ("support", "app", 210),
    ("billing", "web", 330),
    ("billing", "email", 365),
    ("billing", "phone", 810),
    ("complaints", "web", 520),
    ("complaints", "email", 560),
    ("complaints", "phone", 1_150),
];

/// One row of a snapshot: fields, and why it must go to quarantine (None: it loads).
type SnapshotRow = (Fields, Option<&'static str>);

/// Writes what is not made of customers' lives.
pub fn emit(world: &World, drop: &mut Drop, awkward: bool) -> Result<()> {
    products(world, drop)?;
    groups(drop)?;
    staff(world, drop)?;
    let nights = world.dates.len();
    let mut seen: BTreeSet<(Table, Vec<u8>)> = BTreeSet::new();
    for night in 0..nights {
        let kept = awkward && night + 1 == nights && night > 0;
        snapshot(drop, &mut seen, Table::FxRates, night, nights, fx_rows(world, night, kept))?;
        if kept {
            // The rates in quarantine are still known from the night before.
            drop.keep_keys(Table::FxRates, 2);
        }
        snapshot(drop, &mut seen, Table::ContactCosts, night, nights, cost_rows(night))?;
        snapshot(drop, &mut seen, Table::Margins, night, nights, margin_rows(world, night))?;
    }
    Ok(())
}

fn snapshot(
    drop: &mut Drop,
    seen: &mut BTreeSet<(Table, Vec<u8>)>,
    table: Table,
    night: usize,
    nights: usize,
    rows: Vec<SnapshotRow>,
) -> Result<()> {
    let place = (table, night, 0);
    let is_newest = night + 1 == nights;
    let mut lines = vec![];
    for (fields, reason) in &rows {
        lines.push((drop.csv(place, fields)?, *reason));
    }
    let bytes: Vec<u8> = lines.iter().flat_map(|(line, _)| line.iter().copied()).collect();
    // The same bytes on another date are loaded once, and still count as the newest snapshot.
    let is_repeat = !seen.insert((table, bytes));
    for (line, reason) in lines {
        match reason {
            _ if is_repeat => drop.repeat(place, is_newest, &line)?,
            Some(reason) => drop.reject(place, reason, &line, None)?,
            None => drop.accept(place, is_newest, &line, 0)?,
        }
    }
    Ok(())
}

fn fx_rows(world: &World, night: usize, with_faults: bool) -> Vec<SnapshotRow> {
    let mut rows = vec![];
    let last = world.calendar.day(world.ends[night] - 1);
    let quoted: Vec<usize> = (0..=last).filter(|d| world.published[*d][0].is_some()).collect();
    let first_night = world.calendar.day(world.ends[0] - 1);
    let behind = |n: usize| quoted.iter().rev().filter(|d| **d < first_night).nth(n).copied();
    for day in &quoted {
        for (n, (currency, _)) in CURRENCIES.iter().enumerate() {
            let Some(mut rate) = world.published[*day][n] else {
                continue;
            };
            let date = world.calendar.date(*day).to_string();
            let mut fields = Fields::default();
            fields.text(&date).text(currency);
            let mut text = vec![];
            if night == 0 && world.dates.len() > 1 && n == 0 && behind(9) == Some(*day) {
                // A slip of the pen, put right the night after.
                rate += 40_000;
            }
            push_decimal(&mut text, rate, 6);
            let reason = match n {
                0 if with_faults && behind(3) == Some(*day) => {
                    fields.raw(b"\"0,9x\"");
                    Some("bad_decimal")
                }
                1 if with_faults && behind(4) == Some(*day) => {
                    text.extend_from_slice(b"25");
                    fields.raw(&text);
                    Some("bad_decimal")
                }
                _ => {
                    fields.raw(&text);
                    None
                }
            };
            rows.push((fields, reason));
        }
    }
    rows
}

fn cost_rows(night: usize) -> Vec<SnapshotRow> {
    let rows = COSTS.iter().enumerate().map(|(n, (department, channel, cents))| {
        // One night another price list is in force.
        let cents = if n == 6 && night == 1 { cents + 55 } else { *cents };
        let mut fields = Fields::default();
        fields.text(department).text(channel).money(cents);
        (fields, None)
    });
    rows.collect()
}

fn margin_rows(world: &World, night: usize) -> Vec<SnapshotRow> {
    let mut rows = vec![];
    for (product, rate) in world.margins.iter().enumerate() {
        let rate = if product == RETIRED && night == 0 { Some(RETIRED_MARGIN) } else { *rate };
        if let Some(rate) = rate {
            let mut text = vec![];
            push_decimal(&mut text, rate, 4);
            let mut fields = Fields::default();
            fields.number(product_id(product)).raw(&text);
            rows.push((fields, None));
        }
    }
    rows
}

fn products(world: &World, drop: &mut Drop) -> Result<()> {
    let nights = world.dates.len();
    for night in 0..nights {
        let place = (Table::Products, night, 0);
        drop.header_only(place)?;
        let is_new = night == 0;
        let changed = |p: usize| is_new || (night == 1 && nights > 2 && p % 13 == 4);
        for (n, (title, kind, vendor, _)) in PRODUCTS.iter().enumerate().filter(|(p, _)| changed(*p)) {
            let mut fields = Fields::default();
            let updated = if is_new { world.start - (n as i64) * DAY / 5 } else { world.ends[0] + 3_600 + n as i64 };
            fields
                .number(product_id(n))
                .text(title)
                .text(kind)
                .text(vendor)
                .text(if is_new { "active" } else { "archived" })
                .time(updated);
            let row = drop.csv(place, &fields)?;
            drop.accept(place, is_new, &row, 0)?;
        }
    }
    Ok(())
}

fn groups(drop: &mut Drop) -> Result<()> {
    for (id, name, _) in GROUPS {
        let mut row = format!("{{\"id\":{id},\"name\":").into_bytes();
        json_text(&mut row, Some(name), false);
        row.extend_from_slice(b",\"deleted\":false}\n");
        drop.accept((Table::Groups, 0, 0), true, &row, 0)?;
    }
    Ok(())
}

fn staff(world: &World, drop: &mut Drop) -> Result<()> {
    for (n, (id, name, email, role)) in STAFF.iter().enumerate() {
        let at = world.start - DAY * (n as i64 + 1);
        let row = user_json(&id.to_string(), name, Some(email), None, role, [at, at]);
        drop.accept(drop.place(Table::Users, 0), true, &row, 0)?;
    }
    Ok(())
}
