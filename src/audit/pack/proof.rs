//! How everything is proved: what cannot change, how to verify and to make it again, what was published; and the sheet that is signed.

use std::fmt::Write as _;

use super::material::Material;
use super::page::{Chapter, count};
use crate::output::escaped;
use crate::pages::Table;

pub fn chapter(material: &Material) -> Chapter {
    let (language, manifest, digest) = (material.language, material.manifest(), &material.now.sha256);
    let run = manifest.run;
    let mut chapter = Chapter::new(
        "proof",
        language.pick("Immutability, traceability, retention", "Unveränderbarkeit, Nachvollziehbarkeit, Aufbewahrung"),
        language.pick(
            "What is kept, why it cannot change without being noticed, and how anybody checks that and makes the run again.",
            "Was aufbewahrt wird, warum es sich nicht unbemerkt ändern kann, und wie jeder das prüft und den Lauf wiederholt.",
        ),
    );
    chapter.facts(&[
        (language.pick("Manifest", "Manifest"), format!("_runs/{run}.json")),
        (language.pick("its SHA-256", "seine SHA-256"), digest.clone()),
        (
            language.pick("Manifest before", "Manifest davor"),
            manifest
                .previous
                .clone()
                .unwrap_or_else(|| language.pick("none: the first run", "keines: der erste Lauf").into()),
        ),
    ]);
    chapter.list(&[
        language.pick(
            "Immutability: data files, batches and project files are named by their SHA-256 and never changed; each manifest holds the digest of the one before. Keep the digest of the newest manifest somewhere else (this sheet is such a place): manifests are chained, not signed.",
            "Unveränderbarkeit: Datendateien, Ladungen und Projektdateien heißen nach ihrer SHA-256 und werden nie geändert; jedes Manifest enthält die Prüfsumme des vorigen. Die Prüfsumme des neuesten Manifests gehört an einen anderen Ort (das Prüfblatt ist einer): Manifeste sind verkettet, nicht signiert.",
        ).to_string(),
        language.pick(
            "Traceability: from a cell of a mart back to file and line, and from a line of a file forward to what became of it.",
            "Nachvollziehbarkeit: von einer Zelle eines Marts zurück zu Datei und Zeile, und von der Zeile einer Datei vorwärts zu dem, was aus ihr wurde.",
        ).to_string(),
        language.pick(
            "Retention: the warehouse keeps the bytes as received, all batches, all versions of all tables, all rules and all manifests. The program removes none of them; how long they are to be kept, the company decides.",
            "Aufbewahrung: Das Warehouse behält die Bytes, wie sie kamen, alle Ladungen, alle Fassungen aller Tabellen, alle Regeln und alle Manifeste. Das Programm entfernt nichts davon; wie lange sie aufzubewahren sind, bestimmt das Unternehmen.",
        ).to_string(),
    ]);
    chapter.heading(language.pick("To verify without this program", "Prüfen ohne dieses Programm"));
    chapter.text(language.pick(
        "In the folder of the warehouse, with files.sha256 of this folder:",
        "Im Ordner des Warehouse, mit files.sha256 aus dieser Mappe:",
    ));
    let previous = match &manifest.previous {
        Some(previous) => format!("\nsha256sum _runs/{}.json\n# {previous}", run - 1),
        None => String::new(),
    };
    chapter.commands(
        &format!("sha256sum --check --quiet files.sha256\nsha256sum _runs/{run}.json\n# {digest}{previous}"),
        language,
    );
    chapter.heading(language.pick("With it", "Mit ihm"));
    chapter.commands(
        &format!(
            "uramaki audit verify {run} --head {digest}\nuramaki audit reproduce {run}\nuramaki audit bundle {run}\nuramaki audit balance {run}\nuramaki audit trace MART --key KEY --run {run}"
        ),
        language,
    );
    chapter.heading(language.pick("Published tables of this run", "Veröffentlichte Tabellen dieses Laufs"));
    let mut table = Table::new(&[
        language.pick("Table", "Tabelle"),
        language.pick("#version", "#Version"),
        language.pick("#made in run", "#aus Lauf"),
        language.pick("#rows", "#Zeilen"),
        language.pick("Digest of its files", "Prüfsumme ihrer Dateien"),
    ]);
    for (name, record) in &manifest.tables {
        table.rows.push(vec![
            name.clone(),
            record.version.to_string(),
            record.run.to_string(),
            count(language, record.rows),
            record.content.clone(),
        ]);
    }
    chapter.wide_table(language.pick("Published tables", "Veröffentlichte Tabellen"), &table);
    chapter
}

/// Fields to be filled in on paper.
pub fn signing(material: &Material) -> Chapter {
    let (language, manifest) = (material.language, material.manifest());
    let mut chapter = Chapter::new(
        "signing",
        language.pick("Sign-off sheet", "Prüfblatt"),
        language.pick("To be filled in by hand and kept.", "Von Hand auszufüllen und aufzubewahren."),
    );
    chapter.facts(&[
        (language.pick("Project", "Projekt"), manifest.project.name.clone()),
        (language.pick("Run", "Lauf"), manifest.run.to_string()),
        (language.pick("As of", "Stand"), language.date(manifest.as_of)),
        (language.pick("SHA-256 of the manifest", "SHA-256 des Manifests"), material.now.sha256.clone()),
    ]);
    let points = [
        ("Digests verified", "Prüfsummen geprüft"),
        ("Run made again, tables identical", "Lauf wiederholt, Tabellen identisch"),
        ("Inputs complete, control totals agree", "Eingaben vollständig, Kontrollsummen stimmen"),
        ("Quarantine and refused files judged", "Quarantäne und abgewiesene Dateien beurteilt"),
        ("Changes of rules approved", "Regeländerungen freigegeben"),
        ("Findings of checks judged", "Befunde der Prüfungen beurteilt"),
        ("Samples traced to their source", "Stichproben bis zur Quelle verfolgt"),
    ];
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table class=\"sheet\"><caption>{0}</caption><thead><tr><th scope=\"col\">{1}</th><th scope=\"col\">{2}</th><th scope=\"col\">{3}</th><th scope=\"col\">{4}</th></tr></thead><tbody>\n",
        language.pick("Points of the sign-off", "Punkte der Prüfung"),
        language.pick("Point", "Punkt"),
        language.pick("in order", "in Ordnung"),
        language.pick("finding", "Feststellung"),
        language.pick("Remark", "Bemerkung"),
    );
    for (en, de) in points {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>☐</td><td>☐</td><td></td></tr>",
            escaped(language.pick(en, de))
        );
    }
    out.push_str("</tbody></table></div>\n<div class=\"lines\">\n");
    let _ = writeln!(
        out,
        "<p class=\"write\">{}</p>",
        language.pick("Samples: population, size, how drawn", "Stichproben: Grundgesamtheit, Umfang, Auswahl")
    );
    let _ = writeln!(out, "<p class=\"write tall\">{}</p>", language.pick("Findings", "Feststellungen"));
    for (en, de) in [
        ("Auditor (name)", "Prüfer (Name)"),
        ("Place, date", "Ort, Datum"),
        ("Signature", "Unterschrift"),
        ("Responsible for the procedure (name)", "Verantwortlich für das Verfahren (Name)"),
        ("Place, date", "Ort, Datum"),
        ("Signature", "Unterschrift"),
    ] {
        let _ = writeln!(out, "<p class=\"write\">{}</p>", language.pick(en, de));
    }
    out.push_str("</div>\n");
    chapter.raw(&out);
    chapter
}
