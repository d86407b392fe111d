//! What earlier nights handed over, and what becomes of it: snapshots that go on, files that were left out, markers, warnings.

use super::*;

fn rates(project: &Small) -> String {
    project.csv("select currency, rate from landing.shop__rates order by currency")
}

fn snapshots(texts: &[(&str, &str)]) -> Small {
    let project = good().copy();
    for (name, rows) in texts {
        project.drop(&format!("shop/rates/{name}.csv"), format!("currency,rate\n{rows}"));
        project.run().expect(0);
    }
    assert_balanced(&project);
    assert_whole(&project.warehouse());
    project
}

#[test]
fn a_deleted_key_does_not_come_back_by_a_row_in_quarantine() {
    let project = snapshots(&[("2026-11-19", "USD,1.1\n"), ("2026-11-20", "USD,1.2\nCHF,o.95\n")]);
    assert_eq!(rates(&project), "currency,rate\nUSD,1.200000\n");
}

#[test]
fn a_row_in_quarantine_keeps_the_version_before_in_file_order() {
    let project = snapshots(&[("2026-11-19", "USD,1.1\nCHF,0.9\n"), ("2026-11-19", "USD,1.1\nCHF,x\n")]);
    assert_eq!(rates(&project), "currency,rate\nCHF,0.900000\nUSD,1.100000\n");
    let project = snapshots(&[("2026-11-19", "USD,1.1\nCHF,x\n"), ("2026-11-20", "USD,1.1\nCHF,y\n")]);
    assert_eq!(rates(&project), "currency,rate\nCHF,0.950000\nUSD,1.100000\n");
}

/// Of a row with a field too many nobody knows whose it is: nothing is deleted, and the report says so.
#[test]
fn a_row_without_a_readable_key_deletes_nothing() {
    let project = snapshots(&[("2026-11-19", "USD,1.2\nCHF,0,95\n")]);
    assert_eq!(rates(&project), "currency,rate\nCHF,0.950000\nUSD,1.200000\n");
    let manifest = last_manifest(&project.warehouse());
    assert!(manifest["warnings"].to_string().contains("shop/rates: 1 rows that its newest snapshot does not hold"));
    project.drop("shop/rates/2026-11-20.csv", "currency,rate\nUSD,1.2\n");
    project.run().expect(0);
    assert_eq!(rates(&project), "currency,rate\nUSD,1.200000\n");
}

#[test]
fn a_snapshot_of_headers_is_refused() {
    refused(RATES, "currency,rate\ncurrency,rate\n", &["shop/rates refused: a full snapshot without a row"]);
}

#[test]
fn a_file_that_was_left_out_is_settled_by_its_control_totals() {
    let project = good().copy();
    project.write("pipelines/shop.yaml", format!("on_refused: skip\n{}{MORE_OBJECTS}", common::SHOP));
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    let control = ORDERS.replace(".csv", ".control.json");
    project.drop(&control, "{\"rows\": 2}");
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains(&format!("{ORDERS} was left out: incomplete extract")), "{}", ran.stdout);
    // The same again makes no new run.
    assert!(project.run().expect(0).stdout.starts_with("nothing changed"));
    project.drop(&control, "{\"rows\": \"one\"}");
    let ran = project.run().expect(0);
    assert!(ran.stderr.contains("the control totals cannot be read"), "{}{}", ran.stdout, ran.stderr);
    project.drop(&control, "{\"rows\": 1}");
    let ran = project.run().expect(0);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("was left out"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n4\n");
    assert_whole(&project.warehouse());
}

/// A sum as a number keeps all its digits; where one value does not parse, the rows alone decide.
#[test]
fn control_totals_as_numbers() {
    let project = good().copy();
    let control = ORDERS.replace(".csv", ".control.json");
    project.drop(ORDERS, orders(&["o9,c1,1234567890123456.79,2026-11-19 09:00:00"]));
    project.drop(&control, "{\"rows\": 1, \"sums\": {\"total\": 1234567890123456.78}}");
    let ran = project.run().expect(1);
    assert!(ran.stderr.contains("state 1234567890123456.78 as the sum of `total`"), "{}", ran.stderr);
    project.drop(&control, "{\"rows\": 1, \"sums\": {\"total\": 1234567890123456.79}}");
    project.run().expect(0);
}

#[test]
fn a_file_waits_for_its_age_or_its_marker() {
    let project = good().copy();
    let shop = format!("min_age_secs: 3600\nready_marker: done\n{}{MORE_OBJECTS}", common::SHOP);
    project.write("pipelines/shop.yaml", shop);
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    let count = || project.csv("select count(*) as n from warehouse.fct_order");
    let ran = project.run().expect(0);
    assert!(ran.stderr.contains(&format!("warning: {ORDERS} is not ready yet")), "{}", ran.stderr);
    assert_eq!(count(), "n\n3\n");
    // So does a night on which nothing else is new.
    project.drop("shop/orders/orders.CSV", "");
    let ran = project.run().expect(0);
    assert!(ran.stdout.starts_with("nothing changed"), "{}", ran.stdout);
    for said in ["is not ready yet", "shop/orders/orders.CSV is no extract"] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    project.drop(&ORDERS.replace(".csv", ".done"), "");
    let ran = project.run().expect(0);
    assert!(!ran.stderr.contains(".done") && !ran.stderr.contains("not ready"), "{}", ran.stderr);
    assert_eq!(count(), "n\n4\n");
}

#[test]
fn a_day_before_the_first_file_has_no_files() {
    let ran = good().copy().run_with(&["--as-of", "2020-01-01"]).expect(1);
    assert!(ran.stderr.contains("has never had one as of 2020-01-01"), "{}", ran.stderr);
}
