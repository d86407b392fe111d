//! OpenLineage events of real runs: read by the official client's classes, received by a server, and without a person in them.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Ran, Small, command, folder, manifest, repository};
use serde_json::Value;

const TO_FILE: &str = "openlineage: {file: lineage/events.jsonl}\n";

/// The small project with its first night, that tells of its runs.
fn small(openlineage: &str) -> Small {
    let project = Small::new();
    tell(&project, openlineage);
    project.night(1);
    project
}

fn tell(project: &Small, openlineage: &str) {
    let plain = "name: small\ntime_zone: Europe/Berlin\nholidays: DE\ndrop: drop\nwarehouse: warehouse\n";
    project.write("uramaki.yaml", format!("{plain}{openlineage}"));
}

fn events(root: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(root.join("lineage/events.jsonl")).expect("events");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Reads the events by the official client; returns how often it met each class.
fn read_by_client(file: &Path) -> BTreeMap<String, u64> {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts/openlineage_client.py")).arg(file).stdin(Stdio::null());
    let ran = Ran::of(command.output().expect("scripts/python starts")).expect(0);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    serde_json::from_value(told["met"].clone()).expect("counts")
}

fn word<'a>(event: &'a Value, path: &str) -> &'a str {
    event.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn of_job<'a>(events: &'a [Value], job: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| word(e, "/job/name") == job).collect()
}

/// Each run begins once and ends once, after it began.
#[track_caller]
fn assert_in_order(events: &[Value]) {
    let mut runs: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for event in events {
        runs.entry(word(event, "/run/runId")).or_default().push((word(event, "/eventType"), word(event, "/eventTime")));
    }
    for (id, told) in runs {
        assert_eq!(told.len(), 2, "{id}: {told:?}");
        assert!(told[0].0 == "START" && told[1].0 != "START" && told[0].1 <= told[1].1, "{id}: {told:?}");
    }
}

#[test]
fn a_run_is_told_with_its_parts() {
    let project = small(TO_FILE);
    let ran = project.run().expect(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let told = events(project.root());
    assert_in_order(&told);
    read_by_client(&project.root().join("lineage/events.jsonl"));

    // The whole begins first and ends last, and stands for its business day.
    let whole = of_job(&told, "small.run");
    assert_eq!((whole[0], whole[1]), (&told[0], told.last().expect("events")));
    let written = manifest(&project.warehouse(), 1);
    assert_eq!(word(whole[0], "/eventTime"), written["started_at"]);
    assert_eq!(word(whole[1], "/eventTime"), written["finished_at"]);
    assert_eq!(word(whole[1], "/run/facets/nominalTime/nominalStartTime"), "2026-11-17T23:00:00.000Z");
    assert_eq!(word(whole[1], "/run/facets/nominalTime/nominalEndTime"), "2026-11-18T23:00:00.000Z");
    let id = word(whole[0], "/run/runId");
    let parents: BTreeSet<&str> =
        told.iter().map(|e| word(e, "/run/facets/parent/run/runId")).filter(|p| !p.is_empty()).collect();
    assert_eq!(parents, [id].into());

    // Extracts, landed objects, views and tables hang together by the names of datasets.
    let place = project.warehouse().canonicalize().expect("a warehouse");
    let place = |part: &str| place.join(part).display().to_string();
    let mart = of_job(&told, "small.marts.customer_total")[1];
    assert_eq!(word(mart, "/inputs/0/name"), place("warehouse/fct_order"));
    assert_eq!(word(mart, "/inputs/0/namespace"), "file");
    assert_eq!(word(mart, "/outputs/0/name"), place("marts/customer_total"));
    assert_eq!(word(mart, "/outputs/0/facets/symlinks/identifiers/0/name"), "marts.customer_total");
    assert_eq!(word(mart, "/outputs/0/facets/version/datasetVersion"), "0");
    assert_eq!(mart["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"], 2);
    assert!(word(mart, "/job/facets/sql/query").contains("group by customer_id"));
    let names = |event: &Value, side: &str| -> BTreeSet<String> {
        event[side].as_array().into_iter().flatten().map(|d| word(d, "/name").to_string()).collect()
    };
    let fact = of_job(&told, "small.warehouse.fct_order")[1];
    let expected = [place("identity/customer_xref"), place("staging/stg_shop__orders")];
    assert_eq!(names(fact, "inputs"), expected.into());
    let view = of_job(&told, "small.staging.stg_shop__orders")[1];
    assert_eq!(names(view, "inputs"), [place("landing/shop/orders")].into());
    assert_eq!(word(view, "/outputs/0/facets/datasetType/datasetType"), "VIEW");
    let landed = of_job(&told, "small.landing.shop__orders")[1];
    assert_eq!(names(landed, "outputs"), [place("landing/shop/orders")].into());
    assert!(word(landed, "/inputs/0/name").ends_with("/drop/shop/orders"));
    assert_eq!(landed["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"], 3);
    assert_eq!(word(landed, "/job/facets/ownership/owners/0/name"), "sales");

    // Where the sum comes from, and what decides on it.
    let lineage = &mart["outputs"][0]["facets"]["columnLineage"];
    let of_sum = &lineage["fields"]["total_eur"]["inputFields"];
    assert_eq!((word(of_sum, "/0/field"), word(of_sum, "/0/transformations/0/type")), ("total_eur", "DIRECT"));
    let of_rows: Vec<(&str, &str)> = lineage["dataset"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|f| f["transformations"].as_array().into_iter().flatten().map(move |t| (f, t)))
        .map(|(f, t)| (word(f, "/field"), word(t, "/subtype")))
        .collect();
    assert_eq!(of_rows, [("customer_id", "FILTER"), ("customer_id", "GROUP_BY")]);

    // Every check of the run, each with its table.
    let checks = of_job(&told, "small.checks")[1];
    let inputs = checks["inputs"].as_array().expect("inputs");
    let named: BTreeSet<&str> = inputs
        .iter()
        .flat_map(|d| d["inputFacets"]["dataQualityAssertions"]["assertions"].as_array().into_iter().flatten())
        .map(|a| word(a, "/name"))
        .collect();
    let made: BTreeSet<&str> = written["checks"].as_array().expect("checks").iter().map(|c| word(c, "/name")).collect();
    assert_eq!(named, made);
    assert_eq!(word(checks, "/run/facets/test/tests/0/status"), "pass");
}

#[test]
fn what_is_told_changes_no_run_and_nothing_new_is_not_told() {
    let project = small("");
    project.run().expect(0);
    // Somebody listens now: that is no new run.
    tell(&project, TO_FILE);
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains("nothing changed since run 1"), "{}", ran.stdout);
    assert!(!project.root().join("lineage").exists());
    let before = manifest(&project.warehouse(), 1);

    // The same files under another time: the run begins, and nothing comes of it.
    let file = project.root().join("drop/shop/orders/2026-11-18.csv");
    let times = std::time::SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(file).and_then(|f| f.set_modified(times)).expect("its time");
    assert!(project.run().expect(0).stdout.contains("nothing changed since run 1"));
    let told = events(project.root());
    assert_in_order(&told);
    assert_eq!(told.iter().map(|e| word(e, "/eventType")).collect::<Vec<_>>(), ["START", "COMPLETE"]);

    // With listeners and without, the same bytes come out.
    let other = small(TO_FILE);
    other.run().expect(0);
    let after = manifest(&other.warehouse(), 1);
    assert_eq!(before["fingerprint"], after["fingerprint"]);
    assert_eq!(common::contents(&before), common::contents(&after));
}

#[test]
fn a_failed_run_is_told_without_a_person() {
    let project = small(TO_FILE);
    project.run().expect(0);
    // A total below nothing (exit 3); then a file that is none (exit 1).
    project.drop(
        "shop/orders/2026-11-19.csv",
        "id,customer_id,total,updated_at\nada@example.org,c1,-5.00,2026-11-19 09:00:00\n",
    );
    project.run().expect(3);
    project.drop("shop/orders/2026-11-19.csv", "id,customer_id,updated_at\nada@example.org,c1,2026-11-19 09:00:00\n");
    project.run().expect(1);
    let told = events(project.root());
    assert_in_order(&told);
    read_by_client(&project.root().join("lineage/events.jsonl"));
    let failed: Vec<&Value> = told.iter().filter(|e| word(e, "/eventType") == "FAIL").collect();
    assert_eq!(failed.len(), 2);
    let said = |n: usize| word(failed[n], "/run/facets/errorMessage/message");
    assert!(said(0).contains("check failed: warehouse.fct_order.total_eur: at least 0"), "{}", said(0));
    assert!(said(0).contains("(sql/warehouse/fct_order.yml:"), "{}", said(0));
    assert!(said(1).contains("total"), "{}", said(1));
    let text = std::fs::read_to_string(project.root().join("lineage/events.jsonl")).expect("events");
    for personal in ["Ada Eins", "Bo Zwei", "example.org"] {
        assert!(!text.contains(personal), "{personal} stands in the events");
    }
}

/// A request: its head and its body.
type Received = (String, Value);

/// Answers POST requests with this status, and keeps what came.
fn server(status: &'static str) -> (u16, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, keep) = (stream.expect("a connection"), keep.clone());
            std::thread::spawn(move || answer(stream, status, &keep));
        }
    });
    (port, kept)
}

fn answer(stream: TcpStream, status: &str, keep: &Mutex<Vec<Received>>) {
    let mut writer = stream.try_clone().expect("the other direction");
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.and_then(|n| n.parse().ok()).expect("a length")];
        reader.read_exact(&mut body).expect("a body");
        keep.lock().expect("the list").push((head, serde_json::from_slice(&body).expect("JSON")));
        // Who has heard a refusal hangs up.
        if write!(writer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

#[test]
fn a_server_receives_the_events_with_its_token() {
    let (port, kept) = server("201 Created");
    let project = small(&format!(
        "openlineage:\n  url: http://127.0.0.1:{port}/api/v1/lineage\n  token_env: LINEAGE_TOKEN\n  namespace: company\n"
    ));
    let ran =
        Ran::of(command(project.root()).arg("run").env("LINEAGE_TOKEN", "s3cret").output().expect("the binary starts"))
            .expect(0);
    assert!(!ran.stderr.contains("warning") && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
    let kept = kept.lock().expect("the list");
    let told: Vec<Value> = kept.iter().map(|(_, event)| event.clone()).collect();
    assert_in_order(&told);
    for (head, event) in kept.iter() {
        let head = head.to_lowercase();
        assert!(head.starts_with("post /api/v1/lineage http/1.1") && head.contains("application/json"), "{head}");
        assert!(head.contains("authorization: bearer s3cret"), "{head}");
        assert_eq!(word(event, "/job/namespace"), "company");
    }
    let whole = of_job(&told, "small.run");
    assert_eq!((whole[0], whole[1]), (&told[0], told.last().expect("events")));
    let events = project.root().join("received.jsonl");
    std::fs::write(&events, told.iter().map(|e| format!("{e}\n")).collect::<String>()).expect("written");
    read_by_client(&events);
}

#[test]
fn a_server_that_is_down_refuses_or_hangs_costs_a_warning() {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let (refusing, _) = server("401 Unauthorized");
    // Takes connections and never answers.
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf_port = deaf.local_addr().expect("an address").port();
    let began = Instant::now();
    small("").run().expect(0);
    let most = 4 * began.elapsed() + Duration::from_secs(5);
    for (port, said, patience) in
        [(free(), "cannot be reached", 0), (refusing, "401 Unauthorized", 0), (deaf_port, "10 seconds", 10)]
    {
        let project = small(&format!("openlineage: {{url: \"http://127.0.0.1:{port}/api/v1/lineage\"}}\n"));
        let began = Instant::now();
        let ran = project.run().expect(0);
        let took = began.elapsed();
        assert!(ran.stdout.contains("run 1 of small"), "{}", ran.stdout);
        let warning = "warning: the run is committed, but its OpenLineage events were not all delivered: ";
        assert!(ran.stderr.contains(warning) && ran.stderr.contains(said), "{}", ran.stderr);
        // As long as it waits, and what a run takes on a busy machine.
        assert!(took < Duration::from_secs(patience) + most, "{took:?}, of {most:?}");
    }
    drop(deaf);
}

/// The sample in a folder of its own, that tells of its runs.
fn sample(folder: &Path) -> PathBuf {
    let root = folder.join("project");
    for part in ["pipelines", "sql"] {
        common::copy_folder(&repository().join(part), &root.join(part));
    }
    common::copy_folder(&repository().join("testdata/drop"), &root.join("drop"));
    let yaml = std::fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    let yaml = yaml.replace("drop: testdata/drop", "drop: drop") + TO_FILE;
    common::write(&root.join("uramaki.yaml"), yaml.as_bytes());
    root
}

#[test]
fn an_interrupted_run_is_told_as_aborted() {
    let folder = folder();
    let root = sample(folder.path());
    let mut command = command(&root);
    let mut run = command.arg("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let began = Instant::now();
    while !root.join("lineage/events.jsonl").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no START");
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("a signal");
    assert_eq!(run.wait().expect("its end").code(), Some(130));
    let told = events(&root);
    assert_in_order(&told);
    assert_eq!(told.iter().map(|e| word(e, "/eventType")).collect::<Vec<_>>(), ["START", "ABORT"]);
}

/// Every model and every kind of facet: the sample.
#[test]
fn the_sample_is_read_by_the_official_client() {
    let folder = folder();
    let root = sample(folder.path());
    common::uramaki(&root, &["run"]).expect(0);
    let told = events(&root);
    assert_in_order(&told);
    let met = read_by_client(&root.join("lineage/events.jsonl"));
    for facet in [
        "ColumnLineageDatasetFacet",
        "DataQualityAssertionsDatasetFacet",
        "DataQualityMetricsInputDatasetFacet",
        "DatasetTypeDatasetFacet",
        "DatasetVersionDatasetFacet",
        "DocumentationDatasetFacet",
        "DocumentationJobFacet",
        "InputStatisticsInputDatasetFacet",
        "JobTypeJobFacet",
        "NominalTimeRunFacet",
        "OutputStatisticsOutputDatasetFacet",
        "OwnershipDatasetFacet",
        "OwnershipJobFacet",
        "ParentRunFacet",
        "ProcessingEngineRunFacet",
        "SQLJobFacet",
        "SchemaDatasetFacet",
        "StorageDatasetFacet",
        "SymlinksDatasetFacet",
        "TestRunFacet",
    ] {
        assert!(met.contains_key(facet), "no {facet}");
    }
    // No input without something that makes it, but for extracts and what has no job: the calendar.
    let names = |event: &Value, side: &str| -> Vec<String> {
        event[side].as_array().into_iter().flatten().map(|d| word(d, "/name").to_string()).collect()
    };
    let made: BTreeSet<String> = told.iter().flat_map(|e| names(e, "outputs")).collect();
    let loose: BTreeSet<String> =
        told.iter().flat_map(|e| names(e, "inputs")).filter(|name| !made.contains(name)).collect();
    assert!(loose.iter().all(|name| name.contains("/drop/")), "{loose:?}");
    // Nobody stands in them.
    let text = std::fs::read_to_string(root.join("lineage/events.jsonl")).expect("events");
    let people = common::uramaki(
        &root,
        &[
            "query",
            "--format",
            "csv",
            "select distinct display_name from marts.customer_360 where display_name like '% %'",
        ],
    );
    let people = people.expect(0).stdout;
    assert!(people.lines().count() > 100);
    assert!(people.lines().skip(1).all(|name| !text.contains(name.trim_matches('"'))), "a person stands in the events");
}
