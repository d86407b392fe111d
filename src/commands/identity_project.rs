//! `uramaki identity train | explain | review`: of the records that a project's last run published.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};

use crate::cli::Format;
use crate::config::{MODEL_FILE, Project};
use crate::error::{Error, Result};
use crate::identity::linkage::evaluate::{BANDS, EDGES};
use crate::identity::linkage::explain::{self, Explanation};
use crate::identity::linkage::model::Scorer;
use crate::identity::probable::{self, Stated};
use crate::identity::{Details, Number, Record, linkage, picture};
use crate::output::counted;
use crate::runs::{reading, resolve};

const RECORDS: &str = "select source_system, source_object, record_id, display_name, email, phone, street, postcode, city, country, \
     given_name, family_name, organisation, date_of_birth, identifier, identifier_kind from identity.record";

/// Makes a model of the project's records.
pub async fn train(project: &Project, output: Option<&Path>) -> Result<()> {
    let records = all_records(project).await?;
    let settings = resolve::settings(project)?;
    let mut data = probable::prepare(&records, &Stated::of(project), &settings);
    let blocks = linkage::blocks(&data, &settings, None);
    let model = linkage::train(&mut data, &blocks, &settings, &[]);
    let path = output.map_or_else(|| project.root.join(MODEL_FILE), Path::to_path_buf);
    let text = super::pretty(&model)? + "\n";
    std::fs::write(&path, text).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
    super::print(&format!("a model of {} is written to {}", counted(records.len() as u64, "record"), path.display()))
}

async fn all_records(project: &Project) -> Result<Vec<Record>> {
    let sql = format!("{RECORDS} order by source_system, source_object, record_id");
    Ok(records(project, &reading::rows(project, &sql, None).await?))
}

/// Records of identity.record; what resolves them by age is not needed here.
fn records(project: &Project, batches: &[RecordBatch]) -> Vec<Record> {
    let mut out = Vec::new();
    for batch in batches {
        let text = |column: usize, row: usize| -> Option<String> {
            let texts = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8).ok()?;
            let texts = texts.as_string::<i32>();
            texts.is_valid(row).then(|| texts.value(row).to_string())
        };
        for row in 0..batch.num_rows() {
            let get = |column: usize| text(column, row);
            let (system, object) = (get(0).unwrap_or_default(), get(1).unwrap_or_default());
            let person = project
                .objects()
                .find(|o| o.contract.system == system && o.contract.object == object)
                .and_then(|o| o.person.as_ref());
            let bare = person.is_some_and(|p| p.one_holder_per.is_some());
            let is_unique = person.and_then(|p| p.identifier.as_ref()).is_some_and(|i| i.is_unique);
            let details = Details {
                given_name: get(10).map(Into::into),
                family_name: get(11).map(Into::into),
                organisation: get(12).map(Into::into),
                date_of_birth: get(13).map(Into::into),
                identifier: get(14).zip(get(15)).map(|(text, kind)| Number {
                    kind: kind.into(),
                    text: text.into(),
                    is_unique,
                }),
            };
            out.push(Record {
                system: system.into(),
                object: object.into(),
                id: get(2).unwrap_or_default().into(),
                first_rank: 0,
                name: get(3).map(Into::into),
                email: get(4).map(Into::into),
                phone: get(5).map(Into::into),
                street: get(6).map(Into::into),
                postcode: get(7).map(Into::into),
                city: get(8).map(Into::into),
                country: get(9).map(Into::into),
                details: Some(details.into()),
                first_seen_at: None,
                holder: bare.then(|| get(4).unwrap_or_default().into()),
                links_by_email: true,
                links_by_phone: true,
                batch: "".into(),
                row: 0,
            });
        }
    }
    out
}

/// Explains two records, or all links within a customer.
pub async fn explain(project: &Project, names: &[String], html: Option<&Path>) -> Result<()> {
    let quoted = |text: &str| text.replace('\'', "''");
    let condition = match names {
        [customer] if !customer.contains('/') => format!(
            "(source_system, source_object, record_id) in (select (source_system, source_object, record_id) \
             from identity.customer_xref where customer_id = '{}')",
            quoted(customer)
        ),
        [_] => {
            return Err(Error::config("one record alone has nothing to be compared with")
                .hint("name two records as system/object/key, or one customer id"));
        }
        _ => names
            .iter()
            .map(|name| {
                let parts: Vec<&str> = name.splitn(3, '/').collect();
                let [system, object, id] = parts.as_slice() else {
                    return Err(Error::config(format!("`{name}` is no record"))
                        .hint("a record is named system/object/key: shopify/customers/1001"));
                };
                Ok(format!(
                    "(source_system = '{}' and source_object = '{}' and record_id = '{}')",
                    quoted(system),
                    quoted(object),
                    quoted(id)
                ))
            })
            .collect::<Result<Vec<_>>>()?
            .join(" or "),
    };
    let condition = condition.replace(
        "(source_system, source_object, record_id) in (select (source_system, source_object, record_id)",
        "concat_ws('/', source_system, source_object, record_id) in (select concat_ws('/', source_system, source_object, record_id)",
    );
    let sql = format!("{RECORDS} where {condition} order by source_system, source_object, record_id");
    let records = records(project, &reading::rows(project, &sql, None).await?);
    let wanted = if names.len() == 2 { 2 } else { 1 };
    if records.len() < wanted {
        return Err(Error::config(match wanted {
            2 => "not both records are there",
            _ => "there is no such customer",
        })
        .hint("`uramaki query \"select * from identity.customer_xref\"` lists records and customers; identity.id_history follows old ids"));
    }
    if records.len() == 1 {
        return super::print("this customer is one record: nothing was linked");
    }
    let mut explanations = explanations(project, &records).await?;
    let recorded = recorded(project).await?;
    for e in &mut explanations {
        let pair = if e.left < e.right { (e.left.clone(), e.right.clone()) } else { (e.right.clone(), e.left.clone()) };
        e.recorded = recorded.get(&pair).cloned();
    }
    match html {
        Some(path) => {
            let page = picture::html(&explanations, &names.join(" and "));
            std::fs::write(path, page).map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
            super::print(&format!("{} explained in {}", counted(explanations.len() as u64, "pair"), path.display()))
        }
        None => {
            let texts: Vec<String> = explanations.iter().map(picture::words).collect();
            super::print(&texts.join("\n\n"))
        }
    }
}

/// What the last run holds of pairs besides the model, by both names in order.
async fn recorded(project: &Project) -> Result<HashMap<(String, String), String>> {
    let sides = "concat_ws('/', left_system, left_object, left_record_id), concat_ws('/', right_system, right_object, right_record_id)";
    let sql = format!(
        "select {sides}, rule, evidence, cast(null as varchar) from identity.link where rule not like 'model%' \
         union all select {sides}, rule, evidence, reason from identity.cut_link"
    );
    let mut out = HashMap::new();
    for batch in reading::rows(project, &sql, None).await? {
        let columns: Vec<_> = (0..5)
            .map(|i| arrow::compute::cast(batch.column(i), &arrow::datatypes::DataType::Utf8))
            .collect::<Result<_, _>>()
            .map_err(|e| Error::failed(e.to_string()))?;
        let text = |i: usize, row: usize| {
            let texts = columns[i].as_string::<i32>();
            texts.is_valid(row).then(|| texts.value(row).to_string())
        };
        for row in 0..batch.num_rows() {
            let name = |i: usize| text(i, row).unwrap_or_default();
            let (a, b) = (name(0), name(1));
            let evidence = text(3, row);
            let by = match (name(2).as_str(), evidence) {
                ("email_exact", Some(e)) => format!("both have the e-mail {e}"),
                ("phone_exact", Some(e)) => format!("both have the phone {e}"),
                ("decided", Some(e)) => format!("a person decided so, {e}"),
                _ => "the model finds it likely enough".to_string(),
            };
            let said = match text(4, row) {
                Some(reason) => format!("Cut: {by}, but {reason}."),
                None => format!("Linked: {by}."),
            };
            out.insert(if a < b { (a, b) } else { (b, a) }, said);
        }
    }
    Ok(out)
}

/// Each pair of the records, by the project's model; of many records, each with the one that it is most alike.
async fn explanations(project: &Project, records: &[Record]) -> Result<Vec<Explanation>> {
    let (model, settings) = resolve::model(project)?;
    // A general model learns from all records how common values are.
    let mut everybody = if model.is_general { all_records(project).await? } else { records.to_vec() };
    let same = |a: &Record, b: &Record| (&a.system, &a.object, &a.id) == (&b.system, &b.object, &b.id);
    // Guests are explained by the e-mail that they are known by.
    everybody.iter_mut().filter(|e| records.iter().any(|r| same(e, r))).for_each(|e| e.holder = None);
    let places: Vec<usize> = records.iter().filter_map(|r| everybody.iter().position(|e| same(e, r))).collect();
    let (data, model) = probable::fit(&everybody, &Stated::of(project), &settings, model)?;
    let scorer = Scorer::new(&model);
    let name = |i: usize| format!("{}/{}/{}", records[i].system, records[i].object, records[i].id);
    let one = |a: usize, b: usize| {
        explain::explain(&data, &scorer, (name(a), name(b)), (places[a], places[b]), (model.link_at, model.review_at))
    };
    // The strongest tree: whoever is most alike to one that stands in it comes next.
    let (mut inside, mut outside) = (vec![0], (1..places.len()).collect::<Vec<_>>());
    let mut out = Vec::new();
    while !outside.is_empty() {
        let mut best: Option<(usize, Explanation)> = None;
        for (at, b) in outside.iter().enumerate() {
            for a in &inside {
                let one = one(*a, *b);
                if best.as_ref().is_none_or(|(_, e)| one.probability > e.probability) {
                    best = Some((at, one));
                }
            }
        }
        let Some((at, explanation)) = best else { break };
        inside.push(outside.remove(at));
        out.push(explanation);
    }
    Ok(out)
}

/// Doubtful pairs, the likelier first; or a sample of what draws are about, of each band of probability.
pub async fn review(project: &Project, sample: Option<u64>, limit: u64, format: Format) -> Result<()> {
    let sides = "r.left_system, r.left_object, r.left_record_id, r.right_system, r.right_object, r.right_record_id";
    let (pairs, order) = match sample {
        None => ("identity.review".to_string(), format!("order by r.probability desc, {sides} limit {limit}")),
        Some(each) => (sampled(sides, each), format!("order by r.band desc, r.place, {sides}")),
    };
    let sql = match format {
        // The person who decides fills in who, when, why and the decision.
        Format::Csv => {
            format!("select '' as who, '' as \"when\", '' as why, '' as decision, {sides} from {pairs} as r {order}")
        }
        _ => format!(
            "select r.probability, concat_ws('/', r.left_system, r.left_object, r.left_record_id) as \"left\", a.display_name as left_name, \
             concat_ws('/', r.right_system, r.right_object, r.right_record_id) as \"right\", b.display_name as right_name \
             from {pairs} as r \
             join identity.record a on a.source_system = r.left_system and a.source_object = r.left_object and a.record_id = r.left_record_id \
             join identity.record b on b.source_system = r.right_system and b.source_object = r.right_object and b.record_id = r.right_record_id {order}"
        ),
    };
    super::query::show(project, &sql, format).await
}

/// So many pairs of each band, as a digest of their names picks them: the same ones whenever they are asked for.
fn sampled(sides: &str, each: u64) -> String {
    let bands: String =
        EDGES[1..BANDS].iter().map(|edge| format!(" + case when r.probability >= {edge} then 1 else 0 end")).collect();
    let all = format!(
        "select {sides}, r.probability from identity.review as r where r.is_drawn \
         union all select {sides}, r.probability from identity.link as r where r.is_drawn"
    );
    format!(
        "(select * from (select *, row_number() over (partition by band order by digest, {sides}) as place \
         from (select r.*, 0{bands} as band, md5(concat_ws('/', {sides})) as digest from ({all}) as r) as r) as r where place <= {each})"
    )
}
