//! Words that tell nothing of who it is, and words that mean the same: data files beside this one.

use std::sync::OnceLock;

use hashbrown::{HashMap, HashSet};

/// What the files say.
#[derive(Debug, Default)]
pub struct Lexicon {
    /// Forms of one given name share a group: `bob` → the groups of Robert.
    pub nicknames: HashMap<String, Vec<u32>>,
    pub titles: HashSet<&'static str>,
    pub title_prefixes: HashSet<&'static str>,
    pub generations: HashMap<String, String>,
    pub particles: HashSet<&'static str>,
    pub legal_forms: HashSet<&'static str>,
    pub company_words: HashMap<String, String>,
    pub street_words: HashMap<String, String>,
    pub role_mailboxes: HashSet<&'static str>,
    pub freemail_domains: HashSet<&'static str>,
    pub placeholders: HashSet<&'static str>,
}

/// The lexicon that ships with the product.
pub fn get() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let mut lexicon = Lexicon {
            titles: lines(include_str!("../lexicon/titles.txt")).collect(),
            title_prefixes: lines(include_str!("../lexicon/title_prefixes.txt")).collect(),
            generations: pairs(include_str!("../lexicon/generations.csv")),
            particles: lines(include_str!("../lexicon/particles.txt")).collect(),
            legal_forms: lines(include_str!("../lexicon/legal_forms.csv"))
                .filter_map(|l| l.split(',').next())
                .collect(),
            company_words: pairs(include_str!("../lexicon/company_words.csv")),
            street_words: pairs(include_str!("../lexicon/street_words.csv")),
            role_mailboxes: lines(include_str!("../lexicon/role_mailboxes.txt")).collect(),
            freemail_domains: lines(include_str!("../lexicon/freemail_domains.txt")).collect(),
            placeholders: lines(include_str!("../lexicon/placeholders.txt")).collect(),
            nicknames: HashMap::new(),
        };
        for (group, line) in lines(include_str!("../lexicon/nicknames.csv")).enumerate() {
            for form in line.split(',') {
                lexicon.nicknames.entry(form.trim().to_string()).or_default().push(group as u32);
            }
        }
        lexicon
    })
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'))
}

fn pairs(text: &'static str) -> HashMap<String, String> {
    lines(text).filter_map(|l| l.split_once(',')).map(|(a, b)| (a.trim().to_string(), b.trim().to_string())).collect()
}
