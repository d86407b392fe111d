//! `uramaki audit diff`: what changed a key figure between two runs is split into causes, and the parts add up to the difference.

mod common;

use std::collections::BTreeMap;

use common::{Random, Small, uramaki};
use serde_json::Value;

/// The small shop with vouchers (a full snapshot), a fee in its settings, and figures.
const FILES: &[(&str, &str)] = &[
    (
        "uramaki.yaml",
        "name: small\ntime_zone: Europe/Berlin\nholidays: DE\ndrop: drop\nwarehouse: warehouse\nsettings: {fee: 0.50}\n",
    ),
    ("sql/staging/stg_shop__vouchers.sql", "select id, value, _batch_id, _row from landing.shop__vouchers\n"),
    (
        "sql/staging/stg_shop__vouchers.yml",
        "description: Vouchers.\ngrain: one row per voucher\nkey: [id]\ncolumns:\n  \
         id: {type: text, description: The voucher.}\n  \
         value: {type: \"decimal(18,2)\", description: What it is worth.}\n  \
         _batch_id: {type: text, description: Its batch.}\n  \
         _row: {type: bigint, description: Its row there.}\n",
    ),
    (
        "sql/warehouse/fct_voucher.sql",
        "select id as voucher_id, value as value_eur, cast($as_of as timestamp) as counted_at from staging.stg_shop__vouchers\n",
    ),
    (
        "sql/warehouse/fct_voucher.yml",
        "description: Vouchers.\ngrain: one row per voucher\nkey: [voucher_id]\ncolumns:\n  \
         voucher_id: {type: text, description: The voucher.}\n  \
         value_eur: {type: \"decimal(18,2)\", unit: EUR, description: What it is worth.}\n  \
         counted_at: {type: timestamp, description: When it was counted.}\n\
         metrics:\n  \
         vouchers: {description: All vouchers., unit: EUR, aggregate: sum, expression: value_eur, time: counted_at}\n",
    ),
    (
        "sql/warehouse/fct_order.sql",
        "select o.id as order_id, x.customer_id, o.total as total_eur,\n  \
         cast($fee as decimal(18,2)) as fee_eur,\n  \
         o.updated_at < add_days($as_of, -1) as is_old,\n  \
         o.updated_at\n\
         from staging.stg_shop__orders as o\n\
         left join identity.customer_xref as x\n  \
         on x.source_system = 'shop' and x.source_object = 'customers' and x.record_id = o.customer_id\n",
    ),
    (
        "sql/warehouse/fct_order.yml",
        "description: Orders by customer.\ngrain: one row per order\nkey: [order_id]\ncolumns:\n  \
         order_id: {type: text, description: The order.}\n  \
         customer_id: {type: text, description: The customer.}\n  \
         total_eur: {type: \"decimal(18,2)\", unit: EUR, description: Its total.}\n  \
         fee_eur: {type: \"decimal(18,2)\", unit: EUR, description: What it costs.}\n  \
         is_old: {type: boolean, description: Older than a day.}\n  \
         updated_at: {type: timestamp, description: Last change.}\n\
         metrics:\n  \
         revenue: {description: All orders., unit: EUR, aggregate: sum, expression: total_eur, time: updated_at}\n  \
         fees: {description: What they cost., unit: EUR, aggregate: sum, expression: fee_eur, time: updated_at}\n  \
         orders: {description: How many., aggregate: count, time: updated_at}\n  \
         old_orders: {description: Older than a day., aggregate: count, where: is_old, time: updated_at}\n  \
         buyers: {description: Who ordered., aggregate: count_distinct, expression: customer_id, time: updated_at}\n  \
         revenue_per_order: {description: On average., unit: EUR, ratio: {numerator: revenue, denominator: orders}}\n",
    ),
];

const VOUCHERS: &str = "\n  vouchers:\n    description: Vouchers.\n    key: [id]\n    snapshot: full\n    columns:\n      \
                        id: text\n      value: {type: \"decimal(18,2)\", required: true}\n";

/// At first an order must name its customer.
const STRICT: (&str, &str) = ("      customer_id: text\n", "      customer_id: {type: text, required: true}\n");

const ORDERS: &str = "id,customer_id,total,updated_at\n";
const CUSTOMERS: &str = "id,name,email,updated_at\n";

/// A first run of 2026-11-18. One order without a customer is in quarantine.
fn shop() -> Small {
    let small = Small::new();
    for (path, text) in FILES {
        small.write(path, text);
    }
    let pipeline = format!("{}{}", common::SHOP.replace(STRICT.0, STRICT.1).trim_end(), VOUCHERS);
    small.write("pipelines/shop.yaml", pipeline);
    small.drop(
        "shop/customers/2026-11-18.csv",
        format!(
            "{CUSTOMERS}c1,Ada Eins,ada@example.org,2026-11-17 08:00:00\nc2,Bo Zwei,bo@example.org,2026-11-17 08:00:00\n\
             c3,Cy Drei,cy@example.org,2026-11-17 08:00:00\nc4,Cy Drei,cy@example.org,2026-11-17 08:00:00\n"
        ),
    );
    small.drop(
        "shop/orders/2026-11-18.csv",
        format!(
            "{ORDERS}o1,c1,10.00,2026-11-18 09:00:00\no2,c2,5.50,2026-11-18 09:00:00\no3,c3,1.25,2026-11-18 09:00:00\n\
             o4,c4,2.00,2026-11-18 09:00:00\no5,,64.00,2026-11-18 09:00:00\n"
        ),
    );
    small.drop("shop/vouchers/2026-11-18.csv", "id,value\nv1,5.00\nv2,7.50\nv3,20.00\n");
    small.run().expect(0);
    small
}

/// One thing that happens between the two runs. Each has a cause of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Setting,
    Rule,
    Day,
    Release,
    Deletion,
    Correction,
    Late,
    New,
    Merge,
    Split,
}

use Event::*;

const EVENTS: [Event; 10] = [Setting, Rule, Day, Release, Deletion, Correction, Late, New, Merge, Split];

fn cents(n: u64) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

/// Lets things happen. What is new comes with the next day.
fn happen(small: &Small, events: &[Event], random: &mut Random) {
    let mut amount = || cents(100 + random.below(90_000));
    let has = |event: Event| events.contains(&event);
    let replace = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(small.root().join(path)).expect("a file");
        assert!(text.contains(from), "{path}: {from}");
        small.write(path, text.replace(from, to));
    };
    if has(Setting) {
        replace("uramaki.yaml", "fee: 0.50", "fee: 0.75");
    }
    if has(Rule) {
        replace(
            "sql/warehouse/fct_order.sql",
            "o.total as total_eur",
            "cast(o.total * 2 as decimal(18,2)) as total_eur",
        );
    }
    if has(Release) {
        replace("pipelines/shop.yaml", STRICT.1, STRICT.0);
    }
    if has(Deletion) {
        small.drop("shop/vouchers/2026-11-18.csv", "id,value\nv1,5.00\nv3,20.00\n");
    }
    let mut more = String::new();
    if has(Correction) {
        more.push_str(&format!("o1,c1,{},2026-11-18 10:00:00\n", amount()));
    }
    if has(Late) {
        more.push_str(&format!("o6,c2,{},2026-11-18 08:30:00\n", amount()));
    }
    if !more.is_empty() {
        small.drop("shop/orders/2026-11-18.02.csv", format!("{ORDERS}{more}"));
    }
    if has(New) {
        small.drop("shop/orders/2026-11-19.csv", format!("{ORDERS}o7,c1,{},2026-11-19 09:00:00\n", amount()));
    }
    let mut people = String::new();
    if has(Merge) {
        people.push_str("c2,Bo Zwei,ada@example.org,2026-11-18 10:00:00\n");
    }
    if has(Split) {
        people.push_str("c4,Cy Vier,vier@example.org,2026-11-18 10:00:00\n");
    }
    if !people.is_empty() {
        small.drop("shop/customers/2026-11-18.02.csv", format!("{CUSTOMERS}{people}"));
    }
    let day = if has(Day) || has(New) { "2026-11-19" } else { "2026-11-18" };
    small.run_with(&["--as-of", day]).expect(0);
}

/// An amount with at most six digits after its point, in millionths.
fn millionths(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    sign * (format!("{whole}{rest:0<6}")).parse::<i128>().unwrap_or_else(|e| panic!("{text}: {e}"))
}

struct Told {
    causes: Vec<String>,
    /// Figure → cause → part.
    parts: BTreeMap<String, BTreeMap<String, String>>,
    notes: Vec<String>,
}

/// The difference, after it was found to add up and to be that of the published tables.
fn told(small: &Small) -> Told {
    let said = small.uramaki(&["audit", "diff", "1", "2", "--format", "json"]).expect(0).stdout;
    let value: Value = serde_json::from_str(&said).expect("JSON");
    let published = |figure: &str, run: &str| -> String {
        let sql = match figure {
            "revenue" => "select sum(total_eur) from warehouse.fct_order",
            "fees" => "select sum(fee_eur) from warehouse.fct_order",
            "orders" => "select count(*) from warehouse.fct_order",
            "old_orders" => "select count(*) from warehouse.fct_order where is_old",
            "buyers" => "select count(distinct customer_id) from warehouse.fct_order",
            "vouchers" => "select sum(value_eur) from warehouse.fct_voucher",
            _ => "select div_round(sum(total_eur), count(*), 6) from warehouse.fct_order",
        };
        let csv = small.uramaki(&["query", "--run", run, "--format", "csv", sql]).expect(0).stdout;
        csv.lines().nth(1).expect("a row").to_string()
    };
    let mut parts = BTreeMap::new();
    let text = |v: &Value| v.as_str().expect("a text").to_string();
    for figure in value["figures"].as_array().expect("figures") {
        let name = text(&figure["figure"]);
        let (from, to) = (millionths(&text(&figure["from"])), millionths(&text(&figure["to"])));
        assert_eq!(from, millionths(&published(&name, "1")), "{name} of run 1");
        assert_eq!(to, millionths(&published(&name, "2")), "{name} of run 2");
        let mine: BTreeMap<String, String> = figure["parts"]
            .as_object()
            .expect("parts")
            .iter()
            .map(|(cause, part)| (cause.clone(), text(part)))
            .collect();
        let sum: i128 = mine.values().map(|p| millionths(p)).sum();
        assert_eq!(from + sum, to, "{name}: the parts do not add up\n{said}");
        assert_eq!(millionths(&text(&figure["residual"])), 0, "{name}");
        parts.insert(name, mine.into_iter().filter(|(_, part)| millionths(part) != 0).collect());
    }
    let list = |v: &Value| v.as_array().expect("a list").iter().map(text).collect::<Vec<_>>();
    let causes = value["causes"].as_array().expect("causes").iter().map(|c| text(&c["cause"])).collect();
    assert_eq!(parts.len(), 7);
    Told { causes, parts, notes: list(&value["notes"]) }
}

/// (what happens, the causes that are told, and for the figures that change: the cause and its part)
type Case<'a> = (&'a [Event], &'a [&'a str], &'a [(&'a str, &'a str, Option<&'a str>)]);

#[test]
fn what_happens_alone_is_told_alone() {
    let first = shop();
    let cases: &[Case] = &[
        (&[Setting], &["changed configuration"], &[("fees", "changed configuration", Some("1.00"))]),
        (
            &[Rule],
            &["changed SQL"],
            &[("revenue", "changed SQL", Some("18.75")), ("revenue_per_order", "changed SQL", None)],
        ),
        (&[Day], &["passing of time"], &[("old_orders", "passing of time", Some("4"))]),
        (
            // The contract is configuration; what it lets in is told by itself.
            &[Release],
            &["changed configuration", "quarantine released"],
            &[
                ("revenue", "quarantine released", Some("64.00")),
                ("orders", "quarantine released", Some("1")),
                ("fees", "quarantine released", Some("0.50")),
                ("revenue_per_order", "quarantine released", None),
            ],
        ),
        (&[Deletion], &["deletions"], &[("vouchers", "deletions", Some("-7.50"))]),
        (
            &[Correction],
            &["corrected rows"],
            &[("revenue", "corrected rows", None), ("revenue_per_order", "corrected rows", None)],
        ),
        (
            &[Late],
            &["late rows"],
            &[
                ("revenue", "late rows", None),
                ("orders", "late rows", Some("1")),
                ("fees", "late rows", Some("0.50")),
                ("revenue_per_order", "late rows", None),
            ],
        ),
        (
            &[New],
            &["passing of time", "new rows"],
            &[
                ("old_orders", "passing of time", Some("4")),
                ("revenue", "new rows", None),
                ("orders", "new rows", Some("1")),
                ("fees", "new rows", Some("0.50")),
                ("revenue_per_order", "new rows", None),
            ],
        ),
        // Another address of hers is a corrected row; whose orders they are comes after.
        (
            &[Merge],
            &["corrected rows", "identity merges and splits"],
            &[("buyers", "identity merges and splits", Some("-1"))],
        ),
        (
            &[Split],
            &["corrected rows", "identity merges and splits"],
            &[("buyers", "identity merges and splits", Some("1"))],
        ),
    ];
    for (i, (events, causes, expected)) in cases.iter().enumerate() {
        let small = first.copy();
        happen(&small, events, &mut Random(i as u64));
        let told = told(&small);
        assert_eq!(told.causes, *causes, "{events:?}");
        let moved: Vec<&String> = told.parts.iter().filter(|(_, p)| !p.is_empty()).map(|(name, _)| name).collect();
        let mut names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        assert_eq!(moved, names, "{events:?}");
        for (figure, cause, part) in *expected {
            let parts = &told.parts[*figure];
            assert_eq!(parts.keys().map(String::as_str).collect::<Vec<_>>(), [*cause], "{events:?}: {figure}");
            if let Some(part) = part {
                assert_eq!(millionths(&parts[*cause]), millionths(part), "{events:?}: {figure}");
            }
        }
    }
}

#[test]
fn whatever_happens_adds_up() {
    let first = shop();
    for seed in 1..=8u64 {
        let mut random = Random(seed);
        let events: Vec<Event> = EVENTS.into_iter().filter(|_| random.below(2) == 0).collect();
        if events.is_empty() {
            continue;
        }
        let small = first.copy();
        happen(&small, &events, &mut random);
        let told = told(&small);
        assert_eq!(told.causes.contains(&"changed SQL".to_string()), events.contains(&Rule), "{seed} {events:?}");
        assert_eq!(told.causes.contains(&"deletions".to_string()), events.contains(&Deletion), "{seed} {events:?}");
        assert_eq!(told.causes.contains(&"late rows".to_string()), events.contains(&Late), "{seed} {events:?}");
        assert!(told.notes.is_empty(), "{:?}", told.notes);
    }
}

#[test]
fn rules_that_need_one_another_are_one_cause() {
    let small = shop();
    // The SQL reads a column that the pipeline does not have yet, which goes without the one it had.
    let pipeline = std::fs::read_to_string(small.root().join("pipelines/shop.yaml")).expect("a pipeline");
    small.write("pipelines/shop.yaml", pipeline.replace("      value: {type", "      worth: {type"));
    small.write(
        "sql/staging/stg_shop__vouchers.sql",
        "select id, worth as value, _batch_id, _row from landing.shop__vouchers\n",
    );
    small.drop("shop/vouchers/2026-11-18.csv", "id,worth\nv1,6.00\nv2,7.50\nv3,20.00\n");
    let said = small.uramaki(&["run"]);
    assert_ne!(said.code, Some(0), "the archived bytes have no such column: {}", said.stdout);
    // With a setting instead.
    let small = shop();
    let project = std::fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project");
    small.write("uramaki.yaml", project.replace("fee: 0.50", "charge: 0.80"));
    let sql = std::fs::read_to_string(small.root().join("sql/warehouse/fct_order.sql")).expect("SQL");
    small.write("sql/warehouse/fct_order.sql", sql.replace("$fee", "$charge"));
    small.run().expect(0);
    let told = told(&small);
    assert_eq!(told.causes, ["changed configuration and SQL"]);
    assert_eq!(told.notes.len(), 1, "{:?}", told.notes);
    assert_eq!(millionths(&told.parts["fees"]["changed configuration and SQL"]), 1_200_000);
}

#[test]
fn what_cannot_be_split_is_said() {
    let small = shop();
    small.run_with(&["--as-of", "2026-11-19", "--select", "fct_voucher"]).expect(0);
    let said = small.uramaki(&["audit", "diff", "2", "1"]).expect(2);
    assert!(said.stderr.contains("uramaki audit diff 1 2"), "{}", said.stderr);
    // The orders of run 2 are those of another day.
    let said = small.uramaki(&["audit", "diff", "1", "2"]).expect(1);
    assert!(said.stderr.contains("run 2 published old_orders = 0"), "{}", said.stderr);
    assert!(said.stderr.contains("partial run"), "{}", said.stderr);
}

#[test]
fn as_a_person_reads_it() {
    let small = shop();
    happen(&small, &[Late, Merge, New], &mut Random(3));
    let said = small.uramaki(&["audit", "diff", "1", "2"]).expect(0).stdout;
    for line in [
        "run 1 (as of 2026-11-18) to run 2 (as of 2026-11-19)",
        "  3. late rows",
        "       shop/orders: 1 row (shop/orders/2026-11-18.02.csv:2)",
        "       1 customer merged (",
        "revenue (warehouse.fct_order, EUR)",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    for personal in ["Ada", "Bo Zwei", "@example.org"] {
        assert!(!said.contains(personal), "{said}");
    }
}

#[test]
fn the_sample_from_its_first_night_to_its_last() {
    let folder = common::folder();
    let warehouse = folder.path().join("warehouse").display().to_string();
    let run = |args: &[&str]| {
        let project = common::repository().display().to_string();
        let all = [args, &["--project", &project, "--warehouse", &warehouse]].concat();
        uramaki(folder.path(), &all).expect(0).stdout
    };
    run(&["run", "--as-of", "2026-11-18"]);
    run(&["run"]);
    let said = run(&["audit", "diff", "1", "2", "--format", "json"]);
    let value: Value = serde_json::from_str(&said).expect("JSON");
    let figures = value["figures"].as_array().expect("figures");
    assert!(figures.len() > 15, "{said}");
    for figure in figures {
        let text = |v: &Value| v.as_str().expect("a text").to_string();
        assert_eq!(millionths(&text(&figure["residual"])), 0, "{figure}");
        let sum: i128 = figure["parts"].as_object().expect("parts").values().map(|p| millionths(&text(p))).sum();
        assert_eq!(millionths(&text(&figure["from"])) + sum, millionths(&text(&figure["to"])), "{figure}");
    }
    let causes: Vec<&str> =
        value["causes"].as_array().expect("causes").iter().filter_map(|c| c["cause"].as_str()).collect();
    assert!(causes.contains(&"new rows") && causes.contains(&"corrected rows"), "{causes:?}");
}
