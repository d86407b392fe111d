//! `openlineage:` of uramaki.yaml.

use std::path::{Component, Path, PathBuf};

use url::{Host, Url};

use super::At;
use super::sink::is_inside;
use crate::config::file::OpenLineageYaml;
use crate::config::project::{OpenLineage, Receiver, Secret};
use crate::error::Diagnostic;

/// Folders and files whose bytes runs are made from.
const RULES: [&str; 3] = ["pipelines", "sql", "uramaki.yaml"];
const ADDRESS: &str = "write the address that takes events: https://marquez.example/api/v1/lineage";
const FILE: &str = "write a path inside the project: lineage/openlineage.jsonl";

/// Resolves who receives the events. With findings the result is not to be used. `kept` are the places of drop and warehouse, by name.
pub fn receiver(
    root: &Path,
    at: &At<'_>,
    yaml: OpenLineageYaml,
    project: &str,
    kept: &[(&str, &str)],
    findings: &mut Vec<Diagnostic>,
) -> Option<OpenLineage> {
    let namespace = yaml.namespace.clone().unwrap_or_else(|| project.to_string());
    if namespace.trim().is_empty() {
        findings
            .push(at.child("namespace").says("`namespace` is empty", "name it, or leave it out: the project's name"));
    }
    let token = token(root, at, &yaml, findings);
    let receiver = match (yaml.file, yaml.url) {
        (Some(typed), None) => {
            if token.is_some() {
                findings.push(at.says("a file needs no token", "leave `token_env` and `token_file` out"));
            }
            file(root, &at.child("file"), &typed, kept, findings).map(Receiver::File)
        }
        (None, Some(typed)) => server(&at.child("url"), &typed, token, findings),
        (Some(_), Some(_)) => {
            findings.push(at.says("`file` and `url` are both there", "keep one of them"));
            None
        }
        (None, None) => {
            findings.push(at.says("the events have no receiver", "add `file:` or `url:`"));
            None
        }
    };
    Some(OpenLineage { namespace, receiver: receiver? })
}

fn token(root: &Path, at: &At<'_>, yaml: &OpenLineageYaml, findings: &mut Vec<Diagnostic>) -> Option<Secret> {
    let hint = "name the variable (token_env: OPENLINEAGE_TOKEN) or the file (token_file: /run/secrets/openlineage) that holds the token";
    match (&yaml.token_env, &yaml.token_file) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            findings.push(at.says("`token_env` and `token_file` are both there", "keep one of them"));
            None
        }
        (Some(name), None) => {
            // The text itself is not repeated: it may be the token.
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                findings
                    .push(at.child("token_env").says("`token_env` is not the name of an environment variable", hint));
            }
            Some(Secret::Env(name.clone()))
        }
        (None, Some(path)) => {
            if path.trim().is_empty() {
                findings.push(at.child("token_file").says("`token_file` is not the path of a file", hint));
            }
            Some(Secret::File(root.join(path)))
        }
    }
}

/// A path below the root that is neither a rule nor data.
fn file(
    root: &Path,
    at: &At<'_>,
    typed: &str,
    kept: &[(&str, &str)],
    findings: &mut Vec<Diagnostic>,
) -> Option<PathBuf> {
    let parts: Option<PathBuf> = Path::new(typed)
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| matches!(part, Component::Normal(_)).then(|| part.as_os_str()))
        .collect();
    let Some(path) = parts.filter(|path| !path.as_os_str().is_empty() && !typed.ends_with('/')) else {
        findings.push(at.says(format!("`{typed}` is no file inside the project"), FILE));
        return None;
    };
    if RULES.iter().any(|rule| path.starts_with(rule)) {
        findings.push(at.says(format!("`{typed}` is where the project's rules stand"), FILE));
    }
    for (what, place) in kept {
        if is_inside(&root.join(&path).to_string_lossy(), place) {
            findings.push(at.says(format!("the events must not lie in the {what}"), FILE));
        }
    }
    Some(path)
}

fn server(at: &At<'_>, typed: &str, token: Option<Secret>, findings: &mut Vec<Diagnostic>) -> Option<Receiver> {
    let Some(url) = Url::parse(typed).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host()) else {
        findings.push(at.says("this is no http or https address", ADDRESS));
        return None;
    };
    // The text itself is not repeated: it may hold a password.
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        let hint = "give the server's token by reference: token_env: OPENLINEAGE_TOKEN";
        findings.push(at.says("a URL here must hold no user name, no password and no query", hint));
    }
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if token.is_some() && url.scheme() == "http" && !is_near {
        findings.push(at.says("the token would cross the network in the clear", "write an https:// address"));
    }
    Some(Receiver::Server { url, token })
}
