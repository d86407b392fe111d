//! What a page is made of: sections of figures, each with a chart, the table behind it and the command that made it.

use std::fmt::Write as _;

use serde_json::Value;

use super::answers::Cell;
use crate::output::escaped;
use crate::pages::{self, Language, Table};

pub struct Section {
    pub id: &'static str,
    pub title: String,
    /// What the section is about, and how its numbers are counted.
    pub lead: String,
    /// Stand beside one another where there is room.
    pub figures: Vec<Figure>,
}

pub struct Figure {
    pub id: String,
    /// What is seen.
    pub title: String,
    /// How it is to be read.
    pub note: String,
    /// What charts.js draws; None: the table is all there is to see.
    pub chart: Option<Value>,
    /// Over the whole width.
    pub wide: bool,
    pub legend: Vec<(String, usize)>,
    pub table: Table,
    /// Gives the same numbers, typed by hand.
    pub command: String,
}

/// How a cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Share,
    /// So many digits after the point.
    Number(u32),
    Money,
}

impl Unit {
    pub fn written(self, language: Language, cell: &Cell) -> String {
        let Some((units, scale)) = cell.units() else { return "–".to_string() };
        match self {
            Unit::Share => language.percent(units, scale),
            Unit::Number(digits) => language.decimal(units, scale, digits),
            Unit::Money => language.money(units, scale, 2),
        }
    }

    /// As charts.js knows it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Share => "share",
            Unit::Number(_) => "number",
            Unit::Money => "money",
        }
    }
}

/// `uramaki query`, ready to be typed: the SQL of the page has no double quotes and nothing that a shell would read.
pub fn query(run: u64, sql: &str) -> String {
    format!("uramaki query --run {run} \"{sql}\"")
}

impl Figure {
    pub fn html(&self, language: Language, out: &mut String) {
        let wide = if self.wide { " class=\"wide\"" } else { "" };
        let _ = write!(out, "<figure id=\"{}\"{wide}>\n<figcaption><h3>{}</h3>", self.id, escaped(&self.title));
        if !self.note.is_empty() {
            let _ = write!(out, "<p>{}</p>", escaped(&self.note));
        }
        out.push_str("</figcaption>\n");
        if !self.legend.is_empty() {
            out.push_str("<ul class=\"legend\">");
            for (name, color) in &self.legend {
                let _ = write!(out, "<li class=\"c{color}\">{}</li>", escaped(name));
            }
            out.push_str("</ul>\n");
        }
        let behind = language.pick("Table", "Tabelle");
        match &self.chart {
            Some(chart) => {
                let kind = chart.get("kind").and_then(Value::as_str).unwrap_or_default();
                let _ = write!(
                    out,
                    "<div class=\"scroll\"><div class=\"chart {kind}\" role=\"img\" aria-label=\"{}\" data-spec=\"{}\"></div></div>\n\
                     <details><summary>{behind}</summary>{}</details>\n",
                    escaped(&self.title),
                    escaped(&chart.to_string()),
                    self.table.html(&self.title)
                );
            }
            None => {
                let _ = writeln!(out, "{}", self.table.html(&self.title));
            }
        }
        let _ = writeln!(
            out,
            "<details class=\"made\"><summary>{}</summary>{}</details>\n</figure>",
            language.pick("How it was made", "Wie das entstand"),
            pages::code(&self.command, language)
        );
    }
}

impl Section {
    pub fn html(&self, language: Language, out: &mut String) {
        let _ = write!(
            out,
            "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n<p class=\"lead\">{2}</p>\n<div class=\"figures\">\n",
            self.id,
            escaped(&self.title),
            escaped(&self.lead)
        );
        for figure in &self.figures {
            figure.html(language, out);
        }
        out.push_str("</div>\n</section>\n");
    }
}
