//! What is read and written, as OpenLineage's datasets: named by the place of their bytes, with the table's own name beside it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use url::Url;

use super::facets::{documentation, facet, ownership};
use crate::config::project::{ColumnSpec, Materialized, Project};
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::manifest::{Manifest, TableRecord};
use crate::models::graph::Graph;
use crate::models::plan;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Parquet files of one object.
    Landed,
    View,
    Intermediate,
    /// A Delta table.
    Published,
}

pub struct Column {
    pub name: String,
    pub kind: String,
    pub description: String,
}

/// A table, a view, or what has landed of an object.
pub struct Dataset {
    pub namespace: String,
    pub name: String,
    /// `marts.customer_360`
    pub table: String,
    pub kind: Kind,
    pub columns: Vec<Column>,
    pub description: String,
    pub owner: Option<String>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub files: Option<u64>,
    pub version: Option<u64>,
}

/// By table.
pub type Datasets = BTreeMap<String, Dataset>;

/// Namespace and path of a place: the store, and where in it.
pub fn place(location: &str) -> (String, String) {
    match Url::parse(location).ok().filter(|_| location.contains("://")) {
        Some(url) if url.scheme() == "file" => ("file".into(), url.path().trim_end_matches('/').into()),
        Some(url) => {
            let authority = url.authority().rsplit('@').next().unwrap_or_default().to_string();
            (format!("{}://{authority}", url.scheme()), url.path().trim_matches('/').to_string())
        }
        None => ("file".into(), location.trim_end_matches('/').to_string()),
    }
}

/// A place inside a place.
pub fn inside(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_string() } else { format!("{path}/{part}") }
}

/// Every table of a run: published ones as the manifest has them, others as the project declares them.
pub fn all(project: &Project, graph: &Graph, manifest: &Manifest) -> Datasets {
    let (store, root) = place(&project.warehouse);
    let mut found = Datasets::new();
    let add = |table: &str, path: &str, kind: Kind, description: &str| -> Dataset {
        Dataset {
            namespace: store.clone(),
            name: inside(&root, path),
            table: table.to_string(),
            kind,
            columns: Vec::new(),
            description: description.to_string(),
            owner: None,
            rows: None,
            bytes: None,
            files: None,
            version: None,
        }
    };
    for pipeline in &project.pipelines {
        for object in &pipeline.objects {
            let contract = &object.contract;
            let table = format!("landing.{}", contract.table());
            let path = format!("landing/{}", contract.label());
            let mut dataset = add(&table, &path, Kind::Landed, &object.description);
            dataset.columns = contract
                .columns
                .iter()
                .map(|c| (c.name.as_str(), plan::plain(&c.kind.data_type())))
                .chain([(ROW_COLUMN, "bigint".to_string()), (BATCH_COLUMN, "text".to_string())])
                .map(|(name, kind)| Column { name: name.to_string(), kind, description: String::new() })
                .collect();
            dataset.owner = Some(pipeline.department.clone());
            found.insert(table, dataset);
        }
    }
    for model in graph.models.values() {
        let spec = &model.file.spec;
        let kind = match spec.materialized {
            Materialized::View => Kind::View,
            Materialized::Intermediate => Kind::Intermediate,
            Materialized::Table => Kind::Published,
        };
        let mut dataset = add(&model.name, &model.name.replacen('.', "/", 1), kind, &spec.description);
        let column = |c: &ColumnSpec| Column {
            name: c.name.clone(),
            kind: c.data_type.text.clone(),
            description: c.description.clone(),
        };
        dataset.columns = spec.columns.iter().map(column).collect();
        dataset.owner = spec.owner.clone();
        found.insert(model.name.clone(), dataset);
    }
    for (name, record) in &manifest.tables {
        let known = found.remove(name);
        let mut dataset =
            known.unwrap_or_else(|| add(name, &name.replacen('.', "/", 1), Kind::Published, &record.description));
        take(&mut dataset, record);
        found.insert(name.clone(), dataset);
    }
    found
}

fn take(dataset: &mut Dataset, record: &TableRecord) {
    dataset.columns = record
        .columns
        .iter()
        .map(|c| Column { name: c.name.clone(), kind: c.kind.clone(), description: c.description.clone() })
        .collect();
    dataset.rows = Some(record.rows);
    dataset.bytes = Some(record.files.iter().map(|f| f.bytes).sum());
    dataset.files = Some(record.files.len() as u64);
    dataset.version = Some(record.version);
}

impl Dataset {
    /// As something that is read.
    pub fn input(&self, namespace: &str, input_facets: Map<String, Value>) -> Value {
        let mut facets = Map::new();
        facets.insert("schema".into(), self.schema(false));
        self.common(namespace, &mut facets);
        let mut out = self.named(facets);
        out.insert("inputFacets".into(), Value::Object(input_facets));
        Value::Object(out)
    }

    /// As something that is written, with where its columns come from.
    pub fn output(&self, namespace: &str, column_lineage: Option<Value>) -> Value {
        let mut facets = Map::new();
        facets.insert("schema".into(), self.schema(true));
        self.common(namespace, &mut facets);
        if let Some(text) = documentation(&self.description, false) {
            facets.insert("documentation".into(), text);
        }
        if let Some(owner) = &self.owner {
            facets.insert("ownership".into(), ownership(owner, false));
        }
        let storage = match self.kind {
            Kind::Published => Some("delta"),
            Kind::Landed => Some("parquet"),
            Kind::View | Kind::Intermediate => None,
        };
        if let Some(layer) = storage {
            let fields = json!({"storageLayer": layer, "fileFormat": "parquet"});
            facets.insert("storage".into(), facet("1-0-1/StorageDatasetFacet", fields));
        }
        if let Some(lineage) = column_lineage {
            facets.insert("columnLineage".into(), lineage);
        }
        let mut out = self.named(facets);
        let mut written = Map::new();
        if let Some(rows) = self.rows {
            let fields = json!({"rowCount": rows, "size": self.bytes, "fileCount": self.files});
            written.insert("outputStatistics".into(), facet("1-0-2/OutputStatisticsOutputDatasetFacet", fields));
        }
        out.insert("outputFacets".into(), Value::Object(written));
        Value::Object(out)
    }

    fn named(&self, facets: Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("namespace".into(), self.namespace.clone().into());
        out.insert("name".into(), self.name.clone().into());
        out.insert("facets".into(), Value::Object(facets));
        out
    }

    fn common(&self, namespace: &str, facets: &mut Map<String, Value>) {
        let identifiers = json!([{"namespace": namespace, "name": self.table, "type": "TABLE"}]);
        facets.insert("symlinks".into(), facet("1-0-1/SymlinksDatasetFacet", json!({"identifiers": identifiers})));
        let (kind, sub) = match self.kind {
            Kind::Landed => ("FILE", None),
            Kind::View => ("VIEW", None),
            Kind::Intermediate => ("TABLE", Some("TEMPORARY")),
            Kind::Published => ("TABLE", None),
        };
        facets.insert(
            "datasetType".into(),
            facet("1-0-1/DatasetTypeDatasetFacet", json!({"datasetType": kind, "subType": sub})),
        );
        if let Some(version) = self.version {
            let fields = json!({"datasetVersion": version.to_string()});
            facets.insert("version".into(), facet("1-0-1/DatasetVersionDatasetFacet", fields));
        }
    }

    fn schema(&self, is_told: bool) -> Value {
        let fields: Vec<Value> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, c)| {
                let mut field = json!({"name": c.name, "type": c.kind, "ordinal_position": at + 1});
                if is_told && !c.description.is_empty() {
                    field["description"] = c.description.clone().into();
                }
                field
            })
            .collect();
        facet("1-2-0/SchemaDatasetFacet", json!({"fields": fields}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_by_their_store() {
        for (location, namespace, path) in [
            ("/srv/company/warehouse/", "file", "/srv/company/warehouse"),
            ("file:///srv/warehouse", "file", "/srv/warehouse"),
            ("s3://bucket", "s3://bucket", ""),
            ("s3://bucket/a/b/", "s3://bucket", "a/b"),
            ("https://example.org:8443/drop", "https://example.org:8443", "drop"),
        ] {
            assert_eq!(place(location), (namespace.to_string(), path.to_string()), "{location}");
        }
        assert_eq!((inside("", "marts/a"), inside("/w", "marts/a")), ("marts/a".into(), "/w/marts/a".into()));
    }
}
