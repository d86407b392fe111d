//! Files in bad places: names that are none, paths with spaces and umlauts, links, files that come again.

use super::*;

#[test]
fn files_that_have_no_place() {
    refused("shop/orders/2026-11-19.jsonl", "{}\n", &["shop/orders is declared as csv, and this file is jsonl"]);
    let project = good().copy();
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    refused_twins(&project);
    // What is no extract is left alone, and named.
    let project = good().copy();
    for name in [
        "readme.txt",
        "shop/orders/2026-02-30.csv",
        "shop/orders/backup/2026-11-19.csv",
        "other/things/2026-11-19.csv",
        "shop/orders/2026-11-19.csv.bak",
    ] {
        project.drop(name, "id\n");
    }
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    let ran = project.run().expect(0);
    for name in
        ["readme.txt", "shop/orders/2026-02-30.csv", "shop/orders/backup/2026-11-19.csv", "other/things/2026-11-19.csv"]
    {
        assert!(ran.stdout.contains(name), "{name} is not named:\n{}", ran.stdout);
    }
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n4\n");
}

#[track_caller]
fn refused_twins(project: &Small) {
    project.drop("shop/orders/2026-11-19.csv.gz", gzip(&orders(&["o10,c1,1.00,2026-11-19 09:00:00"])));
    let ran = project.run().expect(1);
    assert!(
        ran.stderr.contains("stand for the same date and number") && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
    assert_eq!(runs(&project.warehouse()), [1]);
}

#[test]
fn a_path_with_spaces_and_umlauts() {
    let folder = common::folder();
    for name in ["Ümläut & Söhne", "100%25 #1 ?x=y", "a b/c+d/日本"] {
        let root = folder.path().join(name);
        common::copy_folder(with_more_objects().root(), &root);
        let run = |args: &[&str]| common::uramaki(&root, args);
        let ran = run(&["run"]).expect(0);
        assert!(ran.stdout.contains(&format!("{name}/warehouse/marts")), "{}", ran.stdout);
        assert_eq!(run(&["query", "--format", "csv", ASK]).expect(0).stdout, good().csv(ASK));
        assert!(run(&["run"]).expect(0).stdout.starts_with("nothing changed"));
        assert_whole(&root.join("warehouse"));
        assert_eq!(tables(&last_manifest(&root.join("warehouse"))), marts_of_good(), "{name}");
        // As flags, from elsewhere; as a URL too.
        let elsewhere = folder.path().join("Außer Haus");
        std::fs::create_dir_all(&elsewhere).expect("a folder");
        let (project, drop) = (root.to_str().expect("text"), root.join("drop"));
        let url = url::Url::from_file_path(&drop).expect("a URL").to_string();
        let target = elsewhere.join(format!("Lager {}", name.len()));
        let args = ["run", "--project", project, "--drop", &url, "--warehouse", target.to_str().expect("text")];
        common::uramaki(&elsewhere, &args).expect(0);
        assert_eq!(tables(&last_manifest(&target)), marts_of_good(), "{name}, by URL");
    }
    // In a file's name it is no extract's name; in an object's folder, none of ours.
    let project = good().copy();
    project.drop("shop/Aufträge neu/2026-11-19.csv", "id\n");
    project.drop(ORDERS, orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains("shop/Aufträge neu/2026-11-19.csv"), "{}", ran.stdout);
}

fn marts_of_good() -> std::collections::BTreeMap<String, Table> {
    tables(&last_manifest(&good().warehouse()))
}

#[test]
fn links_stay_inside_the_drop_folder() {
    use std::os::unix::fs::symlink;
    let outside = common::folder();
    let secret = outside.path().join("2026-11-19.csv");
    common::write(&secret, orders(&[&format!("o9,{SECRET},1.00,2026-11-19 09:00:00")]).as_bytes());
    for (link, target, words) in [
        ("shop/orders/2026-11-19.csv", secret.as_path(), "leads outside"),
        ("shop/more", outside.path(), "leads outside"),
        ("shop/orders/loop", std::path::Path::new("."), "circle"),
        ("shop/orders/up", std::path::Path::new(".."), "circle"),
        ("shop/orders/2026-11-19.csv", std::path::Path::new("2026-11-19.csv"), "circle"),
        ("shop/orders/2026-11-19.csv", std::path::Path::new("gone.csv"), "leads nowhere"),
    ] {
        let project = good().copy();
        let logged = logs(&project.warehouse());
        let path = project.root().join("drop").join(link);
        symlink(target, &path).expect("a link");
        let ran = project.run().expect(1);
        for word in [words, link, "hint: "] {
            assert!(ran.stderr.contains(word), "`{word}` is missing:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains(SECRET));
        assert_eq!(runs(&project.warehouse()), [1]);
        assert_eq!(logs(&project.warehouse()), logged);
        std::fs::remove_file(path).expect("the link");
        assert!(project.run().expect(0).stdout.starts_with("nothing changed"));
    }
    // A link to a place inside is followed.
    let project = good().copy();
    project.drop("shop/later.csv", orders(&["o9,c1,1.00,2026-11-19 09:00:00"]));
    symlink("../later.csv", project.root().join("drop/shop/orders/2026-11-19.csv")).expect("a link");
    project.run().expect(0);
    assert_eq!(project.csv("select count(*) as n from warehouse.fct_order"), "n\n4\n");
}

/// Loaded once by its bytes, whatever the name; the same name with other bytes is a restatement.
#[test]
fn files_that_come_again() {
    let project = good().copy();
    let bytes = orders(&["o9,c1,1.00,2026-11-19 09:00:00"]);
    project.drop(ORDERS, &bytes);
    project.drop("shop/orders/2026-11-19.02.csv", &bytes);
    project.run().expect(0);
    assert_balanced(&project);
    assert_eq!(last_manifest(&project.warehouse())["objects"]["shop/orders"]["repeated"], 1);
    let landed = files(&project.warehouse()).into_keys().filter(|f| f.starts_with("landing/shop/orders/")).count();
    assert_eq!(landed, 2);
    // Only its time has changed: no new run.
    project.drop(ORDERS, &bytes);
    assert!(project.run().expect(0).stdout.starts_with("nothing changed since run 2"));
    project.drop(ORDERS, orders(&["o9,c1,2.50,2026-11-19 09:00:00"]));
    let ran = project.run().expect(0);
    assert!(ran.stdout.contains(&format!("{ORDERS} was restated")), "{}", ran.stdout);
    assert_eq!(project.csv("select total_eur from warehouse.fct_order where order_id = 'o9'"), "total_eur\n2.50\n");
    assert_balanced(&project);
    assert_whole(&project.warehouse());
}
