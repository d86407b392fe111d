//! Companies as customers: legal forms, domains and shared mailboxes, from extracts to customer ids.

use super::projects::People;

const ERP: &str = "\
system: erp
department: billing
description: Companies that have accounts.
format: {type: csv}
objects:
  companies:
    description: One company.
    key: [id]
    columns: {id: text, company: text, mail: text, phone: text, street: text, postcode: text, city: text}
    person: {organisation: company, email: mail, phone: phone, street: street, postcode: postcode, city: city}
";

const SHOP: &str = "\
system: shop
department: sales
description: The shop.
format: {type: csv}
objects:
  accounts:
    description: One account of a company.
    key: [id]
    columns: {id: text, firm: text, first: text, last: text, mail: text, street: text, zip: text, town: text}
    person: {organisation: firm, email: mail, street: street, postcode: zip, city: town}
";

const OF_ERP: &str = "\
id,company,mail,phone,street,postcode,city
1,Sonnenhof Bau GmbH & Co. KG,info@sonnenhof-bau.example,+49 731 5550101,Lindenallee 4,89073,Ulm
2,Müller Holz GmbH,info@mueller.example,+49 711 5550102,Hauptstr. 1,70173,Stuttgart
3,Müller Metall GmbH,info@mueller.example,+49 711 5550103,Hauptstr. 1,70173,Stuttgart
4,Kanzlei Weber PartG mbB,info@weber.example,,Am Markt 7,50667,Köln
5,Nordlicht Logistik AG,info@nordlicht.example,,Hafenstr. 80,20457,Hamburg
";

const OF_SHOP: &str = "\
id,firm,first,last,mail,street,zip,town
a,Sonnenhof Bau,Ina,Kurz,einkauf@sonnenhof-bau.example,Lindenallee 4,89073,Ulm
b,Mueller Holz,Jo,Lang,info@mueller.example,Hauptstraße 1,70173,Stuttgart
c,Müller-Metall G.m.b.H.,Jo,Lang,info@mueller.example,Hauptstraße 1,70173,Stuttgart
d,Sonnenhof Pflege gGmbH,Ina,Kurz,info@sonnenhof-pflege.example,Parkweg 3,89075,Ulm
e,Weber Immobilien GmbH,Eva,Weber,info@weber-immobilien.example,Am Markt 7,50667,Köln
f,NORDLICHT LOGISTIK,Tim,Ohm,tim.ohm@nordlicht.example,Hafenstraße 80,20457,Hamburg
";

fn companies() -> People {
    let people = People::empty();
    people.write("pipelines/erp.yaml", ERP);
    people.write("pipelines/shop.yaml", SHOP);
    people.write("drop/erp/companies/2026-11-20.csv", OF_ERP);
    people.write("drop/shop/accounts/2026-11-20.csv", OF_SHOP);
    people
}

/// One company has one customer id, sister companies with one mailbox at one address have two.
const EXPECTED: [&str; 7] = ["1 a", "2 b", "3 c", "4", "5 f", "d", "e"];

#[test]
fn companies_are_customers_where_pipelines_name_no_persons() {
    assert_eq!(companies().customers(), EXPECTED);
}

#[test]
fn of_organisations_contacts_tell_nothing() {
    let people = companies();
    let with_contacts = SHOP.replace("{organisation: firm,", "{name: [first, last], organisation: firm,");
    people.write("pipelines/shop.yaml", &with_contacts);
    people.write("identity.yaml", "entity: organisation\n");
    assert_eq!(people.customers(), EXPECTED, "Ina and Jo write for two companies each");
    let words = people.uramaki(&["identity", "explain", "erp/companies/1", "shop/accounts/a"]).expect(0).stdout;
    for part in ["given name: neither record has one", "organisation: equal, `sonnenhof bau`", "e-mail: equal"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // Of persons, somebody with a name and a company without one are never the same.
    people.write("identity.yaml", "entity: person\n");
    assert!(people.customers().contains(&"a".to_string()));
    // The model is trained in the same way.
    people.write("identity.yaml", "entity: organisation\n");
    people.uramaki(&["run"]).expect(0);
    people.uramaki(&["identity", "train"]).expect(0);
    let model = std::fs::read_to_string(people.path("identity-model.json")).expect("the model");
    assert!(model.contains("\"entity\": \"organisation\"") && !model.contains("\"kurz\""), "{model}");
}

#[test]
fn organisations_need_a_column_that_names_them() {
    let people = companies();
    for (file, from) in [("erp", ERP), ("shop", SHOP)] {
        people.write(
            &format!("pipelines/{file}.yaml"),
            &from.replace("organisation: company, ", "").replace("organisation: firm, ", ""),
        );
    }
    people.write("identity.yaml", "link_at: 0.9\nentity: organisation\n");
    let said = people.uramaki(&["check"]).expect(2).stderr;
    assert!(said.contains("nothing names an organisation") && said.contains("identity.yaml:2"), "{said}");
}
