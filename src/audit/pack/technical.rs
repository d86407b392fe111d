//! Contracts of the source objects, rules of identity, and the project's files: technical system documentation. The models stand at the end of the folder.

use std::collections::BTreeSet;

use super::material::{Material, is_rule, text};
use super::page::{Chapter, count};
use crate::config::project::{Evidence, IdentityMode, Object, OnRefused, Pipeline, Project};
use crate::config::{LABELS_FILE, LINKAGE_FILE, MODEL_FILE, OVERRIDES_FILE, RELEASES_FILE};
use crate::contract::{ColumnType, DateFormat, Encoding, Format, TimeFormat};
use crate::models::plan;
use crate::pages::{Language, Table};

pub fn chapter(material: &Material) -> Chapter {
    let language = material.language;
    let mut chapter = Chapter::new(
        "technical",
        language.pick("Technical system documentation", "Technische Systemdokumentation"),
        language.pick(
            "By which rules rows are read and records become customers. The models, with their SQL, are the last chapter.",
            "Nach welchen Regeln Zeilen gelesen und Datensätze zu Kunden werden. Die Modelle mit ihrem SQL sind das letzte Kapitel.",
        ),
    );
    match &material.rules {
        Ok(rules) => {
            for pipeline in &rules.project.pipelines {
                of_pipeline(&mut chapter, pipeline, language);
            }
            identity(&mut chapter, &rules.project, material);
        }
        Err(_) => {
            for path in material.sources.keys().filter(|p| is_rule(p) && !p.starts_with("sql/")) {
                chapter.heading(path);
                chapter.source(text(&material.sources, path).unwrap_or_default());
            }
        }
    }
    files(&mut chapter, material);
    chapter
}

fn of_pipeline(chapter: &mut Chapter, pipeline: &Pipeline, language: Language) {
    chapter.heading(&format!("{}: {} ({})", language.pick("Pipeline", "Pipeline"), pipeline.system, pipeline.file));
    chapter.text(&pipeline.description);
    for object in &pipeline.objects {
        chapter.raw("<div class=\"entry\">\n<h4>");
        chapter.raw(&crate::output::escaped(&object.contract.label()));
        chapter.raw("</h4>\n");
        chapter.text(&object.description);
        chapter.facts(&facts(object, language));
        let mut table = Table::new(&[
            language.pick("Column", "Spalte"),
            language.pick("Type", "Typ"),
            language.pick("Source field", "Quellfeld"),
            language.pick("Rule", "Regel"),
        ]);
        for column in &object.contract.columns {
            let mut rules = Vec::new();
            match (column.required, &column.unless) {
                (true, Some(unless)) => {
                    rules.push(format!("{} {unless}", language.pick("required unless", "Pflicht, außer bei")))
                }
                (true, None) => rules.push(language.pick("required", "Pflicht").to_string()),
                _ => {}
            }
            if column.personal {
                rules.push(language.pick("personal data", "personenbezogen").to_string());
            }
            if let Some(map) = &column.map {
                let pairs: Vec<String> = map.values.iter().map(|(from, to)| format!("{from} → {to}")).collect();
                let rest = map.otherwise.clone().unwrap_or_else(|| "NULL".into());
                rules.push(format!("{}; {} {rest}", pairs.join(", "), language.pick("all else", "alles andere")));
            }
            rules.extend(written_as(&column.kind));
            table.rows.push(vec![
                column.name.clone(),
                plan::plain(&column.kind.data_type()),
                column.source.text.clone(),
                rules.join("; "),
            ]);
        }
        chapter.table(&object.contract.label(), &table);
        chapter.raw("</div>\n");
    }
}

/// How dates and times are written, where that is not the usual way.
fn written_as(kind: &ColumnType) -> Option<String> {
    match kind {
        ColumnType::Date { format: DateFormat::Pattern(pattern) } => Some(pattern.clone()),
        ColumnType::Timestamp { format: TimeFormat::EpochSeconds } => Some("epoch_seconds".into()),
        ColumnType::Timestamp { format: TimeFormat::Pattern { pattern, .. } } => Some(pattern.clone()),
        _ => None,
    }
}

fn facts(object: &Object, language: Language) -> Vec<(&'static str, String)> {
    let p = |en: &'static str, de: &'static str| language.pick(en, de);
    let contract = &object.contract;
    let encoded = |e: &Encoding| match e {
        Encoding::Utf8 => "UTF-8",
        Encoding::Windows1252 => "Windows-1252",
        Encoding::Iso88591 => "ISO-8859-1",
    };
    let format = match &contract.format {
        Format::Csv { delimiter, encoding } => format!(
            "CSV, {}, {} {}",
            encoded(encoding),
            p("fields parted by", "Felder getrennt durch"),
            char::from(*delimiter)
        ),
        Format::Jsonl { encoding } => format!("JSON Lines, {}", encoded(encoding)),
        Format::Parquet => "Parquet".to_string(),
    };
    let zones: BTreeSet<&str> = contract
        .columns
        .iter()
        .filter_map(|c| match &c.kind {
            ColumnType::Timestamp { format: TimeFormat::Iso { zone } | TimeFormat::Pattern { zone, .. } } => {
                Some(zone.as_str())
            }
            ColumnType::Timestamp { format: TimeFormat::EpochSeconds } => Some("UTC"),
            _ => None,
        })
        .collect();
    let share = format!("{}", contract.drift_share * 100.0);
    let share = if language == Language::German { share.replace('.', ",") } else { share };
    let newest = match &contract.cursor {
        Some(cursor) => format!("{} {cursor}", p("greatest", "größtes")),
        None => p("the later file", "die spätere Datei").to_string(),
    };
    let mut read = Vec::new();
    if object.snapshot_full {
        read.push(p("each day's files are the whole table", "die Dateien eines Tages sind die ganze Tabelle"));
    }
    if object.optional {
        read.push(p("may have no file at all", "darf ganz ohne Datei sein"));
    }
    read.push(match object.on_refused {
        OnRefused::Fail => p("a refused file ends the run", "eine abgewiesene Datei beendet den Lauf"),
        OnRefused::Skip => {
            p("a refused file is left out, with a warning", "eine abgewiesene Datei bleibt mit Warnung außen vor")
        }
    });
    read.push(match object.archive {
        true => p("bytes are archived as received", "Bytes werden archiviert, wie sie kamen"),
        false => p("bytes are not archived", "Bytes werden nicht archiviert"),
    });
    let days = |n: Option<u64>| n.map_or("–".to_string(), |n| n.to_string());
    let freshness = object.freshness.map(|f| {
        format!(
            "{} {}, {} {}",
            p("warning after days:", "Warnung nach Tagen:"),
            days(f.warn_after_days),
            p("error after days:", "Fehler nach Tagen:"),
            days(f.error_after_days)
        )
    });
    vec![
        (p("Format", "Format"), format),
        (p("Key", "Schlüssel"), contract.key.join(", ")),
        (p("Newest version", "Neueste Fassung"), newest),
        (
            p("Times without a zone are of", "Zeiten ohne Zone gelten in"),
            zones.into_iter().collect::<Vec<_>>().join(", "),
        ),
        (
            p("Drift ends the run", "Schwelle für Abweichungen"),
            format!(
                "{} {share}% {} {} {}",
                p("more than", "mehr als"),
                p("of a file’s rows, and at least", "der Zeilen einer Datei und mindestens"),
                contract.drift_rows,
                p("rows, in quarantine", "Zeilen in Quarantäne")
            ),
        ),
        (p("Reading", "Lesen"), read.join("; ")),
        (p("Freshness", "Aktualität"), freshness.unwrap_or_default()),
    ]
}

fn identity(chapter: &mut Chapter, project: &Project, material: &Material) {
    let language = material.language;
    chapter.heading(
        language.pick("Identity: which records are one customer", "Identität: welche Datensätze ein Kunde sind"),
    );
    let config = &project.identity;
    chapter.text(match config.mode {
        IdentityMode::Exact => language.pick(
            "Mode exact: records with an equal e-mail address or an equal phone number are one customer.",
            "Modus exact: Datensätze mit gleicher E-Mail-Adresse oder gleicher Telefonnummer sind ein Kunde.",
        ),
        IdentityMode::Probabilistic => language.pick(
            "Mode probabilistic: names, addresses and contacts are weighed (Fellegi and Sunter); pairs above a threshold are one customer. Decisions of people come first.",
            "Modus probabilistic: Namen, Adressen und Kontaktdaten werden gewichtet (Fellegi und Sunter); Paare über einer Schwelle sind ein Kunde. Entscheidungen von Menschen gehen vor.",
        ),
    });
    chapter.facts(&[
        (
            language.pick(
                "A value links nobody if held by more records than",
                "Ein Wert verbindet niemanden ab mehr Datensätzen als",
            ),
            config.max_holders.to_string(),
        ),
        (
            language.pick("Draws for low and high figures", "Ziehungen für untere und obere Werte"),
            config.draws.to_string(),
        ),
        (
            language.pick("Country of phone numbers without one", "Land von Telefonnummern ohne Vorwahl"),
            project.default_country.clone(),
        ),
        (language.pick("Decisions by people", "Entscheidungen von Menschen"), project.decisions.len().to_string()),
        (language.pick("Labels (who is who)", "Labels (wer ist wer)"), project.labels.len().to_string()),
    ]);
    if let Some(text) = text(&material.sources, LINKAGE_FILE) {
        chapter.source(text);
    }
    let mut table = Table::new(&[
        language.pick("Object", "Objekt"),
        language.pick("Evidence columns", "Spalten mit Belegen"),
        language.pick("May link by", "Verbindet durch"),
        language.pick("Only where", "Nur wo"),
    ]);
    for object in project.objects() {
        let Some(person) = &object.person else { continue };
        let mut columns: Vec<String> = person.name.clone();
        let named = [
            &person.given_name,
            &person.family_name,
            &person.organisation,
            &person.email,
            &person.phone,
            &person.date_of_birth,
            &person.street,
            &person.postcode,
            &person.city,
            &person.country,
        ];
        columns.extend(named.into_iter().flatten().cloned());
        columns.extend(person.identifier.iter().map(|i| i.column.clone()));
        let links: Vec<&str> = person
            .links
            .iter()
            .map(|l| match l {
                Evidence::Email => language.pick("e-mail", "E-Mail"),
                Evidence::Phone => language.pick("phone", "Telefon"),
            })
            .collect();
        table.rows.push(vec![
            object.contract.label(),
            columns.join(", "),
            links.join(", "),
            person.where_sql.clone().unwrap_or_default(),
        ]);
    }
    chapter.table(language.pick("Person records", "Personendatensätze"), &table);
}

fn files(chapter: &mut Chapter, material: &Material) {
    let language = material.language;
    chapter.heading(language.pick("Files of the project at this run", "Dateien des Projekts bei diesem Lauf"));
    chapter.text(language.pick(
        "The bytes lie in _runs/files/ of the warehouse, under their digests. Files that may name persons (decisions, labels, models of identity) are named here and not shown.",
        "Die Bytes liegen in _runs/files/ des Warehouse unter ihrer Prüfsumme. Dateien, die Personen nennen können (Entscheidungen, Labels, Modelle der Identität), sind hier genannt und nicht gezeigt.",
    ));
    let mut table = Table::new(&[
        language.pick("File", "Datei"),
        language.pick("#bytes", "#Bytes"),
        "SHA-256",
        language.pick("State", "Zustand"),
    ]);
    for (path, source) in &material.sources {
        let is_hidden = [LABELS_FILE, MODEL_FILE, OVERRIDES_FILE, RELEASES_FILE].contains(&path.as_str());
        table.rows.push(vec![
            path.clone(),
            source.bytes.as_ref().map_or("–".into(), |b| count(language, b.len() as u64)),
            source.sha256.clone(),
            match (&source.bytes, is_hidden) {
                (None, _) => language.pick("LOST: not in the warehouse", "VERLOREN: nicht im Warehouse"),
                (_, true) => language.pick("there, not shown", "vorhanden, nicht gezeigt"),
                _ => language.pick("there", "vorhanden"),
            }
            .to_string(),
        ]);
    }
    chapter.wide_table(language.pick("Files of the project", "Dateien des Projekts"), &table);
}
