//! What bad extracts do: the stated error or quarantine, the stated exit code, and nothing half published.

mod common;
#[path = "bad_drops/history.rs"]
mod history;
#[path = "bad_drops/places.rs"]
mod places;

use std::io::Write;
use std::sync::OnceLock;

use common::{Small, Table, assert_whole, files, last_manifest, logs, runs, tables};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Stands in every bad row, and must never stand in a message.
const SECRET: &str = "Geheim";

const MORE_OBJECTS: &str = "  \
  tickets:
    description: One ticket.
    format: {type: jsonl}
    key: [id]
    columns:
      id: bigint
      subject: {type: text, personal: true}
      minutes: {type: bigint, required: true}
  rates:
    description: What a currency is worth; the whole table each time.
    snapshot: full
    key: [currency]
    columns:
      currency: text
      rate: {type: \"decimal(18,6)\", required: true}
";

const ASK: &str = "select (select count(*) from warehouse.fct_order) as orders, \
    (select sum(total_eur) from marts.customer_total) as total";

/// The small project with a JSON Lines object and a full snapshot besides, after a good first night.
fn good() -> &'static Small {
    static GOOD: OnceLock<Small> = OnceLock::new();
    GOOD.get_or_init(|| {
        let project = with_more_objects();
        project.run().expect(0);
        assert_whole(&project.warehouse());
        project
    })
}

fn with_more_objects() -> Small {
    let project = Small::new();
    project.write("pipelines/shop.yaml", format!("{}{MORE_OBJECTS}", common::SHOP));
    project.night(1);
    project.drop("shop/tickets/2026-11-18.jsonl", "{\"id\": 1, \"subject\": \"late\", \"minutes\": 5}\n");
    project.drop("shop/rates/2026-11-18.csv", "currency,rate\nUSD,1.1\nCHF,0.95\n");
    project
}

/// Night 2 brings `bytes` under `name`: the run fails with these words, and everything is as it was before.
#[track_caller]
fn refused(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) {
    refused_in(&good().copy(), name, bytes.as_ref(), words);
}

#[track_caller]
fn refused_in(project: &Small, name: &str, bytes: &[u8], words: &[&str]) {
    let warehouse = project.warehouse();
    let (said, logged) = (project.csv(ASK), logs(&warehouse));
    project.drop(name, bytes);
    let ran = project.run();
    assert_eq!(ran.code, Some(1), "{name}: {}{}", ran.stdout, ran.stderr);
    for word in words.iter().chain(&[name, "hint: ", "nothing was published"]) {
        assert!(ran.stderr.contains(word), "`{word}` is missing:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains(SECRET), "personal data in the message:\n{}", ran.stderr);
    assert_eq!(ran.stdout, "", "stdout is data");
    assert_eq!(runs(&warehouse), [1], "a run was published");
    assert_eq!(logs(&warehouse), logged, "a table has changed");
    assert_eq!(project.csv(ASK), said);
    // The same again, and without the file all is well.
    let again = project.run().expect(1);
    let errors =
        |text: &str| text.lines().skip_while(|l| !l.starts_with("error: ")).map(str::to_string).collect::<Vec<_>>();
    assert_eq!(errors(&again.stderr), errors(&ran.stderr));
    std::fs::remove_file(project.root().join("drop").join(name)).expect("the bad file");
    let _ = std::fs::remove_file(project.root().join("drop/shop/orders/2026-11-19.control.json"));
    let mended = project.run().expect(0);
    assert!(mended.stdout.starts_with("nothing changed since run 1"), "{}", mended.stdout);
    assert_whole(&warehouse);
}

/// Night 2 brings `bytes` under `name`: the run is good, and these rows go to quarantine (line, column, reason).
#[track_caller]
fn quarantined(name: &str, bytes: impl AsRef<[u8]>, expected: &str) -> Small {
    let project = good().copy();
    project.drop(name, bytes);
    let ran = project.run().expect(0);
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "personal data in the report");
    let rows = project.csv(&format!(
        "select line, column_name, reason from quarantine.rejected_row where file = '{name}' order by line"
    ));
    assert_eq!(rows.trim_end(), format!("line,column_name,reason\n{expected}"));
    let total = expected.lines().count();
    assert!(ran.stdout.contains(&format!("quarantined: {total} row")), "{}", ran.stdout);
    assert_balanced(&project);
    assert_whole(&project.warehouse());
    project
}

/// Nothing lost, nothing doubled.
#[track_caller]
fn assert_balanced(project: &Small) {
    let manifest = last_manifest(&project.warehouse());
    for (name, b) in manifest["objects"].as_object().expect("objects") {
        let n = |key: &str| b[key].as_u64().expect("a count");
        assert_eq!(n("rows"), n("accepted") + n("quarantined") + n("repeated"), "{name}");
        assert_eq!(n("accepted"), n("keys") + n("superseded") + n("outdated"), "{name}");
    }
}

fn orders(rows: &[&str]) -> String {
    let rows = rows.iter().map(|r| format!("{r}\n")).collect::<String>();
    format!("id,customer_id,total,updated_at\n{rows}")
}

/// Ten orders, of which the first `bad` have no number as total.
fn orders_with_bad_totals(bad: usize) -> String {
    let rows: Vec<String> =
        (0..10).map(|i| format!("n{i},c1,{},2026-11-19 09:00:00", if i < bad { SECRET } else { "2.00" })).collect();
    orders(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("into memory");
    encoder.finish().expect("into memory")
}

const ORDERS: &str = "shop/orders/2026-11-19.csv";
const CUSTOMERS: &str = "shop/customers/2026-11-19.csv";
const TICKETS: &str = "shop/tickets/2026-11-19.jsonl";
const RATES: &str = "shop/rates/2026-11-19.csv";

#[test]
fn a_missing_column() {
    refused(
        ORDERS,
        format!("id,customer_id,updated_at\no9,{SECRET},2026-11-19 09:00:00\n"),
        &["shop/orders", "schema drift: expected column `total`; found `id`, `customer_id`, `updated_at`"],
    );
    refused(
        CUSTOMERS,
        format!("id,naam,email,updated_at\nc9,{SECRET},x@example.org,2026-11-19 09:00:00\n"),
        &["schema drift: expected column `name`"],
    );
    // In JSON Lines a column is missing where no line has it.
    let lines: String = (10..20).map(|i| format!("{{\"id\": {i}, \"subject\": \"{SECRET}\"}}\n")).collect();
    refused(TICKETS, lines, &["schema drift", "`minutes`"]);
}

#[test]
fn a_type_that_drifted() {
    refused(
        ORDERS,
        orders_with_bad_totals(6),
        &[
            "shop/orders",
            "schema drift: column `total`: expected decimal(18,2), never missing; found text in 6 rows; 6 of 10 rows do not follow the contract",
        ],
    );
    // Four bad rows are no drift yet, whatever their share.
    let project = quarantined(
        ORDERS,
        orders_with_bad_totals(4),
        "2,total,bad_decimal\n3,total,bad_decimal\n4,total,bad_decimal\n5,total,bad_decimal",
    );
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n9\n");
    let raw = project.csv("select raw from quarantine.rejected_row order by line limit 1");
    assert_eq!(
        raw,
        format!("raw\n\"n0,c1,{SECRET},2026-11-19 09:00:00\"\n"),
        "the quarantine keeps what the messages leave out"
    );
}

#[test]
fn a_compressed_file_that_was_cut() {
    let rows: Vec<String> =
        (0..500).map(|i| format!("{SECRET}{i},c1,{}.{:02},2026-11-19 09:00:00", i * 7919 % 997, i % 100)).collect();
    let whole = gzip(&orders(&rows.iter().map(String::as_str).collect::<Vec<_>>()));
    for part in [whole.len() / 2, whole.len() - 1, whole.len() - 9] {
        refused("shop/orders/2026-11-19.csv.gz", &whole[..part], &["shop/orders refused: cut or corrupt compression"]);
    }
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    refused("shop/orders/2026-11-19.csv.gz", &flipped, &["shop/orders refused: "]);
    let whole = zstd::encode_all(orders(&rows.iter().map(String::as_str).collect::<Vec<_>>()).as_bytes(), 3)
        .expect("into memory");
    refused(
        "shop/orders/2026-11-19.csv.zst",
        &whole[..whole.len() / 2],
        &["shop/orders refused: cut or corrupt compression"],
    );
    refused(
        "shop/orders/2026-11-19.csv.gz",
        orders(&["o9,c1,1.00,2026-11-19 09:00:00"]),
        &["cut or corrupt compression"],
    );
}

#[test]
fn control_totals_that_do_not_balance() {
    let control = "shop/orders/2026-11-19.control.json";
    let bytes = orders(&["o8,c1,1.50,2026-11-19 09:00:00", "o9,c2,2.00,2026-11-19 09:00:00"]);
    for (totals, words) in [
        ("{\"rows\": 3}", "incomplete extract: the control totals state 3 rows, the file has 2"),
        (
            "{\"rows\": 2, \"sums\": {\"total\": \"3.51\"}}",
            "incomplete extract: the control totals state 3.51 as the sum of `total`, the file has 3.50",
        ),
    ] {
        let project = good().copy();
        project.drop(control, totals);
        refused_in(&project, ORDERS, bytes.as_bytes(), &[words]);
    }
    // Totals that are no totals.
    let project = good().copy();
    project.drop(control, "{\"rows\": ");
    project.drop(ORDERS, &bytes);
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("the control totals cannot be read") && ran.stderr.contains(control), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    // What balances is loaded, quarantined rows counted in.
    let project = good().copy();
    project.drop(control, "{\"rows\": 3, \"sums\": {\"total\": 4.5}}");
    project.drop(ORDERS, format!("{bytes}o10,c2,1.00,yesterday\n"));
    project.run().expect(0);
    assert_balanced(&project);
    // Where a quarantined value cannot be read, the rows alone decide, and the report says so.
    let project = good().copy();
    project.drop(control, "{\"rows\": 3, \"sums\": {\"total\": \"99\"}}");
    project.drop(ORDERS, format!("{bytes}o10,c2,{SECRET},2026-11-19 09:00:00\n"));
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains("rows only: the sum of total is not verifiable"), "{}", ran.stdout);
}

#[test]
fn an_encoding_that_is_not_the_declared_one() {
    let latin: Vec<u8> = (0..10)
        .flat_map(|i| {
            let mut row = format!("c{i},{SECRET} M").into_bytes();
            row.extend([0xfc, b'l', b'l', b'e', b'r']);
            row.extend(format!(",m{i}@example.org,2026-11-19 08:00:00\n").into_bytes());
            row
        })
        .collect();
    let header = b"id,name,email,updated_at\n".to_vec();
    refused(
        CUSTOMERS,
        [header.clone(), latin.clone()].concat(),
        &[
            "shop/customers refused: wrong encoding: expected UTF-8, found bytes that it does not have in 10 of 10 lines",
        ],
    );
    // One such line is one bad row.
    let end = latin.iter().position(|b| *b == b'\n').expect("a line") + 1;
    let project = quarantined(CUSTOMERS, [header, latin[..end].to_vec()].concat(), "2,,bad_encoding");
    assert!(project.csv("select raw from quarantine.rejected_row").contains(SECRET));
    let utf16: Vec<u8> = format!("\u{feff}id,name,email,updated_at\nc9,{SECRET},g@example.org,2026-11-19 08:00:00\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(CUSTOMERS, utf16, &["wrong encoding: expected UTF-8, found UTF-16"]);
    // And UTF-8 where a single-byte encoding is declared.
    let project = good().copy();
    let declared = format!("{}{MORE_OBJECTS}", common::SHOP).replace(
        "    description: One account.\n",
        "    description: One account.\n    format: {type: csv, encoding: windows-1252}\n",
    );
    project.write("pipelines/shop.yaml", declared);
    let rows: String =
        (0..10).map(|i| format!("c{i},{SECRET} Müller,m{i}@example.org,2026-11-19 08:00:00\n")).collect();
    project.drop(CUSTOMERS, format!("id,name,email,updated_at\n{rows}"));
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("wrong encoding: expected Windows-1252, found UTF-8"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(SECRET));
}

#[test]
fn an_empty_drop_folder() {
    let project = Small::new();
    // A folder that is not there may be one that is not mounted: it is not made, and is no quiet night.
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("there is no folder") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    let folder = project.root().join("drop");
    assert!(!folder.exists());
    std::fs::create_dir(&folder).expect("a folder");
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("no files") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(runs(&project.warehouse()), Vec::<u64>::new());
    assert!(logs(&project.warehouse()).is_empty());
    project.uramaki(&["query", "select 1"]).expect(2);
    // One object of two has never had a file.
    project.drop("shop/orders/2026-11-18.csv", orders(&["o1,c1,1.00,2026-11-18 09:00:00"]));
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("no files: shop/customers has never had one"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("shop/orders has never had one"), "{}", ran.stderr);
    assert_eq!(runs(&project.warehouse()), Vec::<u64>::new());
    // Unless it may be missing.
    let optional =
        common::SHOP.replace("    description: One account.\n", "    description: One account.\n    optional: true\n");
    project.write("pipelines/shop.yaml", optional);
    project.run().expect(0);
    // A night without new files is fine, and says so; an emptied folder is such a night.
    let ran = project.run().expect(0);
    assert!(ran.stdout.starts_with("nothing changed since run 1"), "{}", ran.stdout);
    std::fs::remove_dir_all(&folder).expect("the drop folder");
    project.run().expect(1);
    std::fs::create_dir(&folder).expect("a folder");
    let ran = project.run().expect(0);
    assert!(ran.stdout.starts_with("nothing changed since run 1"), "{}", ran.stdout);
}

#[test]
fn a_file_of_no_bytes() {
    for name in [ORDERS, TICKETS, RATES] {
        refused(name, "", &["refused: the file is empty: not even a header"]);
    }
    refused("shop/orders/2026-11-19.csv.gz", gzip(""), &["refused: the file is empty: not even a header"]);
    refused("shop/orders/2026-11-19.csv.gz", "", &["refused: "]);
    // A header alone is an extract without rows.
    let project = good().copy();
    project.drop(ORDERS, orders(&[]));
    project.run().expect(0);
    assert_balanced(&project);
}

#[test]
fn json_that_is_not_lines() {
    refused(
        TICKETS,
        format!("[{{\"id\": 7, \"subject\": \"{SECRET}\", \"minutes\": 1}}]\n"),
        &["shop/tickets refused: not JSON Lines: the file holds a JSON array", "one JSON object per line"],
    );
    refused(
        TICKETS,
        format!("[\n  {{\"id\": 7, \"subject\": \"{SECRET}\", \"minutes\": 1}}\n]\n"),
        &["not JSON Lines"],
    );
    refused(TICKETS, format!("\"{SECRET}\"\n7\n"), &["shop/tickets refused: not JSON Lines"]);
    // A page of an API is one object, and none of ours.
    quarantined(
        TICKETS,
        format!("{{\"data\": [{{\"id\": 7, \"subject\": \"{SECRET}\", \"minutes\": 1}}]}}\n"),
        "1,id,missing_key",
    );
    // A line that was cut in the middle is a bad row.
    let good_line = |i: u32| format!("{{\"id\": {i}, \"subject\": \"ok\", \"minutes\": 1}}\n");
    quarantined(TICKETS, format!("{}{{\"id\": 8, \"subject\": \"{SECRET}", good_line(7)), "2,,cut_json");
    let lines: String = (10..40).map(good_line).collect();
    quarantined(TICKETS, format!("{lines}{{\"id\": 8, \"subject\": \"{SECRET}\n{}", good_line(50)), "31,,cut_json");
}

#[test]
fn a_line_of_fifty_megabytes() {
    let long = "x".repeat(50 << 20);
    let csv = format!(
        "id,name,email,updated_at\nc7,{SECRET}{long},g@example.org,2026-11-19 08:00:00\nc8,Cy Drei,cy@example.org,2026-11-19 08:00:00\n"
    );
    let project = quarantined(CUSTOMERS, csv, "2,,line_too_long");
    let held = project.csv("select max(length(raw)) as n from quarantine.rejected_row");
    let held: u64 = held.lines().nth(1).expect("a row").parse().expect("a number");
    assert!(held <= 64 << 10, "the quarantine holds {held} characters of the line");
    assert_eq!(project.csv("select count(*) as n from identity.record where record_id = 'c8'"), "n\n1\n");
    let memory = last_manifest(&project.warehouse())["peak_memory_bytes"].as_u64().expect("a size");
    assert!(memory < 400 << 20, "{} MiB of memory", memory >> 20);
    let line = format!(
        "{{\"id\": 8, \"subject\": \"{SECRET}{long}\", \"minutes\": 1}}\n{{\"id\": 9, \"subject\": \"ok\", \"minutes\": 1}}\n"
    );
    quarantined(TICKETS, line, "1,,line_too_long");
}

#[test]
fn a_column_twice_in_the_header() {
    refused(
        ORDERS,
        format!("id,customer_id,total,total,updated_at\no9,{SECRET},1.00,2.00,2026-11-19 09:00:00\n"),
        &["shop/orders refused: column `total` stands twice in the header"],
    );
    // The header again in the middle of the file is a bad row.
    quarantined(
        ORDERS,
        orders(&[
            "o8,c1,1.00,2026-11-19 09:00:00",
            "id,customer_id,total,updated_at",
            "o9,c1,1.00,2026-11-19 09:00:00",
        ]),
        "3,,repeated_header",
    );
}

#[test]
fn rows_of_another_shape() {
    quarantined(
        ORDERS,
        orders(&[
            "o8,c1,1.00,2026-11-19 09:00:00",
            "o9,c1,1.00,2026-11-19 09:00:00,more",
            "o10,c1",
            ",c1,1.00,2026-11-19 09:00:00",
            "o11,c1,,2026-11-19 09:00:00",
        ]),
        "3,,too_many_fields\n4,,too_few_fields\n5,id,missing_key\n6,total,missing_value",
    );
    refused(
        ORDERS,
        orders(&[&format!("o8,\"{SECRET},1.00,2026-11-19 09:00:00"), "o9,c1,1.00,2026-11-19 09:00:00"]),
        &["shop/orders refused: a quote opened in the row of line 2 never closes"],
    );
}

#[test]
fn a_full_snapshot_with_a_header_only() {
    refused(
        RATES,
        "currency,rate\n",
        &["shop/rates refused: a full snapshot without a row would delete everything", "allow_empty: true"],
    );
    let project = good().copy();
    let allowed = format!("{}{MORE_OBJECTS}", common::SHOP)
        .replace("    snapshot: full\n", "    snapshot: full\n    allow_empty: true\n");
    project.write("pipelines/shop.yaml", allowed);
    project.drop(RATES, "currency,rate\n");
    project.run().expect(0);
    assert_eq!(project.csv("select count(*) as n from landing.shop__rates"), "n\n0\n");
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n3\n");
    assert_balanced(&project);
}

/// A, B, A is A; a key that is missing is deleted; a row in quarantine keeps its version before.
#[test]
fn full_snapshots_follow_one_another() {
    let project = good().copy();
    let rates = |project: &Small| project.csv("select currency, rate from landing.shop__rates order by currency");
    let first = rates(&project);
    assert_eq!(first, "currency,rate\nCHF,0.950000\nUSD,1.100000\n");
    project.drop(RATES, "currency,rate\nUSD,1.2\nGBP,0.9\n");
    project.run().expect(0);
    assert_eq!(rates(&project), "currency,rate\nGBP,0.900000\nUSD,1.200000\n");
    project.drop("shop/rates/2026-11-20.csv", "currency,rate\nUSD,1.1\nCHF,0.95\n");
    project.run().expect(0);
    assert_eq!(rates(&project), first);
    project.drop("shop/rates/2026-11-21.csv", "currency,rate\nUSD,1.3\nCHF,o.95\n");
    project.run().expect(0);
    assert_eq!(rates(&project), "currency,rate\nCHF,0.950000\nUSD,1.300000\n");
    assert_balanced(&project);
    assert_whole(&project.warehouse());
}

#[test]
fn a_refused_file_may_be_left_out() {
    let project = good().copy();
    project.write(
        "pipelines/shop.yaml",
        format!("{}{MORE_OBJECTS}", common::SHOP).replace("snapshot: full\n", "snapshot: full\n    on_refused: skip\n"),
    );
    let before = project.csv("select currency, rate from landing.shop__rates order by currency");
    project.drop(RATES, "");
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    let left_out = format!("{RATES} was left out: shop/rates refused: the file is empty");
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains(&left_out), "{}", ran.stdout);
    assert_eq!(project.csv("select currency, rate from landing.shop__rates order by currency"), before);
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n4\n");
    // In every report until it is settled, also in one that says that nothing changed.
    let ran = project.run().expect(0);
    assert!(
        ran.stdout.starts_with("nothing changed") && ran.stderr.contains(&left_out),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    project.drop("shop/orders/2026-11-20.csv", orders(&["o10,c1,1.00,2026-11-20 09:00:00"]));
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains(&left_out), "{}", ran.stdout);
    // Handed over again, it counts.
    project.drop(RATES, "currency,rate\nUSD,1.2\n");
    let ran = project.run().expect(0);
    assert!(!ran.stdout.contains("was left out"), "{}", ran.stdout);
    assert_eq!(
        project.csv("select currency, rate from landing.shop__rates order by currency"),
        "currency,rate\nUSD,1.200000\n"
    );
    assert_whole(&project.warehouse());
}

#[test]
fn all_refusals_show_at_once() {
    let project = good().copy();
    project.drop(ORDERS, "");
    project.drop(TICKETS, "[]\n");
    project.drop(RATES, "currency,rate\n");
    project.drop("shop/rates/2026-11-20.csv", "currency\n");
    let ran = project.run().expect(1);
    for name in [ORDERS, TICKETS, RATES, "shop/rates/2026-11-20.csv"] {
        assert!(ran.stderr.contains(name), "{name} is missing:\n{}", ran.stderr);
    }
    assert_eq!(ran.stderr.matches("error: ").count(), 4, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("hint: ").count(), 4, "{}", ran.stderr);
    let json = project.uramaki(&["run", "--log-format", "json"]).expect(1);
    let errors: Vec<serde_json::Value> = json
        .stderr
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .filter(|l: &serde_json::Value| l["level"] == "ERROR")
        .collect();
    assert_eq!(errors.len(), 4, "{}", json.stderr);
    assert!(errors.iter().all(|e| e["exit_code"] == 1 && e["file"].is_string() && e["hint"].is_string()), "{errors:?}");
}

#[test]
fn a_new_column_is_named_once() {
    let project = good().copy();
    project.drop(ORDERS, "id,customer_id,total,updated_at,colour\no9,c1,1.00,2026-11-19 09:00:00,red\n");
    let ran = project.run().expect(0);
    assert_eq!(ran.stdout.matches("shop/orders: unmapped columns: colour").count(), 1, "{}", ran.stdout);
}
