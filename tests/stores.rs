//! Drop and warehouse on servers: a real S3 server (moto) and a plain web server, started by the test. The tables are those
//! of local folders, byte for byte, and a run that dies there is recovered from.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use common::{Ran, Small, Table, assert_whole, command, last_manifest, logs, manifest, repository, runs, tables};
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

const BUCKET: &str = "uramaki";

/// A server of `scripts/`, which ends with this process: its standard input is closed then.
fn start(script: &str, args: &[&str]) -> (Child, String) {
    let mut server = Command::new(repository().join("scripts/python"))
        .arg(repository().join("scripts").join(script))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("scripts/python starts");
    let mut address = String::new();
    let stdout = server.stdout.as_mut().expect("its output");
    BufReader::new(stdout).read_line(&mut address).expect("its address");
    assert!(address.starts_with("http://127.0.0.1:"), "{script} did not start: {address}");
    (server, address.trim().to_string())
}

/// The address of the S3 server, one for all tests.
fn s3() -> &'static str {
    static SERVER: OnceLock<(Child, String)> = OnceLock::new();
    &SERVER.get_or_init(|| start("s3_server.py", &["--bucket", BUCKET])).1
}

fn bucket() -> Arc<AmazonS3> {
    let store = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(s3())
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .build();
    Arc::new(store.expect("the bucket"))
}

/// The small project with its drop folder and warehouse in the bucket, each test's under a name of its own.
struct OnS3 {
    project: Small,
    name: String,
    runtime: tokio::runtime::Runtime,
}

impl OnS3 {
    fn new(name: &str) -> OnS3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        OnS3 { project: Small::new(), name: name.to_string(), runtime }
    }

    fn night(&self, night: usize) {
        for (path, text) in common::NIGHTS[night - 1] {
            let place = ObjectPath::from(format!("{}/drop/{path}", self.name));
            self.runtime.block_on(bucket().put(&place, (*text).into())).expect("an extract in the bucket");
        }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = command(self.project.root());
        let place = |folder: &str| format!("s3://{BUCKET}/{}/{folder}", self.name);
        command.arg(verb).args(["--drop", &place("drop"), "--warehouse", &place("warehouse")]);
        for (name, value) in [
            ("AWS_ENDPOINT", s3()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ] {
            command.env(name, value);
        }
        command
    }

    fn run(&self) -> Ran {
        Ran::of(self.command("run").output().expect("the binary starts"))
    }

    fn run_with_fault(&self, side: &str, write: u64) -> Ran {
        let output = self.command("run").env("URAMAKI_FAULT", format!("{side}:{write}")).output();
        Ran::of(output.expect("the binary starts"))
    }

    /// The warehouse as it stands in the bucket, as local files. What comes and goes with a run is left out.
    fn mirror(&self) -> TempDir {
        let folder = common::folder();
        let prefix = ObjectPath::from(format!("{}/warehouse", self.name));
        let (store, root) = (bucket(), folder.path());
        self.runtime.block_on(async {
            let found: Vec<_> = store.list(Some(&prefix)).try_collect().await.expect("a listing");
            for meta in found {
                let parts = meta.location.prefix_match(&prefix).expect("inside");
                let name = parts.map(|p| p.as_ref().to_string()).collect::<Vec<_>>().join("/");
                if name != "_runs/lease.json" {
                    let bytes = store.get(&meta.location).await.expect("an object").bytes().await.expect("its bytes");
                    common::write(&root.join(name), &bytes);
                }
            }
        });
        folder
    }

    /// The holder of the lease is dead: as if its time had run out.
    fn let_the_lease_run_out(&self) {
        let place = ObjectPath::from(format!("{}/warehouse/_runs/lease.json", self.name));
        match self.runtime.block_on(bucket().delete(&place)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// The tables after a night, loaded into a local folder.
fn local(night: usize) -> &'static BTreeMap<String, Table> {
    static STATES: OnceLock<Vec<BTreeMap<String, Table>>> = OnceLock::new();
    let states = STATES.get_or_init(|| {
        let project = Small::new();
        let after = |night: usize| {
            project.night(night);
            project.run().expect(0);
            tables(&last_manifest(&project.warehouse()))
        };
        vec![after(1), after(2)]
    });
    &states[night - 1]
}

#[track_caller]
fn assert_state(warehouse: &Path, night: usize) {
    assert_eq!(runs(warehouse), (1..=night as u64).collect::<Vec<_>>());
    assert_eq!(&tables(&manifest(warehouse, night as u64)), local(night));
    assert_whole(warehouse);
}

#[test]
fn s3_holds_the_same_bytes_as_a_folder() {
    let company = OnS3::new("nights");
    for night in [1, 2] {
        company.night(night);
        let said = company.run().expect(0).stdout;
        assert!(said.contains(&format!("marts: s3://{BUCKET}/nights/warehouse/marts")), "{said}");
        assert_state(company.mirror().path(), night);
        let again = company.run().expect(0).stdout;
        assert!(again.starts_with("nothing changed since run"), "{again}");
    }
    let sql = "select sum(total_eur) as total from marts.customer_total";
    let output = company.command("query").args(["--format", "csv", sql]).output();
    let answer = Ran::of(output.expect("the binary starts")).expect(0).stdout;
    assert_eq!(answer, "total\n118.50\n");
    // Without a key, the store refuses; the message names the place, and no secret.
    let output = company.command("query").env("AWS_ENDPOINT", "http://127.0.0.1:9").arg(sql).output();
    let refused = Ran::of(output.expect("the binary starts")).expect(1);
    assert!(refused.stderr.contains("s3://uramaki/nights/warehouse"), "{}", refused.stderr);
}

#[test]
fn a_run_killed_on_s3_is_recovered_from() {
    let mut killed = 0;
    for (side, first) in [("before", 1), ("after", 3)] {
        for write in (first..60).step_by(4) {
            let company = OnS3::new(&format!("killed-{side}-{write}"));
            company.night(1);
            company.run().expect(0);
            company.night(2);
            let ran = company.run_with_fault(side, write);
            if ran.code == Some(0) {
                break;
            }
            killed += 1;
            assert_eq!(ran.code, None, "{side} {write}: {}{}", ran.stdout, ran.stderr);
            let left = company.mirror();
            let committed = runs(left.path()).contains(&2);
            for (name, log) in logs(left.path()) {
                let is = |night: usize| {
                    local(night).get(&name).is_some_and(|t| t.version == log.version && t.files == log.active)
                };
                assert!(is(1) || (committed && is(2)), "{side} {write}: {name} is of no whole run");
            }
            company.let_the_lease_run_out();
            company.run().expect(0);
            assert_state(company.mirror().path(), 2);
        }
    }
    assert!(killed >= 10, "only {killed} runs were killed");
}

#[test]
fn of_two_runs_on_s3_one_publishes() {
    for attempt in 0..3 {
        let company = OnS3::new(&format!("two-{attempt}"));
        company.night(1);
        let start =
            || company.command("run").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let both = [start(), start()].map(|child| Ran::of(child.wait_with_output().expect("it ends")));
        let published = both.iter().filter(|r| r.code == Some(0) && r.stdout.starts_with("run ")).count();
        assert_eq!(published, 1, "{both:?}");
        for ran in both.iter().filter(|r| r.code != Some(0)) {
            assert_eq!(ran.code, Some(4), "{ran:?}");
            assert!(ran.stderr.contains("hint:"), "{ran:?}");
        }
        assert_state(company.mirror().path(), 1);
    }
}

#[test]
fn a_drop_on_a_web_server() {
    let project = Small::new();
    project.night(1);
    let mut names: Vec<String> = common::files(&project.root().join("drop")).into_keys().collect();
    let folder = project.root().join("drop");
    let (_server, address) = start("web_server.py", &[folder.to_str().expect("text")]);
    let missing = project.run_with(&["--drop", &address]).expect(1);
    assert!(missing.stderr.contains("files.txt") && missing.stderr.contains("hint:"), "{}", missing.stderr);
    names.push("# a remark".to_string());
    project.drop("files.txt", names.join("\n"));
    project.run_with(&["--drop", &address]).expect(0);
    assert_state(&project.warehouse(), 1);
    let again = project.run_with(&["--drop", &address]).expect(0).stdout;
    assert!(again.starts_with("nothing changed since run"), "{again}");
}

#[test]
fn sinks_on_s3_hold_the_marts() {
    let company = OnS3::new("sinks");
    let project = std::fs::read_to_string(company.project.root().join("uramaki.yaml")).expect("the project file");
    let place = format!("s3://{BUCKET}/sinks/out");
    let sinks = format!(
        "sinks:\n  plain: {{kind: parquet, folder: '{place}/parquet'}}\n  text: {{kind: csv, folder: '{place}/csv'}}\n"
    );
    company.project.write("uramaki.yaml", format!("{project}{sinks}"));
    let object = |path: &str| {
        let place = ObjectPath::from(format!("sinks/out/{path}"));
        company
            .runtime
            .block_on(async { bucket().get(&place).await.expect("an object").bytes().await.expect("its bytes") })
    };
    for night in [1, 2] {
        company.night(night);
        let said = company.run().expect(0).stdout;
        assert!(said.contains(&format!("plain (parquet): run {night}, 1 written")), "{said}");
        let parquet = object("parquet/marts/customer_total.parquet");
        let (file, _) = local(night)["marts.customer_total"].files.first_key_value().expect("a file");
        assert!(file.contains(&common::sha256(&parquet)[..16]), "{file} has other bytes");
        let again = company.run().expect(0).stdout;
        assert!(again.contains("text (csv): run") && again.contains("1 as before"), "{again}");
    }
    let place = ObjectPath::from("sinks/out/csv/marts/customer_total.csv");
    company.runtime.block_on(bucket().put(&place, "mine".into())).expect("somebody's object");
    company.night(3);
    let ran = company.run().expect(0);
    assert!(ran.stderr.contains("was changed by somebody else"), "{}", ran.stderr);
    assert_eq!(object("csv/marts/customer_total.csv"), "mine");
    let output = company.command("publish").args(["text", "--overwrite"]).output();
    Ran::of(output.expect("the binary starts")).expect(0);
    assert!(object("csv/marts/customer_total.csv").starts_with(b"customer_id,orders,total_eur\r\n"));
}
