//! uramaki.yaml.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

use super::{At, IDENTIFIER_HINT, is_identifier, not_blank};
use crate::config::file::{IdentityModeYaml, ProjectYaml};
use crate::config::project::{IdentityConfig, IdentityMode, OpenLineage, Region, SettingValue, Sink};
use crate::config::yaml::Document;
use crate::config::{Overrides, suggest};
use crate::error::Diagnostic;

const DEFAULT_PARTITIONS: usize = 4;
const DEFAULT_MAX_HOLDERS: u64 = 20;
const DEFAULT_DRAWS: u32 = 100;
const DEFAULT_COUNTRY: &str = "DE";
/// The parameters that the engine itself sets.
const RESERVED_SETTINGS: [&str; 2] = ["as_of", "time_zone"];
/// Germany's states: their holidays are known.
const STATES: [&str; 16] =
    ["BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"];

/// What uramaki.yaml says, resolved.
#[derive(Debug, Clone)]
pub struct Settled {
    pub name: String,
    pub description: Option<String>,
    pub time_zone: chrono_tz::Tz,
    pub holidays: Region,
    pub default_country: String,
    pub warehouse: String,
    pub drop: String,
    pub identity: IdentityConfig,
    pub settings: BTreeMap<String, SettingValue>,
    pub sinks: Vec<Sink>,
    pub openlineage: Option<OpenLineage>,
    pub partitions: usize,
    pub memory: Option<u64>,
    pub threads: Option<usize>,
}

/// Resolves the project file. With findings the result is not to be used.
pub fn project(
    root: &Path,
    document: &Document,
    yaml: ProjectYaml,
    overrides: &Overrides,
    findings: &mut Vec<Diagnostic>,
) -> Option<Settled> {
    let at = At::root(document);
    if !is_identifier(&yaml.name.replace('-', "_")) {
        findings.push(at.child("name").says(format!("`{}` is no name for a project", yaml.name), IDENTIFIER_HINT));
    }
    if let Some(text) = &yaml.description {
        not_blank(&at, "description", text, findings);
    }
    let time_zone = zone(&at.child("time_zone"), &yaml.time_zone, findings);
    let holidays = region(&at.child("holidays"), &yaml.holidays, findings);
    let default_country = yaml.default_country.unwrap_or_else(|| DEFAULT_COUNTRY.to_string());
    if phonenumber::country::Id::from_str(&default_country).is_err() {
        findings.push(
            at.child("default_country").says(
                format!("`{default_country}` is no country"),
                "write its two letters in upper case (ISO 3166): DE",
            ),
        );
    }
    let settings = settings(&at.child("settings"), &yaml.settings.0, findings);
    let memory = yaml.memory.and_then(|text| match size(&text) {
        Ok(bytes) => Some(bytes),
        Err(message) => {
            findings.push(at.child("memory").says(message, "write a size: 512MiB, 1GiB"));
            None
        }
    });
    let drop = location(root, &at.child("drop"), &yaml.drop, overrides.drop.as_deref(), findings);
    let warehouse = location(root, &at.child("warehouse"), &yaml.warehouse, overrides.warehouse.as_deref(), findings);
    let kept = [("drop folder", drop.as_str()), ("warehouse", warehouse.as_str())];
    let sinks = super::sink::sinks(root, &at.child("sinks"), yaml.sinks.0, &kept, findings);
    let openlineage = yaml.openlineage.and_then(|typed| {
        super::openlineage::receiver(root, &at.child("openlineage"), typed, &yaml.name, &kept, findings)
    });
    Some(Settled {
        name: yaml.name,
        description: yaml.description,
        time_zone: time_zone?,
        holidays: holidays?,
        default_country,
        warehouse,
        drop,
        identity: IdentityConfig {
            mode: match yaml.identity.mode {
                None | Some(IdentityModeYaml::Exact) => IdentityMode::Exact,
                Some(IdentityModeYaml::Probabilistic) => IdentityMode::Probabilistic,
            },
            max_holders: yaml.identity.max_holders.unwrap_or(DEFAULT_MAX_HOLDERS),
            draws: yaml.identity.draws.unwrap_or(DEFAULT_DRAWS),
        },
        settings,
        sinks,
        openlineage,
        partitions: yaml.partitions.unwrap_or(DEFAULT_PARTITIONS),
        memory,
        threads: yaml.threads,
    })
}

/// A time zone by its name.
pub fn zone(at: &At<'_>, name: &str, findings: &mut Vec<Diagnostic>) -> Option<chrono_tz::Tz> {
    match chrono_tz::Tz::from_str(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            let hint = match suggest::nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write a name of the IANA list: Europe/Berlin, UTC".to_string(),
            };
            findings.push(at.says(format!("unknown time zone `{name}`"), hint));
            None
        }
    }
}

fn region(at: &At<'_>, text: &str, findings: &mut Vec<Diagnostic>) -> Option<Region> {
    let (country, state) = match text.split_once('-') {
        Some((country, state)) => (country, Some(state)),
        None => (text, None),
    };
    if country != "DE" {
        let hint = "only Germany's are known: DE for the nationwide ones, or a state such as DE-BW";
        findings.push(at.says(format!("the public holidays of `{text}` are not known"), hint));
        return None;
    }
    if let Some(state) = state.filter(|state| !STATES.contains(state)) {
        findings.push(at.says(format!("`{state}` is no state of DE"), suggest::hint(state, "states", &STATES)));
        return None;
    }
    Some(Region { country: country.to_string(), state: state.map(str::to_string) })
}

fn settings(
    at: &At<'_>,
    entries: &[(String, crate::config::file::SettingYaml)],
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<String, SettingValue> {
    let mut settings = BTreeMap::new();
    for (name, setting) in entries {
        let at = at.child(name);
        if !is_identifier(name) {
            findings.push(at.says(format!("`{name}` is no name for a setting"), IDENTIFIER_HINT));
        }
        if RESERVED_SETTINGS.contains(&name.as_str()) {
            findings.push(at.says(format!("`{name}` is set by uramaki itself"), "give the setting another name"));
        }
        let value = match &setting.0 {
            Value::Bool(value) => SettingValue::Boolean(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => SettingValue::Integer(value),
                None => SettingValue::Decimal(at.document.number_text(&at.pointer, number)),
            },
            Value::String(text) => SettingValue::Text(text.clone()),
            // The schema lets nothing else through.
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        if let SettingValue::Decimal(text) = &value
            && !is_plain_decimal(text)
        {
            findings.push(at.says(
                format!("`{name}: {text}` is no exact number"),
                "write a whole number of at most 18 digits, or digits, a point and digits",
            ));
        }
        settings.insert(name.clone(), value);
    }
    settings
}

/// Optional sign, digits, a point, digits; no exponent, and few enough for decimal(38).
fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    digits.len() <= 38 && digits.split_once('.').is_some_and(|(whole, part)| is_digits(whole) && is_digits(part))
}

/// Bytes from `512MiB`, `1GiB`, `2GB`, `1048576`.
pub fn size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "t" | "ti" | "tib" => 1 << 40,
        _ => return Err(format!("`{text}` is no size: the unit `{}` is not known", unit.trim())),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("`{text}` is no size"))
}

/// A URL as it is; a path made absolute, against the project's folder where it comes from the project's
/// file, against the current folder where it was given for this run.
pub fn location(root: &Path, at: &At<'_>, typed: &str, given: Option<&str>, findings: &mut Vec<Diagnostic>) -> String {
    let text = given.unwrap_or(typed);
    let is_url = text.contains("://");
    let mut complain = |message: &str, hint: &str| {
        findings.push(match given {
            Some(_) => Diagnostic::new(format!("the place given for this run: {message}")).hint(hint),
            None => at.says(message, hint),
        });
    };
    if text.trim().is_empty() {
        complain("the place is empty", "write a folder, or a URL such as s3://bucket/folder");
    }
    // The text itself is not repeated: it may hold a password.
    if is_url && text.rsplit_once('@').is_some_and(|(before, _)| before.matches('/').count() == 2) {
        let hint = "give credentials by the store's environment variables (AWS_ACCESS_KEY_ID …)";
        complain("a URL here must hold no user name or password", hint);
    }
    if is_url {
        return text.to_string();
    }
    let base = match given {
        Some(_) => std::env::current_dir().unwrap_or_else(|_| root.to_path_buf()),
        None => root.to_path_buf(),
    };
    plain(&base.join(text)).to_string_lossy().into_owned()
}

/// Without `.` and without doubled separators; `..` stays, for links may make it mean something else.
fn plain(path: &Path) -> std::path::PathBuf {
    path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("1GiB", 1 << 30), ("512 MiB", 512 << 20), ("2GB", 2_000_000_000), ("4096", 4096), ("1g", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "0", "1 parsec", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn decimals() {
        assert!(is_plain_decimal("0.10") && is_plain_decimal("-3.5"));
        assert!(!is_plain_decimal("1e3") && !is_plain_decimal(".5") && !is_plain_decimal("12345678901234567890"));
    }
}
