//! Whose records take part in a trace, and which links say so.

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use serde::Serialize;

use super::again::with_keys;
use super::rows::Distinct;
use super::session::Scene;
use super::walk::Walk;
use super::{Lines, again};
use crate::error::{Error, Result};

const XREF: &str = "identity.customer_xref";
const RECORD: &str = "identity.record";
/// Customers beyond these are only counted.
const LISTED: usize = 50;

/// A customer, her records and what holds them together.
#[derive(Debug, Serialize)]
pub struct Customer {
    pub customer_id: String,
    pub records: Vec<Record>,
    pub links: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub struct Record {
    /// `shopify/customers/17`
    pub record: String,
    /// Of its newest version.
    pub line: String,
}

#[derive(Debug, Serialize)]
pub struct Link {
    pub left: String,
    pub right: String,
    pub rule: String,
    /// Of the model; a rule and a person decide without.
    pub weight: Option<f64>,
    pub probability: f64,
}

/// Adds the lines of the records whose customers take part.
pub async fn lines(scene: &Scene, walk: &Walk<'_>, lines: &mut Lines<'_>) -> Result<()> {
    let record_key = ["source_system", "source_object", "record_id"].map(String::from);
    let mut records: Option<Distinct> = None;
    for table in [XREF, RECORD] {
        let Some(rows) = walk.rows.get(table) else { continue };
        for batch in again::of_table(scene, table, rows).await? {
            let at: Vec<usize> = record_key.iter().filter_map(|c| batch.schema().index_of(c).ok()).collect();
            let keys = batch.project(&at).map_err(|_| unreadable(table))?;
            match &mut records {
                Some(all) => all.add(keys.columns())?,
                None => records = Some(Distinct::of(&keys)?),
            }
        }
    }
    let Some(records) = records else { return Ok(()) };
    for batch in with_keys(&scene.context, RECORD, &record_key, &records.batch()?).await? {
        let at: Vec<usize> = ["_batch_id", "_row"].iter().filter_map(|c| batch.schema().index_of(c).ok()).collect();
        lines.add(&batch.project(&at).map_err(|_| unreadable(RECORD))?);
    }
    Ok(())
}

/// The customers of the records that take part, the first so many of them with all their records and links; and how many more there are.
pub async fn customers(scene: &Scene, walk: &Walk<'_>, lines: &Lines<'_>) -> Result<(Vec<Customer>, u64)> {
    let Some(named) = walk.rows.get(XREF) else { return Ok((Vec::new(), 0)) };
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for batch in again::of_table(scene, XREF, named).await? {
        let column = texts(&batch, "customer_id")?;
        ids.extend(column.iter().flatten().map(str::to_string));
    }
    let more = ids.len().saturating_sub(LISTED) as u64;
    let ids: Vec<String> = ids.into_iter().take(LISTED).collect();
    let key = |name: &str| Field::new(name, DataType::Utf8, true);
    let mut wanted = Distinct::new(vec![key("customer_id")])?;
    wanted.add(&[std::sync::Arc::new(arrow::array::StringArray::from(ids.clone()))])?;
    let xref = with_keys(&scene.context, XREF, &["customer_id".to_string()], &wanted.batch()?).await?;
    let mut members: Vec<(String, String)> = Vec::new();
    let record_key = ["source_system", "source_object", "record_id"];
    let mut records = Distinct::new(record_key.map(key).to_vec())?;
    for batch in &xref {
        let customers = texts(batch, "customer_id")?;
        let columns = record_key.map(|c| texts(batch, c));
        let [Ok(system), Ok(object), Ok(id)] = columns else { return Err(unreadable(XREF)) };
        for row in 0..batch.num_rows() {
            let record = format!("{}/{}/{}", system.value(row), object.value(row), id.value(row));
            members.push((customers.value(row).to_string(), record));
        }
        let columns: Vec<_> = record_key.iter().filter_map(|c| batch.column_by_name(c).cloned()).collect();
        records.add(&columns)?;
    }
    let records = records.batch()?;
    let mut places = std::collections::BTreeMap::new();
    for batch in with_keys(&scene.context, RECORD, &record_key.map(String::from), &records).await? {
        let [Ok(system), Ok(object), Ok(id)] = record_key.map(|c| texts(&batch, c)) else {
            return Err(unreadable(RECORD));
        };
        let batches = texts(&batch, "_batch_id")?;
        let rows = batch.column_by_name("_row").ok_or_else(|| unreadable(RECORD))?.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let record = format!("{}/{}/{}", system.value(row), object.value(row), id.value(row));
            places.insert(record, lines.place(batches.value(row), rows.value(row)));
        }
    }
    let left = ["left_system", "left_object", "left_record_id"];
    let right = ["right_system", "right_object", "right_record_id"];
    let mut links = Vec::new();
    for batch in with_keys(&scene.context, "identity.link", &left.map(String::from), &records).await? {
        let (a, b) = (left.map(|c| texts(&batch, c)), right.map(|c| texts(&batch, c)));
        let ([Ok(a0), Ok(a1), Ok(a2)], [Ok(b0), Ok(b1), Ok(b2)]) = (a, b) else {
            return Err(unreadable("identity.link"));
        };
        let number = |name: &str| batch.column_by_name(name).map(|c| c.as_primitive::<Float64Type>().clone());
        let (Some(weights), Some(probabilities)) = (number("weight"), number("probability")) else {
            return Err(unreadable("identity.link"));
        };
        let rules = texts(&batch, "rule")?;
        for row in 0..batch.num_rows() {
            links.push(Link {
                left: format!("{}/{}/{}", a0.value(row), a1.value(row), a2.value(row)),
                right: format!("{}/{}/{}", b0.value(row), b1.value(row), b2.value(row)),
                rule: rules.value(row).to_string(),
                weight: rules.value(row).starts_with("model").then(|| weights.value(row)),
                probability: probabilities.value(row),
            });
        }
    }
    // Rows come as the engine has them.
    members.sort_unstable();
    links.sort_by(|a, b| (&a.left, &a.right, &a.rule).cmp(&(&b.left, &b.right, &b.rule)));
    let told = ids.into_iter().map(|customer_id| {
        let mine: Vec<String> =
            members.iter().filter(|(customer, _)| *customer == customer_id).map(|(_, r)| r.clone()).collect();
        let (of_her, others): (Vec<Link>, Vec<Link>) =
            std::mem::take(&mut links).into_iter().partition(|link| mine.contains(&link.left));
        links = others;
        let records = mine
            .into_iter()
            .map(|record| Record { line: places.get(&record).cloned().unwrap_or_default(), record })
            .collect();
        Customer { customer_id, records, links: of_her }
    });
    Ok((told.collect(), more))
}

fn texts<'b>(batch: &'b RecordBatch, column: &str) -> Result<&'b arrow::array::StringArray> {
    batch.column_by_name(column).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(|| unreadable(column))
}

fn unreadable(what: &str) -> Error {
    Error::failed(format!("{what} has other columns than this version knows"))
}
