//! An explanation as people read it: in words for a terminal, and as a page with a picture.
//!
//! Values are customers' own words: on the page they are escaped, in a terminal they cannot steer it.

mod page;

pub use page::html;

use std::fmt::Write as _;

use super::linkage::explain::{Evidence, Explanation};
use crate::output::thousands;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Apart,
    Review,
    Linked,
}

impl Verdict {
    fn of(probability: f64, e: &Explanation) -> Verdict {
        match probability {
            p if p >= e.link_at => Verdict::Linked,
            p if p >= e.review_at => Verdict::Review,
            _ => Verdict::Apart,
        }
    }

    /// How it is called, and its class on the page.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Verdict::Linked => ("linked", "linked"),
            Verdict::Review => ("for review", "review"),
            Verdict::Apart => ("not linked", "apart"),
        }
    }
}

/// The kinds as Bayes' rule weighs them: one person, one who moved, all who share evidence, strangers.
struct Odds {
    stays: f64,
    moved: f64,
    rivals: f64,
    strangers: f64,
}

impl Odds {
    fn of(e: &Explanation) -> Odds {
        let part = |place: usize| e.kinds.get(place).map_or(0.0, |k| k.1);
        let last = e.kinds.len().saturating_sub(1).max(2);
        let rivals = e.kinds.iter().take(last).skip(2).map(|k| k.1).sum();
        Odds { stays: part(0), moved: part(1), rivals, strangers: part(last) }
    }

    fn one(&self) -> f64 {
        self.stays + self.moved
    }

    /// As if nothing but strangers stood against one person.
    fn against_strangers(&self) -> f64 {
        self.one() / (self.one() + self.strangers)
    }

    /// Between which bits the pair would lie were a piece of evidence not known. How much of it the rivals share the
    /// explanation does not tell: between nothing and all of it. So it is with one who moved, where it is an address.
    fn without(&self, bits: f64) -> (f64, f64) {
        let back = (-bits).exp2();
        let all = self.one() * back;
        let some = if self.moved > self.stays { all } else { self.stays * back + self.moved };
        let (rivals, shared) = (self.rivals, self.rivals * back);
        let odds = |one: f64, others: f64| (one / (others + self.strangers)).log2();
        (odds(all.min(some), rivals.max(shared)), odds(all.max(some), rivals.min(shared)))
    }

    fn bits(&self) -> f64 {
        (self.one() / (self.rivals + self.strangers)).log2()
    }
}

fn bits_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// Cut off, not rounded: what is below a limit is never written like it.
fn percent(p: f64) -> String {
    let hundred = p * 100.0 + 1e-9;
    let (places, unit) = if (1.0..99.0).contains(&hundred) { (1, 10.0) } else { (2, 100.0) };
    match hundred {
        h if h < 0.01 => "less than 0.01 %".to_string(),
        h if h > 99.99 => "more than 99.99 %".to_string(),
        h => trimmed(format!("{:.places$}", (h * unit).floor() / unit)),
    }
}

fn trimmed(number: String) -> String {
    format!("{} %", number.trim_end_matches('0').trim_end_matches('.'))
}

fn limit(p: f64) -> String {
    trimmed(format!("{:.4}", p * 100.0))
}

fn signed(bits: f64) -> String {
    if bits.abs() < 0.05 { "0.0".to_string() } else { format!("{bits:+.1}") }
}

/// `0.0048` → `one in 210 has it`
fn commonness(share: f64) -> String {
    if share >= 0.1 {
        return format!("{:.0} % have it", share * 100.0);
    }
    format!("one in {} has it", about(1.0 / share.max(1e-12)))
}

/// `208.3` → `210`
fn about(n: f64) -> String {
    let unit = 10f64.powf(n.log10().floor() - 1.0);
    thousands(((n / unit).round() * unit).round() as u64)
}

/// `2.6` → `6 times`
fn times(bits: f64) -> String {
    match bits.abs().exp2() {
        n if n < 9.95 => format!("{n:.1} times").replace(".0 ", " "),
        n if n < 1e6 => format!("{} times", about(n)),
        _ => "over a million times".to_string(),
    }
}

/// Without what steers a terminal or turns the direction of text.
fn tame(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn field(name: &str) -> String {
    let (kind, column) = name.split_once(" (").map_or((name, None), |(k, c)| (k, Some(c)));
    let kind = if kind == "email" { "e-mail".to_string() } else { tame(kind).replace('_', " ") };
    column.map_or(kind.clone(), |c| format!("{kind} ({}", tame(c)))
}

fn people(kind: &str) -> &str {
    match kind {
        "household" => "members of one household",
        "kin elsewhere" => "relatives at different addresses",
        "shared contact" => "two people who share a contact (a mailbox, a switchboard)",
        other => other,
    }
}

fn verdict(e: &Explanation) -> String {
    let by_model = verdict_of_model(e);
    match &e.recorded {
        Some(recorded) => format!("{recorded} By the model alone: t{}", by_model.strip_prefix('T').unwrap_or_default()),
        None => by_model,
    }
}

fn verdict_of_model(e: &Explanation) -> String {
    let (p, link) = (percent(e.probability), limit(e.link_at));
    let odds = Odds::of(e);
    let rival = people(e.rival().0);
    let else_ =
        if e.rival().1 > e.probability { "most likely they are" } else { "if not one person, they are most likely" };
    match Verdict::of(e.probability, e) {
        Verdict::Linked => {
            let sure = match e.probability {
                p if p >= 0.999 => "almost certainly",
                p if p >= 0.95 => "very probably",
                _ => "probably",
            };
            let moved = if odds.moved > odds.stays { ", who has moved" } else { "" };
            format!("These two records are {sure} one person{moved} ({p}).")
        }
        Verdict::Review => format!(
            "These two records may be one person: {p}, a link needs {link}. Somebody should look at them; {else_} {rival}."
        ),
        Verdict::Apart => format!("These two records are not linked: {p}, a link needs {link}; {else_} {rival}."),
    }
}

/// Whether others than strangers keep the probability down.
fn held_down(e: &Explanation) -> Option<String> {
    let alone = Odds::of(e).against_strangers();
    let shared = e.kinds.iter().take(e.kinds.len().saturating_sub(1)).skip(2);
    let rival = shared.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|k| k.1 > 0.0)?;
    (Verdict::of(alone, e) > Verdict::of(e.probability, e)).then(|| {
        format!(
            "Against strangers alone it would be {}: what keeps it at {} is that {} would share much of this evidence too.",
            percent(alone),
            percent(e.probability),
            people(rival.0)
        )
    })
}

/// What the numbers let one say for certain about a changed verdict.
fn changes(e: &Explanation) -> Vec<String> {
    let (odds, link) = (Odds::of(e), bits_of(e.link_at));
    let name = |v: &Evidence| format!("the {} ({})", field(&v.field), signed(v.bits));
    // The three heaviest: a longer list tells nobody anything.
    let list = |pieces: Vec<&Evidence>| {
        let named: Vec<String> = pieces.iter().copied().take(3).map(name).collect();
        let others = if pieces.len() > 3 { ", or any of some others" } else { "" };
        format!("{}{others}", named.join(", or without "))
    };
    let (fors, against, nothing) = groups(e);
    let mut out = Vec::new();
    if e.probability >= e.link_at {
        let (hold, rest): (Vec<_>, Vec<_>) = fors.into_iter().partition(|v| odds.without(v.bits).0 >= link);
        let (perhaps, decide): (Vec<_>, Vec<_>) = rest.into_iter().partition(|v| odds.without(v.bits).1 >= link);
        if decide.is_empty() && perhaps.is_empty() && !hold.is_empty() {
            out.push("It hangs on no single piece of evidence: leave out any one, and it stays a link.".to_string());
        }
        if !decide.is_empty() {
            out.push(format!("It would not be a link without {}.", list(decide)));
        }
        if !perhaps.is_empty() {
            out.push(format!("It might not be a link without {}.", list(perhaps)));
        }
        return out;
    }
    let gap = link - odds.bits();
    if gap.is_finite() && gap > 0.0 {
        out.push(format!(
            "A link is {gap:.1} away: one more piece of evidence would do if it is {} as likely in one person as in any \
             other kind of pair.",
            times(gap)
        ));
    }
    let (sure, rest): (Vec<_>, Vec<_>) =
        against.iter().copied().partition(|v: &&Evidence| odds.without(v.bits).0 >= link);
    let perhaps: Vec<_> = rest.into_iter().filter(|v| odds.without(v.bits).1 >= link).collect();
    if sure.is_empty() && perhaps.is_empty() && !against.is_empty() {
        out.push(format!("Even without {} it would not be a link.", list(against)));
    }
    if !sure.is_empty() {
        out.push(format!("It would be a link without {}.", list(sure)));
    }
    if !perhaps.is_empty() {
        out.push(format!("It might be a link without {}.", list(perhaps)));
    }
    let half: Vec<String> =
        nothing.iter().filter(|v| v.left.is_some() != v.right.is_some()).map(|v| field(&v.field)).collect();
    if !half.is_empty() {
        out.push(format!("Only one of the records has: {}. The other's would tell more.", half.join(", ")));
    }
    out
}

/// For, against, and what says nothing; the heaviest first.
fn groups(e: &Explanation) -> (Vec<&Evidence>, Vec<&Evidence>, Vec<&Evidence>) {
    let mut all: Vec<&Evidence> = e.evidence.iter().collect();
    all.sort_by(|a, b| b.bits.abs().total_cmp(&a.bits.abs()));
    let (says, nothing): (Vec<_>, Vec<_>) = all.into_iter().partition(|v| v.bits.abs() >= 0.05);
    let (fors, against) = says.into_iter().partition(|v| v.bits > 0.0);
    (fors, against, nothing)
}

/// What was found, without the values.
fn finding(v: &Evidence) -> &'static str {
    match (v.level, &v.left, &v.right) {
        (Some(level), ..) => level,
        (None, Some(_), Some(_)) => "says nothing beyond what is counted elsewhere",
        (None, Some(_), None) => "only the left record has one",
        (None, None, Some(_)) => "only the right record has one",
        (None, None, None) => "neither record has one",
    }
}

/// How common the value is, or why it says nothing.
fn remark(e: &Explanation, v: &Evidence) -> String {
    let odds = Odds::of(e);
    let moved = v.level.is_some() && v.bits.abs() < 0.05 && odds.moved > odds.stays;
    let common = v.share.map(|s| format!("; {}", commonness(s))).unwrap_or_default();
    if moved { format!("{common}; says nothing of a person who has moved") } else { common }
}

fn in_words(e: &Explanation, v: &Evidence) -> String {
    let quoted = |text: &str| format!("`{}`", clipped(&tame(text), 60));
    let values = match (&v.left, &v.right) {
        (Some(l), Some(r)) if l == r => format!(", {}", quoted(l)),
        (Some(l), Some(r)) => format!(", {} and {}", quoted(l), quoted(r)),
        (Some(one), None) | (None, Some(one)) => format!(", {}", quoted(one)),
        (None, None) => String::new(),
    };
    format!("{}: {}{values}{}", field(&v.field), finding(v), remark(e, v))
}

/// One bar of the waterfall, between two sums of bits.
struct Step {
    label: String,
    says: String,
    from: f64,
    to: f64,
    look: &'static str,
}

/// Start, each piece of evidence, the sum against strangers; then what the other kinds take, and the result.
fn steps(e: &Explanation) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut sum = 0.0;
    let mut add = |label: String, says: String, bits: f64, look: &'static str| {
        let bits = if bits.is_nan() { 0.0 } else { bits.clamp(-99.0, 99.0) };
        let from = if matches!(look, "start" | "nothing" | "for" | "against") { sum } else { 0.0 };
        sum = from + bits;
        steps.push(Step { label, says, from, to: sum, look });
        sum
    };
    let look = |bits: f64| match bits {
        b if b >= 0.05 => "for",
        b if b <= -0.05 => "against",
        _ => "nothing",
    };
    let mut end = add("start".into(), "start: how rare pairs of one person are".into(), e.start_bits, "start");
    for v in &e.evidence {
        end = add(field(&v.field), in_words(e, v), v.bits, look(v.bits));
    }
    add("against strangers".into(), "the sum, against strangers alone".into(), end, "sum");
    let odds = Odds::of(e);
    let result = odds.bits();
    let rest = [
        ("moved or not", "how rare it is to have moved, and to have stayed", odds.one() / odds.strangers, 0.5),
        (
            "other kinds",
            "what a household, relatives, neighbours or a shared contact explain as well",
            result.exp2(),
            0.05,
        ),
    ];
    for (label, says, to, least) in rest {
        let bits = to.log2() - end;
        if bits.is_finite() && bits.abs() >= least {
            end = add(label.into(), says.into(), bits, look(bits));
        }
    }
    if steps.last().is_some_and(|s| s.look != "sum") {
        let look = Verdict::of(e.probability, e).names().1;
        let says = format!("the result: {}", percent(e.probability));
        steps.push(Step { label: "result".into(), says, from: 0.0, to: end, look });
    }
    steps
}

/// What the waterfall spans, 0 and the limits included.
fn span(e: &Explanation, steps: &[Step]) -> (f64, f64) {
    let limits = [bits_of(e.link_at), bits_of(e.review_at), 0.0];
    let all = steps.iter().flat_map(|s| [s.from, s.to]).chain(limits.into_iter().filter(|b| b.is_finite()));
    all.fold((-1.0, 1.0), |(low, high), b| (b.min(low), b.max(high)))
}

/// In words, for a terminal.
pub fn words(e: &Explanation) -> String {
    let mut out = format!("{}\n{}\n\n{}\n", tame(&e.left), tame(&e.right), verdict(e));
    held_down(e).into_iter().for_each(|s| out.push_str(&format!("{s}\n")));
    out.push('\n');
    for (kind, share) in e.kinds.iter().filter(|k| k.1 >= 0.001) {
        let _ = writeln!(out, "  {kind:<22} {:<20}  {}", "█".repeat((share * 20.0).round() as usize), percent(*share));
    }
    let (fors, against, nothing) = groups(e);
    for (title, pieces) in [("For", fors), ("Against", against), ("Missing, or says nothing", nothing)] {
        if !pieces.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for v in pieces {
            let weight = if v.level.is_some() { signed(v.bits) } else { String::new() };
            let _ = writeln!(out, "  {weight:>6}  {}", in_words(e, v));
        }
    }
    out.push_str("\nStep by step: +1 doubles the odds that they are one person, -1 halves them\n");
    out.push_str(&waterfall(e));
    let changes = changes(e);
    if !changes.is_empty() {
        let _ = write!(out, "\nWhat would change it\n  {}\n", changes.join("\n  "));
    }
    out
}

/// The waterfall in text: `│` even odds, `┊` the limits of review and link.
fn waterfall(e: &Explanation) -> String {
    const WIDTH: usize = 48;
    let steps = steps(e);
    let (low, high) = span(e, &steps);
    let at = |bits: f64| (((bits - low) / (high - low) * WIDTH as f64).round() as usize).min(WIDTH);
    let label = |s: &Step| clipped(&s.label, 24);
    let wide = steps.iter().map(|s| label(s).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for s in &steps {
        let mut row = vec![' '; WIDTH + 1];
        for (bits, mark) in [(bits_of(e.link_at), '┊'), (bits_of(e.review_at), '┊'), (0.0, '│')] {
            row[at(bits)] = mark;
        }
        row[at(s.from.min(s.to))..at(s.from.max(s.to))].fill(if s.look == "against" { '░' } else { '█' });
        let row: String = row.into_iter().collect();
        let _ = writeln!(out, "  {:<wide$}  {row}  {:>6}", label(s), signed(s.to - s.from));
    }
    let (review, link) = (bits_of(e.review_at), bits_of(e.link_at));
    let _ = writeln!(out, "  │ even odds; ┊ review from {}, link from {}", signed(review), signed(link));
    out
}

#[cfg(test)]
mod tests;
