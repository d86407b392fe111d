//! Every model: what it is, what it reads, its columns, and its SQL as it was at the run.

use super::describe::materialized;
use super::material::{Material, text};
use super::page::{Chapter, count};
use crate::models::graph::Model;
use crate::output::escaped;
use crate::pages::Table;

pub fn chapter(material: &Material) -> Chapter {
    let language = material.language;
    let mut chapter = Chapter::new(
        "models",
        language.pick("Models and their SQL", "Modelle und ihr SQL"),
        language.pick(
            "Each model is one SELECT. They stand in the order in which they are computed.",
            "Jedes Modell ist ein SELECT. Sie stehen in der Reihenfolge, in der sie berechnet werden.",
        ),
    );
    match &material.rules {
        Ok(rules) => {
            for name in &rules.graph.order {
                if let Some(model) = rules.graph.models.get(name) {
                    one(&mut chapter, material, model);
                }
            }
        }
        Err(_) => {
            for path in material.sources.keys().filter(|p| p.starts_with("sql/")) {
                chapter.heading(path);
                chapter.source(text(&material.sources, path).unwrap_or_default());
            }
        }
    }
    chapter
}

fn one(chapter: &mut Chapter, material: &Material, model: &Model) {
    let (language, spec) = (material.language, &model.file.spec);
    chapter.raw(&format!("<div class=\"entry\" id=\"model-{0}\">\n<h3>{0}</h3>\n", escaped(&model.name)));
    chapter.text(&spec.description);
    let list = |names: Vec<String>| names.join(", ");
    let digest = material.sources.get(&model.file.sql_path).map(|s| s.sha256.clone()).unwrap_or_default();
    let record = material.manifest().tables.get(&model.name);
    chapter.facts(&[
        (language.pick("A row is", "Eine Zeile ist"), spec.grain.clone()),
        (language.pick("Key", "Schlüssel"), spec.key.join(", ")),
        (language.pick("Kept as", "Ablage"), materialized(spec.materialized).to_string()),
        (language.pick("Rows", "Zeilen"), record.map(|r| count(language, r.rows)).unwrap_or_default()),
        (language.pick("Reads", "Liest"), list(model.reads.iter().cloned().collect())),
        (language.pick("Parameters", "Parameter"), list(model.parameters.iter().map(|p| format!("${p}")).collect())),
        (language.pick("Owner", "Verantwortlich"), spec.owner.clone().unwrap_or_default()),
        (language.pick("File", "Datei"), model.file.sql_path.clone()),
        ("SHA-256", digest),
    ]);
    let mut table = Table::new(&[
        language.pick("Column", "Spalte"),
        language.pick("Type", "Typ"),
        language.pick("Unit", "Einheit"),
        language.pick("What it is", "Was sie ist"),
    ]);
    for column in &spec.columns {
        let mark = if column.pii { language.pick(" (personal data)", " (personenbezogen)") } else { "" };
        table.rows.push(vec![
            column.name.clone(),
            column.data_type.text.clone(),
            column.unit.clone().unwrap_or_default(),
            format!("{}{mark}", column.description),
        ]);
    }
    chapter.table(&model.name, &table);
    chapter.source(&model.file.sql);
    chapter.raw("</div>\n");
}
