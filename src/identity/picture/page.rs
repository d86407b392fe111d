//! Explanations as one page that needs nothing else: no scripts, no requests.

use std::fmt::Write as _;

use super::{
    Step, Verdict, bits_of, changes, clipped, field, finding, groups, held_down, limit, percent, remark, signed, span,
    steps, tame, times, verdict,
};
use crate::identity::linkage::explain::{Evidence, Explanation};
use crate::output;

const STYLE: &str = include_str!("page.css");

fn escaped(text: &str) -> String {
    output::escaped(&tame(text))
}

/// Our own sentences, with values in them: numbers stay with their unit.
fn prose(text: &str) -> String {
    escaped(text).replace(" %", "\u{a0}%").replace("(-", "(\u{2212}")
}

/// With a true minus sign.
fn weight(bits: f64) -> String {
    signed(bits).replace('-', "\u{2212}")
}

/// A page of all pairs.
pub fn html(explanations: &[Explanation], title: &str) -> String {
    let title = escaped(title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n"
    );
    let count = |wanted| explanations.iter().filter(|e| Verdict::of(e.probability, e) == wanted).count();
    let counts: Vec<String> = [Verdict::Linked, Verdict::Review, Verdict::Apart]
        .into_iter()
        .filter(|v| count(*v) > 0)
        .map(|v| format!("{} {}", count(v), v.names().0))
        .collect();
    let pairs = if explanations.len() == 1 { "pair" } else { "pairs" };
    let _ = writeln!(
        out,
        "<p class=\"lead\">{} {pairs} of records: {}. Each piece of evidence has a weight: +1 doubles the odds that both \
         are one person, \u{2212}1 halves them.</p>",
        explanations.len(),
        if counts.is_empty() { "none".to_string() } else { counts.join(", ") }
    );
    if explanations.len() > 1 {
        out.push_str("<nav aria-label=\"Pairs\"><ol class=\"pairs\">\n");
        for (place, e) in explanations.iter().enumerate() {
            let (name, class) = Verdict::of(e.probability, e).names();
            let _ = writeln!(
                out,
                "<li><a href=\"#pair-{0}\"><span class=\"number\">{0}</span><span class=\"who\"><bdi>{1}</bdi> \
                 <bdi>{2}</bdi></span><span class=\"badge {class}\">{name} · {3}</span></a></li>",
                place + 1,
                escaped(&e.left),
                escaped(&e.right),
                percent(e.probability)
            );
        }
        out.push_str("</ol></nav>\n");
    }
    out.push_str("</header>\n");
    for (place, e) in explanations.iter().enumerate() {
        pair(&mut out, e, place + 1);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn pair(out: &mut String, e: &Explanation, number: usize) {
    let (name, class) = Verdict::of(e.probability, e).names();
    let _ = write!(
        out,
        "<article class=\"pair {class}\" id=\"pair-{number}\" aria-labelledby=\"verdict-{number}\">\n\
         <p class=\"names\"><span class=\"badge {class}\">{name} · {}</span> <bdi>{}</bdi> \
         <span class=\"and\">and</span> <bdi>{}</bdi></p>\n<h2 id=\"verdict-{number}\">{}</h2>\n",
        percent(e.probability),
        escaped(&e.left),
        escaped(&e.right),
        prose(&verdict(e))
    );
    if let Some(why) = held_down(e) {
        let _ = writeln!(out, "<p class=\"why\">{}</p>", prose(&why));
    }
    out.push_str("<div class=\"halves\">\n<section>\n<h3>What the pair can be</h3>\n<ul class=\"kinds\">\n");
    for (place, (kind, share)) in e.kinds.iter().enumerate() {
        let _ = writeln!(
            out,
            "<li class=\"{}\"><span>{}</span><span class=\"track\" aria-hidden=\"true\"><i style=\"width:{:.2}%\"></i>\
             </span><b>{}</b></li>",
            if place < 2 { "one" } else { "other" },
            escaped(kind),
            (share * 100.0).clamp(0.0, 100.0),
            percent(*share).replace("less than ", "&lt; ").replace("more than ", "&gt; ")
        );
    }
    out.push_str("</ul>\n</section>\n");
    let changes = changes(e);
    if !changes.is_empty() {
        out.push_str("<section>\n<h3>What would change it</h3>\n<ul class=\"changes\">\n");
        changes.iter().for_each(|c| out.push_str(&format!("<li>{}</li>\n", prose(c))));
        out.push_str("</ul>\n</section>\n");
    }
    out.push_str("</div>\n");
    waterfall(out, e, number);
    table(out, e);
    out.push_str("</article>\n");
}

/// The evidence behind the picture.
fn table(out: &mut String, e: &Explanation) {
    out.push_str(
        "<table role=\"table\">\n<caption>The evidence, the heaviest first</caption>\n<thead role=\"rowgroup\">\
         <tr role=\"row\"><th role=\"columnheader\" scope=\"col\">Evidence</th>\
         <th role=\"columnheader\" scope=\"col\">Left record</th><th role=\"columnheader\" scope=\"col\">Right record</th>\
         <th role=\"columnheader\" scope=\"col\">Comparison</th>\
         <th role=\"columnheader\" scope=\"col\" class=\"weight\">Weight</th></tr></thead>\n",
    );
    let (fors, against, nothing) = groups(e);
    let groups =
        [("For", "for", fors), ("Against", "against", against), ("Missing, or says nothing", "nothing", nothing)];
    for (title, class, pieces) in groups.into_iter().filter(|g| !g.2.is_empty()) {
        let _ = writeln!(
            out,
            "<tbody role=\"rowgroup\" class=\"{class}\"><tr role=\"row\" class=\"group\">\
             <th role=\"rowheader\" scope=\"rowgroup\" colspan=\"5\">{title}</th></tr>"
        );
        pieces.into_iter().for_each(|v| row(out, e, v));
        out.push_str("</tbody>\n");
    }
    out.push_str("</table>\n");
}

fn row(out: &mut String, e: &Explanation, v: &Evidence) {
    let value = |side: &Option<String>| match side {
        Some(text) => format!("<bdi>{}</bdi>", escaped(text)),
        None => "<span class=\"none\">none</span>".to_string(),
    };
    let bits = match v.level {
        Some(_) if v.bits.abs() >= 0.05 => {
            let more = if v.bits > 0.0 { "likelier" } else { "less likely" };
            format!("{}<small>{} {more}</small>", weight(v.bits), times(v.bits))
        }
        Some(_) => weight(v.bits),
        None => "\u{2013}".to_string(),
    };
    let _ = writeln!(
        out,
        "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{}</th><td role=\"cell\" data-of=\"left\">{}</td>\
         <td role=\"cell\" data-of=\"right\">{}</td><td role=\"cell\" class=\"found\">{}{}</td>\
         <td role=\"cell\" class=\"weight\">{bits}</td></tr>",
        escaped(&field(&v.field)),
        value(&v.left),
        value(&v.right),
        escaped(finding(v)),
        prose(&remark(e, v))
    );
}

// The picture's measures, in its own units: pixels where nothing scales it.
const LEFT: f64 = 100.0;
const RIGHT: f64 = 8.0;
const SLOT: f64 = 62.0;
const BAR: f64 = 42.0;
const TOP: f64 = 26.0;
const HIGH: f64 = 300.0;
const FOOT: f64 = 76.0;

fn waterfall(out: &mut String, e: &Explanation, number: usize) {
    let steps = steps(e);
    let (low, high) = span(e, &steps);
    let y = |bits: f64| TOP + (high - bits) / (high - low) * HIGH;
    let right = LEFT + SLOT * steps.len() as f64;
    let (wide, tall) = (right + RIGHT, TOP + HIGH + FOOT);
    let said: Vec<String> = steps.iter().map(|s| format!("{} {}", s.label, weight(s.to - s.from))).collect();
    let _ = write!(
        out,
        "<figure>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Picture of the evidence, pair {number}\">\n\
         <svg viewBox=\"0 0 {wide} {tall}\" style=\"min-width:{:.0}px;max-width:{:.0}px\" role=\"img\" \
         aria-labelledby=\"title-{number} desc-{number}\">\n<title id=\"title-{number}\">How the evidence adds up: {} and {}</title>\n\
         <desc id=\"desc-{number}\">{}. Link from {}, review from {}.</desc>\n",
        wide * 0.86,
        wide * 1.15,
        escaped(&e.left),
        escaped(&e.right),
        escaped(&said.join("; ")),
        weight(bits_of(e.link_at)),
        weight(bits_of(e.review_at))
    );
    // The limits may lie close together: one is named above its line, the other below.
    let limits = [("link", e.link_at, "linked", -4.0), ("review", e.review_at, "review", 13.0)];
    let every = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0].into_iter().find(|s| (high - low) / s <= 7.0).unwrap_or(100.0);
    let mut tick = (low / every).ceil() * every;
    while tick <= high {
        let at = y(tick);
        let is_free = limits.iter().all(|(_, p, _, down)| (y(bits_of(*p)) + down - at - 4.0).abs() > 13.0);
        let name = match tick {
            _ if !is_free => String::new(),
            0.0 => "even odds".to_string(),
            _ => format!("{tick:+}").replace('-', "\u{2212}"),
        };
        let class = if tick == 0.0 { "zero" } else { "grid" };
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            LEFT - 8.0,
            at + 4.0
        );
        tick += every;
    }
    let slots = || steps.iter().enumerate().map(|(place, step)| (step, LEFT + SLOT * place as f64));
    slots().for_each(|(step, left)| bar(out, step, left, &y, left + SLOT < right));
    for (name, p, class, down) in limits {
        let at = y(bits_of(p));
        if at.is_finite() {
            let _ = writeln!(
                out,
                "<line class=\"limit {class}\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"limit {class}\" x=\"{:.1}\" y=\"{:.1}\">{name} {}</text>",
                LEFT - 8.0,
                at + down,
                limit(p)
            );
        }
    }
    slots().for_each(|(step, left)| names(out, step, left + SLOT / 2.0, &y));
    out.push_str(
        "</svg>\n</div>\n<figcaption><span class=\"key for\">for one person</span> <span class=\"key against\">against</span> \
         <span class=\"key sum\">sum</span> The sum tells one person from strangers; what stands right of it tells them \
         from the other kinds.</figcaption>\n</figure>\n",
    );
}

/// A step's class; one that begins at 0 anew is a total.
fn look(step: &Step) -> String {
    match step.look {
        one @ ("start" | "for" | "against" | "nothing") => one.to_string(),
        total => format!("total {total}"),
    }
}

fn bar(out: &mut String, step: &Step, left: f64, y: &dyn Fn(f64) -> f64, goes_on: bool) {
    let (upper, lower) = (y(step.from.max(step.to)), y(step.from.min(step.to)));
    let x = left + (SLOT - BAR) / 2.0;
    let _ = write!(
        out,
        "<g class=\"{}\"><title>{} ({})</title><rect x=\"{x:.1}\" y=\"{upper:.1}\" width=\"{BAR}\" height=\"{:.1}\" rx=\"2\"/>",
        look(step),
        escaped(&step.says),
        weight(step.to - step.from),
        (lower - upper).max(2.0)
    );
    if goes_on {
        let at = y(step.to);
        let (from, to) = (x + BAR, x + SLOT);
        let _ = write!(out, "<line class=\"join\" x1=\"{from}\" x2=\"{to}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
    }
    out.push_str("</g>\n");
}

/// What stands at a bar and under it.
fn names(out: &mut String, step: &Step, middle: f64, y: &dyn Fn(f64) -> f64) {
    let number = if step.to < step.from { y(step.to) + 15.0 } else { y(step.to) - 6.0 };
    let shown = if step.look == "nothing" { "\u{2013}".to_string() } else { weight(step.to - step.from) };
    let _ = write!(
        out,
        "<g class=\"{}\"><text class=\"number\" x=\"{middle:.1}\" y=\"{number:.1}\">{shown}</text>",
        look(step)
    );
    for (line, text) in lines(&step.label).iter().enumerate() {
        let below = TOP + HIGH + 38.0 + 14.0 * line as f64;
        // A long word is made narrower, not cut.
        let fit = if text.chars().count() > 10 { " textLength=\"58\" lengthAdjust=\"spacingAndGlyphs\"" } else { "" };
        let _ = write!(out, "<text class=\"label\" x=\"{middle:.1}\" y=\"{below:.1}\"{fit}>{}</text>", escaped(text));
    }
    out.push_str("</g>\n");
}

/// A label in at most three short lines.
fn lines(label: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in label.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + word.chars().count() < 9 => *last = format!("{last} {word}"),
            _ => lines.push(clipped(word, 13)),
        }
    }
    lines.truncate(3);
    lines
}
