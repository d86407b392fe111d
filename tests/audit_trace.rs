//! `audit trace` and `audit why-not`: from a cell back to its lines, from a line forward to where it went, with the real binary.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{Random, Small, command, folder, last_manifest, repository, tables, uramaki};
use serde_json::Value;

/// A warehouse of the small shop after its three nights.
fn shop() -> Small {
    let small = Small::new();
    for night in 1..=3 {
        small.night(night);
        small.run().expect(0);
    }
    small
}

fn json(project: &Path, args: &[&str]) -> Value {
    let ran = uramaki(project, &[&["audit"], args, &["--format", "json"]].concat()).expect(0);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// `file` → lines.
fn lines(traced: &Value) -> BTreeMap<String, Vec<u64>> {
    let files = traced["lines"].as_array().expect("files").iter();
    files
        .map(|f| {
            let lines = f["lines"].as_array().expect("lines").iter().filter_map(Value::as_u64).collect();
            (f["file"].as_str().expect("a name").to_string(), lines)
        })
        .collect()
}

#[test]
fn a_cell_leads_to_exactly_its_lines() {
    let small = shop();
    let bo = small.csv("select customer_id from marts.customer_total where total_eur > 100");
    let bo = bo.lines().nth(1).expect("a customer");
    let traced = json(small.root(), &["trace", "customer_total", "--key", bo, "--column", "total_eur"]);
    assert_eq!(traced["values"][0]["value"], "112.75");
    assert_eq!(traced["proof"], "equal");
    assert_eq!(traced["surplus"], Value::Array(Vec::new()), "sums need each of their rows");
    let expected: BTreeMap<String, Vec<u64>> = [
        ("shop/customers/2026-11-18.csv", vec![3]),
        ("shop/customers/2026-11-19.csv", vec![2]),
        ("shop/orders/2026-11-18.csv", vec![3]),
        ("shop/orders/2026-11-19.csv", vec![3]),
        ("shop/orders/2026-11-20.csv", vec![2]),
    ]
    .map(|(file, lines)| (file.to_string(), lines))
    .into();
    assert_eq!(lines(&traced), expected);
    let customer = &traced["customers"][0];
    assert_eq!(customer["records"].as_array().map(Vec::len), Some(2));
    assert_eq!(customer["links"][0]["rule"], "email_exact");
    // The same again as text, with the SHA-256 of the files, and as a page that asks for nothing.
    let args = ["audit", "trace", "customer_total", "--key", bo, "--html", "trace.html"];
    let text = uramaki(small.root(), &args).expect(0).stdout;
    let page = fs::read_to_string(small.root().join("trace.html")).expect("the page");
    assert!(page.contains("<svg ") && page.contains("1 line of shop/orders") && !page.contains("://"), "{page}");
    let sha = common::sha256(&fs::read(small.root().join("drop/shop/orders/2026-11-20.csv")).expect("the file"));
    assert!(text.contains(&sha) && text.contains("shop/orders/2026-11-20.csv:2"), "{text}");
}

/// The listed lines alone, as extracts of a new project, give the same row. Nothing of the tool's own proof is used.
#[test]
fn the_listed_lines_alone_make_the_row_again() {
    let small = shop();
    let rows = small.csv("select * from marts.customer_total order by customer_id");
    let mut rows = rows.lines();
    let head = rows.next().expect("a head");
    for row in rows {
        let customer = row.split(',').next().expect("a customer");
        let traced = json(small.root(), &["trace", "customer_total", "--key", customer]);
        let again = Small::new();
        for (file, lines) in lines(&traced) {
            let text = fs::read_to_string(small.root().join("drop").join(&file)).expect("the extract");
            let all: Vec<&str> = text.lines().collect();
            let mut kept = vec![all[0]];
            kept.extend(lines.iter().map(|line| all[*line as usize - 1]));
            again.drop(&file, kept.join("\n") + "\n");
        }
        again.run().expect(0);
        let made = again.csv("select * from marts.customer_total");
        assert_eq!(made.lines().collect::<Vec<_>>(), [head, row], "{traced}");
    }
}

/// A number that rests on most rows of a large table lists all that the table reads, and says so; a smaller one lists its rows alone.
#[test]
fn a_number_of_the_whole_company_rests_on_all_its_lines() {
    const ORDERS: usize = 110_000;
    let small = Small::new();
    small.night(1);
    let mut orders = String::from("id,customer_id,total,updated_at\n");
    for n in 0..ORDERS {
        orders += &format!("o{n},c{},{}.25,2026-11-18 09:00:00\n", n % 2 + 1, n % 90);
    }
    small.drop("shop/orders/2026-11-18.csv", orders);
    small.write(
        "sql/marts/company_total.sql",
        "select 'all' as company, cast(sum(total_eur) as decimal(18,2)) as total_eur from warehouse.fct_order\n",
    );
    small.write(
        "sql/marts/company_total.yml",
        "description: All orders.\ngrain: one row\nkey: [company]\ncolumns:\n  \
         company: {type: text, description: The company.}\n  \
         total_eur: {type: \"decimal(18,2)\", unit: EUR, description: Sum of all.}\n",
    );
    small.run().expect(0);
    let traced = json(small.root(), &["trace", "company_total", "--key", "all"]);
    assert_eq!(traced["proof"], "equal");
    assert_eq!(traced["surplus"][0]["model"], "warehouse.fct_order");
    assert!(traced["surplus"].to_string().contains("most rows of a large table"), "{}", traced["surplus"]);
    let orders = |traced: &Value| lines(traced)["shop/orders/2026-11-18.csv"].clone();
    assert_eq!(orders(&traced), (2..ORDERS as u64 + 2).collect::<Vec<_>>());
    let staged = traced["steps"].as_array().expect("steps").iter().find(|s| s["table"] == "staging.stg_shop__orders");
    assert_eq!(staged.expect("staging")["rows"], ORDERS);
    let ada = small.csv("select customer_id from identity.customer_xref where record_id = 'c1'");
    let ada = json(small.root(), &["trace", "customer_total", "--key", ada.lines().nth(1).expect("a customer")]);
    assert_eq!((&ada["proof"], &ada["surplus"]), (&Value::from("equal"), &Value::Array(Vec::new())));
    assert_eq!(orders(&ada), (2..ORDERS as u64 + 2).step_by(2).collect::<Vec<_>>());
}

/// The sample, run once for all tests.
fn sample() -> &'static PathBuf {
    static SAMPLE: OnceLock<PathBuf> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let kept = folder().keep();
        let warehouse = kept.join("warehouse").display().to_string();
        let ran = command(repository()).args(["run", "--warehouse", &warehouse]).output().expect("the binary starts");
        common::Ran::of(ran).expect(0);
        kept.join("warehouse")
    })
}

fn on_sample(args: &[&str]) -> common::Ran {
    let warehouse = sample().display().to_string();
    common::Ran::of(command(repository()).args(args).args(["--warehouse", &warehouse]).output().expect("it starts"))
}

fn asked(sql: &str) -> Vec<Value> {
    let ran = on_sample(&["query", "--format", "json", sql]).expect(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

/// The key of a table, from its yml.
fn key_of(table: &str) -> Vec<String> {
    let name = table.split('.').next_back().expect("a name");
    let yml = common::files(&repository().join("sql"));
    let path = yml.keys().find(|p| p.ends_with(&format!("/{name}.yml"))).expect("its yml");
    let text = fs::read_to_string(repository().join("sql").join(path)).expect("its yml");
    let line = text.lines().find_map(|l| l.strip_prefix("key: [")).expect("a key");
    line.trim_end_matches(']').split(',').map(|c| c.trim().to_string()).collect()
}

/// One cell, picked by chance, of every mart: the listed rows alone give it.
#[test]
fn a_cell_of_every_mart_is_made_again_from_its_lines() {
    let manifest = last_manifest(sample());
    let mut numbers = Random(20_261_129);
    let mut told = Vec::new();
    for (table, record) in tables(&manifest).iter().filter(|(name, t)| name.starts_with("marts.") && t.rows > 0) {
        let key = key_of(table);
        let columns: Vec<&str> = manifest["tables"][table]["columns"]
            .as_array()
            .expect("columns")
            .iter()
            .filter_map(|c| c["name"].as_str())
            .filter(|c| !key.iter().any(|k| k == c))
            .collect();
        let as_text: Vec<String> = key.iter().map(|c| format!("cast({c} as varchar) as {c}")).collect();
        let (text, order, at) = (as_text.join(", "), key.join(", "), numbers.below(record.rows));
        let row = &asked(&format!("select {text} from {table} order by {order} limit 1 offset {at}"))[0];
        let keys: Vec<String> = key.iter().map(|c| format!("{c}={}", row[c].as_str().unwrap_or_default())).collect();
        let column = columns[numbers.below(columns.len() as u64) as usize];
        let mut args = vec!["audit", "trace", table, "--column", column, "--format", "json"];
        for key in &keys {
            args.extend(["--key", key]);
        }
        let traced: Value = serde_json::from_str(&on_sample(&args).expect(0).stdout).expect("JSON");
        told.push((format!("{table} {keys:?} {column}"), traced["proof"].as_str().unwrap_or_default().to_string()));
    }
    let wrong: Vec<_> = told.iter().filter(|(_, proof)| proof != "equal").collect();
    assert!(told.len() >= 14 && wrong.is_empty(), "{wrong:#?} of {}", told.len());
}

#[test]
fn a_trace_of_what_is_not_there_says_so() {
    let small = shop();
    let missing = small.uramaki(&["audit", "trace", "customer_total", "--key", "nobody"]).expect(2);
    assert!(missing.stderr.contains("no such row") && missing.stderr.contains("why-not"), "{}", missing.stderr);
    let wrong = small.uramaki(&["audit", "trace", "customer_totals", "--key", "x"]).expect(2);
    assert!(wrong.stderr.contains("did you mean `customer_total`?"), "{}", wrong.stderr);
    let column = small.uramaki(&["audit", "trace", "customer_total", "--key", "x", "--column", "total"]).expect(2);
    assert!(column.stderr.contains("has no column `total`"), "{}", column.stderr);
}

/// (kind, subject) of each reason.
fn reasons(told: &Value) -> BTreeSet<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    told["reasons"].as_array().expect("reasons").iter().map(|r| (text(&r["kind"]), text(&r["subject"]))).collect()
}

fn has(told: &Value, kind: &str, subject: &str) -> bool {
    reasons(told).contains(&(kind.to_string(), subject.to_string()))
}

#[test]
fn a_line_is_followed_to_where_it_stays() {
    let small = shop();
    let why = |line: &str, run: &str| json(small.root(), &["why-not", "--source", line, "--run", run]);
    let told = why("shop/orders/2026-11-19.csv:4", "3");
    assert!(has(&told, "quarantined", "shop/orders"), "{told}");
    let told = why("shop/orders/2026-11-18.csv:2", "3");
    assert!(has(&told, "superseded", "shop/orders"), "{told}");
    assert_eq!(told["reasons"][0]["place"], "shop/orders/2026-11-19.csv:2");
    let told = why("shop/orders/2026-11-18.csv:2", "1");
    for table in ["landing.shop__orders", "staging.stg_shop__orders", "warehouse.fct_order", "marts.customer_total"] {
        assert!(has(&told, "there", table), "{table}: {told}");
    }
    let told = why("shop/orders/2026-11-18.csv:1", "3");
    assert!(has(&told, "unknown", "shop/orders/2026-11-18.csv"), "{told}");
    let unknown = small.uramaki(&["audit", "why-not", "--source", "shop/orders/2026-11-17.csv:1"]).expect(2);
    assert!(unknown.stderr.contains("did you mean"), "{}", unknown.stderr);
}

#[test]
fn a_row_that_is_not_there_has_its_reason() {
    let small = Small::new();
    small.night(1);
    // An order of nobody, and one of a customer who will turn out to be another.
    small.drop(
        "shop/orders/2026-11-18.csv",
        "id,customer_id,total,updated_at\no1,c1,10.00,2026-11-18 09:00:00\no2,c2,5.50,2026-11-18 09:00:00\no9,c9,1.00,2026-11-18 09:00:00\n",
    );
    small.write(
        "sql/marts/big_order.sql",
        "select order_id, total_eur from warehouse.fct_order where total_eur > 5 and customer_id is not null and order_id like 'o%'\n",
    );
    small.write(
        "sql/marts/big_order.yml",
        "description: Large orders.\ngrain: one row per order\nkey: [order_id]\ncolumns:\n  \
         order_id: {type: text, description: The order.}\n  \
         total_eur: {type: \"decimal(18,2)\", unit: EUR, description: Its total.}\n",
    );
    small.run().expect(0);
    let bo = small.csv("select customer_id from marts.customer_total where total_eur = 5.50");
    let bo = bo.lines().nth(1).expect("a customer").to_string();
    small.drop(
        "shop/customers/2026-11-19.csv",
        "id,name,email,updated_at\nc2,Bo Zwei,ada@example.org,2026-11-19 08:00:00\n",
    );
    small.drop("shop/orders/2026-11-19.csv", "id,customer_id,total,updated_at\no5,c1,1o0.00,2026-11-19 09:00:00\n");
    small.drop("shop/orders/2026-11-25.csv", "id,customer_id,total,updated_at\no7,c1,3.00,2026-11-25 09:00:00\n");
    small.run_with(&["--as-of", "2026-11-25"]).expect(0);
    small.run_with(&["--as-of", "2026-11-19"]).expect(0);
    let why = |args: &[&str]| json(small.root(), &[&["why-not"], args].concat());
    // Its customer is another by now.
    let told = why(&["customer_total", "--key", &bo]);
    assert!(has(&told, "merged", &format!("customer {bo}")), "{told}");
    // In quarantine, by its key.
    let told = why(&["warehouse.fct_order", "--key", "o5"]);
    assert!(has(&told, "quarantined", "shop/orders"), "{told}");
    assert_eq!(told["reasons"][0]["place"], "shop/orders/2026-11-19.csv:2");
    // After the day of this run.
    let told = why(&["warehouse.fct_order", "--key", "o7"]);
    assert!(has(&told, "late", "shop/orders"), "{told}");
    // Never.
    let told = why(&["warehouse.fct_order", "--key", "o99"]);
    assert!(has(&told, "unknown", "shop/orders"), "{told}");
    let told = why(&["warehouse.fct_order", "--key", "o1"]);
    assert!(has(&told, "there", "warehouse.fct_order"), "{told}");
    // The order of nobody is in the facts, and a condition keeps it out of the mart.
    let told = why(&["--source", "shop/orders/2026-11-18.csv:4"]);
    assert!(has(&told, "there", "warehouse.fct_order") && has(&told, "filtered", "marts.customer_total"), "{told}");
    let filtered = told["reasons"].as_array().and_then(|r| r.iter().find(|r| r["subject"] == "marts.customer_total"));
    let filtered = filtered.expect("its reason");
    assert_eq!(filtered["place"], "sql/marts/customer_total.sql:2");
    let what = filtered["what"].as_str().unwrap_or_default();
    assert!(what.contains("customer_id IS NOT NULL") && what.ends_with(": with customer_id = NULL"), "{filtered}");
    // Which parts of a condition fail, and by which values: from the key, and from the line.
    for asked in [["big_order", "--key", "o9"], ["big_order", "--source", "shop/orders/2026-11-18.csv:4"]] {
        let told = why(&asked).to_string();
        assert!(
            told.contains("is false, with total_eur = 1.00; ") && told.contains("is false, with customer_id = NULL"),
            "{told}"
        );
        assert!(!told.contains("with order_id"), "a part that holds is not told: {told}");
    }
}

/// A key that begins with a rule's name is looked for in that rule alone; one that two tables together would give is in neither of them.
#[test]
fn a_key_is_looked_for_where_it_could_come_from() {
    let replied = asked(
        "select cast(ticket_id as varchar) as id from warehouse.fct_ticket
         where cast(ticket_id as varchar) not in (select subject_id from marts.friction where rule = 'no_reply')
         order by ticket_id limit 1",
    );
    let key = format!("no_reply:{}", replied[0]["id"].as_str().expect("an id"));
    let why = |args: &[&str]| -> Value {
        let said = on_sample(&[&["audit", "why-not", "--format", "json"], args].concat()).expect(0);
        serde_json::from_str(&said.stdout).expect("JSON")
    };
    let told = why(&["friction", "--key", &key]);
    let reasons = told["reasons"].as_array().expect("reasons");
    assert!(!reasons.is_empty() && reasons.iter().all(|r| r["subject"] == "marts.friction_no_reply"), "{told}");
    let told = why(&["customer_timeline", "--key", "order_placed:0"]);
    assert_eq!(told["reasons"][0]["kind"], "unknown", "{told}");
    assert!(!told.to_string().contains("unjoined"), "{told}");
}
