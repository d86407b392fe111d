//! `uramaki docs`: every table and column, lineage from the plans, no person, metrics that a semantic layer takes; opened in a real Chromium.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use common::{Ran, Small, command, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A run of the sample, and its catalogue in English and German.
struct Made {
    folder: TempDir,
    seconds: f64,
}

impl Made {
    fn warehouse(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).expect("a file of the catalogue")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text("en/catalogue.json")).expect("JSON")
    }
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = common::folder();
        let of = folder.path().join("warehouse");
        uramaki(&["run", "--warehouse", path(&of)]).expect(0);
        let began = Instant::now();
        docs(&of, &folder.path().join("en"), &[]);
        let seconds = began.elapsed().as_secs_f64();
        docs(&of, &folder.path().join("de"), &["--lang", "de"]);
        Made { folder, seconds }
    })
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn uramaki(args: &[&str]) -> Ran {
    Ran::of(command(repository()).args(args).output().expect("the binary starts"))
}

fn docs(warehouse: &Path, output: &Path, args: &[&str]) -> Ran {
    uramaki(&[&["docs", "--warehouse", path(warehouse), "--output", path(output)], args].concat()).expect(0)
}

fn python(script: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts").join(script)).args(args).stdin(Stdio::null());
    Ran::of(command.output().expect("scripts/python starts"))
}

/// What a Chromium saw.
fn open(page: &Path, args: &[&str]) -> Value {
    let ran = python("catalogue_browser.py", &[&["--page", path(page)], args].concat()).expect(0);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[track_caller]
fn assert_sound(seen: &Value) {
    assert_eq!((&seen["errors"], &seen["requests"]), (&json!([]), &json!([])));
    for view in seen["views"].as_array().expect("views") {
        assert_eq!(view["contrast"], json!([]), "too little contrast in {}", view["id"]);
        assert_eq!(view["overflow"], false, "{} is wider than the window", view["id"]);
        assert_eq!(view["others"], 0, "more than one entry is shown beside {}", view["id"]);
    }
    assert_eq!(
        seen["keys"],
        json!({"first_stop": "skip", "slash": "search", "led_to": "marts.customer_360"}),
        "by keyboard"
    );
}

const REVENUE: &str = "marts.customer_360.revenue_eur";

#[test]
fn the_page_is_searched_and_drawn() {
    let page = made().file("en/index.html");
    let decides = format!("{REVENUE}+deciding");
    let views = [
        "--view",
        "marts.customer_360",
        REVENUE,
        &decides,
        "landing.zendesk__tickets",
        "warehouse.dim_date",
        "metrics",
        "connect",
        "--search",
        "revenue_eur",
        "customer_360",
        "open tickets",
    ];
    let seen = open(&page, &views);
    assert_sound(&seen);
    assert_eq!(seen["language"], "en");
    let first = |text: &str| seen["found"][text][0].as_str().unwrap_or_default().to_string();
    assert_eq!(first("customer_360"), "marts.customer_360");
    assert!(seen["found"]["revenue_eur"].as_array().expect("answers").contains(&REVENUE.into()), "{}", seen["found"]);
    assert_eq!(first("open tickets"), "metric.open_tickets");
    let views = seen["views"].as_array().expect("views");
    let table = &views[1];
    assert_eq!(table["label"], "Lineage of marts.customer_360");
    for name in ["warehouse.fct_order", "marts.friction", "warehouse.dim_customer", "marts.changed_needs"] {
        assert!(
            table["boxes"].as_array().is_some_and(|b| b.contains(&name.into()) || name.ends_with("needs")),
            "{name}"
        );
    }
    let column = &views[2];
    assert_eq!(column["marked"], json!([REVENUE]));
    let boxes: BTreeSet<&str> = column["boxes"].as_array().expect("boxes").iter().filter_map(Value::as_str).collect();
    for name in
        ["landing.shopify__orders", "landing.shopify__refunds", "landing.controlling__fx_rates", "warehouse.fct_order"]
    {
        assert!(boxes.contains(name), "{name} is not in the picture: {boxes:?}");
    }
    assert!(column["lines"].as_u64().is_some_and(|n| n >= 10) && column["soft"] == 0, "{column}");
    assert!(views[3]["soft"].as_u64().is_some_and(|n| n >= 3), "nothing decides: {}", views[3]);
    assert!(views[3]["lines"] == column["lines"], "what decides is told apart from what flows");
    let dark = open(&page, &["--scheme", "dark", "--view", "marts.customer_360"]);
    assert_sound(&dark);
    assert_ne!(dark["background"], seen["background"]);
}

#[test]
fn the_page_fits_a_phone_in_german() {
    let page = made().file("de/index.html");
    let views = ["--width", "390", "--view", "marts.customer_360", REVENUE, "marts.silo_index", "metrics", "connect"];
    let seen = open(&page, &views);
    assert_sound(&seen);
    assert_eq!(seen["language"], "de");
    let text = made().text("de/index.html");
    for word in ["Datenkatalog", "Kennzahlen", "Kommt aus", "Verantwortlich", "20.\u{a0}November 2026"] {
        assert!(text.contains(word), "{word}");
    }
}

/// Every table that a query can name stands here, with every column.
#[test]
fn every_table_and_column_is_there() {
    let (made, catalogue) = (made(), made().json());
    let text = made.text("en/index.html");
    let tables: BTreeMap<&str, &Value> = catalogue["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|t| (t["name"].as_str().expect("a name"), t))
        .collect();
    let sql = "select table_schema || '.' || table_name as t, column_name as c from information_schema.columns \
               where table_schema <> 'information_schema' union all select 'landing.shopify__orders', 'total_price'";
    let known = uramaki(&["query", "--format", "csv", "--warehouse", path(&made.warehouse()), sql]).expect(0).stdout;
    assert!(known.lines().count() > 500, "{}", known.lines().count());
    for (table, column) in known.lines().skip(1).filter_map(|l| l.split_once(',')) {
        let told = tables.get(table).unwrap_or_else(|| panic!("{table} is missing"));
        let columns = told["columns"].as_array().expect("columns");
        let found =
            columns.iter().find(|c| c["name"] == column).unwrap_or_else(|| panic!("{table}.{column} is missing"));
        assert!(found["type"].as_str().is_some_and(|t| !t.is_empty()), "{table}.{column} has no type");
        assert!(found["description"].as_str().is_some_and(|t| t.len() > 3), "{table}.{column} is not described");
        assert!(text.contains(&format!("<tr id=\"{table}.{column}\">")), "{table}.{column} is not on the page");
    }
    // Models that are not published, too.
    for (layer, folder) in [("staging", "sql/staging"), ("warehouse", "sql/warehouse"), ("marts", "sql/marts")] {
        for (file, _) in common::files(&repository().join(folder)) {
            if let Some(name) = file.strip_suffix(".sql").and_then(|f| f.rsplit('/').next()) {
                assert!(tables.contains_key(format!("{layer}.{name}").as_str()), "{layer}.{name}");
            }
        }
    }
    for layer in ["landing", "staging", "identity", "project", "warehouse", "marts", "quarantine"] {
        assert!(tables.values().any(|t| t["layer"] == layer), "{layer}");
    }
    let order = tables["warehouse.fct_order"];
    assert_eq!((&order["grain"], &order["key"]), (&json!("one row per order"), &json!(["order_id"])));
    assert!(order["rows"].as_u64().is_some_and(|n| n > 1000), "{}", order["rows"]);
    let unit =
        order["columns"].as_array().expect("columns").iter().find(|c| c["name"] == "total_eur").expect("total_eur");
    assert_eq!(unit["unit"], "EUR");
    assert!(text.contains("Orders not cancelled with tax and shipping, less the shop&#39;s refunds"), "a description");
}

/// All columns that a column's value is made of, over however many tables.
fn sources(catalogue: &Value, to: &str, kinds: &[&str]) -> BTreeSet<String> {
    let edges = catalogue["lineage"].as_array().expect("edges");
    let (mut found, mut open) = (BTreeSet::new(), vec![to.to_string()]);
    while let Some(at) = open.pop() {
        let direct = edges.iter().filter(|e| e["to"] == at.as_str() && kinds.iter().any(|k| e["kind"] == *k));
        for from in direct.filter_map(|e| e["from"].as_str()) {
            if found.insert(from.to_string()) {
                open.push(from.to_string());
            }
        }
    }
    found
}

#[test]
fn lineage_is_that_of_the_plans() {
    let catalogue = made().json();
    let of = |to: &str| sources(&catalogue, to, &["value"]);
    let direct = |to: &str, kind: &str| -> BTreeSet<String> {
        let edges = catalogue["lineage"].as_array().expect("edges").iter();
        edges
            .filter(|e| e["to"] == to && e["kind"] == kind)
            .filter_map(|e| Some(e["from"].as_str()?.to_string()))
            .collect()
    };
    let revenue = of(REVENUE);
    for from in [
        "warehouse.fct_order.total_eur",
        "warehouse.fct_order.refunds_eur",
        "staging.stg_shopify__orders.total_price",
        "landing.shopify__orders.total_price",
        "landing.shopify__refunds.amount",
    ] {
        assert!(revenue.contains(from), "{from} is not behind the revenue: {revenue:?}");
    }
    assert!(
        revenue.iter().any(|s| s.starts_with("landing.controlling__fx_rates.")),
        "the rate of exchange: {revenue:?}"
    );
    // Tax and e-mail have nothing to do with it.
    assert!(!revenue.contains("landing.shopify__orders.total_tax") && !revenue.iter().any(|s| s.ends_with(".email")));
    // A cancelled order does not count: that decides, and is no value.
    assert!(direct(REVENUE, "condition").contains("warehouse.fct_order.is_cancelled"));
    assert!(!revenue.contains("warehouse.fct_order.is_cancelled"));
    // What is counted are rows.
    assert!(direct("marts.customer_360.open_tickets", "value").contains("warehouse.fct_ticket.*"));
    assert!(direct("marts.customer_360.open_tickets", "filter").contains("warehouse.fct_ticket.is_open"));
    // Through identity, back to what the systems hand over.
    let email = of("marts.customer_360.email");
    for from in [
        "identity.record.email",
        "landing.shopify__customers.email",
        "landing.stripe__customers.email",
        "landing.zendesk__users.email",
    ] {
        assert!(email.contains(from), "{from}: {email:?}");
    }
    let field = |table: &str, column: &str| {
        let tables = catalogue["tables"].as_array().expect("tables");
        let table = tables.iter().find(|t| t["name"] == table).expect("the table");
        table["columns"].as_array().expect("columns").iter().find(|c| c["name"] == column).expect("the column")["source_field"].clone()
    };
    assert_eq!(field("landing.shopify__orders", "total_price"), "total_price");
    assert_eq!(field("landing.zendesk__tickets", "via_channel"), "via.channel");
    // No edge begins or ends where nothing is.
    let known: BTreeSet<String> = catalogue["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .flat_map(|t| {
            let table = t["name"].as_str().unwrap_or_default();
            let columns = t["columns"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str());
            columns.chain(["*"]).map(move |c| format!("{table}.{c}")).collect::<Vec<_>>()
        })
        .collect();
    for edge in catalogue["lineage"].as_array().expect("edges") {
        for end in ["from", "to"] {
            assert!(edge[end].as_str().is_some_and(|e| known.contains(e)), "{edge}");
        }
    }
    // Each published column of the marts has something behind it, or is set by the model.
    let all = catalogue["lineage"].as_array().expect("edges").len();
    assert!(all > 2500, "{all} edges");
}

/// Personal columns are left out, and rows of persons are not shown at all.
#[test]
fn nobody_stands_in_it() {
    let made = made();
    let of = path(&made.warehouse()).to_string();
    let sql = "select distinct v from (select display_name as v from identity.record union select email from identity.record \
               union select phone from identity.record union select street from identity.record union select customer_id from warehouse.dim_customer \
               union select order_id from warehouse.fct_order union select record_id from identity.record) as t where length(v) >= 6";
    let values = uramaki(&["query", "--format", "csv", "--warehouse", &of, sql]).expect(0).stdout;
    assert!(values.lines().count() > 2000, "{}", values.lines().count());
    for name in ["en/index.html", "de/index.html", "en/catalogue.json", "en/semantic_models.yml"] {
        let text = made.text(name).replace("&#39;", "'");
        let words: BTreeSet<&str> = text.split(|c: char| !(c.is_alphanumeric() || "@._+-".contains(c))).collect();
        for value in values.lines().skip(1).map(|v| v.trim_matches('"')) {
            let stands = if value.contains(' ') { text.contains(value) } else { words.contains(value) };
            assert!(!stands, "{name} holds a value of a personal column");
        }
    }
    let catalogue = made.json();
    for table in catalogue["tables"].as_array().expect("tables") {
        let columns = table["columns"].as_array().expect("columns");
        let tells = columns.iter().any(|c| c["personal"] == true || c["name"] == "customer_id");
        assert!(!tells || table["sample"].is_null(), "{} shows rows of persons", table["name"]);
    }
    let silo = catalogue["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .find(|t| t["name"] == "marts.silo_index")
        .expect("silo_index");
    assert_eq!(silo["sample"]["rows"].as_array().map(Vec::len), Some(5));
}

#[test]
fn checks_stand_with_what_they_said() {
    let made = made();
    let text = made.text("en/index.html");
    assert!(text.contains("warned: 140\u{a0}rows"), "invoice_of_other_customer");
    let manifest = common::last_manifest(&made.warehouse());
    let catalogue = made.json();
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    for table in catalogue["tables"].as_array().expect("tables") {
        let of_columns = table["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|c| c["checks"].as_array().into_iter().flatten());
        for check in table["checks"].as_array().into_iter().flatten().chain(of_columns) {
            told.insert(check["name"].as_str().expect("a name").to_string(), check["offenders"].clone());
        }
    }
    for check in manifest["checks"].as_array().expect("checks") {
        let name = check["name"].as_str().expect("a name");
        assert_eq!(told.get(name), Some(&check["offenders"]), "{name}");
    }
}

#[test]
fn a_semantic_layer_takes_the_metrics() {
    let made = made();
    let ran = python("semantic.py", &["--file", path(&made.file("en/semantic_models.yml"))]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
    assert_eq!((&told["errors"], ran.code), (&json!([]), Some(0)));
    assert_eq!(told["models"]["fct_order"]["table"], "warehouse.fct_order");
    assert_eq!(told["models"]["fct_order"]["entities"], json!({"order": "primary", "customer": "foreign"}));
    assert_eq!(told["models"]["customer_360"]["entities"]["customer"], "primary");
    let dimensions = told["models"]["customer_360"]["dimensions"].as_array().expect("dimensions");
    assert!(dimensions.contains(&"country".into()) && !dimensions.contains(&"email".into()), "{dimensions:?}");
    let metrics: BTreeSet<String> = told["metrics"].as_object().expect("metrics").keys().cloned().collect();
    let catalogue = made.json();
    let of = path(&made.warehouse()).to_string();
    for metric in catalogue["metrics"].as_array().expect("metrics") {
        let name = metric["name"].as_str().expect("a name");
        assert!(metrics.contains(name), "{name}");
        // The SQL beside it gives one number.
        let sql = metric["sql"].as_str().expect("SQL");
        let answer = uramaki(&["query", "--format", "csv", "--warehouse", &of, sql]).expect(0).stdout;
        let lines: Vec<&str> = answer.lines().collect();
        assert!(lines.len() == 2 && lines[0] == name && lines[1].parse::<f64>().is_ok(), "{name}: {answer}");
    }
    for name in [
        "revenue",
        "active_customers",
        "open_tickets",
        "handoffs",
        "repeat_contacts",
        "frictions",
        "friction_cost",
        "cost_to_serve",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_quickly() {
    let made = made();
    docs(&made.warehouse(), &made.file("again"), &[]);
    for name in ["index.html", "catalogue.json", "semantic_models.yml"] {
        assert_eq!(made.text(&format!("en/{name}")), made.text(&format!("again/{name}")), "{name}");
    }
    // Two seconds, and some patience for tests that run beside this one.
    assert!(made.seconds < 2.0 || cfg!(debug_assertions) && made.seconds < 15.0, "took {} s", made.seconds);
}

#[test]
fn a_project_without_a_run_has_a_catalogue_that_says_so() {
    let small = Small::new();
    let said = small.uramaki(&["docs"]).expect(0);
    assert!(said.stdout.contains("without a run"), "{}", said.stdout);
    let page = std::fs::read_to_string(small.root().join("catalogue/index.html")).expect("the page");
    assert!(page.contains("There is no run yet") && page.contains("id=\"marts.customer_total.total_eur\""));
    small.night(1);
    small.run().expect(0);
    small.uramaki(&["docs"]).expect(0);
    let page = std::fs::read_to_string(small.root().join("catalogue/index.html")).expect("the page");
    assert!(!page.contains("There is no run yet") && page.contains("Rows in the last run"));
    let ran = small.uramaki(&["docs", "--output", "uramaki.yaml"]).expect(1);
    assert!(ran.stderr.contains("cannot write") && ran.stderr.contains("hint:"), "{}", ran.stderr);
}

/// A metric that cannot be is found by `check`, without data, with its line.
#[test]
fn faulty_metrics_are_found_offline() {
    let small = Small::new();
    let yml = std::fs::read_to_string(small.root().join("sql/warehouse/fct_order.yml")).expect("the yml");
    let with = |metrics: &str| {
        small.write("sql/warehouse/fct_order.yml", format!("{yml}metrics:\n{metrics}"));
        small.uramaki(&["check"])
    };
    let good =
        "  sales: {description: All of it., unit: EUR, aggregate: sum, expression: total_eur, time: updated_at}\n";
    with(good).expect(0);
    for (metrics, wanted) in [
        (
            "  sales: {description: All., aggregate: sum, expression: totl_eur, time: updated_at}\n",
            "the metric `sales` cannot be planned",
        ),
        (
            "  sales: {description: All., aggregate: sum, expression: total_eur, time: updatd_at}\n",
            "did you mean `updated_at`?",
        ),
        (
            "  sales: {description: All., aggregate: sum, expression: total_eur, time: order_id}\n",
            "`order_id` is no date or timestamp",
        ),
        (
            "  sales: {description: All., aggregate: sum, expression: total_eur}\n",
            "by which column it is followed over time",
        ),
        ("  sales: {description: All., aggregate: sum, time: updated_at}\n", "does not say what is aggregated"),
        (
            "  sales: {description: All., aggregate: sun, expression: total_eur, time: updated_at}\n",
            "`aggregate` cannot be `sun`",
        ),
        (
            "  sales: {description: All., unit: EUR, aggregate: sum, expression: cast(total_eur as double), time: updated_at}\n",
            "is money, and a float",
        ),
        ("  share: {description: All., ratio: {numerator: sales, denominator: nothing}}\n", "made of `nothing`"),
        ("  sales: {description: All.}\n", "an aggregate or a ratio, one of the two"),
    ] {
        let ran = with(metrics).expect(2);
        assert!(ran.stderr.contains(wanted), "{metrics}{}", ran.stderr);
        assert!(ran.stderr.contains("sql/warehouse/fct_order.yml:") && ran.stderr.contains("hint:"), "{}", ran.stderr);
    }
}
