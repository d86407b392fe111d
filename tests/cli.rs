//! The command line as its users meet it: what stands on stdout and stderr, and the exit code.

mod common;
#[path = "cli/verdicts.rs"]
mod verdicts;

use std::process::Stdio;
use std::sync::OnceLock;

use common::{Ran, Small, assert_whole, command, files, last_manifest, logs, runs, tables, uramaki};
use insta::assert_snapshot;

/// The small project after two nights. Tests read it; none writes.
fn two_nights() -> &'static Small {
    static PROJECT: OnceLock<Small> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Small::new();
        for night in [1, 2] {
            project.night(night);
            project.run().expect(0);
        }
        project
    })
}

/// A command's stdout, stderr and exit code, with what differs from run to run masked.
fn told(project: &Small, args: &[&str]) -> String {
    let Ran { code, stdout, stderr } = project.uramaki(args);
    let root = project.root().to_str().expect("text");
    let mut out = String::new();
    for line in stdout.lines() {
        out += &format!("{}\n", masked(line, root));
    }
    for line in stderr.lines() {
        out += &format!("stderr: {}\n", masked(line, root));
    }
    out + &format!("exit {}", code.expect("no signal"))
}

fn masked(line: &str, root: &str) -> String {
    let line = line.replace(root, "[project]");
    for (start, rest) in [("took ", "[times and memory]"), ("made by: ", "[versions]")] {
        if line.starts_with(start) {
            return format!("{start}{rest}");
        }
    }
    if let Some((said, _)) = line.split_once(": no new run, ") {
        return format!("{said}: no new run, [seconds]");
    }
    if let Some((file, _)) = line.split_once(".parquet (") {
        return masked(&format!("{file}.parquet"), root);
    }
    let mut out = String::new();
    for word in line.split_inclusive([' ', '/', '(', ')', ',']) {
        let bare = word.trim_end_matches([' ', '/', '(', ')', ',']);
        let hex = bare.trim_start_matches("part-").trim_end_matches(".parquet");
        let is_hex = hex.len() >= 16 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let is_time = bare.len() == 24 && bare.ends_with('Z') && bare.contains('T');
        match (is_hex, is_time) {
            (true, _) => out += &word.replacen(hex, "[digest]", 1),
            (_, true) => out += &word.replacen(bare, "[time]", 1),
            _ => out += word,
        }
    }
    out.trim_end().to_string()
}

#[test]
fn the_first_run_and_the_second() {
    let project = Small::new();
    project.night(1);
    project.night(2);
    assert_snapshot!(told(&project, &["plan", "--as-of", "2026-11-18"]), @r"
    run 1 as of 2026-11-18 (the warehouse is new)
    files: 2 to read, 0 to land again, 0 unchanged, 2 dated later, 0 not ready
      read shop/customers/2026-11-18.csv (119 B)
      read shop/orders/2026-11-18.csv (123 B)
    models: what the changes reach, of 4: there are files to read; nothing has been built yet
    warehouse: [project]/warehouse
    exit 0
    ");
    assert!(!project.warehouse().join("_runs").exists(), "a plan writes nothing");
    assert_snapshot!(told(&project, &["run", "--as-of", "2026-11-18"]), @r#"
    run 1 of small, as of 2026-11-18

    came in: 2 new files, 0 unchanged, 2 dated later
      object                        files         rows     accepted  quarantined  repeated         keys  superseded  outdated
      shop/customers                    1            2            2            0         0            2           0         0
      shop/orders                       1            3            3            0         0            3           0         0

    quarantined: nothing

    built: 17 of 17 tables have a new version
      marts.customer_total                         2 rows  version 0 (new)

    checks: 14 made, no error, 0 warned (0 rows)

    took [times and memory]
    marts: [project]/warehouse/marts (Delta tables)
    ask them: uramaki query "select * from marts.customer_total limit 5"
    this run: uramaki runs show 1
    stderr: run 1 as of 2026-11-18: 2 files to read, 0 unchanged
    exit 0
    "#);
    assert_snapshot!(told(&project, &["plan"]), @r"
    run 2 as of 2026-11-19 (the last: run 1 as of 2026-11-18)
    files: 2 to read, 0 to land again, 2 unchanged, 0 dated later, 0 not ready
      read shop/customers/2026-11-19.csv (71 B)
      read shop/orders/2026-11-19.csv (130 B)
    models: what the changes reach, of 4: there are files to read; as_of moves from 2026-11-18 to 2026-11-19
    warehouse: [project]/warehouse
    exit 0
    ");
    assert_snapshot!(told(&project, &["run", "--quiet"]), @r#"
    run 2 of small, as of 2026-11-19

    came in: 2 new files, 2 unchanged
      object                        files         rows     accepted  quarantined  repeated         keys  superseded  outdated
      shop/customers                    2            3            3            0         0            3           0         0
      shop/orders                       2            6            5            1         0            4           1         0

    quarantined: 1 row (uramaki quarantine list)
      shop/orders                 bad_decimal 1

    built: 5 of 17 tables have a new version
      marts.customer_total                         2 rows  version 1 (changed)

    checks: 14 made, no error, 0 warned (0 rows)

    took [times and memory]
    marts: [project]/warehouse/marts (Delta tables)
    ask them: uramaki query "select * from marts.customer_total limit 5"
    this run: uramaki runs show 2
    exit 0
    "#);
    assert_snapshot!(told(&project, &["run"]), @r"
    nothing changed since run 2 (as of 2026-11-19): no new run, [seconds]
    warehouse: [project]/warehouse
    exit 0
    ");
    assert_snapshot!(told(&project, &["plan"]), @r"
    run 3 as of 2026-11-19 (the last: run 2 as of 2026-11-19)
    files: 0 to read, 0 to land again, 4 unchanged, 0 dated later, 0 not ready
    models: nothing to build; the run would say that nothing changed
    warehouse: [project]/warehouse
    exit 0
    ");
    assert_snapshot!(told(&project, &["runs"]), @r"
      run  as of       finished                    files   rows read  tables  warned  selected
        1  2026-11-18  [time]        2           5      17       0  everything
        2  2026-11-19  [time]        2           4       5       0  everything
    exit 0
    ");
}

#[test]
fn one_run_shown() {
    let shown = told(two_nights(), &["runs", "show", "2"]);
    let (head, timings) = shown.split_once("\ntimings (at most ").expect("timings");
    assert_snapshot!(head, @r"
    run 2 of small, as of 2026-11-19 (until 2026-11-19T23:00:00.000000Z)
    from [time] to [time]
    manifest before: [digest]
    project: 12 files, digest [digest]
    made by: [versions]

    inputs of this run:
      shop/customers/2026-11-19.csv                        sha256 [digest]  batch [digest]
      shop/orders/2026-11-19.csv                           sha256 [digest]  batch [digest]

    balance (rows in files = accepted + quarantined + repeated; accepted = keys + superseded + outdated):
      shop/customers               3 = 3 + 0 + 0;  3 = 3 + 0 + 0
      shop/orders                  6 = 5 + 1 + 0;  5 = 4 + 1 + 0

    tables (files inside [project]/warehouse):
      identity.blocked_evidence                     0 rows  version 0, of run 1
        identity/blocked_evidence/part-[digest].parquet
      identity.calibration                          0 rows  version 0, of run 1
        identity/calibration/part-[digest].parquet
      identity.customer_event                       2 rows  version 0, of run 1
        identity/customer_event/part-[digest].parquet
      identity.customer_xref                        3 rows  version 1, made in this run
        identity/customer_xref/part-[digest].parquet
      identity.cut_link                             0 rows  version 0, of run 1
        identity/cut_link/part-[digest].parquet
      identity.draw                                 0 rows  version 0, of run 1
        identity/draw/part-[digest].parquet
      identity.draw_customer                        0 rows  version 0, of run 1
        identity/draw_customer/part-[digest].parquet
      identity.draw_record                          0 rows  version 0, of run 1
        identity/draw_record/part-[digest].parquet
      identity.id_history                           2 rows  version 0, of run 1
        identity/id_history/part-[digest].parquet
      identity.link                                 1 rows  version 1, made in this run
        identity/link/part-[digest].parquet
      identity.record                               3 rows  version 1, made in this run
        identity/record/part-[digest].parquet
      identity.record_digest                        0 rows  version 0, of run 1
        identity/record_digest/part-[digest].parquet
      identity.review                               0 rows  version 0, of run 1
        identity/review/part-[digest].parquet
      identity.scored_pair                          0 rows  version 0, of run 1
        identity/scored_pair/part-[digest].parquet
      identity.wide_block                           0 rows  version 0, of run 1
        identity/wide_block/part-[digest].parquet
      marts.customer_total                          2 rows  version 1, made in this run
        marts/customer_total/part-[digest].parquet
      warehouse.fct_order                           4 rows  version 1, made in this run
        warehouse/fct_order/part-[digest].parquet

    checks: 14 made, 0 with offenders
    ");
    for stage in ["building", "identity", "landing", "checks", "newest versions", "warehouse.fct_order"] {
        assert!(timings.contains(stage), "{stage}: {timings}");
    }
    assert_snapshot!(told(two_nights(), &["runs", "show", "7"]), @r"
    stderr: error: there is no run 7
    stderr:   hint: `uramaki runs` lists the runs
    exit 2
    ");
    let json: serde_json::Value =
        serde_json::from_str(&two_nights().uramaki(&["runs", "show", "2", "--json"]).expect(0).stdout).expect("JSON");
    assert_eq!(json, last_manifest(&two_nights().warehouse()));
    let shown = two_nights().uramaki(&["runs", "show", "2"]).expect(0).stdout;
    for file in tables(&json).values().flat_map(|t| t.files.keys().cloned()) {
        assert!(two_nights().warehouse().join(&file).exists());
        assert!(shown.contains(&format!("    {file} (")), "{file} is not listed");
    }
}

#[test]
fn before_the_first_run() {
    let project = Small::new();
    assert_snapshot!(told(&project, &["runs"]), @r"
    no run yet: `uramaki run` makes the first
    exit 0
    ");
    assert_snapshot!(told(&project, &["query", "select 1"]), @r"
    stderr: error: there is no run yet in `[project]/warehouse`
    stderr:   hint: `uramaki run` makes one
    exit 2
    ");
    assert_snapshot!(told(&project, &["quarantine"]), @r"
    stderr: error: there is no run yet in `[project]/warehouse`
    stderr:   hint: `uramaki run` makes one
    exit 2
    ");
    assert_snapshot!(told(&project, &["run"]), @r"
    stderr: error: there is no folder `[project]/drop`
    stderr:   hint: is it mounted? `drop` in uramaki.yaml or --drop names it
    stderr: nothing was published
    exit 1
    ");
}

#[test]
fn quarantined_rows() {
    assert_snapshot!(told(two_nights(), &["quarantine", "list"]), @r"
    +---------------+---------------+----------------------------+-------------+-------------+------+
    | source_system | source_object | file                       | column_name | reason      | rows |
    +---------------+---------------+----------------------------+-------------+-------------+------+
    | shop          | orders        | shop/orders/2026-11-19.csv | total       | bad_decimal | 1    |
    +---------------+---------------+----------------------------+-------------+-------------+------+
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["quarantine", "show", "shop/orders/2026-11-19.csv"]), @r"
    +----------------------------+------+-------------+-------------+----------------------------------+
    | file                       | line | column_name | reason      | raw                              |
    +----------------------------+------+-------------+-------------+----------------------------------+
    | shop/orders/2026-11-19.csv | 4    | total       | bad_decimal | o5,c3,1o0.00,2026-11-19 09:00:00 |
    +----------------------------+------+-------------+-------------+----------------------------------+
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["quarantine", "show", "shop/orders/2026-11-18.csv"]), @r"
    nothing is quarantined
    exit 0
    ");
}

const TOTALS: &str = "select * from marts.customer_total order by orders, total_eur";

#[test]
fn answers_in_every_format() {
    assert_snapshot!(told(two_nights(), &["query", TOTALS]), @r"
    +--------------+--------+-----------+
    | customer_id  | orders | total_eur |
    +--------------+--------+-----------+
    | wbdbzrg2g958 |      2 |     13.00 |
    | 0wjr0wy34xmj |      2 |    105.50 |
    +--------------+--------+-----------+
    stderr: 2 rows
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["query", "--format", "csv", TOTALS]), @r"
    customer_id,orders,total_eur
    wbdbzrg2g958,2,13.00
    0wjr0wy34xmj,2,105.50
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["query", "--format", "json", TOTALS]), @r#"
    {"customer_id":"wbdbzrg2g958","orders":2,"total_eur":13.00}
    {"customer_id":"0wjr0wy34xmj","orders":2,"total_eur":105.50}
    exit 0
    "#);
    assert_snapshot!(told(two_nights(), &["query", "--format", "json", "select null as a, '\u{e4}\"' as b, date '2026-11-20' as c"]), @r#"
    {"a":null,"b":"ä\"","c":"2026-11-20"}
    exit 0
    "#);
    assert_snapshot!(told(two_nights(), &["query", "--format", "csv", "select 1 as n where false"]), @r"
    n
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["query", "--run", "1", "select count(*) as n from warehouse.fct_order"]), @r"
    +---+
    | n |
    +---+
    | 3 |
    +---+
    stderr: 1 row
    exit 0
    ");
    assert_snapshot!(told(two_nights(), &["query", "--run", "9", "select 1"]), @r"
    stderr: error: there is no run 9
    stderr:   hint: `uramaki runs` lists the runs
    exit 2
    ");
    assert_snapshot!(told(two_nights(), &["query", "--format", "parquet", "select 1"]), @r"
    stderr: error: Parquet is no text: name a file with --output
    exit 2
    ");
    // Into a file, and out of one.
    let folder = common::folder();
    let (sql, out) = (folder.path().join("ask.sql"), folder.path().join("out.parquet"));
    common::write(&sql, TOTALS.as_bytes());
    let path = |p: &std::path::Path| p.to_str().expect("text").to_string();
    let ran =
        two_nights().uramaki(&["query", "-f", &path(&sql), "--format", "parquet", "--output", &path(&out)]).expect(0);
    assert_eq!(ran.stdout, "");
    let file = std::fs::File::open(&out).expect("the answer");
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 2);
    assert_eq!(
        reader.schema().field_with_name("total_eur").expect("a column").data_type(),
        &arrow::datatypes::DataType::Decimal128(18, 2)
    );
    // Several statements, from a file; one file has room for one answer.
    common::write(&sql, b"-- The first.\nselect 1 as a;\n\nselect 'x;y' as b, null as c, 2.50 as d;\n");
    assert_snapshot!(told(two_nights(), &["query", "-f", &path(&sql)]), @r"
    +---+
    | a |
    +---+
    | 1 |
    +---+

    +-----+------+------+
    | b   |    c |    d |
    +-----+------+------+
    | x;y | NULL | 2.50 |
    +-----+------+------+
    stderr: 1 row
    stderr: 1 row
    exit 0
    ");
    for (format, more) in [("csv", &[][..]), ("json", &[]), ("table", &["--output", "out.txt"])] {
        let ran = two_nights().uramaki(&[&["query", "-f", &path(&sql), "--format", format], more].concat()).expect(2);
        assert_eq!(ran.stdout, "", "{format}");
        assert!(ran.stderr.contains("2 statements"), "{}", ran.stderr);
    }
    // None is answered where one is wrong.
    common::write(&sql, b"select 1 as a; select nope;");
    assert_eq!(two_nights().uramaki(&["query", "-f", &path(&sql)]).expect(2).stdout, "");
    // As many rows as one likes; what is not shown is said.
    assert_snapshot!(told(two_nights(), &["query", "--rows", "1", TOTALS]), @r"
    +--------------+--------+-----------+
    | customer_id  | orders | total_eur |
    +--------------+--------+-----------+
    | wbdbzrg2g958 |      2 |     13.00 |
    +--------------+--------+-----------+
    stderr: the first 1 row of 2 rows; --rows 0 shows all
    exit 0
    ");
    let out = folder.path().join("out.csv");
    two_nights().uramaki(&["query", "--format", "csv", "--output", &path(&out), TOTALS]).expect(0);
    assert_eq!(std::fs::read_to_string(&out).expect("text"), two_nights().csv(TOTALS));
}

#[test]
fn a_query_only_reads() {
    let there = files(&two_nights().warehouse());
    for sql in [
        "drop table marts.customer_total",
        "delete from marts.customer_total",
        "insert into marts.customer_total select * from marts.customer_total",
        "update marts.customer_total set orders = 0",
        "create table t as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "copy (select 1) to '/tmp/uramaki-must-not-write.csv'",
        "set datafusion.execution.batch_size = 1",
        "select 1; drop table marts.customer_total",
        "",
    ] {
        let ran = two_nights().uramaki(&["query", sql]);
        assert_eq!(ran.code, Some(2), "{sql}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stdout, "", "{sql}");
        assert!(ran.stderr.starts_with("error: "), "{sql}: {}", ran.stderr);
    }
    assert!(!std::path::Path::new("/tmp/uramaki-must-not-write.csv").exists());
    assert_eq!(files(&two_nights().warehouse()), there);
    // Nor does it read what is no table of ours.
    two_nights().uramaki(&["query", "select * from '/etc/passwd'"]).expect(2);
    assert_snapshot!(told(two_nights(), &["query", "select nope from marts.customer_total"]), @r#"
    stderr: error: the query cannot be planned: Schema error: No field named nope.
    stderr: Valid fields are marts.customer_total.customer_id, marts.customer_total.orders, marts.customer_total.total_eur.
    stderr:   hint: tables are named layer.name; `uramaki query "select * from information_schema.tables"` lists them
    exit 2
    "#);
    assert_snapshot!(told(two_nights(), &["query", "select * from marts.customer_totl"]), @r#"
    stderr: error: the query cannot be planned: Error during planning: table 'uramaki.marts.customer_totl' not found
    stderr:   hint: did you mean `marts.customer_total`?
    exit 2
    "#);
    assert_snapshot!(told(two_nights(), &["query", "select * from customer_total"]), @r"
    stderr: error: the query cannot be planned: Error during planning: table 'uramaki.main.customer_total' not found
    stderr:   hint: did you mean `marts.customer_total`?
    exit 2
    ");
    assert_snapshot!(told(two_nights(), &["query", "drop table marts.customer_total"]), @r"
    stderr: error: `query` only reads
    stderr:   hint: say a SELECT; tables are written by `uramaki run`
    exit 2
    ");
}

#[test]
fn wrong_usage() {
    for (args, words) in [
        (&["rum"][..], "unrecognized subcommand 'rum'"),
        (&["run", "--thread", "2"], "'--threads'"),
        (&["run", "--threads", "0"], "--threads must be 1 to 1024"),
        (&["run", "--threads", "two"], "invalid value 'two'"),
        (&["run", "--memory", "lots"], "hint: say it as 512MiB or 2GiB"),
        (&["run", "--as-of", "2026-13-01"], "invalid value '2026-13-01'"),
        (&["run", "--select", "customer_totl"], "did you mean `customer_total`?"),
        (&["run", "--select", "tag:nope"], "no model has the tag `nope`"),
        (&["plan", "--select", "customer_totl"], "did you mean `customer_total`?"),
        (&["query"], "say what to ask: a SELECT, or -f FILE"),
        (&["query", "-f", "no.sql"], "cannot read `no.sql`"),
        (&["runs", "show", "last"], "invalid value 'last'"),
        (&["generate"], "--output <DIR>"),
        (&["check", "--project", "/nowhere"], "hint: "),
        (&["check", "--project", "/"], "there is no uramaki.yaml in /"),
        (&["init", "."], "is there already"),
    ] {
        let there = files(two_nights().root());
        let ran = two_nights().uramaki(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(words), "{args:?}: `{words}` is missing:\n{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}: stdout is data");
        assert_eq!(files(two_nights().root()), there, "{args:?}: nothing is attempted");
    }
}

/// The same names as in a new warehouse: a wrong one stops the run before it reads a file.
#[test]
fn a_wrong_selection_reads_nothing() {
    let project = Small::new();
    project.night(1);
    let ran = project.run_with(&["--select", "customer_totl"]).expect(2);
    assert!(ran.stderr.contains("did you mean `customer_total`?"), "{}", ran.stderr);
    let landed: Vec<String> = files(&project.warehouse()).into_keys().filter(|f| f != "_runs/lock").collect();
    assert_eq!(landed, Vec::<String>::new());
}

#[test]
fn help_and_version() {
    let folder = common::folder();
    let help = uramaki(folder.path(), &["--help"]).expect(0);
    for verb in ["init", "check", "plan", "run", "publish", "query", "runs", "quarantine", "generate", "schema"] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb}");
        let own = uramaki(folder.path(), &[verb, "--help"]).expect(0);
        assert!(own.stdout.contains(&format!("Usage: uramaki {verb}")), "{}", own.stdout);
        assert!(own.stdout.contains("--project"), "global flags stand at every verb");
    }
    for word in ["Exit codes: 0 done", "URAMAKI_PROJECT", "URAMAKI_WAREHOUSE", "URAMAKI_DROP"] {
        assert!(help.stdout.contains(word), "{word}");
    }
    let run = uramaki(folder.path(), &["run", "--help"]).expect(0);
    for name in ["AS_OF", "SELECT", "FULL_REFRESH", "THREADS", "MEMORY"] {
        assert!(run.stdout.contains(&format!("URAMAKI_{name}")), "{name}");
    }
    let version = uramaki(folder.path(), &["--version"]).expect(0);
    assert_eq!(version.stdout, format!("uramaki {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_flag_beats_the_variable_and_the_variable_the_file() {
    let project = two_nights();
    let (from_variable, from_flag) = (common::folder(), common::folder());
    let ran = |flag: bool| {
        let mut command = command(project.root());
        command.arg("plan").env("URAMAKI_WAREHOUSE", from_variable.path());
        if flag {
            command.arg("--warehouse").arg(from_flag.path());
        }
        Ran::of(command.output().expect("it starts")).expect(0).stdout
    };
    let named = |f: &tempfile::TempDir| format!("warehouse: {}", f.path().display());
    assert!(ran(false).contains(&named(&from_variable)));
    assert!(ran(true).contains(&named(&from_flag)));
    assert!(project.uramaki(&["plan"]).stdout.contains(&format!("warehouse: {}", project.warehouse().display())));
    // Before the verb or after it; from a folder below the project's.
    let below = project.root().join("sql/marts");
    let here = uramaki(&below, &["runs"]).expect(0).stdout;
    let root = project.root().to_str().expect("text");
    assert_eq!(uramaki(std::path::Path::new("/"), &["--project", root, "runs"]).expect(0).stdout, here);
    assert_eq!(uramaki(std::path::Path::new("/"), &["runs", "--project", root]).expect(0).stdout, here);
}

#[test]
fn the_narration_as_json() {
    let project = Small::new();
    project.night(1);
    let ran = project.uramaki(&["--log-format", "json", "run"]).expect(0);
    assert!(ran.stdout.starts_with("run 1 of small"), "stdout stays what it was");
    for line in ran.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(event["timestamp"].is_string() && event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(ran.stderr.lines().count() >= 1);
    let failed = project.uramaki(&["query", "--log-format", "json", "select nope"]).expect(2);
    let event: serde_json::Value = serde_json::from_str(failed.stderr.trim()).expect("one event");
    assert_eq!((event["exit_code"].as_u64(), event["level"].as_str()), (Some(2), Some("ERROR")));
}

#[test]
fn schemas_for_editors() {
    let text = uramaki(std::path::Path::new("/"), &["schema"]).expect(0).stdout;
    let schemas: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let schemas = schemas.as_object().expect("one schema a kind of file");
    assert!(schemas.len() >= 4, "{:?}", schemas.keys());
    for (name, schema) in schemas {
        jsonschema::validator_for(schema).unwrap_or_else(|e| panic!("{name} is no JSON Schema: {e}"));
        assert!(schema["description"].is_string() || schema["properties"].is_object(), "{name}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(two_nights().root())
        .args(["query", "--format", "csv", "select * from generate_series(1, 2000000)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
