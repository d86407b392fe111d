//! The frame of a page: one file that asks for nothing else.

use std::fmt::Write as _;

use super::words::Language;
use crate::output::escaped;

const STYLE: &str = include_str!("page.css");
/// Gives the buttons beside commands their work.
pub const COPY: &str = include_str!("copy.js");

/// Lines of code or commands, with a button that copies them.
pub fn code(text: &str, language: Language) -> String {
    format!(
        "<div class=\"code\"><pre tabindex=\"0\"><code>{}</code></pre><button type=\"button\" class=\"copy\" hidden>{}</button></div>",
        escaped(text),
        language.pick("Copy", "Kopieren")
    )
}

/// What stands at the top of a page.
pub struct Head<'a> {
    pub language: Language,
    /// In the browser's title, before the page's own.
    pub name: &'a str,
    /// The small line above the title.
    pub over: &'a str,
    pub title: &'a str,
    pub lead: &'a str,
    /// What this page needs besides the common style.
    pub style: &'a str,
    /// The sections, by id.
    pub contents: &'a [(&'a str, &'a str)],
}

impl Head<'_> {
    /// Everything up to the content. Nothing from outside may be loaded, and nothing is sent anywhere.
    pub fn html(&self, out: &mut String) {
        let language = self.language;
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
             <title>{}: {}</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">{}</a>\n<header class=\"top\"><div>\n<p class=\"over\">{}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
            language.code(),
            escaped(self.name),
            escaped(self.title),
            self.style,
            language.pick("To the content", "Zum Inhalt"),
            escaped(self.over),
            escaped(self.title),
            escaped(self.lead),
        );
        let _ = write!(out, "<nav aria-label=\"{}\"><ul>", language.pick("Contents", "Inhalt"));
        for (id, title) in self.contents {
            let _ = write!(out, "<li><a href=\"#{id}\">{}</a></li>", escaped(title));
        }
        out.push_str("</ul></nav>\n</div></header>\n<main id=\"main\">\n");
    }
}
