//! The page as HTML: head, headline figures, sections, and the scripts that draw.

use std::fmt::Write as _;

use super::customers::Headline;
use super::figure::Section;
use crate::config::Project;
use crate::manifest::Manifest;
use crate::output::escaped;
use crate::pages::{COPY, Head, Language};

const STYLE: &str = include_str!("charts.css");
const CHARTS: &str = include_str!("charts.js");
/// Apache ECharts as its registry package has it (see scripts/echarts).
const ECHARTS: &str = include_str!("echarts/echarts.min.js");
const ECHARTS_VERSION: &str = "6.1.0";

pub struct Page<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub language: Language,
    pub headlines: Vec<Headline>,
    pub sections: Vec<Section>,
}

impl Page<'_> {
    pub fn html(&self) -> String {
        let (language, run) = (self.language, self.manifest.run);
        let day = language.date(self.manifest.as_of);
        let name = &self.project.name;
        let (run_word, of) = (language.pick("Run", "Lauf"), language.pick("as of", "Stand"));
        let contents: Vec<(&str, &str)> = self.sections.iter().map(|s| (s.id, s.title.as_str())).collect();
        let mut out = String::with_capacity(ECHARTS.len() + (1 << 19));
        Head {
            language,
            name: &format!("{name}, {day}"),
            over: &format!("{name} · {run_word} {run} · {of} {day}"),
            title: language.pick("The company as its customers see it", "Das Unternehmen, wie seine Kunden es sehen"),
            lead: language.pick(
                "What the data of all departments says once it is put together by customer.",
                "Was die Daten aller Abteilungen sagen, wenn man sie nach Kunden zusammenlegt.",
            ),
            style: STYLE,
            contents: &contents,
        }
        .html(&mut out);
        self.keys(&mut out);
        let _ = writeln!(
            out,
            "<noscript><p class=\"plain\">{}</p></noscript>",
            language.pick(
                "The charts are drawn by a script, which this browser does not run. The tables behind them are all here.",
                "Die Diagramme zeichnet ein Skript, das dieser Browser nicht ausführt. Die Tabellen dahinter sind alle da."
            )
        );
        for section in &self.sections {
            section.html(language, &mut out);
        }
        self.foot(&mut out);
        let _ = write!(out, "<script>{ECHARTS}</script>\n<script>\n{CHARTS}{COPY}</script>\n</body>\n</html>\n");
        out
    }

    fn keys(&self, out: &mut String) {
        if self.headlines.is_empty() {
            return;
        }
        let label = self.language.pick("Key figures", "Die wichtigsten Zahlen");
        let _ = writeln!(out, "<section class=\"keys\" aria-label=\"{label}\"><dl>");
        for key in &self.headlines {
            let _ = write!(
                out,
                "<div class=\"key\"><dt>{} <small>{}</small></dt><dd><strong>{}</strong>",
                escaped(&key.name),
                escaped(&key.of),
                escaped(&key.value)
            );
            if !key.change.is_empty() {
                let _ = write!(out, "<span class=\"change {}\">{}</span>", key.class, escaped(&key.change));
            }
            out.push_str("</dd></div>\n");
        }
        out.push_str("</dl></section>\n");
    }

    fn foot(&self, out: &mut String) {
        let (language, manifest) = (self.language, self.manifest);
        let files = i64::try_from(manifest.files.len()).unwrap_or(i64::MAX);
        let _ = write!(
            out,
            "<footer>\n<p>{}</p>\n<p>{} {} · Uramaki {} · {} {} · {}: Apache ECharts {ECHARTS_VERSION} (Apache-2.0)</p>\n\
             <p>{} <code>{}</code></p>\n</footer>\n</main>\n",
            language.pick(
                "Counts and sums only: no person stands on this page. Money is in euros; days are those of the company’s time zone.",
                "Nur Anzahlen und Summen: keine Person steht auf dieser Seite. Beträge in Euro; Tage in der Zeitzone des Unternehmens."
            ),
            language.counted(files, ["file", "Datei"], ["files", "Dateien"]),
            language.pick("read so far", "bisher gelesen"),
            escaped(manifest.versions.get("uramaki").map_or("", String::as_str)),
            language.pick("run finished", "Lauf beendet"),
            escaped(&manifest.finished_at.replace('T', " ").chars().take(16).collect::<String>()) + "\u{a0}UTC",
            language.pick("Charts", "Diagramme"),
            language.pick("Fingerprint of the run:", "Fingerabdruck des Laufs:"),
            escaped(&manifest.fingerprint),
        );
    }
}
