//! What has changed since the last folder: rules line by line, settings, versions, tables and results of checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::describe::setting;
use super::difference::{self, Mark};
use super::material::{Before, Material, Rules, is_rule, text};
use super::page::{Chapter, count};
use crate::output::escaped;
use crate::pages::{Language, Table};

pub fn chapter(material: &Material) -> Chapter {
    let language = material.language;
    let Some(before) = &material.before else {
        let mut chapter = Chapter::new(
            "changes",
            language.pick("Changes", "Änderungen"),
            language.pick("What has changed since the last folder.", "Was sich seit der letzten Mappe geändert hat."),
        );
        chapter.text(
            language.pick("This is the first run: everything is new.", "Dies ist der erste Lauf: Alles ist neu."),
        );
        return chapter;
    };
    let run = before.stored.manifest.run;
    let mut chapter = Chapter::new(
        "changes",
        format!("{} {run}", language.pick("Changes since run", "Änderungen seit Lauf")),
        language.pick(
            "Every rule, setting and version that is another one than then, and what came of it.",
            "Jede Regel, Einstellung und Version, die seither eine andere ist, und was daraus wurde.",
        ),
    );
    values(&mut chapter, material, before);
    files(&mut chapter, material, before);
    tables(&mut chapter, material, before);
    results(&mut chapter, material, before);
    chapter
}

/// What two mappings say differently: name, before, now.
fn differing(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<[String; 3]> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let value = |of: &BTreeMap<String, String>, name: &str| of.get(name).cloned().unwrap_or_else(|| "–".to_string());
    let rows = names.into_iter().map(|name| [name.clone(), value(before, name), value(now, name)]);
    rows.filter(|[_, before, now]| before != now).collect()
}

fn values(chapter: &mut Chapter, material: &Material, before: &Before) {
    let (language, now, then) = (material.language, material.manifest(), &before.stored.manifest);
    chapter.heading(language.pick("Versions, settings, parameters", "Versionen, Einstellungen, Parameter"));
    let settings = |rules: Option<&Rules>| -> BTreeMap<String, String> {
        let settings = rules.into_iter().flat_map(|r| &r.project.settings);
        settings.map(|(name, value)| (format!("${name}"), setting(value))).collect()
    };
    let mut rows = differing(&then.versions, &now.versions);
    match (&before.rules, &material.rules) {
        (Some(a), Ok(b)) => rows.extend(differing(&settings(Some(a)), &settings(Some(b)))),
        _ => chapter.text(language.pick(
            "The settings of one of the two runs cannot be read by this program: see the difference of uramaki.yaml.",
            "Die Einstellungen eines der beiden Läufe kann dieses Programm nicht lesen: siehe den Unterschied von uramaki.yaml.",
        )),
    }
    let given = |select: &[String], as_of: chrono::NaiveDate| -> BTreeMap<String, String> {
        [("as_of".to_string(), as_of.to_string()), ("select".to_string(), select.join(" "))].into()
    };
    rows.extend(differing(&given(&then.select, then.as_of), &given(&now.select, now.as_of)));
    let mut table =
        Table::new(&[language.pick("Name", "Name"), language.pick("Before", "Vorher"), language.pick("Now", "Jetzt")]);
    table.rows.extend(rows.into_iter().map(|row| row.to_vec()));
    none_or(
        chapter,
        language.pick("Versions, settings, parameters", "Versionen, Einstellungen, Parameter"),
        &table,
        language,
    );
}

fn none_or(chapter: &mut Chapter, caption: &str, table: &Table, language: Language) {
    match table.rows.is_empty() {
        true => chapter.text(language.pick("No change.", "Keine Änderung.")),
        false => chapter.table(caption, table),
    }
}

fn files(chapter: &mut Chapter, material: &Material, before: &Before) {
    let language = material.language;
    chapter.heading(language.pick("Files of the project", "Dateien des Projekts"));
    let paths: BTreeSet<&String> = before.sources.keys().chain(material.sources.keys()).collect();
    let mut table = Table::new(&[language.pick("File", "Datei"), language.pick("What happened", "Was geschah")]);
    let mut changed = Vec::new();
    for path in paths {
        let word = match (before.sources.get(path), material.sources.get(path)) {
            (None, _) => language.pick("added", "hinzugekommen"),
            (_, None) => language.pick("removed", "entfallen"),
            (Some(a), Some(b)) if a.sha256 == b.sha256 => continue,
            _ => language.pick("changed", "geändert"),
        };
        table.rows.push(vec![path.clone(), word.to_string()]);
        if is_rule(path) {
            changed.push(path);
        }
    }
    none_or(chapter, language.pick("Files of the project", "Dateien des Projekts"), &table, language);
    for path in changed {
        let old = text(&before.sources, path).unwrap_or_default();
        let new = text(&material.sources, path).unwrap_or_default();
        lines(chapter, path, old, new);
    }
}

fn lines(chapter: &mut Chapter, path: &str, old: &str, new: &str) {
    let mut out = format!(
        "<div class=\"entry\"><h4>{0}</h4>\n<pre tabindex=\"0\" class=\"source\" aria-label=\"{0}\"><code>",
        escaped(path)
    );
    for line in difference::excerpt(&difference::lines(old, new)) {
        let _ = match line {
            None => writeln!(out, "<span class=\"gap\">⋯</span>"),
            Some((Mark::Kept, line)) => writeln!(out, "  {}", escaped(line)),
            // Blocks of their own: they need no end of line.
            Some((Mark::Removed, line)) => write!(out, "<del>- {}</del>", escaped(line)),
            Some((Mark::Added, line)) => write!(out, "<ins>+ {}</ins>", escaped(line)),
        };
    }
    out.push_str("</code></pre></div>\n");
    chapter.raw(&out);
}

fn tables(chapter: &mut Chapter, material: &Material, before: &Before) {
    let (language, now, then) = (material.language, material.manifest(), &before.stored.manifest);
    chapter.heading(language.pick("Published tables", "Veröffentlichte Tabellen"));
    let mut table = Table::new(&[
        language.pick("Table", "Tabelle"),
        language.pick("#version before", "#Version vorher"),
        language.pick("#version now", "#Version jetzt"),
        language.pick("#rows before", "#Zeilen vorher"),
        language.pick("#rows now", "#Zeilen jetzt"),
    ]);
    let names: BTreeSet<&String> = then.tables.keys().chain(now.tables.keys()).collect();
    for name in names {
        let (a, b) = (then.tables.get(name), now.tables.get(name));
        if a.map(|t| &t.content) == b.map(|t| &t.content) {
            continue;
        }
        let number = |n: Option<u64>| n.map_or("–".to_string(), |n| count(language, n));
        table.rows.push(vec![
            name.clone(),
            number(a.map(|t| t.version)),
            number(b.map(|t| t.version)),
            number(a.map(|t| t.rows)),
            number(b.map(|t| t.rows)),
        ]);
    }
    none_or(chapter, language.pick("Published tables", "Veröffentlichte Tabellen"), &table, language);
}

fn results(chapter: &mut Chapter, material: &Material, before: &Before) {
    let language = material.language;
    chapter.heading(language.pick("Results of checks", "Ergebnisse von Prüfungen"));
    let of = |checks: &[crate::manifest::CheckRecord]| -> BTreeMap<String, String> {
        checks.iter().map(|c| (c.name.clone(), format!("{} ({})", count(language, c.offenders), c.severity))).collect()
    };
    let rows = differing(&of(&before.stored.manifest.checks), &of(&material.manifest().checks));
    let mut table = Table::new(&[
        language.pick("Check", "Prüfung"),
        language.pick("#Rows found before", "#Gefunden vorher"),
        language.pick("#Rows found now", "#Gefunden jetzt"),
    ]);
    table.rows.extend(rows.into_iter().map(|row| row.to_vec()));
    none_or(chapter, language.pick("Results of checks", "Ergebnisse von Prüfungen"), &table, language);
}
