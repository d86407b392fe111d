//! Explanations as text and page: every piece is told, and nothing that a value holds does harm.

use super::*;
use crate::identity::linkage::explain::{Evidence, Explanation};

const NAMES: [&str; 7] =
    ["one person", "one person who moved", "household", "kin elsewhere", "shared contact", "neighbours", "strangers"];

fn piece(field: &str, left: &str, right: &str, level: Option<&'static str>, bits: f64) -> Evidence {
    let side = |t: &str| (!t.is_empty()).then(|| t.to_string());
    let share = (level == Some("equal")).then_some(1.0 / 208.0);
    Evidence { field: field.to_string(), left: side(left), right: side(right), level, share, bits }
}

fn pair(kinds: [f64; 7]) -> Explanation {
    Explanation {
        left: "shopify/customers/1001".to_string(),
        right: "crm/contacts/77".to_string(),
        start_bits: -12.0,
        evidence: vec![
            piece("given_name", "anna", "anne", Some("close"), 4.0),
            piece("family_name", "mueller", "mueller", Some("equal"), 7.7),
            piece("email", "a@example.com", "b@example.com", Some("different"), -3.1),
            piece("phone", "+49721555", "", None, 0.0),
            piece("identifier (vat_id)", "", "", None, 0.0),
        ],
        kinds: NAMES.into_iter().zip(kinds).collect(),
        probability: kinds[0] + kinds[1],
        recorded: None,
        link_at: 0.8,
        review_at: 0.4,
    }
}

fn linked() -> Explanation {
    pair([0.997, 0.0, 0.001, 0.0, 0.0, 0.0, 0.002])
}

fn household() -> Explanation {
    pair([0.34, 0.0, 0.6, 0.04, 0.0, 0.0, 0.02])
}

/// Every tag that opens closes, in order.
fn assert_balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    // The style sheet has no tags in it.
    for tag in page.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0) {
        let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !tag.ends_with('/') && !["!doctype", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn verdicts() {
    assert_eq!(verdict(&linked()), "These two records are very probably one person (99.7 %).");
    let moved = pair([0.1, 0.75, 0.1, 0.0, 0.0, 0.0, 0.05]);
    assert_eq!(verdict(&moved), "These two records are probably one person, who has moved (85 %).");
    assert_eq!(
        verdict(&pair([0.6, 0.0, 0.1, 0.0, 0.0, 0.0, 0.3])),
        "These two records may be one person: 60 %, a link needs 80 %. Somebody should look at them; if not one person, \
         they are most likely strangers."
    );
    assert_eq!(
        verdict(&household()),
        "These two records are not linked: 34 %, a link needs 80 %; most likely they are members of one household."
    );
}

#[test]
fn a_rival_that_keeps_the_probability_down_is_named() {
    assert_eq!(
        held_down(&household()).as_deref(),
        Some(
            "Against strangers alone it would be 94.4 %: what keeps it at 34 % is that members of one household would \
             share much of this evidence too."
        )
    );
    assert_eq!(held_down(&linked()), None);
    assert_eq!(held_down(&pair([0.1, 0.0, 0.01, 0.0, 0.0, 0.0, 0.89])), None);
}

#[test]
fn a_probability_below_the_limit_is_not_written_like_it() {
    assert_eq!(percent(0.7999), "79.9 %");
    assert_eq!(percent(0.8), "80 %");
    assert_eq!(percent(0.99993), "more than 99.99 %");
    assert_eq!(percent(0.0), "less than 0.01 %");
    assert_eq!(limit(0.985), "98.5 %");
}

#[test]
fn evidence_in_words() {
    let e = linked();
    let said: Vec<String> = e.evidence.iter().map(|v| in_words(&e, v)).collect();
    assert_eq!(
        said,
        [
            "given name: close, `anna` and `anne`",
            "family name: equal, `mueller`; one in 210 has it",
            "e-mail: different, `a@example.com` and `b@example.com`",
            "phone: only the left record has one, `+49721555`",
            "identifier (vat_id): neither record has one",
        ]
    );
}

#[test]
fn every_field_is_in_words_and_on_the_page() {
    for e in [linked(), household()] {
        let (text, page) = (words(&e), html(std::slice::from_ref(&e), "Pairs"));
        for v in &e.evidence {
            let name = field(&v.field);
            assert_eq!(text.matches(&format!("{name}: ")).count(), 1, "{name}");
            assert!(page.contains(&format!("scope=\"row\">{name}</th>")), "{name}");
            assert!(page.contains(&format!("<title>{name}: ")), "{name}");
        }
    }
}

#[test]
fn the_heaviest_stands_first_and_the_picture_keeps_the_models_order() {
    let text = words(&linked());
    let (table, picture) = text.split_once("Step by step").expect("both");
    assert!(table.find("family name") < table.find("given name"));
    assert!(picture.find("given name") < picture.find("family name"));
}

#[test]
fn the_steps_end_at_the_probability() {
    let e = household();
    let last = steps(&e).pop().expect("steps");
    assert_eq!(last.label, "result");
    assert!((last.to - bits_of(0.34)).abs() < 1e-9, "{}", last.to);
}

#[test]
fn what_would_change_it_is_said_only_where_it_is_certain() {
    // 8.4 bits: the family name holds it, whatever of it the rivals share; the given name does not.
    assert_eq!(changes(&linked()), ["It would not be a link without the family name (+7.7)."]);
    // Were it shared by the whole household, it would stay a link; were it not, it would not.
    let depends = pair([0.9899, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0001]);
    assert_eq!(changes(&depends), ["It might not be a link without the family name (+7.7)."]);
    let sure = pair([0.999_99, 0.0, 0.0, 0.0, 0.0, 0.0, 0.000_01]);
    assert!(changes(&sure)[0].starts_with("It hangs on no single piece"));
    let strange = pair([0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.95]);
    assert_eq!(changes(&strange)[1], "Even without the e-mail (-3.1) it would not be a link.");
    let near = pair([0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3]);
    assert_eq!(changes(&near)[1], "It would be a link without the e-mail (-3.1).");
    assert_eq!(changes(&near)[2], "Only one of the records has: phone. The other's would tell more.");
}

#[test]
fn values_cannot_steer_the_page_or_the_terminal() {
    let mut e = household();
    let evil = "<script>alert(\"1\")</script>&'\u{1b}[2J\u{202e}";
    e.left = evil.to_string();
    e.evidence[0].left = Some(evil.to_string());
    e.evidence[1].field = format!("text ({evil})");
    let page = html(&[e.clone(), linked()], evil);
    assert!(!page.contains("<script") && !page.contains("alert(\""), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}[2J\u{fffd}"));
    assert_balanced(&page);
    for text in [page, words(&e)] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
}

#[test]
fn the_page_needs_nothing_else_and_its_tags_are_balanced() {
    let page = html(&[linked(), household()], "Pairs");
    assert_balanced(&page);
    for outside in ["http:", "https:", "url(", "@import", " src="] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("2 pairs of records: 1 linked, 1 not linked."));
    assert_balanced(&html(&[], "None"));
}

#[test]
fn numbers_that_are_none_do_not_break_it() {
    let mut e = pair([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    e.start_bits = f64::NEG_INFINITY;
    e.link_at = 1.0;
    e.evidence.clear();
    for e in [e, pair([0.0; 7])] {
        assert!(words(&e).contains("against strangers"));
        let page = html(&[e], "Pairs");
        assert!(!page.contains("NaN") && !page.contains("\"inf"), "{page}");
    }
}

#[test]
fn what_the_last_run_holds_comes_first() {
    let e = Explanation { recorded: Some("Linked: both have <one> e-mail.".into()), ..household() };
    assert!(
        words(&e).contains("Linked: both have <one> e-mail. By the model alone: these two records"),
        "{}",
        words(&e)
    );
    assert!(html(&[e], "t").contains("both have &lt;one&gt; e-mail."));
}
