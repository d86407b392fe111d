//! The names of types: `text`, `bigint`, `decimal(18,2)`, `list<struct<type: text>>`.
//!
//! Contracts and models share one vocabulary. A contract has no `double` (extracts hold decimals), and
//! its dates and times also say how they are written; a model's types are those of the table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use crate::contract::{ColumnType, DateFormat, TimeFormat, utc_micros};

/// What may be said, for hints.
pub const VOCABULARY: &str = "text, bigint, boolean, date, timestamp, decimal(p,s), list<…>, struct<name: type, …>";

/// Other engines' names for the same.
const SYNONYMS: [(&str, &str); 24] = [
    ("string", "text"),
    ("str", "text"),
    ("varchar", "text"),
    ("char", "text"),
    ("uuid", "text"),
    ("json", "text"),
    ("utf8", "text"),
    ("int", "bigint"),
    ("integer", "bigint"),
    ("int64", "bigint"),
    ("int32", "bigint"),
    ("smallint", "bigint"),
    ("long", "bigint"),
    ("bool", "boolean"),
    ("datetime", "timestamp"),
    ("timestamptz", "timestamp"),
    ("time", "timestamp"),
    ("date32", "date"),
    ("numeric", "decimal(18,2)"),
    ("number", "decimal(18,2)"),
    ("money", "decimal(18,2)"),
    ("float", "decimal(p,s), or double in a model"),
    ("real", "decimal(p,s), or double in a model"),
    ("array", "list<…>"),
];

/// A type as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeName {
    Text,
    Bigint,
    Boolean,
    Date,
    Timestamp,
    Decimal(u8, i8),
    Double,
    List(Box<TypeName>),
    Struct(Vec<(String, TypeName)>),
}

/// The declared type of a model's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelType {
    /// As declared (`decimal(18,2)`).
    pub text: String,
    pub data_type: DataType,
}

impl ModelType {
    pub fn parse(text: &str) -> Result<ModelType, String> {
        Ok(ModelType { text: text.to_string(), data_type: TypeName::parse(text)?.data_type() })
    }
}

impl TypeName {
    /// Parses a type, or says what is wrong with it and what would be right.
    pub fn parse(text: &str) -> Result<TypeName, String> {
        let mut parser = Parser { rest: text };
        let parsed = parser.kind()?;
        match parser.rest.trim() {
            "" => Ok(parsed),
            rest => Err(format!("`{rest}` follows a complete type")),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            TypeName::Text => DataType::Utf8,
            TypeName::Bigint => DataType::Int64,
            TypeName::Boolean => DataType::Boolean,
            TypeName::Date => DataType::Date32,
            TypeName::Timestamp => utc_micros(),
            TypeName::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            TypeName::Double => DataType::Float64,
            TypeName::List(item) => DataType::List(Arc::new(Field::new("item", item.data_type(), true))),
            TypeName::Struct(fields) => DataType::Struct(
                fields.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect::<Fields>(),
            ),
        }
    }

    /// The contract's type, with the formats that its dates and times have.
    pub fn column_type(&self, dates: &DateFormat, times: &TimeFormat) -> Result<ColumnType, String> {
        Ok(match self {
            TypeName::Text => ColumnType::Text,
            TypeName::Bigint => ColumnType::Integer,
            TypeName::Boolean => ColumnType::Boolean,
            TypeName::Date => ColumnType::Date { format: dates.clone() },
            TypeName::Timestamp => ColumnType::Timestamp { format: times.clone() },
            TypeName::Decimal(precision, scale) => ColumnType::Decimal { precision: *precision, scale: *scale },
            TypeName::Double => {
                return Err("an extract has no `double`: name its digits with decimal(p,s)".to_string());
            }
            TypeName::List(item) => ColumnType::List(Box::new(item.column_type(dates, times)?)),
            TypeName::Struct(fields) => ColumnType::Struct(
                fields
                    .iter()
                    .map(|(name, kind)| Ok((name.clone(), kind.column_type(dates, times)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }

    /// Whether the type is, or holds, the other.
    pub fn holds(&self, other: &TypeName) -> bool {
        self == other
            || match self {
                TypeName::List(item) => item.holds(other),
                TypeName::Struct(fields) => fields.iter().any(|(_, kind)| kind.holds(other)),
                _ => false,
            }
    }

    pub fn is_nested(&self) -> bool {
        matches!(self, TypeName::List(_) | TypeName::Struct(_))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn kind(&mut self) -> Result<TypeName, String> {
        let name = self.word();
        match name.as_str() {
            "text" => Ok(TypeName::Text),
            "bigint" => Ok(TypeName::Bigint),
            "boolean" => Ok(TypeName::Boolean),
            "date" => Ok(TypeName::Date),
            "timestamp" => Ok(TypeName::Timestamp),
            "double" => Ok(TypeName::Double),
            "decimal" => self.decimal(),
            "list" => {
                self.expect('<')?;
                let item = self.kind()?;
                self.expect('>')?;
                Ok(TypeName::List(Box::new(item)))
            }
            "struct" => self.fields(),
            "" => Err("a type's name is missing".to_string()),
            other => Err(unknown(other)),
        }
    }

    fn decimal(&mut self) -> Result<TypeName, String> {
        self.expect('(')?;
        let precision = self.word();
        self.expect(',')?;
        let scale = self.word();
        self.expect(')')?;
        match (precision.parse::<u8>(), scale.parse::<i8>()) {
            (Ok(p), Ok(s)) if (1..=38).contains(&p) && s >= 0 && s as u8 <= p => Ok(TypeName::Decimal(p, s)),
            _ => Err(format!(
                "`decimal({precision},{scale})`: digits in all are 1 to 38, and at most as many stand behind the point"
            )),
        }
    }

    fn fields(&mut self) -> Result<TypeName, String> {
        self.expect('<')?;
        let mut fields: Vec<(String, TypeName)> = Vec::new();
        loop {
            let name = self.word();
            if name.is_empty() {
                return Err("a struct's field has no name: struct<name: type, …>".to_string());
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(format!("a struct has the field `{name}` twice"));
            }
            self.expect(':')?;
            fields.push((name, self.kind()?));
            if !self.take(',') {
                break;
            }
        }
        self.expect('>')?;
        Ok(TypeName::Struct(fields))
    }

    fn word(&mut self) -> String {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.rest = &rest[end..];
        rest[..end].to_string()
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(c) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        match self.take(c) {
            true => Ok(()),
            false => Err(match self.rest.trim() {
                "" => format!("`{c}` is missing at the end"),
                rest => format!("expected `{c}`, found `{rest}`"),
            }),
        }
    }
}

fn unknown(name: &str) -> String {
    let lower = name.to_lowercase();
    let names = ["text", "bigint", "boolean", "date", "timestamp", "decimal", "double", "list", "struct"];
    let meant = SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == lower)
        .map(|(_, ours)| (*ours).to_string())
        .or_else(|| super::suggest::nearest(&lower, names).map(str::to_string));
    match meant {
        Some(meant) => format!("unknown type `{name}`, did you mean `{meant}`?"),
        None => format!("unknown type `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_types_are_the_engines() {
        for (text, expected) in [
            ("text", DataType::Utf8),
            ("bigint", DataType::Int64),
            ("double", DataType::Float64),
            ("decimal(18,2)", DataType::Decimal128(18, 2)),
            (" decimal( 38 , 0 ) ", DataType::Decimal128(38, 0)),
            ("timestamp", utc_micros()),
            ("list<text>", DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))),
        ] {
            assert_eq!(ModelType::parse(text).map(|t| t.data_type), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nested_types_equal_the_contracts() {
        let text = "list<struct<type: text, public: boolean, at: timestamp>>";
        let name = TypeName::parse(text).unwrap();
        let kind = name.column_type(&DateFormat::Iso, &TimeFormat::EpochSeconds).unwrap();
        assert_eq!(kind.data_type(), ModelType::parse(text).unwrap().data_type);
        assert!(name.holds(&TypeName::Timestamp) && !name.holds(&TypeName::Date));
    }

    #[test]
    fn wrong_types_say_what_would_be_right() {
        for (text, part) in [
            ("string", "did you mean `text`"),
            ("txt", "did you mean `text`"),
            ("decimal", "`(` is missing"),
            ("decimal(39,2)", "1 to 38"),
            ("decimal(5,6)", "behind the point"),
            ("list<text", "`>` is missing"),
            ("struct<a text>", "expected `:`"),
            ("struct<a: text, a: text>", "twice"),
            ("text>", "follows a complete type"),
            ("", "missing"),
        ] {
            let error = TypeName::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
