//! The page: its frame, its chapters in order, and what chapters are written with.

use std::fmt::Write as _;

use super::material::Material;
use super::{balance, changes, checks, describe, inputs, models, proof, technical};
use crate::output::escaped;
use crate::pages::{self, COPY, Head, Language, Table};

const STYLE: &str = include_str!("pack.css");

/// One chapter, as HTML.
pub struct Chapter {
    id: &'static str,
    title: String,
    lead: String,
    body: String,
}

impl Chapter {
    pub fn new(id: &'static str, title: impl Into<String>, lead: impl Into<String>) -> Chapter {
        Chapter { id, title: title.into(), lead: lead.into(), body: String::new() }
    }

    pub fn heading(&mut self, title: &str) {
        let _ = writeln!(self.body, "<h3>{}</h3>", escaped(title));
    }

    pub fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escaped(text));
    }

    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"plain\">{}</p>", escaped(text));
    }

    pub fn list(&mut self, items: &[String]) {
        self.body.push_str("<ul>\n");
        for item in items {
            let _ = writeln!(self.body, "<li>{}</li>", escaped(item));
        }
        self.body.push_str("</ul>\n");
    }

    /// Names and what there is to say of them; what is empty is left out.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.body.push_str("<dl class=\"facts\">\n");
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(self.body, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), pages::breakable(value));
        }
        self.body.push_str("</dl>\n");
    }

    pub fn table(&mut self, caption: &str, table: &Table) {
        if !table.rows.is_empty() {
            let _ = writeln!(self.body, "{}", table.html(caption));
        }
    }

    /// A table with long digests or names, which may break anywhere.
    pub fn wide_table(&mut self, caption: &str, table: &Table) {
        self.body.push_str("<div class=\"wide\">");
        self.table(caption, table);
        self.body.push_str("</div>\n");
    }

    pub fn commands(&mut self, text: &str, language: Language) {
        let _ = writeln!(self.body, "{}", pages::code(text, language));
    }

    pub fn source(&mut self, text: &str) {
        let _ =
            writeln!(self.body, "<pre tabindex=\"0\" class=\"source\"><code>{}</code></pre>", escaped(text.trim_end()));
    }

    /// HTML as it is.
    pub fn raw(&mut self, html: &str) {
        self.body.push_str(html);
    }

    fn html(&self, number: usize, out: &mut String) {
        let _ = write!(
            out,
            "<section id=\"{0}\" class=\"chapter\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\"><span class=\"number\">{number}</span> {1}</h2>\n<p class=\"lead\">{2}</p>\n{3}</section>\n",
            self.id,
            escaped(&self.title),
            escaped(&self.lead),
            self.body
        );
    }
}

pub fn count(language: Language, n: u64) -> String {
    language.count(i64::try_from(n).unwrap_or(i64::MAX))
}

/// `2026-11-20 01:02 UTC`
pub fn moment(text: &str) -> String {
    text.replace('T', " ").chars().take(16).collect::<String>() + " UTC"
}

pub fn html(material: &Material) -> String {
    let (language, manifest) = (material.language, material.manifest());
    let mut chapters = vec![describe::cover(material), describe::general(material), describe::usage(material)];
    chapters.push(technical::chapter(material));
    chapters.push(describe::operation(material));
    chapters.push(checks::chapter(material));
    chapters.push(inputs::chapter(material));
    chapters.push(balance::chapter(material));
    chapters.push(changes::chapter(material));
    chapters.push(proof::chapter(material));
    chapters.push(proof::signing(material));
    chapters.push(models::chapter(material));
    let titles: Vec<(&str, String)> =
        chapters.iter().enumerate().map(|(at, c)| (c.id, format!("{}\u{a0}{}", at + 1, c.title))).collect();
    let contents: Vec<(&str, &str)> = titles.iter().map(|(id, title)| (*id, title.as_str())).collect();
    let (run, digest) = (manifest.run, &material.now.sha256);
    let run_word = language.pick("Run", "Lauf");
    let over = format!(
        "{} · {run_word} {run} · {} {}",
        manifest.project.name,
        language.pick("as of", "Stand"),
        language.date(manifest.as_of)
    );
    // Names are identifiers and digests are hexadecimal: nothing here ends a text of CSS.
    let style = format!(
        "{STYLE}@page {{ @top-left {{ content: \"{} · {run_word} {run}\"; }} @top-right {{ content: \"SHA-256 {}…\"; }} }}\n",
        manifest.project.name.replace(['"', '\\', '\n', '<'], ""),
        digest.get(..16).unwrap_or_default()
    );
    let mut out = String::with_capacity(1 << 20);
    Head {
        language,
        name: &format!("{} {run_word} {run}", manifest.project.name),
        over: &over,
        title: language.pick("The auditor’s folder", "Prüfermappe"),
        lead: language.pick(
            "Procedure, inputs, rules, checks and results of one run, for those who have to prove a number.",
            "Verfahren, Eingaben, Regeln, Prüfungen und Ergebnisse eines Laufs, für alle, die eine Zahl belegen müssen.",
        ),
        style: &style,
        contents: &contents,
    }
    .html(&mut out);
    for (at, chapter) in chapters.iter().enumerate() {
        chapter.html(at + 1, &mut out);
    }
    let _ = write!(
        out,
        "<footer><p>{}</p><p>{} <code>{digest}</code></p></footer>\n</main>\n<script>\n{COPY}</script>\n</body>\n</html>\n",
        language.pick(
            "Generated from the manifest of the run and from the project files as they were then. Counts, digests and rules only: no person stands in it.",
            "Erzeugt aus dem Manifest des Laufs und den damaligen Projektdateien. Nur Anzahlen, Prüfsummen und Regeln: keine Person steht darin.",
        ),
        language.pick("SHA-256 of the manifest:", "SHA-256 des Manifests:")
    );
    out
}
