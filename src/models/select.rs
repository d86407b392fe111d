//! `--select`: names, `layer.name`, `+name`, `name+`, `tag:x`, as in dbt.

use std::collections::BTreeSet;

use super::graph::Graph;
use crate::config::suggest;
use crate::error::{Error, Result};

/// The models that a selection names: terms parted by blanks unite, those parted by commas intersect.
pub fn select(graph: &Graph, selection: &[String]) -> Result<BTreeSet<String>> {
    let mut chosen = BTreeSet::new();
    for terms in selection.iter().flat_map(|s| s.split_whitespace()) {
        let mut common: Option<BTreeSet<String>> = None;
        for term in terms.split(',').filter(|t| !t.is_empty()) {
            let found = of_term(graph, term)?;
            common = Some(match common {
                Some(common) => common.intersection(&found).cloned().collect(),
                None => found,
            });
        }
        chosen.extend(common.unwrap_or_default());
    }
    if chosen.is_empty() && !selection.is_empty() {
        return Err(Error::config(format!("--select: no model is in `{}`", selection.join(" ")))
            .hint("terms parted by a comma intersect, terms parted by a blank unite"));
    }
    Ok(chosen)
}

/// The models of one term, with what it needs (`+name`) and what needs it (`name+`).
fn of_term(graph: &Graph, term: &str) -> Result<BTreeSet<String>> {
    let (with_needs, rest) = match term.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, term),
    };
    let (with_needed_by, rest) = match rest.strip_suffix('+') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut chosen = BTreeSet::new();
    for name in named(graph, rest)? {
        if with_needs {
            walk(&name, &mut chosen, &|n| {
                graph.models.get(n).map(|m| m.reads.iter().cloned().collect()).unwrap_or_default()
            });
            chosen.retain(|n| graph.models.contains_key(n));
        }
        if with_needed_by {
            walk(&name, &mut chosen, &|n| graph.readers(n).map(|m| m.name.clone()).collect());
        }
        chosen.insert(name);
    }
    Ok(chosen)
}

fn named(graph: &Graph, term: &str) -> Result<Vec<String>> {
    if let Some(tag) = term.strip_prefix("tag:") {
        let found: Vec<String> = graph
            .models
            .values()
            .filter(|m| m.file.spec.tags.iter().any(|t| t == tag))
            .map(|m| m.name.clone())
            .collect();
        if found.is_empty() {
            return Err(Error::config(format!("--select: no model has the tag `{tag}`")));
        }
        return Ok(found);
    }
    let found: Vec<String> = graph
        .models
        .values()
        .filter(|m| m.name == term || m.file.name == term || m.file.layer == term || matches(term, &m.name))
        .map(|m| m.name.clone())
        .collect();
    if found.is_empty() {
        let names: Vec<&str> = graph.models.values().flat_map(|m| [m.name.as_str(), m.file.name.as_str()]).collect();
        let error = Error::config(format!("--select: there is no model `{term}`"));
        return Err(match suggest::nearest(term, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("name models as `name`, `layer.name`, `layer`, `+name`, `name+` or `tag:x`"),
        });
    }
    Ok(found)
}

/// `marts.*`
fn matches(term: &str, name: &str) -> bool {
    term.strip_suffix('*').is_some_and(|head| !head.is_empty() && name.starts_with(head))
}

fn walk(name: &str, chosen: &mut BTreeSet<String>, next: &dyn Fn(&str) -> Vec<String>) {
    let mut open = vec![name.to_string()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if seen.insert(name.clone()) {
            open.extend(next(&name));
            chosen.insert(name);
        }
    }
}
