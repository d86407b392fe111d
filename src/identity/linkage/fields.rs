//! Which type a column has by its own name.

pub use crate::config::linkage::{Entity, FieldType};

/// A column's own role, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Id,
    Source,
    Field(FieldType),
    /// Tells nothing of who it is.
    Nothing,
}

/// Names of columns as systems use them, without blanks, underscores and case. The first hit counts.
const KNOWN: &[(Guess, &[&str])] = &[
    (Guess::Source, &["source", "sourcesystem", "datasource", "sourcedataset", "system"]),
    (
        Guess::Id,
        &[
            "id",
            "recordid",
            "recid",
            "uniqueid",
            "rowid",
            "recordkey",
            "key",
            "customerid",
            "personid",
            "kundenid",
            "datensatzid",
        ],
    ),
    (
        Guess::Field(FieldType::GivenName),
        &[
            "givenname",
            "firstname",
            "forename",
            "vorname",
            "fname",
            "prenom",
            "nombre",
            "namefirst",
            "primarynamefirst",
            "first",
            "given",
            "givennames",
            "forenames",
            "christianname",
            "rufname",
        ],
    ),
    (
        Guess::Field(FieldType::FamilyName),
        &[
            "familyname",
            "lastname",
            "surname",
            "nachname",
            "lname",
            "nom",
            "apellido",
            "apellidos",
            "namelast",
            "primarynamelast",
            "familienname",
            "zuname",
            "last",
            "family",
            "sname",
        ],
    ),
    (
        Guess::Field(FieldType::Organisation),
        &[
            "organisation",
            "organization",
            "company",
            "companyname",
            "firma",
            "organisationname",
            "organizationname",
            "nameorg",
            "primarynameorg",
            "businessname",
            "employer",
            "orgname",
            "firmenname",
            "legalname",
            "unternehmen",
            "account",
            "accountname",
        ],
    ),
    (
        Guess::Field(FieldType::FullName),
        &[
            "name",
            "fullname",
            "personname",
            "displayname",
            "customername",
            "namefull",
            "primarynamefull",
            "contactname",
            "kunde",
            "kundenname",
            "cardholder",
        ],
    ),
    (
        Guess::Field(FieldType::Email),
        &["email", "emailaddress", "mail", "mailaddress", "epost", "emailadresse", "correo"],
    ),
    (
        Guess::Field(FieldType::Phone),
        &[
            "phone",
            "phonenumber",
            "telephone",
            "tel",
            "telefon",
            "mobile",
            "mobilephone",
            "cell",
            "cellphone",
            "handy",
            "telefonnummer",
            "mobil",
            "mobilenumber",
            "phonehome",
            "phonework",
            "phonemobile",
            "homephone",
            "workphone",
            "fax",
        ],
    ),
    (
        Guess::Field(FieldType::DateOfBirth),
        &["dateofbirth", "dob", "birthdate", "birthday", "geburtsdatum", "geburtstag", "birth", "bday", "geboren"],
    ),
    (
        Guess::Field(FieldType::HouseNumber),
        &["housenumber", "streetnumber", "hausnummer", "houseno", "streetno", "hausnr", "buildingnumber"],
    ),
    (
        Guess::Field(FieldType::Street),
        &[
            "street",
            "address",
            "address1",
            "addressline1",
            "addr1",
            "streetaddress",
            "strasse",
            "straße",
            "addrline1",
            "streetname",
            "addrfull",
            "anschrift",
            "adresse",
            "addressfull",
            "primaryaddrline1",
            "primaryaddrfull",
            "addressline",
            "streetline1",
            "addr",
        ],
    ),
    (
        Guess::Field(FieldType::Postcode),
        &[
            "postcode",
            "postalcode",
            "zip",
            "zipcode",
            "plz",
            "addresspostalcode",
            "addrpostalcode",
            "postleitzahl",
            "cap",
            "postcodefake",
        ],
    ),
    (
        Guess::Field(FieldType::City),
        &[
            "city",
            "town",
            "suburb",
            "ort",
            "stadt",
            "addresscity",
            "addrcity",
            "municipality",
            "locality",
            "birthplace",
            "placeofbirth",
            "geburtsort",
        ],
    ),
    (
        Guess::Field(FieldType::Country),
        &["country", "land", "countrycode", "addresscountry", "addrcountry", "nationality"],
    ),
    (
        Guess::Field(FieldType::Identifier),
        &[
            "socsecid",
            "ssn",
            "ssnnumber",
            "socialsecuritynumber",
            "nationalid",
            "nationalidnumber",
            "taxid",
            "taxidnumber",
            "taxnumber",
            "vat",
            "vatid",
            "vatnumber",
            "ustid",
            "passport",
            "passportnumber",
            "driverslicense",
            "driverslicensenumber",
            "driverlicense",
            "licensenumber",
            "iban",
            "bankaccountnumber",
            "loyaltycard",
            "customernumber",
            "kundennummer",
            "steuernummer",
            "handelsregister",
            "registrationnumber",
            "companynumber",
            "lei",
            "duns",
            "dunsnumber",
            "leinumber",
            "npinumber",
            "accountnumber",
            "personnummer",
            "nhsnumber",
            "insurancenumber",
        ],
    ),
    (
        Guess::Field(FieldType::AddressPart),
        &["state", "region", "province", "county", "bundesland", "addrstate", "addressstate", "addrprovince"],
    ),
    (
        Guess::Field(FieldType::Text),
        &[
            "address2",
            "addressline2",
            "addr2",
            "gender",
            "sex",
            "occupation",
            "profession",
            "title",
            "beruf",
            "geschlecht",
            "website",
            "url",
            "domain",
        ],
    ),
];

/// The role of a column of this name.
pub fn guess(column: &str) -> Guess {
    let plain: String = column.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let find = |name: &str| KNOWN.iter().find(|(_, names)| names.contains(&name)).map(|(guess, _)| *guess);
    // A second phone or address has a number behind its name: phone2, email_1.
    find(&plain).or_else(|| find(plain.trim_end_matches(|c: char| c.is_ascii_digit()))).unwrap_or(Guess::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_tell_their_type() {
        for (name, expected) in [
            ("First Name", Guess::Field(FieldType::GivenName)),
            ("date_of_birth", Guess::Field(FieldType::DateOfBirth)),
            ("address_1", Guess::Field(FieldType::Street)),
            ("address_2", Guess::Field(FieldType::Text)),
            ("State", Guess::Field(FieldType::AddressPart)),
            ("phone2", Guess::Field(FieldType::Phone)),
            ("unique_id", Guess::Id),
            ("cluster", Guess::Nothing),
            ("amount", Guess::Nothing),
        ] {
            assert_eq!(guess(name), expected, "{name}");
        }
    }
}
