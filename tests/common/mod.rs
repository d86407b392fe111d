//! What the integration tests share: the real binary, a small project, and what stands in a warehouse.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The repository's folder: the sample project.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder that is gone with the test.
pub fn folder() -> TempDir {
    tempfile::Builder::new().prefix("uramaki-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test")
}

/// The real binary in a project's folder, with no variable of ours set.
pub fn command(project: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uramaki"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("URAMAKI_") {
            command.env_remove(name);
        }
    }
    command.current_dir(project).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// The sample's project in mode probabilistic, with these extracts, in a folder of its own.
pub fn probabilistic(extracts: &Path) -> TempDir {
    let folder = folder();
    for part in ["pipelines", "sql"] {
        copy_folder(&repository().join(part), &folder.path().join(part));
    }
    let project = fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    let project = project.replace("mode: exact", "mode: probabilistic").replace("drop: testdata/drop", "drop: drop");
    write(&folder.path().join("uramaki.yaml"), project.as_bytes());
    copy_folder(extracts, &folder.path().join("drop"));
    folder
}

/// Tells a project who is who.
pub fn labelled(project: &Path, people: &Path) {
    fs::copy(people, project.join("identity-labels.csv")).expect("the labels");
}

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// None: killed by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

pub fn uramaki(project: &Path, args: &[&str]) -> Ran {
    Ran::of(command(project).args(args).output().expect("the binary starts"))
}

/// The small project: two CSV objects, identity, one fact, one mart, one SQL check.
pub struct Small {
    folder: TempDir,
}

const PROJECT: &[(&str, &str)] = &[
    ("uramaki.yaml", "name: small\ntime_zone: Europe/Berlin\nholidays: DE\ndrop: drop\nwarehouse: warehouse\n"),
    ("pipelines/shop.yaml", SHOP),
    (
        "sql/staging/stg_shop__customers.sql",
        "select id, name, email, updated_at, _batch_id, _row from landing.shop__customers\n",
    ),
    (
        "sql/staging/stg_shop__customers.yml",
        "description: Accounts.\ngrain: one row per account\nkey: [id]\ncolumns:\n  \
         id: {type: text, description: The account.}\n  \
         name: {type: text, pii: true, description: Its name.}\n  \
         email: {type: text, pii: true, description: Its e-mail.}\n  \
         updated_at: {type: timestamp, description: Last change.}\n  \
         _batch_id: {type: text, description: Its batch.}\n  \
         _row: {type: bigint, description: Its row there.}\n",
    ),
    ("sql/staging/stg_shop__orders.sql", "select id, customer_id, total, updated_at from landing.shop__orders\n"),
    (
        "sql/staging/stg_shop__orders.yml",
        "description: Orders.\ngrain: one row per order\nkey: [id]\ncolumns:\n  \
         id: {type: text, description: The order.}\n  \
         customer_id: {type: text, description: Whose it is.}\n  \
         total: {type: \"decimal(18,2)\", description: Its total.}\n  \
         updated_at: {type: timestamp, description: Last change.}\n",
    ),
    (
        "sql/warehouse/fct_order.sql",
        "select o.id as order_id, x.customer_id, o.total as total_eur, o.updated_at\n\
         from staging.stg_shop__orders as o\n\
         left join identity.customer_xref as x\n  \
         on x.source_system = 'shop' and x.source_object = 'customers' and x.record_id = o.customer_id\n",
    ),
    (
        "sql/warehouse/fct_order.yml",
        "description: Orders by customer.\ngrain: one row per order\nkey: [order_id]\ncolumns:\n  \
         order_id: {type: text, description: The order.}\n  \
         customer_id: {type: text, description: The customer.}\n  \
         total_eur: {type: \"decimal(18,2)\", unit: EUR, description: Its total., checks: [not_null, {min: 0}]}\n  \
         updated_at: {type: timestamp, description: Last change.}\n",
    ),
    (
        "sql/marts/customer_total.sql",
        "select customer_id, count(*) as orders, cast(sum(total_eur) as decimal(18,2)) as total_eur\n\
         from warehouse.fct_order where customer_id is not null group by customer_id\n",
    ),
    (
        "sql/marts/customer_total.yml",
        "description: What each customer ordered.\ngrain: one row per customer\nkey: [customer_id]\ncolumns:\n  \
         customer_id: {type: text, description: The customer.}\n  \
         orders: {type: bigint, unit: orders, description: Her orders., checks: [not_null, {min: 1}]}\n  \
         total_eur: {type: \"decimal(18,2)\", unit: EUR, description: Sum of them., checks: [not_null]}\n",
    ),
    (
        "sql/checks/orders_in_orders_out.sql",
        "select s.n from (select count(*) as n from staging.stg_shop__orders) as s,\n\
         (select count(*) as n from warehouse.fct_order) as f where s.n <> f.n\n",
    ),
    (
        "sql/checks/orders_in_orders_out.yml",
        "description: Every order of staging is an order of the warehouse.\nseverity: error\n",
    ),
];

pub const SHOP: &str = "\
system: shop
department: sales
description: A small shop.
format: {type: csv}
time_zone: UTC
objects:
  customers:
    description: One account.
    key: [id]
    cursor: updated_at
    columns:
      id: text
      name: {type: text, personal: true}
      email: {type: text, personal: true}
      updated_at: timestamp
    person: {name: [name], email: email}
  orders:
    description: One order.
    key: [id]
    cursor: updated_at
    columns:
      id: text
      customer_id: text
      total: {type: \"decimal(18,2)\", required: true}
      updated_at: timestamp
";

/// The small shop's nights. The second brings a change, a customer who turns out to be another, and a row for quarantine.
pub const NIGHTS: [&[(&str, &str)]; 3] = [
    &[
        (
            "shop/customers/2026-11-18.csv",
            "id,name,email,updated_at\n\
             c1,Ada Eins,ada@example.org,2026-11-18 08:00:00\n\
             c2,Bo Zwei,bo@example.org,2026-11-18 08:00:00\n",
        ),
        (
            "shop/orders/2026-11-18.csv",
            "id,customer_id,total,updated_at\n\
             o1,c1,10.00,2026-11-18 09:00:00\no2,c2,5.50,2026-11-18 09:00:00\no3,c1,1,2026-11-18 09:00:00\n",
        ),
    ],
    &[
        ("shop/customers/2026-11-19.csv", "id,name,email,updated_at\nc3,Bo Zwei,bo@example.org,2026-11-19 08:00:00\n"),
        (
            "shop/orders/2026-11-19.csv",
            "id,customer_id,total,updated_at\n\
             o1,c1,12.00,2026-11-19 09:00:00\no4,c3,100.00,2026-11-19 09:00:00\no5,c3,1o0.00,2026-11-19 09:00:00\n",
        ),
    ],
    &[("shop/orders/2026-11-20.csv", "id,customer_id,total,updated_at\no6,c2,7.25,2026-11-20 09:00:00\n")],
];

impl Small {
    /// A project without extracts.
    pub fn new() -> Small {
        let small = Small { folder: folder() };
        for (path, text) in PROJECT {
            small.write(path, text);
        }
        small
    }

    /// The same project and extracts, with a copy of the warehouse.
    pub fn copy(&self) -> Small {
        let copy = Small { folder: folder() };
        copy_folder(self.root(), copy.root());
        copy
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn warehouse(&self) -> PathBuf {
        self.root().join("warehouse")
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        write(&self.root().join(path), bytes.as_ref());
    }

    /// Writes an extract.
    pub fn drop(&self, path: &str, bytes: impl AsRef<[u8]>) {
        self.write(&format!("drop/{path}"), bytes);
    }

    /// Hands over the extracts of night 1, 2 or 3.
    pub fn night(&self, night: usize) {
        for (path, text) in NIGHTS[night - 1] {
            self.drop(path, text);
        }
    }

    pub fn uramaki(&self, args: &[&str]) -> Ran {
        uramaki(self.root(), args)
    }

    pub fn run(&self) -> Ran {
        self.uramaki(&["run"])
    }

    pub fn run_with(&self, args: &[&str]) -> Ran {
        self.uramaki(&[&["run"], args].concat())
    }

    /// One query's answer as CSV.
    pub fn csv(&self, sql: &str) -> String {
        self.uramaki(&["query", "--format", "csv", sql]).expect(0).stdout
    }
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("its folder");
    fs::write(path, bytes).expect("a file of the test");
}

/// Copies a folder's files, times included: a drop folder's files are known by them.
pub fn copy_folder(from: &Path, to: &Path) {
    for (name, _) in files(from) {
        let (source, target) = (from.join(&name), to.join(&name));
        fs::create_dir_all(target.parent().expect("a folder")).expect("its folder");
        fs::copy(&source, &target).expect("a copy");
        let times = fs::metadata(&source).and_then(|m| m.modified()).expect("its time");
        fs::File::options().write(true).open(&target).and_then(|f| f.set_modified(times)).expect("its time");
    }
}

/// Every file under a folder (links are not followed), by its path there, with its size.
pub fn files(root: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry.expect("an entry");
            let meta = entry.metadata().expect("what it is");
            if meta.is_dir() {
                open.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).expect("inside").to_string_lossy().into_owned();
                found.insert(name, meta.len());
            }
        }
    }
    found
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The run numbers of a warehouse, ascending.
pub fn runs(warehouse: &Path) -> Vec<u64> {
    let mut runs: Vec<u64> = fs::read_dir(warehouse.join("_runs"))
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
        .collect();
    runs.sort_unstable();
    runs
}

/// A run's manifest.
pub fn manifest(warehouse: &Path, run: u64) -> Value {
    let bytes = fs::read(warehouse.join(format!("_runs/{run}.json"))).expect("the manifest");
    serde_json::from_slice(&bytes).expect("a manifest is JSON")
}

pub fn last_manifest(warehouse: &Path) -> Value {
    manifest(warehouse, *runs(warehouse).last().expect("a run"))
}

/// A published table as a manifest tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub version: u64,
    pub rows: u64,
    pub content: String,
    /// Path in the warehouse → size.
    pub files: BTreeMap<String, u64>,
}

pub fn tables(manifest: &Value) -> BTreeMap<String, Table> {
    let tables = manifest["tables"].as_object().expect("tables");
    tables
        .iter()
        .map(|(name, t)| {
            let files = t["files"].as_array().expect("files").iter();
            let table = Table {
                version: t["version"].as_u64().expect("a version"),
                rows: t["rows"].as_u64().expect("rows"),
                content: t["content"].as_str().expect("a digest").to_string(),
                files: files
                    .map(|f| (f["path"].as_str().expect("a path").to_string(), f["bytes"].as_u64().expect("a size")))
                    .collect(),
            };
            (name.clone(), table)
        })
        .collect()
}

/// Table → digest of its content.
pub fn contents(manifest: &Value) -> BTreeMap<String, String> {
    tables(manifest).into_iter().map(|(name, table)| (name, table.content)).collect()
}

/// A Delta log as its own lines tell it: the newest version and its active files (path in the warehouse → size).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub version: u64,
    pub active: BTreeMap<String, u64>,
}

/// Every Delta log of a warehouse. Fails the test where one is not whole: a gap, a line cut off, a file that is not there.
#[track_caller]
pub fn logs(warehouse: &Path) -> BTreeMap<String, Log> {
    let mut entries: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for name in files(warehouse).into_keys() {
        let Some((table, entry)) = name.split_once("/_delta_log/") else { continue };
        if is_half_written(entry) {
            continue;
        }
        if let Some(version) = entry.strip_suffix(".json").and_then(|v| v.parse().ok()) {
            let text = fs::read_to_string(warehouse.join(&name)).expect("a log entry is text");
            entries.entry(table.to_string()).or_default().insert(version, text);
        } else {
            let known = entry == "_last_checkpoint" || entry.contains(".checkpoint.");
            assert!(known, "{name} is no part of a Delta log");
        }
    }
    let mut logs = BTreeMap::new();
    for (table, versions) in entries {
        let mut active: BTreeMap<String, u64> = BTreeMap::new();
        let mut schema = None;
        for (expected, (version, text)) in versions.iter().enumerate() {
            assert_eq!(expected as u64, *version, "{table}: a version is missing from the log");
            assert!(text.ends_with('\n'), "{table}: version {version} is cut off");
            for line in text.lines() {
                let action: Value = serde_json::from_str(line).expect("a line of a log is JSON");
                if let Some(add) = action.get("add") {
                    let path = format!("{table}/{}", add["path"].as_str().expect("a path"));
                    active.insert(path, add["size"].as_u64().expect("a size"));
                } else if let Some(remove) = action.get("remove") {
                    let path = format!("{table}/{}", remove["path"].as_str().expect("a path"));
                    assert!(
                        active.remove(&path).is_some(),
                        "{table}: version {version} removes {path}, which is not there"
                    );
                } else if let Some(meta) = action.get("metaData") {
                    schema = meta["schemaString"].as_str().map(str::to_string);
                }
            }
        }
        assert!(schema.is_some(), "{table}: its log has no schema");
        for (path, size) in &active {
            let there = fs::metadata(warehouse.join(path)).map(|m| m.len()).ok();
            assert_eq!(there, Some(*size), "{table}: the log names {path}");
        }
        let version = *versions.keys().last().expect("a version");
        logs.insert(table.replacen('/', ".", 1), Log { version, active });
    }
    logs
}

/// The name under which the store writes a local file before it gets its own: readers never see it.
fn is_half_written(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit()))
}

/// Fails the test unless a warehouse is whole and tidy: logs and manifests agree, every named file has its digest,
/// the chain of manifests holds, and nothing lies about that no manifest names.
#[track_caller]
pub fn assert_whole(warehouse: &Path) {
    let mut named: BTreeSet<String> = ["_runs/lock".to_string()].into();
    let mut digests: BTreeMap<String, String> = BTreeMap::new();
    let mut before: Option<String> = None;
    let runs = runs(warehouse);
    for (i, run) in runs.iter().enumerate() {
        assert_eq!(*run, i as u64 + 1, "a run is missing");
        let path = format!("_runs/{run}.json");
        let bytes = fs::read(warehouse.join(&path)).expect("the manifest");
        let manifest: Value = serde_json::from_slice(&bytes).expect("a manifest is JSON");
        assert_eq!(
            manifest["previous"].as_str().map(str::to_string),
            before,
            "run {run}: the chain of manifests is broken"
        );
        before = Some(sha256(&bytes));
        named.insert(path);
        if manifest["sealed"] == true {
            named.insert(format!("_runs/{run}.sha256"));
        }
        let mut file = |f: &Value| {
            let (path, digest) = (f["path"].as_str().expect("a path"), f["sha256"].as_str().expect("a digest"));
            digests.insert(path.to_string(), digest.to_string());
        };
        for table in manifest["tables"].as_object().expect("tables").values() {
            table["files"].as_array().expect("files").iter().for_each(&mut file);
        }
        for batch in manifest["batches"].as_object().expect("batches").values() {
            file(&batch["landed"]);
            if !batch["quarantined"].is_null() {
                file(&batch["quarantined"]);
            }
            named.extend(batch["archive"].as_str().map(str::to_string));
        }
        for digest in manifest["project"]["files"].as_object().expect("files").values() {
            let digest = digest.as_str().expect("a digest");
            digests.insert(format!("_runs/files/{digest}"), digest.to_string());
        }
    }
    for (path, digest) in &digests {
        let bytes = fs::read(warehouse.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(sha256(&bytes), *digest, "{path} is not what its manifest says");
    }
    named.extend(digests.into_keys());
    let orphans: Vec<String> =
        files(warehouse).into_keys().filter(|f| !named.contains(f) && !f.contains("/_delta_log/")).collect();
    assert!(orphans.is_empty(), "no manifest names {orphans:?}");
    let missing: Vec<&String> = named.iter().filter(|f| *f != "_runs/lock" && !warehouse.join(f).exists()).collect();
    assert!(missing.is_empty(), "named, and not there: {missing:?}");
    let Some(last) = runs.last() else { return };
    let tables = tables(&manifest(warehouse, *last));
    let logs = logs(warehouse);
    for (name, table) in &tables {
        let log = logs.get(name).unwrap_or_else(|| panic!("{name} has no Delta log"));
        assert_eq!(log.version, table.version, "{name}: the log's version");
        assert_eq!(log.active, table.files, "{name}: the log's files");
    }
}

/// Numbers that a seed fixes (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 … n-1
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}
