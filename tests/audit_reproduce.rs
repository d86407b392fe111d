//! `uramaki audit reproduce` and `bundle`: every run of a history is made again, byte for byte, and what was changed is named.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Ran, Small, command, copy_folder, files, manifest, repository, runs, sha256, uramaki, write};
use serde_json::Value;
use tempfile::TempDir;

const NIGHTS: u64 = 10;

/// A generated company in a copy of the sample's project, run night by night.
fn history() -> TempDir {
    let folder = common::folder();
    let out = folder.path().join("generated");
    let args = ["generate", "--customers", "60", "--nights", "10", "--seed", "7", "--output"];
    let generated = command(folder.path()).args(args).arg(&out).output().expect("the binary starts");
    Ran::of(generated).expect(0);
    let project = folder.path().join("project");
    for part in ["pipelines", "sql"] {
        copy_folder(&repository().join(part), &project.join(part));
    }
    let text = fs::read_to_string(repository().join("uramaki.yaml")).expect("the project file");
    write(&project.join("uramaki.yaml"), text.replace("drop: testdata/drop", "drop: drop").as_bytes());
    let mut days: Vec<String> = Vec::new();
    for name in files(&out.join("drop")).into_keys() {
        let file = name.rsplit('/').next().unwrap_or_default();
        days.push(file.chars().take(10).collect());
    }
    days.sort();
    days.dedup();
    assert_eq!(days.len() as u64, NIGHTS, "{days:?}");
    copy_folder(&out.join("drop"), &project.join("drop"));
    for day in &days {
        uramaki(&project, &["run", "--as-of", day, "--threads", "4"]).expect(0);
    }
    folder
}

/// In a folder where there is nothing of the project.
fn elsewhere(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(command(folder).arg("audit").args(args).output().expect("the binary starts"))
}

#[test]
fn every_run_of_ten_nights_after_everything_has_changed() {
    let folder = history();
    let project = folder.path().join("project");
    let warehouse = project.join("warehouse");
    assert_eq!(runs(&warehouse), (1..=NIGHTS).collect::<Vec<_>>());
    // The rules change, a pipeline goes, the extracts are gone.
    let sql = fs::read_to_string(project.join("sql/marts/customer_360.sql")).expect("SQL");
    write(&project.join("sql/marts/customer_360.sql"), format!("{sql}\nwhere 1 = 0\n").as_bytes());
    fs::remove_dir_all(project.join("pipelines")).expect("gone");
    fs::remove_dir_all(project.join("drop")).expect("gone");
    let before = files(&warehouse);
    let at = warehouse.display().to_string();
    for run in 1..=NIGHTS {
        let number = run.to_string();
        let empty = common::folder();
        let threads: &[&str] = match run {
            NIGHTS => &["1", "8"],
            n if n % 2 == 0 => &["8"],
            _ => &["1"],
        };
        for threads in threads {
            let tables = manifest(&warehouse, run)["tables"].as_object().expect("tables").len();
            let said = match run % 3 {
                // From a bundle in an empty folder.
                1 => {
                    let bundle = empty.path().join(format!("b{threads}.tar")).display().to_string();
                    let args = ["bundle", &number, "--warehouse", &at, "--output", &bundle];
                    elsewhere(empty.path(), &args).expect(0);
                    elsewhere(empty.path(), &["reproduce", &number, "--bundle", &bundle, "--threads", threads])
                }
                _ => elsewhere(empty.path(), &["reproduce", &number, "--warehouse", &at, "--threads", threads]),
            };
            let said = said.expect(0);
            let expected = format!("identical: {tables} tables of run {run} made again, byte for byte");
            assert!(said.stdout.starts_with(&expected), "{}\n{}", said.stdout, said.stderr);
        }
    }
    assert_eq!(files(&warehouse), before, "an audit writes nothing into the warehouse");
    assert!(!project.join("drop").exists(), "the drop folder was touched");
}

/// Two nights of the small shop.
fn small() -> Small {
    let small = Small::new();
    small.night(1);
    small.run().expect(0);
    small.night(2);
    small.run().expect(0);
    small
}

fn reproduce(small: &Small, run: &str) -> Ran {
    small.uramaki(&["audit", "reproduce", run])
}

#[test]
fn a_bundle_is_the_same_bytes_and_unpacks_by_hand() {
    let small = small();
    let other = small.copy();
    for (project, name) in [(&small, "one.tar"), (&small, "two.tar"), (&other, "one.tar")] {
        project.uramaki(&["audit", "bundle", "2", "--output", name, "--with-tables"]).expect(0);
    }
    let read = |project: &Small, name: &str| sha256(&fs::read(project.root().join(name)).expect("a bundle"));
    assert_eq!(read(&small, "one.tar"), read(&small, "two.tar"));
    assert_eq!(read(&small, "one.tar"), read(&other, "one.tar"));
    let empty = common::folder();
    let unpacked = Command::new("tar").arg("-xf").arg(small.root().join("one.tar")).current_dir(empty.path()).status();
    assert!(unpacked.expect("tar").success());
    assert!(empty.path().join("README.txt").is_file() && empty.path().join("uramaki.yaml").is_file());
    let said = elsewhere(empty.path(), &["reproduce", "2", "--warehouse", "warehouse", "--into", "made"]).expect(0);
    assert!(said.stdout.starts_with("identical: "), "{}", said.stdout);
    assert!(said.stderr.contains("continued from the customers that run 1 published"), "{}", said.stderr);
    let verified = elsewhere(empty.path(), &["verify", "--warehouse", "warehouse"]).expect(2);
    assert!(verified.stderr.contains("is an unpacked bundle"), "{}", verified.stderr);
    // What is kept is what was published.
    let record = manifest(&small.warehouse(), 2)["tables"]["marts.customer_total"]["files"][0].clone();
    let made = fs::read(empty.path().join("made/marts/customer_total.parquet")).expect("a table");
    assert_eq!(Some(sha256(&made).as_str()), record["sha256"].as_str());
    let again = elsewhere(empty.path(), &["reproduce", "2", "--warehouse", "warehouse", "--into", "made"]).expect(2);
    assert!(again.stderr.contains("is not empty"), "{}", again.stderr);
}

#[test]
fn nothing_in_a_bundle_leads_out_of_it() {
    let folder = common::folder();
    let evil = |name: &str, entries: &[(&str, tar::EntryType)]| -> PathBuf {
        let path = folder.path().join(name);
        let mut archive = tar::Builder::new(fs::File::create(&path).expect("a file"));
        for (entry, kind) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(0);
            header.as_mut_bytes()[..entry.len()].copy_from_slice(entry.as_bytes());
            if !kind.is_file() {
                header.set_link_name("/etc").expect("a link");
            }
            header.set_cksum();
            archive.append(&header, std::io::empty()).expect("an entry");
        }
        archive.finish().expect("an archive");
        path
    };
    for (name, entry, kind) in [
        ("up.tar", "warehouse/../../out", tar::EntryType::Regular),
        ("root.tar", "/tmp/out", tar::EntryType::Regular),
        ("link.tar", "warehouse", tar::EntryType::Symlink),
    ] {
        let path = evil(name, &[(entry, kind)]).display().to_string();
        let said = elsewhere(folder.path(), &["reproduce", "1", "--bundle", &path]).expect(1);
        assert!(said.stderr.contains("nothing of it was used"), "{}", said.stderr);
    }
}

/// Changes a run's manifest; nothing follows it in the chain.
fn edit(small: &Small, run: u64, change: impl FnOnce(&mut Value)) {
    let mut value = manifest(&small.warehouse(), run);
    change(&mut value);
    let mut bytes = serde_json::to_vec_pretty(&value).expect("JSON");
    bytes.push(b'\n');
    write(&small.warehouse().join(format!("_runs/{run}.json")), &bytes);
}

#[test]
fn a_changed_byte_is_named() {
    let small = small();
    reproduce(&small, "2").expect(0);
    let told = manifest(&small.warehouse(), 2);
    let batch = told["batches"].as_object().expect("batches").values().find(|b| b["object"] == "orders");
    let batch = batch.expect("a batch of orders").clone();
    let rules = told["project"]["files"]["sql/marts/customer_total.sql"].as_str().expect("a digest").to_string();
    let flipped = [
        (batch["landed"]["path"].as_str().expect("a path").to_string(), "as it landed"),
        (batch["archive"].as_str().expect("a path").to_string(), "the archive of shop/orders/"),
        (format!("_runs/files/{rules}"), "`sql/marts/customer_total.sql` as run 2 read it"),
        ("_runs/1.json".to_string(), "run 2 followed another manifest"),
    ];
    for (path, named) in flipped {
        let copy = small.copy();
        let file = copy.warehouse().join(&path);
        let mut bytes = fs::read(&file).expect("a file");
        // A blank for a line break keeps a manifest readable.
        let at = bytes.len() / 2;
        let at = if path.ends_with(".json") { bytes.iter().position(|b| *b == b'\n').expect("a line") } else { at };
        bytes[at] = if bytes[at] == b'\n' { b' ' } else { bytes[at] ^ 1 };
        fs::write(&file, bytes).expect("written");
        let said = reproduce(&copy, "2").expect(1);
        assert!(said.stderr.contains(named) && said.stderr.contains(&path), "{path}: {}", said.stderr);
        fs::remove_file(&file).expect("gone");
        let kind = if path.ends_with("1.json") { 2 } else { 1 };
        let said = reproduce(&copy, "2").expect(kind);
        assert!(said.stderr.contains("there is no run 1") || said.stderr.contains("not there"), "{}", said.stderr);
    }
}

#[test]
fn a_changed_rule_is_named_by_table_key_and_column() {
    let small = small();
    // Somebody who may write everything changes the rule and its digest.
    let rules = "select customer_id, count(*) as orders, cast(sum(total_eur) + 1 as decimal(18,2)) as total_eur\n\
                 from warehouse.fct_order where customer_id is not null group by customer_id\n";
    let digest = sha256(rules.as_bytes());
    write(&small.warehouse().join(format!("_runs/files/{digest}")), rules.as_bytes());
    edit(&small, 2, |m| m["project"]["files"]["sql/marts/customer_total.sql"] = digest.clone().into());
    let said = reproduce(&small, "2").expect(1).stderr;
    let first = small.csv("select customer_id, total_eur from marts.customer_total order by customer_id limit 1");
    let (customer, total) = first.lines().nth(1).and_then(|l| l.split_once(',')).expect("a row");
    let expected =
        format!("marts.customer_total: in the row customer_id = {customer}, column total_eur was {total}, and is ");
    assert!(said.contains(&expected), "{expected}\n{said}");
}

#[test]
fn a_changed_table_is_named_and_nobody_in_it() {
    let small = small();
    // The tables that another history published stand in this one's manifest.
    let other = Small::new();
    other.night(1);
    other.drop(
        "shop/customers/2026-11-18.csv",
        "id,name,email,updated_at\nc1,Ada Anders,anders@example.org,2026-11-18 08:00:00\nc2,Bo Zwei,bo@example.org,2026-11-18 08:00:00\n",
    );
    other.drop(
        "shop/orders/2026-11-18.csv",
        "id,customer_id,total,updated_at\no1,c1,10.00,2026-11-18 09:00:00\no2,c2,5.55,2026-11-18 09:00:00\no3,c1,1,2026-11-18 09:00:00\n",
    );
    other.run().expect(0);
    let exchange = |table: &str| -> String {
        let copy = small.copy();
        let foreign = manifest(&other.warehouse(), 1)["tables"][table].clone();
        for file in foreign["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a path");
            write(&copy.warehouse().join(path), &fs::read(other.warehouse().join(path)).expect("a file"));
        }
        edit(&copy, 1, |m| {
            m["tables"][table]["files"] = foreign["files"].clone();
            m["tables"][table]["content"] = foreign["content"].clone();
        });
        reproduce(&copy, "1").expect(1).stderr
    };
    let said = exchange("warehouse.fct_order");
    assert!(
        said.contains("warehouse.fct_order: in the row order_id = o2, column total_eur was 5.55, and is 5.50"),
        "{said}"
    );
    let said = exchange("identity.record");
    assert!(said.contains("identity.record: in the row source_system = shop"), "{said}");
    assert!(said.contains("display_name differs (personal: not shown)"), "{said}");
    for personal in ["Ada", "Anders", "anders@", "Eins"] {
        assert!(!said.contains(personal), "{said}");
    }
}

#[test]
fn a_partial_run_and_another_version() {
    let small = small();
    small.night(3);
    small.run_with(&["--select", "fct_order"]).expect(0);
    let said = reproduce(&small, "3").expect(0);
    assert!(said.stdout.contains("identical: 1 table of run 3"), "{}", said.stdout);
    assert!(said.stdout.contains("marts.customer_total: not part of this run, as run 2 made it"), "{}", said.stdout);
    let empty = common::folder();
    let bundle = empty.path().join("run-3.tar").display().to_string();
    small.uramaki(&["audit", "bundle", "3", "--output", &bundle]).expect(0);
    elsewhere(empty.path(), &["reproduce", "3", "--bundle", &bundle]).expect(0);
    // A full run after a partial one.
    small.run().expect(0);
    reproduce(&small, "4").expect(0);
    edit(&small, 4, |m| m["versions"]["datafusion"] = "54.0.0".into());
    let said = reproduce(&small, "4").expect(0);
    assert!(said.stderr.contains("needs datafusion 54.0.0 (here: 55"), "{}", said.stderr);
    edit(&small, 4, |m| m["tables"]["marts.customer_total"]["content"] = "0".into());
    let said = reproduce(&small, "4").expect(1);
    assert!(
        said.stderr.contains("hint: run 4 was made by other versions: it needs datafusion 54.0.0"),
        "{}",
        said.stderr
    );
}

#[test]
fn probabilistic_nights_are_made_again_from_nothing() {
    let folder = common::folder();
    let out = folder.path().join("generated");
    let args = ["generate", "--customers", "40", "--nights", "2", "--output"];
    Ran::of(command(folder.path()).args(args).arg(&out).output().expect("the binary starts")).expect(0);
    let project = common::probabilistic(&out.join("drop"));
    let mut days: Vec<String> = files(&out.join("drop"))
        .into_keys()
        .map(|name| name.rsplit('/').next().unwrap_or_default().chars().take(10).collect())
        .collect();
    days.sort();
    days.dedup();
    for day in &days {
        uramaki(project.path(), &["run", "--as-of", day]).expect(0);
    }
    // The second run remembered the first one's comparisons; this makes them all.
    let said = uramaki(project.path(), &["audit", "reproduce", "2", "--threads", "1"]).expect(0);
    assert!(said.stdout.starts_with("identical: "), "{}", said.stdout);
}
