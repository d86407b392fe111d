//! The balance of rows: what came in files, and what became of it, by the run's manifest.

use super::page::{Chapter, count};
use crate::manifest::Manifest;
use crate::pages::{Language, Table};

/// Whether what the manifest says of an object adds up.
fn adds_up(object: &crate::manifest::ObjectBalance) -> bool {
    object.rows == object.accepted + object.quarantined + object.repeated
        && object.accepted == object.keys + object.superseded + object.outdated
}

pub fn chapter(manifest: &Manifest, language: Language) -> Chapter {
    let mut chapter = Chapter::new(
        "balance",
        language.pick("Completeness: balance of rows", "Vollständigkeit: Zeilenbilanz"),
        language.pick(
            "Nothing is lost and nothing doubled: for every object, rows in files = accepted + quarantined + repeated, and accepted = keys + superseded + outdated.",
            "Nichts geht verloren, nichts zählt doppelt. Für jedes Objekt gilt: Zeilen in Dateien = angenommen + Quarantäne + wiederholt, und angenommen = Schlüssel + überholt + veraltet.",
        ),
    );
    let heads: [(&str, &str); 10] = [
        ("Object", "Objekt"),
        ("#files", "#Dateien"),
        ("#rows in files", "#Zeilen in Dateien"),
        ("#accepted", "#angenommen"),
        ("#quarantined", "#Quarantäne"),
        ("#repeated", "#wiederholt"),
        ("#keys", "#Schlüssel"),
        ("#superseded", "#überholt"),
        ("#outdated", "#veraltet"),
        ("adds up", "geht auf"),
    ];
    let mut table = Table::new(&heads.map(|(en, de)| language.pick(en, de)));
    let number = |n: u64| count(language, n);
    for (name, b) in &manifest.objects {
        table.rows.push(vec![
            name.clone(),
            number(b.files),
            number(b.rows),
            number(b.accepted),
            number(b.quarantined),
            number(b.repeated),
            number(b.keys),
            number(b.superseded),
            number(b.outdated),
            if adds_up(b) { language.pick("yes", "ja") } else { language.pick("NO", "NEIN") }.to_string(),
        ]);
    }
    chapter.table(language.pick("Balance of each object", "Bilanz je Objekt"), &table);
    chapter.text(language.pick(
        "Repeated: rows of files whose bytes came before. Superseded: older versions of a key. Outdated: rows of full snapshots before the newest. From staging on, checks compare rows and money; they stand in the internal control system.",
        "Wiederholt: Zeilen von Dateien, deren Bytes schon einmal kamen. Überholt: ältere Fassungen eines Schlüssels. Veraltet: Zeilen von Vollabzügen vor dem neuesten. Ab der Staging-Schicht vergleichen Prüfungen Zeilen und Beträge; sie stehen im internen Kontrollsystem.",
    ));
    chapter
}
