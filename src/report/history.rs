//! What a run changed against the one before, what it refused, and what its checks said: from the manifests.

use super::answers::Published;
use super::figure::{Figure, Section, query};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::pages::{Language, Table};

/// Since the run before.
pub fn changes(now: &Manifest, before: Option<&Manifest>, language: Language) -> Section {
    let run = now.run;
    let new_files: Vec<_> = now.files.iter().filter(|f| f.loaded_in == run).collect();
    let lead = match (before, language) {
        (None, Language::English) => "This is the first run: everything is new.".to_string(),
        (None, Language::German) => "Das ist der erste Lauf: alles ist neu.".to_string(),
        (Some(b), Language::English) => format!(
            "Run {run} stands for {}, run {} before it for {}. {}{}",
            language.date(now.as_of),
            b.run,
            language.date(b.as_of),
            if b.project.digest == now.project.digest {
                "The project's files are the same."
            } else {
                "The project's files have changed."
            },
            if b.versions == now.versions { "" } else { " The program has changed." }
        ),
        (Some(b), Language::German) => format!(
            "Lauf {run} steht für den {}, Lauf {} davor für den {}. {}{}",
            language.date(now.as_of),
            b.run,
            language.date(b.as_of),
            if b.project.digest == now.project.digest {
                "Die Dateien des Projekts sind dieselben."
            } else {
                "Die Dateien des Projekts haben sich geändert."
            },
            if b.versions == now.versions { "" } else { " Das Programm hat sich geändert." }
        ),
    };
    let mut tables = Table::new(&[
        language.pick("Table", "Tabelle"),
        language.pick("#Rows", "#Zeilen"),
        language.pick("#Before", "#Vorher"),
        language.pick("#Change", "#Änderung"),
    ]);
    let (mut changed, mut same) = (0, 0);
    for (name, table) in &now.tables {
        let old = before.and_then(|b| b.tables.get(name));
        if old.is_some_and(|o| o.content == table.content) {
            same += 1;
            continue;
        }
        changed += 1;
        let rows = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (was, change) = match old {
            Some(old) => {
                let difference = rows(table.rows) - rows(old.rows);
                let sign = if difference > 0 { "+" } else { "" };
                let told = match difference {
                    0 => language.pick("other values", "andere Werte").to_string(),
                    n => format!("{sign}{}", language.count(n)),
                };
                (language.count(rows(old.rows)), told)
            }
            None => ("–".to_string(), language.pick("new", "neu").to_string()),
        };
        tables.rows.push(vec![name.clone(), language.count(rows(table.rows)), was, change]);
    }
    for name in before.iter().flat_map(|b| b.tables.keys()).filter(|n| !now.tables.contains_key(*n)) {
        tables.rows.push(vec![name.clone(), "–".into(), "–".into(), language.pick("gone", "fort").into()]);
    }
    let title = match language {
        Language::English => format!("{changed} tables changed, {same} stayed as they were"),
        Language::German => format!("{changed} Tabellen haben sich geändert, {same} sind geblieben"),
    };
    let mut files = Table::new(&[
        language.pick("Object", "Objekt"),
        language.pick("#New files", "#Neue Dateien"),
        language.pick("#Rows in them", "#Zeilen darin"),
        language.pick("#Quarantined", "#In Quarantäne"),
    ]);
    for object in now.objects.keys() {
        let of: Vec<_> = new_files.iter().filter(|f| format!("{}/{}", f.system, f.object) == *object).collect();
        if of.is_empty() {
            continue;
        }
        let batches = || of.iter().filter_map(|f| now.batches.get(f.batch.as_ref()?));
        let sum = |n: u64| language.count(i64::try_from(n).unwrap_or(i64::MAX));
        files.rows.push(vec![
            object.clone(),
            sum(of.len() as u64),
            sum(batches().map(|b| b.rows_read).sum()),
            sum(batches().flat_map(|b| b.rejected.values()).sum()),
        ]);
    }
    let files_title = match language {
        Language::English => {
            format!("{} came in", language.counted(new_files.len() as i64, ["new file", ""], ["new files", ""]))
        }
        Language::German => {
            format!("{} kamen an", language.counted(new_files.len() as i64, ["", "neue Datei"], ["", "neue Dateien"]))
        }
    };
    let figure = |id: &str, title, table| Figure {
        id: id.into(),
        title,
        note: String::new(),
        chart: None,
        wide: false,
        legend: Vec::new(),
        table,
        command: format!("uramaki runs show {run}"),
    };
    Section {
        id: "changes",
        title: language
            .pick("What changed since the run before?", "Was hat sich seit dem Lauf davor geändert?")
            .to_string(),
        lead,
        figures: vec![figure("changed-tables", title, tables), figure("new-files", files_title, files)],
    }
}

/// Rows that did not follow their contract, and that nobody has dealt with.
pub async fn quarantine(published: &Published, language: Language) -> Result<Option<Section>> {
    let sql = "select source_system || '/' || source_object as object, column_name, reason, count(*) as rows\n\
               from quarantine.rejected_row\ngroup by 1, 2, 3\norder by 1, 2, 3"
        .to_string();
    let Some(answer) = published.ask(&[], sql).await? else { return Ok(None) };
    let mut table = Table::new(&[
        language.pick("Object", "Objekt"),
        language.pick("Column", "Spalte"),
        language.pick("Reason", "Grund"),
        language.pick("#Rows", "#Zeilen"),
    ]);
    table.rows = answer
        .rows()
        .map(|r| {
            let column = if r.text("column_name").is_empty() { "–" } else { r.text("column_name") };
            vec![
                r.text("object").to_string(),
                column.to_string(),
                language.name(r.text("reason")),
                language.count(r.whole("rows")),
            ]
        })
        .collect();
    let all: i64 = answer.rows().map(|r| r.whole("rows")).sum();
    let read: u64 = published.manifest.objects.values().map(|o| o.rows).sum();
    let read = i64::try_from(read).unwrap_or(i64::MAX);
    let title = match language {
        Language::English => format!("{} of {} rows", language.count(all), language.count(read)),
        Language::German => format!("{} von {} Zeilen", language.count(all), language.count(read)),
    };
    Ok(Some(Section {
        id: "quarantine",
        title: language.pick("What was quarantined?", "Was kam in Quarantäne?").to_string(),
        lead: language
            .pick(
                "Rows that did not follow their contract. They are kept, with their reason, and count nowhere until somebody has dealt with them.",
                "Zeilen, die ihren Vertrag nicht einhielten. Sie sind mit Grund aufgehoben und zählen nirgends, bis sich jemand gekümmert hat.",
            )
            .to_string(),
        figures: vec![Figure {
            id: "quarantined".into(),
            title,
            note: String::new(),
            chart: None,
            wide: true,
            legend: Vec::new(),
            table,
            command: query(published.manifest.run, &answer.sql),
        }],
    }))
}

/// What the checks said.
pub fn checks(now: &Manifest, before: Option<&Manifest>, language: Language) -> Section {
    let mut table = Table::new(&[
        language.pick("Check", "Prüfung"),
        language.pick("Severity", "Schwere"),
        language.pick("#Rows", "#Zeilen"),
        language.pick("#In the run before", "#Im Lauf davor"),
    ]);
    let rows = |n: u64| language.count(i64::try_from(n).unwrap_or(i64::MAX));
    for check in now.checks.iter().filter(|c| c.offenders > 0) {
        let old = before.and_then(|b| b.checks.iter().find(|c| c.name == check.name));
        let severity = match check.severity.as_str() {
            "warn" => language.pick("warning", "Warnung"),
            other => other,
        };
        table.rows.push(vec![
            check.name.strip_prefix("check ").unwrap_or(&check.name).replace('_', " "),
            severity.to_string(),
            rows(check.offenders),
            old.map_or_else(|| "–".to_string(), |c| rows(c.offenders)),
        ]);
    }
    let made = language.count(now.checks.len() as i64);
    let found = table.rows.len();
    let title = match language {
        Language::English => format!("{made} checks made, none found an error, {found} warned"),
        Language::German => format!("{made} Prüfungen, keine fand einen Fehler, {found} warnten"),
    };
    Section {
        id: "checks",
        title: language.pick("What did the checks say?", "Was sagten die Prüfungen?").to_string(),
        lead: language
            .pick(
                "A check looks for rows that must not exist. A run whose checks find an error publishes nothing: so this page shows warnings only.",
                "Eine Prüfung sucht Zeilen, die es nicht geben darf. Findet sie einen Fehler, wird nichts veröffentlicht: darum stehen hier nur Warnungen.",
            )
            .to_string(),
        figures: vec![Figure {
            id: "checks-warned".into(),
            title,
            note: String::new(),
            chart: None,
            wide: true,
            legend: Vec::new(),
            table,
            command: format!("uramaki runs show {}", now.run),
        }],
    }
}
