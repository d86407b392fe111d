//! What the shell remembers: one statement a line, as a JSON text, in the user's own folder and readable by nobody else.
//!
//! A statement may hold a customer's name or address. One that names a personal column beside a value is remembered for this shell only.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use datafusion::sql::sqlparser::tokenizer::Token;

use super::editor::tokens;

/// So many statements are kept.
const KEPT: usize = 1_000;

/// A file of statements. Without one, nothing is written.
pub struct History {
    path: Option<PathBuf>,
    personal: BTreeSet<String>,
}

impl History {
    /// `given`: what the user named; empty is nowhere. `personal`: names of columns that hold personal data.
    pub fn new(given: Option<&Path>, personal: BTreeSet<String>) -> History {
        let path = match given {
            Some(path) if path.as_os_str().is_empty() => None,
            Some(path) => Some(path.to_path_buf()),
            None => state_folder().map(|folder| folder.join("uramaki").join("history")),
        };
        History { path, personal }
    }

    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What earlier shells remembered, the oldest first. A line that cannot be read is left out.
    pub fn load(&self) -> Vec<String> {
        let Some(path) = &self.path else { return Vec::new() };
        let mut text = String::new();
        if File::open(path).and_then(|mut f| f.read_to_string(&mut text)).is_err() {
            return Vec::new();
        }
        let all: Vec<String> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let from = all.len().saturating_sub(KEPT);
        if all.len() > 2 * KEPT {
            // Shortened now and then. A shell that writes meanwhile loses a line at most.
            let lines: String = all[from..].iter().map(|s| line(s)).collect();
            let short = path.with_extension("short");
            let _ = private(&short, false).and_then(|mut f| f.write_all(lines.as_bytes()));
            let _ = fs::rename(&short, path);
        }
        all[from..].to_vec()
    }

    /// Whether a statement is written down.
    pub fn keeps(&self, statement: &str) -> bool {
        self.path.is_some() && !statement.starts_with(char::is_whitespace) && !self.is_personal(statement)
    }

    /// Writes a statement down, if it may be.
    pub fn add(&self, statement: &str) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if !self.keeps(statement) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        private(path, true)?.write_all(line(statement).as_bytes())
    }

    fn is_personal(&self, statement: &str) -> bool {
        // What is no SQL is not known well enough.
        let Some(tokens) = tokens(statement) else { return true };
        let mut has_value = false;
        let mut names_person = false;
        for token in &tokens {
            match token {
                Token::Word(word) => names_person |= self.personal.contains(&word.value.to_lowercase()),
                Token::Number(digits, _) => has_value |= digits.len() >= 6,
                Token::SingleQuotedString(text) if text.contains('@') => return true,
                Token::SingleQuotedString(_)
                | Token::NationalStringLiteral(_)
                | Token::EscapedStringLiteral(_)
                | Token::DollarQuotedString(_) => has_value = true,
                _ => {}
            }
        }
        has_value && names_person
    }
}

fn line(statement: &str) -> String {
    format!("{}\n", serde_json::Value::from(statement))
}

/// Where a user's programs keep such things: `$XDG_STATE_HOME`, else `~/.local/state`.
fn state_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    if cfg!(windows) {
        return named("LOCALAPPDATA");
    }
    named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local").join("state")))
}

#[cfg(unix)]
fn private(path: &Path, append: bool) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = OpenOptions::new().append(append).write(true).truncate(!append).create(true).mode(0o600).open(path)?;
    // One that was there before may have been open to others.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn private(path: &Path, append: bool) -> std::io::Result<File> {
    OpenOptions::new().append(append).write(true).truncate(!append).create(true).open(path)
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(path: &Path) -> History {
        History::new(Some(path), ["email".to_string(), "display_name".to_string()].into())
    }

    #[test]
    fn statements_come_back_and_personal_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("of/the user/history");
        let history = history(&path);
        for statement in [
            "select 1;",
            "select count(*)\nfrom marts.friction where rule = 'paid_twice';",
            "select display_name from marts.customer_360 limit 5;",
            ".tables",
            " select 'a blank before it';",
            "select * from marts.customer_360 where Display_Name like '%Eins%';",
            "select * from identity.record where \"email\" = 'x';",
            "select * from marts.customer_360 where lower(anything) = 'ada@example.org';",
            "select 'never closed",
        ] {
            history.add(statement).unwrap();
        }
        let kept = history.load();
        assert_eq!(
            kept,
            [
                "select 1;",
                "select count(*)\nfrom marts.friction where rule = 'paid_twice';",
                "select display_name from marts.customer_360 limit 5;",
                ".tables",
            ]
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
    }

    #[test]
    fn a_long_file_is_shortened_and_a_broken_line_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let history = history(&path);
        let lines: String = (0..2 * KEPT + 1).map(|n| line(&format!("select {n};"))).collect();
        fs::write(&path, format!("not JSON\n{lines}")).unwrap();
        assert_eq!(history.load().len(), KEPT);
        assert_eq!(history.load().last().map(String::as_str), Some("select 2000;"));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), KEPT);
    }

    #[test]
    fn nowhere_is_a_place_too() {
        let history = History::new(Some(Path::new("")), BTreeSet::new());
        history.add("select 1;").unwrap();
        assert!(history.load().is_empty());
    }
}
