//! `uramaki audit pack`: the auditor's folder, opened in a real Chromium and printed, in both languages, with digests that `sha256sum` knows.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use common::{Ran, Small, command, manifest, repository, sha256};
use serde_json::Value;
use tempfile::TempDir;

/// Two runs of the sample.
fn warehouse() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = common::folder();
            for day in ["2026-11-19", "2026-11-20"] {
                let of = folder.path().to_str().expect("a path");
                sample(&["run", "--as-of", day, "--warehouse", of]).expect(0);
            }
            folder
        })
        .path()
}

fn sample(args: &[&str]) -> Ran {
    Ran::of(command(repository()).args(args).output().expect("the binary starts"))
}

/// The sample's folder, made with these arguments.
fn pack(args: &[&str]) -> (TempDir, String) {
    let folder = common::folder();
    let (to, of) = (folder.path().to_str().expect("a path"), warehouse().to_str().expect("a path"));
    sample(&[&["audit", "pack", "--warehouse", of, "--output", to], args].concat()).expect(0);
    let page = read(folder.path(), "index.html");
    (folder, page)
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn open(page: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts/pack_browser.py")).arg("--page").arg(page).args(args).stdin(Stdio::null());
    let ran = Ran::of(command.output().expect("scripts/python starts")).expect(0);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

const CHAPTERS: [&str; 12] = [
    "folder",
    "general",
    "usage",
    "technical",
    "operation",
    "control",
    "inputs",
    "balance",
    "changes",
    "proof",
    "signing",
    "models",
];

#[track_caller]
fn assert_sound(seen: &Value, language: &str) {
    for empty in ["errors", "requests", "contrast", "broken", "doubled"] {
        assert_eq!(seen[empty], serde_json::json!([]), "{empty}");
    }
    assert_eq!((&seen["overflow"], &seen["cut"]), (&Value::from(false), &Value::from(0)));
    assert_eq!((&seen["language"], &seen["first_stop"]), (&Value::from(language), &Value::from("skip")));
    assert_eq!(seen["chapters"], serde_json::json!(CHAPTERS));
    // Each chapter begins a sheet of its own, and all are A4.
    assert!(seen["sheets"].as_u64().is_some_and(|n| n >= 20), "{}", seen["sheets"]);
    let formats = seen["formats"].as_array().expect("formats");
    assert!(formats.len() == 1 && formats[0].as_str().is_some_and(|f| f.starts_with("0 0 59")), "{formats:?}");
}

#[test]
fn the_page_opens_and_prints_in_english() {
    let (folder, page) = pack(&[]);
    let file = folder.path().join("index.html");
    assert_sound(&open(&file, &[]), "en");
    assert_sound(&open(&file, &["--scheme", "dark"]), "en");
    let written = manifest(warehouse(), 2);
    let digest = sha256(&std::fs::read(warehouse().join("_runs/2.json")).expect("the manifest"));
    // On the cover, in the commands, on the sign-off sheet.
    assert!(page.matches(&digest).count() >= 4, "{}", page.matches(&digest).count());
    assert!(page.contains("Changes since run 1"));
    // Everything that the run had: objects, models with their SQL, files, checks with findings.
    for (name, table) in written["tables"].as_object().expect("tables") {
        let told = name.replace('_', "_<wbr>");
        assert!(page.contains(&told), "{name}");
        assert!(page.contains(table["content"].as_str().expect("a digest")), "{name}");
    }
    let sql = std::fs::read_to_string(repository().join("sql/marts/customer_360.sql")).expect("SQL");
    let line = sql.lines().find(|l| l.contains("select") && !l.contains(['<', '>', '&', '\''])).expect("a line");
    assert!(page.contains(line), "{line}");
    for check in written["checks"].as_array().expect("checks").iter().filter(|c| c["offenders"] != 0) {
        let name = check["name"].as_str().expect("a name").trim_start_matches("check ");
        let first = name.split([':', '.', '\'', '<', '>']).next().expect("a word").replace('_', "_<wbr>");
        assert!(page.contains(&first), "{name}");
    }
}

#[test]
fn the_page_opens_and_prints_in_german_on_a_phone() {
    let (folder, page) = pack(&["--lang", "de"]);
    assert_sound(&open(&folder.path().join("index.html"), &["--width", "390"]), "de");
    for word in [
        "Allgemeine Beschreibung",
        "Anwenderdokumentation",
        "Technische Systemdokumentation",
        "Betriebsdokumentation",
        "Internes Kontrollsystem",
        "Vollständigkeit",
        "Unveränderbarkeit",
        "Nachvollziehbarkeit",
        "Aufbewahrung",
        "Prüfblatt",
        "20.\u{a0}November 2026",
        "Änderungen seit Lauf 1",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes_and_lists_that_add_up() {
    let (one, _) = pack(&["2"]);
    let (other, _) = pack(&[]);
    for name in ["index.html", "inputs.csv", "balance.csv", "checks.csv", "files.sha256"] {
        assert_eq!(read(one.path(), name), read(other.path(), name), "{name}");
    }
    let written = manifest(warehouse(), 2);
    let count = |list: &str| written[list].as_array().expect("a list").len();
    let rows = |name: &str| -> usize {
        let mut command = Command::new(repository().join("scripts/python"));
        let script = "import csv, sys; print(len(list(csv.DictReader(open(sys.argv[1], newline='')))))";
        let ran = Ran::of(command.args(["-c", script]).arg(one.path().join(name)).output().expect("Python")).expect(0);
        ran.stdout.trim().parse().expect("a number")
    };
    assert_eq!((rows("inputs.csv"), rows("checks.csv")), (count("files"), count("checks")));
    let of = warehouse().to_str().expect("a path");
    let balance = sample(&["audit", "balance", "2", "--format", "json", "--warehouse", of]).expect(0).stdout;
    let balance: serde_json::Value = serde_json::from_str(&balance).expect("JSON");
    assert_eq!(Some(rows("balance.csv")), balance["steps"].as_array().map(Vec::len));
    // By a program that knows nothing of us.
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--quiet"]).arg(one.path().join("files.sha256")).current_dir(warehouse());
    Ran::of(check.output().expect("sha256sum starts")).expect(0);
    let tables: usize = written["tables"]
        .as_object()
        .expect("tables")
        .values()
        .map(|t| t["files"].as_array().expect("files").len())
        .sum();
    assert!(read(one.path(), "files.sha256").lines().count() > tables + count("files"));
    // The first run has no run before.
    let (_, first) = pack(&["1"]);
    assert!(first.contains("This is the first run") && !first.contains("Changes since run"));
}

#[test]
fn nobody_stands_in_the_folder() {
    let (folder, page) = pack(&[]);
    let of = warehouse().to_str().expect("a path");
    let sql = "select distinct display_name from marts.customer_360 where display_name like '% %' \
               union select distinct customer_id from marts.customer_360";
    let names = sample(&["query", "--format", "csv", "--warehouse", of, sql]).expect(0).stdout;
    assert!(names.lines().count() > 300);
    let lists = ["inputs.csv", "balance.csv", "checks.csv"].map(|name| read(folder.path(), name)).concat();
    let all = page + &lists;
    for name in names.lines().skip(1) {
        assert!(!all.contains(name.trim_matches('"')), "a customer stands in the folder");
    }
}

/// The small project after a change of a model, a setting, a contract and a check, with a row in quarantine and a decision of a person.
fn changed() -> &'static Small {
    static PROJECT: OnceLock<Small> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Small::new();
        project.night(1);
        project.run().expect(0);
        project.night(2);
        project.write(
            "sql/marts/customer_total.sql",
            "select customer_id, count(*) as orders, cast(sum(total_eur) as decimal(18,2)) as total_eur\n\
             from warehouse.fct_order where customer_id is not null and total_eur >= $least group by customer_id\n",
        );
        let yaml = std::fs::read_to_string(project.root().join("uramaki.yaml")).expect("the project file");
        project.write("uramaki.yaml", yaml + "settings: {least: 0}\n");
        project.write(
            "identity-overrides.csv",
            "who,when,why,decision,left_system,left_object,left_record_id,right_system,right_object,right_record_id\n\
             Grete Geheim,2026-11-19,known,different,shop,customers,c1,shop,customers,c2\n",
        );
        project.run().expect(0);
        project
    })
}

fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    common::files(folder).into_keys().map(|name| (name.clone().into(), read(folder, &name))).collect()
}

#[test]
fn changes_of_rules_are_told_line_by_line() {
    let project = changed().copy();
    let ran = project.uramaki(&["audit", "pack"]).expect(0);
    assert!(ran.stdout.contains("auditor's folder of run 2, with the changes since run 1"), "{}", ran.stdout);
    let folder = project.root().join("audit/run-2");
    let page = read(&folder, "index.html");
    for told in [
        "<ins>+ from warehouse.fct_order where customer_id is not null and total_eur &gt;= $least group by customer_id</ins>",
        "<del>- from warehouse.fct_order where customer_id is not null group by customer_id</del>",
        "<ins>+ settings: {least: 0}</ins>",
        "<th scope=\"row\">$least</th><td>–</td><td>0</td>",
        "<th scope=\"row\">identity-overrides.csv</th><td>added</td>",
        // Row in quarantine: its reason, not its text.
        "bad decimal",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let all: String = files(&folder).into_values().collect();
    for personal in ["Ada Eins", "Bo Zwei", "example.org", "Grete", "1o0.00"] {
        assert!(!all.contains(personal), "{personal} stands in the folder");
    }
    // Nor where it was made: elsewhere the same bytes come out.
    assert!(!all.contains(project.root().to_str().expect("a path")));
    let elsewhere = project.copy();
    elsewhere.uramaki(&["audit", "pack", "2", "--since", "1", "--output", "folder"]).expect(0);
    assert_eq!(files(&folder), files(&elsewhere.root().join("folder")));
    // As it was at the run, whatever stands there today.
    project.write("sql/marts/customer_total.yml", "description: Another.\n");
    std::fs::remove_file(project.root().join("sql/marts/customer_total.yml")).expect("gone");
    std::fs::remove_file(project.root().join("sql/marts/customer_total.sql")).expect("gone");
    project.uramaki(&["audit", "pack", "2", "--output", "later"]).expect(0);
    assert_eq!(files(&folder), files(&project.root().join("later")));
    let ran = project.uramaki(&["audit", "pack", "1", "--since", "2"]).expect(2);
    assert!(ran.stderr.contains("run 2 is not before run 1"), "{}", ran.stderr);
    assert!(project.uramaki(&["audit", "pack", "7"]).expect(2).stderr.contains("there is no run 7"));
}

#[test]
fn a_project_that_cannot_be_read_any_more_is_shown_as_its_files() {
    let project = changed().copy();
    // The kept copy of a file is gone: the manifest names it, and nobody can read the project of then.
    let digest = manifest(&project.warehouse(), 2)["project"]["files"]["pipelines/shop.yaml"].clone();
    let kept = project.warehouse().join("_runs/files").join(digest.as_str().expect("a digest"));
    std::fs::remove_file(kept).expect("gone");
    project.uramaki(&["audit", "pack", "--output", "folder"]).expect(0);
    let page = read(project.root(), "folder/index.html");
    for told in [
        "cannot read the project of this run any more",
        "pipelines/shop.yaml is not in the warehouse",
        "LOST: not in the warehouse",
        "<h3>sql/marts/customer_total.sql</h3>",
        "select customer_id, count(*) as orders",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("Grete"));
    open(&project.root().join("folder/index.html"), &[]);
}
