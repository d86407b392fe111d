//! What `audit verify` must find: any edit of any file of the record, by path. A generator with a fixed seed edits; nothing may panic.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{Random, Small, copy_folder, files, manifest, repository, runs, sha256, uramaki, write};
use serde_json::Value;
use uramaki::audit::verify::{Verified, verify};
use uramaki::store::Store;

fn verified(warehouse: &Path) -> Verified {
    verified_with(warehouse, None, None)
}

fn verified_with(warehouse: &Path, run: Option<u64>, head: Option<&str>) -> Verified {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime"));
    let store = Store::open(&warehouse.display().to_string(), 0).expect("the warehouse");
    runtime.block_on(verify(&store, run, head)).expect("a verdict, whatever lies there")
}

/// The paths that the faults tell of.
fn told(verified: &Verified) -> Vec<String> {
    verified.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
}

fn tells_of(verified: &Verified, path: &str) -> bool {
    verified.faults.iter().any(|f| f.path == path || f.what.contains(path))
}

/// A warehouse of many nights: restatements, a compressed extract, control totals, a refused file, quarantine, a partial run, checkpoints.
fn history() -> &'static Small {
    static HISTORY: OnceLock<Small> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let project = Small::new();
        project
            .write("pipelines/shop.yaml", common::SHOP.replace("time_zone: UTC", "time_zone: UTC\non_refused: skip"));
        project.night(1);
        project.run().expect(0);
        project.night(2);
        project.drop("shop/orders/2026-11-19.control.json", r#"{"rows": 3, "sums": {"total": "1.00"}}"#);
        project.drop("shop/customers/2026-11-19.control.json", r#"{"rows": 1}"#);
        project.run().expect(0);
        project.night(3);
        project.drop("shop/orders/2026-11-20.01.csv", "");
        let rows = b"id,customer_id,total,updated_at\no7,c1,3.00,2026-11-20 10:00:00\n";
        project.drop("shop/orders/2026-11-20.02.csv.zst", zstd::encode_all(&rows[..], 1).expect("zstd"));
        project.run().expect(0);
        for night in 0..21 {
            let total = format!("id,customer_id,total,updated_at\no1,c1,{night}.50,2026-11-21 09:00:{night:02}\n");
            project.drop("shop/orders/2026-11-21.csv", total);
            let partial: &[&str] = if night == 5 { &["--select", "+fct_order"] } else { &[] };
            project.run_with(partial).expect(0);
        }
        project
    })
}

/// Files of the record with their bytes.
fn record(warehouse: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = files(warehouse).into_keys().filter(|n| n != "_runs/lock");
    names.map(|n| (n.clone(), fs::read(warehouse.join(&n)).expect("a file"))).collect()
}

/// The places of all values in a document that are no lists or objects, or are empty ones.
fn leaves(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, value) in items.iter().enumerate() {
                leaves(value, format!("{at}/{i}"), out);
            }
        }
        _ => out.push(at),
    }
}

/// Another value of the same kind, or now and then of another.
fn changed(value: &Value, random: &mut Random) -> Value {
    match (value, random.below(6)) {
        (Value::Null, _) => Value::from("x"),
        (_, 0) => Value::Null,
        (Value::Bool(b), _) => Value::from(!b),
        (Value::Number(n), 1..=3) if n.is_u64() => Value::from(n.as_u64().unwrap_or(0) + 1),
        (Value::Number(_), _) => Value::from(-1),
        (Value::String(s), 1) => Value::from(format!("{s} ")),
        (Value::String(s), _) => {
            let mut text: Vec<char> = s.chars().collect();
            if text.is_empty() {
                return Value::from("x");
            }
            let at = random.below(text.len() as u64) as usize;
            text[at] = if text[at] == '7' { '8' } else { '7' };
            Value::from(text.into_iter().collect::<String>())
        }
        (_, _) => Value::from("x"),
    }
}

/// A manifest with one value changed, as the program would write it.
fn edited(bytes: &[u8], random: &mut Random) -> (String, Vec<u8>) {
    let mut value: Value = serde_json::from_slice(bytes).expect("JSON");
    let mut places = Vec::new();
    leaves(&value, String::new(), &mut places);
    let place = places[random.below(places.len() as u64) as usize].clone();
    let leaf = value.pointer_mut(&place).expect("a leaf");
    *leaf = changed(leaf, random);
    let mut bytes = serde_json::to_vec_pretty(&value).expect("JSON");
    bytes.push(b'\n');
    (place, bytes)
}

#[test]
fn a_sound_warehouse_holds() {
    let project = history();
    let verified = verified(&project.warehouse());
    assert_eq!(told(&verified), Vec::<String>::new());
    assert!(verified.notes.is_empty(), "{:?}", verified.notes);
    let count = |what: &str| verified.checked.iter().find(|c| c.what == what).map_or(0, |c| c.count);
    assert_eq!((count("manifests"), count("seals")), (24, 24));
    assert!(count("checkpoints of Delta logs") >= 1, "{:?}", verified.checked);
    for what in ["table files", "landed files", "quarantine files", "archived files", "project files", "projects"] {
        assert!(count(what) > 0, "{what}: {:?}", verified.checked);
    }
    // Each run by itself, and the binary without a project.
    for run in [1, 2, 9, 24] {
        assert_eq!(told(&verified_with(&project.warehouse(), Some(run), None)), Vec::<String>::new(), "run {run}");
    }
    let place = project.warehouse().display().to_string();
    let said = uramaki(Path::new("/"), &["audit", "verify", "--warehouse", &place]).expect(0);
    assert!(said.stdout.ends_with("all holds\n"), "{}", said.stdout);
    let head = verified.head.expect("a newest manifest").sha256;
    assert!(said.stdout.contains(&head), "{}", said.stdout);
    uramaki(Path::new("/"), &["audit", "verify", "--warehouse", &place, "--head", &head]).expect(0);
    let wrong = uramaki(Path::new("/"), &["audit", "verify", "--warehouse", &place, "--head", &sha256(b"x")]).expect(1);
    assert!(wrong.stderr.contains("_runs/24.json") && wrong.stderr.contains("hint:"), "{}", wrong.stderr);
    uramaki(Path::new("/"), &["audit", "verify", "25", "--warehouse", &place]).expect(2);
    let json = uramaki(Path::new("/"), &["audit", "verify", "--warehouse", &place, "--format", "json"]).expect(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["faults"], serde_json::json!([]));
    // A run that follows seals with the same bytes as one that recovers: sha256sum agrees with every seal.
    for run in runs(&project.warehouse()) {
        let seal = fs::read_to_string(project.warehouse().join(format!("_runs/{run}.sha256"))).expect("a seal");
        for line in seal.lines() {
            let (digest, path) = line.split_once("  ").expect("two columns");
            assert_eq!(sha256(&fs::read(project.warehouse().join(path)).expect(path)), digest, "{path}");
        }
    }
}

#[test]
fn every_random_edit_is_found() {
    let project = history().copy();
    let warehouse = project.warehouse();
    let record = record(&warehouse);
    let names: Vec<&String> = record.keys().collect();
    let mut random = Random(5);
    let mut kinds: BTreeMap<u64, u32> = BTreeMap::new();
    for edit in 0..400 {
        // Manifests and logs as often as the many data files.
        let name = loop {
            let name = names[random.below(names.len() as u64) as usize];
            if name.starts_with("_runs/files/") && random.below(4) > 0 {
                continue;
            }
            break name;
        };
        let (path, old) = (warehouse.join(name), &record[name]);
        let other = warehouse.join(format!("{name}.{}", random.below(1000)));
        let kind = random.below(8);
        let mut expected = vec![name.clone()];
        let what = match kind {
            0 | 1 if !old.is_empty() => {
                let (at, bit) = (random.below(old.len() as u64) as usize, random.below(8));
                let mut new = old.clone();
                new[at] ^= 1 << bit;
                write(&path, &new);
                format!("bit {bit} of byte {at} flipped")
            }
            2 if !old.is_empty() => {
                let length = random.below(old.len() as u64) as usize;
                write(&path, &old[..length]);
                format!("cut to {length} bytes")
            }
            3 => {
                let more: Vec<u8> = (0..1 + random.below(16)).map(|_| random.below(256) as u8).collect();
                write(&path, &[old.as_slice(), &more].concat());
                format!("{} bytes appended", more.len())
            }
            4 => {
                fs::remove_file(&path).expect("removed");
                "removed".to_string()
            }
            5 => {
                fs::rename(&path, &other).expect("renamed");
                expected.push(other.strip_prefix(&warehouse).expect("inside").display().to_string());
                "renamed".to_string()
            }
            6 => {
                write(&other, &old[..random.below(old.len() as u64 + 1) as usize]);
                expected = vec![other.strip_prefix(&warehouse).expect("inside").display().to_string()];
                "another file beside it".to_string()
            }
            _ if name.starts_with("_runs/") && name.ends_with(".json") => {
                let (place, new) = edited(old, &mut random);
                write(&path, &new);
                format!("{place} edited")
            }
            _ => {
                let (mut from, mut tries) = (name, 0);
                while record[from] == *old && tries < 50 {
                    (from, tries) = (names[random.below(names.len() as u64) as usize], tries + 1);
                }
                write(&path, &record[from]);
                format!("written over with {from}")
            }
        };
        *kinds.entry(kind).or_default() += 1;
        let found = verified(&warehouse);
        for path in &expected {
            assert!(tells_of(&found, path), "edit {edit}: {name}: {what}: not found; faults: {:#?}", told(&found));
        }
        let _ = fs::remove_file(&other);
        write(&path, old);
    }
    assert!(kinds.len() == 8 && kinds.values().all(|n| *n > 20), "{kinds:?}");
    assert_eq!(told(&verified(&warehouse)), Vec::<String>::new(), "everything was put back");
}

#[test]
fn a_removed_run_is_found() {
    let project = history().copy();
    let warehouse = project.warehouse();
    let record = record(&warehouse);
    let last = *runs(&warehouse).last().expect("a run");
    for run in runs(&warehouse) {
        for with_seal in [false, true] {
            let (path, seal) = (format!("_runs/{run}.json"), format!("_runs/{run}.sha256"));
            fs::remove_file(warehouse.join(&path)).expect("removed");
            if with_seal {
                fs::remove_file(warehouse.join(&seal)).expect("removed");
            }
            let found = verified(&warehouse);
            let is_named = match (run == last, with_seal) {
                // Nothing but what it left tells of it.
                (true, true) => {
                    found.faults.iter().any(|f| f.what.contains("is of no manifest") && f.path.contains("/_delta_log/"))
                }
                _ => {
                    // What follows from it comes after it.
                    let first = found.faults.first().map(|f| format!("{} {}", f.path, f.what)).unwrap_or_default();
                    first.starts_with(&path)
                }
            };
            if run < last {
                let found = verified_with(&warehouse, Some(run), None);
                assert!(tells_of(&found, &path), "run {run} alone: {:#?}", told(&found));
            }
            assert!(is_named, "run {run}, with its seal {with_seal}: {:#?}", told(&found));
            write(&warehouse.join(&path), &record[&path]);
            write(&warehouse.join(&seal), &record[&seal]);
        }
    }
    assert!(verified(&warehouse).holds());
}

/// Who can write all of the warehouse edits the newest manifest and seals it anew: the digest that was kept elsewhere tells.
#[test]
fn a_manifest_that_is_edited_and_sealed_anew_is_found_by_its_digest() {
    let project = history().copy();
    let warehouse = project.warehouse();
    let last = *runs(&warehouse).last().expect("a run");
    let (path, seal) = (format!("_runs/{last}.json"), format!("_runs/{last}.sha256"));
    let (old, sealed) =
        (fs::read(warehouse.join(&path)).expect("it"), fs::read_to_string(warehouse.join(&seal)).expect("it"));
    let head = sha256(&old);
    let (mut random, mut by_itself) = (Random(11), 0);
    for _ in 0..60 {
        let (place, new) = edited(&old, &mut random);
        write(&warehouse.join(&path), &new);
        write(&warehouse.join(&seal), sealed.replace(&head, &sha256(&new)).as_bytes());
        by_itself += u32::from(!verified(&warehouse).holds());
        let found = verified_with(&warehouse, None, Some(&head));
        assert!(tells_of(&found, &path), "{place}: {:#?}", told(&found));
    }
    // Most of what a manifest says follows from something else.
    assert!(by_itself > 30, "{by_itself} of 60");
}

#[test]
fn garbage_is_a_fault_and_no_panic() {
    let project = history().copy();
    let warehouse = project.warehouse();
    let last = *runs(&warehouse).last().expect("a run");
    for run in [1, 7, last] {
        let path = format!("_runs/{run}.json");
        let old = fs::read(warehouse.join(&path)).expect("it");
        let deep = "[".repeat(100_000);
        for garbage in [
            "",
            "no JSON",
            "{}",
            "[]",
            "null",
            "{\"format\": 1}",
            "{\"format\": 99}",
            "{\"format\": -1}",
            &deep,
            "\u{0}",
        ] {
            write(&warehouse.join(&path), garbage.as_bytes());
            assert!(tells_of(&verified(&warehouse), &path), "{garbage:.20}");
        }
        write(&warehouse.join(&path), &[0xff, 0xfe, 0x00]);
        assert!(tells_of(&verified(&warehouse), &path));
        write(&warehouse.join(&path), &old);
    }
    // A data file of garbage whose digest and size the manifest was made to say: Parquet's own reader sees it.
    let mut value = manifest(&warehouse, last);
    let file = value["tables"]["marts.customer_total"]["files"][0].clone();
    let path = file["path"].as_str().expect("a path").to_string();
    let good = fs::read(warehouse.join(&path)).expect("it");
    let mut random = Random(3);
    for i in 0..40 {
        let garbage: Vec<u8> = match i % 4 {
            0 => (0..random.below(200)).map(|_| random.below(256) as u8).collect(),
            1 => b"PAR1\xff\xff\xff\x7fPAR1".to_vec(),
            2 => b"PAR1PAR1".to_vec(),
            _ => {
                // Inside the footer.
                let mut bytes = good.clone();
                let at = good.len() - 9 - random.below(200.min(good.len() as u64 - 9)) as usize;
                bytes[at] ^= 0xff;
                bytes
            }
        };
        let file = &mut value["tables"]["marts.customer_total"]["files"][0];
        file["sha256"] = Value::from(sha256(&garbage));
        file["bytes"] = Value::from(garbage.len());
        write(&warehouse.join(&path), &garbage);
        write(&warehouse.join(format!("_runs/{last}.json")), &serde_json::to_vec_pretty(&value).expect("JSON"));
        let found = verified(&warehouse);
        assert!(!found.holds(), "garbage {i}");
    }
}

/// A run that died is told of, not taken for an edit; one that failed its checks leaves nothing that is one.
#[test]
fn a_run_that_died_is_a_note() {
    let project = Small::new();
    project.night(1);
    project.run().expect(0);
    let mut noted = 0;
    for write in 1.. {
        let project = project.copy();
        project.night(2);
        let ran = common::command(project.root())
            .arg("run")
            .env("URAMAKI_FAULT", format!("after:{write}"))
            .output()
            .expect("it starts");
        if ran.status.code() == Some(0) {
            break;
        }
        let found = verified(&project.warehouse());
        assert_eq!(told(&found), Vec::<String>::new(), "killed after write {write}");
        noted += u32::from(!found.notes.is_empty());
        project.run().expect(0);
        let found = verified(&project.warehouse());
        assert!(
            found.holds() && found.notes.is_empty(),
            "after recovery from write {write}: {:?} {:?}",
            told(&found),
            found.notes
        );
    }
    assert!(noted > 10, "only {noted} deaths left anything to see");
}

/// Warehouses of before seals are told apart, and an edit that says so of a later run is found.
#[test]
fn older_manifests_have_no_seal() {
    let project = Small::new();
    project.night(1);
    project.run().expect(0);
    let warehouse = project.warehouse();
    let mut value = manifest(&warehouse, 1);
    value.as_object_mut().expect("an object").remove("sealed");
    let bytes = serde_json::to_vec_pretty(&value).expect("JSON");
    write(&warehouse.join("_runs/1.json"), &bytes);
    fs::remove_file(warehouse.join("_runs/1.sha256")).expect("removed");
    let found = verified(&warehouse);
    assert!(found.holds() && found.notes.iter().any(|n| n.what.contains("before seals")), "{:?}", found.notes);
    project.night(2);
    project.run().expect(0);
    assert!(verified(&warehouse).holds());
    project.night(3);
    project.run().expect(0);
    let mut third = manifest(&warehouse, 3);
    third["sealed"] = Value::from(false);
    write(&warehouse.join("_runs/3.json"), &serde_json::to_vec_pretty(&third).expect("JSON"));
    fs::remove_file(warehouse.join("_runs/3.sha256")).expect("removed");
    assert!(tells_of(&verified(&warehouse), "_runs/3.json"));
}

/// The sample's warehouse, made once.
fn sample() -> &'static Path {
    static SAMPLE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    &SAMPLE
        .get_or_init(|| {
            let folder = common::folder();
            let warehouse = folder.path().join("warehouse");
            uramaki(repository(), &["run", "--warehouse", warehouse.to_str().expect("a path")]).expect(0);
            (folder, warehouse)
        })
        .1
}

#[test]
fn the_commands_of_the_page_say_the_same() {
    let warehouse = sample();
    assert!(verified(warehouse).holds());
    let page = fs::read_to_string(repository().join("docs/auditors.md")).expect("the page");
    let section = page.split("\n## ").find(|s| s.starts_with("Checking digests")).expect("the section");
    let commands: Vec<&str> =
        section.lines().filter_map(|l| l.strip_prefix("$ ")).filter(|l| !l.starts_with("cd ")).collect();
    assert!(commands.len() >= 10, "{commands:?}");
    let has = |tool: &str| {
        Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().is_ok_and(|o| o.status.success())
    };
    let tools: Vec<&str> = ["jq", "zstd", "sha256sum", "duckdb"].into_iter().filter(|t| has(t)).collect();
    assert!(tools.contains(&"sha256sum"), "no sha256sum here");
    let is_runnable =
        |command: &str| ["jq", "zstd", "sha256sum", "duckdb"].iter().all(|t| !command.contains(t) || tools.contains(t));
    let run = |warehouse: &Path, command: &str| {
        Command::new("bash")
            .args(["-c", &format!("set -euo pipefail; {command}")])
            .current_dir(warehouse)
            .output()
            .expect("bash")
    };
    for command in commands.iter().filter(|c| is_runnable(c)) {
        let ran = run(warehouse, command);
        assert!(
            ran.status.success(),
            "{command}\n{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    // On a warehouse with a flipped bit in each kind of file, a command of the page notices.
    let broken = common::folder();
    copy_folder(warehouse, broken.path());
    let names: Vec<String> = files(warehouse).into_keys().collect();
    for kind in ["landing/", "archive/", "quarantine/", "_runs/files/", "marts/", "/_delta_log/", "_runs/1.json"] {
        let name = names
            .iter()
            .find(|n| n.contains(kind) && (kind.contains("delta") || !n.contains("_delta_log")))
            .expect(kind);
        let old = fs::read(broken.path().join(name)).expect("a file");
        let mut new = old.clone();
        let middle = new.len() / 2;
        new[middle] ^= 1;
        write(&broken.path().join(name), &new);
        let noticed = commands.iter().filter(|c| is_runnable(c)).any(|c| !run(broken.path(), c).status.success());
        assert!(noticed || !tools.contains(&"jq"), "no command of the page notices a change of {name}");
        write(&broken.path().join(name), &old);
    }
}
