//! identity.yaml, and the file that `identity resolve --config` reads: what columns tell of, which pairs are compared, from where they are linked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yaml::{self, Document};
use crate::error::Diagnostic;

/// What a column tells of a person or an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    GivenName,
    FamilyName,
    FullName,
    Organisation,
    Email,
    Phone,
    DateOfBirth,
    Street,
    HouseNumber,
    Postcode,
    City,
    Country,
    /// Any other part of an address: state, county.
    AddressPart,
    Identifier,
    Text,
}

/// Whom the records tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    Person,
    Organisation,
}

/// Which records may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Any two.
    Dedupe,
    /// Only those of different sources; each source holds each person once.
    Link,
}

/// One part of a blocking key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    GivenName,
    FamilyName,
    /// Both names, in whatever order.
    BothNames,
    /// How both names sound, in whatever order.
    BothSounds,
    GivenSound,
    FamilySound,
    GivenInitial,
    FamilyInitial,
    DateOfBirth,
    BirthYear,
    BirthMonthDay,
    Email,
    EmailLocalPart,
    /// The part behind the @, where it is no public provider's.
    EmailDomain,
    Phone,
    /// Its last seven digits.
    PhoneEnd,
    Street,
    HouseNumber,
    Postcode,
    /// Its first three places.
    PostcodeArea,
    City,
    Organisation,
    /// The first word of its name.
    OrganisationStart,
    OrganisationSound,
    /// Any word of its name.
    OrganisationWord,
    Identifier,
    Text,
}

/// identity.yaml of a project, and `--config` of `identity resolve`. Everything has a default.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkageYaml {
    /// dedupe: any two records may be one. link: only records of different sources, which hold each once. Default: dedupe. Not in a project.
    pub mode: Option<Mode>,
    /// person or organisation. Default: organisation where columns name organisations and no persons, else person.
    pub entity: Option<Entity>,
    /// The column with the record's id. Default: by its name, else the line's number. Not in a project.
    pub id: Option<String>,
    /// The column with the record's source. Default: the file's name without its ending. Not in a project.
    pub source: Option<String>,
    /// Each column that tells who a record is, and its type. Default: by the columns' names. Not in a project.
    pub columns: Option<BTreeMap<String, FieldType>>,
    /// The country of phone numbers that name none. Default: DE, or the project's.
    pub default_country: Option<String>,
    /// Pairs from this probability are linked. Default: 0.95 in a project, 0.8 of `identity resolve`.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub link_at: Option<f64>,
    /// Pairs from this probability are shown for review. Default: 0.1.
    #[schemars(range(min = 0.02, max = 1.0))]
    pub review_at: Option<f64>,
    /// No cluster grows beyond this. Default: 200.
    #[schemars(range(min = 2))]
    pub max_cluster: Option<usize>,
    /// Records whose dates of birth differ clearly are never one. Default: true in a project, false of `identity resolve`.
    pub apart_by_birthday: Option<bool>,
    /// An e-mail or phone that more differently named records hold tells nothing. Default: 20, or the project's `identity.max_holders`.
    #[schemars(range(min = 1))]
    pub max_holders: Option<u32>,
    /// Pairs that a blocking rule may make, for each record. Default: 1, and always a million.
    #[schemars(range(min = 0.01, max = 1000.0))]
    pub pairs_per_record: Option<f64>,
    /// Blocking rules: pairs that agree in all parts of one rule are compared. Default: about thirty rules; `identity resolve` prints what each costs.
    pub blocking: Option<Vec<Vec<Part>>>,
    /// How fields are compared, by their type (`phone`) or their name (`identifier (loyalty_card)`). Default: as the model has it.
    pub comparisons: Option<BTreeMap<String, ComparisonYaml>>,
    /// Where all this was read.
    #[serde(skip)]
    pub(super) document: Option<Document>,
}

impl LinkageYaml {
    /// A finding about the part of the file that the path leads to.
    pub fn says(&self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
        let pointer = path.iter().fold(String::new(), |pointer, part| yaml::join(&pointer, part));
        match &self.document {
            Some(document) => document.at(&pointer, message).hint(hint),
            None => Diagnostic::new(message).hint(hint),
        }
    }
}

/// How one field is compared. What is left out stays as the model has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparisonYaml {
    /// true: the field is left out. It tells nothing, and no rule makes pairs by it. Default: false.
    pub ignore: Option<bool>,
    /// false: an equal value tells the same, however common it is. Default: true.
    pub term_frequency: Option<bool>,
    /// Texts of at least this likeness (Jaro-Winkler) are `close`. Default: 0.93 of names, else 0.92, and one typing error is close too.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub close_at: Option<f64>,
    /// Names of at least this likeness (Jaro-Winkler) are `near`. Default: 0.84.
    #[schemars(range(min = 0.5, max = 1.0))]
    pub near_at: Option<f64>,
    /// Figures of levels (`equal`, `close`, `different` …) that stand as they are written, whatever the records show.
    pub levels: Option<BTreeMap<String, LevelYaml>>,
}

/// A level's figures. What is left out is learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelYaml {
    /// How often pairs of one person show it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub m: Option<f64>,
    /// How often pairs of strangers do. Of `equal`, it stands for every value, however common.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub u: Option<f64>,
}
