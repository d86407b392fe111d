//! The catalogue as one HTML file: search, a list of all tables, and a section for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::connect;
use super::entries::{Catalogue, Kind, MetricEntry, Table};
use super::gather::LAYERS;
use super::sections::{self, Words, code, prose};
use crate::config::Project;
use crate::models::lineage::{Flow, How, ROWS, Source};
use crate::output::escaped;
use crate::pages::{self, COPY, Head, Language};

const STYLE: &str = include_str!("catalogue.css");
const SCRIPT: &str = include_str!("catalogue.js");
const LINEAGE: &str = include_str!("lineage.js");

pub fn html(project: &Project, catalogue: &Catalogue, language: Language) -> String {
    let words = Words { language, catalogue, readers: sections::readers(catalogue) };
    let mut out = String::with_capacity(1 << 22);
    let over = match &catalogue.run {
        Some(run) => format!(
            "{} · {} {} · {} {}",
            catalogue.project,
            language.pick("run", "Lauf"),
            run.run,
            language.pick("as of", "Stand"),
            language.date(run.as_of)
        ),
        None => format!("{} · {}", catalogue.project, language.pick("no run yet", "noch kein Lauf")),
    };
    let contents = [
        ("overview", language.pick("Overview", "Überblick")),
        ("metrics", language.pick("Metrics", "Kennzahlen")),
        ("connect", language.pick("Connect a tool", "Werkzeug anbinden")),
    ];
    Head {
        language,
        name: &catalogue.project,
        over: &over,
        title: language.pick("Data catalogue", "Datenkatalog"),
        lead: catalogue.description.as_deref().unwrap_or_default(),
        style: STYLE,
        contents: &contents,
    }
    .html(&mut out);
    out.push_str("<div class=\"halves\">\n");
    aside(&mut out, &words);
    out.push_str("<div class=\"entries\">\n");
    overview(&mut out, &words);
    for table in &catalogue.tables {
        sections::table(&mut out, &words, table);
    }
    metrics(&mut out, &words);
    connect::html(&mut out, project, catalogue, language);
    out.push_str("</div>\n</div>\n");
    foot(&mut out, catalogue, language);
    let _ = write!(
        out,
        "<script type=\"application/json\" id=\"lineage\">{}</script>\n<script>\n{LINEAGE}{SCRIPT}{COPY}</script>\n</body>\n</html>\n",
        graph(catalogue, language)
    );
    out
}

/// The layers that people ask first come first, what was refused last.
fn layers() -> impl Iterator<Item = &'static str> {
    let refused = |l: &&str| *l == "quarantine";
    LAYERS.into_iter().rev().filter(move |l| !refused(l)).chain(LAYERS.into_iter().filter(refused))
}

/// Search, and all tables by layer.
fn aside(out: &mut String, words: &Words) {
    let language = words.language;
    let _ = write!(
        out,
        "<aside>\n<form class=\"search\" role=\"search\" hidden><label for=\"search\">{}</label>\
         <input type=\"search\" id=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"revenue, customer_id …\">\
         <p class=\"found\" aria-live=\"polite\"></p><ol class=\"results\" hidden></ol></form>\n\
         <nav class=\"places\" aria-label=\"{}\"><a href=\"#overview\">{}</a><a href=\"#metrics\">{}</a><a href=\"#connect\">{}</a></nav>\n\
         <details class=\"all\" open><summary>{}</summary><nav aria-label=\"{}\">\n",
        language.pick("Search tables, columns, metrics", "Tabellen, Spalten, Kennzahlen suchen"),
        language.pick("Places", "Orte"),
        language.pick("Overview", "Überblick"),
        language.pick("Metrics", "Kennzahlen"),
        language.pick("Connect a tool", "Anbinden"),
        language.pick("All tables", "Alle Tabellen"),
        language.pick("Tables", "Tabellen"),
    );
    for layer in layers() {
        let tables: Vec<&Table> = words.catalogue.tables.iter().filter(|t| t.layer() == layer).collect();
        if tables.is_empty() {
            continue;
        }
        let open = if layer == "marts" { " open" } else { "" };
        let _ = write!(
            out,
            "<details class=\"layer l-{layer}\"{open}><summary>{layer} <small>{}</small></summary><ul>",
            tables.len()
        );
        for table in tables {
            let short = table.name.split_once('.').map_or("", |(_, name)| name);
            let quiet = if table.kind == Kind::Intermediate { " class=\"quiet\"" } else { "" };
            let _ = write!(out, "<li><a href=\"#{}\"{quiet}>{}</a></li>", table.name, crate::pages::breakable(short));
        }
        out.push_str("</ul></details>\n");
    }
    out.push_str("</nav></details>\n</aside>\n");
}

fn overview(out: &mut String, words: &Words) {
    let (language, catalogue) = (words.language, words.catalogue);
    let count = |n: usize| language.count(i64::try_from(n).unwrap_or(i64::MAX));
    let columns: Vec<_> = catalogue.tables.iter().flat_map(|t| &t.columns).collect();
    let personal = columns.iter().filter(|c| c.personal).count();
    let _ = write!(
        out,
        "<section class=\"entry\" id=\"overview\" aria-labelledby=\"overview-title\">\n<h2 id=\"overview-title\">{}</h2>\n",
        language.pick("What is here", "Was hier ist")
    );
    if catalogue.run.is_none() {
        let _ = writeln!(
            out,
            "<p class=\"plain\" role=\"note\">{}</p>",
            language.pick(
                "There is no run yet. Rows, results of checks and samples are missing until uramaki run has published one; then write this catalogue again.",
                "Es gibt noch keinen Lauf. Zeilen, Ergebnisse der Prüfungen und Beispiele fehlen, bis uramaki run einen veröffentlicht hat; dann diesen Katalog neu schreiben."
            )
        );
    }
    let mut figures = vec![
        (language.pick("tables", "Tabellen"), count(catalogue.tables.len())),
        (language.pick("columns", "Spalten"), count(columns.len())),
        (language.pick("of them personal data", "davon personenbezogen"), count(personal)),
        (language.pick("metrics", "Kennzahlen"), count(catalogue.metrics.len())),
    ];
    if let Some(run) = &catalogue.run {
        figures.push((language.pick("checks in the last run", "Prüfungen im letzten Lauf"), count(run.checks)));
        let warned = sections::warned(catalogue);
        figures.push((language.pick("checks that warned", "Prüfungen mit Warnung"), count(warned.len())));
    }
    out.push_str("<dl class=\"sums\">");
    for (name, value) in figures {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
    for layer in layers() {
        let mut tables: Vec<&Table> = catalogue.tables.iter().filter(|t| t.layer() == layer).collect();
        if tables.is_empty() {
            continue;
        }
        // What people ask first, what it is made of last.
        tables.sort_by_key(|t| t.kind == Kind::Intermediate);
        let _ = write!(
            out,
            "<h3 class=\"layer-title l-{layer}\">{layer}</h3>\n<p class=\"lead\">{}</p>\n<ul class=\"cards\">\n",
            of_layer(layer, language)
        );
        for table in tables {
            let quiet = if table.kind == Kind::Intermediate { " class=\"quiet\"" } else { "" };
            let _ = writeln!(
                out,
                "<li{quiet}><a href=\"#{0}\">{1}</a><span>{2}</span></li>",
                table.name,
                crate::pages::breakable(table.name.split_once('.').map_or("", |(_, name)| name)),
                prose(first_sentence(&table.description)),
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(['.', ':']).find(|(at, _)| text[at + 1..].starts_with([' ', '\n']));
    ends.map_or(text, |(at, _)| text[..at].trim_end_matches(':'))
}

fn of_layer(layer: &str, language: Language) -> &'static str {
    let (english, german) = match layer {
        "landing" => (
            "What the source systems hand over, by contract: the newest version of each key.",
            "Was die Quellsysteme übergeben, nach Vertrag: von jedem Schlüssel die neueste Fassung.",
        ),
        "staging" => (
            "The same, renamed and decoded: one view for each object, no joins.",
            "Dasselbe, umbenannt und entschlüsselt: eine Sicht je Objekt, ohne Verknüpfungen.",
        ),
        "identity" => (
            "Whose record is this? Which records belong to the same customer, and why.",
            "Wessen Datensatz ist das? Welche Datensätze zu derselben Person gehören, und warum.",
        ),
        "project" => ("What the project itself says.", "Was das Projekt selbst sagt."),
        "warehouse" => ("Facts and dimensions, cut by customer.", "Fakten und Dimensionen, nach Kunden geschnitten."),
        "marts" => ("Answers to questions that people ask.", "Antworten auf Fragen, die gestellt werden."),
        _ => ("What was refused, and why.", "Was zurückgewiesen wurde, und warum."),
    };
    match language {
        Language::English => english,
        Language::German => german,
    }
}

fn metrics(out: &mut String, words: &Words) {
    let (language, catalogue) = (words.language, words.catalogue);
    let _ = write!(
        out,
        "<section class=\"entry\" id=\"metrics\" aria-labelledby=\"metrics-title\">\n<h2 id=\"metrics-title\">{}</h2>\n<p class=\"lead\">{}</p>\n",
        language.pick("Metrics", "Kennzahlen"),
        language.pick(
            "Figures that are defined once, in the yml of the table that they are counted over. The file semantic_models.yml beside this page has them for tools that read semantic models.",
            "Zahlen, die einmal festgelegt sind: in der yml der Tabelle, über die gezählt wird. Die Datei semantic_models.yml neben dieser Seite hält sie für Werkzeuge bereit, die semantische Modelle lesen."
        )
    );
    if catalogue.metrics.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", language.pick("None are defined.", "Es sind keine festgelegt."));
    }
    for metric in &catalogue.metrics {
        one_metric(out, metric, language);
    }
    out.push_str("</section>\n");
}

fn one_metric(out: &mut String, metric: &MetricEntry, language: Language) {
    let _ = write!(
        out,
        "<article class=\"metric\" id=\"metric.{0}\"><h3>{1} <code>{0}</code></h3><p>{2}</p><dl class=\"facts\">",
        metric.name,
        escaped(&metric.label),
        prose(&metric.description)
    );
    let mut facts = vec![(language.pick("formula", "Formel"), code(&metric.formula))];
    if let Some(condition) = &metric.condition {
        facts.push((language.pick("only where", "nur wo"), code(condition)));
    }
    if let Some(time) = &metric.time {
        facts.push((language.pick("over time by", "über die Zeit nach"), code(time)));
    }
    if let Some(unit) = &metric.unit {
        facts.push((language.pick("unit", "Einheit"), escaped(unit)));
    }
    facts.push((language.pick("defined in", "festgelegt in"), format!("<a href=\"#{0}\">{0}</a>", metric.table)));
    for (name, value) in facts {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>");
    out.push_str(&pages::code(&format!("uramaki query \"{}\"", metric.sql), language));
    out.push_str("</article>\n");
}

fn foot(out: &mut String, catalogue: &Catalogue, language: Language) {
    let _ = write!(
        out,
        "<footer>\n<p>{}</p>\n<p>Uramaki {}",
        language.pick(
            "No value of a personal column stands on this page. Times are UTC.",
            "Kein Wert einer personenbezogenen Spalte steht auf dieser Seite. Zeiten sind UTC."
        ),
        env!("CARGO_PKG_VERSION"),
    );
    if let Some(run) = &catalogue.run {
        let when: String = run.finished_at.replace('T', " ").chars().take(16).collect();
        let _ = write!(
            out,
            " · {} {} · {} {when}\u{a0}UTC",
            language.pick("run", "Lauf"),
            run.run,
            language.pick("finished", "beendet")
        );
    }
    out.push_str("</p>\n</footer>\n</main>\n");
}

/// What the pictures are drawn from: tables with their columns, and edges by number. -1 stands for a table's rows.
fn graph(catalogue: &Catalogue, language: Language) -> String {
    let mut numbers: BTreeMap<(&str, &str), (usize, i64)> = BTreeMap::new();
    for (at, table) in catalogue.tables.iter().enumerate() {
        numbers.insert((&table.name, ROWS), (at, -1));
        for (place, column) in table.columns.iter().enumerate() {
            numbers.insert((&table.name, &column.name), (at, place as i64));
        }
    }
    let number = |s: &Source| numbers.get(&(&*s.table, &*s.column)).copied();
    let (mut values, mut influences) = (Vec::new(), Vec::new());
    for (at, table) in catalogue.tables.iter().enumerate() {
        let mut add = |place: i64, flow: &Flow| {
            values.extend(flow.values.iter().filter_map(&number).map(|(t, c)| json!([at, place, t, c])));
            let decided = flow.influences.iter().filter_map(|(s, how)| Some((number(s)?, kind(*how))));
            influences.extend(decided.map(|((t, c), how)| json!([at, place, t, c, how])));
        };
        add(-1, &table.flow);
        for (place, column) in table.columns.iter().enumerate() {
            add(place as i64, &column.flow);
        }
    }
    let tables: Vec<_> = catalogue
        .tables
        .iter()
        .map(|t| {
            let columns: Vec<_> = t.columns.iter().map(|c| &c.name).collect();
            let fields: BTreeMap<usize, &String> = t
                .columns
                .iter()
                .enumerate()
                .filter_map(|(at, c)| Some((at, c.field.as_ref()?)))
                .filter(|(at, field)| t.columns[*at].name != **field)
                .collect();
            let reads: Vec<usize> =
                t.reads.iter().filter_map(|r| catalogue.tables.iter().position(|o| o.name == *r)).collect();
            json!([t.name, columns, fields, reads])
        })
        .collect();
    let words = json!({
        "rows": language.pick("rows", "Zeilen"),
        "columns": language.pick("columns", "Spalten"),
        "column": language.pick("column", "Spalte"),
        "field": language.pick("field", "Feld"),
        "none": language.pick("Nothing found", "Nichts gefunden"),
        "found": language.pick("found", "gefunden"),
        "picture": language.pick("Lineage of", "Herkunft von"),
        "metric": language.pick("metric", "Kennzahl"),
        "table": language.pick("table", "Tabelle"),
        "made": language.pick("Set by the model itself: no column stands behind it.", "Vom Modell selbst gesetzt: keine Spalte steht dahinter."),
    });
    // Inside a script element nothing may end it.
    json!({"tables": tables, "values": values, "influences": influences, "words": words})
        .to_string()
        .replace("</", "<\\/")
}

fn kind(how: How) -> u8 {
    match how {
        How::Condition => 0,
        How::Filter => 1,
        How::Join => 2,
        How::Group => 3,
        How::Order => 4,
    }
}
