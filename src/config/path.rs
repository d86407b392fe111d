//! Where a value stands in the source row: `via.channel`, `custom_fields[id=36].value`, `tags[^topic_]`.
//!
//! ```text
//! path  = field { "." field | "[" name "=" value "]" | "[^" prefix "]" }
//! field = any characters but . [ ] ' "   or   anything in quotes ('Name, given', "a.b")
//! ```

use crate::contract::{PathStep, SourcePath};

/// Parses a path, or says what is wrong with it.
pub fn parse(text: &str) -> Result<SourcePath, String> {
    let mut rest = text;
    let mut steps = vec![PathStep::Field(field(&mut rest)?)];
    while let Some(next) = rest.chars().next() {
        if matches!(steps.last(), Some(PathStep::Prefixed(_))) {
            return Err(format!("nothing can follow `[^…]`, which picks a text, but `{rest}` does"));
        }
        rest = &rest[next.len_utf8()..];
        steps.push(match next {
            '.' => PathStep::Field(field(&mut rest)?),
            '[' => selector(&mut rest)?,
            _ => return Err(format!("expected `.` or `[`, found `{next}{rest}`")),
        });
    }
    Ok(SourcePath { text: text.to_string(), steps })
}

/// The path of a column that names no source: its own name.
pub fn of_name(name: &str) -> SourcePath {
    SourcePath { text: name.to_string(), steps: vec![PathStep::Field(name.to_string())] }
}

fn field(rest: &mut &str) -> Result<String, String> {
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let inner = &rest[1..];
        let end = inner.find(quote).ok_or_else(|| format!("the quote {quote} is never closed"))?;
        *rest = &inner[end + 1..];
        return match end {
            0 => Err("a field's name is empty".to_string()),
            _ => Ok(inner[..end].to_string()),
        };
    }
    let end = rest.find(['.', '[', ']', '\'', '"']).unwrap_or(rest.len());
    let name = &rest[..end];
    if name.is_empty() {
        return Err("a field's name is empty".to_string());
    }
    if name.trim() != name {
        return Err(format!("blanks around `{}`; put the name in quotes if they belong to it", name.trim()));
    }
    *rest = &rest[end..];
    Ok(name.to_string())
}

fn selector(rest: &mut &str) -> Result<PathStep, String> {
    let end = rest.find(']').ok_or("`[` is never closed by `]`")?;
    let inner = &rest[..end];
    *rest = &rest[end + 1..];
    if let Some(prefix) = inner.strip_prefix('^') {
        return match prefix {
            "" => Err("`[^]` names no prefix".to_string()),
            _ => Ok(PathStep::Prefixed(prefix.to_string())),
        };
    }
    match inner.split_once('=') {
        Some((field, value)) if !field.is_empty() && !value.is_empty() => {
            Ok(PathStep::Where { field: field.to_string(), value: value.to_string() })
        }
        _ => Err(format!("`[{inner}]` is neither `[field=value]` nor `[^prefix]`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(name: &str) -> PathStep {
        PathStep::Field(name.to_string())
    }

    #[test]
    fn good_paths() {
        let by_id = PathStep::Where { field: "id".into(), value: "360000000101".into() };
        for (text, steps) in [
            ("name", vec![f("name")]),
            ("Straße Nr", vec![f("Straße Nr")]),
            ("via.channel", vec![f("via"), f("channel")]),
            ("custom_fields[id=360000000101].value", vec![f("custom_fields"), by_id, f("value")]),
            ("tags[^topic_]", vec![f("tags"), PathStep::Prefixed("topic_".into())]),
            ("'a.b'.\"c'd\"", vec![f("a.b"), f("c'd")]),
            ("a.tags[^x:]", vec![f("a"), f("tags"), PathStep::Prefixed("x:".into())]),
        ] {
            assert_eq!(parse(text).map(|p| p.steps), Ok(steps), "{text}");
        }
    }

    #[test]
    fn bad_paths() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a[", "a[]", "a[id]", "a[id=]", "a[=1]", "a[^]", "a[^x].b", "a]", "'a", "''",
            "a b .c", "'a'b", "[id=1]",
        ] {
            assert!(parse(text).is_err(), "{text:?} was taken");
        }
    }
}
