//! The words of OpenLineage: events, and the facets that hang on runs, jobs and datasets, as JSON.

use serde_json::{Map, Value, json};

use super::jobs::Job;
use crate::models::writer::sha256;

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const FACETS: &str = "https://openlineage.io/spec/facets";
/// Who made the events.
const PRODUCER: &str = concat!("urn:uramaki:", env!("CARGO_PKG_VERSION"));

/// What happened to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Start,
    Complete,
    Fail,
    Abort,
}

impl Transition {
    fn word(self) -> &'static str {
        match self {
            Transition::Start => "START",
            Transition::Complete => "COMPLETE",
            Transition::Fail => "FAIL",
            Transition::Abort => "ABORT",
        }
    }
}

/// A facet by the version and name of its schema: `1-2-0/SchemaDatasetFacet`.
pub fn facet(schema: &str, fields: Value) -> Value {
    let name = schema.rsplit('/').next().unwrap_or_default();
    let mut out = Map::new();
    out.insert("_producer".into(), PRODUCER.into());
    out.insert("_schemaURL".into(), format!("{FACETS}/{schema}.json#/$defs/{name}").into());
    if let Value::Object(fields) = fields {
        out.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(out)
}

/// One event of a run of a job.
pub fn event(transition: Transition, time: &str, id: &str, run_facets: Map<String, Value>, job: &Job) -> Value {
    json!({
        "eventType": transition.word(),
        "eventTime": time,
        "run": {"runId": id, "facets": run_facets},
        "job": {"namespace": job.namespace, "name": job.name, "facets": job.facets},
        "inputs": job.inputs,
        "outputs": job.outputs,
        "producer": PRODUCER,
        "schemaURL": EVENT,
    })
}

/// A UUID of what names a run (version 8, RFC 9562: made of a digest). The same run has the same one.
pub fn run_id(parts: &[&str]) -> String {
    let text: Vec<String> = parts.iter().map(|part| format!("{} {part}\n", part.len())).collect();
    let digest = sha256(text.concat().as_bytes());
    let at = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    let variant = match at(16, 17) {
        "0" | "4" | "8" | "c" => '8',
        "1" | "5" | "9" | "d" => '9',
        "2" | "6" | "a" | "e" => 'a',
        _ => 'b',
    };
    format!("{}-{}-8{}-{variant}{}-{}", at(0, 8), at(8, 12), at(13, 16), at(17, 20), at(20, 32))
}

pub fn documentation(text: &str, of_job: bool) -> Option<Value> {
    let schema = if of_job { "1-1-0/DocumentationJobFacet" } else { "1-1-0/DocumentationDatasetFacet" };
    (!text.trim().is_empty()).then(|| facet(schema, json!({"description": text, "contentType": "text/plain"})))
}

pub fn ownership(owner: &str, of_job: bool) -> Value {
    let schema = if of_job { "1-0-1/OwnershipJobFacet" } else { "1-0-1/OwnershipDatasetFacet" };
    facet(schema, json!({"owners": [{"name": owner, "type": "OWNER"}]}))
}

pub fn job_type(kind: &str) -> Value {
    facet("2-0-4/JobTypeJobFacet", json!({"processingType": "BATCH", "integration": "URAMAKI", "jobType": kind}))
}

pub fn sql(query: &str) -> Value {
    facet("1-1-0/SQLJobFacet", json!({"query": query, "dialect": "datafusion"}))
}

pub fn parent(id: &str, namespace: &str, name: &str) -> Value {
    let run = json!({"runId": id});
    let job = json!({"namespace": namespace, "name": name});
    facet("1-2-0/ParentRunFacet", json!({"run": run, "job": job, "root": {"run": run, "job": job}}))
}

pub fn nominal_time(from: &str, to: &str) -> Value {
    facet("1-0-1/NominalTimeRunFacet", json!({"nominalStartTime": from, "nominalEndTime": to}))
}

pub fn processing_engine(version: &str) -> Value {
    facet(
        "1-1-1/ProcessingEngineRunFacet",
        json!({"version": version, "name": "DataFusion", "openlineageAdapterVersion": env!("CARGO_PKG_VERSION")}),
    )
}

pub fn error_message(text: &str) -> Value {
    facet("1-0-1/ErrorMessageRunFacet", json!({"message": text, "programmingLanguage": "RUST"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_uuids_of_version_8() {
        let one = run_id(&["shop", "1", "2026-11-20T01:00:00.000Z"]);
        assert_eq!(one, run_id(&["shop", "1", "2026-11-20T01:00:00.000Z"]));
        // Parts do not run into one another.
        assert_ne!(run_id(&["ab", "c"]), run_id(&["a", "bc"]));
        for n in 0..64 {
            let id = run_id(&["shop", &n.to_string()]);
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert!(id[14..].starts_with('8') && id[19..].starts_with(['8', '9', 'a', 'b']), "{id}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_of_a_facet() {
        let one = facet("1-0-1/XFacet", json!({"a": 1, "b": null}));
        assert_eq!(one["_schemaURL"], "https://openlineage.io/spec/facets/1-0-1/XFacet.json#/$defs/XFacet");
        assert_eq!((one.get("b"), &one["a"]), (None, &json!(1)));
    }
}
