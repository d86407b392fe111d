//! The house rules, read from the sources: what each room may import, how long a file may be, what must stand beside what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A room and the rooms that it may import, besides itself and `error`. Imports go down only.
///
/// main → commands → runs → stages → engine, catalog → store, config → error. Stages do not import one another: they meet in
/// named tables, and in the shared types of `manifest` and of `models` (how a table is written).
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("contract", &[]),
    ("store", &[]),
    ("config", &["contract"]),
    ("output", &[]),
    ("cli", &[]),
    ("manifest", &["store"]),
    ("engine", &["config", "contract"]),
    ("catalog", &["engine", "store"]),
    ("models", &["catalog", "config", "engine"]),
    // Stages.
    ("sources", &["store"]),
    ("landing", &["config", "contract", "manifest", "store"]),
    ("identity", &["config", "contract", "engine", "output"]),
    ("checks", &["config", "engine"]),
    ("sinks", &["config", "manifest", "output", "store"]),
    // Above them.
    (
        "runs",
        &[
            "catalog", "checks", "config", "contract", "engine", "identity", "landing", "manifest", "models", "output",
            "sinks", "sources", "store",
        ],
    ),
    // Tells who wants to know what a run did.
    ("lineage_events", &["checks", "config", "contract", "manifest", "models", "runs"]),
    // What the pages have in common.
    ("pages", &["output"]),
    // Read what runs have committed.
    ("report", &["config", "engine", "manifest", "output", "pages", "runs", "store"]),
    (
        "catalogue",
        &[
            "checks", "config", "contract", "engine", "identity", "landing", "manifest", "models", "output", "pages",
            "runs", "store",
        ],
    ),
    (
        "audit",
        &[
            "catalog", "checks", "config", "contract", "engine", "identity", "landing", "manifest", "models", "output",
            "pages", "runs", "sinks", "store",
        ],
    ),
    ("generate", &[]),
    (
        "commands",
        &[
            "audit",
            "catalogue",
            "cli",
            "config",
            "engine",
            "generate",
            "identity",
            "lineage_events",
            "manifest",
            "models",
            "output",
            "pages",
            "report",
            "runs",
            "sinks",
            "sources",
            "store",
        ],
    ),
    ("main", &["cli", "commands"]),
    ("lib", &[]),
];

/// Imports of shared types between stages: (room, what it imports, why).
const SHARED_TYPES: &[(&str, &str, &str)] = &[
    ("landing", "models::writer", "every Parquet file is written and hashed in one way"),
    ("landing", "sources::drop::Found", "what a source hands over is what landing takes"),
    ("sinks", "models::writer", "one way to hash, and to write Parquet"),
    ("manifest", "models::writer::sha256", "one way to hash"),
    ("checks", "models::writer::Observer", "checks look at rows while they are written"),
    ("identity", "landing::newest", "ages of records go by the order of landed files"),
];

const LONGEST: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder with this ending, relative to the repository.
fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let name = path.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} in {folder}");
    found
}

fn room(path: &str) -> String {
    let inside = path.strip_prefix("src/").expect("in src");
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_string()
}

/// What a file imports from the crate, `use` statements and paths alike: `models::writer::sha256`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Unit tests inside a file may look around.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let plain: String = code.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
    for start in ["crate::", "uramaki::"] {
        for (at, _) in plain.match_indices(start) {
            if plain[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            expand("", &plain[at + start.len()..], &mut found);
        }
    }
    found
}

/// `a::{b, c::d}` → `a::b`, `a::c::d`
fn expand(prefix: &str, rest: &str, found: &mut BTreeSet<String>) {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
    let path = format!("{prefix}{}", &rest[..end]);
    if !(rest[end..].starts_with('{') && path.ends_with("::") || path.is_empty() && rest.starts_with('{')) {
        found.insert(path.trim_end_matches(':').to_string());
        return;
    }
    let (mut depth, mut item) = (0, String::new());
    for c in rest[end + 1..].chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => expand(&path, std::mem::take(&mut item).trim(), found),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                item.push(c);
            }
        }
    }
    if !item.trim().is_empty() {
        expand(&path, item.trim(), found);
    }
}

#[test]
fn imports_are_understood() {
    let text = "use crate::a::{self, b::C, d::{e, F}};\n// crate::no\nfn f() { crate::g::h(1); mycrate::x(); }\n\
                #[cfg(test)]\nmod tests {\n use crate::t;\n}";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["a::b::C", "a::d::F", "a::d::e", "a::self", "g::h"]);
}

#[test]
fn imports_go_down_only() {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for (path, text) in sources("src", ".rs") {
        let room = room(&path);
        let allowed = rooms
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{path}: `{room}` is a new room: say in ROOMS what it may import"));
        for import in imports(&text) {
            let other = import.split("::").next().unwrap_or_default();
            if !rooms.contains_key(other) || other == room || other == "error" || allowed.contains(&other) {
                continue;
            }
            let shared = SHARED_TYPES.iter().position(|(from, what, _)| *from == room && import.starts_with(what));
            match shared {
                Some(at) => {
                    used.insert(at);
                }
                None => wrong.push(format!("{path} imports crate::{import}")),
            }
        }
    }
    assert!(wrong.is_empty(), "against the direction of the house: {wrong:#?}");
    let unused: Vec<_> = (0..SHARED_TYPES.len()).filter(|i| !used.contains(i)).map(|i| SHARED_TYPES[i]).collect();
    assert!(unused.is_empty(), "no longer needed, take it out: {unused:?}");
}

/// The rules themselves hold: no room may import one that may import it.
#[test]
fn rooms_have_no_circle() {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    fn reach<'a>(room: &'a str, rooms: &BTreeMap<&'a str, &'a [&'a str]>, seen: &mut BTreeSet<&'a str>) {
        for other in rooms.get(room).copied().unwrap_or_default() {
            if seen.insert(other) {
                reach(other, rooms, seen);
            }
        }
    }
    for room in rooms.keys() {
        let mut seen = BTreeSet::new();
        reach(room, &rooms, &mut seen);
        assert!(!seen.contains(room), "{room} reaches itself");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src", ".rs").into_iter().chain(sources("tests", ".rs")) {
        let head = text.lines().next().unwrap_or_default();
        if !head.starts_with("//! ") || head.len() < 12 {
            wrong.push(format!("{path} does not begin with `//! ` and what it is for"));
        }
    }
    let code = ["src", "sql", "scripts", "tests"].into_iter().flat_map(|f| match f {
        "sql" => [sources(f, ".sql"), sources(f, ".yml")].concat(),
        "scripts" => sources(f, ".py"),
        _ => sources(f, ".rs"),
    });
    for (path, text) in code {
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{path} has {lines} lines; at most {LONGEST}"));
        }
        let stem = path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        if ["utils", "util", "helper", "helpers", "manager", "misc"].contains(&stem) {
            wrong.push(format!("{path}: `{stem}` says nothing"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sql_and_yml_stand_beside_one_another() {
    let stems = |ending: &str| -> BTreeSet<String> {
        sources("sql", ending).into_iter().map(|(p, _)| p.trim_end_matches(ending).to_string()).collect()
    };
    let (sql, yml) = (stems(".sql"), stems(".yml"));
    assert_eq!(sql.symmetric_difference(&yml).collect::<Vec<_>>(), Vec::<&String>::new());
    let names: Vec<&str> = sql.iter().filter_map(|s| s.rsplit('/').next()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two models of one name");
}

/// Nothing but the store writes: a write that the fault points do not see could not be tested.
#[test]
fn the_warehouse_is_written_by_the_store_alone() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src", ".rs") {
        let room = room(&path);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let writes = ["PutOptions", ".put_opts(", ".put_multipart("].iter().any(|w| line.contains(w));
            let is_lock = path == "src/runs/lock.rs";
            if writes && room != "store" && !is_lock && !line.trim_start().starts_with("//") {
                wrong.push(format!("{path}:{}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "these write past src/store.rs: {wrong:#?}");
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in [root().to_path_buf(), root().join("docs"), root().join("testdata")] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        found.extend(entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "md")));
    }
    found.sort();
    found
}

#[test]
fn documents_are_there_and_their_links_lead_somewhere() {
    for name in ["README.md", "CHANGELOG.md", "LICENSE", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        assert!(root().join(name).is_file(), "{name} is missing");
    }
    let changes = std::fs::read_to_string(root().join("CHANGELOG.md")).expect("text");
    assert!(
        changes.contains(env!("CARGO_PKG_VERSION")) || changes.contains("Unreleased"),
        "CHANGELOG.md lacks this version"
    );
    let mut wrong = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).expect("text");
        let name = document.strip_prefix(root()).expect("inside").display().to_string();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
            let target = if file.is_empty() { document.clone() } else { document.with_file_name(file) };
            if !target.exists() {
                wrong.push(format!("{name}: {link}"));
            } else if let (Some(anchor), true) = (anchor, target.extension().is_some_and(|e| e == "md")) {
                let there = std::fs::read_to_string(&target).expect("text");
                if !headings(&there).contains(anchor) {
                    wrong.push(format!("{name}: {link} (no such heading)"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
}

/// The anchors of a document's headings, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    found
}
