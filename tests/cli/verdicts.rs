//! Checks that fail or warn, projects with faults, and parts of the models.

use super::*;

/// All faults at once, each with file, line and hint, and nothing else is done.
#[test]
fn a_project_with_many_faults() {
    let project = Small::new();
    project.night(1);
    project.write(
        "sql/warehouse/fct_order.sql",
        "select o.id as order_id, o.totl as total_eur\nfrom staging.stg_shop__orders as o\n",
    );
    project.write(
        "sql/marts/customer_total.sql",
        "select customer_id, 1 as orders,\n    now() as total_eur\nfrom warehouse.fct_order\n",
    );
    assert_snapshot!(told(&project, &["check"]), @r"
    stderr: error: a model may not use `now()`: its answer changes from run to run
    stderr:   at sql/marts/customer_total.sql:2
    stderr:   hint: use $as_of for the run's moment
    stderr: error: `marts.customer_total.total_eur` is declared decimal(18,2) and comes out as timestamp
    stderr:   at sql/marts/customer_total.yml:7
    stderr:   hint: cast it in the SQL, or declare the type that it has
    stderr: error: the SQL cannot be planned: column 'totl' not found in 'o'
    stderr:   at sql/warehouse/fct_order.sql:1
    stderr:   hint: possible column o.total
    exit 2
    ");
    project.write(
        "sql/marts/customer_total.sql",
        "select customer_id, 1 as orders, 2 as total_eur\nfrom landing.shop__orders\n",
    );
    assert_snapshot!(told(&project, &["check"]), @r"
    stderr: error: `marts.customer_total` may not read `landing.shop__orders`: a layer reads the ones below it
    stderr:   at sql/marts/customer_total.sql:2
    stderr:   hint: marts read warehouse, marts and project
    exit 2
    ");
    project.write(
        "pipelines/shop.yaml",
        common::SHOP
            .replace("key: [id]", "kee: [id]")
            .replace("total: {type: \"decimal(18,2)\"", "total: {type: \"decimel(18,2)\""),
    );
    project.write(
        "uramaki.yaml",
        "name: small\ntime_zone: Europe/Berln\nholidays: DE\ndrop: drop\nwarehouse: warehouse\n",
    );
    assert_snapshot!(told(&project, &["check"]), @r"
    stderr: error: `key` is missing in `objects.customers`
    stderr:   at pipelines/shop.yaml:7
    stderr:   hint: add `key:` The columns that name a row. They are required in every row.
    stderr: error: unknown field `kee` in `objects.customers`
    stderr:   at pipelines/shop.yaml:9
    stderr:   hint: did you mean `key`? allowed: allow_empty, archive, columns, cursor, date_format, description, drift, format, freshness, key, max_line_mib, min_age_secs, on_refused, optional, person, ready_marker, snapshot, time_format, time_zone
    stderr: error: `key` is missing in `objects.orders`
    stderr:   at pipelines/shop.yaml:17
    stderr:   hint: add `key:` The columns that name a row. They are required in every row.
    stderr: error: unknown field `kee` in `objects.orders`
    stderr:   at pipelines/shop.yaml:19
    stderr:   hint: did you mean `key`? allowed: allow_empty, archive, columns, cursor, date_format, description, drift, format, freshness, key, max_line_mib, min_age_secs, on_refused, optional, person, ready_marker, snapshot, time_format, time_zone
    stderr: error: unknown time zone `Europe/Berln`
    stderr:   at uramaki.yaml:2
    stderr:   hint: did you mean `Europe/Berlin`?
    exit 2
    ");
    let ran = project.run().expect(2);
    assert_eq!(ran.stderr, project.uramaki(&["check"]).expect(2).stderr);
    assert!(!project.warehouse().exists(), "nothing is attempted");
}

/// An error check that finds rows publishes nothing, and keeps them for reading.
#[test]
fn a_check_that_fails() {
    let project = two_nights().copy();
    let (before, logged) = (project.csv(TOTALS), logs(&project.warehouse()));
    project.drop("shop/orders/2026-11-20.csv", "id,customer_id,total,updated_at\no7,c1,-4.00,2026-11-20 09:00:00\no8,c1,-5.00,2026-11-20 09:00:00\no9,c2,5.00,2026-11-20 09:00:00\n");
    assert_snapshot!(told(&project, &["run"]), @r"
    stderr: run 3 as of 2026-11-20: 1 files to read, 4 unchanged
    stderr: error: check failed: warehouse.fct_order.total_eur: at least 0 has 2 offenders
    stderr:   at sql/warehouse/fct_order.yml:7
    stderr:   hint: the first 2 stand in _failed/run-3/01.json of the warehouse
    stderr: nothing was published
    exit 3
    ");
    assert_eq!(runs(&project.warehouse()), [1, 2]);
    assert_eq!(logs(&project.warehouse()), logged);
    assert_eq!(project.csv(TOTALS), before);
    let kept = std::fs::read_to_string(project.warehouse().join("_failed/run-3/01.json")).expect("the offenders");
    let offenders: Vec<serde_json::Value> =
        kept.lines().map(|l| serde_json::from_str(l).expect("JSON lines")).collect();
    let mut ids: Vec<&str> = offenders.iter().map(|o| o["order_id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["o7", "o8"]);
    // Told again until it is mended.
    project.run().expect(3);
    project.drop("shop/orders/2026-11-20.csv", "id,customer_id,total,updated_at\no7,c1,4.00,2026-11-20 09:00:00\n");
    let mended = project.run().expect(0);
    assert!(mended.stdout.contains("run 3 of small"), "{}", mended.stdout);
    assert_ne!(project.csv(TOTALS), before);
    let left: Vec<String> = files(&project.warehouse()).into_keys().filter(|f| f.starts_with("_failed/")).collect();
    assert_eq!(left, Vec::<String>::new(), "offenders of a run that was mended");
    assert_whole(&project.warehouse());
}

#[test]
fn sql_checks_warn_or_fail() {
    let project = two_nights().copy();
    let check = |severity: &str| {
        project.write(
            "sql/checks/dear_orders.sql",
            "select order_id, total_eur from warehouse.fct_order where total_eur > 50\n",
        );
        project.write(
            "sql/checks/dear_orders.yml",
            format!("description: Nobody orders for that much.\nseverity: {severity}\nhint: Ask sales.\n"),
        );
        project.run()
    };
    let warned = check("warn").expect(0);
    assert!(warned.stdout.contains("warn: check dear_orders: 1 row"), "{}", warned.stdout);
    let recorded = last_manifest(&project.warehouse());
    let record = recorded["checks"].as_array().expect("checks").iter().find(|c| c["name"] == "check dear_orders");
    assert_eq!(record.expect("the check")["offenders"], 1);
    assert_eq!(recorded["tables"], {
        let before = common::manifest(&project.warehouse(), 2);
        before["tables"].clone()
    });
    let failed = check("error").expect(3);
    for word in [
        "check failed: check dear_orders has 1 offender",
        "sql/checks/dear_orders.sql",
        "hint: Ask sales; it stands in _failed/run-4/01.json",
    ] {
        assert!(failed.stderr.contains(word), "{word}: {}", failed.stderr);
    }
    assert_eq!(runs(&project.warehouse()), [1, 2, 3]);
}

#[test]
fn a_part_of_the_models() {
    let project = two_nights().copy();
    project.night(3);
    let before = tables(&last_manifest(&project.warehouse()));
    let ran = project.run_with(&["--select", "fct_order"]).expect(0);
    assert!(ran.stdout.contains("warehouse.fct_order") || ran.stdout.contains("built: 1 of 17"), "{}", ran.stdout);
    let manifest = last_manifest(&project.warehouse());
    assert_eq!(manifest["select"], serde_json::json!(["fct_order"]));
    let after = tables(&manifest);
    for (name, table) in &after {
        let is_new = table.version != before[name].version;
        assert_eq!(is_new, name == "warehouse.fct_order", "{name}");
    }
    let shown = project.uramaki(&["runs", "show", "3"]).expect(0).stdout;
    assert!(shown.contains("partial: only fct_order was built"), "{shown}");
    assert!(project.uramaki(&["runs"]).expect(0).stdout.contains("fct_order"));
    assert_whole(&project.warehouse());
    // A check that compares a table of before with what is new now waits for the whole run.
    assert_eq!(
        manifest["checks"].as_array().map(Vec::len),
        last_manifest(&two_nights().warehouse())["checks"].as_array().map(Vec::len)
    );
    let new = Small::new();
    new.night(1);
    let refused = new.run_with(&["--select", "customer_total"]).expect(2);
    assert!(refused.stderr.contains("--select +marts.customer_total"), "{}", refused.stderr);
    assert!(!new.warehouse().join("landing").exists(), "files were read for a selection that cannot be built");
    new.run_with(&["--select", "+customer_total"]).expect(0);
    new.run_with(&["--select", "warehouse,marts"]).expect(2);
    // A whole run brings the rest, and no more.
    project.run().expect(0);
    let whole = tables(&last_manifest(&project.warehouse()));
    assert_eq!(whole["warehouse.fct_order"], after["warehouse.fct_order"]);
    assert_eq!(whole["marts.customer_total"].version, before["marts.customer_total"].version + 1);
    let at_once = Small::new();
    for night in [1, 2, 3] {
        at_once.night(night);
    }
    at_once.run().expect(0);
    assert_eq!(project.csv(TOTALS), at_once.csv(TOTALS));
    assert!(project.run().expect(0).stdout.starts_with("nothing changed"));
}
