//! Small CSV files that people write: rows with their lines.

use crate::error::Diagnostic;

/// The rows below the header of a file that people sign, whose columns must be exactly these. `what` it is a list of.
pub fn signed(path: &str, text: &str, what: &str, columns: &[&str], findings: &mut Vec<Diagnostic>) -> Vec<Row> {
    let mut rows = match rows(text) {
        Ok(rows) => rows.into_iter(),
        Err((line, message)) => {
            findings.push(Diagnostic::new(message).at(path, Some(line)).hint("close the quote"));
            return Vec::new();
        }
    };
    if rows.next().is_none_or(|(_, fields)| fields != columns) {
        findings.push(
            Diagnostic::new(format!("the header is not that of a list of {what}"))
                .at(path, Some(1))
                .hint(format!("the first line must be: {}", columns.join(","))),
        );
        return Vec::new();
    }
    rows.collect()
}

/// The line on which a row begins, and its fields.
pub type Row = (u64, Vec<String>);

/// The rows of a small CSV text with the line on which each begins. Empty lines are passed over.
fn rows(text: &str) -> Result<Vec<Row>, (u64, String)> {
    let mut rows = Vec::new();
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut line, mut start) = (1, 1);
    let (mut quoted, mut was_quoted, mut opened) = (false, false, 1);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        }
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            _ if quoted => field.push(c),
            '"' if field.is_empty() && !was_quoted => (quoted, was_quoted, opened) = (true, true, line),
            ',' => {
                fields.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                if !(fields.is_empty() && field.is_empty() && !was_quoted) {
                    fields.push(std::mem::take(&mut field));
                    rows.push((start, std::mem::take(&mut fields)));
                }
                (was_quoted, start) = (false, line);
            }
            '"' => return Err((line, "a quote inside a field that is not quoted".to_string())),
            _ => field.push(c),
        }
    }
    if quoted {
        return Err((opened, "a quote is never closed".to_string()));
    }
    if !(fields.is_empty() && field.is_empty() && !was_quoted) {
        fields.push(field);
        rows.push((start, fields));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_newlines_and_a_missing_last_newline() {
        let read = rows("a,b\r\n\"x, \"\"y\"\"\nz\",2\n\nlast,").unwrap();
        let expected: Vec<Row> = vec![
            (1, vec!["a".into(), "b".into()]),
            (2, vec!["x, \"y\"\nz".into(), "2".into()]),
            (5, vec!["last".into(), String::new()]),
        ];
        assert_eq!(read, expected);
        assert_eq!(rows("a,\"b\nc").unwrap_err().0, 1);
        assert_eq!(rows("a\nb\"c\"").unwrap_err().0, 2);
    }
}
