//! The project's files: found in sorted order, each read once, never through a link that leads outside.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::project::ProjectFile;
use crate::error::Diagnostic;

pub const PROJECT_FILE: &str = "uramaki.yaml";
pub const RELEASES_FILE: &str = "quarantine-releases.csv";
pub const OVERRIDES_FILE: &str = "identity-overrides.csv";
pub const LABELS_FILE: &str = "identity-labels.csv";
pub const LINKAGE_FILE: &str = "identity.yaml";
pub const MODEL_FILE: &str = "identity-model.json";

/// Everything that was found and read, by path.
pub struct Files {
    pub all: Vec<ProjectFile>,
}

impl Files {
    /// Reads the project's files below `root` (which is canonical).
    pub fn read(root: &Path, findings: &mut Vec<Diagnostic>) -> Files {
        let mut walk = Walk { root, findings, found: Vec::new(), seen: HashSet::new() };
        for name in [PROJECT_FILE, RELEASES_FILE, OVERRIDES_FILE, LABELS_FILE, LINKAGE_FILE, MODEL_FILE] {
            if fs::symlink_metadata(root.join(name)).is_ok() {
                walk.visit(root.join(name), name.to_string(), &[]);
            }
        }
        for (folder, endings) in [("pipelines", &["yaml", "yml"][..]), ("sql", &["sql", "yml", "yaml"][..])] {
            if fs::symlink_metadata(root.join(folder)).is_ok() {
                walk.visit(root.join(folder), folder.to_string(), endings);
            }
        }
        let mut all = walk.found;
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Files { all }
    }

    pub fn get(&self, path: &str) -> Option<&ProjectFile> {
        self.all.iter().find(|file| file.path == path)
    }
}

impl ProjectFile {
    /// The digest of what tables are made from: of uramaki.yaml all but its sinks and the receiver of its events, of any other file all of it.
    pub fn sha256_without_sinks(&self) -> String {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        match (self.path == PROJECT_FILE).then(|| without_ways_out(text)).flatten() {
            Some(rest) => hex(&Sha256::digest(rest.as_bytes())),
            None => self.sha256.clone(),
        }
    }
}

/// What of uramaki.yaml says only where else a run tells its results.
const WAYS_OUT: [&str; 2] = ["sinks:", "openlineage:"];

/// The text without these blocks; None where there is none of them.
fn without_ways_out(text: &str) -> Option<String> {
    WAYS_OUT.into_iter().fold(None, |rest, key| {
        let without = without_block(rest.as_deref().unwrap_or(text), key);
        without.or(rest)
    })
}

/// The text without the block of a key and the blank lines and comments right before it; None where there is no such block.
fn without_block(text: &str, key: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let begins = lines.iter().position(|line| line.starts_with(key))?;
    // A key of a mapping's top level stands at the line's beginning, and only such a line ends a block.
    let is_inside = |line: &&str| line.trim().is_empty() || line.starts_with([' ', '\t', '#']);
    let ends = begins + 1 + lines[begins + 1..].iter().take_while(|line| is_inside(line)).count();
    let before = &lines[..begins];
    let kept = before.iter().rposition(|line| !line.trim().is_empty() && !line.starts_with('#')).map_or(0, |at| at + 1);
    Some([&before[..kept], &lines[ends..]].concat().concat())
}

/// A file's text, or a finding that it is none.
pub fn text<'a>(file: &'a ProjectFile, findings: &mut Vec<Diagnostic>) -> Option<&'a str> {
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let line = 1 + file.bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64;
            findings.push(
                Diagnostic::new("the file is not UTF-8").at(file.path.clone(), Some(line)).hint("save it as UTF-8"),
            );
            None
        }
    }
}

struct Walk<'a> {
    root: &'a Path,
    findings: &'a mut Vec<Diagnostic>,
    found: Vec<ProjectFile>,
    /// Folders that were entered, so that a link cannot lead round in a circle.
    seen: HashSet<PathBuf>,
}

impl Walk<'_> {
    fn visit(&mut self, path: PathBuf, name: String, endings: &[&str]) {
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                return self.complain(&name, format!("cannot be read: {error}"), "remove it, or mend the link");
            }
        };
        if !real.starts_with(self.root) {
            let hint = "copy the file into the project: a run is a function of the project's own files";
            return self.complain(&name, "is a link that leads outside the project".to_string(), hint);
        }
        if real.is_dir() {
            return self.folder(&real, &path, &name, endings);
        }
        // `endings` is empty for the files that are named one by one.
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        if !endings.is_empty() && !endings.contains(&ending) {
            return;
        }
        match fs::read(&real) {
            Ok(bytes) => {
                let sha256 = hex(&Sha256::digest(&bytes));
                self.found.push(ProjectFile { path: name, bytes, sha256 });
            }
            Err(error) => self.complain(&name, format!("cannot be read: {error}"), "look at its permissions"),
        }
    }

    fn folder(&mut self, real: &Path, path: &Path, name: &str, endings: &[&str]) {
        if endings.is_empty() {
            return self.complain(name, "is a folder, not a file".to_string(), "remove it");
        }
        if !self.seen.insert(real.to_path_buf()) {
            let hint = "remove the link: each file of the project has one place";
            return self.complain(name, "is a link to a folder that is read already".to_string(), hint);
        }
        let entries = match fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
            Ok(entries) => entries,
            Err(error) => {
                return self.complain(name, format!("cannot be read: {error}"), "look at its permissions");
            }
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for child in names {
            match child.to_str() {
                // An editor's own files.
                Some(text) if text.starts_with('.') || text.ends_with('~') => {}
                Some(text) => self.visit(path.join(text), format!("{name}/{text}"), endings),
                None => {
                    let shown = format!("{name}/{}", child.to_string_lossy());
                    self.complain(&shown, "has a name that is not UTF-8".to_string(), "rename it");
                }
            }
        }
    }

    fn complain(&mut self, name: &str, message: String, hint: &str) {
        self.findings.push(Diagnostic::new(format!("`{name}` {message}")).at(name, None).hint(hint));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_are_no_part_of_what_tables_are_made_from() {
        let plain = "name: x\nsettings:\n  # days\n  a: 1\n";
        assert_eq!(without_ways_out(plain), None);
        for with in [
            format!("{plain}sinks:\n  csv: {{kind: csv, folder: out}}\n"),
            format!("{plain}\n# Ways out.\nsinks:\n\n  # one\n  csv:\n    kind: csv\n"),
            plain.replace("settings:", "sinks:\n  csv: {kind: csv}\nsettings:"),
            format!("{plain}# Who listens.\nopenlineage:\n  url: https://example.org\n"),
            format!("{plain}openlineage: {{file: events.jsonl}}\nsinks:\n  csv: {{kind: csv}}\n"),
        ] {
            assert_eq!(without_ways_out(&with).as_deref(), Some(plain), "{with}");
        }
    }
}
