//! `$as_of` and its like: typed values that are put into the parsed SQL, never into its text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    Statement, Value, visit_expressions, visit_expressions_mut,
};

use crate::config::project::{Project, SettingValue};

/// The clock of a run.
pub const AS_OF: &str = "as_of";
/// The project's zone.
pub const TIME_ZONE: &str = "time_zone";

/// Values by name, without the `$`.
#[derive(Debug, Clone)]
pub struct Parameters(BTreeMap<String, Parameter>);

#[derive(Debug, Clone, PartialEq)]
enum Parameter {
    Time(DateTime<Utc>),
    Number(String),
    Text(String),
    Flag(bool),
}

impl Parameters {
    /// The run's clock, the project's zone and each of its settings.
    pub fn new(project: &Project, as_of: DateTime<Utc>) -> Parameters {
        let mut values: BTreeMap<String, Parameter> = project
            .settings
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    SettingValue::Integer(n) => Parameter::Number(n.to_string()),
                    SettingValue::Decimal(text) => Parameter::Number(text.clone()),
                    SettingValue::Text(text) => Parameter::Text(text.clone()),
                    SettingValue::Boolean(flag) => Parameter::Flag(*flag),
                };
                (name.clone(), value)
            })
            .collect();
        values.insert(AS_OF.into(), Parameter::Time(as_of));
        values.insert(TIME_ZONE.into(), Parameter::Text(project.time_zone.name().into()));
        Parameters(values)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value as text, for a model's fingerprint.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| match value {
            Parameter::Time(t) => t.to_rfc3339_opts(SecondsFormat::Micros, true),
            Parameter::Number(text) | Parameter::Text(text) => text.clone(),
            Parameter::Flag(flag) => flag.to_string(),
        })
    }

    /// Puts the values in place of the placeholders of a parsed statement.
    pub fn bind(&self, statement: &mut DfStatement) {
        let DfStatement::Statement(statement) = statement else { return };
        let _ = visit_expressions_mut(statement.as_mut(), |expr| {
            if let Some(value) = placeholder(expr).and_then(|name| self.0.get(&name)) {
                *expr = value.literal();
            }
            ControlFlow::<()>::Continue(())
        });
    }
}

impl Parameter {
    fn literal(&self) -> Expr {
        match self {
            Parameter::Number(text) if text.starts_with('-') => Expr::Nested(Box::new(Expr::UnaryOp {
                op: datafusion::sql::sqlparser::ast::UnaryOperator::Minus,
                expr: Box::new(value(Value::Number(text[1..].to_string(), false))),
            })),
            Parameter::Number(text) => value(Value::Number(text.clone(), false)),
            Parameter::Text(text) => value(Value::SingleQuotedString(text.clone())),
            Parameter::Flag(flag) => value(Value::Boolean(*flag)),
            Parameter::Time(t) => call(
                "arrow_cast",
                vec![
                    value(Value::SingleQuotedString(t.to_rfc3339_opts(SecondsFormat::Micros, true))),
                    value(Value::SingleQuotedString("Timestamp(Microsecond, Some(\"UTC\"))".into())),
                ],
            ),
        }
    }
}

fn value(value: Value) -> Expr {
    Expr::Value(value.into())
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

fn placeholder(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name.trim_start_matches('$').to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The placeholders that a statement uses.
pub fn used(statement: &Statement) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = visit_expressions(statement, |expr| {
        names.extend(placeholder(expr));
        ControlFlow::<()>::Continue(())
    });
    names
}
