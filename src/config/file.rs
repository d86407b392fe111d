//! What was typed: the shape of each YAML file of a project, field by field.
//!
//! These structs mirror the files and leave every choice open (`Option`). The JSON Schemas that editors
//! and `uramaki schema` show are made from them, comments included; compile/ turns them into the types of
//! project.rs, in which nothing is open any more.

mod model;

use std::fmt;
use std::marker::PhantomData;

pub use model::*;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// A mapping that keeps the order in which it was written.
#[derive(Debug, Clone)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Mapping_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": item })
    }
}

/// uramaki.yaml: what is true for the whole company.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectYaml {
    /// The project's name, in lower case: letters, digits, `_` and `-`.
    pub name: String,
    /// What this project is, in a sentence.
    pub description: Option<String>,
    /// The company's time zone (`Europe/Berlin`): business days are days there.
    pub time_zone: String,
    /// Whose public holidays are no business days: a country (`DE`: nationwide ones) or a region (`DE-BW`).
    pub holidays: String,
    /// The country that a phone number without a country code belongs to, unless its record names one. Default: DE.
    pub default_country: Option<String>,
    /// Where the extracts arrive: a folder relative to the project, or an object store URL.
    pub drop: String,
    /// Where the results are kept: a folder relative to the project, or an object store URL.
    pub warehouse: String,
    /// How records of the source systems become customers.
    #[serde(default)]
    pub identity: IdentityYaml,
    /// Thresholds of the company. Models read each as a parameter of its name (`$journey_gap_days`).
    #[serde(default)]
    pub settings: Ordered<SettingYaml>,
    /// Where the marts are written besides the warehouse, for programs that do not read Delta tables: files, or a database. By name.
    #[serde(default)]
    pub sinks: Ordered<SinkYaml>,
    /// Where a run tells what it reads and writes, as OpenLineage events. Left out: nowhere.
    pub openlineage: Option<OpenLineageYaml>,
    /// Into how many parts the engine cuts its work. Part of the project, never of the machine: results must not depend on it. Default: 4.
    #[schemars(range(min = 1, max = 256))]
    pub partitions: Option<usize>,
    /// Memory for a run (`1GiB`); `--memory` beats it.
    pub memory: Option<String>,
    /// Workers of a run; `--threads` beats it.
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<usize>,
}

/// How records become customers.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityYaml {
    /// exact: equal e-mail or phone links. probabilistic: names and addresses weigh in too. Default: exact.
    pub mode: Option<IdentityModeYaml>,
    /// Evidence held by more records than this links nobody. Default: 20.
    #[schemars(range(min = 1))]
    pub max_holders: Option<u64>,
    /// How often who might be one is drawn, for the low and high figures of marts.key_figures; 0: never. Default: 100.
    #[schemars(range(min = 0, max = 1000))]
    pub draws: Option<u32>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityModeYaml {
    Exact,
    Probabilistic,
}

/// A whole number, a decimal, a text or true/false.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub struct SettingYaml(pub Value);

impl JsonSchema for SettingYaml {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Setting".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "number", "string", "boolean"] })
    }
}

/// One more place for the marts of each committed run.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkYaml {
    /// parquet, csv, xlsx: one file a table. duckdb: a start file with views over the published files. postgres: a schema of a database.
    pub kind: SinkKindYaml,
    /// Which tables, named as `--select` names models. Default: all marts.
    pub tables: Option<Vec<String>>,
    /// Where the files are written: a folder relative to the project, or an object store URL. Nothing else belongs there.
    pub folder: Option<String>,
    /// csv: what becomes of text that a spreadsheet would take for a formula. neutralise (default): an apostrophe before it; keep: written as it is.
    pub formulas: Option<FormulasYaml>,
    /// csv: begin files with a byte order mark, by which Excel knows UTF-8. Default: false.
    pub bom: Option<bool>,
    /// duckdb: the warehouse's place as readers see it (a mounted folder, a URL). Default: as `warehouse` says.
    pub seen_as: Option<String>,
    /// postgres: the environment variable that holds the database's URL.
    pub url_env: Option<String>,
    /// postgres: the file that holds the database's URL, relative to the project.
    pub url_file: Option<String>,
    /// postgres: the schema of the tables; nothing else belongs there. Default: marts.
    pub schema: Option<String>,
    /// postgres: a role that may read the tables. It is made where there is none. Default: nobody but the owner.
    pub reader: Option<String>,
}

/// The receiver of a run's OpenLineage events: a file or a server, one of them.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLineageYaml {
    /// A file in the project's folder; events are added to it as JSON lines.
    pub file: Option<String>,
    /// The server's address for events: `https://marquez.example/api/v1/lineage`.
    pub url: Option<String>,
    /// With `url`: the environment variable that holds the server's token.
    pub token_env: Option<String>,
    /// With `url`: the file that holds the server's token, relative to the project.
    pub token_file: Option<String>,
    /// The namespace of the jobs. Default: the project's name.
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkKindYaml {
    Parquet,
    Csv,
    Xlsx,
    Duckdb,
    Postgres,
}

impl SinkKindYaml {
    pub fn word(self) -> &'static str {
        match self {
            SinkKindYaml::Parquet => "parquet",
            SinkKindYaml::Csv => "csv",
            SinkKindYaml::Xlsx => "xlsx",
            SinkKindYaml::Duckdb => "duckdb",
            SinkKindYaml::Postgres => "postgres",
        }
    }
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormulasYaml {
    Neutralise,
    Keep,
}

/// pipelines/<system>.yaml: one source system, and the contracts of its objects.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineYaml {
    /// The source system: the file's name, the drop's folder and the first part of its tables' names.
    pub system: String,
    /// The department whose system it is (sales, support, billing …).
    pub department: String,
    /// What the system is and how it hands over, in a sentence.
    pub description: String,
    /// How files are written; an object may differ.
    pub format: Option<FormatYaml>,
    /// The zone of times that are written without one (`UTC`, `Europe/Berlin`).
    pub time_zone: Option<String>,
    /// How times are written: `iso` (default), `epoch_seconds`, or a strftime pattern (`%d.%m.%Y %H:%M`).
    pub time_format: Option<String>,
    /// How dates are written: `iso` (default) or a strftime pattern (`%d.%m.%Y`).
    pub date_format: Option<String>,
    /// full: the files of the newest date together are the whole table. Left out: files hold what was created or changed.
    pub snapshot: Option<SnapshotYaml>,
    /// Keep the bytes as received. Default: true.
    pub archive: Option<bool>,
    /// A file is ready when it is at least this old. Default: 0.
    pub min_age_secs: Option<u64>,
    /// A file is ready at once when the same name with this ending lies beside it (`ready`: 2026-11-20.ready).
    pub ready_marker: Option<String>,
    /// What a refused file does: fail (default) ends the run, skip leaves the file out with a warning until it is settled.
    pub on_refused: Option<OnRefusedYaml>,
    /// A line longer than this goes to quarantine. Default: 16.
    #[schemars(range(min = 1, max = 1024))]
    pub max_line_mib: Option<u64>,
    /// How many rows of a file may go to quarantine before the object fails.
    pub drift: Option<DriftYaml>,
    /// How old the newest file may be.
    pub freshness: Option<FreshnessYaml>,
    /// The system's objects, each a folder in the drop and a table in landing.
    pub objects: Ordered<ObjectYaml>,
}

/// One object of a source system. What it leaves out, the pipeline says.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectYaml {
    /// What one row is, in a sentence.
    pub description: String,
    /// The columns that name a row. They are required in every row.
    #[schemars(length(min = 1))]
    pub key: Vec<String>,
    /// The column whose greater value is the newer version. It is required in every row. Without one, the later file wins.
    pub cursor: Option<String>,
    /// The columns that are read; others in the file are ignored and reported.
    pub columns: Ordered<ColumnYaml>,
    /// How rows of this object are records of persons.
    pub person: Option<PersonYaml>,
    /// An object that never has had a file is no error. Default: false.
    pub optional: Option<bool>,
    /// full: the files of the newest date together are the whole table.
    pub snapshot: Option<SnapshotYaml>,
    /// A full snapshot may be empty. Default: false.
    pub allow_empty: Option<bool>,
    /// How files are written.
    pub format: Option<FormatYaml>,
    /// The zone of times that are written without one.
    pub time_zone: Option<String>,
    /// How times are written: `iso` (default), `epoch_seconds`, or a strftime pattern.
    pub time_format: Option<String>,
    /// How dates are written: `iso` (default) or a strftime pattern.
    pub date_format: Option<String>,
    /// Keep the bytes as received. Default: true.
    pub archive: Option<bool>,
    /// A file is ready when it is at least this old. Default: 0.
    pub min_age_secs: Option<u64>,
    /// A file is ready at once when the same name with this ending lies beside it.
    pub ready_marker: Option<String>,
    /// What a refused file does: fail (default) or skip.
    pub on_refused: Option<OnRefusedYaml>,
    /// A line longer than this goes to quarantine. Default: 16.
    #[schemars(range(min = 1, max = 1024))]
    pub max_line_mib: Option<u64>,
    /// How many rows of a file may go to quarantine before the object fails.
    pub drift: Option<DriftYaml>,
    /// How old the newest file may be.
    pub freshness: Option<FreshnessYaml>,
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormatYaml {
    /// csv, jsonl (one JSON object a line) or parquet; the file's ending.
    #[serde(rename = "type")]
    pub kind: FormatKindYaml,
    /// The text's encoding, of csv and jsonl. Default: utf-8 (with or without byte order mark).
    pub encoding: Option<EncodingYaml>,
    /// The character between two fields of a csv line. Default: a comma.
    pub delimiter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatKindYaml {
    Csv,
    Jsonl,
    Parquet,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
pub enum EncodingYaml {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "windows-1252")]
    Windows1252,
    #[serde(rename = "iso-8859-1")]
    Iso88591,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotYaml {
    Full,
}

#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRefusedYaml {
    Fail,
    Skip,
}

/// Schema drift: more than max_share of a file's rows, and at least min_rows, in quarantine.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftYaml {
    /// A share of the file's rows, 0 to 1. Default: 0.05.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_share: Option<f64>,
    /// Default: 5.
    #[schemars(range(min = 1))]
    pub min_rows: Option<u64>,
}

/// How old the newest file may be, in days before the run's business day.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreshnessYaml {
    /// Older than this: a warning.
    pub warn_after_days: Option<u64>,
    /// Older than this: the run fails.
    pub error_after_days: Option<u64>,
}

/// A column: its type, or its type with what else is to be said.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ColumnYaml {
    /// text, bigint, boolean, date, timestamp, decimal(p,s), list<…>, struct<name: type, …>
    Type(String),
    Full(Box<ColumnFullYaml>),
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnFullYaml {
    /// text, bigint, boolean, date, timestamp, decimal(p,s), list<…>, struct<name: type, …>
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the value stands: `via.channel`, `custom_fields[id=7].value`, `tags[^topic_]`. Default: the column's name.
    pub source: Option<String>,
    /// A row without a value goes to quarantine. Key and cursor are always required.
    pub required: Option<bool>,
    /// Not required in rows in which this boolean column is true.
    pub unless: Option<String>,
    /// Personal data: never in a log or in a file's statistics.
    pub personal: Option<bool>,
    /// How a date or time is written: `iso`, `epoch_seconds` or a strftime pattern.
    pub format: Option<String>,
    /// The source's values and what they stand for.
    pub map: Option<Ordered<String>>,
    /// What values that `map` does not list become. Default: NULL.
    pub otherwise: Option<String>,
}

/// Where a person's evidence stands. Each names a column of the object.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonYaml {
    /// Only rows for which this SQL condition over the object's columns is true.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// The columns that make up the name, in order. Default: given and family name.
    #[serde(default)]
    pub name: Vec<String>,
    /// Given names, where they have a column of their own.
    pub given_name: Option<String>,
    /// The family name, where it has a column of its own.
    pub family_name: Option<String>,
    /// The company that the record is of, or that the person works for.
    pub organisation: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// A date, or a text with one in it.
    pub date_of_birth: Option<String>,
    /// A number that the person carries from system to system, or that one system gave: customer number, loyalty card.
    pub identifier: Option<IdentifierYaml>,
    pub street: Option<String>,
    pub postcode: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
    /// When the person became known to the system.
    pub created_at: Option<String>,
    /// Records with the same value here count as one holder of their evidence (a guest's many orders).
    pub one_holder_per: Option<String>,
    /// Which evidence may link records. Default: every one of e-mail and phone that is named above.
    pub links: Option<Vec<EvidenceYaml>>,
}

/// The number's column, or its column with what number it is.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IdentifierYaml {
    Column(String),
    Full(Box<IdentifierFullYaml>),
}

#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentifierFullYaml {
    /// The column that holds the number.
    pub column: String,
    /// What number it is (`loyalty_card`): numbers of one kind are compared, in whatever systems they stand. Default: the system's own.
    pub kind: Option<String>,
    /// true: in this system nobody has two, so that two different ones are two people. Default: false.
    pub unique: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceYaml {
    Email,
    Phone,
}
