//! YAML text → a JSON value that remembers on which line each part stands.
//!
//! Everything after this works on JSON pointers (`/objects/orders/key`); the document turns a pointer
//! back into a line. Keys that appear twice are errors, and all of them are found in one go.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};

use crate::error::Diagnostic;

/// One YAML file, read.
#[derive(Debug, Clone)]
pub struct Document {
    /// Relative to the project's root, `/`-separated.
    pub path: String,
    pub value: Value,
    lines: HashMap<String, u64>,
    /// Numbers with a point, as they were written: a float would not keep `0.10`.
    decimals: HashMap<String, String>,
}

impl Document {
    /// The line of the part that `pointer` names, or of the nearest part above it.
    pub fn line(&self, pointer: &str) -> u64 {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return *line;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return 1,
            }
        }
    }

    /// A finding about the part that `pointer` names.
    pub fn at(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at(self.path.clone(), Some(self.line(pointer)))
    }

    /// The text of a number as it was written.
    pub fn number_text(&self, pointer: &str, number: &Number) -> String {
        self.decimals.get(pointer).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// A JSON pointer, one part longer.
pub fn join(pointer: &str, part: &str) -> String {
    format!("{pointer}/{}", part.replace('~', "~0").replace('/', "~1"))
}

/// Reads one file. What can be read is returned even where keys are doubled (the first one counts), so
/// that the rest of the file can be checked in the same go.
pub fn read(path: &str, text: &str, findings: &mut Vec<Diagnostic>) -> Option<Document> {
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).to_string();
    // saphyr stops at the first doubled key. Giving each of them a name of its own, on its own line,
    // lets it read on.
    let mut doubled = 0;
    loop {
        let documents = match MarkedYaml::load_from_str(&text) {
            Ok(documents) => documents,
            Err(error) => {
                let mark = *error.marker();
                if error.info().contains("duplicated key") && doubled < MAX_DOUBLED {
                    let at = text.char_indices().nth(mark.index()).map_or(text.len(), |(at, _)| at);
                    text.insert_str(at, DOUBLED);
                    doubled += 1;
                    continue;
                }
                findings.push(
                    Diagnostic::new(format!("this is not YAML: {}", error.info()))
                        .at(path, Some(mark.line().max(1) as u64))
                        .hint("look at the indentation, and put text that holds `: ` or ` #`, or begins with one of {[*&!%@`, in quotes"),
                );
                return None;
            }
        };
        let [root] = documents.as_slice() else {
            let (message, hint) = match documents.is_empty() {
                true => ("the file is empty", "`uramaki schema` shows what belongs here"),
                false => ("the file holds more than one YAML document", "remove the lines `---` inside the file"),
            };
            findings.push(Diagnostic::new(message).at(path, Some(1)).hint(hint));
            return None;
        };
        let mut reader = Reader {
            text: &text,
            document: Document {
                path: path.to_string(),
                value: Value::Null,
                lines: HashMap::new(),
                decimals: HashMap::new(),
            },
            findings,
        };
        let value = reader.value(root, "");
        let mut document = reader.document;
        document.value = value;
        return Some(document);
    }
}

/// In front of a key that stands twice in one mapping. The character is one that no key holds.
const DOUBLED: &str = "\u{e000}";
/// A file with more doubled keys than this is not worth reading on.
const MAX_DOUBLED: usize = 100;

struct Reader<'a> {
    text: &'a str,
    document: Document,
    findings: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn value(&mut self, node: &MarkedYaml<'_>, pointer: &str) -> Value {
        let line = node.span.start.line() as u64;
        self.document.lines.entry(pointer.to_string()).or_insert(line);
        match &node.data {
            YamlData::Value(scalar) => self.scalar(scalar, node, pointer),
            YamlData::Sequence(items) => {
                let items = items.iter().enumerate();
                Value::Array(items.map(|(i, item)| self.value(item, &format!("{pointer}/{i}"))).collect())
            }
            YamlData::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    self.entry(&mut map, key, value, pointer);
                }
                Value::Object(map)
            }
            YamlData::Tagged(_, inner) => {
                self.complain(line, "tags (`!…`) mean nothing here", "put the text in quotes");
                self.value(inner, pointer)
            }
            YamlData::Representation(text, _, _) => Value::String(text.to_string()),
            YamlData::Alias(_) | YamlData::BadValue => {
                self.complain(line, "this value cannot be read", "put the text in quotes");
                Value::Null
            }
        }
    }

    fn entry(&mut self, map: &mut Map<String, Value>, key: &MarkedYaml<'_>, value: &MarkedYaml<'_>, pointer: &str) {
        let line = key.span.start.line() as u64;
        let Some(name) = self.key_text(key) else {
            self.complain(line, "a field's name must be text", "put the name in quotes");
            return;
        };
        if let Some(name) = name.strip_prefix(DOUBLED) {
            let name = name.trim_matches(|c| c == '"' || c == '\'' || c == '\u{e000}');
            let first = self.document.line(&join(pointer, name));
            self.complain(
                line,
                &format!("`{name}` stands twice in the same mapping"),
                &format!("it stands on line {first} already: remove one of the two"),
            );
            return;
        }
        let inner = join(pointer, &name);
        self.document.lines.insert(inner.clone(), line);
        let value = self.value(value, &inner);
        map.insert(name, value);
    }

    fn key_text(&self, key: &MarkedYaml<'_>) -> Option<String> {
        match &key.data {
            YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
            // A code such as `1067` or `true` names a value in a map: it is meant as it was written.
            YamlData::Value(Scalar::Null) => None,
            YamlData::Value(_) => Some(self.source(key)),
            _ => None,
        }
    }

    fn scalar(&mut self, scalar: &Scalar<'_>, node: &MarkedYaml<'_>, pointer: &str) -> Value {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Bool(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::String(text) => Value::String(text.to_string()),
            Scalar::FloatingPoint(value) => match Number::from_f64(value.into_inner()) {
                Some(number) => {
                    let written = self.source(node);
                    self.document.decimals.insert(pointer.to_string(), written);
                    Value::Number(number)
                }
                None => {
                    let line = node.span.start.line() as u64;
                    self.complain(line, "infinity and `.nan` are no numbers here", "write a number");
                    Value::Null
                }
            },
        }
    }

    /// A scalar as it stands in the file.
    fn source(&self, node: &MarkedYaml<'_>) -> String {
        let (start, end) = (node.span.start.index(), node.span.end.index());
        self.text.chars().skip(start).take(end.saturating_sub(start)).collect::<String>().trim().to_string()
    }

    fn complain(&mut self, line: u64, message: &str, hint: &str) {
        self.findings.push(Diagnostic::new(message).at(self.document.path.clone(), Some(line)).hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> (Option<Document>, Vec<(u64, String)>) {
        let mut findings = Vec::new();
        let document = read("a.yaml", text, &mut findings);
        (document, findings.into_iter().map(|f| (f.line.unwrap_or(0), f.message)).collect())
    }

    #[test]
    fn lines_of_keys_items_and_flow_mappings() {
        let (document, findings) = read_all("a: 1\nb:\n  - x\n  - {c: 2,\n     d/e: 3}\nü: {f: 0.10}\n");
        let document = document.unwrap();
        assert!(findings.is_empty());
        assert_eq!(document.line("/a"), 1);
        assert_eq!(document.line("/b"), 2);
        assert_eq!(document.line("/b/0"), 3);
        assert_eq!(document.line("/b/1/c"), 4);
        assert_eq!(document.line(&join("/b/1", "d/e")), 5);
        assert_eq!(document.line("/ü/f"), 6);
        assert_eq!(document.line("/ü/f/unknown/deep"), 6);
        let number = document.value["ü"]["f"].as_number().unwrap();
        assert_eq!(document.number_text("/ü/f", number), "0.10");
    }

    #[test]
    fn every_doubled_key_is_named() {
        let (document, findings) = read_all("a: 1\nb: {x: 1, x: 2}\na: 2\n\"b\": 3\na: 4\n");
        let document = document.unwrap();
        assert_eq!(document.value, serde_json::json!({"a": 1, "b": {"x": 1}}));
        let expected = [(2, "x"), (3, "a"), (4, "b"), (5, "a")]
            .map(|(line, key)| (line, format!("`{key}` stands twice in the same mapping")));
        assert_eq!(findings, expected);
    }

    #[test]
    fn text_that_other_yaml_readers_change() {
        let (document, findings) = read_all("no: NO\nzip: '01067'\n1067: x\ntrue: y\nempty:\n");
        assert!(findings.is_empty());
        let expected = serde_json::json!({"no": "NO", "zip": "01067", "1067": "x", "true": "y", "empty": null});
        assert_eq!(document.unwrap().value, expected);
    }

    #[test]
    fn what_is_not_yaml() {
        for (text, line) in [("a: [1, 2\nb: 3\n", 2), ("a: 1\n  b: 2\n", 2), ("", 1), ("a: 1\n---\nb: 2\n", 1)] {
            let (document, findings) = read_all(text);
            assert!(document.is_none(), "{text:?}");
            assert_eq!(findings.len(), 1, "{text:?}");
            assert!(findings[0].0.abs_diff(line) <= 1, "{text:?}: {findings:?}");
        }
    }
}
