//! `uramaki report`: one file that needs nothing else, opened in a real Chromium, in both languages, wide, narrow, light and dark.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use common::{Ran, command, repository, sha256};
use serde_json::Value;
use tempfile::TempDir;

/// Two runs of the sample, so that there is a run before.
fn warehouse() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = common::folder();
            for day in ["2026-11-19", "2026-11-20"] {
                uramaki(&["run", "--as-of", day, "--warehouse", folder.path().to_str().expect("a path")]).expect(0);
            }
            folder
        })
        .path()
}

fn uramaki(args: &[&str]) -> Ran {
    Ran::of(command(repository()).args(args).output().expect("the binary starts"))
}

fn report(output: &Path, args: &[&str]) -> String {
    let (to, of) = (output.to_str().expect("a path"), warehouse().to_str().expect("a path"));
    uramaki(&[&["report", "--warehouse", of, "--output", to], args].concat()).expect(0);
    std::fs::read_to_string(output).expect("the page")
}

/// What a Chromium saw of a page.
fn open(page: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts/browser.py")).arg("--page").arg(page).args(args).stdin(Stdio::null());
    let ran = Ran::of(command.output().expect("scripts/python starts")).expect(0);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// Shapes that a chart of this kind has at least.
fn fewest(kind: &str) -> u64 {
    match kind {
        "trend" => 5,
        "matrix" | "pareto" => 12,
        "stack" => 20,
        "sankey" => 60,
        "cohorts" => 200,
        "rush" => 7 * 24,
        other => panic!("{other} is a new kind: say how many shapes it has"),
    }
}

#[track_caller]
fn assert_drawn(seen: &Value, language: &str) {
    assert_eq!(seen["errors"], serde_json::json!([]));
    assert_eq!(seen["requests"], serde_json::json!([]), "the page asked for something");
    assert_eq!(seen["contrast"], serde_json::json!([]), "too little contrast");
    assert_eq!(seen["overflow"], false, "the page is wider than the window");
    assert_eq!(seen["language"], language);
    // By keyboard: the first stop skips to the content, and Enter opens a table.
    assert_eq!((&seen["first_stop"], &seen["opened_by_key"]), (&Value::from("skip"), &Value::from(true)));
    let charts = seen["charts"].as_array().expect("charts");
    for kind in ["trend", "matrix", "sankey", "pareto", "stack", "cohorts", "rush"] {
        assert!(charts.iter().any(|c| c["kind"] == kind), "no {kind}");
    }
    for chart in charts {
        let (id, kind) = (&chart["id"], chart["kind"].as_str().expect("a kind"));
        assert!(chart["shapes"].as_u64().expect("a number") >= fewest(kind), "{id} is not drawn: {chart}");
        assert!(chart["texts"].as_array().is_some_and(|t| t.len() >= 4), "{id} has no labels");
        assert!(chart["label"].as_str().is_some_and(|l| l.len() > 5), "{id} says nothing to who cannot see it");
        assert!(chart["rows"].as_u64().is_some_and(|n| n >= 5), "{id} has no table");
    }
}

fn page(name: &str) -> PathBuf {
    // Beside the warehouse's own folder, which is listed by nobody.
    warehouse().parent().expect("a folder").join(format!("{}-{name}.html", std::process::id()))
}

#[test]
fn the_page_is_drawn_in_english() {
    let file = page("english");
    report(&file, &[]);
    let seen = open(&file, &[]);
    assert_drawn(&seen, "en");
    let sankey = seen["charts"].as_array().expect("charts").iter().find(|c| c["kind"] == "sankey").expect("a sankey");
    assert!(sankey["texts"].as_array().expect("texts").contains(&"order delivered".into()), "{sankey}");
    let dark = open(&file, &["--scheme", "dark"]);
    assert_drawn(&dark, "en");
    assert_ne!(dark["background"], seen["background"]);
    std::fs::remove_file(file).expect("gone");
}

#[test]
fn the_page_is_drawn_in_german_on_a_phone() {
    let file = page("german");
    let text = report(&file, &["--lang", "de"]);
    assert_drawn(&open(&file, &["--width", "390"]), "de");
    for word in
        ["Lauf 2", "20.\u{a0}November 2026", "Wo geht Wissen verloren?", "beim ersten Kontakt gelöst", "wie in Lauf 1"]
    {
        assert!(text.contains(word), "{word}");
    }
    std::fs::remove_file(file).expect("gone");
}

#[test]
fn the_same_run_gives_the_same_page_quickly_and_an_older_one_another() {
    let file = page("again");
    let began = Instant::now();
    let first = report(&file, &["--run", "2"]);
    let took = began.elapsed();
    // Three seconds, and some patience for tests that run beside this one.
    assert!(took.as_secs_f64() < 3.0 || cfg!(debug_assertions) && took.as_secs_f64() < 15.0, "took {took:?}");
    assert!(first.len() < 2 << 20, "{} bytes", first.len());
    assert_eq!(first, report(&file, &[]));
    let older = report(&file, &["--run", "1"]);
    assert!(older.contains("Run 1") && older.contains("This is the first run"), "run 1 is not told");
    assert!(!older.contains("as in run"), "run 1 has no run before");
    std::fs::remove_file(file).expect("gone");
}

/// What stands beside a figure is what made it: typed by hand, it gives the same numbers.
#[test]
fn the_sql_of_the_page_gives_its_numbers() {
    let file = page("sql");
    let text = report(&file, &[]);
    std::fs::remove_file(file).expect("gone");
    let commands: Vec<String> = text
        .split("<code>uramaki query ")
        .skip(1)
        .map(|rest| {
            rest.split("</code>")
                .next()
                .unwrap_or_default()
                .replace("&#39;", "'")
                .replace("&quot;", "\"")
                .replace("&gt;", ">")
                .replace("&lt;", "<")
                .replace("&amp;", "&")
        })
        .collect();
    assert!(commands.len() >= 15, "{}", commands.len());
    for command in &commands {
        let (run, sql) = command.strip_prefix("--run ").and_then(|c| c.split_once(" \"")).expect("a run and a query");
        let sql = sql.strip_suffix('"').expect("quoted");
        assert!(!sql.contains(['"', '$', '`', '\\', '!']), "a shell would read this: {sql}");
        let answer = uramaki(&[
            "query",
            "--format",
            "csv",
            "--run",
            run,
            sql,
            "--warehouse",
            warehouse().to_str().expect("a path"),
        ])
        .expect(0)
        .stdout;
        assert!(answer.lines().count() > 1, "nothing by {sql}");
        if sql.contains("marts.silo_index") {
            let last: Vec<&str> = answer.lines().last().expect("a row").split(',').collect();
            assert!(
                text.contains(&format!("<td class=\"n\">{}</td><td class=\"n\">{}</td>", last[2], last[1])),
                "{last:?}"
            );
        }
        if sql.contains("marts.department_handoffs") {
            for row in answer.lines().skip(1) {
                let cells: Vec<&str> = row.split(',').collect();
                let shown = format!(
                    "<th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td>",
                    cells[0], cells[1], cells[2]
                );
                assert!(text.contains(&shown), "{row}");
            }
        }
    }
}

#[test]
fn nobody_stands_on_the_page() {
    let file = page("nobody");
    let text = report(&file, &[]);
    std::fs::remove_file(file).expect("gone");
    let page = text.split("<script>").next().expect("before the scripts");
    let names = uramaki(&[
        "query", "--format", "csv", "--warehouse", warehouse().to_str().expect("a path"),
        "select distinct display_name from marts.customer_360 where display_name like '% %' union select distinct customer_id from marts.customer_360",
    ])
    .expect(0)
    .stdout;
    assert!(names.lines().count() > 300);
    for name in names.lines().skip(1) {
        assert!(!page.contains(name.trim_matches('"')), "a customer stands on the page");
    }
    assert!(
        !page.contains('@') || !page.split('@').skip(1).any(|rest| rest.starts_with("example")),
        "an e-mail address"
    );
}

#[test]
fn a_warehouse_without_runs_has_no_report() {
    let folder = common::folder();
    let ran = uramaki(&[
        "report",
        "--warehouse",
        folder.path().to_str().expect("a path"),
        "--output",
        "/nowhere/report.html",
    ])
    .expect(2);
    assert!(ran.stderr.contains("there is no run yet"), "{}", ran.stderr);
}

/// A project without some of the marts gets a page without their sections.
#[test]
fn figures_whose_tables_are_missing_are_left_out() {
    let folder = common::folder();
    let (of, file) = (folder.path().join("warehouse"), folder.path().join("page.html"));
    let of = of.to_str().expect("a path");
    uramaki(&["run", "--select", "+marts.silo_index", "--warehouse", of]).expect(0);
    uramaki(&["report", "--warehouse", of, "--output", file.to_str().expect("a path")]).expect(0);
    let text = std::fs::read_to_string(&file).expect("the page");
    assert!(text.contains("<section id=\"silo\"") && !text.contains("<section id=\"cohorts\""));
}

/// The charting library is the registry's, byte for byte.
#[test]
fn the_charting_library_is_unchanged() {
    let folder = repository().join("src/report/echarts");
    let script = std::fs::read(folder.join("echarts.min.js")).expect("the library");
    assert_eq!(sha256(&script), "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0");
    assert!(folder.join("LICENSE").is_file() && folder.join("NOTICE").is_file());
}
