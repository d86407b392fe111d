//! Person records from staging, as each pipeline's `person` block says.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use super::linkage::text;
use super::normalise::{self, Phones};
use super::{Details, Number, Record};
use crate::config::project::{Evidence, Object, Person};
use crate::contract::{BATCH_COLUMN, ROW_COLUMN, utc_micros};
use crate::engine;
use crate::error::{Error, Result};
use crate::landing::newest::{FirstSeen, keys};

/// A record as read, before its phone number is known in one form.
struct Raw {
    record: Record,
    phone: Option<(String, Option<phonenumber::country::Id>)>,
    details: Details,
    /// As the system writes it.
    born: Option<String>,
}

/// Where an object's person records are read: its staging model, else what landed.
pub fn table<'a>(object: &Object, mut models: impl Iterator<Item = &'a String>) -> String {
    let staging = format!("staging.stg_{}", object.contract.table());
    if models.any(|m| *m == staging) { staging } else { format!("landing.{}", object.contract.table()) }
}

/// The SELECT that yields an object's person records.
pub fn query(object: &Object, person: &Person, table: &str) -> String {
    let mut columns: Vec<String> = object.contract.key.clone();
    columns.extend(person.name.iter().cloned());
    columns.extend(person.identifier.iter().map(|i| i.column.clone()));
    let optional = [
        &person.given_name,
        &person.family_name,
        &person.organisation,
        &person.date_of_birth,
        &person.email,
        &person.phone,
        &person.street,
        &person.postcode,
        &person.city,
        &person.country,
        &person.created_at,
        &person.one_holder_per,
    ];
    columns.extend(optional.into_iter().flatten().cloned());
    columns.extend([BATCH_COLUMN.to_string(), ROW_COLUMN.to_string()]);
    columns.sort();
    columns.dedup();
    let list = columns.iter().map(|c| format!("\"{c}\"")).collect::<Vec<_>>().join(", ");
    match &person.where_sql {
        Some(condition) => format!("select {list} from {table} where {condition}"),
        None => format!("select {list} from {table}"),
    }
}

/// The person records of one object.
pub async fn records(
    context: &SessionContext,
    object: &Object,
    person: &Person,
    table: &str,
    first_seen: &FirstSeen,
    default_country: &str,
) -> Result<Vec<Record>> {
    let doing = format!("reading the person records of {}", object.contract.label());
    let frame = context.sql(&query(object, person, table)).await.map_err(|e| engine::failed(&doing, &e))?;
    let mut stream = frame.execute_stream().await.map_err(|e| engine::failed(&doing, &e))?;
    let (mut raws, mut shared) = (Vec::new(), Shared::default());
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| engine::failed(&doing, &e))?;
        read(&batch, object, person, first_seen, default_country, &mut shared, &mut raws)?;
    }
    let phones =
        Phones::parse(raws.iter().filter_map(|r| r.phone.as_ref().map(|(text, region)| (text.as_str(), *region))));
    // The column itself tells whether the day or the month comes first.
    let day_first = text::day_first(raws.iter().filter_map(|r| r.born.as_deref()).map(|born| (born, 1)));
    Ok(raws
        .into_iter()
        .map(|raw| {
            let phone = raw.phone.and_then(|(text, region)| phones.get(&text, region)).map(Into::into);
            let date_of_birth = raw.born.and_then(|text| text::date_of_birth(&text, day_first)).map(Into::into);
            let details = Details { date_of_birth, ..raw.details };
            Record { phone, details: (details != Details::default()).then(|| details.into()), ..raw.record }
        })
        .collect())
}

fn read(
    batch: &RecordBatch,
    object: &Object,
    person: &Person,
    first_seen: &FirstSeen,
    default_country: &str,
    shared: &mut Shared,
    raws: &mut Vec<Raw>,
) -> Result<()> {
    let contract = &object.contract;
    let text = |name: &str| Texts::of(batch, name);
    let optional = |name: &Option<String>| name.as_deref().map(text).transpose();
    let ids = contract.key.iter().map(|k| text(k)).collect::<Result<Vec<_>>>()?;
    let names = person.name.iter().map(|n| text(n)).collect::<Result<Vec<_>>>()?;
    let (email, phone, country) = (optional(&person.email)?, optional(&person.phone)?, optional(&person.country)?);
    let (street, postcode, city) = (optional(&person.street)?, optional(&person.postcode)?, optional(&person.city)?);
    let (given, family) = (optional(&person.given_name)?, optional(&person.family_name)?);
    let (organisation, born) = (optional(&person.organisation)?, optional(&person.date_of_birth)?);
    let number = person.identifier.as_ref();
    let (numbers, kind) = (number.map(|n| text(&n.column)).transpose()?, shared.text(number.map(|n| n.kind.clone())));
    let (holder, batches) = (optional(&person.one_holder_per)?, text(BATCH_COLUMN)?);
    let created = match &person.created_at {
        Some(name) => Some(
            cast(column(batch, name)?, &utc_micros()).map_err(|e| Error::failed(format!("reading `{name}`: {e}")))?,
        ),
        None => None,
    };
    let rows = column(batch, ROW_COLUMN)?.as_primitive::<Int64Type>().clone();
    let keys = keys(batch, &contract.key)?;
    let (system, object): (Arc<str>, Arc<str>) = (contract.system.as_str().into(), contract.object.as_str().into());
    for (i, key) in keys.into_iter().enumerate() {
        let get = |texts: &Option<Texts>| texts.as_ref().and_then(|t| t.get(i));
        let filled = |texts: &Option<Texts>| get(texts).map(|t| t.trim().to_string()).filter(|t| !t.is_empty());
        let name = names.iter().filter_map(|n| n.get(i)).map(|n| n.trim().to_string()).filter(|n| !n.is_empty());
        let (given, family) = (filled(&given), filled(&family));
        let name = match names.is_empty() {
            true => given.iter().chain(&family).cloned().collect::<Vec<_>>().join(" "),
            false => name.collect::<Vec<_>>().join(" "),
        };
        let own_country = get(&country);
        let region = normalise::region(own_country.as_deref(), default_country);
        let holder = get(&holder).and_then(|h| normalise::email(&h));
        if person.one_holder_per.is_some() && holder.is_none() {
            // Blanks of any kind are no e-mail: nobody is known by them.
            continue;
        }
        let identifier = number.zip(kind.clone()).zip(filled(&numbers)).map(|((number, kind), text)| Number {
            kind,
            text: text.into(),
            is_unique: number.is_unique,
        });
        raws.push(Raw {
            details: Details {
                given_name: given.map(Into::into),
                family_name: family.map(Into::into),
                organisation: filled(&organisation).map(Into::into),
                date_of_birth: None,
                identifier,
            },
            born: filled(&born),
            phone: get(&phone).filter(|p| !p.trim().is_empty()).map(|p| (p, region)),
            record: Record {
                system: system.clone(),
                object: object.clone(),
                id: ids.iter().filter_map(|t| t.get(i)).collect::<Vec<_>>().join("\u{1f}").into(),
                first_rank: first_seen.of(key),
                name: (!name.is_empty()).then(|| name.into()),
                email: get(&email).and_then(|e| normalise::email(&e)).map(Into::into),
                phone: None,
                street: get(&street).map(Into::into),
                postcode: shared.text(get(&postcode)),
                city: shared.text(get(&city)),
                country: shared.text(own_country),
                details: None,
                first_seen_at: created.as_ref().and_then(|c| {
                    let times = c.as_primitive::<TimestampMicrosecondType>();
                    (!times.is_null(i)).then(|| times.value(i))
                }),
                holder: holder.map(Into::into),
                links_by_email: person.links.contains(&Evidence::Email),
                links_by_phone: person.links.contains(&Evidence::Phone),
                batch: shared.text(batches.get(i)).unwrap_or_default(),
                row: rows.value(i),
            },
        });
    }
    Ok(())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a arrow::array::ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::failed(format!("the person records have no column `{name}`")))
}

/// Texts that many records have, each held once.
#[derive(Default)]
struct Shared(HashSet<Arc<str>>);

impl Shared {
    fn text(&mut self, text: Option<String>) -> Option<Arc<str>> {
        let text = text?;
        if let Some(held) = self.0.get(text.as_str()) {
            return Some(held.clone());
        }
        let held: Arc<str> = text.into();
        self.0.insert(held.clone());
        Some(held)
    }
}

/// A column as text, whatever its type.
struct Texts(arrow::array::ArrayRef);

impl Texts {
    fn of(batch: &RecordBatch, name: &str) -> Result<Texts> {
        let texts = cast(column(batch, name)?, &DataType::Utf8View)
            .map_err(|e| Error::failed(format!("reading `{name}`: {e}")))?;
        Ok(Texts(texts))
    }

    fn get(&self, i: usize) -> Option<String> {
        let texts = self.0.as_string_view();
        (!texts.is_null(i)).then(|| texts.value(i).to_string())
    }
}
