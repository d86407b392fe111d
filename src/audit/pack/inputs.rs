//! The inputs: each file with its digest, rows and control totals, what was refused, and how many rows went to quarantine, by reason.

use std::collections::BTreeMap;

use super::material::Material;
use super::page::{Chapter, count};
use crate::manifest::FileRecord;
use crate::pages::Table;

pub fn chapter(material: &Material) -> Chapter {
    let (language, manifest) = (material.language, material.manifest());
    let mut chapter = Chapter::new(
        "inputs",
        language.pick("Completeness: inputs", "Vollständigkeit: Eingaben"),
        language.pick(
            "What came in. The bytes as received lie in the archive of the warehouse, under their SHA-256.",
            "Was hereinkam. Die Bytes, wie sie kamen, liegen im Archiv des Warehouse unter ihrer SHA-256.",
        ),
    );
    per_object(&mut chapter, material);
    let since = material.before.as_ref().map_or(0, |b| b.stored.manifest.run);
    let new: Vec<&FileRecord> = manifest.files.iter().filter(|f| f.loaded_in > since).collect();
    chapter.heading(&match since {
        0 => language.pick("All files", "Alle Dateien").to_string(),
        run => format!("{} {run}", language.pick("Files that came after run", "Dateien nach Lauf")),
    });
    chapter.text(language.pick(
        "inputs.csv beside this page has every file ever read.",
        "inputs.csv neben dieser Seite enthält jede je gelesene Datei.",
    ));
    let mut table = Table::new(&[
        language.pick("File", "Datei"),
        language.pick("#run", "#Lauf"),
        language.pick("#rows read", "#gelesene Zeilen"),
        language.pick("#landed", "#gelandet"),
        language.pick("#quarantined", "#Quarantäne"),
        language.pick("Control totals", "Kontrollsummen"),
        "SHA-256",
    ]);
    for file in new {
        let batch = file.batch.as_ref().and_then(|id| manifest.batches.get(id));
        let number = |n: Option<u64>| n.map_or("–".to_string(), |n| count(language, n));
        let again = match file.restatement {
            0 => String::new(),
            n => format!(" ({} {n})", language.pick("restatement", "Neufassung")),
        };
        table.rows.push(vec![
            format!("{}{again}", file.name),
            file.loaded_in.to_string(),
            number(batch.map(|b| b.rows_read)),
            number(batch.map(|b| b.landed.rows)),
            number(batch.map(|b| b.quarantined.as_ref().map_or(0, |q| q.rows))),
            batch
                .and_then(|b| b.control.clone())
                .unwrap_or_else(|| language.pick("none given", "keine geliefert").into()),
            file.sha256.clone(),
        ]);
    }
    if table.rows.is_empty() {
        chapter.text(language.pick("None.", "Keine."));
    }
    chapter.wide_table(language.pick("Files with digests", "Dateien mit Prüfsummen"), &table);
    refused(&mut chapter, material);
    quarantine(&mut chapter, material);
    chapter
}

fn per_object(chapter: &mut Chapter, material: &Material) {
    let (language, manifest) = (material.language, material.manifest());
    // Files, with control totals, newest date.
    let mut objects: BTreeMap<String, (u64, u64, Option<chrono::NaiveDate>)> = BTreeMap::new();
    for file in &manifest.files {
        let batch = file.batch.as_ref().and_then(|id| manifest.batches.get(id));
        let object = objects.entry(format!("{}/{}", file.system, file.object)).or_default();
        object.0 += 1;
        object.1 += u64::from(batch.is_some_and(|b| b.control.is_some()));
        object.2 = object.2.max(Some(file.date));
    }
    chapter.heading(language.pick("Files of each object", "Dateien je Objekt"));
    let mut table = Table::new(&[
        language.pick("Object", "Objekt"),
        language.pick("#files", "#Dateien"),
        language.pick("#with control totals", "#mit Kontrollsummen"),
        language.pick("Newest date", "Neuestes Datum"),
    ]);
    for (name, (files, controlled, newest)) in objects {
        let newest = newest.map(|day| language.date(day)).unwrap_or_default();
        table.rows.push(vec![name, count(language, files), count(language, controlled), newest]);
    }
    chapter.table(language.pick("Files of each object", "Dateien je Objekt"), &table);
}

fn refused(chapter: &mut Chapter, material: &Material) {
    let language = material.language;
    chapter.heading(language.pick("Refused files", "Abgewiesene Dateien"));
    let mut table = Table::new(&[language.pick("File", "Datei"), language.pick("Why", "Warum")]);
    for file in &material.manifest().files {
        if let Some(why) = &file.refused {
            table.rows.push(vec![file.name.clone(), why.clone()]);
        }
    }
    if table.rows.is_empty() {
        chapter.text(language.pick("None.", "Keine."));
    }
    chapter.table(language.pick("Refused files", "Abgewiesene Dateien"), &table);
}

/// Counts only: what stands in the rows is in the quarantine table, for those who may read it.
fn quarantine(chapter: &mut Chapter, material: &Material) {
    let language = material.language;
    chapter.heading(language.pick("Rows in quarantine, by reason", "Zeilen in Quarantäne, nach Grund"));
    let mut table = Table::new(&[
        language.pick("Object", "Objekt"),
        language.pick("Reason", "Grund"),
        language.pick("#rows", "#Zeilen"),
    ]);
    for (name, object) in &material.manifest().objects {
        for (reason, rows) in &object.by_reason {
            table.rows.push(vec![name.clone(), language.name(reason), count(language, *rows)]);
        }
    }
    if table.rows.is_empty() {
        chapter.text(language.pick("None.", "Keine."));
    }
    chapter.table(language.pick("Rows in quarantine", "Zeilen in Quarantäne"), &table);
}
