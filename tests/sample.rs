//! The sample company and generated ones: what a run publishes is the generator's truth, what DuckDB makes of the same
//! landing, and what every reader of Delta tables sees.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use common::{Ran, assert_whole, command, files, last_manifest, repository};
use tempfile::TempDir;

/// A drop folder with its truth, run into a warehouse.
struct Company {
    folder: TempDir,
    drop: PathBuf,
    truth: PathBuf,
    summary: String,
}

impl Company {
    fn run(folder: TempDir, data: &Path) -> Company {
        let (drop, truth) = (data.join("drop"), data.join("truth.json"));
        let output = command(repository())
            .arg("run")
            .arg("--drop")
            .arg(&drop)
            .arg("--warehouse")
            .arg(folder.path().join("warehouse"))
            .output();
        let ran = Ran::of(output.expect("the binary starts")).expect(0);
        Company { folder, drop, truth, summary: ran.stdout }
    }

    /// Another company than the committed one.
    fn generated(customers: &str, nights: &str, seed: &str) -> Company {
        let folder = common::folder();
        let data = folder.path().join("data");
        generate(&data, customers, nights, seed);
        Company::run(folder, &data)
    }

    fn warehouse(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    fn query(&self, sql: &str) -> String {
        let output =
            command(repository()).args(["query", "--format", "csv", sql, "--warehouse"]).arg(self.warehouse()).output();
        Ran::of(output.expect("the binary starts")).expect(0).stdout
    }
}

fn generate(data: &Path, customers: &str, nights: &str, seed: &str) {
    let output = command(repository())
        .args(["generate", "--customers", customers, "--nights", nights, "--seed", seed, "--output"])
        .arg(data)
        .output();
    Ran::of(output.expect("the binary starts")).expect(0);
}

/// The committed sample.
fn sample() -> &'static Company {
    static SAMPLE: OnceLock<Company> = OnceLock::new();
    SAMPLE.get_or_init(|| Company::run(common::folder(), &repository().join("testdata")))
}

/// Runs one of the repository's Python scripts, set-up included.
fn script(name: &str, args: &[(&str, &Path)]) -> Ran {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts").join(name)).stdin(Stdio::null());
    for (flag, value) in args {
        command.arg(flag).arg(value);
    }
    Ran::of(command.output().expect("scripts/python starts"))
}

/// The script's verdict, on its last line, with its leading number.
#[track_caller]
fn assert_verdict(ran: &Ran, least: u32, end: &str) {
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let verdict = ran.stdout.lines().last().unwrap_or_default();
    assert!(verdict.ends_with(end), "{verdict}");
    let compared: u32 = verdict.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(compared >= least, "only {verdict}");
}

fn assert_truth(company: &Company) {
    let (project, warehouse) = (repository(), company.warehouse());
    let ran = script("truth.py", &[("--project", project), ("--warehouse", &warehouse), ("--truth", &company.truth)]);
    assert_verdict(&ran, 200, " 0 differ");
    assert!(!ran.stdout.contains("skipped"), "{}", ran.stdout);
}

fn assert_oracle(company: &Company) {
    let ran = script("oracle.py", &[("--project", repository()), ("--warehouse", &company.warehouse())]);
    assert_verdict(&ran, 34, " 0 differ");
    // Every table that a run publishes, but identity's, was compared.
    let manifest = last_manifest(&company.warehouse());
    for table in manifest["tables"].as_object().expect("tables").keys().filter(|t| !t.starts_with("identity.")) {
        assert!(ran.stdout.contains(&format!("equal    {table}: ")), "{table} was not compared:\n{}", ran.stdout);
    }
}

/// Marts counted again from staging, in other words: `tests/recount`.
fn assert_recount(project: &Path, warehouse: &Path) {
    let ran = script("recount.py", &[("--project", project), ("--warehouse", warehouse)]);
    let counts = files(&repository().join("tests/recount")).into_keys().filter(|f| f != "base.sql").count();
    assert_verdict(&ran, counts as u32, " 0 differ");
}

#[test]
fn the_sample_has_its_stated_truth() {
    assert_truth(sample());
}

#[test]
fn a_truth_that_differs_is_found() {
    let text = std::fs::read_to_string(&sample().truth).expect("the truth");
    let mut truth: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    truth["customers"] = (truth["customers"].as_u64().expect("a number") + 1).into();
    let folder = common::folder();
    let path = folder.path().join("truth.json");
    common::write(&path, truth.to_string().as_bytes());
    let args = [("--project", repository()), ("--warehouse", &sample().warehouse()), ("--truth", path.as_path())];
    let ran = script("truth.py", &args);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.contains("DIFFERS  customers: "), "{}", ran.stdout);
}

#[test]
fn duckdb_agrees_on_every_model() {
    assert_oracle(sample());
}

#[test]
fn marts_counted_again_from_staging_are_the_same() {
    assert_recount(repository(), &sample().warehouse());
}

/// Each setting of the marts says what it says: with others, the second count comes out otherwise too.
#[test]
fn marts_counted_again_with_other_settings_are_the_same() {
    let others = [
        ("ask_again_days", "3"),
        ("recent_friction_days", "400"),
        ("preference_half_life_days", "20"),
        ("preference_places", "2"),
        ("needs_days", "60"),
        ("needs_min_orders", "2"),
        ("needs_months", "1"),
        ("win_back_days", "40"),
        ("invite_again_days", "5"),
        ("expected_value_days", "200"),
        ("expected_value_min_customers", "3"),
        ("expected_value_prior_orders", "1"),
    ];
    let folder = common::folder();
    let (project, warehouse) = (folder.path().join("project"), folder.path().join("warehouse"));
    for part in ["sql", "pipelines"] {
        common::copy_folder(&repository().join(part), &project.join(part));
    }
    let text = std::fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    let line = |line: &str| {
        let name = line.trim().split(':').next().unwrap_or_default();
        let other = others.iter().find(|(setting, _)| *setting == name);
        other.map_or_else(|| line.to_string(), |(setting, value)| format!("  {setting}: {value}"))
    };
    let changed: Vec<String> = text.lines().map(line).collect();
    let differing = text.lines().zip(&changed).filter(|(a, b)| a != b).count();
    assert_eq!(differing, others.len(), "a setting is gone, or has this value already");
    common::write(&project.join("uramaki.yaml"), (changed.join("\n") + "\n").as_bytes());
    let mut run = command(&project);
    run.args(["run", "--quiet", "--drop"]).arg(repository().join("testdata/drop"));
    let output = run.arg("--warehouse").arg(&warehouse).output();
    Ran::of(output.expect("the binary starts")).expect(0);
    assert_recount(&project, &warehouse);
}

/// With labels, there are draws to count by.
#[test]
fn duckdb_agrees_on_the_draws_of_a_probabilistic_company() {
    let folder = common::probabilistic(&repository().join("testdata/drop"));
    common::labelled(folder.path(), &repository().join("testdata/people.csv"));
    common::uramaki(folder.path(), &["run"]).expect(0);
    let warehouse = folder.path().join("warehouse");
    let drawn = "select count(*) as n from marts.key_figures where draws = 100 and low is not null";
    assert_eq!(common::uramaki(folder.path(), &["query", "--format", "csv", drawn]).expect(0).stdout, "n\n6\n");
    let ran = script("oracle.py", &[("--project", folder.path()), ("--warehouse", &warehouse)]);
    assert_verdict(&ran, 34, " 0 differ");
    assert!(ran.stdout.contains("equal    marts.key_figures: 6 rows"), "{}", ran.stdout);
}

/// Invariant 5: each table stands in the order that its manifest states, and one with a customer in the order of customers unless its yml says otherwise.
#[test]
fn every_table_stands_in_its_order() {
    let manifest = last_manifest(&sample().warehouse());
    let mut by_customer = 0;
    for (name, table) in manifest["tables"].as_object().expect("tables") {
        let order: Vec<String> = table["order"]
            .as_array()
            .expect("an order")
            .iter()
            .map(|c| format!("\"{}\"", c.as_str().expect("a column")))
            .collect();
        by_customer += u32::from(order.first().is_some_and(|c| c == "\"customer_id\""));
        let order = order.join(", ");
        let path = sample().warehouse().join(table["files"][0]["path"].as_str().expect("a file"));
        let sql = format!(
            "import duckdb; print(duckdb.sql(\"\"\"select count(*) from (select file_row_number as place, \
             row_number() over (order by {order}) - 1 as rank from read_parquet('{}', file_row_number = true)) \
             where place <> rank\"\"\").fetchall()[0][0])",
            path.display()
        );
        let output = Command::new(repository().join("scripts/python")).args(["-c", &sql]).output();
        let ran = Ran::of(output.expect("scripts/python starts")).expect(0);
        assert_eq!(ran.stdout.trim(), "0", "{name} does not stand in the order {order}");
    }
    assert!(by_customer >= 12, "only {by_customer} tables stand in the order of customers");
}

#[test]
fn pyarrow_duckdb_polars_and_deltalake_read_every_table() {
    let ran = script("readers.py", &[("--warehouse", &sample().warehouse())]);
    let tables = last_manifest(&sample().warehouse())["tables"].as_object().expect("tables").len();
    assert_verdict(&ran, tables as u32, " 0 on which the readers disagree");
}

#[test]
fn another_seed_and_size_has_its_truth_too() {
    let company = Company::generated("90", "5", "20261122");
    assert_truth(&company);
    assert_oracle(&company);
    assert_recount(repository(), &company.warehouse());
    assert_whole(&company.warehouse());
}

#[test]
fn the_committed_sample_is_what_the_generator_makes() {
    let folder = common::folder();
    generate(folder.path(), "200", "3", "7");
    let committed = repository().join("testdata");
    let (made, mut there) = (files(folder.path()), files(&committed));
    for other in ["README.md", "identity/README.md", "identity/fake_1000.csv"] {
        there.remove(other);
    }
    assert_eq!(made.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    let differing: Vec<&String> = made
        .keys()
        .filter(|f| std::fs::read(folder.path().join(f)).ok() != std::fs::read(committed.join(f)).ok())
        .collect();
    assert!(
        differing.is_empty(),
        "generate again: uramaki generate --output testdata --customers 200 --nights 3 --seed 7: {differing:?}"
    );
    let bytes: u64 = there.values().sum();
    assert!(bytes < 5_000_000, "the sample has {bytes} bytes");
    // Another seed is another company.
    let other = common::folder();
    generate(other.path(), "200", "3", "8");
    assert_ne!(std::fs::read(other.path().join("truth.json")).ok(), std::fs::read(committed.join("truth.json")).ok());
}

#[test]
fn the_summary_is_worth_reading() {
    let summary = &sample().summary;
    for part in [
        "run 1 of sample, as of 2026-11-20",
        "came in: ",
        "shopify/orders",
        "quarantined: ",
        "bad_decimal",
        "unmapped columns: ",
        "built: ",
        "marts.customer_360",
        "checks: ",
        "no error",
        "warn: check order_line_without_order",
        "took ",
        "of memory",
        "marts: ",
        "uramaki query \"select * from marts.customer_360 limit 5\"",
        "uramaki runs show 1",
    ] {
        assert!(summary.contains(part), "`{part}` is missing:\n{summary}");
    }
    assert!(!summary.contains('@'), "an e-mail address in the summary");
}

/// Every case of the table in extracts.md stands in the sample, and the manifest counts it.
#[test]
fn the_sample_holds_every_awkward_case() {
    let manifest = last_manifest(&sample().warehouse());
    let sum = |key: &str| -> u64 {
        manifest["objects"].as_object().expect("objects").values().map(|o| o[key].as_u64().expect("a count")).sum()
    };
    for key in ["quarantined", "repeated", "superseded", "outdated"] {
        assert!(sum(key) > 0, "no row was {key}");
    }
    for (name, b) in manifest["objects"].as_object().expect("objects") {
        let n = |key: &str| b[key].as_u64().expect("a count");
        assert_eq!(n("rows"), n("accepted") + n("quarantined") + n("repeated"), "{name}");
        assert_eq!(n("accepted"), n("keys") + n("superseded") + n("outdated"), "{name}");
    }
    let reasons = sample().query("select distinct reason from quarantine.rejected_row order by reason");
    for reason in [
        "bad_boolean",
        "bad_decimal",
        "bad_encoding",
        "bad_integer",
        "bad_time",
        "cut_json",
        "missing_key",
        "missing_value",
        "repeated_header",
        "too_few_fields",
        "too_many_fields",
    ] {
        assert!(reasons.contains(reason), "no row of the sample is {reason}");
    }
    let has = |what: &str, sql: &str| assert_ne!(sample().query(sql).trim(), "n\n0", "the sample has no {what}");
    has("formula in a name", "select count(*) as n from identity.record where display_name like '=%'");
    has("order of nobody", "select count(*) as n from warehouse.fct_order where customer_id is null");
    has("third currency", "select count(*) / 3 as n from (select distinct currency from warehouse.fct_order) as c");
    has(
        "line without order",
        "select count(*) as n from warehouse.fct_order_line as l left anti join warehouse.fct_order as o on l.order_id = o.order_id",
    );
    let crlf = files(&sample().drop).into_keys().filter(|f| f.ends_with(".csv"));
    let texts: Vec<Vec<u8>> = crlf.map(|f| std::fs::read(sample().drop.join(f)).expect("a file")).collect();
    assert!(texts.iter().any(|t| t.starts_with(b"\xef\xbb\xbf")), "no byte order mark");
    assert!(texts.iter().any(|t| t.windows(2).any(|w| w == b"\r\n")), "no CRLF");
}

/// The cells of a line of a table, in Markdown or as `query` draws it.
fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
}

/// Every SQL example of the analysts' guide that has its answer beside it gives that answer.
#[test]
fn the_analysts_examples_answer_as_written() {
    let text = std::fs::read_to_string(repository().join("docs/analysts.md")).expect("the guide");
    let mut compared = 0;
    for part in text.split("```sql\n").skip(1) {
        let (sql, after) = part.split_once("\n```").expect("the end of an example");
        let written: Vec<Vec<String>> = after
            .trim_start()
            .lines()
            .take_while(|line| line.starts_with('|'))
            .filter(|line| !line.starts_with("|--"))
            .map(cells)
            .collect();
        if written.is_empty() {
            continue;
        }
        let mut query = command(repository());
        let output = query.args(["query", sql, "--warehouse"]).arg(sample().warehouse()).output();
        let answer = Ran::of(output.expect("the binary starts")).expect(0).stdout;
        let found: Vec<Vec<String>> = answer.lines().filter(|line| line.starts_with('|')).map(cells).collect();
        assert_eq!(found, written, "{sql}");
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} examples have an answer");
}

/// What a name in a log or message would be: the personal data of the sample.
#[test]
fn nothing_personal_is_said() {
    let folder = common::folder();
    let output =
        command(repository()).args(["run", "-vv", "--warehouse"]).arg(folder.path().join("warehouse")).output();
    let ran = Ran::of(output.expect("the binary starts")).expect(0);
    let personal = sample().query(
        "select distinct value from (select email as value from identity.record union all select phone from identity.record \
         union all select display_name from warehouse.dim_customer) as v where length(value) > 6",
    );
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let manifest = std::fs::read_to_string(folder.path().join("warehouse/_runs/1.json")).expect("the manifest");
    let values: Vec<&str> = personal.lines().skip(1).map(|v| v.trim_matches('"')).collect();
    assert!(values.len() > 300, "only {} values", values.len());
    for value in values {
        assert!(!said.contains(value), "a personal value stands in the narration");
        assert!(!manifest.contains(value), "a personal value stands in the manifest");
    }
}

/// `init` makes a project that runs at once.
#[test]
fn a_new_project_checks_and_plans() {
    let folder = common::folder();
    let root = folder.path().join("my company");
    common::uramaki(folder.path(), &["init", root.to_str().expect("text")]).expect(0);
    let checked = common::uramaki(&root, &["check"]).expect(0);
    assert!(checked.stdout.contains("all in order"), "{}", checked.stdout);
    let plan = common::uramaki(&root, &["plan"]).expect(0);
    assert!(plan.stdout.contains("run 1 as of 2026-11-20"), "{}", plan.stdout);
    for part in ["uramaki.yaml", "pipelines", "sql"] {
        for name in files(&repository().join(part)).keys() {
            let (ours, theirs) = (repository().join(part).join(name), root.join(part).join(name));
            assert!(std::fs::read(&ours).ok() == std::fs::read(&theirs).ok(), "{part}/{name} is another");
        }
    }
    common::uramaki(&root, &["init", "."]).expect(2);
}
