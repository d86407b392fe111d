//! A trace as a page with a picture: the cell on the left, the files on the right, and the tables between them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Traced;
use super::tell::{proof, ranges};
use crate::output::{counted, escaped};
use crate::pages::{Head, Language, Table};

/// Sizes of the drawing, in pixels.
const BOX: (usize, usize) = (212, 46);
const GAP: (usize, usize) = (44, 12);
const STYLE: &str = include_str!("trace.css");

/// The page; it asks for nothing else.
pub fn html(traced: &Traced) -> String {
    let mut out = String::new();
    let key: Vec<String> = traced.key.iter().map(|c| shown(&c.value).to_string()).collect();
    let title = match traced.values.as_slice() {
        [one] => format!("{} = {}", one.column, shown(&one.value)),
        _ => format!("{} {}", traced.table, key.join(" · ")),
    };
    let over = format!("{}, {} · run {}, as of {}", traced.table, key.join(" · "), traced.run, traced.as_of);
    Head {
        language: Language::English,
        name: "Trace",
        over: &over,
        title: &title,
        lead: &lead(traced),
        style: STYLE,
        contents: &[("way", "The way"), ("lines", "Source lines"), ("whose", "Whose records"), ("values", "Values")],
    }
    .html(&mut out);
    out.push_str("<section id=\"way\"><h2>The way from the sources</h2>\n<figure class=\"wide\"><figcaption><p>From left to right: the table, what it is made of, and the files that hold the lines. Each box names its rows that take part.</p></figcaption>\n");
    out.push_str(&drawing(traced));
    let mut steps = Table::new(&["Table", "#Rows", "Made by", "Keys of the first rows"]);
    for step in &traced.steps {
        let by = step.sql.clone().unwrap_or_default();
        let keys = step.keys.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        steps.rows.push(vec![step.table.clone(), step.rows.to_string(), by, keys]);
    }
    out.push_str(&steps.html("Tables on the way, with the rows that take part"));
    out.push_str("</figure></section>\n<section id=\"lines\"><h2>Source lines</h2>\n<figure class=\"wide\">\n");
    let mut lines = Table::new(&["File", "Lines", "SHA-256 of the file", "Archived as"]);
    for file in &traced.lines {
        let archive = file.archive.clone().unwrap_or_else(|| "not archived".into());
        lines.rows.push(vec![file.file.clone(), ranges(&file.lines), file.sha256.clone(), archive]);
    }
    out.push_str(&lines.html("Lines of the source files"));
    out.push_str(
        "</figure></section>\n<section id=\"whose\"><h2>Whose records these are</h2>\n<figure class=\"wide\">\n",
    );
    let mut records = Table::new(&["Customer", "Record", "Line of its newest version", "Linked by"]);
    for customer in &traced.customers {
        for record in &customer.records {
            let links: Vec<String> = customer
                .links
                .iter()
                .filter(|link| link.right == record.record)
                .map(|link| format!("{} to {}", link.rule, link.left))
                .collect();
            let line = record.line.clone();
            records.rows.push(vec![customer.customer_id.clone(), record.record.clone(), line, links.join("; ")]);
        }
    }
    out.push_str(&records.html("Records of the customers that take part"));
    if traced.more_customers > 0 {
        let _ = write!(out, "<p>and {}</p>", counted(traced.more_customers, "more customer"));
    }
    out.push_str("</figure></section>\n<section id=\"values\"><h2>Values</h2>\n<figure class=\"wide\">\n");
    let mut values = Table::new(&["Column", "Value"]);
    for cell in &traced.values {
        values.rows.push(vec![cell.column.clone(), shown(&cell.value).to_string()]);
    }
    out.push_str(&values.html("The traced values"));
    out.push_str("</figure></section>\n</main>\n</body>\n</html>\n");
    out
}

fn lead(traced: &Traced) -> String {
    let lines: usize = traced.lines.iter().map(|f| f.lines.len()).sum();
    let mut lead = format!(
        "{} of {}. {}.",
        counted(lines as u64, "source line"),
        counted(traced.lines.len() as u64, "file"),
        capital(&proof(traced))
    );
    if traced.surplus.is_empty() {
        lead.push_str(" No operator on the way lists more rows than it needs; lines of person records are there as evidence of whose they are.");
    } else {
        lead.push_str(" Complete, and not minimal: some operators list more rows than they need.");
    }
    lead
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn shown(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("NULL")
}

/// A box of the drawing.
struct Place {
    column: usize,
    row: usize,
    title: String,
    small: String,
    class: &'static str,
}

/// Tables in columns by how far they are from the traced one, files last.
fn drawing(traced: &Traced) -> String {
    let rows: BTreeMap<&str, u64> = traced.steps.iter().map(|s| (s.table.as_str(), s.rows)).collect();
    let mut edges: Vec<(String, String)> = Vec::new();
    for step in &traced.steps {
        edges.extend(
            step.reads.iter().filter(|r| rows.contains_key(r.as_str())).map(|r| (step.table.clone(), r.clone())),
        );
    }
    // The longest way from the top: a table stands behind all that read it.
    let mut depth: BTreeMap<&str, usize> = traced.steps.iter().map(|s| (s.table.as_str(), 0)).collect();
    for _ in 0..traced.steps.len() {
        let mut is_settled = true;
        for (reader, read) in &edges {
            let wanted = depth.get(reader.as_str()).copied().unwrap_or(0) + 1;
            if depth.get(read.as_str()).is_some_and(|d| *d < wanted) {
                depth.insert(read, wanted);
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    let last = depth.values().copied().max().unwrap_or(0);
    // What sources gave stands side by side.
    let mut held: BTreeMap<usize, usize> = BTreeMap::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for step in &traced.steps {
        let layer = step.table.split('.').next().unwrap_or_default();
        let column = if layer == "landing" { last } else { depth.get(step.table.as_str()).copied().unwrap_or(0) };
        let row = held.entry(column).or_default();
        let class = match layer {
            "marts" => "marts",
            "warehouse" => "warehouse",
            "identity" => "identity",
            "staging" => "staging",
            _ => "ground",
        };
        let title = step.table.split_once('.').map_or(step.table.as_str(), |(_, name)| name).to_string();
        let small = format!("{layer}, {}", counted(step.rows, "row"));
        let place = Place { column, row: *row, title, small, class };
        places.insert(step.table.clone(), place);
        *row += 1;
    }
    for file in &traced.lines {
        let landing = traced
            .steps
            .iter()
            .filter(|s| s.table.starts_with("landing."))
            .find(|s| s.keys.iter().any(|k| k.starts_with(&file.batch)) || object_of(&file.file) == s.table[8..]);
        let row = held.entry(last + 1).or_default();
        let title = file.file.rsplit_once('/').map_or(file.file.as_str(), |(_, name)| name).to_string();
        let small =
            format!("{} of {}", counted(file.lines.len() as u64, "line"), object_of(&file.file).replacen("__", "/", 1));
        places.insert(file.batch.clone(), Place { column: last + 1, row: *row, title, small, class: "file" });
        *row += 1;
        if let Some(step) = landing {
            edges.push((step.table.clone(), file.batch.clone()));
        }
    }
    let columns = places.values().map(|p| p.column).max().unwrap_or(0) + 1;
    let tallest = held.values().copied().max().unwrap_or(1);
    let (width, height) = (columns * (BOX.0 + GAP.0) - GAP.0 + 2, tallest * (BOX.1 + GAP.1) - GAP.1 + 2);
    let at = |place: &Place| {
        let rows = held.get(&place.column).copied().unwrap_or(1);
        let above = (tallest - rows) * (BOX.1 + GAP.1) / 2;
        (place.column * (BOX.0 + GAP.0) + 1, above + place.row * (BOX.1 + GAP.1) + 1)
    };
    let mut out = format!(
        "<div class=\"scroll way\" tabindex=\"0\" role=\"region\" aria-label=\"Picture of the way\"><svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Tables from the traced one to the source files; the table below says the same\">\n"
    );
    for (reader, read) in &edges {
        let (Some(a), Some(b)) = (places.get(reader), places.get(read)) else { continue };
        let ((x1, y1), (x2, y2)) = (at(a), at(b));
        let (x1, y1, y2) = (x1 + BOX.0, y1 + BOX.1 / 2, y2 + BOX.1 / 2);
        let middle = (x1 + x2) / 2;
        let _ = writeln!(out, "<path d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\"/>");
    }
    for place in places.values() {
        let (x, y) = at(place);
        let _ = writeln!(
            out,
            "<g class=\"{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"8\"/><text x=\"{}\" y=\"{}\">{}</text><text class=\"small\" x=\"{}\" y=\"{}\">{}</text></g>",
            place.class,
            escaped(&place.title),
            BOX.0,
            BOX.1,
            x + 12,
            y + 19,
            escaped(&clipped(&place.title)),
            x + 12,
            y + 36,
            escaped(&place.small)
        );
    }
    out.push_str("</svg></div>\n");
    out
}

/// `shopify/orders/2026-11-20.csv` → `shopify__orders`
fn object_of(file: &str) -> String {
    let mut parts = file.split('/');
    match (parts.next(), parts.next()) {
        (Some(system), Some(object)) => format!("{system}__{object}"),
        _ => String::new(),
    }
}

/// As much as a box holds.
fn clipped(title: &str) -> String {
    const MOST: usize = 24;
    if title.chars().count() <= MOST {
        return title.to_string();
    }
    title.chars().take(MOST - 1).chain(['…']).collect()
}
