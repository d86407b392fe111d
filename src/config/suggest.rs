//! Did you mean …?

/// The name that is nearest to what was typed, if one is near enough to be meant.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = typed.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(lower.chars().count()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// A hint: the nearest name if there is one, then all that are allowed.
pub fn hint(typed: &str, what: &str, names: &[&str]) -> String {
    const SHOWN: usize = 40;
    let mut list = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list.push_str(", …");
    }
    match (nearest(typed, names.iter().copied()), names.is_empty()) {
        (Some(name), _) => format!("did you mean `{name}`? {what}: {list}"),
        (None, true) => format!("there are no {what}"),
        (None, false) => format!("{what}: {list}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_only() {
        let names = ["columns", "cursor", "key"];
        assert_eq!(nearest("colums", names), Some("columns"));
        assert_eq!(nearest("Cursor", names), Some("cursor"));
        assert_eq!(nearest("kye", names), Some("key"));
        assert_eq!(nearest("format", names), None);
    }
}
