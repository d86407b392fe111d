//! Invariant 2, all or nothing: the real binary is killed before and after each write to the store, at random moments, in
//! the middle of its own recovery, and runs beside another. Readers see whole runs only, and the next run ends as an
//! undisturbed one does.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{Log, Ran, Random, Small, Table, assert_whole, command, files, logs, manifest, runs, tables, uramaki};

/// Reads three tables at once: an answer out of two runs would show.
const ASK: &str = "select (select count(*) from warehouse.fct_order) as orders, \
    (select sum(total_eur) from marts.customer_total) as total, (select count(*) from identity.customer_event) as events";

/// What an undisturbed run leaves.
struct Undisturbed {
    project: Small,
    answer: String,
    tables: BTreeMap<String, Table>,
    files: Vec<String>,
    seconds: Duration,
}

/// The project after night 1 and after night 2, loaded without any fault.
fn undisturbed(night: usize) -> &'static Undisturbed {
    static STATES: OnceLock<Vec<Undisturbed>> = OnceLock::new();
    &STATES.get_or_init(|| {
        let mut states: Vec<Undisturbed> = Vec::new();
        for night in [1, 2] {
            let project = states.last().map_or_else(Small::new, |s| s.project.copy());
            project.night(night);
            let at = Instant::now();
            project.run().expect(0);
            let seconds = at.elapsed();
            let warehouse = project.warehouse();
            assert_whole(&warehouse);
            assert_eq!(runs(&warehouse).len(), night);
            states.push(Undisturbed {
                answer: project.csv(ASK),
                tables: tables(&manifest(&warehouse, night as u64)),
                files: files(&warehouse).into_keys().collect(),
                seconds,
                project,
            });
        }
        assert_ne!(states[0].answer, states[1].answer);
        states
    })[night - 1]
}

/// The project as it was before a night, with that night's extracts in its drop folder.
fn before(night: usize) -> Small {
    let project = match night {
        1 => Small::new(),
        _ => undisturbed(night - 1).project.copy(),
    };
    project.night(night);
    project
}

fn run_with_fault(project: &Small, side: &str, write: u64) -> Ran {
    let output = command(project.root()).arg("run").env("URAMAKI_FAULT", format!("{side}:{write}")).output();
    Ran::of(output.expect("the binary starts"))
}

/// After a run died: readers see the last whole run, and each Delta table is one whole version.
fn assert_whole_runs_only(project: &Small, night: usize, when: &str) {
    let warehouse = project.warehouse();
    let old = (night > 1).then(|| undisturbed(night - 1));
    let new = undisturbed(night);
    let committed = runs(&warehouse).contains(&(night as u64));
    let seen = project.uramaki(&["query", "--format", "csv", ASK]);
    match (old, committed) {
        (_, true) => {
            assert_eq!(seen.expect(0).stdout, new.answer, "{when}: readers see another state than the committed run")
        }
        (Some(old), false) => {
            assert_eq!(seen.expect(0).stdout, old.answer, "{when}: readers see another state than the run before")
        }
        (None, false) => {
            let seen = seen.expect(2);
            assert!(seen.stderr.contains("there is no run yet"), "{when}: {}", seen.stderr);
            assert_eq!(seen.stdout, "", "{when}");
        }
    }
    let is_state = |log: &Log, state: &Undisturbed, name: &str| {
        state.tables.get(name).is_some_and(|t| t.version == log.version && t.files == log.active)
    };
    let logs = logs(&warehouse);
    for (name, log) in &logs {
        let is_old = old.is_some_and(|old| is_state(log, old, name));
        let is_new = is_state(log, new, name);
        assert!(is_old || is_new, "{when}: {name} is neither the old version nor the new one: {log:?}");
        assert!(is_old || committed, "{when}: {name} shows a run that has not committed");
    }
    for name in old.iter().flat_map(|o| o.tables.keys()) {
        assert!(logs.contains_key(name), "{when}: {name} has lost its log");
    }
}

/// A plain run ends in the undisturbed state, leaves nothing lying about, and has nothing to do a second time.
fn assert_recovers(project: &Small, night: usize, when: &str) {
    let new = undisturbed(night);
    let ran = project.run();
    assert_eq!(ran.code, Some(0), "{when}: {}{}", ran.stdout, ran.stderr);
    assert_undisturbed(project, night, when);
    let again = project.run().expect(0);
    assert!(again.stdout.starts_with("nothing changed since run"), "{when}: {}", again.stdout);
    assert_eq!(
        files(&project.warehouse()).into_keys().collect::<Vec<_>>(),
        new.files,
        "{when}: files after a second run"
    );
}

fn assert_undisturbed(project: &Small, night: usize, when: &str) {
    let (warehouse, new) = (project.warehouse(), undisturbed(night));
    assert_eq!(runs(&warehouse), (1..=night as u64).collect::<Vec<_>>(), "{when}");
    assert_eq!(tables(&manifest(&warehouse, night as u64)), new.tables, "{when}: tables");
    assert_eq!(files(&warehouse).into_keys().collect::<Vec<_>>(), new.files, "{when}: files");
    assert_whole(&warehouse);
    assert_eq!(project.csv(ASK), new.answer, "{when}: the answer");
}

/// Kills a run at each of its writes.
fn every_write(side: &str, night: usize) {
    let mut write = 0;
    loop {
        write += 1;
        let when = format!("night {night}, killed {side} write {write}");
        let project = before(night);
        let ran = run_with_fault(&project, side, write);
        if ran.code == Some(0) {
            assert_undisturbed(&project, night, &when);
            break;
        }
        assert_eq!(ran.code, None, "{when}: {}{}", ran.stdout, ran.stderr);
        assert_whole_runs_only(&project, night, &when);
        assert_recovers(&project, night, &when);
    }
    // The marker, four landed and archived files, the tables, the manifest, the logs.
    assert!(write > 20, "only {write} writes were there to be killed at");
}

#[test]
fn the_first_night_killed_before_each_write() {
    every_write("before", 1);
}

#[test]
fn the_first_night_killed_after_each_write() {
    every_write("after", 1);
}

#[test]
fn the_second_night_killed_before_each_write() {
    every_write("before", 2);
}

#[test]
fn the_second_night_killed_after_each_write() {
    every_write("after", 2);
}

#[test]
fn killed_at_twenty_random_moments() {
    let mut random = Random(2026);
    let mut killed = 0;
    for moment in 0..20 {
        let night = 1 + moment % 2;
        let project = before(night);
        let span = undisturbed(night).seconds.as_millis() as u64;
        let delay = Duration::from_millis(random.below(span + span / 5 + 1));
        let when = format!("night {night}, killed after {delay:?}");
        let mut child = command(project.root())
            .arg("run")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(delay);
        child.kill().expect("it can be killed");
        killed += u32::from(child.wait().expect("it ends").code().is_none());
        assert_whole_runs_only(&project, night, &when);
        assert_recovers(&project, night, &when);
    }
    assert!(killed >= 5, "only {killed} of 20 runs were still alive to be killed");
}

/// The run that recovers dies too, and the one after it.
#[test]
fn killed_several_times_in_a_row() {
    for seed in 0..8 {
        let mut random = Random(seed);
        let project = Small::new();
        for night in [1, 2] {
            project.night(night);
            for kill in 0..=random.below(4) {
                let side = if random.below(2) == 0 { "before" } else { "after" };
                let write = 1 + random.below(36);
                let when = format!("seed {seed}, night {night}, kill {kill}: {side} write {write}");
                let ran = run_with_fault(&project, side, write);
                assert!(matches!(ran.code, None | Some(0)), "{when}: {}{}", ran.stdout, ran.stderr);
                assert_whole_runs_only(&project, night, &when);
            }
            assert_recovers(&project, night, &format!("seed {seed}, night {night}"));
        }
    }
}

/// A kill in the midst of a write leaves the store's half-written file: it is swept, whether the run had committed or not.
#[test]
fn half_written_files_are_swept() {
    for write in [8, 27] {
        let project = before(1);
        assert_eq!(run_with_fault(&project, "after", write).code, None);
        for name in [
            "_runs/1.json#1",
            "_runs/in_progress.json#2",
            "marts/customer_total/part-0.parquet#1",
            "marts/customer_total/_delta_log/00000000000000000000.json#1",
            "landing/shop/orders/0.parquet#1",
        ] {
            common::write(&project.warehouse().join(name), b"half");
        }
        let when = format!("half-written files beside write {write}");
        assert_whole_runs_only(&project, 1, &when);
        assert_recovers(&project, 1, &when);
    }
    // Killed before the marker had its name.
    let project = before(1);
    common::write(&project.warehouse().join("_runs/in_progress.json#1"), b"half");
    assert_recovers(&project, 1, "a half-written marker");
}

#[test]
fn two_runs_at_once() {
    let mut refused = 0;
    for attempt in 0..6 {
        let night = 1 + attempt % 2;
        let project = before(night);
        let start = || {
            command(project.root())
                .arg("run")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the binary starts")
        };
        let both = [start(), start()].map(|child| Ran::of(child.wait_with_output().expect("it ends")));
        let published = both.iter().filter(|r| r.code == Some(0) && r.stdout.starts_with("run ")).count();
        assert_eq!(published, 1, "{both:?}");
        for ran in &both {
            match ran.code {
                Some(0) => {
                    assert!(ran.stdout.starts_with("run ") || ran.stdout.starts_with("nothing changed"), "{ran:?}")
                }
                Some(4) => {
                    refused += 1;
                    assert!(
                        ran.stderr.contains("another run holds the warehouse") && ran.stderr.contains("hint:"),
                        "{ran:?}"
                    );
                    assert_eq!(ran.stdout, "");
                }
                _ => panic!("{ran:?}"),
            }
        }
        assert_undisturbed(&project, night, &format!("two at once, attempt {attempt}"));
    }
    assert!(refused > 0, "the two runs never met");
}

#[test]
fn a_held_warehouse_is_left_alone() {
    let project = before(2);
    let path = project.warehouse().join("_runs/lock");
    let lock = std::fs::File::open(&path).expect("the lock of run 1");
    lock.lock().expect("the lock");
    let there = files(&project.warehouse());
    let ran = project.run().expect(4);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert_eq!(files(&project.warehouse()), there);
    // Reading needs no lock.
    assert_eq!(project.csv(ASK), undisturbed(1).answer);
    drop(lock);
    assert_recovers(&project, 2, "after the lock was given back");
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().expect("kill");
    assert!(status.success());
}

/// Waits until a file is there, and says whether it came.
fn appears(path: &Path) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if path.exists() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// What the lock cannot promise (a lease runs out while its holder sleeps), the manifest's put-if-absent does.
#[test]
fn a_run_that_wakes_up_after_another_has_committed_publishes_nothing() {
    let mut woke = 0;
    for attempt in 0..5 {
        let project = before(2);
        let mut sleeper = command(project.root())
            .arg("run")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        assert!(appears(&project.warehouse().join("_runs/in_progress.json")), "the run never began");
        std::thread::sleep(Duration::from_millis(attempt * 15));
        signal("-STOP", sleeper.id());
        // The lock goes, as a lease would.
        std::fs::remove_file(project.warehouse().join("_runs/lock")).expect("the lock");
        let asleep = sleeper.try_wait().expect("its state").is_none() && !runs(&project.warehouse()).contains(&2);
        let other = project.run();
        signal("-CONT", sleeper.id());
        let code = sleeper.wait().expect("it ends").code();
        if asleep {
            woke += 1;
            assert_eq!(other.code, Some(0), "{}{}", other.stdout, other.stderr);
            assert!(matches!(code, Some(1 | 4)), "the sleeper ended with {code:?}");
        }
        assert_recovers(&project, 2, &format!("woken up, attempt {attempt}"));
    }
    assert!(woke > 0, "no run was caught asleep");
}

#[test]
fn an_interrupted_run_says_so_and_publishes_nothing() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = common::folder();
        let warehouse = folder.path().join("warehouse");
        let child = command(common::repository())
            .args(["run", "--warehouse", warehouse.to_str().expect("a path")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        assert!(appears(&warehouse.join("_runs/in_progress.json")), "the run never began");
        signal(name, child.id());
        let ran = Ran::of(child.wait_with_output().expect("it ends")).expect(code);
        assert!(ran.stderr.contains("nothing was published") && ran.stderr.contains("hint:"), "{}", ran.stderr);
        assert_eq!(runs(&warehouse), Vec::<u64>::new());
        assert!(logs(&warehouse).is_empty());
        let asked =
            uramaki(common::repository(), &["query", "--warehouse", warehouse.to_str().expect("a path"), "select 1"]);
        assert!(asked.expect(2).stderr.contains("there is no run yet"));
    }
}
