//! What the pipelines and identity.yaml say of persons, end to end: birthdays, companies and numbers in a project of its own.

use super::*;

/// A project of pipelines alone, in mode probabilistic.
pub struct People {
    folder: TempDir,
}

const PROJECT: &str = "name: people\ntime_zone: Europe/Berlin\nholidays: DE\ndrop: drop\nwarehouse: warehouse\n";

const CRM: &str = "\
system: crm
department: sales
description: People as sales knows them.
format: {type: csv}
objects:
  people:
    description: One person.
    key: [id]
    columns: {id: text, given: text, family: text, company: text, mail: text, born: text, card: text}
    person:
      given_name: given
      family_name: family
      organisation: company
      email: mail
      date_of_birth: born
      identifier: {column: card, kind: loyalty_card}
";

const SHOP: &str = "\
system: shop
department: sales
description: The shop.
format: {type: csv}
objects:
  customers:
    description: One account.
    key: [id]
    columns: {id: text, name: text, mail: text, dob: date, card: text}
    person: {name: [name], email: mail, date_of_birth: dob, identifier: {column: card, kind: loyalty_card}}
";

const OF_CRM: &str = "\
id,given,family,company,mail,born,card
1,Anna,Müller,,anna@privat.example,24.06.1971,L-100
2,Anna,Müller,,am@werk.example,02.03.1990,L-200
3,Bo,Zwei,Zwei GmbH,bo@zwei.example,,
4,Cem,Kaya,,cem@kaya.example,13.12.1988,L-300
";

const OF_SHOP: &str = "\
id,name,mail,dob,card
a,\"Mueller, Anna\",a.m@mail.example,1971-06-24,l 100
b,Dora Vier,dora@vier.example,1960-01-02,L-400
c,C. Kaya,ck@mail.example,1988-12-13,
";

impl People {
    /// A project without pipelines.
    pub fn empty() -> People {
        let people = People { folder: folder() };
        people.mode("probabilistic");
        people
    }

    fn new() -> People {
        let people = People::empty();
        people.write("pipelines/crm.yaml", CRM);
        people.write("pipelines/shop.yaml", SHOP);
        people.write("drop/crm/people/2026-11-20.csv", OF_CRM);
        people.write("drop/shop/customers/2026-11-20.csv", OF_SHOP);
        people
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        common::write(&self.path(path), text.as_bytes());
    }

    fn mode(&self, mode: &str) {
        self.write("uramaki.yaml", &format!("{PROJECT}identity: {{mode: {mode}}}\n"));
    }

    pub fn uramaki(&self, args: &[&str]) -> Ran {
        uramaki(self.folder.path(), args)
    }

    fn ask(&self, sql: &str) -> String {
        self.uramaki(&["query", "--format", "csv", sql]).expect(0).stdout
    }

    /// Customers as the sets of their records, in order.
    pub fn customers(&self) -> Vec<String> {
        self.uramaki(&["run", "--full-refresh"]).expect(0);
        let sql = "select string_agg(record_id, ' ' order by record_id) as r from identity.customer_xref group by customer_id order by r";
        self.ask(sql).lines().skip(1).map(Into::into).collect()
    }
}

#[test]
fn birthdays_and_numbers_of_a_project_weigh_in() {
    let people = People::new();
    assert_eq!(people.customers(), ["1 a", "2", "3", "4 c", "b"]);
    let sql = "select record_id, display_name, given_name, organisation, identifier, identifier_kind, date_of_birth \
               from identity.record where record_id in ('1', '2', '3', 'a') order by record_id";
    assert_eq!(
        people.ask(sql),
        "record_id,display_name,given_name,organisation,identifier,identifier_kind,date_of_birth\n\
         1,Anna Müller,Anna,,L-100,loyalty_card,1971-06-24\n\
         2,Anna Müller,Anna,,L-200,loyalty_card,1990-03-02\n\
         3,Bo Zwei,Bo,Zwei GmbH,,,\n\
         a,\"Mueller, Anna\",,,l 100,loyalty_card,1971-06-24\n"
    );
    let words = people.uramaki(&["identity", "explain", "crm/people/1", "shop/customers/a"]).expect(0).stdout;
    for part in ["date of birth: equal, `1971-06-24`", "identifier (loyalty_card): equal, `l100`"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // The exact rules know e-mail and phone, whatever else is stated.
    people.mode("exact");
    assert_eq!(people.customers(), ["1", "2", "3", "4", "a", "b", "c"]);
}

#[test]
fn a_model_fits_the_fields_that_it_was_trained_with() {
    let people = People::new();
    people.uramaki(&["run"]).expect(0);
    people.uramaki(&["identity", "train"]).expect(0);
    let model = std::fs::read_to_string(people.path("identity-model.json")).expect("the model");
    for field in ["\"date_of_birth\"", "\"organisation\"", "\"identifier (loyalty_card)\""] {
        assert!(model.contains(field), "{field}");
    }
    // A night without a single birthday or number changes nothing in what the model knows.
    people.write(
        "drop/crm/people/2026-11-20.csv",
        "id,given,family,company,mail,born,card\n1,Anna,Müller,,a@a.example,,\n",
    );
    people.write("drop/shop/customers/2026-11-20.csv", "id,name,mail,dob,card\na,Bo Zwei,bo@zwei.example,,\n");
    std::fs::remove_dir_all(people.path("warehouse")).expect("the warehouse");
    assert_eq!(people.customers(), ["1", "a"]);
    // A pipeline that no longer says them does.
    people.write("pipelines/crm.yaml", &CRM.replace("      organisation: company\n", ""));
    let ran = people.uramaki(&["run"]).expect(1);
    assert!(ran.stderr.contains("identity-model.json does not fit the records: the model knows"), "{}", ran.stderr);
    assert!(ran.stderr.contains("identity train"), "{}", ran.stderr);
}

#[test]
fn what_a_person_block_says_wrongly_is_told_with_its_line() {
    let people = People::new();
    let with = |line: &str| CRM.replace("      date_of_birth: born\n", &format!("      {line}\n"));
    for (line, part) in [
        ("date_of_brith: born", "did you mean `date_of_birth`?"),
        ("date_of_birth: bron", "did you mean `born`?"),
        ("identifer: card", "did you mean `identifier`?"),
    ] {
        people.write("pipelines/crm.yaml", &with(line));
        let said = people.uramaki(&["check"]).expect(2).stderr;
        assert!(said.contains(part) && said.contains("pipelines/crm.yaml:15"), "{part}: {said}");
    }
    for (from, to, part) in [
        ("born: text", "born: bigint", "a date of birth is a date or a text"),
        ("column: card", "colum: card", "did you mean `column`?"),
        ("column: card", "column: crad", "did you mean `card`?"),
        ("kind: loyalty_card", "kind: Loyalty Card", "is no name for a kind of number"),
        ("identifier: {column: card, kind: loyalty_card}", "identifier: crad", "did you mean `card`?"),
    ] {
        people.write("pipelines/crm.yaml", &CRM.replace(from, to));
        let said = people.uramaki(&["check"]).expect(2).stderr;
        assert!(said.contains(part) && said.contains("pipelines/crm.yaml:"), "{part}: {said}");
    }
}

/// Whatever keeps two records apart, and why.
const CUTS: &str = "select left_record_id, right_record_id, rule, reason from identity.cut_link order by 1, 2";

#[test]
fn birthdays_that_differ_clearly_keep_people_apart() {
    let people = People::new();
    // Father and daughter with one e-mail address; the third is mistyped by one digit; nobody knows when the guest was born.
    let rows = "1,A,Zwei,,zwei@zwei.example,24.06.1971,\n2,A,Zwei,,zwei@zwei.example,02.03.1999,\n\
                3,A,Zwei,,zwei@zwei.example,24.06.1977,\n4,A,Zwei,,zwei@zwei.example,,\n";
    people.write("drop/crm/people/2026-11-20.csv", &format!("id,given,family,company,mail,born,card\n{rows}"));
    assert_eq!(people.customers(), ["1 3 4", "2", "a", "b", "c"]);
    let cuts = people.ask(CUTS);
    let reason = "\"both sides have a birthday, and the two differ clearly\"";
    assert!(cuts.contains(&format!("1,2,email_exact,{reason}")), "{cuts}");
    // Where birthdays are sloppy, they only weigh in.
    people.write("identity.yaml", "apart_by_birthday: false\n");
    assert_eq!(people.customers(), ["1 2 3 4", "a", "b", "c"]);
    // What a person decides beats it.
    std::fs::remove_file(people.path("identity.yaml")).expect("the file is there");
    people.write("identity-overrides.csv", &format!("{HEADER}kim,2026-11-20,asked,same,crm,people,1,crm,people,2\n"));
    assert_eq!(people.customers(), ["1 2 3 4", "a", "b", "c"]);
}

#[test]
fn two_numbers_of_one_system_are_two_people_only_where_the_pipeline_says_so() {
    let people = People::new();
    let rows = "1,Anna,Ott,,anna@ott.example,,K-1\n2,Anna,Ott,,anna@ott.example,,K-2\n3,Anna,Ott,,anna@ott.example,,\n";
    people.write("drop/crm/people/2026-11-20.csv", &format!("id,given,family,company,mail,born,card\n{rows}"));
    // The shop has another number for her: another system, so it only weighs in.
    people.write("drop/shop/customers/2026-11-20.csv", "id,name,mail,dob,card\na,Anna Ott,anna@ott.example,,K-9\n");
    assert_eq!(people.customers(), ["1 2 3 a"]);
    let words = people.uramaki(&["identity", "explain", "crm/people/1", "crm/people/2"]).expect(0).stdout;
    assert!(!words.contains("identifier (loyalty_card): different"), "in one system they say nothing: {words}");
    people.write("pipelines/crm.yaml", &CRM.replace("kind: loyalty_card", "kind: loyalty_card, unique: true"));
    assert_eq!(people.customers(), ["1 3 a", "2"]);
    let cuts = people.ask(CUTS);
    assert!(
        cuts.contains("1,2,email_exact,both sides have a number of their own in a system that gives nobody two"),
        "{cuts}"
    );
    // The exact rules know nothing of it.
    people.mode("exact");
    assert_eq!(people.customers(), ["1 2 3 a"]);
}

#[test]
fn identity_yaml_says_how_fields_are_compared() {
    let people = People::new();
    assert_eq!(people.customers()[0], "1 a");
    people.write(
        "identity.yaml",
        "comparisons:\n  date_of_birth: {ignore: true}\n  given_name: {term_frequency: false}\n  \
         identifier (loyalty_card):\n    levels:\n      equal: {m: 0.9, u: 0.45}\n",
    );
    // Another file, other tables: the run notices.
    let ran = people.uramaki(&["run"]).expect(0);
    assert!(ran.stdout.contains("run 2 of people"), "{}", ran.stdout);
    let manifest = last_manifest(&people.path("warehouse"));
    assert!(manifest["project"]["files"]["identity.yaml"].is_string(), "{}", manifest["project"]);
    let words = people.uramaki(&["identity", "explain", "crm/people/1", "shop/customers/a"]).expect(0).stdout;
    for part in [
        "date of birth: neither record has one",
        "+1.0  identifier (loyalty_card): equal, `l100`\n",
        "given name: equal, `anna`\n",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(people.customers()[0], "1", "without her birthday it is not sure enough");
    // The project's own model keeps to it too.
    people.uramaki(&["identity", "train"]).expect(0);
    people.uramaki(&["run"]).expect(0);
    let words = people.uramaki(&["identity", "explain", "crm/people/1", "shop/customers/a"]).expect(0).stdout;
    assert!(words.contains("+1.0  identifier (loyalty_card): equal, `l100`\n"), "{words}");
}

#[test]
fn faults_of_comparisons_are_told_with_their_lines() {
    let people = People::new();
    for (text, line, part) in [
        ("comparisons:\n  phone: {ignore: true}\n  emial: {ignore: true}\n", 3, "did you mean `email`?"),
        (
            "comparisons:\n  phone:\n    levels:\n      equal: {m: 0.5}\n      clos: {m: 0.1}\n",
            5,
            "did you mean `close`?",
        ),
        ("comparisons:\n  phone:\n    close_at: 0.9\n", 3, "`phone` has no `close_at`"),
        ("comparisons:\n  phone:\n    ignroe: true\n", 3, "did you mean `ignore`?"),
        ("comparisons:\n  city:\n    close_at: 3\n", 3, "`close_at` must be at most 1"),
        ("comparisons:\n  text: {ignore: true}\n", 2, "no field that is compared is called `text`"),
    ] {
        people.write("identity.yaml", text);
        for mode in ["exact", "probabilistic"] {
            people.mode(mode);
            let said = people.uramaki(&["check"]).expect(2).stderr;
            assert!(said.contains(part) && said.contains(&format!("identity.yaml:{line}\n")), "{part}: {said}");
        }
    }
    // The tool reads the same, of the columns that its files have.
    let (file, config) = (people.path("c.csv"), people.path("c.yaml"));
    common::write(&file, b"id,name,town,state\n1,Ada Eins,Ulm,BW\n2,Ada Eins,Ulm,BY\n");
    let run = |text: &str, code: i32| {
        common::write(&config, text.as_bytes());
        let paths = [&file, &config].map(|p| p.display().to_string());
        people.uramaki(&["identity", "resolve", &paths[0], "--config", &paths[1], "--output", "out"]).expect(code)
    };
    let said = run("comparisons:\n  phone: {ignore: true}\n", 2).stderr;
    assert!(said.contains("no field that is compared is called `phone`") && said.contains("c.yaml:2"), "{said}");
    run("comparisons:\n  address_part (state): {ignore: true}\n", 0);
}
