//! The project's files: read, checked with all errors at once, resolved.
//!
//! `load` is the way in. file.rs is what was typed, project.rs what is meant, compile/ the way from one to
//! the other. Nothing here touches data, the network or the clock.

mod compile;
mod csv;
mod decisions;
mod file;
mod files;
mod labels;
pub mod linkage;
mod path;
pub mod project;
mod releases;
mod schema;
pub mod suggest;
#[cfg(test)]
mod tests;
pub mod types;
mod yaml;

use std::path::Path;

pub use compile::size;
pub use files::{LABELS_FILE, LINKAGE_FILE, MODEL_FILE, OVERRIDES_FILE, PROJECT_FILE, RELEASES_FILE};
pub use project::*;
pub use schema::schemas;
pub use types::ModelType;

use crate::error::{Diagnostic, Error, Kind, Result};
use files::Files;
use linkage::LinkageYaml;

/// What was given for this run instead of the project file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// A URL, or a path (relative to the current folder).
    pub warehouse: Option<String>,
    /// A URL, or a path (relative to the current folder).
    pub drop: Option<String>,
}

/// Reads the project in the folder `root`. An error holds every finding in every file.
pub fn load(root: &Path, overrides: &Overrides) -> Result<Project> {
    let root = root.canonicalize().map_err(|e| {
        Error::config(format!("the project's folder {} cannot be read: {e}", root.display())).hint(NO_PROJECT)
    })?;
    let mut findings = Vec::new();
    let files = Files::read(&root, &mut findings);
    if files.get(PROJECT_FILE).is_none() && findings.is_empty() {
        return Err(Error::config(format!("there is no {PROJECT_FILE} in {}", root.display())).hint(NO_PROJECT));
    }
    let shapes = schema::Shapes::compile()?;

    let settled = document(&files, PROJECT_FILE, &mut findings).and_then(|document| {
        let yaml = shapes.project.read(&document, &mut findings)?;
        compile::project(&root, &document, yaml, overrides, &mut findings)
    });
    let mut pipelines = pipelines(&files, &shapes, &mut findings);
    pipelines.sort_by(|a, b| a.system.cmp(&b.system));
    let compile::Queries { models, checks, balances } = compile::queries(&files, &shapes, &mut findings);
    compile::relationships(&models, &files, &mut findings);
    compile::metrics(&models, &mut findings);
    // Where a pipeline is faulty, a release may name it rightly: first things first.
    let releases = match (files.get(RELEASES_FILE), findings.is_empty()) {
        (Some(file), true) => match files::text(file, &mut findings) {
            Some(text) => releases::read(RELEASES_FILE, text, &pipelines, &mut findings),
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    let decisions = match (files.get(OVERRIDES_FILE), findings.is_empty()) {
        (Some(file), true) => match files::text(file, &mut findings) {
            Some(text) => decisions::read(OVERRIDES_FILE, text, &pipelines, &mut findings),
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    let labels = match (files.get(LABELS_FILE), findings.is_empty()) {
        (Some(file), true) => match files::text(file, &mut findings) {
            Some(text) => labels::read(LABELS_FILE, text, &pipelines, &mut findings),
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    let linkage = linkage_of_project(&files, &shapes, &mut findings);

    findings.sort();
    findings.dedup();
    match settled {
        Some(settled) if findings.is_empty() => Ok(Project {
            root,
            name: settled.name,
            description: settled.description,
            time_zone: settled.time_zone,
            holidays: settled.holidays,
            default_country: settled.default_country,
            warehouse: settled.warehouse,
            drop: settled.drop,
            identity: settled.identity,
            settings: settled.settings,
            sinks: settled.sinks,
            openlineage: settled.openlineage,
            partitions: settled.partitions,
            memory: settled.memory,
            threads: settled.threads,
            pipelines,
            models,
            checks,
            balances,
            files: files.all,
            releases,
            decisions,
            labels,
            linkage,
        }),
        _ => Err(Error { kind: Kind::Config, findings }),
    }
}

const NO_PROJECT: &str = "go to the project's folder, name it with --project DIR, or make one with `uramaki init DIR`";

fn linkage_of_project(files: &Files, shapes: &schema::Shapes, findings: &mut Vec<Diagnostic>) -> LinkageYaml {
    let Some(document) = document(files, LINKAGE_FILE, findings) else { return LinkageYaml::default() };
    let Some(mut yaml) = shapes.linkage.read::<LinkageYaml>(&document, findings) else { return LinkageYaml::default() };
    let told = [
        ("mode", yaml.mode.is_some()),
        ("id", yaml.id.is_some()),
        ("source", yaml.source.is_some()),
        ("columns", yaml.columns.is_some()),
        ("default_country", yaml.default_country.is_some()),
        ("max_holders", yaml.max_holders.is_some()),
    ];
    for (name, _) in told.iter().filter(|(_, there)| *there) {
        findings.push(
            document
                .at(&format!("/{name}"), format!("`{name}` is not this file's to say in a project"))
                .hint("the pipelines say what records hold, and uramaki.yaml the rest"),
        );
    }
    yaml.document = Some(document);
    yaml
}

/// Reads the file that `identity resolve --config` names.
pub fn linkage_file(path: &Path) -> Result<LinkageYaml> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::config(format!("{name} cannot be read: {e}")).hint("is the path right?"))?;
    let mut findings = Vec::new();
    let yaml = yaml::read(&name, &text, &mut findings).and_then(|document| {
        let mut yaml = schema::linkage().ok()?.read::<LinkageYaml>(&document, &mut findings)?;
        yaml.document = Some(document);
        Some(yaml)
    });
    match yaml {
        Some(yaml) if findings.is_empty() => Ok(yaml),
        _ => Err(Error { kind: Kind::Config, findings }),
    }
}

fn document(files: &Files, path: &str, findings: &mut Vec<Diagnostic>) -> Option<yaml::Document> {
    let text = files::text(files.get(path)?, findings)?;
    yaml::read(path, text, findings)
}

fn pipelines(files: &Files, shapes: &schema::Shapes, findings: &mut Vec<Diagnostic>) -> Vec<Pipeline> {
    let paths: Vec<&str> =
        files.all.iter().map(|file| file.path.as_str()).filter(|path| path.starts_with("pipelines/")).collect();
    if paths.is_empty() {
        let finding = Diagnostic::new("the project has no pipeline").at("pipelines", None);
        findings.push(finding.hint("write pipelines/<system>.yaml; `uramaki schema` shows what belongs there"));
    }
    let mut pipelines = Vec::new();
    for path in paths {
        if !path.ends_with(".yaml") {
            let finding = Diagnostic::new("a pipeline's file ends in .yaml").at(path, None);
            findings.push(finding.hint(format!("rename it to {}.yaml", path.trim_end_matches(".yml"))));
            continue;
        }
        if let Some(document) = document(files, path, findings)
            && let Some(yaml) = shapes.pipeline.read(&document, findings)
        {
            pipelines.push(compile::pipeline(&document, yaml, findings));
        }
    }
    // Two files of one system (in a subfolder, say) would have its rows twice.
    for (i, pipeline) in pipelines.iter().enumerate() {
        if let Some(other) = pipelines[..i].iter().find(|other| other.system == pipeline.system) {
            findings.push(
                Diagnostic::new(format!("the system `{}` has two pipelines", pipeline.system))
                    .at(&pipeline.file, None)
                    .hint(format!("the other one is {}: keep one of them", other.file)),
            );
        }
    }
    pipelines
}
