//! The shape of the files as JSON Schema, and plain words for where a file breaks it.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::file::{BalanceYaml, CheckYaml, ModelYaml, PipelineYaml, ProjectYaml};
use super::linkage::LinkageYaml;
use super::suggest;
use super::yaml::{Document, join};
use crate::error::{Diagnostic, Error, Result};

/// The JSON Schemas of a project's files, for editors and for `uramaki schema`.
pub fn schemas() -> Value {
    let mut all = Map::new();
    all.insert("project".to_string(), schema_of::<ProjectYaml>("uramaki.yaml"));
    all.insert("pipeline".to_string(), schema_of::<PipelineYaml>("pipelines/<system>.yaml"));
    all.insert("model".to_string(), schema_of::<ModelYaml>("sql/<layer>/<name>.yml"));
    all.insert("check".to_string(), schema_of::<CheckYaml>("sql/checks/<name>.yml"));
    all.insert("balance".to_string(), schema_of::<BalanceYaml>("sql/balances/<name>.yml"));
    all.insert("identity".to_string(), schema_of::<LinkageYaml>("identity.yaml"));
    Value::Object(all)
}

/// Without references: each schema stands alone, and an error's place in it is a plain pointer.
fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_string(), Value::from(title));
    }
    schema
}

/// The shape of one kind of file.
pub struct Shape {
    schema: Value,
    validator: Validator,
}

/// The six shapes. Compiling them is the dear part: once per load.
pub struct Shapes {
    pub project: Shape,
    pub pipeline: Shape,
    pub model: Shape,
    pub check: Shape,
    pub balance: Shape,
    pub linkage: Shape,
}

/// The shape of identity.yaml alone.
pub fn linkage() -> Result<Shape> {
    Shape::compile::<LinkageYaml>("identity")
}

impl Shapes {
    pub fn compile() -> Result<Shapes> {
        Ok(Shapes {
            project: Shape::compile::<ProjectYaml>("project")?,
            pipeline: Shape::compile::<PipelineYaml>("pipeline")?,
            model: Shape::compile::<ModelYaml>("model")?,
            check: Shape::compile::<CheckYaml>("check")?,
            balance: Shape::compile::<BalanceYaml>("balance")?,
            linkage: linkage()?,
        })
    }
}

impl Shape {
    fn compile<T: JsonSchema>(name: &str) -> Result<Shape> {
        let schema = schema_of::<T>(name);
        let validator = jsonschema::validator_for(&schema).map_err(|e| {
            Error::failed(format!("the schema of {name} files is faulty: {e}")).hint("this is a fault of uramaki")
        })?;
        Ok(Shape { schema, validator })
    }

    /// Checks the shape, and if it is right reads the file into its struct.
    pub fn read<T: serde::de::DeserializeOwned>(
        &self,
        document: &Document,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        if !self.validator.is_valid(&document.value) {
            let words = Words { schema: &self.schema, document };
            for error in self.validator.iter_errors(&document.value) {
                words.explain(&error, findings);
            }
            return None;
        }
        match T::deserialize(&document.value) {
            Ok(typed) => Some(typed),
            Err(error) => {
                findings.push(document.at("", format!("this file cannot be read: {error}")));
                None
            }
        }
    }
}

/// Turns a validator's error into what a person needs: what, where, and what would be right.
struct Words<'a> {
    schema: &'a Value,
    document: &'a Document,
}

impl Words<'_> {
    fn explain(&self, error: &ValidationError<'_>, findings: &mut Vec<Diagnostic>) {
        let place = error.instance_path().as_str();
        let name = name_of(place);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let allowed = self.beside(error, "properties");
                for field in unexpected {
                    findings.push(
                        self.document
                            .at(&join(place, field), format!("unknown field `{field}`{}", inside(place)))
                            .hint(suggest::hint(field, "allowed", &allowed)),
                    );
                }
            }
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                let mut finding = self.document.at(place, format!("`{property}` is missing{}", inside(place)));
                if let Some(text) = self.description(error, property) {
                    finding = finding.hint(format!("add `{property}:` {}", first_line(text)));
                }
                findings.push(finding);
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.explain_choice(error, context, findings);
            }
            ValidationErrorKind::Type { kind } => {
                let wanted = kinds(kind);
                findings.push(self.wrong_type(error, place, &name, &wanted));
            }
            // The wrong type of value is a finding already.
            ValidationErrorKind::Enum { .. } if !error.instance().is_string() => {}
            ValidationErrorKind::Enum { options } => {
                let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let typed = shown(error.instance());
                findings.push(self.document.at(place, format!("{name} cannot be {typed}")).hint(suggest::hint(
                    typed.trim_matches('`'),
                    "allowed",
                    &options,
                )));
            }
            ValidationErrorKind::Minimum { limit } | ValidationErrorKind::ExclusiveMinimum { limit } => {
                findings.push(self.limit(error, place, &name, &format!("at least {limit}")));
            }
            ValidationErrorKind::Maximum { limit } | ValidationErrorKind::ExclusiveMaximum { limit } => {
                findings.push(self.limit(error, place, &name, &format!("at most {limit}")));
            }
            ValidationErrorKind::MinItems { limit } => {
                findings.push(self.items(error, place, &name, &format!("at least {limit}")));
            }
            ValidationErrorKind::MaxItems { limit } => {
                findings.push(self.items(error, place, &name, &format!("at most {limit}")));
            }
            ValidationErrorKind::MinLength { .. } => {
                findings.push(self.document.at(place, format!("{name} is empty")));
            }
            _ => findings.push(self.document.at(place, error.masked_with(name).to_string())),
        }
    }

    /// Of several forms that a value may have, the one that it was meant to have tells what is wrong.
    fn explain_choice(
        &self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
        findings: &mut Vec<Diagnostic>,
    ) {
        let place = error.instance_path().as_str();
        let wrong_type = |e: &ValidationError<'_>| {
            e.instance_path().as_str() == place && matches!(e.kind(), ValidationErrorKind::Type { .. })
        };
        match context.iter().find(|branch| !branch.iter().any(wrong_type)) {
            Some(branch) => branch.iter().for_each(|error| self.explain(error, findings)),
            None => {
                let wanted: Vec<String> = context
                    .iter()
                    .flatten()
                    .filter(|e| wrong_type(e))
                    .filter_map(|e| match e.kind() {
                        ValidationErrorKind::Type { kind } => Some(kinds(kind)),
                        _ => None,
                    })
                    .collect();
                findings.push(self.wrong_type(error, place, &name_of(place), &wanted.join(" or ")));
            }
        }
    }

    fn wrong_type(&self, error: &ValidationError<'_>, place: &str, name: &str, wanted: &str) -> Diagnostic {
        let found = error.instance();
        let finding = self.document.at(place, format!("{name} must be {wanted}, not {}", shown(found)));
        match found.as_ref() {
            Value::Number(_) | Value::Bool(_) if wanted.contains("text") => finding.hint("put the value in quotes"),
            Value::String(_) if wanted == "a list" => finding.hint("write it as a list: [a, b]"),
            Value::Null => finding.hint("write a value, or leave the field out where it is optional"),
            _ => finding,
        }
    }

    fn limit(&self, error: &ValidationError<'_>, place: &str, name: &str, wanted: &str) -> Diagnostic {
        self.document.at(place, format!("{name} must be {wanted}, not {}", shown(error.instance())))
    }

    fn items(&self, error: &ValidationError<'_>, place: &str, name: &str, wanted: &str) -> Diagnostic {
        let found = error.instance().as_array().map_or(0, Vec::len);
        self.document.at(place, format!("{name} needs {wanted} items, and has {found}"))
    }

    /// The names that stand in the schema beside the keyword which failed.
    fn beside(&self, error: &ValidationError<'_>, keyword: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .schema
            .pointer(&format!("{}/{keyword}", parent(error.schema_path().as_str())))
            .and_then(Value::as_object)
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        names.sort_unstable();
        names
    }

    fn description(&self, error: &ValidationError<'_>, property: &str) -> Option<&str> {
        let properties = format!("{}/properties", parent(error.schema_path().as_str()));
        self.schema.pointer(&format!("{}/description", join(&properties, property)))?.as_str()
    }
}

fn parent(pointer: &str) -> &str {
    pointer.rfind('/').map_or("", |end| &pointer[..end])
}

fn part(text: &str) -> String {
    text.replace("~1", "/").replace("~0", "~")
}

/// The field that a pointer ends in, for the middle of a sentence.
fn name_of(pointer: &str) -> String {
    let mut parts = pointer.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(last), Some(list))
            if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) && !list.is_empty() =>
        {
            format!("an item of `{}`", part(list))
        }
        (Some(last), _) if !last.is_empty() => format!("`{}`", part(last)),
        _ => "the file".to_string(),
    }
}

/// ` in `objects.orders``, or nothing at the top of the file.
fn inside(pointer: &str) -> String {
    match pointer.strip_prefix('/') {
        None => String::new(),
        Some(path) => format!(" in `{}`", path.split('/').map(part).collect::<Vec<_>>().join(".")),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn kinds(kind: &TypeKind) -> String {
    let mut names: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![plain(one.as_str())],
        TypeKind::Multiple(set) => set.iter().map(|one| plain(one.as_str())).filter(|name| !name.is_empty()).collect(),
    };
    names.dedup();
    names.join(" or ")
}

/// JSON's names of types in the words of this page; `null` only says that a field is optional.
fn plain(name: &str) -> &'static str {
    match name {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "",
    }
}

/// A value in a message: short ones as they are, others by their kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("`{text}`"),
        Value::String(_) => "a long text".to_string(),
        Value::Object(_) => "a mapping".to_string(),
        Value::Array(_) => "a list".to_string(),
        scalar => format!("`{scalar}`"),
    }
}
