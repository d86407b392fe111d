//! What a person says of comparing fields: which are left out, how alike is close, which figures stand, whether rare values tell more.

use super::Settings;
use super::columns::{Column, Table};
use super::compare::{self, Thresholds};
use super::fields::{Entity, FieldType};
use super::model::Model;
use super::table::{Prepared, name_of};
use crate::config::linkage::{ComparisonYaml, LinkageYaml};
use crate::config::suggest;
use crate::error::{Error, Kind, Result};

/// By the field's name or its type.
#[derive(Debug, Clone, Default)]
pub struct Comparisons(Vec<(String, Comparison)>);

#[derive(Debug, Clone, Default)]
struct Comparison {
    ignore: bool,
    term_frequency: bool,
    thresholds: Thresholds,
    /// Level, m, u.
    levels: Vec<(usize, Option<f64>, Option<f64>)>,
}

/// Types whose values are `close` by their likeness.
const BY_LIKENESS: [FieldType; 6] = [
    FieldType::GivenName,
    FieldType::FamilyName,
    FieldType::Organisation,
    FieldType::Street,
    FieldType::City,
    FieldType::Text,
];
/// Types that tell of a person, not of the organisation that the person works for.
const OF_PERSONS: [FieldType; 3] = [FieldType::GivenName, FieldType::FamilyName, FieldType::DateOfBirth];
/// Types whose values may be `near`.
const MAY_BE_NEAR: [FieldType; 2] = [FieldType::GivenName, FieldType::FamilyName];

impl Comparisons {
    /// What the file says, of fields of these names and types. All faults at once.
    ///
    /// Of organisations, names and birthdays of the people who write for them tell nothing, unless the file says something of these fields.
    pub fn new(typed: &LinkageYaml, entity: Entity, fields: &[(String, FieldType)]) -> Result<Comparisons> {
        let (mut all, mut findings) = (Vec::new(), Vec::new());
        if entity == Entity::Organisation {
            if !fields.iter().any(|(_, kind)| *kind == FieldType::Organisation) {
                findings.push(typed.says(
                    &["entity"],
                    "nothing names an organisation",
                    "name the column of the organisations (type or `person:` field `organisation`), or write `entity: person`",
                ));
            }
            let said = |kind: FieldType| typed.comparisons.iter().flatten().any(|(key, _)| *key == name_of(kind));
            let left_out = Comparison { ignore: true, ..Comparison::default() };
            all.extend(OF_PERSONS.iter().filter(|k| !said(**k)).map(|kind| (name_of(*kind), left_out.clone())));
        }
        for (key, comparison) in typed.comparisons.iter().flatten() {
            let Some((_, kind)) = fields.iter().find(|(name, kind)| name == key || name_of(*kind) == *key) else {
                let mut names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
                names.extend(fields.iter().map(|(_, kind)| name_of(*kind)));
                names.sort();
                names.dedup();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                findings.push(typed.says(
                    &["comparisons", key],
                    format!("no field that is compared is called `{key}`"),
                    suggest::hint(key, "compared", &names),
                ));
                continue;
            };
            let mut says = |path: &[&str], message: String, hint: String| {
                findings.push(typed.says(&[&["comparisons", key], path].concat(), message, hint));
            };
            all.push((key.clone(), resolved(key, *kind, comparison, &mut says)));
        }
        if findings.is_empty() { Ok(Comparisons(all)) } else { Err(Error { kind: Kind::Config, findings }) }
    }

    /// A field's own name beats its type.
    fn of(&self, name: &str, kind: FieldType) -> Option<&Comparison> {
        let find = |key: &str| self.0.iter().find(|(k, _)| k == key).map(|(_, c)| c);
        find(name).or_else(|| find(&name_of(kind)))
    }

    /// Takes fields that are left out from the records, and says how alike is close.
    pub fn prepare(&self, data: &mut Prepared) {
        if self.0.is_empty() {
            return;
        }
        for place in 0..data.fields.len() {
            let Some(said) = self.of(&data.fields[place].name, data.fields[place].kind) else { continue };
            data.fields[place].thresholds = said.thresholds;
            if said.ignore {
                data.silence(place);
            }
        }
        data.lay_out();
    }

    /// Puts the figures that stand into a model.
    pub fn fix(&self, model: &mut Model) {
        for field in &mut model.fields {
            let said = self.of(&field.name, field.kind);
            for (level, spec) in field.levels.iter_mut().zip(compare::levels(field.kind)) {
                level.u_stands = spec.by_share && said.is_some_and(|s| !s.term_frequency);
            }
            for (level, m, u) in said.iter().flat_map(|s| &s.levels) {
                let Some(level) = field.levels.get_mut(*level) else { continue };
                level.m = m.unwrap_or(level.m);
                level.u = u.unwrap_or(level.u);
                level.u_stands |= u.is_some();
            }
        }
    }
}

/// A comparison with its levels found and its thresholds checked.
fn resolved(
    key: &str,
    kind: FieldType,
    typed: &ComparisonYaml,
    says: &mut impl FnMut(&[&str], String, String),
) -> Comparison {
    let ignore = typed.ignore.unwrap_or(false);
    let nothing_else = ComparisonYaml { ignore: typed.ignore, ..ComparisonYaml::default() };
    if *typed == ComparisonYaml::default() {
        says(&[], format!("`{key}` says nothing"), "add ignore, term_frequency, close_at, near_at or levels".into());
    } else if ignore && *typed != nothing_else {
        says(
            &["ignore"],
            format!("`{key}` is left out, so nothing else is to be said of it"),
            "keep one of both".into(),
        );
    }
    for (name, stated, kinds) in
        [("close_at", typed.close_at, &BY_LIKENESS[..]), ("near_at", typed.near_at, &MAY_BE_NEAR[..])]
    {
        if stated.is_some() && !kinds.contains(&kind) {
            let known: Vec<String> = kinds.iter().map(|k| name_of(*k)).collect();
            says(&[name], format!("`{key}` has no `{name}`"), format!("these have: {}", known.join(", ")));
        }
    }
    let thresholds = Thresholds { close_at: typed.close_at, near_at: typed.near_at };
    if MAY_BE_NEAR.contains(&kind) && thresholds.near() > thresholds.close() {
        let (near, close) = (thresholds.near(), thresholds.close());
        let hint = "near_at is at most close_at".to_string();
        says(&[], format!("`{key}` would be near at {near} and close at {close} already"), hint);
    }
    let known: Vec<&str> = compare::levels(kind).iter().map(|l| l.name).collect();
    let (mut levels, mut sum) = (Vec::new(), 0.0);
    for (name, figures) in typed.levels.iter().flatten() {
        let path = ["levels", name.as_str()];
        let Some(level) = known.iter().position(|k| k == name) else {
            says(&path, format!("`{key}` has no level `{name}`"), suggest::hint(name, "levels", &known));
            continue;
        };
        if figures.m.is_none() && figures.u.is_none() {
            says(&path, format!("the level `{name}` says nothing"), "add m, u or both".into());
        }
        sum += figures.m.unwrap_or(0.0);
        levels.push((level, figures.m, figures.u));
    }
    if sum > 1.0 + 1e-9 {
        let hint = "of all pairs of one person, each shows one level: together at most 1".to_string();
        says(&["levels"], format!("the m of `{key}` add up to {sum}"), hint);
    }
    Comparison { ignore, term_frequency: typed.term_frequency.unwrap_or(true), thresholds, levels }
}

/// Names and types of the fields that records of these columns have.
pub fn fields(columns: &[Column], settings: &Settings) -> Vec<(String, FieldType)> {
    let bare = columns.iter().map(|c| Column::new(c.name.clone(), c.kind));
    let table = Table { names: Vec::new(), columns: bare.collect() };
    super::prepare(&table, settings).0.fields.into_iter().map(|f| (f.name, f.kind)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare::{Likeness, MISSING, NOTHING};
    use super::super::model::{SAME, SHIPPED, Scorer};
    use super::super::{fit, prepare};
    use super::*;

    fn typed(comparisons: serde_json::Value) -> LinkageYaml {
        serde_json::from_value(json!({ "comparisons": comparisons })).unwrap()
    }

    /// Records of these columns, and what is said of them.
    fn prepared(columns: &[(FieldType, &[&str])], comparisons: serde_json::Value) -> (Prepared, Settings) {
        let rows = columns[0].1.len();
        let column = |(i, (kind, values)): (usize, &(FieldType, &[&str]))| {
            Column::of(format!("c{i}"), *kind, values.iter().map(|v| Some(*v).filter(|v| !v.is_empty())))
        };
        let table = Table {
            names: (0..rows).map(|i| ("s".into(), format!("{i:04}").into())).collect(),
            columns: columns.iter().enumerate().map(column).collect(),
        };
        let mut settings = Settings::new(Entity::Person, &LinkageYaml::default());
        let fields = fields(&table.columns, &settings);
        settings.comparisons = Comparisons::new(&typed(comparisons), settings.entity, &fields).unwrap();
        (prepare(&table, &settings).0, settings)
    }

    /// How alike the first two records are in the field of this type, by the model that ships.
    fn like(columns: &[(FieldType, &[&str])], kind: FieldType, comparisons: serde_json::Value) -> (Likeness, f64) {
        let (mut data, settings) = prepared(columns, comparisons);
        let model = fit(&mut data, Model::read(SHIPPED).unwrap(), &settings).unwrap();
        let mut pair = vec![NOTHING; data.fields.len()];
        compare::compare(&data, 0, 1, &mut pair);
        let place = data.fields.iter().position(|f| f.kind == kind).unwrap();
        (pair[place], Scorer::new(&model).field_ratio(place, pair[place], SAME, false))
    }

    #[test]
    fn a_field_that_is_left_out_tells_nothing_and_makes_no_pairs() {
        let columns: &[(FieldType, &[&str])] =
            &[(FieldType::FullName, &["Ada Eins", "Bo Zwei"]), (FieldType::City, &["Ulm", "Ulm"])];
        assert_eq!(like(columns, FieldType::City, json!({})).0.level, 0);
        let left_out = like(columns, FieldType::City, json!({"city": {"ignore": true}}));
        assert_eq!((left_out.0.level, left_out.1), (MISSING, 1.0));
        for (comparisons, pairs) in [(json!({}), 1), (json!({"city": {"ignore": true}}), 0)] {
            let (data, mut settings) = prepared(columns, comparisons);
            settings.rules = vec![vec![crate::config::linkage::Part::City]];
            let found: u64 = super::super::blocks(&data, &settings, None).reports.iter().map(|r| r.pairs).sum();
            assert_eq!(found, pairs);
        }
        // A name that is left out tells nothing together with the other either.
        let (data, _) = prepared(columns, json!({"given_name": {"ignore": true}}));
        assert!(data.both.of(0).is_empty() && data.has_name(0));
    }

    #[test]
    fn how_alike_is_close_is_as_it_was_written() {
        let level = |kind, texts: &[&str], comparisons| like(&[(kind, texts)], kind, comparisons).0.level;
        let family = ["Meier", "Meyer"];
        for (said, expected) in [
            (json!({}), 2),
            (json!({"family_name": {"close_at": 0.99}}), 3),
            (json!({"family_name": {"close_at": 0.99, "near_at": 0.9}}), 4),
            (json!({"family_name": {"close_at": 0.89}}), 2),
        ] {
            assert_eq!(level(FieldType::FamilyName, &family, said.clone()), expected, "{said}");
        }
        for (kind, texts, different) in [
            (FieldType::City, ["Muenchen", "Munchen"], 2),
            (FieldType::Street, ["Lindenallee", "Lindenalee"], 3),
            (FieldType::Organisation, ["Sonnenhof Bau", "Sonnenhofe Bau"], 4),
        ] {
            let strict = json!({ name_of(kind): { "close_at": 1.0 } });
            assert!(level(kind, &texts, json!({})) < different && level(kind, &texts, strict) == different, "{kind:?}");
        }
    }

    #[test]
    fn figures_that_were_written_stand() {
        let columns: &[(FieldType, &[&str])] =
            &[(FieldType::FullName, &["Ada Eins", "Bo Zwei", "Cy Drei"]), (FieldType::City, &["Ulm", "Ulm", "Bonn"])];
        let of = |comparisons| like(columns, FieldType::City, comparisons).1;
        let learned = of(json!({}));
        let ratio = of(json!({"city": {"levels": {"equal": {"m": 0.9, "u": 0.3}}}}));
        assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
        // m alone: the share of the value goes on counting.
        let model = Model::read(SHIPPED).unwrap();
        let city = model.fields.iter().find(|f| f.kind == FieldType::City).unwrap();
        let changed = of(json!({"city": {"levels": {"equal": {"m": 0.4}}}}));
        assert!((changed / learned - 0.4 / city.levels[0].m).abs() < 1e-9, "{changed} {learned}");
    }

    #[test]
    fn without_term_frequency_rare_values_tell_what_common_ones_do() {
        let rare: Vec<String> =
            (0..400).map(|i| format!("Stadt{}", "abcdefghij".repeat(1 + i % 3)) + &i.to_string()).collect();
        let mut common: Vec<&str> = vec!["Ulm"; 400];
        common.extend(rare.iter().map(String::as_str));
        let ratio = |first: &str, comparisons| {
            let mut values = vec![first, first];
            values.extend(&common);
            like(&[(FieldType::City, &values)], FieldType::City, comparisons).1
        };
        let off = || json!({"city": {"term_frequency": false}});
        assert!(ratio("Xanten", json!({})) > 10.0 * ratio("Ulm", json!({})));
        let (a, b) = (ratio("Xanten", off()), ratio("Ulm", off()));
        assert!((a / b - 1.0).abs() < 0.05, "{a} {b}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let fields = [
            ("phone", FieldType::Phone),
            ("family_name", FieldType::FamilyName),
            ("identifier (card)", FieldType::Identifier),
        ]
        .map(|(name, kind)| (name.to_string(), kind));
        let of = |comparisons| Comparisons::new(&typed(comparisons), Entity::Person, &fields);
        assert!(of(json!({"identifier (card)": {"ignore": true}, "identifier": {"term_frequency": false}})).is_ok());
        for (said, part) in [
            (json!({"phon": {"ignore": true}}), "did you mean `phone`?"),
            (json!({"phone": {}}), "`phone` says nothing"),
            (json!({"phone": {"ignore": true, "term_frequency": false}}), "left out"),
            (json!({"phone": {"close_at": 0.9}}), "`phone` has no `close_at`"),
            (json!({"family_name": {"near_at": 0.95}}), "near at 0.95 and close at 0.93"),
            (json!({"phone": {"levels": {"equl": {"m": 0.5}}}}), "did you mean `equal`?"),
            (json!({"phone": {"levels": {"equal": {}}}}), "the level `equal` says nothing"),
            (json!({"phone": {"levels": {"equal": {"m": 0.9}, "close": {"m": 0.2}}}}), "add up to 1.1"),
        ] {
            let error = of(said.clone()).unwrap_err().to_string();
            assert!(error.contains(part), "{said}: {error}");
        }
    }
}
