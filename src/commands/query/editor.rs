//! The shell's line: when a statement ends, and what completes a word.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// The shell's own commands, as `.help` lists them.
pub const COMMANDS: [(&str, &str, &str); 7] = [
    (".tables", "[PART]", "the tables, or those with PART in their name"),
    (".schema", "TABLE", "a table's columns: type, unit, and what they mean"),
    (".run", "[N|last]", "the tables as run N published them; without N, which run this is"),
    (".format", "[table|csv|json]", "how answers are written"),
    (".rows", "[N]", "how many rows a table shows; 0: all"),
    (".help", "", "this list"),
    (".quit", "", "the end (so does Ctrl-D)"),
];

const KEYWORDS: &[&str] = &[
    "and",
    "as",
    "asc",
    "avg",
    "between",
    "by",
    "case",
    "cast",
    "coalesce",
    "count",
    "cross",
    "date",
    "desc",
    "describe",
    "distinct",
    "div_round",
    "else",
    "end",
    "except",
    "exists",
    "explain",
    "false",
    "first_value",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "interval",
    "is",
    "join",
    "last_value",
    "left",
    "like",
    "limit",
    "local_date",
    "max",
    "min",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "over",
    "partition",
    "qualify",
    "select",
    "sum",
    "then",
    "timestamp",
    "union",
    "when",
    "where",
];

/// A table that can be asked, with its columns.
#[derive(Debug, Clone)]
pub struct Known {
    /// `marts.customer_360`
    pub name: String,
    pub columns: Vec<String>,
}

/// Completes words from what a run has.
pub struct Words {
    tables: Vec<Known>,
}

/// The text's tokens; None where it is cut off inside a text or a comment.
pub fn tokens(text: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&GenericDialect {}, text).tokenize().ok()
}

/// Whether a person is done: a command of the shell, or statements of which the last has its `;`.
pub fn is_whole(text: &str) -> bool {
    if text.trim().is_empty() || text.trim_start().starts_with('.') {
        return true;
    }
    let last = |tokens: Vec<Token>| tokens.into_iter().rfind(|t| !matches!(t, Token::Whitespace(_)));
    tokens(text).is_some_and(|tokens| matches!(last(tokens), None | Some(Token::SemiColon)))
}

impl Words {
    pub fn new(tables: Vec<Known>) -> Words {
        Words { tables }
    }

    /// Where the word before `at` begins, and what it may become.
    fn candidates(&self, text: &str, at: usize) -> (usize, Vec<String>) {
        let before = &text[..at];
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
        let word = before[start..].to_lowercase();
        if text.trim_start().starts_with('.') {
            return (start, self.of_commands(&before[..start], &word));
        }
        let previous = before[..start].split_whitespace().next_back().map(str::to_lowercase);
        if matches!(previous.as_deref(), Some("from" | "join")) {
            return (start, self.of_tables(&word));
        }
        if let Some((of, part)) = word.rsplit_once('.') {
            let columns = self.called(text, of).into_iter().flat_map(|t| &t.columns);
            let columns =
                columns.filter(|c| c.starts_with(part)).map(|c| format!("{}.{c}", &before[start..start + of.len()]));
            let found: Vec<String> = columns.collect();
            return (start, if found.is_empty() { self.of_tables(&word) } else { found });
        }
        if word.is_empty() {
            return (start, Vec::new());
        }
        // Of the tables that the statement names, wherever it does; of all, as long as it names none.
        let named: Vec<&Known> = self.tables.iter().filter(|t| names(text, &t.name)).collect();
        let asked = if named.is_empty() { self.tables.iter().collect() } else { named };
        let columns: BTreeSet<&String> =
            asked.into_iter().flat_map(|t| &t.columns).filter(|c| c.starts_with(&word)).collect();
        let is_loud = before[start..].chars().all(|c| !c.is_lowercase());
        let keywords = KEYWORDS.iter().filter(|k| k.starts_with(&word));
        let keywords = keywords.map(|k| if is_loud { k.to_uppercase() } else { (*k).to_string() });
        (start, columns.into_iter().cloned().chain(keywords).chain(self.of_tables(&word)).collect())
    }

    fn of_commands(&self, before: &str, word: &str) -> Vec<String> {
        let starting =
            |words: &[&str]| words.iter().filter(|w| w.starts_with(word)).map(|w| (*w).to_string()).collect();
        match before.trim() {
            "" => starting(&COMMANDS.map(|(name, ..)| name)),
            ".schema" | ".tables" => self.of_tables(word),
            ".format" => starting(&["table", "csv", "json"]),
            ".run" => starting(&["last"]),
            _ => Vec::new(),
        }
    }

    /// By the whole name, or by the part after its layer.
    fn of_tables(&self, word: &str) -> Vec<String> {
        let fits =
            |name: &str| name.starts_with(word) || name.split('.').next_back().is_some_and(|n| n.starts_with(word));
        self.tables.iter().map(|t| &t.name).filter(|n| fits(n)).cloned().collect()
    }

    /// The table that a statement calls so: by its name, without its layer, or by another name.
    fn called(&self, text: &str, name: &str) -> Option<&Known> {
        let own = |t: &&Known| t.name == name || t.name.split('.').next_back() == Some(name) && names(text, &t.name);
        if let Some(table) = self.tables.iter().find(own) {
            return Some(table);
        }
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';'))
            .filter(|w| !w.is_empty())
            .collect();
        let at = words.iter().enumerate().skip(1).find(|(i, word)| {
            let before = if words[i - 1] == "as" { i.checked_sub(2) } else { Some(i - 1) };
            **word == name && before.is_some_and(|b| self.tables.iter().any(|t| t.name == words[b]))
        })?;
        let table = words[if words[at.0 - 1] == "as" { at.0 - 2 } else { at.0 - 1 }];
        self.tables.iter().find(|t| t.name == table)
    }
}

fn names(text: &str, table: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.to_lowercase().match_indices(table).any(|(at, _)| {
        let after = text.get(at + table.len()..).and_then(|t| t.chars().next());
        !after.is_some_and(part)
    })
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = self.candidates(line, at);
        Ok((start, words.into_iter().map(|w| Pair { display: w.clone(), replacement: w }).collect()))
    }
}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for Words {}

impl Hinter for Words {
    type Hint = String;
}

impl Helper for Words {}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let table = |name: &str, columns: &[&str]| Known {
            name: name.to_string(),
            columns: columns.iter().map(|c| (*c).to_string()).collect(),
        };
        let words = Words::new(vec![
            table("marts.customer_360", &["customer_id", "revenue_eur"]),
            table("marts.friction", &["customer_id", "cost_eur", "rule"]),
            table("warehouse.fct_order", &["order_id", "ordered_at"]),
        ]);
        // The cursor stands at the bar.
        let at = text.find('|').unwrap();
        words.candidates(&text.replace('|', ""), at).1
    }

    #[test]
    fn statements_end_with_a_semicolon() {
        for whole in ["select 1;", "select 1; -- why\n", "", "  ", ".tables", "select ';' as a;", "-- nothing"] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in ["select 1", "select ';'", "select 'a;", "select 1; select 2", "select 1 /* ;", "select 1 -- ;"] {
            assert!(!is_whole(open), "{open}");
        }
    }

    #[test]
    fn tables_columns_and_keywords() {
        assert_eq!(words("select * from cust|"), ["marts.customer_360"]);
        assert_eq!(words("select * from marts.f|"), ["marts.friction"]);
        assert_eq!(words("SEL|"), ["SELECT"]);
        assert_eq!(words("select cust| from marts.friction"), ["customer_id", "marts.customer_360"]);
        assert_eq!(words("select co| from marts.friction"), ["cost_eur", "coalesce", "count"]);
        assert_eq!(words("select f.c| from marts.friction as f"), ["f.customer_id", "f.cost_eur"]);
        assert_eq!(words("select f.ru| from marts.friction f"), ["f.rule"]);
        assert_eq!(words("select friction.ru| from marts.friction"), ["friction.rule"]);
        assert_eq!(words("select o|"), ["order_id", "ordered_at", "offset", "on", "or", "order", "over"]);
        assert_eq!(words("select ü|"), Vec::<String>::new());
        assert_eq!(words(".sc|"), [".schema"]);
        assert_eq!(words(".schema fct|"), ["warehouse.fct_order"]);
        assert_eq!(words(".format c|"), ["csv"]);
        assert_eq!(words("|"), Vec::<String>::new());
    }
}
