//! A project's files, good and faulty: what is read, and what is said about the rest.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::contract::{ColumnType, Format, PathStep, TimeFormat};

/// A project in a folder of its own.
struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Fixture {
        let fixture = Fixture { dir: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, text)| fixture.write(path, text));
        fixture
    }

    /// A sound project: one pipeline, one model, one check.
    fn sound() -> Fixture {
        Fixture::new(&[
            (PROJECT_FILE, PROJECT),
            ("pipelines/shop.yaml", PIPELINE),
            ("sql/staging/shop/stg_shop__orders.sql", "select id from landing.shop__orders"),
            ("sql/staging/shop/stg_shop__orders.yml", MODEL),
            ("sql/checks/no_orphans.sql", "select 1 where false"),
            ("sql/checks/no_orphans.yml", "description: None.\nseverity: warn\n"),
        ])
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn load(&self) -> Result<Project> {
        load(self.dir.path(), &Overrides::default())
    }

    /// `file:line message | hint` of all findings.
    fn findings(&self) -> Vec<String> {
        let error = self.load().unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        let line = |f: &Diagnostic| f.line.map_or(String::new(), |line| format!(":{line}"));
        let hint = |f: &Diagnostic| f.hint.as_ref().map_or(String::new(), |hint| format!(" | {hint}"));
        let file = |f: &Diagnostic| f.file.clone().unwrap_or_default();
        error.findings.iter().map(|f| format!("{}{} {}{}", file(f), line(f), f.message, hint(f))).collect()
    }
}

const PROJECT: &str = "\
name: test
time_zone: Europe/Berlin
holidays: DE
drop: drop
warehouse: s3://bucket/warehouse
settings: {gap_days: 14, rate: 0.10, mode: fast, strict: true}
";

const PIPELINE: &str = "\
system: shop
department: sales
description: A shop.
format: {type: csv, delimiter: ';'}
time_zone: UTC
objects:
  orders:
    description: An order.
    key: [id]
    cursor: updated_at
    columns:
      id: text
      email: {type: text, personal: true}
      total: {type: \"decimal(18,2)\", required: true}
      updated_at: timestamp
    person: {where: email is not null, email: email}
";

const MODEL: &str = "\
description: Orders.
grain: one row per order
key: [id]
columns:
  id: {type: text, description: The id., checks: [not_null, {matches: '^a', severity: warn}]}
";

#[test]
fn a_sound_project_is_resolved() {
    let fixture = Fixture::sound();
    fixture.write(
        RELEASES_FILE,
        "who,when,why,system,object,file,line\nada,2026-11-20,\"mended, at last\",shop,orders,2026-11-19.csv,7\n",
    );
    let project = fixture.load().unwrap();
    assert_eq!(project.warehouse, "s3://bucket/warehouse");
    assert_eq!(Path::new(&project.drop), project.root.join("drop"));
    assert_eq!((project.partitions, project.identity.max_holders), (4, 20));
    assert_eq!(project.settings["rate"], SettingValue::Decimal("0.10".into()));
    assert_eq!(project.settings["gap_days"], SettingValue::Integer(14));
    assert_eq!(project.releases[0].why, "mended, at last");

    let object = &project.pipelines[0].objects[0];
    assert_eq!(object.line, 7);
    assert!(matches!(object.contract.format, Format::Csv { delimiter: b';', .. }));
    let required: Vec<bool> = object.contract.columns.iter().map(|c| c.required).collect();
    assert_eq!(required, [true, false, true, true]);
    assert_eq!(object.person.as_ref().unwrap().links, [Evidence::Email]);

    let model = &project.models[0];
    assert_eq!((model.full_name().as_str(), model.spec.materialized), ("staging.stg_shop__orders", Materialized::View));
    assert_eq!(model.spec.columns[0].checks[1].severity, Severity::Warn);
    assert_eq!(model.spec.write_order(), ["id"]);
    assert_eq!(project.checks[0].name, "no_orphans");

    let paths: Vec<&str> = project.files.iter().map(|f| f.path.as_str()).collect();
    assert!(paths.is_sorted() && paths.len() == 7);
    assert!(project.files.iter().all(|f| f.sha256.len() == 64));
}

#[test]
fn overrides_beat_the_project_file() {
    let fixture = Fixture::sound();
    let overrides = Overrides { warehouse: Some("w h".into()), drop: Some("gs://other/drop".into()) };
    let project = load(fixture.dir.path(), &overrides).unwrap();
    assert_eq!(PathBuf::from(&project.warehouse), std::env::current_dir().unwrap().join("w h"));
    assert_eq!(project.drop, "gs://other/drop");

    let overrides = Overrides { warehouse: Some("s3://me:secret@bucket/w".into()), drop: Some(" ".into()) };
    let error = load(fixture.dir.path(), &overrides).unwrap_err();
    assert_eq!(error.findings.len(), 2);
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn faults_of_shape_come_all_at_once() {
    let fixture = Fixture::sound();
    fixture.write(
        PROJECT_FILE,
        "name: test\ntimezone: UTC\nholidays: DE\nname: again\ndrop: 7\nwarehouse: w\nidentity: {mode: fuzzy, max_holders: 0}\npartitions: 1000\n",
    );
    fixture.write(
        "pipelines/shop.yaml",
        "\
system: shop
department: sales
description: A shop.
format: {type: cvs}
objects:
  orders:
    description: An order.
    key: []
    colums: {}
    columns:
      id: text
      email: {type: text, personal: maybe, sauce: mail}
      total: [decimal]
      map: {type: text, map: {a: 1}}
    freshness: 3
",
    );
    fixture.write(
        "sql/staging/shop/stg_shop__orders.yml",
        "\
description: Orders.
key: id
columns:
  id: {type: text, checks: [not_nul, {matchs: x}, {between: [1]}]}
  b: {type: text, description: }
checks: [{expression: '', severity: fatal}]
",
    );
    fixture.write("sql/checks/no_orphans.yml", "description: None.\nseverity: [warn]\nhints: x\n");
    insta::assert_snapshot!(fixture.findings().join("\n"));
}

#[test]
fn faults_of_meaning_come_all_at_once() {
    let fixture = Fixture::sound();
    fixture.write(
        PROJECT_FILE,
        "\
name: Te st
time_zone: Europe/Berln
holidays: DE-XX
default_country: GER
drop: drop
warehouse: w
memory: 1 parsec
settings: {as_of: 1, Gap: 2, rate: 1e-3}
",
    );
    fixture.write(
        "pipelines/shop.yaml",
        "\
system: shopp
department: sales
description: A shop.
format: {type: csv, delimiter: ;;}
objects:
  Orders__x:
    description: ' '
    key: [id, nr]
    cursor: updated_at
    allow_empty: true
    ready_marker: csv
    freshness: {warn_after_days: 5, error_after_days: 3}
    columns:
      id: {type: text, required: false}
      Nr: string
      total: {type: \"decimal(2,5)\", unless: deleted}
      tag: {type: text, source: 'tags[topic]', otherwise: x}
      sub: {type: text, source: a.b}
      list: list<text>
      created_at: timestamp
      bought_on: {type: date, format: 31.12.2026}
      _row: bigint
    person: {email: mail, name: [id, first], links: [phone]}
  bare:
    description: Nothing.
    format: {type: jsonl, delimiter: ','}
    time_zone: Mars
    key: [tags]
    cursor: flag
    columns:
      tags: list<text>
      flag: boolean
      n: {type: double, map: {a: b}}
      x: {type: bigint, source: 'a[^p]', format: iso}
",
    );
    fixture.write(
        "sql/staging/shop/stg_shop__orders.yml",
        "\
description: Orders.
grain: one row per order
key: [id, idd]
sort: [id, id]
tags: [a b]
columns:
  id: {type: text, description: The id., checks: [{severity: warn}, {min: 1, max: 2}, {between: [2, 1]}]}
  cost_eur: {type: double, description: Money.}
  ref:
    type: text
    description: Another.
    checks:
      - {relationships: {to: staging.stg_shop__order, column: id}}
      - {relationships: {to: stg_shop__orders, column: id}}
      - {relationships: {to: staging.other, column: idd}}
  n: {type: int, description: A number.}
  t: {type: text, description: A text., checks: [{min: 1}, {matches: x}]}
  d: {type: date, description: A date., checks: [{matches: x}]}
",
    );
    fixture.write("sql/staging/other.yml", MODEL);
    fixture.write("sql/staging/other.sql", "select 1 as id");
    fixture.write("sql/staging/deep/er/other.sql", "select 1 as id");
    fixture.write("sql/staging/deep/er/other.yml", MODEL);
    fixture.write("sql/marts/alone.sql", "select 1");
    fixture.write("sql/marts/lonely.yml", MODEL);
    fixture.write("sql/marts/Big.yml", MODEL);
    fixture.write("sql/marts/Big.sql", " ");
    fixture.write("sql/mart/typo.sql", "select 1");
    fixture.write("sql/top.sql", "select 1");
    fixture.write("pipelines/erp.yml", PIPELINE);
    insta::assert_snapshot!(fixture.findings().join("\n"));
}

#[test]
fn releases_are_read_strictly() {
    let fixture = Fixture::sound();
    fixture.write(
        RELEASES_FILE,
        "\
who,when,why,system,object,file,line
ada,yesterday,mended,shop,orders,2026-11-19.csv,7
ada,2026-11-20,,shop,orders,2026-11-19.csv,7
ada,2026-11-20,mended,shp,orders,2026-11-19.csv,7
ada,2026-11-20,mended,shop,order,2026-11-19.csv,7
ada,2026-11-20T08:15:30Z,mended,shop,orders,2026-11-19.csv,0
ada,2026-11-20,mended
",
    );
    insta::assert_snapshot!(fixture.findings().join("\n"));
    fixture.write(RELEASES_FILE, "who;when\n");
    assert_eq!(fixture.findings().len(), 1);
}

#[test]
fn no_project_no_pipeline_no_utf8() {
    let empty = Fixture::new(&[]);
    assert!(empty.load().unwrap_err().to_string().contains("there is no uramaki.yaml"));
    let bare = Fixture::new(&[(PROJECT_FILE, PROJECT)]);
    assert!(bare.findings()[0].contains("the project has no pipeline"));
    let latin = Fixture::sound();
    fs::write(latin.dir.path().join("sql/checks/no_orphans.sql"), b"select 1\n-- f\xfcr").unwrap();
    assert_eq!(latin.findings(), ["sql/checks/no_orphans.sql:2 the file is not UTF-8 | save it as UTF-8"]);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_outside_or_round() {
    let outside = Fixture::sound();
    let fixture = Fixture::sound();
    let root = fixture.dir.path();
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    link(&outside.dir.path().join("pipelines/shop.yaml"), "pipelines/other.yaml");
    link(&root.join("sql/staging"), "sql/staging/shop/round");
    link(Path::new("nowhere"), "sql/checks/broken.sql");
    let findings = fixture.findings();
    assert_eq!(findings.len(), 3, "{findings:#?}");
    for (finding, part) in findings.iter().zip(["outside the project", "cannot be read", "read already"]) {
        assert!(finding.contains(part), "{finding}");
    }
}

#[test]
fn schemas_are_valid_and_describe_every_field() {
    let schemas = schemas();
    for (name, schema) in schemas.as_object().unwrap() {
        jsonschema::meta::validate(schema).unwrap_or_else(|e| panic!("{name}: {e}"));
        let properties = schema["properties"].as_object().unwrap();
        for (field, property) in properties {
            assert!(property["description"].is_string(), "{name}.{field} has no description");
        }
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

/// The project that this crate ships: everything that the design says of its columns.
#[test]
fn the_projects_own_contracts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = Fixture::new(&[]);
    let mut names: Vec<_> = fs::read_dir(root.join("pipelines")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    for name in &names {
        let name = format!("pipelines/{}", name.to_string_lossy());
        fixture.write(&name, &fs::read_to_string(root.join(&name)).unwrap());
    }
    fixture.write(PROJECT_FILE, &fs::read_to_string(root.join(PROJECT_FILE)).unwrap());
    let project = fixture.load().unwrap_or_else(|e| panic!("{e}"));

    let tables: Vec<String> = project
        .pipelines
        .iter()
        .flat_map(|p| &p.objects)
        .map(|o| format!("{} {}", o.contract.label(), required(o)))
        .collect();
    insta::assert_snapshot!(tables.join("\n"));
    let object = |system: &str, object: &str| {
        let all = project.pipelines.iter().flat_map(|p| &p.objects);
        all.clone().find(|o| o.contract.system == system && o.contract.object == object).unwrap()
    };
    let tickets = &object("zendesk", "tickets").contract;
    assert_eq!(tickets.column("topic").unwrap().source.steps[1], PathStep::Prefixed("topic_".into()));
    let groups = &object("zendesk", "groups").contract;
    let map = groups.column("department").unwrap().map.as_ref().unwrap();
    assert_eq!((map.values["Kundenservice"].as_str(), &map.otherwise), ("support", &None));
    let created = object("stripe", "customers").contract.column("created").unwrap().clone();
    assert_eq!(created.kind, ColumnType::Timestamp { format: TimeFormat::EpochSeconds });
    assert_eq!(created.unless.as_deref(), Some("deleted"));
    assert!(project.pipelines.iter().all(|p| p.objects.iter().all(|o| o.snapshot_full == (p.system == "controlling"))));
    let persons: Vec<_> = project
        .pipelines
        .iter()
        .flat_map(|p| &p.objects)
        .filter(|o| o.person.is_some())
        .map(|o| o.contract.label())
        .collect();
    assert_eq!(persons, ["shopify/customers", "shopify/orders", "stripe/customers", "zendesk/users"]);
}

fn required(object: &Object) -> String {
    let columns = object.contract.columns.iter().filter(|c| c.required);
    columns.map(|c| c.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn receivers_of_events_are_resolved_and_their_faults_told() {
    let with = |openlineage: &str| {
        let fixture = Fixture::sound();
        fixture.write(PROJECT_FILE, &format!("{}openlineage: {openlineage}\n", PROJECT.replace("s3://bucket/", "")));
        fixture
    };
    let told = |openlineage: &str| with(openlineage).load().unwrap().openlineage.unwrap();
    let file = told("{file: ./lineage/events.jsonl}");
    assert_eq!(file.namespace, "test");
    assert_eq!(file.receiver, Receiver::File("lineage/events.jsonl".into()));
    let server = told("{url: 'https://example.org/api/v1/lineage', token_env: TOKEN, namespace: company}");
    assert_eq!(server.namespace, "company");
    let token = Some(Secret::Env("TOKEN".into()));
    assert!(
        matches!(&server.receiver, Receiver::Server { url, token: t } if url.path() == "/api/v1/lineage" && *t == token)
    );

    for (openlineage, line) in [
        ("{}", "the events have no receiver"),
        ("{file: a.jsonl, url: 'https://example.org'}", "`file` and `url` are both there"),
        ("{file: ../a.jsonl}", "`../a.jsonl` is no file inside the project"),
        ("{file: /a.jsonl}", "`/a.jsonl` is no file inside the project"),
        ("{file: sql/a.sql}", "`sql/a.sql` is where the project's rules stand"),
        ("{file: warehouse/a.jsonl}", "the events must not lie in the warehouse"),
        ("{file: a.jsonl, token_env: T}", "a file needs no token"),
        ("{url: 'ftp://example.org'}", "this is no http or https address"),
        ("{url: 'https://me:hunter2@example.org'}", "a URL here must hold no user name, no password and no query"),
        ("{url: 'https://example.org?key=hunter2'}", "a URL here must hold no user name, no password and no query"),
        ("{url: 'https://example.org', token_env: 'a b'}", "`token_env` is not the name of an environment variable"),
        ("{url: 'https://example.org', token_env: A, token_file: b}", "`token_env` and `token_file` are both there"),
        ("{url: 'http://example.org', token_env: A}", "the token would cross the network in the clear"),
        ("{url: 'https://example.org', namespace: ' '}", "`namespace` is empty"),
        ("{uri: 'https://example.org'}", "unknown field `uri`"),
    ] {
        let found = with(openlineage).findings();
        assert!(found.iter().any(|f| f.starts_with("uramaki.yaml:7 ") && f.contains(line)), "{openlineage}: {found:?}");
        assert!(!found.concat().contains("hunter2"), "{found:?}");
    }
    // On this machine a token may go by http.
    told("{url: 'http://127.0.0.1:5000/api/v1/lineage', token_env: A}");
}
