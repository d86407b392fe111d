//! The section of one table: facts, lineage, columns, checks, sample, SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::entries::{Catalogue, CheckLine, Column, Kind, Sample, Table, Why};
use crate::models::lineage::{Flow, How, ROWS, Source};
use crate::output::escaped;
use crate::pages::{self, Language, breakable};

/// What all sections need.
pub struct Words<'a> {
    pub language: Language,
    pub catalogue: &'a Catalogue,
    /// Columns that are made of a column.
    pub readers: BTreeMap<Source, BTreeSet<Source>>,
}

impl Words<'_> {
    fn pick<'t>(&self, english: &'t str, german: &'t str) -> &'t str {
        self.language.pick(english, german)
    }

    fn count(&self, n: u64) -> String {
        self.language.count(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// Which columns each column goes into.
pub fn readers(catalogue: &Catalogue) -> BTreeMap<Source, BTreeSet<Source>> {
    let mut found: BTreeMap<Source, BTreeSet<Source>> = BTreeMap::new();
    for table in &catalogue.tables {
        for column in &table.columns {
            for source in &column.flow.values {
                found.entry(source.clone()).or_default().insert(Source::new(&table.name, &column.name));
            }
        }
    }
    found
}

/// The checks that found something, each once.
pub fn warned(catalogue: &Catalogue) -> BTreeSet<&str> {
    let of_columns = catalogue.tables.iter().flat_map(|t| &t.columns).flat_map(|c| &c.checks);
    let all = catalogue.tables.iter().flat_map(|t| &t.checks).chain(of_columns);
    all.filter(|c| c.offenders.is_some_and(|n| n > 0)).map(|c| c.name.as_str()).collect()
}

pub fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// A description: what stands between backticks is code.
pub fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at % 2 == 1 && at + 1 < parts.len() {
            out.push_str(&code(part));
        } else {
            out.push_str(&escaped(part).replace('_', "_<wbr>"));
        }
    }
    out
}

pub fn table(out: &mut String, words: &Words, table: &Table) {
    let name = &table.name;
    let (layer, short) = name.split_once('.').unwrap_or(("", name));
    let _ = write!(
        out,
        "<section class=\"entry table\" id=\"{name}\" aria-labelledby=\"{name}-title\">\n<p class=\"badges\"><span class=\"badge l-{layer}\">{layer}</span>"
    );
    let _ = write!(out, "<span class=\"badge\">{}</span>", kind(table.kind, words));
    if table.columns.iter().any(|c| c.personal) {
        let _ = write!(
            out,
            "<span class=\"badge personal\">{}</span>",
            words.pick("has personal data", "mit personenbezogenen Daten")
        );
    }
    for tag in &table.tags {
        let _ = write!(out, "<span class=\"badge tag\">{}</span>", escaped(tag));
    }
    let _ = write!(
        out,
        "</p>\n<h2 id=\"{name}-title\">{}</h2>\n<p class=\"lead\">{}</p>\n",
        breakable(short),
        prose(&table.description)
    );
    facts(out, words, table);
    lineage(out, words, table);
    columns(out, words, table);
    checks(out, words, table);
    sample(out, words, table);
    if let Some(sql) = &table.sql {
        let _ = write!(
            out,
            "<details class=\"sql\"><summary>{}</summary>",
            words.pick("The SQL that makes it", "Das SQL dahinter")
        );
        out.push_str(&pages::code(sql.trim_end(), words.language));
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn kind(kind: Kind, words: &Words) -> &'static str {
    let (english, german) = match kind {
        Kind::Object => ("object of a source", "Objekt einer Quelle"),
        Kind::View => ("view", "Sicht"),
        Kind::Intermediate => ("intermediate, not published", "Zwischenschritt, nicht veröffentlicht"),
        Kind::Published => ("published table", "veröffentlichte Tabelle"),
        Kind::Own => ("made by the program", "vom Programm gemacht"),
    };
    match words.language {
        Language::English => english,
        Language::German => german,
    }
}

fn facts(out: &mut String, words: &Words, table: &Table) {
    let codes = |names: &[String]| names.iter().map(|n| code(n)).collect::<Vec<_>>().join(", ");
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(grain) = &table.grain {
        facts.push((words.pick("Grain", "Körnung"), escaped(grain)));
    }
    if !table.key.is_empty() {
        facts.push((words.pick("Key", "Schlüssel"), codes(&table.key)));
    }
    if !table.order.is_empty() && table.order != table.key {
        facts.push((words.pick("Sorted by", "Sortiert nach"), codes(&table.order)));
    }
    if let Some(rows) = table.rows {
        facts.push((words.pick("Rows in the last run", "Zeilen im letzten Lauf"), words.count(rows)));
    }
    if let Some(version) = table.version {
        facts.push((words.pick("Delta version", "Delta-Version"), words.count(version)));
    }
    let nobody = words.pick("not stated", "nicht angegeben");
    facts.push((words.pick("Owner", "Verantwortlich"), escaped(table.owner.as_deref().unwrap_or(nobody))));
    let metrics = words.catalogue.metrics.iter().filter(|m| m.table == table.name);
    let metrics: Vec<String> =
        metrics.map(|m| format!("<a href=\"#metric.{}\">{}</a>", m.name, escaped(&m.label))).collect();
    if !metrics.is_empty() {
        facts.push((words.pick("Metrics", "Kennzahlen"), metrics.join(", ")));
    }
    if let Some(file) = &table.file {
        facts.push((words.pick("File", "Datei"), format!("<code>{}</code>", breakable(file))));
    }
    if !table.parameters.is_empty() {
        let settings: Vec<String> = table
            .parameters
            .iter()
            .map(
                |(name, value)| {
                    if value.is_empty() { code(&format!("${name}")) } else { code(&format!("${name} = {value}")) }
                },
            )
            .collect();
        facts.push((words.pick("Settings it reads", "Gelesene Einstellungen"), settings.join(", ")));
    }
    out.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}

fn lineage(out: &mut String, words: &Words, table: &Table) {
    let name = &table.name;
    let links = |names: &BTreeSet<String>| -> String {
        if names.is_empty() {
            return words.pick("nothing", "nichts").to_string();
        }
        names.iter().map(|n| format!("<a href=\"#{n}\">{}</a>", breakable(n))).collect::<Vec<_>>().join(", ")
    };
    let _ = write!(
        out,
        "<figure class=\"wide\" id=\"{name}-lineage\">\n<figcaption><h3>{}</h3><p>{}</p></figcaption>\n\
         <p class=\"controls\" hidden><label>{} <select class=\"of-column\"><option value=\"\">{}</option></select></label>\
         <label><input type=\"checkbox\" class=\"deciding\"> {}</label></p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><div class=\"lineage\" data-table=\"{name}\"></div></div>\n<div class=\"picked\" hidden></div>\n",
        words.pick("Where it comes from, and where it goes", "Woher es kommt, wohin es geht"),
        words.pick(
            "Choose a column to follow it back to the fields of the sources. A line is a value that flows; a dashed one decides which rows or which value, without standing in it.",
            "Eine Spalte wählen, um sie bis zu den Feldern der Quellen zurückzuverfolgen. Eine Linie ist ein Wert, der fließt; eine gestrichelte entscheidet über Zeilen oder Werte, ohne darin zu stehen."
        ),
        words.pick("Follow", "Verfolgen:"),
        words.pick("the whole table", "die ganze Tabelle"),
        words.pick("what decides, too", "auch was entscheidet"),
        words.pick("Lineage", "Herkunft"),
    );
    let _ = write!(
        out,
        "<dl class=\"reads\"><div><dt>{}</dt><dd>{}</dd></div><div><dt>{}</dt><dd>{}</dd></div>",
        words.pick("Reads", "Liest"),
        links(&table.reads),
        words.pick("Read by", "Gelesen von"),
        links(&table.read_by),
    );
    if !table.flow.influences.is_empty() {
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            words.pick("What decides on its rows", "Was über die Zeilen entscheidet"),
            deciding(words, &table.flow)
        );
    }
    out.push_str("</dl>\n</figure>\n");
}

/// Sources by table: `fct_order: total_eur, refunds_eur`.
fn by_table<'a>(words: &Words, sources: impl Iterator<Item = &'a Source>) -> String {
    let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in sources {
        tables.entry(&source.table).or_default().push(&source.column);
    }
    let mut out = String::new();
    for (table, columns) in tables {
        let short = table.split_once('.').map_or(table, |(_, short)| short);
        let columns: Vec<String> = columns
            .iter()
            .map(|c| match *c {
                ROWS => format!("<i>{}</i>", words.pick("its rows", "Zeilen")),
                c => format!("<a href=\"#{table}.{c}\">{}</a>", breakable(c)),
            })
            .collect();
        let _ = write!(out, "<span class=\"from\"><b>{}</b> {}</span> ", breakable(short), columns.join(", "));
    }
    out
}

fn deciding(words: &Words, flow: &Flow) -> String {
    let mut out = String::new();
    let told = [
        (How::Filter, words.pick("filter", "Filter")),
        (How::Join, words.pick("join", "Verknüpfung")),
        (How::Group, words.pick("group", "Gruppe")),
        (How::Condition, words.pick("condition", "Bedingung")),
        (How::Order, words.pick("order", "Reihenfolge")),
    ];
    for (how, word) in told {
        let sources: BTreeSet<&Source> =
            flow.influences.iter().filter(|(s, h)| *h == how && &*s.column != ROWS).map(|(s, _)| s).collect();
        if !sources.is_empty() {
            let _ = write!(out, "<span class=\"how\">{word}:</span> {}", by_table(words, sources.into_iter()));
        }
    }
    out
}

fn columns(out: &mut String, words: &Words, table: &Table) {
    let heads = [
        words.pick("Column", "Spalte"),
        words.pick("What it says", "Was sie sagt"),
        words.pick("Comes from", "Kommt aus"),
        words.pick("Checks", "Prüfungen"),
    ];
    let _ = write!(
        out,
        "<h3>{}</h3>\n<table class=\"columns\"><caption>{} {}</caption><thead><tr>",
        words.language.counted(table.columns.len() as i64, ["column", "Spalte"], ["columns", "Spalten"]),
        words.pick("Columns of", "Spalten von"),
        table.name
    );
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for column in &table.columns {
        one_column(out, words, table, column);
    }
    out.push_str("</tbody></table>\n");
}

fn one_column(out: &mut String, words: &Words, table: &Table, column: &Column) {
    let id = format!("{}.{}", table.name, column.name);
    let key = match table.key.contains(&column.name) {
        true => format!(" <span class=\"badge key\">{}</span>", words.pick("key", "Schlüssel")),
        false => String::new(),
    };
    let unit = column.unit.as_ref().map_or_else(String::new, |u| format!(" · {}", escaped(u)));
    let _ = write!(
        out,
        "<tr id=\"{id}\"><th scope=\"row\"><a class=\"name\" href=\"#{id}\">{}</a>{key}<small>{}{unit}</small></th><td>",
        breakable(&column.name),
        escaped(&column.kind)
    );
    if column.personal {
        let _ = write!(out, "<span class=\"badge personal\">{}</span> ", words.pick("personal", "personenbezogen"));
    }
    out.push_str(&prose(&column.description));
    if column.of_personal {
        let _ = write!(
            out,
            " <span class=\"note\">{}</span>",
            words.pick("Made of personal data.", "Aus personenbezogenen Daten gemacht.")
        );
    }
    out.push_str("</td><td>");
    match &column.field {
        Some(field) => {
            let _ = write!(out, "{} <code>{}</code>", words.pick("field", "Feld"), breakable(field));
        }
        None if column.flow.values.is_empty() && table.sql.is_some() => {
            let _ = write!(out, "<span class=\"note\">{}</span>", words.pick("set by the model", "vom Modell gesetzt"));
        }
        None => out.push_str(&by_table(words, column.flow.values.iter())),
    }
    let decides = deciding(words, &column.flow);
    if !decides.is_empty() {
        let _ = write!(
            out,
            "<details><summary>{}</summary><p>{decides}</p></details>",
            words.pick("what decides", "was entscheidet")
        );
    }
    if let Some(to) = words.readers.get(&Source::new(&table.name, &column.name)) {
        let _ = write!(
            out,
            "<details><summary>{}</summary><p>{}</p></details>",
            words.language.counted(
                to.len() as i64,
                ["column made of it", "Spalte daraus"],
                ["columns made of it", "Spalten daraus"]
            ),
            by_table(words, to.iter())
        );
    }
    out.push_str("</td><td>");
    for check in &column.checks {
        let _ = write!(out, "<span class=\"check\">{} {}</span>", result(words, check), prose_check(&check.what));
    }
    out.push_str("</td></tr>\n");
}

fn prose_check(what: &str) -> String {
    format!("<code>{}</code>", escaped(what))
}

/// Passed, or how many rows offended.
fn result(words: &Words, check: &CheckLine) -> String {
    match check.offenders {
        None => format!(
            "<span class=\"result none\" title=\"{0}\">–<span class=\"hush\"> {0}</span></span>",
            words.pick("not made in the last run", "im letzten Lauf nicht gemacht")
        ),
        Some(0) => format!(
            "<span class=\"result good\" title=\"{0}\">✓<span class=\"hush\"> {0}</span></span>",
            words.pick("passed", "bestanden")
        ),
        Some(n) => format!(
            "<span class=\"result bad\">{}: {}</span>",
            if check.severity == "warn" {
                words.pick("warned", "Warnung")
            } else {
                words.pick("failed", "nicht bestanden")
            },
            words.language.counted(i64::try_from(n).unwrap_or(i64::MAX), ["row", "Zeile"], ["rows", "Zeilen"])
        ),
    }
}

fn checks(out: &mut String, words: &Words, table: &Table) {
    if table.checks.is_empty() {
        return;
    }
    let _ =
        write!(out, "<h3>{}</h3>\n<ul class=\"checks\">", words.pick("Checks of the table", "Prüfungen der Tabelle"));
    for check in &table.checks {
        let severity = if check.severity == "warn" {
            words.pick("warns", "warnt")
        } else {
            words.pick("stops the run", "hält den Lauf an")
        };
        let _ = write!(
            out,
            "<li>{} {} <span class=\"note\">{severity}</span></li>",
            result(words, check),
            prose(&check.what)
        );
    }
    out.push_str("</ul>\n");
}

fn sample(out: &mut String, words: &Words, table: &Table) {
    let title = words.pick("A look inside", "Ein Blick hinein");
    match &table.sample {
        Sample::Rows { columns, rows } => {
            let caption = format!("{title}: {}", table.name);
            let mut shown = pages::Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
            shown.rows = rows.clone();
            let _ = write!(
                out,
                "<h3>{title}</h3>\n<p class=\"note\">{}</p>\n<div class=\"sample\">{}</div>\n",
                words.pick(
                    "The first rows in the order of the key, without personal columns.",
                    "Die ersten Zeilen in der Ordnung des Schlüssels, ohne personenbezogene Spalten."
                ),
                shown.html(&caption)
            );
        }
        Sample::Values(told) => {
            let _ = write!(
                out,
                "<h3>{title}</h3>\n<p class=\"note\">{}</p>\n<dl class=\"facts values\">",
                words.pick(
                    "Its rows tell of persons, so none is shown. Of the columns that are not personal, values that at least ten of those persons share:",
                    "Die Zeilen erzählen von Personen, darum steht keine hier. Aus Spalten ohne Personenbezug Werte, die mindestens zehn von ihnen gemeinsam haben:"
                )
            );
            for (column, values) in told {
                let values: Vec<String> = values.iter().map(|v| code(v)).collect();
                let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", breakable(column), values.join(" "));
            }
            out.push_str("</dl>\n");
        }
        Sample::None(why) => {
            let text = match why {
                Why::NoRun => words.pick(
                    "No run has published it yet in this form.",
                    "Noch kein Lauf hat sie in dieser Form veröffentlicht.",
                ),
                Why::Personal => words.pick(
                    "Its rows tell of persons: none is shown.",
                    "Die Zeilen erzählen von Personen: keine steht hier.",
                ),
                Why::NotPublished => words.pick(
                    "It is not published: no rows are shown.",
                    "Sie wird nicht veröffentlicht: keine Zeilen stehen hier.",
                ),
                Why::Empty => words.pick("It has no rows.", "Sie hat keine Zeilen."),
            };
            let _ = write!(out, "<h3>{title}</h3>\n<p class=\"note\">{text}</p>\n");
        }
    }
}
