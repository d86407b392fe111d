//! Why two records are one person, or not: every piece of evidence with its weight.

use super::compare::{self, MISSING, NOTHING};
use super::model::{KINDS, MOVED, SAME, STRANGERS, Scorer};
use super::table::Prepared;

/// The evidence of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// `given_name`, `identifier (vat_id)`
    pub field: String,
    /// As compared, in one form; of several the one that counted. None: the record has none.
    pub left: Option<String>,
    pub right: Option<String>,
    /// `equal`, `close`, `different` …; None where one of both says nothing.
    pub level: Option<&'static str>,
    /// How common the value is, where that counts: 0.001 is one in a thousand.
    pub share: Option<f64>,
    /// Bits for (above 0) or against (below 0) one person, against strangers.
    pub bits: f64,
}

/// Two records side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Names of the records: `shopify/customers/1001`.
    pub left: String,
    pub right: String,
    /// Bits that stand against any two records before they are looked at: how rare pairs of one person are.
    pub start_bits: f64,
    /// In the order of the model's fields.
    pub evidence: Vec<Evidence>,
    /// How likely each kind of pair is, in the order of [`KINDS`].
    pub kinds: Vec<(&'static str, f64)>,
    pub probability: f64,
    /// What the last run holds of the pair besides the model: a rule, a decision, a cut.
    pub recorded: Option<String>,
    /// Pairs from here are linked, and from there shown for review.
    pub link_at: f64,
    pub review_at: f64,
}

impl Explanation {
    /// What the pair most likely is, if not one person.
    pub fn rival(&self) -> (&'static str, f64) {
        self.kinds[2..].iter().copied().fold(("strangers", 0.0), |best, one| if one.1 > best.1 { one } else { best })
    }
}

/// Explains a pair of records.
pub fn explain(
    data: &Prepared,
    scorer: &Scorer,
    names: (String, String),
    (a, b): (usize, usize),
    (link_at, review_at): (f64, f64),
) -> Explanation {
    let mut pair = vec![NOTHING; data.fields.len()];
    compare::compare(data, a, b, &mut pair);
    let organisations = data.of_organisations(a, b);
    let kinds = scorer.kinds(&pair, organisations);
    // Where the address speaks against them and moving explains it, it says nothing.
    let likelier = if kinds[MOVED] > kinds[SAME] { MOVED } else { SAME };
    let evidence = data
        .fields
        .iter()
        .enumerate()
        .map(|(place, field)| {
            let like = pair[place];
            let text = |record: usize| {
                let all: Vec<&str> = field.of(record).iter().map(|v| &*field.values[*v as usize].text).collect();
                (!all.is_empty()).then(|| all.join(", "))
            };
            let level = (like.level != MISSING).then(|| compare::levels(field.kind)[like.level as usize]);
            Evidence {
                field: field.name.clone(),
                left: text(a),
                right: text(b),
                level: level.map(|l| l.name),
                share: level.filter(|_| scorer.goes_by_share(place, like.level)).map(|_| like.share),
                bits: scorer.field_ratio(place, like, likelier, organisations).log2(),
            }
        })
        .collect();
    Explanation {
        left: names.0,
        right: names.1,
        start_bits: scorer.start_bits(),
        evidence,
        kinds: KINDS.iter().copied().zip(kinds).collect(),
        probability: kinds[SAME] + kinds[MOVED],
        recorded: None,
        link_at,
        review_at,
    }
}

/// Strangers come last.
const _: () = assert!(STRANGERS + 1 == KINDS.len());
