//! Explanations as one page that needs nothing else: no scripts, no requests.

use std::fmt::Write as _;

use super::{
    Step, Verdict, bits_of, changes, clipped, commonness, field, finding, groups, held_down, limit, percent, signed,
    span, steps, tame, times, verdict,
};
use crate::identity::linkage::explain::{Evidence, Explanation};

const STYLE: &str = include_str!("page.css");

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
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
         are one person, {}1 halves them.</p>",
        explanations.len(),
        if counts.is_empty() { "none".to_string() } else { counts.join(", ") },
        '\u{2212}'
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
        escaped(&verdict(e))
    );
    if let Some(why) = held_down(e) {
        let _ = writeln!(out, "<p class=\"why\">{}</p>", escaped(&why));
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
        changes.iter().for_each(|c| out.push_str(&format!("<li>{}</li>\n", escaped(c).replace("(-", "(\u{2212}"))));
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
    let common = v.share.map(|s| format!("; {}", commonness(s))).unwrap_or_default();
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
         <td role=\"cell\" data-of=\"right\">{}</td><td role=\"cell\" class=\"found\">{}{common}</td>\
         <td role=\"cell\" class=\"weight\">{bits}</td></tr>",
        escaped(&field(&v.field)),
        value(&v.left),
        value(&v.right),
        escaped(&finding(e, v))
    );
}

// The picture's measures, in its own units: pixels where nothing scales it.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 92.0;
const SLOT: f64 = 72.0;
const BAR: f64 = 46.0;
const TOP: f64 = 26.0;
const HIGH: f64 = 300.0;
const FOOT: f64 = 64.0;

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
    let every = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0].into_iter().find(|s| (high - low) / s <= 7.0).unwrap_or(100.0);
    let mut tick = (low / every).ceil() * every;
    while tick <= high {
        let (at, name) =
            (y(tick), if tick == 0.0 { "even".to_string() } else { format!("{tick:+}").replace('-', "\u{2212}") });
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
    for (place, step) in steps.iter().enumerate() {
        bar(out, step, LEFT + SLOT * place as f64, &y, place + 1 < steps.len());
    }
    // The limits may lie close together: one is named above its line, the other below.
    for (name, p, class, down) in [("link", e.link_at, "linked", -5.0), ("review", e.review_at, "review", 14.0)] {
        let at = y(bits_of(p));
        if at.is_finite() {
            let _ = writeln!(
                out,
                "<line class=\"limit {class}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"limit {class}\" x=\"{:.1}\" y=\"{:.1}\">{name} {}</text>",
                wide - 4.0,
                right + 6.0,
                at + down,
                limit(p)
            );
        }
    }
    out.push_str(
        "</svg>\n</div>\n<figcaption><span class=\"key for\">for one person</span> <span class=\"key against\">against</span> \
         <span class=\"key sum\">sum</span> Bars up speak for one person, bars down against. The sum tells one person from \
         strangers; what stands right of it tells them from the other kinds.</figcaption>\n</figure>\n",
    );
}

fn bar(out: &mut String, step: &Step, left: f64, y: &dyn Fn(f64) -> f64, goes_on: bool) {
    let (upper, lower) = (y(step.from.max(step.to)), y(step.from.min(step.to)));
    let (x, middle) = (left + (SLOT - BAR) / 2.0, left + SLOT / 2.0);
    let is_sum = !matches!(step.look, "for" | "against" | "nothing");
    let look = if is_sum && step.look != "start" { format!("total {}", step.look) } else { step.look.to_string() };
    let _ = write!(
        out,
        "<g class=\"{look}\"><title>{} ({})</title>\
         <rect x=\"{x:.1}\" y=\"{upper:.1}\" width=\"{BAR}\" height=\"{:.1}\" rx=\"2\"/>",
        escaped(&step.says),
        weight(step.to - step.from),
        (lower - upper).max(2.0)
    );
    if goes_on {
        let at = y(step.to);
        let _ = write!(
            out,
            "<line class=\"join\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            x + BAR,
            x + SLOT
        );
    }
    let number = if step.to < step.from { lower + 15.0 } else { upper - 6.0 };
    let shown = if step.look == "nothing" { "\u{2013}".to_string() } else { weight(step.to - step.from) };
    let _ = write!(out, "<text class=\"number\" x=\"{middle:.1}\" y=\"{number:.1}\">{shown}</text>");
    for (line, text) in lines(&step.label).iter().enumerate() {
        let below = TOP + HIGH + 28.0 + 14.0 * line as f64;
        let _ = write!(out, "<text class=\"label\" x=\"{middle:.1}\" y=\"{below:.1}\">{}</text>", escaped(text));
    }
    out.push_str("</g>\n");
}

/// A label in at most three short lines.
fn lines(label: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in label.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + word.chars().count() < 11 => *last = format!("{last} {word}"),
            _ => lines.push(clipped(word, 11)),
        }
    }
    lines.truncate(3);
    lines
}
