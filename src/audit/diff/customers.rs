//! Whose a record is while the later run's merges and splits have not happened yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::AsArray;
use futures::StreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;

use crate::error::{Error, Result};
use crate::identity::events::{self, Event, Held};
use crate::identity::ids::customer_id;
use crate::manifest::{Manifest, TableRecord};
use crate::models::graph::IDENTITY_TABLES;
use crate::runs::resolve::Assign;
use crate::store::{ParquetObject, Store};

const XREF: &str = "identity.customer_xref";

type Name = (Arc<str>, Arc<str>, Box<str>);

/// The records of a run with their customers.
#[derive(Default)]
pub struct Known(HashMap<Name, Arc<str>>);

impl Known {
    /// As a run published them.
    pub async fn of(store: &Store, manifest: &Manifest) -> Result<Known> {
        let mut known = Known::default();
        let mut shared: HashMap<String, Arc<str>> = HashMap::new();
        let mut share = |text: &str| -> Arc<str> {
            if let Some(held) = shared.get(text) {
                return held.clone();
            }
            let held: Arc<str> = text.into();
            shared.insert(text.to_string(), held.clone());
            held
        };
        for file in manifest.tables.get(XREF).into_iter().flat_map(|t| &t.files) {
            let broken = |e: parquet::errors::ParquetError| {
                Error::failed(format!("{XREF} cannot be read: {e}")).at(file.path.clone(), None)
            };
            let reader = ParquetObject::new(store, &file.path, file.bytes)?;
            let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(broken)?;
            let mut stream = builder.build().map_err(broken)?;
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(broken)?;
                let mut columns = Vec::new();
                for name in ["source_system", "source_object", "record_id", "customer_id"] {
                    let column = batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
                    columns.push(column.ok_or_else(|| Error::failed(format!("{XREF} has no column `{name}`")))?);
                }
                for row in 0..batch.num_rows() {
                    let name =
                        (share(columns[0].value(row)), share(columns[1].value(row)), columns[2].value(row).into());
                    known.0.insert(name, share(columns[3].value(row)));
                }
            }
        }
        Ok(known)
    }

    fn held(&self) -> Vec<Held<'_>> {
        let mut held: Vec<Held<'_>> = self
            .0
            .iter()
            .map(|((system, object, id), customer)| ((&**system, &**object, &**id), &**customer))
            .collect();
        held.sort_unstable();
        held
    }
}

/// What became of customers between the two runs.
pub fn events(from: &Known, to: &Known, run: u64) -> Vec<Event> {
    events::compare(&from.held(), &to.held(), run as i64)
}

/// A record that the earlier run knew keeps its customer. A new one joins the earlier customer whose records its own customer of the later run holds: the one that keeps its id, else the
/// first by id. Where there is none, it is of its customer of the later run.
pub fn assign(from: Arc<Known>, to: Arc<Known>) -> Assign {
    let mut heirs: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for (name, customer) in &to.0 {
        if let Some(earlier) = from.0.get(name) {
            heirs.entry(customer.clone()).or_default().push(earlier.clone());
        }
    }
    let joins: HashMap<Arc<str>, Arc<str>> = heirs
        .into_iter()
        .filter_map(|(customer, earlier)| {
            let keeps = earlier.iter().find(|e| **e == customer).or_else(|| earlier.iter().min())?.clone();
            Some((customer, keeps))
        })
        .collect();
    Box::new(move |record| {
        let name = (record.system.clone(), record.object.clone(), record.id.clone());
        if let Some(customer) = from.0.get(&name) {
            return customer.clone();
        }
        match to.0.get(&name) {
            Some(customer) => joins.get(customer).unwrap_or(customer).clone(),
            // Neither run knew it: it is there between two causes only, and is somebody by itself.
            None => customer_id(&record.system, &record.object, &record.id, 0).into(),
        }
    })
}

/// The tables of identity that a run published.
pub fn tables(manifest: &Manifest) -> BTreeMap<String, TableRecord> {
    let of_identity = |name: &&String| IDENTITY_TABLES.contains(&name.as_str());
    manifest.tables.iter().filter(|(name, _)| of_identity(name)).map(|(n, t)| (n.clone(), t.clone())).collect()
}
