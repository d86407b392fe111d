//! Whose record is this? The probabilistic engine as a tool and in a project: accuracy, the same bytes whatever the threads and the order, decisions by
//! persons, merges, splits and links that are taken back.

mod common;
#[path = "identity/companies.rs"]
mod companies;
#[path = "identity/projects.rs"]
mod projects;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use common::{Ran, Small, contents, folder, labelled, last_manifest, probabilistic, repository, sha256, uramaki};
use tempfile::TempDir;

/// Runs `identity resolve` on the file and returns the folder that it wrote.
fn resolve(folder: &Path, file: &Path, name: &str, more: &[&str]) -> PathBuf {
    let output = folder.join(name);
    let (file, out) = (file.display().to_string(), output.display().to_string());
    uramaki(folder, &[&["identity", "resolve", &file, "--output", &out], more].concat()).expect(0);
    output
}

/// The lines of `identity evaluate`: precision, recall and F1 of pairs.
fn quality(folder: &Path, links: &Path, labels: &Path) -> [f64; 3] {
    let (links, labels) = (links.display().to_string(), labels.display().to_string());
    let said = uramaki(folder, &["identity", "evaluate", "--links", &links, "--labels", &labels]).expect(0).stdout;
    let line = said.lines().find(|l| l.starts_with("pairs")).expect("a line about pairs");
    let numbers: Vec<f64> = line.split_whitespace().skip(1).take(3).filter_map(|n| n.parse().ok()).collect();
    numbers.try_into().expect("three numbers")
}

/// The 1,000 invented records of testdata/identity without their truth, and the truth.
fn people(folder: &Path) -> (PathBuf, PathBuf) {
    let text = std::fs::read_to_string(repository().join("testdata/identity/fake_1000.csv")).expect("the data");
    let (mut records, mut labels) = (String::new(), String::from("source,id,entity\n"));
    for (n, line) in text.lines().enumerate() {
        let (record, cluster) = line.rsplit_once(',').expect("the cluster is the last column");
        records += &format!("{record}\n");
        if n > 0 {
            labels += &format!("people,{},{cluster}\n", record.split(',').next().expect("an id"));
        }
    }
    let (file, truth) = (folder.join("people.csv"), folder.join("labels.csv"));
    common::write(&file, records.as_bytes());
    common::write(&truth, labels.as_bytes());
    (file, truth)
}

#[test]
fn invented_people_are_found_without_labels_and_without_a_configuration() {
    let folder = folder();
    let (file, labels) = people(folder.path());
    let found = resolve(folder.path(), &file, "out", &[]);
    let [precision, recall, f1] = quality(folder.path(), &found, &labels);
    assert!(f1 >= 0.93 && precision >= 0.995 && recall >= 0.88, "{precision} {recall} {f1}");
    for name in ["links.parquet", "review.parquet", "clusters.parquet", "model.json", "blocking.csv"] {
        assert!(found.join(name).is_file(), "{name}");
    }
}

#[test]
fn threads_and_the_order_of_records_change_no_byte() {
    let folder = folder();
    let (file, _) = people(folder.path());
    let digests = |out: &Path| -> BTreeMap<String, String> {
        common::files(out)
            .into_keys()
            .map(|name| (name.clone(), sha256(&std::fs::read(out.join(&name)).expect("a file"))))
            .collect()
    };
    let expected = digests(&resolve(folder.path(), &file, "one", &["--threads", "1"]));
    for threads in ["2", "8"] {
        assert_eq!(
            digests(&resolve(folder.path(), &file, threads, &["--threads", threads])),
            expected,
            "{threads} threads"
        );
    }
    let text = std::fs::read_to_string(&file).expect("the data");
    let (header, records) = text.split_once('\n').expect("a header");
    let mut lines: Vec<&str> = records.lines().collect();
    lines.reverse();
    let turned = folder.path().join("turned/people.csv");
    common::write(&turned, format!("{header}\n{}\n", lines.join("\n")).as_bytes());
    assert_eq!(digests(&resolve(folder.path(), &turned, "turned-out", &[])), expected, "records in another order");
}

#[test]
fn what_the_tool_cannot_use_is_said() {
    let folder = folder();
    let write = |name: &str, text: &str| {
        common::write(&folder.path().join(name), text.as_bytes());
        folder.path().join(name).display().to_string()
    };
    let twice = write("twice.csv", "id,name\n1,Ada Eins\n1,Bo Zwei\n");
    let strange = write("strange.csv", "id,amount\n1,2\n");
    let config = write("c.yaml", "columns: {name: full_name, nmae: city}\n");
    let one = write("one.yaml", "mode: link\n");
    let typo = write("typo.yaml", "modus: link\n");
    let good = write("good.csv", "id,name\n1,Ada Eins\n2,Bo Zwei\n");
    for (args, code, part) in [
        (vec![twice.as_str()], 1, "stands twice"),
        (vec![&strange], 2, "no column tells who a record is"),
        (vec![&good, "--config", &config], 2, "no file has the column `nmae`"),
        (vec![&good, "--config", &one], 2, "one source only"),
        (vec![&good, "--config", &typo], 2, "unknown field `modus`"),
        (vec!["missing.csv"], 1, "cannot be read"),
    ] {
        let ran = uramaki(folder.path(), &[&["identity", "resolve"], args.as_slice()].concat()).expect(code);
        assert!(ran.stderr.contains(part) && ran.stderr.contains("hint:"), "{part}: {}", ran.stderr);
    }
}

#[test]
fn two_files_are_linked_one_to_one() {
    let folder = folder();
    let (a, b) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
    common::write(
        &a,
        b"id,name,email\n1,Ada Eins,ada@example.org\n2,Bo Zwei,bo@example.org\n3,Bo Zwei,bo@example.org\n",
    );
    common::write(&b, b"id,name,email\n1,Eins Ada,ada@example.org\n2,Bo Zwei,bo@example.org\n");
    let config = folder.path().join("c.yaml");
    common::write(&config, b"mode: link\n");
    let out = folder.path().join("out");
    let paths = [&a, &b, &config, &out].map(|p| p.display().to_string());
    let args = ["identity", "resolve", &paths[0], &paths[1], "--config", &paths[2], "--output", &paths[3]];
    uramaki(folder.path(), &args).expect(0);
    let labels = folder.path().join("labels.csv");
    common::write(&labels, b"source,id,entity\na,1,x\na,2,y\na,3,z\nb,1,x\nb,2,y\n");
    assert_eq!(quality(folder.path(), &out, &labels), [1.0, 1.0, 1.0]);
}

#[test]
fn nights_one_by_one_at_any_threads_are_all_nights_at_once() {
    let extracts = repository().join("testdata/drop");
    let at_once = probabilistic(&extracts);
    labelled(at_once.path(), &repository().join("testdata/people.csv"));
    uramaki(at_once.path(), &["run", "--threads", "1"]).expect(0);
    let mut expected = contents(&last_manifest(&at_once.path().join("warehouse")));
    let nights = probabilistic(&extracts);
    labelled(nights.path(), &repository().join("testdata/people.csv"));
    for night in ["2026-11-18", "2026-11-19", "2026-11-20"] {
        uramaki(nights.path(), &["run", "--threads", "8", "--as-of", night]).expect(0);
    }
    let mut found = contents(&last_manifest(&nights.path().join("warehouse")));
    // They tell of the loading itself.
    for table in ["identity.customer_event", "identity.id_history"] {
        assert!(expected.remove(table).is_some() && found.remove(table).is_some(), "{table}");
    }
    assert_eq!(found, expected);
    // Every record is explained by something, and what is doubtful is listed.
    let ask = |sql: &str| uramaki(at_once.path(), &["query", "--format", "csv", sql]).expect(0).stdout;
    let rules = ask("select distinct rule from identity.link order by rule");
    assert_eq!(rules, "rule\nemail_exact\nmodel\nphone_exact\n");
    assert_ne!(ask("select count(*) from identity.review"), "count(*)\n0\n");
    assert_ne!(ask("select count(*) from identity.cut_link"), "count(*)\n0\n");
    // And drawn: the draws are among what is the same.
    assert_eq!(ask("select count(*) from identity.draw"), "count(*)\n100\n");
    assert_ne!(ask("select count(*) from identity.draw_record"), "count(*)\n0\n");
}

#[test]
fn key_figures_have_a_low_and_a_high_where_probabilities_are_measured() {
    let project = probabilistic(&repository().join("testdata/drop"));
    let ask = |sql: &str| uramaki(project.path(), &["query", "--format", "csv", sql]).expect(0).stdout;
    let untold = "select count(*) as figures, count(low) + count(high) as bounds, max(draws) as draws, sum(case when is_calibrated then 1 else 0 end) as calibrated from marts.key_figures";
    let none = "figures,bounds,draws,calibrated\n6,0,0,0\n";
    // Nobody has told who is who.
    uramaki(project.path(), &["run"]).expect(0);
    assert_eq!(ask(untold), none);
    assert_eq!(ask("select sum(measured_pairs) as n, max(predicted) as p from identity.calibration"), "n,p\n0,\n");
    // Some pairs of each band, links among them, to be decided by persons.
    let sample = uramaki(project.path(), &["identity", "review", "--sample", "3", "--format", "csv"]).expect(0).stdout;
    let bands = ask("select count(*) as n from identity.calibration where pairs > 0");
    let bands: usize = bands.trim_start_matches("n\n").trim().parse().expect("a number");
    let pairs = sample.lines().count() - 1;
    assert!((bands..=3 * bands).contains(&pairs), "{pairs} pairs of {bands} bands: {sample}");
    assert_eq!(
        uramaki(project.path(), &["identity", "review", "--sample", "3", "--format", "csv"]).expect(0).stdout,
        sample
    );

    // Decided, they are measured, and doubtful no more.
    let people = std::fs::read_to_string(repository().join("testdata/people.csv")).expect("who is who");
    let entity = |object: &[&str]| -> String {
        let record = format!("{}.{},{},", object[0], object[1], object[2]);
        let line = people.lines().find_map(|l| l.strip_prefix(&record));
        line.unwrap_or_else(|| panic!("nobody knows {record}")).to_string()
    };
    let mut decided = String::from(HEADER);
    for line in sample.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').skip(4).collect();
        let decision = if entity(&fields[..3]) == entity(&fields[3..]) { "same" } else { "different" };
        decided += &format!("kim,2026-11-20,asked,{decision},{}\n", fields.join(","));
    }
    common::write(&project.path().join("identity-overrides.csv"), decided.as_bytes());
    uramaki(project.path(), &["run"]).expect(0);
    let measured = ask("select sum(measured_pairs) as n from identity.calibration");
    assert_eq!(measured, format!("n\n{pairs}\n"));
    let next = uramaki(project.path(), &["identity", "review", "--sample", "3", "--format", "csv"]).expect(0).stdout;
    let again: Vec<&str> = next.lines().skip(1).filter(|l| sample.lines().any(|s| s == *l)).collect();
    assert!(again.is_empty(), "decided already: {again:?}");
    std::fs::remove_file(project.path().join("identity-overrides.csv")).expect("the decisions");

    labelled(project.path(), &repository().join("testdata/people.csv"));
    uramaki(project.path(), &["run"]).expect(0);
    assert_eq!(ask(untold), "figures,bounds,draws,calibrated\n6,12,100,6\n");
    assert_eq!(ask("select count(*) as n from identity.calibration where not is_measured"), "n\n0\n");
    // The nearest rank among the draws, by the definition: the fifth and the ninety-fifth of a hundred.
    let drawn = ask("select customers from identity.draw order by customers");
    let drawn: Vec<&str> = drawn.lines().skip(1).collect();
    let bounds = ask(
        "select cast(low as bigint) as low, cast(high as bigint) as high from marts.key_figures where figure = 'customers'",
    );
    assert_eq!(bounds, format!("low,high\n{},{}\n", drawn[4], drawn[94]));
    // Each customer of a draw is made of records of those who are not there in it.
    let strange = "with gone as (select d.draw, x.source_system, x.source_object, x.record_id from identity.draw_customer d join identity.customer_xref x on x.customer_id = d.customer_id), \
        there as (select d.draw, r.source_system, r.source_object, r.record_id from identity.draw_customer d join identity.draw_record r on r.customer_id = d.customer_id) \
        select (select count(*) from (select * from gone except select * from there)) + (select count(*) from (select * from there except select * from gone)) as strange, \
        (select count(*) from gone) = (select count(*) from there) as as_many";
    assert_eq!(ask(strange), "strange,as_many\n0,true\n");
    let values = ask("select figure, value from marts.key_figures order by figure");

    let file = project.path().join("uramaki.yaml");
    let text = std::fs::read_to_string(&file).expect("the project file");
    // Without draws: the same values, no bounds.
    common::write(&file, text.replace("draws: 100", "draws: 0").as_bytes());
    uramaki(project.path(), &["run"]).expect(0);
    assert_eq!(ask(untold), none);
    assert_eq!(ask("select figure, value from marts.key_figures order by figure"), values);
    // Exact: there is no probability at all, whoever is known.
    common::write(&file, text.replace("mode: probabilistic", "mode: exact").as_bytes());
    uramaki(project.path(), &["run"]).expect(0);
    assert_eq!(ask(untold), none);
    assert_eq!(ask("select count(*) as n from identity.calibration"), "n\n0\n");
}

#[test]
fn labels_that_say_too_little_are_refused_with_their_line() {
    let small = Small::new();
    small.night(1);
    for (text, place, part) in [
        ("source,id\n", 1, "the header is not that of a list of labels"),
        ("source,id,entity\nshop.customers,c1,\n", 2, "`entity` is empty"),
        ("source,id,entity\nshop,c1,x\n", 2, "`shop` is no source"),
        ("source,id,entity\nshop.orders,c1,x\n", 2, "holds no person records"),
        ("source,id,entity\nshop.customers,c1,x\nshop.customers,c1,y\n", 3, "a record has two labels"),
    ] {
        small.write("identity-labels.csv", text);
        let ran = small.uramaki(&["check"]).expect(2);
        for said in [part, &format!("identity-labels.csv:{place}"), "hint:"] {
            assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        }
    }
}

/// Precision and F1 of the customers' pairs of records, and F1 of whole customers, by the generator's truth.
fn known(project: &Path, people: &Path) -> [f64; 3] {
    let sql = "select source_system || '.' || source_object, record_id, customer_id from identity.customer_xref";
    let answer = uramaki(project, &["query", "--format", "csv", sql]).expect(0).stdout;
    let truth = std::fs::read_to_string(people).expect("who is who");
    let entities: HashMap<(&str, &str), &str> = truth
        .lines()
        .skip(1)
        .filter_map(|l| l.split_once(','))
        .filter_map(|(source, rest)| rest.rsplit_once(',').map(|(id, entity)| ((source, id), entity)))
        .collect();
    let (mut customers, mut persons, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for line in answer.lines().skip(1) {
        let parts: Vec<&str> = line.split(',').collect();
        let entity = entities[&(parts[0], parts[1])];
        *customers.entry(parts[2]).or_insert(0u64) += 1;
        *persons.entry(entity).or_insert(0u64) += 1;
        *both.entry((parts[2], entity)).or_insert(0u64) += 1;
    }
    let whole = both.iter().filter(|((c, e), n)| customers[c] == **n && persons[e] == **n).count() as f64;
    let clusters = 2.0 * whole / (customers.len() + persons.len()) as f64;
    let pairs = |n: &u64| n * (n - 1) / 2;
    let right: u64 = both.values().map(pairs).sum();
    let (found, expected): (u64, u64) = (customers.values().map(pairs).sum(), persons.values().map(pairs).sum());
    [right as f64 / found as f64, 2.0 * right as f64 / (found + expected) as f64, clusters]
}

#[test]
fn a_generated_company_is_known_better_than_by_equal_evidence() {
    // In the smaller two, namesakes share a telephone, or live in one street.
    for (customers, seed) in [("3000", "1"), ("1500", "11"), ("1500", "13")] {
        let folder = folder();
        let made = folder.path().join("company");
        let out = made.display().to_string();
        let company = ["generate", "--output", &out, "--customers", customers, "--nights", "2", "--seed", seed];
        uramaki(folder.path(), &company).expect(0);
        let measure = |mode: &str| {
            let project = probabilistic(&made.join("drop"));
            let file = project.path().join("uramaki.yaml");
            let text = std::fs::read_to_string(&file).expect("the project file");
            common::write(&file, text.replace("mode: probabilistic", mode).as_bytes());
            uramaki(project.path(), &["run", "--select", "warehouse.dim_customer"]).expect(0);
            known(project.path(), &made.join("people.csv"))
        };
        let (probable, exact) = (measure("mode: probabilistic"), measure("mode: exact"));
        let told = format!("{customers} customers of seed {seed}: {probable:?}, by equal evidence {exact:?}");
        // Families with one telephone, shared mailboxes and call centres glue nobody.
        assert!(probable[0] >= 0.999, "precision of {told}");
        assert!(probable[1] > exact[1] + 0.05, "F1 of pairs of {told}");
        assert!(probable[2] > exact[2] + 0.05, "F1 of customers of {told}");
    }
}

#[test]
fn a_night_compares_what_is_new_and_finds_what_a_whole_comparison_finds() {
    let project = probabilistic(&repository().join("testdata/drop"));
    let run = |more: &[&str]| {
        let args = [&["run", "-v", "--log-format", "json"], more].concat();
        let log = uramaki(project.path(), &args).expect(0).stderr;
        let line = log.lines().find(|l| l.contains("pairs are scored")).expect("the log tells of the pairs");
        let event: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        ["compared", "recalled"].map(|name| event[name].as_u64().expect("a number"))
    };
    // A model of the project's own: a general one takes from all records how common values are, so any new record changes every score.
    run(&["--as-of", "2026-11-18"]);
    uramaki(project.path(), &["identity", "train"]).expect(0);
    let [compared, recalled] = run(&["--full-refresh", "--as-of", "2026-11-18"]);
    assert!(compared > 0 && recalled == 0, "{compared} compared, {recalled} recalled");
    for night in ["2026-11-19", "2026-11-20"] {
        let [compared, recalled] = run(&["--as-of", night]);
        assert!(recalled > 1_000.max(4 * compared), "{night}: {compared} compared, {recalled} recalled");
        let nightly = contents(&last_manifest(&project.path().join("warehouse")));
        let [_, recalled] = run(&["--full-refresh", "--as-of", night]);
        assert_eq!(recalled, 0, "a full refresh uses nothing of an earlier run");
        let mut whole = contents(&last_manifest(&project.path().join("warehouse")));
        let mut nightly = nightly;
        for table in ["identity.customer_event", "identity.id_history"] {
            assert!(nightly.remove(table).is_some() && whole.remove(table).is_some(), "{table}");
        }
        assert_eq!(nightly, whole, "{night}");
    }
}

const HEADER: &str =
    "who,when,why,decision,left_system,left_object,left_record_id,right_system,right_object,right_record_id\n";

#[test]
fn decisions_merge_and_split_and_leave_no_trace_when_taken_back() {
    let small = Small::new();
    small.night(1);
    small.night(2);
    let run = || small.run_with(&["--full-refresh"]).expect(0);
    let customers = || small.csv("select record_id, customer_id from identity.customer_xref order by record_id");
    run();
    let before = customers();
    let id = |text: &str, record: &str| -> String {
        let line = text.lines().find(|l| l.starts_with(record)).expect("the record");
        line.split_once(',').expect("its customer").1.to_string()
    };
    assert_eq!(id(&before, "c2"), id(&before, "c3"), "one e-mail");
    assert_ne!(id(&before, "c1"), id(&before, "c2"));

    // A merge: c1 and c2 are one, says Kim.
    small.write(
        "identity-overrides.csv",
        format!("{HEADER}kim,2026-11-20,\"asked, on the phone\",same,shop,customers,c1,shop,customers,c2\n"),
    );
    run();
    let merged = customers();
    assert_eq!(id(&merged, "c1"), id(&merged, "c3"));
    let told = small.csv("select rule, evidence from identity.link where rule = 'decided'");
    assert_eq!(told, "rule,evidence\ndecided,\"kim on 2026-11-20: asked, on the phone\"\n");
    let history = |old: &str| {
        small.csv(&format!("select current_customer_id from identity.id_history where customer_id = '{old}'"))
    };
    let (c1, c2) = (id(&before, "c1"), id(&before, "c2"));
    let kept = id(&merged, "c1");
    let gone = if kept == c1 { &c2 } else { &c1 };
    assert_eq!(history(gone), format!("current_customer_id\n{kept}\n"), "the old id resolves to today's");

    // A split: c2 and c3 have one e-mail, and are two.
    small.write(
        "identity-overrides.csv",
        format!("{HEADER}kim,2026-11-21,twins,different,shop,customers,c3,shop,customers,c2\n"),
    );
    run();
    let split = customers();
    assert_ne!(id(&split, "c2"), id(&split, "c3"));
    assert_eq!(
        small.csv("select rule, reason from identity.cut_link"),
        "rule,reason\nemail_exact,a person decided that records on both sides are different people\n"
    );

    // Taken back: the ids of before.
    std::fs::remove_file(small.root().join("identity-overrides.csv")).expect("the file is there");
    run();
    assert_eq!(customers(), before);
    assert_eq!(history(&c2), format!("current_customer_id\n{c2}\n"));
    let events = small.csv("select distinct event from identity.customer_event order by event");
    assert_eq!(events, "event\ncreated\nmerged\nsplit\n");
}

#[test]
fn decisions_about_records_that_are_not_there_are_warnings_of_every_run() {
    let small = Small::new();
    small.night(1);
    small.write(
        "identity-overrides.csv",
        format!("{HEADER}kim,2026-11-20,so,same,shop,customers,c1,shop,customers,gone\n"),
    );
    let warning = "identity-overrides.csv:2 names a record that is not there; it decides nothing";
    let warnings = || -> Vec<String> {
        let manifest = last_manifest(&small.warehouse());
        let all = manifest["warnings"].as_array().expect("warnings").iter();
        all.filter_map(|w| w.as_str().map(ToString::to_string)).filter(|w| w.contains("overrides")).collect()
    };
    let ran = small.run().expect(0);
    assert_eq!((warnings(), ran.stderr.matches(warning).count()), (vec![warning.to_string()], 1), "{}", ran.stderr);
    let shown = small.uramaki(&["runs", "show", "1"]).expect(0).stdout;
    assert!(shown.contains(&format!("warnings:\n  {warning}\n")) && !shown.contains("gone"), "{shown}");
    // Neither a run that makes other tables only nor one that makes none is silent about it.
    small.night(3);
    small.run().expect(0);
    assert_eq!((warnings(), last_manifest(&small.warehouse())["run"].as_u64()), (vec![warning.to_string()], Some(2)));
    let ran = small.run().expect(0);
    assert!(ran.stdout.contains("nothing changed") && ran.stderr.contains(warning), "{}", ran.stderr);
    // The record is there: nothing to warn of.
    small.drop(
        "shop/customers/2026-11-21.csv",
        "id,name,email,updated_at\ngone,Cy Drei,cy@example.org,2026-11-21 08:00:00\n",
    );
    small.run().expect(0);
    assert_eq!(warnings(), Vec::<String>::new());
}

#[test]
fn a_decision_that_says_too_little_is_refused_with_its_line() {
    let small = Small::new();
    small.night(1);
    let line = |text: &str| format!("{HEADER}{text}\n");
    for (text, part) in [
        ("who,why\n".to_string(), "the header is not that of a list of decisions"),
        (line("kim,2026-11-20,,same,shop,customers,c1,shop,customers,c2"), "`why` is empty"),
        (line("kim,yesterday,so,same,shop,customers,c1,shop,customers,c2"), "`when` is no date"),
        (line("kim,2026-11-20,so,perhaps,shop,customers,c1,shop,customers,c2"), "`perhaps` is no decision"),
        (line("kim,2026-11-20,so,same,shop,orders,c1,shop,customers,c2"), "holds no person records"),
        (line("kim,2026-11-20,so,same,shop,customers,c1,shop,customers,c1"), "both records are the same one"),
    ] {
        small.write("identity-overrides.csv", &text);
        let ran = small.uramaki(&["check"]).expect(2);
        let place = if part.contains("header") { "identity-overrides.csv:1" } else { "identity-overrides.csv:2" };
        for said in [part, place, "hint:"] {
            assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_link_is_explained_in_words_and_as_a_picture() {
    let small = Small::new();
    small.night(1);
    small.night(2);
    small.write("uramaki.yaml", "name: small\ntime_zone: Europe/Berlin\nholidays: DE\ndrop: drop\nwarehouse: warehouse\nidentity: {mode: probabilistic}\n");
    small.run().expect(0);
    let words = small.uramaki(&["identity", "explain", "shop/customers/c2", "shop/customers/c3"]).expect(0).stdout;
    assert!(words.contains("e-mail") && words.contains("bo@example.org") && words.contains('%'), "{words}");
    let apart = small.uramaki(&["identity", "explain", "shop/customers/c1", "shop/customers/c2"]).expect(0).stdout;
    assert!(apart.contains("not linked"), "{apart}");
    small.uramaki(&["identity", "explain", "shop/customers/c2", "shop/customers/c3", "--html", "why.html"]).expect(0);
    let page = std::fs::read_to_string(small.root().join("why.html")).expect("the page");
    assert!(
        page.contains("<svg") && !page.contains("<script") && !page.contains("http://www.w3.org/1999/xlink"),
        "{page}"
    );
    let gone = small.uramaki(&["identity", "explain", "shop/customers/c2", "shop/customers/zz"]).expect(2);
    assert!(gone.stderr.contains("not both records are there"), "{}", gone.stderr);
    small.uramaki(&["identity", "train"]).expect(0);
    let ran = small.run().expect(0);
    assert!(ran.stdout.contains("run 2 of small"), "a new model is a change: {}", ran.stdout);
    assert!(small.csv("select count(*) from identity.customer_xref").contains('3'));
    let review = small.uramaki(&["identity", "review", "--format", "csv"]).expect(0).stdout;
    assert!(review.starts_with("who,when,why,decision,left_system"), "{review}");
}
