//! The balance: what came in files, and what became of it, by the run's manifest; then rows and money on their way to the marts.

use super::material::Material;
use super::page::{Chapter, count};
use crate::audit::balance::Step;
use crate::pages::{Language, Table};

/// Whether what the manifest says of an object adds up.
fn adds_up(object: &crate::manifest::ObjectBalance) -> bool {
    object.rows == object.accepted + object.quarantined + object.repeated
        && object.accepted == object.keys + object.superseded + object.outdated
}

pub fn chapter(material: &Material) -> Chapter {
    let (manifest, language) = (material.manifest(), material.language);
    let mut chapter = Chapter::new(
        "balance",
        language.pick("Completeness: balance of rows and money", "Vollständigkeit: Bilanz der Zeilen und Beträge"),
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
        "Repeated: rows of files whose bytes came before. Superseded: older versions of a key. Outdated: rows of full snapshots before the newest.",
        "Wiederholt: Zeilen von Dateien, deren Bytes schon einmal kamen. Überholt: ältere Fassungen eines Schlüssels. Veraltet: Zeilen von Vollabzügen vor dem neuesten.",
    ));
    on_their_way(material, &mut chapter);
    chapter
}

/// Each step of `audit balance`: what the sources state, landed, quarantined, superseded and staged rows, facts, marts.
fn on_their_way(material: &Material, chapter: &mut Chapter) {
    let language = material.language;
    let balance = match &material.balance {
        Ok(balance) => balance,
        Err(error) => {
            let why = error.findings.first().map(|f| f.message.as_str()).unwrap_or_default();
            let text = language
                .pick("Rows and money could not be balanced: ", "Zeilen und Beträge ließen sich nicht bilanzieren: ");
            chapter.text(&format!("{text}{why}"));
            return;
        }
    };
    chapter.text(language.pick(
        "Rows and money on their way, reckoned anew from the files of the run: from what the sources state through landed and staged rows to facts and marts. A difference is right where its reason is named.",
        "Zeilen und Beträge auf ihrem Weg, aus den Dateien des Laufs neu berechnet: von den Angaben der Quellen über gelandete und aufbereitete Zeilen bis zu Fakten und Marts. Eine Differenz ist richtig, wo ihr Grund genannt ist.",
    ));
    let heads: [(&str, &str); 7] = [
        ("Object or balance", "Objekt oder Bilanz"),
        ("Step", "Schritt"),
        ("Measure", "Größe"),
        ("#from", "#von"),
        ("#to", "#nach"),
        ("#difference", "#Differenz"),
        ("Reason", "Grund"),
    ];
    let mut table = Table::new(&heads.map(|(en, de)| language.pick(en, de)));
    for step in &balance.steps {
        let compared = step.compared();
        let from = compared.map(|(from, _)| written(from.text(&step.unit), language)).unwrap_or_default();
        let difference = compared.map(|(_, by)| written(by.signed(&step.unit), language)).unwrap_or_default();
        table.rows.push(vec![
            step.of.clone(),
            step.step.clone(),
            step.measured(),
            from,
            written(step.target_value.text(&step.unit), language),
            difference,
            outcome(step, language),
        ]);
    }
    chapter.table(language.pick("Rows and money, step by step", "Zeilen und Beträge, Schritt für Schritt"), &table);
}

/// `1,234.50` as the language writes it.
fn written(number: String, language: Language) -> String {
    let swapped = |c| match c {
        ',' => '.',
        '.' => ',',
        c => c,
    };
    match language {
        Language::English => number,
        Language::German => number.chars().map(swapped).collect(),
    }
}

fn outcome(step: &Step, language: Language) -> String {
    let reason = step.reason.as_deref().unwrap_or_default();
    match (step.holds, step.is_verified) {
        (false, _) => language.pick("DOES NOT BALANCE", "GEHT NICHT AUF").to_string(),
        (true, false) => format!("{} {reason}", language.pick("not verifiable:", "nicht prüfbar:")),
        (true, true) => reason.to_string(),
    }
}
