//! Where the columns of all tables come from: models by their plans, the tables of identity by what the pipelines say.

use std::collections::{BTreeMap, BTreeSet};

use super::compile;
use crate::config::project::{IdentityMode, Object, Person, Project};
use crate::contract::{BATCH_COLUMN, ROW_COLUMN};
use crate::engine;
use crate::error::{Error, Kind, Result};
use crate::identity::{collect, tables::SPECS};
use crate::models::graph::Graph;
use crate::models::lineage::{self, Flow, How, Lineage, ROWS, Source};
use crate::models::plan;

const RECORD: &str = "identity.record";
const XREF: &str = "identity.customer_xref";

/// By table. Nothing is read: plans are made against declared schemas.
pub async fn all(project: &Project, graph: &Graph) -> Result<BTreeMap<String, Lineage>> {
    let context = compile::declared(project, graph)?;
    let mut found = BTreeMap::new();
    for model in graph.models.values() {
        let logical = plan::of_model(&context, model).await.map_err(|finding| Error::new(Kind::Config, finding))?;
        found.insert(model.name.clone(), lineage::of_plan(&logical));
    }
    let mut record = Lineage::default();
    for object in project.objects() {
        let Some(person) = &object.person else { continue };
        let table = collect::table(object, graph.models.keys());
        let plan = context.state().create_logical_plan(&collect::query(object, person, &table)).await;
        let of_object = lineage::of_plan(&plan.map_err(|e| engine::failed("planning the person records", &e))?);
        add_records(&mut record, object, person, &of_object);
    }
    for spec in SPECS.iter().filter(|s| s.name != RECORD) {
        found.insert(spec.name.to_string(), of_identity(project, spec.name, spec.columns.iter().map(|c| c.0)));
    }
    found.insert(RECORD.to_string(), in_order(record));
    Ok(found)
}

/// What an object's person records bring to `identity.record`.
fn add_records(record: &mut Lineage, object: &Object, person: &Person, rows: &Lineage) {
    let one = |name: &Option<String>| name.iter().cloned().collect::<Vec<_>>();
    let identifier: Vec<String> = person.identifier.iter().map(|i| i.column.clone()).collect();
    let named: [(&str, Vec<String>); 17] = [
        ("record_id", object.contract.key.clone()),
        ("display_name", person.name.clone()),
        ("given_name", one(&person.given_name)),
        ("family_name", one(&person.family_name)),
        ("organisation", one(&person.organisation)),
        ("email", one(&person.email)),
        ("phone", one(&person.phone)),
        ("identifier", identifier),
        ("street", one(&person.street)),
        ("postcode", one(&person.postcode)),
        ("city", one(&person.city)),
        ("country", one(&person.country)),
        ("date_of_birth", one(&person.date_of_birth)),
        ("first_seen_at", one(&person.created_at)),
        ("_batch_id", vec![BATCH_COLUMN.to_string()]),
        ("_row", vec![ROW_COLUMN.to_string()]),
        // Without columns of its own, the name is put together from given and family name.
        ("display_name", [one(&person.given_name), one(&person.family_name)].concat()),
    ];
    let has_name = !person.name.is_empty();
    for (column, sources) in named.into_iter().take(if has_name { 16 } else { 17 }) {
        let at = match record.columns.iter().position(|(name, _)| name == column) {
            Some(at) => at,
            None => {
                record.columns.push((column.to_string(), Flow::default()));
                record.columns.len() - 1
            }
        };
        for source in sources {
            if let Some((_, flow)) = rows.columns.iter().find(|(name, _)| *name == source) {
                record.columns[at].1.values.extend(flow.values.iter().cloned());
                record.columns[at].1.influences.extend(flow.influences.iter().cloned());
            }
        }
    }
    record.rows.values.extend(rows.rows.values.iter().cloned());
    record.rows.influences.extend(rows.rows.influences.iter().cloned());
}

/// The columns as the table has them.
fn in_order(record: Lineage) -> Lineage {
    let spec = SPECS.iter().find(|s| s.name == RECORD);
    let columns = spec.into_iter().flat_map(|s| s.columns).map(|(name, ..)| {
        let flow = record.columns.iter().find(|(n, _)| n == name).map(|(_, flow)| flow.clone());
        (name.to_string(), flow.unwrap_or_default())
    });
    Lineage { columns: columns.collect(), rows: record.rows }
}

/// A table that identity makes of the records: what is a record's own leads back to it, a customer to the records' names,
/// by the evidence that links them.
fn of_identity<'a>(project: &Project, table: &str, columns: impl Iterator<Item = &'a str>) -> Lineage {
    const NAMES: [&str; 3] = ["source_system", "source_object", "record_id"];
    let evidence: &[&str] = match project.identity.mode {
        IdentityMode::Exact => &["email", "phone"],
        IdentityMode::Probabilistic => &[
            "email",
            "phone",
            "display_name",
            "given_name",
            "family_name",
            "organisation",
            "identifier",
            "street",
            "postcode",
            "city",
            "country",
            "date_of_birth",
        ],
    };
    let told_by_xref = matches!(table, "identity.customer_event" | "identity.id_history");
    let of_records = |names: &[&str]| names.iter().map(|n| Source::new(RECORD, n)).collect::<BTreeSet<_>>();
    let columns = columns
        .map(|column| {
            let bare = column.trim_start_matches("left_").trim_start_matches("right_");
            let own = match bare {
                "system" => Some("source_system"),
                "object" => Some("source_object"),
                "record_id" | "source_system" | "source_object" | "email" | "phone" => Some(bare),
                _ => None,
            };
            let mut flow = Flow::default();
            if column == "customer_id" && told_by_xref {
                flow.values.insert(Source::new(XREF, "customer_id"));
            } else if column == "customer_id" {
                flow.values = of_records(&NAMES);
                flow.influences = evidence.iter().map(|e| (Source::new(RECORD, e), How::Join)).collect();
            } else if let Some(own) = own {
                flow.values = of_records(&[own]);
            } else if matches!(column, "weight" | "probability" | "rule" | "evidence") {
                flow.values = of_records(evidence);
            }
            (column.to_string(), flow)
        })
        .collect();
    let rows = Source::new(if told_by_xref { XREF } else { RECORD }, ROWS);
    Lineage { columns, rows: Flow { values: [rows].into(), influences: BTreeSet::new() } }
}
