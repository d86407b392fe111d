//! A table of texts as HTML.

use std::fmt::Write as _;

use crate::output::escaped;

/// A table of texts.
#[derive(Default)]
pub struct Table {
    /// With whether its values are numbers.
    pub heads: Vec<(String, bool)>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A `#` before a heading: its column holds numbers.
    pub fn new(heads: &[&str]) -> Table {
        let head = |h: &&str| (h.trim_start_matches('#').to_string(), h.starts_with('#'));
        Table { heads: heads.iter().map(head).collect(), rows: Vec::new() }
    }

    /// In a region of its own, which scrolls where the page is too narrow.
    pub fn html(&self, caption: &str) -> String {
        let mut out = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption><thead><tr>",
            escaped(caption)
        );
        let class = |at: usize| if self.heads.get(at).is_some_and(|h| h.1) { " class=\"n\"" } else { "" };
        for (at, (head, _)) in self.heads.iter().enumerate() {
            let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(at), escaped(head));
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (at, value) in row.iter().enumerate() {
                let _ = match at {
                    0 => write!(out, "<th scope=\"row\"{}>{}</th>", class(at), breakable(value)),
                    _ => write!(out, "<td{}>{}</td>", class(at), breakable(value)),
                };
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>");
        out
    }
}

/// Names of tables and objects may go on in the next line where their parts end.
pub fn breakable(text: &str) -> String {
    escaped(text).replace('/', "/<wbr>").replace('_', "_<wbr>")
}
