//! `audit balance`: on sound data every step is equal or has a reason that is reckoned; a fact that loses or doubles rows is named, and so is a control total
//! that the files do not meet.

mod common;

use std::fs;
use std::path::Path;

use common::{Small, copy_folder, manifest, repository, uramaki, write};
use serde_json::Value;

fn balance(project: &Path, more: &[&str], code: i32) -> Value {
    let said = uramaki(project, &[&["audit", "balance", "--format", "json"], more].concat()).expect(code);
    serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {}", said.stderr))
}

/// The steps of one object or balance: (step, measure, unit, origin, target, reason, holds).
fn steps<'b>(balance: &'b Value, of: &str) -> Vec<&'b Value> {
    balance["steps"].as_array().expect("steps").iter().filter(|s| s["of"] == of).collect()
}

fn step<'b>(balance: &'b Value, of: &str, step: &str, measure: &str) -> &'b Value {
    let found = steps(balance, of).into_iter().find(|s| s["step"] == step && s["measure"] == measure);
    found.unwrap_or_else(|| panic!("{of}: no step {step} of {measure}"))
}

fn values(step: &Value) -> (&str, &str, Option<&str>, bool) {
    let text = |name: &str| step[name].as_str().expect("a value");
    (text("origin_value"), text("target_value"), step["reason"].as_str(), step["holds"].as_bool().expect("a verdict"))
}

/// The sample's project in a folder of its own.
fn sample() -> tempfile::TempDir {
    let folder = common::folder();
    for part in ["pipelines", "sql"] {
        copy_folder(&repository().join(part), &folder.path().join(part));
    }
    let project = fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    let drop = repository().join("testdata/drop").display().to_string();
    write(
        &folder.path().join("uramaki.yaml"),
        project.replace("drop: testdata/drop", &format!("drop: {drop}")).as_bytes(),
    );
    folder
}

#[test]
fn the_sample_balances_at_every_step_and_broken_facts_are_named() {
    let project = sample();
    uramaki(project.path(), &["run"]).expect(0);
    let sound = balance(project.path(), &[], 0);
    let all = sound["steps"].as_array().expect("steps");
    assert!(all.len() > 100, "{} steps", all.len());
    assert!(all.iter().all(|s| s["holds"] == true));
    for of in [
        "shopify/orders",
        "stripe/charges",
        "facts_from_orders",
        "facts_from_billing",
        "facts_from_tickets",
        "marts_from_facts",
    ] {
        assert!(!steps(&sound, of).is_empty(), "{of}");
    }
    // Each currency has its steps, and each mart with money too.
    for currency in ["EUR", "CHF", "GBP"] {
        let has = |of: &str| steps(&sound, of).iter().any(|s| s["unit"] == currency && s["origin_value"] != "0");
        assert!(has("facts_from_orders") && has("facts_from_billing"), "{currency}");
    }
    for mart in ["customer_360", "customer_value", "customer_timeline", "loyalty_cohorts", "friction_summary"] {
        let named = steps(&sound, "marts_from_facts")
            .iter()
            .any(|s| s["target"] == format!("marts.{mart}") && s["target_value"] != "0");
        assert!(named, "{mart}");
    }
    let text = uramaki(project.path(), &["audit", "balance", "1"]).expect(0).stdout;
    assert!(text.contains("none fails to balance") && text.contains("shopify/orders"), "{text}");
    // Nothing but the warehouse is needed, and today's project does not matter.
    let warehouse = project.path().join("warehouse").display().to_string();
    let alone = uramaki(Path::new("/"), &["audit", "balance", "--warehouse", &warehouse]).expect(0);
    assert_eq!(alone.stdout, text);

    // A fact that loses rows, with the checks that would have stopped it taken out.
    for check in fs::read_dir(project.path().join("sql/checks")).expect("checks") {
        fs::remove_file(check.expect("a check").path()).expect("removed");
    }
    let fact = project.path().join("sql/warehouse/fct_invoice.sql");
    let sql = fs::read_to_string(&fact).expect("the fact");
    write(
        &fact,
        sql.replace("where created < $as_of", "where created < $as_of and amount_due <> 0 and status <> 'paid'")
            .as_bytes(),
    );
    // And a mart that doubles them.
    let mart = project.path().join("sql/marts/loyalty_cohorts.sql");
    let sql = fs::read_to_string(&mart).expect("the mart");
    let doubled = sql.replacen(
        "coalesce(activity.revenue_eur, 0) as revenue_eur",
        "coalesce(activity.revenue_eur, 0) * 2 as revenue_eur",
        1,
    );
    assert_ne!(sql, doubled);
    write(&mart, doubled.as_bytes());
    uramaki(project.path(), &["run"]).expect(0);
    let said = uramaki(project.path(), &["audit", "balance"]).expect(1);
    for named in [
        "invoices due",
        "sql/balances/facts_from_billing.sql",
        "loyalty_cohorts",
        "sql/balances/marts_from_facts.sql",
        "hint:",
    ] {
        assert!(said.stderr.contains(named), "{named}: {}", said.stderr);
    }
    assert!(!said.stderr.contains("customer_360: revenue"), "{}", said.stderr);
    assert!(said.stdout.contains("DOES NOT BALANCE"), "{}", said.stdout);
    // The run before still balances, by the project that it had.
    assert_eq!(balance(project.path(), &["1"], 0), sound);
}

#[test]
fn each_kind_of_loss_has_its_step_and_its_reason() {
    let project = Small::new();
    project.night(1);
    project.run().expect(0);
    project.night(2);
    project.drop("shop/orders/2026-11-19.control.json", r#"{"rows": 3, "sums": {"total": "112.00"}}"#);
    project.drop("shop/customers/2026-11-19.control.json", r#"{"rows": 1}"#);
    // The same bytes under another name.
    project.drop("shop/orders/2026-11-19.02.csv", common::NIGHTS[0][1].1);
    project.run().expect(0);
    let stated = &manifest(&project.warehouse(), 2)["batches"];
    let stated: Vec<&Value> =
        stated.as_object().expect("batches").values().map(|b| &b["stated"]).filter(|s| !s.is_null()).collect();
    assert!(stated.iter().any(|s| s["rows"] == 3 && s["sums"]["total"] == "112.00"), "{stated:?}");

    let now = balance(project.root(), &[], 0);
    let orders = |name: &str, measure: &str| values(step(&now, "shop/orders", name, measure)).to_owned();
    assert_eq!(orders("control totals → read", "rows"), ("3", "3", None, true));
    let (stated, landed, why, holds) = orders("control totals → landed", "total");
    assert_eq!((stated, landed, holds), ("112", "112", true), "{why:?}");
    let (read, landed, why, holds) = orders("read → landed", "rows");
    assert_eq!((read, landed, holds), ("9", "5", true));
    let why = why.expect("a reason");
    assert!(why.contains("1 quarantined (bad_decimal 1)") && why.contains("3 repeated"), "{why}");
    let (landed, newest, why, _) = orders("landed → newest", "rows");
    assert_eq!((landed, newest, why), ("5", "4", Some("1 superseded by a newer version")));
    let (landed, newest, why, _) = orders("landed → newest", "total");
    assert_eq!((landed, newest, why), ("128.50", "118.50", Some("10 in older versions")));
    assert_eq!(orders("newest → staged", "rows"), ("4", "4", None, true));
    assert_eq!(values(step(&now, "shop/customers", "newest → staged", "rows")), ("3", "3", None, true));

    // A condition of the view is a reason; a view that doubles rows has none.
    let view = "select id, name, email, updated_at, _batch_id, _row from landing.shop__customers";
    project.write("sql/staging/stg_shop__customers.sql", format!("{view} where id <> 'c1'\n"));
    project.run().expect(0);
    let (newest, staged, why, holds) =
        values(step(&balance(project.root(), &[], 0), "shop/customers", "newest → staged", "rows")).to_owned_reason();
    assert_eq!((newest.as_str(), staged.as_str(), holds), ("3", "2", true));
    assert!(why.contains("1 row left out") && why.contains("id <> 'c1'"), "{why}");
    project.write("sql/staging/stg_shop__customers.sql", format!("{view} union all {view} where id = 'c2'\n"));
    project.write(
        "sql/staging/stg_shop__customers.yml",
        fs::read_to_string(project.root().join("sql/staging/stg_shop__customers.yml"))
            .expect("it")
            .replace("key: [id]", "key: [id, name, email, updated_at, _batch_id, _row]"),
    );
    let ran = project.run();
    // Its key is not unique: where a run refuses that by itself, there is nothing to balance.
    if ran.code == Some(0) {
        let said = project.uramaki(&["audit", "balance"]).expect(1);
        assert!(said.stderr.contains("shop/customers, newest → staged"), "{}", said.stderr);
    }
}

/// Owned, so that it outlives the answer that it came from.
trait Owned {
    fn to_owned_reason(self) -> (String, String, String, bool);
}

impl Owned for (&str, &str, Option<&str>, bool) {
    fn to_owned_reason(self) -> (String, String, String, bool) {
        (self.0.to_string(), self.1.to_string(), self.2.unwrap_or_default().to_string(), self.3)
    }
}

#[test]
fn a_company_writes_its_own_balances_and_check_looks_at_them() {
    let project = Small::new();
    let good = "select 'staging → facts' as step, 'orders' as measure, 'rows' as unit, 'staging' as origin,\n\
                (select count(*) from staging.stg_shop__orders) as origin_value, 'fct_order' as target,\n\
                (select count(*) from warehouse.fct_order) as target_value, cast(null as varchar) as reason\n";
    project.write("sql/balances/orders.sql", good);
    project.write("sql/balances/orders.yml", "description: Orders on their way.\n");
    project.uramaki(&["check"]).expect(0);
    project.night(1);
    project.run().expect(0);
    let now = balance(project.root(), &[], 0);
    assert_eq!(values(step(&now, "orders", "staging → facts", "orders")), ("3", "3", None, true));
    // It is in the copies of the run.
    assert!(manifest(&project.warehouse(), 1)["project"]["files"]["sql/balances/orders.sql"].is_string());

    for (sql, says) in [
        ("select 1 as step", "does not select"),
        (&good.replace("warehouse.fct_order", "warehouse.fct_ordr"), "there is no table `warehouse.fct_ordr`"),
        (&good.replace("staging.stg_shop__orders", "landing.shop__orders"), "there is no table `landing.shop__orders`"),
        (&good.replace("'rows' as unit", "7 as unit"), "`unit` of a balance"),
        (
            &good.replace("(select count(*) from warehouse.fct_order)", "cast(1 as double)"),
            "`target_value` of a balance",
        ),
        (&good.replace("'orders' as measure", "cast(now() as varchar) as measure"), "now"),
        ("selct", "does not parse"),
    ] {
        project.write("sql/balances/orders.sql", sql);
        let said = project.uramaki(&["check"]).expect(2);
        assert!(
            said.stderr.contains(says) && said.stderr.contains("sql/balances/orders.sql"),
            "{sql}: {}",
            said.stderr
        );
    }
    // A faulty balance does not stop a night.
    project.night(2);
    project.run().expect(0);
    fs::remove_file(project.root().join("sql/balances/orders.yml")).expect("removed");
    assert!(project.uramaki(&["check"]).expect(2).stderr.contains("has no description beside it"));
}
