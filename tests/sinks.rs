//! Sinks: what each holds is compared with the committed tables by readers of other people, on files and on a real PostgreSQL server that the test starts.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Ran, Small, command, copy_folder, files, last_manifest, repository, runs, write};

/// The sinks of most tests here: the small project's mart, and its fact beside it in the database.
const FILES: &str = "sinks:\n  plain: {kind: parquet, folder: out/parquet}\n  text: {kind: csv, folder: out/csv}\n  \
                     excel: {kind: xlsx, folder: out/xlsx}\n  duck: {kind: duckdb, folder: out/duckdb}\n";

fn with_sinks(sinks: &str) -> Small {
    let small = Small::new();
    add_sinks(&small, sinks);
    small
}

fn add_sinks(small: &Small, sinks: &str) {
    let project = fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project file");
    small.write("uramaki.yaml", format!("{project}\n# Ways out.\n{sinks}"));
}

/// `scripts/sinks.py`: every value that the sinks hold.
#[track_caller]
fn compare(project: &Path, args: &[&str]) -> Ran {
    let output = Command::new(repository().join("scripts/python"))
        .arg(repository().join("scripts/sinks.py"))
        .args(["--warehouse", "warehouse"])
        .args(args)
        .current_dir(project)
        .output()
        .expect("scripts/python starts");
    Ran::of(output).expect(0)
}

const COMPARE_FILES: [&str; 8] =
    ["--parquet", "out/parquet", "--csv", "out/csv", "--xlsx", "out/xlsx", "--duckdb", "out/duckdb/marts.sql"];

/// A PostgreSQL server for all tests. It ends with this process: its standard input is closed then.
fn server() -> &'static str {
    static SERVER: OnceLock<(Child, String)> = OnceLock::new();
    let (_, url) = SERVER.get_or_init(|| {
        let mut server = Command::new(repository().join("scripts/python"))
            .arg(repository().join("scripts/postgres_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("scripts/python starts");
        let mut url = String::new();
        BufReader::new(server.stdout.as_mut().expect("its output")).read_line(&mut url).expect("its URL");
        assert!(url.starts_with("postgres://"), "the server did not start: {url}");
        (server, url.trim().to_string())
    });
    url
}

/// A database of a test's own.
struct Database {
    url: String,
}

impl Database {
    fn new() -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let server = Database { url: server().to_string() };
        server.sql(&format!("create database {name}"));
        Database {
            url: server.url.replace("/postgres", &format!("/{name}")).replacen(&format!("/{name}:"), "/postgres:", 1),
        }
    }

    fn of(&self, user: &str, password: &str) -> Database {
        Database { url: self.url.replacen("postgres:uramaki@", &format!("{user}:{password}@"), 1) }
    }

    fn psql(&self, sql: &str) -> Ran {
        static PROGRAM: OnceLock<String> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| {
            let folder = Command::new(repository().join("scripts/postgres")).output().expect("scripts/postgres starts");
            format!("{}/psql", String::from_utf8_lossy(&folder.stdout).trim())
        });
        let output = Command::new(program)
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", sql])
            .output()
            .expect("psql starts");
        Ran::of(output)
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        self.psql(sql).expect(0).stdout.trim().to_string()
    }
}

const DATABASE: &str =
    "sinks:\n  bi:\n    kind: postgres\n    url_env: TEST_MARTS_URL\n    tables: [marts, fct_order]\n";
const SUM: &str = "select sum(total_eur) from marts.customer_total";

fn with_url(small: &Small, url: &str, args: &[&str]) -> Ran {
    Ran::of(command(small.root()).args(args).env("TEST_MARTS_URL", url).output().expect("the binary starts"))
}

/// The sample: all kinds at once, read back value by value.
#[test]
fn all_kinds_hold_the_marts_of_the_sample() {
    let folder = common::folder();
    for part in ["pipelines", "sql", "testdata/drop"] {
        copy_folder(&repository().join(part), &folder.path().join(part));
    }
    let project = fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    let sinks = format!("{FILES}  bi: {{kind: postgres, url_env: TEST_MARTS_URL, reader: sample_reader}}\n");
    write(&folder.path().join("uramaki.yaml"), format!("{project}\n{sinks}").as_bytes());
    let database = Database::new();
    let run = || {
        let output = command(folder.path()).arg("run").env("TEST_MARTS_URL", &database.url).output();
        Ran::of(output.expect("the binary starts")).expect(0)
    };
    let first = run();
    assert!(first.stdout.contains("bi (postgres): run 1, 15 written"), "{}\n{}", first.stdout, first.stderr);
    let written = stamps(&folder.path().join("out"));
    compare(folder.path(), &[&COMPARE_FILES[..], &["--postgres", &database.url]].concat());
    let second = run();
    assert!(second.stdout.contains("excel (xlsx): run 1, 15 as before"), "{}", second.stdout);
    assert!(second.stdout.contains("bi (postgres): run 1, 15 as before"), "{}", second.stdout);
    assert_eq!(stamps(&folder.path().join("out")), written, "a run with nothing new wrote files");
}

/// Path → size and time.
fn stamps(folder: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let time = |path: &str| fs::metadata(folder.join(path)).and_then(|m| m.modified()).expect("its time");
    files(folder).into_iter().map(|(path, size)| (path.clone(), size, time(&path))).collect()
}

#[test]
fn files_follow_night_after_night() {
    let small = with_sinks(FILES);
    for night in 1..=3 {
        small.night(night);
        small.run().expect(0);
        compare(small.root(), &COMPARE_FILES);
    }
    let left: Vec<String> = files(&small.root().join("out")).into_keys().filter(|f| f.contains("scratch")).collect();
    assert!(left.is_empty(), "{left:?}");
    // The start file's own words.
    let start = fs::read_to_string(small.root().join("out/duckdb/marts.sql")).expect("the start file");
    assert!(
        start.contains("comment on column \"marts\".\"customer_total\".\"orders\" is 'Her orders. (orders)';"),
        "{start}"
    );
}

/// A session of DuckDB that has begun sees its run's tables to its end.
#[test]
fn a_duckdb_session_outlives_the_next_run() {
    let small = with_sinks(FILES);
    small.night(1);
    small.run().expect(0);
    let mut session = Command::new(repository().join("target/python/bin/duckdb"))
        .args(["-init", "out/duckdb/marts.sql", "-csv", "-noheader"])
        .current_dir(small.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("scripts/python installed the command line of DuckDB");
    let mut input = session.stdin.take().expect("its input");
    let mut output = BufReader::new(session.stdout.take().expect("its output"));
    let mut ask = || {
        writeln!(input, "select sum(total_eur) from customer_total;").and_then(|()| input.flush()).expect("asked");
        let mut line = String::new();
        output.read_line(&mut line).expect("answered");
        line
    };
    let before = ask();
    small.night(2);
    small.run().expect(0);
    assert_eq!(ask(), before);
    assert_eq!(before.trim(), "16.50");
    drop(input);
    session.wait().expect("it ends");
}

#[test]
fn new_sinks_are_no_new_run() {
    let small = Small::new();
    small.night(1);
    small.run().expect(0);
    add_sinks(&small, FILES);
    let planned = small.uramaki(&["plan"]).expect(0);
    assert!(planned.stdout.contains("nothing to build"), "{}", planned.stdout);
    assert!(planned.stdout.contains("text (csv): 1 to write"), "{}", planned.stdout);
    let ran = small.run().expect(0);
    assert!(ran.stdout.contains("nothing changed since run 1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("text (csv): run 1, 1 written"), "{}", ran.stdout);
    assert_eq!(runs(&small.warehouse()), [1]);
    compare(small.root(), &COMPARE_FILES);
    // A table that is no longer chosen goes.
    let project = fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project file");
    small.write("uramaki.yaml", project.replace("folder: out/csv", "folder: out/csv, tables: [fct_order]"));
    let ran = small.run().expect(0);
    assert!(ran.stdout.contains("text (csv): run 1, 1 written, 1 removed"), "{}", ran.stdout);
    assert!(!small.root().join("out/csv/marts/customer_total.csv").exists());
    assert!(small.root().join("out/csv/warehouse/fct_order.csv").exists());
}

#[test]
fn what_a_person_changed_in_a_folder_stays() {
    let small = with_sinks(FILES);
    small.night(1);
    small.run().expect(0);
    let mine = small.root().join("out/csv/marts/customer_total.csv");
    fs::write(&mine, "my own\r\n").expect("written");
    small.night(2);
    let ran = small.run().expect(0);
    assert!(ran.stdout.contains("run 2 of small") && ran.stdout.contains("text (csv): not written"), "{}", ran.stdout);
    assert!(ran.stdout.contains("excel (xlsx): run 2, 1 written"), "{}", ran.stdout);
    assert!(ran.stderr.contains("`marts/customer_total.csv` was changed by somebody else"), "{}", ran.stderr);
    let refused = small.uramaki(&["publish", "text"]).expect(1);
    assert!(refused.stderr.contains("uramaki publish text --overwrite"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&mine).expect("still there"), "my own\r\n");
    small.uramaki(&["publish", "text", "--overwrite"]).expect(0);
    compare(small.root(), &COMPARE_FILES);
    // A file that is gone is no change of anybody's: it is written again.
    fs::remove_file(&mine).expect("removed");
    small.uramaki(&["publish"]).expect(0);
    compare(small.root(), &COMPARE_FILES);
    // Whose was there first keeps it.
    let other = with_sinks(FILES);
    other.night(1);
    other.write("out/xlsx/marts/customer_total.xlsx", "not a workbook");
    let ran = other.run().expect(0);
    assert!(ran.stderr.contains("was written by somebody else"), "{}", ran.stderr);
}

#[test]
fn a_publication_to_files_that_dies_is_taken_up() {
    let small = with_sinks(FILES);
    small.night(1);
    small.run().expect(0);
    let project = fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project file");
    small.write("uramaki.yaml", project.split("\n# Ways").next().unwrap_or_default());
    small.night(2);
    small.run().expect(0);
    small.write("uramaki.yaml", &project);
    // Names of the warehouse's files are in the start file: it differs from copy to copy.
    let held = |small: &Small| {
        let out = small.root().join("out");
        let kept = files(&out).into_keys().filter(|f| !f.contains("uramaki.json") && !f.starts_with("duckdb"));
        kept.map(|f| (f.clone(), common::sha256(&fs::read(out.join(&f)).expect("the file")))).collect::<Vec<_>>()
    };
    let whole = small.copy();
    whole.uramaki(&["publish"]).expect(0);
    assert_eq!(held(&whole).len(), 3);
    let mut killed = 0;
    for number in 1..=12 {
        for side in ["before", "after"] {
            let copy = small.copy();
            let fault = format!("{side}:{number}");
            let died = command(copy.root()).arg("publish").env("URAMAKI_FAULT", &fault).output().expect("it starts");
            killed += u32::from(died.status.code().is_none());
            copy.uramaki(&["publish"]).expect(0);
            assert_eq!(held(&copy), held(&whole), "{fault}");
        }
    }
    assert_eq!(killed, 24, "each write is a death");
}

#[test]
fn formulas_do_no_harm() {
    let small = with_sinks(FILES);
    small.write(
        "sql/marts/customer_total.sql",
        "select customer_id, count(*) as orders, cast(sum(total_eur) as decimal(18,2)) as total_eur,\n\
         case when count(*) > 1 then '=HYPERLINK(\"http://example.org\",\"a,b\")' else '+49 30 1' end as note,\n\
         max(cast('2026-11-18' as date)) as day, max(updated_at) as seen_at, max(total_eur) > 5 as is_large,\n\
         cast(sum(total_eur) * 100000000000000 as decimal(38,2)) as wide\n\
         from warehouse.fct_order where customer_id is not null group by customer_id\n",
    );
    let yml = fs::read_to_string(small.root().join("sql/marts/customer_total.yml")).expect("its yml");
    let more = "  note: {type: text, description: A note.}\n  day: {type: date, description: A day.}\n  \
                seen_at: {type: timestamp, description: A time.}\n  is_large: {type: boolean, description: A flag.}\n  \
                wide: {type: \"decimal(38,2)\", unit: EUR, description: Many digits.}\n";
    small.write("sql/marts/customer_total.yml", format!("{yml}{more}"));
    small.night(1);
    let ran = small.run().expect(0);
    compare(small.root(), &COMPARE_FILES);
    let csv = fs::read_to_string(small.root().join("out/csv/marts/customer_total.csv")).expect("the file");
    assert!(
        csv.contains("\"'=HYPERLINK(\"\"http://example.org\"\",\"\"a,b\"\")\"") && csv.contains(",'+49 30 1,"),
        "{csv}"
    );
    assert!(csv.contains("2026-11-18T09:00:00Z") && csv.ends_with("\r\n"), "{csv}");
    assert!(!ran.stderr.contains("digits"), "zeros need no digits: {}", ran.stderr);
    let project = fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project file");
    let keep = project.replace("folder: out/csv", "folder: out/csv, formulas: keep, bom: true");
    small.write("uramaki.yaml", keep);
    small.run().expect(0);
    let csv = fs::read(small.root().join("out/csv/marts/customer_total.csv")).expect("the file");
    assert!(csv.starts_with("\u{feff}customer_id".as_bytes()));
    compare(small.root(), &[&COMPARE_FILES[..], &["--keeps-formulas"]].concat());
}

/// While somebody reads two tables in a loop, night after night is published: the two always belong together.
#[test]
fn readers_of_the_database_never_see_a_mixture() {
    let database = Database::new();
    let small = with_sinks(DATABASE);
    small.night(1);
    with_url(&small, &database.url, &["run"]).expect(0);
    assert_eq!(database.sql(SUM), "16.50");
    let reader = "import os, sys, threading, psycopg\n\
        done = threading.Event()\n\
        threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()\n\
        seen, reads = set(), 0\n\
        with psycopg.connect(os.environ['TEST_MARTS_URL'], autocommit=True) as c:\n    \
            while not done.is_set():\n        \
                row = c.execute('select (select sum(total_eur) from marts.customer_total), (select sum(total_eur) from marts.fct_order where customer_id is not null), pg_sleep(0.001)').fetchone()\n        \
                assert row[0] == row[1] and row[0] is not None, row\n        \
                seen.add(str(row[0])); reads += 1\n\
        print(reads, *sorted(seen))\n";
    let mut reader = Command::new(repository().join("scripts/python"))
        .args(["-c", reader])
        .env("TEST_MARTS_URL", &database.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/python starts");
    for night in 2..=3 {
        small.night(night);
        let ran = with_url(&small, &database.url, &["run"]).expect(0);
        assert!(
            ran.stdout.contains(&format!("bi (postgres): run {night}, 2 written")),
            "{}\n{}",
            ran.stdout,
            ran.stderr
        );
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(reader.stdin.take());
    let (mut said, mut wrong) = (String::new(), String::new());
    reader.stdout.take().expect("output").read_to_string(&mut said).expect("text");
    reader.stderr.take().expect("errors").read_to_string(&mut wrong).expect("text");
    assert!(reader.wait().expect("it ends").success(), "{wrong}");
    let mut parts = said.split_whitespace();
    let reads: u64 = parts.next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let seen: Vec<&str> = parts.collect();
    assert!(reads > 20, "{said}");
    assert_eq!(seen, ["118.50", "125.75", "16.50"], "all of one night, or all of another");
    compare(small.root(), &["--layers", "marts,warehouse", "--postgres", &database.url]);
}

#[test]
fn a_publication_to_the_database_that_dies_leaves_the_old_tables() {
    let database = Database::new();
    let small = with_sinks(DATABASE);
    small.night(1);
    with_url(&small, &database.url, &["run"]).expect(0);
    small.night(2);
    let ran = small.run().expect(0);
    assert!(ran.stderr.contains("the environment variable TEST_MARTS_URL is not set"), "{}", ran.stderr);
    for fault in ["before:1", "after:1", "before:2", "before:3"] {
        let mut publish = command(small.root());
        publish.arg("publish").env("TEST_MARTS_URL", &database.url).env("URAMAKI_FAULT", fault);
        assert_eq!(publish.output().expect("it starts").status.code(), None, "{fault}");
        assert_eq!(database.sql(SUM), "16.50", "{fault}");
    }
    let planned = with_url(&small, &database.url, &["plan"]).expect(0);
    assert!(planned.stdout.contains("bi (postgres): 2 to write"), "{}", planned.stdout);
    let published = with_url(&small, &database.url, &["publish"]).expect(0);
    assert!(published.stdout.contains("bi (postgres): run 2, 2 written"), "{}", published.stdout);
    assert_eq!(database.sql(SUM), "118.50");
    let left = "select string_agg(relname, ',') from pg_class where relkind = 'r' and relnamespace = 'marts_uramaki'::regnamespace";
    assert_eq!(database.sql(left), "uramaki.record");
    compare(small.root(), &["--layers", "marts,warehouse", "--postgres", &database.url]);
}

#[test]
fn what_a_person_changed_in_the_database_stays() {
    let small = with_sinks(DATABASE);
    small.night(1);
    let database = Database::new();
    with_url(&small, &database.url, &["run"]).expect(0);
    small.night(2);
    small.run().expect(0);
    for (change, undo) in [
        ("update marts.customer_total set orders = 7", "has rows that somebody else changed"),
        ("delete from marts.customer_total where orders > 1", "has rows that somebody else changed"),
        ("insert into marts.customer_total values ('mine', 1, 1)", "has rows that somebody else changed"),
        ("truncate marts.customer_total", "has rows that somebody else changed"),
        ("alter table marts.customer_total add column mine text", "has other columns"),
        (
            "create table marts.mine as table marts.customer_total; drop table marts.customer_total; alter table marts.mine rename to customer_total",
            "was replaced",
        ),
    ] {
        database.sql(change);
        let before = database.sql("select count(*), sum(orders) from marts.customer_total");
        let refused = with_url(&small, &database.url, &["publish"]).expect(1);
        assert!(refused.stderr.contains(undo), "{change}: {}", refused.stderr);
        assert_eq!(database.sql("select count(*), sum(orders) from marts.customer_total"), before, "{change}");
        with_url(&small, &database.url, &["publish", "bi", "--overwrite"]).expect(0);
        compare(small.root(), &["--layers", "marts,warehouse", "--postgres", &database.url]);
        // The next change meets a table that would be written again.
        small.write(
            "drop/shop/orders/2026-11-21.csv",
            format!("id,customer_id,total,updated_at\no9,c1,{}.00,2026-11-21 09:00:00\n", 1 + change.len()),
        );
        small.run().expect(0);
    }
    // What reads only is no change: statistics, a vacuum, a locked row.
    database.sql("vacuum (freeze, analyze) marts.customer_total");
    database.sql("select 1 from marts.customer_total for update");
    with_url(&small, &database.url, &["publish"]).expect(0);
    // In a table that has no new version a change of rows does not show, until somebody asks for all of it.
    database.sql("update marts.fct_order set total_eur = 0");
    let published = with_url(&small, &database.url, &["publish"]).expect(0);
    assert!(published.stdout.contains("2 as before"), "{}", published.stdout);
    let published = with_url(&small, &database.url, &["publish", "bi", "--overwrite"]).expect(0);
    assert!(published.stdout.contains("1 written, 1 as before"), "{}", published.stdout);
    compare(small.root(), &["--layers", "marts,warehouse", "--postgres", &database.url]);
    // A view of somebody's rests on the table.
    database.sql("create view public.mine as select * from marts.customer_total");
    small.night(3);
    let ran = with_url(&small, &database.url, &["run"]).expect(0);
    assert!(ran.stderr.contains("a view or a key of somebody's rests on them"), "{}", ran.stderr);
    database.sql("drop view public.mine");
    with_url(&small, &database.url, &["publish"]).expect(0);
    compare(small.root(), &["--layers", "marts,warehouse", "--postgres", &database.url]);
}

#[test]
fn the_reading_role_reads_and_does_not_write() {
    let database = Database::new();
    let sinks = format!("{DATABASE}    reader: role_of_test\n    schema: served\n");
    let small = with_sinks(&sinks);
    small.night(1);
    with_url(&small, &database.url, &["run"]).expect(0);
    database.sql("alter role role_of_test login password 'secret'");
    let reader = database.of("role_of_test", "secret");
    assert_eq!(reader.sql("select sum(total_eur) from served.customer_total"), "16.50");
    small.night(2);
    with_url(&small, &database.url, &["run"]).expect(0);
    assert_eq!(reader.sql("select sum(total_eur) from served.customer_total"), "118.50");
    for sql in [
        "delete from served.customer_total",
        "insert into served.customer_total values ('x', 1, 1)",
        "drop table served.customer_total",
        "create table served.mine (a int)",
        "select * from served_uramaki.\"uramaki.record\"",
    ] {
        let refused = reader.psql(sql);
        assert_ne!(refused.code, Some(0), "{sql}");
        assert!(
            refused.stderr.contains("permission denied") || refused.stderr.contains("must be owner"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_sink_that_is_down_fails_alone() {
    let small = with_sinks(&format!("{FILES}{}", DATABASE.trim_start_matches("sinks:\n")));
    small.night(1);
    let down = "postgres://somebody:hunter2@127.0.0.1:1/marts";
    let ran = with_url(&small, down, &["-vv", "run"]).expect(0);
    assert!(
        ran.stderr.contains("warning: the run is committed, but a sink was not written: sink bi: cannot connect"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("then: uramaki publish bi"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("text (csv): run 1, 1 written") && ran.stdout.contains("bi (postgres): not written"),
        "{}",
        ran.stdout
    );
    compare(small.root(), &COMPARE_FILES);
    let failed = with_url(&small, down, &["publish"]).expect(1);
    assert!(failed.stdout.contains("text (csv): run 1, 1 as before"), "{}", failed.stdout);
    // A wrong password, with the right server: nothing of it is said, nor kept.
    let database = Database::new();
    let wrong = database.url.replacen("uramaki@", "hunter2@", 1);
    let refused = with_url(&small, &wrong, &["-vv", "publish", "bi"]).expect(1);
    assert!(refused.stderr.contains("password authentication failed"), "{}", refused.stderr);
    let garbled = with_url(&small, "hunter2 is no URL", &["publish", "bi"]).expect(1);
    for said in [&ran, &failed, &refused, &garbled] {
        assert!(!said.stderr.contains("hunter2") && !said.stdout.contains("hunter2"), "{}", said.stderr);
    }
    // The next run mends it, though there is nothing new.
    let mended = with_url(&small, &database.url, &["run"]).expect(0);
    assert!(mended.stdout.contains("nothing changed since run 1"), "{}", mended.stdout);
    assert!(mended.stdout.contains("bi (postgres): run 1, 2 written"), "{}", mended.stdout);
    let manifest = last_manifest(&small.warehouse()).to_string();
    assert!(!manifest.contains("hunter2") && !manifest.contains("uramaki@"));
    // The URL may stand in a file too.
    let project = fs::read_to_string(small.root().join("uramaki.yaml")).expect("the project file");
    small.write("uramaki.yaml", project.replace("url_env: TEST_MARTS_URL", "url_file: secrets/marts"));
    small.write("secrets/marts", format!("{}\n", database.url));
    let published = small.uramaki(&["publish", "bi"]).expect(0);
    assert!(published.stdout.contains("bi (postgres): run 1, 2 as before"), "{}", published.stdout);
}

#[test]
fn faults_of_sinks_come_all_at_once() {
    let small = with_sinks(
        "sinks:\n  a: {kind: csv}\n  b: {kind: parquet, folder: warehouse/out, bom: true}\n  c: {kind: postgres, url_env: 'postgres://me:hunter2@h/d'}\n  \
         d: {kind: postgres, url_env: MARTS_URL, schema: public, tables: []}\n  e: {kind: xlsx, folder: out}\n  f: {kind: csv, folder: out}\n",
    );
    let said = small.uramaki(&["check"]).expect(2).stderr;
    for part in [
        "a sink of kind csv has no `folder`",
        "`bom` says nothing to a sink of kind parquet",
        "a sink must not share its folder with the warehouse",
        "`url_env` is not the name of an environment variable",
        "the schema `public` is not for a sink alone",
        "no table is named",
        "the sinks `e` and `f` write to the same place",
        "at uramaki.yaml:",
        "hint: ",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    let small =
        with_sinks("sinks:\n  a: {kind: csv, folder: out, tables: [customer_totl]}\n  b: {kind: cvs, folder: o}\n");
    let said = small.uramaki(&["check"]).expect(2).stderr;
    assert!(said.contains("csv"), "{said}");
    let small = with_sinks("sinks:\n  a: {kind: csv, folder: out, tables: [customer_totl]}\n");
    let said = small.uramaki(&["check"]).expect(2).stderr;
    assert!(
        said.contains("sinks.a: there is no model `customer_totl`") && said.contains("did you mean `customer_total`?"),
        "{said}"
    );
    assert!(said.contains("at uramaki.yaml:"), "{said}");
    let said = small.uramaki(&["publish", "nosuch"]).expect(2).stderr;
    assert!(said.contains("there is no sink `nosuch`"), "{said}");
    let said = Small::new().uramaki(&["publish"]).expect(2).stderr;
    assert!(said.contains("names no sinks"), "{said}");
}
