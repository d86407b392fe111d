//! Values in one form: folding, names, dates, addresses, companies.

use deunicode::deunicode;

use super::lexicon;

/// Lower case Latin letters, digits and single blanks: `Müller-Lüdenscheidt` → `mueller luedenscheidt`.
pub fn fold(text: &str) -> String {
    let mut german = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            'ä' | 'Ä' => german.push_str("ae"),
            'ö' | 'Ö' => german.push_str("oe"),
            'ü' | 'Ü' => german.push_str("ue"),
            'ß' | 'ẞ' => german.push_str("ss"),
            // Letters parted from their dots: a decomposed umlaut.
            '\u{308}' => german.push('e'),
            // An apostrophe parts nothing: O'Brien, d’Angelo.
            '\'' | '’' | '`' | '´' => {}
            _ => german.push(c),
        }
    }
    let mut out = String::with_capacity(german.len());
    let mut push = |ascii: &str| {
        for c in ascii.chars() {
            if c.is_ascii_alphanumeric() {
                out.push(c.to_ascii_lowercase());
            } else if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        }
    };
    if german.is_ascii() {
        push(&german);
    } else {
        // Word by word: of a name in Han characters each becomes a syllable, and all of them one word.
        for word in german.split_inclusive(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()) {
            if word.is_ascii() {
                push(word);
            } else {
                let (last, syllables) =
                    (word.ends_with(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()), deunicode(word));
                push(&syllables.trim().replace(' ', ""));
                push(if last { " " } else { "" });
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The letters and digits of a number or code, without blanks and signs: `L-100` → `l100`.
pub fn compact(text: &str) -> String {
    fold(text).replace(' ', "")
}

/// Whether a value only says that there is none.
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || lexicon::get().placeholders.contains(text.to_lowercase().as_str())
}

/// A person's name in its parts, folded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Name {
    pub given: String,
    pub family: String,
    /// `jr`, `sr`, `3` …
    pub generation: Option<String>,
}

/// Whether a name is that of a desk, not of a person: `Info`, `Büro 3`.
pub fn is_a_desk(name: &Name) -> bool {
    let roles = &lexicon::get().role_mailboxes;
    let mut words = name.given.split(' ').chain(name.family.split(' ')).filter(|w| !w.is_empty()).peekable();
    words.peek().is_some() && words.all(|w| roles.contains(w) || w.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether an e-mail address is a desk's (info@, sales@), not a person's.
pub fn is_desk_mailbox(email: &str) -> bool {
    email.split_once('@').is_some_and(|(local, _)| lexicon::get().role_mailboxes.contains(local))
}

/// The domain of an e-mail address, where it is no public provider's.
pub fn own_domain(email: &str) -> Option<&str> {
    email.split_once('@').map(|(_, domain)| domain).filter(|d| !lexicon::get().freemail_domains.contains(*d))
}

/// A given or family name of a column of its own, without titles and generations.
pub fn part_of_name(text: &str, name: &mut Name, is_given: bool) {
    let words = lexicon::get();
    let folded = fold(text);
    let mut tokens: Vec<&str> = folded.split(' ').filter(|t| !t.is_empty()).collect();
    if tokens.len() > 1 {
        if let Some(generation) = words.generations.get(tokens[tokens.len() - 1]) {
            name.generation = Some(generation.clone());
            tokens.pop();
        }
        let kept: Vec<&str> = tokens.iter().filter(|t| !words.titles.contains(**t)).copied().collect();
        if !kept.is_empty() {
            tokens = kept;
        }
    }
    let text = tokens.join(" ");
    if is_given { name.given = text } else { name.family = text }
}

/// A whole name: `Dr. Anna von Hagen`, `Hagen, Anna`, `Thomas Clifford, 1st Baron Clifford`.
pub fn full_name(text: &str) -> Name {
    let words = lexicon::get();
    let parts: Vec<String> = text.split(',').map(fold).filter(|p| !p.is_empty()).collect();
    let drop = |part: &str| -> Vec<String> {
        let all: Vec<String> = part.split(' ').map(ToString::to_string).collect();
        let kept: Vec<String> = all.iter().filter(|t| !words.titles.contains(t.as_str())).cloned().collect();
        if kept.is_empty() { all } else { kept }
    };
    let mut name = Name::default();
    let Some(first) = parts.first() else { return name };
    let mut front = drop(first);
    if front.len() > 2 && words.title_prefixes.contains(front[0].as_str()) {
        front.remove(0);
    }
    let second: Vec<String> = parts.get(1).map(|p| drop(p)).unwrap_or_default();
    for part in &parts[1..] {
        if let Some(generation) = words.generations.get(part.as_str()) {
            name.generation = Some(generation.clone());
        }
    }
    // `Family, Given` has one name (and its particles) before the comma, and no rank behind it.
    let written = text.split(',').next().unwrap_or_default().split_whitespace();
    // A double name with a hyphen is one.
    let bare = written
        .map(fold)
        .filter(|w| !words.particles.contains(w.as_str()) && !words.titles.contains(w.as_str()))
        .count();
    let turned = bare <= 1
        && (1..=3).contains(&second.len())
        && second.iter().all(|t| !words.generations.contains_key(t) && !t.starts_with(|c: char| c.is_ascii_digit()));
    if turned {
        name.family = front.join(" ");
        name.given = second.join(" ");
        return name;
    }
    if front.len() > 1
        && let Some(generation) = words.generations.get(front[front.len() - 1].as_str())
    {
        name.generation = Some(generation.clone());
        front.pop();
    }
    // The family name is the last word with the particles before it.
    let mut from = front.len() - 1;
    while from > 1 && words.particles.contains(front[from - 1].as_str()) {
        from -= 1;
    }
    name.family = front[from..].join(" ");
    name.given = front[..from].join(" ");
    name
}

/// Year, month, day; 0 where unknown. Not checked against the calendar: a mistyped date is evidence too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl Date {
    /// Days on a calendar whose months are all alike: near enough to say how far apart two dates are.
    pub fn days(self) -> u32 {
        u32::from(self.year) * 366 + u32::from(self.month.max(1) - 1) * 61 / 2 + u32::from(self.day.max(1))
    }

    pub fn digits(self) -> [u8; 8] {
        let (y, m, d) = (self.year, self.month, self.day);
        let digit = |n: u16, by: u16| b'0' + ((n / by) % 10) as u8;
        [
            digit(y, 1000),
            digit(y, 100),
            digit(y, 10),
            digit(y, 1),
            digit(m.into(), 10),
            digit(m.into(), 1),
            digit(d.into(), 10),
            digit(d.into(), 1),
        ]
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const GERMAN_MONTHS: [(&str, u8); 4] = [("mrz", 3), ("mae", 3), ("mai", 5), ("dez", 12)];

/// `1971-06-24`, `19710624`, `24.06.1971`, `6/24/1971`, `24 Jun 1971`, `1971`. `day_first` decides where both could be the month.
pub fn date(text: &str, day_first: bool) -> Option<Date> {
    let text = text.trim();
    let text = text.split(['T']).next().filter(|t| t.len() >= 8).unwrap_or(text);
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()).collect();
    let number = |p: &str| p.parse::<u32>().ok();
    let month_name = |p: &str| -> Option<u8> {
        let folded = fold(p);
        let head = folded.get(..3)?;
        if !head.bytes().all(|b| b.is_ascii_lowercase()) {
            return None;
        }
        MONTHS.iter().position(|m| *m == head).map(|i| i as u8 + 1).or_else(|| {
            let german = if head == "okt" { Some(10) } else { None };
            german.or_else(|| GERMAN_MONTHS.iter().find(|(m, _)| *m == head).map(|(_, n)| *n))
        })
    };
    let build = |y: u32, m: u32, d: u32| -> Option<Date> {
        let year = match y {
            0..=29 => y + 2000,
            30..=99 => y + 1900,
            _ => y,
        };
        (year <= 9999 && m <= 99 && d <= 99).then_some(Date { year: year as u16, month: m as u8, day: d as u8 })
    };
    match parts.as_slice() {
        [one] if one.len() == 8 => {
            let n = number(one)?;
            build(n / 10_000, n / 100 % 100, n % 100)
        }
        [one] if one.len() == 4 => build(number(one)?, 0, 0),
        [y, m] if y.len() == 4 => build(number(y)?, number(m)?, 0),
        [m, y] if y.len() == 4 => build(number(y)?, number(m)?, 0),
        [y, m, d, ..] if y.len() == 4 && number(y).is_some() => {
            build(number(y)?, number(m).or(month_name(m).map(u32::from))?, number(d)?)
        }
        [a, b, y, ..] => {
            let year = number(y)?;
            match (number(a), number(b), month_name(a), month_name(b)) {
                (Some(a), Some(b), _, _) if a > 12 || (day_first && b <= 12) => build(year, b, a),
                (Some(a), Some(b), _, _) => build(year, a, b),
                (Some(d), None, _, Some(m)) | (None, Some(d), Some(m), _) => build(year, m.into(), d),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A date of birth by its digits, one form for all spellings: `1971-06-24`.
pub fn date_of_birth(text: &str, day_first: bool) -> Option<String> {
    let date = (!is_placeholder(text)).then(|| date(text, day_first)).flatten()?;
    Some(format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

/// Whether dates of one column write the day first where it matters: decided by those that can be read one way only.
///
/// `texts` are distinct dates, each with the number of records that have it.
pub fn day_first<'a>(texts: impl Iterator<Item = (&'a str, u32)>) -> bool {
    let (mut day, mut month, mut dotted) = (0u32, 0u32, 0u32);
    for (text, count) in texts {
        let parts: Vec<&str> = text.trim().split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty()).collect();
        if let [a, b, ..] = parts.as_slice()
            && a.len() <= 2
            && let (Ok(a), Ok(b)) = (a.parse::<u32>(), b.parse::<u32>())
        {
            day += u32::from(a > 12 && b <= 12) * count;
            month += u32::from(b > 12 && a <= 12) * count;
            dotted += u32::from(text.contains('.')) * count;
        }
    }
    if day + month == 0 { dotted > 0 } else { day >= month }
}

/// A street in one form, and the house number if it stands in the text.
pub fn street(text: &str) -> (String, Option<String>) {
    let words = lexicon::get();
    let folded = fold(text);
    let mut house = None;
    let mut kept: Vec<String> = Vec::new();
    let mut last_was_house = false;
    for token in folded.split(' ').filter(|t| !t.is_empty()) {
        let numeric = token.starts_with(|c: char| c.is_ascii_digit());
        if numeric && house.is_none() && token.len() <= 6 {
            house = Some(token.to_string());
            last_was_house = true;
            continue;
        }
        // `12 a` is house number 12a.
        if last_was_house && token.len() == 1 && !kept.is_empty() {
            if let Some(h) = &mut house {
                h.push_str(token);
            }
            last_was_house = false;
            continue;
        }
        last_was_house = false;
        let word = words.street_words.get(token).map_or(token, String::as_str);
        let stem = word.strip_suffix("strasse").or_else(|| word.strip_suffix("str")).filter(|stem| stem.len() > 2);
        let canonical = stem.map_or_else(|| word.to_string(), |stem| format!("{stem} strasse"));
        kept.extend(canonical.split(' ').map(ToString::to_string));
    }
    (kept.join(" "), house)
}

/// A company's name without its legal form, in one spelling.
pub fn organisation(text: &str) -> String {
    let words = lexicon::get();
    let spelled = text.replace(['&', '+'], " and ");
    let folded = fold(&spelled.replace('.', ""));
    let mut tokens: Vec<String> = folded
        .split(' ')
        .filter(|t| !t.is_empty())
        .map(|t| words.company_words.get(t).cloned().unwrap_or_else(|| t.to_string()))
        .collect();
    if tokens.first().is_some_and(|t| t == "the") && tokens.len() > 1 {
        tokens.remove(0);
    }
    // Legal forms stand at the end, the longest first: gmbh and co kg.
    'again: loop {
        for length in (1..=5.min(tokens.len().saturating_sub(1))).rev() {
            let tail = tokens[tokens.len() - length..].join(" ");
            if words.legal_forms.contains(tail.as_str()) {
                tokens.truncate(tokens.len() - length);
                while tokens.len() > 1 && tokens.last().is_some_and(|t| t == "and") {
                    tokens.pop();
                }
                continue 'again;
            }
        }
        break;
    }
    tokens.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_their_parts() {
        let read = |text| {
            let n = full_name(text);
            (n.given, n.family)
        };
        let pair = |g: &str, f: &str| (g.to_string(), f.to_string());
        assert_eq!(read("Dr. Anna von Hagen"), pair("anna", "von hagen"));
        assert_eq!(read("Müller-Groß, Jörg"), pair("joerg", "mueller gross").clone());
        assert_eq!(read("O'Brien, Pat"), pair("pat", "obrien"));
        assert_eq!(read("Thomas Clifford, 1st Baron Clifford of Chudleigh"), pair("thomas", "clifford"));
        assert_eq!(read("Robert Smith Jr."), pair("robert", "smith"));
        assert_eq!(read("Cher"), pair("", "cher"));
    }

    #[test]
    fn a_word_stays_one_in_any_script() {
        assert_eq!(fold("陽菜 佐藤"), "yangcai zuoteng");
        assert_eq!(fold("Łódź – Café Ωmega"), "lodz cafe omega");
        assert_eq!(full_name("陽菜 佐藤").family, "zuoteng");
    }

    #[test]
    fn desks_are_nobody() {
        assert!(is_a_desk(&full_name("Büro 3")) && is_a_desk(&full_name("info")));
        assert!(!is_a_desk(&full_name("Anna Büro")) && !is_a_desk(&Name::default()));
    }

    #[test]
    fn dates_of_many_forms_are_one() {
        let birth = Some(Date { year: 1971, month: 6, day: 24 });
        for text in [
            "1971-06-24",
            "19710624",
            "24.06.1971",
            "6/24/1971",
            "24 Jun 1971",
            "June 24, 1971",
            "1971-06-24T00:00:00Z",
            "24/6/71",
        ] {
            assert_eq!(date(text, false), birth, "{text}");
        }
        assert_eq!(date("05/06/1971", true), Some(Date { year: 1971, month: 6, day: 5 }));
        assert_eq!(date("05/06/1971", false), Some(Date { year: 1971, month: 5, day: 6 }));
        assert_eq!(date("unknown", false), None);
    }

    #[test]
    fn streets_and_companies_have_one_spelling() {
        assert_eq!(street("Haupt-Straße 12 a"), street("Hauptstr. 12a"));
        assert_eq!(street("Hauptstr. 12a").1.as_deref(), Some("12a"));
        assert_eq!(organisation("Sushi & Söhne GmbH & Co. KG"), organisation("SUSHI UND SÖHNE"));
        assert_eq!(organisation("The Acme Company, Inc."), "acme");
    }
}
