//! Invariant 1, pure: what a run publishes is a function of the raw history, the project, the day and the engine. Threads, memory,
//! folder and the order of loading change no byte.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{assert_whole, command, contents, copy_folder, last_manifest, repository, runs, tables};
use tempfile::TempDir;

const NIGHTS: [&str; 3] = ["2026-11-18", "2026-11-19", "2026-11-20"];
/// They tell of the loading itself: when which customers were merged.
const TELLS_OF_LOADING: [&str; 2] = ["identity.customer_event", "identity.id_history"];

/// The sample, in a warehouse of its own.
struct Sample {
    folder: TempDir,
    project: PathBuf,
}

impl Sample {
    fn new() -> Sample {
        let folder = common::folder();
        Sample { project: repository().to_path_buf(), folder }
    }

    fn warehouse(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    fn drop(&self) -> PathBuf {
        self.folder.path().join("drop")
    }

    /// Runs with the sample's drop folder, or with this test's own.
    fn run(&self, drop: &Path, args: &[&str]) -> String {
        let output = command(self.folder.path())
            .arg("run")
            .arg("--project")
            .arg(&self.project)
            .arg("--warehouse")
            .arg(self.warehouse())
            .arg("--drop")
            .arg(drop)
            .args(args)
            .output();
        common::Ran::of(output.expect("the binary starts")).expect(0).stdout
    }

    /// Hands over one night's files.
    fn hand_over(&self, night: &str) {
        let from = sample_drop();
        for name in common::files(&from).into_keys() {
            let file = name.rsplit('/').next().unwrap_or_default();
            if file.starts_with(night) {
                let bytes = std::fs::read(from.join(&name)).expect("the sample's file");
                common::write(&self.drop().join(&name), &bytes);
            }
        }
    }

    fn contents(&self) -> BTreeMap<String, String> {
        contents(&last_manifest(&self.warehouse()))
    }
}

fn sample_drop() -> PathBuf {
    repository().join("testdata/drop")
}

/// All three nights at once, with two threads.
fn at_once() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let sample = Sample::new();
        sample.run(&sample_drop(), &["--threads", "2"]);
        assert_whole(&sample.warehouse());
        let tables = tables(&last_manifest(&sample.warehouse()));
        assert!(tables.keys().filter(|t| t.starts_with("marts.")).count() >= 9);
        // In mode exact nothing is drawn.
        let may_be_empty = |name: &str| name.starts_with("identity.") || name == "warehouse.dim_draw_customer";
        assert!(tables.iter().all(|(name, t)| t.rows > 0 || may_be_empty(name)), "a table is empty");
        sample
    })
}

#[track_caller]
fn assert_same(sample: &Sample, left_out: &[&str]) {
    let (mut expected, mut found) = (at_once().contents(), sample.contents());
    for name in left_out {
        expected.remove(*name).expect("a table");
        found.remove(*name).expect("a table");
    }
    let differing: Vec<&String> = expected.keys().filter(|t| found.get(*t) != expected.get(*t)).collect();
    assert!(differing.is_empty(), "other bytes in {differing:?}");
    assert_eq!(found.len(), expected.len());
    assert_whole(&sample.warehouse());
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let sample = at_once();
    let files = common::files(&sample.warehouse());
    for args in [&[][..], &["--threads", "1"], &["--as-of", "2026-11-20"]] {
        let said = sample.run(&sample_drop(), args);
        assert!(said.starts_with("nothing changed since run 1 (as of 2026-11-20): no new run"), "{said}");
    }
    assert_eq!(common::files(&sample.warehouse()), files);
    assert_eq!(runs(&sample.warehouse()), [1]);
}

#[test]
fn one_thread_and_little_memory() {
    let sample = Sample::new();
    sample.run(&sample_drop(), &["--threads", "1", "--memory", "128MiB"]);
    assert_same(&sample, &[]);
}

#[test]
fn eight_threads_in_another_folder() {
    let mut sample = Sample::new();
    sample.project = sample.folder.path().join("Ein anderer Ordner");
    for part in ["pipelines", "sql"] {
        copy_folder(&repository().join(part), &sample.project.join(part));
    }
    std::fs::copy(repository().join("uramaki.yaml"), sample.project.join("uramaki.yaml")).expect("the project file");
    copy_folder(&sample_drop(), &sample.drop());
    sample.run(&sample.drop(), &["--threads", "8"]);
    assert_same(&sample, &[]);
}

#[test]
fn built_again_from_the_archive() {
    let sample = Sample::new();
    copy_folder(&at_once().warehouse(), &sample.warehouse());
    let empty = sample.folder.path().join("nothing");
    std::fs::create_dir_all(&empty).expect("a folder");
    let said = sample.run(&empty, &["--full-refresh"]);
    assert!(said.contains("run 2 of sample") && said.contains("built: 0 of"), "{said}");
    assert_same(&sample, &[]);
    let (first, second) = (common::manifest(&sample.warehouse(), 1), last_manifest(&sample.warehouse()));
    assert_eq!(tables(&first), tables(&second), "a table got a new version");
    assert_eq!(first["objects"], second["objects"]);
    let (first, second) =
        (first["batches"].as_object().expect("batches"), second["batches"].as_object().expect("batches"));
    for (id, batch) in first {
        assert_eq!(second.get(id), Some(batch), "batch {id}");
    }
    assert_eq!(first.len(), second.len());
}

#[test]
fn the_nights_one_by_one() {
    let sample = Sample::new();
    let mut versions = BTreeMap::new();
    for (i, night) in NIGHTS.iter().enumerate() {
        sample.hand_over(night);
        let said = sample.run(&sample.drop(), &[]);
        assert!(said.starts_with(&format!("run {} of sample, as of {night}", i + 1)), "{said}");
        versions = tables(&last_manifest(&sample.warehouse()));
    }
    assert_same(&sample, &TELLS_OF_LOADING);
    // What the second and third night do not change keeps its version.
    assert_eq!(versions["warehouse.dim_department"].version, 0);
    assert_eq!(versions["marts.customer_timeline"].version, 2);
    // The first night can still be asked for.
    let asked = |args: &[&str]| {
        let output = command(&sample.folder.path().join("drop"))
            .arg("query")
            .arg("--project")
            .arg(&sample.project)
            .arg("--warehouse")
            .arg(sample.warehouse())
            .args(["--format", "csv", "select count(*) as n from warehouse.fct_order"])
            .args(args)
            .output();
        common::Ran::of(output.expect("the binary starts")).expect(0).stdout
    };
    assert_ne!(asked(&["--run", "1"]), asked(&[]));
    assert_eq!(asked(&["--run", "3"]), asked(&[]));
}

#[test]
fn the_second_night_after_the_third() {
    let sample = Sample::new();
    for night in [NIGHTS[0], NIGHTS[2], NIGHTS[1]] {
        sample.hand_over(night);
        sample.run(&sample.drop(), &[]);
    }
    assert_eq!(runs(&sample.warehouse()), [1, 2, 3]);
    assert_same(&sample, &TELLS_OF_LOADING);
}

#[test]
fn days_gone_through_with_as_of() {
    let sample = Sample::new();
    let said = sample.run(&sample_drop(), &["--as-of", NIGHTS[1]]);
    assert!(said.starts_with("run 1 of sample, as of 2026-11-19") && said.contains("dated later"), "{said}");
    sample.run(&sample_drop(), &[]);
    assert_same(&sample, &TELLS_OF_LOADING);
}
