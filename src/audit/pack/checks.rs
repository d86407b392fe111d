//! The internal control system: which checks were made, how they are meant, and what they found.

use std::collections::BTreeMap;

use super::material::Material;
use super::page::{Chapter, count};
use crate::checks;
use crate::manifest::CheckRecord;
use crate::pages::{Language, Table};

/// What the project says of a check, by the check's name.
pub fn descriptions(material: &Material) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Ok(rules) = &material.rules else { return found };
    for check in &rules.graph.checks {
        found.insert(format!("check {}", check.file.name), check.file.description.clone());
    }
    for model in rules.graph.models.values() {
        for check in checks::of_model(&model.file) {
            if let checks::Rule::Row(condition) = check.rule {
                found.insert(check.name, condition);
            }
        }
    }
    found
}

/// The table that a check is declared at; None: a query of its own.
fn table_of(check: &CheckRecord) -> Option<&str> {
    if check.name.starts_with("check ") {
        return None;
    }
    let place = check.name.split(':').next()?;
    let end = place.match_indices('.').nth(1).map_or(place.len(), |(at, _)| at);
    place.get(..end)
}

pub fn chapter(material: &Material) -> Chapter {
    let (language, manifest) = (material.language, material.manifest());
    let mut chapter = Chapter::new(
        "control",
        language.pick("Internal control system: checks and results", "Internes Kontrollsystem: Prüfungen und Ergebnisse"),
        language.pick(
            "A check names rows that must not exist. One of severity error that finds any publishes nothing; one of severity warn is reported.",
            "Eine Prüfung nennt Zeilen, die es nicht geben darf. Findet eine der Schwere error welche, wird nichts veröffentlicht; eine der Schwere warn wird gemeldet.",
        ),
    );
    chapter.heading(
        language.pick("Controls that the program itself has", "Kontrollen, die das Programm selbst mitbringt"),
    );
    chapter.list(&controls(language));
    let found: Vec<&CheckRecord> = manifest.checks.iter().filter(|c| c.offenders > 0).collect();
    chapter.heading(language.pick("Result", "Ergebnis"));
    let made = manifest.checks.len() as u64;
    let errors = manifest.checks.iter().filter(|c| c.severity == "error").count() as u64;
    chapter.facts(&[
        (language.pick("Checks made", "Prüfungen"), count(language, made)),
        (language.pick("of severity error", "der Schwere error"), count(language, errors)),
        (language.pick("without a finding", "ohne Befund"), count(language, made - found.len() as u64)),
        (language.pick("with findings", "mit Befund"), count(language, found.len() as u64)),
    ]);
    let told = descriptions(material);
    let of = |check: &CheckRecord| told.get(&check.name).cloned().unwrap_or_default();
    if !found.is_empty() {
        let mut table = Table::new(&[
            language.pick("Check", "Prüfung"),
            language.pick("Severity", "Schwere"),
            language.pick("#rows found", "#gefundene Zeilen"),
            language.pick("What it says", "Was sie sagt"),
        ]);
        for check in &found {
            table.rows.push(vec![
                check.name.clone(),
                check.severity.clone(),
                count(language, check.offenders),
                of(check),
            ]);
        }
        chapter.table(language.pick("Checks with findings", "Prüfungen mit Befund"), &table);
    }
    chapter.heading(language.pick("Checks that compare tables", "Prüfungen, die Tabellen vergleichen"));
    let mut table = Table::new(&[
        language.pick("Check", "Prüfung"),
        language.pick("Severity", "Schwere"),
        language.pick("#rows found", "#gefundene Zeilen"),
        language.pick("What must hold", "Was gelten muss"),
    ]);
    for check in manifest.checks.iter().filter(|c| table_of(c).is_none()) {
        let name = check.name.trim_start_matches("check ").to_string();
        table.rows.push(vec![name, check.severity.clone(), count(language, check.offenders), of(check)]);
    }
    chapter.table(language.pick("Checks that compare tables", "Prüfungen, die Tabellen vergleichen"), &table);
    chapter
        .heading(language.pick("Checks of rows and columns, by table", "Prüfungen von Zeilen und Spalten, je Tabelle"));
    let mut tables: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for check in &manifest.checks {
        let Some(name) = table_of(check) else { continue };
        let counts = tables.entry(name).or_default();
        counts[0] += 1;
        counts[1] += u64::from(check.severity == "error");
        counts[2] += u64::from(check.offenders > 0);
        counts[3] += check.offenders;
    }
    let mut table = Table::new(&[
        language.pick("Table", "Tabelle"),
        language.pick("#checks", "#Prüfungen"),
        language.pick("#severity error", "#Schwere error"),
        language.pick("#with findings", "#mit Befund"),
        language.pick("#rows found", "#gefundene Zeilen"),
    ]);
    for (name, counts) in tables {
        let mut row = vec![name.to_string()];
        row.extend(counts.map(|n| count(language, n)));
        table.rows.push(row);
    }
    chapter.table(language.pick("Checks by table", "Prüfungen je Tabelle"), &table);
    chapter.text(language.pick(
        "Each single check with its result stands in checks.csv.",
        "Jede einzelne Prüfung mit ihrem Ergebnis steht in checks.csv.",
    ));
    chapter
}

fn controls(language: Language) -> Vec<String> {
    [
        (
            "Input: each file is read by a contract; a file without the wanted columns, cut off, or with control totals that do not balance is refused.",
            "Eingabe: Jede Datei wird nach Vertrag gelesen; fehlen Spalten, ist sie abgeschnitten oder gehen Kontrollsummen nicht auf, wird sie abgewiesen.",
        ),
        (
            "Completeness: rows read = rows landed + rows in quarantine, for every file; a file is loaded once, by its digest.",
            "Vollständigkeit: gelesene Zeilen = gelandete Zeilen + Zeilen in Quarantäne, für jede Datei; eine Datei wird einmal geladen, nach ihrer Prüfsumme.",
        ),
        (
            "Processing: no clock, no chance and no number of threads reaches a table; the same inputs and rules give the same bytes.",
            "Verarbeitung: Keine Uhr, kein Zufall und keine Zahl von Threads erreicht eine Tabelle; gleiche Eingaben und Regeln ergeben gleiche Bytes.",
        ),
        (
            "Keys: the key of each table is checked unique and not empty at every run.",
            "Schlüssel: Der Schlüssel jeder Tabelle wird bei jedem Lauf auf Eindeutigkeit und Vorhandensein geprüft.",
        ),
        (
            "Publication: all or nothing, by one manifest that is put only if there is none of its number.",
            "Veröffentlichung: alles oder nichts, durch ein Manifest, das nur geschrieben wird, wenn es keines seiner Nummer gibt.",
        ),
        (
            "Immutability: files are named by their digests and never changed; manifests are chained by digest.",
            "Unveränderbarkeit: Dateien heißen nach ihrer Prüfsumme und werden nie geändert; Manifeste sind über Prüfsummen verkettet.",
        ),
    ]
    .map(|(en, de)| language.pick(en, de).to_string())
    .into()
}
